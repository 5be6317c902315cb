"""The matcher against the plain meaning of leaves: random plans, random values, every kernel."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kairos_server.catalog import image_cluster, image_index
from kairos_server.catalog.image import build_image
from kairos_server.catalog.model import Constant, Duration, Leaf, LeafOp, Source, SourceKind, Time
from match_door import KERNELS, Matcher, kernel_best
from reference.match import ABSENT, Value, leaf_holds
from reference.plans import door_value, matched, model_of, rule_of

INDEXES = (0, 1)
SOURCES = (*(Source(SourceKind.EVENT, i) for i in range(4)), Source(SourceKind.NOW, 0))
EDGE_NUMBERS = (
    0,
    -0.0,
    0.0,
    1,
    1.0,
    -1,
    0.5,
    2,
    3,
    2**53,
    2**53 + 1,
    float(2**53),
    2**63 - 1,
    -(2**63),
    2.0**63,
    -(2.0**63),
    2.0**63 - 1024.0,
    2**63 - 513,
    2**63 - 512,
    math.inf,
    -math.inf,
    math.nan,
    5e-324,
    1.7e308,
)
EDGE_STRINGS = (
    "",
    "a",
    "ab",
    "b",
    "é",
    "\x00",
    "\U0001f600",
    "\uffff",
    "a\x00",
    "aaaaaaaa",
    "aaaaaaaab",
)

numbers = st.one_of(
    st.sampled_from(EDGE_NUMBERS),
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_subnormal=True),
)
strings = st.one_of(st.sampled_from(EDGE_STRINGS), st.text(max_size=4))
microseconds = st.one_of(
    st.integers(-2, 2), st.sampled_from((2**63 - 1, -(2**63), 2**53, 2**53 + 1))
)
constants: st.SearchStrategy[Constant] = st.one_of(
    numbers, strings, st.booleans(), st.none(), microseconds.map(Time), microseconds.map(Duration)
)
values: st.SearchStrategy[Value] = st.one_of(st.just(ABSENT), constants)


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    op = draw(st.sampled_from(LeafOp))
    if op in (LeafOp.HAS, LeafOp.NOT_HAS):
        operands: tuple[Constant, ...] = ()
    elif op in (LeafOp.IN, LeafOp.NOT_IN):
        operands = tuple(draw(st.lists(constants, max_size=4)))
    else:
        operands = (draw(constants),)
    return Leaf(draw(st.sampled_from(SOURCES)), op, operands)


rules = st.lists(st.lists(st.lists(leaves(), max_size=4), max_size=3), max_size=12)
events = st.lists(
    st.lists(values, min_size=len(SOURCES), max_size=len(SOURCES)), min_size=1, max_size=8
)


def check(texts: Sequence[Sequence[Sequence[Leaf]]], rows: Sequence[Sequence[Value]]) -> None:
    """Both indexes, both outputs and all kernels against the reference."""
    listed = [rule_of(i, conjunctions) for i, conjunctions in enumerate(texts)]
    half = len(listed) // 2
    image = build_image(model_of(triggers=listed[:half], decides=listed[half:]))
    named = [dict(zip(SOURCES, row, strict=True)) for row in rows]
    for index, part in zip(INDEXES, (listed[:half], listed[half:]), strict=True):
        matched(image, index, part, named)


@settings(max_examples=120, deadline=None)
@given(rules, events)
def test_all_kernels_give_the_rules_that_hold(
    texts: Sequence[Sequence[Sequence[Leaf]]], rows: Sequence[Sequence[Value]]
) -> None:
    check(texts, rows)


@settings(max_examples=60, deadline=None)
@given(rules, events, st.integers(1, 3), st.integers(1, 3))
def test_few_buckets_change_nothing(
    texts: Sequence[Sequence[Sequence[Leaf]]],
    rows: Sequence[Sequence[Value]],
    thresholds: int,
    words: int,
) -> None:
    """Quantile thresholds and shared string buckets only move work to survivors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_index, "THRESHOLDS_MAX", thresholds)
        patch.setattr(image_index, "STRINGS_MAX", words)
        check(texts, rows)


@settings(max_examples=30, deadline=None)
@given(rules, events, st.sampled_from((0, 2, 5)))
def test_columns_without_rows_change_nothing(
    texts: Sequence[Sequence[Sequence[Leaf]]], rows: Sequence[Sequence[Value]], dense: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_index, "COLUMNS_ALWAYS_DENSE", dense)
        patch.setattr(image_index, "USE_MIN", 0.5)
        check(texts, rows)


@settings(max_examples=120, deadline=None)
@given(rules, events, st.sampled_from((0, 2, 64)), st.integers(1, 256))
def test_order_of_conjunctions_changes_nothing(
    texts: Sequence[Sequence[Sequence[Leaf]]],
    rows: Sequence[Sequence[Value]],
    dense: int,
    thresholds: int,
) -> None:
    """Clusters, gates and summaries only spare work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_index, "CLUSTERED_MIN", 0)
        patch.setattr(image_cluster, "SHARE_MAX", 1.0)
        patch.setattr(image_index, "COLUMNS_ALWAYS_DENSE", dense)
        patch.setattr(image_index, "USE_MIN", 0.3)
        patch.setattr(image_index, "THRESHOLDS_MAX", thresholds)
        check(texts, rows)


@settings(max_examples=300, deadline=None)
@given(leaves(), st.lists(values, min_size=1, max_size=20))
@example(Leaf(SOURCES[0], LeafOp.EQ, (2**53 + 1,)), [float(2**53), 2**53, 2**53 + 1])
@example(Leaf(SOURCES[0], LeafOp.GE, (2.0**63,)), [2**63 - 1, 2.0**63])
@example(Leaf(SOURCES[0], LeafOp.NOT_LT, (1.0,)), [math.nan, 1, "1", None, ABSENT])
def test_one_leaf(leaf: Leaf, seen: Sequence[Value]) -> None:
    image = build_image(model_of(triggers=[rule_of(0, ((leaf,),))]))
    for value in seen:
        expected = [0] if leaf_holds(leaf, value) else []
        matcher = Matcher(image, 0)
        matcher.keep([[door_value(value)]])
        assert matcher.match(0, kernel_best()) == (expected, expected)


def test_kernels_are_known() -> None:
    assert kernel_best() in KERNELS.values()
