"""Which pending effects of one tenant can be handed out, in which order. Plain data: no clock, no
waiting, no engine.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from kairos_server.delivery.entry import Entry, EntryState, Lane, Rank
from kairos_server.delivery.row import EffectId

HEAP_SLACK: Final = 4096


@dataclass(frozen=True, slots=True)
class EffectChoice:
    """Which effects a worker takes; empty sets mean all."""

    channels: frozenset[int] = frozenset()
    action_types: frozenset[str] = frozenset()

    def fits(self, lane: Lane) -> bool:
        return (not self.channels or lane[0] in self.channels) and (
            not self.action_types or lane[1] in self.action_types
        )


class EffectIndex:
    """Pending effects by subject, by lane, by due time and by end of lease.

    Within a subject the effects that are due form a queue by id. Its head alone can be handed out,
    and nothing else of the subject while somebody holds it or it waits for its next attempt.
    `held` is asked of each effect that arrives: True where an earlier one of its subject is not in
    the index; the effect leaves the index then.
    Cost: admit, take and settle O(log n) each.
    """

    def __init__(self, held: Callable[[Entry], bool]) -> None:
        self._is_held = held
        self.entries: dict[EffectId, Entry] = {}
        self._queues: dict[bytes, list[Entry]] = {}
        self._lanes: dict[Lane, list[Rank]] = {}
        # Heaps hold what was true when it was put; what is not true any more is passed over.
        self._due: list[tuple[int, EffectId]] = []
        self._leases: list[tuple[int, EffectId, str]] = []
        self.counts = [0] * len(EntryState)

    # ------------------------------------------------------------ in
    def admit(self, entry: Entry, now_us: int) -> None:
        """Takes in a pending effect that is not in the index."""
        self.entries[entry.id] = entry
        self.counts[entry.state] += 1
        if entry.due_us > now_us:
            heappush(self._due, (entry.due_us, entry.id))
            if entry.ordered and entry.attempt_count:
                self._enqueue(entry)
            return
        self._arrive(entry)

    def advance(self, now_us: int) -> None:
        """Lets effects arrive whose time has come."""
        while self._due and self._due[0][0] <= now_us:
            due_us, effect_id = heappop(self._due)
            entry = self.entries.get(effect_id)
            if entry is None or entry.state is not EntryState.WAITING or entry.due_us != due_us:
                continue
            if not entry.ordered or not entry.attempt_count:
                self._arrive(entry)
            else:
                # Earlier ones that came due meanwhile go first.
                queue = self._queues[entry.subject]
                self._state(entry, EntryState.BLOCKED)
                if not queue[0].active:
                    queue.sort(key=_entry_id)
                    self._promote(queue)

    def _arrive(self, entry: Entry) -> None:
        if not entry.ordered:
            self._ready(entry)
            return
        if self._is_held(entry):
            self.remove(entry)
            return
        self._state(entry, EntryState.BLOCKED)
        self._promote(self._enqueue(entry))

    def _enqueue(self, entry: Entry) -> list[Entry]:
        queue = self._queues.setdefault(entry.subject, [])
        insort(queue, entry, lo=1 if queue and queue[0].active else 0, key=_entry_id)
        if len(queue) > 1 and queue[0] is entry and queue[1].state is EntryState.READY:
            # An earlier effect came due later: it overtakes the head that nobody holds yet.
            self._state(queue[1], EntryState.BLOCKED)
        return queue

    def _promote(self, queue: list[Entry]) -> None:
        if queue[0].state is EntryState.BLOCKED:
            self._ready(queue[0])

    def _ready(self, entry: Entry) -> None:
        self._state(entry, EntryState.READY)
        entry.rank = entry.rank_now()
        heappush(self._lanes.setdefault(entry.lane, []), entry.rank)

    # ------------------------------------------------------------ out
    def take(
        self, choice: EffectChoice, count: int, allowed: Callable[[int], bool]
    ) -> Iterator[Entry]:
        """Yields up to `count` ready entries, the most urgent first; the caller leases each before
        it asks for the next. `allowed` says whether a channel may hand out one more now.
        """
        heads = [
            (rank, lane)
            for lane in self._lanes
            if choice.fits(lane) and (rank := self._head(lane)) is not None
        ]
        heapify(heads)
        while count and heads:
            _, lane = heappop(heads)
            if not allowed(lane[0]):
                continue
            rank = heappop(self._lanes[lane])
            yield self.entries[rank[1], rank[2]]
            count -= 1
            following = self._head(lane)
            if following is not None:
                heappush(heads, (following, lane))

    def ready_in(self, choice: EffectChoice) -> bool:
        """Returns whether a worker would be handed something, rates aside."""
        return any(choice.fits(lane) and self._head(lane) is not None for lane in list(self._lanes))

    def _head(self, lane: Lane) -> Rank | None:
        heap = self._lanes[lane]
        while heap:
            rank = heap[0]
            entry = self.entries.get((rank[1], rank[2]))
            if entry is not None and entry.state is EntryState.READY and entry.rank == rank:
                return rank
            heappop(heap)
        return None

    # ------------------------------------------------------------ leases
    def lease(self, entry: Entry, token: str, end_us: int) -> None:
        """Makes somebody the holder of an entry, or moves the end of the lease."""
        if entry.state is not EntryState.LEASED:
            self._state(entry, EntryState.LEASED)
        entry.token = token
        entry.lease_us = end_us
        heappush(self._leases, (end_us, entry.id, token))
        if len(self._leases) > HEAP_SLACK + 4 * self.counts[EntryState.LEASED]:
            # Most leases are settled long before their end.
            self._leases = [
                (other.lease_us, other.id, other.token)
                for other in self.entries.values()
                if other.state is EntryState.LEASED
            ]
            heapify(self._leases)

    def leases_ended(self, now_us: int) -> list[Entry]:
        """Returns the entries whose lease is over; they stay leased until they are settled."""
        ended = []
        while self._leases and self._leases[0][0] <= now_us:
            end_us, effect_id, token = heappop(self._leases)
            entry = self.entries.get(effect_id)
            if (
                entry is not None
                and entry.state is EntryState.LEASED
                and entry.token == token
                and entry.lease_us == end_us
            ):
                ended.append(entry)
        return ended

    def release(self, entry: Entry) -> None:
        """Gives a leased entry back as if it had never been handed out."""
        entry.token = ""
        self._ready(entry)

    def settling(self, entry: Entry) -> None:
        """Nobody may take the entry while its outcome is on its way to the log."""
        self._state(entry, EntryState.SETTLING)

    def unsettled(self, entry: Entry, before: EntryState) -> None:
        """The log did not take the outcome: the entry is what it was."""
        if before is EntryState.READY:
            self._ready(entry)
        else:
            self._state(entry, before)
            if before is EntryState.LEASED:
                self.lease(entry, entry.token, entry.lease_us)
            elif before is EntryState.WAITING:
                heappush(self._due, (entry.due_us, entry.id))

    # ------------------------------------------------------------ settled
    def retry(self, entry: Entry, due_us: int, now_us: int) -> None:
        """The attempt failed; the next one is due at `due_us`."""
        entry.attempt_count += 1
        entry.due_us = due_us
        entry.token = ""
        self._state(entry, EntryState.WAITING)
        heappush(self._due, (due_us, entry.id))
        self.advance(now_us)

    def remove(self, entry: Entry) -> None:
        """The effect is pending no more, or no more of the index's concern."""
        if self.entries.pop(entry.id, None) is None:
            return
        self.counts[entry.state] -= 1
        if not entry.ordered:
            return
        queue = self._queues.get(entry.subject)
        if queue is None or entry not in queue:
            return
        queue.remove(entry)
        if queue:
            self._promote(queue)
        else:
            del self._queues[entry.subject]

    def queue_of(self, subject: bytes) -> list[Entry]:
        """Returns the effects of a subject that are due or were tried, earliest first."""
        return list(self._queues.get(subject, ()))

    def lease_end_us(self) -> int | None:
        """Returns the next end of a lease, perhaps of one that is over already."""
        return self._leases[0][0] if self._leases else None

    def next_us(self) -> int | None:
        """Returns the next moment at which something changes by itself."""
        moments = [heap[0][0] for heap in (self._due, self._leases) if heap]
        return min(moments) if moments else None

    def _state(self, entry: Entry, state: EntryState) -> None:
        self.counts[entry.state] -= 1
        self.counts[state] += 1
        entry.state = state


def _entry_id(entry: Entry) -> EffectId:
    return entry.id
