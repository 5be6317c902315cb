"""Body of the schema document -> schema: types, personal names, rules of event types,
normalisation.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from . import limits
from .documents import Body
from .model import FieldType
from .schema import (
    CONTEXT_FIELDS,
    DERIVED_FIELDS,
    EVENT_FIELDS,
    EVENT_RESERVED,
    PROFILE_FIELDS,
    TYPE_NAMES,
    EventRules,
    Normalise,
    Schema,
    checked_name,
)
from .shapes import Fields, open_body
from .violations import Fault, Place, Reason, nearest

_RESERVED = {*EVENT_FIELDS, *EVENT_RESERVED}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,253}[a-z0-9])?\Z")


def read_schema(body: Body, place: Place) -> Schema:
    """Returns the schema; faults go to the place."""
    fields = open_body(body, place)
    attributes, personal = _types(fields, "attributes", _RESERVED)
    traits, personal_traits = _types(fields, "traits", PROFILE_FIELDS)
    context, _ = _types(fields, "context", CONTEXT_FIELDS)
    purposes = tuple(
        dict.fromkeys(
            _checked(fields.at("purposes").item(i), name)
            for i, name in enumerate(fields.names("purposes"))
        )
    )
    known = frozenset(attributes)
    normalise = _normalise(fields)
    for name in normalise.derived():
        kind = DERIVED_FIELDS[name][0]
        if attributes.setdefault(name, kind) not in (kind, FieldType.DYN):
            fields.at("attributes").at(name).fault(
                Reason.TYPE_WRONG, f"normalisation derives {name}, which is {kind.name.lower()}"
            )
    events = _events(fields, attributes, personal)
    schema = Schema(
        attributes,
        traits,
        context,
        purposes,
        frozenset(personal),
        frozenset(personal_traits),
        fields.one_of("unknown_attributes", "keep", ("keep", "drop", "refuse")),
        known | frozenset(normalise.derived()),
        events,
        normalise,
    )
    fields.close()
    return schema


def _checked(place: Place, name: str) -> str:
    with place.catch():
        return checked_name(name)
    return name


def _types(
    fields: Fields, key: str, reserved: Iterable[str]
) -> tuple[dict[str, FieldType], set[str]]:
    """Returns name -> type, and the names that are personal."""
    result: dict[str, FieldType] = {}
    personal: set[str] = set()
    for name, stated in fields.typed(key, {}, dict).items():
        place = fields.at(key).at(name)
        with place.catch():
            canonical = checked_name(name)
            if canonical in reserved:
                raise Fault(Reason.NAME_TAKEN, f"{canonical} is always there; leave it out")
            if canonical in result:
                raise Fault(Reason.KEY_DUPLICATE, f"{canonical} stands twice, in two spellings")
            result[canonical] = _type(stated, place, canonical, personal)
    return result, personal


def _type(stated: Any, place: Place, name: str, personal: set[str]) -> FieldType:
    """Returns the type of a bare type or of `{type, personal, description}`."""
    if isinstance(stated, dict):
        entry = Fields(stated, place)
        entry.typed("description", "", str, type(None))
        if entry.flag("personal", default=False):
            personal.add(name)
        if not entry.has("type"):
            raise Fault(Reason.KEY_MISSING, "type is missing")
        stated = entry.raw("type")
        entry.close()
    if not isinstance(stated, str) or stated not in TYPE_NAMES:
        raise Fault(
            Reason.VALUE_INVALID,
            f"{stated} is not a type.{nearest(str(stated), TYPE_NAMES)} Types: "
            f"{', '.join(TYPE_NAMES)}",
        )
    return TYPE_NAMES[stated]


def _events(
    fields: Fields, attributes: dict[str, FieldType], personal: set[str]
) -> Mapping[str, EventRules]:
    """Returns event type -> rules; adds the attributes of single types to those of all."""
    result: dict[str, EventRules] = {}
    for event_type, stated in fields.typed("events", {}, dict).items():
        place = fields.at("events").at(event_type)
        if not event_type or len(event_type.encode()) > limits.EVENT_TYPE_SIZE_MAX:
            place.fault(
                Reason.VALUE_INVALID,
                f"an event type has 1 to {limits.EVENT_TYPE_SIZE_MAX} bytes",
            )
            continue
        entry = Fields(stated, place)
        own, own_personal = _types(entry, "attributes", _RESERVED)
        for name, kind in own.items():
            if attributes.setdefault(name, kind) is not kind:
                entry.at("attributes").at(name).fault(
                    Reason.TYPE_WRONG,
                    f"{name} is {attributes[name].name.lower()} elsewhere in the schema; an "
                    "attribute has one type",
                )
        personal |= own_personal
        required = _required(entry, attributes)
        entry.close()
        if len({*own, *required}) > limits.INTAKE_RULES_MAX:
            place.fault(
                Reason.LIMIT_EXCEEDED, f"at most {limits.INTAKE_RULES_MAX} attributes of a type"
            )
        result[event_type] = EventRules(tuple(sorted(own)), tuple(sorted(required)))
    return result


def _required(entry: Fields, attributes: Mapping[str, FieldType]) -> set[str]:
    required: set[str] = set()
    for index, name in enumerate(entry.names("required")):
        place = entry.at("required").item(index)
        with place.catch():
            canonical = checked_name(name)
            known = [*attributes, *(set(EVENT_FIELDS) - {"type", "time", "late"})]
            if canonical not in known:
                raise Fault(
                    Reason.NAME_UNKNOWN,
                    f"{canonical} is not an attribute of the schema.{nearest(canonical, known)}",
                )
            required.add(canonical)
    return required


def _normalise(fields: Fields) -> Normalise:
    if not fields.has("normalise"):
        return Normalise()
    entry = Fields(fields.raw("normalise"), fields.at("normalise"))
    allow = _query_names(entry) if entry.has("query_allow") else None
    result = Normalise(
        url=entry.flag("url", default=False),
        referrer=_kept(entry, "referrer"),
        user_agent=_kept(entry, "user_agent"),
        query_allow=allow,
        site_hosts=_site_hosts(entry),
    )
    entry.close()
    if allow is not None and not (result.url or result.referrer):
        entry.at("query_allow").fault(
            Reason.VALUE_INVALID, "query_allow needs url or referrer to be normalised"
        )
    return result


def _kept(entry: Fields, name: str) -> str:
    """Returns `keep`, `reduce`, or empty where nothing is derived."""
    value = entry.raw(name)
    if value == "reduce":
        return "reduce"
    if entry.has(name) and not isinstance(value, bool):
        entry.at(name).fault(Reason.VALUE_INVALID, f"{name} is true, false or reduce")
    return "keep" if value is True else ""


def _query_names(entry: Fields) -> tuple[str, ...]:
    names = entry.names("query_allow")
    for index, name in enumerate(names):
        if not 1 <= len(name.encode()) <= limits.QUERY_NAME_SIZE_MAX:
            entry.at("query_allow").item(index).fault(
                Reason.VALUE_INVALID, f"a parameter has 1 to {limits.QUERY_NAME_SIZE_MAX} bytes"
            )
    if len(names) > limits.QUERY_NAMES_MAX:
        entry.at("query_allow").fault(
            Reason.LIMIT_EXCEEDED, f"at most {limits.QUERY_NAMES_MAX} parameters"
        )
    return names


def _site_hosts(entry: Fields) -> tuple[str, ...]:
    hosts = entry.names("site_hosts")
    for index, host in enumerate(hosts):
        if not _HOST.match(host):
            entry.at("site_hosts").item(index).fault(
                Reason.VALUE_INVALID,
                f"{host} is not a host in lower case, without scheme, port or path",
            )
    if len(hosts) > limits.SITE_HOSTS_MAX:
        entry.at("site_hosts").fault(
            Reason.LIMIT_EXCEEDED, f"at most {limits.SITE_HOSTS_MAX} hosts"
        )
    return hosts
