"""JSON Schema (draft 2020-12) of every kind of document, for editors.

A schema says what shapes.py reads: keys, types, choices and bounds. What names mean, and what CEL
texts say, only the server knows. tests/unit/test_catalog_json_schema.py holds the two together.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from . import limits
from .delivery import CHANNELS as DELIVERY_CHANNELS
from .delivery import DELIVERY_BOUNDS
from .documents import KINDS
from .encode import URGENCIES
from .identity import IDENTIFIER_TYPES
from .policies import VERSIONS_KEPT_MAX, VERSIONS_KEPT_MIN
from .privacy_policy import LEVELS, RETENTION_DAYS_MAX
from .schema import ENUM_VALUES, TYPE_NAMES
from .spellings import OPERATORS
from .timing import CHANNELS
from .timing import POLICIES as TIMER_POLICIES

JsonSchema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Final[JsonSchema] = {"type": "string"}
_NUMBER: Final[JsonSchema] = {"type": "number"}
_WHOLE: Final[JsonSchema] = {"type": "integer", "minimum": -(1 << 31), "maximum": (1 << 31) - 1}
_FLAG: Final[JsonSchema] = {"type": "boolean"}
_OBJECT: Final[JsonSchema] = {"type": "object"}
_ANY: Final[JsonSchema] = {}
_HEAD: Final = ("kind", "id", "name", "description")
_OPTIONAL_TEXT: Final[JsonSchema] = {"type": ["string", "null"]}
_NAMES: Final[JsonSchema] = {"type": "array", "items": _TEXT, "uniqueItems": True}
_ID: Final[JsonSchema] = {"type": "string", "pattern": r"^[A-Za-z0-9_.\-]{1,128}$"}
_DATE: Final[JsonSchema] = {
    "type": ["string", "null"],
    "description": "A day, 2024-01-31, or a moment, 2024-01-31T10:00:00Z.",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
_SCALAR: Final[JsonSchema] = {"type": ["string", "number", "boolean", "null"]}


# Kinds that find an id where the document states none.
_IDS: Final[Mapping[str, JsonSchema]] = {
    "schema": {"enum": ["main", None]},
    "trigger": {"anyOf": [_ID, {"type": "null"}]},
}


def camel(name: str) -> str:
    """Returns the camelCase spelling of a key."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def keys(
    properties: Mapping[str, JsonSchema], required: Iterable[str] = (), **further: Any
) -> JsonSchema:
    """Returns the schema of an object with these keys and no other, each in snake_case or
    camelCase, not in both.
    """
    both: dict[str, JsonSchema] = {}
    clashes = []
    needed: list[JsonSchema] = []
    for name, schema in properties.items():
        both[name] = schema
        if camel(name) != name:
            both[camel(name)] = schema
            clashes.append({"required": [name, camel(name)]})
    for name in required:
        spellings = dict.fromkeys([name, camel(name)])
        needed.append({"anyOf": [{"required": [spelling]} for spelling in spellings]})
    result: JsonSchema = {"type": "object", "properties": both, "additionalProperties": False}
    if clashes:
        result["not"] = {"anyOf": clashes}
    if needed or "allOf" in further:
        further = {**further, "allOf": [*needed, *further.get("allOf", ())]}
    return result | further


def json_schema(kind: str) -> JsonSchema:
    """Returns the schema of a kind of document.

    Errors: KeyError for what is no kind
    """
    properties, required, further = _KINDS[kind]
    head: dict[str, JsonSchema] = {"kind": {"const": kind}}
    head["id"] = _IDS.get(kind, _ID)
    head |= {"name": _OPTIONAL_TEXT, "description": _OPTIONAL_TEXT}
    return {
        "$schema": DIALECT,
        "title": f"Kairos {kind}",
        **keys({**head, **properties}, ["kind", *required], **further),
        "$defs": _DEFINITIONS,
    }


def all_schemas() -> dict[str, JsonSchema]:
    """Returns kind -> schema, and under `document` the schema of any document."""
    kinds = {kind: json_schema(kind) for kind in KINDS}
    branches = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {name: part for name, part in schema.items() if name[0] != "$"},
        }
        for kind, schema in kinds.items()
    ]
    document = {
        "$schema": DIALECT,
        "title": "Kairos document",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(KINDS)}},
        "allOf": branches,
        "$defs": _DEFINITIONS,
    }
    return {"document": document, **kinds}


_NAME_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
_ATTRIBUTES: Final[JsonSchema] = {
    **_NAMES,
    "items": {"type": "string", "pattern": _NAME_PATTERN},
}
_TYPE: Final[JsonSchema] = {"enum": list(TYPE_NAMES)}
_TYPES: Final[JsonSchema] = {
    "type": "object",
    "propertyNames": {"pattern": _NAME_PATTERN},
    "additionalProperties": {
        "anyOf": [
            _TYPE,
            keys({"type": _TYPE, "personal": _FLAG, "description": _OPTIONAL_TEXT}, ["type"]),
        ]
    },
}
_EVENTS: Final[JsonSchema] = {
    "type": "object",
    "propertyNames": {"minLength": 1, "maxLength": limits.EVENT_TYPE_SIZE_MAX},
    "additionalProperties": keys({"attributes": _TYPES, "required": _ATTRIBUTES}),
}
_KEPT: Final[JsonSchema] = {"enum": [True, False, "reduce"]}
_NORMALISE: Final = keys(
    {
        "url": _FLAG,
        "referrer": _KEPT,
        "user_agent": _KEPT,
        "query_allow": {
            **_NAMES,
            "items": {"type": "string", "minLength": 1, "maxLength": limits.QUERY_NAME_SIZE_MAX},
            "maxItems": limits.QUERY_NAMES_MAX,
        },
        "site_hosts": {
            **_NAMES,
            "items": {"type": "string", "pattern": r"^[a-z0-9](?:[a-z0-9.-]{0,253}[a-z0-9])?$"},
            "maxItems": limits.SITE_HOSTS_MAX,
        },
    }
)
_DELIVERY: Final[Mapping[str, JsonSchema]] = {
    **{
        name: {"type": "integer", "minimum": low, "maximum": high}
        for name, (low, high) in DELIVERY_BOUNDS.items()
    },
    "order": {"enum": ["subject", "none"]},
}
_LINKED: Final[JsonSchema] = {
    **_NAMES,
    "items": {"enum": [name for name in IDENTIFIER_TYPES if name != "account"]},
}
POLICY_KEYS: Final[Mapping[str, Mapping[str, JsonSchema]]] = {
    "documents": {
        "versions_kept": {
            "type": "integer",
            "minimum": VERSIONS_KEPT_MIN,
            "maximum": VERSIONS_KEPT_MAX,
        }
    },
    "delivery": {
        **_DELIVERY,
        "channels": {
            "type": "object",
            "propertyNames": {"enum": list(DELIVERY_CHANNELS)},
            "additionalProperties": keys(_DELIVERY),
        },
    },
    "identity": {"link": _LINKED, "unique": _LINKED},
    "privacy": {
        "levels": keys(dict.fromkeys(LEVELS, _NAMES)),
        "essential_attributes": _NAMES,
        "retention_days": {"type": "integer", "minimum": 1, "maximum": RETENTION_DAYS_MAX},
    },
}
"""Id of a policy -> its keys; one entry for each reader in policies.py."""
_SCHEDULE: Final = keys(
    {"active": _FLAG, "start_date": _DATE, "end_date": _DATE, "time_zone": _TEXT}
)
_TERMS: Final[JsonSchema] = {
    "type": "array",
    "maxItems": limits.TERMS_MAX,
    "items": keys({"feature": _TEXT, "weight": _NUMBER}, ["feature", "weight"]),
}
_CONDITION: Final[JsonSchema] = {"$ref": "#/$defs/condition"}
_CONDITIONS: Final[JsonSchema] = {"type": "array", "items": _CONDITION}
_BOUND: Final[JsonSchema] = {"type": ["string", "number"]}
_DEFINITIONS: Final[Mapping[str, JsonSchema]] = {
    "condition": {
        "description": "CEL, a field filter, a group, a list of conditions that must all hold, or "
        "a range map.",
        "anyOf": [
            {"type": "string", "maxLength": limits.CONDITION_SIZE_MAX},
            {"type": "array", "minItems": 1, "items": _CONDITION},
            {"$ref": "#/$defs/filter"},
            {"$ref": "#/$defs/group"},
            {"$ref": "#/$defs/ranges"},
        ],
    },
    "filter": keys(
        {"field": _TEXT, "operator": {"enum": list(OPERATORS)}, "value": {}}, ["field"]
    ),
    "group": keys(
        {
            "event_type": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR},
                                     {"$ref": "#/$defs/range"}]},
            "filters": _CONDITIONS,
            "all": {**_CONDITIONS, "minItems": 1},
            "any": {**_CONDITIONS, "minItems": 1},
            "none": {**_CONDITIONS, "minItems": 1},
        },
        minProperties=1,
    ),
    "ranges": {
        "type": "object",
        "minProperties": 1,
        "not": {"anyOf": [{"required": [name]} for name in
                          ("field", "filters", "all", "any", "none")]},
        "additionalProperties": {
            "anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}, {"$ref": "#/$defs/range"}]
        },
    },
    "range": {
        "type": "object",
        "minProperties": 1,
        "properties": dict.fromkeys(("min", "max", "gt", "lt"), _BOUND),
        "additionalProperties": False,
    },
}  # fmt: skip
_DELAY: Final[JsonSchema] = {
    "type": "string",
    "description": "A delay, 2h, or a span of delays, 2m-5m; units s, m, h, d, w.",
    "pattern": r"^[0-9]+[smhdw](-[0-9]+[smhdw])?$",
}
_DELAYS: Final[JsonSchema] = {
    "anyOf": [
        _DELAY,
        {"type": "array", "items": _DELAY, "minItems": 1, "maxItems": limits.TIMING_STEPS_MAX,
         "uniqueItems": True},
    ]
}  # fmt: skip
_TIMING: Final[JsonSchema] = {
    "anyOf": [
        {"type": "string", "pattern": r"^(immediate|next_session|delayed_[0-9]{1,9}(s|min))$"},
        keys(
            {
                "after": _DELAYS,
                "inactivity": _DELAYS,
                "at": {"const": "next_session"},
                "repeat": {"enum": list(TIMER_POLICIES)},
                "unless": {"anyOf": [_CONDITION, {"type": "null"}]},
                "still": {"anyOf": [_CONDITION, {"type": "null"}]},
            }
        ),
    ]
}
_ACTION: Final = keys(
    {
        "type": {**_TEXT, "minLength": 1},
        "parameters": _OBJECT,
        "delay": {"anyOf": [_DELAY, {"type": "null"}]},
        "deliver": {"enum": ["answer", "outbox"]},
        "channel": {"enum": [name for name in CHANNELS if name]},
    },
    ["type"],
)
_PERSONALIZATION: Final = keys(
    {
        "persona": _TEXT,
        "device_type": {"enum": ["all", *ENUM_VALUES["device_type"]]},
        "traffic_source": _TEXT,
    }
)
_ONE_CONDITION: Final[JsonSchema] = {
    "oneOf": [
        {"required": ["condition"], "properties": {"condition": {"not": {"type": "null"}}}},
        {"required": ["conditions"], "properties": {"conditions": {"not": {"type": "null"}}}},
    ]
}
_KindSchema = tuple[Mapping[str, JsonSchema], tuple[str, ...], Mapping[str, Any]]
_KINDS: Final[Mapping[str, _KindSchema]] = {
    "schema": (
        {
            "attributes": _TYPES, "traits": _TYPES, "context": _TYPES,
            "purposes": _ATTRIBUTES,
            "unknown_attributes": {"enum": ["keep", "drop", "refuse"]}, "events": _EVENTS,
            "normalise": _NORMALISE,
        },
        (), {},
    ),
    "score": (
        {"type": {"enum": ["engagement", "logistic"]}, "bias": _NUMBER, "terms": _TERMS},
        ("id", "type"), {},
    ),
    "feature": ({"expression": _TEXT}, ("id", "expression"), {}),
    "trigger": (
        {
            "condition": {"anyOf": [_CONDITION, {"type": "null"}]},
            "conditions": {"anyOf": [_CONDITION, {"type": "null"}]},
            "priority": _WHOLE,
            "urgency": {"enum": [name for name in URGENCIES if name]},
            "actions": {"type": "array", "maxItems": limits.ACTIONS_MAX, "items": _ACTION},
            "personalization": _PERSONALIZATION,
            "schedule": _SCHEDULE,
            "timing": _TIMING,
        },
        (), {"$comment": "id may be left out where there is a name", **_ONE_CONDITION},
    ),
    "placement": ({"fallback": _OPTIONAL_TEXT}, ("id",), {}),
    "content": (
        {
            "placements": _NAMES, "variant": _TEXT, "eligibility": _CONDITION, "purposes": _NAMES,
            "priority": _WHOLE, "ttl": _TEXT,
            "score": keys(
                {"type": {"enum": ["linear", "logistic"]}, "bias": _NUMBER, "terms": _TERMS}
            ),
            "schedule": _SCHEDULE, "payload": _OBJECT, "offer": _FLAG,
        },
        ("id",), {},
    ),
    # The keys of a policy follow from its id.
    "policy": (
        {"id": {"enum": list(POLICY_KEYS)}}, ("id",),
        {
            "additionalProperties": True,
            "allOf": [*(
                {"if": {"properties": {"id": {"const": policy}}, "required": ["id"]},
                 "then": keys({**dict.fromkeys(_HEAD, _ANY), **properties})}
                for policy, properties in POLICY_KEYS.items()
            )],
        },
    ),
}  # fmt: skip
