"""kairos.v1.ProfileService: profiles, their last events, the links of identifiers."""

import asyncio
from typing import Protocol

from kairos.v1 import event_pb2
from kairos.v1 import profile_service_pb2 as profiles
from kairos_native.engine import Pending

from kairos_server.errors import Refused, reason_name
from kairos_server.ingest import Writer
from kairos_server.limits import Limits
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.guard import refusals
from kairos_server.rpc.link_messages import (
    LinkRow,
    Side,
    confidence_of,
    evidence_bytes,
    identifier_message,
    link_message,
    link_number,
    method_of,
    side_of,
    sides_of,
)
from kairos_server.rpc.masks import mask_check, masked
from kairos_server.rpc.pages import page_read, page_token
from kairos_server.rpc.requests import parsed, required
from kairos_server.rpc.subjects import Subject, TenantNames, enum_check, subject_of, tenant_check

SERVICE = "kairos.v1.ProfileService"
_EVENTS, _LINKS = f"{SERVICE}/events", f"{SERVICE}/links"
_SCOPES = frozenset(profiles.ProfileScope.values())
EventRow = tuple[int, int, int, bytes]
"""Log sequence, occurred time, received time, encoded Event."""


class ProfileEngine(Protocol):
    """What this service needs of kairos_native.engine.Engine; see engine.pyi."""

    def profile(
        self, tenant: int, subject_id: bytes, at_us: int | None, now_us: int, *,
        identifier_type: int = 0, whole: bool = True,
    ) -> bytes: ...  # fmt: skip
    def subject_id(self, tenant: int, identifier_type: int, identifier: bytes) -> bytes: ...
    def group(
        self, tenant: int, subject_id: bytes
    ) -> tuple[list[tuple[bytes, int]], list[LinkRow]]: ...
    def link_row(self, tenant: int, link_id: int) -> LinkRow | None: ...
    def link(
        self, tenant: int, left: Side, right: Side, method: int, confidence: float,
        evidence: bytes, now_us: int,
    ) -> Pending: ...  # fmt: skip
    def unlink(self, tenant: int, link_id: int, now_us: int) -> Pending: ...
    def link_outcome(self, pending: Pending) -> tuple[int, int]: ...
    def recent(self, tenant: int, subject_ids: list[bytes]) -> list[tuple[int, bytes]]: ...
    def log_events(self, sequences: list[int]) -> list[EventRow]: ...


class ProfileService:
    """Handlers of the service. What reads the log does so on another thread."""

    def __init__(
        self, engine: ProfileEngine, writer: Writer, limits: Limits, names: TenantNames
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._limits = limits
        self._names = names

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        handlers = {
            "GetProfile": self._get,
            "ListRecentEvents": self._recent,
            "LinkIdentifiers": self._link,
            "UnlinkIdentifiers": self._unlink,
            "ListLinks": self._links,
            "DeleteProfile": self._delete,
        }
        return tuple(
            Method(f"/{SERVICE}/{name}", Kind.UNARY, unary=handler)
            for name, handler in handlers.items()
        )

    # ---- reads

    async def _get(self, request: bytes, call: Call) -> bytes:
        message = parsed(profiles.GetProfileRequest, request)
        subject = subject_of(message, call.tenant, self._names)
        enum_check("scope", message.scope, _SCOPES)
        mask_check(message.read_mask, profiles.Profile, "read_mask")
        at_us = message.at_time_us if message.HasField("at_time_us") else None
        whole = message.scope != profiles.PROFILE_SCOPE_MEMBER
        with refusals():
            answer = self._engine.profile(
                call.tenant, subject.value, at_us, call.received_us,
                identifier_type=subject.type, whole=whole,
            )  # fmt: skip
            _, links = self._group(call.tenant, subject) if whole else ([], [])
        if links:
            # Encoded messages that follow each other are one: no need to read the profile again.
            answer += profiles.GetProfileResponse(profile=_group_fields(links)).SerializeToString()
        if not message.read_mask.paths:
            return answer
        response = profiles.GetProfileResponse.FromString(answer)
        return profiles.GetProfileResponse(
            profile=masked(response.profile, message.read_mask)
        ).SerializeToString()

    async def _recent(self, request: bytes, call: Call) -> bytes:
        message = parsed(profiles.ListRecentEventsRequest, request)
        subject = subject_of(message, call.tenant, self._names)
        enum_check("scope", message.scope, _SCOPES)
        size, after = page_read(_EVENTS, message.page_size, message.page_token, self._limits)
        with refusals():
            own = self._engine.subject_id(call.tenant, subject.type, subject.value)
            members = [own]
            if message.scope != profiles.PROFILE_SCOPE_MEMBER:
                members = [member for member, _ in self._group(call.tenant, subject)[0]] or [own]
            rows = self._engine.recent(call.tenant, members)
        sequences = [sequence for sequence, _ in rows if after is None or sequence < after[0]]
        found = await asyncio.to_thread(self._engine.log_events, sequences)
        events = [_recent_event(row) for row in found]
        if message.event_types:
            wanted = frozenset(message.event_types)
            events = [recent for recent in events if recent.event.event_type in wanted]
        page = events[:size]
        token = page_token(_EVENTS, (page[-1].sequence, "")) if len(events) > size else ""
        return profiles.ListRecentEventsResponse(
            events=page, next_page_token=token
        ).SerializeToString()

    async def _links(self, request: bytes, call: Call) -> bytes:
        message = parsed(profiles.ListLinksRequest, request)
        subject = subject_of(message, call.tenant, self._names)
        size, after = page_read(_LINKS, message.page_size, message.page_token, self._limits)
        with refusals():
            _, links = self._group(call.tenant, subject)
        rest = [row for row in links if after is None or row[0] > after[0]]
        page = rest[:size]
        token = page_token(_LINKS, (page[-1][0], "")) if len(rest) > size else ""
        return profiles.ListLinksResponse(
            links=[link_message(row) for row in page], next_page_token=token
        ).SerializeToString()

    # ---- links

    async def _link(self, request: bytes, call: Call) -> bytes:
        message = parsed(profiles.LinkIdentifiersRequest, request)
        tenant_check(message.tenant_id, call.tenant, self._names)
        left, right = side_of("left", message.left), side_of("right", message.right)
        with refusals():
            row, created = await link_make(
                self._engine, self._writer, call, left, right,
                method_of("method", message.method),
                confidence_of(message.confidence if message.HasField("confidence") else 1.0),
                evidence_bytes(message.evidence),
            )  # fmt: skip
        return profiles.LinkIdentifiersResponse(
            link=link_message(row), created=created
        ).SerializeToString()

    async def _unlink(self, request: bytes, call: Call) -> bytes:
        message = parsed(profiles.UnlinkIdentifiersRequest, request)
        tenant_check(message.tenant_id, call.tenant, self._names)
        link_id = link_number("link_id", required("link_id", message.link_id))
        with refusals():
            row = self._engine.link_row(call.tenant, link_id)
            if row is None:
                raise Refused("LINK_NOT_FOUND", "link_id", message.link_id)
            pending = self._engine.unlink(call.tenant, link_id, call.received_us)
        await self._writer.submit(pending)
        # Somebody else may have removed it meanwhile.
        status, _ = self._engine.link_outcome(pending)
        if status:
            raise Refused(reason_name(status), "link_id", message.link_id)
        return profiles.UnlinkIdentifiersResponse(link=link_message(row)).SerializeToString()

    async def _delete(self, request: bytes, call: Call) -> bytes:
        message = parsed(profiles.DeleteProfileRequest, request)
        subject_of(message, call.tenant, self._names)
        raise Refused("NOT_IMPLEMENTED", "method", "DeleteProfile")

    def _group(
        self, tenant: int, subject: Subject
    ) -> tuple[list[tuple[bytes, int]], list[LinkRow]]:
        return self._engine.group(
            tenant, self._engine.subject_id(tenant, subject.type, subject.value)
        )


async def link_make(
    engine: ProfileEngine, writer: Writer, call: Call, left: Side, right: Side, method: int,
    confidence: float, evidence: bytes,
) -> tuple[LinkRow, bool]:  # fmt: skip
    """Links two identifiers; returns the link, and whether this call made it.

    Errors: Refused(LINK_REFUSED); Refusal(IDENTIFIER_INVALID)
    """
    pending = engine.link(call.tenant, left, right, method, confidence, evidence, call.received_us)
    await writer.submit(pending)
    status, link_id = engine.link_outcome(pending)
    if status:
        raise Refused(reason_name(status), "right")
    row = engine.link_row(call.tenant, link_id)
    if row is None:
        # Removed again by another call before it could be read.
        raise Refused("LINK_NOT_FOUND", "right")
    return row, pending.sequence_last == link_id // 16


def _group_fields(links: list[LinkRow]) -> profiles.Profile:
    return profiles.Profile(
        identifiers=[identifier_message(side) for side in sorted(sides_of(links).values())],
        links=[link_message(row) for row in links],
    )


def _recent_event(row: EventRow) -> profiles.RecentEvent:
    sequence, occurred_us, received_us, payload = row
    event = event_pb2.Event.FromString(payload)
    event.occurred_time_us = occurred_us
    return profiles.RecentEvent(sequence=sequence, received_time_us=received_us, event=event)
