"""`kairos view`: the databases that follow from the log."""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import lmdb

from kairos_server.commands.arguments import action_add, actions_add
from kairos_server.commands.folder import DataFolder, folder_add, folder_of
from kairos_server.commands.output import Output, cell_text, output_add, table_lines
from kairos_server.config import ConfigError, size_parse
from kairos_server.exits import CommandFailed, Exit

DATABASES_MAX: Final = 64
MAP_SIZE: Final = "64G"
BLOCK_SIZE: Final = 512


@dataclass(frozen=True, slots=True)
class DatabaseStats:
    """One database of the view."""

    name: str
    entries: int
    size: int
    """Bytes of its pages."""
    depth: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    actions = actions_add(parser)
    stats = action_add(
        actions, "stats", "count the entries and pages of each database", run_stats,
        ("kairos view stats",),
    )  # fmt: skip
    dump = action_add(
        actions, "dump", "write the entries of a database, in hexadecimal", run_dump,
        ("kairos view dump subjects | head", "kairos view dump --digest    # to compare two views"),
    )  # fmt: skip
    dump.add_argument("database", nargs="?", metavar="DATABASE", help="default: all of them")
    dump.add_argument(
        "--digest", action="store_true", help="only a hash over the entries of each database"
    )
    rebuild = action_add(
        actions, "rebuild", "throw the view away and build it again from the log", run_rebuild,
        ("kairos view rebuild", "kairos view rebuild --from-log"),
    )  # fmt: skip
    rebuild.add_argument(
        "--from-log", action="store_true", help="from the log's beginning, not from a checkpoint"
    )
    rebuild.add_argument(
        "--map-size",
        default=MAP_SIZE,
        metavar="SIZE",
        help=f"as of the server (default {MAP_SIZE})",
    )
    for child in (stats, dump, rebuild):
        folder_add(child)
        output_add(child)


def run_stats(parsed: argparse.Namespace) -> int:
    """Shows counts. Errors: CommandFailed."""
    folder = folder_of(parsed)
    with environment(folder) as view:
        rows = list(databases_stats(view))
        used = (view.info()["last_pgno"] + 1) * view.stat()["psize"]
        mapped = view.info()["map_size"]
    on_disk = sum(
        path.stat().st_blocks * BLOCK_SIZE for path in folder.view.rglob("*") if path.is_file()
    )
    output = Output(parsed)
    for row in rows:
        output.record(
            {"database": row.name, "entries": row.entries, "bytes": row.size, "depth": row.depth}
        )
    output.lines(
        table_lines(
            ["database", "entries", "bytes", "depth"],
            [
                [row.name, cell_text(row.entries), cell_text(row.size), cell_text(row.depth)]
                for row in rows
            ],
        )
    )
    output.line()
    output.fields((("used bytes", used), ("map bytes", mapped), ("bytes on disk", on_disk)))
    return Exit.OK


def run_dump(parsed: argparse.Namespace) -> int:
    """Writes entries, or a digest of them. Errors: CommandFailed."""
    folder = folder_of(parsed)
    output = Output(parsed)
    with environment(folder) as view:
        names = names_of(view)
        if parsed.database and parsed.database not in names:
            raise CommandFailed(
                Exit.USAGE,
                f"there is no database `{parsed.database}`; there are {', '.join(names)}.",
            )
        for name in [parsed.database] if parsed.database else names:
            digest = blake2b(digest_size=16)
            for key, value in entries_of(view, name):
                if parsed.digest:
                    digest.update(len(key).to_bytes(4, "little") + key)
                    digest.update(len(value).to_bytes(4, "little") + value)
                    continue
                output.record({"database": name, "key": key.hex(), "value": value.hex()})
                output.line(f"{name} {key.hex()} {value.hex()}")
            if parsed.digest:
                output.record({"database": name, "digest": digest.hexdigest()})
                output.line(f"{name:<12} {digest.hexdigest()}")
    return Exit.OK


def run_rebuild(parsed: argparse.Namespace) -> int:
    """Rebuilds. Errors: CommandFailed."""
    from kairos_native.engine import Engine, EngineError  # noqa: PLC0415  # the others do without

    folder = folder_of(parsed)
    if folder.in_use():
        raise CommandFailed(
            Exit.UNAVAILABLE, f"{folder.root} is in use by a server. Stop it first."
        )
    try:
        map_size = size_parse(parsed.map_size, "--map-size", 1 << 20, 1 << 46)
    except ConfigError as error:
        raise CommandFailed(Exit.USAGE, str(error)) from None
    shutil.rmtree(folder.view, ignore_errors=True)
    if parsed.from_log:
        shutil.rmtree(folder.engine / "checkpoints", ignore_errors=True)
    output = Output(parsed)
    if not parsed.quiet:
        sys.stderr.write("kairos: reading the log …\n")
    begin_s = time.monotonic()
    try:
        engine = Engine.open(
            str(folder.engine), partition=folder.partition, map_size=map_size,
            now_us=time.time_ns() // 1000,
        )  # fmt: skip
    except EngineError as error:
        raise CommandFailed(Exit.DATA, str(error)) from None
    figures = engine.figures()
    engine.close()
    seconds = time.monotonic() - begin_s
    sequence = figures["applied_sequence"]
    output.record(
        {
            "appliedSequence": str(sequence),
            "viewBytes": str(figures["view_bytes"]),
            "seconds": round(seconds, 3),
        }
    )
    output.line(
        f"rebuilt to sequence {sequence:,} in {seconds:.2f} s: {figures['view_bytes']:,} bytes"
    )
    return Exit.OK


@contextmanager
def environment(folder: DataFolder) -> Iterator[lmdb.Environment]:
    """Opens the view for reading, beside a running server too. Errors: CommandFailed."""
    try:
        view = lmdb.open(
            str(folder.view), readonly=True, create=False, map_size=0, max_dbs=DATABASES_MAX
        )
    except lmdb.Error as error:
        raise CommandFailed(
            Exit.NO_INPUT,
            f"{folder.view}: {error}. The next start of the server makes the view again.",
        ) from None
    try:
        yield view
    except lmdb.Error as error:
        raise CommandFailed(
            Exit.DATA, f"{folder.view}: {error}. `kairos view rebuild` makes it again."
        ) from None
    finally:
        view.close()


def names_of(view: lmdb.Environment) -> list[str]:
    """Returns the names of the databases, in order."""
    with view.begin() as read:
        return [bytes(key).decode() for key, _ in read.cursor()]


def databases_stats(view: lmdb.Environment) -> Iterator[DatabaseStats]:
    """Yields the figures of each database."""
    for name in names_of(view):
        database = view.open_db(name.encode(), create=False)
        with view.begin(db=database) as read:
            found = read.stat(database)
        pages = found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"]
        yield DatabaseStats(name, found["entries"], pages * found["psize"], found["depth"])


def entries_of(view: lmdb.Environment, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Yields key and value of every entry, in order, in one snapshot."""
    database = view.open_db(name.encode(), create=False)
    with view.begin(db=database) as read:
        yield from ((bytes(key), bytes(value)) for key, value in read.cursor())
