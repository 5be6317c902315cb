"""How often triggers fired, by minute, hour and day: differences of the core's counters, sampled.

Minutes are in memory. Hours and days are stored documents, written once an hour, so that they come
back with the log.
"""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol

from kairos_native.engine import COUNTERS, Pending

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US
MINUTES_KEPT: Final = 60
HOURS_KEPT: Final = 31 * 24
DAYS_KEPT: Final = 400
_PREFIX: Final = "server/fired/"
_BASE: Final = _PREFIX + "base"
_EVENTS: Final = COUNTERS["events"]
_TRIGGER_FIRST: Final = COUNTERS["trigger_first"]


class Period(Enum):
    """Length of a stored period; the value is part of its key."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length_us(self) -> int:
        """Microseconds."""
        return HOUR_US if self is Period.HOUR else DAY_US

    @property
    def kept_count(self) -> int:
        """Periods that are kept."""
        return HOURS_KEPT if self is Period.HOUR else DAYS_KEPT


class CountEngine(Protocol):
    """What the firings need of kairos_native.engine.Engine; see engine.pyi."""

    def counts(self, tenant: int) -> dict[int, tuple[int, int]]: ...
    def documents(
        self, tenant: int, entries: Sequence[tuple[str, bytes]], now_us: int
    ) -> Pending: ...
    def documents_of(self, tenant: int, prefix: str = "") -> dict[str, bytes]: ...
    def documents_range(
        self, tenant: int, prefix: str, after: str, count: int
    ) -> list[tuple[str, bytes]]: ...


@dataclass(frozen=True, slots=True)
class Fired:
    """Events of a tenant in a period, and how often each trigger fired, by its number."""

    start_us: int
    events: int
    triggers: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class TriggerTotal:
    """One trigger since the tenant knows it; `events`: of the tenant."""

    events: int
    count: int
    last_us: int


@dataclass(slots=True)
class _Tenant:
    """Counters at the last sample and at the start of the present hour."""

    sampled: dict[int, int]
    base: dict[int, int]
    hour_us: int
    minutes: deque[Fired] = field(default_factory=lambda: deque(maxlen=MINUTES_KEPT))


class Firings:
    """Samples of all tenants.

    Threads: the event loop's.
    """

    def __init__(self, engine: CountEngine, submit: Callable[[Pending], Awaitable[None]]) -> None:
        self._engine = engine
        self._submit = submit
        self._tenants: dict[int, _Tenant] = {}

    async def sample(self, tenant: int, now_us: int) -> None:
        """Takes note of what fired since the last sample; to be called about once a minute.

        Writes one record when an hour has ended since the last one.
        """
        counts = {number: count for number, (count, _) in self._engine.counts(tenant).items()}
        known = self._tenants.get(tenant)
        if known is None:
            known = self._tenants[tenant] = self._read(tenant, counts, now_us)
        minute = _difference(counts, known.sampled, now_us // MINUTE_US * MINUTE_US)
        if minute.events or minute.triggers:
            known.minutes.append(minute)
        known.sampled = counts
        hour_us = now_us // HOUR_US * HOUR_US
        if hour_us <= known.hour_us:
            return
        ended = _difference(counts, known.base, known.hour_us)
        entries: list[tuple[str, bytes]] = []
        if ended.events or ended.triggers:
            entries += self._stored(tenant, Period.HOUR, ended)
            entries += self._stored(tenant, Period.DAY, ended)
        entries.append((_BASE, _base_json(counts, hour_us)))
        known.base, known.hour_us = counts, hour_us
        await self._submit(self._engine.documents(tenant, entries, now_us))

    def total(self, tenant: int, trigger: int) -> TriggerTotal:
        """Returns what the core has counted of one trigger."""
        return self.totals(tenant).get(trigger, TriggerTotal(self._events(tenant), 0, 0))

    def totals(self, tenant: int) -> dict[int, TriggerTotal]:
        """Returns the totals of all triggers that ever fired, by number."""
        counts = self._engine.counts(tenant)
        events = counts.get(_EVENTS, (0, 0))[0]
        return {
            number - _TRIGGER_FIRST: TriggerTotal(events, count, last_us)
            for number, (count, last_us) in counts.items()
            if number >= _TRIGGER_FIRST
        }

    def events(self, tenant: int) -> int:
        """Returns the events that the core has counted."""
        return self._events(tenant)

    def minutes(self, tenant: int) -> list[Fired]:
        """Returns the last minutes in which there were events, oldest first."""
        known = self._tenants.get(tenant)
        return list(known.minutes) if known else []

    def periods(self, tenant: int, period: Period) -> list[Fired]:
        """Returns the periods that have ended or, of days, begun; oldest first."""
        rows = self._engine.documents_of(tenant, _key_prefix(period))
        return [_read(value) for _, value in sorted(rows.items())]

    def with_present(self, tenant: int, period: Period) -> list[Fired]:
        """Returns the stored periods, and the present one as far as it has been sampled."""
        rows = self.periods(tenant, period)
        present = self.present(tenant)
        if present is None or not (present.events or present.triggers):
            return rows
        start_us = present.start_us // period.length_us * period.length_us
        if rows and rows[-1].start_us == start_us:
            return [*rows[:-1], _sum(start_us, rows[-1], present)]
        return [*rows, _sum(start_us, present)]

    def present(self, tenant: int) -> Fired | None:
        """Returns the present hour as far as it has been sampled."""
        known = self._tenants.get(tenant)
        return _difference(known.sampled, known.base, known.hour_us) if known else None

    def _events(self, tenant: int) -> int:
        return self._engine.counts(tenant).get(_EVENTS, (0, 0))[0]

    def _read(self, tenant: int, counts: dict[int, int], now_us: int) -> _Tenant:
        rows = self._engine.documents_range(tenant, _BASE, "", 1)
        if not rows:
            # A tenant that is seen for the first time: what it counted before belongs to no hour.
            base = counts if counts.get(_EVENTS, 0) else {}
            return _Tenant(counts, base, now_us // HOUR_US * HOUR_US)
        row = json.loads(rows[0][1])
        base = {int(number): count for number, count in row["counts"].items()}
        return _Tenant(counts, base, row["hour_us"])

    def _stored(self, tenant: int, period: Period, ended: Fired) -> list[tuple[str, bytes]]:
        start_us = ended.start_us // period.length_us * period.length_us
        key = f"{_key_prefix(period)}{start_us:016d}"
        before = self._engine.documents_range(tenant, key, "", 1)
        row = _sum(start_us, ended, *(_read(value) for _, value in before))
        entries = [(key, _json(row))]
        end = f"{_key_prefix(period)}{max(0, start_us - period.kept_count * period.length_us):016d}"
        oldest = self._engine.documents_range(tenant, _key_prefix(period), "", 4)
        return entries + [(old, b"") for old, _ in oldest if old < end]


def _key_prefix(period: Period) -> str:
    return f"{_PREFIX}{period.value}/"


def _difference(now: Mapping[int, int], before: Mapping[int, int], start_us: int) -> Fired:
    triggers = {
        number - _TRIGGER_FIRST: count - before.get(number, 0)
        for number, count in now.items()
        if number >= _TRIGGER_FIRST and count > before.get(number, 0)
    }
    return Fired(start_us, now.get(_EVENTS, 0) - before.get(_EVENTS, 0), triggers)


def _sum(start_us: int, *rows: Fired) -> Fired:
    triggers: dict[int, int] = {}
    for row in rows:
        for number, count in row.triggers.items():
            triggers[number] = triggers.get(number, 0) + count
    return Fired(start_us, sum(row.events for row in rows), triggers)


def _base_json(counts: Mapping[int, int], hour_us: int) -> bytes:
    return json.dumps({"counts": counts, "hour_us": hour_us}, separators=(",", ":")).encode()


def _json(fired: Fired) -> bytes:
    row = {"start_us": fired.start_us, "events": fired.events, "triggers": dict(fired.triggers)}
    return json.dumps(row, separators=(",", ":")).encode()


def _read(value: bytes) -> Fired:
    row: dict[str, Any] = json.loads(value)
    triggers = {int(number): count for number, count in row["triggers"].items()}
    return Fired(row["start_us"], row["events"], triggers)
