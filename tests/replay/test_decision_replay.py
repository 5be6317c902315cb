"""A decision record decides again what it decided: after restarts, under other plans, on another
node.
"""

import random
import shutil
from pathlib import Path

import pytest
from kairos.v1 import personalization_service_pb2
from kairos_native.engine import SIZES, Engine, EngineError
from kairos_server.catalog import build_image
from reference.engine import Settings
from reference.lockstep import Lockstep
from reference.tenants import HOUR, START, Documents, document
from reference.traffic import random_decide, random_event

TENANT = 2
OTHER = 9
FRAME_DECISION = 5


def decided(tmp_path: Path, seed: int, count: int = 60) -> tuple[Lockstep, list[bytes], list]:
    """A node on which decisions were made between events, under several plans; their answers in
    order, and the plans.
    """
    source = random.Random(seed)
    lock, documents, models, answers = Lockstep(tmp_path / "data", START), Documents(source), [], []
    lock.commit(lock.settings(TENANT, Settings("shop", b"sixteen bytes ok", True)))
    for _ in range(3):
        version, removed = documents.version()
        model, stored = lock.compile(TENANT, version, removed)
        lock.commit(stored, lock.activation(TENANT, model))
        models.append(model)
        for _ in range(count // 3):
            lock.now_us += source.choice((1, HOUR))
            events = [random_event(source, documents, lock.now_us, live=False) for _ in range(3)]
            lock.commit(lock.batch(TENANT, events))
            request = random_decide(source, documents, lock.engine.event_time(TENANT))
            answer = lock.decide(TENANT, request)
            answers += [answer] if answer else []
        lock.commit(lock.decisions())
    return lock, answers, models


def records(engine: Engine) -> list[bytes]:
    return [record[5] for record in engine.log_records(1, FRAME_DECISION)]


def replayed(engine: Engine, found: list[bytes], answers: list[bytes]) -> None:
    assert [engine.replay_decision(record) for record in found] == answers


def test_decisions_replay_to_the_same_bytes(tmp_path: Path) -> None:
    lock, answers, models = decided(tmp_path, 1)
    found = records(lock.engine)
    assert len(found) == len(answers) > 20
    replayed(lock.engine, found, answers)
    # Each record holds its own response, so that an auditor needs nothing else.
    assert all(record.endswith(answer) for record, answer in zip(found, answers, strict=True))
    lock.reopen()
    assert records(lock.engine) == found
    replayed(lock.engine, found, answers)
    lock.commit(lock.activation(TENANT, models[0]))
    replayed(lock.engine, list(reversed(found)), list(reversed(answers)))
    lock.close()
    # Another node knows the images, and neither the tenant nor its subjects.
    other = Engine.open(str(tmp_path / "other"), now_us=START, map_size=1 << 28)
    with pytest.raises(EngineError, match="cannot be loaded"):
        other.replay_decision(found[0])
    for model in models:
        other.store_plan(build_image(model))
    replayed(other, found, answers)
    other.close()
    shutil.rmtree(tmp_path)


def test_replay_changes_neither_state_nor_captured_records(tmp_path: Path) -> None:
    lock, answers, _ = decided(tmp_path, 2, 12)
    found, before = records(lock.engine), lock.dumps()
    lock.decide(TENANT, request_of("hero"))
    replayed(lock.engine, found, answers)
    lock.commit(lock.decisions())
    assert len(records(lock.engine)) == len(found) + 1
    assert lock.dumps() == before
    lock.close()


def request_of(placement: str) -> personalization_service_pb2.DecideRequest:
    request = personalization_service_pb2.DecideRequest()
    request.subject.id, request.context.placement = "ann", placement
    return request


def test_decisions_of_two_tenants_keep_their_tenant(tmp_path: Path) -> None:
    lock = Lockstep(tmp_path / "data", START)
    for tenant in (TENANT, OTHER):
        lock.commit(lock.settings(tenant, Settings(f"shop{tenant}", bytes([tenant]) * 16, True)))
        model, stored = lock.compile(tenant, [document("placement", "hero")], [])
        lock.commit(stored, lock.activation(tenant, model))
    tenants = [TENANT, OTHER, OTHER, TENANT]
    for tenant in tenants:
        lock.decide(tenant, request_of("hero"))
    lock.commit(lock.decisions())
    assert [record[2] for record in lock.engine.log_records(1, FRAME_DECISION)] == tenants
    assert len({record[:16] for record in records(lock.engine)}) == len(tenants)
    lock.close()


def test_moment_of_a_decision_does_not_move_the_log(tmp_path: Path) -> None:
    """An event-time tenant may ask for any future; the received times of all tenants stay where
    they are.
    """
    lock = Lockstep(tmp_path / "data", START)
    lock.commit(lock.settings(TENANT, Settings("shop", b"sixteen bytes ok", True)))
    model, stored = lock.compile(TENANT, [document("placement", "hero")], [])
    lock.commit(stored, lock.activation(TENANT, model))
    request = request_of("hero")
    request.at_time_us = 253_402_300_799_999_999
    lock.decide(TENANT, request)
    lock.commit(lock.decisions())
    *_, (_, _, _, occurred_us, received_us, _) = lock.engine.log_records(1, FRAME_DECISION)
    assert (occurred_us, received_us) == (request.at_time_us, START)
    lock.close()


def test_damaged_records_are_refused_in_words(tmp_path: Path) -> None:
    """Cut or changed at any byte, a record is refused, or decides something; the process lives."""
    lock, _, _ = decided(tmp_path, 3, 9)
    record = max(records(lock.engine), key=len)
    for size in {0, 1, SIZES["kairos_decision"] - 1, SIZES["kairos_decision"], len(record) - 1}:
        with pytest.raises(EngineError):
            lock.engine.replay_decision(record[:size])
    source, refused = random.Random(4), 0
    for _ in range(3000):
        changed = bytearray(record)
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
        try:
            lock.engine.replay_decision(bytes(changed))
        except EngineError:
            refused += 1
    assert refused
    lock.close()
