"""What the wire scanner must answer, written plainly over the protobuf library.

Values come from the library's own parse. Where a message is refused before the rules of its fields
are reached, a walk over the bytes finds the place, because the library does not tell it. The text
that both follow is docs/guides/ingest.md.
"""

import math
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError, Message
from kairos.v1 import error_pb2, event_pb2, personalization_service_pb2

TIME_US_MAX = 253_402_300_799_999_999
RESERVED_EVENT = set(
    b"event_id type event_type time occurred_time_us subject_id user_id session_id device_type "
    b"channel urgency persona url referrer value_minor currency_code tenant_id late traits "
    b"consents attributes producer_id producer_sequence identifiers user_agent subject_type".split()
)
RESERVED_CONTEXT = set(b"channel placement scenario device_type persona urgency".split())
RESERVED_TRAIT = set(b"event_count session_count first_seen_time last_seen_time age".split())
KINDS = {
    "string_value": "string", "int_value": "int", "double_value": "double", "bool_value": "bool",
    "time_value_us": "time", "null_value": "null",
}  # fmt: skip


class Refused(Exception):
    """A refusal: reason without prefix, field, and for malformed bytes the cause."""

    def __init__(self, reason: str, field: str, cause: str = "") -> None:
        super().__init__(reason, field, cause)
        self.status = error_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")
        self.field = field
        self.cause = cause


def walk(data: bytes, path: str) -> Iterator[tuple[int, int, Any]]:
    """Yields (field number, wire type, value) of a message; raises Refused at the first
    byte that is not one.
    """
    at = 0

    def varint(size_max: int, value_max: int) -> int:
        nonlocal at
        value = 0
        for i in range(size_max):
            if at >= len(data):
                raise Refused("WIRE_MALFORMED", path, "end")
            byte = data[at]
            at += 1
            value |= (byte & 127) << 7 * i
            if byte < 128:
                if value > value_max:
                    raise Refused("WIRE_MALFORMED", path, "overflow" if size_max == 10 else "size")
                return value
        raise Refused("WIRE_MALFORMED", path, "varint size")

    while at < len(data):
        tag = varint(5, 2**32 - 1)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise Refused("WIRE_MALFORMED", path, "number")
        if kind in (3, 4):
            raise Refused("WIRE_MALFORMED", path, "group")
        if kind in (6, 7):
            raise Refused("WIRE_MALFORMED", path, "type")
        if kind == 0:
            yield number, kind, varint(10, 2**64 - 1)
            continue
        size = {1: 8, 5: 4}.get(kind) or varint(5, 2**32 - 1)
        if kind == 2 and size == 0:
            yield number, kind, b""
            continue
        if size > len(data) - at:
            raise Refused("WIRE_MALFORMED", path, "end")
        at += size
        yield number, kind, data[at - size : at]


def check_utf8(value: bytes, field: str) -> None:
    try:
        value.decode()
    except UnicodeDecodeError:
        raise Refused("UTF8_INVALID", field) from None


def lists_of(
    data: bytes, texts: dict[int, str], lists: dict[int, tuple[Any, ...]], path: str
) -> dict[int, list[bytes]]:
    """Wire format, UTF-8 and counts of one message; returns the bytes of its
    lists by field number.
    """
    found: dict[int, list[bytes]] = {number: [] for number in lists}
    for number, kind, value in walk(data, path):
        if kind != 2:
            continue
        if number in texts:
            check_utf8(value, texts[number])
        elif number in lists:
            name, limit, *reason = lists[number]
            if len(found[number]) == limit:
                raise Refused(*(reason or ["ATTRIBUTE_COUNT_EXCEEDED"]), name)
            found[number].append(value)
    return found


def read_elements(elements: list[bytes], path: str, texts: dict[int, str]) -> None:
    for i, element in enumerate(elements):
        lists_of(
            element, {n: f"{path}[{i}].{name}" for n, name in texts.items()}, {}, f"{path}[{i}]"
        )


ATTRIBUTE_TEXTS = {1: "name", 3: "string_value"}


def canonical_name(name: bytes) -> bytes | None:
    """The snake_case form, or None where the name is not allowed."""
    if re.search(rb"[\x00-\x1f\x7f]", name) or b"" in name.split(b".") or len(name) > 128:
        return None
    snake = re.sub(rb"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", b"_", name)
    snake = re.sub(rb"[A-Z]", lambda letter: letter[0].lower(), snake)
    return snake if len(snake) <= 128 else None


def check_value(attribute: event_pb2.Attribute, path: str, string_size_max: int) -> tuple[str, Any]:
    member = attribute.WhichOneof("value")
    if member is None:
        raise Refused("ATTRIBUTE_VALUE_MISSING", f"{path}.value")
    value = getattr(attribute, member)
    field = f"{path}.{member}"
    if member == "string_value":
        value = value.encode()
        if len(value) > string_size_max:
            raise Refused("STRING_TOO_LONG", field)
    if member == "double_value":
        if not math.isfinite(value):
            raise Refused("NUMBER_INVALID", field)
        value = struct.pack("<d", value)
    if member == "time_value_us" and not 0 <= value <= TIME_US_MAX:
        raise Refused("TIME_INVALID", field)
    if member == "null_value" and value:
        raise Refused("ENUM_INVALID", field)
    return KINDS[member], value


def check_attributes(
    attributes: Any, path: str, reserved: set[bytes], string_size_max: int
) -> list[tuple[Any, ...]]:
    seen: set[bytes | int] = set()
    values = []
    for i, attribute in enumerate(attributes):
        item, raw = f"{path}[{i}]", attribute.name.encode()
        if attribute.name_id and raw:
            raise Refused("ATTRIBUTE_NAME_INVALID", f"{item}.name")
        if not attribute.name_id and not raw:
            raise Refused("ATTRIBUTE_NAME_MISSING", f"{item}.name")
        name = canonical_name(raw) if raw else b""
        if name is None:
            raise Refused("ATTRIBUTE_NAME_INVALID", f"{item}.name")
        if name in reserved:
            raise Refused("ATTRIBUTE_RESERVED", f"{item}.name")
        if (name or attribute.name_id) in seen:
            raise Refused("ATTRIBUTE_DUPLICATE", f"{item}.name" if name else f"{item}.name_id")
        seen.add(name or attribute.name_id)
        values.append((name, attribute.name_id, *check_value(attribute, item, string_size_max)))
    return values


def check_text(value: str, field: str, limit: int, too_long: str, missing: str = "") -> bytes:
    size = len(value.encode())
    if missing and not size:
        raise Refused(missing, field)
    if size > limit:
        raise Refused(too_long, field)
    return value.encode()


def check_enum(value: int, enum: Any, field: str) -> int:
    if value not in enum.values():
        raise Refused("ENUM_INVALID", field)
    return value


def check_time(message: Message, name: str) -> int | None:
    if not message.HasField(name):
        return None
    value = getattr(message, name)
    if not 0 <= value <= TIME_US_MAX:
        raise Refused("TIME_INVALID", name)
    return value


def check_money(event: event_pb2.Event) -> dict[str, Any]:
    code, stated = event.currency_code.encode(), event.HasField("value_minor")
    if (stated and not code) or (code and not re.fullmatch(rb"[A-Z]{3}", code)):
        raise Refused("CURRENCY_INVALID", "currency_code")
    if code and not stated:
        raise Refused("CURRENCY_INVALID", "value_minor")
    return {"value_minor": event.value_minor if stated else None, "currency_code": code}


def check_consents(event: event_pb2.Event) -> list[tuple[bytes, bool]]:
    purposes: list[tuple[bytes, bool]] = []
    for i, consent in enumerate(event.consents):
        item, purpose = f"consents[{i}]", consent.purpose.encode()
        if not purpose:
            raise Refused("CONSENT_PURPOSE_UNKNOWN", f"{item}.purpose")
        status = check_enum(consent.status, event_pb2.ConsentStatus, f"{item}.status")
        if not status:
            raise Refused("CONSENT_STATUS_INVALID", f"{item}.status")
        if purpose in dict(purposes):
            raise Refused("ATTRIBUTE_DUPLICATE", f"{item}.purpose")
        purposes.append((purpose, status == event_pb2.CONSENT_STATUS_GRANTED))
    return purposes


def normal_email(value: str) -> str | None:
    """The form of an e-mail address that is hashed, or None where it is none."""
    found = re.fullmatch(
        r"[ \t-\r]*([^\x00- \x7f]+@[^\x00- \x7f@.]+(?:\.[^\x00- \x7f@.]+)*)[ \t-\r]*", value
    )
    return re.sub("[A-Z]", lambda letter: letter[0].lower(), found[1]) if found else None


def normal_phone(value: str) -> str | None:
    """The form of a phone number that is hashed, or None where it is none."""
    if not re.fullmatch(r"[-./() \t-\r]*\+?[-./()0-9 \t-\r]*", value):
        return None
    first = re.search(r"[0-9]", value)
    if first:
        head, tail = value[: first.end()], value[first.end() :]
        value = head + tail.replace("(0)", "")
    digits = "".join(re.findall("[0-9]", value))
    if "+" not in value and digits.startswith("00") and len(digits) > 2:
        digits = digits[2:]
    return "+" + digits if 7 <= len(digits) <= 15 and digits[0] != "0" else None


def normal_identifier(kind: int, value: str) -> str | None:
    """The form of an identifier that is hashed; docs/guides/ingest.md."""
    if not value or len(value.encode()) > 256:
        return None
    forms = {
        event_pb2.IDENTIFIER_TYPE_EMAIL: normal_email,
        event_pb2.IDENTIFIER_TYPE_PHONE: normal_phone,
    }
    return forms[kind](value) if kind in forms else value


def check_identifiers(event: event_pb2.Event) -> list[tuple[int, bytes]]:
    for i, identifier in enumerate(event.identifiers):
        item = f"identifiers[{i}]"
        if not check_enum(identifier.type, event_pb2.IdentifierType, f"{item}.type"):
            raise Refused("IDENTIFIER_INVALID", f"{item}.type")
        if normal_identifier(identifier.type, identifier.value) is None:
            raise Refused("IDENTIFIER_INVALID", f"{item}.value")
    return [(identifier.type, identifier.value.encode()) for identifier in event.identifiers]


def check_producer(event: event_pb2.Event) -> dict[str, Any]:
    producer = check_text(event.producer_id, "producer_id", 128, "PRODUCER_INVALID")
    if bool(producer) != bool(event.producer_sequence):
        raise Refused("PRODUCER_INVALID", "producer_sequence" if producer else "producer_id")
    return {"producer_id": producer, "producer_sequence": event.producer_sequence}


def check_subject_type(event: event_pb2.Event) -> int:
    kind = check_enum(event.subject_type, event_pb2.IdentifierType, "subject_type")
    if normal_identifier(kind, event.subject_id) is None:
        raise Refused("IDENTIFIER_INVALID", "subject_id")
    return kind


def read_event(data: bytes) -> dict[str, Any]:
    """The values of an Event; raises Refused."""
    if len(data) > 65_536:
        raise Refused("EVENT_TOO_LARGE", "")
    names = {field.number: field.name for field in event_pb2.Event.DESCRIPTOR.fields}
    texts = {n: names[n] for n in (1, 2, 3, 4, 10, 11, 12, 14, 17, 19, 21)}
    limits = {
        6: ("attributes", 256), 15: ("traits", 64), 16: ("consents", 64),
        18: ("identifiers", 16, "IDENTIFIER_COUNT_EXCEEDED"),
    }  # fmt: skip
    lists = lists_of(data, texts, limits, "")
    read_elements(lists[6], "attributes", ATTRIBUTE_TEXTS)
    read_elements(lists[15], "traits", ATTRIBUTE_TEXTS)
    read_elements(lists[16], "consents", {1: "purpose"})
    read_elements(lists[18], "identifiers", {2: "value"})
    event = event_pb2.Event.FromString(data)
    return {
        "event_id": check_text(event.event_id, "event_id", 128, "EVENT_ID_INVALID"),
        "event_type": check_text(
            event.event_type, "event_type", 128, "EVENT_TYPE_INVALID", "EVENT_TYPE_MISSING"
        ),
        "subject_id": check_text(
            event.subject_id, "subject_id", 256, "SUBJECT_INVALID", "SUBJECT_MISSING"
        ),
        "session_id": check_text(event.session_id, "session_id", 256, "SESSION_INVALID"),
        "occurred_time_us": check_time(event, "occurred_time_us"),
        "attributes": check_attributes(event.attributes, "attributes", RESERVED_EVENT, 8192),
        "device_type": check_enum(event.device_type, event_pb2.DeviceType, "device_type"),
        "channel": check_enum(event.channel, event_pb2.Channel, "channel"),
        "urgency": check_enum(event.urgency, event_pb2.Urgency, "urgency"),
        "persona": check_text(event.persona, "persona", 8192, "STRING_TOO_LONG"),
        "url": check_text(event.url, "url", 8192, "STRING_TOO_LONG"),
        "referrer": check_text(event.referrer, "referrer", 8192, "STRING_TOO_LONG"),
        **check_money(event),
        "traits": check_attributes(event.traits, "traits", RESERVED_TRAIT, 1024),
        "consents": check_consents(event),
        "tenant_id": check_text(event.tenant_id, "tenant_id", 64, "TENANT_MISMATCH"),
        "identifiers": check_identifiers(event),
        **check_producer(event),
        "user_agent": check_text(event.user_agent, "user_agent", 2048, "STRING_TOO_LONG"),
        "subject_type": check_subject_type(event),
    }


def read_decide(data: bytes) -> dict[str, Any]:
    """The values of a DecideRequest, defaults applied; raises Refused."""
    if len(data) > 4_194_304:
        raise Refused("REQUEST_TOO_LARGE", "")
    parts: dict[int, bytes] = {}
    paths = {1: "subject", 2: "context", 3: "constraints"}
    for number, kind, value in walk(data, ""):
        if kind == 2 and number in paths:
            if number in parts:
                raise Refused("WIRE_MALFORMED", paths[number], "twice")
            parts[number] = value
    lists_of(parts.get(1, b""), {1: "subject.id", 2: "subject.tenant_id"}, {}, "subject")
    texts = {2: "context.placement", 3: "context.scenario", 5: "context.persona"}
    lists = lists_of(parts.get(2, b""), texts, {7: ("context.attributes", 256)}, "context")
    read_elements(lists[7], "context.attributes", ATTRIBUTE_TEXTS)
    lists_of(parts.get(3, b""), {}, {}, "constraints")
    request = personalization_service_pb2.DecideRequest.FromString(data)
    subject, context, constraints = request.subject, request.context, request.constraints
    values = {
        "subject_id": check_text(
            subject.id, "subject.id", 256, "SUBJECT_INVALID", "SUBJECT_MISSING"
        ),
        "tenant_id": check_text(subject.tenant_id, "subject.tenant_id", 64, "TENANT_MISMATCH"),
        "channel": check_enum(context.channel, event_pb2.Channel, "context.channel"),
        "placement": check_text(
            context.placement, "context.placement", 128, "PLACEMENT_UNKNOWN", "PLACEMENT_MISSING"
        ),
        "scenario": check_text(context.scenario, "context.scenario", 8192, "STRING_TOO_LONG"),
        "device_type": check_enum(context.device_type, event_pb2.DeviceType, "context.device_type"),
        "persona": check_text(context.persona, "context.persona", 8192, "STRING_TOO_LONG"),
        "urgency": check_enum(context.urgency, event_pb2.Urgency, "context.urgency"),
        "attributes": check_attributes(
            context.attributes, "context.attributes", RESERVED_CONTEXT, 8192
        ),
        "max_variants": constraints.max_variants or 1,
        "require_consent": constraints.require_consent
        if constraints.HasField("require_consent")
        else True,
    }
    if values["max_variants"] > 100:
        raise Refused("MAX_VARIANTS_INVALID", "constraints.max_variants")
    return {**values, "at_time_us": check_time(request, "at_time_us")}


def verdict(
    read: Callable[[bytes], dict[str, Any]], message: type[Message], data: bytes
) -> tuple[Any, ...]:
    """Returns (0, values) or (status, field), after comparing the walk with the protobuf library.

    Errors: AssertionError when the library refuses what is accepted here, or accepts what is called
    malformed but for groups, repeated messages, and numbers of more than 64 bits.
    """
    try:
        message.FromString(data)
        parsed = True
    except DecodeError:
        parsed = False
    stricter = ("group", "twice", "overflow")
    try:
        answer: tuple[Any, ...] = (0, read(data))
        must_parse, must_fail = True, False
    except Refused as refused:
        answer = (refused.status, refused.field)
        about_bytes = refused.args[0] in ("WIRE_MALFORMED", "UTF8_INVALID")
        must_parse, must_fail = False, about_bytes and refused.cause not in stricter
    assert parsed or not must_parse, "accepted what protobuf refuses"
    assert not parsed or not must_fail, f"protobuf accepts what is refused: {answer}"
    return answer
