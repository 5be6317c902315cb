"""Takes checkpoints while the server runs, so that a rebuild of the view starts
near the log's end.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

_LOG = logging.getLogger("kairos.checkpointer")


class CheckpointEngine(Protocol):
    """What the checkpointer needs of kairos_native.engine.Engine."""

    def checkpoint(self, stop: Callable[[], bool] | None = None) -> str | None:
        """Writes a verified checkpoint; None when it was stopped; see engine.pyi."""
        ...

    def figures(self) -> Mapping[str, int]:
        """Counters; see engine.pyi."""
        ...


class Checkpointer:
    """A checkpoint every interval in which the log grew.

    Threads: lives on the event loop; the copying runs on a thread of the loop's pool, beside the
    writer. A checkpoint that fails is logged and tried again after the next interval: the log
    alone suffices for a rebuild, it only takes longer.
    """

    def __init__(self, engine: CheckpointEngine, interval_s: float) -> None:
        self._engine = engine
        self._interval_s = interval_s
        self._stop = asyncio.Event()
        self._stopping = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._position = engine.figures()["applied_sequence"]

    def start(self) -> None:
        """Starts the rhythm; an interval of 0 takes no checkpoints."""
        if self._interval_s > 0:
            self._task = asyncio.create_task(self._run(), name="kairos-checkpointer")

    async def stop(self) -> None:
        """Ends the rhythm and gives up a checkpoint under way, within the time of
        one range (25 ms).
        """
        self._stop.set()
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._stop.wait()
            except TimeoutError:
                await self._take()

    async def _take(self) -> None:
        position = self._engine.figures()["applied_sequence"]
        if position == self._position:
            return
        started = time.monotonic()
        try:
            path = await asyncio.to_thread(self._engine.checkpoint, self._stopping.is_set)
        except Exception as error:
            _LOG.warning("checkpoint failed", extra={"reason": str(error)})
            return
        if path is not None:
            self._position = position
            _LOG.info(
                "checkpoint",
                extra={"position": position, "took_ms": round((time.monotonic() - started) * 1e3)},
            )
