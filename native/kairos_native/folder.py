"""The data folder: format, ownership, and whether the view inside it can be trusted."""

import contextlib
import errno
import fcntl
import json
import mmap
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FORMAT: Final = {
    "product": "kairos", "folder": 1, "log": 1, "view": "lmdb-0.9", "record": 1, "image": 1,
}  # fmt: skip
NETWORK_FILE_SYSTEMS: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.glusterfs",
    "fuse.sshfs", "lustre",
})  # fmt: skip
BOOT_ID_PATH: Final = Path("/proc/sys/kernel/random/boot_id")


class FolderError(Exception):
    """The folder cannot be used; the sentence says why and what to do."""


@dataclass(slots=True)
class Folder:
    """An owned data folder. The lock lives as long as the descriptor."""

    root: Path
    lock: int

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def view(self) -> Path:
        return self.root / "view"

    @property
    def dedupe(self) -> Path:
        return self.root / "view" / "dedupe"

    @property
    def plans(self) -> Path:
        return self.root / "plans"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def state(self) -> Path:
        return self.root / "view" / "STATE"

    @property
    def marker(self) -> Path:
        return self.root / "replay.marker"

    def release(self) -> None:
        """Gives the folder up. Idempotent."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def take_folder(path: str) -> Folder:
    """Creates the folder where needed, checks it and takes its lock.

    Errors: FolderError: not writable, on a network file system, of another format,
    or owned by another process.
    """
    root = Path(path).absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FolderError(
            f"The data folder {root} cannot be written: {error.strerror}. Choose another folder."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise FolderError(
            f"The data folder {root} is in use by another process. Stop it, "
            "or choose another folder."
        ) from error
    folder = Folder(root, lock)
    try:
        _check_file_system(root)
        _check_format(root)
        for part in (folder.log, folder.plans, folder.checkpoints):
            part.mkdir(exist_ok=True)
    except BaseException as error:
        folder.release()
        if isinstance(error, OSError):
            raise FolderError(
                f"The data folder {root} cannot be written: {error.strerror}. "
                "Choose another folder."
            ) from error
        raise
    return folder


def _check_file_system(root: Path) -> None:
    """Memory maps and locks of network file systems do not keep what the log
    and the view promise.
    """
    best, kind = "", ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields, _, rest = line.partition(" - ")
            mount = fields.split()[4].replace("\\040", " ")
            inside = str(root) == mount or str(root).startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best):
                best, kind = mount, rest.split()[0]
    if kind in NETWORK_FILE_SYSTEMS:
        raise FolderError(
            f"The data folder {root} is on a network file system ({kind}). "
            "Choose a folder on a local disk."
        )


def _check_format(root: Path) -> None:
    path = root / "FORMAT"
    if not path.exists():
        # A first start that was killed may have left the file under its temporary name.
        if any(entry.name not in ("LOCK", "FORMAT.new") for entry in root.iterdir()):
            raise FolderError(
                f"The folder {root} holds other files and no Kairos data. Choose an empty folder."
            )
        write_durably(path, json.dumps(FORMAT, sort_keys=True).encode() + b"\n")
        return
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise FolderError(
            f"The file {path} is damaged. Restore it from a folder of the same version."
        ) from error
    if found != FORMAT:
        raise FolderError(
            f"The data folder {root} has the format {found}; this version reads {FORMAT}. "
            "Use the version that wrote it."
        )


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file so that after a crash either the old or the new content is there, whole."""
    temporary = path.with_name(path.name + ".new")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def boot_id() -> str:
    """Identity of this start of the operating system; empty where the system does not tell."""
    try:
        return BOOT_ID_PATH.read_text().strip()
    except OSError:
        return ""


def view_trusted(folder: Folder, semantics_version: int) -> bool:
    """True when the view holds all that was written to it.

    The view is not synced by itself: after a crash of the operating system (another boot, and not
    closed cleanly) its pages may be of different moments.
    """
    try:
        state = json.loads(folder.state.read_bytes())
        if state["semantics_version"] != semantics_version:
            return False
        return bool(state["clean"]) or (state["boot_id"] == boot_id() != "")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def discard_view(folder: Folder) -> None:
    """Throws the view away; it is rebuilt from a checkpoint and the log."""
    shutil.rmtree(folder.view, ignore_errors=True)


def sync_view(folder: Folder) -> None:
    """Brings every file of the view to the disk; only then may it be called clean."""
    for path in [*folder.view.rglob("*"), folder.view]:
        if path.is_dir():
            sync_folder(path)
        else:
            with open(path, "rb") as file:
                os.fsync(file.fileno())


def mark_view(folder: Folder, semantics_version: int, *, clean: bool) -> None:
    state = {"boot_id": boot_id(), "clean": clean, "semantics_version": semantics_version}
    write_durably(folder.state, json.dumps(state, sort_keys=True).encode() + b"\n")


@contextlib.contextmanager
def open_marker(path: Path) -> Iterator[mmap.mmap]:
    """Maps the file that outlives a process which dies in a replay: the sequence in work, how many
    starts died on it.
    """
    with open(path, "a+b") as file:
        file.truncate(mmap.PAGESIZE)
        # A page without a block on a full disk would end the process when it is written.
        os.posix_fallocate(file.fileno(), 0, mmap.PAGESIZE)
        with mmap.mmap(file.fileno(), mmap.PAGESIZE) as mapped:
            yield mapped
