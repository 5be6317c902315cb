"""The cross-device calls of kairos.v1.ProfileService: sessions linked, devices side by side."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from kairos.v1 import event_pb2
from kairos.v1 import profile_service_pb2 as profiles
from kairos_native.engine import Refusal

from kairos_server.errors import Refused, refused_by_engine
from kairos_server.ingest import Writer
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.guard import refusals
from kairos_server.rpc.link_messages import (
    Side,
    confidence_of,
    evidence_bytes,
    identifier_message,
    link_name,
    method_of,
    sides_of,
)
from kairos_server.rpc.profile_service import SERVICE, ProfileEngine, link_make
from kairos_server.rpc.requests import parsed, required
from kairos_server.rpc.subjects import USER, TenantNames, tenant_check

HOUR_US: Final = 3_600_000_000
_SESSION = event_pb2.IDENTIFIER_TYPE_SESSION
_DEVICES: Final = frozenset(
    {event_pb2.IDENTIFIER_TYPE_DEVICE, _SESSION, event_pb2.IDENTIFIER_TYPE_ANONYMOUS}
)
"""Identifiers that stand for a device rather than for the person."""


class DeviceEngine(ProfileEngine, Protocol):
    """What these calls need of kairos_native.engine.Engine; see engine.pyi."""

    def score_names(self, tenant: int) -> list[str]: ...


class DeviceService:
    """Handlers of the cross-device calls."""

    def __init__(self, engine: DeviceEngine, writer: Writer, names: TenantNames) -> None:
        self._engine = engine
        self._writer = writer
        self._names = names

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        handlers = {"LinkDevices": self._link, "GetDeviceSync": self._sync}
        return tuple(
            Method(f"/{SERVICE}/{name}", Kind.UNARY, unary=handler)
            for name, handler in handlers.items()
        )

    async def _link(self, request: bytes, call: Call) -> bytes:
        message = parsed(profiles.LinkDevicesRequest, request)
        tenant_check(message.tenant_id, call.tenant, self._names)
        primary = (_SESSION, required("primary_session_id", message.primary_session_id).encode())
        secondary = (
            _SESSION, required("secondary_session_id", message.secondary_session_id).encode(),
        )  # fmt: skip
        with refusals():
            # The two sides as they were before: afterwards they are one.
            before = [await self._events(call.tenant, side) for side in (primary, secondary)]
            scores = [self._scores(call, side, whole=True) for side in (primary, secondary)]
            row, _ = await link_make(
                self._engine, self._writer, call, primary, secondary,
                method_of("linking_method", message.linking_method),
                confidence_of(message.confidence if message.HasField("confidence") else 1.0),
                evidence_bytes(message.evidence),
            )  # fmt: skip
        unified = profiles.UnifiedProfile(
            primary_device=_device_type(before[0]), secondary_device=_device_type(before[1])
        )
        profile = self._profile(call, primary, whole=True)
        if profile is not None:
            unified.profile.CopyFrom(profile)
        return profiles.LinkDevicesResponse(
            linking_id=link_name(row[0]),
            linked=True,
            continuity=_continuity(before[0], before[1], scores[0], scores[1]),
            unified_profile=unified,
        ).SerializeToString()

    async def _sync(self, request: bytes, call: Call) -> bytes:
        message = parsed(profiles.GetDeviceSyncRequest, request)
        tenant_check(message.tenant_id, call.tenant, self._names)
        user = (USER, required("user_id", message.user_id).encode())
        with refusals():
            own = self._engine.subject_id(call.tenant, *user)
            _, links = self._engine.group(call.tenant, own)
            if self._profile(call, user, whole=True) is None:
                raise Refused("SUBJECT_NOT_FOUND", "user_id")
            found = [
                (member, await self._recent(call.tenant, [subject_id]))
                for subject_id, member in sides_of(links).items()
                if member[0] in _DEVICES
            ]
        devices = [self._device(call, side, events) for side, events in found if events]
        devices.sort(key=lambda device: (-device.last_activity_time_us, device.device_id))
        received = [recent.received_time_us for _, events in found for recent in events]
        return profiles.GetDeviceSyncResponse(
            user_id=message.user_id,
            devices=devices,
            synchronization=profiles.Synchronization(
                last_sync_time_us=max(received, default=0), current=True
            ),
        ).SerializeToString()

    def _device(
        self, call: Call, side: Side, events: Sequence[profiles.RecentEvent]
    ) -> profiles.DeviceState:
        profile = self._profile(call, side, whole=False)
        return profiles.DeviceState(
            device_id=side[1].decode(),
            identifier_type=identifier_message(side).type,
            device_type=_device_type(events),
            last_activity_time_us=profile.last_seen_time_us if profile is not None else 0,
            page=next((r.event.url for r in _by_time(events) if r.event.url), ""),
            scores=self._score_features(call.tenant, profile),
        )

    def _profile(self, call: Call, side: Side, *, whole: bool) -> profiles.Profile | None:
        try:
            answer = self._engine.profile(
                call.tenant, side[1], None, call.received_us, identifier_type=side[0], whole=whole
            )
        except Refusal as refusal:
            refused = refused_by_engine(refusal.status, refusal.field, refusal.seen)
            if refused.reason == "SUBJECT_NOT_FOUND":
                return None
            raise refused from None
        return profiles.GetProfileResponse.FromString(answer).profile

    def _score_features(
        self, tenant: int, profile: profiles.Profile | None
    ) -> list[profiles.Feature]:
        names = frozenset(self._engine.score_names(tenant))
        return [f for f in profile.features if f.name in names] if profile is not None else []

    def _scores(self, call: Call, side: Side, *, whole: bool) -> dict[str, float]:
        found = self._score_features(call.tenant, self._profile(call, side, whole=whole))
        return {feature.name: feature.value.double_value for feature in found}

    async def _events(self, tenant: int, side: Side) -> list[profiles.RecentEvent]:
        own = self._engine.subject_id(tenant, *side)
        members = [member for member, _ in self._engine.group(tenant, own)[0]] or [own]
        return await self._recent(tenant, members)

    async def _recent(self, tenant: int, members: list[bytes]) -> list[profiles.RecentEvent]:
        sequences = [sequence for sequence, _ in self._engine.recent(tenant, members)]
        rows = await asyncio.to_thread(self._engine.log_events, sequences)
        found = []
        for sequence, occurred_us, received_us, payload in rows:
            event = event_pb2.Event.FromString(payload)
            event.occurred_time_us = occurred_us
            found.append(
                profiles.RecentEvent(sequence=sequence, received_time_us=received_us, event=event)
            )
        return found


def _by_time(events: Sequence[profiles.RecentEvent]) -> list[profiles.RecentEvent]:
    return sorted(events, key=lambda r: (r.event.occurred_time_us, r.sequence), reverse=True)


def _device_type(events: Sequence[profiles.RecentEvent]) -> event_pb2.DeviceType:
    kinds = (recent.event.device_type for recent in _by_time(events))
    return next((kind for kind in kinds if kind), event_pb2.DEVICE_TYPE_UNSPECIFIED)


def _continuity(
    first: Sequence[profiles.RecentEvent],
    second: Sequence[profiles.RecentEvent],
    scores: dict[str, float],
    others: dict[str, float],
) -> profiles.Continuity:
    result = profiles.Continuity()
    shared = scores.keys() & others.keys()
    if first and second:
        result.behavior_continuity = _cosine(
            Counter(recent.event.event_type for recent in first),
            Counter(recent.event.event_type for recent in second),
        )
        result.contextual_continuity = (_pages_shared(first, second) + _nearness(first, second)) / 2
        if shared:
            apart = sum(abs(scores[name] - others[name]) for name in shared) / len(shared)
            result.intent_continuity = max(0.0, 1.0 - apart)
    return result


def _cosine(left: Counter[str], right: Counter[str]) -> float:
    product = sum(count * right[name] for name, count in left.items())
    norms = math.sqrt(sum(c * c for c in left.values()) * sum(c * c for c in right.values()))
    return min(1.0, product / norms)


def _pages_shared(
    first: Sequence[profiles.RecentEvent], second: Sequence[profiles.RecentEvent]
) -> float:
    """Pages that both sides visited among those that any did; 0 where there are none."""
    left, right = ({urlsplit(r.event.url).path for r in s if r.event.url} for s in (first, second))
    return len(left & right) / len(left | right) if left | right else 0.0


def _nearness(
    first: Sequence[profiles.RecentEvent], second: Sequence[profiles.RecentEvent]
) -> float:
    """1 where the two sides' times overlap, 1/2 an hour apart, 1/3 two hours apart, and so on."""
    spans = []
    for side in (first, second):
        times = [recent.event.occurred_time_us for recent in side]
        spans.append((min(times), max(times)))
    gap_us = max(0, spans[0][0] - spans[1][1], spans[1][0] - spans[0][1])
    return 1 / (1 + gap_us / HOUR_US)
