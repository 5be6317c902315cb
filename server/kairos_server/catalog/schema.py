"""The names that conditions may read, and their types."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from .limits import ATTRIBUTE_NAME_SIZE_MAX
from .model import Constant, Duration, FieldType, Time
from .violations import Fault, Reason


class ValueType(IntEnum):
    """Types of what conditions read: those of fields, and durations."""

    DYN = 0
    BOOL = 2
    INT = 3
    DOUBLE = 4
    STRING = 5
    TIME = 6
    DURATION = 7


TYPE_NAMES = {
    "bool": FieldType.BOOL, "int": FieldType.INT, "double": FieldType.DOUBLE,
    "string": FieldType.STRING, "timestamp": FieldType.TIME, "dyn": FieldType.DYN,
}  # fmt: skip
# In the order of enum kairos_event_field.
EVENT_FIELDS = {
    "type": FieldType.STRING, "time": FieldType.TIME, "session_id": FieldType.STRING,
    "device_type": FieldType.STRING, "channel": FieldType.STRING, "urgency": FieldType.STRING,
    "persona": FieldType.STRING, "url": FieldType.STRING, "referrer": FieldType.STRING,
    "value_minor": FieldType.INT, "currency_code": FieldType.STRING, "late": FieldType.BOOL,
}  # fmt: skip
# In the order of enum kairos_context_field.
CONTEXT_FIELDS = dict.fromkeys(
    ("channel", "placement", "scenario", "device_type", "persona", "urgency"), FieldType.STRING
)
# In the order of enum kairos_session_field.
SESSION_FIELDS = {
    "event_count": ValueType.INT, "start_time": ValueType.TIME, "duration": ValueType.DURATION,
    "ordinal": ValueType.INT, "is_new": ValueType.BOOL,
}  # fmt: skip
# In the order of enum kairos_profile_field.
PROFILE_FIELDS = {
    "event_count": ValueType.INT, "session_count": ValueType.INT, "first_seen_time": ValueType.TIME,
    "last_seen_time": ValueType.TIME, "age": ValueType.DURATION,
}  # fmt: skip
# Names of the message's own fields, which no attribute may take;
# `event.type` is also called by its field's name.
EVENT_RESERVED = {
    "event_id", "event_type", "subject_id", "user_id", "occurred_time_us", "attributes", "traits",
    "consents", "tenant_id", "producer_id", "producer_sequence",
    "identifiers", "user_agent", "subject_type",
}  # fmt: skip
# What normalisation derives, in the order of enum kairos_intake_field: type, and what it is derived
# from.
DERIVED_FIELDS: dict[str, tuple[FieldType, tuple[str, ...]]] = {
    "url_host": (FieldType.STRING, ("url",)), "url_path": (FieldType.STRING, ("url",)),
    "utm_source": (FieldType.STRING, ("url",)), "utm_medium": (FieldType.STRING, ("url",)),
    "utm_campaign": (FieldType.STRING, ("url",)), "utm_term": (FieldType.STRING, ("url",)),
    "utm_content": (FieldType.STRING, ("url",)),
    "referrer_host": (FieldType.STRING, ("referrer",)),
    "traffic_source": (FieldType.STRING, ("url", "referrer")),
    "browser": (FieldType.STRING, ("agent",)), "browser_version": (FieldType.STRING, ("agent",)),
    "os": (FieldType.STRING, ("agent",)), "bot": (FieldType.BOOL, ("agent",)),
    "bot_name": (FieldType.STRING, ("agent",)),
}  # fmt: skip
ENUM_VALUES = {
    "device_type": ("mobile", "desktop", "tablet", "tv", "other"),
    "channel": ("web", "app", "email", "sms", "push", "social", "ads", "webhook", "phone"),
    "urgency": ("low", "medium", "high", "critical"),
}

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
# Words that CEL does not take as identifiers, nor after a dot in a name that must also stand alone.
_CEL_WORDS = {"true", "false", "null", "in"}


def canonical_name(name: str) -> str:
    """Returns the snake_case form of a name: `timeOnPage` and `time_on_page` are one name,
    `pageURL` is `page_url`.
    """
    return _HUMP.sub("_", name).lower()


def checked_name(name: object) -> str:
    """Returns the canonical form of a name that a schema may define.

    Errors: Fault
    """
    if (
        not isinstance(name, str)
        or not _NAME.match(name)
        or set(canonical_name(name).split(".")) & _CEL_WORDS
    ):
        raise Fault(
            Reason.VALUE_INVALID,
            f'"{name}" is not a name: letters, digits and _, no digit first, parts joined by dots',
        )
    canonical = canonical_name(name)
    if len(canonical) > ATTRIBUTE_NAME_SIZE_MAX:
        raise Fault(
            Reason.LIMIT_EXCEEDED, f'"{name}" is longer than {ATTRIBUTE_NAME_SIZE_MAX} bytes'
        )
    return canonical


@dataclass(frozen=True, slots=True)
class EventRules:
    """What the schema says of one event type: names of attributes and well-known fields."""

    attributes: tuple[str, ...] = ()
    """Attributes that events of this type may have beyond those of every event."""
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Normalise:
    """What is derived from an event, and reduced, before it is logged."""

    url: bool = False
    referrer: str = ""
    """`keep` or `reduce`: what becomes of the text; empty: nothing is derived."""
    user_agent: str = ""
    query_allow: tuple[str, ...] | None = None
    """Parameters that stay in addresses; None: all."""
    site_hosts: tuple[str, ...] = ()

    def derived(self) -> tuple[str, ...]:
        """Returns the names that events get, in the order of DERIVED_FIELDS."""
        has = {"url": self.url, "referrer": bool(self.referrer), "agent": bool(self.user_agent)}
        return tuple(
            name for name, (_, needs) in DERIVED_FIELDS.items() if all(map(has.get, needs))
        )


@dataclass(frozen=True, slots=True)
class Schema:
    """What the schema document says; the well-known names are not in it."""

    attributes: Mapping[str, FieldType] = field(default_factory=dict)
    """Of every event and of single event types, and what normalisation derives."""
    traits: Mapping[str, FieldType] = field(default_factory=dict)
    context: Mapping[str, FieldType] = field(default_factory=dict)
    purposes: tuple[str, ...] = ()
    personal: frozenset[str] = frozenset()
    """Attributes that say who somebody is."""
    personal_traits: frozenset[str] = frozenset()
    unknown_attributes: str = "keep"
    """`keep`, `drop` or `refuse`."""
    known: frozenset[str] = frozenset()
    """Attributes that events of every type may have."""
    events: Mapping[str, EventRules] = field(default_factory=dict)
    normalise: Normalise = Normalise()

    def event_types(self) -> dict[str, FieldType]:
        """Returns name -> type of all that conditions may read of `event`."""
        return {**EVENT_FIELDS, **without(self.attributes, self.personal)}

    def trait_types(self) -> dict[str, FieldType]:
        """Returns name -> type of the traits that conditions may read."""
        return without(self.traits, self.personal_traits)

    def has_intake(self) -> bool:
        """Returns whether an event is more than looked at when it comes in."""
        return bool(
            self.events or self.normalise != Normalise() or self.unknown_attributes != "keep"
        )

    def context_types(self) -> dict[str, FieldType]:
        """Returns name -> type of all that `context` has."""
        return {**CONTEXT_FIELDS, **self.context}


def without(types: Mapping[str, FieldType], names: frozenset[str]) -> dict[str, FieldType]:
    """Returns the types of all names but those."""
    return {name: kind for name, kind in types.items() if name not in names}


def constant_type(value: Constant) -> ValueType:
    """Returns the type of a constant; null is DYN."""
    if isinstance(value, bool):
        return ValueType.BOOL
    types: dict[type, ValueType] = {
        int: ValueType.INT, float: ValueType.DOUBLE, str: ValueType.STRING, Time: ValueType.TIME,
        Duration: ValueType.DURATION,
    }  # fmt: skip
    return types.get(type(value), ValueType.DYN)


def comparable(left: ValueType, right: ValueType) -> bool:
    """Returns whether CEL orders values of the two types; numbers of all kinds compare."""
    numbers = (ValueType.INT, ValueType.DOUBLE)
    return ValueType.DYN in (left, right) or left == right or (left in numbers and right in numbers)


def type_text(kind: ValueType) -> str:
    """Returns the name of a type as documents write it."""
    return {ValueType.TIME: "timestamp"}.get(kind, kind.name.lower())


def check_constant(name: str, kind: ValueType, value: Constant) -> None:
    """Checks that a value of the type can be compared with the constant.

    Errors: Fault that says both types
    """
    if value is None or comparable(kind, constant_type(value)):
        return
    hint = ' Write timestamp("2024-01-31T10:00:00Z").' if kind is ValueType.TIME else ""
    if kind is ValueType.DURATION:
        hint = ' Write duration("1h30m").'
    raise Fault(
        Reason.TYPE_WRONG,
        f"{name} is {type_text(kind)} and never compares with a "
        f"{type_text(constant_type(value))}.{hint}",
    )


def listed(names: Iterable[str]) -> str:
    """Returns `a, b, c` of the names, sorted."""
    return ", ".join(sorted(names))
