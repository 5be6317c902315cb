"""CloudEvents 1.0 in the JSON format, structured or batched, as events.

Source: CloudEvents JSON event format 1.0.2 and its JSON Schema.
"""

import base64
import binascii
import re
from hashlib import blake2b
from typing import Any, Final

from kairos.v1 import event_pb2

from .errors import RecordError
from .plain import json_read
from .values import RESERVED, attributes_add, canonical, iso_us, value_set

_REQUIRED: Final = ("id", "source", "specversion", "type")
_OPTIONAL: Final = ("datacontenttype", "dataschema", "subject", "time")
_CORE: Final = frozenset({*_REQUIRED, *_OPTIONAL, "data", "data_base64"})
_NAME: Final = re.compile(r"[a-z0-9]+\Z")
_JSON_TYPE: Final = re.compile(r"[^/;\s]+/(?:[^/;\s]+\+)?json\s*(?:;.*)?\Z", re.IGNORECASE)
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z")
_INTEGER_MAX: Final = (1 << 31) - 1
EVENT_ID_SIZE_MAX: Final = 128


def cloudevent(row: Any, subject_path: str = "subject") -> event_pb2.Event:
    """Returns the event of one CloudEvent.

    `subject_path`: where the person is named: an attribute such as `subject`, or a path into the
    data such as `data.customer.id`.
    Errors: RecordError when it is not a CloudEvent 1.0, naming the attribute and the rule.
    """
    if not isinstance(row, dict):
        raise RecordError("a CloudEvent is a JSON object")
    attributes_check(row)
    data = data_of(row)
    event = event_pb2.Event(
        event_id=event_id_of(row["source"], row["id"]),
        event_type=row["type"],
        subject_id=_subject_of(row, data, subject_path),
    )
    if "time" in row:
        event.occurred_time_us = time_of(row["time"])
    if isinstance(data, dict):
        attributes_add(event, data, "data")
    elif data is not None:
        attributes_add(event, {"data": data}, "data")
    present = {canonical(attribute.name) for attribute in event.attributes}
    for name, value in row.items():
        if name in ("source", "dataschema") or name not in _CORE:
            # The envelope's own names give way to those of the data.
            shown = f"ce.{name}" if name in present or name in RESERVED else name
            value_set(event.attributes.add(name=shown), value)
    return event


def attributes_check(row: dict[str, Any]) -> None:
    """Checks the context attributes of a CloudEvent. Errors: RecordError."""
    for name in _REQUIRED:
        if not isinstance(row.get(name), str) or not row[name]:
            raise RecordError(f"{name}: a CloudEvent needs it, as text that is not empty")
    if row["specversion"] != "1.0":
        raise RecordError(f"specversion: {row['specversion'][:16]} is not 1.0")
    for name in _OPTIONAL:
        if row.get(name) is None:
            # The JSON format allows null for an attribute that is not set.
            row.pop(name, None)
        elif not isinstance(row[name], str) or not row[name]:
            raise RecordError(f"{name}: must be text that is not empty")
    if row.get("data") is not None and row.get("data_base64") is not None:
        raise RecordError("data_base64: there cannot be `data` beside it")
    for name in [name for name in row if name not in _CORE]:
        value = row[name]
        if value is None:
            del row[name]
        elif not _NAME.match(name):
            raise RecordError(f"{name[:64]}: names of attributes are of a-z and 0-9")
        elif isinstance(value, int) and not isinstance(value, bool):
            if abs(value) > _INTEGER_MAX:
                raise RecordError(f"{name}: whole numbers of attributes have 32 bits")
        elif not isinstance(value, (str, bool)):
            raise RecordError(f"{name}: an attribute is text, a whole number or a truth value")


def event_id_of(source: str, identifier: str) -> str:
    """Returns source and id, which together are unique, as one event id; hashed where too long."""
    joined = f"{source}#{identifier}"
    if len(joined.encode()) <= EVENT_ID_SIZE_MAX:
        return joined
    return blake2b(joined.encode(), digest_size=32).hexdigest()


def time_of(text: str) -> int:
    """Returns an RFC 3339 time in microseconds since 1970. Errors: RecordError."""
    try:
        if _RFC3339.match(text):
            return iso_us(text.upper())
    except ValueError:
        pass
    raise RecordError(f"time: `{text[:64]}` is not a time of RFC 3339")


def data_of(row: dict[str, Any]) -> Any:
    """Returns the data: as it stands, or decoded from base64 where that is JSON.

    Errors: RecordError.
    """
    if row.get("data_base64") is None:
        return row.get("data")
    text = row["data_base64"]
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise RecordError("data_base64: is not base64") from None
    kind = row.get("datacontenttype")
    if kind is not None and _JSON_TYPE.match(kind):
        return json_read(raw)
    # Data of other types is of no use to a condition, but it is the sender's: kept as it came.
    try:
        return {"data_base64": text} if kind is not None else json_read(raw)
    except RecordError:
        return {"data_base64": text}


def _subject_of(row: dict[str, Any], data: Any, path: str) -> str:
    value: Any = row
    if path.startswith("data."):
        value, path = data, path.removeprefix("data.")
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise RecordError(
            f"{path}: names nobody; say where the person is with --subject, for example data.userId"
        )
    return str(value)
