"""Events as people write them: one JSON object with the names of `kairos.v1.Event` or of the
specification, attributes as a plain object.
"""

from typing import Any, Final, cast

import msgspec
from kairos.v1 import event_pb2

from .errors import RecordError
from .values import Scalar, attributes_add, canonical, text_of, time_us_of, traits_add, value_set

# Other spellings of fields, canonical -> field.
_ALIASES: Final = {
    "user_id": "subject_id",
    "type": "event_type",
    "time": "occurred_time_us",
    "timestamp": "occurred_time_us",
    "occurred_time": "occurred_time_us",
    "event_data": "attributes",
    "properties": "attributes",
}
_TEXTS: Final = (
    "event_id", "event_type", "subject_id", "session_id", "persona", "url", "referrer",
    "currency_code", "tenant_id", "user_agent", "producer_id",
)  # fmt: skip
_NUMBERS: Final = ("value_minor", "producer_sequence")
_ENUMS: Final = {
    "device_type": (event_pb2.DeviceType, "DEVICE_TYPE_"),
    "channel": (event_pb2.Channel, "CHANNEL_"),
    "urgency": (event_pb2.Urgency, "URGENCY_"),
    "subject_type": (event_pb2.IdentifierType, "IDENTIFIER_TYPE_"),
}
_OBJECTS: Final = ("attributes", "traits", "consents", "identifiers")
_KNOWN: Final = frozenset({*_TEXTS, *_NUMBERS, *_ENUMS, *_OBJECTS, "occurred_time_us"})
_VALUES: Final[dict[str, type]] = {
    "string_value": str,
    "int_value": int,
    "double_value": float,
    "bool_value": bool,
    "time_value_us": int,
}


def json_read(record: bytes) -> Any:
    """Returns the value of a JSON text. Errors: RecordError."""
    try:
        return msgspec.json.decode(record)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not JSON: {error}") from None


def plain_event(record: bytes) -> event_pb2.Event:
    """Returns the event of one JSON object. Errors: RecordError."""
    row = json_read(record)
    if not isinstance(row, dict):
        raise RecordError("an event is a JSON object")
    return event_of_row(row)


def event_of_row(row: dict[str, Any]) -> event_pb2.Event:
    """Returns the event that an object describes. Errors: RecordError, naming the field."""
    fields: dict[str, Any] = {}
    for key, value in row.items():
        name = canonical(key)
        name = _ALIASES.get(name, name)
        if name not in _KNOWN:
            raise RecordError(
                f"{key}: an event has no such field; put it under `attributes` or `traits`"
            )
        if name in fields:
            raise RecordError(f"{key}: stands twice, as `{name}`")
        fields[name] = value
        if name == canonical(key) == "occurred_time_us" and str(value).isdigit():
            # Canonical proto JSON writes 64-bit numbers as text.
            fields[name] = int(value)
    event = event_pb2.Event()
    for name in _TEXTS:
        if name in fields:
            setattr(event, name, text_of(fields, name))
    for name in _NUMBERS:
        if name in fields:
            setattr(event, name, _number(fields[name], name))
    if "occurred_time_us" in fields:
        event.occurred_time_us = time_us_of(fields["occurred_time_us"], "occurred_time_us")
    for name in _ENUMS:
        if name in fields:
            setattr(event, name, enum_of(fields[name], name))
    _values_add(event.attributes, fields.get("attributes"), event, attributes_add, "attributes")
    _values_add(event.traits, fields.get("traits"), event, traits_add, "traits")
    _consents_add(event, fields.get("consents"))
    _identifiers_add(event, fields.get("identifiers"))
    return event


def enum_of(value: Any, field: str) -> int:
    """Returns the number of a name such as `mobile` or `DEVICE_TYPE_MOBILE`.

    Errors: RecordError.
    """
    kind, prefix = _ENUMS[field]
    name = str(value).upper().removeprefix(prefix)
    try:
        number: int = kind.Value(prefix + name)
    except ValueError:
        known = ", ".join(
            key.removeprefix(prefix).lower() for key in kind.keys()[1:]
        )  # an enum, no dictionary
        raise RecordError(f"{field}: `{str(value)[:64]}` is not one of {known}") from None
    return number


def consent_add(event: event_pb2.Event, purpose: str, value: Any) -> None:
    """Adds a change of consent: `granted` or `denied`, or true or false. Errors: RecordError."""
    name = (
        {True: "granted", False: "denied"}.get(value, value) if isinstance(value, bool) else value
    )
    name = str(name).upper().removeprefix("CONSENT_STATUS_")
    if name not in ("GRANTED", "DENIED"):
        raise RecordError(f"consents.{purpose}: `{str(value)[:64]}` is not granted or denied")
    event.consents.add(
        purpose=purpose, status=event_pb2.ConsentStatus.Value(f"CONSENT_STATUS_{name}")
    )


def _values_add(target: Any, value: Any, event: event_pb2.Event, add: Any, field: str) -> None:
    """Adds an object of names and values, or a list as the contract's JSON writes it."""
    if value is None:
        return
    if isinstance(value, dict):
        add(event, value, field)
        return
    if not isinstance(value, list):
        raise RecordError(f"{field}: must be an object of names and values")
    for index, item in enumerate(value):
        _attribute_add(target, item, f"{field}[{index}]")


def _attribute_add(target: Any, item: Any, where: str) -> None:
    if not isinstance(item, dict):
        raise RecordError(f"{where}: must be an object")
    row: dict[str, Any] = {canonical(key): value for key, value in item.items()}
    attribute = target.add(name=text_of(row, "name"), name_id=_number(row.get("name_id", 0), where))
    for name, kind in _VALUES.items():
        if name not in row:
            continue
        value: Any = row[name]
        # Canonical proto JSON writes 64-bit numbers as text.
        if kind is int and isinstance(value, str):
            value = _number(value, f"{where}.{name}")
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise RecordError(f"{where}.{name}: a {type(value).__name__} is not of this type")
        if name == "time_value_us":
            attribute.time_value_us = value
        else:
            value_set(attribute, cast(Scalar, value))
        return
    if "null_value" in row:
        value_set(attribute, None)


def _consents_add(event: event_pb2.Event, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, list):
        for item in value:
            if not isinstance(item, dict):
                raise RecordError("consents: must be an object of purposes")
            consent_add(event, text_of(item, "purpose"), item.get("status"))
        return
    if not isinstance(value, dict):
        raise RecordError("consents: must be an object of purposes")
    for purpose, status in value.items():
        consent_add(event, purpose, status)


def _identifiers_add(event: event_pb2.Event, value: Any) -> None:
    for item in value or ():
        if not isinstance(item, dict):
            raise RecordError("identifiers: must be a list of objects with type and value")
        event.identifiers.add(
            type=event_pb2.IdentifierType.ValueType(enum_of(item.get("type"), "subject_type")),
            value=text_of(item, "value"),
        )


def _number(value: Any, field: str) -> int:
    if isinstance(value, str) and value.lstrip("-").isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 63:
        raise RecordError(f"{field}: must be a whole number of 64 bits")
    return value
