"""Links between the core's rows and the contract's messages."""

import json
import math
from collections.abc import Sequence
from typing import Final, cast

from kairos.v1 import event_pb2, profile_service_pb2

from kairos_server.errors import Refused
from kairos_server.rpc.subjects import IDENTIFIER_TYPES, USER, enum_check

EVIDENCE_COUNT_MAX: Final = 16
EVIDENCE_SIZE_MAX: Final = 200
LINK_PREFIX: Final = "link_"
# A link made by an event tells the event's log record by its id.
_ORDINALS: Final = 16
_METHODS = frozenset(profile_service_pb2.LinkMethod.values())

Side = tuple[int, bytes]
"""Identifier type and value."""
LinkRow = tuple[int, Side, Side, int, float, bytes, int, bytes, bytes]
"""As Engine.group gives it: id, left, right, method, confidence, evidence, time, hashes."""


def side_of(field: str, identifier: event_pb2.Identifier) -> Side:
    """Returns one end of a link. Errors: Refused(SUBJECT_MISSING, ENUM_INVALID, FIELD_INVALID)"""
    enum_check(f"{field}.type", identifier.type, IDENTIFIER_TYPES)
    if not identifier.value:
        raise Refused("SUBJECT_MISSING", f"{field}.value")
    if identifier.type == event_pb2.IDENTIFIER_TYPE_ACCOUNT:
        # An account stands for many people: what is linked with it would be one person.
        raise Refused("FIELD_INVALID", f"{field}.type", "account")
    return identifier.type or USER, identifier.value.encode()


def method_of(field: str, method: int) -> int:
    """Returns the method of a link. Errors: Refused(ENUM_INVALID)"""
    enum_check(field, method, _METHODS)
    return method or profile_service_pb2.LINK_METHOD_MANUAL


def confidence_of(confidence: float) -> float:
    """Returns how sure a link is. Errors: Refused(FIELD_INVALID)"""
    if not (math.isfinite(confidence) and 0 <= confidence <= 1):
        raise Refused("FIELD_INVALID", "confidence", str(confidence))
    return confidence


def evidence_bytes(evidence: Sequence[str]) -> bytes:
    """Returns the texts as the log keeps them. Errors: Refused(FIELD_INVALID)"""
    if len(evidence) > EVIDENCE_COUNT_MAX:
        raise Refused("FIELD_INVALID", "evidence", f"{len(evidence)} texts")
    for index, text in enumerate(evidence):
        if not 0 < len(text.encode()) <= EVIDENCE_SIZE_MAX:
            raise Refused("FIELD_INVALID", f"evidence[{index}]", text)
    if not evidence:
        return b""
    return json.dumps(list(evidence), ensure_ascii=False, separators=(",", ":")).encode()


def link_name(link_id: int) -> str:
    """Returns a link's id as callers see it."""
    return f"{LINK_PREFIX}{link_id}"


def link_number(field: str, name: str) -> int:
    """Returns the core's id of a link. Errors: Refused(NAME_INVALID)"""
    digits = name.removeprefix(LINK_PREFIX)
    if digits == name or not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
        raise Refused("NAME_INVALID", field, name)
    return int(digits)


def link_message(row: LinkRow) -> profile_service_pb2.Link:
    """Returns the message of a row."""
    link_id, left, right, method, confidence, evidence, time_us, _, _ = row
    by_event = method in (
        profile_service_pb2.LINK_METHOD_DETERMINISTIC,
        profile_service_pb2.LINK_METHOD_USER_LOGIN,
    )
    texts = json.loads(evidence) if evidence else []
    if by_event and not texts:
        texts = [f"event {link_id // _ORDINALS}"]
    return profile_service_pb2.Link(
        link_id=link_name(link_id),
        left=identifier_message(left),
        right=identifier_message(right),
        method=cast("profile_service_pb2.LinkMethod", method),
        confidence=confidence,
        evidence=texts,
        create_time_us=time_us,
    )


def identifier_message(side: Side) -> event_pb2.Identifier:
    """Returns the message of one end of a link."""
    return event_pb2.Identifier(
        type=cast("event_pb2.IdentifierType", side[0]), value=side[1].decode()
    )


def sides_of(rows: Sequence[LinkRow]) -> dict[bytes, Side]:
    """Returns the identifiers that links connect, by hash; the first spelling of each."""
    found: dict[bytes, Side] = {}
    for row in rows:
        found.setdefault(row[7], row[1])
        found.setdefault(row[8], row[2])
    return found
