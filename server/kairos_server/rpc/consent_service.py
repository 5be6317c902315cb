"""kairos.v1.ConsentService: consents stated, read, and as they were stated over time."""

from collections.abc import Sequence
from typing import Final, Protocol

from kairos.v1 import consent_service_pb2 as consents
from kairos.v1 import event_pb2, ingest_service_pb2, profile_service_pb2
from kairos_native.engine import Pending, Refusal

from kairos_server.errors import Refused, refused_by_engine
from kairos_server.ingest import Writer
from kairos_server.limits import Limits
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.guard import refusals
from kairos_server.rpc.link_messages import LinkRow
from kairos_server.rpc.pages import page_read, page_token
from kairos_server.rpc.requests import parsed
from kairos_server.rpc.subjects import Subject, TenantNames, subject_of

SERVICE = "kairos.v1.ConsentService"
EVENT_TYPE: Final = "consent_change"
TEXT_SIZE_MAX: Final = 256
REQUEST_ID_SIZE_MAX: Final = 64
HistoryRow = tuple[int, int, int, bytes, bytes, list[tuple[bytes, int]]]
"""Log sequence, occurred, received, source, policy version, (purpose, status)."""


class ConsentEngine(Protocol):
    """What this service needs of kairos_native.engine.Engine; see engine.pyi."""

    def check_ingest(self, tenant: int, request: bytes, received_us: int) -> Pending: ...
    def profile(
        self, tenant: int, subject_id: bytes, at_us: int | None, now_us: int, *,
        identifier_type: int = 0, whole: bool = True,
    ) -> bytes: ...  # fmt: skip
    def subject_id(self, tenant: int, identifier_type: int, identifier: bytes) -> bytes: ...
    def group(
        self, tenant: int, subject_id: bytes
    ) -> tuple[list[tuple[bytes, int]], list[LinkRow]]: ...
    def consent_history(self, tenant: int, subject_ids: Sequence[bytes]) -> list[HistoryRow]: ...


class ConsentService:
    """Handlers of the service."""

    def __init__(
        self, engine: ConsentEngine, writer: Writer, limits: Limits, names: TenantNames
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._limits = limits
        self._names = names

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        handlers = {
            "SetConsent": self._set,
            "GetConsent": self._get,
            "ListConsentHistory": self._history,
        }
        return tuple(
            Method(f"/{SERVICE}/{name}", Kind.UNARY, unary=handler)
            for name, handler in handlers.items()
        )

    async def _set(self, request: bytes, call: Call) -> bytes:
        message = parsed(consents.SetConsentRequest, request)
        subject = subject_of(message, call.tenant, self._names)
        event = _event_of(message)
        encoded = ingest_service_pb2.IngestRequest(event=event).SerializeToString()
        try:
            pending = self._engine.check_ingest(call.tenant, encoded, call.received_us)
            if pending.refusal is not None:
                raise pending.refusal
        except Refusal as refusal:
            field = refusal.field.removeprefix("event.")
            raise refused_by_engine(
                refusal.status, _FIELDS.get(field, field), refusal.seen
            ) from None
        await self._writer.submit(pending)
        answer = ingest_service_pb2.IngestResponse.FromString(pending.response)
        return consents.SetConsentResponse(
            consents=self._holding(call, subject),
            sequence=answer.sequence,
            duplicate=answer.duplicate,
        ).SerializeToString()

    async def _get(self, request: bytes, call: Call) -> bytes:
        message = parsed(consents.GetConsentRequest, request)
        subject = subject_of(message, call.tenant, self._names)
        return consents.GetConsentResponse(
            consents=self._holding(call, subject)
        ).SerializeToString()

    async def _history(self, request: bytes, call: Call) -> bytes:
        message = parsed(consents.ListConsentHistoryRequest, request)
        subject = subject_of(message, call.tenant, self._names)
        size, after = page_read(SERVICE, message.page_size, message.page_token, self._limits)
        with refusals():
            own = self._engine.subject_id(call.tenant, subject.type, subject.value)
            members = [member for member, _ in self._engine.group(call.tenant, own)[0]] or [own]
            rows = self._engine.consent_history(call.tenant, members)
        rest = [row for row in rows if after is None or row[0] < after[0]]
        page = rest[:size]
        token = page_token(SERVICE, (page[-1][0], "")) if len(rest) > size else ""
        return consents.ListConsentHistoryResponse(
            statements=[_statement(row) for row in page], next_page_token=token
        ).SerializeToString()

    def _holding(self, call: Call, subject: Subject) -> Sequence[profile_service_pb2.Consent]:
        try:
            answer = self._engine.profile(
                call.tenant, subject.value, None, call.received_us, identifier_type=subject.type
            )
        except Refusal as refusal:
            refused = refused_by_engine(refusal.status, refusal.field, refusal.seen)
            # Nobody knows the subject: it never stated anything.
            if refused.reason == "SUBJECT_NOT_FOUND":
                return []
            raise refused from None
        return profile_service_pb2.GetProfileResponse.FromString(answer).profile.consents


_FIELDS: Final = {"occurred_time_us": "consent_time_us", "event_id": "request_id"}
"""Fields of the event under the names that the request has for them."""


def _event_of(message: consents.SetConsentRequest) -> event_pb2.Event:
    if not message.consents:
        raise Refused("FIELD_REQUIRED", "consents")
    if len(message.request_id.encode()) > REQUEST_ID_SIZE_MAX:
        raise Refused("REQUEST_ID_INVALID", "request_id")
    event = event_pb2.Event(
        event_type=EVENT_TYPE,
        subject_id=message.subject_id,
        subject_type=message.subject_type,
        consents=message.consents,
    )
    if message.request_id:
        # Apart from the ids that clients give their own events.
        event.event_id = f"consent:{message.request_id}"
    if message.HasField("consent_time_us"):
        event.occurred_time_us = message.consent_time_us
    for name in ("consent_source", "policy_version"):
        text = getattr(message, name)
        if len(text.encode()) > TEXT_SIZE_MAX:
            raise Refused("FIELD_INVALID", name, text)
        if text:
            event.attributes.add(name=name, string_value=text)
    return event


def _statement(row: HistoryRow) -> consents.ConsentStatement:
    sequence, occurred_us, received_us, source, version, stated = row
    return consents.ConsentStatement(
        sequence=sequence,
        consents=[
            event_pb2.ConsentChange(
                purpose=purpose.decode(), status=event_pb2.ConsentStatus.Name(status)
            )
            for purpose, status in stated
        ],
        occurred_time_us=occurred_us,
        received_time_us=received_us,
        consent_source=source.decode(),
        policy_version=version.decode(),
    )
