"""Orders the conjunctions of a large index by what they need: see docs/adr/0027-access-clusters.md.

Each conjunction stands under its *access predicate*, the one of its leaves that the fewest events
are expected to satisfy, next to those whose access predicate holds for almost the same values. The
bits of a row are then runs, and most blocks of an event are empty before any row is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kairos_server.catalog.image_buckets import ORDER_OPS, ORDERED, Tag
from kairos_server.catalog.image_columns import NEGATED, Column, Truth
from kairos_server.catalog.model import LeafOp

SHARE_MAX = 0.1
"""Where more events than this satisfy the access predicates on average, nearly every block has one
that holds: the order of rules is then kept, which spares sorting the answer.
"""

Access = tuple[float, int, int]
"""Expected share of events; kind of run; place in it."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """The order of an index.

    Shapes: order[n], old positions by new position
    """

    order: np.ndarray
    gated_first: int
    """New position of the first conjunction that needs a column without rows."""
    access: list[tuple[int, int]]
    """By column: first and count of the conjunctions behind the gate that need it."""


def cluster(
    columns: Sequence[Column], truths: Sequence[Truth | None], conjunction_rule: np.ndarray
) -> Clusters | None:
    """Returns the order of the conjunctions, and renumbers the columns' uses to it; None where
    another order than that of the rules gains nothing.

    Cost: O(leaves log leaves), in numpy
    """
    count = len(conjunction_rule)
    gated, column, kind, place, share = _choose(columns, truths, count)
    if not gated.any() and not (count and np.minimum(share, 1.0).mean() <= SHARE_MAX):
        return None
    order = np.lexsort((conjunction_rule, place, kind, column, gated))
    position = np.empty(count, dtype=np.int64)
    position[order] = np.arange(count)
    for one in columns:
        _renumber(one, position)
    gated_first = int(np.count_nonzero(~gated))
    behind = column[order[gated_first:]]
    first = np.searchsorted(behind, np.arange(len(columns)), side="left")
    last = np.searchsorted(behind, np.arange(len(columns)), side="right")
    access = [
        (gated_first + int(a), int(b - a)) if b > a else (0, 0)
        for a, b in zip(first, last, strict=True)
    ]
    return Clusters(order, gated_first, access)


def _choose(
    columns: Sequence[Column], truths: Sequence[Truth | None], count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns by conjunction: whether its access column has no rows; column, kind, place, share."""
    gated = np.zeros(count, dtype=bool)
    column = np.full(count, len(columns), dtype=np.int64)
    kind, place = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    best = np.full(count, np.inf)
    for number, (one, truth) in enumerate(zip(columns, truths, strict=True)):
        if not one.predicates:
            continue
        share = len(one.use_conjunction) / max(count, 1)
        found = np.array(
            [
                _gate(one, i, share) if truth is None else _access(one, truth, i)
                for i in range(len(one.predicates))
            ]
        )
        uses = np.array(one.use_conjunction, dtype=np.int64)
        taken = found[np.array(one.use_predicate, dtype=np.int64)]
        # A conjunction may ask a column several times: the rarest of its leaves goes first.
        by_share = np.lexsort((taken[:, 0], uses))
        uses, taken = uses[by_share], taken[by_share]
        first = np.r_[True, uses[1:] != uses[:-1]]
        uses, taken = uses[first], taken[first]
        better = taken[:, 0] < best[uses]
        uses, taken = uses[better], taken[better]
        best[uses], column[uses] = taken[:, 0], number
        kind[uses], place[uses] = taken[:, 1], taken[:, 2]
        gated[uses] = truth is None
    return gated, column, kind, place, best


def _gate(column: Column, predicate: int, share: float) -> Access:
    """A column without rows is one that few rules ask for, and that few events have: it goes before
    every column with rows, the rarest first. A leaf that an absent value satisfies opens no gate.
    """
    if column.predicates[predicate].op is LeafOp.NOT_HAS:
        return np.inf, 0, 0
    return share - 1.0, 0, 0


def _access(column: Column, truth: Truth, predicate: int) -> Access:
    one = column.predicates[predicate]
    tags = frozenset(one.tags)
    top = 2 * len(column.thresholds)
    if one.op in (LeafOp.HAS, LeafOp.NOT_HAS):
        return (0.9 if one.op is LeafOp.HAS else 0.1), 0, 0
    if one.op in ORDER_OPS and tags & ORDERED:
        low, high = int(truth.low[predicate]), int(truth.high[predicate])
        share = max(high - low + 1, 0) / (top + 1)
        return (share, 1, high) if low == 0 else (share, 2, low)
    share = min(1.0, len(one.tags) / (1 + _domain(column, tags)))
    if one.op in NEGATED:
        return 1.0 - share, 3, 0
    # Equal texts stand together; lists go by their first.
    first = one.constants[0] if one.constants else None
    text = column.string_bucket.get(first, 0) if isinstance(first, str) else 0
    return share, 4, text or int(truth.low[predicate])


def _domain(column: Column, tags: frozenset[Tag]) -> int:
    """Returns how many values of the operands' kind the column tells apart."""
    if Tag.STRING in tags:
        return column.string_count
    if tags & ORDERED:
        return 2 * len(column.thresholds)
    return 1


def _renumber(column: Column, position: np.ndarray) -> None:
    """Uses are kept in the order of their conjunctions."""
    uses = position[np.array(column.use_conjunction, dtype=np.int64)]
    by_position = np.argsort(uses, kind="stable")
    column.use_conjunction = uses[by_position].tolist()
    column.use_predicate = np.array(column.use_predicate, dtype=np.int64)[by_position].tolist()
    column.use_position = np.array(column.use_position, dtype=np.int64)[by_position].tolist()
