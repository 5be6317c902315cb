"""Lowered conditions against Google's CEL: random conditions x random worlds give the same truth.

KAIROS_CONDITION_PAIRS asks for more pairs, KAIROS_SEED for another start; both are printed.
"""

import os
import random
import sys

import pytest
from kairos_server.catalog import Catalog, DocumentInput, DocumentsRefused, build_image
from kairos_server.catalog.documents import canonical_json
from kairos_server.catalog.model import PlanModel
from match_door import kernel_best
from reference.condition import SCHEMA, SCORE, Condition, Oracle, random_condition, random_world
from reference.match import leaf_holds
from reference.plans import matcher_of

WORLDS = 20
BATCH = 25


def compiled(
    catalog: Catalog, conditions: list[str]
) -> tuple[PlanModel, dict[str, int], list[str]]:
    """Compiles each condition as a trigger; returns model, trigger -> number, canonical texts.

    Too wide ones are left out.
    """
    inputs = {
        f"t{i}": {"kind": "trigger", "id": f"t{i}", "condition": text}
        for i, text in enumerate(conditions)
    }
    while True:
        try:
            applied = catalog.apply(
                [DocumentInput(canonical_json(body).decode()) for body in inputs.values()],
                [],
                "",
                "",
                0,
            )
            break
        except DocumentsRefused as refused:
            assert {v.reason for v in refused.violations} == {"LIMIT_EXCEEDED"}, refused.violations  # noqa: PT017
            for violation in refused.violations:
                inputs.pop(violation.document.removeprefix("trigger/"), None)
    numbers = {
        name: number for number, name in enumerate(applied.model.trigger_names) if name in inputs
    }
    return (
        applied.model,
        numbers,
        [applied.catalog.documents[f"trigger/{name}"].cel for name in inputs],
    )


@pytest.fixture(scope="module")
def base() -> Catalog:
    return (
        Catalog.from_documents(1, {})
        .apply([DocumentInput(SCHEMA), DocumentInput(SCORE)], [], "", "", 0)
        .catalog
    )


def test_lowered_conditions_equal_cel(base: Catalog) -> None:
    wanted = int(os.environ.get("KAIROS_CONDITION_PAIRS", "4000"))
    seed = int(os.environ.get("KAIROS_SEED", "0")) or random.SystemRandom().getrandbits(32)
    sys.stdout.write(f"KAIROS_SEED={seed} KAIROS_CONDITION_PAIRS={wanted}\n")
    random_, oracle = random.Random(seed), Oracle()
    pairs = held = left_out = 0
    while pairs < wanted:
        conditions = [random_condition(random_, random_.choice((1, 2, 3))) for _ in range(BATCH)]
        model, numbers, _ = compiled(base, [condition.text for condition in conditions])
        left_out += BATCH - len(numbers)
        rules = {rule.number: rule for rule in model.trigger_rules}
        expressions = {name: oracle.compile(conditions[int(name[1:])].oracle) for name in numbers}
        for _ in range(WORLDS):
            world = random_world(random_)
            activation = world.activation()
            for name, number in numbers.items():
                expected = oracle.holds(expressions[name], activation)
                found = any(
                    all(leaf_holds(leaf, world.of(model, leaf.source)) for leaf in conjunction)
                    for conjunction in rules[number].conjunctions
                )
                assert found == expected, (
                    seed,
                    conditions[int(name[1:])],
                    rules[number].conjunctions,
                    world,
                )
                pairs, held = pairs + 1, held + expected
    sys.stdout.write(
        f"{pairs} pairs, {held} true, {left_out} conditions beyond the limit left out\n"
    )
    assert held > pairs / 20, "the generator makes conditions that hold"
    assert left_out < pairs / WORLDS / 4


def test_the_compiled_core_equals_cel(base: Catalog) -> None:
    """The whole way: text, catalog, image, bit rows, every kernel."""
    wanted = int(os.environ.get("KAIROS_CONDITION_PAIRS", "4000"))
    seed = int(os.environ.get("KAIROS_SEED", "0")) or random.SystemRandom().getrandbits(32)
    sys.stdout.write(f"KAIROS_SEED={seed} KAIROS_CONDITION_PAIRS={wanted}\n")
    random_, oracle = random.Random(seed), Oracle()
    pairs = 0
    while pairs < wanted:
        conditions = [random_condition(random_) for _ in range(BATCH * 4)]
        model, numbers, _ = compiled(base, [condition.text for condition in conditions])
        order = [rule.number for rule in model.trigger_rules]
        expressions = {
            number: oracle.compile(conditions[int(name[1:])].oracle)
            for name, number in numbers.items()
        }
        worlds = [random_world(random_) for _ in range(WORLDS)]
        sources = {
            leaf.source
            for rule in model.trigger_rules
            for leaves in rule.conjunctions
            for leaf in leaves
        }
        events = [{source: world.of(model, source) for source in sources} for world in worlds]
        matcher = matcher_of(build_image(model), 0, events)
        for index, world in enumerate(worlds):
            activation = world.activation()
            expected = [
                i for i, number in enumerate(order) if oracle.holds(expressions[number], activation)
            ]
            for kernel in range(kernel_best() + 1):
                assert matcher.match(index, kernel) == (expected, expected), (seed, kernel, world)
            pairs += len(order)
    sys.stdout.write(f"{pairs} pairs\n")


def test_canonical_text_has_the_same_conjunctions(base: Catalog) -> None:
    random_ = random.Random(11)
    conditions: list[Condition] = [random_condition(random_) for _ in range(150)]
    model, numbers, texts = compiled(base, [condition.text for condition in conditions])
    again, numbers_again, texts_again = compiled(base, texts)
    rules = {rule.number: rule.conjunctions for rule in model.trigger_rules}
    rules_again = {rule.number: rule.conjunctions for rule in again.trigger_rules}
    assert [rules[number] for number in numbers.values()] == [
        rules_again[number] for number in numbers_again.values()
    ]
    assert texts == texts_again
