"""The methods of TriggerService that evaluate one trigger: by hand, and for a test."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Final, Protocol

from kairos.v1 import event_pb2
from kairos.v1 import trigger_service_pb2 as triggers
from kairos_native.engine import Pending

from kairos_server.administration import Actor
from kairos_server.catalog import (
    Body,
    Catalog,
    DocumentInput,
    DocumentsRefused,
    Fault,
    StoredDocument,
    build_image,
    canonical_name,
    read_document,
)
from kairos_server.catalog.compile import Compiled
from kairos_server.catalog.encode import URGENCIES, attributes
from kairos_server.catalog.shapes import TriggerDocument, read_trigger
from kairos_server.catalog.violations import Place
from kairos_server.errors import Refused
from kairos_server.limits import Limits
from kairos_server.plans import Plans
from kairos_server.rpc.call import Call
from kairos_server.rpc.guard import refusals
from kairos_server.rpc.requests import actor_of, documents_refused, invalid, parsed, required
from kairos_server.rpc.trigger_documents import (
    body_text,
    plain_object,
    trigger_body,
)

ACCEPTED, CALLER = "accepted", "caller"
# Attributes of an event's data that are fields of the message.
_TEXT_FIELDS: Final = ("url", "referrer", "persona", "currency_code", "user_agent")
_ENUM_FIELDS: Final[dict[str, Any]] = {
    "device_type": event_pb2.DeviceType,
    "channel": event_pb2.Channel,
    "urgency": event_pb2.Urgency,
}


class ExecutionEngine(Protocol):
    """What these methods need of kairos_native.engine.Engine; see engine.pyi."""

    def evaluate(self, tenant: int, request: bytes, now_us: int) -> bytes: ...
    def evaluate_trial(self, tenant: int, image: bytes, request: bytes, now_us: int) -> bytes: ...
    def documents(
        self, tenant: int, entries: Sequence[tuple[str, bytes]], now_us: int
    ) -> Pending: ...
    def enqueue(
        self, tenant: int, identifier: bytes, identifier_type: int, key: bytes, due_us: int,
        urgency: int, channel: int, action: bytes, now_us: int,
    ) -> Pending: ...  # fmt: skip


class TriggerExecution:
    """Handlers of ExecuteTrigger and TestTrigger."""

    def __init__(self, engine: ExecutionEngine, plans: Plans, limits: Limits) -> None:
        self._engine = engine
        self._plans = plans
        self._store = plans.documents
        self._limits = limits

    async def execute(self, request: bytes, call: Call) -> bytes:
        """Answers ExecuteTrigger."""
        message = parsed(triggers.ExecuteTriggerRequest, request)
        required("trigger_id", message.trigger_id)
        required("user_id", message.user_id)
        required("context.event_type", message.context.event_type)
        actor = actor_of(
            call, self._limits, request, author=message.author, note=message.note,
            request_id=message.request_id,
        )  # fmt: skip
        state = await self._store.state(call.tenant)
        traits = state.heads.catalog.trait_names()
        event = _event(message, traits, call.received_us)

        async def act() -> bytes:
            document = state.heads.catalog.documents.get(f"trigger/{message.trigger_id}")
            if document is None:
                raise Refused("TRIGGER_UNKNOWN", "trigger_id", message.trigger_id)
            evaluated = await self._evaluate(call, event, document)
            return await self._executed(call.tenant, actor, document, message, evaluated.allowed)

        with refusals():
            return await self._store.once(call.tenant, actor, act)

    async def test(self, request: bytes, call: Call) -> bytes:
        """Answers TestTrigger."""
        message = parsed(triggers.TestTriggerRequest, request)
        if not message.HasField("event"):
            raise Refused("EVENT_MISSING", "event")
        kind = message.WhichOneof("subject")
        if kind is None:
            raise Refused("FIELD_REQUIRED", "trigger_id")
        heads = (await self._store.state(call.tenant)).heads
        with refusals():
            if kind == "trigger_id":
                stored = heads.catalog.documents.get(f"trigger/{message.trigger_id}")
                if stored is None:
                    raise Refused("TRIGGER_UNKNOWN", "trigger_id", message.trigger_id)
                evaluated = await self._evaluate(call, message.event, stored)
                return _tested(evaluated, stored.cel, []).SerializeToString()
            try:
                text = body_text(trigger_body(message.trigger))
                item = DocumentInput(text, "trigger", message.trigger.trigger_id)
                name, body = read_document(item)
                evaluated, compiled = await self._try(
                    call, heads.catalog, message.event, name, body
                )
            except DocumentsRefused as refused:
                raise documents_refused(refused) from None
            except Fault as fault:
                raise invalid(f"trigger.{fault.suffix}".rstrip("."), fault.description) from None
        return _tested(evaluated, compiled.texts[name], compiled.warnings).SerializeToString()

    async def _evaluate(
        self, call: Call, event: event_pb2.Event, document: StoredDocument
    ) -> triggers.EvaluateResponse:
        """Says whether the condition of a stored trigger holds."""
        request = triggers.EvaluateRequest(event=event, trigger_ids=[document.id])
        wire = request.SerializeToString()
        answer = self._engine.evaluate(call.tenant, wire, call.received_us)
        if "timing" not in map(canonical_name, document.body):
            return triggers.EvaluateResponse.FromString(answer)
        # A trigger with a timing fires later, if at all; tried without, it tells its condition.
        catalog = (await self._store.state(call.tenant)).heads.catalog
        name = f"{document.kind}/{document.id}"
        return (await self._try(call, catalog, event, name, document.body))[0]

    async def _try(
        self, call: Call, catalog: Catalog, event: event_pb2.Event, name: str, body: Body
    ) -> tuple[triggers.EvaluateResponse, Compiled]:
        """Evaluates a trigger as if it were active and fired at once, without storing it.

        Errors: catalog.DocumentsRefused; engine.Refusal
        """
        compiled, image = await asyncio.to_thread(_trial, catalog, name, body)
        wire = triggers.EvaluateRequest(event=event).SerializeToString()
        answer = self._engine.evaluate_trial(call.tenant, image, wire, call.received_us)
        return triggers.EvaluateResponse.FromString(answer), compiled

    async def _executed(
        self,
        tenant: int,
        actor: Actor,
        document: StoredDocument,
        message: triggers.ExecuteTriggerRequest,
        met: bool,
    ) -> bytes:
        """Puts the actions that ask for it into the outbox, then writes audit entry and answer."""
        state = await self._store.state(tenant)
        due = met or message.force
        async with state.lock:
            entry = state.audit.entry(
                actor, "triggers.execute", f"triggers/{document.id}", version=document.version,
                etag=document.etag,
                details={"condition_met": str(met).lower(), "triggered": str(due).lower()},
            )  # fmt: skip
            # A repeat of a request whose answer was lost with the server must not act twice: its
            # effects have the keys of the first.
            seed = actor.request_digest + actor.request_id or entry.entry_id
            tracking = hashlib.blake2b(
                f"{tenant}/{document.id}/{seed}".encode(), digest_size=12
            ).hexdigest()
            done: list[triggers.ExecutedAction] = []
            read = read_trigger(document.id, document.body, Place([], document.id))
            for index in range(len(read.actions) if due else 0):
                key = f"{tracking}/{index}"
                done.append(await self._perform(tenant, actor, read, index, message.user_id, key))
            response = triggers.ExecuteTriggerResponse(
                execution_id=entry.entry_id,
                triggered=due,
                condition_met=met,
                actions=done,
                tracking=triggers.ExecutionTracking(
                    tracking_id=f"tracking_{tracking}",
                    attribution=f"{message.context.event_type}_trigger" if met else "manual",
                ),
            ).SerializeToString()
            await self._store.write(tenant, state, actor, [(entry.key, entry.to_json())], response)
        return response

    async def _perform(
        self,
        tenant: int,
        actor: Actor,
        trigger: TriggerDocument,
        index: int,
        subject_id: str,
        key: str,
    ) -> triggers.ExecutedAction:
        kind, values = trigger.actions[index]
        delivery = trigger.deliveries[index]
        parameters = attributes(values)
        result = triggers.ExecutedAction(type=kind, parameters=parameters, result=CALLER)
        if delivery.outbox:
            encoded = event_pb2.Action(type=kind, parameters=parameters).SerializeToString()
            due_us = actor.now_us + delivery.step.delay_us
            await self._plans.submit(
                self._engine.enqueue(
                    tenant, subject_id.encode(), event_pb2.IDENTIFIER_TYPE_USER, key.encode(),
                    due_us, URGENCIES[trigger.urgency], delivery.channel, encoded, actor.now_us,
                )
            )  # fmt: skip
            result.executed, result.result = True, ACCEPTED
        return result


def _trial(catalog: Catalog, name: str, body: Body) -> tuple[Compiled, bytes]:
    """Returns the plan of one trigger without its timing, and its image."""
    now = {key: value for key, value in body.items() if canonical_name(key) != "timing"}
    compiled = catalog.trial(name, now)
    return compiled, build_image(compiled.model)


def _tested(
    evaluated: triggers.EvaluateResponse, cel: str, warnings: Sequence[str]
) -> triggers.TestTriggerResponse:
    return triggers.TestTriggerResponse(
        triggered=evaluated.allowed,
        actions=[action for fired in evaluated.triggers for action in fired.actions],
        canonical_condition=cel,
        warnings=warnings,
        applied_sequence=evaluated.applied_sequence,
    )


def _event(
    message: triggers.ExecuteTriggerRequest, traits: frozenset[str], now_us: int
) -> event_pb2.Event:
    """Returns the event that an execution is evaluated on, with what is overridden.

    Errors: Refused(FIELD_INVALID)
    """
    event = event_pb2.Event(
        event_type=message.context.event_type,
        subject_id=message.user_id,
        session_id=message.session_id,
        occurred_time_us=now_us,
    )
    wanted = message.override.personalization
    data = {canonical_name(k): v for k, v in plain_object(message.context.event_data).items()}
    overridden = {
        "persona": wanted.persona,
        "device_type": wanted.device_type,
        "traffic_source": wanted.traffic_source,
    }
    data |= {name: value for name, value in overridden.items() if value}
    for name in [name for name in data if name in _TEXT_FIELDS or name in _ENUM_FIELDS]:
        _set_field(event, name, data.pop(name))
    if isinstance(data.get("value_minor"), int):
        event.value_minor = data.pop("value_minor")
    if wanted.persona and "persona" in traits:
        event.traits.add(name="persona", string_value=wanted.persona)
    try:
        event.attributes.extend(attributes(data))
    except Fault as fault:
        field = f"context.event_data.{fault.suffix}".rstrip(".")
        raise Refused("FIELD_INVALID", field, fault.description) from None
    return event


def _set_field(event: event_pb2.Event, name: str, value: Any) -> None:
    known = _ENUM_FIELDS.get(name)
    try:
        if known is not None:
            value = known.Value(f"{name.upper()}_{str(value).upper()}")
        setattr(event, name, value)
    except (ValueError, TypeError):
        raise Refused("FIELD_INVALID", f"context.event_data.{name}", str(value)) from None
