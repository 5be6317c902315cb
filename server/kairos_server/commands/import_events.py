"""`kairos import`: the events of a file, sent once each."""

import argparse
import contextlib
import csv
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

from kairos_server.commands.arguments import count_read, examples_set
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.import_format import format_of
from kairos_server.commands.output import Output, output_add
from kairos_server.commands.progress import Progress
from kairos_server.exits import CommandFailed, Exit
from kairos_server.importing import (
    FORMATS,
    ImportFailed,
    ImportPlan,
    MapperOptions,
    MappingError,
    Preview,
    Reject,
    Source,
    Summary,
    dry_run,
    import_run,
    mapper_of,
    source_open,
    state_read,
)

NONE = "none"
SHOWN = 5
HINTS = {
    "TIME_TOO_OLD": "this tenant runs on received time and takes no history; import into a tenant "
    'with `time_mode = "event"` (docs/guides/time.md)',
    "PLAN_MISSING": "apply documents first, with `kairos documents apply`",
    "CONSENT_PURPOSE_UNKNOWN": "name the purpose in the schema document, or leave the consent out",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    parser.add_argument("file", metavar="FILE", help="file, gzip too; - is standard input")
    parser.add_argument(
        "--format", choices=FORMATS, help="default: by the name and the first record"
    )
    parser.add_argument(
        "--dry-run", type=count_read, nargs="?", const=SHOWN, metavar="N",
        help=f"send nothing; show the first N events and rejects (default {SHOWN})",
    )  # fmt: skip
    _csv_add(parser.add_argument_group("CSV"))
    _formats_add(parser.add_argument_group("other formats"))
    _run_add(parser.add_argument_group("running"))
    output_add(parser)
    connection_add(parser)
    examples_set(
        parser,
        (
            "kairos import events.jsonl",
            "kairos import orders.csv.gz --map orders.yaml --dry-run",
            "kairos import calls.json --format segment --consent Advertising=advertising",
            'kairos import access.log --format access-log --salt "$SALT"',
            "zcat events.*.gz | kairos import - --format jsonl --state events.state",
        ),
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Imports, or shows what would be imported. Errors: CommandFailed."""
    try:
        source = source_open(parsed.file, json=parsed.format not in ("csv", "access-log"))
        try:
            plan = plan_of(parsed, source)
            if parsed.dry_run:
                return _dry_run(parsed, source, plan)
            return _import(parsed, source, plan)
        finally:
            source.close()
    except ImportFailed as error:
        raise CommandFailed(error.code, str(error)) from None
    except MappingError as error:
        raise CommandFailed(Exit.CONFIG, f"{parsed.map or 'the mapping'}: {error}") from None


def plan_of(parsed: argparse.Namespace, source: Source) -> ImportPlan:
    """Returns what the flags ask for. Errors: CommandFailed, ImportFailed, MappingError."""
    kind = parsed.format or format_of(source.name, source.prefix)
    source.document = source.document and kind not in ("csv", "access-log")
    mapping: dict[str, Any] = {}
    header: tuple[str, ...] = ()
    delimiter = parsed.delimiter or ("\t" if ".tsv" in source.name else ",")
    if kind == "csv":
        mapping = _mapping_of(parsed)
        text = source.header().decode(parsed.encoding, "replace")
        header = tuple(name.strip() for name in next(csv.reader((text,), delimiter=delimiter), []))
    options = MapperOptions(
        format=kind,
        mapping=mapping,
        header=header,
        delimiter=delimiter,
        encoding=parsed.encoding,
        subject=parsed.subject,
        rename=dict(parsed.rename),
        consents=dict(parsed.consent),
        personal=parsed.keep_personal,
        salt=parsed.salt,
        pages_only=parsed.pages_only,
    )
    # A mapping that cannot be used is told before anything is opened or sent.
    mapper_of(options)
    return ImportPlan(
        options,
        state=_beside(parsed.state, source.name, ".state"),
        rejects=_beside(parsed.rejects, source.name, ".rejects.jsonl"),
        source=parsed.source,
        workers=parsed.workers,
        lanes=parsed.in_flight,
        limit=parsed.limit,
        retry_s=parsed.retry_seconds,
    )


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], None]]:
    """Yields what raises KeyboardInterrupt again after Ctrl-C: the one that the signal raises is
    lost where it meets a callback of the gRPC library.
    """
    pressed = False

    def press(_number: int, _frame: object) -> NoReturn:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def _import(parsed: argparse.Namespace, source: Source, plan: ImportPlan) -> int:
    output = Output(parsed)
    earlier = None
    if plan.state is not None and not parsed.restart:
        earlier = state_read(plan.state)
    title = Path(source.name).name if source.name != "-" else "standard input"
    progress = Progress(title, source.size, quiet=parsed.quiet)

    def show(now: Summary) -> None:
        progress.show(now.read_size, now.counts.records)
        interrupted()

    with Server(parsed) as server, _interrupts() as interrupted:
        try:
            summary = import_run(source, plan, earlier, server, show)
        except KeyboardInterrupt:
            progress.end()
            if plan.state is not None:
                sys.stderr.write("kairos: stopped; the same command goes on from here.\n")
            raise
        except ImportFailed:
            progress.end()
            raise
    progress.end()
    _summary_show(output, title, summary, plan)
    return Exit.REFUSED if summary.counts.rejected else Exit.OK


def _summary_show(output: Output, title: str, summary: Summary, plan: ImportPlan) -> None:
    counts, total = summary.counts, summary.total
    rate = counts.records / max(summary.seconds, 1e-9)
    rejects = str(plan.rejects) if plan.rejects is not None and total.rejected else ""
    output.record(
        {
            "records": counts.records,
            "accepted": counts.accepted,
            "duplicates": counts.duplicates,
            "rejected": counts.rejected,
            "skipped": counts.skipped,
            "late": counts.late,
            "reasons": summary.reasons,
            "resumedLine": summary.resumed_line,
            "seconds": round(summary.seconds, 3),
            "recordsPerSecond": round(rate),
            "rejects": rejects,
        }
    )
    if summary.resumed_line and not counts.records:
        output.line(f"{title}: nothing new after line {summary.resumed_line - 1:,}")
        return
    shown = [
        f"{counts.accepted:,} accepted",
        f"{counts.duplicates:,} known already",
        f"{counts.rejected:,} rejected",
    ]
    shown += [f"{counts.skipped:,} left out"] if counts.skipped else []
    shown += [f"{counts.late:,} late"] if counts.late else []
    output.line(
        f"{title}: {counts.records:,} records in {summary.seconds:.2f} s, {rate:,.0f}/s: "
        f"{', '.join(shown)}"
    )
    if summary.resumed_line:
        output.line(f"  went on at line {summary.resumed_line:,}")
    for reason, count in sorted(summary.reasons.items(), key=lambda item: (-item[1], item[0])):
        hint = f"; {HINTS[reason]}" if reason in HINTS else ""
        output.line(f"  {count:,} {reason}{hint}")
    if rejects:
        output.line(f"  rejected records are in {rejects}")


def _dry_run(parsed: argparse.Namespace, source: Source, plan: ImportPlan) -> int:
    preview = dry_run(source, plan, parsed.dry_run)
    preview_show(Output(parsed), preview)
    return Exit.REFUSED if preview.counts.rejected else Exit.OK


def preview_show(output: Output, preview: Preview) -> None:
    """Writes the first events and rejects, then the counts."""
    for line, event in preview.events:
        output.record({"line": line, "event": event})
        output.line(f"line {line}:")
        output.line(yaml.safe_dump(event, sort_keys=False, allow_unicode=True, width=100).rstrip())
    for reject in preview.rejects:
        output.record(reject.row())
        output.line(reject_text(reject))
    counts = preview.counts
    skipped = f", {counts.skipped:,} left out" if counts.skipped else ""
    output.line(
        f"{counts.records:,} records: {counts.accepted:,} would be sent, "
        f"{counts.rejected:,} cannot be read{skipped}"
    )


def reject_text(reject: Reject) -> str:
    """Returns a rejected record as a line for a person."""
    return f"line {reject.line}: {reject.reason}: {reject.description}"


def _csv_add(group: Any) -> None:
    group.add_argument("--map", metavar="FILE", help="mapping of columns, YAML or JSON")
    group.add_argument(
        "--column", type=_names_read, action="append", default=[], metavar="FIELD=COLUMN",
        help="fill a field (subject_id, event_type, time, …) from a column; may be repeated",
    )  # fmt: skip
    group.add_argument("--type", default="", help="event type of all rows")
    group.add_argument(
        "--others", choices=("drop", "attributes"), help="what becomes of other columns"
    )
    group.add_argument("--delimiter", help="default `,`; a tab for .tsv")
    group.add_argument("--encoding", default="utf-8", help="default utf-8")


def _formats_add(group: Any) -> None:
    group.add_argument(
        "--subject", default="", metavar="PATH",
        help="CloudEvents: where the person is named, for example data.userId (default subject)",
    )  # fmt: skip
    group.add_argument(
        "--rename", type=_names_read, action="append", default=[], metavar="TYPE=TYPE",
        help="event type to event type, for example order_completed=purchase; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--consent", type=_names_read, action="append", default=[], metavar="CATEGORY=PURPOSE",
        help="Segment: category of consent to purpose; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--keep-personal", action="store_true", help="Segment: keep names and addresses as traits"
    )
    group.add_argument(
        "--salt", default=os.environ.get("KAIROS_SALT", ""),
        help="access logs: secret under which address and user agent are hashed",
    )  # fmt: skip
    group.add_argument(
        "--pages-only", action="store_true", help="access logs: only requests that showed a page"
    )


def _run_add(group: Any) -> None:
    group.add_argument(
        "--state", metavar="FILE", help="how far it is (default FILE.state; `none`: not kept)"
    )
    group.add_argument("--restart", action="store_true", help="begin again, without the state")
    group.add_argument(
        "--rejects", metavar="FILE", help="rejected records (default FILE.rejects.jsonl; `none`)"
    )
    group.add_argument(
        "--source", default="", metavar="NAME",
        help="name of the input in event ids (default: by its first 64 KiB)",
    )  # fmt: skip
    group.add_argument("--limit", type=count_read, default=0, metavar="N", help="at most N records")
    group.add_argument(
        "--workers", type=count_read, default=1, metavar="N", help="processes that map (default 1)"
    )
    group.add_argument(
        "--in-flight", type=count_read, default=1, metavar="N",
        help="batches under way at once, a subject always in the same (default 1)",
    )  # fmt: skip
    group.add_argument(
        "--retry-seconds", type=float, default=60.0, metavar="S",
        help="how long a batch is sent again while the server is busy or gone (default 60)",
    )  # fmt: skip


def _mapping_of(parsed: argparse.Namespace) -> dict[str, Any]:
    mapping: Any = {}
    if parsed.map:
        try:
            mapping = yaml.safe_load(Path(parsed.map).read_bytes())
        except OSError as error:
            raise CommandFailed(Exit.NO_INPUT, f"--map: {parsed.map}: {error.strerror}.") from None
        except yaml.YAMLError as error:
            text = " ".join(str(error).split())
            raise CommandFailed(Exit.CONFIG, f"--map: {parsed.map}: not YAML: {text}.") from None
        if not isinstance(mapping, dict):
            raise CommandFailed(Exit.CONFIG, f"--map: {parsed.map}: a mapping is an object.")
    for field, column in parsed.column:
        mapping[field] = {"column": column}
    if parsed.type:
        mapping["event_type"] = parsed.type
    if parsed.others:
        mapping["others"] = parsed.others
    return dict(mapping)


def _beside(flag: str | None, name: str, suffix: str) -> Path | None:
    if flag == NONE or (flag is None and name == "-"):
        return None
    return Path(flag) if flag else Path(name + suffix)


def _names_read(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=NAME")
    return name, value
