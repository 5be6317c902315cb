"""Event ids already seen, against a plain dictionary; what holds after a crash; damage."""

import os
import random
import shutil
import signal
import struct
import subprocess
import sys

import dedupe_door
import pytest
from dedupe_door import Dedupe, DedupeError
from hypothesis import given, settings
from hypothesis import strategies as st

DEDUPE_CORRUPT, DISK_FULL = 140, 97
HEADER_SIZE, SLOT_SIZE = 64, 32
CAPACITY_FIRST = 65536


def key_of(number: int) -> bytes:
    # Few different low bits, so that keys collide and probes run over each other,
    # also over the end of the table.
    return struct.pack("<QQ", 65533 + number % 5, number)


class Reference:
    """What dedupe means: the earliest keeper of a key on a day, seen by later sequences only."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, bytes, int], tuple[int, ...]] = {}

    def find(self, day: int, key: bytes, sequence: int) -> tuple[int, ...] | None:
        hits = [
            (s, t) for (d, k, s), t in self.kept.items() if (d, k) == (day, key) and s < sequence
        ]
        return min(hits)[1] if hits else None

    def keep(self, day: int, key: bytes, sequence: int, triggers: tuple[int, ...]) -> None:
        self.kept.setdefault((day, key, sequence), triggers)

    def drop_before(self, day_first: int) -> None:
        self.kept = {
            place: triggers for place, triggers in self.kept.items() if place[0] >= day_first
        }

    def dump(self, sequence_max: int = 2**64 - 1) -> list[tuple[int, bytes, int, tuple[int, ...]]]:
        return sorted((d, k, s, t) for (d, k, s), t in self.kept.items() if s <= sequence_max)


DAYS = st.integers(20_000, 20_003)
NUMBERS = st.integers(0, 12)
SEQUENCES = st.integers(1, 30)
TRIGGERS = st.lists(st.integers(0, 2**32 - 1), max_size=12).map(tuple)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), DAYS, NUMBERS, SEQUENCES, TRIGGERS),
        st.tuples(st.just("find"), DAYS, NUMBERS, SEQUENCES),
        st.tuples(st.just("drop"), DAYS),
        st.tuples(st.just("reserve"), DAYS, st.integers(0, 100), st.integers(0, 40_000)),
        st.tuples(st.just("reopen")),
    ),
    max_size=50,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_behaves_as_a_dictionary(tmp_path_factory, steps) -> None:
    path = tmp_path_factory.mktemp("dedupe")
    folder = os.fsencode(path)
    ids, reference = Dedupe(folder), Reference()
    for step in steps:
        if step[0] == "keep":
            ids.keep(step[1], key_of(step[2]), step[3], step[4])
            reference.keep(step[1], key_of(step[2]), step[3], step[4])
        elif step[0] == "find":
            assert ids.find(step[1], key_of(step[2]), step[3]) == reference.find(
                step[1], key_of(step[2]), step[3]
            )
        elif step[0] == "drop":
            ids.drop_before(step[1])
            reference.drop_before(step[1])
            assert all(int(file.name[:8]) >= step[1] for file in path.iterdir())
        elif step[0] == "reserve":
            assert ids.reserve(*step[1:]) == 0
        else:
            ids.close()
            ids = Dedupe(folder)
        assert dedupe_door.dump(folder) == reference.dump()
        assert dedupe_door.dump(folder, 15) == reference.dump(15)
    ids.close()
    shutil.rmtree(path)


def test_grows_over_several_tables_and_outcome_sizes(tmp_path) -> None:
    folder = os.fsencode(tmp_path)
    ids = Dedupe(folder)
    count = 150_000
    assert ids.fill(1, 0, count) == 0
    sizes = sorted(file.stat().st_size for file in tmp_path.glob("*.ids"))
    assert sizes == [HEADER_SIZE + SLOT_SIZE * (CAPACITY_FIRST << i) for i in range(3)]
    for number in range(2_000):
        ids.keep(1, key_of(number), count + 1 + number, range(number % 50))
    assert ids.count_found(1, 0, count, count + 1) == count
    assert ids.count_found(1, 0, count, count // 2) == count // 2 - 1
    ids.close()
    ids = Dedupe(folder)
    assert ids.count_found(1, 0, count, count + 1) == count
    assert ids.count_found(1, count, count, 2**63) == 0
    assert ids.figures()[1] == count + 2_000
    for number in range(2_000):
        assert ids.find(1, key_of(number), 2**63) == tuple(range(number % 50))
    ids.close()


def test_tables_that_ran_ahead_give_the_same_answers_on_replay(tmp_path) -> None:
    """The events are applied, the process dies, the view is older than the tables: replay answers
    as the first time.
    """
    source = random.Random(5)
    events = [(20_000 + i // 400, key_of(source.randrange(300))) for i in range(1_000)]

    def apply(ids: Dedupe, first: int) -> list[tuple[int, ...] | None]:
        answers = []
        for sequence, (day, key) in enumerate(events[first:], first + 1):
            found = next(
                (hit for d in (day, day - 1) if (hit := ids.find(d, key, sequence)) is not None),
                None,
            )
            if found is None:
                ids.keep(day, key, sequence, (sequence, day))
            answers.append(found)
        return answers

    folder = os.fsencode(tmp_path)
    ids = Dedupe(folder)
    answers = apply(ids, 0)
    before = dedupe_door.dump(folder)
    ids.close()
    for first in (0, 1, 399, 640, 999):
        ids = Dedupe(folder)
        assert apply(ids, first) == answers[first:]
        assert dedupe_door.dump(folder) == before
        ids.close()


KILLED = """
import sys, dedupe_door
ids = dedupe_door.Dedupe(sys.argv[1].encode())
sequence = 0
while True:
    for _ in range(500):
        sequence += 1
        ids.keep(7, sequence.to_bytes(16, "little"), sequence, (sequence,) * (sequence % 4))
    print(sequence, flush=True)
"""


def test_kill_leaves_whole_entries_only(tmp_path) -> None:
    folder = os.fsencode(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    for _ in range(random.randrange(3, 30)):
        kept = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    ids = Dedupe(folder)
    entries = dedupe_door.dump(folder)
    assert len(entries) >= kept
    for day, key, sequence, triggers in entries:
        assert (day, int.from_bytes(key, "little"), triggers) == (
            7,
            sequence,
            (sequence,) * (sequence % 4),
        )
    for sequence in range(1, len(entries) + 200):
        ids.keep(7, sequence.to_bytes(16, "little"), sequence, (sequence,) * (sequence % 4))
    assert [entry[2] for entry in sorted(dedupe_door.dump(folder), key=lambda e: e[2])] == list(
        range(1, len(entries) + 200)
    )
    ids.close()


def test_damage_is_an_error_or_a_miss_and_never_a_wrong_answer(tmp_path) -> None:
    folder = tmp_path / "good"
    folder.mkdir()
    ids = Dedupe(os.fsencode(folder))
    expected = {}
    for number in range(40):
        expected[key_of(number)] = tuple(range(number, number + number % 6))
        ids.keep(3, key_of(number), number + 1, expected[key_of(number)])
    ids.close()
    source = random.Random(11)
    outcomes = 0
    refused = set()
    for _ in range(150):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        file_path = source.choice(sorted(copy.iterdir()))
        with file_path.open("r+b") as file:
            if file_path.suffix == ".ids":
                place = source.choice(
                    [
                        source.randrange(HEADER_SIZE),
                        HEADER_SIZE + SLOT_SIZE * 65533 + source.randrange(96),
                    ]
                )
            else:
                place = source.randrange(400)
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << source.randrange(8)]))
        try:
            damaged = Dedupe(os.fsencode(copy))
            for key, triggers in expected.items():
                assert damaged.find(3, key, 1_000) in (triggers, None)
                outcomes += 1
            damaged.close()
        except DedupeError as error:
            refused.add(error.args[0])
        shutil.rmtree(copy)
    assert outcomes > 0
    assert refused == {DEDUPE_CORRUPT}


@pytest.mark.parametrize("change", ["truncate", "remove"])
def test_a_short_or_missing_file_is_damage(tmp_path, change) -> None:
    ids = Dedupe(os.fsencode(tmp_path))
    ids.keep(3, key_of(1), 1, (1,))
    ids.close()
    if change == "truncate":
        os.truncate(tmp_path / "00000003-00.ids", 4096)
    else:
        (tmp_path / "00000003.outcomes").unlink()
    with pytest.raises(DedupeError) as caught:
        Dedupe(os.fsencode(tmp_path))
    assert caught.value.args[0] == DEDUPE_CORRUPT


def test_a_half_made_file_is_removed(tmp_path) -> None:
    (tmp_path / "dedupe.new").write_bytes(b"half")
    Dedupe(os.fsencode(tmp_path)).close()
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import sys, dedupe_door
ids = dedupe_door.Dedupe(sys.argv[1].encode())
kept = 0
while True:
    status = ids.reserve(1, 1000, 8000)
    if status:
        break
    for _ in range(1000):
        kept += 1
        ids.keep(1, (kept * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "little") * 2, kept, range(8))
print(status, kept, len(dedupe_door.dump(sys.argv[1].encode())))
"""


def test_a_full_disk_is_a_status_and_not_a_signal(tmp_path, request) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", mount], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"cannot mount a small file system here: {done.stderr.decode().strip()}")
    request.addfinalizer(lambda: subprocess.run(["umount", mount], check=True))
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, mount],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    status, kept, entries = map(int, result.stdout.split())
    assert status == DISK_FULL
    assert kept == entries > 10_000
