"""What timers mean, in plain Python: docs/guides/time.md, "Timers", sentence by sentence.

Conditions are small enough to be told here once more: an event type, a count of events, a consent.
Nothing of the compiler takes part; only the numbers that it gives to triggers and timers are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reference import features
from reference.hash import hash64, siphash128
from reference.identities import USER, Identities, Key, hash_of, key_of

NEVER = 2**63 - 1
EACH_MAX = 8
SUBJECT_MAX = 128
TICK_STRIDE = 1024
FROM_TRIGGER, FROM_TIMER = 1, 2


@dataclass(frozen=True)
class Action:
    delay_us: int = 0
    outbox: bool = False


@dataclass(frozen=True)
class Trigger:
    """A trigger document as the test writes it; `document` gives the one that the catalog reads."""

    name: str
    types: tuple[str, ...]
    priority: int = 0
    active: bool = True
    kind: str = ""
    """`after`, `inactivity`, `next_session`, or empty: at once."""
    steps: tuple[tuple[int, int], ...] = ()
    """(delay, spread)."""
    repeat: str = "restart"
    unless: str = ""
    still_below: int | None = None
    still_consent: bool = False
    actions: tuple[Action, ...] = ()

    def document(self) -> dict[str, Any]:
        timing: dict[str, Any] = {"repeat": self.repeat}
        texts = [
            f"{delay // 1_000_000}s" + (f"-{(delay + spread) // 1_000_000}s" if spread else "")
            for delay, spread in self.steps
        ]
        if self.kind == "next_session":
            timing["at"] = "next_session"
        elif self.kind:
            timing[self.kind] = texts
        if self.unless:
            timing["unless"] = f'event.type == "{self.unless}"'
        still = []
        if self.still_below is not None:
            still.append(f"profile.event_count < {self.still_below}")
        if self.still_consent:
            still.append("consent.marketing")
        if still:
            timing["still"] = " && ".join(still)
        actions = []
        for action in self.actions:
            row: dict[str, Any] = {"type": "act"}
            if action.delay_us:
                row["delay"] = f"{action.delay_us // 1_000_000}s"
            if action.outbox:
                row["deliver"] = "outbox"
            actions.append(row)
        return {
            "condition": " || ".join(f'event.type == "{name}"' for name in self.types),
            "priority": self.priority,
            "actions": actions,
            "schedule": {"active": self.active},
            **({"timing": timing} if self.kind or self.delayed else {}),
        }

    @property
    def delayed(self) -> bool:
        return any(action.delay_us for action in self.actions)

    def timers(self) -> Iterator[Timer]:
        """One for each step, and for each action with a delay of its own one more."""
        kind = self.kind or "after"
        head = f"{self.name}/{kind}{'/each' if self.repeat == 'each' else ''}"
        together = tuple(i for i, action in enumerate(self.actions) if not action.delay_us)
        for number, (delay, spread) in enumerate(self.steps or ((0, 0),), 1):
            if self.kind:
                yield Timer(self, f"{head}/{number}", delay, spread, number, together)
            for i, action in enumerate(self.actions):
                if action.delay_us:
                    name = f"{head}/{number}/{i}"
                    yield Timer(self, name, delay + action.delay_us, spread, number, (i,))


@dataclass(frozen=True)
class Timer:
    trigger: Trigger
    name: str
    delay_us: int
    spread_us: int
    step: int
    actions: tuple[int, ...]


@dataclass
class Pending:
    number: int
    occurrence: int
    """Sequence of the event, where each match has a timer of its own; else 0."""
    origin: int
    due_us: int
    base_us: int
    index_us: int


@dataclass
class Subject:
    id: bytes
    identifier: str
    history: features.Subject
    key: Key = b""
    last_seen_us: int = 0
    event_count: int = 0
    consent: tuple[int, bool] | None = None
    pending: list[Pending] = field(default_factory=list)


@dataclass(frozen=True)
class Effect:
    """One intent: its place in the outbox and what it says."""

    sequence: int
    ordinal: int
    subject_id: bytes
    identifier: str
    trigger: int
    action: int
    step: int
    origin: int
    created_us: int
    source: int


@dataclass(frozen=True)
class Event:
    type: str
    subject: str
    occurred_us: int
    session: bytes = b""
    consent: bool | None = None
    kind: int = USER
    """The type of its subject."""
    identifiers: tuple[tuple[int, bytes], ...] = ()


@dataclass
class Plan:
    """Triggers by name, and the numbers that the compiler has given."""

    triggers: dict[str, Trigger]
    trigger_numbers: Mapping[str, int]
    timer_numbers: Mapping[str, int]

    def by_number(self) -> dict[int, Timer]:
        return {
            self.timer_numbers[timer.name]: timer
            for trigger in self.triggers.values()
            if trigger.active
            for timer in trigger.timers()
        }

    def ordered(self) -> list[Trigger]:
        return sorted(
            self.triggers.values(), key=lambda t: (-t.priority, self.trigger_numbers[t.name])
        )


class Tenant:
    """The tenant under its log."""

    def __init__(self, hash_key: bytes, *, live: bool, gap_us: int) -> None:
        self.hash_key, self.live, self.gap_us = hash_key, live, gap_us
        self.plan = Plan({}, {}, {})
        self.subjects: dict[bytes, Subject] = {}
        self.effects: list[Effect] = []
        self.identities = Identities(hash_key)
        self.event_time_us = 0
        self.armed = self.fired = self.cancelled = self.dropped = self.refused = 0

    def group(self, subject: Subject) -> list[Subject]:
        """All who are one person with the subject and have events, in ascending order of ids."""
        ids = [hash_of(self.hash_key, key) for key in self.identities.group(subject.key)]
        return [
            self.subjects[id_]
            for id_ in ids
            if id_ in self.subjects and self.subjects[id_].event_count
        ]

    def index(self) -> list[tuple[int, bytes, int, int]]:
        """Where the view has its entries: (time, subject, timer, occurrence), in order."""
        return sorted(
            (pending.index_us, subject.id, pending.number, pending.occurrence)
            for subject in self.subjects.values()
            for pending in subject.pending
            if pending.index_us != NEVER
        )

    # ---- records of the log

    def event(self, event: Event, sequence: int, received_us: int) -> None:
        key = key_of(event.kind, event.subject.encode())
        id_ = hash_of(self.hash_key, key)
        subject = self.subjects.setdefault(
            id_, Subject(id_, event.subject, features.Subject(self.gap_us), key)
        )
        now = received_us if self.live else max(self.event_time_us, event.occurred_us)
        self.identities.of_event(key, list(event.identifiers), sequence)
        scene = _Scene(self, subject, sequence, now)
        scene.fire_due()
        subject.last_seen_us = (
            max(subject.last_seen_us, event.occurred_us)
            if subject.event_count
            else event.occurred_us
        )
        subject.event_count += 1
        opened = self._session(subject, event, sequence)
        if event.consent is not None and (
            subject.consent is None or event.occurred_us >= subject.consent[0]
        ):
            subject.consent = event.occurred_us, event.consent
        self.event_time_us = max(self.event_time_us, event.occurred_us)
        if opened:
            scene.fire_session(event.occurred_us)
        matched = [t for t in self.plan.ordered() if t.active and event.type in t.types]
        for trigger in matched:
            for timer in trigger.timers():
                scene.arm(timer, event.occurred_us)
        for trigger in self.plan.ordered():
            if trigger.active and trigger.unless == event.type:
                for timer in trigger.timers():
                    scene.cancel(self.plan.timer_numbers[timer.name])
        for trigger in matched:
            chosen = [i for i, a in enumerate(trigger.actions) if a.outbox and not a.delay_us]
            if not trigger.kind:
                scene.emit(trigger, chosen, 0, sequence, FROM_TRIGGER, event.subject)

    def _session(self, subject: Subject, event: Event, sequence: int) -> bool:
        key = int.from_bytes(siphash128(self.hash_key, event.session)[:8], "little")
        applied = features.Event(
            (), event.occurred_us, sequence, 0, key if event.session else 0, False, ()
        )
        return bool(subject.history.apply(applied)[1])

    def due(self, now_us: int, count: int) -> list[tuple[int, bytes, int, int]]:
        """What a tick names when it is made."""
        present = now_us if self.live else self.event_time_us
        return [entry for entry in self.index() if entry[0] <= present][:count]

    def tick(
        self, named: Sequence[tuple[int, bytes, int, int]], sequence: int, received_us: int
    ) -> None:
        now = received_us if self.live else self.event_time_us
        for place, (index_us, subject_id, number, occurrence) in enumerate(named):
            scene = _Scene(self, self.subjects[subject_id], sequence, now, place * TICK_STRIDE)
            for pending in scene.subject.pending:
                if (pending.index_us, pending.number, pending.occurrence) == (
                    index_us, number, occurrence
                ):  # fmt: skip
                    if scene.due_of(pending) <= now:
                        scene.fire(pending)
                    else:
                        pending.index_us = scene.due_of(pending)
                    break


@dataclass
class _Scene:
    tenant: Tenant
    subject: Subject
    sequence: int
    now_us: int
    ordinal: int = 0

    def due_of(self, pending: Pending) -> int:
        timer = self.tenant.plan.by_number().get(pending.number)
        if timer is None or timer.trigger.kind != "inactivity":
            return pending.due_us
        return pending.due_us + max(0, self.last_seen_us - pending.base_us)

    @property
    def last_seen_us(self) -> int:
        return max(member.last_seen_us for member in self.tenant.group(self.subject))

    def others(self) -> list[Subject]:
        return [m for m in self.tenant.group(self.subject) if m is not self.subject]

    def fire_due(self) -> None:
        while due := [
            (self.due_of(pending), member.id, pending.number, pending.origin, member, pending)
            for member in self.tenant.group(self.subject)
            for pending in member.pending
            if self.due_of(pending) <= self.now_us
        ]:
            *_, member, pending = min(due, key=lambda row: row[:4])
            scene = _Scene(self.tenant, member, self.sequence, self.now_us, self.ordinal)
            scene.fire(pending)
            self.ordinal = scene.ordinal

    def fire_session(self, occurred_us: int) -> None:
        waiting = [
            p for p in self.subject.pending if p.index_us == NEVER and p.base_us <= occurred_us
        ]
        for pending in sorted(waiting, key=lambda p: (p.number, p.origin)):
            self.fire(pending)

    def fire(self, pending: Pending) -> None:
        self.subject.pending.remove(pending)
        timer = self.tenant.plan.by_number().get(pending.number)
        if timer is None or not self._still(timer.trigger):
            self.tenant.dropped += 1
            return
        self.tenant.fired += 1
        self.emit(
            timer.trigger, timer.actions, timer.step, pending.origin, FROM_TIMER,
            self.subject.identifier,
        )  # fmt: skip

    def _still(self, trigger: Trigger) -> bool:
        group = self.tenant.group(self.subject)
        if trigger.still_below is not None:
            events = sum(member.event_count for member in group)
            if not events < trigger.still_below:
                return False
        stated = [m.consent for m in group if m.consent is not None]
        # The newest statement of any member; at one moment the denial.
        newest = max(stated, key=lambda row: (row[0], not row[1]), default=(0, False))
        return not trigger.still_consent or newest[1]

    def emit(
        self, trigger: Trigger, actions: Sequence[int], step: int, origin: int, source: int,
        identifier: str,
    ) -> None:  # fmt: skip
        number = self.tenant.plan.trigger_numbers[trigger.name]
        for action in actions:
            self.tenant.effects.append(
                Effect(
                    self.sequence, self.ordinal, self.subject.id, identifier, number, action,
                    step, origin, self.now_us, source,
                )
            )  # fmt: skip
            self.ordinal += 1

    def arm(self, timer: Timer, occurred_us: int) -> None:
        number = self.tenant.plan.timer_numbers[timer.name]
        each = timer.trigger.repeat == "each"
        occurrence = self.sequence if each else 0
        pending = self.subject.pending
        known = next((p for p in pending if (p.number, p.occurrence) == (number, occurrence)), None)
        alike_elsewhere = [(m, p) for m in self.others() for p in m.pending if p.number == number]
        if timer.trigger.repeat == "keep" and (known is not None or alike_elsewhere):
            return
        if known is None:
            alike = sum(p.number == number for p in pending)
            if len(pending) >= SUBJECT_MAX or alike >= EACH_MAX:
                self.tenant.refused += 1
                return
            known = Pending(number, occurrence, 0, 0, 0, NEVER)
            pending.append(known)
        known.origin = self.sequence
        known.due_us, known.base_us = self._due(timer, occurred_us)
        known.index_us = min(known.index_us, known.due_us)
        self.tenant.armed += 1
        if timer.trigger.repeat == "restart":
            for member, other in alike_elsewhere:
                member.pending.remove(other)

    def _due(self, timer: Timer, occurred_us: int) -> tuple[int, int]:
        kind, delay = timer.trigger.kind, timer.delay_us
        if kind == "next_session":
            return NEVER, occurred_us
        if timer.spread_us:
            text = self.subject.id + self.sequence.to_bytes(8, "little")
            text += timer.step.to_bytes(4, "little")
            number = self.tenant.plan.trigger_numbers[timer.trigger.name]
            delay += hash64(number, text) % (timer.spread_us + 1)
        base = self.last_seen_us if kind == "inactivity" else occurred_us
        if base + delay <= self.now_us:
            base = self.now_us
        return base + delay, base

    def cancel(self, number: int) -> None:
        for member in self.tenant.group(self.subject):
            kept = [p for p in member.pending if p.number != number]
            self.tenant.cancelled += len(member.pending) - len(kept)
            member.pending[:] = kept
