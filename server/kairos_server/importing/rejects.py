"""The file of rejected records: JSON lines with the line, the reason and the record itself."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kairos_server.exits import Exit

from .errors import ImportFailed


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that was not accepted. `reason` is UNREADABLE, or the server's."""

    line: int
    reason: str
    field: str
    description: str
    record: bytes

    def row(self) -> dict[str, object]:
        """Returns it as written to the file."""
        return {
            "line": self.line,
            "reason": self.reason,
            "field": self.field,
            "description": self.description,
            "record": self.record.decode("utf-8", "replace").rstrip("\r\n"),
        }


class Rejects:
    """Appends rejects; made with the first one. Owns: the file, until close."""

    def __init__(self, path: Path | None, size: int) -> None:
        """size: bytes of earlier runs that count; what a killed run wrote beyond is cut off."""
        self._path = path
        self._file: IO[bytes] | None = None
        self._size = size
        if path is None:
            return
        try:
            if path.exists():
                os.truncate(path, min(size, path.stat().st_size))
        except OSError as error:
            raise self._failure(error) from None

    def write(self, rejects: Iterable[Reject]) -> None:
        """Appends rejects. Errors: ImportFailed."""
        for reject in rejects:
            if self._path is None:
                return
            line = json.dumps(reject.row(), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
            try:
                self._file = self._file or open(self._path, "ab")  # noqa: SIM115  # closed by close
                self._file.write(line)
            except OSError as error:
                raise self._failure(error) from None
            self._size += len(line)

    def flush(self) -> int:
        """Hands everything to the system; returns the size of the file. Errors: ImportFailed."""
        try:
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            raise self._failure(error) from None
        return self._size

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    def _failure(self, error: OSError) -> ImportFailed:
        return ImportFailed(
            Exit.CANNOT_CREATE,
            f"{self._path}: cannot be written: {error.strerror}. Name another file with --rejects.",
        )
