"""What `kairos doctor` checks of a data folder: disk, permissions, log, view."""

import contextlib
import os
import shutil
import stat
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kairos_native.folder import NETWORK_FILE_SYSTEMS

from kairos_server.commands.check import FAIL, OK, WARN, Check
from kairos_server.commands.folder import DataFolder
from kairos_server.exits import CommandFailed
from kairos_server.secrets_file import FILE_NAME, SecretsError, secrets_read

DISK_MIN: Final = 256 << 20
DISK_LOW: Final = 2 << 30
SYNC_COUNT: Final = 50
SYNC_SIZE: Final = 4096
SYNC_SLOW_MS: Final = 10.0
VIEW_FULL: Final = 0.8


def folder_checks(folder: DataFolder, *, quick: bool) -> Iterator[Check]:
    """Yields the checks of a data folder; before a first start, of the place where it would be.

    quick: without reading the whole log.
    """
    place = folder.root
    while not place.exists():
        place = place.parent
    yield _file_system(place)
    yield _disk(place)
    yield _sync(place)
    if not folder.root.exists():
        yield Check(
            "data folder", WARN, f"{folder.root} does not exist yet", "the first start makes it"
        )
        return
    yield _permissions(folder)
    yield _secrets(folder)
    if folder.engine.is_dir():
        yield _log(folder, quick=quick)
        yield _view(folder)


def file_system_of(place: Path) -> str:
    """Returns the type of the file system that holds a path; empty where it is not told."""
    best, kind = "", ""
    root = str(place.resolve())
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields, _, rest = line.partition(" - ")
            mount = fields.split()[4].replace("\\040", " ")
            inside = root == mount or root.startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best):
                best, kind = mount, rest.split()[0]
    return kind


def sync_latencies_ms(place: Path) -> list[float]:
    """Returns how long appending 4 KiB and fdatasync takes, again and again. Errors: OSError."""
    block = bytes(SYNC_SIZE)
    found = []
    with tempfile.NamedTemporaryFile(dir=place, prefix=".kairos-doctor-") as file:
        os.posix_fallocate(file.fileno(), 0, SYNC_SIZE * SYNC_COUNT)
        for index in range(SYNC_COUNT):
            begin_s = time.perf_counter()
            os.pwrite(file.fileno(), block, index * SYNC_SIZE)
            os.fdatasync(file.fileno())
            found.append((time.perf_counter() - begin_s) * 1e3)
    return found


def _file_system(place: Path) -> Check:
    kind = file_system_of(place)
    if kind in NETWORK_FILE_SYSTEMS:
        return Check(
            "file system", FAIL, f"{kind} at {place}", "choose a folder on a local disk with --data"
        )
    if kind == "tmpfs":
        return Check("file system", WARN, f"tmpfs at {place}", "the data is gone after a restart")
    return Check("file system", OK, f"{kind or 'not known'} at {place}")


def _disk(place: Path) -> Check:
    usage = shutil.disk_usage(place)
    text = f"{usage.free >> 20:,} MiB free of {usage.total >> 20:,}"
    if usage.free < DISK_MIN:
        return Check("free disk", FAIL, text, "events are refused with DISK_FULL; make room")
    if usage.free < DISK_LOW:
        return Check("free disk", WARN, text, "make room before the log has filled it")
    return Check("free disk", OK, text)


def _sync(place: Path) -> Check:
    try:
        found = sorted(sync_latencies_ms(place))
    except OSError as error:
        return Check("fdatasync", FAIL, f"{place}: {error.strerror}", "make the folder writable")
    middle, high = statistics.median(found), found[int(len(found) * 0.98)]
    text = f"median {middle:.2f} ms, p98 {high:.2f} ms for 4 KiB"
    if middle > SYNC_SLOW_MS:
        return Check(
            "fdatasync", WARN, text, "every acknowledgement waits this long; use a faster disk"
        )
    return Check("fdatasync", OK, text)


def _permissions(folder: DataFolder) -> Check:
    state = folder.root.stat()
    mode = stat.S_IMODE(state.st_mode)
    text = f"{folder.root} is {mode:04o}"
    if mode & 0o077:
        return Check("data folder", WARN, text, f"chmod 700 {folder.root}: it holds personal data")
    if state.st_uid != os.getuid() and os.getuid() != 0:
        return Check("data folder", WARN, f"{text} and another user's", "run as its owner")
    return Check("data folder", OK, text)


def _secrets(folder: DataFolder) -> Check:
    path = folder.root / FILE_NAME
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        secrets_read(folder.root)
    except FileNotFoundError:
        return Check("secrets", WARN, f"{path} is not there", "the first start makes it")
    except (SecretsError, OSError) as error:
        return Check("secrets", FAIL, str(error), "restore it from a backup")
    if mode & 0o077:
        return Check("secrets", FAIL, f"{path} is {mode:04o}", f"chmod 600 {path}")
    return Check("secrets", OK, f"{path} is {mode:04o} and readable")


def _log(folder: DataFolder, *, quick: bool) -> Check:
    # Imported here: it loads the native core, which is one of the things to be checked.
    from kairos_native.engine_inspect import LogFrames  # noqa: PLC0415

    from kairos_server.commands.log import verify_all  # noqa: PLC0415

    try:
        segments = folder.segments()
        size = sum(segment.size for segment in segments)
        if quick:
            return Check("log", OK, f"{size:,} bytes in {len(segments)} files; not read (--quick)")
        frames = LogFrames(str(folder.log), 0, folder.partition)
        verify_all(frames, in_use=folder.in_use())
    except CommandFailed as error:
        return Check("log", FAIL, str(error), "docs/guides/durability.md")
    first, last, _, _, kinds = frames.totals
    count = sum(number for number, _ in kinds.values())
    return Check("log", OK, f"{count:,} records are whole, sequence {first:,} to {last:,}")


def _view(folder: DataFolder) -> Check:
    from kairos_server.commands.view import environment  # noqa: PLC0415  # as above

    try:
        with environment(folder) as view:
            info, page = view.info(), view.stat()["psize"]
    except CommandFailed as error:
        return Check("view", WARN, str(error), "it is made again at the next start")
    used, mapped = (info["last_pgno"] + 1) * page, info["map_size"]
    text = f"{used >> 20:,} MiB of a map of {mapped >> 20:,} MiB"
    if used > mapped * VIEW_FULL:
        return Check("view", WARN, text, "start with a larger --map-size before it is full")
    return Check("view", OK, text)
