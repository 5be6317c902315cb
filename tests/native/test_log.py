"""The log's writer and reader against the plain-Python format."""

import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_door import Log, LogError, Reader
from reference.log_format import (
    EPOCH,
    Frame,
    decode_segment,
    encode_segment,
    read_folder,
    segment_name,
)

LOG_CORRUPT, LOG_IO, BATCH_TOO_LARGE, DISK_FULL = 129, 128, 65, 97


def folder_of(path) -> bytes:
    return os.fsencode(path)


def names_in(path) -> list[str]:
    return sorted(file.name for file in path.iterdir())


def records(*payloads: bytes, received_us: int = 1) -> list[Frame]:
    return [Frame(0, payload, received_us=received_us) for payload in payloads]


def write(path, frames: list[Frame], **options) -> None:
    data = encode_segment(frames, **options)
    first = options.get("first_sequence") or frames[0].sequence
    (path / segment_name(first)).write_bytes(data)


RECORD = st.builds(
    Frame,
    st.just(0),
    st.binary(max_size=300),
    kind=st.integers(2, 7),
    occurred_us=st.integers(-(2**63), 2**63 - 1),
    received_us=st.integers(0, 1000),
    subject_id=st.binary(min_size=16, max_size=16),
    tenant=st.integers(0, 2**32 - 1),
    key_id=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 65535),
)
COMMITS = st.lists(
    st.one_of(st.lists(RECORD, min_size=1, max_size=12), st.sampled_from(["reopen", "epoch"])),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(commits=COMMITS, start=st.integers(1, 60))
def test_every_byte_is_as_the_format_says(tmp_path_factory, commits, start) -> None:
    path = tmp_path_factory.mktemp("log")
    log = Log(folder_of(path), 4096, 9)
    expected: list[Frame] = []
    epoch, received = 0, 0
    for commit in commits:
        if commit == "reopen":
            log.close()
            log = Log(folder_of(path), 4096, 9)
            assert log.bytes_cut == 0
        elif commit == "epoch":
            epoch += 1
            received = max(received, 500)
            assert log.begin_epoch(500) == 0
            expected.append(
                Frame(
                    len(expected) + 1,
                    epoch.to_bytes(4, "little") + bytes(4),
                    writer_epoch=epoch,
                    kind=EPOCH,
                    occurred_us=500,
                    received_us=received,
                    partition=9,
                )
            )
        else:
            status, given_back = log.append(commit)
            assert status == 0
            for index, record in enumerate(commit):
                received = max(received, record.received_us)
                expected.append(
                    Frame(
                        len(expected) + 1,
                        record.payload,
                        index,
                        epoch,
                        record.kind,
                        record.occurred_us,
                        received,
                        record.subject_id,
                        record.tenant,
                        record.key_id,
                        record.flags,
                        9,
                    )
                )
                assert given_back[index] == (len(expected), received)
        assert log.state == (len(expected), received, epoch)
    log.close()
    assert read_folder(path) == expected
    assert [Frame(*frame) for frame in Reader(folder_of(path), 1, 9).all()] == expected
    assert [Frame(*frame) for frame in Reader(folder_of(path), start, 9).all()] == expected[
        start - 1 :
    ]


def test_a_commit_never_spans_segments_and_a_large_one_gets_its_own(tmp_path) -> None:
    log = Log(folder_of(tmp_path), 4096)
    for count, size in ((3, 100), (13, 200), (5, 40_000), (1, 10), (40, 30)):
        assert log.append(records(*[b"x" * size] * count))[0] == 0
    assert log.figures[1] == 5
    log.close()
    firsts = []
    for path in sorted(tmp_path.iterdir()):
        _, frames = decode_segment(path.read_bytes())
        assert frames[0][1].batch_index == 0
        firsts.append(frames[0][1].sequence)
        assert path.name == segment_name(firsts[-1])
    # The one small record fits behind the large commit, whose segment is rounded up to whole pages.
    assert firsts == [1, 4, 17, 23]
    assert Log(folder_of(tmp_path), 4096).state[0] == 62


def test_commits_beyond_the_limits_are_refused_and_change_nothing(tmp_path) -> None:
    log = Log(folder_of(tmp_path))
    assert log.append(records(*[b""] * 4097))[0] == BATCH_TOO_LARGE
    assert log.reserve(1, 1 << 31) == BATCH_TOO_LARGE
    assert log.append([]) == (0, [])
    assert log.append(records(*[b""] * 4096))[0] == 0
    assert log.state[0] == 4096
    log.close()
    assert len(Reader(folder_of(tmp_path)).all()) == 4096


def test_frames_of_fenced_writers_are_passed_over(tmp_path) -> None:
    """An old writer goes on after a new one has begun its epoch; also for a reader that starts
    after the epoch's frame.
    """
    old = {"writer_epoch": 1}
    write(
        tmp_path,
        [
            Frame(1, b"", kind=EPOCH, writer_epoch=1),
            Frame(2, b"two", **old),
            Frame(3, b"", kind=EPOCH, writer_epoch=2),
            Frame(3, b"late", **old),
            Frame(4, b"four", writer_epoch=2),
            Frame(4, b"late", **old),
        ],
    )
    write(
        tmp_path,
        [Frame(3, b"late", **old), Frame(5, b"five", writer_epoch=2)],
        first_sequence=5,
        writer_epoch=2,
    )
    for start, expected in (
        (1, [b"", b"two", b"", b"four", b"five"]),
        (4, [b"four", b"five"]),
        (5, [b"five"]),
    ):
        assert [frame[1] for frame in Reader(folder_of(tmp_path), start).all()] == expected
    log = Log(folder_of(tmp_path))
    assert log.state == (5, 0, 2)
    assert log.append(records(b"six"))[0] == 0
    assert log.begin_epoch() == 0
    assert [frame[3] for frame in Reader(folder_of(tmp_path), 5).all()] == [2, 2, 3]


def test_an_epoch_that_was_never_begun_is_damage(tmp_path) -> None:
    write(tmp_path, [Frame(1, b"a"), Frame(2, b"b", writer_epoch=3)])
    with pytest.raises(LogError, match="epoch was never begun"):
        Reader(folder_of(tmp_path)).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sequence": 4}, "sequence does not follow"),
        ({"received_us": 4}, "received time goes back"),
        ({"batch_index": 2}, "place in the group commit"),
        ({"partition": 1}, "another partition"),
    ],
)
def test_a_whole_frame_in_the_wrong_place_is_damage(tmp_path, change, reason) -> None:
    first = [Frame(1, b"a", received_us=5), Frame(2, b"b", received_us=5)]
    wrong = Frame(**{"sequence": 3, "payload": b"c", "received_us": 5, **change})
    write(tmp_path, [*first, wrong])
    reader = Reader(folder_of(tmp_path))
    assert [reader.next()[1], reader.next()[1]] == [b"a", b"b"]
    with pytest.raises(LogError, match=reason) as caught:
        reader.next()
    assert caught.value.args[0] == LOG_CORRUPT


def test_messages_name_file_place_and_record(tmp_path) -> None:
    write(
        tmp_path, [Frame(1, b"a" * 8), Frame(2, b"b" * 8), Frame(3, b"c" * 8), Frame(4, b"d" * 8)]
    )
    path = tmp_path / segment_name(1)
    data = bytearray(path.read_bytes())
    data[64 + 88 + 80] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogError) as caught:
        Log(folder_of(tmp_path))
    assert caught.value.args[0] == LOG_CORRUPT
    for part in (
        str(path),
        "at byte 152,",
        "record 2 ",
        "checksum",
        "Nothing was changed",
        "Restore",
    ):
        assert part in caught.value.args[1]
    assert path.read_bytes() == data


def test_missing_segments_are_damage(tmp_path) -> None:
    log = Log(folder_of(tmp_path), 4096)
    for _ in range(4):
        log.append(records(b"x" * 3000))
    log.close()
    (tmp_path / segment_name(3)).unlink()
    reader = Reader(folder_of(tmp_path))
    assert [reader.next()[0], reader.next()[0]] == [1, 2]
    with pytest.raises(LogError) as caught:
        reader.next()
    assert caught.value.args[0] == LOG_CORRUPT
    # The first segments may go, once a checkpoint covers them.
    assert Reader(folder_of(tmp_path), 4).next()[0] == 4


def test_a_reader_with_a_limit_demands_what_was_durable(tmp_path) -> None:
    log = Log(folder_of(tmp_path))
    log.append(records(b"a", b"b", b"c"))
    reader = Reader(folder_of(tmp_path))
    reader.limit(2)
    assert [frame[0] for frame in reader.all()] == [1, 2]
    reader.limit(3)
    assert [frame[0] for frame in reader.all()] == [3]
    reader.limit(4)
    with pytest.raises(LogError, match="was written"):
        reader.next()


def test_an_empty_newest_segment_takes_its_state_from_the_one_before(tmp_path) -> None:
    write(tmp_path, [Frame(1, b"", kind=EPOCH, writer_epoch=6, received_us=9)])
    write(tmp_path, [], first_sequence=2, writer_epoch=6, size=256)
    log = Log(folder_of(tmp_path), 4096)
    assert log.state == (1, 9, 6)
    # Too small for the commit: it is replaced by a larger one of the same name,
    # under the eyes of a reader.
    reader = Reader(folder_of(tmp_path))
    assert len(reader.all()) == 1
    assert log.append(records(b"x" * 500))[0] == 0
    assert [frame[0] for frame in reader.all()] == [2]
    assert log.figures[3] == 2 == len(names_in(tmp_path))
    log.close()
    (tmp_path / segment_name(1)).write_bytes(
        encode_segment([Frame(1, b"")])[:64].ljust(4096, b"\0")
    )
    write(tmp_path, [], first_sequence=2)
    with pytest.raises(LogError, match="later records follow"):
        Log(folder_of(tmp_path))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "shorter than its header"),
        (bytes(4096), "does not begin as a log segment"),
        (encode_segment([], first_sequence=2), "name and its header disagree"),
    ],
)
def test_a_wrong_header_is_damage(tmp_path, data, reason) -> None:
    (tmp_path / segment_name(1)).write_bytes(data)
    with pytest.raises(LogError, match=reason):
        Log(folder_of(tmp_path))
    with pytest.raises(LogError, match=reason):
        Reader(folder_of(tmp_path)).next()


def test_other_files_are_left_alone_and_half_made_segments_removed(tmp_path) -> None:
    for name in ("notes.txt", "1.log", "segment.new", "0000000000000000000x.log"):
        (tmp_path / name).write_bytes(b"other")
    log = Log(folder_of(tmp_path))
    assert log.state == (0, 0, 0)
    assert Reader(folder_of(tmp_path)).all() == []
    assert names_in(tmp_path) == ["0000000000000000000x.log", "1.log", "notes.txt"]
    with pytest.raises(LogError, match="No such file"):
        Log(folder_of(tmp_path / "absent"))


def test_drop_before_keeps_what_is_asked_for(tmp_path) -> None:
    log = Log(folder_of(tmp_path), 4096)
    for _ in range(6):
        log.append(records(b"x" * 1500, b"y"))
    assert names_in(tmp_path) == [segment_name(first) for first in (1, 5, 9)]
    for sequence, first in ((4, 1), (5, 5), (8, 5), (2**63, 9)):
        assert log.drop_before(sequence) == 0
        assert names_in(tmp_path)[0] == segment_name(first)
        assert Reader(folder_of(tmp_path)).next()[0] == first
    assert log.figures[3] == 1
    log.append(records(b"z"))
    log.close()
    assert Log(folder_of(tmp_path)).state[0] == 13


def test_a_reader_follows_the_writer_in_another_thread(tmp_path) -> None:
    log = Log(folder_of(tmp_path), 8192)
    log.append(records(b"first"))
    reader = Reader(folder_of(tmp_path))
    total, seen = 600, []
    durable = threading.Semaphore(0)
    lasts = []

    def append() -> None:
        last = 1
        while last < total:
            _, given = log.append(records(*[b"p%d" % (last + i) for i in range(1, 4)]))
            last = given[-1][0]
            lasts.append(last)
            durable.release()

    thread = threading.Thread(target=append)
    thread.start()
    while len(seen) < total:
        durable.acquire()
        reader.limit(lasts[-1])
        seen += [(frame[0], frame[1]) for frame in reader.all()]
    thread.join()
    assert seen[1:] == [(sequence, b"p%d" % sequence) for sequence in range(2, len(seen) + 1)]


FULL_DISK = """
import sys
from log_door import Log, Reader
from reference.log_format import Frame
folder = sys.argv[1].encode()
log = Log(folder, 1 << 20)
while True:
    status = log.reserve(10, 10000)
    if status:
        break
    status, _ = log.append([Frame(0, b"x" * 1000)] * 10)
    assert status == 0
last = log.state[0]
small = 0
while log.append([Frame(0, b"")])[0] == 0:
    small += 1
print(status, last, small, len(Reader(folder).all()), log.drop_before(last), log.reserve(10, 10000))
"""


def test_a_full_disk_refuses_before_writing_and_recovers(tmp_path, request) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", mount], capture_output=True, check=False
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
    status, last, small, read, dropped, reserved = map(int, result.stdout.split())
    assert status == DISK_FULL
    assert read == last + small
    assert (dropped, reserved) == (0, 0)


FAILING = """
import os, sys
from log_door import Log
from reference.log_format import Frame
log = Log(sys.argv[1].encode(), 1 << 16)
assert log.append([Frame(0, b"good")])[0] == 0
state = log.state
# The descriptor of the segment becomes one that cannot be written: every pwrite fails.
for name in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink("/proc/self/fd/" + name)
    except OSError:
        continue
    if target.endswith(("segment.new", ".log")):
        saved = os.dup(int(name))
        os.dup2(os.open("/dev/full", os.O_WRONLY), int(name))
        broken = int(name)
print(log.append([Frame(0, b"lost")])[0], log.state == state)
os.dup2(saved, broken)
print(log.append([Frame(0, b"never")])[0], log.begin_epoch(), log.reserve(1, 1), log.state == state)
"""


def test_after_a_failed_write_the_writer_is_dead(tmp_path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", FAILING, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [
        str(LOG_IO),
        "True",
        str(LOG_IO),
        str(LOG_IO),
        str(LOG_IO),
        "True",
    ]
    assert [frame[1] for frame in Reader(folder_of(tmp_path)).all()] == [b"good"]
