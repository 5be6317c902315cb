"""kairos.v1.TriggerService: triggers created, changed, removed and listed as typed messages."""

from bisect import bisect_right
from dataclasses import dataclass

from kairos.v1 import trigger_pb2
from kairos.v1 import trigger_service_pb2 as triggers

from kairos_server.administration import Edit, Firings, Heads, Outcome, TriggerTotal
from kairos_server.catalog import DocumentInput, StoredDocument
from kairos_server.errors import Refused
from kairos_server.limits import Limits
from kairos_server.plans import Plans
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.document_messages import PAGE_SIZE_MAX
from kairos_server.rpc.masks import mask_check, masked
from kairos_server.rpc.pages import page_read, page_token
from kairos_server.rpc.requests import actor_of, edit_once, parsed, required, warnings_of
from kairos_server.rpc.trigger_documents import (
    body_text,
    status_of,
    trigger_body,
    trigger_message,
    trigger_updated,
)
from kairos_server.rpc.trigger_execution import ExecutionEngine, TriggerExecution
from kairos_server.rpc.trigger_statistics import TriggerStatistics, performance

SERVICE = "kairos.v1.TriggerService"
PREFIX = "trigger/"


@dataclass(frozen=True, slots=True)
class _View:
    """What messages of triggers are made of, read once per call."""

    heads: Heads
    numbers: dict[str, int]
    totals: dict[int, TriggerTotal]
    events: int
    now_us: int

    def message(self, document: StoredDocument) -> trigger_pb2.Trigger:
        """Returns one trigger with its status and how it does."""
        message = trigger_message(document)
        message.status = status_of(self.heads, document, message, self.now_us)
        total = self.totals.get(self.numbers.get(document.id, -1))
        message.performance.CopyFrom(performance(total, self.events))
        return message


class TriggerService:
    """Handlers of the service but for Evaluate, which is hot and has its own."""

    def __init__(self, engine: ExecutionEngine, plans: Plans, limits: Limits) -> None:
        self._store = plans.documents
        self._firings: Firings = plans.firings
        self._limits = limits
        self._numbers: dict[int, tuple[tuple[str, ...], dict[str, int]]] = {}
        self._execution = TriggerExecution(engine, plans, limits)
        self._statistics = TriggerStatistics(plans)

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        handlers = {
            "CreateTrigger": self._create,
            "GetTrigger": self._get,
            "UpdateTrigger": self._update,
            "DeleteTrigger": self._delete,
            "ListTriggers": self._list,
            "ExecuteTrigger": self._execution.execute,
            "TestTrigger": self._execution.test,
            "MonitorTrigger": self._statistics.monitor,
            "GetTriggerPerformance": self._statistics.periods,
        }
        return tuple(
            Method(f"/{SERVICE}/{name}", Kind.UNARY, unary=handler)
            for name, handler in handlers.items()
        )

    async def _create(self, request: bytes, call: Call) -> bytes:
        message = parsed(triggers.CreateTriggerRequest, request)
        if not message.HasField("trigger"):
            raise Refused("FIELD_REQUIRED", "trigger")
        view = await self._view(call)

        def respond(outcome: Outcome) -> bytes:
            ((name, document),) = outcome.documents.items()
            return triggers.CreateTriggerResponse(
                trigger=_stored(view, document), warnings=warnings_of(outcome, name)
            ).SerializeToString()

        text = body_text(trigger_body(message.trigger))
        edit = Edit(
            actor_of(
                call, self._limits, request, author=message.author, note=message.note,
                request_id=message.request_id,
            ),
            "documents.put", [DocumentInput(text, "trigger", message.trigger.trigger_id)],
            create_only=True, validate_only=message.validate_only, respond=respond,
        )  # fmt: skip
        return await edit_once(self._store, call, edit, lambda: self._store.run(call.tenant, edit))

    async def _update(self, request: bytes, call: Call) -> bytes:
        message = parsed(triggers.UpdateTriggerRequest, request)
        trigger_id = required("trigger.trigger_id", message.trigger.trigger_id)
        view = await self._view(call)

        def respond(outcome: Outcome) -> bytes:
            ((name, document),) = outcome.documents.items()
            return triggers.UpdateTriggerResponse(
                trigger=_stored(view, document), warnings=warnings_of(outcome, name)
            ).SerializeToString()

        edit = Edit(
            actor_of(
                call, self._limits, request, author=message.author, note=message.note,
                request_id=message.request_id,
            ),
            "documents.put", etag=message.trigger.etag, validate_only=message.validate_only,
            respond=respond,
        )  # fmt: skip

        async def act() -> Outcome:
            # Read again until nobody changed the trigger in between: a mask changes fields of the
            # newest version, whichever that is.
            while True:
                present = (await self._store.state(call.tenant)).heads
                before = _newest(present, trigger_id)
                body = trigger_updated(before, message.trigger, message.update_mask)
                edit.documents = [DocumentInput(body_text(body), "trigger", trigger_id)]
                edit.etag = message.trigger.etag or before.etag
                try:
                    return await self._store.run(call.tenant, edit)
                except Refused as refused:
                    if refused.reason != "ETAG_MISMATCH" or message.trigger.etag:
                        raise

        return await edit_once(self._store, call, edit, act)

    async def _delete(self, request: bytes, call: Call) -> bytes:
        message = parsed(triggers.DeleteTriggerRequest, request)
        trigger_id = required("trigger_id", message.trigger_id)
        edit = Edit(
            actor_of(
                call, self._limits, request, author=message.author, note=message.note,
                request_id=message.request_id,
            ),
            "documents.delete", removed=[PREFIX + trigger_id], etag=message.etag,
            validate_only=message.validate_only,
            respond=lambda _: triggers.DeleteTriggerResponse().SerializeToString(),
        )  # fmt: skip

        async def act() -> Outcome:
            heads = (await self._store.state(call.tenant)).heads
            if PREFIX + trigger_id not in heads.catalog.documents:
                raise Refused("TRIGGER_UNKNOWN", "trigger_id", trigger_id)
            return await self._store.run(call.tenant, edit)

        return await edit_once(self._store, call, edit, act)

    async def _get(self, request: bytes, call: Call) -> bytes:
        message = parsed(triggers.GetTriggerRequest, request)
        mask_check(message.read_mask, trigger_pb2.Trigger, "read_mask")
        view = await self._view(call)
        document = _newest(view.heads, required("trigger_id", message.trigger_id))
        return triggers.GetTriggerResponse(
            trigger=masked(view.message(document), message.read_mask)
        ).SerializeToString()

    async def _list(self, request: bytes, call: Call) -> bytes:
        message = parsed(triggers.ListTriggersRequest, request)
        mask_check(message.read_mask, trigger_pb2.Trigger, "read_mask")
        size, after = page_read(SERVICE, message.page_size, message.page_token, self._limits)
        view = await self._view(call)
        heads = view.heads
        names = sorted(
            name for name in {*heads.catalog.documents, *heads.drafts} if name.startswith(PREFIX)
        )
        response, used, last = triggers.ListTriggersResponse(), 0, ""
        for name in names[bisect_right(names, after[1]) if after else 0 :]:
            document = heads.newest(name)
            assert document is not None
            if not _begins(document, message.name_prefix):
                continue
            shown = view.message(document)
            if message.active_only and shown.status != trigger_pb2.TRIGGER_STATUS_ACTIVE:
                continue
            shown = masked(shown, message.read_mask)
            used += shown.ByteSize()
            if len(response.triggers) == size or (response.triggers and used > PAGE_SIZE_MAX):
                response.next_page_token = page_token(SERVICE, (0, last))
                break
            response.triggers.append(shown)
            last = name
        return response.SerializeToString()

    async def _view(self, call: Call) -> _View:
        heads = (await self._store.state(call.tenant)).heads
        names = heads.catalog.registry.triggers
        known = self._numbers.get(call.tenant)
        if known is None or known[0] is not names:
            known = names, {name: number for number, name in enumerate(names)}
            self._numbers[call.tenant] = known
        numbers = known[1]
        totals = self._firings.totals(call.tenant)
        events = self._firings.events(call.tenant)
        return _View(heads, numbers, totals, events, call.received_us)


def _stored(view: _View, document: StoredDocument) -> trigger_pb2.Trigger:
    """Returns a trigger that is in force from now on, whatever it was before."""
    name = PREFIX + document.id
    documents = {**view.heads.catalog.documents, name: document}
    catalog = view.heads.catalog.with_documents(documents)
    heads = Heads(catalog, {}, view.heads.numbers)
    return _View(heads, view.numbers, view.totals, view.events, view.now_us).message(document)


def _newest(heads: Heads, trigger_id: str) -> StoredDocument:
    document = heads.newest(PREFIX + trigger_id)
    if document is None:
        raise Refused("TRIGGER_UNKNOWN", "trigger_id", trigger_id)
    return document


def _begins(document: StoredDocument, prefix: str) -> bool:
    return document.id.startswith(prefix) or str(document.body.get("name", "")).startswith(prefix)
