"""Finds recorded decisions: recent ones in memory, older ones in the log, newest segment first."""

import asyncio
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from kairos_native.engine import Pending

from kairos_server.errors import Refused

FRAME_DECISION: Final = 5
RECENT_SIZE_MAX: Final = 16 << 20
"""Bytes of the newest records that are kept: a look-up of one of them reads no disk."""
SEARCHES_MAX: Final = 2
"""Logs that are read at once; each may take a thread for seconds."""
RETRY_US: Final = 1_000_000
# Size of the record and its received time, before each record of a captured group.
_CAPTURED: Final = struct.Struct("<Iq")
ID_SIZE: Final = 16

Record = tuple[int, int, int, int, int, bytes]
"""Sequence, kind, tenant, occurred, received, payload."""


class DecisionEngine(Protocol):
    """What the search needs of kairos_native.engine.Engine."""

    def log_firsts(self) -> list[int]:
        """First sequence of each segment; see engine.pyi."""
        ...

    def find_record(
        self, kind: int, prefix: bytes, sequence_first: int, sequence_last: int
    ) -> Record | None:
        """Looks through part of the log; see engine.pyi."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A decision record and where it is. Units: `received_us` in microseconds UTC."""

    sequence: int
    received_us: int
    record: bytes


@dataclass(frozen=True, slots=True)
class _Group:
    """The records of one capture, as the core handed them to the writer."""

    sequence_first: int
    data: bytes

    def records(self) -> Iterator[Found]:
        """Yields its records in their order."""
        offset, sequence = 0, self.sequence_first
        while offset < len(self.data):
            size, received_us = _CAPTURED.unpack_from(self.data, offset)
            offset += _CAPTURED.size
            yield Found(sequence, received_us, self.data[offset : offset + size])
            offset += size
            sequence += 1


class Decisions:
    """Look-ups by id.

    The newest groups are kept as they were handed over, and searched as bytes: a group that was
    never asked for costs one reference. There is no index on disk, because look-ups are rare and
    decisions are many: an entry per decision would cost more than all look-ups together.
    Threads: the event loop's; a log is read on a thread of the pool.
    """

    def __init__(self, engine: DecisionEngine) -> None:
        self._engine = engine
        self._groups: deque[_Group] = deque()
        self._size = 0
        self._search_count = 0

    def recorded(self, pending: Pending) -> None:
        """Takes a group of records that is durable now."""
        first = pending.sequence_last - pending.record_count + 1
        self._groups.append(_Group(first, pending.payload))
        self._size += len(pending.payload)
        while self._size > RECENT_SIZE_MAX:
            self._size -= len(self._groups.popleft().data)

    async def find(self, decision_id: bytes) -> Found:
        """Returns the record of a decision.

        Cost: some milliseconds for one of the newest; else the log is read from its newest segment
        backwards, about a second per GiB, the whole of it where there is no such decision.
        Errors: Refused(DECISION_NOT_FOUND, QUEUE_FULL).
        """
        found = self._recent(decision_id)
        if found is not None:
            return found
        if self._search_count >= SEARCHES_MAX:
            raise Refused("QUEUE_FULL", retry_us=RETRY_US)
        self._search_count += 1
        try:
            found = await self._search(decision_id)
        finally:
            self._search_count -= 1
        if found is None:
            raise Refused("DECISION_NOT_FOUND", "decision_id", decision_id.hex())
        return found

    def _recent(self, decision_id: bytes) -> Found | None:
        for group in reversed(self._groups):
            # A text or a float may hold the same bytes, so that the records decide.
            if decision_id in group.data:
                for found in group.records():
                    if found.record[:ID_SIZE] == decision_id:
                        return found
        return None

    async def _search(self, decision_id: bytes) -> Found | None:
        firsts = self._engine.log_firsts()
        # What is in memory was looked through; the segment that holds its begin is read up to it.
        last = self._groups[0].sequence_first - 1 if self._groups else (1 << 64) - 1
        for first in reversed(firsts):
            if first > last:
                continue
            # Segment by segment, so that a caller who has gone stops the search.
            row = await asyncio.to_thread(
                self._engine.find_record, FRAME_DECISION, decision_id, first, last
            )
            if row is not None:
                return Found(row[0], row[4], row[5])
            last = first - 1
        return None
