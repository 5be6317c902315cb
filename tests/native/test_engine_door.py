"""The engine's door: what it refuses, in which words, and that a refusal changes nothing."""

import gc
import os
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from kairos.v1 import event_pb2, ingest_service_pb2, profile_service_pb2
from kairos_native.engine import LIMITS, STATUS, Engine, EngineError, Refusal
from kairos_server.catalog import build_image
from reference.lockstep import Lockstep
from reference.shop import MAP_SIZE, SETTINGS, TENANT, TRIGGER, batch, opened, shop
from reference.tenants import START, Documents, document
from reference.traffic import SUBJECTS, random_decide, random_event

# ---------------------------------------------------------------- calls


def test_closed_engine_refuses_every_call(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    engine = lock.engine
    pending = engine.check_batch(TENANT, batch(1), START)
    engine.close()
    engine.close()
    calls = [
        lambda: engine.check_batch(TENANT, b"", START),
        lambda: engine.check_ingest(TENANT, b"", START),
        lambda: engine.commit([pending], START),
        lambda: engine.decide(TENANT, b"", START),
        lambda: engine.evaluate(TENANT, b"", START),
        engine.take_decisions,
        lambda: engine.replay_decision(bytes(500)),
        lambda: engine.profile(TENANT, b"ann", None, START),
        lambda: engine.store_plan(b""),
        lambda: engine.active_plan(TENANT),
        lambda: engine.event_time(TENANT),
        lambda: engine.activations(TENANT),
        lambda: engine.documents_of(TENANT),
        engine.checkpoint,
        lambda: list(engine.dump("meta")),
        lambda: list(engine.dump("dedupe")),
        engine.figures,
        lambda: engine.log_records(1),
        lambda: engine.activation(TENANT, bytes(32), START),
        lambda: engine.tenant_settings(1, "a", bytes(16), 0, START),
        lambda: engine.documents(TENANT, [], START),
    ]
    for call in calls:
        with pytest.raises(EngineError, match="closed"):
            call()
    with pytest.raises(TypeError):
        Engine()


def test_request_is_committed_once_and_by_its_engine(tmp_path: Path) -> None:
    lock, other = shop(tmp_path / "data"), shop(tmp_path / "other")
    pending = lock.engine.check_batch(TENANT, batch(2), START)
    before = lock.engine.figures()["applied_sequence"]
    with pytest.raises(ValueError, match="belongs to the engine"):
        other.engine.commit([pending], START)
    lock.engine.commit([pending], START)
    with pytest.raises(ValueError, match="committed once"):
        lock.engine.commit([pending], START)
    again = lock.engine.check_batch(TENANT, batch(2), START)
    with pytest.raises(ValueError, match="committed once"):
        lock.engine.commit([again, again], START)
    assert lock.engine.figures()["applied_sequence"] == before + 2
    lock.engine.commit([], START)
    lock.close()
    other.close()


def test_group_of_too_many_records_is_refused_whole(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    most = LIMITS["commit_records_max"]
    pendings = [lock.engine.check_batch(TENANT, batch(1000), START) for _ in range(5)]
    assert sum(pending.record_count for pending in pendings) > most
    before = lock.dumps()
    with pytest.raises(ValueError, match=str(most)):
        lock.engine.commit(pendings, START)
    assert lock.dumps() == before
    rest = lock.engine.check_batch(TENANT, batch(most - 4000), START)
    lock.engine.commit([*pendings[:4], rest], START)
    assert rest.sequence_last == lock.engine.figures()["applied_sequence"]
    lock.close()


def test_whole_requests_are_refused(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    engine = lock.engine
    cases = [
        (lambda: engine.check_batch(TENANT, batch(1001), START), "BATCH_TOO_LARGE", "events"),
        (lambda: engine.check_batch(TENANT, b"", START), "BATCH_EMPTY", "events"),
        (lambda: engine.check_batch(TENANT, b"\x0a\x05a", START), "WIRE_MALFORMED", ""),
        (lambda: engine.check_batch(TENANT, bytes(4_194_305), START), "REQUEST_TOO_LARGE", ""),
        (lambda: engine.check_ingest(TENANT, b"", START), "EVENT_MISSING", "event"),
        (lambda: engine.check_batch(77, batch(1), START), "TENANT_UNKNOWN", ""),
        (lambda: engine.check_batch(1 << 20, batch(1), START), "TENANT_UNKNOWN", ""),
        (
            lambda: engine.decide(77, b"\x0a\x03\x0a\x01a\x12\x03\x12\x01a", START),
            "TENANT_UNKNOWN",
            "",
        ),
        (lambda: engine.decide(1 << 20, b"", START), "TENANT_UNKNOWN", ""),
        (lambda: engine.decide(TENANT, bytes(4_194_305), START), "REQUEST_TOO_LARGE", ""),
        (lambda: engine.evaluate(77, b"", START), "TENANT_UNKNOWN", ""),
        (lambda: engine.evaluate(TENANT, b"", START), "EVENT_MISSING", "event"),
        (lambda: engine.profile(77, b"ann", None, START), "TENANT_UNKNOWN", ""),
        (lambda: engine.profile(TENANT, b"", None, START), "SUBJECT_MISSING", "subject_id"),
        (lambda: engine.profile(TENANT, b"ann", None, START), "SUBJECT_NOT_FOUND", "subject_id"),
        (lambda: engine.activation(TENANT, bytes(32), START), "PLAN_UNKNOWN", "plan_id"),
        (lambda: engine.activation(TENANT, b"short", START), "PLAN_UNKNOWN", "plan_id"),
        (lambda: engine.activation(77, bytes(32), START), "TENANT_UNKNOWN", ""),
        (lambda: engine.documents(77, [], START), "TENANT_UNKNOWN", ""),
        (lambda: engine.event_time(77), "TENANT_UNKNOWN", ""),
    ]
    for number, (call, status, field) in enumerate(cases):
        with pytest.raises(Refusal) as raised:
            call()
        assert (raised.value.status, raised.value.field) == (STATUS[status], field), number
    assert engine.active_plan(77) is None
    lock.close()


def test_tenant_without_plan_takes_no_events(tmp_path: Path) -> None:
    lock = Lockstep(tmp_path / "data", START)
    lock.commit(lock.settings(TENANT, SETTINGS))
    for call in (
        lambda: lock.engine.check_batch(TENANT, batch(1), START),
        lambda: lock.engine.profile(TENANT, b"ann", None, START),
        lambda: lock.engine.decide(TENANT, b"\x0a\x03\x0a\x01a\x12\x03\x12\x01a", START),
        lambda: lock.engine.evaluate(TENANT, b"\x0a\x00", START),
    ):
        with pytest.raises(Refusal) as raised:
            call()
        assert raised.value.status == STATUS["PLAN_MISSING"]
    lock.close()


def test_hash_key_and_time_mode_never_change(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    for changed in (replace(SETTINGS, hash_key=bytes(16)), replace(SETTINGS, event_time=False)):
        with pytest.raises(ValueError, match="never change"):
            lock.settings(TENANT, changed)
    for wrong in (
        {"name": ""},
        {"name": "n" * 65},
        {"hash_key": b"short"},
        {"gap_us": -1},
        {"ahead_us": -1},
    ):
        with pytest.raises(ValueError, match=r"tenant below 1,024|not be negative"):
            lock.settings(TENANT, replace(SETTINGS, **wrong))
    lock.commit(lock.settings(TENANT, replace(SETTINGS, name="renamed", gap_us=1)))
    lock.close()


def test_document_keys_have_a_length(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    engine = lock.engine
    for key in ("", "k" * 401, "é" * 201):
        with pytest.raises(ValueError, match="1 to 400 bytes"):
            engine.documents(TENANT, [(key, b"value")], START)
    long_value = random.Random(1).randbytes(300_000)
    engine.commit(
        [
            engine.documents(
                TENANT, [("k" * 400, long_value), ("é" * 200, b"v"), ("gone", b"v")], START
            )
        ],
        START,
    )
    engine.commit([engine.documents(TENANT, [("gone", b""), ("never", b"")], START)], START)
    kept = engine.documents_of(TENANT)
    assert kept["k" * 400] == long_value and kept["é" * 200] == b"v"
    assert "gone" not in kept and "never" not in kept
    lock.close()


def test_plan_of_another_tenant_cannot_be_activated(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    model, _ = lock.compile(TENANT, [TRIGGER], [])
    plan_id = lock.engine.store_plan(build_image(replace(model, tenant=TENANT + 1)))
    with pytest.raises(Refusal) as raised:
        lock.engine.activation(TENANT, plan_id, START)
    assert raised.value.status == STATUS["PLAN_UNKNOWN"]
    lock.close()


def test_activation_with_more_triggers_than_events_were_checked_under(tmp_path: Path) -> None:
    """Room for what an event fires must hold for the plan that its group activates before it."""
    lock = shop(tmp_path / "data")
    many = [document("trigger", f"many{n}", condition="!event.late") for n in range(600)]
    model, stored = lock.compile(TENANT, many, [])
    request = ingest_service_pb2.IngestBatchRequest.FromString(batch(100))
    staged = lock.batch(TENANT, request.events)
    (answer,) = [
        a for a in lock.commit(stored, lock.activation(TENANT, model), staged) if a.results
    ]
    assert len(answer.results[0].triggers) == 601
    (again,) = lock.commit(lock.batch(TENANT, request.events))
    assert again.duplicate_count == 100
    lock.close()


@pytest.mark.parametrize("event_time", [False, True])
def test_new_window_is_complete_from_the_bucket_after_its_activation(
    tmp_path: Path, event_time: bool
) -> None:
    """In the bucket of the activation an event may have been missed; one bucket later none."""
    bucket = 300_000_000
    lock = Lockstep(tmp_path / "data", START // bucket * bucket)
    lock.commit(lock.settings(TENANT, replace(SETTINGS, event_time=event_time, ahead_us=0)))
    model, stored = lock.compile(TENANT, [TRIGGER], [])
    lock.commit(stored, lock.activation(TENANT, model))
    lock.commit(lock.batch(TENANT, [view(lock.now_us)]))
    window = document("trigger", "new", condition='count("view", "20m/4") > 5')
    model, stored = lock.compile(TENANT, [window], [])
    lock.commit(stored, lock.activation(TENANT, model))
    begin, complete = lock.now_us, []
    for passed in (0, 3 * bucket, 4 * bucket - 1, 4 * bucket):
        lock.now_us = begin + passed
        if event_time:
            lock.commit(lock.batch(TENANT, [view(lock.now_us)]))
        lock.profile(TENANT, "ann")
        answer = lock.engine.profile(TENANT, b"ann", None, lock.now_us)
        profile = profile_service_pb2.GetProfileResponse.FromString(answer).profile
        complete.append(profile.features[0].complete)
    assert complete == [False, False, False, True]
    lock.close()


def view(occurred_us: int) -> event_pb2.Event:
    return event_pb2.Event(event_type="view", subject_id="ann", occurred_time_us=occurred_us)


# ---------------------------------------------------------------- room


def test_full_map_refuses_before_anything_happens(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    lock.engine.close()
    lock.engine = opened(tmp_path / "data", map_size=120 << 20)
    lock.node.start(START)
    engine, number, text = lock.engine, 0, "x" * 1000
    while True:
        request = ingest_service_pb2.IngestBatchRequest()
        for _ in range(90):
            number += 1
            event = request.events.add(event_type="view", subject_id=f"s{number}", event_id="e")
            for trait in range(40):
                event.traits.add(name=f"t{trait}", string_value=text)
        pending = engine.check_batch(TENANT, request.SerializeToString(), START)
        figures = engine.figures()
        before = lock.dumps() if figures["view_bytes"] > 100 << 20 else None
        try:
            engine.commit([pending], START)
        except Refusal as refusal:
            status = refusal.status
            break
    assert status == STATUS["MAP_FULL"]
    assert pending.sequence_last == 0 and pending.response == b""
    after = engine.figures()
    for name in ("applied_sequence", "log_bytes", "view_bytes", "event_count"):
        assert after[name] == figures[name]
    assert before is None or lock.dumps() == before
    # Reads and decisions go on; the same request is taken once there is room.
    assert engine.profile(TENANT, b"s1", None, START)
    lock.engine.close()
    engine = opened(tmp_path / "data", map_size=MAP_SIZE)
    engine.commit([engine.check_batch(TENANT, request.SerializeToString(), START)], START)
    engine.close()


def test_full_disk_refuses_before_anything_happens(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", mount],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("only root may mount the small file system that this test fills")
    try:
        fill_disk(mount)
    finally:
        subprocess.run(["umount", mount], check=True)


def fill_disk(mount: Path) -> None:
    lock = shop(mount / "data")
    left = os.statvfs(mount)
    with open(mount / "ballast", "wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, (left.f_bavail - 2) * left.f_bsize)
    before, figures = lock.dumps(), lock.engine.figures()
    pending = lock.engine.check_batch(TENANT, batch(900, url="x" * 4000), START)
    with pytest.raises(Refusal) as raised:
        lock.engine.commit([pending], START)
    assert raised.value.status == STATUS["DISK_FULL"]
    assert pending.response == b"" and lock.dumps() == before
    for name in ("applied_sequence", "log_bytes", "event_count"):
        assert lock.engine.figures()[name] == figures[name]
    lock.decide(TENANT, random_decide(random.Random(1), Documents(random.Random(1)), 0))
    # With room again the same request is taken.
    (mount / "ballast").unlink()
    lock.engine.commit([pending], START)
    assert pending.sequence_last == figures["applied_sequence"] + 900
    lock.close()


# ---------------------------------------------------------------- memory


def test_request_in_a_cycle_gives_its_pin_back(tmp_path: Path) -> None:
    """The collector may take a request apart in any order; the engine it points to must still be
    there.
    """
    lock = shop(tmp_path / "data")
    plan_id = lock.engine.active_plan(TENANT)
    for _ in range(300):
        cycle: list = [lock.engine.activation(TENANT, plan_id, START)]
        cycle[0].token = cycle
        cycle.append(cycle)
    del cycle
    gc.collect()
    lock.close()


def test_plans_of_all_sizes_follow_each_other(tmp_path: Path) -> None:
    """Freed plans leave their addresses to others; the scratch memory of writer and reader must
    follow.
    """
    lock = shop(tmp_path / "data")
    source, documents = random.Random(5), Documents(random.Random(6))
    models = []
    for number in range(12):
        version, removed = documents.version()
        extra = [
            document("trigger", f"x{number}_{i}", condition=f"event.amount == {i}")
            for i in range(number * 7)
        ]
        model, stored = lock.compile(TENANT, [*version, *extra], removed)
        lock.commit(stored)
        models.append(model)
    for _ in range(60):
        lock.commit(lock.activation(TENANT, source.choice(models)))
        if source.random() < 0.4:
            continue
        lock.commit(
            lock.batch(
                TENANT, [random_event(source, documents, lock.now_us, live=False) for _ in range(3)]
            )
        )
        lock.decide(TENANT, random_decide(source, documents, lock.engine.event_time(TENANT)))
        lock.profile(TENANT, source.choice(SUBJECTS))
    lock.close()


# ---------------------------------------------------------------- kernels


@pytest.mark.parametrize("seed", [1, 2])
def test_kernels_give_the_same_bytes(tmp_path: Path, seed: int) -> None:
    def life(kernel: str) -> list:
        source, found = random.Random(seed), []
        lock, documents = Lockstep(tmp_path / kernel, START, kernel), Documents(source)
        lock.commit(lock.settings(TENANT, SETTINGS))
        for _ in range(2):
            version, removed = documents.version()
            model, stored = lock.compile(TENANT, version, removed)
            lock.commit(stored, lock.activation(TENANT, model))
            for _ in range(6):
                events = [
                    random_event(source, documents, lock.now_us, live=False) for _ in range(12)
                ]
                found += lock.commit(lock.batch(TENANT, events))
                request = random_decide(source, documents, lock.engine.event_time(TENANT))
                found.append(without_time(lock.decide(TENANT, request)))
        found.append(lock.dumps())
        lock.close()
        shutil.rmtree(tmp_path / kernel)
        return found

    lives = {kernel: life(kernel) for kernel in kernels_here(tmp_path)}
    assert all(one == lives["portable"] for one in lives.values())


def kernels_here(folder: Path) -> list[str]:
    """The kernels of this processor; any other is refused in words."""
    found, refusals = [], []
    for kernel in ("portable", "avx2", "avx512"):
        try:
            opened(folder / "kernels", kernel=kernel).close()
        except EngineError as error:
            refusals.append(str(error))
        else:
            found.append(kernel)
    assert all("not one that this processor has" in refusal for refusal in refusals)
    assert "portable" in found
    return found


def without_time(response: bytes | None) -> bytes | None:
    """The response without its last field, the processing time, which is 8 and a number."""
    if response is None:
        return None
    at = len(response) - 2
    while response[at] != 0x40 or any(byte < 0x80 for byte in response[at + 1 : -1]):
        at -= 1
    return response[:at]
