"""Builds the bit rows of one index: see docs/adr/0007-bit-rows.md.

Leaves that are equal after encoding are one *predicate*. The values that a column can take fall
into *buckets*; a predicate either
holds for all values of a bucket, for none, or for some. A row's bit is 0 only where a leaf holds
for none; a predicate with
a "some" bucket is checked again on survivors (its leaves are *residual*).
"""

import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kairos_server.catalog.image_buckets import (
    BUCKET_ORDER_FIRST,
    Tag,
    fixed_truth,
    order_default,
    order_interval,
    tag_of,
)
from kairos_server.catalog.image_tables import Operand, encode_constant
from kairos_server.catalog.model import Constant, Duration, Leaf, LeafOp, Rule, Source, Time

ROW_BYTES_MAX = 256 << 20
"""Bytes of all rows of one index; beyond it columns get fewer buckets, then the least used ones get
none.
"""
THRESHOLDS_MAX = 256
"""A column with at most so many distinct numbers is exact."""
QUANTILES = 64
"""Thresholds of a column with more: its leaves are residual anyway, and fewer rows stay in the
cache.
"""
STRINGS_MAX = 1024
BUCKETS_MIN = 8
"""Halving stops here."""
COLUMNS_ALWAYS_DENSE = 64
USE_MIN = 0.02
"""With more columns than COLUMNS_ALWAYS_DENSE: one that fewer conjunctions use is not worth a row
per event.
"""
NOT_DENSE = 0xFFFFFFFFFFFFFFFF

EQUALITY = (LeafOp.EQ, LeafOp.NE, LeafOp.IN, LeafOp.NOT_IN)
NEGATED = (LeafOp.NE, LeafOp.NOT_IN)


@dataclass(slots=True)
class Predicate:
    """A distinct leaf of a column."""

    op: LeafOp
    operands: tuple[Operand, ...]
    constants: tuple[Constant, ...]
    tags: tuple[Tag, ...]


@dataclass(slots=True)
class Column:
    """All predicates on one source, and where they are used."""

    source: Source
    predicates: list[Predicate] = field(default_factory=list)
    use_conjunction: list[int] = field(default_factory=list)
    use_predicate: list[int] = field(default_factory=list)
    use_position: list[int] = field(default_factory=list)
    dense: bool = True
    value_class: Tag = Tag.NUMBER
    thresholds: list[int | float] = field(default_factory=list)
    string_bucket: dict[str, int] = field(default_factory=dict)
    string_count: int = 0
    rows: np.ndarray | None = None
    residual: np.ndarray | None = None

    def bucket_count(self) -> int:
        return BUCKET_ORDER_FIRST + 2 * len(self.thresholds) + 1 + self.string_count


@dataclass(slots=True)
class BuiltIndex:
    """One index, ready to be written.

    Shapes: conjunction_rule[n] relative to the index; residual_* one entry per residual leaf,
    grouped by conjunction
    """

    columns: list[Column]
    word_count: int
    conjunction_rule: np.ndarray
    residual_conjunction: np.ndarray
    residual_column: np.ndarray
    residual_predicate: np.ndarray


def build_index(rules: Sequence[Rule], row_bytes_max: int = ROW_BYTES_MAX) -> BuiltIndex:
    """Returns columns, rows and residual leaves of the rules.

    Cost: O(leaves + rows x (conjunctions / 8 + leaves of the column)), in numpy
    """
    columns, conjunction_rule = _collect(rules)
    count = len(conjunction_rule)
    word_count = max(8, (count + 511) // 512 * 8)
    _choose_buckets(columns, count, word_count * 8, row_bytes_max)
    for column in columns:
        if column.dense:
            _build_rows(column, count, word_count)
        else:
            column.residual = np.ones(len(column.predicates), dtype=bool)
    return BuiltIndex(columns, word_count, conjunction_rule, *_residuals(columns))


def _collect(rules: Sequence[Rule]) -> tuple[list[Column], np.ndarray]:
    """Numbers columns, predicates and conjunctions in the order of first use."""
    columns: list[Column] = []
    by_source: dict[tuple[int, int, int], int] = {}
    by_content: dict[tuple[int, int, tuple[Operand, ...]], int] = {}
    # Keyed by identity, because hashing a leaf costs more than all else here; the rules keep the
    # leaves alive.
    by_identity: dict[int, tuple[Column, int]] = {}
    conjunction_rule: list[int] = []
    for rule_index, rule in enumerate(rules):
        for conjunction in rule.conjunctions:
            for position, leaf in enumerate(conjunction):
                known = by_identity.get(id(leaf))
                if known is None:
                    key = (int(leaf.source.kind), leaf.source.id, int(leaf.source.part))
                    number = by_source.setdefault(key, len(columns))
                    if number == len(columns):
                        columns.append(Column(leaf.source))
                    known = columns[number], _predicate(columns[number], number, leaf, by_content)
                    by_identity[id(leaf)] = known
                column, predicate = known
                column.use_conjunction.append(len(conjunction_rule))
                column.use_predicate.append(predicate)
                column.use_position.append(position)
            conjunction_rule.append(rule_index)
    return columns, np.array(conjunction_rule, dtype=np.int64)


def _predicate(
    column: Column,
    number: int,
    leaf: Leaf,
    by_content: dict[tuple[int, int, tuple[Operand, ...]], int],
) -> int:
    if leaf.op in (LeafOp.HAS, LeafOp.NOT_HAS):
        fits = not leaf.operands
    else:
        fits = leaf.op in (LeafOp.IN, LeafOp.NOT_IN) or len(leaf.operands) == 1
    if not fits:
        raise ValueError(f"{leaf.op.name} with {len(leaf.operands)} operands")
    operands = tuple([encode_constant(constant) for constant in leaf.operands])
    key = (number, int(leaf.op), operands)
    known = by_content.setdefault(key, len(column.predicates))
    if known == len(column.predicates):
        tags = tuple([tag_of(constant) for constant in leaf.operands])
        column.predicates.append(Predicate(leaf.op, operands, leaf.operands, tags))
    return known


def _choose_buckets(columns: list[Column], count: int, row_bytes: int, row_bytes_max: int) -> None:
    """Chooses which columns are dense and how fine their buckets are."""
    if len(columns) > COLUMNS_ALWAYS_DENSE:
        for column in columns:
            column.dense = len(column.use_conjunction) >= USE_MIN * count
    thresholds_max, strings_max = THRESHOLDS_MAX, STRINGS_MAX
    weights = [_constants(column) for column in columns]
    while True:
        for column, (numbers, strings) in zip(columns, weights, strict=True):
            column.thresholds = _quantiles(numbers, thresholds_max) if column.dense else []
            _group_strings(
                column, sorted(strings, key=str.encode) if column.dense else [], strings_max
            )
        total = sum(column.bucket_count() * row_bytes for column in columns if column.dense)
        if total <= row_bytes_max:
            return
        if thresholds_max > BUCKETS_MIN or strings_max > BUCKETS_MIN:
            thresholds_max = max(BUCKETS_MIN, thresholds_max // 2)
            strings_max = max(BUCKETS_MIN, strings_max // 2)
        else:
            # min() takes the first of equals: the same model gives the same image.
            min((c for c in columns if c.dense), key=lambda c: len(c.use_conjunction)).dense = False


def _constants(column: Column) -> tuple[Counter[int | float], Counter[str]]:
    """Chooses the column's class; returns how often each number of it and each string is used."""
    uses = np.bincount(
        np.array(column.use_predicate, dtype=np.int64), minlength=len(column.predicates)
    ).tolist()
    numbers: dict[Tag, Counter[int | float]] = {
        Tag.NUMBER: Counter(),
        Tag.TIME: Counter(),
        Tag.DURATION: Counter(),
    }
    strings: Counter[str] = Counter()
    for predicate, use in zip(column.predicates, uses, strict=True):
        for constant, tag in zip(predicate.constants, predicate.tags, strict=True):
            if tag is Tag.STRING:
                strings[constant] += use  # type: ignore[index]
            elif tag in numbers:
                numbers[tag][_number(constant)] += use
    column.value_class = max(numbers, key=lambda tag: numbers[tag].total())
    return numbers[column.value_class], strings


def _number(constant: Constant) -> int | float:
    if isinstance(constant, (Time, Duration)):
        return constant.us
    assert isinstance(constant, (int, float))
    return constant


def _quantiles(numbers: Counter[int | float], count_max: int) -> list[int | float]:
    """Returns all numbers, sorted exactly, or the weighted quantiles of too many."""
    ordered = sorted(numbers)
    if len(ordered) <= count_max:
        return ordered
    weight = np.cumsum([numbers[number] for number in ordered])
    count_max = min(count_max, QUANTILES)
    wanted = (np.arange(count_max) + 0.5) * (int(weight[-1]) / count_max)
    return [ordered[i] for i in np.unique(np.searchsorted(weight, wanted)).tolist()]


def _group_strings(column: Column, ordered: list[str], count_max: int) -> None:
    """Gives every known string a bucket; too many share them, neighbours in byte order together."""
    column.string_count = min(len(ordered), count_max)
    first = BUCKET_ORDER_FIRST + 2 * len(column.thresholds) + 1
    column.string_bucket = {
        text: first + i * column.string_count // len(ordered) for i, text in enumerate(ordered)
    }


def _build_rows(column: Column, count: int, word_count: int) -> None:
    """Fills column.rows[bucket, byte] and column.residual[predicate]."""
    truth = _Truth(column)
    conjunction = np.array(column.use_conjunction, dtype=np.int64)
    predicate = np.array(column.use_predicate, dtype=np.int64)
    rounds = _rounds(conjunction)
    rows = np.zeros((column.bucket_count(), word_count * 8), dtype=np.uint8)
    bits = np.ones(word_count * 64, dtype=bool)
    bits[count:] = False
    for bucket in range(column.bucket_count()):
        holds = truth.of(bucket)
        for i, chosen in enumerate(rounds):
            where = conjunction[chosen]
            if i == 0:
                bits[where] = holds[predicate[chosen]]
            else:
                bits[where] &= holds[predicate[chosen]]
        rows[bucket] = np.packbits(bits, bitorder="little")
    column.rows = rows
    column.residual = truth.uncertain


def _rounds(conjunction: np.ndarray) -> list[np.ndarray]:
    """Splits uses into rounds in which each conjunction stands at most once; `conjunction` is
    sorted.
    """
    if not len(conjunction):
        return []
    starts = np.flatnonzero(np.r_[True, conjunction[1:] != conjunction[:-1]])
    sizes = np.diff(np.r_[starts, len(conjunction)])
    position = np.arange(len(conjunction)) - np.repeat(starts, sizes)
    return [np.flatnonzero(position == i) for i in range(int(sizes.max()))]


class _Truth:
    """Whether each predicate of a column may hold in a bucket, as arrays over predicates."""

    def __init__(self, column: Column) -> None:
        count = len(column.predicates)
        self._order_end = BUCKET_ORDER_FIRST + 2 * len(column.thresholds) + 1
        self._fixed = np.zeros((BUCKET_ORDER_FIRST, count), dtype=bool)
        self._low, self._high = np.ones(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self._string_default = np.zeros(count, dtype=bool)
        self.uncertain = np.zeros(count, dtype=bool)
        # (bucket, predicate, truth) where an equality differs from the column's default.
        self._points: list[tuple[int, int, bool]] = []
        shared = Counter(column.string_bucket.values())
        for i, predicate in enumerate(column.predicates):
            self._add(column, i, predicate, shared)
        self._points.sort()
        self._point_buckets = [point[0] for point in self._points]

    def _add(self, column: Column, i: int, predicate: Predicate, shared: Counter[int]) -> None:
        fixed, uncertain = fixed_truth(predicate.op, frozenset(predicate.tags), column.value_class)
        self._fixed[:, i] = fixed
        self._string_default[i] = predicate.op in (*NEGATED, LeafOp.HAS)
        top = 2 * len(column.thresholds)
        if order_default(predicate.op, frozenset(predicate.tags), column.value_class):
            self._low[i], self._high[i] = 0, top
        for constant, tag in zip(predicate.constants, predicate.tags, strict=True):
            if tag is column.value_class:
                code, exact = _place(column.thresholds, _number(constant))
                uncertain |= not exact
                if predicate.op in EQUALITY:
                    self._point(i, predicate.op, BUCKET_ORDER_FIRST + code, exact)
                else:
                    self._low[i], self._high[i] = order_interval(predicate.op, code, exact, top)
            elif tag is Tag.STRING:
                assert isinstance(constant, str)
                if predicate.op in EQUALITY:
                    bucket = column.string_bucket[constant]
                    uncertain |= shared[bucket] > 1
                    self._point(i, predicate.op, bucket, shared[bucket] == 1)
                else:
                    # Order of strings: every string may hold, and survivors are compared.
                    self._string_default[i] = uncertain = True
        self.uncertain[i] = uncertain

    def _point(self, i: int, op: LeafOp, bucket: int, exact: bool) -> None:
        if op not in NEGATED:
            self._points.append((bucket, i, True))
        elif exact:
            self._points.append((bucket, i, False))

    def of(self, bucket: int) -> np.ndarray:
        if bucket < BUCKET_ORDER_FIRST:
            fixed: np.ndarray = self._fixed[bucket]
            return fixed
        if bucket < self._order_end:
            place = bucket - BUCKET_ORDER_FIRST
            holds = (self._low <= place) & (place <= self._high)
        else:
            holds = self._string_default.copy()
        start = bisect.bisect_left(self._point_buckets, bucket)
        for point_bucket, i, truth in self._points[
            start : bisect.bisect_right(self._point_buckets, bucket)
        ]:
            assert point_bucket == bucket
            holds[i] = truth
        return holds


def _place(thresholds: list[int | float], number: int | float) -> tuple[int, bool]:
    """Returns the order bucket of the number, and whether the bucket holds this number alone."""
    i = bisect.bisect_left(thresholds, number)
    if i < len(thresholds) and thresholds[i] == number:
        return 2 * i + 1, True
    return 2 * i, False


def _residuals(columns: list[Column]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (conjunction, column, predicate) of every residual leaf, by conjunction and then as
    the rule states them.
    """
    parts: list[np.ndarray] = []
    for number, column in enumerate(columns):
        predicate = np.array(column.use_predicate, dtype=np.int64)
        assert column.residual is not None
        kept = np.flatnonzero(column.residual[predicate])
        uses = np.array([column.use_conjunction, column.use_position], dtype=np.int64)[:, kept]
        parts.append(np.stack([uses[0], uses[1], np.full(len(kept), number), predicate[kept]]))
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty
    joined = np.concatenate(parts, axis=1)
    order = np.lexsort((joined[1], joined[0]))
    return joined[0][order], joined[2][order], joined[3][order]
