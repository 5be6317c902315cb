"""What subject features mean, written from docs/guides/time.md: slow,
plain and from the history of events.

Nothing is kept up to date: every reading walks over all events that the subject ever had, in log
order. Values are pairs (kind, payload) with the kinds of `enum kairos_value_kind`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from reference import score

ABSENT, NULL, BOOL, INT, DOUBLE, STRING, TIME, DURATION = range(8)
(
    COUNT,
    SUM_INT,
    SUM_DOUBLE,
    DECAYED,
    WINDOW_COUNT,
    WINDOW_SUM_INT,
    WINDOW_SUM_DOUBLE,
    LAST,
    FIRST,
) = range(1, 10)
SUBJECT, SESSION = 0, 1
(
    SOURCE_EVENT,
    SOURCE_CONTEXT,
    SOURCE_TRAIT,
    SOURCE_SLOT,
    SOURCE_SLOT_PREVIOUS,
    SOURCE_DERIVED,
    SOURCE_DERIVED_PREVIOUS,
    SOURCE_CONSENT,
    SOURCE_SESSION,
    SOURCE_PROFILE,
    SOURCE_NOW,
) = range(1, 12)
PART_VALUE, PART_TIME, PART_AGE = range(3)
ENGAGEMENT, LOGISTIC = 1, 2
FIELD_DOUBLE = 4
WINDOWS = (WINDOW_COUNT, WINDOW_SUM_INT, WINDOW_SUM_DOUBLE)
INT_MIN, INT_MAX, COUNT_MAX = -(2**63), 2**63 - 1, 2**32 - 1
SESSIONS_KEPT, TEXT_SIZE_MAX = 4, 255
NO_VALUE = (ABSENT, None)

Value = tuple[int, object]
Source = tuple[int, int, int]


@dataclass(frozen=True)
class Slot:
    kind: int
    scope: int = SUBJECT
    offset: int = 0
    size: int = 0
    event_type: int = 0
    filter: tuple[tuple[int, Value], ...] = ()
    value_field: int | None = None
    bucket_us: int = 0
    bucket_count: int = 0
    decay_per_us: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True)
class Derived:
    kind: int
    bias: float
    terms: tuple[tuple[float, Source], ...]


@dataclass(frozen=True)
class Plan:
    slots: tuple[Slot, ...]
    slot_size: int
    session_slot_size: int
    event_type_count: int
    event_field_count: int
    derived: tuple[Derived, ...] = ()
    traits: tuple[tuple[bytes, int], ...] = ()


@dataclass(frozen=True)
class Event:
    fields: tuple[Value, ...]
    occurred_us: int
    sequence: int
    event_type: int
    session_key: int
    late: bool
    slots: tuple[Slot, ...]
    """The slots of the plan that was active: a plan that does not know a slot does not feed it."""


@dataclass
class Session:
    key: int
    start_us: int
    last_us: int
    ordinal: int
    events: list[Event] = field(default_factory=list)


@dataclass
class Subject:
    """One subject: its events in log order and the sessions they made."""

    gap_us: int
    events: list[Event] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    session_count: int = 0
    traits: list[tuple[bytes, Value, int]] = field(default_factory=list)
    consents: list[tuple[int, bool, int]] = field(default_factory=list)

    def apply(self, event: Event) -> tuple[Session | None, bool]:
        """Adds the event. Returns its session and whether it opened it."""
        self.events.append(event)
        session, opened = self.find_session(event)
        if session is not None:
            session.events.append(event)
            session.start_us = min(session.start_us, event.occurred_us)
            session.last_us = max(session.last_us, event.occurred_us)
        return session, opened

    def find_session(self, event: Event) -> tuple[Session | None, bool]:
        t = event.occurred_us
        if event.session_key:
            for session in self.sessions:
                if session.key == event.session_key:
                    return session, False
            return self.open_session(event), True
        covering = [
            s for s in self.sessions if s.start_us - self.gap_us <= t <= s.last_us + self.gap_us
        ]
        if covering:
            return max(covering, key=session_order), False
        if not self.sessions or all(t > s.last_us for s in self.sessions):
            return self.open_session(event), True
        return None, False

    def open_session(self, event: Event) -> Session:
        self.session_count += 1
        if len(self.sessions) == SESSIONS_KEPT:
            self.sessions.remove(min(self.sessions, key=session_order))
        session = Session(
            event.session_key, event.occurred_us, event.occurred_us, self.session_count
        )
        self.sessions.append(session)
        return session

    def newest_open_session(self, now_us: int) -> Session | None:
        newest = max(self.sessions, key=session_order, default=None)
        return newest if newest is not None and now_us - newest.last_us <= self.gap_us else None


def session_order(session: Session) -> tuple[int, int]:
    return session.last_us, session.ordinal


# ---------------------------------------------------------------- which events count


def equal(value: Value, constant: Value) -> bool:
    """CEL's equality: numbers by their exact value, other kinds only among themselves,
    absent with nothing.
    """
    if value[0] == ABSENT:
        return False
    if value[0] in (INT, DOUBLE) and constant[0] in (INT, DOUBLE):
        return Fraction(value[1]) == Fraction(constant[1])
    return value[0] == constant[0] and value[1] == constant[1]


def counting(events: list[Event], plan: Plan, slot_id: int) -> list[Event]:
    """The events that the slot takes, in log order."""
    slot = plan.slots[slot_id]
    return [
        event
        for event in events
        if slot_id < len(event.slots)
        and event.slots[slot_id].kind
        and slot.event_type in (0, event.event_type)
        and all(equal(event.fields[index], constant) for index, constant in slot.filter)
    ]


# ---------------------------------------------------------------- slots


def clamp(total: int) -> int:
    return max(INT_MIN, min(INT_MAX, total))


def numbers(events: list[Event], slot: Slot) -> list[tuple[Event, int | float]]:
    found = []
    for event in events:
        kind, payload = event.fields[slot.value_field]
        if kind == INT:
            found.append(
                (event, float(payload) if slot.kind in (SUM_DOUBLE, WINDOW_SUM_DOUBLE) else payload)
            )
        elif kind == DOUBLE and slot.kind in (SUM_DOUBLE, WINDOW_SUM_DOUBLE):
            found.append((event, payload))
    return found


def lifetime(events: list[Event], slot: Slot) -> Value:
    if slot.kind == COUNT:
        return INT, len(events)
    if slot.kind == SUM_INT:
        total = 0
        for _, number in numbers(events, slot):
            total = clamp(total + number)
        return INT, total
    total = 0.0
    for _, number in numbers(events, slot):
        total += number
    return DOUBLE, total


def decayed(events: list[Event], slot: Slot, now_us: int) -> Value:
    if not events:
        return DOUBLE, 0.0
    value, moment = slot.weight, events[0].occurred_us
    for event in events[1:]:
        t = event.occurred_us
        if t >= moment:
            value = value * score.exp(-(float(t - moment) * slot.decay_per_us)) + slot.weight
            moment = t
        else:
            value = value + slot.weight * score.exp(-(float(moment - t) * slot.decay_per_us))
    if now_us > moment:
        value = value * score.exp(-(float(now_us - moment) * slot.decay_per_us))
    return DOUBLE, value


def window(events: list[Event], slot: Slot, now_us: int) -> Value:
    width, count = slot.bucket_us, slot.bucket_count
    on_time = [event for event in events if not event.late]
    if slot.kind == WINDOW_COUNT:
        amounts = [(event, 1) for event in on_time]
    else:
        amounts = numbers(on_time, slot)
    kept: dict[int, list] = {}
    newest = None
    for event, amount in amounts:
        bucket = event.occurred_us // width
        if newest is not None and bucket <= newest - count:
            continue
        newest = bucket if newest is None else max(newest, bucket)
        kept.setdefault(bucket, []).append(amount)
    total = 0.0 if slot.kind == WINDOW_SUM_DOUBLE else 0
    for bucket in range(now_us // width - count + 1, now_us // width + 1):
        if newest is None or bucket <= newest - count:
            continue
        amount = 0.0 if slot.kind == WINDOW_SUM_DOUBLE else 0
        for each in kept.get(bucket, []):
            amount += each
            if slot.kind == WINDOW_SUM_INT:
                amount = clamp(amount)
            elif slot.kind == WINDOW_COUNT:
                amount = min(amount, COUNT_MAX)
        total += amount
        if slot.kind == WINDOW_SUM_INT:
            total = clamp(total)
    return (DOUBLE if slot.kind == WINDOW_SUM_DOUBLE else INT), total


def last_or_first(events: list[Event], slot: Slot, part: int, now_us: int) -> Value:
    if not events:
        return NO_VALUE
    if slot.kind == LAST:
        kept = max(enumerate(events), key=lambda pair: (pair[1].occurred_us, pair[0]))[1]
    else:
        kept = min(enumerate(events), key=lambda pair: (pair[1].occurred_us, pair[0]))[1]
    if part == PART_TIME:
        return TIME, kept.occurred_us
    if part == PART_AGE:
        return DURATION, now_us - kept.occurred_us
    value = NO_VALUE if slot.value_field is None else kept.fields[slot.value_field]
    return NO_VALUE if too_long(value) or (slot.scope == SESSION and value[0] == STRING) else value


def too_long(value: Value) -> bool:
    return value[0] == STRING and len(value[1]) > TEXT_SIZE_MAX


def read_slot(events: list[Event], plan: Plan, slot_id: int, part: int, now_us: int) -> Value:
    slot = plan.slots[slot_id]
    if slot.kind == 0:
        return NO_VALUE
    taken = counting(events, plan, slot_id)
    if slot.kind in (COUNT, SUM_INT, SUM_DOUBLE):
        return lifetime(taken, slot)
    if slot.kind == DECAYED:
        return decayed(taken, slot, now_us)
    if slot.kind in WINDOWS:
        return window(taken, slot, now_us)
    return last_or_first(taken, slot, part, now_us)


# ---------------------------------------------------------------- sources


@dataclass(frozen=True)
class View:
    """What a condition sees: the subject, and the event that is evaluated (None for a decision)."""

    plan: Plan
    subject: Subject
    now_us: int
    births: tuple[tuple[int, int], ...]
    event: Event | None = None
    session: Session | None = None
    session_is_new: bool = False
    others: tuple[Subject, ...] = ()
    """The other members of the group that have events, in ascending order of their ids."""
    own_place: int = 0
    """How many of them come before the subject."""


def complete(view: View, slot_id: int) -> bool:
    slot, (sequence, complete_from_us) = view.plan.slots[slot_id], view.births[slot_id]
    first = group.first_sequence(view)
    if first is None or first > sequence:
        return True
    if slot.scope == SESSION:
        return view.session is not None and view.session.start_us >= complete_from_us
    if slot.kind in WINDOWS:
        oldest = (view.now_us // slot.bucket_us - slot.bucket_count + 1) * slot.bucket_us
        return oldest >= complete_from_us
    return False


def read(view: View, source: Source) -> Value:
    kind, source_id, part = source
    if kind in (SOURCE_SLOT_PREVIOUS, SOURCE_DERIVED_PREVIOUS):
        if view.event is None:
            return NO_VALUE
        return read_at(view, (kind - 1, source_id, part), previous=True)
    return read_at(view, source, previous=False)


def read_at(view: View, source: Source, *, previous: bool) -> Value:
    kind, source_id, part = source
    events = [event for event in view.subject.events if not (previous and event is view.event)]
    if kind == SOURCE_SLOT:
        if view.plan.slots[source_id].scope == SESSION:
            if view.session is None:
                return NO_VALUE
            events = [
                event for event in view.session.events if not (previous and event is view.event)
            ]
        if not complete(view, source_id):
            return NO_VALUE
        if view.others and view.plan.slots[source_id].scope == SUBJECT:
            return group.read_slot(view, source_id, part, previous=previous)
        return read_slot(events, view.plan, source_id, part, view.now_us)
    if kind == SOURCE_DERIVED:
        return read_derived(view, source_id, previous=previous)
    if kind == SOURCE_EVENT:
        return NO_VALUE if view.event is None else view.event.fields[source_id]
    if kind == SOURCE_TRAIT:
        return read_trait(view, source_id)
    if kind == SOURCE_CONSENT:
        return read_consent(view, source_id)
    if kind == SOURCE_SESSION:
        return (
            NO_VALUE if view.session is None else read_session(view, source_id, previous=previous)
        )
    if kind == SOURCE_PROFILE:
        return read_profile(view, events, source_id, previous=previous)
    return (TIME, view.now_us) if kind == SOURCE_NOW else NO_VALUE


def read_derived(view: View, derived_id: int, *, previous: bool) -> Value:
    derived = view.plan.derived[derived_id]
    total = derived.bias
    for weight, source in derived.terms:
        kind, payload = read_at(view, source, previous=previous)
        total += weight * (float(payload) if kind in (BOOL, INT, DOUBLE) else 0.0)
    if derived.kind == LOGISTIC:
        return DOUBLE, score.logistic(total)
    engagement = 1.0 - score.exp(-total)
    return DOUBLE, max(0.0, engagement)


def newest(entries: list[tuple]) -> Value | None:
    """Of (…, value, occurred): the greatest time, of equals the later."""
    found = None
    for entry in entries:
        if found is None or entry[-1] >= found[-1]:
            found = entry
    return None if found is None else found[-2]


def read_trait(view: View, trait_id: int) -> Value:
    name, field_type = view.plan.traits[trait_id]
    traits = [entry for member in group.members(view) for entry in member.traits]
    value = newest([entry for entry in traits if entry[0] == name])
    if value is None:
        return NO_VALUE
    return (DOUBLE, float(value[1])) if field_type == FIELD_DOUBLE and value[0] == INT else value


def read_consent(view: View, purpose: int) -> Value:
    return group.consent(view, purpose)


def read_session(view: View, session_field: int, *, previous: bool) -> Value:
    session = view.session
    events = [event for event in session.events if not (previous and event is view.event)]
    if not events:
        return NO_VALUE
    times = [event.occurred_us for event in events]
    values = (
        (INT, len(events)),
        (TIME, min(times)),
        (DURATION, max(times) - min(times)),
        (INT, session.ordinal),
        (BOOL, view.session_is_new and not previous),
    )
    return values[session_field]


def read_profile(view: View, events: list[Event], profile_field: int, *, previous: bool) -> Value:
    events = [e for part in group.histories(view, previous=previous) for e in part]
    opened = group.session_count(view) - (1 if previous and view.session_is_new else 0)
    if profile_field < 2:
        return INT, (len(events), opened)[profile_field]
    if not events:
        return NO_VALUE
    times = [event.occurred_us for event in events]
    return ((TIME, min(times)), (TIME, max(times)), (DURATION, view.now_us - min(times)))[
        profile_field - 2
    ]


# Its functions and these call each other.
from reference import group  # noqa: E402
