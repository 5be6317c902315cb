"""What open makes of a log that lost power or was damaged: every acknowledged record, byte for
byte, or a refusal.
"""

import os
import random
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_door import Log, LogError, Reader
from reference.log_format import Frame, decode_segment, encode_segment, segment_name

LOG_CORRUPT = 129
SECTOR = 512
HEADER_SIZE = 64


def payload(source: random.Random) -> bytes:
    if source.random() < 0.8:
        return source.randbytes(source.randrange(400))
    return bytes(source.randrange(900))


def build(
    path, source: random.Random, commit_count: int, segment_size: int = 1 << 16
) -> tuple[list[tuple], list[int]]:
    """Writes group commits; returns all frames, and where each commit of the
    (only) segment begins.
    """
    log = Log(os.fsencode(path), segment_size)
    starts = []
    for commit in range(commit_count):
        starts.append(HEADER_SIZE + log.figures[0])
        frames = [
            Frame(0, payload(source), received_us=commit) for _ in range(source.randrange(1, 9))
        ]
        assert log.append(frames)[0] == 0
    starts.append(HEADER_SIZE + log.figures[0])
    log.close()
    return Reader(os.fsencode(path)).all(), starts


def read_until_refused(reader: Reader) -> tuple[list[tuple], str]:
    """Returns the frames, and the message where the reader met damage."""
    seen = []
    try:
        while (frame := reader.next()) is not None:
            seen.append(frame)
    except LogError as error:
        return seen, f"{error}"
    return seen, ""


def lose_power(data: bytearray, begin: int, end: int, source: random.Random) -> bytearray:
    """The commit in flight reaches the disk by sectors, in any order, some torn or never;
    or the file is short.
    """
    for sector in range(begin // SECTOR * SECTOR, end, SECTOR):
        first, last = max(sector, begin), min(sector + SECTOR, end)
        fate = source.random()
        if fate < 0.4:
            data[first:last] = bytes(last - first)
        elif fate < 0.55:
            cut = source.randrange(first, last)
            data[cut:last] = bytes(last - cut)
        elif fate < 0.6:
            data[first:last] = source.randbytes(last - first)
    if source.random() < 0.2:
        del data[source.randrange(begin, end + 1) :]
    elif source.random() < 0.3:
        data[source.randrange(begin, end)] ^= 1 << source.randrange(8)
    return data


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_torn_tail_is_cut_and_acknowledged_records_stay(tmp_path_factory, seed) -> None:
    source = random.Random(seed)
    path = tmp_path_factory.mktemp("torn")
    frames, starts = build(path, source, source.randrange(1, 6))
    file = path / segment_name(1)
    intact = file.read_bytes()
    file.write_bytes(lose_power(bytearray(intact), starts[-2], starts[-1], source))
    last_first = max((frame[0] for frame in frames if frame[2] == 0), default=1)

    log = Log(os.fsencode(path), 1 << 16)
    kept = Reader(os.fsencode(path)).all()
    assert kept == frames[: len(kept)], "what is left is a prefix of what was written"
    assert len(kept) >= last_first - 1, "an acknowledged record is gone"
    assert log.state[0] == len(kept)
    end = HEADER_SIZE + sum((80 + len(frame[1]) + 7) // 8 * 8 for frame in kept)
    assert not any(file.read_bytes()[end:]), (
        "nothing that could be taken for a frame is left behind"
    )
    # Life goes on, and the next open has nothing to cut.
    assert log.append([Frame(0, b"next", received_us=10**6)])[0] == 0
    log.close()
    log = Log(os.fsencode(path), 1 << 16)
    assert log.bytes_cut == 0
    assert [frame[1] for frame in Reader(os.fsencode(path), len(kept) + 1).all()] == [b"next"]
    log.close()
    shutil.rmtree(path)


def test_power_lost_again_while_the_tail_is_cut(tmp_path) -> None:
    """The cut itself may reach the disk by halves: the second open decides the same."""
    source = random.Random(3)
    frames, starts = build(tmp_path, source, 4)
    file = tmp_path / segment_name(1)
    torn = bytearray(file.read_bytes())
    torn[starts[-2] + 10] ^= 1
    for _ in range(60):
        half = bytearray(torn)
        for sector in range(starts[-2], starts[-1], SECTOR):
            if source.random() < 0.5:
                half[sector : min(sector + SECTOR, starts[-1])] = bytes(
                    min(SECTOR, starts[-1] - sector)
                )
        file.write_bytes(half)
        Log(os.fsencode(tmp_path)).close()
        kept = Reader(os.fsencode(tmp_path)).all()
        assert kept == [frame for frame in frames if frame[0] <= len(kept)]
        assert HEADER_SIZE + sum((80 + len(frame[1]) + 7) // 8 * 8 for frame in kept) >= starts[-2]


@settings(max_examples=70, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damage_before_the_last_commit_stops_the_node(tmp_path_factory, seed) -> None:
    source = random.Random(seed)
    path = tmp_path_factory.mktemp("damage")
    frames, starts = build(path, source, source.randrange(2, 6))
    file = path / segment_name(1)
    intact = file.read_bytes()
    data = bytearray(intact)
    kind = source.choice(["flip", "zero", "random", "swap"])
    place = source.randrange(0, starts[-2])
    size = min(source.choice([1, 8, SECTOR, 4096]), starts[-2] - place)
    if kind == "flip":
        data[place] ^= 1 << source.randrange(8)
    elif kind == "zero":
        data[place : place + size] = bytes(size)
    elif kind == "random":
        data[place : place + size] = source.randbytes(size)
    else:
        other = source.randrange(0, starts[-2] - size + 1)
        data[place : place + size] = intact[other : other + size]
    file.write_bytes(data)
    if data == intact:
        assert Reader(os.fsencode(path)).all() == frames
        return
    with pytest.raises(LogError) as caught:
        Log(os.fsencode(path), 1 << 16)
    assert caught.value.args[0] == LOG_CORRUPT
    assert file.read_bytes() == data, "a refused log is not touched"
    reader = Reader(os.fsencode(path))
    seen, message = read_until_refused(reader)
    if not message:
        # A blank place ends a reader that does not know how much was durable.
        reader.limit(len(frames))
        assert read_until_refused(reader)[1]
    assert seen == frames[: len(seen)], "a reader never gives wrong data"
    shutil.rmtree(path)


def test_damage_in_an_older_segment_is_found_when_it_is_read(tmp_path) -> None:
    source = random.Random(8)
    frames, _ = build(tmp_path, source, 12, 4096)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert len(names) > 2
    for _ in range(60):
        name = source.choice(names[:-1])
        intact = (tmp_path / name).read_bytes()
        _, found = decode_segment(intact)
        used = found[-1][0] + (80 + len(found[-1][1].payload) + 7) // 8 * 8
        data = bytearray(intact)
        place = source.randrange(used)
        data[place] ^= 1 << source.randrange(8)
        (tmp_path / name).write_bytes(data)
        Log(os.fsencode(tmp_path), 4096).close()
        seen, message = read_until_refused(Reader(os.fsencode(tmp_path)))
        assert name in message
        assert seen == frames[: len(seen)]
        (tmp_path / name).write_bytes(intact)
    assert Reader(os.fsencode(tmp_path)).all() == frames


def test_a_payload_that_imitates_frames_cannot_stop_the_node(tmp_path) -> None:
    """Without the salt, a client's payload that holds frames of later commits would make
    damage of a torn tail.
    """
    forged = b"".join(Frame(sequence, b"", batch_index=0).encode(0) for sequence in range(2, 40))
    good = Frame(1, b"good")
    torn = Frame(2, forged)
    data = bytearray(encode_segment([good, torn], size=8192, salt=0x5A17))
    start = HEADER_SIZE + len(good.encode(0x5A17))
    data[start + 40] ^= 1
    (tmp_path / segment_name(1)).write_bytes(data)
    log = Log(os.fsencode(tmp_path))
    assert log.state[0] == 1
    assert log.bytes_cut == len(torn.encode(0x5A17))
    log.close()
    # With the salt known it would: this is what the salt is for.
    forged = b"".join(
        Frame(sequence, b"", batch_index=0).encode(0x5A17) for sequence in range(3, 40)
    )
    data = bytearray(encode_segment([good, Frame(2, forged)], size=8192, salt=0x5A17))
    data[start + 40] ^= 1
    (tmp_path / segment_name(1)).write_bytes(data)
    with pytest.raises(LogError):
        Log(os.fsencode(tmp_path))


def test_segments_get_different_salts(tmp_path) -> None:
    build(tmp_path, random.Random(1), 12, 4096)
    salts = [decode_segment(file.read_bytes())[0] for file in tmp_path.iterdir()]
    assert len(set(salts)) == len(salts) > 2
