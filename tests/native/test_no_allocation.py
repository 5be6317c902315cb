"""No Python object per event or per decision between bytes in and bytes out, and no GIL while a
group is committed.

Every allocation of the interpreter is counted, not only what is left over, so that short-lived
objects show as well.
"""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from allocation_door import counted
from kairos.v1 import ingest_service_pb2, personalization_service_pb2
from reference.engine import Settings
from reference.lockstep import Lockstep
from reference.tenants import START, Documents, document
from reference.traffic import random_event

TENANT = 6
DEADLINE_S = 120
ROUNDS = 5


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[Lockstep]:
    """A tenant with triggers that fire, contents that are scored, and subjects with a history."""
    lock, documents = Lockstep(tmp_path / "data", START), Documents(random.Random(7))
    lock.commit(lock.settings(TENANT, Settings("shop", b"sixteen bytes ok", True)))
    for _ in range(3):
        version, _ = documents.version()
        shown = [
            document("content", f"always{n}", placements=["hero"], payload={"hook": "x" * n})
            for n in range(9)
        ]
        model, stored = lock.compile(TENANT, [*version, *shown], [])
        lock.commit(stored, lock.activation(TENANT, model))
    lock.documents = documents
    lock.engine.commit([lock.engine.check_batch(TENANT, batch(lock, 1000), START)], START)
    assert lock.engine.figures()["fired_count"] > 100
    yield lock
    lock.close()


def batch(lock: Lockstep, count: int) -> bytes:
    source = random.Random(count)
    request = ingest_service_pb2.IngestBatchRequest()
    for number in range(count):
        event = random_event(source, lock.documents, START, live=False)
        event.event_id = f"{count}-{number}-{random.random()}"
        request.events.append(event)
    return request.SerializeToString()


def least(function: Callable[[], Callable[[], object]]) -> int:
    """The fewest allocations of several runs: free lists and caches of the interpreter are warm
    then.
    """
    return min(counted(function())[1] for _ in range(ROUNDS))


def test_check_allocates_the_same_for_any_number_of_events(lock: Lockstep) -> None:
    def check(count: int) -> Callable[[], object]:
        return partial(lock.engine.check_batch, TENANT, batch(lock, count), START)

    few, many = (least(partial(check, count)) for count in (10, 1000))
    assert many == few <= 4


def test_commit_allocates_the_same_for_any_number_of_events(lock: Lockstep) -> None:
    def commit(count: int) -> Callable[[], object]:
        pending = lock.engine.check_batch(TENANT, batch(lock, count), START)
        return partial(lock.engine.commit, [pending], START)

    fired = lock.engine.figures()["fired_count"]
    few, many = (least(partial(commit, count)) for count in (10, 1000))
    assert lock.engine.figures()["fired_count"] > fired + ROUNDS * 100
    assert many == few <= 4


def test_decision_allocates_its_answer_only(lock: Lockstep) -> None:
    def request(subject: str, variants: int) -> Callable[[], object]:
        message = personalization_service_pb2.DecideRequest()
        message.subject.id, message.context.placement = subject, "hero"
        message.constraints.max_variants = variants
        message.constraints.require_consent = False
        return partial(lock.engine.decide, TENANT, message.SerializeToString(), START)

    known = [
        least(partial(request, subject, variants))
        for subject in ("ann", "nobody")
        for variants in (1, 100)
    ]
    # The bytes of the answer and nothing else.
    assert known == [1, 1, 1, 1]
    sizes = {len(request("ann", variants)()) for variants in (1, 100)}
    assert len(sizes) == 2


def test_decisions_leave_nothing_behind(lock: Lockstep) -> None:
    message = personalization_service_pb2.DecideRequest()
    message.subject.id, message.context.placement = "ann", "hero"
    data = message.SerializeToString()
    decide = partial(lock.engine.decide, TENANT, data, START)

    def blocks(count: int) -> int:
        before = sys.getallocatedblocks()
        for _ in range(count):
            decide()
        return sys.getallocatedblocks() - before

    blocks(10)
    assert min(blocks(2000) for _ in range(ROUNDS)) <= min(blocks(20) for _ in range(ROUNDS)) + 2


def test_group_is_committed_without_the_gil(lock: Lockstep) -> None:
    """The test holds the GIL from before the commit until it has seen the commit's effect: nobody
    else had it.
    """
    pendings = [lock.engine.check_batch(TENANT, batch(lock, 1000), START) for _ in range(4)]
    before = lock.engine.figures()["applied_sequence"]
    target = before + sum(pending.record_count for pending in pendings)
    entered = threading.Lock()
    entered.acquire()

    def write() -> None:
        # From here to where the commit gives the GIL away nothing waits, so nobody else gets it.
        entered.release()
        lock.engine.commit(pendings, START)

    thread = threading.Thread(target=write)
    interval = sys.getswitchinterval()
    # A thread that waits for the GIL asks for it only after this many seconds.
    sys.setswitchinterval(10 * DEADLINE_S)
    try:
        thread.start()
        entered.acquire()
        deadline = time.monotonic() + DEADLINE_S
        while lock.engine.figures()["applied_sequence"] != target and time.monotonic() < deadline:
            pass
        seen = lock.engine.figures()["applied_sequence"]
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    assert seen == target
    assert pendings[-1].sequence_last == target
