"""What is measured by looking again and again: lag of the event loop, pauses of the garbage
collector, the wall clock, the steps of the windows.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from typing import Final

from kairos_server.clock import Clock
from kairos_server.telemetry import Reading, Telemetry
from kairos_server.windows import Windows

INTERVAL_S: Final = 0.25
"""Four wake-ups a second: a stall of the event loop of 0.25 s or more is always seen, shorter ones
in proportion.
"""


class Sampler:
    """A rhythm on the event loop.

    Owns: its timer and its callback of the garbage collector, from `start` to `stop`.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        windows: Windows,
        clock: Clock,
        anchored: Callable[[int], None],
    ) -> None:
        self._telemetry = telemetry
        self._windows = windows
        self._clock = clock
        self._anchored = anchored
        self._timer: asyncio.TimerHandle | None = None
        self._gc_started_ns = 0
        self._started_s = time.monotonic()
        self._cpu_s = time.thread_time()

    def start(self) -> None:
        """Starts the rhythm on the running loop."""
        gc.callbacks.append(self._collected)
        self._telemetry.register(self.readings)
        self._plan()

    def stop(self) -> None:
        """Ends it. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._collected in gc.callbacks:
            gc.callbacks.remove(self._collected)

    def readings(self) -> Iterator[Reading]:
        """Yields what is known here."""
        yield Reading("kairos_uptime_seconds", time.monotonic() - self._started_s)
        yield Reading("kairos_loop_cpu_seconds", self._cpu_s)
        yield Reading("kairos_clock_offset_seconds", self._clock.offset_us() / 1e6)

    def _plan(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + INTERVAL_S
        self._timer = loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        late_s = asyncio.get_running_loop().time() - due
        self._telemetry.loop_lag.observe(int(late_s * 1e9))
        self._cpu_s = time.thread_time()
        # The core measures processing times by the same present, also while it is being corrected.
        self._anchored(self._clock.steady_offset_us())
        self._windows.tick()
        self._plan()

    def _collected(self, phase: str, _info: dict[str, int]) -> None:
        # Runs in whichever thread collects; all others wait for it, so that one start is enough.
        now_ns = time.perf_counter_ns()
        if phase == "start":
            self._gc_started_ns = now_ns
        elif self._gc_started_ns:
            self._telemetry.gc_pause.observe(now_ns - self._gc_started_ns)
