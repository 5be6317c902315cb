"""Hands effects of all tenants to workers and writes down what becomes of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from kairos_native.engine import LIMITS, OUTCOMES, Pending

from kairos_server.delivery.entry import EntryState
from kairos_server.delivery.index import EffectChoice
from kairos_server.delivery.outbox import Handed, OutboxEngine, TenantOutbox
from kairos_server.delivery.outcome import Failure, Result, Settlement, may_fail
from kairos_server.delivery.policy import DeliveryPolicy
from kairos_server.delivery.row import EffectId, EffectRow
from kairos_server.delivery.signal import Signal
from kairos_server.errors import Refused

LEASE_ENDED = b"The lease ended without a word."
RETRY_US = 1_000_000
"""When the end of a lease could not be written: try again after this."""


@dataclass(slots=True)
class _Tenant:
    outbox: TenantOutbox
    changed: Signal
    settled: Signal
    # Acknowledged lately, so that a repeat is told that it is done.
    acked: "OrderedDict[EffectId, None]"
    timer: asyncio.TimerHandle | None = None
    waiting_count: int = 0


class Delivery:
    """The one place where effects are handed out; everything on the event loop.

    Leases stand in memory only: when the process ends, everything pending can be handed out again.
    What is acknowledged, failed or given up is a log record before anybody is answered.
    `quiet`: tenants whose effects are never handed out, because their events are of another time.
    """

    def __init__(
        self,
        engine: OutboxEngine,
        submit: Callable[[Pending], Awaitable[None]],
        clock_us: Callable[[], int],
        policy_of: Callable[[int], DeliveryPolicy],
        *,
        window_max: int,
        horizon_us: int,
        quiet: Collection[int] = (),
    ) -> None:
        self._engine = engine
        self._submit = submit
        self._clock_us = clock_us
        self._policy_of = policy_of
        self._window_max = window_max
        self._horizon_us = horizon_us
        self._tenants: dict[int, _Tenant] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet = frozenset(quiet)
        self._made = 0
        self.closed = False

    def _tenant(self, tenant: int) -> _Tenant:
        found = self._tenants.get(tenant)
        if found is None:
            outbox = TenantOutbox(
                self._engine, tenant, lambda: self._policy_of(tenant),
                window_max=self._window_max, horizon_us=self._horizon_us,
            )  # fmt: skip
            found = self._tenants[tenant] = _Tenant(outbox, Signal(), Signal(), OrderedDict())
        return found

    def committed(self) -> None:
        """Something was committed; perhaps there are new effects."""
        made = self._engine.effects_made()
        if made == self._made:
            return
        self._made = made
        for held in self._tenants.values():
            held.outbox.emitted()
            held.changed.tell()

    def close(self) -> None:
        """Answers everybody who waits. Idempotent."""
        self.closed = True
        for held in self._tenants.values():
            held.changed.tell()
            if held.timer is not None:
                held.timer.cancel()

    # ------------------------------------------------------------ leases
    async def lease(
        self, tenant: int, choice: EffectChoice, count: int, lease_us: int, wait_us: int
    ) -> list[Handed]:
        """Hands out up to `count` effects; waits up to `wait_us` for the first one.

        A caller that goes away while it waits holds nothing.
        """
        held = self._tenant(tenant)
        end_us = self._clock_us() + wait_us
        held.waiting_count += 1
        try:
            while True:
                heard = held.changed.heard()
                handed = await self._lease_now(tenant, held, choice, count, lease_us)
                left_us = end_us - self._clock_us()
                if handed or left_us <= 0 or self.closed:
                    return handed
                await heard.wait(left_us / 1e6)
        finally:
            held.waiting_count -= 1

    async def _lease_now(
        self, tenant: int, held: _Tenant, choice: EffectChoice, count: int, lease_us: int
    ) -> list[Handed]:
        outbox = held.outbox
        if tenant in self._quiet:
            return []
        while True:
            now_us = self._clock_us()
            self._expire(tenant, held, now_us)
            outbox.index.advance(now_us)
            if outbox.index.counts[EntryState.READY] >= count or not outbox.more(now_us):
                break
            outbox.fill(now_us)
            # Others have their turn between two reads.
            await asyncio.sleep(0)
        handed = outbox.lease(choice, count, lease_us, now_us)
        self._arm(tenant, held)
        return handed

    def release(self, tenant: int, handed: list[Handed]) -> None:
        """Takes back what never reached its worker."""
        held = self._tenant(tenant)
        held.outbox.release(handed)
        held.changed.tell()

    def in_flight(self, tenant: int, handed: Iterable[Handed]) -> list[Handed]:
        """Returns those of the effects that are still held under their lease."""
        entries = self._tenant(tenant).outbox.index.entries
        return [
            effect
            for effect in handed
            if (entry := entries.get(effect.row.id)) is not None
            and entry.token == effect.token
            and entry.state in (EntryState.LEASED, EntryState.SETTLING)
        ]

    async def change(self, tenant: int, wait_us: int) -> None:
        """Waits until something of the tenant's effects changes."""
        await self._tenant(tenant).settled.heard().wait(wait_us / 1e6)

    def extend(
        self, tenant: int, leases: Sequence[tuple[EffectId, str]], lease_us: int
    ) -> list[tuple[Result, int]]:
        """Moves the ends of leases; `lease_us` 0: as the policy says."""
        held = self._tenant(tenant)
        now_us = self._clock_us()
        known = dict.fromkeys(effect_id for effect_id, _ in leases)
        rows = dict(zip(known, self._engine.effects_at(tenant, list(known)), strict=True))
        results = []
        for effect_id, token in leases:
            entry = held.outbox.index.entries.get(effect_id)
            channel = entry.lane[0] if entry is not None else 0
            end_us = now_us + (lease_us or held.outbox.policy().of(channel).lease_us)
            if held.outbox.extend(effect_id, token, end_us) is not None:
                results.append((Result.DONE, end_us))
            else:
                lost = rows[effect_id] is not None
                results.append((Result.LEASE_LOST if lost else Result.NOT_FOUND, 0))
        self._arm(tenant, held)
        return results

    # ------------------------------------------------------------ outcomes
    async def ack(self, tenant: int, leases: Sequence[tuple[EffectId, str]]) -> list[Result]:
        """Effects are done. Errors: Refused when the log cannot take it; nothing changed then."""
        held = self._tenant(tenant)
        await self._others_settle(held, [effect_id for effect_id, _ in leases])
        rows = self._rows(tenant, [effect_id for effect_id, _ in leases])
        results: dict[EffectId, Result] = {}
        settlements: dict[EffectId, Settlement] = {}
        for effect_id, token in leases:
            entry = held.outbox.index.entries.get(effect_id)
            if rows[effect_id] is None:
                done = effect_id in held.acked
                results[effect_id] = Result.DONE if done else Result.NOT_FOUND
            elif entry is not None and (entry.state is EntryState.LEASED and entry.token != token):
                results.setdefault(effect_id, Result.LEASE_LOST)
            else:
                settlements[effect_id] = Settlement(effect_id, entry, OUTCOMES["acked"], 0, b"")
                results[effect_id] = Result.DONE
        found = await self._settle(tenant, held, list(settlements.values()))
        for effect_id, was_found in found.items():
            if was_found:
                held.acked[effect_id] = None
            else:
                results[effect_id] = Result.NOT_FOUND
        while len(held.acked) > self._window_max:
            held.acked.popitem(last=False)
        return [results[effect_id] for effect_id, _ in leases]

    async def fail(self, tenant: int, failures: Sequence[Failure]) -> list[Result]:
        """Attempts failed. Errors: as `ack`."""
        held = self._tenant(tenant)
        await self._others_settle(held, [failure.effect_id for failure in failures])
        rows = self._rows(tenant, [failure.effect_id for failure in failures])
        now_us = self._clock_us()
        results: dict[EffectId, Result] = {}
        settlements: dict[EffectId, Settlement] = {}
        for failure in failures:
            effect_id = failure.effect_id
            row = rows[effect_id]
            entry = held.outbox.index.entries.get(effect_id)
            if row is None:
                results[effect_id] = Result.NOT_FOUND
            elif not may_fail(entry, row, failure.token):
                results.setdefault(effect_id, Result.LEASE_LOST)
            else:
                kind, due_us = held.outbox.failed_outcome(
                    row, permanent=failure.permanent, delay_us=failure.delay_us, now_us=now_us
                )
                settlements[effect_id] = Settlement(effect_id, entry, kind, due_us, failure.reason)
                results[effect_id] = Result.DONE
        for effect_id, was_found in (
            await self._settle(tenant, held, list(settlements.values()))
        ).items():
            if not was_found:
                results[effect_id] = Result.NOT_FOUND
        return [results[failure.effect_id] for failure in failures]

    async def replay(self, tenant: int, ids: Sequence[EffectId]) -> list[bool]:
        """Makes dead effects pending again; returns for each whether it was dead."""
        now_us = self._clock_us()
        rows = [(*effect_id, OUTCOMES["replayed"], now_us, b"") for effect_id in ids]
        found = await self._record(tenant, rows, now_us)
        if any(found):
            held = self._tenant(tenant)
            held.outbox.look_again()
            held.changed.tell()
        return found

    async def discard(self, tenant: int, ids: Sequence[EffectId]) -> list[bool]:
        """Removes dead effects, and pending ones that nobody holds; returns for each whether it
        was there.
        """
        held = self._tenant(tenant)
        await self._others_settle(held, ids)
        pending = self._rows(tenant, ids)
        settlements = []
        for effect_id in dict.fromkeys(ids):
            entry = held.outbox.index.entries.get(effect_id)
            if pending[effect_id] is not None and (
                entry is None or entry.state is not EntryState.LEASED
            ):
                settlements.append(
                    Settlement(effect_id, entry, OUTCOMES["dead"], self._clock_us(), b"")
                )
        await self._settle(tenant, held, settlements)
        now_us = self._clock_us()
        rows = [(*effect_id, OUTCOMES["discarded"], now_us, b"") for effect_id in ids]
        return await self._record(tenant, rows, now_us)

    def counts(self, tenant: int) -> tuple[list[int], int]:
        """Returns entries in the window by EntryState, and how many workers wait."""
        held = self._tenant(tenant)
        return list(held.outbox.index.counts), held.waiting_count

    def lease_end_us(self, tenant: int, effect_id: EffectId) -> int:
        """Returns the end of the lease that somebody holds; 0: nobody does."""
        entry = self._tenant(tenant).outbox.index.entries.get(effect_id)
        return entry.lease_us if entry is not None and entry.state is EntryState.LEASED else 0

    # ------------------------------------------------------------ the log
    def _rows(self, tenant: int, ids: Sequence[EffectId]) -> dict[EffectId, EffectRow | None]:
        known = list(dict.fromkeys(ids))
        rows = self._engine.effects_at(tenant, known)
        return {
            effect_id: None if row is None else EffectRow._make(row)
            for effect_id, row in zip(known, rows, strict=True)
        }

    async def _others_settle(self, held: _Tenant, ids: Sequence[EffectId]) -> None:
        """Waits until no outcome of these effects is on its way."""

        def busy() -> bool:
            entries = held.outbox.index.entries
            return any(
                effect_id in held.outbox.unsettled
                or ((entry := entries.get(effect_id)) and entry.state is EntryState.SETTLING)
                for effect_id in ids
            )

        while busy():
            await held.settled.heard().wait(None)

    async def _settle(
        self, tenant: int, held: _Tenant, settlements: list[Settlement]
    ) -> dict[EffectId, bool]:
        """Writes outcomes; returns which effects they found. Goes on when its caller goes away."""
        if not settlements:
            return {}
        before = {}
        for settlement in settlements:
            if settlement.entry is None:
                held.outbox.unsettled.add(settlement.effect_id)
            else:
                before[settlement.effect_id] = settlement.entry.state
                held.outbox.index.settling(settlement.entry)
        task = asyncio.ensure_future(self._settle_now(tenant, held, settlements, before))
        return await asyncio.shield(task)

    async def _settle_now(
        self,
        tenant: int,
        held: _Tenant,
        settlements: list[Settlement],
        before: dict[EffectId, EntryState],
    ) -> dict[EffectId, bool]:
        outbox = held.outbox
        now_us = self._clock_us()
        rows = [(*each.effect_id, each.kind, each.due_us, each.reason) for each in settlements]
        try:
            found = await self._record(tenant, rows, now_us)
        except BaseException:
            for each in settlements:
                if each.entry is not None:
                    outbox.index.unsettled(each.entry, before[each.effect_id])
            raise
        else:
            for each, was_found in zip(settlements, found, strict=True):
                if each.entry is None:
                    outbox.look_again()
                else:
                    kind = each.kind if was_found else OUTCOMES["acked"]
                    outbox.settled(each.entry, kind, each.due_us, now_us)
            return {
                each.effect_id: was_found
                for each, was_found in zip(settlements, found, strict=True)
            }
        finally:
            outbox.unsettled.difference_update(each.effect_id for each in settlements)
            held.settled.tell()
            held.changed.tell()
            self._arm(tenant, held)

    async def _record(
        self, tenant: int, rows: list[tuple[int, int, int, int, bytes]], now_us: int
    ) -> list[bool]:
        found: list[bool] = []
        size = LIMITS["batch_events_max"]
        for start in range(0, len(rows), size):
            pending = self._engine.outcomes(tenant, rows[start : start + size], now_us)
            await self._submit(pending)
            found += [was_found for _, _, was_found in self._engine.effect_results(pending)]
        return found

    # ------------------------------------------------------------ time
    def _expire(self, tenant: int, held: _Tenant, now_us: int) -> None:
        ended = held.outbox.index.leases_ended(now_us)
        if not ended:
            return
        settlements = []
        rows = self._rows(tenant, [entry.id for entry in ended])
        for entry in ended:
            row = rows[entry.id]
            if row is None:
                held.outbox.index.remove(entry)
                continue
            kind, due_us = held.outbox.failed_outcome(
                row, permanent=False, delay_us=0, now_us=now_us
            )
            settlements.append(Settlement(entry.id, entry, kind, due_us, LEASE_ENDED))
        task = asyncio.ensure_future(self._expire_now(tenant, held, settlements))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _expire_now(self, tenant: int, held: _Tenant, settlements: list[Settlement]) -> None:
        try:
            await self._settle(tenant, held, settlements)
        except Refused:
            # The log takes nothing now; the worker keeps its lease a little longer.
            later_us = self._clock_us() + RETRY_US
            for each in settlements:
                if each.entry is not None and each.entry.state is EntryState.LEASED:
                    held.outbox.index.lease(each.entry, each.entry.token, later_us)
            self._arm(tenant, held)

    def _arm(self, tenant: int, held: _Tenant) -> None:
        """Comes back when the next lease ends or the next effect is due."""
        if held.timer is not None:
            held.timer.cancel()
            held.timer = None
        next_us = held.outbox.next_us()
        if next_us is not None and not self.closed:
            delay_s = max(next_us - self._clock_us(), 0) / 1e6
            loop = asyncio.get_running_loop()
            held.timer = loop.call_later(delay_s + 0.001, self._tick, tenant, held)

    def _tick(self, tenant: int, held: _Tenant) -> None:
        held.timer = None
        now_us = self._clock_us()
        self._expire(tenant, held, now_us)
        held.outbox.index.advance(now_us)
        held.changed.tell()
        if not held.waiting_count:
            # Nobody asks: what is due keeps; only the ends of leases are to be written.
            self._arm_leases(tenant, held)

    def _arm_leases(self, tenant: int, held: _Tenant) -> None:
        end_us = held.outbox.index.lease_end_us()
        if end_us is not None and not self.closed:
            delay_s = max(end_us - self._clock_us(), 0) / 1e6
            loop = asyncio.get_running_loop()
            held.timer = loop.call_later(delay_s + 0.001, self._tick, tenant, held)
