"""Microseconds per event of the matcher, rule numbers included, against a compiled loop over
predicates.

Run: pytest -s -o python_functions=bench_match tests/bench/bench_match.py. Every case asserts the
answers of some events first. Each figure is the median of interleaved runs of matcher and control;
the line printed is `name value control ratio`.
"""

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from kairos_server.catalog.image import build_image
from kairos_server.catalog.model import Leaf, LeafOp, Rule, Source, SourceKind
from match_door import Matcher, Naive, kernel_best
from reference.match import ABSENT, Value, rules_holding
from reference.plans import matcher_of, model_of

CARDINALITIES = (4, 5, 6, 8, 8, 10, 10, 12, 15, 20, 30, 50)
ATTRIBUTES = 30
FIRST_ATTRIBUTE = 12
EVENTS = 200
RUNS = 5
SELECTIVE = 11
"""The attribute with 50 values; in the selective shape every rule asks for one of them and every
event has it.
"""
WIDE = "attributes_3000"
WIDE_ATTRIBUTES = 3000

Test = tuple[int, int | None, float, float]
"""(attribute, mask of strings or None, low, high): low <= x < high."""


@dataclass(frozen=True)
class Workload:
    rules: list[list[Test]]
    events: list[dict[int, int]]
    attributes: int = ATTRIBUTES

    def model_rules(self) -> list[Rule]:
        kept: dict[tuple[object, ...], Leaf] = {}
        return [
            Rule(i, 0, (tuple(leaf for test in tests for leaf in leaves_of(test, kept)),))
            for i, tests in enumerate(self.rules)
        ]

    def values(self, event: dict[int, int]) -> dict[Source, Value]:
        return {source_of(a): text_of(a, x) if is_text(a) else x for a, x in event.items()}


def is_text(attribute: int) -> bool:
    """The kinds of the first 30 attributes come again and again."""
    return attribute % ATTRIBUTES < len(CARDINALITIES)


def values_of(attribute: int) -> int:
    """How many values the attribute takes."""
    return CARDINALITIES[attribute % ATTRIBUTES] if is_text(attribute) else 1000


def source_of(attribute: int) -> Source:
    return Source(SourceKind.EVENT, FIRST_ATTRIBUTE + attribute)


def text_of(attribute: int, value: int) -> str:
    return f"c{attribute}_{value}"


def leaves_of(test: Test, kept: dict[tuple[object, ...], Leaf]) -> list[Leaf]:
    attribute, mask, low, high = test
    parts: list[tuple[LeafOp, tuple[object, ...]]] = []
    if mask is not None:
        texts = tuple(text_of(attribute, i) for i in range(values_of(attribute)) if mask >> i & 1)
        parts.append((LeafOp.EQ if len(texts) == 1 else LeafOp.IN, texts))
    if low > float("-inf"):
        parts.append((LeafOp.GE, (low,)))
    if high < float("inf"):
        parts.append((LeafOp.LT, (high,)))
    source = source_of(attribute)
    return [
        kept.setdefault((attribute, op, operands), Leaf(source, op, operands))
        for op, operands in parts
    ]  # type: ignore[arg-type]


def generate(count: int, shape: str, seed: int = 7) -> Workload:
    """The workload of docs/guides/performance.md: 30 attributes, 3 to 5 predicates a rule, about 1
    % match.
    """
    rng = random.Random(seed)
    if shape == WIDE:
        return generate_wide(rng, count)
    rules = []
    for _ in range(count):
        attributes = rng.sample(range(ATTRIBUTES), rng.choice((3, 4, 5)))
        tests = [
            predicate(rng, a, shape) for a in attributes if shape != "selective" or a != SELECTIVE
        ]
        if shape == "selective":
            tests.insert(0, (SELECTIVE, 1 << rng.randrange(50), float("-inf"), float("inf")))
        rules.append(tests)
    events = []
    for _ in range(EVENTS):
        present = rng.sample(range(ATTRIBUTES), rng.randint(22, 25))
        if shape == "selective" and SELECTIVE not in present:
            present.append(SELECTIVE)
        events.append({a: rng.randrange(values_of(a)) for a in present})
    return Workload(rules, events)


def generate_wide(rng: random.Random, count: int) -> Workload:
    """3,000 attributes of 120 applications: a rule asks for attributes of one of them, an event has
    the 25 of one.
    """
    fields = [range(first, first + 25) for first in range(0, WIDE_ATTRIBUTES, 25)]
    rules = [
        [predicate(rng, a, WIDE) for a in rng.sample(rng.choice(fields), rng.choice((3, 4, 5)))]
        for _ in range(count)
    ]
    events = [{a: rng.randrange(values_of(a)) for a in rng.choice(fields)} for _ in range(EVENTS)]
    return Workload(rules, events, WIDE_ATTRIBUTES)


def predicate(rng: random.Random, attribute: int, shape: str) -> Test:
    if is_text(attribute):
        values = values_of(attribute)
        if rng.random() < 0.5 and values <= 10:
            chosen = [rng.randrange(values)]
        else:
            chosen = rng.sample(range(values), max(2, int(values * rng.uniform(0.25, 0.5))))
        return attribute, sum(1 << i for i in chosen), float("-inf"), float("inf")

    def threshold(low: int, high: int) -> float:
        return (
            rng.uniform(low, high) if shape == "distinct" else float(rng.randrange(low, high, 10))
        )

    kind = rng.random()
    if kind < 0.35:
        return attribute, None, threshold(300, 800), float("inf")
    if kind < 0.7:
        return attribute, None, float("-inf"), threshold(200, 700)
    low = threshold(0, 600)
    return attribute, None, low, low + threshold(200, 400)


def control_of(workload: Workload) -> Naive:
    naive = Naive([list(tests) for tests in workload.rules], workload.attributes)
    rows: list[list[int | float | None]] = []
    for event in workload.events:
        row: list[int | float | None] = [None] * workload.attributes
        for a, x in event.items():
            row[a] = x if is_text(a) else float(x)
        rows.append(row)
    naive.keep(rows)
    return naive


def check(workload: Workload, rules: Sequence[Rule], matcher: Matcher, naive: Naive) -> None:
    for i in (0, 57, 199):
        values = workload.values(workload.events[i])
        expected = rules_holding(
            rules, {s: values.get(s, ABSENT) for s in map(source_of, range(workload.attributes))}
        )
        assert matcher.match(i, kernel_best())[0] == naive.match(i) == expected
    for i in range(EVENTS):
        assert matcher.match(i, kernel_best())[0] == naive.match(i)


CASES = [(count, "broad") for count in (500, 1_000, 10_000, 100_000)]
CASES += [(100_000, "distinct"), (100_000, "selective"), (10_000, WIDE)]


@pytest.mark.parametrize(("count", "shape"), CASES)
def bench_match(count: int, shape: str, benchmark: object) -> None:
    workload = generate(count, shape)
    rules = workload.model_rules()
    started = time.perf_counter()
    image = build_image(model_of(triggers=rules, attributes=workload.attributes))
    build_s = time.perf_counter() - started
    matcher = matcher_of(image, 0, [workload.values(event) for event in workload.events])
    naive = control_of(workload)
    check(workload, rules, matcher, naive)
    passes = max(1, 200_000 // count)
    ours, control = [], []
    for _ in range(RUNS):
        ours.append(matcher.time_us(kernel_best(), passes)[0])
        control.append(naive.time_us(max(1, passes // 20))[0])
    value, control_value = statistics.median(ours), statistics.median(control)
    print(
        f"\nmatch_us_{count}_{shape} {value:.3f} control {control_value:.2f} "
        f"ratio {control_value / value:.1f} "
        f"runs {RUNS} build_s {build_s:.2f} image_mb {len(image) / 1e6:.1f}"
    )
    benchmark.pedantic(matcher.time_us, args=(kernel_best(), 1), rounds=3)  # type: ignore[attr-defined]
