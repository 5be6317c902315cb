"""A plan and its values as the references of the parts take them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from kairos.v1 import event_pb2
from kairos_server.catalog.model import Constant, Duration, FieldType, PlanModel, Source, Time

from reference import features, match
from reference.features import ABSENT, BOOL, DOUBLE, DURATION, INT, NO_VALUE, NULL, STRING, TIME

ATTRIBUTE_FIRST = 12
ENUMS = {
    "device_type": (event_pb2.DeviceType, "DEVICE_TYPE_"),
    "channel": (event_pb2.Channel, "CHANNEL_"),
    "urgency": (event_pb2.Urgency, "URGENCY_"),
}
KINDS = {"string": STRING, "int": INT, "double": DOUBLE, "bool": BOOL, "time": TIME, "null": NULL}

Value = features.Value


def value_of_wire(kind: str, value: Any) -> Value:
    if kind == "double":
        return DOUBLE, struct.unpack("<d", value)[0]
    return KINDS[kind], None if kind == "null" else value


def value_field(kind: str) -> str:
    """The field of an Attribute that holds a value of this kind."""
    return "time_value_us" if kind == "time" else f"{kind}_value"


def value_of_constant(constant: Constant) -> Value:
    match constant:
        case None:
            return NULL, None
        case bool():
            return BOOL, constant
        case int():
            return INT, constant
        case float():
            return DOUBLE, constant
        case str():
            return STRING, constant.encode()
        case Time():
            return TIME, constant.us
        case Duration():
            return DURATION, constant.us
    raise TypeError(constant)


def constant_of_value(value: Value) -> match.Value:
    kind, payload = value
    if kind == ABSENT:
        return match.ABSENT
    if kind == STRING:
        return payload.decode()
    if kind == TIME:
        return Time(payload)
    return Duration(payload) if kind == DURATION else payload


def fitted(value: Value, kind: FieldType) -> Value | None:
    """The value as the field's type; None where it has another one."""
    if kind == FieldType.DYN or value[0] in (int(kind), NULL):
        return value
    if kind == FieldType.DOUBLE and value[0] == INT:
        return DOUBLE, float(value[1])
    return None


def text_value(text: bytes) -> Value:
    return (STRING, text) if text else NO_VALUE


def enum_value(name: str, number: int) -> Value:
    enum, prefix = ENUMS[name]
    return (STRING, enum.Name(number).removeprefix(prefix).lower().encode()) if number else NO_VALUE


def put_value(attribute: event_pb2.Attribute, value: Value) -> None:
    """Sets the member of the oneof; a duration stands as microseconds."""
    kind, payload = value
    if kind == STRING:
        attribute.string_value = payload.decode()
    elif kind == NULL:
        attribute.null_value = 0
    elif kind != ABSENT:
        member = {BOOL: "bool_value", DOUBLE: "double_value", TIME: "time_value_us"}
        setattr(attribute, member.get(kind, "int_value"), payload)


@dataclass(frozen=True)
class Active:
    """A plan as the references of the parts take it."""

    model: PlanModel
    plan_id: bytes
    plan: features.Plan
    field_ids: dict[str, int]
    trait_types: dict[bytes, FieldType]

    @staticmethod
    def of(model: PlanModel, plan_id: bytes) -> Active:
        plan = features.Plan(
            slots=tuple(
                features.Slot(
                    int(slot.kind),
                    int(slot.scope),
                    slot.offset,
                    slot.size,
                    slot.event_type,
                    tuple((index, value_of_constant(constant)) for index, constant in slot.filter),
                    slot.value_field,
                    slot.bucket_us,
                    slot.bucket_count,
                    slot.decay_per_us,
                    slot.weight,
                )
                for slot in model.slots
            ),
            slot_size=model.slot_size,
            session_slot_size=model.session_slot_size,
            event_type_count=len(model.event_types),
            event_field_count=len(model.event_fields),
            derived=tuple(
                features.Derived(
                    int(derived.kind),
                    derived.bias,
                    tuple((term.weight, plain(term.source)) for term in derived.terms),
                )
                for derived in model.derived
            ),
            traits=tuple((trait.name.encode(), int(trait.type)) for trait in model.traits),
        )
        return Active(
            model,
            plan_id,
            plan,
            {known.name: index for index, known in enumerate(model.event_fields)},
            {trait.name.encode(): trait.type for trait in model.traits},
        )

    def field_id(self, name: bytes, name_id: int) -> int | None:
        if name_id:
            return name_id if ATTRIBUTE_FIRST <= name_id < len(self.model.event_fields) else None
        return self.field_ids.get(name.decode())


def plain(source: Source) -> features.Source:
    return int(source.kind), source.id, int(source.part)
