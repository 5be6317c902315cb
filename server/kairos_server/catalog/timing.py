"""When a trigger's actions are due, and who is told of them: the keys `timing`, `delay`, `deliver`
and `channel` of trigger documents. What they mean stands in docs/guides/time.md, "Timers".
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kairos.v1 import event_pb2

from .documents import type_name
from .limits import TIMING_STEPS_MAX
from .model import TimerKind, TimerPolicy
from .spans import span_us
from .violations import Fault, Place, Reason

if TYPE_CHECKING:
    from .shapes import Fields

CHANNELS: Final = {
    "": event_pb2.CHANNEL_UNSPECIFIED, "web": event_pb2.CHANNEL_WEB, "app": event_pb2.CHANNEL_APP,
    "email": event_pb2.CHANNEL_EMAIL, "sms": event_pb2.CHANNEL_SMS,
    "push": event_pb2.CHANNEL_PUSH, "social": event_pb2.CHANNEL_SOCIAL,
    "ads": event_pb2.CHANNEL_ADS, "webhook": event_pb2.CHANNEL_WEBHOOK,
    "phone": event_pb2.CHANNEL_PHONE,
}  # fmt: skip
POLICIES: Final = {
    "restart": TimerPolicy.RESTART,
    "keep": TimerPolicy.KEEP,
    "each": TimerPolicy.EACH,
}
_NEXT_SESSION = "next_session"
# `delayed_3s` and `delayed_5min` of the specification.
_DELAYED = re.compile(r"delayed_([0-9]{1,9})(s|min)\Z")


@dataclass(frozen=True, slots=True)
class Step:
    """One delay of a trigger: due `delay_us` later, or up to `spread_us` after that."""

    delay_us: int = 0
    spread_us: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """When the actions of a trigger are due after an event that matches.

    `steps`: none where the trigger fires at once and only actions with delays of their own are due
    later. `unless`: the condition of events that cancel what is pending; `still`: what must hold
    when an action is due; None: not asked for.
    """

    place: Place
    kind: TimerKind = TimerKind.AFTER
    steps: tuple[Step, ...] = ()
    policy: TimerPolicy = TimerPolicy.EACH
    unless: Any = None
    still: Any = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one action reaches somebody. `outbox`: by a worker; else the caller is told to do it."""

    step: Step = Step()
    outbox: bool = False
    channel: int = 0


def read_timing(fields: "Fields") -> Timing:
    """Returns the timing of a trigger; faults go to the places."""
    place = fields.at("timing")
    if isinstance(fields.raw("timing"), str):
        with place.catch():
            return _spelled(fields.raw("timing"), place)
        return Timing(place)
    timing = type(fields)(fields.typed("timing", {}, dict), place)
    kind, steps = _when(timing)
    choice = timing.one_of("repeat", "restart" if steps else "each", POLICIES)
    if choice == "each" and kind is not TimerKind.AFTER:
        timing.at("repeat").fault(
            Reason.UNSUPPORTED, "repeat: each is for delays only: nobody has two next sessions"
        )
    result = Timing(place, kind, steps, POLICIES[choice], timing.raw("unless"), timing.raw("still"))
    timing.close()
    return result


def _spelled(text: str, place: Place) -> Timing:
    """Returns the timing of `immediate`, `delayed_3s`, `delayed_5min`, `next_session`.

    Errors: Fault
    """
    if text == "immediate":
        return Timing(place)
    if text == _NEXT_SESSION:
        return Timing(place, TimerKind.NEXT_SESSION, (Step(),), TimerPolicy.RESTART)
    match = _DELAYED.match(text)
    if match is None:
        raise Fault(
            Reason.VALUE_INVALID,
            f'"{text}" is not a timing; write immediate, delayed_3s, delayed_5min, next_session, '
            'or an object such as {after: "2h"}',
        )
    return Timing(place, TimerKind.AFTER, (_step(match[1] + match[2][0]),), TimerPolicy.RESTART)


def _when(timing: "Fields") -> tuple[TimerKind, tuple[Step, ...]]:
    given = [name for name in ("after", "inactivity", "at") if timing.has(name)]
    if len(given) > 1:
        timing.place.fault(
            Reason.KEY_DUPLICATE,
            "a timing has one of after (a delay), inactivity (a silence), at: next_session",
        )
    if not given:
        return TimerKind.AFTER, ()
    if "after" in given:
        return TimerKind.AFTER, _steps(timing, "after")
    if "inactivity" in given:
        return TimerKind.INACTIVITY, _steps(timing, "inactivity")
    timing.one_of("at", "", (_NEXT_SESSION,))
    return TimerKind.NEXT_SESSION, (Step(),)


def _steps(timing: "Fields", name: str) -> tuple[Step, ...]:
    raw = timing.raw(name)
    texts = raw if isinstance(raw, list) else [raw]
    place = timing.at(name)
    if not 0 < len(texts) <= TIMING_STEPS_MAX:
        place.fault(Reason.LIMIT_EXCEEDED, f"1 to {TIMING_STEPS_MAX} delays")
        return ()
    steps: list[Step] = []
    for index, text in enumerate(texts):
        with (place.item(index) if isinstance(raw, list) else place).catch():
            step = _step(text)
            if step in steps:
                raise Fault(Reason.KEY_DUPLICATE, f"{text} stands twice")
            steps.append(step)
    return tuple(steps)


def _step(text: Any) -> Step:
    """Returns the step of `2h`, or of `2m-5m`: a moment between.

    Errors: Fault
    """
    if not isinstance(text, str):
        raise Fault(
            Reason.TYPE_WRONG, f'a delay is a text such as "2h" or "2m-5m", not {type_name(text)}'
        )
    first, dash, last = text.partition("-")
    delay_us = span_us(first)
    spread_us = span_us(last) - delay_us if dash else 0
    if delay_us == 0:
        raise Fault(
            Reason.VALUE_INVALID, "a delay is longer than zero; leave the timing out for none"
        )
    if spread_us < 0:
        raise Fault(Reason.VALUE_INVALID, f"{last} is shorter than {first}")
    return Step(delay_us, spread_us)


def read_delivery(action: "Fields", timing: Timing) -> Delivery:
    """Returns how an action of a trigger with this timing is delivered; faults go to the places."""
    step, text = Step(), action.raw("delay")
    if text is not None and text != "0s":
        with action.at("delay").catch():
            step = _step(text)
            if timing.kind is not TimerKind.AFTER:
                raise Fault(
                    Reason.UNSUPPORTED,
                    "a delay goes with immediate triggers and with timing.after only",
                )
    later = bool(timing.steps) or step.delay_us > 0
    deliver = action.one_of("deliver", "outbox" if later else "answer", ("answer", "outbox"))
    if later and deliver == "answer":
        action.at("deliver").fault(
            Reason.VALUE_INVALID,
            "an action that is due later cannot stand in an answer; deliver: outbox",
        )
    return Delivery(step, deliver == "outbox", CHANNELS[action.one_of("channel", "", CHANNELS)])
