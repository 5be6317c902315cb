"""Calls of Segment's tracking API (track, page, screen, identify, group, alias) as events.

Source: the specification of Segment's calls, common fields and e-commerce events.
"""

from collections.abc import Mapping
from typing import Any, Final

from kairos.v1 import event_pb2

from .errors import RecordError
from .money import decimal_of, minor_units
from .plain import consent_add
from .values import attributes_add, iso_us, snake, text_of, traits_add

TYPES: Final = {
    "page": "page_view",
    "screen": "screen_view",
    "identify": "identify",
    "group": "group",
    "alias": "alias",
}
# Of the traits these identify a person: identifiers are hashed, traits would not be.
_IDENTIFIERS: Final = {
    "email": event_pb2.IDENTIFIER_TYPE_EMAIL,
    "phone": event_pb2.IDENTIFIER_TYPE_PHONE,
}
_PERSONAL: Final = frozenset({
    "address", "avatar", "birthday", "firstName", "first_name", "lastName", "last_name", "name",
    "username",
})  # fmt: skip
_CAMPAIGN: Final = {
    "name": "utm_campaign",
    "source": "utm_source",
    "medium": "utm_medium",
    "term": "utm_term",
    "content": "utm_content",
}
_DEVICES: Final = {
    "ios": event_pb2.DEVICE_TYPE_MOBILE,
    "android": event_pb2.DEVICE_TYPE_MOBILE,
    "mobile": event_pb2.DEVICE_TYPE_MOBILE,
    "tablet": event_pb2.DEVICE_TYPE_TABLET,
    "desktop": event_pb2.DEVICE_TYPE_DESKTOP,
    "tv": event_pb2.DEVICE_TYPE_TV,
}
_CHANNELS: Final = {"mobile": event_pb2.CHANNEL_APP, "browser": event_pb2.CHANNEL_WEB}
_CONTEXT_KEPT: Final = ("locale", "timezone", "app", "os", "network", "screen")
_AMOUNTS: Final = ("revenue", "total", "value")


def segment_event(
    row: Any, consents: Mapping[str, str] | None = None, *, personal: bool = False
) -> event_pb2.Event:
    """Returns the event of one call.

    consents: category of `context.consent.categoryPreferences` -> purpose; others are left out.
    personal: keep names, addresses and the like among the traits.
    Errors: RecordError.
    """
    if not isinstance(row, dict):
        raise RecordError("a call is a JSON object")
    kind = text_of(row, "type")
    if kind != "track" and kind not in TYPES:
        raise RecordError(
            f"type: `{kind[:64]}` is not track, page, screen, identify, group or alias"
        )
    context = _object(row, "context")
    event = event_pb2.Event(event_id=text_of(row, "messageId"))
    event.event_type = TYPES.get(kind) or snake(text_of(row, "event"))
    if not event.event_type:
        raise RecordError("event: a track call names what happened")
    time_us = moment_of(row)
    if time_us is not None:
        event.occurred_time_us = time_us
    _subject_set(event, row, kind)
    _properties_set(event, row, kind)
    _context_set(event, context)
    _traits_set(event, row, context, kind, personal)
    for category, given in _object(_object(context, "consent"), "categoryPreferences").items():
        if consents and category in consents:
            consent_add(event, consents[category], given)
    return event


def moment_of(row: Mapping[str, Any]) -> int | None:
    """Returns when it happened by the server's clock; None where the call does not say.

    A device's clock may be wrong by hours. Segment writes the corrected `timestamp`; where only the
    raw call is there, the same correction is made: the difference between `sentAt` (the device's
    clock) and `receivedAt` (the server's) is the skew.
    Errors: RecordError.
    """
    stamp, original = _time(row, "timestamp"), _time(row, "originalTimestamp")
    sent, received = _time(row, "sentAt"), _time(row, "receivedAt")
    if stamp is not None and original is not None:
        return stamp
    happened = original if original is not None else stamp
    if happened is None:
        return received
    if sent is not None and received is not None:
        return received - (sent - happened)
    return happened


def _subject_set(event: event_pb2.Event, row: dict[str, Any], kind: str) -> None:
    user, anonymous = text_of(row, "userId"), text_of(row, "anonymousId")
    previous = text_of(row, "previousId") if kind == "alias" else ""
    if user:
        event.subject_id = user
        event.subject_type = event_pb2.IDENTIFIER_TYPE_USER
        for other in dict.fromkeys((anonymous, previous)):
            if other:
                event.identifiers.add(type=event_pb2.IDENTIFIER_TYPE_ANONYMOUS, value=other)
    elif anonymous:
        event.subject_id = anonymous
        event.subject_type = event_pb2.IDENTIFIER_TYPE_ANONYMOUS
    else:
        raise RecordError("userId: a call has a userId or an anonymousId")
    group = text_of(row, "groupId")
    if group:
        event.identifiers.add(type=event_pb2.IDENTIFIER_TYPE_ACCOUNT, value=group)


def _properties_set(event: event_pb2.Event, row: dict[str, Any], kind: str) -> None:
    properties = dict(_object(row, "properties"))
    if kind in ("page", "screen"):
        for name in ("name", "category"):
            if text_of(row, name):
                properties.setdefault(name, row[name])
        event.url = text_of(properties, "url")
        event.referrer = text_of(properties, "referrer")
        properties.pop("url", None)
        properties.pop("referrer", None)
    currency = properties.get("currency")
    if isinstance(currency, str) and len(currency) == 3:
        amount = next((name for name in _AMOUNTS if properties.get(name) is not None), "")
        if amount:
            code = currency.upper()
            event.value_minor = minor_units(
                decimal_of(properties.pop(amount), f"properties.{amount}"), code
            )
            event.currency_code = code
            del properties["currency"]
    attributes_add(event, properties, "properties")


def _context_set(event: event_pb2.Event, context: dict[str, Any]) -> None:
    page = _object(context, "page")
    event.url = event.url or text_of(page, "url")
    event.referrer = event.referrer or text_of(page, "referrer")
    event.user_agent = text_of(context, "userAgent")
    event.device_type = _DEVICES.get(
        text_of(_object(context, "device"), "type").lower(), event_pb2.DEVICE_TYPE_UNSPECIFIED
    )
    event.channel = _CHANNELS.get(
        text_of(context, "channel").lower(), event_pb2.CHANNEL_UNSPECIFIED
    )
    present = {attribute.name for attribute in event.attributes}
    added = {
        _CAMPAIGN.get(name, f"utm_{name}"): value
        for name, value in _object(context, "campaign").items()
    }
    added |= {f"page.{name}": page[name] for name in ("path", "title", "search") if page.get(name)}
    added |= {name: context[name] for name in _CONTEXT_KEPT if context.get(name) is not None}
    attributes_add(
        event, {name: value for name, value in added.items() if name not in present}, "context"
    )


def _traits_set(
    event: event_pb2.Event, row: dict[str, Any], context: dict[str, Any], kind: str, personal: bool
) -> None:
    if kind == "group":
        # They are the account's, not the person's.
        attributes_add(event, {"group": _object(row, "traits")}, "group")
        traits = dict(_object(context, "traits"))
    else:
        traits = {**_object(context, "traits"), **_object(row, "traits")}
    for name, identifier in _IDENTIFIERS.items():
        value = traits.pop(name, None)
        if isinstance(value, str) and value:
            event.identifiers.add(type=identifier, value=value)
    if not personal:
        traits = {name: value for name, value in traits.items() if name not in _PERSONAL}
    traits_add(
        event, {name: value for name, value in traits.items() if value is not None}, "traits"
    )


def _object(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = row.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecordError(f"{name}: must be an object")
    return value


def _time(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        return iso_us(value)
    except (ValueError, TypeError):
        raise RecordError(f"{name}: `{str(value)[:64]}` is not an ISO 8601 time") from None
