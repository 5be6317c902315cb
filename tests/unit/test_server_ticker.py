"""The rhythm that lets time pass, against an engine that keeps timers in a list."""

import asyncio
from collections.abc import Callable
from functools import wraps

import pytest
from kairos_server.errors import Failed, Refused
from kairos_server.ingest import Ticker
from kairos_server.ingest.ticker import TICK_TIMERS_BUSY, TICK_TIMERS_MAX

SECOND = 1_000_000


def on_loop(test):
    """Runs a test on an event loop of its own."""

    @wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


class Engine:
    """Timers by tenant, their due times ascending; a tick is the list of those that it takes."""

    def __init__(self, timers: dict[int, list[int]]) -> None:
        self.timers = timers
        self.event_times: dict[int, int] = {}
        self.sizes: list[int] = []
        self.look_count = 0

    def next_due(self, tenant: int) -> int | None:
        self.look_count += 1
        return min(self.timers[tenant], default=None)

    def event_time(self, tenant: int) -> int:
        return self.event_times[tenant]

    def tick(self, tenant: int, now_us: int, timer_count_max: int = 1000):
        present = self.event_times.get(tenant, now_us)
        due = [one for one in self.timers[tenant] if one <= present][:timer_count_max]
        self.sizes.append(timer_count_max)
        return (tenant, due, now_us) if due else None


class Rig:
    def __init__(self, timers: dict[int, list[int]], event_times: dict[int, int] | None = None):
        self.engine = Engine(timers)
        self.engine.event_times.update(event_times or {})
        self.now_us = 0
        self.fired: list[tuple[int, int, int]] = []
        self.busy = False
        self.errors: list[BaseException] = []
        self.changed = asyncio.Event()
        self.ticker = Ticker(
            self.engine,
            self.submit,
            {tenant: tenant in self.engine.event_times for tenant in timers},
            lambda: self.now_us,
            lambda: self.busy,
        )

    async def submit(self, pending) -> None:
        self.changed.set()
        if self.errors:
            raise self.errors.pop(0)
        tenant, due, now_us = pending
        for one in due:
            self.engine.timers[tenant].remove(one)
            self.fired.append((tenant, one, now_us))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0)


@on_loop
async def test_fires_what_is_due_and_nothing_else() -> None:
    rig = Rig({1: [5, 10, 10 * SECOND], 2: [10]})
    rig.now_us = 10
    rig.ticker.start()
    await rig.until(lambda: len(rig.fired) == 3)
    assert sorted(rig.fired) == [(1, 5, 10), (1, 10, 10), (2, 10, 10)]
    await rig.ticker.stop()
    assert rig.engine.timers == {1: [10 * SECOND], 2: []}


@on_loop
async def test_sleeps_until_the_next_is_due() -> None:
    rig = Rig({1: [SECOND // 20]})
    rig.ticker.start()
    loop = asyncio.get_running_loop()
    started = loop.time()
    # The clock stands while the ticker sleeps: it wakes up by itself, finds nothing due and sleeps
    # again, until the clock has gone on.
    loop.call_later(0.05, setattr, rig, "now_us", SECOND // 20)
    await rig.until(lambda: rig.fired)
    assert loop.time() - started >= 0.05
    assert rig.fired == [(1, SECOND // 20, SECOND // 20)]
    await rig.ticker.stop()


@on_loop
async def test_commit_wakes_it_for_event_time() -> None:
    rig = Rig({7: [100]}, {7: 99})
    rig.now_us = 10**18
    rig.ticker.start()
    await asyncio.sleep(0)
    assert rig.fired == []
    rig.engine.event_times[7] = 100
    rig.ticker.committed()
    await rig.until(lambda: rig.fired)
    await rig.ticker.stop()
    assert rig.fired == [(7, 100, 10**18)]


@on_loop
async def test_clock_that_goes_back_fires_nothing_early() -> None:
    rig = Rig({1: [50, 60]})
    rig.now_us = 55
    rig.ticker.start()
    await rig.until(lambda: rig.fired)
    rig.now_us = 10
    seen = rig.engine.look_count
    rig.ticker.committed()
    await rig.until(lambda: rig.engine.look_count > seen)
    assert rig.fired == [(1, 50, 55)]
    rig.now_us = 60
    rig.ticker.committed()
    await rig.until(lambda: len(rig.fired) == 2)
    await rig.ticker.stop()


@on_loop
async def test_ticks_are_small_while_events_wait() -> None:
    rig = Rig({1: [1] * 250})
    rig.now_us, rig.busy = 1, True
    rig.ticker.start()
    await rig.until(lambda: len(rig.fired) == 250)
    assert set(rig.engine.sizes) == {TICK_TIMERS_BUSY}
    assert rig.ticker.tick_count == 3
    rig.busy, rig.engine.timers[1] = False, [2]
    rig.now_us = 2
    rig.ticker.committed()
    await rig.until(lambda: len(rig.fired) == 251)
    assert rig.engine.sizes[-1] == TICK_TIMERS_MAX
    await rig.ticker.stop()


@on_loop
async def test_lag_is_that_of_the_timer_that_waits_longest() -> None:
    rig = Rig({1: [100], 2: [400]})
    rig.now_us = 1000
    rig.errors = [Refused("QUEUE_FULL"), Refused("QUEUE_FULL")]
    rig.ticker.start()
    await rig.until(lambda: rig.ticker.lag_us > 0)
    assert rig.ticker.lag_us == 900
    values = {reading.name: reading.value for reading in rig.ticker.readings()}
    assert values == {"kairos_ticks": 0, "kairos_timer_lag_seconds": 900 / 1e6}
    await rig.ticker.stop()


@on_loop
async def test_refused_tick_is_tried_again(caplog: pytest.LogCaptureFixture, monkeypatch) -> None:
    monkeypatch.setattr("kairos_server.ingest.ticker.RETRY_S", 0.001)
    rig = Rig({1: [1]})
    rig.now_us = 1
    rig.errors = [Refused("DISK_FULL"), Refused("DISK_FULL")]
    rig.ticker.start()
    await rig.until(lambda: rig.fired)
    await rig.ticker.stop()
    assert [record.getMessage() for record in caplog.records] == ["ticks are refused"]


@on_loop
async def test_ends_with_the_writer() -> None:
    rig = Rig({1: [1]})
    rig.now_us = 1
    rig.errors = [Failed()]
    rig.ticker.start()
    await rig.until(rig.changed.is_set)
    await rig.ticker.stop()
    assert rig.fired == []
