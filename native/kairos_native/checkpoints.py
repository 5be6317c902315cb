"""Checkpoints: a copy of the view, taken in short ranges while the writer goes on,
from which a rebuild starts.

A checkpoint is fuzzy: its parts are of different moments after the position that it names. Replay
from that position passes over what a record's own sequence says is applied, so the result is the
same as without a checkpoint.
"""

import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from kairos_native.folder import Folder, sync_folder, write_durably

CHUNK: Final = struct.Struct("<8sIIQI4x")
"""Magic, database, entry count, bytes that follow, their crc32c."""
MAGIC: Final = b"KAIRCHKP"
KEPT: Final = 2
FILE: Final = "view.chunks"
DONE: Final = "DONE"

Crc = Callable[[bytes], int]
Chunk = tuple[int, int, bytes]
"""Database, entry count, entries."""


class CheckpointError(Exception):
    """A checkpoint is damaged; an older one, or the log alone, must serve."""


def write(
    folder: Folder, position: int, chunks: Iterator[Chunk], crc32c: Crc, stop: Callable[[], bool]
) -> Path | None:
    """Writes and verifies a checkpoint; it exists for a rebuild only once it is whole and on disk.

    Returns None, and leaves nothing behind, when `stop` says so between two chunks.
    """
    target = folder.checkpoints / f"{position:020d}"
    if (target / DONE).exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with open(target / FILE, "wb") as file:
        for database, count, body in chunks:
            if stop():
                shutil.rmtree(target, ignore_errors=True)
                return None
            file.write(CHUNK.pack(MAGIC, database, count, len(body), crc32c(body)))
            file.write(body)
        file.flush()
        os.fsync(file.fileno())
    verified = sum(count for _, count, _ in read_chunks(target / FILE, crc32c))
    size = (target / FILE).stat().st_size
    write_durably(
        target / DONE,
        json.dumps({"position": position, "entries": verified, "bytes": size}).encode() + b"\n",
    )
    sync_folder(folder.checkpoints)
    kept = complete(folder)[-KEPT:]
    for old in folder.checkpoints.iterdir():
        # Too old, or left unfinished by a process that was killed.
        if old not in kept:
            shutil.rmtree(old, ignore_errors=True)
    return target


def complete(folder: Folder) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(path for path in folder.checkpoints.iterdir() if (path / DONE).exists())


def read_chunks(path: Path, crc32c: Crc) -> Iterator[Chunk]:
    """Yields verified chunks. Errors: CheckpointError."""
    with open(path, "rb") as file:
        while header := file.read(CHUNK.size):
            if len(header) != CHUNK.size:
                raise CheckpointError(f"{path} ends inside a chunk header")
            magic, database, count, size, crc = CHUNK.unpack(header)
            body = file.read(size)
            if magic != MAGIC or len(body) != size or crc32c(body) != crc:
                raise CheckpointError(f"{path} is damaged at byte {file.tell() - len(body)}")
            yield database, count, body


def newest(folder: Folder, crc32c: Crc) -> Path | None:
    """The newest checkpoint that verifies; damaged ones are passed over,
    because the log can replace them.
    """
    for path in reversed(complete(folder)):
        try:
            size = json.loads((path / DONE).read_bytes())["bytes"]
            if (path / FILE).stat().st_size != size:
                continue
            for _ in read_chunks(path / FILE, crc32c):
                pass
        except (CheckpointError, OSError, ValueError, KeyError):
            continue
        return path
    return None
