"""Reads while another thread commits: each answer is of one moment, and none goes back in time."""

import random
import threading
from pathlib import Path

from kairos.v1 import (
    ingest_service_pb2,
    personalization_service_pb2,
    profile_service_pb2,
    trigger_service_pb2,
)
from kairos_server.catalog import build_image
from reference.engine import Settings
from reference.lockstep import Lockstep
from reference.tenants import START, document

TENANT = 1
GROUPS = 300
SCHEMA = document("schema", "main", attributes={"n": "int"})
PLANS = 4


def documents(plan: int) -> list:
    """Each plan shows its own content and fires its own number of triggers: answers tell their
    plan.
    """
    triggers = [
        document("trigger", f"t{i}", condition=f"event.n >= {i}") for i in range(plan * 40 + 1)
    ]
    content = document(
        "content",
        f"of{plan}",
        placements=["hero"],
        priority=plan,
        score={"terms": [{"feature": 'sum("view", "n")', "weight": 1}]},
    )
    return [SCHEMA, document("placement", "hero"), content, *triggers]


class Reader:
    """Reads of one subject; what they may see is known from the log afterwards."""

    def __init__(self, lock: Lockstep) -> None:
        self.engine = lock.engine
        self.seen: list[tuple[int, bytes, str]] = []
        self.profiles: list[tuple[int, int, int]] = []
        request = personalization_service_pb2.DecideRequest()
        request.subject.id, request.context.placement = "ann", "hero"
        self.request = request.SerializeToString()
        evaluate = trigger_service_pb2.EvaluateRequest()
        evaluate.event.event_type, evaluate.event.subject_id = "view", "ann"
        evaluate.event.attributes.add(name="n", int_value=1000)
        self.evaluate = evaluate.SerializeToString()

    def read(self) -> None:
        answer = personalization_service_pb2.DecideResponse.FromString(
            self.engine.decide(TENANT, self.request, START)
        )
        shown = answer.decisions[0].content_id
        self.seen.append((answer.applied_sequence, bytes.fromhex(answer.plan_id), shown))
        fired = trigger_service_pb2.EvaluateResponse.FromString(
            self.engine.evaluate(TENANT, self.evaluate, START)
        )
        plan = bytes.fromhex(fired.plan_id)
        self.seen.append((fired.applied_sequence, plan, f"of{(len(fired.triggers) - 1) // 40}"))
        profile = profile_service_pb2.GetProfileResponse.FromString(
            self.engine.profile(TENANT, b"ann", None, START)
        ).profile
        (total,) = (f.value.int_value for f in profile.features if f.name.startswith("sum"))
        self.profiles.append((profile.sequence, profile.event_count, total))


def test_reads_are_of_one_moment_while_a_thread_commits(tmp_path: Path) -> None:
    lock = Lockstep(tmp_path / "data", START)
    lock.commit(lock.settings(TENANT, Settings("shop", b"sixteen bytes ok", True)))
    plans, content = [], {}
    for plan in range(PLANS):
        removed = [f"content/of{plan - 1}"] if plan else []
        model, stored = lock.compile(TENANT, documents(plan), removed)
        lock.commit(stored)
        plans.append(lock.engine.store_plan(build_image(model)))
        content[plans[-1]] = f"of{plan}"
    lock.engine.commit([lock.engine.activation(TENANT, plans[0], START)], START)
    lock.engine.commit([lock.engine.check_batch(TENANT, batch(0, 1), START)], START)
    reader, number = Reader(lock), 1
    done = threading.Event()
    queue: list[list] = []
    more = threading.Semaphore(0)

    def write() -> None:
        for _ in range(GROUPS):
            more.acquire()
            lock.engine.commit(queue.pop(0), START)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    source = random.Random(2)
    for group in range(GROUPS):
        # Checks and activations belong to this thread, as the reads do; commits to the other one.
        pendings = [lock.engine.check_batch(TENANT, batch(number, 7), START)]
        number += 7
        if group % 3 == 0:
            pendings.insert(
                source.randrange(2), lock.engine.activation(TENANT, source.choice(plans), START)
            )
        queue.append(pendings)
        del pendings
        more.release()
        reader.read()
    while not done.is_set():
        reader.read()
    thread.join()
    reader.read()
    verify(lock, reader, content)
    lock.close()


def batch(first: int, count: int) -> bytes:
    request = ingest_service_pb2.IngestBatchRequest()
    for number in range(first, first + count):
        event = request.events.add(event_type="view", subject_id="ann", event_id=f"e{number}")
        event.attributes.add(name="n", int_value=number % 5)
    return request.SerializeToString()


def verify(lock: Lockstep, reader: Reader, content: dict[bytes, str]) -> None:
    activations = [(sequence, plan) for sequence, _, plan in lock.engine.activations(TENANT)]
    counts, total = {}, 0
    for count, (sequence, *_, payload) in enumerate(lock.engine.log_records(1, 2), 1):
        event = ingest_service_pb2.IngestBatchRequest().events.add()
        event.MergeFromString(payload)
        total += event.attributes[0].int_value
        counts[sequence] = (count, total)
    assert len({plan for _, plan in activations}) == PLANS
    for applied, plan, shown in reader.seen:
        assert plan == [active for sequence, active in activations if sequence <= applied][-1]
        assert shown == content[plan]
    for name in (reader.seen, reader.profiles):
        positions = [entry[0] for entry in name]
        assert positions == sorted(positions)
        assert len(set(positions)) > GROUPS // 10, "the threads did not meet"
    # The sum is fed by every plan, so it is always whole.
    assert all(counts[sequence] == (count, total) for sequence, count, total in reader.profiles)
    assert reader.profiles[-1][1] == len(counts)
