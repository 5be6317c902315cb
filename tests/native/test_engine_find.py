"""Records found in the log by the beginning of their payload, and the clock that the core measures
by.
"""

import random
import threading
import time
from pathlib import Path

import pytest
from kairos.v1 import personalization_service_pb2
from kairos_native.engine import Engine, EngineError
from kairos_server.decision_record import record_read
from reference.engine import Settings
from reference.lockstep import Lockstep
from reference.tenants import START, Documents
from reference.traffic import random_decide, random_event

TENANT = 2
FRAME_EVENT, FRAME_DOCUMENTS, FRAME_DECISION = 2, 3, 5
ID_SIZE = 16
LAST = (1 << 64) - 1


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A node whose log holds events and decisions between each other."""
    folder: Path = tmp_path_factory.mktemp("find") / "data"
    source = random.Random(5)
    lock, documents = Lockstep(folder, START), Documents(source)
    lock.commit(lock.settings(TENANT, Settings("shop", b"sixteen bytes ok", True)))
    version, removed = documents.version()
    model, stored = lock.compile(TENANT, version, removed)
    lock.commit(stored, lock.activation(TENANT, model))
    for _ in range(20):
        lock.now_us += 1
        events = [random_event(source, documents, lock.now_us, live=False) for _ in range(3)]
        lock.commit(lock.batch(TENANT, events))
        lock.decide(TENANT, random_decide(source, documents, lock.engine.event_time(TENANT)))
        lock.commit(lock.decisions())
    yield lock, documents, source
    lock.close()


def test_every_decision_is_found_where_the_log_has_it(log):
    lock, _, _ = log
    engine = lock.engine
    rows = engine.log_records(1, FRAME_DECISION)
    assert len(rows) > 10
    for row in rows:
        sequence, payload = row[0], row[5]
        assert engine.find_record(FRAME_DECISION, payload[:ID_SIZE], 1, LAST) == row
        assert engine.find_record(FRAME_DECISION, payload[:ID_SIZE], sequence, sequence) == row
        assert engine.find_record(FRAME_DECISION, payload[:ID_SIZE], sequence + 1, LAST) is None
        assert engine.find_record(FRAME_DECISION, payload[:ID_SIZE], 1, sequence - 1) is None
        assert engine.find_record(FRAME_EVENT, payload[:ID_SIZE], 1, LAST) is None
    # A shorter beginning finds the first that has it, a longer one than any payload none.
    assert engine.find_record(FRAME_DECISION, b"", 1, LAST) == rows[0]
    assert engine.find_record(FRAME_DECISION, b"x" * 100_000, 1, LAST) is None


def test_a_search_goes_from_segment_to_segment(tmp_path):
    engine = Engine.open(
        str(tmp_path / "data"), now_us=START, map_size=1 << 28, segment_size=1 << 17
    )
    try:
        engine.commit([engine.tenant_settings(TENANT, "shop", b"k" * 16, 0, START)], START)
        for number in range(12):
            entries = [(f"key-{number:02}", b"%02d" % number * 20_000)]
            engine.commit([engine.documents(TENANT, entries, START + number)], START + number)
        names = sorted((tmp_path / "data" / "log").glob("*.log"))
        firsts = engine.log_firsts()
        assert firsts == [int(path.stem) for path in names]
        assert len(firsts) > 3
        rows = engine.log_records(1, FRAME_DOCUMENTS)
        assert len(rows) == 12
        for row in rows:
            first = max(first for first in firsts if first <= row[0])
            for begin in (1, first, row[0]):
                assert engine.find_record(FRAME_DOCUMENTS, row[5], begin, LAST) == row
    finally:
        engine.close()


def test_a_search_runs_beside_the_writer(log):
    lock, documents, source = log
    wanted = lock.engine.log_records(1, FRAME_DECISION)[0]
    stop = threading.Event()
    found = []

    def search():
        while not stop.is_set():
            found.append(lock.engine.find_record(FRAME_DECISION, wanted[5][:ID_SIZE], 1, LAST))

    thread = threading.Thread(target=search)
    thread.start()
    try:
        for _ in range(30):
            lock.now_us += 1
            event = random_event(source, documents, lock.now_us, live=False)
            lock.commit(lock.batch(TENANT, [event]))
    finally:
        stop.set()
        thread.join()
    assert found
    assert all(row == wanted for row in found)


def test_a_damaged_log_is_an_error_and_not_an_absence(log):
    lock, _, _ = log
    row = lock.engine.log_records(1, FRAME_DECISION)[0]
    [segment] = Path(lock.folder, "log").glob("*.log")
    whole = segment.read_bytes()
    place = whole.index(row[5])
    try:
        with segment.open("r+b") as file:
            file.seek(place + 20)
            file.write(bytes([whole[place + 20] ^ 1]))
        with pytest.raises(EngineError):
            lock.engine.find_record(FRAME_DECISION, b"y" * ID_SIZE, 1, LAST)
    finally:
        segment.write_bytes(whole)


def test_processing_times_follow_the_clock_that_was_given(log):
    lock, _, _ = log
    requests = [record_read(row[5]).request for row in lock.engine.log_records(1, FRAME_DECISION)]
    parse = personalization_service_pb2.DecideRequest.FromString
    request = next(r for r in requests if not parse(r).HasField("at_time_us"))

    def processed(offset_us):
        lock.engine.set_clock(offset_us)
        steady_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        try:
            answer = lock.engine.decide(TENANT, request, steady_us + 1_000_000)
        finally:
            lock.engine.set_clock(0)
        decided = personalization_service_pb2.DecideResponse.FromString(answer)
        return decided.processing_time_us

    # An hour ahead of the steady clock, and received one second ahead of it.
    hour = 3_600_000_000
    assert hour - 1_000_000 <= processed(hour) <= hour + 60_000_000
    # Received in the future of the clock: nothing was measured.
    assert processed(1) == 0
