"""Folders that are not what they should be: refused in words, never guessed at, mended by a
rebuild.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kairos.v1 import ingest_service_pb2, profile_service_pb2
from kairos_native import folder as data_folder
from kairos_native.engine import STATUS, Engine, EngineError
from kairos_server.catalog import build_image
from reference.shop import MAP_SIZE, TENANT, batch, opened, shop
from reference.tenants import START, document

# ---------------------------------------------------------------- the folder


def test_busy_folder_is_refused(tmp_path: Path) -> None:
    engine = opened(tmp_path / "data")
    with pytest.raises(EngineError, match="in use by another process"):
        opened(tmp_path / "data")
    engine.close()
    opened(tmp_path / "data").close()


def test_lock_is_not_inherited_by_children(tmp_path: Path) -> None:
    engine = opened(tmp_path / "data")
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
    )
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


def test_first_start_that_was_killed_can_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "FORMAT.new").write_bytes(b'{"product"')
    opened(tmp_path / "data").close()
    assert not (tmp_path / "data" / "FORMAT.new").exists()


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folder, "NETWORK_FILE_SYSTEMS", frozenset({file_system_of(tmp_path)}))
    with pytest.raises(EngineError, match="network file system"):
        opened(tmp_path / "data")
    monkeypatch.undo()
    opened(tmp_path / "data").close()


def file_system_of(path: Path) -> str:
    run = subprocess.run(
        ["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True
    )
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


# ---------------------------------------------------------------- damage


def edit_view(folder: Path, script: str) -> None:
    """Runs py-lmdb over the view, in a process of its own: one process may not open an environment
    twice.
    """
    head = (
        f"import lmdb\nenv = lmdb.open({str(folder / 'view')!r}, max_dbs=8, map_size={MAP_SIZE})\n"
    )
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
    view = str(folder / "view")
    script = f"import lmdb\nenv = lmdb.open({view!r}, max_dbs=8, readonly=True, lock=False)\n"
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
    profile = profile_service_pb2.GetProfileResponse.FromString(
        engine.profile(TENANT, b"ann", None, START)
    )
    # Nothing was passed over, however often the start failed: three events, and the two new of the
    # failed group.
    assert profile.profile.event_count == 5
    assert engine.figures()["skipped_count"] == 0
    assert {key for key, _ in engine.dump("dedupe")} > set(before["dedupe"])
    engine.close()


@pytest.mark.parametrize(
    ("database", "suffix"), [(b"meta", b"applied"), (b"meta", b"state"), (b"plans", b"")]
)
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
    lock.commit(
        lock.batch(TENANT, ingest_service_pb2.IngestBatchRequest.FromString(batch(9)).events)
    )
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
    profile = profile_service_pb2.GetProfileResponse.FromString(
        engine.profile(TENANT, b"ann", None, START)
    )
    assert profile.profile.event_count == 9
    engine.close()


def test_damage_of_an_older_log_file_names_file_place_and_record(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    sizes = {"now_us": START, "map_size": MAP_SIZE, "segment_size": 1 << 17}
    engine = Engine.open(str(folder), **sizes)
    engine.commit([engine.tenant_settings(TENANT, "t", b"k" * 16, 0, START)], START)
    for number in range(12):
        entry = (f"document {number}", bytes([number + 1]) * 20_000)
        engine.commit([engine.documents(TENANT, [entry], START)], START)
    engine.close()
    oldest = min((folder / "log").iterdir())
    data = bytearray(oldest.read_bytes())
    data[60_000] ^= 1
    oldest.write_bytes(data)
    shutil.rmtree(folder / "view")
    with pytest.raises(EngineError, match=rf"{oldest.name} at byte \d+, where record 5 ") as error:
        Engine.open(str(folder), **sizes)
    assert error.value.status == STATUS["LOG_CORRUPT"]


def test_missing_or_damaged_plan_image_is_told(tmp_path: Path) -> None:
    lock = shop(tmp_path / "data")
    lock.close()
    (path,) = (tmp_path / "data" / "plans").glob("*.plan")
    kept = path.read_bytes()
    model, _ = shop(tmp_path / "other").compile(
        TENANT, [document("trigger", "two", condition="event.late")], []
    )
    flipped = kept[:900] + bytes([kept[900] ^ 1]) + kept[901:]
    for damaged in (None, b"", kept[:-1], flipped, kept[::-1], build_image(model)):
        path.unlink(missing_ok=True)
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(EngineError, match="Restore the file"):
            opened(tmp_path / "data")
    path.write_bytes(kept)
    opened(tmp_path / "data").close()
