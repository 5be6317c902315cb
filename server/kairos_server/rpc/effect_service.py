"""kairos.v1.EffectService: effects to workers, and what becomes of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final, cast

from kairos.v1 import effect_service_pb2 as effects
from kairos.v1 import event_pb2
from kairos_native.engine import Engine

from kairos_server.delivery import (
    Delivery,
    EffectId,
    EffectRow,
    EntryState,
    Handed,
    Result,
    effect_id_text,
)
from kairos_server.errors import Refused
from kairos_server.ingest import Writer
from kairos_server.limits import Limits
from kairos_server.plans import Plans
from kairos_server.rpc import effect_messages as read
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.guard import refusals
from kairos_server.rpc.pages import page_read, page_token
from kairos_server.rpc.requests import actor_of, parsed

SERVICE = "kairos.v1.EffectService"
WAIT_US_MAX: Final = 30_000_000
WAIT_MARGIN_US: Final = 50_000
"""Before a call's deadline an empty answer goes out, so that it arrives."""
STREAM_COUNT_DEFAULT: Final = 16
EVENTS_MAX: Final = 100
SCAN_MAX: Final = 10_000
"""Effects that one call looks at."""
SCAN_STEP: Final = 1_000


class EffectService:
    """Ordinary generated messages; everything about order and leases is delivery's."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        delivery: Delivery,
        plans: Plans,
        limits: Limits,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._delivery = delivery
        self._plans = plans
        self._limits = limits

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        unary = {
            "EnqueueEffects": self._enqueue, "LeaseEffects": self._lease,
            "AckEffects": self._ack, "FailEffects": self._fail, "ExtendLeases": self._extend,
            "ListEffects": self._list, "ListDeadEffects": self._list_dead,
            "ReplayEffects": self._replay, "DiscardEffects": self._discard,
            "GetEffectStats": self._stats,
        }  # fmt: skip
        return (
            *(
                Method(f"/{SERVICE}/{name}", Kind.UNARY, unary=handler)
                for name, handler in unary.items()
            ),
            Method(f"/{SERVICE}/StreamEffects", Kind.SERVER_STREAM, stream=self._stream),
        )

    async def _enqueue(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.EnqueueEffectsRequest, request)
        rows = read.new_effects_read(message, call.received_us)
        with refusals():
            pending = self._engine.enqueue_all(call.tenant, rows, call.received_us)
        if message.validate_only:
            return effects.EnqueueEffectsResponse(
                effects=[effects.EnqueuedEffect() for _ in rows]
            ).SerializeToString()
        await self._writer.submit(pending)
        return effects.EnqueueEffectsResponse(
            effects=[
                effects.EnqueuedEffect(effect_id=effect_id_text((sequence, 0)), duplicate=duplicate)
                for sequence, duplicate, _ in self._engine.effect_results(pending)
            ]
        ).SerializeToString()

    # ------------------------------------------------------------ leases
    async def _lease(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.LeaseEffectsRequest, request)
        read.worker_check(message.worker_id)
        count = read.count_read("effect_count_max", message.effect_count_max, 1)
        if message.include_event:
            count = min(count, EVENTS_MAX)
        if not 0 <= message.wait_us <= WAIT_US_MAX:
            raise Refused("FIELD_INVALID", "wait_us", str(message.wait_us))
        choice = read.choice_read(message.channels, message.action_types)
        wait_us = message.wait_us
        remaining_us = call.remaining_us()
        if remaining_us is not None:
            wait_us = max(min(wait_us, remaining_us - WAIT_MARGIN_US), 0)
        handed = await self._delivery.lease(
            call.tenant, choice, count, read.lease_us_read(message.lease_us), wait_us
        )
        try:
            answer = self._handed(call.tenant, handed)
            if message.include_event:
                await asyncio.to_thread(self._add_events, call.tenant, answer)
        except BaseException:
            self._delivery.release(call.tenant, handed)
            raise
        return effects.LeaseEffectsResponse(effects=answer).SerializeToString()

    async def _stream(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        message = parsed(effects.StreamEffectsRequest, await anext(requests))
        read.worker_check(message.worker_id)
        most = read.count_read(
            "in_flight_count_max", message.in_flight_count_max, STREAM_COUNT_DEFAULT
        )
        choice = read.choice_read(message.channels, message.action_types)
        lease_us = read.lease_us_read(message.lease_us)
        in_flight: list[Handed] = []
        # Tells the worker, and everything between, that the stream is open.
        yield effects.StreamEffectsResponse().SerializeToString()
        while not self._delivery.closed:
            in_flight = self._delivery.in_flight(call.tenant, in_flight)
            room = most - len(in_flight)
            if not room:
                await self._delivery.change(call.tenant, WAIT_US_MAX)
                continue
            handed = await self._delivery.lease(call.tenant, choice, room, lease_us, WAIT_US_MAX)
            if handed:
                in_flight += handed
                yield effects.StreamEffectsResponse(
                    effects=self._handed(call.tenant, handed)
                ).SerializeToString()
        raise Refused("DRAINING")

    async def _extend(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.ExtendLeasesRequest, request)
        leases = read.leases_read(message.leases)
        results = self._delivery.extend(call.tenant, leases, read.lease_us_read(message.lease_us))
        return effects.ExtendLeasesResponse(
            results=_results(result for result, _ in results),
            lease_expire_times_us=[end_us for _, end_us in results],
        ).SerializeToString()

    # ------------------------------------------------------------ outcomes
    async def _ack(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.AckEffectsRequest, request)
        results = await self._delivery.ack(call.tenant, read.leases_read(message.leases))
        return effects.AckEffectsResponse(results=_results(results)).SerializeToString()

    async def _fail(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.FailEffectsRequest, request)
        results = await self._delivery.fail(call.tenant, read.failures_read(message.failures))
        return effects.FailEffectsResponse(results=_results(results)).SerializeToString()

    async def _replay(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.ReplayEffectsRequest, request)
        ids, more = await self._meant(message, call)
        rows = self._engine.effects_at(call.tenant, ids, dead=True)
        dead = [effect_id for effect_id, row in zip(ids, rows, strict=True) if row is not None]
        if dead and not message.validate_only:
            await self._audit(request, message, call, "effects.replay", len(dead))
            found = await self._delivery.replay(call.tenant, dead)
            dead = [effect_id for effect_id, was in zip(dead, found, strict=True) if was]
        return effects.ReplayEffectsResponse(
            effect_count=len(dead), missing_ids=_missing(ids, dead), more=more
        ).SerializeToString()

    async def _discard(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.DiscardEffectsRequest, request)
        ids, more = await self._meant(message, call)
        dead = self._engine.effects_at(call.tenant, ids, dead=True)
        pending = self._engine.effects_at(call.tenant, ids)
        there = [
            effect_id
            for effect_id, *rows in zip(ids, dead, pending, strict=True)
            if any(row is not None for row in rows)
        ]
        if there and not message.validate_only:
            await self._audit(request, message, call, "effects.discard", len(there))
            found = await self._delivery.discard(call.tenant, there)
            there = [effect_id for effect_id, was in zip(there, found, strict=True) if was]
        return effects.DiscardEffectsResponse(
            effect_count=len(there), missing_ids=_missing(ids, there), more=more
        ).SerializeToString()

    # ------------------------------------------------------------ looking
    async def _list(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.ListEffectsRequest, request)
        rows, token = await self._page(message, call, dead=False)
        return effects.ListEffectsResponse(
            effects=[self._shown(call.tenant, row) for row in rows], next_page_token=token
        ).SerializeToString()

    async def _list_dead(self, request: bytes, call: Call) -> bytes:
        message = parsed(effects.ListDeadEffectsRequest, request)
        rows, token = await self._page(message, call, dead=True)
        return effects.ListDeadEffectsResponse(
            effects=[self._shown(call.tenant, row) for row in rows], next_page_token=token
        ).SerializeToString()

    async def _stats(self, request: bytes, call: Call) -> bytes:
        parsed(effects.GetEffectStatsRequest, request)
        pending_count = await asyncio.to_thread(self._engine.effects_count, call.tenant)
        dead_count = await asyncio.to_thread(self._engine.effects_count, call.tenant, dead=True)
        oldest = self._engine.effects(call.tenant, (0, 0), 1)
        counts, worker_count = self._delivery.counts(call.tenant)
        return effects.GetEffectStatsResponse(
            pending_count=pending_count,
            dead_count=dead_count,
            ready_count=counts[EntryState.READY],
            leased_count=counts[EntryState.LEASED] + counts[EntryState.SETTLING],
            blocked_count=counts[EntryState.BLOCKED],
            waiting_count=counts[EntryState.WAITING],
            oldest_create_time_us=EffectRow._make(oldest[0]).created_us if oldest else 0,
            worker_count=worker_count,
        ).SerializeToString()

    async def _page(
        self,
        message: effects.ListEffectsRequest | effects.ListDeadEffectsRequest,
        call: Call,
        *,
        dead: bool,
    ) -> tuple[list[EffectRow], str]:
        """Returns a page, and the token of the next one."""
        scope = f"{SERVICE}/{'dead' if dead else 'pending'}"
        size, order = page_read(scope, message.page_size, message.page_token, self._limits)
        after = (0, 0)
        if order is not None:
            if not order[1].isdecimal():
                raise Refused("PAGE_INVALID", "page_token", message.page_token)
            after = order[0], int(order[1])
        rows, more = await asyncio.to_thread(
            self._scan, call.tenant, after, read.filter_read(message.filter), size, dead=dead
        )
        return rows, page_token(scope, (more[0], str(more[1]))) if more is not None else ""

    async def _meant(
        self,
        message: effects.ReplayEffectsRequest | effects.DiscardEffectsRequest,
        call: Call,
    ) -> tuple[list[EffectId], bool]:
        """Returns the ids that a request means, and whether its filter fits more."""
        if message.effect_ids and message.HasField("filter"):
            raise Refused("FIELD_INVALID", "filter")
        if message.effect_ids:
            return list(dict.fromkeys(read.ids_read(message.effect_ids))), False
        if not message.HasField("filter"):
            raise Refused("FIELD_REQUIRED", "effect_ids")
        fits = read.filter_read(message.filter)
        found: list[EffectId] = []
        after: EffectId | None = (0, 0)
        while after is not None and len(found) < read.BATCH_MAX:
            rows, after = await asyncio.to_thread(
                self._scan, call.tenant, after, fits, read.BATCH_MAX - len(found), dead=True
            )
            found += [row.id for row in rows]
        return found, after is not None

    def _scan(
        self,
        tenant: int,
        after: EffectId,
        fits: Callable[[EffectRow], bool],
        most: int,
        *,
        dead: bool,
    ) -> tuple[list[EffectRow], EffectId | None]:
        """Returns rows behind an id that fit, and where to go on; None: there is nothing more."""
        found: list[EffectRow] = []
        for _ in range(SCAN_MAX // SCAN_STEP):
            rows = self._engine.effects(tenant, after, SCAN_STEP, dead)
            for position, each in enumerate(rows):
                row = EffectRow._make(each)
                after = row.id
                if fits(row):
                    found.append(row)
                    if len(found) == most:
                        last = position + 1 == len(rows) and len(rows) < SCAN_STEP
                        return found, None if last else after
            if len(rows) < SCAN_STEP:
                return found, None
        return found, after

    def _handed(self, tenant: int, handed: Sequence[Handed]) -> list[effects.Effect]:
        return [
            read.handed_message(effect, self._engine.trigger_name(tenant, effect.row.trigger))
            for effect in handed
        ]

    def _shown(self, tenant: int, row: EffectRow) -> effects.Effect:
        message = read.effect_message(row, self._engine.trigger_name(tenant, row.trigger))
        message.lease_expire_time_us = self._delivery.lease_end_us(tenant, row.id)
        return message

    def _add_events(self, tenant: int, answer: Sequence[effects.Effect]) -> None:
        for effect in answer:
            if effect.source == effects.EFFECT_SOURCE_ENQUEUED:
                continue
            record = self._engine.log_record(effect.origin_sequence)
            if record is not None and record[2] == tenant:
                effect.event.CopyFrom(event_pb2.Event.FromString(record[5]))

    async def _audit(
        self,
        request: bytes,
        message: effects.ReplayEffectsRequest | effects.DiscardEffectsRequest,
        call: Call,
        action: str,
        count: int,
    ) -> None:
        actor = actor_of(call, self._limits, request, note=message.note)
        ids = ", ".join(message.effect_ids[:20])
        details = {"effect_count": str(count), "effect_ids": ids}
        await self._plans.record(call.tenant, actor, action, "effects", details)


def _results(results: Iterable[Result]) -> list[effects.EffectResult]:
    return [cast("effects.EffectResult", int(result)) for result in results]


def _missing(ids: Sequence[EffectId], found: Sequence[EffectId]) -> list[str]:
    known = set(found)
    return [effect_id_text(effect_id) for effect_id in ids if effect_id not in known]
