"""The monitor's judgement, and the rhythm, the slow-call log and the look-up of decisions."""

import asyncio
import gc
import json
import logging
import struct
from dataclasses import dataclass, replace

import pytest
from kairos_server.clock import Clock
from kairos_server.decisions import RECENT_SIZE_MAX, SEARCHES_MAX, Decisions
from kairos_server.errors import Refused
from kairos_server.logs import JsonFormatter
from kairos_server.monitor import Load, Monitor, Status
from kairos_server.sampler import Sampler
from kairos_server.slow_calls import BURST, SlowCalls
from kairos_server.stages import Stages
from kairos_server.telemetry import Telemetry
from kairos_server.windows import Windows

INGEST = "/kairos.v1.IngestService/Ingest"
SECOND = 1_000_000
IDLE = Load(
    serving=True,
    queue_records=0,
    queue_records_max=100,
    calls_in_flight=0,
    streams_in_flight=0,
    streams_in_flight_max=256,
    view_bytes=1,
    map_bytes=100,
)


class Rig:
    """A monitor over counters and a load that the test sets."""

    def __init__(self) -> None:
        self.steady = 0
        self.wall = 1_700_000_000 * SECOND
        self.figures = {"events": 0.0, "writer_ns": 0.0, "loop_cpu_s": 0.0, "stream_drops": 0.0}
        self.load = IDLE
        self.telemetry = Telemetry()
        self.clock = Clock(lambda: self.wall, lambda: self.steady)
        windows = Windows(self.telemetry, lambda: self.figures, lambda: self.steady)
        self.monitor = Monitor(windows, self.clock, lambda: self.load)

    def pass_time(self, seconds=10):
        self.steady += seconds * SECOND
        self.wall += seconds * SECOND

    def calls(self, count, outcome="OK", ms=1.0):
        for _ in range(count):
            self.telemetry.call_done(INGEST, outcome, int(ms * 1e6))
            if outcome == "OK":
                self.telemetry.processing.observe(int(ms * 1e6))


@pytest.fixture
def rig():
    return Rig()


def test_rates_and_utilization_are_those_of_the_figures(rig):
    rig.calls(500, ms=2)
    rig.figures = {"events": 40_000.0, "writer_ns": 4e9, "loop_cpu_s": 2.5, "stream_drops": 0.0}
    rig.pass_time(10)
    found = rig.monitor.performance(10 * SECOND)
    assert (found.event_rate, found.call_rate) == (4_000, 50)
    assert (found.utilization, found.event_rate_max) == (0.4, 10_000)
    assert found.response_average_us == 2_000
    assert found.response_max_us == 2_000
    assert 2_000 <= found.processing_us[0] <= 2_000 * 33 / 32
    assert (found.status, found.reason) == (Status.HEALTHY, "")


@pytest.mark.parametrize(
    ("calls", "status", "word"),
    [
        ([(99, "OK", 1), (1, "INTERNAL", 1)], Status.HEALTHY, ""),
        ([(97, "OK", 1), (3, "QUEUE_FULL", 1)], Status.DEGRADED, "3.0% of the calls failed"),
        ([(40, "OK", 1), (60, "DISK_FULL", 1)], Status.UNHEALTHY, "60.0% of the calls failed"),
        ([(50, "OK", 1), (50, "SUBJECT_MISSING", 1)], Status.HEALTHY, ""),
        ([(90, "OK", 1), (10, "OK", 80)], Status.DEGRADED, "the goal is 50 ms"),
        ([], Status.HEALTHY, ""),
    ],
)
def test_performance_is_judged_as_the_contract_says(rig, calls, status, word):
    for count, outcome, ms in calls:
        rig.calls(count, outcome, ms)
    rig.pass_time()
    found = rig.monitor.performance(60 * SECOND)
    assert found.status is status
    assert word in found.reason


def test_a_thread_that_is_always_busy_is_told(rig):
    rig.figures = {**rig.figures, "writer_ns": 9.5e9}
    rig.pass_time(10)
    found = rig.monitor.performance(60 * SECOND)
    assert found.status is Status.DEGRADED
    assert "95%" in found.reason


@pytest.mark.parametrize(
    ("change", "outcome", "part", "status"),
    [
        ({}, "OK", "", Status.HEALTHY),
        ({"serving": False}, "OK", "event_ingestion", Status.UNHEALTHY),
        ({}, "DISK_FULL", "event_ingestion", Status.UNHEALTHY),
        ({}, "MAP_FULL", "event_ingestion", Status.UNHEALTHY),
        ({}, "QUEUE_FULL", "event_ingestion", Status.DEGRADED),
        ({}, "DISK_FULL", "database", Status.UNHEALTHY),
        ({}, "INTERNAL", "real_time_processing", Status.UNHEALTHY),
        ({"view_bytes": 81}, "OK", "database", Status.DEGRADED),
        ({"view_bytes": 96}, "OK", "database", Status.UNHEALTHY),
        ({"queue_records": 90}, "OK", "message_queue", Status.DEGRADED),
        ({"streams_in_flight": 256}, "OK", "web_socket_connections", Status.UNHEALTHY),
        ({"streams_in_flight": 210}, "OK", "web_socket_connections", Status.DEGRADED),
    ],
)
def test_health_names_the_part_and_the_reason(rig, change, outcome, part, status):
    rig.load = replace(IDLE, **change)
    rig.calls(1, outcome)
    rig.pass_time()
    parts = {component.name: component for component in rig.monitor.health()}
    assert all((c.status is Status.HEALTHY) == (c.reason == "") for c in parts.values())
    if part:
        assert parts[part].status is status
    else:
        assert {component.status for component in parts.values()} == {status}


def test_dropped_messages_and_a_wrong_wall_clock_are_told(rig):
    rig.figures = {**rig.figures, "stream_drops": 7.0, "effects_dead": 2.0}
    rig.pass_time()
    rig.wall += 3_600 * SECOND
    rig.pass_time(1)
    parts = {component.name: component for component in rig.monitor.health()}
    assert parts["web_socket_connections"].reason == "7 messages were dropped"
    assert parts["message_queue"].reason == "2 effects became dead letters"
    assert parts["database"].reason == "the wall clock is +3600.0 s off"
    # A minute later the drops are history; the clock is still wrong.
    rig.pass_time(70)
    rig.monitor.health()
    rig.pass_time(61)
    parts = {component.name: component for component in rig.monitor.health()}
    assert parts["web_socket_connections"].status is Status.HEALTHY
    assert parts["database"].status is Status.DEGRADED


def test_the_sampler_sees_lag_collections_and_the_clock(rig):
    anchored = []
    windows = Windows(rig.telemetry, dict, rig.clock.elapsed_us)

    async def test():
        sampler = Sampler(rig.telemetry, windows, Clock(), anchored.append)
        sampler.start()
        gc.collect()
        while not anchored:
            await asyncio.sleep(0.01)
        readings = {reading.name: reading.value for reading in sampler.readings()}
        sampler.stop()
        sampler.stop()
        return readings

    readings = asyncio.run(asyncio.wait_for(test(), 60))
    assert sum(rig.telemetry.loop_lag.counts) >= 1
    assert sum(rig.telemetry.gc_pause.counts) >= 1
    assert set(readings) == {
        "kairos_uptime_seconds", "kairos_loop_cpu_seconds", "kairos_clock_offset_seconds"
    }  # fmt: skip
    assert not [c for c in gc.callbacks if getattr(c, "__self__", None).__class__ is Sampler]


def test_slow_calls_are_logged_with_their_stages_at_a_bounded_rate(caplog):
    caplog.set_level(logging.WARNING, "kairos.slow")
    now = [100.0]
    slow = SlowCalls(10, 2, lambda: now[0])
    stages = Stages()
    stages.check_ns, stages.apply_ns = 3_000, 9_000_000
    slow.done(INGEST, "OK", 9_999_999, 5, stages)
    assert caplog.records == []
    for _ in range(BURST + 20):
        slow.done(INGEST, "OK", 12_000_000, 5, stages)
    assert len(caplog.records) == BURST
    now[0] += 1.0
    for _ in range(10):
        slow.done(INGEST, "OK", 12_000_000, 5, stages)
    assert len(caplog.records) == BURST + 2
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert lines[BURST]["held_back"] == 20
    assert {k: v for k, v in lines[0].items() if k not in ("time", "level")} == {
        "event": "slow call", "method": INGEST, "outcome": "OK", "took_us": 12_000,
        "request_bytes": 5, "held_back": 0, "check_us": 3, "apply_us": 9_000,
    }  # fmt: skip
    SlowCalls(0, 1).done(INGEST, "OK", 1 << 60, 5, stages)
    assert len(caplog.records) == BURST + 2


@dataclass
class Captured:
    """A group of decision records as the writer hands it over."""

    payload: bytes
    record_count: int
    sequence_last: int


def captured(first, records):
    data = b"".join(struct.pack("<Iq", len(r), 1_000 + i) + r for i, r in enumerate(records))
    return Captured(data, len(records), first + len(records) - 1)


class FakeLog:
    """Segments as lists of (sequence, record); counts what is read."""

    def __init__(self, segments):
        self.segments = segments
        self.read = []
        self.gate = None

    def log_firsts(self):
        return [segment[0][0] for segment in self.segments]

    def find_record(self, kind, prefix, first, last):
        if self.gate is not None:
            self.gate.wait(30)
        self.read.append((first, last))
        for segment in self.segments:
            for sequence, record in segment:
                if first <= sequence <= last and record.startswith(prefix):
                    return sequence, kind, 1, 0, 77, record
        return None


def identifier(number):
    return b"%016d" % number


def test_recent_decisions_are_found_without_the_log_and_old_ones_newest_first():
    async def test():
        log = FakeLog([
            [(sequence, identifier(sequence) + b"-old") for sequence in range(first, first + 10)]
            for first in (1, 11, 21)
        ])  # fmt: skip
        decisions = Decisions(log)
        # One holds the id of another in its text, at no record's beginning.
        group = [identifier(31), identifier(32) + identifier(33), identifier(33) + b"!"]
        decisions.recorded(captured(31, group))
        found = await decisions.find(identifier(33))
        assert (found.sequence, found.record) == (33, identifier(33) + b"!")
        assert found.received_us == 1_002
        assert log.read == []
        found = await decisions.find(identifier(15))
        assert (found.sequence, found.received_us) == (15, 77)
        assert log.read == [(21, 30), (11, 20)]
        with pytest.raises(Refused, match="DECISION_NOT_FOUND"):
            await decisions.find(identifier(99))
        assert log.read[2:] == [(21, 30), (11, 20), (1, 10)]

    asyncio.run(test())


def test_memory_for_recent_decisions_is_bounded():
    async def test():
        decisions = Decisions(FakeLog([]))
        size = RECENT_SIZE_MAX // 4
        for number in range(10):
            decisions.recorded(captured(number, [identifier(number) + b"x" * size]))
        kept = []
        for number in range(10):
            try:
                kept.append((await decisions.find(identifier(number))).sequence)
            except Refused:
                continue
        return kept

    assert asyncio.run(test()) == [7, 8, 9]


def test_searches_are_bounded():
    import threading

    async def test():
        log = FakeLog([[(1, identifier(1))]])
        log.gate = threading.Event()
        decisions = Decisions(log)
        tasks = [asyncio.create_task(decisions.find(identifier(1))) for _ in range(SEARCHES_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="QUEUE_FULL"):
            await decisions.find(identifier(1))
        log.gate.set()
        assert [found.sequence for found in await asyncio.gather(*tasks)] == [1] * SEARCHES_MAX
        assert (await decisions.find(identifier(1))).sequence == 1

    asyncio.run(test())
