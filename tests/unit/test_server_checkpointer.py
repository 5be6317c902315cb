"""The rhythm of checkpoints: when one is due, when not, and that a stop does not
wait for a long one.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping

from kairos_server.ingest import Checkpointer


class FakeEngine:
    """Counts checkpoints; a slow one runs until it is told to stop."""

    def __init__(self, slow: bool = False) -> None:
        self.position = 5
        self.taken: list[int] = []
        self.began = threading.Event()
        self.given_up = False
        self.slow = slow
        self.fails = 0

    def figures(self) -> Mapping[str, int]:
        return {"applied_sequence": self.position}

    def checkpoint(self, stop: Callable[[], bool] | None = None) -> str | None:
        self.began.set()
        if self.fails:
            self.fails -= 1
            raise OSError("disk full")
        while self.slow:
            if stop is not None and stop():
                self.given_up = True
                return None
        self.taken.append(self.position)
        return "folder"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


def test_takes_one_only_when_the_log_grew() -> None:
    async def run() -> None:
        engine = FakeEngine()
        checkpointer = Checkpointer(engine, 0.002)
        checkpointer.start()
        engine.position = 6
        await until(lambda: engine.taken == [6])
        await asyncio.sleep(0.02)
        assert engine.taken == [6]
        engine.position = 9
        await until(lambda: engine.taken == [6, 9])
        await checkpointer.stop()

    asyncio.run(run())


def test_a_failed_one_is_tried_again() -> None:
    async def run() -> None:
        engine = FakeEngine()
        engine.fails = 2
        checkpointer = Checkpointer(engine, 0.002)
        checkpointer.start()
        engine.position = 7
        await until(lambda: engine.taken == [7])
        await checkpointer.stop()

    asyncio.run(run())


def test_a_stop_gives_up_one_under_way() -> None:
    async def run() -> None:
        engine = FakeEngine(slow=True)
        checkpointer = Checkpointer(engine, 0.002)
        checkpointer.start()
        engine.position = 7
        await until(engine.began.is_set)
        async with asyncio.timeout(20):
            await checkpointer.stop()
        assert engine.given_up
        assert engine.taken == []

    asyncio.run(run())


def test_an_interval_of_zero_takes_none() -> None:
    async def run() -> None:
        engine = FakeEngine()
        checkpointer = Checkpointer(engine, 0)
        checkpointer.start()
        engine.position = 7
        await asyncio.sleep(0.01)
        await checkpointer.stop()
        assert engine.taken == []

    asyncio.run(run())
