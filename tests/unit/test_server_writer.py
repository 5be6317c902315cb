"""The queue and the writer thread: order, bounds, groups, cancellation, failure."""

import asyncio
import threading

import pytest
from kairos_native.engine import EngineError, Refusal
from kairos_server.errors import Failed, Refused
from kairos_server.ingest import Entry, Priority, Writer, WriterQueue
from kairos_server.telemetry import Telemetry
from unit.server_fakes import FakeEngine, FakePending, limits


def run(test):
    return asyncio.run(asyncio.wait_for(test, 30))


def writer_of(engine, **changes):
    failures = []
    telemetry = Telemetry()
    writer = Writer(engine, limits(**changes), telemetry, lambda: 1_000, failures.append)
    return writer, telemetry, failures


async def started(event):
    assert await asyncio.to_thread(event.wait, 30)


def entry(priority=Priority.EVENT, **fields):
    return Entry(FakePending(**fields), priority, None)


def test_take_prefers_reservations_and_keeps_order():
    queue = WriterQueue(100, 10_000)
    entries = [
        entry(),
        entry(Priority.DECISION),
        entry(Priority.RESERVATION),
        entry(),
        entry(Priority.RESERVATION),
    ]
    assert all(queue.put(one) for one in entries)
    taken = queue.take(100)
    assert [entries.index(one) for one in taken] == [2, 4, 0, 3, 1]
    assert (queue.record_count, queue.size, queue.decision_size) == (0, 0, 0)


def test_take_closes_at_the_record_limit_but_takes_at_least_one():
    queue = WriterQueue(5_000, 10_000)
    for _ in range(3):
        queue.put(entry(record_count=400))
    assert len(queue.take(800)) == 2
    assert len(queue.take(1)) == 1


def test_nothing_overtakes_what_did_not_fit():
    queue = WriterQueue(5_000, 10_000)
    big, small = entry(Priority.RESERVATION, record_count=900), entry(record_count=1)
    first = entry(Priority.RESERVATION, record_count=200)
    for one in (first, big, small):
        queue.put(one)
    assert queue.take(1_000) == [first]
    assert queue.take(1_000) == [big, small]


@pytest.mark.parametrize(
    ("records", "size", "fits"),
    [(99, 1, True), (100, 1, True), (101, 1, False), (1, 1_000, True), (1, 1_001, False)],
)
def test_queue_is_bounded_by_records_and_by_bytes(records, size, fits):
    queue = WriterQueue(100, 1_000)
    assert queue.put(entry(record_count=records, size=size)) is fits
    assert queue.record_count == (records if fits else 0)


def test_closed_queue_gives_what_it_holds_then_ends():
    queue = WriterQueue(100, 1_000)
    queue.put(entry())
    queue.close()
    assert not queue.put(entry())
    assert len(queue.take(10)) == 1
    assert queue.take(10) == []


def test_waiting_work_becomes_one_group_and_one_thread_commits():
    async def test():
        engine = FakeEngine(hold=threading.Event())
        writer, telemetry, _ = writer_of(engine)
        writer.start()
        first = FakePending(payload=b"0")
        tasks = [asyncio.create_task(writer.submit(first))]
        await started(engine.entered)
        rest = [FakePending(payload=b"%d" % index) for index in range(1, 50)]
        tasks += [asyncio.create_task(writer.submit(pending)) for pending in rest]
        while writer.queue.record_count < 49:
            await asyncio.sleep(0)
        engine.hold.set()
        await asyncio.gather(*tasks)
        assert engine.commits == [[first], rest]
        assert [pending.response for pending in rest] == [
            b"answer:%d" % index for index in range(1, 50)
        ]
        await writer.stop()
        assert engine.threads == {"kairos-writer"}
        assert engine.closed_count == 1
        assert telemetry.commit_records.total == 50

    run(test())


def test_full_queue_refuses_at_once_with_a_delay():
    async def test():
        engine = FakeEngine(hold=threading.Event())
        writer, _, _ = writer_of(engine, queue_records_max=4096)
        writer.start()
        first = asyncio.create_task(writer.submit(FakePending()))
        await started(engine.entered)
        waiting = asyncio.create_task(writer.submit(FakePending(record_count=4096)))
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await writer.submit(FakePending())
        assert (refused.value.reason, refused.value.retry_us) == ("QUEUE_FULL", 50_000)
        engine.hold.set()
        await asyncio.gather(first, waiting)
        await writer.submit(FakePending())
        await writer.stop()

    run(test())


def test_cancelled_caller_neither_stops_nor_leaks():
    async def test():
        engine = FakeEngine(hold=threading.Event())
        writer, _, failures = writer_of(engine)
        writer.start()
        pending = FakePending(payload=b"kept")
        task = asyncio.create_task(writer.submit(pending))
        await started(engine.entered)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        engine.hold.set()
        await writer.submit(FakePending())
        assert engine.commits[0] == [pending]
        assert failures == []
        await writer.stop()

    run(test())


def test_refused_group_refuses_each_caller_and_goes_on():
    async def test():
        engine = FakeEngine(error=Refusal(97, "", ""))
        writer, telemetry, failures = writer_of(engine)
        writer.start()
        engine.decisions = [FakePending(record_count=3)]
        writer.decided()
        results = await asyncio.gather(
            *(writer.submit(FakePending()) for _ in range(5)), return_exceptions=True
        )
        assert [error.reason for error in results] == ["DISK_FULL"] * 5
        assert len({id(error) for error in results}) == 5
        while telemetry.decisions_lost_count == 0:
            await asyncio.sleep(0.001)
        assert telemetry.decisions_lost_count == 3
        engine.error = None
        await writer.submit(FakePending())
        assert failures == []
        await writer.stop()

    run(test())


@pytest.mark.parametrize(
    "error", [EngineError("log is damaged", 129), MemoryError(), SystemExit(3)]
)
def test_engine_failure_ends_the_writer_and_tells_everyone(error):
    async def test():
        engine = FakeEngine(hold=threading.Event(), error=error)
        writer, _, failures = writer_of(engine)
        writer.start()
        first = asyncio.create_task(writer.submit(FakePending()))
        await started(engine.entered)
        second = asyncio.create_task(writer.submit(FakePending()))
        while not writer.queue.record_count:
            await asyncio.sleep(0)
        engine.hold.set()
        results = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(result) for result in results] == [Failed, Failed]
        assert failures == [error]
        assert engine.closed_count == 0
        with pytest.raises(Refused):
            await writer.submit(FakePending())
        await writer.stop()

    run(test())


def test_decisions_reach_the_log_without_anyone_waiting():
    async def test():
        engine = FakeEngine()
        writer, _, _ = writer_of(engine, decision_flush_us=1_000)
        writer.start()
        engine.decisions = [FakePending(payload=b"a"), FakePending(payload=b"b")]
        writer.decided()
        writer.decided()
        while sum(map(len, engine.commits)) < 2:
            await asyncio.sleep(0.001)
        await writer.stop()

    run(test())


def test_many_decisions_flush_at_once_and_stop_flushes_the_rest():
    async def test():
        engine = FakeEngine()
        writer, _, _ = writer_of(engine, decision_flush_us=3_600_000_000, decision_flush_count=3)
        writer.start()
        for payload in (b"a", b"b", b"c", b"d"):
            engine.decisions.append(FakePending(payload=payload))
            writer.decided()
        await writer.stop()
        assert [pending.payload for group in engine.commits for pending in group] == [
            b"a",
            b"b",
            b"c",
            b"d",
        ]

    run(test())


def test_decision_backlog_is_bounded():
    async def test():
        engine = FakeEngine(hold=threading.Event())
        writer, _, _ = writer_of(engine, decision_backlog_size_max=1_000)
        writer.start()
        first = asyncio.create_task(writer.submit(FakePending()))
        await started(engine.entered)
        writer.decisions_check()
        engine.decisions = [FakePending(size=1_001)]
        writer.decided()
        writer._decisions_flush()
        with pytest.raises(Refused, match="QUEUE_FULL"):
            writer.decisions_check()
        engine.hold.set()
        await first
        await writer.stop()
        writer.decisions_check()

    run(test())
