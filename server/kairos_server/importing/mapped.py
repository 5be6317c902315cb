"""Chunks of records mapped to encoded events, in this process or in several."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

from kairos.v1 import event_pb2

from .errors import RecordError
from .formats import EVENT_SIZE_MAX, Mapper, MapperOptions, mapper_of
from .source import Chunk

AHEAD_PER_WORKER: Final = 3


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of the records of a chunk: (index, subject, event) of those that became events,
    (index, reason) of those that could not; the others were left out.
    """

    events: list[tuple[int, bytes, bytes]]
    faults: list[tuple[int, str]]


def chunks_mapped(
    chunks: Iterable[Chunk], options: MapperOptions, source: str, workers: int
) -> Iterator[tuple[Chunk, Mapped]]:
    """Yields chunks with what they were mapped to, in order.

    workers: 1 maps in this process; more in as many others, each with a few chunks ahead.
    """
    if workers == 1:
        mapper = mapper_of(options)
        for chunk in chunks:
            yield chunk, chunk_map(chunk, mapper, source)
        return
    # Not forked: gRPC's threads would not survive it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _worker_begin, (options, source)) as pool:
        waiting: deque[tuple[Chunk, Future[Mapped]]] = deque()
        try:
            for chunk in chunks:
                waiting.append((chunk, pool.submit(_worker_map, chunk)))
                if len(waiting) > workers * AHEAD_PER_WORKER:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def chunk_map(chunk: Chunk, mapper: Mapper, source: str) -> Mapped:
    """Returns what the records of a chunk become."""
    events: list[tuple[int, bytes, bytes]] = []
    faults: list[tuple[int, str]] = []
    for index, record in enumerate(chunk.records):
        try:
            event = mapper(record)
            if event is None:
                continue
            event_id_set(event, source, chunk.lines[index])
            data = event.SerializeToString()
        except RecordError as error:
            faults.append((index, str(error)))
        except ValueError as error:
            # Text that protobuf cannot hold, such as half of a surrogate pair.
            faults.append((index, f"not UTF-8: {error}"))
        else:
            if len(data) > EVENT_SIZE_MAX:
                faults.append((index, f"the event has {len(data)} bytes, at most {EVENT_SIZE_MAX}"))
            else:
                events.append((index, event.subject_id.encode(), data))
    return Mapped(events, faults)


def event_id_set(event: event_pb2.Event, source: str, line: int) -> None:
    """Gives an event without an id the one that its place in the input has for ever."""
    if not event.event_id:
        event.event_id = f"{source}:{line}"


_worker: tuple[Mapper, str] | None = None


def _worker_begin(options: MapperOptions, source: str) -> None:
    global _worker  # noqa: PLW0603  # the mapper of this worker process, made once
    # Ctrl-C is for the parent, which ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = (mapper_of(options), source)


def _worker_map(chunk: Chunk) -> Mapped:
    assert _worker is not None
    return chunk_map(chunk, *_worker)
