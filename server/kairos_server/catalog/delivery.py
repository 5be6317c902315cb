"""The policy `delivery`: how effects are tried, in general and where a channel differs."""

from collections.abc import Mapping
from typing import Any, Final

from kairos.v1 import event_pb2

from .shapes import Fields
from .violations import Reason, nearest

CHANNELS: Final = {
    value.name.removeprefix("CHANNEL_").lower(): value.number
    for value in event_pb2.Channel.DESCRIPTOR.values
    if value.number
}
DELIVERY_DEFAULT: Final[Mapping[str, Any]] = {
    "attempts_max": 8, "backoff_s_min": 2, "backoff_s_max": 3_600, "lease_s": 60,
    "order": "subject", "per_second_max": 0,
}  # fmt: skip
"""How effects are tried where no document says otherwise."""
DELIVERY_BOUNDS: Final = {
    "attempts_max": (1, 100),
    "backoff_s_min": (0, 86_400),
    "backoff_s_max": (0, 604_800),
    "lease_s": (1, 3_600),
    "per_second_max": (0, 1_000_000),
}


def delivery_policy(fields: Fields) -> Mapping[str, Any]:
    """Returns {default, channels}: how effects are tried, in general and where a channel differs;
    each part with attempts_max, backoff_s_min, backoff_s_max, lease_s, order, per_second_max.
    """
    default = _delivery_part(fields, DELIVERY_DEFAULT)
    channels: dict[str, Mapping[str, Any]] = {}
    body = fields.typed("channels", {}, dict)
    for name, part in body.items():
        place = fields.at("channels").at(name)
        number = CHANNELS.get(name)
        if number is None:
            place.fault(
                Reason.NAME_UNKNOWN,
                f"there is no channel {name}.{nearest(name, CHANNELS)}",
            )
            continue
        inner = Fields(part, place)
        channels[str(number)] = _delivery_part(inner, default)
        inner.close()
    return {"default": default, "channels": channels}


def _delivery_part(fields: Fields, default: Mapping[str, Any]) -> Mapping[str, Any]:
    part: dict[str, Any] = {}
    for name, (low, high) in DELIVERY_BOUNDS.items():
        part[name] = fields.whole(name, default[name])
        if not low <= part[name] <= high:
            fields.at(name).fault(Reason.VALUE_INVALID, f"{part[name]} is not {low} to {high}")
    if part["backoff_s_min"] > part["backoff_s_max"]:
        fields.at("backoff_s_min").fault(Reason.VALUE_INVALID, "it is more than backoff_s_max")
    part["order"] = fields.one_of("order", default["order"], ("subject", "none"))
    return part
