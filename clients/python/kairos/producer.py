"""Sends events in batches from a queue on disk: what was accepted here arrives, once."""

import json
import logging
import os
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from kairos.calls import Calls
from kairos.delivery import Delivery, Refused
from kairos.queue_file import Batch, QueueDamaged, QueueFile
from kairos.v1.event_pb2 import Event

if TYPE_CHECKING:
    from kairos.client import Client

_LOG: Final = logging.getLogger("kairos.producer")
_IDENTITY_SIZE: Final = 16
SEGMENT_SIZE: Final = 8 << 20
BATCH_COUNT_MAX: Final = 1000
"""Of the contract; a producer's numbers are recognised 1,024 back, so that a whole batch may be
sent again.
"""

Full = Literal["block", "raise", "drop_oldest"]


class QueueFull(Exception):
    """The queue has no room for an event, which was not taken."""


@dataclass(frozen=True, slots=True)
class ProducerStats:
    """What became of events, since the producer was opened."""

    sent_count: int = 0
    """Accepted by the server."""
    duplicate_count: int = 0
    """Known to the server already, from a batch whose answer was lost."""
    refused_count: int = 0
    """Refused by the server, each one told to `on_refused`."""
    dropped_count: int = 0
    """Dropped because the queue was full."""
    batch_count: int = 0
    failure_count: int = 0
    """Calls that failed and were, or will be, made again."""
    failure_last: str = ""
    queued_count: int = 0
    queued_size: int = 0
    cut_size: int = 0
    """Bytes of a record that was not written whole before the last stop."""


class Producer:
    """Takes events at once and sends them in the order taken, one batch at a time.

    An event that `send` has returned for survives the end of the process, also by `kill -9`. Before
    a batch is sent it is on disk, so that a number is never given to two events. The server counts
    every event once, however often it was sent, by `producer_id` and its number. An event that it
    refuses is told to `on_refused` and holds up nothing.

    client: says where the server is; the producer has a connection of its own.
    folder: of this producer alone; a process holds a lock on it. Never copy it to run it twice.
    batch_count_max, batch_size_max: a batch is sent when it has so many events or bytes, or when
    its first event has waited for linger_s.
    size_max: bytes on disk. full: what `send` does beyond them: wait; raise QueueFull; or drop the
    oldest events, a segment at a time.
    on_refused: called with (event, error) for each refused event, on the sending thread.
    """

    def __init__(
        self,
        client: "Client",
        folder: str | os.PathLike[str],
        *,
        batch_count_max: int = BATCH_COUNT_MAX,
        batch_size_max: int = 1 << 20,
        linger_s: float = 0.05,
        size_max: int = 256 << 20,
        full: Full = "block",
        on_refused: Callable[[Event, Refused], None] | None = None,
    ) -> None:
        if not 0 < batch_count_max <= BATCH_COUNT_MAX:
            raise ValueError(f"batch_count_max must be 1 to {BATCH_COUNT_MAX}")
        segment_size = min(SEGMENT_SIZE, max(size_max // 8, 1))
        self._queue = QueueFile(Path(folder), segment_size)
        try:
            self.producer_id = _identity(Path(folder), new=self._queue.following == 1)
        except BaseException:
            self._queue.close()
            raise
        self._calls = Calls(client.calls.connection)
        self._delivery = Delivery(self._calls, self._pause, on_refused)
        self._batch_count_max = batch_count_max
        self._batch_size_max = batch_size_max
        self._linger_s = linger_s
        self._size_max = size_max
        self._full = full
        self._changed = threading.Condition()
        self._urgent_number = 0
        self._waiting_since = 0.0
        self._dropped_count = 0
        self._failure: BaseException | None = None
        self._closing = False
        self._closed = False
        if self._queue.cut_size:
            _LOG.warning("torn tail of %s cut: %d bytes", folder, self._queue.cut_size)
        self._thread = threading.Thread(target=self._run, name="kairos-producer", daemon=True)
        self._thread.start()

    def send(self, event: Event, *, timeout: float | None = None) -> int:
        """Takes an event and returns its number; the event itself is not changed. It gets the time
        of this call where it has none.

        timeout: seconds to wait for room where `full` is "block"; None: for ever.
        Errors: QueueFull; OSError when the disk fails; RuntimeError after `close`.
        Cost: one write to the page cache, about 10 µs.
        """
        numbered = Event()
        numbered.CopyFrom(event)
        numbered.producer_id = self.producer_id
        if not numbered.HasField("occurred_time_us"):
            numbered.occurred_time_us = time.time_ns() // 1000
        with self._changed:
            self._check()
            size = numbered.ByteSize() + 32
            if self._queue.size + size > self._size_max:
                self._make_room(size, timeout)
            numbered.producer_sequence = self._queue.following
            idle = self._queue.following - 1 == self._queue.taken
            number = self._queue.append(numbered.SerializeToString())
            if idle:
                self._waiting_since = time.monotonic()
            if idle or number - self._queue.taken == self._batch_count_max:
                self._changed.notify_all()
        return number

    def flush(self, timeout: float | None = None) -> bool:
        """Sends what was taken before this call without lingering; True: the server has answered
        for all of it. Errors: as the sending thread's, when it has ended.
        """
        with self._changed:
            target = self._queue.following - 1
            self._urgent_number = max(self._urgent_number, target)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._done(target), timeout) and self._done(
                target
            )

    def close(self, timeout: float = 10.0) -> bool:
        """Flushes, then ends; True: nothing is left. What is left is sent after the next start.

        Idempotent.
        """
        with self._changed:
            if self._closed:
                return True
        try:
            return self.flush(timeout)
        finally:
            with self._changed:
                self._closing = self._closed = True
                self._changed.notify_all()
            # A call under way ends with its channel.
            self._calls.close()
            self._thread.join()
            self._queue.close()

    def stats(self) -> ProducerStats:
        """Returns the figures of now."""
        with self._changed:
            queue = self._queue
            return replace(
                self._delivery.stats(ProducerStats),
                dropped_count=self._dropped_count,
                queued_count=max(queue.following - 1 - queue.taken, 0),
                queued_size=queue.size,
                cut_size=queue.cut_size,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self) -> None:
        if self._closing:
            raise RuntimeError("the producer is closed")
        if self._failure is not None:
            raise self._failure

    def _done(self, target: int) -> bool:
        if self._failure is not None:
            raise self._failure
        return self._queue.taken >= target

    def _make_room(self, size: int, timeout: float | None) -> None:
        def room() -> bool:
            return (
                self._queue.size + size <= self._size_max
                or self._closing
                or self._failure is not None
            )

        while self._full == "drop_oldest" and not room():
            dropped = self._queue.drop_oldest()
            if not dropped:
                break
            self._dropped_count += dropped
        if not room() and (self._full != "block" or not self._changed.wait_for(room, timeout)):
            raise QueueFull(f"the queue holds {self._queue.size} bytes")
        self._check()

    # ------------------------------------------------------------ the sending thread
    def _run(self) -> None:
        try:
            while (batch := self._next()) is not None:
                if batch.records and not self._delivery.deliver(batch.records):
                    return
                with self._changed:
                    # Dropping may have taken more meanwhile.
                    self._queue.take(max(batch.last, self._queue.taken))
                    self._waiting_since = time.monotonic()
                    self._changed.notify_all()
        except BaseException as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()
            _LOG.exception("producer stopped; what it has taken stays on disk")

    def _next(self) -> Batch | None:
        """Waits for a batch, makes it durable and reads it; None: the end."""
        with self._changed:
            while not self._closing and not self._due():
                self._changed.wait(self._wait_s())
            if self._closing:
                return None
            first = self._queue.taken + 1
            last, descriptor = self._queue.synced()
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        try:
            return self._queue.read(first, last, self._batch_count_max, self._batch_size_max)
        except (FileNotFoundError, QueueDamaged):
            with self._changed:
                if self._queue.taken < first:
                    raise
            # Dropped by `drop_oldest` between the two locks.
            return Batch((), first)

    def _due(self) -> bool:
        waiting = self._queue.following - 1 - self._queue.taken
        return waiting > 0 and (
            waiting >= self._batch_count_max
            or self._urgent_number > self._queue.taken
            or time.monotonic() >= self._waiting_since + self._linger_s
        )

    def _wait_s(self) -> float | None:
        if self._queue.following - 1 == self._queue.taken:
            return None
        return max(self._waiting_since + self._linger_s - time.monotonic(), 0.0)

    def _pause(self, seconds: float) -> bool:
        """Waits between two tries, a drawn share of it less; False: the producer closes."""
        # Drawn to spread load; no secret depends on it.
        drawn_s = seconds * random.uniform(0.5, 1.0)  # noqa: S311
        with self._changed:
            return not self._changed.wait_for(lambda: self._closing, drawn_s)


def _identity(folder: Path, *, new: bool) -> str:
    """Returns the id of the folder's producer; makes one for a new folder. Errors: QueueDamaged."""
    path = folder / "producer.json"
    try:
        found: Any = json.loads(path.read_bytes())
        return str(found["producer_id"])
    except FileNotFoundError:
        if not new:
            raise QueueDamaged(f"{path} is missing; {folder} holds numbers of it") from None
    except (ValueError, KeyError, TypeError):
        raise QueueDamaged(f"{path} cannot be read") from None
    identity = secrets.token_hex(_IDENTITY_SIZE)
    # Written beside and moved: a process that ends here leaves the old state or the new one.
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(json.dumps({"producer_id": identity}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return identity
