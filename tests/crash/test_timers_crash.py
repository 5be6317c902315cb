"""SIGKILL at any moment of ninety days of event time: no timer fires early, none is lost, none
fires twice.

KAIROS_TIMER_COUNT sets how many timers are armed (a million: `KAIROS_TIMER_COUNT=1000000
KAIROS_TIMER_KILLS=50 make crash ARGS="-s -k timers"`), KAIROS_TIMER_KILLS how many kills are tried.
`python tests/crash/test_timers_crash.py` is the process that is killed.
"""

import contextlib
import hashlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native.engine import Engine
from reference.engine import Settings
from reference.hash import siphash128
from reference.lockstep import Lockstep
from reference.tenants import DAY, HOUR, START, document

COUNT = int(os.environ.get("KAIROS_TIMER_COUNT", "4000"))
KILLS = int(os.environ.get("KAIROS_TIMER_KILLS", "8"))
TENANT, SETTINGS = 8, Settings("shop", b"sixteen bytes ok", True)
STEPS = (2 * HOUR, 24 * HOUR, 72 * HOUR, 168 * HOUR)
SPAN = 90 * DAY
CARTS = COUNT // len(STEPS)
SUBJECTS = max(1, CARTS // 10)
"""Ten carts each in ninety days: one every nine days, so that none meets the one before."""
BUY_EVERY, BUY_AFTER = 7, 3 * HOUR
MAP_SIZE = 1 << 28 if COUNT < 100_000 else 1 << 33
FRAME_EVENT = 2
BATCH = 100
HEADER = struct.Struct("<16s16sqqQQIIIIHHHBBBBBBI")
STORED = 16
DOCUMENTS = [
    document(
        "trigger",
        "abandoned",
        condition='event.type == "cart"',
        timing={
            "after": ["2h", "24h", "72h", "1w"],
            "repeat": "each",
            "unless": 'event.type == "buy"',
        },
        actions=[{"type": "remind"}],
    ),
]


def cart_us(number: int) -> int:
    return START + SPAN * number // CARTS


def events() -> Iterator[event_pb2.Event]:
    """All events in the order of their times: carts, purchases three hours after every seventh, and
    at the end one event ten days later, which lets time pass for the last.
    """
    waiting: list[int] = []
    for number in range(CARTS):
        while waiting and cart_us(waiting[0]) + BUY_AFTER <= cart_us(number):
            yield event_of("buy", waiting.pop(0))
        yield event_of("cart", number)
        if number % BUY_EVERY == 0:
            waiting.append(number)
    yield from (event_of("buy", number) for number in waiting)
    yield event_pb2.Event(
        event_type="end", event_id="end", subject_id="nobody",
        occurred_time_us=START + SPAN + 10 * DAY,
    )  # fmt: skip


def event_of(kind: str, number: int) -> event_pb2.Event:
    return event_pb2.Event(
        event_type=kind,
        event_id=f"{kind}-{number}",
        subject_id=f"s{number % SUBJECTS}",
        occurred_time_us=cart_us(number) + (BUY_AFTER if kind == "buy" else 0),
    )


def opened(folder: Path) -> Engine:
    return Engine.open(str(folder), now_us=START, map_size=MAP_SIZE, segment_size=1 << 24)


def work(folder: Path, seed: int, first: int) -> None:
    """The node at work: goes on with the events from `first`, lets time pass after each commit, or
    in the same one, or not at once.
    """
    source, engine = random.Random(seed), opened(folder)
    print("open", flush=True)
    sent = 0
    batch = ingest_service_pb2.IngestBatchRequest()
    for event in events():
        sent += 1
        if sent <= first:
            continue
        batch.events.append(event)
        if len(batch.events) == BATCH or event.event_id == "end":
            commit(engine, source, batch.SerializeToString())
            batch.ClearField("events")
            print(f"ack {sent}", flush=True)
            if source.random() < 0.5 / (1 + CARTS // BATCH // 20):
                engine.checkpoint()
    while (tick := engine.tick(TENANT, START)) is not None:
        engine.commit([tick], START)
    assert engine.next_due(TENANT) is None
    print("end", flush=True)
    engine.close()


def commit(engine: Engine, source: random.Random, batch: bytes) -> None:
    group = [engine.check_batch(TENANT, batch, START)]
    late = engine.tick(TENANT, START, source.choice((1, 50, 1000)))
    if late is not None:
        group.insert(source.choice((0, 1)), late)
    engine.commit(group, START)
    if source.random() < 0.9:
        while (tick := engine.tick(TENANT, START)) is not None:
            engine.commit([tick], START)


def new_shop(folder: Path) -> None:
    lock = Lockstep(folder, START)
    lock.commit(lock.settings(TENANT, SETTINGS))
    model, stored = lock.compile(TENANT, DOCUMENTS, [])
    lock.commit(stored, lock.activation(TENANT, model))
    lock.close()


def child_of(folder: Path, seed: int, first: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, __file__, folder, str(seed), str(first)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def run(child: subprocess.Popen, until: int, acknowledged: int, delay_s: float) -> tuple[int, bool]:
    """Reads what the child says until it has got so far; then kills it. Returns how far it got."""
    ended = False
    for line in child.stdout:
        if line.startswith(b"ack"):
            acknowledged = max(acknowledged, int(line.split()[1]))
        ended = line == b"end\n"
        if acknowledged >= until and not ended:
            break
    if not ended:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(delay_s)
        child.send_signal(signal.SIGKILL)
    for line in child.stdout.read().splitlines():
        if line.startswith(b"ack") and len(line.split()) == 2:
            acknowledged = max(acknowledged, int(line.split()[1]))
        ended = ended or line == b"end"
    child.stdout.close()
    assert child.wait() == (0 if ended and child.returncode == 0 else -signal.SIGKILL)
    return acknowledged, ended and child.returncode == 0


def verify(engine: Engine) -> tuple[int, int]:
    """Each due timer has one effect, none other has. Returns how many, and how late the latest of
    the ninety days was, which is what a batch spans.
    """
    carts = {}
    for sequence, _, _, occurred_us, _, payload in engine.log_records(1, FRAME_EVENT):
        event = event_pb2.Event.FromString(payload)
        if event.event_type == "cart":
            number = int(event.event_id.partition("-")[2])
            assert occurred_us == cart_us(number)
            # An unsure sender repeats; what was accepted came first.
            carts.setdefault(number, sequence)
    numbers = {sequence: number for number, sequence in carts.items()}
    assert len(numbers) == CARTS
    ids = [siphash128(SETTINGS.hash_key, f"s{i}".encode()) for i in range(SUBJECTS)]
    seen = set()
    latest_us = 0
    for _, value in engine.dump("outbox"):
        row = HEADER.unpack_from(value, STORED)
        subject_id, created_us, origin, step = row[0], row[2], row[5], row[13]
        number = numbers[origin]
        due_us = cart_us(number) + STEPS[step - 1]
        assert subject_id == ids[number % SUBJECTS]
        assert created_us >= due_us, "early"
        assert (number, step) not in seen, "twice"
        assert number % BUY_EVERY or STEPS[step - 1] <= BUY_AFTER, "cancelled"
        if created_us < START + SPAN:
            latest_us = max(latest_us, created_us - due_us)
        seen.add((number, step))
    bought = -(-CARTS // BUY_EVERY)
    expected = CARTS * len(STEPS) - bought * sum(step > BUY_AFTER for step in STEPS)
    assert len(seen) == expected, "lost"
    assert list(engine.dump("timers")) == []
    return expected, latest_us


def digest(engine: Engine) -> str:
    found = hashlib.blake2b()
    for key, value in engine.dump("outbox"):
        found.update(key + value)
    return found.hexdigest()


def test_timers_of_ninety_days_under_kills(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    source, started = random.Random(seed), time.monotonic()
    folder, total = tmp_path / "data", sum(1 for _ in events())
    new_shop(folder)
    aims = sorted(source.randrange(total) for _ in range(KILLS))
    acknowledged, ended, kills, rebuilds = 0, False, 0, 0
    for aim in [*aims, total + 1]:
        if acknowledged and source.random() < 0.1:
            shutil.rmtree(folder / "view")
            rebuilds += 1
        child = child_of(folder, source.randrange(2**32), acknowledged)
        try:
            acknowledged, ended = run(child, aim, acknowledged, source.uniform(0, 0.05))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        kills += not ended
    assert ended, f"seed {seed}"
    engine = opened(folder)
    try:
        count, latest_us = verify(engine)
        before = digest(engine)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}") from error
    engine.close()
    shutil.rmtree(folder / "view")
    shutil.rmtree(folder / "checkpoints")
    engine = opened(folder)
    assert digest(engine) == before
    engine.close()
    print(
        f"{COUNT} timers, {count} fired, {COUNT - count} cancelled, {kills} kills, {rebuilds} "
        f"rebuilds on the way, latest {latest_us / 1e6:.0f} s of event time, "
        f"{time.monotonic() - started:.0f} s"
    )


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
