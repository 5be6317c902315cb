"""Bodies of documents -> typed documents: keys, types and bounds.

What names mean is decided by compile.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .documents import ID, KINDS_LATER, Body, type_name
from .encode import URGENCIES
from .limits import ACTIONS_MAX, TERMS_MAX
from .schema import (
    canonical_name,
    checked_name,
    listed,
)  # fmt: skip
from .spans import bound_us, span_us, zone_of
from .timing import Delivery, Timing, read_delivery, read_timing
from .violations import Fault, Place, Reason, nearest

_INT32 = 1 << 31


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something holds: from start (inclusive) to end (exclusive),
    microseconds; None: unbounded.
    """

    active: bool = True
    start_us: int | None = None
    end_us: int | None = None


@dataclass(frozen=True, slots=True)
class TermDocument:
    feature: str
    weight: float


@dataclass(frozen=True, slots=True)
class ScoreDocument:
    id: str
    logistic: bool
    bias: float
    terms: tuple[TermDocument, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class FeatureDocument:
    id: str
    expression: str
    place: Place


@dataclass(frozen=True, slots=True)
class TriggerDocument:
    id: str
    condition: Any
    condition_key: str
    priority: int
    urgency: str
    actions: list[tuple[str, Body]]
    personalization: tuple[tuple[str, str, Place], ...]
    schedule: Schedule
    timing: Timing
    deliveries: tuple[Delivery, ...]
    """One per action."""
    place: Place


@dataclass(frozen=True, slots=True)
class PlacementDocument:
    id: str
    fallback: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class ContentDocument:
    id: str
    placements: tuple[str, ...]
    variant: str
    eligibility: Any
    purposes: tuple[str, ...]
    priority: int
    ttl_s: int
    logistic: bool
    bias: float
    terms: tuple[TermDocument, ...]
    schedule: Schedule
    payload: Body
    offer: bool
    place: Place


class Fields:
    """Takes values out of an object by name, and at the end refuses the names that nobody took."""

    def __init__(self, body: Any, place: Place) -> None:
        self.place = place
        self._values: dict[str, tuple[str, Any]] = {}
        self._asked: set[str] = set()
        if not isinstance(body, dict):
            place.fault(Reason.TYPE_WRONG, f"expected an object, found {type_name(body)}")
            body = {}
        for key, value in body.items():
            name = canonical_name(key)
            if name in self._values:
                place.at(key).fault(
                    Reason.KEY_DUPLICATE, f"{key} and {self._values[name][0]} are the same key"
                )
            self._values[name] = (key, value)

    def at(self, name: str) -> Place:
        """Returns the place of a key as the document spells it."""
        return self.place.at(self._values[name][0] if name in self._values else name)

    def has(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str, default: Any = None) -> Any:
        self._asked.add(name)
        return self._values[name][1] if name in self._values else default

    def typed(self, name: str, default: Any, *types: type) -> Any:
        """Returns a value of one of the types (bool is no int), or the default where the key
        is missing or wrong.
        """
        value = self.raw(name, default)
        if self.has(name) and type(value) not in types:
            wanted = " or ".join(dict.fromkeys(type_name(kind()) for kind in types))
            self.at(name).fault(Reason.TYPE_WRONG, f"expected {wanted}, found {type_name(value)}")
            return default
        return value

    def number(self, name: str, default: float) -> float:
        return float(self.typed(name, default, int, float))

    def flag(self, name: str, *, default: bool) -> bool:
        return bool(self.typed(name, default, bool))

    def whole(self, name: str, default: int) -> int:
        value: int = self.typed(name, default, int)
        if not -_INT32 <= value < _INT32:
            self.at(name).fault(Reason.VALUE_INVALID, f"{value} has more than 32 bits")
            return default
        return value

    def one_of(self, name: str, default: str, choices: Iterable[str]) -> str:
        value: str = self.typed(name, default, str)
        known = [choice for choice in choices if choice]
        if self.has(name) and value not in known:
            self.at(name).fault(
                Reason.VALUE_INVALID,
                f'"{value}" is not one of {", ".join(known)}.{nearest(value, known)}',
            )
            return default
        return value

    def names(self, name: str) -> tuple[str, ...]:
        """Returns a list of texts, each once."""
        items = self.typed(name, [], list)
        for index, item in enumerate(items):
            if not isinstance(item, str) or item in items[:index]:
                self.at(name).item(index).fault(
                    Reason.TYPE_WRONG, "expected a text that is not in the list yet"
                )
        return tuple(dict.fromkeys(item for item in items if isinstance(item, str)))

    def close(self) -> None:
        """Records the keys that nobody asked for."""
        for name, (key, _) in self._values.items():
            if name not in self._asked:
                self.place.at(key).fault(
                    Reason.KEY_UNKNOWN,
                    f"{key} is not known.{nearest(name, self._asked)} Keys: {listed(self._asked)}",
                )


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    id: str
    fields: Fields
    place: Place


def identity(body: Body, kind: str, document_id: str, kinds: tuple[str, ...]) -> tuple[str, str]:
    """Returns (kind, id) of a document from the request and its body;
    a trigger may take its id from its name.

    Errors: Fault
    """
    stated = {canonical_name(key): value for key, value in body.items()}
    for key, given in (("kind", kind), ("id", document_id)):
        if given and stated.setdefault(key, given) != given:
            raise Fault(
                Reason.VALUE_INVALID, f"the request says {given}, the body {stated[key]}", key
            )
    found = stated.get("kind")
    if found in KINDS_LATER:
        raise Fault(Reason.UNSUPPORTED, f"this version does not serve {found} documents", "kind")
    if found not in kinds:
        raise Fault(
            Reason.VALUE_INVALID,
            f"{found} is not a kind of document.{nearest(str(found), kinds)} Kinds: "
            f"{', '.join(kinds)}",
            "kind",
        )
    name = stated.get("id")
    if name is None and found == "trigger" and isinstance(stated.get("name"), str):
        name = _id_of_name(stated["name"])
    if name is None and found == "schema":
        name = "main"
    if not isinstance(name, str) or not ID.match(name):
        raise Fault(Reason.VALUE_INVALID, "an id has 1 to 128 letters, digits, _, - or .", "id")
    if found == "schema" and name != "main":
        raise Fault(Reason.VALUE_INVALID, "a tenant has one schema, its id is main", "id")
    return str(found), name


def _id_of_name(name: str) -> str:
    words = canonical_name(
        "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name)
    ).split()
    return "_".join(part for word in words for part in word.split("_") if part)


def read_score(document_id: str, body: Body, place: Place) -> ScoreDocument:
    """Returns the score; faults go to the place."""
    fields = open_body(body, place)
    with place.at("id").catch():
        document_id = checked_name(document_id)
    kind = fields.one_of("type", "engagement", ("engagement", "logistic"))
    if not fields.has("type"):
        place.at("type").fault(Reason.KEY_MISSING, "type is engagement or logistic")
    document = ScoreDocument(
        document_id, kind == "logistic", fields.number("bias", 0.0), _terms(fields, "terms"), place
    )
    fields.close()
    return document


def _terms(fields: Fields, key: str) -> tuple[TermDocument, ...]:
    items = fields.typed(key, [], list)
    if len(items) > TERMS_MAX:
        fields.at(key).fault(Reason.LIMIT_EXCEEDED, f"at most {TERMS_MAX} terms")
    result: list[TermDocument] = []
    for index, item in enumerate(items[:TERMS_MAX]):
        term = Fields(item, fields.at(key).item(index))
        for name in ("feature", "weight"):
            if not term.has(name):
                term.place.fault(Reason.KEY_MISSING, f"{name} is missing")
        result.append(TermDocument(term.typed("feature", "", str), term.number("weight", 0.0)))
        term.close()
    return tuple(result)


def read_feature(document_id: str, body: Body, place: Place) -> FeatureDocument:
    """Returns the named feature; faults go to the place."""
    fields = open_body(body, place)
    with place.at("id").catch():
        document_id = checked_name(document_id)
    expression = fields.typed("expression", "", str)
    if not fields.has("expression"):
        place.fault(Reason.KEY_MISSING, "a feature has an expression, a feature call")
    fields.close()
    return FeatureDocument(document_id, expression, place)


def read_trigger(document_id: str, body: Body, place: Place) -> TriggerDocument:
    """Returns the trigger; faults go to the place."""
    fields = open_body(body, place)
    given = [key for key in ("condition", "conditions") if fields.raw(key) is not None]
    if len(given) != 1:
        place.fault(
            Reason.KEY_MISSING if not given else Reason.KEY_DUPLICATE,
            "a trigger has either condition (CEL) or conditions",
        )
    key = given[0] if given else "condition"
    personalization = Fields(
        fields.typed("personalization", {}, dict), fields.at("personalization")
    )
    wanted = tuple(
        (name, personalization.typed(name, "all", str), personalization.at(name))
        for name in ("persona", "device_type", "traffic_source")
    )
    personalization.close()
    timing = read_timing(fields)
    actions, deliveries = _actions(fields, timing)
    document = TriggerDocument(
        document_id, fields.raw(key, "false"), key, fields.whole("priority", 0),
        fields.one_of("urgency", "", URGENCIES), actions, wanted, _schedule(fields), timing,
        deliveries, place,
    )  # fmt: skip
    fields.close()
    return document


def _actions(fields: Fields, timing: Timing) -> tuple[list[tuple[str, Body]], tuple[Delivery, ...]]:
    items = fields.typed("actions", [], list)
    if len(items) > ACTIONS_MAX:
        fields.at("actions").fault(Reason.LIMIT_EXCEEDED, f"at most {ACTIONS_MAX} actions")
    result: list[tuple[str, Body]] = []
    deliveries: list[Delivery] = []
    for index, item in enumerate(items):
        action = Fields(item, fields.at("actions").item(index))
        kind = action.typed("type", "", str)
        if not kind:
            action.place.fault(Reason.KEY_MISSING, "an action has a type")
        result.append((kind, action.typed("parameters", {}, dict)))
        deliveries.append(read_delivery(action, timing))
        action.close()
    return result, tuple(deliveries)


def _schedule(fields: Fields) -> Schedule:
    schedule = Fields(fields.typed("schedule", {}, dict), fields.at("schedule"))
    active = schedule.flag("active", default=True)
    zone = zone_of("UTC")
    with schedule.at("time_zone").catch():
        zone = zone_of(schedule.raw("time_zone", "UTC"))
    bounds: list[int | None] = []
    for name in ("start_date", "end_date"):
        bound, text = None, schedule.raw(name)
        if text is not None:
            with schedule.at(name).catch():
                bound = bound_us(text, zone, end=name == "end_date")
        bounds.append(bound)
    if bounds[0] is not None and bounds[1] is not None and bounds[0] >= bounds[1]:
        schedule.at("end_date").fault(Reason.VALUE_INVALID, "the end is not after the start")
    schedule.close()
    return Schedule(active, bounds[0], bounds[1])


def read_placement(document_id: str, body: Body, place: Place) -> PlacementDocument:
    """Returns the placement; faults go to the place."""
    fields = open_body(body, place)
    fallback = fields.typed("fallback", None, str, type(None))
    fields.close()
    return PlacementDocument(document_id, fallback, place)


def read_content(document_id: str, body: Body, place: Place) -> ContentDocument:
    """Returns the content; faults go to the place."""
    fields = open_body(body, place)
    score = Fields(fields.typed("score", {}, dict), fields.at("score"))
    logistic = score.one_of("type", "linear", ("linear", "logistic")) == "logistic"
    bias, terms = score.number("bias", 0.0), _terms(score, "terms")
    score.close()
    ttl_s = 0
    with fields.at("ttl").catch():
        ttl_s = span_us(fields.typed("ttl", "0s", str)) // 1_000_000
    document = ContentDocument(
        document_id, fields.names("placements"), fields.typed("variant", "", str),
        fields.raw("eligibility", "true"),
        tuple(canonical_name(name) for name in fields.names("purposes")),
        fields.whole("priority", 0), ttl_s, logistic, bias, terms, _schedule(fields),
        fields.typed("payload", {}, dict), fields.flag("offer", default=False), place,
    )  # fmt: skip
    fields.close()
    return document


def read_policy(document_id: str, body: Body, place: Place) -> PolicyDocument:
    """Returns the policy with its fields still open: what they may be,
    the registry of policies says.
    """
    return PolicyDocument(document_id, open_body(body, place), place)


def open_body(body: Body, place: Place) -> Fields:
    """Opens a document's object; kind and id were read before,
    name and description are for people.
    """
    fields = Fields(body, place)
    for name in ("kind", "id"):
        fields.raw(name)
    for name in ("name", "description"):
        fields.typed(name, "", str, type(None))
    return fields


READERS: dict[str, Callable[..., Any]] = {
    "score": read_score, "trigger": read_trigger, "placement": read_placement,
    "content": read_content, "feature": read_feature, "policy": read_policy,
}  # fmt: skip
