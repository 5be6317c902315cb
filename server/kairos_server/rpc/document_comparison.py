"""The methods of DocumentService that only look: differences and faults."""

import asyncio
from collections.abc import Sequence

from kairos.v1 import document_service_pb2 as service

from kairos_server.administration import (
    Content,
    DocumentDiff,
    Edit,
    Heads,
    Version,
    documents_diff,
)
from kairos_server.catalog import DocumentInput, DocumentsRefused, StoredDocument, read_body
from kairos_server.errors import Refused
from kairos_server.limits import Limits
from kairos_server.plans import Plans
from kairos_server.rpc.call import Call
from kairos_server.rpc.document_messages import diff_messages, violation_messages
from kairos_server.rpc.guard import refusals
from kairos_server.rpc.requests import actor_of, documents_refused, inputs_of, parsed, required

VIOLATIONS_TOLD_MAX = 1_000


class DocumentComparison:
    """Handlers of DiffDocuments and ValidateDocuments."""

    def __init__(self, plans: Plans, limits: Limits) -> None:
        self._store = plans.documents
        self._limits = limits

    async def diff(self, request: bytes, call: Call) -> bytes:
        """Answers DiffDocuments."""
        message = parsed(service.DiffDocumentsRequest, request)
        given = bool(message.documents or message.removed_names or message.prune)
        if given is message.HasField("versions"):
            raise Refused("FIELD_INVALID" if given else "FIELD_REQUIRED", "versions")
        heads = (await self._store.state(call.tenant)).heads
        if message.HasField("versions"):
            diffs = await self._versions(call.tenant, heads, message.versions)
        else:
            inputs = inputs_of(message.documents, message.removed_names, self._limits)
            removed = list(message.removed_names)
            try:
                diffs = await asyncio.to_thread(
                    stored_diff, heads, inputs, removed, prune=message.prune
                )
            except DocumentsRefused as refused:
                raise documents_refused(refused) from None
        return service.DiffDocumentsResponse(diffs=diff_messages(diffs)).SerializeToString()

    async def validate(self, request: bytes, call: Call) -> bytes:
        """Answers ValidateDocuments."""
        message = parsed(service.ValidateDocumentsRequest, request)
        edit = Edit(
            actor_of(call, self._limits, request),
            "documents.validate",
            inputs_of(message.documents, message.removed_names, self._limits),
            list(message.removed_names),
            prune=message.prune,
            validate_only=True,
        )
        response = service.ValidateDocumentsResponse()
        try:
            with refusals():
                outcome = await self._store.run(call.tenant, edit)
        except DocumentsRefused as refused:
            response.violations.extend(violation_messages(refused.violations[:VIOLATIONS_TOLD_MAX]))
        else:
            response.valid = True
            response.warnings.extend(outcome.warnings)
        return response.SerializeToString()

    async def _versions(
        self, tenant: int, heads: Heads, pair: service.VersionPair
    ) -> list[DocumentDiff]:
        name = f"{required('versions.kind', pair.kind)}/"
        name += required("versions.document_id", pair.document_id)
        newest = heads.newest(name)
        new_number = pair.new_version or (newest.version if newest else heads.numbers.get(name, 0))
        new = self._version(tenant, newest, name, new_number)
        if new is None:
            raise Refused("DOCUMENT_NOT_FOUND", "versions.new_version", f"{name} {new_number}")
        old_number = pair.old_version or new_number - 1
        old = self._version(tenant, newest, name, old_number) if old_number else None
        if old is None and pair.old_version:
            raise Refused("DOCUMENT_NOT_FOUND", "versions.old_version", f"{name} {old_number}")
        return await asyncio.to_thread(documents_diff, [(name, _content(old), _content(new))])

    def _version(
        self, tenant: int, newest: StoredDocument | None, name: str, number: int
    ) -> StoredDocument | Version | None:
        if newest is not None and newest.version == number:
            return newest
        return self._store.version(tenant, name, number)


def stored_diff(
    heads: Heads, inputs: Sequence[DocumentInput], removed: Sequence[str], *, prune: bool
) -> list[DocumentDiff]:
    """Returns how given documents differ from those that plans are compiled from.

    Cost: to be called off the event loop
    Errors: catalog.DocumentsRefused when one cannot be read
    """
    changes = heads.catalog.changed(inputs, removed, "", "", 0)
    if changes.violations:
        raise DocumentsRefused(changes.violations)
    after = dict(changes.catalog.documents)
    if prune:
        after = {name: after[name] for name in changes.names}
    before = heads.catalog.documents
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return documents_diff(
        (name, _content(before.get(name)), _content(after.get(name))) for name in names
    )


def _content(document: StoredDocument | Version | None) -> Content | None:
    if document is None or not document.text:
        return None
    body = document.body if isinstance(document, StoredDocument) else read_body(document.text)
    return Content(document.text, body)
