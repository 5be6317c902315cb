"""Trigger messages <-> trigger documents."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf import struct_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from kairos.v1 import event_pb2, trigger_pb2

from kairos_server.administration import Heads, Version
from kairos_server.catalog import Body, Fault, StoredDocument, canonical_name, read_body
from kairos_server.catalog.encode import URGENCIES
from kairos_server.catalog.spans import bound_us, zone_of
from kairos_server.errors import Refused

SPELLINGS: Final = ("condition", "conditions", "condition_ranges")
_GROUPS: Final = ("all", "any", "none")
_URGENCY_NAMES: Final = {number: name for name, number in URGENCIES.items()}
_PERSONALIZATION: Final = ("persona", "device_type", "traffic_source")
_DATES: Final = ("start_date", "end_date", "time_zone")
# Field of the message -> keys of the document that say it.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name",), "description": ("description",), "actions": ("actions",),
    "personalization": ("personalization",), "schedule": ("schedule",), "priority": ("priority",),
    "urgency": ("urgency",), "timing": ("timing",),
    **dict.fromkeys(SPELLINGS, ("condition", "conditions")),
}  # fmt: skip


def trigger_message(document: StoredDocument | Version) -> trigger_pb2.Trigger:
    """Returns the typed form of a stored trigger, without status and performance."""
    body = document.body if isinstance(document, StoredDocument) else read_body(document.text)
    message = trigger_pb2.Trigger(
        trigger_id=document.id,
        canonical_condition=document.cel,
        create_time_us=document.create_time_us,
        update_time_us=document.update_time_us,
        version=document.version,
        etag=document.etag,
        author=document.author,
        note=document.note,
    )
    _read(message, {canonical_name(key): value for key, value in body.items()})
    return message


def trigger_body(message: trigger_pb2.Trigger) -> Body:
    """Returns the document of a trigger message."""
    body: Body = {"kind": "trigger"}
    if message.trigger_id:
        body["id"] = message.trigger_id
    for field in _KEYS:
        body |= _written(message, field)
    return body


def trigger_updated(before: StoredDocument, message: trigger_pb2.Trigger, mask: FieldMask) -> Body:
    """Returns the document with the fields that the mask names replaced.

    Errors: Refused(FIELD_MASK_INVALID)
    """
    paths = list(mask.paths) or [
        field.name for field, _ in message.ListFields() if field.name in _KEYS
    ]
    after = trigger_message(before)
    for path in paths:
        known = FieldMask(paths=[path]).IsValidForDescriptor(message.DESCRIPTOR)  # type: ignore[arg-type]
        if not known or path.partition(".")[0] not in _KEYS:
            raise Refused("FIELD_MASK_INVALID", "update_mask", path)
    mask = FieldMask(paths=paths)
    mask.MergeMessage(message, after, replace_message_field=True, replace_repeated_field=True)
    fields = {path.partition(".")[0] for path in paths}
    replaced = {key for field in fields for key in _KEYS[field]}
    body = {key: value for key, value in before.body.items() if canonical_name(key) not in replaced}
    if fields & set(SPELLINGS):
        fields |= set(SPELLINGS)
    for field in (field for field in _KEYS if field in fields):
        body |= _written(after, field)
    return body


def body_text(body: Body) -> str:
    """Returns the text under which a document that was made of a message is stored."""
    return json.dumps(body, ensure_ascii=False, indent=2)


def status_of(
    heads: Heads, document: StoredDocument | Version, message: trigger_pb2.Trigger, now_us: int
) -> trigger_pb2.TriggerStatus:
    """Returns whether a trigger can fire now."""
    if f"{document.kind}/{document.id}" not in heads.catalog.documents:
        return trigger_pb2.TRIGGER_STATUS_DRAFT
    schedule = message.schedule
    if schedule.HasField("active") and not schedule.active:
        return trigger_pb2.TRIGGER_STATUS_PAUSED
    try:
        zone = zone_of(schedule.time_zone or "UTC")
        if schedule.start_date and now_us < bound_us(schedule.start_date, zone, end=False):
            return trigger_pb2.TRIGGER_STATUS_SCHEDULED
        if schedule.end_date and now_us >= bound_us(schedule.end_date, zone, end=True):
            return trigger_pb2.TRIGGER_STATUS_EXPIRED
    except Fault:
        # Only a draft can have a schedule that is none.
        return trigger_pb2.TRIGGER_STATUS_DRAFT
    return trigger_pb2.TRIGGER_STATUS_ACTIVE


def plain(value: struct_pb2.Value) -> Any:
    """Returns the JSON value; a number without a fraction is a whole one."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return plain_object(value.struct_value)
    if kind == "list_value":
        return [plain(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 1 << 53 else number
    return None if kind in ("null_value", None) else getattr(value, kind)


def plain_object(value: struct_pb2.Struct) -> Body:
    """Returns the JSON object, its keys sorted: a Struct has no order."""
    return {key: plain(value.fields[key]) for key in sorted(value.fields)}


def _read(message: trigger_pb2.Trigger, body: Body) -> None:
    message.name = _text(body.get("name"))
    message.description = _text(body.get("description"))
    spelled = body.get("condition", body.get("conditions"))
    if isinstance(spelled, str):
        message.condition = spelled
    elif isinstance(spelled, dict) and _is_ranges(spelled):
        message.condition_ranges.update(spelled)
    elif spelled is not None:
        message.conditions.CopyFrom(_conditions(spelled))
    for action in body.get("actions") or []:
        _read_action(message.actions.add(), action)
    wanted = _canonical(body.get("personalization"))
    if wanted:
        message.personalization.CopyFrom(
            trigger_pb2.TriggerPersonalization(
                **{name: _text(wanted.get(name)) for name in _PERSONALIZATION}
            )
        )
    schedule = _canonical(body.get("schedule"))
    if schedule:
        message.schedule.SetInParent()
        for name in _DATES:
            setattr(message.schedule, name, _text(schedule.get(name)))
        if isinstance(schedule.get("active"), bool):
            message.schedule.active = schedule["active"]
    if isinstance(body.get("priority"), int):
        message.priority = body["priority"]
    message.urgency = URGENCIES.get(_text(body.get("urgency")), event_pb2.URGENCY_UNSPECIFIED)
    if body.get("timing") is not None:
        message.timing.CopyFrom(_value(body["timing"]))


def _read_action(message: trigger_pb2.TriggerAction, given: Any) -> None:
    action = _canonical(given)
    message.type = _text(action.pop("type", ""))
    message.deliver = _text(action.pop("deliver", ""))
    parameters = action.pop("parameters", None)
    if isinstance(parameters, dict):
        message.parameters.update(parameters)
    if action:
        message.settings.update(action)


def _conditions(spelled: Any) -> trigger_pb2.TriggerConditions:
    result = trigger_pb2.TriggerConditions()
    if isinstance(spelled, list):
        spelled = {"all": spelled}
    given = _canonical(spelled)
    if "field" in given:
        result.filters.append(_filter(given))
        return result
    result.event_type = _text(given.get("event_type"))
    for item in given.get("filters") or []:
        if isinstance(item, dict) and "field" in _canonical(item):
            result.filters.append(_filter(_canonical(item)))
        else:
            result.all.append(_item(item))
    for name in _GROUPS:
        getattr(result, name).extend(_item(item) for item in given.get(name) or [])
    return result


def _item(spelled: Any) -> trigger_pb2.ConditionItem:
    if isinstance(spelled, str):
        return trigger_pb2.ConditionItem(condition=spelled)
    if isinstance(spelled, dict) and "field" in _canonical(spelled):
        return trigger_pb2.ConditionItem(filter=_filter(_canonical(spelled)))
    if isinstance(spelled, dict) and _is_ranges(spelled):
        ranges = struct_pb2.Struct()
        ranges.update(spelled)
        return trigger_pb2.ConditionItem(ranges=ranges)
    return trigger_pb2.ConditionItem(group=_conditions(spelled))


def _filter(given: Body) -> trigger_pb2.FieldFilter:
    result = trigger_pb2.FieldFilter(
        field=_text(given.get("field")), operator=_text(given.get("operator"))
    )
    if "value" in given:
        result.value.CopyFrom(_value(given["value"]))
    return result


def _is_ranges(spelled: Body) -> bool:
    keys = set(_canonical(spelled))
    return not keys & {"field", "filters", *_GROUPS} and keys != {"event_type"}


def _written(message: trigger_pb2.Trigger, field: str) -> Body:
    """Returns what the document says of one field; nothing where the field is not set."""
    if field == "actions":
        return {"actions": [_action(a) for a in message.actions]} if message.actions else {}
    if field == "urgency":
        name = _URGENCY_NAMES.get(message.urgency)
        return {"urgency": name} if name else {}
    if field in ("name", "description", "priority"):
        value = getattr(message, field)
        return {field: value} if value else {}
    if not message.HasField(field):
        return {}
    if field == "condition":
        return {"condition": message.condition}
    if field == "conditions":
        return {"conditions": _group(message.conditions)}
    if field == "condition_ranges":
        return {"conditions": plain_object(message.condition_ranges)}
    if field == "timing":
        return {"timing": plain(message.timing)}
    if field == "personalization":
        return {field: _set(message.personalization, _PERSONALIZATION)}
    schedule: Body = _set(message.schedule, _DATES)
    if message.schedule.HasField("active"):
        schedule["active"] = message.schedule.active
    return {"schedule": schedule}


def _action(action: trigger_pb2.TriggerAction) -> Body:
    result: Body = {"type": action.type}
    if action.HasField("parameters"):
        result["parameters"] = plain_object(action.parameters)
    if action.deliver:
        result["deliver"] = action.deliver
    return result | plain_object(action.settings)


def _group(group: trigger_pb2.TriggerConditions) -> Body:
    result: Body = {}
    if group.event_type:
        result["event_type"] = group.event_type
    if group.filters or not (group.event_type or group.all or group.any or group.none):
        result["filters"] = [_filter_body(item) for item in group.filters]
    for name in _GROUPS:
        items: Iterable[trigger_pb2.ConditionItem] = getattr(group, name)
        if items:
            result[name] = [_item_body(item) for item in items]
    return result


def _item_body(item: trigger_pb2.ConditionItem) -> Any:
    kind = item.WhichOneof("item")
    if kind == "filter":
        return _filter_body(item.filter)
    if kind == "group":
        return _group(item.group)
    return plain_object(item.ranges) if kind == "ranges" else item.condition


def _filter_body(item: trigger_pb2.FieldFilter) -> Body:
    result: Body = {"field": item.field}
    if item.operator:
        result["operator"] = item.operator
    if item.HasField("value"):
        result["value"] = plain(item.value)
    return result


def _set(message: Any, names: Iterable[str]) -> Body:
    return {name: getattr(message, name) for name in names if getattr(message, name)}


def _canonical(value: Any) -> Body:
    return {canonical_name(k): v for k, v in value.items()} if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _value(value: Any) -> struct_pb2.Value:
    wrapped = struct_pb2.Struct()
    wrapped.update({"value": value})
    return wrapped.fields["value"]
