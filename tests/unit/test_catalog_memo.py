"""A catalog that remembers compiles to what one that remembers nothing compiles to, whatever the
order of changes.
"""

import json
import random

import pytest
from kairos_server.catalog import (
    Applied,
    Catalog,
    DocumentInput,
    DocumentsRefused,
    Violation,
)

SCHEMAS = (
    "kind: schema\nattributes: {price: double, n: int}\ntraits: {persona: string}",
    "kind: schema\nattributes: {price: double, n: int, extra: string}\ntraits: {persona: string}",
    "kind: schema\nattributes: {price: int, n: int}\ntraits: {persona: string, price: string}",
)
OTHERS = (
    'kind: score\nid: s\ntype: engagement\nterms: [{feature: count("a", "7d"), weight: 1}]',
    "kind: score\nid: b\ntype: logistic\nterms: [{feature: profile.bought, weight: 1}]",
    'kind: feature\nid: bought\nexpression: count("purchase", "7d")',
    'kind: feature\nid: bought\nexpression: count("purchase", "30d")',
    "kind: placement\nid: p",
    "kind: content\nid: c\nplacements: [p]\neligibility: profile.s > 0.5",
    "kind: policy\nid: documents\nversions_kept: 9",
)
CONDITIONS = (
    "event.price > 1", "price > 1", 'count("a", "7d") > 2', 'count("purchase", "7d") > 1',
    "profile.s > 0.5", "profile.b > 0.5 || profile.bought >= 2", "previous(profile.bought) < 2",
    {"price": {"min": 1}}, {"event_type": "a", "filters": [{"field": "n", "value": 3}]},
    'sum("purchase", "price", "7d") > 10', "event.extra == 'x'", "nonsense > 1",
)  # fmt: skip


def change(chance: random.Random, known: list[str]) -> tuple[list[DocumentInput], list[str]]:
    kind = chance.randrange(10)
    if kind == 0:
        return [DocumentInput(chance.choice(SCHEMAS))], []
    if kind <= 3:
        return [DocumentInput(chance.choice(OTHERS))], []
    if kind <= 5 and known:
        return [], [chance.choice(known)]
    body = {"condition": chance.choice(CONDITIONS), "priority": chance.randrange(3)}
    if chance.random() < 0.3:
        body["timing"] = {"after": "2h", "unless": 'event.type == "b"'}
    if chance.random() < 0.3:
        body["personalization"] = {"persona": "Tech"}
    return [DocumentInput(json.dumps(body), "trigger", f"t{chance.randrange(6)}")], []


def judged(
    catalog: Catalog, documents: list[DocumentInput], removed: list[str], step: int
) -> Applied | list[Violation]:
    """The plan, or the faults."""
    try:
        return catalog.apply(documents, removed, "a", "n", step)
    except DocumentsRefused as refused:
        return refused.violations


@pytest.mark.parametrize("seed", range(6))
def test_remembering_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)
    stored: dict[str, bytes] = {}
    catalog = Catalog.from_documents(1, {})
    accepted = refused = 0
    for step in range(60):
        documents, removed = change(chance, list(catalog.documents))
        fresh = Catalog.from_documents(1, stored)
        wanted = judged(fresh, documents, removed, step)
        applied = judged(catalog, documents, removed, step)
        if not isinstance(wanted, Applied) or not isinstance(applied, Applied):
            assert applied == wanted
            refused += 1
            continue
        accepted += 1
        assert applied.model == wanted.model
        assert applied.entries == wanted.entries
        assert applied.warnings == wanted.warnings
        catalog = applied.catalog
        for key, value in applied.entries:
            if value:
                stored[key] = value
            else:
                del stored[key]
    assert min(accepted, refused) > 5
