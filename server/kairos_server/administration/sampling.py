"""The rhythm in which the firings of triggers are sampled."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from kairos_server.errors import Failed, Refused

from .firings import Firings

_LOG = logging.getLogger("kairos.firings")
SAMPLE_S: Final = 60.0


class FiringSampler:
    """Samples every tenant once a minute, and once more when it stops.

    Threads: the event loop's. A sample that the disk refuses is logged; the next one covers its
    time too, because samples are differences of counters that the core keeps.
    """

    def __init__(
        self,
        firings: Firings,
        tenants: Sequence[int],
        clock_us: Callable[[], int],
        interval_s: float = SAMPLE_S,
    ) -> None:
        self._firings = firings
        self._tenants = tuple(tenants)
        self._clock_us = clock_us
        self._interval_s = interval_s
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the rhythm with a first sample, from which the next ones count."""
        self._task = asyncio.create_task(self._run(), name="kairos-firings")

    async def stop(self) -> None:
        """Takes a last sample and ends the rhythm."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            await self._take()
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._stop.wait()
            except TimeoutError:
                continue
        await self._take()

    async def _take(self) -> None:
        for tenant in self._tenants:
            try:
                await self._firings.sample(tenant, self._clock_us())
            except (Refused, Failed) as refused:
                _LOG.warning("firings not sampled", extra={"reason": refused.reason})
