"""Parts of answers that never change, encoded when the plan is compiled;
the core only copies their bytes.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from kairos.v1 import event_pb2, personalization_service_pb2

from . import limits
from .violations import Fault, Reason

URGENCIES = {
    "": event_pb2.URGENCY_UNSPECIFIED, "low": event_pb2.URGENCY_LOW,
    "medium": event_pb2.URGENCY_MEDIUM, "high": event_pb2.URGENCY_HIGH,
    "critical": event_pb2.URGENCY_CRITICAL,
}  # fmt: skip


def action_blobs(actions: list[tuple[str, dict[str, Any]]]) -> list[bytes]:
    """Returns the encoded Action of each.

    Errors: Fault, its suffix is the path from `actions` on
    """
    blobs: list[bytes] = []
    for index, (kind, parameters) in enumerate(actions):
        try:
            message = event_pb2.Action(type=kind, parameters=attributes(parameters))
        except Fault as fault:
            raise Fault(
                fault.reason, fault.description, f"[{index}].parameters.{fault.suffix}".rstrip(".")
            ) from None
        blobs.append(message.SerializeToString(deterministic=True))
    return blobs


def trigger_blob(trigger_id: str, actions: Iterable[bytes], urgency: str) -> bytes:
    """Returns an encoded FiredTrigger with trigger_id, encoded actions and urgency; the core adds
    what is known when it fires.
    """
    message = event_pb2.FiredTrigger(trigger_id=trigger_id, urgency=URGENCIES[urgency])
    for action in actions:
        message.actions.add().MergeFromString(action)
    return message.SerializeToString(deterministic=True)


def decision_blob(
    content_id: str,
    variant: str,
    priority: int,
    ttl_s: int,
    payload: dict[str, Any],
    *,
    offer: bool,
) -> bytes:
    """Returns an encoded Decision with all that the document fixes.

    Errors: Fault, its suffix is the path inside the payload
    """
    message = personalization_service_pb2.Decision(
        variant=variant, priority=priority, ttl_seconds=ttl_s, content=attributes(payload)
    )
    if offer:
        message.offer_id = content_id
    else:
        message.content_id = content_id
    return message.SerializeToString(deterministic=True)


def attributes(values: dict[str, Any]) -> list[event_pb2.Attribute]:
    """Returns the values in document order; nested objects and lists become dotted names
    (`cta.text`, `bullets.0`).

    Names stay as the document spells them: they are for the client that shows the content.

    Errors: Fault, its suffix is the path inside the values
    """
    result = [_attribute(name, value) for name, value in _flat(values, "")]
    if len(result) > limits.EVENT_ATTRIBUTES_MAX:
        raise Fault(
            Reason.LIMIT_EXCEEDED, f"{len(result)} values; at most {limits.EVENT_ATTRIBUTES_MAX}"
        )
    names = {attribute.name for attribute in result}
    if len(names) != len(result):
        raise Fault(Reason.KEY_DUPLICATE, "a nested and a dotted key have the same name")
    return result


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict | list):
        yield name, value
        return
    if not value and name:
        raise Fault(
            Reason.VALUE_INVALID,
            "an empty object or list has no form as an attribute; leave it out",
            name,
        )
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if not str(key) or any(not part for part in str(key).split(".")):
            raise Fault(Reason.VALUE_INVALID, f'"{key}" has an empty part', name)
        yield from _flat(item, f"{name}.{key}" if name else str(key))


def _attribute(name: str, value: Any) -> event_pb2.Attribute:
    if len(name.encode()) > limits.ATTRIBUTE_NAME_SIZE_MAX:
        raise Fault(
            Reason.LIMIT_EXCEEDED,
            f"a name has at most {limits.ATTRIBUTE_NAME_SIZE_MAX} bytes",
            name,
        )
    if isinstance(value, bool):
        return event_pb2.Attribute(name=name, bool_value=value)
    if isinstance(value, int):
        return event_pb2.Attribute(name=name, int_value=value)
    if isinstance(value, float):
        return event_pb2.Attribute(name=name, double_value=value)
    if value is None:
        return event_pb2.Attribute(name=name, null_value=event_pb2.NULL_VALUE_UNSPECIFIED)
    if len(value.encode()) > limits.STRING_SIZE_MAX:
        raise Fault(
            Reason.LIMIT_EXCEEDED, f"a text has at most {limits.STRING_SIZE_MAX} bytes", name
        )
    return event_pb2.Attribute(name=name, string_value=value)
