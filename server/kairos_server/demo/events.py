"""Plain rows and the events of the contract that they become."""

from typing import Any

from kairos.v1 import event_pb2

# A row is what a file of the generator holds and what the data sets are turned into: names of
# `kairos.v1.Event`, with `attributes` and `traits` as name -> value, `consents` as purpose ->
# "granted" or "denied", enums by their lower-case names.
Row = dict[str, Any]
Value = bool | int | float | str

_PLAIN = (
    "event_id",
    "event_type",
    "subject_id",
    "session_id",
    "occurred_time_us",
    "value_minor",
    "currency_code",
)


def event_of(row: Row) -> event_pb2.Event:
    """Returns the event that a row describes.

    Errors: ValueError for an enum name or a value type that the contract does not have.
    """
    fields = {name: row[name] for name in _PLAIN if name in row}
    for name, prefix in (("device_type", "DEVICE_TYPE_"), ("channel", "CHANNEL_")):
        if name in row:
            fields[name] = prefix + row[name].upper()
    event = event_pb2.Event(**fields)
    for name, value in row.get("attributes", {}).items():
        set_value(event.attributes.add(name=name), value)
    for name, value in row.get("traits", {}).items():
        set_value(event.traits.add(name=name), value)
    for purpose, status in row.get("consents", {}).items():
        event.consents.add(
            purpose=purpose,
            status=event_pb2.ConsentStatus.Value(f"CONSENT_STATUS_{status.upper()}"),
        )
    return event


def set_value(attribute: event_pb2.Attribute, value: Value) -> None:
    """Sets the typed value that belongs to a Python value."""
    # bool is a subclass of int and has to be asked first.
    if isinstance(value, bool):
        attribute.bool_value = value
    elif isinstance(value, int):
        attribute.int_value = value
    elif isinstance(value, float):
        attribute.double_value = value
    elif isinstance(value, str):
        attribute.string_value = value
    else:
        raise ValueError(f"no attribute type for {type(value).__name__}")


def value_of(attribute: event_pb2.Attribute) -> Value | None:
    """Returns the Python value of an attribute; None where it has none or null."""
    field = attribute.WhichOneof("value")
    if field is None or field == "null_value":
        return None
    value: Value = getattr(attribute, field)
    return value
