"""Small plan models and the values of events, for the tests of images and matcher."""

from collections.abc import Mapping, Sequence

from kairos_server.catalog.model import (
    Duration,
    Field,
    FieldType,
    Leaf,
    Part,
    PlanModel,
    Rule,
    Source,
    SourceKind,
    Time,
)
from match_door import KERNELS, Matcher, kernel_best

from reference.match import ABSENT, Value, rules_holding

EVENT_FIELDS = (
    "type",
    "time",
    "session_id",
    "device_type",
    "channel",
    "urgency",
    "persona",
    "url",
    "referrer",
    "value_minor",
    "currency_code",
    "late",
)
CONTEXT_FIELDS = ("channel", "placement", "scenario", "device_type", "persona", "urgency")


def model_of(
    *,
    triggers: Sequence[Rule] = (),
    decides: Sequence[Rule] = (),
    attributes: int = 0,
    **others: object,
) -> PlanModel:
    """A plan with the well-known fields, `attributes` further ones, and the rules."""
    names = (*EVENT_FIELDS, *(f"attribute_{i}" for i in range(attributes)))
    parts: dict[str, object] = {
        "tenant": 7,
        "event_types": ("page_view", "purchase"),
        "event_fields": tuple(Field(name, FieldType.DYN) for name in names),
        "context_fields": tuple(Field(name, FieldType.STRING) for name in CONTEXT_FIELDS),
        "traits": (),
        "purposes": ("marketing",),
        "slots": (),
        "slot_size": 0,
        "session_slot_size": 0,
        "derived": (),
        "trigger_rules": tuple(triggers),
        "decide_rules": tuple(decides),
        "placements": (),
        "trigger_names": tuple(f"trigger_{rule.number}" for rule in triggers),
        "meta": b"{}",
    }
    return PlanModel(**(parts | others))  # type: ignore[arg-type]


def rule_of(number: int, conjunctions: Sequence[Sequence[Leaf]]) -> Rule:
    return Rule(number, 0, tuple(tuple(leaves) for leaves in conjunctions), b"blob%d" % number)


def door_value(value: Value) -> tuple[int, object]:
    """The (kind, content) that the door takes."""
    if value is ABSENT:
        return 0, 0
    match value:
        case None:
            return 1, 0
        case bool():
            return 2, int(value)
        case int():
            return 3, value
        case float():
            return 4, value
        case str():
            return 5, value.encode()
        case Time():
            return 6, value.us
        case Duration():
            return 7, value.us
    raise TypeError(value)


def matcher_of(image: bytes, index: int, events: Sequence[Mapping[Source, Value]]) -> Matcher:
    """A matcher that holds the events."""
    matcher = Matcher(image, index)
    sources = [
        Source(SourceKind(kind), number, Part(part)) for kind, number, part in matcher.sources()
    ]
    matcher.keep(
        [[door_value(event.get(source, ABSENT)) for source in sources] for event in events]
    )
    return matcher


def matched(
    image: bytes, index: int, rules: Sequence[Rule], events: Sequence[Mapping[Source, Value]]
) -> None:
    """Asserts that every kernel, by list and by bits, gives the reference's rules."""
    matcher = matcher_of(image, index, events)
    for i, event in enumerate(events):
        expected = rules_holding(rules, event)
        words = None
        for kernel in range(kernel_best() + 1):
            assert matcher.match(i, kernel) == (expected, expected), (KERNELS, kernel, event)
            assert words is None or words == matcher.survivors()
            words = matcher.survivors()
