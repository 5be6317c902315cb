"""Conjunctions with what follows from them removed.

Every step keeps the inputs on which a condition is true, exactly.
"""

from .model import Constant, Duration, Leaf, LeafOp, Time

_ABSENT_SAFE = (LeafOp.NOT_HAS,)
_ORDERED = (LeafOp.LT, LeafOp.LE, LeafOp.GT, LeafOp.GE)
# A value that passes these has the class of the operand.
_CLASSED = (*_ORDERED, LeafOp.EQ, LeafOp.NOT_LT, LeafOp.NOT_LE, LeafOp.NOT_GT, LeafOp.NOT_GE)


def constant_class(value: Constant) -> str:
    """Returns the class within which CEL compares: all numbers are one."""
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def same_value(left: Constant, right: Constant) -> bool:
    """Returns CEL's equality of two constants: exact across int and double,
    false across classes.
    """
    return constant_class(left) == constant_class(right) and left == right


def constant_order(left: Constant, right: Constant) -> int | None:
    """Returns -1, 0 or 1, or None where CEL has no order for the two.

    Texts are ordered by code points.
    """
    kind = constant_class(left)
    if kind != constant_class(right) or left is None or right is None:
        return None
    if isinstance(left, Time | Duration) and isinstance(right, Time | Duration):
        left, right = left.us, right.us
    return (left > right) - (left < right)  # type: ignore[operator]


def holds_for(leaf: Leaf, value: Constant) -> bool:
    """Returns whether a leaf holds for a value that is present (and no NaN)."""
    op, operands = leaf.op, leaf.operands
    if op in (LeafOp.HAS, LeafOp.NOT_HAS):
        return op is LeafOp.HAS
    if op in (LeafOp.EQ, LeafOp.IN, LeafOp.NE, LeafOp.NOT_IN):
        return any(same_value(value, operand) for operand in operands) == (
            op in (LeafOp.EQ, LeafOp.IN)
        )
    order = constant_order(value, operands[0])
    if order is None:
        return False
    return {
        LeafOp.LT: order < 0, LeafOp.LE: order <= 0, LeafOp.GT: order > 0, LeafOp.GE: order >= 0,
        LeafOp.NOT_LT: order >= 0, LeafOp.NOT_LE: order > 0, LeafOp.NOT_GT: order <= 0,
        LeafOp.NOT_GE: order < 0,
    }[op]  # fmt: skip


def conjunction_simplified(leaves: tuple[Leaf, ...]) -> tuple[Leaf, ...] | None:
    """Returns the leaves without repeats and without HAS that another leaf implies; None when they
    can never hold together.
    """
    distinct = list({leaf_key(leaf): leaf for leaf in leaves}.values())
    groups: dict[object, list[Leaf]] = {}
    for leaf in distinct:
        groups.setdefault(leaf.source, []).append(leaf)
    if any(_contradictory(group) for group in groups.values()):
        return None
    return tuple(
        leaf for leaf in distinct if leaf.op is not LeafOp.HAS or len(groups[leaf.source]) == 1
    )


def without_absorbed(conjunctions: list[tuple[Leaf, ...]]) -> tuple[tuple[Leaf, ...], ...]:
    """Returns the conjunctions without those that another one, asking for less, already covers."""
    sets = [frozenset(leaf_key(leaf) for leaf in conjunction) for conjunction in conjunctions]
    kept: list[int] = []
    for i, leaves in enumerate(sets):
        if not any(other < leaves or (other == leaves and j < i) for j, other in enumerate(sets)):
            kept.append(i)
    return tuple(conjunctions[i] for i in kept)


def leaf_key(leaf: Leaf) -> tuple[object, ...]:
    """Returns what two leaves of one meaning share.

    Leaves themselves are no keys: Python takes True for 1, CEL does not.
    """
    return (
        leaf.source,
        leaf.op,
        tuple((constant_class(operand), operand) for operand in leaf.operands),
    )


def _contradictory(group: list[Leaf]) -> bool:
    if len(group) < 2:
        return False
    if any(leaf.op is LeafOp.NOT_HAS for leaf in group):
        return any(leaf.op is not LeafOp.NOT_HAS for leaf in group)
    if len({constant_class(leaf.operands[0]) for leaf in group if leaf.op in _CLASSED}) > 1:
        return True
    for leaf in group:
        if leaf.op in (LeafOp.EQ, LeafOp.IN) and not any(
            all(holds_for(other, value) for other in group) for value in leaf.operands
        ):
            return True
    lows = [leaf for leaf in group if leaf.op in (LeafOp.GT, LeafOp.GE)]
    highs = [leaf for leaf in group if leaf.op in (LeafOp.LT, LeafOp.LE)]
    return any(_empty(low, high) for low in lows for high in highs)


def _empty(low: Leaf, high: Leaf) -> bool:
    order = constant_order(low.operands[0], high.operands[0])
    return (
        order is None or order > 0 or (order == 0 and (low.op is LeafOp.GT or high.op is LeafOp.LT))
    )
