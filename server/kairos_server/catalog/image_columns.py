"""Columns of an index: one source of values, its predicates, and what each bucket says of them."""

import bisect
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from kairos_server.catalog.image_buckets import (
    BUCKET_ORDER_FIRST,
    Tag,
    fixed_truth,
    order_default,
    order_interval,
)
from kairos_server.catalog.image_tables import Operand
from kairos_server.catalog.model import Constant, Duration, LeafOp, Source, Time

EQUALITY = (LeafOp.EQ, LeafOp.NE, LeafOp.IN, LeafOp.NOT_IN)
NEGATED = (LeafOp.NE, LeafOp.NOT_IN)
OPEN_ALWAYS = 0xFFFFFF
"""Several buckets leave the leaf open: survivors check it whatever the bucket."""


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
    open_bucket: list[int] = field(default_factory=list)
    """By predicate: the one bucket whose row leaves it open, or OPEN_ALWAYS."""

    def bucket_count(self) -> int:
        return BUCKET_ORDER_FIRST + 2 * len(self.thresholds) + 1 + self.string_count


def number_of(constant: Constant) -> int | float:
    """Returns what a number, time or duration is ordered by."""
    if isinstance(constant, (Time, Duration)):
        return constant.us
    assert isinstance(constant, (int, float))
    return constant


class Truth:
    """Whether each predicate of a column may hold in a bucket, as arrays over predicates."""

    def __init__(self, column: Column) -> None:
        count = len(column.predicates)
        self._order_end = BUCKET_ORDER_FIRST + 2 * len(column.thresholds) + 1
        self.fixed = np.zeros((BUCKET_ORDER_FIRST, count), dtype=bool)
        self.low, self.high = np.ones(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self._string_default = np.zeros(count, dtype=bool)
        self.uncertain = np.zeros(count, dtype=bool)
        self.open_bucket = [OPEN_ALWAYS] * count
        # (bucket, predicate, truth) where an equality differs from the column's default.
        self._points: list[tuple[int, int, bool]] = []
        shared = Counter(column.string_bucket.values())
        for i, predicate in enumerate(column.predicates):
            self._add(column, i, predicate, shared)
        self._points.sort()
        self._point_buckets = [point[0] for point in self._points]

    def _add(self, column: Column, i: int, predicate: Predicate, shared: Counter[int]) -> None:
        fixed, uncertain = fixed_truth(predicate.op, frozenset(predicate.tags), column.value_class)
        open_buckets = {OPEN_ALWAYS} if uncertain else set()
        self.fixed[:, i] = fixed
        self._string_default[i] = predicate.op in (*NEGATED, LeafOp.HAS)
        top = 2 * len(column.thresholds)
        if order_default(predicate.op, frozenset(predicate.tags), column.value_class):
            self.low[i], self.high[i] = 0, top
        for constant, tag in zip(predicate.constants, predicate.tags, strict=True):
            if tag is column.value_class:
                code, exact = _place(column.thresholds, number_of(constant))
                if not exact:
                    open_buckets.add(BUCKET_ORDER_FIRST + code)
                if predicate.op in EQUALITY:
                    self._point(i, predicate.op, BUCKET_ORDER_FIRST + code, exact)
                else:
                    self.low[i], self.high[i] = order_interval(predicate.op, code, exact, top)
            elif tag is Tag.STRING:
                assert isinstance(constant, str)
                if predicate.op in EQUALITY:
                    bucket = column.string_bucket[constant]
                    if shared[bucket] > 1:
                        open_buckets.add(bucket)
                    self._point(i, predicate.op, bucket, shared[bucket] == 1)
                else:
                    # Order of strings: every string may hold, and survivors are compared.
                    self._string_default[i] = True
                    open_buckets.add(OPEN_ALWAYS)
        self.uncertain[i] = bool(open_buckets)
        if len(open_buckets) == 1:
            self.open_bucket[i] = open_buckets.pop()

    def _point(self, i: int, op: LeafOp, bucket: int, exact: bool) -> None:
        if op not in NEGATED:
            self._points.append((bucket, i, True))
        elif exact:
            self._points.append((bucket, i, False))

    def of(self, bucket: int) -> np.ndarray:
        if bucket < BUCKET_ORDER_FIRST:
            fixed: np.ndarray = self.fixed[bucket]
            return fixed
        if bucket < self._order_end:
            place = bucket - BUCKET_ORDER_FIRST
            holds = (self.low <= place) & (place <= self.high)
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
