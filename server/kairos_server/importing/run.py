"""One import: reads chunks, maps them, sends them by lanes, and keeps the state behind them."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from google.protobuf.json_format import MessageToDict
from kairos.v1 import error_pb2, event_pb2, ingest_service_pb2

from kairos_server.exits import Exit

from .errors import ImportFailed
from .formats import MapperOptions
from .lanes import Connection, Lanes, Sending
from .mapped import Mapped, chunks_mapped
from .rejects import Reject, Rejects
from .source import Chunk, Position, Source, identity_of
from .state import Counts, State, digest_of

STATE_INTERVAL_S: Final = 0.5
# A lane that seldom fills must not hold the state back.
CHUNKS_BEHIND_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What to import and how."""

    options: MapperOptions
    state: Path | None
    rejects: Path | None
    source: str = ""
    """The name of the input in event ids; empty: by its first bytes."""
    workers: int = 1
    lanes: int = 1
    limit: int = 0
    """At most so many records; 0: all."""
    retry_s: float = 60.0

    @property
    def options_hash(self) -> str:
        """What tells that a state belongs to the same mapping."""
        return digest_of(repr(self.options).encode())


@dataclass(slots=True)
class Summary:
    """What an import did, this time and in all."""

    counts: Counts = field(default_factory=Counts)
    """Of this run."""
    total: Counts = field(default_factory=Counts)
    """Of all runs of this state."""
    reasons: dict[str, int] = field(default_factory=dict)
    resumed_line: int = 0
    """Where this run went on; 0: at the beginning."""
    seconds: float = 0.0
    read_size: int = 0


Progress = Callable[[Summary], None]


@dataclass(slots=True)
class _Tracked:
    """A chunk until the server has answered for all of its events."""

    chunk: Chunk
    open_count: int
    rejects: list[Reject]
    counts: Counts


class Import:
    """One run. The state follows the oldest chunk that is not answered in full."""

    def __init__(
        self, source: Source, plan: ImportPlan, state: State, connection: Connection,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._source = source
        self._plan = plan
        self._state = state
        self._progress = progress
        self._tracked: deque[_Tracked] = deque()
        self._first = 0
        self._lanes = Lanes(connection, plan.lanes, plan.retry_s, self._answered)
        self._rejects = Rejects(plan.rejects, state.rejects_size)
        self._saved_s = time.monotonic()
        self.summary = Summary(total=state.counts)
        if state.position != source.begin:
            self.summary.resumed_line = state.position.line

    def run(self) -> Summary:
        """Imports to the end of the input. Errors: ImportFailed, KeyboardInterrupt; the state
        is saved then.
        """
        begin_s = time.monotonic()
        rows = self._plan.options.format == "csv"
        start = self._state.position
        chunks = limited(self._source.chunks(start, rows=rows), self._plan.limit, start)
        mapped = chunks_mapped(chunks, self._plan.options, self._state.source, self._plan.workers)
        try:
            for chunk, found in mapped:
                self._chunk(chunk, found)
                self.summary.seconds = time.monotonic() - begin_s
                self._progress(self.summary)
            self._lanes.finish()
            self._advance()
        finally:
            self._lanes.cancel()
            self.summary.seconds = time.monotonic() - begin_s
            self._save()
            self._rejects.close()
            self._progress(self.summary)
        return self.summary

    def _chunk(self, chunk: Chunk, found: Mapped) -> None:
        number = self._first + len(self._tracked)
        left_out = len(chunk.records) - len(found.events) - len(found.faults)
        counts = Counts(records=len(chunk.records), skipped=left_out, rejected=len(found.faults))
        rejects = [
            Reject(chunk.lines[index], "UNREADABLE", "", text, chunk.records[index])
            for index, text in found.faults
        ]
        if found.faults:
            self._count_reason("UNREADABLE", len(found.faults))
        self._tracked.append(_Tracked(chunk, len(found.events), rejects, counts))
        for index, subject, data in found.events:
            self._lanes.add(Sending(subject, number, index, data))
        self._lanes.flush(number - CHUNKS_BEHIND_MAX)
        self._advance()

    def _answered(self, sending: Sending, result: ingest_service_pb2.IngestResult) -> None:
        tracked = self._tracked[sending.chunk - self._first]
        tracked.open_count -= 1
        counts = tracked.counts
        if result.duplicate:
            counts.duplicates += 1
        elif result.processed:
            counts.accepted += 1
            counts.late += result.late
        else:
            counts.rejected += 1
            error = result.error
            reason = error_pb2.ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_")
            self._count_reason(reason, 1)
            chunk = tracked.chunk
            tracked.rejects.append(
                Reject(
                    chunk.lines[sending.index], reason, error.field, error.description,
                    chunk.records[sending.index],
                )
            )  # fmt: skip

    def _count_reason(self, reason: str, count: int) -> None:
        self.summary.reasons[reason] = self.summary.reasons.get(reason, 0) + count

    def _advance(self) -> None:
        """Moves the state over the chunks that are answered in full."""
        while self._tracked and self._tracked[0].open_count == 0:
            done = self._tracked.popleft()
            self._first += 1
            self._rejects.write(sorted(done.rejects, key=lambda reject: reject.line))
            self._state.position = done.chunk.end
            self._state.counts.add(done.counts)
            self.summary.counts.add(done.counts)
            self.summary.read_size = done.chunk.read_size
        if time.monotonic() - self._saved_s >= STATE_INTERVAL_S:
            self._save()

    def _save(self) -> None:
        # The rejects first: a state may only speak of rejects that are in the file.
        self._state.rejects_size = self._rejects.flush()
        if self._plan.state is not None:
            self._state.save(self._plan.state)
        self._saved_s = time.monotonic()


def import_run(
    source: Source, plan: ImportPlan, earlier: State | None, connection: Connection,
    progress: Progress,
) -> Summary:  # fmt: skip
    """Imports an input, from where an earlier run was. Errors: ImportFailed."""
    state = state_of(source, plan, earlier)
    if plan.state is not None:
        # Now rather than after half a second of work that could not be resumed.
        state.save(plan.state)
    return Import(source, plan, state, connection, progress).run()


def state_of(source: Source, plan: ImportPlan, earlier: State | None) -> State:
    """Returns the state to go on from. Errors: ImportFailed when the earlier one is of another
    input or mapping.
    """
    prefix = source.prefix
    if earlier is None:
        name = plan.source or identity_of(prefix)
        return State(name, len(prefix), digest_of(prefix), plan.options_hash, source.begin)
    if digest_of(prefix[: earlier.prefix_size]) != earlier.prefix_hash:
        raise ImportFailed(
            Exit.DATA,
            f"{plan.state}: belongs to another input than {source.name}. Name another state file "
            "with --state, or begin again with --restart.",
        )
    if earlier.options_hash != plan.options_hash:
        raise ImportFailed(
            Exit.DATA,
            f"{plan.state}: the earlier run read {source.name} with another mapping. Use the same, "
            "or begin again with --restart.",
        )
    return earlier


@dataclass(slots=True)
class Preview:
    """What a dry run found."""

    counts: Counts = field(default_factory=Counts)
    events: list[tuple[int, dict[str, object]]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def dry_run(source: Source, plan: ImportPlan, shown_max: int) -> Preview:
    """Maps an input without sending; returns its first events and rejects, and counts of all.

    Errors: ImportFailed.
    """
    preview = Preview()
    name = plan.source or identity_of(source.prefix)
    rows = plan.options.format == "csv"
    chunks = limited(source.chunks(source.begin, rows=rows), plan.limit, source.begin)
    for chunk, found in chunks_mapped(chunks, plan.options, name, plan.workers):
        left_out = len(chunk.records) - len(found.events) - len(found.faults)
        preview.counts.add(
            Counts(
                records=len(chunk.records), accepted=len(found.events),
                rejected=len(found.faults), skipped=left_out,
            )
        )  # fmt: skip
        for index, _, data in found.events[: shown_max - len(preview.events)]:
            event = MessageToDict(event_pb2.Event.FromString(data))
            preview.events.append((chunk.lines[index], event))
        for index, text in found.faults[: shown_max - len(preview.rejects)]:
            preview.rejects.append(
                Reject(chunk.lines[index], "UNREADABLE", "", text, chunk.records[index])
            )
    return preview


def limited(chunks: Iterator[Chunk], limit: int, start: Position) -> Iterator[Chunk]:
    """Yields chunks until so many records have come; 0: all.

    The last chunk is cut, and the position after it is that of its first record, so that a later
    run without the limit sees the rest.
    """
    left = limit
    for chunk in chunks:
        if not limit or len(chunk.records) <= left:
            yield chunk
            left -= len(chunk.records)
            start = chunk.end
            if limit and left == 0:
                return
            continue
        yield Chunk(chunk.records[:left], chunk.lines[:left], start, chunk.read_size)
        return
