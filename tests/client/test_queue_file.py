"""The queue on disk: what is in it after any end of the process, damage included."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kairos.queue_file import (
    MAGIC,
    NUMBERS_SKIPPED,
    RECORD,
    QueueDamaged,
    QueueFile,
    QueueInUse,
)

SEGMENT_SIZE = 1000


def read_all(queue: QueueFile) -> list[bytes]:
    found: list[bytes] = []
    number = queue.taken + 1
    while batch := queue.read(number, queue.following - 1, 7, 10_000):
        if not batch.records:
            return found
        found += batch.records
        number = batch.last + 1
    return found


def synced(queue: QueueFile) -> int:
    last, descriptor = queue.synced()
    os.fdatasync(descriptor)
    os.close(descriptor)
    return last


STEPS = st.lists(
    st.one_of(
        st.binary(max_size=400).map(lambda record: ("append", record)),
        st.integers(0, 30).map(lambda count: ("take", count)),
        st.just(("reopen", None)),
        st.just(("drop", None)),
    ),
    max_size=60,
)


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_behaves_as_a_list(tmp_path_factory, steps) -> None:
    folder = tmp_path_factory.mktemp("queue")
    queue = QueueFile(folder, SEGMENT_SIZE)
    waiting: list[tuple[int, bytes]] = []
    following = 1
    for step, argument in steps:
        if step == "append":
            assert queue.append(argument) == following
            waiting.append((following, argument))
            following += 1
        elif step == "take":
            taken = waiting[:argument]
            waiting = waiting[argument:]
            if taken:
                queue.take(taken[-1][0])
        elif step == "drop":
            dropped = queue.drop_oldest()
            waiting = waiting[dropped:]
        else:
            queue.close()
            queue = QueueFile(folder, SEGMENT_SIZE)
        assert queue.following == following
        assert read_all(queue) == [record for _, record in waiting]
        assert queue.size == sum(path.stat().st_size for path in folder.glob("*.queue"))
        assert synced(queue) == following - 1
    queue.close()


def test_torn_tail_is_cut_at_every_byte(tmp_path) -> None:
    """Whatever part of the last write reached the file, all before it is kept, and no number that
    may have been seen elsewhere is given again.
    """
    records = [b"one", b"two" * 30, b"three" * 20]
    for size in range(RECORD.size + len(records[-1])):
        folder = tmp_path / str(size)
        queue = QueueFile(folder, SEGMENT_SIZE)
        for record in records:
            queue.append(record)
        path = queue.segments[-1].path
        queue.close()
        whole = path.stat().st_size
        os.truncate(path, whole - RECORD.size - len(records[-1]) + size)
        queue = QueueFile(folder, SEGMENT_SIZE)
        assert read_all(queue) == records[:2]
        assert queue.cut_size == size
        assert queue.following == 3 + (NUMBERS_SKIPPED if size else 0)
        number = queue.append(b"after")
        queue.close()
        queue = QueueFile(folder, SEGMENT_SIZE)
        assert queue.cut_size == 0
        assert read_all(queue) == [*records[:2], b"after"]
        assert queue.following == number + 1
        queue.close()


def test_flipped_bits_never_become_records(tmp_path) -> None:
    source = random.Random(3)
    records = [source.randbytes(source.randrange(60)) for _ in range(12)]
    for turn in range(30):
        folder = tmp_path / str(turn)
        queue = QueueFile(folder, SEGMENT_SIZE)
        for record in records:
            queue.append(record)
        path = queue.segments[-1].path
        queue.close()
        data = bytearray(path.read_bytes())
        data[source.randrange(len(MAGIC), len(data))] ^= 1 << source.randrange(8)
        path.write_bytes(data)
        queue = QueueFile(folder, SEGMENT_SIZE)
        kept = read_all(queue)
        assert kept == records[: len(kept)]
        assert len(kept) < len(records)
        assert queue.following > len(records)
        queue.close()


def test_damage_before_the_last_segment_is_told(tmp_path) -> None:
    queue = QueueFile(tmp_path, SEGMENT_SIZE)
    for _ in range(30):
        queue.append(b"x" * 100)
    first = queue.segments[0].path
    queue.close()
    data = bytearray(first.read_bytes())
    data[100] ^= 1
    first.write_bytes(data)
    with pytest.raises(QueueDamaged, match=first.name):
        QueueFile(tmp_path, SEGMENT_SIZE)
    first.write_bytes(b"something else")
    with pytest.raises(QueueDamaged, match="not a queue"):
        QueueFile(tmp_path, SEGMENT_SIZE)


@pytest.mark.parametrize("note", [b"", b"\xff" * 12, b"\x05"])
def test_a_lost_note_sends_again_and_loses_nothing(tmp_path, note) -> None:
    queue = QueueFile(tmp_path, SEGMENT_SIZE)
    for number in range(5):
        queue.append(b"%d" % number)
    queue.take(3)
    queue.close()
    (tmp_path / "taken").write_bytes(note)
    queue = QueueFile(tmp_path, SEGMENT_SIZE)
    assert read_all(queue) == [b"%d" % number for number in range(5)]
    queue.close()


def test_numbers_go_on_where_the_note_says_though_records_are_gone(tmp_path) -> None:
    queue = QueueFile(tmp_path, SEGMENT_SIZE)
    for _ in range(5):
        queue.append(b"x")
    queue.take(5)
    path = queue.segments[-1].path
    queue.close()
    path.unlink()
    queue = QueueFile(tmp_path, SEGMENT_SIZE)
    assert queue.append(b"y") == 6
    assert read_all(queue) == [b"y"]
    queue.close()


def test_folder_has_one_owner(tmp_path) -> None:
    queue = QueueFile(tmp_path, SEGMENT_SIZE)
    with pytest.raises(QueueInUse):
        QueueFile(tmp_path, SEGMENT_SIZE)
    queue.close()
    QueueFile(tmp_path, SEGMENT_SIZE).close()
