"""Named features, policies, and kinds that are refused by name."""

import json

import pytest
from kairos_server.catalog import (
    Catalog,
    DocumentInput,
    DocumentsRefused,
    PlanModel,
    build_image,
    split_documents,
)
from kairos_server.catalog.model import Part, Source, SourceKind
from kairos_server.catalog.policies import POLICIES, VERSIONS_KEPT_DEFAULT
from kairos_server.catalog.schema import listed
from reference.packs import apply

FEATURE = """
kind: feature
id: bought_7d
expression: count("purchase", "7d")
---
kind: feature
id: lastBuy
expression: last("purchase").time
"""


def faults_of(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(DocumentsRefused) as error:
        apply(text)
    return [(v.document, v.path, v.description) for v in error.value.violations]


def leaves(model: PlanModel) -> list[tuple[object, ...]]:
    """What the only trigger reads, with the text of a slot for its number."""
    return [
        (model.slots[leaf.source.id].text, leaf.source.kind, leaf.source.part, leaf.operands)
        for conjunction in model.trigger_rules[0].conjunctions
        for leaf in conjunction
    ]


def test_a_named_feature_reads_the_slot_of_its_call() -> None:
    by_name = apply(
        FEATURE
        + """
---
kind: trigger
id: t
condition: >-
  profile.bought_7d >= 2 && previous(bought_7d) < 2
  && now - profile.lastBuy < duration("1h")
"""
    )
    by_call = apply(
        """
kind: trigger
id: t
condition: >-
  count("purchase", "7d") >= 2 && previous(count("purchase", "7d")) < 2
  && now - last("purchase").time < duration("1h")
"""
    )
    assert leaves(by_name.model) == leaves(by_call.model)
    assert sorted(slot.text for slot in by_name.model.slots) == sorted(
        slot.text for slot in by_call.model.slots
    )
    assert by_name.catalog.documents["trigger/t"].cel == (
        "profile.bought_7d >= 2 && previous(profile.bought_7d) < 2 "
        '&& now - profile.last_buy < duration("1h")'
    )
    assert by_name.catalog.documents["feature/lastBuy"].cel == 'last("purchase").time'


def test_a_named_feature_is_a_term_of_scores() -> None:
    model = apply(
        FEATURE
        + """
---
kind: score
id: s
type: engagement
terms: [{feature: profile.bought_7d, weight: 0.5}, {feature: bought_7d, weight: 0.25}]
"""
    ).model
    source = Source(SourceKind.SLOT, 0, Part.VALUE)
    terms = {derived.name: derived.terms for derived in model.derived}["s"]
    assert [term.source for term in terms] == [source, source]
    assert build_image(model)


def test_names_of_features_reach_the_plan_and_keep_their_slots() -> None:
    first = apply(FEATURE)
    meta = json.loads(first.model.meta)
    assert meta["named_features"] == {"last_buy": 1, "bought_7d": 0}
    renamed = first.catalog.apply(
        split_documents('kind: feature\nid: also\nexpression: count("purchase", "168h")'),
        ["feature/bought_7d"],
        "",
        "",
        9,
    )
    assert json.loads(renamed.model.meta)["named_features"] == {"also": 0, "last_buy": 1}
    assert renamed.model.slots == first.model.slots, "another name is not another slot"


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("kind: feature\nid: f\nexpression: profile.age", "expression", "is no feature call"),
        ("kind: feature\nid: f\nexpression: '1'", "expression", "is no feature call"),
        ("kind: feature\nid: f\nexpression: now - last(\"x\").time", "expression", "only a"),
        ("kind: feature\nid: f\nexpression: previous(count(\"x\"))", "expression", "triggers only"),
        ("kind: feature\nid: f\nexpression: last(\"x\")", "expression", ".time or .value"),
        ("kind: feature\nid: f", "", "has an expression"),
        ("kind: feature\nid: event_count\nexpression: count(\"x\")", "id", "is always there"),
        ("kind: feature\nid: persona\nexpression: count(\"x\")", "id", "is also a trait"),
        (FEATURE.replace("bought_7d", "last_buy"), "id", "another spelling"),
        (FEATURE + "\n---\nkind: score\nid: last_buy\ntype: engagement", "id", "is also a feature"),
    ],
)  # fmt: skip
def test_features_that_are_refused(text: str, path: str, words: str) -> None:
    faults = faults_of(text)
    assert any(place == path and words in said for _, place, said in faults), faults


def test_policies_are_normalised_into_the_plan() -> None:
    first = apply("kind: policy\nid: documents")
    assert json.loads(first.model.meta)["policies"] == {
        "documents": {"versions_kept": VERSIONS_KEPT_DEFAULT}
    }
    changed = first.catalog.apply(
        [DocumentInput("versionsKept: 5", "policy", "documents")], [], "", "", 9
    )
    assert json.loads(changed.model.meta)["policies"] == {"documents": {"versions_kept": 5}}
    assert build_image(changed.model) != build_image(first.model)
    read = Catalog.from_documents(1, {k: v for k, v in changed.entries if v} | dict(first.entries))
    assert read.compiled().model.meta == first.model.meta


def test_policies_that_are_refused() -> None:
    assert faults_of("kind: policy\nid: docments") == [
        (
            "policy/docments",
            "id",
            f"there is no policy docments. Did you mean documents? Policies: {listed(POLICIES)}",
        )
    ]
    faults = faults_of("kind: policy\nid: documents\nversions_kept: 1\nversion: 2")
    assert [(path, said[:20]) for _, path, said in faults] == [
        ("versions_kept", "1 is not 2 to 1000"),
        ("version", "version is not known"),
    ]


@pytest.mark.parametrize("kind", ["segment", "experiment"])
def test_kinds_that_are_not_served_yet(kind: str) -> None:
    assert faults_of(f"kind: {kind}\nid: x") == [
        ("documents[2]", "kind", f"this version does not serve {kind} documents")
    ]
