"""Triggers whose actions are due later, or go to the outbox -> rules, timers and effects."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import limits
from .conditions import Conditions
from .encode import URGENCIES
from .lower import NEVER, Conjunctions, both
from .model import EffectTemplate, Rule, RuleRole, Timer, TimerKind, TimerPolicy
from .names import Reader
from .shapes import TriggerDocument
from .timing import Delivery, Step
from .violations import Place, Reason

_AT_ONCE = Step()
_RETIRED = Timer(TimerKind.RETIRED, TimerPolicy.RESTART, 0)
_Due = tuple[str, Step, int, tuple[EffectTemplate, ...]]
"""One timer to be: the end of its name, its delay, its step, what it emits."""


class Timers:
    """Collects the timers of a plan. `rules`: what they ask when they are due."""

    def __init__(self, conditions: Conditions, texts: dict[str, str]) -> None:
        self._conditions, self._texts = conditions, texts
        self._numbering = conditions.tables.numbering
        self._timers: dict[int, Timer] = {}
        self.rules: list[Rule] = []

    def rules_of(
        self, document: TriggerDocument, rule: Rule, blobs: Sequence[bytes], bounds: str
    ) -> list[Rule]:
        """Returns the rules of one trigger: what it fires at once, what it arms and cancels.

        `rule`: its number, priority, conjunctions and answer; `blobs`: its actions, encoded;
        `bounds`: its schedule as a condition on `now`, or empty, which timers obey as well.
        Faults go to the document's places.
        """
        timing = document.timing
        effects = [
            EffectTemplate(blob, rule.number, i, int(URGENCIES[document.urgency]), delivery.channel)
            for i, (blob, delivery) in enumerate(zip(blobs, document.deliveries, strict=True))
        ]
        for i, effect in enumerate(effects):
            if document.deliveries[i].outbox and len(effect.blob) > limits.ACTION_SIZE_MAX:
                document.place.at("actions").item(i).fault(
                    Reason.LIMIT_EXCEEDED,
                    f"{len(effect.blob)} bytes; an action of the outbox has at most "
                    f"{limits.ACTION_SIZE_MAX}",
                )
        due = list(_due(timing.steps, effects, document.deliveries))
        cancels = self._condition(timing.unless, document, "unless", Reader.TRIGGER)
        still = self._condition(timing.still, document, "still", Reader.TIMER)
        if (cancels, still) != (None, None) and not due:
            timing.place.fault(
                Reason.VALUE_INVALID, "unless and still need an action that is due later"
            )
        if not document.schedule.active:
            return [rule]
        asked = self._ask(rule.number, still, bounds) if due else None
        armed: tuple[int, ...] = ()
        with timing.place.catch():
            armed = tuple(self._arm(document, rule.number, asked, one) for one in due)
        if timing.steps:
            rules = [replace(rule, role=RuleRole.ARM, timers=armed, blob=b"")]
        else:
            rules = [replace(rule, timers=armed, effects=_at_once(effects, document.deliveries))]
        if cancels is not None:
            rules.append(Rule(rule.number, rule.priority, cancels, b"", RuleRole.CANCEL, armed))
        return rules

    def all(self) -> tuple[Timer, ...]:
        """Returns every timer that the tenant ever had, by id; those without a document are
        retired.
        """
        count = self._numbering.timer_count
        return tuple(self._timers.get(number, _RETIRED) for number in range(count))

    def check(self, rules: Sequence[Rule], types: Mapping[int, set[str]], place: Place) -> int:
        """Returns how many effects and timers one event can cause at most, those of its timers
        among them; a fault where that is too many.

        `types`: position of a rule -> the event types on which it holds; "*" for every type.
        """
        counts: dict[str, int] = {}
        for index, rule in enumerate(rules):
            for name in types[index]:
                counts[name] = counts.get(name, 0) + self._cost(rule)
        session = sum(
            len(timer.effects)
            for timer in self._timers.values()
            if timer.kind is TimerKind.NEXT_SESSION
        )
        most = session + counts.pop("*", 0) + max(counts.values(), default=0)
        if most > limits.EVENT_EFFECTS_MAX:
            place.fault(
                Reason.LIMIT_EXCEEDED,
                f"one event might cause {most} effects and timers; at most "
                f"{limits.EVENT_EFFECTS_MAX}. Narrow triggers by event.type, or give them fewer "
                "actions and delays",
            )
        return most

    def _cost(self, rule: Rule) -> int:
        timers = [self._timers[number] for number in rule.timers]
        if rule.role is RuleRole.CANCEL:
            each = limits.TIMERS_EACH_MAX
            return sum(each if timer.policy is TimerPolicy.EACH else 1 for timer in timers)
        return len(rule.effects) + sum(1 + len(timer.effects) for timer in timers)

    def _condition(
        self, spelled: Any, document: TriggerDocument, key: str, reader: Reader
    ) -> Conjunctions | None:
        if spelled is None:
            return None
        with document.timing.place.at(key).catch():
            text, conjunctions = self._conditions.compile(spelled, reader)
            self._conditions.check(text)
            self._texts[f"trigger/{document.id}/{key}"] = text
            return conjunctions
        return NEVER

    def _ask(self, number: int, still: Conjunctions | None, bounds: str) -> int | None:
        """Returns the index of the rule that the trigger's timers ask."""
        if bounds:
            _, conjunctions = self._conditions.compile(bounds, Reader.TIMER)
            still = conjunctions if still is None else both(still, conjunctions)
        if still is None:
            return None
        self.rules.append(Rule(number, 0, still, b"", RuleRole.STILL))
        return len(self.rules) - 1

    def _arm(self, document: TriggerDocument, number: int, asked: int | None, due: _Due) -> int:
        """Returns the id of a timer. Its name holds what pending ones depend on: the trigger, how
        it counts, and which of its delays it is; not how long that is, so that a new length is for
        those that are armed from then on.

        Errors: Fault
        """
        timing = document.timing
        name, step, ordinal, effects = due
        each = "/each" if timing.policy is TimerPolicy.EACH else ""
        timer = Timer(
            timing.kind, timing.policy, number, step.delay_us, step.spread_us, ordinal, asked,
            effects,
        )  # fmt: skip
        key = self._numbering.timer(f"{document.id}/{timing.kind.name.lower()}{each}/{name}")
        self._timers[key] = timer
        return key


def _due(
    steps: Sequence[Step], effects: Sequence[EffectTemplate], deliveries: Sequence[Delivery]
) -> Iterator[_Due]:
    """Yields the timers of a trigger: one for each step, and at each step one more for each action
    with a delay of its own.
    """
    pairs = list(zip(effects, deliveries, strict=True))
    for ordinal, step in enumerate(steps or (_AT_ONCE,), 1):
        together = tuple(effect for effect, delivery in pairs if delivery.step == _AT_ONCE)
        if steps:
            yield str(ordinal), step, ordinal, together
        for effect, delivery in pairs:
            if delivery.step != _AT_ONCE:
                own = Step(
                    step.delay_us + delivery.step.delay_us,
                    step.spread_us + delivery.step.spread_us,
                )
                yield f"{ordinal}/{effect.action_index}", own, ordinal, (effect,)


def _at_once(
    effects: Iterable[EffectTemplate], deliveries: Iterable[Delivery]
) -> tuple[EffectTemplate, ...]:
    """Returns what an immediate trigger puts into the outbox."""
    return tuple(
        effect
        for effect, delivery in zip(effects, deliveries, strict=True)
        if delivery.outbox and delivery.step == _AT_ONCE
    )
