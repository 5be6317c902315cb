"""JSON Schemas and the readers of documents say the same of every shape.

Both judge the same documents: good ones, and each of them with one thing changed. A schema cannot
know names, CEL texts and calendars; those reasons may refuse what it accepts, and only those.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from kairos_server.catalog import Catalog, DocumentInput, DocumentsRefused, split_documents
from kairos_server.catalog.documents import KINDS, read_body
from kairos_server.catalog.json_schema import POLICY_KEYS, all_schemas, camel, json_schema
from kairos_server.catalog.limits import ACTIONS_MAX
from kairos_server.catalog.policies import POLICIES
from kairos_server.demo.pack import PACKS, read_pack
from reference.packs import BASE, CONTENTS, EXIT_PREVENTION

MEANING = {
    "SYNTAX", "NAME_UNKNOWN", "NAME_AMBIGUOUS", "NAME_TAKEN", "REFERENCE_UNKNOWN",
    "CONSENT_REQUIRED", "UNSUPPORTED",
}  # fmt: skip
CONDITION_KEYS = ("condition", "conditions", "eligibility", "unless", "still")

GOOD: list[dict[str, Any]] = [
    {"kind": "schema", "id": "main", "attributes": {"price": "double", "a.b": "int"},
     "traits": {"persona": "string"}, "context": {}, "purposes": ["marketing"]},
    {"kind": "schema", "name": "S", "description": None, "unknown_attributes": "drop",
     "attributes": {"who": {"type": "string", "personal": True, "description": "d"},
                    "price": "double"},
     "events": {"buy": {"attributes": {"sku": "string"}, "required": ["sku", "url"]}},
     "normalise": {"url": True, "referrer": "reduce", "user_agent": False,
                   "query_allow": ["q"], "site_hosts": ["shop.example"]}},
    {"kind": "score", "id": "s", "type": "logistic", "bias": -2,
     "terms": [{"feature": 'count("a")', "weight": 0.5}]},
    {"kind": "feature", "id": "f", "expression": 'count("a", "7d")', "description": "d"},
    {"kind": "trigger", "id": "t", "condition": "event.price > 1", "priority": 3,
     "urgency": "high", "schedule": {"active": True, "start_date": "2024-01-01",
                                     "end_date": None, "time_zone": "Europe/Rome"},
     "actions": [{"type": "a", "parameters": {"b": [1, {"c": None}]}},
                 {"type": "b", "delay": "2h", "deliver": "outbox", "channel": "email"}],
     "personalization": {"persona": "all", "device_type": "mobile"}},
    {"kind": "trigger", "id": "t", "timing": {"after": ["2h", "2m-5m"], "repeat": "keep",
                                              "unless": 'event.type == "b"', "still": "true"},
     "conditions": {"event_type": "a", "filters": [{"field": "price", "value": 2}]}},
    {"kind": "trigger", "id": "t", "timing": "delayed_5min", "conditions": {"price": {"min": 1}}},
    {"kind": "trigger", "id": "t", "timing": {"at": "next_session"},
     "condition": "event.price > 1"},
    {"kind": "trigger", "id": "t", "timing": {"inactivity": "7d"}, "condition": "true"},
    {"kind": "trigger", "id": "t",
     "conditions": {"any": ["event.price > 1", {"field": "price", "operator": "exists"}],
                    "none": [{"price": [1, 2.5], "device_type": "mobile"}]}},
    {"kind": "trigger", "id": "t", "conditions": [{"field": "price", "operator": "between",
                                                   "value": [1, 2]}]},
    {"kind": "placement", "id": "p", "fallback": None},
    {"kind": "placement", "id": "p"},
    {"kind": "content", "id": "c", "placements": ["p"], "variant": "v", "purposes": ["marketing"],
     "eligibility": "context.channel == \"web\"", "priority": 1, "ttl": "15m", "offer": True,
     "score": {"type": "linear", "bias": 0.5, "terms": [{"feature": 'count("a")', "weight": 1}]},
     "schedule": {"end_date": "2030-01-01T10:00:00Z"}, "payload": {"a": {"b": 1}}},
    {"kind": "policy", "id": "documents", "versions_kept": 5},
    {"kind": "policy", "id": "identity", "link": ["email", "device"], "unique": ["user"]},
    {"kind": "policy", "id": "delivery", "attempts_max": 3, "order": "none",
     "channels": {"email": {"lease_s": 5}}},
]  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 3, -1, 2.5, "x", "", [], ["x"], ["x", "x"], [3], {}, {"x": 1}, 1 << 40,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values inside, but not into what a condition or a payload holds."""
    if path:
        yield path
    if path and path[-1] in (*CONDITION_KEYS, "parameters", "payload"):
        return
    if not isinstance(value, dict | list):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from places(item, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def mutants() -> Iterator[dict[str, Any]]:
    """Every good document with one value replaced, removed, renamed or added."""
    for good in GOOD:
        yield good
        for path in places(good):
            *front, last = path
            for value in VALUES:
                changed = copy.deepcopy(good)
                at(changed, tuple(front))[last] = copy.deepcopy(value)
                yield changed
            changed = copy.deepcopy(good)
            del at(changed, tuple(front))[last]
            yield changed
            if isinstance(last, str) and camel(last) != last:
                inside = at(changed, tuple(front))
                inside[camel(last)] = copy.deepcopy(at(good, path))
                yield changed
                changed = copy.deepcopy(changed)
                at(changed, tuple(front))[last] = copy.deepcopy(at(good, path))
                yield changed
            if isinstance(at(good, path), dict):
                changed = copy.deepcopy(good)
                at(changed, path)["nonsense_key"] = 1
                yield changed
    many = [{"type": "a"}] * (ACTIONS_MAX + 1)
    yield {"kind": "trigger", "id": "t", "condition": "true", "actions": many}
    yield {"kind": "trigger", "id": "t", "condition": "true", "conditions": {"price": 1}}
    yield {"kind": "trigger", "id": "t", "condition": None, "conditions": {"price": 1}}


STORED = """
kind: schema
attributes: {price: double}
traits: {persona: string}
purposes: [marketing]
---
kind: placement
id: p
"""
BEFORE = Catalog.from_documents(1, {}).apply(split_documents(STORED), [], "", "", 1).catalog


def refusal(document: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, reason) of every fault that the readers find."""
    try:
        BEFORE.apply([DocumentInput(json.dumps(document))], [], "", "", 1)
    except DocumentsRefused as refused:
        return [(v.path, v.reason) for v in refused.violations]
    return []


def told_by_meaning(document: dict[str, Any], path: str, reason: str) -> bool:
    """Whether only somebody who knows names, CEL, calendars and spans can find this fault."""
    inside = any(part in path for part in CONDITION_KEYS)
    textual = any(part in path for part in ("date", "time_zone", "timeZone", "ttl", "terms"))
    kinds = document.get("kind") == "feature" and path == "expression"
    named = path.startswith(("attributes", "traits", "context", "purposes", "placements", "id"))
    timed = "timing" in path or "delay" in path or "deliver" in path
    return reason in MEANING or (
        reason in ("VALUE_INVALID", "TYPE_WRONG", "KEY_DUPLICATE", "LIMIT_EXCEEDED")
        and (inside or textual or kinds or named or timed or "payload" in path
             or "parameters" in path)
    )  # fmt: skip


def test_schemas_and_readers_agree() -> None:
    validators = {kind: Draft202012Validator(json_schema(kind)) for kind in KINDS}
    accepted = refused = 0
    for document in mutants():
        kind = document.get("kind")
        if not isinstance(kind, str) or kind not in validators:
            assert refusal(document)
            continue
        errors = [error.message for error in validators[kind].iter_errors(document)]
        faults = refusal(document)
        if errors:
            refused += 1
            assert faults, (document, errors)
        else:
            accepted += 1
            left = [f for f in faults if not told_by_meaning(document, *f)]
            assert not left, (document, left)
    assert accepted > 100
    assert refused > 1000


def test_what_is_served_today_is_valid() -> None:
    validator = Draft202012Validator(all_schemas()["document"])
    rows = [(row.kind, row.body) for name in PACKS for row in read_pack(name)]
    rows += [("", item.body) for item in split_documents(BASE + "\n---\n" + CONTENTS)]
    rows.append(("trigger", EXIT_PREVENTION))
    bodies = [({"kind": kind} if kind else {}) | read_body(text) for kind, text in rows]
    for body in bodies:
        assert [error.message for error in validator.iter_errors(body)] == [], body


def test_the_schema_of_any_document_is_that_of_its_kind() -> None:
    schemas = all_schemas()
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schemas["document"])
    for document in GOOD:
        assert validator.is_valid(document), document
    for document in ({}, {"kind": "segment"}, {"kind": "trigger", "id": "t"}, {"kind": "score"}):
        assert not validator.is_valid(document)


def test_every_policy_has_its_keys() -> None:
    assert sorted(POLICY_KEYS) == sorted(POLICIES)


@pytest.mark.parametrize("kind", ["document", *KINDS])
def test_committed_schemas_are_the_ones_in_use(root: Any, kind: str) -> None:
    path = root / "docs" / "schemas" / f"{kind}.schema.json"
    assert path.read_text() == json.dumps(all_schemas()[kind], indent=2) + "\n"
