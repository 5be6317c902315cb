"""The pending effects of one tenant as workers see them: a window of the outbox, and the leases."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kairos_native.engine import OUTCOMES, Pending

from kairos_server.delivery.entry import Entry, EntryState
from kairos_server.delivery.index import EffectChoice, EffectIndex
from kairos_server.delivery.policy import DeliveryPolicy
from kairos_server.delivery.rate import ChannelRates
from kairos_server.delivery.row import EffectId, EffectRow

READ_ROWS = 1_000

EngineRow = tuple[Any, ...]
"""The fields of an EffectRow, in order."""


class OutboxEngine(Protocol):
    """What delivery needs of kairos_native.engine.Engine; see engine.pyi."""

    def effects(
        self, tenant: int, after: EffectId = ..., limit: int = ..., dead: bool = ...
    ) -> Sequence[EngineRow]: ...
    def effects_at(
        self, tenant: int, ids: list[EffectId], dead: bool = ...
    ) -> Sequence[EngineRow | None]: ...
    def outcomes(
        self, tenant: int, rows: list[tuple[int, int, int, int, bytes]], now_us: int
    ) -> Pending: ...
    def effects_made(self) -> int: ...
    def effect_results(self, pending: Pending) -> list[tuple[int, bool, bool]]: ...


@dataclass(frozen=True, slots=True)
class Handed:
    """An effect handed out under a lease."""

    row: EffectRow
    token: str
    lease_end_us: int


class TenantOutbox:
    """A window of the tenant's outbox, read in the order of ids.

    What is due beyond the horizon stays in the view, and so do later effects of a subject whose
    retry is that far away; a walk from the start finds them in time. Leases are no state: after a
    start everything pending can be handed out again.
    Bounds: `window_max` entries in memory.
    """

    def __init__(
        self,
        engine: OutboxEngine,
        tenant: int,
        policy: Callable[[], DeliveryPolicy],
        *,
        window_max: int,
        horizon_us: int,
    ) -> None:
        self._engine = engine
        self._tenant = tenant
        self.policy = policy
        self._window_max = window_max
        self._horizon_us = horizon_us
        self.index = EffectIndex(self._arrived_held)
        self._rates = ChannelRates()
        # Where the reading of new effects goes on; whether there may be any.
        self._after: EffectId = (0, 0)
        self._behind = True
        # Subjects with effects left in the view, which hold back those that come later: as the last
        # walk from the start found them, and as the present one does; one set while none is under
        # way.
        self._held: set[bytes] = set()
        self._walk_held = self._held
        self._walk: EffectId | None = None
        self._left_due_us: int | None = None
        # Effects that are not in the index and whose outcome is on its way to the log.
        self.unsettled: set[EffectId] = set()

    # ------------------------------------------------------------ reading
    def emitted(self) -> None:
        """There may be new effects."""
        self._behind = True

    def look_again(self) -> None:
        """Effects that were read before, or left in the view, may have changed there."""
        self._left_due_us = 0

    def more(self, now_us: int) -> bool:
        """Returns whether `fill` would read."""
        return (self._behind or self._walk is not None or self._walk_due(now_us)) and len(
            self.index.entries
        ) < self._window_max

    def fill(self, now_us: int) -> None:
        """Reads up to READ_ROWS new effects into the window, and as many of a walk.

        Cost: about 3 us an effect.
        """
        if self._walk is None and self._walk_due(now_us):
            self._walk = (0, 0)
            self._walk_held = set()
            self._left_due_us = None
        if self._walk is not None:
            self._fill_walk(self._walk, now_us)
        if self._behind:
            rows = self._read(self._after)
            for row in rows:
                self._take_in(row, now_us, walking=False)
                self._after = row.id
            self._behind = len(rows) == READ_ROWS

    def _walk_due(self, now_us: int) -> bool:
        return self._left_due_us is not None and self._left_due_us <= now_us + self._horizon_us // 2

    def _fill_walk(self, walk: EffectId, now_us: int) -> None:
        rows = self._read(walk)
        for row in rows:
            if row.id > self._after:
                break
            if row.id not in self.index.entries:
                self._take_in(row, now_us, walking=True)
            self._walk = row.id
        if len(rows) < READ_ROWS or rows[-1].id >= self._after:
            # Everything up to the place of reading was seen again.
            self._held = self._walk_held
            self._walk = None

    def _read(self, after: EffectId) -> list[EffectRow]:
        return [
            EffectRow._make(row) for row in self._engine.effects(self._tenant, after, READ_ROWS)
        ]

    def _take_in(self, row: EffectRow, now_us: int, *, walking: bool) -> None:
        ordered = self.policy().of(row.channel).ordered
        if row.id in self.unsettled:
            self._leave(now_us)
        elif row.due_us > now_us + self._horizon_us:
            self._leave(row.due_us)
            if ordered and row.attempt_count:
                self._hold(row.subject, walking=walking)
        elif not (ordered and self._holds(row.subject, walking=walking)):
            self.index.admit(Entry(row, ordered=ordered), now_us)

    def _holds(self, subject: bytes, *, walking: bool) -> bool:
        return subject in self._walk_held or (not walking and subject in self._held)

    def _hold(self, subject: bytes, *, walking: bool) -> None:
        self._walk_held.add(subject)
        if not walking:
            self._held.add(subject)

    def _arrived_held(self, entry: Entry) -> bool:
        if not self._holds(entry.subject, walking=False):
            return False
        # A walk that has passed it already did not find it: another one is needed.
        self.look_again()
        return True

    def _leave(self, due_us: int) -> None:
        if self._left_due_us is None or due_us < self._left_due_us:
            self._left_due_us = due_us

    # ------------------------------------------------------------ leases
    def lease(self, choice: EffectChoice, count: int, lease_us: int, now_us: int) -> list[Handed]:
        """Hands out up to `count` effects; `lease_us` 0: as the policy says."""
        self.index.advance(now_us)
        policy = self.policy()
        taken: list[Entry] = []
        allowed = self._rates.at(now_us, policy)
        for entry in self.index.take(choice, count, allowed):
            end_us = now_us + (lease_us or policy.of(entry.lane[0]).lease_us)
            token = f"{entry.attempt_count + 1}.{secrets.token_hex(8)}"
            self.index.lease(entry, token, end_us)
            self._rates.spend(entry.lane[0])
            taken.append(entry)
        rows = self._engine.effects_at(self._tenant, [entry.id for entry in taken])
        handed = []
        for entry, row in zip(taken, rows, strict=True):
            if row is None:
                # Somebody removed it since it was read.
                self.index.remove(entry)
            else:
                handed.append(Handed(EffectRow._make(row), entry.token, entry.lease_us))
        return handed

    def release(self, handed: list[Handed]) -> None:
        """Takes effects back that never reached their worker."""
        for effect in handed:
            entry = self.index.entries.get(effect.row.id)
            if (
                entry is not None
                and entry.state is EntryState.LEASED
                and entry.token == effect.token
            ):
                self.index.release(entry)

    def extend(self, effect_id: EffectId, token: str, end_us: int) -> Entry | None:
        """Moves the end of a lease; None: it is lost."""
        entry = self.index.entries.get(effect_id)
        if entry is None or entry.state is not EntryState.LEASED or entry.token != token:
            return None
        self.index.lease(entry, token, end_us)
        return entry

    # ------------------------------------------------------------ outcomes
    def failed_outcome(
        self, row: EffectRow, *, permanent: bool, delay_us: int, now_us: int
    ) -> tuple[int, int]:
        """Returns kind and due time of the outcome of a failed attempt."""
        policy = self.policy().of(row.channel)
        attempts = row.attempt_count + 1
        if permanent or attempts >= policy.attempts_max:
            return OUTCOMES["dead"], now_us
        return OUTCOMES["failed"], now_us + (delay_us or policy.retry_us(row, attempts))

    def settled(self, entry: Entry, kind: int, due_us: int, now_us: int) -> None:
        """The log has the outcome: the index follows."""
        if kind != OUTCOMES["failed"]:
            self.index.remove(entry)
        elif due_us <= now_us + self._horizon_us:
            self.index.retry(entry, due_us, now_us)
        else:
            self._park(entry, due_us)

    def _park(self, entry: Entry, due_us: int) -> None:
        """Leaves an effect to the view, and the later ones of its subject with it."""
        self._leave(due_us)
        parked = [entry]
        if entry.ordered:
            self._hold(entry.subject, walking=False)
            parked = self.index.queue_of(entry.subject)
        # From the last: no head is made ready on the way.
        for other in reversed(parked):
            self.index.remove(other)

    def next_us(self) -> int | None:
        """Returns the next moment at which something changes by itself."""
        moments = [self.index.next_us(), self._rates.next_us]
        if self._left_due_us is not None and len(self.index.entries) < self._window_max:
            moments.append(self._left_due_us - self._horizon_us // 2)
        known = [moment for moment in moments if moment is not None]
        return min(known) if known else None
