"""Lets time pass: asks when the next timer is due, and puts a tick into the log when it is."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, Protocol

from kairos_native.engine import LIMITS, Pending

from kairos_server.errors import Failed, Refused
from kairos_server.telemetry import Reading

_LOG = logging.getLogger("kairos.ticker")
TICK_TIMERS_MAX: Final = LIMITS["tick_timers_max"]
TICK_TIMERS_BUSY: Final = 100
"""Timers of one tick while events wait: they go between ticks, and wait for this many at most."""
GAP_S: Final = 0.02
"""Commits are followed at most this often; a timer that an event arms is due later than that."""
LOOK_S_MAX: Final = 1.0
"""Longest sleep: the present may be corrected meanwhile, by at most 500 us in this time."""
RETRY_S: Final = 1.0


class TickerEngine(Protocol):
    """What the ticker needs of kairos_native.engine.Engine; see engine.pyi."""

    def next_due(self, tenant: int) -> int | None:
        """When the tenant's timers want to be looked at next."""
        ...

    def event_time(self, tenant: int) -> int:
        """The present of an event-time tenant."""
        ...

    def tick(self, tenant: int, now_us: int, timer_count_max: int = ...) -> Pending | None:
        """The record that has the next timers looked at."""
        ...


class Ticker:
    """Keeps timers on time: those of live tenants by the clock, those of event-time tenants by
    their events.

    A tick decides nothing: what a timer does follows from the log, and an event of the subject
    itself is as good as a tick. A late tick makes effects late and changes none.

    Threads: lives on the event loop.
    """

    def __init__(
        self,
        engine: TickerEngine,
        submit: Callable[[Pending], Awaitable[None]],
        tenants: Mapping[int, bool],
        clock_us: Callable[[], int],
        busy: Callable[[], bool],
    ) -> None:
        """`tenants`: number -> whether it runs on event time; `busy`: whether events wait."""
        self._engine = engine
        self._submit = submit
        self._tenants = tenants
        self._clock_us = clock_us
        self._busy = busy
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused = False
        self.tick_count = 0
        self.lag_us = 0
        """How long the timer that is due longest has waited, when it was last looked at."""

    def start(self) -> None:
        """Starts the rhythm."""
        self._task = asyncio.create_task(self._run(), name="kairos-ticker")

    async def stop(self) -> None:
        """Ends the rhythm; a tick under way is waited for. Idempotent."""
        self._stop.set()
        self._wake.set()
        if self._task is not None:
            await self._task

    def committed(self) -> None:
        """Tells that events may have armed timers, or moved event time on."""
        self._wake.set()

    def readings(self) -> Iterator[Reading]:
        """Yields what metrics show."""
        yield Reading("kairos_ticks", self.tick_count)
        yield Reading("kairos_timer_lag_seconds", self.lag_us / 1e6)

    async def _run(self) -> None:
        with contextlib.suppress(Failed):
            # Failed: the writer has ended, and the process ends with it.
            while not self._stop.is_set():
                self._wake.clear()
                await self._sleep(await self._round())

    async def _round(self) -> float:
        """Looks at every tenant once, with one tick at most. Returns how long nothing is due, s."""
        wait_s, lag_us = LOOK_S_MAX, 0
        for tenant, event_time in self._tenants.items():
            due_us = self._engine.next_due(tenant)
            if due_us is None:
                continue
            now_us = self._clock_us()
            present_us = self._engine.event_time(tenant) if event_time else now_us
            if due_us <= present_us:
                lag_us = max(lag_us, present_us - due_us)
                wait_s = min(wait_s, await self._tick(tenant, now_us))
            elif not event_time:
                wait_s = min(wait_s, (due_us - present_us) / 1e6)
            if self._stop.is_set():
                break
        self.lag_us = lag_us
        return wait_s

    async def _tick(self, tenant: int, now_us: int) -> float:
        """Returns how long to wait for the next, s."""
        count_max = TICK_TIMERS_BUSY if self._busy() else TICK_TIMERS_MAX
        pending = self._engine.tick(tenant, now_us, count_max)
        if pending is None:
            return 0.0
        try:
            await self._submit(pending)
        except Refused as refused:
            if not self._refused:
                _LOG.warning("ticks are refused", extra={"reason": refused.reason})
            self._refused = True
            return RETRY_S
        self._refused = False
        self.tick_count += 1
        return 0.0

    async def _sleep(self, wait_s: float) -> None:
        if wait_s <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(wait_s, GAP_S)):
                await self._stop.wait()
