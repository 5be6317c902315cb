"""The log of slow calls: which method, how long, in which stage; never for whom."""

import logging
import time
from collections.abc import Callable
from typing import Final

from kairos_server.stages import Stages

_LOG = logging.getLogger("kairos.slow")
BURST: Final = 5
"""So many lines may come at once after a quiet time."""


class SlowCalls:
    """Writes a line for calls above a threshold, at most so many a second.

    What the rate keeps back is counted and told with the next line, so that a flood of slow calls
    is seen as one without a flood of lines.
    Units: threshold in milliseconds, 0: no lines; rate in lines per second.
    """

    def __init__(
        self,
        threshold_ms: float,
        rate: float,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold_ns = int(threshold_ms * 1e6)
        self._rate = rate
        self._steady_s = steady_s
        self._tokens = float(BURST)
        self._filled_s = steady_s()
        self._held_count = 0

    def done(self, method: str, outcome: str, latency_ns: int, size: int, stages: Stages) -> None:
        """Takes note of one call. Cost below the threshold: one comparison."""
        if not self._threshold_ns or latency_ns < self._threshold_ns:
            return
        now_s = self._steady_s()
        self._tokens = min(float(BURST), self._tokens + (now_s - self._filled_s) * self._rate)
        self._filled_s = now_s
        if self._tokens < 1.0:
            self._held_count += 1
            return
        self._tokens -= 1.0
        _LOG.warning(
            "slow call",
            extra={
                "method": method,
                "outcome": outcome,
                "took_us": latency_ns // 1000,
                "request_bytes": size,
                "held_back": self._held_count,
                **stages.figures(),
            },
        )
        self._held_count = 0
