"""The schema document: old forms keep their meaning, new ones are checked and reach the image."""

import json
import re
from pathlib import Path

import pytest
from kairos_server.catalog import Catalog, DocumentInput, DocumentsRefused, build_image
from kairos_server.catalog.model import FieldType, IntakeFlag
from kairos_server.catalog.schema import DERIVED_FIELDS, EVENT_FIELDS


def compiled(*bodies: dict) -> object:
    documents = [DocumentInput(json.dumps(body)) for body in bodies]
    return Catalog.from_documents(1, {}).apply(documents, [], "", "", 0)


def schema(**fields: object) -> dict:
    return {"kind": "schema", "id": "main", **fields}


def trigger(condition: str) -> dict:
    return {"kind": "trigger", "id": "t", "condition": condition, "actions": [{"type": "a"}]}


def refused(*bodies: dict) -> list[tuple[str, str]]:
    with pytest.raises(DocumentsRefused) as caught:
        compiled(*bodies)
    return [(str(v.reason), v.path) for v in caught.value.violations]


def fields_of(model: object) -> dict[str, tuple[FieldType, int]]:
    return {f.name: (f.type, f.flags) for f in model.event_fields[len(EVENT_FIELDS) :]}


def test_the_fuller_schema_of_the_guide_compiles(root: Path) -> None:
    """It is marked yml: the others are compiled together, and a tenant has one schema."""
    guide = (root / "docs" / "guides" / "documents.md").read_text()
    (body,) = re.findall(r"```yml\n(.*?)```", guide, re.DOTALL)
    applied = Catalog.from_documents(1, {}).apply([DocumentInput(body)], [], "", "", 0)
    assert applied.model.intake.query_names == ("q", "page")
    assert build_image(applied.model)


def test_an_old_schema_asks_for_nothing() -> None:
    model = compiled(schema(attributes={"a": "int", "b": "string"})).model
    assert model.intake is None
    assert fields_of(model) == {"a": (FieldType.INT, 1), "b": (FieldType.STRING, 1)}
    assert build_image(model)


def test_both_forms_of_an_attribute() -> None:
    model = compiled(
        schema(
            attributes={
                "a": "int",
                "b": {"type": "string", "personal": True, "description": "who"},
                "c": {"type": "double"},
            }
        )
    ).model
    assert fields_of(model) == {
        "a": (FieldType.INT, 1),
        "b": (FieldType.STRING, 3),
        "c": (FieldType.DOUBLE, 1),
    }
    assert json.loads(model.meta)["schema"]["personal"] == ["b"]


def test_rules_of_event_types_reach_the_plan() -> None:
    model = compiled(
        schema(
            attributes={"sku": "string"},
            unknown_attributes="refuse",
            events={
                "purchase": {"required": ["orderId", "value_minor"],
                             "attributes": {"orderId": "string", "note": "string"}},
                "view": {},
            },
        )
    ).model  # fmt: skip
    assert model.intake.flags == IntakeFlag.UNKNOWN_REFUSE
    names = [f.name for f in model.event_fields]
    listed = model.intake.types[model.event_types.index("purchase") + 1]
    assert {(names[field], required) for field, required in listed} == {
        ("order_id", True),
        ("value_minor", True),
        ("note", False),
    }
    assert model.intake.types[model.event_types.index("view") + 1] == ()
    assert fields_of(model)["order_id"] == (FieldType.STRING, 0)
    assert build_image(model)


def test_what_normalisation_derives_can_be_read() -> None:
    rules = {"url": True, "referrer": "reduce", "user_agent": True, "query_allow": [],
             "site_hosts": ["shop.example"]}  # fmt: skip
    condition = 'event.traffic_source == "search" && !event.bot && url_path == "/x"'
    model = compiled(schema(normalise=rules), trigger(condition)).model
    assert model.intake.flags == (
        IntakeFlag.URL
        | IntakeFlag.REFERRER
        | IntakeFlag.REFERRER_REDUCE
        | IntakeFlag.USER_AGENT
        | IntakeFlag.QUERY
    )
    names = [f.name for f in model.event_fields]
    assert [names[number] for number in model.intake.derived] == list(DERIVED_FIELDS)
    assert model.intake.site_hosts == ("shop.example",)
    assert build_image(model)


def test_only_what_is_asked_for_is_derived() -> None:
    model = compiled(schema(normalise={"url": True})).model
    names = [f.name for f in model.event_fields]
    derived = [names[number] for number in model.intake.derived if number is not None]
    assert derived == [n for n, (_, needs) in DERIVED_FIELDS.items() if needs == ("url",)]
    (fault,) = refused(schema(normalise={"url": True}), trigger("event.bot"))
    assert fault[0] == "NAME_UNKNOWN"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"attributes": {"a": {"personal": True}}}, ("KEY_MISSING", "attributes.a")),
        ({"attributes": {"a": {"type": "text"}}}, ("VALUE_INVALID", "attributes.a")),
        ({"attributes": {"a": {"type": "int", "x": 1}}}, ("KEY_UNKNOWN", "attributes.a.x")),
        ({"attributes": {"user_agent": "string"}}, ("NAME_TAKEN", "attributes.user_agent")),
        ({"unknown_attributes": "forget"}, ("VALUE_INVALID", "unknown_attributes")),
        ({"events": {"": {}}}, ("VALUE_INVALID", "events.")),
        ({"events": {"v": {"required": ["x"]}}}, ("NAME_UNKNOWN", "events.v.required[0]")),
        ({"events": {"v": {"required": ["late"]}}}, ("NAME_UNKNOWN", "events.v.required[0]")),
        (
            {"attributes": {"a": "int"}, "events": {"v": {"attributes": {"a": "string"}}}},
            ("TYPE_WRONG", "events.v.attributes.a"),
        ),
        ({"normalise": {"referrer": "drop"}}, ("VALUE_INVALID", "normalise.referrer")),
        ({"normalise": {"query_allow": ["q"]}}, ("VALUE_INVALID", "normalise.query_allow")),
        (
            {"normalise": {"url": True, "query_allow": ["x" * 65]}},
            ("VALUE_INVALID", "normalise.query_allow[0]"),
        ),
        (
            {"normalise": {"url": True, "query_allow": [f"q{i}" for i in range(65)]}},
            ("LIMIT_EXCEEDED", "normalise.query_allow"),
        ),
        (
            {"normalise": {"url": True, "site_hosts": ["https://a.b"]}},
            ("VALUE_INVALID", "normalise.site_hosts[0]"),
        ),
        ({"normalise": {"cookies": True}}, ("KEY_UNKNOWN", "normalise.cookies")),
        (
            {"attributes": {"bot": "string"}, "normalise": {"user_agent": True}},
            ("TYPE_WRONG", "attributes.bot"),
        ),
    ],
)
def test_faults(fields: dict, fault: tuple[str, str]) -> None:
    assert refused(schema(**fields)) == [fault]


@pytest.mark.parametrize(
    "condition", ['event.email == "a"', "has(event.email)", 'count("view", {"email": "a"}) > 1']
)
def test_conditions_do_not_read_personal_names(condition: str) -> None:
    one = schema(
        attributes={"email": {"type": "string", "personal": True}},
        traits={"phone": {"type": "string", "personal": True}},
    )
    assert refused(one, trigger(condition))
    assert refused(one, trigger('profile.phone == "1"'))[0][0] == "UNSUPPORTED"


def test_an_attribute_that_left_the_schema_is_unknown() -> None:
    catalog = Catalog.from_documents(1, {})
    first = catalog.apply(
        [DocumentInput(json.dumps(schema(attributes={"a": "int", "b": "int"})))], [], "", "", 0
    )
    second = first.catalog.apply(
        [DocumentInput(json.dumps(schema(attributes={"a": "int"}, unknown_attributes="drop")))],
        [], "", "", 0,
    )  # fmt: skip
    assert fields_of(second.model) == {"a": (FieldType.INT, 1), "b": (FieldType.DYN, 0)}
