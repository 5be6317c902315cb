"""The view against a plain dictionary, and what it does where the disk or the map ends."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import store_door
from hypothesis import given, settings
from hypothesis import strategies as st
from store_door import Store, StoreError

MAP_SIZE = 1 << 28
MAP_FULL, DISK_FULL, STORE_ERROR = 98, 97, 132


def engine_path() -> bytes:
    spec = importlib.util.find_spec("lmdb")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations)))
    return os.fsencode(next(folder.glob("cpython*.so")))


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    store_door.load(engine_path())


KEYS = st.binary(min_size=1, max_size=6)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"), st.integers(0, 4), KEYS, st.binary(max_size=40).map(lambda b: b * 100)
        ),
        st.tuples(st.just("delete"), st.integers(0, 4), KEYS),
        st.tuples(st.sampled_from(["commit", "abort", "reopen"])),
    ),
    max_size=60,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS, probes=st.lists(KEYS, max_size=5))
def test_behaves_as_sorted_dictionaries(tmp_path_factory, steps, probes) -> None:
    folder = os.fsencode(tmp_path_factory.mktemp("view"))
    view = Store(folder, MAP_SIZE)
    committed: list[dict[bytes, bytes]] = [{} for _ in range(5)]
    working = [dict(database) for database in committed]
    view.begin()
    for step in [*steps, ("commit",)]:
        if step[0] == "put":
            view.put(step[1], step[2], step[3])
            working[step[1]][step[2]] = step[3]
            assert view.write_get(step[1], step[2]) == step[3]
        elif step[0] == "delete":
            assert view.delete(step[1], step[2]) == (
                working[step[1]].pop(step[2], None) is not None
            )
            assert view.write_get(step[1], step[2]) is None
        else:
            view.read_begin()
            for database in range(5):
                # A reader sees the last commit, never the transaction in progress.
                assert contents(view, database) == sorted(committed[database].items())
            view.read_end()
            if step[0] == "commit":
                view.commit()
                committed = [dict(database) for database in working]
            elif step[0] == "abort":
                view.abort()
                working = [dict(database) for database in committed]
            else:
                view.close()
                working = [dict(database) for database in committed]
                view = Store(folder, MAP_SIZE)
            view.begin()
    view.abort()
    view.read_begin()
    for database in range(5):
        expected = sorted(committed[database].items())
        assert contents(view, database) == expected
        assert view.entries(database) == len(expected)
        for probe in probes:
            assert view.get(database, probe) == committed[database].get(probe)
            following = [pair for pair in expected if pair[0] >= probe]
            assert view.seek(database, probe) == (following[0] if following else None)
    view.read_end()
    view.close()


def contents(view: Store, database: int) -> list[tuple[bytes, bytes]]:
    pairs = []
    pair = view.seek(database, b"\0")
    while pair is not None:
        pairs.append(pair)
        pair = view.step()
    assert view.step() is None
    return pairs


def test_a_second_open_of_the_same_folder_is_refused(tmp_path) -> None:
    view = Store(os.fsencode(tmp_path), MAP_SIZE)
    with pytest.raises(StoreError, match="open in this process already"):
        Store(os.fsencode(tmp_path), MAP_SIZE)
    view.close()
    Store(os.fsencode(tmp_path), MAP_SIZE).close()


def test_a_missing_folder_and_a_foreign_file_are_refused(tmp_path) -> None:
    with pytest.raises(StoreError, match="no folder"):
        Store(os.fsencode(tmp_path / "absent"), MAP_SIZE)
    (tmp_path / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError) as caught:
        Store(os.fsencode(tmp_path), MAP_SIZE)
    assert caught.value.args[0] == STORE_ERROR


def test_keys_of_no_or_too_many_bytes_are_refused_and_leave_the_transaction_usable(
    tmp_path,
) -> None:
    view = Store(os.fsencode(tmp_path), MAP_SIZE)
    view.begin()
    for key in (b"", b"k" * 512):
        with pytest.raises(StoreError):
            view.put(1, key, b"value")
    view.put(1, b"k" * 511, b"value")
    with pytest.raises(StoreError):
        view.put(store_door.database_count(), b"key", b"value")
    view.commit()
    view.read_begin()
    assert view.get(1, b"k" * 511) == b"value"
    view.read_end()
    with pytest.raises(StoreError):
        view.get(1, b"key")  # outside of a read
    view.close()


def test_the_end_of_the_map_is_met_by_reserve_and_never_by_a_put(tmp_path) -> None:
    view = Store(os.fsencode(tmp_path), 24 << 20)
    count, size = 50, 50 * 900
    kept = 0
    while (status := view.reserve(store_door.dirty_size(count, size))) == 0:
        view.begin()
        for i in range(count):
            view.put(1, b"%08d" % (kept + i), b"v" * 900)
        view.commit()
        kept += count
        assert kept < 100_000
    assert status == MAP_FULL
    assert kept > 1000
    view.read_begin()
    assert view.entries(1) == kept
    view.read_end()
    assert view.reserve(1 << 62) == MAP_FULL
    view.close()


def test_the_bound_of_dirtied_bytes_holds(tmp_path) -> None:
    view = Store(os.fsencode(tmp_path), 1 << 30)
    view.random_updates(20_000, 1 << 40, 900, 1)
    for seed in range(2, 12):
        before = view.figures()[0]
        view.random_updates(1000, 1 << 40, 900, seed)
        assert view.figures()[0] - before <= store_door.dirty_size(1000, 900_000)
    view.close()


FULL_DISK = """
import sys, store_door
store_door.load(sys.argv[1].encode())
view = store_door.Store(sys.argv[2].encode(), 1 << 30)
kept = refused = 0
while True:
    status = view.reserve(store_door.dirty_size(20, 20 * 900))
    if status:
        break
    view.begin()
    for i in range(20):
        view.put(1, b"%08d" % (kept * 2654435761 % 100000000), b"v" * 900)
        kept += 1
    view.commit()
ballast = open(sys.argv[2] + "/../ballast", "wb")
try:
    while ballast.write(b"x" * 4096):
        ballast.flush()
except OSError:
    pass
view.read_begin()
print(status, kept, view.entries(1))
"""


def test_a_full_disk_is_a_status_and_not_a_signal(tmp_path, request) -> None:
    """Fills a file system of 48 MiB while the map is 1 GiB: with WRITEMAP a page without a block
    would be a SIGBUS.
    """
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", mount], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"cannot mount a small file system here: {done.stderr.decode().strip()}")
    request.addfinalizer(lambda: subprocess.run(["umount", mount], check=True))
    (mount / "view").mkdir()
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, os.fsdecode(engine_path()), mount / "view"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode != -signal.SIGBUS, "a page without a disk block was written"
    assert result.returncode == 0, result.stderr
    status, kept, entries = map(int, result.stdout.split())
    assert status == DISK_FULL
    assert kept == entries > 1000
