"""The mapping of a CSV file's columns to events.

A mapping is a YAML or JSON object; each field of the event is a rule: a constant, or an object that
says how its value is made of columns (docs/guides/command-line.md).
"""

import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from math import prod
from typing import Any, Final

from kairos.v1 import event_pb2

from .errors import RecordError
from .money import decimal_of, minor_units
from .plain import consent_add, enum_of
from .values import (
    RESERVED_TRAITS,
    Scalar,
    attribute_name,
    canonical,
    iso_us,
    moment_us,
    scalar_read,
    value_set,
)

Row = Sequence[str]
Rule = Callable[[Row], str]
Typed = Callable[[Row], Scalar]

TEXT_FIELDS: Final = (
    "event_id", "event_type", "subject_id", "session_id", "persona", "url", "referrer",
    "user_agent",
)  # fmt: skip
ENUM_FIELDS: Final = ("device_type", "channel", "urgency", "subject_type")
KEYS: Final = frozenset({
    *TEXT_FIELDS, *ENUM_FIELDS, "time", "value", "attributes", "traits", "consents", "others",
})  # fmt: skip
_RULE_KEYS: Final = frozenset({"column", "type", "match", "default", "remove"})
_TIME_KEYS: Final = frozenset({"column", "format", "zone"})
_UNITS: Final = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}
TYPES: Final = ("auto", "text", "int", "double", "bool", "time")
OTHERS: Final = ("drop", "attributes")


class MappingError(Exception):
    """A mapping that cannot be used; `args[0]` names the place and the rule."""


@dataclass(slots=True)
class Columns:
    """A compiled mapping: what to do with one row."""

    texts: dict[str, Rule] = field(default_factory=dict)
    enums: dict[str, Rule] = field(default_factory=dict)
    time_us: Callable[[Row], int | None] | None = None
    value: Callable[[Row], tuple[int, str] | None] | None = None
    attributes: dict[str, Typed] = field(default_factory=dict)
    traits: dict[str, Typed] = field(default_factory=dict)
    consents: dict[str, Rule] = field(default_factory=dict)
    width: int = 0

    def event(self, row: Row) -> event_pb2.Event:
        """Returns the event of one row; an empty cell is absent. Errors: RecordError."""
        if len(row) != self.width:
            raise RecordError(f"the row has {len(row)} cells, the header {self.width}")
        event = event_pb2.Event()
        for name, rule in self.texts.items():
            setattr(event, name, rule(row))
        for name, rule in self.enums.items():
            text = rule(row)
            if text:
                setattr(event, name, enum_of(text, name))
        if self.time_us is not None:
            time_us = self.time_us(row)
            if time_us is not None:
                event.occurred_time_us = time_us
        if self.value is not None:
            amount = self.value(row)
            if amount is not None:
                event.value_minor, event.currency_code = amount
        for name, typed in self.attributes.items():
            value = typed(row)
            if value is not None:
                value_set(event.attributes.add(name=name), value)
        for name, typed in self.traits.items():
            value = typed(row)
            if value is not None:
                value_set(event.traits.add(name=name), value)
        for purpose, rule in self.consents.items():
            status = rule(row)
            if status:
                consent_add(event, purpose, {"true": True, "false": False}.get(status, status))
        return event


def columns_of(mapping: Mapping[str, Any], header: Sequence[str]) -> Columns:
    """Returns a mapping compiled for a header. Errors: MappingError.

    Columns that the mapping does not name are dropped, or become attributes with `others:
    attributes`. A column whose name is that of a field of the event (`subject_id`, `time`, …) fills
    that field without being named.
    """
    maker = _Maker(header)
    rules = dict(mapping)
    unknown = sorted(set(rules) - KEYS)
    if unknown:
        raise MappingError(
            f"`{unknown[0]}` is no field of a mapping; it takes {', '.join(sorted(KEYS))}."
        )
    for name in (*TEXT_FIELDS, *ENUM_FIELDS, "time"):
        if name not in rules and name in maker.places:
            rules[name] = {"column": name}
    columns = Columns(width=len(header))
    for name in TEXT_FIELDS:
        if name in rules:
            columns.texts[name] = maker.text(rules[name], name)
    for name in ENUM_FIELDS:
        if name in rules:
            columns.enums[name] = maker.text(rules[name], name)
    if "time" in rules:
        columns.time_us = maker.time(rules["time"], "time")
    if "value" in rules:
        columns.value = maker.money(rules["value"])
    for key, reserved in (("attributes", None), ("traits", RESERVED_TRAITS)):
        for name, rule in maker.table(rules.get(key), key).items():
            shown = attribute_name(name, "column", *([reserved] if reserved else []))
            getattr(columns, key)[shown] = maker.typed(rule, f"{key}.{name}")
    for purpose, rule in maker.table(rules.get("consents"), "consents").items():
        columns.consents[purpose] = maker.text(rule, f"consents.{purpose}")
    others = rules.get("others", "drop")
    if others not in OTHERS:
        raise MappingError(f"others: `{others}` is not one of {', '.join(OTHERS)}.")
    if others == "attributes":
        for name in [name for name in header if name and name not in maker.used]:
            shown = attribute_name(name, "column")
            columns.attributes[shown] = maker.typed({"column": name}, f"attributes.{name}")
    return columns


class _Maker:
    """Turns rules into functions of a row, and remembers which columns were used."""

    def __init__(self, header: Sequence[str]) -> None:
        self.places = {name: index for index, name in enumerate(header)}
        self.used: set[str] = set()
        if len(self.places) != len(header):
            twice = next(name for name in header if list(header).count(name) > 1)
            raise MappingError(f"the header names the column `{twice}` twice.")

    def text(self, rule: Any, where: str) -> Rule:
        """A constant, or `{column, match, default, remove, type}`."""
        if not isinstance(rule, dict):
            constant = "" if rule is None else _constant(rule)
            return lambda _: constant
        place = self.place(rule, where, _RULE_KEYS)
        default = _constant(rule.get("default", ""))
        cases = self.cases(rule.get("match"), f"{where}.match")
        remove = re.compile(_pattern(rule.get("remove", ""), where)) if rule.get("remove") else None
        whole = rule.get("type") == "int"

        def read(row: Row) -> str:
            text = row[place].strip()
            if remove is not None:
                text = remove.sub("", text)
            if cases:
                return next((value for pattern, value in cases if pattern.search(text)), default)
            return (_whole(text, where) if whole and text else text) or default

        return read

    def typed(self, rule: Any, where: str) -> Typed:
        """As text, with a type; a text alone names a column."""
        if isinstance(rule, str):
            rule = {"column": rule}
        if not isinstance(rule, dict):
            return lambda _: rule
        kind = rule.get("type", "auto")
        if kind not in TYPES:
            raise MappingError(f"{where}: type `{kind}` is not one of {', '.join(TYPES)}.")
        if kind == "time":
            return self.time({key: rule[key] for key in rule if key != "type"}, where)
        text = self.text({key: rule[key] for key in rule if key != "type"}, where)
        convert = _CONVERTERS[kind]

        def read(row: Row) -> Scalar:
            found = text(row)
            return convert(found, where) if found else None

        return read

    def time(self, rule: Any, where: str) -> Callable[[Row], int | None]:
        """A column's name, or `{column, format, zone}`."""
        rule = {"column": rule} if isinstance(rule, str) else rule
        if not isinstance(rule, dict):
            raise MappingError(f"{where}: must name a column.")
        place = self.place(rule, where, _TIME_KEYS)
        shape, zone = rule.get("format", "iso"), _zone(rule.get("zone", "UTC"), where)

        def read(row: Row) -> int | None:
            text = row[place].strip()
            return _time_us(text, shape, zone, where) if text else None

        return read

    def money(self, rule: Any) -> Callable[[Row], tuple[int, str] | None]:
        """`{multiply: [columns], currency}`: the product of columns, in minor units."""
        if not isinstance(rule, dict) or set(rule) - {"column", "multiply", "currency"}:
            raise MappingError("value: must be {multiply: [columns], currency: EUR}.")
        names = rule.get("multiply", [rule.get("column")])
        if not isinstance(names, list) or not names:
            raise MappingError("value.multiply: must be a list of columns.")
        places = [self.place({"column": name}, "value", _RULE_KEYS) for name in names]
        currency = self.text(rule.get("currency", ""), "value.currency")

        def read(row: Row) -> tuple[int, str] | None:
            texts = [row[place].strip() for place in places]
            code = currency(row)
            return (_amount(tuple(texts), code), code) if all(texts) and code else None

        return read

    def cases(self, rule: Any, where: str) -> list[tuple[re.Pattern[str], str]]:
        """`[{pattern, value}, …]`; the first that is found counts."""
        if rule is None:
            return []
        if not isinstance(rule, list) or not all(
            isinstance(case, dict) and set(case) == {"pattern", "value"} for case in rule
        ):
            raise MappingError(f"{where}: must be a list of {{pattern, value}}.")
        return [
            (re.compile(_pattern(case["pattern"], where)), _constant(case["value"]))
            for case in rule
        ]

    def place(self, rule: Mapping[str, Any], where: str, keys: frozenset[str]) -> int:
        """Index of the column that a rule names."""
        unknown = sorted(set(rule) - keys)
        if unknown:
            raise MappingError(f"{where}: `{unknown[0]}` is not one of {', '.join(sorted(keys))}.")
        name = rule.get("column")
        if name not in self.places:
            known = ", ".join(f"`{key}`" for key in self.places)
            raise MappingError(f"{where}: there is no column `{name}`; the file has {known}.")
        self.used.add(str(name))
        return self.places[str(name)]

    def table(self, rules: Any, where: str) -> dict[str, Any]:
        """An object of rules, or a list of columns."""
        if rules is None:
            return {}
        if isinstance(rules, list):
            return {canonical(str(name)): {"column": name} for name in rules}
        if not isinstance(rules, dict):
            raise MappingError(f"{where}: must be an object of rules, or a list of columns.")
        return rules


def _constant(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pattern(text: Any, where: str) -> str:
    try:
        re.compile(str(text))
    except re.error as error:
        raise MappingError(f"{where}: `{text}` is not a pattern: {error}.") from None
    return str(text)


def _zone(name: Any, where: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else zoneinfo.ZoneInfo(str(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise MappingError(f"{where}: there is no time zone `{name}`.") from None


@lru_cache(65_536)
def _time_us(text: str, shape: str, zone: tzinfo, where: str) -> int:
    try:
        if shape == "iso":
            return iso_us(text, zone)
        if shape in _UNITS:
            return int(decimal_of(text, where) * _UNITS[shape])
        moment = datetime.strptime(text, shape)  # noqa: DTZ007  # the zone is given below
    except ValueError:
        raise RecordError(f"{where}: `{text[:64]}` is not a time of the format {shape}") from None
    return moment_us(moment if moment.tzinfo else moment.replace(tzinfo=zone))


@lru_cache(65_536)
def _amount(texts: tuple[str, ...], currency: str) -> int:
    return minor_units(
        prod((decimal_of(text, "value") for text in texts), start=Decimal(1)), currency
    )


@lru_cache(65_536)
def _whole(text: str, where: str) -> str:
    number = decimal_of(text, where)
    if number != number.to_integral_value():
        raise RecordError(f"{where}: `{text[:64]}` is not a whole number")
    return str(int(number))


def _int(text: str, where: str) -> Scalar:
    return int(_whole(text, where))


def _double(text: str, where: str) -> Scalar:
    return float(decimal_of(text, where))


def _bool(text: str, where: str) -> Scalar:
    found = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        text.lower()
    )
    if found is None:
        raise RecordError(f"{where}: `{text[:64]}` is not true or false")
    return found


_CONVERTERS: Final[dict[str, Callable[[str, str], Scalar]]] = {
    "auto": lambda text, _: scalar_read(text),
    "text": lambda text, _: text,
    "int": _int,
    "double": _double,
    "bool": _bool,
}
