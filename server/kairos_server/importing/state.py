"""The state file of an import: how far it is, so that a killed import goes on where it was."""

import json
import os
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from kairos_server.exits import Exit

from .errors import ImportFailed
from .source import Position

VERSION: Final = 1


@dataclass(slots=True)
class Counts:
    """What became of the records so far."""

    records: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0
    late: int = 0

    def add(self, other: "Counts") -> None:
        """Adds other counts to these."""
        for name in Counts.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class State:
    """Everything before `position` was answered by the server, and its rejects are in the rejects
    file up to `rejects_size`.
    """

    source: str
    """The name of the input in event ids."""
    prefix_size: int
    prefix_hash: str
    options_hash: str
    position: Position = field(default_factory=Position)
    rejects_size: int = 0
    counts: Counts = field(default_factory=Counts)

    def save(self, path: Path) -> None:
        """Replaces the file whole; a process that dies leaves the old or the new one.

        Errors: ImportFailed.
        """
        draft = path.with_name(path.name + ".new")
        try:
            draft.write_text(json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n")
            os.replace(draft, path)
        except OSError as error:
            raise ImportFailed(
                Exit.CANNOT_CREATE,
                f"{path}: cannot be written: {error.strerror}. Name another file with --state.",
            ) from None


def state_read(path: Path) -> State | None:
    """Returns the state of an earlier run; None where there is none.

    Errors: ImportFailed when the file is there but cannot be used.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFailed(Exit.NO_INPUT, f"{path}: {error}.") from None
    try:
        row: dict[str, Any] = json.loads(text)
        if row.pop("version") != VERSION:
            raise ValueError("its version is not known")
        position, counts = Position(**row.pop("position")), Counts(**row.pop("counts"))
        return State(**row, position=position, counts=counts)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ImportFailed(
            Exit.DATA,
            f"{path}: not a state of an import ({error}). Delete it, or begin with --restart.",
        ) from None


def digest_of(data: bytes) -> str:
    """Returns 32 hexadecimal digits that stand for bytes."""
    return blake2b(data, digest_size=16).hexdigest()
