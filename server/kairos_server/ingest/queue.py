"""The bounded queue between the event loop and the writer thread."""

import threading
from asyncio import Future
from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from kairos_native.engine import Pending

from kairos_server.stages import Stages


class Priority(IntEnum):
    """Order in which waiting work is taken; smaller goes first."""

    RESERVATION = 0
    """Work that someone waits for before a decision can be shown: reservations,
    and administration.
    """
    EVENT = 1
    DECISION = 2
    """Decision records: nobody waits for them."""


@dataclass(slots=True, eq=False)
class Entry:
    """One piece of work and who waits for it.

    `future` belongs to the event loop; None: nobody waits.
    """

    pending: Pending
    priority: Priority
    future: "Future[None] | None"
    put_ns: int = 0
    """When it was put, in ns of time.perf_counter_ns(); 0: not measured."""
    stages: Stages | None = None
    """Of the call that waits; filled by the writer before the future resolves."""


class WriterQueue:
    """Work that waits, bounded by records and by bytes. Put by the event loop, taken by the writer.

    Cost: put and take under one lock that is held for a few hundred nanoseconds; the writer is
    woken only when it sleeps.
    """

    def __init__(self, records_max: int, size_max: int) -> None:
        self.records_max = records_max
        self.size_max = size_max
        self.record_count = 0
        self.size = 0
        self.decision_size = 0
        self._entries: tuple[deque[Entry], ...] = tuple(deque() for _ in Priority)
        self._changed = threading.Condition(threading.Lock())
        self._sleeping = False
        self._closed = False

    def put(self, entry: Entry) -> bool:
        """Adds work; False: it does not fit, or the queue is closed.

        Decision records have a bound of their own (Writer).
        """
        pending = entry.pending
        with self._changed:
            if self._closed:
                return False
            if entry.priority is Priority.DECISION:
                self.decision_size += pending.size
            elif (
                self.record_count + pending.record_count > self.records_max
                or self.size + pending.size > self.size_max
            ):
                return False
            else:
                self.record_count += pending.record_count
                self.size += pending.size
            self._entries[entry.priority].append(entry)
            if self._sleeping:
                self._sleeping = False
                self._changed.notify()
            return True

    def take(self, records_max: int) -> list[Entry]:
        """Returns everything that waits up to `records_max` records, at least one entry; sleeps
        only when nothing waits.

        An empty list means: closed, and nothing is left.
        """
        with self._changed:
            while not any(self._entries):
                if self._closed:
                    return []
                self._sleeping = True
                self._changed.wait()
            return self._take(records_max)

    def _take(self, records_max: int) -> list[Entry]:
        taken: list[Entry] = []
        room = records_max
        for entries in self._entries:
            while entries and (not taken or entries[0].pending.record_count <= room):
                entry = entries.popleft()
                pending = entry.pending
                room -= pending.record_count
                if entry.priority is Priority.DECISION:
                    self.decision_size -= pending.size
                else:
                    self.record_count -= pending.record_count
                    self.size -= pending.size
                taken.append(entry)
            if entries:
                # What does not fit waits for the next commit; nothing of lower
                # priority overtakes it.
                break
        return taken

    def close(self) -> None:
        """Refuses new work; what waits is still taken. Idempotent."""
        with self._changed:
            self._closed = True
            self._sleeping = False
            self._changed.notify()

    def abandon(self) -> list[Entry]:
        """Closes the queue and returns what waits, which nobody will take any more."""
        self.close()
        with self._changed:
            waiting = [entry for entries in self._entries for entry in entries]
            for entries in self._entries:
                entries.clear()
            self.record_count = self.size = self.decision_size = 0
            return waiting
