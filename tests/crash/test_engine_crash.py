"""SIGKILL at any moment, of a node at work and of one that starts: what was acknowledged is there
exactly once.

KAIROS_CRASH_CYCLES sets how many kills are tried; `python tests/crash/test_engine_crash.py` is the
process that is killed.
"""

import contextlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from kairos.v1 import ingest_service_pb2, profile_service_pb2
from kairos_native.engine import Engine
from reference.engine import Settings
from reference.lockstep import Lockstep
from reference.tenants import START, document

CYCLES = int(os.environ.get("KAIROS_CRASH_CYCLES", "15"))
TENANT, SETTINGS = 8, Settings("shop", b"sixteen bytes ok", True)
PRODUCERS = 3
SUBJECTS = 17
MAP_SIZE = 1 << 28
FRAME_EVENT, FRAME_SKIP = 2, 6
DOCUMENTS = [
    document("schema", "main", attributes={"number": "int"}),
    document("trigger", "seventh", condition='event.type == "view" && event.number == 7'),
    document(
        "score",
        "engagement_score",
        type="engagement",
        terms=[
            {"feature": 'sum("view", "number")', "weight": 0.001},
            {"feature": 'count("view", "1h")', "weight": 1},
        ],
    ),
]


def opened(folder: Path) -> Engine:
    return Engine.open(str(folder), now_us=START, map_size=MAP_SIZE, segment_size=1 << 18)


def subject_of(producer: int, number: int) -> int:
    return (producer * 31 + number * 7) % SUBJECTS


def batch_of(producer: int, first: int, count: int) -> bytes:
    """Events of one producer, numbered without a gap; who they are about and what they say follows
    from the number.
    """
    request = ingest_service_pb2.IngestBatchRequest()
    for number in range(first, first + count):
        event = request.events.add(
            event_id=f"{producer}-{number}",
            event_type="view",
            subject_id=f"s{subject_of(producer, number)}",
            occurred_time_us=START + number * 1000,
        )
        event.attributes.add(name="number", int_value=number % 11)
    return request.SerializeToString()


def work(folder: Path, seed: int, firsts: list[int]) -> None:
    """The node at work: opens, says so, then commits batches of all producers and acknowledges each
    on the pipe.
    """
    source, engine = random.Random(seed), opened(folder)
    print("open", flush=True)
    while True:
        group = []
        for producer in source.sample(range(PRODUCERS), source.randint(1, PRODUCERS)):
            count = source.choice((1, 3, 30))
            # An unsure sender repeats what it has sent before.
            back = min(firsts[producer], source.choice((0, 0, 5)))
            data = batch_of(producer, firsts[producer] - back, count + back)
            firsts[producer] += count
            group.append((producer, engine.check_batch(TENANT, data, START)))
        engine.commit([pending for _, pending in group], START)
        for producer, pending in group:
            answer = ingest_service_pb2.IngestBatchResponse.FromString(pending.response)
            assert answer.refused_count == 0
            print(f"ack {producer} {firsts[producer]}", flush=True)
        if source.random() < 0.02:
            engine.checkpoint()


def child_of(folder: Path, seed: int, firsts: list[int]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, __file__, folder, str(seed), *map(str, firsts)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def new_shop(folder: Path) -> None:
    lock = Lockstep(folder, START)
    lock.commit(lock.settings(TENANT, SETTINGS))
    model, stored = lock.compile(TENANT, DOCUMENTS, [])
    lock.commit(stored, lock.activation(TENANT, model))
    lock.close()


def kill(child: subprocess.Popen, moment: float) -> list[bytes]:
    """Kills the child after a while; returns its whole lines, those still in the pipe included."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(moment)
    child.send_signal(signal.SIGKILL)
    lines = child.stdout.read().rpartition(b"\n")[0].splitlines()
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return lines


def verify(engine: Engine, acknowledged: list[int]) -> list[int]:
    """Every acknowledged event is there once. Returns how far each producer's events reach in the
    log.
    """
    sent: list[set[int]] = [set() for _ in range(PRODUCERS)]
    for _, _, _, _, _, payload in engine.log_records(1, FRAME_EVENT):
        event = ingest_service_pb2.IngestBatchRequest().events.add()
        event.MergeFromString(payload)
        producer, number = map(int, event.event_id.split("-"))
        sent[producer].add(number)
    reach = [len(numbers) for numbers in sent]
    for producer in range(PRODUCERS):
        assert sent[producer] == set(range(reach[producer])), "a gap"
        assert reach[producer] >= acknowledged[producer]
    counts, sums, fired = [0] * SUBJECTS, [0] * SUBJECTS, 0
    for producer in range(PRODUCERS):
        for number in range(reach[producer]):
            counts[subject_of(producer, number)] += 1
            sums[subject_of(producer, number)] += number % 11
            fired += number % 11 == 7
    for subject in range(SUBJECTS):
        if not counts[subject]:
            continue
        answer = engine.profile(TENANT, f"s{subject}".encode(), None, START)
        profile = profile_service_pb2.GetProfileResponse.FromString(answer).profile
        assert profile.event_count == counts[subject]
        assert profile.features[0].name.startswith(("sum", "count"))
        values = {feature.name: feature.value.int_value for feature in profile.features}
        assert values['sum("view", "number")'] == sums[subject]
    entries = list(engine.dump("dedupe"))
    assert len(entries) == sum(reach)
    assert sum(len(value) > 8 for _, value in entries) == fired
    return reach


def test_killed_nodes_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    source = random.Random(seed)
    folder, acknowledged, killed_at_start = tmp_path / "data", [0] * PRODUCERS, 0
    new_shop(folder)
    reach = [0] * PRODUCERS
    for cycle in range(CYCLES):
        if cycle % 40 == 39:
            # A fresh log keeps the proof of each cycle short.
            shutil.rmtree(folder)
            new_shop(folder)
            acknowledged, reach = [0] * PRODUCERS, [0] * PRODUCERS
        if source.random() < 0.25:
            # A rebuild, from a checkpoint or the log alone, that may be killed as well.
            shutil.rmtree(folder / "view")
        child = child_of(folder, source.randrange(2**32), reach)
        if source.random() < 0.75:
            assert child.stdout.readline() == b"open\n"
        lines = kill(child, source.uniform(0, 0.1))
        killed_at_start += not lines
        for line in lines:
            if line.startswith(b"ack"):
                _, producer, number = line.split()
                acknowledged[int(producer)] = max(acknowledged[int(producer)], int(number))
        engine = opened(folder)
        try:
            reach = verify(engine, acknowledged)
            assert engine.figures()["skipped_count"] == 0
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, cycle {cycle}") from error
        finally:
            engine.close()
    print(f"{CYCLES} kills, {killed_at_start} of them before the first acknowledgement")


# ---------------------------------------------------------------- records that end the process


def mark(folder: Path, sequence: int) -> None:
    """Leaves the marker as a start that died while it applied the record."""
    with open(folder / "replay.marker", "r+b") as file:
        file.write(sequence.to_bytes(8, "little"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with 60 events of one producer, whose view must be rebuilt."""
    new_shop(tmp_path / "data")
    engine = opened(tmp_path / "data")
    engine.commit([engine.check_batch(TENANT, batch_of(0, 0, 60), START)], START)
    engine.close()
    shutil.rmtree(tmp_path / "data" / "view")
    return tmp_path / "data"


def events_of(engine: Engine) -> int:
    total = 0
    for subject in range(SUBJECTS):
        answer = engine.profile(TENANT, f"s{subject}".encode(), None, START)
        total += profile_service_pb2.GetProfileResponse.FromString(answer).profile.event_count
    return total


def event_sequence(engine: Engine, number: int) -> int:
    return engine.log_records(1, FRAME_EVENT)[number][0]


def test_record_that_ends_three_starts_is_passed_over_for_ever(shop: Path) -> None:
    engine = opened(shop)
    sequence = event_sequence(engine, 30)
    engine.close()
    shutil.rmtree(shop / "view")
    mark(shop, sequence)
    start_and_die(shop)
    start_and_die(shop)
    assert struct.unpack("<QQQ", (shop / "replay.marker").read_bytes()[:24]) == (
        sequence,
        2,
        sequence,
    )
    engine = opened(shop)
    assert engine.figures()["skipped_count"] == 1
    assert events_of(engine) == 59
    engine.close()
    # The skip is part of the log: every later rebuild leaves the record out, with one skip only.
    for _ in range(2):
        shutil.rmtree(shop / "view")
        engine = opened(shop)
        assert events_of(engine) == 59
        engine.close()
    assert read_skips(shop) == [sequence]


def start_and_die(folder: Path) -> None:
    """A start that counts the death before it, and dies itself before its replay begins."""
    child = subprocess.Popen(
        [sys.executable, "-c", DYING_START, folder],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.wait() == -signal.SIGKILL


DYING_START = """
import os, signal, sys
from kairos_native import folder as data_folder
from kairos_native.engine import Engine
found = data_folder.Folder.log
calls = 0
def log(self):
    # Asked for when the folder is made, when the log is opened, and when the replay begins, after
    # the marker was read.
    global calls
    calls += 1
    if calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return found.fget(self)
data_folder.Folder.log = property(log)
Engine.open(sys.argv[1], now_us=0, map_size=1 << 28, segment_size=1 << 18)
"""


def read_skips(folder: Path) -> list[int]:
    engine = Engine.open(str(folder), now_us=START, map_size=MAP_SIZE, segment_size=1 << 18)
    found = [int.from_bytes(payload, "little") for *_, payload in engine.log_records(1, FRAME_SKIP)]
    engine.close()
    return found


def test_deaths_at_different_records_skip_nothing(shop: Path) -> None:
    """A start that is killed from outside, however often, has no bad record to blame."""
    for number in (20, 30, 40, 50):
        mark(shop, number)
        start_and_die(shop)
    engine = opened(shop)
    assert engine.figures()["skipped_count"] == 0
    assert events_of(engine) == 60
    engine.close()


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]), [int(first) for first in sys.argv[3:]])
