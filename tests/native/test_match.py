"""The matcher on cases with a name: order, repeats, word borders, buckets, residual leaves."""

import math

import pytest
from kairos_server.catalog import image_index
from kairos_server.catalog.image import build_image
from kairos_server.catalog.model import Duration, Leaf, LeafOp, Rule, Source, SourceKind, Time
from match_door import KERNELS, Matcher, kernel_best
from reference.match import ABSENT, Value
from reference.plans import door_value, matched, matcher_of, model_of, rule_of

VALUE = Source(SourceKind.EVENT, 9)
URL = Source(SourceKind.EVENT, 7)
ABSENT_BUCKET, NULL, FALSE, TRUE, STRING_OTHER, NAN, KIND_OTHER, ORDER_FIRST = range(8)


def image_of(*rules: Rule) -> bytes:
    return build_image(model_of(triggers=rules))


def single(op: LeafOp, *operands: object, source: Source = VALUE) -> list[list[Leaf]]:
    return [[Leaf(source, op, tuple(operands))]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "count", [1, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 4097]
)
def test_word_borders(count: int) -> None:
    """Every conjunction count round a word, a block and a tail of the kernels."""
    rules = [rule_of(i, single(LeafOp.GE, i)) for i in range(count)]
    matcher = matcher_of(image_of(*rules), 0, [{VALUE: x} for x in (-1, 0, count // 2, count)])
    for kernel in range(kernel_best() + 1):
        for event, x in enumerate((-1, 0, count // 2, count)):
            expected = list(range(min(count, x + 1)))
            assert matcher.match(event, kernel) == (expected, expected)


def test_an_index_without_dense_columns_asks_every_conjunction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_index, "COLUMNS_ALWAYS_DENSE", 0)
    monkeypatch.setattr(image_index, "USE_MIN", 2.0)
    rules = [rule_of(i, single(LeafOp.LT, i)) for i in range(700)]
    image = image_of(*rules)
    assert matcher_of(image, 0, []).dense() == [False]
    matched(image, 0, rules, [{VALUE: 350}, {}, {VALUE: "a"}])


def test_each_rule_stands_once_and_in_order() -> None:
    always: list[list[Leaf]] = [[], [Leaf(VALUE, LeafOp.GT, (0,))]]
    rules = [
        rule_of(0, []),
        rule_of(1, always),
        rule_of(2, always[::-1]),
        rule_of(3, [*always, *always]),
    ]
    image = image_of(*rules)
    matched(image, 0, rules, [{VALUE: 1}, {VALUE: 0}, {}])
    assert matcher_of(image, 0, [{}]).match(0, kernel_best())[0] == [1, 2, 3]


def test_rules_of_the_second_index_are_numbered_on() -> None:
    triggers = [rule_of(i, single(LeafOp.EQ, "a", source=URL)) for i in range(3)]
    decides = [rule_of(i, single(LeafOp.EQ, text, source=URL)) for i, text in enumerate("abcab")]
    image = build_image(model_of(triggers=triggers, decides=decides))
    matched(image, 1, decides, [{URL: "a"}, {URL: "b"}, {URL: "d"}, {}])


@pytest.mark.parametrize(
    ("value", "bucket"),
    [
        (ABSENT, ABSENT_BUCKET),
        (None, NULL),
        (False, FALSE),
        (True, TRUE),
        ("zz", STRING_OTHER),
        (math.nan, NAN),
        (Time(1), KIND_OTHER),
        (Duration(1), KIND_OTHER),
        (-math.inf, ORDER_FIRST),
        (0, ORDER_FIRST),
        (1, ORDER_FIRST + 1),
        (1.0, ORDER_FIRST + 1),
        (1.5, ORDER_FIRST + 2),
        (2**53, ORDER_FIRST + 3),
        (float(2**53), ORDER_FIRST + 3),
        (2**53 + 1, ORDER_FIRST + 5),
        (2**53 + 2, ORDER_FIRST + 6),
        (float(2**53 + 2), ORDER_FIRST + 6),
        (math.inf, ORDER_FIRST + 6),
        ("a", ORDER_FIRST + 7),
        ("b", ORDER_FIRST + 8),
        ("", STRING_OTHER),
    ],
)
def test_buckets(value: Value, bucket: int) -> None:
    leaves = [
        Leaf(VALUE, LeafOp.LT, (1,)),
        Leaf(VALUE, LeafOp.LT, (2**53,)),
        Leaf(VALUE, LeafOp.LT, (2**53 + 1,)),
        Leaf(VALUE, LeafOp.IN, ("b", "a")),
    ]
    matcher = Matcher(image_of(rule_of(0, [leaves])), 0)
    matcher.keep([[door_value(value)]])
    assert matcher.buckets(0) == [bucket]


def test_what_buckets_decide_is_not_asked_again() -> None:
    exact = [
        *(Leaf(VALUE, op, (100,)) for op in LeafOp if op not in (LeafOp.HAS, LeafOp.NOT_HAS)),
        Leaf(VALUE, LeafOp.HAS),
        Leaf(VALUE, LeafOp.NOT_HAS),
        Leaf(VALUE, LeafOp.IN, (1, 2.5, None, True, "x")),
        Leaf(URL, LeafOp.NE, ("/a",)),
        Leaf(VALUE, LeafOp.LT, (True,)),
        Leaf(VALUE, LeafOp.NOT_LT, (math.nan,)),
    ]
    assert matcher_of(image_of(rule_of(0, [exact])), 0, []).residual_count() == 0


def test_what_buckets_leave_open_is_asked_again() -> None:
    other_class = [
        Leaf(VALUE, LeafOp.LT, (1,)),
        Leaf(VALUE, LeafOp.GT, (2,)),
        Leaf(VALUE, LeafOp.LT, (Time(5),)),
    ]
    string_order = [Leaf(URL, LeafOp.LT, ("/m",))]
    matcher = matcher_of(image_of(rule_of(0, [other_class, string_order])), 0, [])
    assert matcher.residual_count() == 2
    rules = [rule_of(0, [other_class]), rule_of(1, [string_order]), rule_of(2, [[other_class[2]]])]
    matched(
        image_of(*rules),
        0,
        rules,
        [{VALUE: Time(4)}, {VALUE: Time(5)}, {URL: "/a"}, {URL: "/m"}, {URL: "/z"}],
    )


def test_quantiles_keep_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_index, "THRESHOLDS_MAX", 4)
    rules = [
        rule_of(i, single(op, i * 0.5))
        for i, op in enumerate([LeafOp.LT, LeafOp.GE, LeafOp.EQ, LeafOp.NE] * 20)
    ]
    image = image_of(*rules)
    matched(image, 0, rules, [{VALUE: x / 4} for x in range(-4, 170)])


def test_shared_string_buckets_keep_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_index, "STRINGS_MAX", 3)
    rules = [
        rule_of(i, single(op, f"/page/{i}", source=URL))
        for i, op in enumerate([LeafOp.EQ, LeafOp.NE, LeafOp.NOT_IN] * 7)
    ]
    matched(image_of(*rules), 0, rules, [{URL: f"/page/{i}"} for i in range(25)])


def test_a_budget_takes_rows_from_the_least_used_column() -> None:
    often = [rule_of(i, single(LeafOp.EQ, f"/{i}", source=URL)) for i in range(40)]
    rules = [*often, rule_of(40, single(LeafOp.LT, 5))]
    built = image_index.build_index(rules, row_bytes_max=64 * 16)
    assert [column.dense for column in built.columns] == [True, False]
    assert image_index.build_index(rules, row_bytes_max=0).columns[0].dense is False


def test_kernel_can_be_narrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    best = kernel_best()
    for name, number in KERNELS.items():
        monkeypatch.setenv("KAIROS_KERNEL", name)
        assert kernel_best() == min(best, number)
    monkeypatch.setenv("KAIROS_KERNEL", "nonsense")
    assert kernel_best() == best
