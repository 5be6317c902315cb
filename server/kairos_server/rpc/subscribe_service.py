"""kairos.v1.SubscribeService: a bounded buffer per reader, heartbeats, an end when draining."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from kairos.v1 import event_pb2
from kairos.v1 import subscribe_service_pb2 as contract

from kairos_server.errors import Refused
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.requests import parsed
from kairos_server.streams import (
    Behind,
    Ended,
    Subscription,
    SubscriptionFilter,
    SubscriptionHub,
)

SERVICE: Final = "kairos.v1.SubscribeService"
HEARTBEAT_S_DEFAULT: Final = 15
HEARTBEAT_S_MAX: Final = 300
COUNTS_MAX: Final = {
    "subject_ids": 1_000,
    "session_ids": 1_000,
    "event_types": 100,
    "trigger_ids": 1_000,
}
PATHS_MAX: Final = 64
# Two stub packages name the type of a descriptor differently.
_EVENT: Final[Any] = event_pb2.Event.DESCRIPTOR


class SubscribeService:
    """Streams what the hub tells."""

    def __init__(self, hub: SubscriptionHub, clock_us: Callable[[], int]) -> None:
        self._hub = hub
        self._clock_us = clock_us

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        return (Method(f"/{SERVICE}/Subscribe", Kind.SERVER_STREAM, stream=self._subscribe),)

    async def _subscribe(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        message = parsed(contract.SubscribeRequest, await anext(aiter(requests), b""))
        request_check(message)
        subscription = Subscription(
            call.tenant, SubscriptionFilter.of(message), gapless=message.gapless
        )
        heartbeat_s = message.heartbeat_seconds or HEARTBEAT_S_DEFAULT
        try:
            self._hub.add(subscription)
            yield self._message(started=contract.SubscriptionStarted())
            while True:
                found = await subscription.next(heartbeat_s)
                yield found or self._message(heartbeat=contract.SubscriptionHeartbeat())
        except Behind:
            raise Refused("STREAM_BEHIND") from None
        except Ended:
            raise Refused("DRAINING") from None
        finally:
            self._hub.remove(subscription)

    def _message(
        self,
        started: contract.SubscriptionStarted | None = None,
        heartbeat: contract.SubscriptionHeartbeat | None = None,
    ) -> bytes:
        return contract.SubscribeResponse(
            sequence=self._hub.sequence,
            time_us=self._clock_us(),
            started=started,
            heartbeat=heartbeat,
        ).SerializeToString()


def request_check(message: contract.SubscribeRequest) -> None:
    """Raises Refused for a request that breaks a rule of the contract."""
    for name, most in COUNTS_MAX.items():
        count = len(getattr(message, name))
        if count > most:
            raise Refused("FIELD_INVALID", name, f"{count} values")
    known = contract.SubscriptionKind.values()
    for index, kind in enumerate(message.kinds):
        if kind == contract.SUBSCRIPTION_KIND_UNSPECIFIED or kind not in known:
            raise Refused("FIELD_INVALID", f"kinds[{index}]", str(kind))
    if message.heartbeat_seconds > HEARTBEAT_S_MAX:
        raise Refused("FIELD_INVALID", "heartbeat_seconds", str(message.heartbeat_seconds))
    if (
        contract.SUBSCRIPTION_KIND_ENGAGEMENT_METRICS in message.kinds
        and not message.subject_ids
        and not message.session_ids
    ):
        raise Refused("FIELD_REQUIRED", "subject_ids")
    paths = message.read_mask.paths
    if len(paths) > PATHS_MAX:
        raise Refused("FIELD_MASK_INVALID", "read_mask", f"{len(paths)} paths")
    for path in paths:
        if not FieldMask(paths=[path]).IsValidForDescriptor(_EVENT):
            raise Refused("FIELD_MASK_INVALID", "read_mask", path)
