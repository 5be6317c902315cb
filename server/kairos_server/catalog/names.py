"""What an expression reads -> where the core finds it.

A name means the same in every spelling: camelCase or snake_case, with or without its root, with or
without the envelope of the specification's JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .cel import FEATURE_ARITY, ROOTS, Call, Expression, Path, Select, unsupported, where
from .features import SHAPES, Feature, FeatureReader
from .model import Part, Source, SourceKind
from .registry import Numbering
from .schema import (
    CONTEXT_FIELDS,
    EVENT_FIELDS,
    PROFILE_FIELDS,
    SESSION_FIELDS,
    Schema,
    ValueType,
    canonical_name,
    listed,
)
from .violations import Fault, Reason, nearest

ENVELOPES = ("event_data", "element_context", "interaction_context")
_ALIASES = {"event.event_type": "type"}


class Reader(Enum):
    """Who reads: an event takes part in a trigger, a request's context in content,
    neither in a score or in what must hold when a timer is due.
    """

    TRIGGER = ("event", "session", "profile", "consent")
    CONTENT = ("session", "profile", "context", "consent")
    SCORE = ("session", "profile")
    TIMER = ("session", "profile", "consent")


@dataclass(frozen=True, slots=True)
class Value:
    """Something readable: `text` is its canonical CEL."""

    source: Source
    type: ValueType
    text: str


@dataclass(slots=True)
class Tables:
    """All that the documents of one tenant share while they are compiled."""

    schema: Schema
    numbering: Numbering
    scores: dict[str, int] = field(default_factory=dict)
    """Score name -> index in PlanModel.derived."""
    features: dict[int, Feature] = field(default_factory=dict)
    """Slot id -> feature, of the slots that this plan reads."""
    named: dict[str, Value] = field(default_factory=dict)
    """Id of a feature document -> what its call reads."""
    asked: list[tuple[int, Feature]] = field(default_factory=list)
    """The slots that the present condition has asked for."""
    _known: dict[tuple[str, bool, int], Mapping[str, ValueType]] = field(default_factory=dict)

    def known(self, root: str, *, scores: bool) -> Mapping[str, ValueType]:
        """Returns name -> type of all that a root has.

        Features are named before anything else is compiled, then scores.
        """
        key = (root, scores, len(self.named) + len(self.scores))
        if key not in self._known:
            self._known[key] = self._known_now(root, scores=scores)
        return self._known[key]

    def _known_now(self, root: str, *, scores: bool) -> Mapping[str, ValueType]:
        schema = self.schema
        if root == "event":
            return {name: ValueType(kind) for name, kind in schema.event_types().items()}
        if root == "context":
            return {name: ValueType(kind) for name, kind in schema.context_types().items()}
        if root == "session":
            return SESSION_FIELDS
        if root == "consent":
            return dict.fromkeys(schema.purposes, ValueType.BOOL)
        named = dict.fromkeys(self.scores, ValueType.DOUBLE) if scores else {}
        return {
            **PROFILE_FIELDS,
            **{name: ValueType(kind) for name, kind in schema.trait_types().items()},
            **{name: value.type for name, value in self.named.items()},
            **named,
        }


class Names:
    """Looks names up for one kind of reader, and gives slots to feature calls."""

    def __init__(self, tables: Tables, reader: Reader, text: str = "") -> None:
        self._tables, self._reader, self._text = tables, reader, text
        self._values: dict[int, Value | None] = {}

    def within(self, text: str) -> "Names":
        """Returns the same names with another text for positions."""
        return Names(self._tables, self._reader, text)

    def value(self, node: Expression) -> Value | None:
        """Returns what the node reads, or None when it is not a name, a feature call,
        or a time's distance to now.

        Errors: Fault: unknown or ambiguous name, wrong feature call
        """
        # A tree outlives its Names, so that a node's address is its identity; lowering and printing
        # ask for the same nodes.
        key = id(node)
        if key not in self._values:
            self._values[key] = self._read(node)
        return self._values[key]

    def _read(self, node: Expression) -> Value | None:
        if isinstance(node, Path):
            return self.path(node)
        if isinstance(node, Select):
            return self._part(node)
        if isinstance(node, Call):
            if node.function == "_-_":
                return self._age(node)
            if node.function == "previous":
                return self._previous(node)
            if node.function in FEATURE_ARITY:
                return self._feature(node, Part.VALUE, previous=False)
        return None

    def text_of(self, node: Expression) -> str | None:
        """Returns the canonical CEL of what the node reads; None for anything else."""
        value = self.value(node) if isinstance(node, Path | Select | Call) else None
        return value.text if value else None

    def path(self, path: Path) -> Value:
        """Returns what a dotted name reads.

        Errors: Fault
        """
        root, names = canonical_name(path.root), [canonical_name(part) for part in path.parts]
        if root == "now" and not names:
            return Value(Source(SourceKind.NOW, 0), ValueType.TIME, "now")
        if root in ENVELOPES and "event" in self._reader.value:
            root = "event"
        if root not in ROOTS:
            return self._bare(path, ".".join((root, *names)))
        if root not in self._reader.value:
            place = {"event": "triggers", "context": "content", "consent": "triggers and content"}[
                root
            ]
            raise self._fault(Reason.NAME_UNKNOWN, path, f"{root} can be read in {place} only")
        if not names:
            raise self._fault(
                Reason.UNSUPPORTED,
                path,
                f"{root} as a whole is not supported; name one of {listed(self._known(root))}",
            )
        name = _ALIASES.get(f"{root}.{'.'.join(names)}", ".".join(names))
        if name not in self._known(root):
            raise self._unknown(
                path,
                f"{root}.{name}",
                [f"{r}.{n}" for r in self._reader.value for n in self._known(r)],
            )
        return self._member(root, name)

    def _bare(self, path: Path, name: str) -> Value:
        hits = [
            root
            for root in self._reader.value
            if root != "consent" and _ALIASES.get(f"{root}.{name}", name) in self._known(root)
        ]
        if len(hits) == 1:
            return self._member(hits[0], _ALIASES.get(f"{hits[0]}.{name}", name))
        if hits:
            both = " and ".join(f"{root}.{name}" for root in hits)
            raise self._fault(
                Reason.NAME_AMBIGUOUS, path, f"{name} is both {both}; write which one"
            )
        raise self._unknown(
            path,
            name,
            [n for root in self._reader.value if root != "consent" for n in self._known(root)],
        )

    def _known(self, root: str) -> Mapping[str, ValueType]:
        # A score reads no other score: no order of evaluation, no cycles.
        return self._tables.known(root, scores=self._reader is not Reader.SCORE)

    def _member(self, root: str, name: str) -> Value:
        tables, kind = self._tables, self._known(root)[name]
        if root == "event":
            fixed = list(EVENT_FIELDS)
            number = (
                fixed.index(name)
                if name in EVENT_FIELDS
                else len(fixed) + tables.numbering.attribute(name)
            )
            source = Source(SourceKind.EVENT, number)
        elif root == "context":
            source = Source(SourceKind.CONTEXT, context_index(tables.schema, name))
        elif root == "session":
            source = Source(SourceKind.SESSION, list(SESSION_FIELDS).index(name))
        elif root == "consent":
            source = Source(SourceKind.CONSENT, tables.numbering.purpose(name))
        elif name in PROFILE_FIELDS:
            source = Source(SourceKind.PROFILE, list(PROFILE_FIELDS).index(name))
        elif name in tables.schema.traits:
            source = Source(SourceKind.TRAIT, tables.numbering.trait(name))
        elif name in tables.named:
            source = tables.named[name].source
            tables.asked.append((source.id, tables.features[source.id]))
        else:
            source = Source(SourceKind.DERIVED, tables.scores[name])
        return Value(source, kind, f"{root}.{name}")

    def _part(self, node: Select) -> Value | None:
        call, previous = node.operand, False
        if (
            call.function == "previous"
            and len(call.arguments) == 1
            and isinstance(call.arguments[0], Call)
        ):
            self._previous_allowed(call)
            call, previous = call.arguments[0], True
        if call.function not in ("last", "first"):
            raise unsupported(
                f"the part .{node.part} of {call.function}()", self._text, node.position
            )
        if node.part not in ("time", "value"):
            raise self._fault(
                Reason.NAME_UNKNOWN,
                node,
                f"{call.function}() has the parts .time and .value, not .{node.part}",
            )
        return self._feature(
            call,
            Part.TIME if node.part == "time" else Part.VALUE,
            previous=previous,
            part_name=node.part,
        )

    def _feature(self, call: Call, part: Part, *, previous: bool, part_name: str = "") -> Value:
        feature = FeatureReader(call, self._tables.schema, self._text).feature()
        if feature.kept and not part_name:
            raise self._fault(
                Reason.UNSUPPORTED, call, f"{call.function}() is read through .time or .value"
            )
        number = self._tables.numbering.slot(
            feature.text, feature.kind, feature.scope, feature.size
        )
        self._tables.features[number] = feature
        self._tables.asked.append((number, feature))
        text = f"{feature.text}.{part_name}" if part_name else feature.text
        kind = ValueType.TIME if part is Part.TIME else feature.value_type
        if previous:
            return Value(Source(SourceKind.SLOT_PREVIOUS, number, part), kind, f"previous({text})")
        return Value(Source(SourceKind.SLOT, number, part), kind, text)

    def _previous_allowed(self, call: Call) -> None:
        if self._reader is not Reader.TRIGGER:
            raise self._fault(
                Reason.UNSUPPORTED,
                call,
                "previous() can be read in triggers only: there is no event here",
            )

    def _previous(self, call: Call) -> Value:
        self._previous_allowed(call)
        inner = call.arguments[0] if len(call.arguments) == 1 else None
        if isinstance(inner, Path):
            value = self.path(inner)
            if value.source.kind is SourceKind.DERIVED:
                return Value(
                    Source(SourceKind.DERIVED_PREVIOUS, value.source.id),
                    value.type,
                    f"previous({value.text})",
                )
            if value.source.kind is SourceKind.SLOT:
                source = Source(SourceKind.SLOT_PREVIOUS, value.source.id, value.source.part)
                return Value(source, value.type, f"previous({value.text})")
        if isinstance(inner, Select) and inner.operand.function in ("last", "first"):
            part = Part.TIME if inner.part == "time" else Part.VALUE
            if inner.part in ("time", "value"):
                return self._feature(inner.operand, part, previous=True, part_name=inner.part)
        if (
            isinstance(inner, Call)
            and inner.function in FEATURE_ARITY
            and inner.function != "previous"
        ):
            return self._feature(inner, Part.VALUE, previous=True)
        raise self._fault(
            Reason.UNSUPPORTED,
            call,
            f"previous() takes a feature call or a score; write {SHAPES['previous']}",
        )

    def _age(self, node: Call) -> Value | None:
        left = self.value(node.arguments[0]) if isinstance(node.arguments[0], Path) else None
        right = self.value(node.arguments[1])
        if left is None or right is None or left.source.kind is not SourceKind.NOW:
            return None
        source, text = right.source, f"now - {right.text}"
        if source.kind in (SourceKind.SLOT, SourceKind.SLOT_PREVIOUS) and source.part is Part.TIME:
            return Value(Source(source.kind, source.id, Part.AGE), ValueType.DURATION, text)
        if source == Source(SourceKind.PROFILE, list(PROFILE_FIELDS).index("first_seen_time")):
            return Value(
                Source(SourceKind.PROFILE, list(PROFILE_FIELDS).index("age")),
                ValueType.DURATION,
                text,
            )
        raise unsupported(
            f"{text} (only now - last(…).time, first(…).time or profile.first_seen_time)",
            self._text,
            node.position,
        )

    def _fault(self, reason: Reason, node: Expression, what: str) -> Fault:
        return Fault(reason, f"{where(self._text, node.position)}: {what}")

    def _unknown(self, path: Path, name: str, known: list[str]) -> Fault:
        schema, last = self._tables.schema, name.partition(".")[2] or name
        if last in schema.personal | schema.personal_traits:
            return self._fault(
                Reason.UNSUPPORTED, path, f"{name} is personal; conditions do not read it"
            )
        return self._fault(Reason.NAME_UNKNOWN, path, f"{name} is not known.{nearest(name, known)}")


def context_index(schema: Schema, name: str) -> int:
    """Returns the position of a context field: the well-known ones,
    then those of the schema by name.
    """
    fixed = list(CONTEXT_FIELDS)
    return (
        fixed.index(name)
        if name in CONTEXT_FIELDS
        else len(fixed) + sorted(schema.context).index(name)
    )
