"""The data folder of a server, looked at from outside."""

import argparse
import errno
import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kairos_server.exits import CommandFailed, Exit

DATA: Final = "./data"
SEGMENT_SUFFIX: Final = ".log"


def folder_add(parser: argparse.ArgumentParser) -> None:
    """Adds `--data` and `--partition`."""
    parser.add_argument(
        "--data", metavar="FOLDER", help=f"data folder (default {DATA}, or KAIROS_DATA)"
    )
    parser.add_argument(
        "--partition", type=int, default=0, metavar="N", help="partition in it (default 0)"
    )


def data_of(flag: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Returns the data folder that the flag or the environment names."""
    return Path(flag or environment.get("KAIROS_DATA") or DATA)


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a log."""

    path: Path
    first_sequence: int
    size: int
    written_time_us: int


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One partition of a data folder."""

    root: Path
    partition: int

    @property
    def engine(self) -> Path:
        """Log, view, plans and checkpoints."""
        return self.root / f"partition-{self.partition}"

    @property
    def log(self) -> Path:
        """Segment files."""
        return self.engine / "log"

    @property
    def view(self) -> Path:
        """The LMDB environment."""
        return self.engine / "view"

    def segments(self) -> list[Segment]:
        """Returns the log's segments, oldest first. Errors: CommandFailed."""
        try:
            found = [
                Segment(path, int(path.stem), state.st_size, state.st_mtime_ns // 1000)
                for path in sorted(self.log.glob(f"*{SEGMENT_SUFFIX}"))
                if path.stem.isdigit()
                for state in [path.stat()]
            ]
        except OSError as error:
            raise CommandFailed(Exit.NO_INPUT, f"{self.log}: {error.strerror}.") from None
        if not found:
            raise CommandFailed(Exit.NO_INPUT, f"{self.log}: holds no log.")
        return found

    def in_use(self) -> bool:
        """Returns True while a server owns the folder."""
        try:
            descriptor = os.open(self.root / "LOCK", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
        finally:
            os.close(descriptor)
        return False


def folder_of(parsed: argparse.Namespace) -> DataFolder:
    """Returns the folder that the flags name. Errors: CommandFailed when it is none of a server."""
    folder = DataFolder(data_of(parsed.data), parsed.partition)
    if not folder.engine.is_dir():
        raise CommandFailed(
            Exit.NO_INPUT,
            f"{folder.engine}: there is no such folder. Name a data folder with --data or "
            "KAIROS_DATA.",
        )
    return folder
