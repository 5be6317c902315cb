"""The schema's rules for events that come in, as the core reads them: numbers of fields in place of
names.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from .image_tables import NONE_U32, RANGE, TEXT, StringTable
from .model import Intake, IntakeFlag
from .registry import Registry
from .schema import DERIVED_FIELDS, EVENT_FIELDS, Schema

INTAKE: Final = np.dtype(
    [("flags", "<u4"), ("reserved", "<u4"), ("fields", "<u4", (len(DERIVED_FIELDS),))]
)
INTAKE_RULE: Final = np.dtype([("field", "<u4"), ("required", "<u4")])
INTAKE_SECTIONS: Final = (
    ("intake", INTAKE),
    ("intake_types", RANGE),
    ("intake_rules", INTAKE_RULE),
    ("query_names", TEXT),
    ("site_hosts", TEXT),
)
"""In the order of enum kairos_section_id."""
FIELD_FLAG_KNOWN: Final = 1
FIELD_FLAG_PERSONAL: Final = 2


def intake_of(schema: Schema, registry: Registry) -> Intake | None:
    """Returns the rules with the registry's numbers; None where events are logged as they came."""
    if not schema.has_intake():
        return None
    index = {name: i for i, name in enumerate([*EVENT_FIELDS, *registry.attributes])}
    derived = set(schema.normalise.derived())
    return Intake(
        flags=_flags(schema),
        derived=tuple(index[name] if name in derived else None for name in DERIVED_FIELDS),
        types=_types(schema, registry, index) if schema.events else (),
        query_names=schema.normalise.query_allow or (),
        site_hosts=schema.normalise.site_hosts,
    )


def _flags(schema: Schema) -> IntakeFlag:
    rules = schema.normalise
    chosen = {
        IntakeFlag.URL: rules.url,
        IntakeFlag.REFERRER: rules.referrer,
        IntakeFlag.USER_AGENT: rules.user_agent,
        IntakeFlag.QUERY: rules.query_allow is not None,
        IntakeFlag.REFERRER_REDUCE: rules.referrer == "reduce",
        IntakeFlag.USER_AGENT_REDUCE: rules.user_agent == "reduce",
        IntakeFlag.UNKNOWN_DROP: schema.unknown_attributes == "drop",
        IntakeFlag.UNKNOWN_REFUSE: schema.unknown_attributes == "refuse",
    }
    return IntakeFlag(sum(flag for flag, held in chosen.items() if held))


def _types(
    schema: Schema, registry: Registry, index: dict[str, int]
) -> tuple[tuple[tuple[int, bool], ...], ...]:
    result = []
    for event_type in ("", *registry.event_types):
        rules = schema.events.get(event_type)
        names = sorted({*rules.attributes, *rules.required}) if rules else []
        result.append(tuple((index[name], name in rules.required) for name in names if rules))
    return tuple(result)


def field_flags(schema: Schema, names: Sequence[str]) -> tuple[int, ...]:
    """Returns the flags of the event fields of these names."""
    return tuple(
        (FIELD_FLAG_KNOWN if name in schema.known or name in EVENT_FIELDS else 0)
        | (FIELD_FLAG_PERSONAL if name in schema.personal else 0)
        for name in names
    )


def intake_arrays(intake: Intake | None, strings: StringTable) -> dict[str, np.ndarray]:
    """Returns the sections by name."""
    head: list[tuple[object, ...]] = []
    ranges: list[tuple[int, int]] = []
    rules: list[tuple[int, bool]] = []
    if intake is not None:
        fields = [NONE_U32 if number is None else number for number in intake.derived]
        head.append((int(intake.flags), 0, fields))
        for listed in intake.types:
            ranges.append((len(rules), len(listed)))
            rules += listed
    texts = {
        "query_names": intake.query_names if intake else (),
        "site_hosts": intake.site_hosts if intake else (),
    }
    return {
        "intake": np.array(head, dtype=INTAKE),
        "intake_types": np.array(ranges, dtype=RANGE),
        "intake_rules": np.array(rules, dtype=INTAKE_RULE),
        **{
            name: np.array([strings.add(text) for text in found], dtype=TEXT)
            for name, found in texts.items()
        },
    }
