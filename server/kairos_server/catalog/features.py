"""Feature calls -> what a slot keeps. Two calls of one meaning have one text, and so one slot."""

import math
from dataclasses import dataclass

from . import limits
from .cel import FEATURE_ARITY, Call, Entries, Expression, Literal, literal_text, where
from .model import Constant, FieldType, SlotKind, SlotScope
from .schema import Schema, ValueType, canonical_name, check_constant, listed
from .spans import span_text, span_us, window
from .violations import Fault, Reason, nearest

SHAPES = {
    "count": 'count(type[, filter][, window]), for example count("page_view", {"url": "/pricing"}, '
    '"7d")',
    "sum": 'sum(type, attribute[, filter][, window]), for example sum("purchase", "value_minor", '
    '"30d")',
    "decayed": 'decayed(type[, filter], half_life), for example decayed("page_view", "24h")',
    "last": 'last(type[, attribute][, filter]), for example last("purchase").time',
    "first": 'first(type[, attribute][, filter]), for example first("purchase").time',
    "session_count": 'session_count(type[, filter]), for example session_count("page_view")',
    "session_sum": 'session_sum(type, attribute[, filter]), for example session_sum("purchase", '
    '"value_minor")',
    "previous": 'previous(call), for example previous(count("purchase"))',
}
_WITH_WINDOW = ("count", "sum")
_SUMS = {
    (FieldType.INT, False): SlotKind.SUM_INT, (FieldType.DOUBLE, False): SlotKind.SUM_DOUBLE,
    (FieldType.INT, True): SlotKind.WINDOW_SUM_INT,
    (FieldType.DOUBLE, True): SlotKind.WINDOW_SUM_DOUBLE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    `event_type` is "*" for any; `filter` is sorted by name; times are microseconds, 0 where unused.
    """

    kind: SlotKind
    scope: SlotScope
    event_type: str
    filter: tuple[tuple[str, Constant], ...]
    attribute: str | None
    value_type: ValueType
    window_us: int
    bucket_count: int
    half_life_us: int
    text: str

    @property
    def kept(self) -> bool:
        """True for last and first, which have parts `.time` and `.value`."""
        return self.kind in (SlotKind.LAST, SlotKind.FIRST)

    @property
    def bucket_us(self) -> int:
        return -(-self.window_us // self.bucket_count) if self.bucket_count else 0

    @property
    def decay_per_us(self) -> float:
        return math.log(2.0) / self.half_life_us if self.half_life_us else 0.0

    @property
    def size(self) -> int:
        """Bytes of the slot by its kind (enum kairos_slot_kind), a multiple of 8."""
        fixed = {SlotKind.DECAYED: 16, SlotKind.LAST: 24, SlotKind.FIRST: 24}
        width = {
            SlotKind.WINDOW_COUNT: 4,
            SlotKind.WINDOW_SUM_INT: 8,
            SlotKind.WINDOW_SUM_DOUBLE: 8,
        }
        return (fixed.get(self.kind, 8) + width.get(self.kind, 0) * self.bucket_count + 7) // 8 * 8


class FeatureReader:
    """Reads one call; the cursor goes through its arguments."""

    def __init__(self, call: Call, schema: Schema, text: str) -> None:
        self._call, self._schema, self._text = call, schema, text
        self._arguments = list(call.arguments)

    def feature(self) -> Feature:
        """Returns the feature.

        Errors: Fault that shows the call's shape
        """
        name = self._call.function
        least, most = FEATURE_ARITY[name]
        if not least <= len(self._arguments) <= most:
            raise self._fault(Reason.TYPE_WRONG, f"{name}() takes {least} to {most} arguments")
        event_type = self._event_type()
        attribute, attribute_type = self._attribute()
        filter_ = self._filter()
        window_us, buckets, half_life_us = self._window()
        if self._arguments:
            raise self._fault(
                Reason.TYPE_WRONG, "this argument does not belong here", self._arguments[0]
            )
        kind, value_type = self._kind(attribute_type, window_us)
        scope = SlotScope.SESSION if name.startswith("session_") else SlotScope.SUBJECT
        text = self._canonical(event_type, attribute, filter_, window_us, buckets, half_life_us)
        return Feature(
            kind,
            scope,
            event_type,
            filter_,
            attribute,
            value_type,
            window_us,
            buckets,
            half_life_us,
            text,
        )

    def _fault(self, reason: Reason, what: str, at: Expression | None = None) -> Fault:
        position = (at or self._call).position
        return Fault(
            reason, f"{where(self._text, position)}: {what}; write {SHAPES[self._call.function]}"
        )

    def _next_text(self) -> str | None:
        argument = self._arguments[0] if self._arguments else None
        if isinstance(argument, Literal) and isinstance(argument.value, str):
            self._arguments.pop(0)
            return argument.value
        return None

    def _event_type(self) -> str:
        name = self._next_text()
        if not name or len(name.encode()) > limits.EVENT_TYPE_SIZE_MAX:
            raise self._fault(Reason.TYPE_WRONG, "the first argument is the event type, a text")
        return name

    def _attribute(self) -> tuple[str | None, ValueType]:
        function = self._call.function
        if function not in ("sum", "session_sum", "last", "first"):
            return None, ValueType.DYN
        name = self._next_text()
        if name is None and function in ("last", "first"):
            name = "value_minor"
        if name is None:
            raise self._fault(Reason.TYPE_WRONG, "the second argument is the attribute, a text")
        name, kind = self._field(name)
        if function in ("sum", "session_sum") and kind not in (ValueType.INT, ValueType.DOUBLE):
            raise self._fault(Reason.TYPE_WRONG, f"event.{name} is no int or double of the schema")
        return name, kind

    def _field(self, name: str) -> tuple[str, ValueType]:
        canonical = canonical_name(name)
        known = self._schema.event_types()
        if canonical not in known:
            raise self._fault(
                Reason.NAME_UNKNOWN,
                f"event.{canonical} is not known.{nearest(canonical, known)} "
                f"Known: {listed(known)}",
            )
        return canonical, ValueType(known[canonical])

    def _filter(self) -> tuple[tuple[str, Constant], ...]:
        if not self._arguments or not isinstance(self._arguments[0], Entries):
            return ()
        entries = self._arguments.pop(0)
        assert isinstance(entries, Entries)
        if len(entries.entries) > limits.FILTERS_MAX:
            raise self._fault(
                Reason.LIMIT_EXCEEDED, f"a filter has at most {limits.FILTERS_MAX} entries", entries
            )
        result: dict[str, Constant] = {}
        for key, value in entries.entries:
            if not (isinstance(key, Literal) and isinstance(key.value, str)):
                raise self._fault(
                    Reason.TYPE_WRONG, "a filter's keys are attribute names, texts", key
                )
            if not isinstance(value, Literal) or value.value is None:
                raise self._fault(Reason.TYPE_WRONG, "a filter's values are constants", value)
            name, kind = self._field(key.value)
            if name in result or name == "type":
                raise self._fault(Reason.KEY_DUPLICATE, f"{name} is stated twice", key)
            check_constant(f"event.{name}", kind, value.value)
            result[name] = _whole(value.value)
        return tuple(sorted(result.items()))

    def _window(self) -> tuple[int, int, int]:
        function = self._call.function
        if function == "decayed":
            text = self._next_text()
            half_life_us = span_us(text) if text is not None else 0
            if half_life_us == 0:
                raise self._fault(
                    Reason.TYPE_WRONG, 'the last argument is the half-life, such as "24h"'
                )
            return 0, 0, half_life_us
        if function in _WITH_WINDOW:
            text = self._next_text()
            if text is not None:
                return *window(text), 0
        return 0, 0, 0

    def _kind(self, attribute_type: ValueType, window_us: int) -> tuple[SlotKind, ValueType]:
        function = self._call.function
        if function in ("sum", "session_sum"):
            return _SUMS[FieldType(attribute_type), window_us > 0], attribute_type
        if function in ("last", "first"):
            return (SlotKind.LAST if function == "last" else SlotKind.FIRST), attribute_type
        if function == "decayed":
            return SlotKind.DECAYED, ValueType.DOUBLE
        return (SlotKind.WINDOW_COUNT if window_us else SlotKind.COUNT), ValueType.INT

    def _canonical(
        self,
        event_type: str,
        attribute: str | None,
        filter_: tuple[tuple[str, Constant], ...],
        window_us: int,
        buckets: int,
        half_life_us: int,
    ) -> str:
        parts = [literal_text(event_type)]
        implied = self._call.function in ("last", "first") and attribute == "value_minor"
        if attribute is not None and not implied:
            parts.append(literal_text(attribute))
        if filter_:
            parts.append(
                "{"
                + ", ".join(
                    f"{literal_text(name)}: {literal_text(value)}" for name, value in filter_
                )
                + "}"
            )
        if window_us:
            parts.append(
                literal_text(
                    span_text(window_us)
                    + ("" if buckets == limits.BUCKETS_DEFAULT else f"/{buckets}")
                )
            )
        if half_life_us:
            parts.append(literal_text(span_text(half_life_us)))
        return f"{self._call.function}({', '.join(parts)})"


def _whole(value: Constant) -> Constant:
    """Numbers compare exactly across kinds, so 1.0 and 1 are one filter."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    return value
