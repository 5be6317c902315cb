"""A decision record in parts: kairos_decision of native/kairos_native/layout.h and what follows it.

See docs/adr/0015-decision-records.md.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from kairos_native.engine import SIZES

_HEADER: Final = struct.Struct("<16s32sQqqQ12I")
_VALUE: Final = struct.Struct("<QIB3x")
_DOUBLE: Final = struct.Struct("<d")
VERSION: Final = 1


class ValueKind(IntEnum):
    """Numbers of enum kairos_value_kind."""

    ABSENT = 0
    NULL = 1
    BOOL = 2
    INT = 3
    DOUBLE = 4
    STRING = 5
    TIME = 6
    DURATION = 7


@dataclass(frozen=True, slots=True)
class DecisionValue:
    """One value that the plan read: a string, a number, a truth, or None."""

    kind: ValueKind
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class DecisionParts:
    """Everything that a record holds. Units: times in microseconds."""

    decision_id: bytes
    plan_id: bytes
    applied_sequence: int
    now_us: int
    consent_bits: int
    semantics_version: int
    tenant: int
    values: tuple[DecisionValue, ...]
    score_features: tuple[float, ...]
    request: bytes
    response: bytes


def record_read(record: bytes) -> DecisionParts:
    """Returns the parts of a record.

    Errors: ValueError for a record of another version, or one whose sizes do not fit.
    """
    if len(record) < _HEADER.size:
        raise ValueError("the record is too short")
    header = _HEADER.unpack_from(record)
    decision_id, plan_id, applied_sequence, now_us, _, consent_bits = header[:6]
    version, semantics, tenant, _, _, _, value_count, feature_count = header[6:14]
    text_size, request_size, response_size, _ = header[14:]
    if version != VERSION:
        raise ValueError(f"the record has version {version}, this server reads {VERSION}")
    offset = _HEADER.size
    texts = offset + value_count * _VALUE.size + feature_count * 4
    request = texts + text_size
    if request + request_size + response_size != len(record):
        raise ValueError("the sizes of the record do not fit")
    values = tuple(
        _value(record, offset + index * _VALUE.size, texts) for index in range(value_count)
    )
    features = struct.unpack_from(f"<{feature_count}f", record, offset + value_count * _VALUE.size)
    return DecisionParts(
        decision_id=decision_id,
        plan_id=plan_id,
        applied_sequence=applied_sequence,
        now_us=now_us,
        consent_bits=consent_bits,
        semantics_version=semantics,
        tenant=tenant,
        values=values,
        score_features=features,
        request=record[request : request + request_size],
        response=record[request + request_size :],
    )


def _value(record: bytes, offset: int, texts: int) -> DecisionValue:
    bits, size, number = _VALUE.unpack_from(record, offset)
    kind = ValueKind(number)
    if kind is ValueKind.STRING:
        text = record[texts + bits : texts + bits + size]
        return DecisionValue(kind, text.decode("utf-8", "replace"))
    if kind is ValueKind.DOUBLE:
        return DecisionValue(kind, float(_DOUBLE.unpack(bits.to_bytes(8, "little"))[0]))
    if kind is ValueKind.BOOL:
        return DecisionValue(kind, bool(bits))
    if kind in (ValueKind.INT, ValueKind.TIME, ValueKind.DURATION):
        return DecisionValue(kind, bits - (1 << 64) if bits >> 63 else bits)
    return DecisionValue(kind, None)


assert SIZES["kairos_decision"] == _HEADER.size
