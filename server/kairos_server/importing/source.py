"""The bytes of an import: a file, a compressed file or standard input, cut into chunks of records.

A record is a line; in CSV a row, which may span lines in quotes; in a JSON document (not lines) an
element. Every chunk says where the one after it begins, which is what an import resumes from.
"""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from kairos_server.exits import Exit

from .errors import ImportFailed

STDIN: Final = "-"
GZIP_MAGIC: Final = b"\x1f\x8b"
BOM: Final = b"\xef\xbb\xbf"
CHUNK_RECORDS: Final = 1_000
LINE_SIZE_MAX: Final = 1 << 20
ROW_LINES_MAX: Final = 1_000
DOCUMENT_SIZE_MAX: Final = 1 << 28
PREFIX_SIZE: Final = 1 << 16
SKIP_SIZE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Position:
    """Where a chunk begins: bytes of the uncompressed input, and the line, from 1.

    In a JSON document `line` counts elements and `offset` stays 0.
    """

    offset: int = 0
    line: int = 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records in order, the line of each, and the position after them."""

    records: list[bytes]
    lines: list[int]
    end: Position
    read_size: int
    """Bytes of the file read so far, compressed where it is; for a progress bar."""


@dataclass(slots=True)
class Source:
    """One input. Owns: the stream, until close."""

    name: str
    size: int
    """Bytes of the file; 0 where that is not known."""
    stream: IO[bytes]
    raw: IO[bytes]
    prefix: bytes
    """The first bytes, at most 64 KiB, which tell this input from others."""
    document: bool = False
    """True: a JSON document, not lines."""
    begin: Position = field(default_factory=Position)
    """Where the first record is: after the header of a CSV file."""
    offset: int = 0

    def close(self) -> None:
        """Closes the file. Standard input stays open."""
        if self.name != STDIN:
            self.stream.close()
            self.raw.close()

    def header(self) -> bytes:
        """Reads and returns the first row of a CSV file, without a byte order mark."""
        row, count = self._row(self._line())
        self.begin = Position(self.offset, 1 + count)
        return row.removeprefix(BOM)

    def chunks(self, start: Position, *, rows: bool) -> Iterator[Chunk]:
        """Yields chunks from a position on, which must be the present one or later.

        rows: records are rows of CSV.
        Errors: ImportFailed.
        """
        if self.document:
            yield from self._elements(start)
            return
        self._skip(start.offset)
        records: list[bytes] = []
        lines: list[int] = []
        line = start.line
        while True:
            first = self._line()
            record, count = self._row(first) if rows else (first, int(first != b""))
            if record.strip():
                records.append(record)
                lines.append(line)
            line += count
            if len(records) == CHUNK_RECORDS or not first:
                yield Chunk(records, lines, Position(self.offset, line), self.raw_position())
                if not first:
                    return
                records, lines = [], []

    def raw_position(self) -> int:
        """Returns how many bytes of the file were read."""
        try:
            return self.raw.tell()
        except (OSError, ValueError):
            return self.offset

    def _line(self) -> bytes:
        try:
            line = self.stream.readline(LINE_SIZE_MAX)
        except (OSError, EOFError, zlib.error) as error:
            raise ImportFailed(
                Exit.NO_INPUT, f"{self.name}: cannot be read beyond byte {self.offset}: {error}."
            ) from None
        self.offset += len(line)
        return line

    def _row(self, row: bytes) -> tuple[bytes, int]:
        """Joins lines until quotes are even: a quoted cell may hold line ends."""
        count = int(row != b"")
        while row.count(b'"') % 2 and count < ROW_LINES_MAX and len(row) < LINE_SIZE_MAX:
            more = self._line()
            if not more:
                break
            row += more
            count += 1
        return row, count

    def _skip(self, offset: int) -> None:
        if self.offset < offset and self.raw is self.stream and self.stream.seekable():
            self.stream.seek(offset)
            self.offset = offset
        while self.offset < offset:
            data = self.stream.read(min(SKIP_SIZE, offset - self.offset))
            if not data:
                raise ImportFailed(
                    Exit.DATA,
                    f"{self.name}: ends before byte {offset}, which an earlier run has seen. Is it "
                    "the same file? --restart begins again.",
                )
            self.offset += len(data)

    def _elements(self, start: Position) -> Iterator[Chunk]:
        data = self.stream.read(DOCUMENT_SIZE_MAX + 1)
        if len(data) > DOCUMENT_SIZE_MAX:
            raise ImportFailed(
                Exit.DATA,
                f"{self.name}: a JSON document has at most {DOCUMENT_SIZE_MAX >> 20} MiB; write "
                "one event per line instead.",
            )
        elements = elements_of(data.removeprefix(BOM), self.name)
        for begin in range(start.line - 1, max(len(elements), 1), CHUNK_RECORDS):
            part = elements[begin : begin + CHUNK_RECORDS]
            end = begin + len(part)
            lines = list(range(begin + 1, end + 1))
            yield Chunk(part, lines, Position(0, end + 1), self.raw_position())


class _Replayed(io.RawIOBase):
    """A stream whose first bytes were read already and are given again. Owns: nothing."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def source_open(name: str, *, json: bool) -> Source:
    """Opens a file, or standard input for `-`; gzip is recognised by its first bytes.

    json: the format is JSON, so that the input may be one document instead of lines.
    Errors: ImportFailed.
    """
    try:
        raw: IO[bytes] = sys.stdin.buffer if name == STDIN else open(name, "rb")  # noqa: SIM115  # closed by Source.close
        head = raw.read(len(GZIP_MAGIC))
        stream = _again(raw, head)
        if head == GZIP_MAGIC:
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=stream))
        prefix = stream.read(PREFIX_SIZE)
        stream = _again(stream, prefix)
        size = Path(name).stat().st_size if name != STDIN else 0
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImportFailed(Exit.NO_INPUT, f"{name}: {reason}.") from None
    return Source(name, size, stream, raw, prefix, document=json and is_document(prefix))


def identity_of(prefix: bytes) -> str:
    """Returns the name of an input by its beginning: 16 hexadecimal digits."""
    return blake2b(prefix, digest_size=8).hexdigest()


def is_document(prefix: bytes) -> bool:
    """Returns True when an input begins like one JSON document, not like JSON lines: with `[`, or
    with a first line that is not whole.
    """
    text = prefix.removeprefix(BOM).lstrip()
    line, _, _ = text.partition(b"\n")
    if text[:1] not in (b"[", b"{"):
        return False
    try:
        first = msgspec.json.decode(line)
    except msgspec.DecodeError:
        # A first line of nothing but brackets opens a document; any other is a bad line.
        return text[:1] == b"[" or line.strip() == b"{" or text.startswith(b'{"batch"')
    alone = not text[len(line) :].strip()
    return alone and (isinstance(first, list) or "batch" in first)


def elements_of(data: bytes, name: str) -> list[bytes]:
    """Returns the elements of a JSON array, or of a document `{"batch": […]}`, or the document.

    Errors: ImportFailed with the place.
    """
    try:
        if data.lstrip()[:1] == b"[":
            return [bytes(raw) for raw in msgspec.json.decode(data, type=list[msgspec.Raw])]
        found = msgspec.json.decode(data) if data.strip() else []
    except msgspec.DecodeError as error:
        raise ImportFailed(Exit.DATA, f"{name}: not a JSON document: {error}.") from None
    if isinstance(found, dict) and isinstance(found.get("batch"), list):
        # Segment's batch states some fields once for all of its calls.
        shared = {key: value for key, value in found.items() if key != "batch"}
        return [
            msgspec.json.encode({**shared, **call} if isinstance(call, dict) else call)
            for call in found["batch"]
        ]
    return [data] if found else []


def _again(stream: IO[bytes], head: bytes) -> IO[bytes]:
    """Returns the stream with its first bytes put back."""
    try:
        stream.seek(0)
    except (OSError, ValueError):
        return io.BufferedReader(_Replayed(head, stream))
    return stream
