"""Documents -> plan model: triggers, scores, placements, blobs, warnings,
and every fault at once.
"""

import json
import math
import re
from pathlib import Path

import pytest
from kairos.v1 import event_pb2, personalization_service_pb2
from kairos_server.catalog import (
    DocumentInput,
    DocumentsRefused,
    Violation,
    build_image,
    limits,
    model,
)
from kairos_server.catalog.model import (
    DerivedKind,
    Leaf,
    LeafOp,
    Source,
    SourceKind,
    Time,
)
from reference.packs import BASE, CONTENTS, EXIT_PREVENTION, apply

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "documents.md"


def violations(text: str, *documents: DocumentInput, base: str = BASE) -> list[Violation]:
    with pytest.raises(DocumentsRefused) as refused:
        apply(text, *documents, base=base)
    return refused.value.violations


def test_the_trigger_of_the_specification_compiles_as_printed() -> None:
    applied = apply("", DocumentInput(EXIT_PREVENTION, kind="trigger"))
    assert applied.model.trigger_names == ("high_intent_exit_prevention",)
    rule = applied.model.trigger_rules[0]
    fields = [field.name for field in applied.model.event_fields]
    assert rule.conjunctions == ((
        Leaf(Source(SourceKind.EVENT, 0), LeafOp.EQ, ("exit_intent",)),
        Leaf(Source(SourceKind.DERIVED, 0), LeafOp.GT, (0.7,)),
        Leaf(Source(SourceKind.EVENT, fields.index("time_on_page")), LeafOp.GT, (30000,)),
        Leaf(Source(SourceKind.NOW, 0), LeafOp.GE, (Time(1_704_067_200_000_000),)),
    ),)  # fmt: skip
    fired = event_pb2.FiredTrigger.FromString(rule.blob)
    assert (fired.trigger_id, fired.urgency, fired.executed, fired.result) == (
        "high_intent_exit_prevention",
        0,
        False,
        "",
    )
    assert [action.type for action in fired.actions] == ["show_exit_offer", "capture_email"]
    assert [(p.name, p.WhichOneof("value")) for p in fired.actions[0].parameters] == [
        ("offerType", "string_value"), ("discount", "double_value"), ("urgency", "string_value"),
    ]  # fmt: skip
    assert applied.warnings == []
    assert applied.catalog.documents["trigger/high_intent_exit_prevention"].text == EXIT_PREVENTION


def test_the_range_map_of_the_specification() -> None:
    conditions = {
        "engagementScore": {"min": 0.8},
        "intentScore": {"min": 0.7},
        "deviceType": "mobile",
    }
    trigger = DocumentInput(json.dumps({"kind": "trigger", "id": "t", "conditions": conditions}))
    assert [(v.document, v.path, v.reason) for v in violations("", trigger)] == [
        ("trigger/t", "conditions.intentScore", "NAME_UNKNOWN")
    ]
    score = """
kind: score
id: intent_score
type: logistic
bias: -2.0
terms: [{feature: 'count("cart_add", "7d")', weight: 0.8}]
"""
    applied = apply(score, trigger)
    assert [
        (leaf.source.kind, leaf.op, leaf.operands)
        for leaf in applied.model.trigger_rules[0].conjunctions[0]
    ] == [
        (SourceKind.DERIVED, LeafOp.GE, (0.8,)),
        (SourceKind.DERIVED, LeafOp.GE, (0.7,)),
        (SourceKind.EVENT, LeafOp.EQ, ("mobile",)),
    ]
    assert [(d.name, d.kind, d.bias) for d in applied.model.derived] == [
        ("engagement_score", DerivedKind.ENGAGEMENT, 0.0),
        ("intent_score", DerivedKind.LOGISTIC, -2.0),
    ]  # fmt: skip


def test_the_documents_of_the_guide_compile() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    default = "kind: content\nid: hero_default\npayload: {hook: Welcome}"
    applied = apply("\n---\n".join([*blocks, default]), base="")
    assert (applied.trigger_count, applied.content_count, applied.warnings) == (2, 2, [])
    assert build_image(applied.model)


def test_window_and_decay_numbers() -> None:
    applied = apply(
        'kind: trigger\nid: t\ncondition: \'count("*", "1h/7") > 0 && sum("a", "price", '
        '{"url": "/"}, "7d/64") > 1\''
    )
    decayed, window, total = applied.model.slots
    assert (window.bucket_count, window.bucket_us, window.window_us, window.size) == (
        7,
        514_285_715,
        3_600_000_000,
        40,
    )
    assert window.event_type == 0
    assert window.bucket_us * window.bucket_count >= window.window_us
    assert (total.kind, total.size, total.offset, total.value_field) == (
        model.SlotKind.WINDOW_SUM_DOUBLE,
        8 + 8 * 64,
        56,
        12,
    )
    assert total.filter == ((7, "/"),)
    assert applied.model.event_types[total.event_type - 1] == "a"
    assert decayed.decay_per_us == math.log(2) / 86_400_000_000


def test_personalization_and_schedule_become_leaves() -> None:
    applied = apply("""
kind: trigger
id: t
condition: event.type == "a"
personalization: {persona: TechEarlyAdopter, deviceType: mobile, trafficSource: all}
schedule: {startDate: 2024-01-01, endDate: 2024-01-31, timeZone: Europe/Berlin}
---
kind: trigger
id: off
condition: event.type == "a"
schedule: {active: false}
""")
    on, off = applied.model.trigger_rules[1], applied.model.trigger_rules[0]
    assert off.conjunctions == ()
    assert [(leaf.source.kind, leaf.op, leaf.operands) for leaf in on.conjunctions[0][1:]] == [
        (SourceKind.NOW, LeafOp.GE, (Time(1_704_063_600_000_000),)),
        (SourceKind.NOW, LeafOp.LT, (Time(1_706_742_000_000_000),)),
        (SourceKind.TRAIT, LeafOp.EQ, ("TechEarlyAdopter",)),
        (SourceKind.EVENT, LeafOp.EQ, ("mobile",)),
    ]
    refused = violations(
        "kind: trigger\nid: t\ncondition: 'true'\n"
        "personalization: {trafficSource: ads, deviceType: moblie}"
    )
    assert [(v.path, v.reason) for v in refused] == [
        ("personalization.deviceType", "VALUE_INVALID"),
        ("personalization.trafficSource", "UNSUPPORTED"),
    ]  # fmt: skip
    source = apply(
        "kind: trigger\nid: t\ncondition: 'true'\npersonalization: {trafficSource: ads}",
        base="kind: schema\nattributes: {traffic_source: string}",
    )
    assert source.model.trigger_rules[0].conjunctions == (
        (Leaf(Source(SourceKind.EVENT, 12), LeafOp.EQ, ("ads",)),),
    )


def test_placements_and_candidates() -> None:
    applied = apply(CONTENTS)
    hero, side = applied.model.placements
    blobs = [
        personalization_service_pb2.Decision.FromString(candidate.blob)
        for candidate in hero.candidates
    ]
    assert [(d.content_id, d.offer_id) for d in blobs] == [("top", ""), ("", "a"), ("b", "")]
    assert [c.rule for c in hero.candidates] == [None, 0, 0]
    assert len(applied.model.decide_rules) == 1
    assert [c.consent_mask for c in hero.candidates] == [0, 3, 2]
    count, new, score = hero.sources
    assert (count.kind, new, score.kind) == (
        SourceKind.SLOT,
        Source(SourceKind.SESSION, 4),
        SourceKind.DERIVED,
    )
    assert [c.weights for c in hero.candidates] == [(0, 0, 0), (-1, 4, 0), (0, 2, 1.5)]
    assert side.sources == (score, new)
    assert hero.fallback is not None
    assert (hero.fallback.rule, hero.fallback.bias, hero.fallback.weights) == (None, 3, (0, 0, 0))
    assert side.fallback is None
    offer = blobs[1]
    assert (offer.variant, offer.ttl_seconds, offer.priority, hero.candidates[1].logistic) == (
        "v",
        900,
        5,
        True,
    )
    assert [(a.name, a.WhichOneof("value")) for a in offer.content] == [
        ("z", "int_value"), ("a.y", "bool_value"), ("a.b.0", "string_value"),
        ("a.b.1", "null_value"), ("text", "string_value"), ("ratio", "double_value"),
    ]  # fmt: skip
    assert hero.candidates[1].start_us == 1_704_067_200_000_000
    assert build_image(applied.model)


def test_eligibilities_that_python_takes_for_equal_stay_apart() -> None:
    applied = apply(
        """
kind: placement
id: p
---
kind: content
id: a
placements: [p]
eligibility: context.any == 1
---
kind: content
id: b
placements: [p]
eligibility: context.any == true
---
kind: content
id: c
placements: [p]
eligibility: context.any == 1.0
""",
        base="kind: schema\ncontext: {any: dyn}",
    )
    assert [candidate.rule for candidate in applied.model.placements[0].candidates] == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("kind: placement\nid: p\nfallback: nope", "fallback", "REFERENCE_UNKNOWN"),
        (
            "kind: placement\nid: p\nfallback: c\n---\nkind: content\nid: c\npurposes: [marketing]",
            "fallback",
            "CONSENT_REQUIRED",
        ),
        ("kind: content\nid: c\nplacements: [nope]", "placements[0]", "REFERENCE_UNKNOWN"),
        ("kind: content\nid: c\npurposes: [marketin]", "purposes[0]", "NAME_UNKNOWN"),
        ("kind: content\nid: c\nttl: 900", "ttl", "TYPE_WRONG"),
        ("kind: content\nid: c\npayload: {a: {}}", "payload.a", "VALUE_INVALID"),
        ("kind: content\nid: c\npayload: {a.b: 1, a: {b: 2}}", "payload", "KEY_DUPLICATE"),
        (
            "kind: content\nid: c\nscore: {terms: [{feature: profile.persona, weight: 1}]}",
            "score.terms[0].feature",
            "TYPE_WRONG",
        ),
        (
            "kind: content\nid: c\nscore: {terms: [{feature: session.is_new, weight: 1e39}]}",
            "score.terms[0].weight",
            "VALUE_INVALID",
        ),
        (
            "kind: content\nid: c\nscore: {terms: [{feature: session.is_new}]}",
            "score.terms[0]",
            "KEY_MISSING",
        ),
        ("kind: content\nid: c\npriority: 1.5", "priority", "TYPE_WRONG"),
        ("kind: content\nid: c\npriority: 3000000000", "priority", "VALUE_INVALID"),
        ("kind: content\nid: c\noffer: yes", "offer", "TYPE_WRONG"),
        ("kind: content\nid: c\nprioritty: 1", "prioritty", "KEY_UNKNOWN"),
        ("kind: score\nid: s\ntype: linear", "type", "VALUE_INVALID"),
        ("kind: score\nid: s", "type", "KEY_MISSING"),
        ("kind: score\nid: age\ntype: logistic", "id", "NAME_TAKEN"),
        ("kind: score\nid: persona\ntype: logistic", "id", "NAME_TAKEN"),
        ("kind: score\nid: engagementScore\ntype: logistic", "id", "NAME_TAKEN"),
        (
            "kind: score\nid: s\ntype: logistic\nterms: [{feature: engagement_score, weight: 1}]",
            "terms[0].feature",
            "NAME_UNKNOWN",
        ),
        ("kind: trigger\nid: t", "", "KEY_MISSING"),
        ("kind: trigger\nid: t\ncondition: 'true'\nconditions: {price: 1}", "", "KEY_DUPLICATE"),
        ("kind: trigger\nid: t\ncondition: 'true'\nurgency: urgent", "urgency", "VALUE_INVALID"),
        (
            "kind: trigger\nid: t\ncondition: 'true'\nactions: [{parameters: {}}]",
            "actions[0]",
            "KEY_MISSING",
        ),
        (
            "kind: trigger\nid: t\ncondition: 'true'\nactions: [{type: a, parameters: {b: []}}]",
            "actions[0].parameters.b",
            "VALUE_INVALID",
        ),
        (
            "kind: trigger\nid: t\ncondition: 'true'\nschedule: {startDate: 2024-02-30}",
            "schedule.startDate",
            "VALUE_INVALID",
        ),
        (
            (
                "kind: trigger\nid: t\ncondition: 'true'\n"
                "schedule: {startDate: 2024-02-02, endDate: 2024-02-01}"
            ),
            "schedule.endDate",
            "VALUE_INVALID",
        ),
        (
            "kind: trigger\nid: t\ncondition: 'true'\nschedule: {timeZone: Mars}",
            "schedule.timeZone",
            "VALUE_INVALID",
        ),
        ("kind: trigger\nid: t\ncondition: 'true'\nid_: 1\nId: t", "Id", "KEY_DUPLICATE"),
        ("kind: trigger\nid: a b\ncondition: 'true'", "id", "VALUE_INVALID"),
        ("kind: triger\nid: t", "kind", "VALUE_INVALID"),
    ],
)
def test_faults_have_a_path(text: str, path: str, reason: str) -> None:
    assert (path, reason) in [(v.path, v.reason) for v in violations(text)]


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("attributes: {a: integer}", "attributes.a", "VALUE_INVALID"),
        ("attributes: {type: string}", "attributes.type", "NAME_TAKEN"),
        ("attributes: {userId: string}", "attributes.userId", "NAME_TAKEN"),
        ("attributes: {aB: int, a_b: int}", "attributes.a_b", "KEY_DUPLICATE"),
        ("attributes: {a..b: int}", "attributes.a..b", "VALUE_INVALID"),
        ("traits: {age: int}", "traits.age", "NAME_TAKEN"),
        ("context: {channel: string}", "context.channel", "NAME_TAKEN"),
        ("purposes: [a, a]", "purposes[1]", "TYPE_WRONG"),
        ("purposes: [1]", "purposes[0]", "TYPE_WRONG"),
        ("attributes: [a]", "attributes", "TYPE_WRONG"),
        ("id: other", "id", "VALUE_INVALID"),
    ],
)
def test_faults_of_schemas(text: str, path: str, reason: str) -> None:
    assert [(v.path, v.reason) for v in violations("kind: schema\n" + text, base="")] == [
        (path, reason)
    ]


def test_all_faults_of_all_documents_come_at_once() -> None:
    found = violations(
        "kind: trigger\nid: t\ncondition: event.nope > 1\nurgency: x\nextra: 1"
        "\n---\nkind: content\nid: c\neligibility: 'nope'\nttl: x"
        "\n---\nkind: [1"
    )
    assert sorted((v.document, v.path) for v in found) == [
        ("content/c", "eligibility"),
        ("content/c", "ttl"),
        ("documents[4]", ""),
        ("trigger/t", "condition"),
        ("trigger/t", "extra"),
        ("trigger/t", "urgency"),
    ]


def test_warnings() -> None:
    applied = apply(
        "kind: trigger\nid: a\ncondition: 'true'\n---\nkind: trigger\nid: n\n"
        "condition: event.price > 2 && event.price < 1"
        "\n---\nkind: placement\nid: p\n---\nkind: content\nid: c\neligibility: 'false'"
    )
    assert applied.warnings == [
        "trigger/a: its condition fires on every event.",
        "trigger/n: its condition can never fire.", "content/c: no placement shows it.",
        "content/c: its eligibility can never hold.",
        "placement/p: it has neither contents nor a fallback.",
    ]  # fmt: skip


def test_one_event_fires_a_bounded_number_of_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRIGGERS_FIRED_MAX", 3)
    typed = "\n---\n".join(
        f"kind: trigger\nid: t{i}\ncondition: event.type == '{'ab'[i % 2]}'" for i in range(6)
    )
    assert apply(typed).trigger_count == 6
    assert (
        "one event might fire 4 triggers"
        in violations(typed + "\n---\nkind: trigger\nid: u\ncondition: event.price > 1")[
            0
        ].description
    )
