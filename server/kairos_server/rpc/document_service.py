"""kairos.v1.DocumentService: documents put and removed one by one, their drafts and history."""

from bisect import bisect_right

from kairos.v1 import document_pb2 as documents
from kairos.v1 import document_service_pb2 as service

from kairos_server.administration import Edit, Outcome, Version, draft_delete, draft_put
from kairos_server.catalog import StoredDocument
from kairos_server.errors import Refused
from kairos_server.limits import Limits
from kairos_server.plans import Plans
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.document_comparison import DocumentComparison
from kairos_server.rpc.document_messages import (
    PAGE_SIZE_MAX,
    change_value,
    document_message,
    state_of,
)
from kairos_server.rpc.masks import mask_check, masked
from kairos_server.rpc.pages import page_read, page_token
from kairos_server.rpc.requests import actor_of, edit_once, inputs_of, parsed, required, warnings_of

SERVICE = "kairos.v1.DocumentService"
_LISTED, _HISTORY = f"{SERVICE}/documents", f"{SERVICE}/versions"


class DocumentService:
    """Handlers of the service; ordinary generated messages."""

    def __init__(self, plans: Plans, limits: Limits) -> None:
        self._store = plans.documents
        self._limits = limits
        self._comparison = DocumentComparison(plans, limits)

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        handlers = {
            "PutDocument": self._put,
            "GetDocument": self._get,
            "ListDocuments": self._list,
            "DiffDocuments": self._comparison.diff,
            "ValidateDocuments": self._comparison.validate,
            "DeleteDocument": self._delete,
            "ListDocumentVersions": self._versions,
        }
        return tuple(
            Method(f"/{SERVICE}/{name}", Kind.UNARY, unary=handler)
            for name, handler in handlers.items()
        )

    async def _put(self, request: bytes, call: Call) -> bytes:
        message = parsed(service.PutDocumentRequest, request)
        required("document.body", message.document.body)
        heads = (await self._store.state(call.tenant)).heads

        def respond(outcome: Outcome) -> bytes:
            ((name, document),) = outcome.documents.items()
            state: documents.DocumentState = documents.DOCUMENT_STATE_CURRENT
            if message.draft and document is not heads.catalog.documents.get(name):
                state = documents.DOCUMENT_STATE_DRAFT
            return service.PutDocumentResponse(
                document=document_message(document, state),
                warnings=warnings_of(outcome, name),
                plan_id=outcome.plan_id,
                changed=bool(outcome.revisions),
            ).SerializeToString()

        edit = Edit(
            actor_of(
                call, self._limits, request, author=message.author, note=message.note,
                request_id=message.request_id,
            ),
            "documents.put", inputs_of([message.document], [], self._limits),
            etag=message.document.etag, create_only=message.create_only,
            validate_only=message.validate_only, respond=respond,
        )  # fmt: skip

        async def act() -> Outcome:
            if message.draft:
                return await draft_put(self._store, call.tenant, edit)
            return await self._store.run(call.tenant, edit)

        return await edit_once(self._store, call, edit, act)

    async def _delete(self, request: bytes, call: Call) -> bytes:
        message = parsed(service.DeleteDocumentRequest, request)
        name = name_of(message.kind, message.document_id)
        heads = (await self._store.state(call.tenant)).heads

        def respond(outcome: Outcome) -> bytes:
            document = outcome.documents[name]
            removed = bool(outcome.revisions) or name not in heads.catalog.documents
            return service.DeleteDocumentResponse(
                document=document_message(
                    document,
                    documents.DOCUMENT_STATE_DELETED
                    if removed
                    else documents.DOCUMENT_STATE_CURRENT,
                ),
                warnings=outcome.warnings,
                plan_id=outcome.plan_id,
            ).SerializeToString()

        edit = Edit(
            actor_of(
                call, self._limits, request, author=message.author, note=message.note,
                request_id=message.request_id,
            ),
            "documents.delete", removed=[name], etag=message.etag,
            validate_only=message.validate_only, respond=respond,
        )  # fmt: skip

        async def act() -> Outcome:
            # Looked up here: a repeat of a request that removed it must not come to this.
            present = (await self._store.state(call.tenant)).heads
            if present.newest(name) is None:
                raise Refused("DOCUMENT_NOT_FOUND", "document_id", name)
            if message.draft or name not in present.catalog.documents:
                return await draft_delete(self._store, call.tenant, name, edit)
            return await self._store.run(call.tenant, edit)

        return await edit_once(self._store, call, edit, act)

    async def _get(self, request: bytes, call: Call) -> bytes:
        message = parsed(service.GetDocumentRequest, request)
        mask_check(message.read_mask, documents.Document, "read_mask")
        name = name_of(message.kind, message.document_id)
        heads = (await self._store.state(call.tenant)).heads
        found: StoredDocument | Version | None = heads.newest(name)
        # The newest is in no history where it was stored before there was one.
        if message.version and (found is None or found.version != message.version):
            found = self._store.version(call.tenant, name, message.version)
        if found is None:
            raise Refused("DOCUMENT_NOT_FOUND", "document_id", name)
        shown = document_message(found, state_of(heads, found))
        return service.GetDocumentResponse(
            document=masked(shown, message.read_mask)
        ).SerializeToString()

    async def _list(self, request: bytes, call: Call) -> bytes:
        message = parsed(service.ListDocumentsRequest, request)
        mask_check(message.read_mask, documents.Document, "read_mask")
        size, after = page_read(_LISTED, message.page_size, message.page_token, self._limits)
        wanted = message.state
        if wanted not in (0, documents.DOCUMENT_STATE_CURRENT, documents.DOCUMENT_STATE_DRAFT):
            raise Refused("FIELD_INVALID", "state", str(wanted))
        heads = (await self._store.state(call.tenant)).heads
        names = sorted({*heads.catalog.documents, *heads.drafts})
        response, used, last = service.ListDocumentsResponse(), 0, ""
        for name in names[bisect_right(names, after[1]) if after else 0 :]:
            kind, _, document_id = name.partition("/")
            document = heads.newest(name)
            assert document is not None
            state = state_of(heads, document)
            if (
                (message.kind and kind != message.kind)
                or not document_id.startswith(message.id_prefix)
                or wanted not in (0, state)
            ):
                continue
            shown = masked(document_message(document, state), message.read_mask)
            used += shown.ByteSize()
            if len(response.documents) == size or (response.documents and used > PAGE_SIZE_MAX):
                response.next_page_token = page_token(_LISTED, (0, last))
                break
            response.documents.append(shown)
            last = name
        return response.SerializeToString()

    async def _versions(self, request: bytes, call: Call) -> bytes:
        message = parsed(service.ListDocumentVersionsRequest, request)
        mask_check(message.read_mask, documents.Document, "read_mask")
        name = name_of(message.kind, message.document_id)
        scope = f"{_HISTORY}/{name}"
        size, after = page_read(scope, message.page_size, message.page_token, self._limits)
        heads = (await self._store.state(call.tenant)).heads
        newest = heads.newest(name)
        end = after[0] if after else 1 + max(
            newest.version if newest else 0, heads.numbers.get(name, 0)
        )  # fmt: skip
        rows = self._store.versions(call.tenant, name, end, size + 1)
        if end == 1 or not (rows or after):
            raise Refused("DOCUMENT_NOT_FOUND", "document_id", name)
        response, used = service.ListDocumentVersionsResponse(), 0
        for row in rows:
            shown = masked(document_message(row, state_of(heads, row)), message.read_mask)
            used += shown.ByteSize()
            if len(response.versions) == size or (response.versions and used > PAGE_SIZE_MAX):
                response.next_page_token = page_token(scope, (row.version + 1, ""))
                break
            response.versions.add(
                document=shown, change=change_value(row.change), entry_id=row.entry_id
            )
        return response.SerializeToString()


def name_of(kind: str, document_id: str) -> str:
    """Returns `kind/id` of a request.

    Errors: Refused(FIELD_REQUIRED)
    """
    return f"{required('kind', kind)}/{required('document_id', document_id)}"
