"""A queue of numbered records on disk: segment files that are only appended to.

A segment is named by the number of its first record, and begins with MAGIC. A record is its size,
a checksum over number and bytes, its number, and its bytes. Numbers go up by one within a segment,
and never back. What was taken is noted in a file beside the segments, and whole segments that were
taken are removed.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAGIC: Final = b"KAIRQUE1"
RECORD: Final = struct.Struct("<IIQ")
TAKEN: Final = struct.Struct("<QI")
SUFFIX: Final = ".queue"
RECORD_SIZE_MAX: Final = 1 << 20
READ_SIZE: Final = 1 << 18
NUMBERS_SKIPPED: Final = 1024
"""After a torn tail: more than the records that were read at once and may have been cut off, so
that no number is given twice.
"""


class QueueDamaged(Exception):
    """A segment is damaged elsewhere than at the end of the last one; `args[0]` says where."""


class QueueInUse(Exception):
    """Another process, or another producer of this one, holds the folder."""


@dataclass(slots=True)
class Segment:
    """One file. `end` is where the next record goes; `following` is the number it gets."""

    path: Path
    first: int
    following: int
    end: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in order; `last` is the number of the last one, or of the one before them."""

    records: tuple[bytes, ...]
    last: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the record after the last one read begins."""

    number: int
    path: Path
    place: int


class QueueFile:
    """The records of one folder, for one process.

    Threads: the caller's lock covers every method but `read`, which one thread calls, and which
    goes no further than it is told.
    Durability: an appended record survives the end of the process at once; it survives the end of
    the operating system once `sync` has returned.
    Errors: OSError of the file system.
    """

    def __init__(self, folder: Path, segment_size: int) -> None:
        self._folder = folder
        self._segment_size = segment_size
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(folder / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise QueueInUse(f"{folder} is in use by another producer") from None
        try:
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def _recover(self) -> None:
        """Finds the segments, cuts a torn tail, and finds where to go on."""
        self.cut_size = 0
        self._taken_file = os.open(
            self._folder / "taken", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        self.taken = self._taken_read()
        self._cursor: Cursor | None = None
        paths = sorted(self._folder.glob(f"*{SUFFIX}"))
        self.segments = [self._segment_open(path, last=path == paths[-1]) for path in paths]
        for before, after in zip(self.segments, self.segments[1:], strict=False):
            if before.following > after.first:
                raise QueueDamaged(f"{before.path} and {after.path} hold the same numbers")
        following = self.segments[-1].following if self.segments else 1
        if self.cut_size:
            following += NUMBERS_SKIPPED
        # What the note knows was given out, whatever became of the file.
        following = max(following, self.taken + 1)
        if not self.segments or following != self.segments[-1].following:
            self._segment_add(following)
        self._file = os.open(self.segments[-1].path, os.O_RDWR | os.O_CLOEXEC)
        self._drop_taken()

    @property
    def following(self) -> int:
        """The number that the next record gets."""
        return self.segments[-1].following

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.end for segment in self.segments)

    def append(self, record: bytes) -> int:
        """Adds a record and returns its number. Cost: one write."""
        segment = self.segments[-1]
        if segment.end + RECORD.size + len(record) > self._segment_size and segment.end > len(
            MAGIC
        ):
            self._segment_next()
            segment = self.segments[-1]
        number = segment.following
        framed = _framed(number, record)
        written = os.pwrite(self._file, framed, segment.end)
        if written != len(framed):
            # Whatever stands there is behind the end and will be written over.
            raise OSError(f"{segment.path} took {written} of {len(framed)} bytes")
        segment.end += len(framed)
        segment.following = number + 1
        return number

    def synced(self) -> "tuple[int, int]":
        """Returns the number of the last record, and a descriptor for `os.fdatasync`, which the
        caller closes: a copy, because the file may be left for the next one meanwhile.
        """
        return self.following - 1, os.dup(self._file)

    def read(self, number: int, last: int, count_max: int, size_max: int) -> Batch:
        """Returns records from `number` to `last`, at least one where there is one.

        Errors: QueueDamaged; FileNotFoundError when they were dropped meanwhile.
        """
        records: list[bytes] = []
        size, reached = 0, number - 1
        for found, record, cursor in self._records(number, last):
            if records and (len(records) == count_max or size + len(record) > size_max):
                break
            records.append(record)
            size += len(record)
            reached = found
            self._cursor = cursor
        return Batch(tuple(records), reached)

    def take(self, number: int) -> None:
        """Notes that every record up to `number` is done with. The note need not be durable: what
        is sent again has its number, by which the server knows it.
        """
        self.taken = number
        note = TAKEN.pack(number, zlib.crc32(number.to_bytes(8, "little")))
        os.pwrite(self._taken_file, note, 0)
        self._drop_taken()

    def drop_oldest(self) -> int:
        """Removes the oldest segment that is not being written, and returns how many records that
        were not taken it held; 0: there is none.
        """
        if len(self.segments) < 2:
            return 0
        oldest = self.segments.pop(0)
        dropped = oldest.following - 1 - max(self.taken, oldest.first - 1)
        self.take(max(self.taken, oldest.following - 1))
        oldest.path.unlink()
        return dropped

    def close(self) -> None:
        """Closes the files and lets go of the folder."""
        os.close(self._file)
        os.close(self._taken_file)
        os.close(self._lock)

    def _records(self, number: int, last: int) -> Iterator[tuple[int, bytes, Cursor]]:
        """Yields records from `number` to `last`, each with the place behind it."""
        for segment in list(self.segments):
            if segment.following <= number or segment.first > last:
                continue
            first, place = segment.first, len(MAGIC)
            cursor = self._cursor
            if cursor is not None and cursor.path == segment.path and cursor.number <= number:
                first, place = cursor.number, cursor.place
            for found, record in _scan(segment.path, first, place, segment.end):
                place += RECORD.size + len(record)
                if found > last:
                    return
                if found >= number:
                    yield found, record, Cursor(found + 1, segment.path, place)

    def _segment_open(self, path: Path, *, last: bool) -> Segment:
        first = int(path.stem)
        segment = Segment(path, first, first, len(MAGIC))
        size = path.stat().st_size
        if size < len(MAGIC) and last:
            path.write_bytes(MAGIC)
            return segment
        try:
            for number, record in _scan(path, first, len(MAGIC), size):
                segment.following = number + 1
                segment.end += RECORD.size + len(record)
        except QueueDamaged:
            if not last:
                raise
        if segment.end < size:
            self.cut_size = size - segment.end
            os.truncate(path, segment.end)
        return segment

    def _segment_add(self, first: int) -> None:
        path = self._folder / f"{first:020d}{SUFFIX}"
        path.write_bytes(MAGIC)
        # The name must be on disk before records are: without it they would be lost with it.
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.segments.append(Segment(path, first, first, len(MAGIC)))

    def _segment_next(self) -> None:
        os.fdatasync(self._file)
        self._segment_add(self.following)
        os.close(self._file)
        self._file = os.open(self.segments[-1].path, os.O_RDWR | os.O_CLOEXEC)

    def _drop_taken(self) -> None:
        while len(self.segments) > 1 and self.segments[0].following - 1 <= self.taken:
            self.segments.pop(0).path.unlink()

    def _taken_read(self) -> int:
        note = os.pread(self._taken_file, TAKEN.size, 0)
        if len(note) == TAKEN.size:
            number, checksum = TAKEN.unpack(note)
            if zlib.crc32(number.to_bytes(8, "little")) == checksum:
                return int(number)
        return 0


def _framed(number: int, record: bytes) -> bytes:
    checksum = zlib.crc32(record, zlib.crc32(number.to_bytes(8, "little")))
    return RECORD.pack(len(record), checksum, number) + record


def _scan(path: Path, first: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yields number and bytes of each record between two places; `first` is the number of the
    first. Errors: QueueDamaged.
    """
    with path.open("rb", buffering=READ_SIZE) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise QueueDamaged(f"{path} is not a queue of this version")
        file.seek(start)
        place, expected = start, first
        while place < end:
            size, checksum, number = _header(file.read(RECORD.size))
            record = file.read(size) if size <= RECORD_SIZE_MAX else b""
            known = zlib.crc32(record, zlib.crc32(number.to_bytes(8, "little")))
            if len(record) < size or known != checksum or number != expected:
                raise QueueDamaged(f"{path} is damaged at byte {place}")
            yield number, record
            place += RECORD.size + size
            expected += 1


def _header(data: bytes) -> tuple[int, int, int]:
    """Returns size, checksum and number; of a header that is cut off, a size that no record has."""
    if len(data) < RECORD.size:
        return RECORD_SIZE_MAX + 1, 0, 0
    size, checksum, number = RECORD.unpack(data)
    return size, checksum, number
