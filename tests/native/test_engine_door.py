"""The engine's door: what it refuses, in which words, and that a refusal changes nothing."""

import fcntl
import gc
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from kairos.v1 import ingest_service_pb2, profile_service_pb2
from kairos_native import folder as data_folder
from kairos_native.engine import LIMITS, STATUS, Engine, EngineError, Refusal
from kairos_server.catalog import build_image
from reference.engine import Settings
from reference.lockstep import Lockstep
from reference.tenants import SUBJECTS, START, Documents, document, random_decide, random_event

TENANT = 4
SETTINGS = Settings("shop", b"sixteen bytes ok", True)
MAP_SIZE = 1 << 28
TRIGGER = document("trigger", "one", condition='event.type == "view"')


def opened(folder: Path, **options: object) -> Engine:
    return Engine.open(str(folder), **{"now_us": START, "map_size": MAP_SIZE, **options})


def shop(folder: Path, *documents: object) -> Lockstep:
    lock = Lockstep(folder, START)
    lock.commit(lock.settings(TENANT, SETTINGS))
    model, stored = lock.compile(TENANT, documents or [TRIGGER, document("placement", "hero")], [])
    lock.commit(stored, lock.activation(TENANT, model))
    return lock


def batch(count: int, **fields: str) -> bytes:
    request = ingest_service_pb2.IngestBatchRequest()
    for number in range(count):
        request.events.add(**{"event_type": "view", "subject_id": "ann", "event_id": f"e{number}", **fields})
    return request.SerializeToString()


# ---------------------------------------------------------------- the folder


def test_busy_folder_is_refused(tmp_path: Path) -> None:
    engine = opened(tmp_path / "data")
    with pytest.raises(EngineError, match="in use by another process"):
        opened(tmp_path / "data")
    engine.close()
    opened(tmp_path / "data").close()


def test_lock_is_not_inherited_by_children(tmp_path: Path) -> None:
    engine = opened(tmp_path / "data")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    engine.close()
    opened(tmp_path / "data").close()
    child.communicate(b"\n")


def test_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    with pytest.raises(EngineError, match="no Kairos data"):
        opened(tmp_path / "letters")
    assert {path.name for path in (tmp_path / "letters").iterdir()} == {"one.txt", "LOCK"}
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be written"):
        opened(tmp_path / "file" / "data")


def test_format_of_another_version_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "data").close()
    path = tmp_path / "data" / "FORMAT"
    kept = path.read_bytes()
    path.write_bytes(json.dumps({**json.loads(kept), "log": 2}).encode())
    with pytest.raises(EngineError, match="Use the version that wrote it"):
        opened(tmp_path / "data")
    path.write_bytes(kept[:-9])
    with pytest.raises(EngineError, match="FORMAT is damaged"):
        opened(tmp_path / "data")
    path.write_bytes(kept)
    opened(tmp_path / "data").close()


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folder, "NETWORK_FILE_SYSTEMS", frozenset({file_system_of(tmp_path)}))
    with pytest.raises(EngineError, match="network file system"):
        opened(tmp_path / "data")
    monkeypatch.undo()
    opened(tmp_path / "data").close()


def file_system_of(path: Path) -> str:
    run = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True)
    best = ("", "")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        mount = left.split()[4]
        if (str(path) + "/").startswith(mount.rstrip("/") + "/") and len(mount) >= len(best[0]):
            best = (mount, right.split()[0])
    return best[1] or run.stdout.strip()


def test_failed_open_gives_the_folder_back(tmp_path: Path) -> None:
    opened(tmp_path / "data").close()
    with pytest.raises(EngineError, match="portable"):
        opened(tmp_path / "data", kernel="fast")
    with pytest.raises(KeyError):
        opened(tmp_path / "data", texts={"NO_SUCH_STATUS": ""})
    lock = os.open(tmp_path / "data" / "LOCK", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)


# ---------------------------------------------------------------- calls


def test_closed_engine_refuses_every_call(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    engine = lock.engine
    pending = engine.check_batch(TENANT, batch(1), START)
    engine.close()
    engine.close()
    calls = [
        lambda: engine.check_batch(TENANT, b"", START), lambda: engine.check_ingest(TENANT, b"", START),
        lambda: engine.commit([pending], START), lambda: engine.decide(TENANT, b"", START),
        lambda: engine.evaluate(TENANT, b"", START), lambda: engine.take_decisions(),
        lambda: engine.replay_decision(bytes(500)), lambda: engine.profile(TENANT, b"ann", None, START),
        lambda: engine.store_plan(b""), lambda: engine.active_plan(TENANT), lambda: engine.event_time(TENANT),
        lambda: engine.activations(TENANT), lambda: engine.documents_of(TENANT), lambda: engine.checkpoint(),
        lambda: list(engine.dump("meta")), lambda: list(engine.dump("dedupe")), lambda: engine.figures(),
        lambda: engine.log_records(1), lambda: engine.activation(TENANT, bytes(32), START),
        lambda: engine.tenant_settings(1, "a", bytes(16), 0, START), lambda: engine.documents(TENANT, [], START),
    ]  # fmt: skip
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
        (lambda: engine.decide(77, b"\x0a\x03\x0a\x01a\x12\x03\x12\x01a", START), "TENANT_UNKNOWN", ""),
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
    ]  # fmt: skip
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
        {"name": ""}, {"name": "n" * 65}, {"hash_key": b"short"}, {"gap_us": -1}, {"ahead_us": -1},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="tenant below 1,024|not be negative"):
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
    engine.commit([engine.documents(TENANT, [("k" * 400, long_value), ("é" * 200, b"v"), ("gone", b"v")], START)], START)
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
    request = ingest_service_pb2.IngestBatchRequest.FromString(batch(1000))
    staged = lock.batch(TENANT, request.events)
    (answer,) = [a for a in lock.commit(stored, lock.activation(TENANT, model), staged) if a.results]
    assert len(answer.results[0].triggers) == 601
    (again,) = lock.commit(lock.batch(TENANT, request.events))
    assert again.duplicate_count == 1000
    lock.close()


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
        before, figures = lock.dumps() if engine.figures()["view_bytes"] > 100 << 20 else None, engine.figures()
        try:
            engine.commit([pending], START)
        except Refusal as refusal:
            assert refusal.status == STATUS["MAP_FULL"]
            break
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
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", mount], capture_output=True, check=False)
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


# ---------------------------------------------------------------- damage


def edit_view(folder: Path, script: str) -> None:
    """Runs py-lmdb over the view, in a process of its own: one process may not open an environment twice."""
    head = f"import lmdb\nenv = lmdb.open({str(folder / 'view')!r}, max_dbs=8, map_size={MAP_SIZE})\n"
    names = "names = [bytes(k) for k, _ in env.begin().cursor()]\n"
    subprocess.run([sys.executable, "-c", head + names + script], check=True)


SPOIL = """
with env.begin(write=True) as txn:
    for name in names:
        if name == {database!r}:
            db = env.open_db(name, txn=txn, create=False)
            for key, value in list(txn.cursor(db)):
                if {suffix!r} and not key.endswith({suffix!r}):
                    continue
                txn.put(key, value[:24] + bytes([value[24] ^ 1]) + value[25:], db=db)
"""


def database_names(folder: Path) -> list[bytes]:
    script = f"import lmdb\nenv = lmdb.open({str(folder / 'view')!r}, max_dbs=8, readonly=True, lock=False)\n"
    script += "print([bytes(k) for k, _ in env.begin().cursor()])"
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return eval(run.stdout)


def test_damaged_subject_ends_the_process_and_a_rebuild_mends_it(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    request = ingest_service_pb2.IngestBatchRequest.FromString(batch(3))
    lock.commit(lock.batch(TENANT, request.events))
    before = lock.dumps()
    lock.close()
    names = database_names(tmp_path / "data")
    assert b"subjects" in names
    edit_view(tmp_path / "data", SPOIL.format(database=b"subjects", suffix=b""))
    engine = opened(tmp_path / "data")
    with pytest.raises(EngineError) as raised:
        engine.profile(TENANT, b"ann", None, START)
    assert raised.value.status == STATUS["RECORD_CORRUPT"]
    pending = engine.check_batch(TENANT, batch(5), START)
    with pytest.raises(EngineError, match="must end"):
        engine.commit([pending], START)
    # What memory holds is no longer what the log says: nothing may follow.
    with pytest.raises(EngineError, match="must end"):
        engine.commit([engine.check_batch(TENANT, batch(1, subject_id="bob"), START)], START)
    engine.close()
    for _ in range(5):
        with pytest.raises(EngineError, match="Remove the folder `view`"):
            opened(tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "view")
    engine = opened(tmp_path / "data")
    profile = profile_service_pb2.GetProfileResponse.FromString(engine.profile(TENANT, b"ann", None, START))
    # Nothing was passed over, however often the start failed: three events, and the two new of the failed group.
    assert profile.profile.event_count == 5
    assert engine.figures()["skipped_count"] == 0
    assert {key for key, _ in engine.dump("dedupe")} > set(before["dedupe"])
    engine.close()


@pytest.mark.parametrize(("database", "suffix"), [(b"meta", b"applied"), (b"meta", b"state"), (b"plans", b"")])
def test_damaged_state_is_told_at_start(tmp_path: Path, database: bytes, suffix: bytes) -> None:
    lock = shop(tmp_path / "data")
    before = lock.dumps()
    lock.close()
    edit_view(tmp_path / "data", SPOIL.format(database=database, suffix=suffix))
    with pytest.raises(EngineError, match="Remove the folder `view`"):
        opened(tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "view")
    lock.engine = opened(tmp_path / "data")
    assert lock.dumps() == before
    lock.close()


def test_view_ahead_of_the_log_is_told(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    lock.commit(lock.batch(TENANT, ingest_service_pb2.IngestBatchRequest.FromString(batch(9)).events))
    lock.close()
    shutil.copytree(tmp_path / "data" / "log", tmp_path / "kept")
    for path in (tmp_path / "data" / "log").iterdir():
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"e5") - 60].ljust(len(data), b"\0"))
    with pytest.raises(EngineError, match="log files are missing"):
        opened(tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "log")
    shutil.copytree(tmp_path / "kept", tmp_path / "data" / "log")
    engine = opened(tmp_path / "data")
    profile = profile_service_pb2.GetProfileResponse.FromString(engine.profile(TENANT, b"ann", None, START))
    assert profile.profile.event_count == 9
    engine.close()


def test_missing_or_damaged_plan_image_is_told(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    lock.close()
    (path,) = (tmp_path / "data" / "plans").glob("*.plan")
    kept = path.read_bytes()
    model, _ = shop(tmp_path / "other").compile(TENANT, [document("trigger", "two", condition="event.late")], [])
    flipped = kept[:900] + bytes([kept[900] ^ 1]) + kept[901:]
    for damaged in (None, b"", kept[:-1], flipped, kept[::-1], build_image(model)):
        path.unlink(missing_ok=True)
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(EngineError, match="Restore the file"):
            opened(tmp_path / "data")
    path.write_bytes(kept)
    opened(tmp_path / "data").close()


# ---------------------------------------------------------------- memory


def test_request_in_a_cycle_gives_its_pin_back(tmp_path: Path) -> None:
    """The collector may take a request apart in any order; the engine it points to must still be there."""
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
    """Freed plans leave their addresses to others; the scratch memory of writer and reader must follow."""
    lock = shop(tmp_path / "data")
    source, documents = random.Random(5), Documents(random.Random(6))
    models = []
    for number in range(12):
        version, removed = documents.version()
        extra = [document("trigger", f"x{number}_{i}", condition=f"event.amount == {i}") for i in range(number * 7)]
        model, stored = lock.compile(TENANT, [*version, *extra], removed)
        lock.commit(stored)
        models.append(model)
    for _ in range(60):
        lock.commit(lock.activation(TENANT, source.choice(models)))
        if source.random() < 0.4:
            continue
        lock.commit(lock.batch(TENANT, [random_event(source, documents, lock.now_us, live=False) for _ in range(3)]))
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
                events = [random_event(source, documents, lock.now_us, live=False) for _ in range(12)]
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
    found = []
    for kernel in ("portable", "avx2", "avx512"):
        try:
            opened(folder / "kernels", kernel=kernel).close()
        except EngineError as error:
            assert "not one that this processor has" in str(error)
        else:
            found.append(kernel)
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
