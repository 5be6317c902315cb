"""Random plans, random events in any order of arrival: the record always says what the
history of events says.
"""

from __future__ import annotations

import random
from dataclasses import replace

import features_door
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import features as ref

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_700_000_000_000_000
GAP = HOUR // 2
LATENESS = DAY
TEXT, WHOLE, NUMBER, ANY, FIELD_COUNT = 12, 13, 14, 15, 16
TYPES = 3
SIZES = {
    ref.COUNT: 8,
    ref.SUM_INT: 8,
    ref.SUM_DOUBLE: 8,
    ref.DECAYED: 16,
    ref.LAST: 24,
    ref.FIRST: 24,
}
TEXTS = (b"", b"a", b"/pricing", "ümlaut".encode(), b"x" * 255, b"y" * 256)
WHOLES = (0, 1, -1, 7, 2**53 + 1, 2**63 - 1, -(2**63), 2**62)
NUMBERS = (0.0, -0.0, 1.0, 0.1, -2.5, 7.0, 1e300, 9007199254740993.0, 5e-324)
TRAITS = ((b"plan", 0), (b"age", 4), (b"city", 5))


def slot_size(kind: int, buckets: int) -> int:
    if kind in SIZES:
        return SIZES[kind]
    return (
        8
        + (4 if kind == ref.WINDOW_COUNT else 8) * buckets
        + (4 if kind == ref.WINDOW_COUNT and buckets % 2 else 0)
    )


def make_constant(source: random.Random, index: int) -> ref.Value:
    if index == TEXT:
        return ref.STRING, source.choice(TEXTS[:4])
    if source.random() < 0.5:
        return ref.INT, source.choice(WHOLES[:5])
    return ref.DOUBLE, source.choice((0.0, 1.0, 7.0, 0.1, 9007199254740992.0))


def make_slots(source: random.Random, count: int, sizes: list[int]) -> list[ref.Slot]:
    """Appends to the layout whose two sizes (subject, session) are in `sizes`."""
    slots = []
    for _ in range(count):
        kind = source.randint(ref.COUNT, ref.FIRST)
        scope = (
            ref.SESSION
            if kind in (ref.COUNT, ref.SUM_INT, ref.SUM_DOUBLE) and source.random() < 0.3
            else ref.SUBJECT
        )
        buckets = source.choice((4, 5, 32, 64)) if kind in ref.WINDOWS else 0
        indexes = {
            ref.SUM_INT: (WHOLE,),
            ref.WINDOW_SUM_INT: (WHOLE,),
            ref.SUM_DOUBLE: (WHOLE, NUMBER, ANY),
            ref.WINDOW_SUM_DOUBLE: (NUMBER, ANY),
            ref.LAST: (TEXT, NUMBER, ANY, None),
            ref.FIRST: (TEXT, WHOLE, ANY, None),
        }.get(kind, (None,))
        filters = tuple(
            (i, make_constant(source, i))
            for i in (TEXT, WHOLE, NUMBER, ANY)
            if source.random() < 0.1
        )
        size = slot_size(kind, buckets)
        slots.append(
            ref.Slot(
                kind=kind,
                scope=scope,
                offset=sizes[scope],
                size=size,
                event_type=source.choice((0, 0, 1, 2, 3)),
                filter=filters,
                value_field=source.choice(indexes),
                bucket_us=source.choice((1, 7, HOUR // 8, HOUR, DAY + 1)) if buckets else 0,
                bucket_count=buckets,
                decay_per_us=0.6931471805599453 / source.choice((1.0, 1e6, 8.64e10)),
                weight=source.choice((1.0, 0.25)),
            )
        )
        sizes[scope] += size
    return slots


def make_plans(source: random.Random) -> tuple[ref.Plan, ref.Plan]:
    """A plan and its successor with more slots; one of the older slots may be retired there."""
    sizes = [0, 0]
    slots = make_slots(source, source.randint(1, 8), sizes)
    first = make_plan(source, slots, sizes)
    slots = slots + make_slots(source, source.randint(1, 6), sizes)
    if source.random() < 0.3:
        index = source.randrange(len(slots))
        slots[index] = replace(slots[index], kind=0)
    return first, make_plan(source, slots, sizes)


def make_plan(source: random.Random, slots: list[ref.Slot], sizes: list[int]) -> ref.Plan:
    derived = tuple(
        ref.Derived(
            kind=source.choice((ref.ENGAGEMENT, ref.LOGISTIC)),
            bias=source.choice((0.0, -2.0, 0.3)),
            terms=tuple(
                (source.uniform(-1.0, 1.0), make_source(source, len(slots)))
                for _ in range(source.randint(0, 4))
            ),
        )
        for _ in range(2)
    )
    return ref.Plan(
        slots=tuple(slots),
        slot_size=sizes[0],
        session_slot_size=sizes[1],
        event_type_count=TYPES,
        event_field_count=FIELD_COUNT,
        derived=derived,
        traits=TRAITS,
    )


def make_source(source: random.Random, slot_count: int) -> ref.Source:
    kind = source.choice(
        (
            ref.SOURCE_SLOT,
            ref.SOURCE_SLOT,
            ref.SOURCE_PROFILE,
            ref.SOURCE_SESSION,
            ref.SOURCE_EVENT,
            ref.SOURCE_TRAIT,
            ref.SOURCE_CONSENT,
            ref.SOURCE_NOW,
        )
    )
    limits = {
        ref.SOURCE_SLOT: slot_count,
        ref.SOURCE_EVENT: FIELD_COUNT,
        ref.SOURCE_TRAIT: len(TRAITS),
        ref.SOURCE_NOW: 1,
    }
    return kind, source.randrange(limits.get(kind, 5)), 0


def all_sources(plan: ref.Plan) -> list[ref.Source]:
    sources = [
        (kind, index, part)
        for kind in (ref.SOURCE_SLOT, ref.SOURCE_SLOT_PREVIOUS)
        for index, slot in enumerate(plan.slots)
        for part in range(3 if slot.kind in (ref.LAST, ref.FIRST) else 1)
    ]
    for kind, count in (
        (ref.SOURCE_DERIVED, len(plan.derived)),
        (ref.SOURCE_DERIVED_PREVIOUS, len(plan.derived)),
        (ref.SOURCE_SESSION, 5),
        (ref.SOURCE_PROFILE, 5),
        (ref.SOURCE_TRAIT, len(TRAITS)),
        (ref.SOURCE_CONSENT, 3),
        (ref.SOURCE_NOW, 1),
        (ref.SOURCE_EVENT, FIELD_COUNT),
        (ref.SOURCE_CONTEXT, 1),
    ):
        sources += [(kind, index, 0) for index in range(count)]
    return sources


def make_fields(source: random.Random, event_type: int) -> tuple[ref.Value, ...]:
    fields: list[ref.Value] = [ref.NO_VALUE] * FIELD_COUNT
    fields[0] = (ref.STRING, b"type%d" % event_type)
    if source.random() < 0.8:
        fields[TEXT] = (ref.STRING, source.choice(TEXTS))
    if source.random() < 0.8:
        fields[WHOLE] = (ref.INT, source.choice(WHOLES))
    if source.random() < 0.8:
        fields[NUMBER] = (ref.DOUBLE, source.choice(NUMBERS))
    fields[ANY] = source.choice(
        (
            ref.NO_VALUE,
            (ref.NULL, None),
            (ref.BOOL, True),
            (ref.INT, 7),
            (ref.DOUBLE, 0.5),
            (ref.STRING, b"dyn"),
            (ref.TIME, START),
        )
    )
    return tuple(fields)


def make_time(source: random.Random, now_us: int, earlier: list[int]) -> int:
    choice = source.random()
    if earlier and choice < 0.15:
        return source.choice(earlier)
    if earlier and choice < 0.3:
        return max(0, source.choice(earlier) + source.choice((-GAP - 1, -GAP, GAP, GAP + 1, 1, -1)))
    if choice < 0.75:
        return now_us
    if choice < 0.85:
        return now_us + source.randrange(300_000_000)
    return now_us - source.choice((5, HOUR // 3, 5 * HOUR, LATENESS, LATENESS + 1, 5 * DAY))


class Run:
    """One subject in the core and in the reference, driven by the same events."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.models = make_plans(source)
        self.plans = tuple(features_door.Plan(model) for model in self.models)
        self.active = 0
        self.now_us = START
        self.sequence = 10
        # The first plan is complete for the tenant's first subjects, or came later than them,
        # or in their middle.
        birth = source.choice(((0, 0), (10**6, START + source.choice((0, HOUR, 40 * HOUR)))))
        self.births = [birth] * len(self.models[1].slots)
        self.subject = ref.Subject(gap_us=GAP)
        self.record = features_door.Record()
        self.times: list[int] = []
        self.texts_dropped = 0

    def step(self) -> None:
        source = self.source
        if self.subject.events and source.random() < 0.15:
            self.activate()
        self.now_us += source.choice((0, 1, 3, 60_000_000, GAP, GAP + 1, HOUR, 7 * HOUR))
        self.sequence += source.randint(1, 3)
        occurred_us = make_time(source, self.now_us, self.times)
        self.times.append(occurred_us)
        event_type = source.randint(0, TYPES)
        event = ref.Event(
            fields=make_fields(source, event_type),
            occurred_us=occurred_us,
            sequence=self.sequence,
            event_type=event_type,
            session_key=source.choice((0, 0, 0, 0, 1, 2, 3, 4, 5, 6)),
            late=self.now_us - occurred_us > LATENESS,
            slots=self.models[self.active].slots,
        )
        session, opened = self.subject.apply(event)
        answer = self.record.apply(
            self.plans[self.active],
            event.fields,
            occurred_us=occurred_us,
            now_us=self.now_us,
            sequence=event.sequence,
            event_type=event_type,
            session_key=event.session_key,
            gap_us=GAP,
            late=event.late,
        )
        assert answer == (None if session is None else session.ordinal, opened)
        self.compare(event, session, opened)
        self.set_entries()

    def activate(self) -> None:
        """Swaps the plan, through stored bytes; going forward for the first time
        introduces the new slots.
        """
        self.active = 1 - self.active
        if self.active == 1 and self.births[-1][0] in (0, 10**6):
            known = len(self.models[0].slots)
            birth = (self.sequence, self.now_us + self.source.choice((1, 300_000_001)))
            self.births = self.births[:known] + [birth] * (len(self.models[1].slots) - known)
        stored = self.record.bytes()
        assert self.record.load(self.plans[self.active], stored, self.source.randrange(8)) == 0

    def set_entries(self) -> None:
        """Traits and consents come after the event's own reading, as the next event sees them."""
        source = self.source
        occurred_us = source.choice(self.times)
        if source.random() < 0.4:
            value = source.choice(
                (
                    (ref.STRING, source.choice(TEXTS)),
                    (ref.INT, 5),
                    (ref.NULL, None),
                    (ref.BOOL, True),
                )
            )
            name = source.choice(TRAITS)[0]
            self.subject.traits.append((name, value, occurred_us))
            self.record.set_trait(name, value, occurred_us)
        if source.random() < 0.4:
            purpose, granted = source.randrange(3), source.random() < 0.5
            self.subject.consents.append((purpose, granted, occurred_us))
            self.record.set_consent(purpose, granted, occurred_us)

    def compare(self, event: ref.Event, session: ref.Session | None, opened: bool) -> None:
        model, plan = self.models[self.active], self.plans[self.active]
        births = tuple(self.births[: len(model.slots)])
        sources = all_sources(model)
        moment = self.source.choice(
            (event.occurred_us, self.now_us + 4 * HOUR, self.now_us + 3 * DAY, self.now_us + 5)
        )
        for now_us in (self.now_us, moment):
            view = ref.View(model, self.subject, now_us, births, event, session, opened)
            self.same(view, plan, sources, None)
            decision = ref.View(
                model, self.subject, now_us, births, None, self.subject.newest_open_session(now_us)
            )
            self.same(decision, plan, sources, GAP)
        header = self.record.header()
        assert header["event_count"] == len(self.subject.events)
        assert header["late_count"] == sum(event.late for event in self.subject.events)
        assert header["session_count"] == self.subject.session_count
        assert header["sequence_created"] == self.subject.events[0].sequence
        assert header["sequence_last"] == event.sequence
        kept = sorted(
            (s.ordinal, s.key, s.start_us, s.last_us, len(s.events)) for s in self.subject.sessions
        )
        found = sorted(
            (s["ordinal"], s["key"], s["start_us"], s["last_us"], s["event_count"])
            for s in self.record.sessions()
        )
        assert found == kept

    def same(
        self, view: ref.View, plan: object, sources: list[ref.Source], gap_us: int | None
    ) -> None:
        expected = [ref.read(view, source) for source in sources]
        found = self.record.read(plan, sources, view.now_us, view.births, gap_us)
        # The text form of a double gives its bits back, and tells -0.0 from 0.0.
        wrong = [
            (s, e, f)
            for s, e, f in zip(sources, expected, found, strict=True)
            if repr(e) != repr(f)
        ]
        assert not wrong, [(self.describe(s), e, f) for s, e, f in wrong[:3]]
        complete = [ref.complete(view, index) for index in range(len(view.plan.slots))]
        assert self.record.complete(plan, view.now_us, view.births, gap_us) == complete

    def describe(self, source: ref.Source) -> object:
        kind, index, _ = source
        return (
            self.models[self.active].slots[index]
            if kind in (ref.SOURCE_SLOT, ref.SOURCE_SLOT_PREVIOUS)
            else source
        )


@pytest.mark.parametrize("seed", range(60))
def test_record_equals_history(seed: int) -> None:
    run = Run(random.Random(seed))
    for _ in range(25):
        run.step()


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(source=st.randoms(use_true_random=False), steps=st.integers(1, 12))
def test_record_equals_history_shrinking(source: random.Random, steps: int) -> None:
    run = Run(source)
    for _ in range(steps):
        run.step()


@pytest.mark.parametrize("seed", range(10))
def test_same_events_same_bytes(seed: int) -> None:
    """Applying is a function of log and plan: two runs store the same bytes, and a stored record
    reloads unchanged.
    """
    stored = []
    for _ in range(2):
        run = Run(random.Random(seed))
        for _ in range(12):
            run.step()
        stored.append(run.record.bytes())
        again = features_door.Record()
        assert again.load(run.plans[run.active], stored[-1], 3) == 0
        assert again.bytes() == stored[-1]
    assert stored[0] == stored[1]
