"""`kairos log`: the log of a data folder, read beside a running server or without one."""

import argparse
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from google.protobuf.message import DecodeError
from kairos.v1 import event_pb2
from kairos_native.engine_inspect import KINDS, LogDamaged, LogFrames

from kairos_server.commands.arguments import action_add, actions_add, count_read
from kairos_server.commands.folder import DataFolder, folder_add, folder_of
from kairos_server.commands.output import (
    Column,
    Output,
    cell_text,
    message_dict,
    output_add,
    table_lines,
    time_text,
)
from kairos_server.exits import CommandFailed, Exit

Frame = tuple[int, int, int, int, int, bytes]
TAIL: Final = 10
FOLLOW_S: Final = 0.2
# A commit that is being written looks torn; by then it is whole.
TORN_TRIES: Final = 10
TORN_WAIT_S: Final = 0.05
SEGMENTS: Final = (
    Column("segment", lambda row: row.path.name),
    Column("first sequence", lambda row: row.first_sequence),
    Column("bytes", lambda row: row.size),
    Column("written", lambda row: time_text(row.written_time_us)),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    actions = actions_add(parser)
    verify = action_add(
        actions, "verify", "read the whole log and check every record", run_verify,
        ("kairos log verify", "kairos log verify --data /var/lib/kairos --json"),
    )  # fmt: skip
    tail = action_add(
        actions, "tail", "show the last records", run_tail,
        ("kairos log tail -n 100 --kind event", "kairos log tail --follow --json"),
    )  # fmt: skip
    tail.add_argument("-n", type=count_read, default=TAIL, metavar="N", help=f"default {TAIL}")
    tail.add_argument("--follow", action="store_true", help="go on with what is appended")
    tail.add_argument("--kind", choices=sorted(KINDS.values()), help="only records of this kind")
    stats = action_add(
        actions, "stats", "show the segments without reading them", run_stats, ("kairos log stats",)
    )
    for child in (verify, tail, stats):
        folder_add(child)
        output_add(child)


def run_verify(parsed: argparse.Namespace) -> int:
    """Verifies. Errors: CommandFailed with DATA where a record is damaged."""
    folder = folder_of(parsed)
    segments = folder.segments()
    begin_s = time.monotonic()
    frames = LogFrames(str(folder.log), 0, folder.partition)
    verify_all(frames, in_use=folder.in_use())
    seconds = time.monotonic() - begin_s
    first, last, received_first, received_last, kinds = frames.totals
    count, size = (sum(column) for column in zip(*kinds.values(), strict=True)) if kinds else (0, 0)
    output = Output(parsed)
    output.record(
        {
            "records": count,
            "bytes": size,
            "firstSequence": first,
            "lastSequence": last,
            "firstReceivedTimeUs": str(received_first),
            "lastReceivedTimeUs": str(received_last),
            "kinds": {KINDS[kind]: {"records": n, "bytes": b} for kind, (n, b) in kinds.items()},
            "seconds": round(seconds, 3),
        }
    )
    rows = [
        [KINDS.get(kind, str(kind)), cell_text(n), cell_text(b)] for kind, (n, b) in kinds.items()
    ]
    if rows:
        output.lines(table_lines(["kind", "records", "bytes"], rows))
    output.line()
    output.line(
        f"{count:,} records are whole, sequence {first:,} to {last:,}: {size:,} bytes in "
        f"{seconds:.2f} s; segments: {len(segments):,}"
    )
    return Exit.OK


def run_tail(parsed: argparse.Namespace) -> int:
    """Shows the last records. Errors: CommandFailed."""
    folder = folder_of(parsed)
    output = Output(parsed)
    sequence = 0
    for frame in tail_frames(folder, parsed.n, parsed.kind or ""):
        frame_show(output, frame)
        sequence = frame[0]
    while parsed.follow:
        frames = LogFrames(str(folder.log), sequence + 1, folder.partition)
        for frame in frames_of(frames, in_use=True):
            sequence = frame[0]
            if not parsed.kind or KINDS.get(frame[1]) == parsed.kind:
                frame_show(output, frame)
        time.sleep(FOLLOW_S)
    return Exit.OK


def run_stats(parsed: argparse.Namespace) -> int:
    """Shows the segments. Errors: CommandFailed."""
    folder = folder_of(parsed)
    segments = folder.segments()
    output = Output(parsed)
    rows = [[cell_text(column.show(row)) for column in SEGMENTS] for row in segments]
    output.lines(table_lines([column.title for column in SEGMENTS], rows))
    for row in segments:
        output.record(
            {
                "segment": row.path.name,
                "firstSequence": row.first_sequence,
                "bytes": row.size,
                "writtenTimeUs": str(row.written_time_us),
            }
        )
    return Exit.OK


def verify_all(frames: LogFrames, *, in_use: bool) -> None:
    """Verifies to the end. Errors: CommandFailed with the place of the damage."""
    tries = TORN_TRIES if in_use else 1
    while True:
        try:
            while frames.verify():
                tries = TORN_TRIES if in_use else 1
        except LogDamaged as damage:
            tries -= 1
            if tries == 0:
                raise CommandFailed(Exit.DATA, str(damage)) from None
            time.sleep(TORN_WAIT_S)
        else:
            return


def frames_of(frames: LogFrames, *, in_use: bool) -> Iterator[Frame]:
    """Yields frames to the end. Errors: CommandFailed with the place of the damage."""
    tries = TORN_TRIES if in_use else 1
    while True:
        try:
            found = frames.read()
        except LogDamaged as damage:
            tries -= 1
            if tries == 0:
                raise CommandFailed(Exit.DATA, str(damage)) from None
            time.sleep(TORN_WAIT_S)
            continue
        if not found:
            return
        yield from found


def tail_frames(folder: DataFolder, count: int, kind: str) -> list[Frame]:
    """Returns the last frames of a kind; reads no more segments than needed."""
    found: deque[Frame] = deque(maxlen=count)
    for segment in reversed(folder.segments()):
        found.clear()
        frames = LogFrames(str(folder.log), segment.first_sequence, folder.partition)
        for frame in frames_of(frames, in_use=folder.in_use()):
            if not kind or KINDS.get(frame[1]) == kind:
                found.append(frame)
        if len(found) == count:
            break
    return list(found)


def frame_show(output: Output, frame: Frame) -> None:
    """Writes one record as a line."""
    sequence, kind, tenant, occurred_us, received_us, payload = frame
    name = KINDS.get(kind, str(kind))
    event = event_of(payload) if name == "event" else None
    output.record(
        {
            "sequence": str(sequence),
            "kind": name,
            "tenant": tenant,
            "occurredTimeUs": str(occurred_us),
            "receivedTimeUs": str(received_us),
            "payloadBytes": len(payload),
            **({"event": message_dict(event)} if event is not None else {}),
        }
    )
    text = f"{len(payload):,} bytes"
    if event is not None:
        text = f"{event.event_type} of {event.subject_id} {event.event_id}"
    output.line(
        f"{sequence:>10}  {time_text(received_us)}  {tenant:>4}  {name:<10}  {cell_text(text)}"
    )


def event_of(payload: bytes) -> event_pb2.Event | None:
    """Returns the event of a record; None where it cannot be read."""
    try:
        return event_pb2.Event.FromString(payload)
    except DecodeError:
        return None
