"""Counts of events and fired triggers, against a count made from the answers."""

import random
from collections import Counter
from pathlib import Path

from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native.engine import COUNTERS
from reference.lockstep import Lockstep
from reference.shop import TENANT, TRIGGER, shop
from reference.tenants import START, document

TRIGGERS = [
    TRIGGER,
    document("trigger", "two", condition="event.quantity > 2"),
    document("trigger", "three", condition='event.type == "buy" && session.is_new'),
    document("schema", "main", attributes={"quantity": "int"}),
    document("placement", "hero"),
]


def random_batch(random: random.Random, count: int) -> list[event_pb2.Event]:
    events = []
    for _ in range(count):
        event = event_pb2.Event(
            event_type=random.choice(["view", "buy"]),
            subject_id=random.choice("abcd"),
            event_id=str(random.randrange(200)),
        )
        event.attributes.add(name="quantity", int_value=random.randrange(6))
        events.append(event)
    return events


def counted(lock: Lockstep) -> dict[int, int]:
    return {number: count for number, (count, _) in lock.engine.counts(TENANT).items()}


def test_counts_are_those_of_the_answers_through_restarts_and_rebuilds(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data", *TRIGGERS)
    names = ["one", "two", "three"]
    numbers = dict(zip(sorted(names), range(3), strict=True))
    expected: Counter[int] = Counter()
    fired: Counter[str] = Counter()
    chance = random.Random(7)
    for turn in range(12):
        lock.now_us += 3_600_000_000
        staged = lock.batch(TENANT, random_batch(chance, 60))
        lock.commit(staged)
        answer = ingest_service_pb2.IngestBatchResponse.FromString(staged[0].response)
        expected[COUNTERS["events"]] += answer.accepted_count
        for result in answer.results:
            if not result.duplicate:
                fired.update(trigger.trigger_id for trigger in result.triggers)
        if turn == 4:
            lock.engine.checkpoint()
        if turn in (3, 8):
            lock.reopen()
        if turn == 6:
            lock.rebuild(checkpoints=True)
        if turn == 10:
            lock.rebuild(checkpoints=False)
    counts = counted(lock)
    assert counts[COUNTERS["events"]] == expected[COUNTERS["events"]] > 100
    by_count = Counter(
        {number: n for number, n in counts.items() if number >= COUNTERS["trigger_first"]}
    )
    assert sorted(by_count.values()) == sorted(fired.values()) and len(fired) == len(numbers)
    last_us = max(last for _, last in lock.engine.counts(TENANT).values())
    assert START < last_us <= lock.now_us
    lock.close()


def test_a_tenant_without_events_has_no_counts(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    assert lock.engine.counts(TENANT) == {} == lock.engine.counts(TENANT + 1)
    lock.close()
