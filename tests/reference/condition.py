"""Random conditions, random worlds, and what Google's CEL says of them.

A condition is written twice: as a document says it, and for the oracle, in which feature calls are
variables that hold the value the world gives them. Nothing here uses the lowering that it tests.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from cel_expr_python import cel
from google.protobuf import duration_pb2, timestamp_pb2
from kairos_server.catalog.model import (
    Constant,
    Duration,
    Part,
    PlanModel,
    Source,
    SourceKind,
    Time,
)

from reference.match import ABSENT, Value

SCHEMA = """
kind: schema
attributes:
  {int_a: int, double_a: double, text_a: string, truth_a: bool, moment_a: timestamp,
   dyn_a: dyn, dyn_b: dyn, view.width: int}
traits: {plan: string, dyn_trait: dyn}
purposes: [analytics, marketing]
"""
SCORE = """
kind: score
id: engagement_score
type: engagement
terms: [{feature: 'decayed("view", "1d")', weight: 0.2}]
"""
DAY_US = 86_400_000_000
NOW_US = 1_700_000_000_000_000


@dataclass(frozen=True)
class Name:
    """Something that conditions read: as a document writes it, as the oracle does, its type, and
    whether has() takes it.
    """

    text: str
    oracle: str
    kind: str
    selectable: bool = True


def _feature(text: str, key: str, kind: str, *, selectable: bool = False) -> Name:
    return Name(text, f"feature.{key}", kind, selectable)


NAMES = [
    Name("event.int_a", "event.int_a", "number"),
    Name("event.doubleA", "event.double_a", "number"),
    Name("event.text_a", "event.text_a", "string"),
    Name("event.truthA", "event.truth_a", "bool"),
    Name("event.moment_a", "event.moment_a", "time"),
    Name("event.dyn_a", "event.dyn_a", "dyn"),
    Name("event.dyn_b", "event.dyn_b", "dyn"),
    Name("event.view.width", "event.view.width", "number", selectable=False),
    Name("event.type", "event.type", "string"),
    Name("profile.plan", "profile.plan", "string"),
    Name("profile.dynTrait", "profile.dyn_trait", "dyn"),
    Name("profile.engagementScore", "profile.engagement_score", "number"),
    Name("profile.age", "profile.age", "duration"),
    Name("session.event_count", "session.event_count", "number"),
    Name("session.duration", "session.duration", "duration"),
    Name("session.isNew", "session.is_new", "bool"),
    Name("consent.marketing", "consent.marketing", "bool"),
    Name("now", "now", "time", selectable=False),
    Name(
        "now - profile.first_seen_time",
        "(now - profile.first_seen_time)",
        "duration",
        selectable=False,
    ),
    _feature('count("view", "7d")', "window", "number"),
    _feature('previous(count("view"))', "count_before", "number"),
    _feature('last("view").time', "last_time", "time", selectable=True),
    _feature('last("view", "dyn_a").value', "last_value", "dyn", selectable=True),
    Name('now - last("view").time', "(now - feature.last_time)", "duration", selectable=False),
    Name(
        'now - previous(last("view")).time',
        "(now - feature.last_before)",
        "duration",
        selectable=False,
    ),
]
# Slot text and part -> the oracle's variable.
FEATURES = {
    (SourceKind.SLOT, 'count("view", "7d")', Part.VALUE): "window",
    (SourceKind.SLOT_PREVIOUS, 'count("view")', Part.VALUE): "count_before",
    (SourceKind.SLOT, 'last("view")', Part.TIME): "last_time",
    (SourceKind.SLOT_PREVIOUS, 'last("view")', Part.TIME): "last_before",
    (SourceKind.SLOT, 'last("view", "dyn_a")', Part.VALUE): "last_value",
}
SESSION_NAMES = ("event_count", "start_time", "duration", "ordinal", "is_new")
PROFILE_NAMES = ("event_count", "session_count", "first_seen_time", "last_seen_time", "age")

# cel-cpp 0.1.3 compares int with double by rounding the int; within 2^53 that is exact,
# and so both sides agree.
NUMBERS: list[Constant] = [
    0,
    1,
    -1,
    2,
    7,
    1.0,
    0.5,
    -0.0,
    7.0,
    6.999999999999999,
    1e300,
    -1e300,
    2**53,
    -(2**53),
    1e-300,
]
TEXTS: list[Constant] = ["", "a", "b", "A", "ab", "é", "\uffff", "😀", "a\nb", 'q"uote', "\\", "7"]
TRUTHS: list[Constant] = [True, False]
TIMES: list[Constant] = [
    Time(NOW_US + shift) for shift in (0, 1, -1, DAY_US, -DAY_US, -30 * DAY_US)
]
DURATIONS: list[Constant] = [
    Duration(us) for us in (0, 1, -1, DAY_US, 2 * DAY_US, 30 * DAY_US, 1_500_000)
]
POOLS = {"number": NUMBERS, "string": TEXTS, "bool": TRUTHS, "time": TIMES, "duration": DURATIONS}
# Equal or ordered in Python, of different classes in CEL.
ALIKE: list[Constant] = [1, True, 1.0, 0, False, "1", "", None]
SPECIAL = [float("nan"), float("nan"), float("inf"), float("-inf")]


@dataclass
class World:
    """Values by variable and name; a missing one is absent."""

    now: Time
    values: dict[str, dict[str, Constant]] = field(default_factory=dict)

    def of(self, model: PlanModel, source: Source) -> Value:
        """Returns the value of a source of the plan, as the core would read it."""
        if source.kind is SourceKind.NOW:
            return self.now
        if source.kind in (SourceKind.SLOT, SourceKind.SLOT_PREVIOUS):
            part = Part.TIME if source.part is Part.AGE else source.part
            value = self._value("feature", FEATURES[source.kind, model.slots[source.id].text, part])
            return (
                Duration(self.now.us - value.us)
                if source.part is Part.AGE and isinstance(value, Time)
                else value
            )
        if source.kind is SourceKind.EVENT:
            return self._value("event", model.event_fields[source.id].name)
        if source.kind is SourceKind.TRAIT:
            return self._value("profile", model.traits[source.id].name)
        if source.kind is SourceKind.DERIVED:
            return self._value("profile", model.derived[source.id].name)
        if source.kind is SourceKind.SESSION:
            return self._value("session", SESSION_NAMES[source.id])
        if source.kind is SourceKind.PROFILE:
            return self._value("profile", PROFILE_NAMES[source.id])
        assert source.kind is SourceKind.CONSENT
        return self._value("consent", model.purposes[source.id])

    def _value(self, variable: str, name: str) -> Value:
        return self.values.get(variable, {}).get(name, ABSENT)

    def activation(self) -> dict[str, object]:
        """Returns the world as the oracle takes it."""
        result: dict[str, object] = {
            name: {} for name in ("event", "session", "profile", "consent", "feature")
        }
        for variable, values in self.values.items():
            result[variable] = _nested(
                {name: _oracle_value(value) for name, value in values.items()}
            )
        result["now"] = _oracle_value(self.now)
        return result


def _nested(values: Mapping[str, object]) -> dict[str, object]:
    result: dict[str, object] = {}
    for name, value in values.items():
        root, _, rest = name.partition(".")
        if rest:
            result[root] = {rest: value}
        else:
            result[name] = value
    return result


def _oracle_value(value: Constant) -> object:
    # Inside maps the oracle takes protobuf's times only.
    if isinstance(value, Time):
        return timestamp_pb2.Timestamp(
            seconds=value.us // 1_000_000, nanos=value.us % 1_000_000 * 1_000
        )
    if isinstance(value, Duration):
        message = duration_pb2.Duration()
        message.FromMicroseconds(value.us)
        return message
    return value


class Oracle:
    """Google's CEL: true, or anything else."""

    def __init__(self) -> None:
        kind = cel.Type
        variables = {
            name: kind.Map(kind.STRING, kind.DYN)
            for name in ("event", "session", "profile", "consent", "feature", "context")
        }
        self._env = cel.NewEnv(variables=variables | {"now": kind.TIMESTAMP})

    def compile(self, text: str) -> cel.Expression:
        """Returns the checked expression."""
        return self._env.compile(text)

    def holds(self, expression: cel.Expression, activation: dict[str, object]) -> bool:
        """Returns whether the expression evaluates to true; an error is not true."""
        value = expression.eval(data=activation)
        return value.type() == cel.Type.BOOL and value.value() is True


def random_world(random_: random.Random) -> World:
    """Returns a world in which every name has a value of its type, a null, or none."""
    present = random_.choice((0.5, 0.85, 1.0))
    world = World(random_.choice(TIMES))
    kinds = {
        "event.view.width": "number",
        "profile.first_seen_time": "time",
        "feature.last_before": "time",
    }
    kinds |= {
        name.oracle: name.kind
        for name in NAMES
        if name.oracle.count(".") == 1 and "(" not in name.oracle
    }
    for path, kind in kinds.items():
        if random_.random() < present:
            variable, _, name = path.partition(".")
            world.values.setdefault(variable, {})[name] = _random_value(
                random_, kind, nullable=variable == "event"
            )
    # The core computes the age; the oracle is told.
    first = world.values.get("profile", {}).get("first_seen_time")
    world.values.setdefault("profile", {}).pop("age", None)
    if isinstance(first, Time):
        world.values["profile"]["age"] = Duration(world.now.us - first.us)
    return world


def _random_value(random_: random.Random, kind: str, *, nullable: bool) -> Constant:
    if nullable and random_.random() < 0.08:
        return None
    if kind == "dyn" and random_.random() < 0.4:
        return random_.choice(ALIKE[:-1])
    if kind == "dyn":
        kind = random_.choice(tuple(POOLS))
    if kind == "number" and random_.random() < 0.25:
        return random_.choice(SPECIAL)
    return random_.choice(POOLS[kind])


@dataclass(frozen=True)
class Condition:
    """One condition, as a document says it and for the oracle."""

    text: str
    oracle: str


def random_condition(random_: random.Random, depth: int = 3) -> Condition:
    """Returns a condition of the supported subset.

    It reads few names, so that its tests meet on them.
    """
    return _condition(random_, depth, random_.sample(NAMES, random_.choice((1, 1, 2, 3, 5))))


def _condition(random_: random.Random, depth: int, names: list[Name]) -> Condition:
    if depth == 0 or random_.random() < 0.2:
        return _leaf(random_, random_.choice(names))
    shape = random_.choice(("and", "and", "or", "or", "not", "ternary"))
    if shape == "not":
        inner = _condition(random_, depth - 1, names)
        return Condition(f"!({inner.text})", f"!({inner.oracle})")
    parts = [
        _condition(random_, depth - 1, names)
        for _ in range(3 if shape == "ternary" else random_.choice((2, 2, 3)))
    ]
    if shape == "ternary":
        texts = [f"({part.text})" for part in parts], [f"({part.oracle})" for part in parts]
        return Condition(*(f"{a} ? {b} : {c}" for a, b, c in texts))
    sign = " && " if shape == "and" else " || "
    return Condition(
        sign.join(f"({part.text})" for part in parts),
        sign.join(f"({part.oracle})" for part in parts),
    )


def _leaf(random_: random.Random, name: Name) -> Condition:
    shape = random_.choices(("compare", "in", "has", "truth", "constant"), (60, 15, 10, 10, 2))[0]
    if shape == "constant":
        text = random_.choice(("true", "false"))
        return Condition(text, text)
    if shape == "has" and name.selectable:
        return Condition(f"has({name.text})", f"has({name.oracle})")
    if shape == "truth" and name.kind in ("bool", "dyn"):
        sign = random_.choice(("", "!"))
        return Condition(sign + name.text, sign + name.oracle)
    if shape == "in":
        items = ", ".join(
            constant_text(_constant(random_, name)) for _ in range(random_.choice((0, 1, 2, 3, 4)))
        )
        return Condition(f"{name.text} in [{items}]", f"{name.oracle} in [{items}]")
    operator = random_.choice(("==", "!=", "<", "<=", ">", ">="))
    constant = _constant(random_, name)
    if operator in ("==", "!="):
        constant = random_.choice((None, *[constant] * 9))
    elif constant is None:
        constant = random_.choice(NUMBERS)
    text = constant_text(constant)
    if random_.random() < 0.25:
        return Condition(f"{text} {operator} {name.text}", f"{text} {operator} {name.oracle}")
    return Condition(f"{name.text} {operator} {text}", f"{name.oracle} {operator} {text}")


def _constant(random_: random.Random, name: Name) -> Constant:
    if name.kind == "dyn" and random_.random() < 0.4:
        return random_.choice(ALIKE)
    return random_.choice(POOLS[random_.choice(tuple(POOLS)) if name.kind == "dyn" else name.kind])


def constant_text(value: Constant) -> str:
    """Returns a constant in CEL, written independently of the compiler's own printer."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return (
            '"'
            + "".join(
                f"\\U{ord(letter):08x}" if letter in '"\\\n' or not letter.isascii() else letter
                for letter in value
            )
            + '"'
        )
    if isinstance(value, Time):
        message = timestamp_pb2.Timestamp(
            seconds=value.us // 1_000_000, nanos=value.us % 1_000_000 * 1_000
        )
        return f'timestamp("{message.ToJsonString()}")'
    if isinstance(value, Duration):
        message = duration_pb2.Duration()
        message.FromMicroseconds(value.us)
        return f'duration("{message.ToJsonString()}")'
    return repr(value)
