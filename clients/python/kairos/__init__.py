"""Client of the Kairos decision server.

    import kairos

    with kairos.Client("127.0.0.1:50051", api_key) as client:
        client.ingest(kairos.event("page_view", "ada", {"timeOnPage": 45_000}))
        decision = client.decide("ada", "homepage_hero", device="mobile")

`kairos.aio.Client` is the same for asyncio. Messages of the contract are in `kairos.v1`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kairos import aio
    from kairos.client import Client
    from kairos.connection import Tls
    from kairos.delivery import Refused
    from kairos.errors import (
        AlreadyExists,
        Cancelled,
        Conflict,
        DeadlineExceeded,
        FailedPrecondition,
        InvalidRequest,
        KairosError,
        NotFound,
        Overloaded,
        PermissionDenied,
        ServerFailed,
        Unauthenticated,
        Unavailable,
        Unimplemented,
        Violation,
    )
    from kairos.policy import Retries
    from kairos.producer import Producer, ProducerStats, QueueFull
    from kairos.queue_file import QueueDamaged, QueueInUse
    from kairos.values import Money, attributes, event, time_us, values_of
    from kairos.worker import EffectWorker, GiveUp, TryLater

__all__ = [
    "AlreadyExists", "Cancelled", "Client", "Conflict", "DeadlineExceeded", "EffectWorker",
    "FailedPrecondition", "GiveUp", "InvalidRequest", "KairosError", "Money", "NotFound",
    "Overloaded", "PermissionDenied", "Producer", "ProducerStats", "QueueDamaged", "QueueFull",
    "QueueInUse", "Refused", "Retries", "ServerFailed", "Tls", "TryLater", "Unauthenticated",
    "Unavailable", "Unimplemented", "Violation", "aio", "attributes", "event", "time_us",
    "values_of",
]  # fmt: skip

_ERRORS = (
    "AlreadyExists", "Cancelled", "Conflict", "DeadlineExceeded", "FailedPrecondition",
    "InvalidRequest", "KairosError", "NotFound", "Overloaded", "PermissionDenied", "ServerFailed",
    "Unauthenticated", "Unavailable", "Unimplemented", "Violation",
)  # fmt: skip
_HOMES = {
    **dict.fromkeys(_ERRORS, "kairos.errors"),
    **dict.fromkeys(("Money", "attributes", "event", "time_us", "values_of"), "kairos.values"),
    **dict.fromkeys(("Producer", "ProducerStats", "QueueFull"), "kairos.producer"),
    **dict.fromkeys(("QueueDamaged", "QueueInUse"), "kairos.queue_file"),
    **dict.fromkeys(("EffectWorker", "GiveUp", "TryLater"), "kairos.worker"),
    "Client": "kairos.client",
    "Refused": "kairos.delivery",
    "Retries": "kairos.policy",
    "Tls": "kairos.connection",
}


# Who needs messages only, such as the server, does not load gRPC and every service for them.
def __getattr__(name: str) -> Any:
    if name == "aio":
        return import_module("kairos.aio")
    if name not in _HOMES:
        raise AttributeError(f"module `kairos` has no attribute `{name}`")
    return getattr(import_module(_HOMES[name]), name)
