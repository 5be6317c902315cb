"""Who is told of a commit, when, and what a call learns of its stages."""

import asyncio
import threading

import pytest
from kairos_native.engine import Refusal
from kairos_server.errors import Refused
from kairos_server.ingest import Entry, Priority, Writer
from kairos_server.stages import Stages
from kairos_server.telemetry import Telemetry
from unit.server_fakes import FakeEngine, FakePending, limits

DISK_FULL = 97


def run(test, engine=None, **changes):
    """Runs a test with a writer over a fake engine."""

    async def whole():
        writer = Writer(
            engine or FakeEngine(), limits(**changes), Telemetry(), lambda: 1, lambda error: None
        )
        writer.start()
        try:
            await test(writer)
        finally:
            await writer.stop()

    asyncio.run(asyncio.wait_for(whole(), 60))


def test_a_listener_hears_in_the_order_of_the_log_before_anybody_goes_on():
    heard, order = [], []

    def listener(pendings):
        heard.extend(pendings)
        order.append("listener")

    async def caller(writer, pending):
        await writer.submit(pending)
        order.append("caller")

    async def test(writer):
        writer.listen(listener)
        sent = [FakePending(payload=b"%d" % number) for number in range(50)]
        await asyncio.gather(*(caller(writer, pending) for pending in sent))
        assert heard == sent
        assert order[0] == "listener"
        writer.listen(None)
        await writer.submit(FakePending())
        assert heard == sent

    run(test)


def test_events_of_callers_who_gave_up_are_told_too():
    engine = FakeEngine(hold=threading.Event())
    heard = []

    async def test(writer):
        writer.listen(heard.extend)
        task = asyncio.create_task(writer.submit(FakePending(payload=b"gone")))
        await asyncio.to_thread(engine.entered.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        engine.hold.set()
        await writer.submit(FakePending(payload=b"next"))
        assert [pending.payload for pending in heard] == [b"gone", b"next"]

    run(test, engine)


def test_what_was_refused_is_not_told():
    heard, recorded = [], []

    async def test(writer):
        writer.listen(heard.extend)
        writer.record(recorded.append)
        writer.queue.put(Entry(FakePending(payload=b"decision"), Priority.DECISION, None))
        with pytest.raises(Refused, match="DISK_FULL"):
            await writer.submit(FakePending())
        assert (heard, recorded) == ([], [])

    run(test, FakeEngine(error=Refusal(DISK_FULL)))


def test_the_recorder_hears_of_decisions_only():
    recorded = []

    async def test(writer):
        writer.record(recorded.append)
        decision = FakePending(payload=b"decision")
        writer.queue.put(Entry(decision, Priority.DECISION, None))
        while not recorded:
            await writer.submit(FakePending(payload=b"event"))
        assert recorded == [decision]

    run(test)


def test_a_call_learns_how_long_it_waited_and_its_group_took():
    engine = FakeEngine()

    async def test(writer):
        stages = Stages()
        await writer.submit(FakePending(), stages=stages)
        # The fake says that applying took 1 us a record.
        assert stages.apply_ns == 1_000
        assert stages.append_ns + stages.apply_ns > 0
        assert stages.queue_ns > 0
        assert stages.committed_ns > 0
        assert {"queue", "append", "apply"} <= set(writer._telemetry.stages)
        counts = {name: sum(h.counts) for name, h in writer._telemetry.stages.items()}
        assert counts == {"queue": 1, "append": 1, "apply": 1}

    run(test, engine)
