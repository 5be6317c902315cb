"""Conditions: names, types, features, spellings, and what is refused with which words."""

from typing import Any

import pytest
from kairos_server.catalog.cel import Parser
from kairos_server.catalog.conditions import Conditions
from kairos_server.catalog.lower import ALWAYS, NEVER, Conjunctions
from kairos_server.catalog.model import (
    Duration,
    FieldType,
    Leaf,
    LeafOp,
    Part,
    Source,
    SourceKind,
    Time,
)
from kairos_server.catalog.names import Reader, Tables
from kairos_server.catalog.registry import Numbering, Registry
from kairos_server.catalog.schema import Schema
from kairos_server.catalog.violations import Fault

PARSER = Parser()


def conditions() -> Conditions:
    types = FieldType
    schema = Schema(
        {
            "time_on_page": types.INT,
            "price": types.DOUBLE,
            "plan_name": types.STRING,
            "gift": types.BOOL,
            "due": types.TIME,
            "any": types.DYN,
        },
        {"persona": types.STRING, "tier": types.STRING},
        {"cart_size": types.INT},
        ("analytics", "marketing"),
    )
    numbering = Numbering(Registry())
    for name in sorted(schema.attributes):
        numbering.attribute(name)
    return Conditions(
        Tables(schema, numbering, {"engagement_score": 0, "intent_probability": 1}), PARSER
    )


def lowered(spelled: Any, reader: Reader = Reader.TRIGGER) -> Conjunctions:
    return conditions().compile(spelled, reader)[1]


def canonical(spelled: Any, reader: Reader = Reader.TRIGGER) -> str:
    return conditions().compile(spelled, reader)[0]


def fault(spelled: Any, reader: Reader = Reader.TRIGGER) -> Fault:
    with pytest.raises(Fault) as caught:
        conditions().compile(spelled, reader)
    return caught.value


ANY, DUE, GIFT, PLAN, PRICE, PAGE = (Source(SourceKind.EVENT, 12 + i) for i in range(6))
TYPE = Source(SourceKind.EVENT, 0)


def test_negation_keeps_its_own_operators() -> None:
    for text, op in [
        ("event.price < 1", LeafOp.NOT_LT), ("event.price <= 1", LeafOp.NOT_LE),
        ("event.price > 1", LeafOp.NOT_GT), ("event.price >= 1", LeafOp.NOT_GE),
        ("event.price == 1", LeafOp.NE), ("event.price != 1", LeafOp.EQ),
    ]:  # fmt: skip
        assert lowered(f"!({text})") == ((Leaf(PRICE, op, (1,)),),)
        assert lowered(f"!(!({text}))") == lowered(text)
    assert lowered("!(event.any in [1, 'a'])") == ((Leaf(ANY, LeafOp.NOT_IN, (1, "a")),),)
    assert lowered("!has(event.any)") == ((Leaf(ANY, LeafOp.NOT_HAS),),)
    assert lowered("event.gift") == ((Leaf(GIFT, LeafOp.EQ, (True,)),),)
    assert lowered("!event.gift") == ((Leaf(GIFT, LeafOp.EQ, (False,)),),)
    assert lowered("event.any != null") == ((Leaf(ANY, LeafOp.NE, (None,)),),)


def test_constants_fold_and_flip() -> None:
    assert lowered("5 < event.time_on_page") == ((Leaf(PAGE, LeafOp.GT, (5,)),),)
    assert lowered("!('a' >= event.planName)") == ((Leaf(PLAN, LeafOp.NOT_LE, ("a",)),),)
    assert lowered("1 < 2") == ALWAYS
    assert lowered("'a' == 'b' || false") == NEVER
    assert lowered("event.gift && true") == lowered("event.gift")
    assert lowered("event.gift || true") == ALWAYS
    assert lowered("event.any in []") == NEVER
    assert lowered("!(event.any in [])") == ((Leaf(ANY, LeafOp.HAS),),)
    assert lowered("event.any in [2, 2.0, 2]") == ((Leaf(ANY, LeafOp.EQ, (2,)),),)
    assert lowered("event.any in [1, true]") == ((Leaf(ANY, LeafOp.IN, (1, True)),),)


def test_order_of_truth_values() -> None:
    assert lowered("event.gift < true") == lowered("event.gift == false")
    assert lowered("!(event.gift <= false)") == lowered("event.gift == true")
    assert lowered("event.gift > true") == NEVER
    assert lowered("event.gift >= false") == ((Leaf(GIFT, LeafOp.IN, (False, True)),),)


def test_contradictions_and_repeats_go() -> None:
    assert lowered("event.type == 'a' && event.type == 'b'") == NEVER
    assert lowered("event.price > 5 && event.price < 3") == NEVER
    assert lowered("event.price >= 5 && event.price <= 5") != NEVER
    assert lowered("event.price == 7 && event.price < 3") == NEVER
    assert lowered("event.any == 1 && event.any == '1'") == NEVER
    assert lowered("has(event.any) && !has(event.any)") == NEVER
    assert lowered("has(event.any) && event.any == 1") == lowered("event.any == 1")
    assert lowered("event.gift && event.gift") == lowered("event.gift")
    assert lowered("event.gift || (event.gift && event.any == 1)") == lowered("event.gift")
    # NaN is neither below 3 nor at least 3, so these two can hold together.
    assert lowered("!(event.price > 5) && !(event.price < 9)") != NEVER
    # 1 and true are equal in Python, not in CEL.
    assert len(lowered("event.any == 1 || event.any == true")) == 2


def test_ternary() -> None:
    assert lowered("event.gift ? event.any == 1 : event.any == 2") == (
        (Leaf(GIFT, LeafOp.EQ, (True,)), Leaf(ANY, LeafOp.EQ, (1,))),
        (Leaf(GIFT, LeafOp.EQ, (False,)), Leaf(ANY, LeafOp.EQ, (2,))),
    )


def test_features_and_times() -> None:
    slot = SourceKind.SLOT
    assert lowered('now - last("purchase").time > duration("720h")') == (
        (Leaf(Source(slot, 0, Part.AGE), LeafOp.GT, (Duration(2_592_000_000_000),)),),
    )
    assert lowered('last("purchase").time > timestamp("2024-01-01T00:00:00Z")') == (
        (Leaf(Source(slot, 0, Part.TIME), LeafOp.GT, (Time(1_704_067_200_000_000),)),),
    )
    assert lowered('now >= timestamp("1970-01-01T00:00:01Z")') == (
        (Leaf(Source(SourceKind.NOW, 0), LeafOp.GE, (Time(1_000_000),)),),
    )
    assert lowered("profile.engagementScore > 0.7") == (
        (Leaf(Source(SourceKind.DERIVED, 0), LeafOp.GT, (0.7,)),),
    )
    assert lowered("previous(profile.engagement_score) > 0.7") == (
        (Leaf(Source(SourceKind.DERIVED_PREVIOUS, 0), LeafOp.GT, (0.7,)),),
    )
    previous = SourceKind.SLOT_PREVIOUS
    for text in ('previous(last("purchase")).time', 'previous(last("purchase").time)'):
        assert lowered(f"now - {text} > duration('1h')") == (
            (Leaf(Source(previous, 0, Part.AGE), LeafOp.GT, (Duration(3_600_000_000),)),),
        )
    assert lowered('previous(count("purchase")) == 0') == (
        (Leaf(Source(previous, 0), LeafOp.EQ, (0,)),),
    )
    assert lowered('now - profile.first_seen_time > duration("1h")') == lowered(
        'profile.age > duration("1h")'
    )
    assert lowered("consent.marketing", Reader.CONTENT) == (
        (Leaf(Source(SourceKind.CONSENT, 0), LeafOp.EQ, (True,)),),
    )
    assert lowered("context.cartSize > 2", Reader.CONTENT) == (
        (Leaf(Source(SourceKind.CONTEXT, 6), LeafOp.GT, (2,)),),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            'count("a", {"url": "/p", "price": 1.0}, "168h")',
            'count("a", {"price": 1, "url": "/p"}, "7d")',
        ),
        ('count("a", {}, "7d/32")', 'count("a", "1w")'),
        ('sum("a", "timeOnPage")', 'sum("a", "time_on_page")'),
        ('last("a", "value_minor").value', 'last("a").value'),
        ('decayed("a", "1440m")', 'decayed("a", "1d")'),
        ('count("a", {"deviceType": "tv"})', 'count("a", {"device_type": "tv"})'),
    ],
)
def test_calls_of_one_meaning_share_a_slot(one: str, other: str) -> None:
    shared = conditions()
    first, second = (shared.compile(f"{text} > 1", Reader.TRIGGER) for text in (one, other))
    assert first == second
    assert len(shared.tables.features) == 1
    size = next(iter(shared.tables.features.values())).size
    assert size % 8 == 0


def test_spellings_of_one_condition_are_one() -> None:
    cel = (
        'event.type == "exit_intent" && profile.engagement_score > 0.7'
        " && event.time_on_page > 30000"
    )
    filters = [
        {"field": "engagementScore", "operator": "greater_than", "value": 0.7},
        {"field": "eventData.timeOnPage", "operator": "greater_than", "value": 30000},
    ]
    spelled = [
        cel,
        'event.eventType == "exit_intent" && engagementScore > 0.7 && timeOnPage > 30000',
        {"eventType": "exit_intent", "filters": filters},
        {"all": [{"field": "type", "operator": "equals", "value": "exit_intent"}, *filters]},
        {"event.type": "exit_intent", "engagementScore": {"gt": 0.7}, "timeOnPage": {"gt": 30000}},
        {
            "all": [
                'event.type == "exit_intent"',
                {"engagement_score": {"gt": 0.7}},
                "event.interaction_context == 1",
            ][:2]
            + filters[1:]
        },
    ]
    assert len({lowered(item) for item in spelled}) == 1
    assert lowered(cel)[0][0] == Leaf(TYPE, LeafOp.EQ, ("exit_intent",))


def test_operators_of_field_filters() -> None:
    for operator, value, text in [
        ("equals", 1, "event.price == 1"),
        ("not_equals", 1, "event.price != 1"),
        ("greater_than", 1, "event.price > 1"),
        ("greater_than_or_equal", 1, "event.price >= 1"),
        ("less_than", 1, "event.price < 1"),
        ("less_than_or_equal", 1, "event.price <= 1"),
        ("in", [1, 2], "event.price in [1, 2]"),
        ("not_in", [1, 2], "!(event.price in [1, 2])"),
        ("between", [1, 2], "event.price >= 1 && event.price <= 2"),
    ]:
        assert canonical({"field": "price", "operator": operator, "value": value}) == text
    assert canonical({"field": "price", "operator": "exists"}) == "has(event.price)"
    assert canonical({"field": "price", "operator": "not_exists"}) == "!has(event.price)"
    assert (
        canonical({"none": ["event.gift", {"price": {"min": 1, "max": 2}}]})
        == "!event.gift && !(event.price >= 1 && event.price <= 2)"
    )
    assert canonical({"any": [{"price": [1, 2]}, "gift"]}) == "event.price in [1, 2] || event.gift"
    assert (
        canonical({"due": {"min": "2024-01-01T00:00:00Z"}})
        == 'event.due >= timestamp("2024-01-01T00:00:00Z")'
    )
    assert canonical({"profile.age": {"min": "90m"}}) == 'profile.age >= duration("90m")'
    assert canonical({'count("a", "7d")': {"min": 3}}) == 'count("a", "7d") >= 3'


@pytest.mark.parametrize(
    ("spelled", "reason", "words"),
    [
        (
            "event.time_on_pag > 1",
            "NAME_UNKNOWN",
            "line 1, column 1: event.time_on_pag is not known. Did you mean event.time_on_page?",
        ),
        ("timeOnPag > 1", "NAME_UNKNOWN", "Did you mean time_on_page?"),
        ("profile.engagment_score > 1", "NAME_UNKNOWN", "Did you mean profile.engagement_score?"),
        ("persona == 'x'", "NAME_AMBIGUOUS", "event.persona and profile.persona"),
        ("event_count > 1", "NAME_AMBIGUOUS", "session.event_count and profile.event_count"),
        ("context.channel == 'web'", "NAME_UNKNOWN", "context can be read in content only"),
        (
            "event.time_on_page == '1'",
            "TYPE_WRONG",
            "event.time_on_page is int and never compares with a string",
        ),
        (
            "event.planName > 5",
            "TYPE_WRONG",
            "event.plan_name is string and never compares with a int",
        ),
        ("event.plan_name in ['a', 5]", "TYPE_WRONG", "never compares"),
        ("event.due > '2024-01-01'", "TYPE_WRONG", "Write timestamp("),
        ("profile.age > 5", "TYPE_WRONG", "Write duration("),
        ("event.time_on_page", "TYPE_WRONG", "is int, not a truth value"),
        ("event.any < null", "TYPE_WRONG", "null has no order"),
        ("event.device_type == 'moblie'", "VALUE_INVALID", "Did you mean mobile?"),
        (
            "event.any == event.price",
            "UNSUPPORTED",
            "comparing event.any with something that is not a constant",
        ),
        ("true &&\n event.any + 1 > 2", "UNSUPPORTED", "line 2, column 12: comparing addition"),
        ("event.plan_name.startsWith('a')", "UNSUPPORTED", "the method .startsWith()"),
        ("size(event.plan_name) > 1", "UNSUPPORTED", "size()"),
        ("event.any.all(x, x > 1)", "UNSUPPORTED", "a comprehension"),
        ("event.any == b'1'", "UNSUPPORTED", "a bytes literal"),
        ("event.any in event.price", "UNSUPPORTED", "in with anything but a list of constants"),
        ("'a' in event", "UNSUPPORTED", "in with anything"),
        ("(event.any == 1) == true", "UNSUPPORTED", "comparing a condition"),
        ("event.any == [1]", "UNSUPPORTED", "comparing a list"),
        ("event == null", "UNSUPPORTED", "event as a whole"),
        (
            "now - event.time > duration('1h')",
            "UNSUPPORTED",
            "now - event.time (only now - last(…).time",
        ),
        ("event.price * 2 > 1", "UNSUPPORTED", "multiplication"),
        ("event.any == 18446744073709551615u", "UNSUPPORTED", "beyond 64 bits"),
        ("event.", "SYNTAX", "line 1, column 7"),
        ("event.any == 'a", "SYNTAX", "line 1, column 14"),
        ("1", "TYPE_WRONG", "a condition is true or false"),
        ("count() > 1", "TYPE_WRONG", "count() takes 1 to 3 arguments; write count(type"),
        ("count('a', 'x') > 1", "VALUE_INVALID", "is not a span"),
        ("count('a', '7d', {}) > 1", "TYPE_WRONG", "this argument does not belong here"),
        ("count('a', {'nope': 1}) > 1", "NAME_UNKNOWN", "event.nope is not known"),
        ("count('a', {'price': 'x'}) > 1", "TYPE_WRONG", "never compares"),
        ("count('a', {'price': event.price}) > 1", "TYPE_WRONG", "a filter's values are constants"),
        ("sum('a', 'plan_name') > 1", "TYPE_WRONG", "is no int or double"),
        ("sum('a') > 1", "TYPE_WRONG", "sum() takes 2 to 4 arguments"),
        ("decayed('a', 'x') > 1", "VALUE_INVALID", "is not a span"),
        ("last('a') == 1", "UNSUPPORTED", "read through .time or .value"),
        ("last('a').when > 1", "NAME_UNKNOWN", "parts .time and .value"),
        ("previous(event.price) > 1", "UNSUPPORTED", "previous() takes a feature call or a score"),
        ("count('a') > '1'", "TYPE_WRONG", "is int"),
        ("timestamp('2024') < now", "VALUE_INVALID", "is not a moment"),
        ("duration('1ns') < profile.age", "VALUE_INVALID", "finer than a microsecond"),
        (
            {"field": "price", "operator": "greater", "value": 1},
            "OPERATOR_UNKNOWN",
            "Operators: equals, not_equals",
        ),
        (
            {"field": "price", "operator": "greather_than", "value": 1},
            "OPERATOR_UNKNOWN",
            "Did you mean greater_than?",
        ),
        ({"field": "price", "operator": "in", "value": 1}, "TYPE_WRONG", "in takes a list"),
        ({"field": "price", "operator": "between", "value": [1]}, "TYPE_WRONG", "a list of two"),
        ({"field": "price", "operator": "exists", "value": 1}, "KEY_UNKNOWN", "takes no value"),
        ({"field": "price", "operator": "equals"}, "KEY_MISSING", "needs a value"),
        (
            {"field": "price", "op": "equals", "value": 1},
            "KEY_UNKNOWN",
            "op is not known in a field filter",
        ),
        (
            {"field": "prise", "operator": "equals", "value": 1},
            "NAME_UNKNOWN",
            "Did you mean price?",
        ),
        ({"price": {"minn": 1}}, "OPERATOR_UNKNOWN", "Did you mean min?"),
        ({"price": {"min": "a"}}, "TYPE_WRONG", "never compares"),
        ({"price": {}}, "VALUE_INVALID", "an empty range"),
        ({"filters": [], "nope": 1}, "KEY_UNKNOWN", "nope is not known here"),
        ({"any": []}, "TYPE_WRONG", "any holds a list"),
        ({}, "VALUE_INVALID", "an empty condition"),
        (5, "TYPE_WRONG", "a condition is a CEL text"),
    ],
)
def test_refusals_name_what_is_wrong(spelled: Any, reason: str, words: str) -> None:
    caught = fault(spelled)
    assert words in caught.description
    assert caught.reason == reason


def test_paths_lead_into_groups() -> None:
    spelled = {"any": [{"price": {"min": 1}}, {"all": [{"field": "prise", "operator": "exists"}]}]}
    assert fault(spelled).suffix == "any[1].all[0].field"


def test_content_has_no_event() -> None:
    assert "triggers only" in fault('previous(count("a")) > 1', Reader.CONTENT).description
    assert (
        "event can be read in triggers only" in fault("event.price > 1", Reader.CONTENT).description
    )


def test_limits() -> None:
    wide = " && ".join(
        f"(event.any != {i} || event.price != {i} || event.plan_name != '{i}')" for i in range(4)
    )
    assert "more than 64 alternatives" in fault(wide).description
    many = " && ".join(f"event.any != {i}" for i in range(65))
    assert "more than 64 tests" in fault(many).description
    assert len(lowered(" && ".join(f"event.any != {i}" for i in range(64)))[0]) == 64
    assert len(lowered(" || ".join(f"event.any == {i}" for i in range(64)))) == 64
    assert (
        "more than 64 alternatives"
        in fault(" || ".join(f"event.any == {i}" for i in range(65))).description
    )
    assert fault("(" * 5000 + "true" + ")" * 5000).reason in ("LIMIT_EXCEEDED", "SYNTAX")
    assert fault("true" + " && true" * 2000).reason == "LIMIT_EXCEEDED"
    assert fault(f"event.any in [{', '.join(map(str, range(1025)))}]").reason == "LIMIT_EXCEEDED"
