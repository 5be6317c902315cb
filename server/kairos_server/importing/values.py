"""Values of files as typed values of events: times, numbers, nested objects, names."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from kairos.v1 import event_pb2

from .errors import RecordError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DEPTH_MAX: Final = 16
_CACHE: Final = 65_536
# Names of attributes that fields of the event own (docs/guides/ingest.md).
RESERVED: Final = frozenset({
    "attributes", "channel", "consents", "currency_code", "device_type", "event_id", "event_type",
    "late", "occurred_time_us", "persona", "producer_id", "producer_sequence", "referrer",
    "session_id", "subject_id", "tenant_id", "time", "traits", "type", "urgency", "url", "user_id",
    "value_minor",
})  # fmt: skip
RESERVED_TRAITS: Final = frozenset(
    {"age", "event_count", "first_seen_time", "last_seen_time", "session_count"}
)
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLAIN_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z")
_PLAIN_FLOAT: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
Scalar = bool | int | float | str | None


@lru_cache(_CACHE)
def canonical(name: str) -> str:
    """Returns the snake_case form in which the server compares names (docs/guides/ingest.md)."""
    return _WORD.sub("_", name).lower()


@lru_cache(_CACHE)
def snake(text: str) -> str:
    """Returns the name of an event as a type: `Order Completed` is `order_completed`."""
    return re.sub(r"[\s_\-/:]+", "_", canonical(text.strip())).strip("_")


def attribute_name(name: str, envelope: str, reserved: frozenset[str] = RESERVED) -> str:
    """Returns the name, below its envelope where a field of the event owns the bare name."""
    return f"{envelope}.{name}" if canonical(name) in reserved else name


def value_set(attribute: event_pb2.Attribute, value: Scalar) -> None:
    """Sets the typed value that belongs to a Python value. Errors: RecordError."""
    # bool is a subclass of int and has to be asked first.
    if isinstance(value, str):
        attribute.string_value = value
    elif isinstance(value, bool):
        attribute.bool_value = value
    elif isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise RecordError(f"{attribute.name}: whole numbers have 64 bits")
        attribute.int_value = value
    elif isinstance(value, float):
        attribute.double_value = value
    elif value is None:
        attribute.null_value = event_pb2.NULL_VALUE_UNSPECIFIED
    else:
        raise RecordError(f"{attribute.name}: a {type(value).__name__} is not a value")


def flatten(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Scalar]]:
    """Yields the values of nested objects and lists under dotted names: `cart.items.0.sku`.

    Empty objects and lists hold no value and yield nothing.
    Errors: RecordError beyond 16 levels.
    """
    if depth > DEPTH_MAX:
        raise RecordError(f"{name[:64]}: nested deeper than {DEPTH_MAX}")
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(f"{name}.{key}" if name else str(key), item, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from flatten(f"{name}.{index}", item, depth + 1)
    else:
        yield name, value


def attributes_add(event: event_pb2.Event, values: Any, envelope: str) -> None:
    """Adds the values of an object as attributes of an event. Errors: RecordError."""
    for name, value in flatten("", values):
        value_set(event.attributes.add(name=attribute_name(name, envelope)), value)


def traits_add(event: event_pb2.Event, values: Any, envelope: str) -> None:
    """Adds the values of an object as traits of the subject. Errors: RecordError."""
    for name, value in flatten("", values):
        value_set(event.traits.add(name=attribute_name(name, envelope, RESERVED_TRAITS)), value)


def scalar_read(text: str) -> Scalar:
    """Returns what a cell of a text file plainly is: a whole number, a number, a truth value, else
    text. `007`, `1e999` and ` 5` stay text.
    """
    if _PLAIN_INT.match(text):
        number = int(text)
        return number if -(1 << 63) <= number < 1 << 63 else text
    if _PLAIN_FLOAT.match(text):
        found = float(text)
        return found if abs(found) != float("inf") else text
    return {"true": True, "false": False}.get(text, text)


@lru_cache(_CACHE)
def iso_us(text: str, zone: tzinfo = UTC) -> int:
    """Returns an ISO 8601 time in microseconds since 1970; one without a zone is in `zone`.

    Errors: ValueError.
    """
    moment = datetime.fromisoformat(text)
    return moment_us(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def moment_us(moment: datetime) -> int:
    """Returns a moment with a zone in microseconds since 1970, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def time_us_of(value: Any, field: str) -> int:
    """Returns the time of a JSON value: text in ISO 8601, or a number of microseconds.

    Errors: RecordError.
    """
    if isinstance(value, str):
        try:
            return iso_us(value)
        except ValueError:
            raise RecordError(f"{field}: `{value[:64]}` is not an ISO 8601 time") from None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return value
    raise RecordError(f"{field}: a time is text in ISO 8601 or microseconds since 1970")


def text_of(row: dict[str, Any], *names: str) -> str:
    """Returns the first of several fields that is there, as text; empty where none is.

    Errors: RecordError when it is neither text nor a whole number.
    """
    for name in names:
        value = row.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise RecordError(f"{name}: must be text, not {type(value).__name__}")
    return ""
