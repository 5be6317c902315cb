"""The server's present: advances with elapsed time, never with what somebody sets the wall clock
to. See docs/adr/0026-clock-metrics-streams.md.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_LOG = logging.getLogger("kairos.clock")
SLEW_PPM_MAX: Final = 500
"""Greatest correction, in microseconds per second: what NTP allows itself too."""
SLEW_US: Final = 1_000_000
"""A correction is planned for so long at most; then the wall clock is read again."""
LOOK_US: Final = 100_000
"""The wall clock is read at most this often."""
STEP_US_MAX: Final = 2_000_000
"""Largest difference that is corrected. A leap second is below it; a person who sets the clock, a
virtual machine's host that corrects it, or a wrong time server is above it, and is only reported.
"""


@dataclass(frozen=True, slots=True)
class _Line:
    """The present as a line over steady time, until the wall clock is read again."""

    steady_us: int
    now_us: int
    slew_ppm: int

    def at(self, steady_us: int) -> int:
        """Returns the time at a steady time not before the line's begin.

        Elapsed time enters whole and the correction is at most 1/2000 of it, so that the result
        never decreases.
        """
        elapsed = steady_us - self.steady_us
        return self.now_us + elapsed + min(elapsed, SLEW_US) * self.slew_ppm // 1_000_000


class Clock:
    """Microseconds since 1970-01-01 UTC that never go back and never jump.

    Anchored to the wall clock once, when it is made; then carried by CLOCK_BOOTTIME, which counts
    time in suspend and which nobody can set. A wall clock that is at most STEP_US_MAX away is
    approached by at most SLEW_PPM_MAX; one further away is reported and ignored until it comes
    back or the process starts again.

    Threads: any. Cost: one system call without a switch, one uncontended lock.
    """

    def __init__(
        self,
        wall_us: Callable[[], int] | None = None,
        steady_us: Callable[[], int] | None = None,
    ) -> None:
        self._wall_us = wall_us or _wall_us
        self._steady_us = steady_us or _steady_us
        self._lock = threading.Lock()
        self._line = _Line(self._steady_us(), self._wall_us(), 0)
        self._started_us = self._line.steady_us
        self._stepped = False

    def now_us(self) -> int:
        """Returns the present."""
        with self._lock:
            steady = self._steady_us()
            line = self._line
            now = line.at(steady)
            if steady - line.steady_us >= LOOK_US:
                self._line = _Line(steady, now, self._slew_ppm(self._wall_us() - now))
            return now

    def elapsed_us(self) -> int:
        """Returns the time since the clock was made, free of every correction."""
        return self._steady_us() - self._started_us

    def offset_us(self) -> int:
        """Returns how far the wall clock is ahead of the present; negative: behind."""
        return self._wall_us() - self.now_us()

    def steady_offset_us(self) -> int:
        """Returns what is to be added to CLOCK_BOOTTIME for the present."""
        return self.now_us() - self._steady_us()

    def _slew_ppm(self, difference_us: int) -> int:
        stepped = abs(difference_us) > STEP_US_MAX
        if stepped is not self._stepped:
            self._stepped = stepped
            extra = {"offset_s": round(difference_us / 1e6, 3)}
            if stepped:
                _LOG.warning("wall clock was set and is not followed", extra=extra)
            else:
                _LOG.info("wall clock is back", extra=extra)
        if stepped:
            return 0
        # Proportional near the aim, so that it is approached and not overshot.
        wanted = difference_us * 1_000_000 // SLEW_US
        return max(-SLEW_PPM_MAX, min(SLEW_PPM_MAX, wanted))


def _wall_us() -> int:
    return time.time_ns() // 1000


def _steady_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
