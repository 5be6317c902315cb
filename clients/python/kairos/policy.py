"""How long calls may take, and which are tried again."""

import json
import random
from dataclasses import dataclass
from typing import Final

from kairos.errors import KairosError, Overloaded
from kairos.v1.methods import METHODS

TIMEOUT_S: Final = 30.0
TIMEOUTS_S: Final = {
    # Somebody waits for a page to be shown.
    "Decide": 2.0,
    "Evaluate": 2.0,
    "GetProfile": 5.0,
    "Ingest": 10.0,
}
"""Deadlines by the method's last name; every other method has TIMEOUT_S, streams have none."""
TRIES_MAX: Final = 5
"""Of one call, by the library when the server is unavailable; 5 is the most that it allows."""
PAUSE_S_MIN: Final = 0.1
PAUSE_S_MAX: Final = 2.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is made again after RESOURCE_EXHAUSTED, within its deadline. The library
    does not read the delay that the server asks for, so that this is done here.
    """

    count_max: int = 8
    pause_s_max: float = 5.0

    def pause_s(self, failure: KairosError, count: int, remaining_s: float) -> float | None:
        """Returns how long to wait before call number `count` + 1; None: give up.

        The server's delay doubles with each refusal, and is drawn between once and one and a half
        times, so that clients that were refused together do not come back together.
        """
        if not isinstance(failure, Overloaded) or failure.retry_after is None:
            return None
        pause_s: float = min(failure.retry_after * 2**count, self.pause_s_max)
        # Drawn to spread load; no secret depends on it.
        pause_s *= random.uniform(1.0, 1.5)  # noqa: S311
        return pause_s if count < self.count_max and pause_s < remaining_s else None


def timeout_s(method: str) -> float:
    """Returns the default deadline of a unary method."""
    return TIMEOUTS_S.get(method.rpartition("/")[2], TIMEOUT_S)


def repeatable(method: str) -> bool:
    """True when a call whose outcome is not known may be made again, by the words of the contract:
    it only reads, or the server recognises the repeat, by `request_id`, by event ids (the client
    fills in both), or by its content.
    """
    return METHODS[method]


def service_config() -> str:
    """Returns the gRPC service config: repeatable methods are tried again while the server is
    unavailable, which also covers a restart of it.
    """
    names = []
    for method in METHODS:
        if repeatable(method):
            _, service, name = method.split("/")
            names.append({"service": service, "method": name})
    retry = {
        "maxAttempts": TRIES_MAX,
        "initialBackoff": f"{PAUSE_S_MIN}s",
        "maxBackoff": f"{PAUSE_S_MAX}s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    # When most calls fail, the library stops trying again until enough succeed.
    throttling = {"maxTokens": 100, "tokenRatio": 0.1}
    return json.dumps(
        {"methodConfig": [{"name": names, "retryPolicy": retry}], "retryThrottling": throttling}
    )
