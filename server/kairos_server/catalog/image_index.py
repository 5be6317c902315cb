"""Builds the bit rows of one index: see docs/adr/0007-bit-rows.md.

Leaves that are equal after encoding are one *predicate*. The values that a column can take fall
into *buckets*; a predicate either
holds for all values of a bucket, for none, or for some. A row's bit is 0 only where a leaf holds
for none; a predicate with
a "some" bucket is checked again on survivors (its leaves are *residual*).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kairos_server.catalog.image_buckets import BUCKET_ORDER_FIRST, Tag, tag_of
from kairos_server.catalog.image_cluster import cluster
from kairos_server.catalog.image_columns import OPEN_ALWAYS, Column, Predicate, Truth, number_of
from kairos_server.catalog.image_tables import Operand, encode_constant
from kairos_server.catalog.model import Leaf, LeafOp, Rule

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

CLUSTERED_MIN = 4096
"""An index of at least so many conjunctions is clustered; below, all its rows are in the cache."""


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
    clustered: bool
    gated_first: int
    access: list[tuple[int, int]]
    """By column: the conjunctions that only an event with the column can match."""


def build_index(rules: Sequence[Rule], row_bytes_max: int = ROW_BYTES_MAX) -> BuiltIndex:
    """Returns columns, rows and residual leaves of the rules.

    Cost: O(leaves + rows x (conjunctions / 8 + leaves of the column)), in numpy
    """
    columns, conjunction_rule = _collect(rules)
    count = len(conjunction_rule)
    word_count = max(8, (count + 511) // 512 * 8)
    _choose_buckets(columns, count, word_count * 8, row_bytes_max)
    # The core looks at columns with rows one by one, at the others only where an event has them.
    columns.sort(key=lambda column: not column.dense)
    truths = [Truth(column) if column.dense else None for column in columns]
    large = count >= CLUSTERED_MIN or not all(column.dense for column in columns)
    clusters = cluster(columns, truths, conjunction_rule) if large else None
    if clusters is not None:
        conjunction_rule = conjunction_rule[clusters.order]
    for column, truth in zip(columns, truths, strict=True):
        if truth is not None:
            _build_rows(column, truth, count, word_count)
        else:
            column.residual = np.ones(len(column.predicates), dtype=bool)
            column.open_bucket = [OPEN_ALWAYS] * len(column.predicates)
    return BuiltIndex(
        columns,
        word_count,
        conjunction_rule,
        *_residuals(columns),
        clusters is not None,
        clusters.gated_first if clusters else count,
        clusters.access if clusters else [(0, 0)] * len(columns),
    )


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
                numbers[tag][number_of(constant)] += use
    column.value_class = max(numbers, key=lambda tag: numbers[tag].total())
    return numbers[column.value_class], strings


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


def _build_rows(column: Column, truth: Truth, count: int, word_count: int) -> None:
    """Fills column.rows[bucket, byte] and column.residual[predicate]."""
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
    column.open_bucket = truth.open_bucket


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
