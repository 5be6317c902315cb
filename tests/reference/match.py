"""What leaves and rules mean, in plain Python: the answer that the compiled matcher must give."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from kairos_server.catalog.model import Constant, Duration, Leaf, LeafOp, Rule, Source, Time


class _Absent:
    """A value that is not there; None is null, which is."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
Value = Constant | _Absent

NEGATED = {
    LeafOp.NOT_LT: LeafOp.LT,
    LeafOp.NOT_LE: LeafOp.LE,
    LeafOp.NOT_GT: LeafOp.GT,
    LeafOp.NOT_GE: LeafOp.GE,
}


class Incomparable(Exception):
    """The two values have no common order."""


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(a: Constant, b: Constant) -> bool:
    """CEL equality: numbers by their mathematical value, other kinds only with themselves."""
    if _is_number(a) and _is_number(b):
        return compare(a, b) == 0
    return type(a) is type(b) and a == b


def compare(a: Constant, b: Constant) -> int | None:
    """-1, 0, 1; None where a NaN takes part. Raises Incomparable."""
    if _is_number(a) and _is_number(b):
        if any(isinstance(x, float) and math.isnan(x) for x in (a, b)):
            return None
        return _sign(_exact(a), _exact(b))
    if type(a) is not type(b) or a is None:
        raise Incomparable
    if isinstance(a, str):
        return _sign([ord(c) for c in a], [ord(c) for c in b])
    if isinstance(a, (Time, Duration)):
        return _sign(a.us, b.us)
    return _sign(a, b)


def _exact(x: int | float) -> tuple[int, Fraction]:
    """A number in an order that has infinities: (-1 or 1 for these, else 0; the exact value)."""
    if isinstance(x, float) and math.isinf(x):
        return (1 if x > 0 else -1), Fraction(0)
    return 0, Fraction(x)


def _sign(a: object, b: object) -> int:
    return (a > b) - (a < b)  # type: ignore[operator]


def leaf_holds(leaf: Leaf, value: Value) -> bool:
    """Whether the leaf is true; an error of CEL is not true."""
    if isinstance(value, _Absent):
        return leaf.op is LeafOp.NOT_HAS
    if leaf.op in (LeafOp.HAS, LeafOp.NOT_HAS):
        return leaf.op is LeafOp.HAS
    if leaf.op in (LeafOp.EQ, LeafOp.IN):
        return any(equal(value, operand) for operand in leaf.operands)
    if leaf.op in (LeafOp.NE, LeafOp.NOT_IN):
        return not any(equal(value, operand) for operand in leaf.operands)
    try:
        order = compare(value, leaf.operands[0])
    except Incomparable:
        return False
    if leaf.op in NEGATED:
        return not _ordered(NEGATED[leaf.op], order)
    return _ordered(leaf.op, order)


def _ordered(op: LeafOp, order: int | None) -> bool:
    if order is None:
        return False
    return {
        LeafOp.LT: order < 0,
        LeafOp.LE: order <= 0,
        LeafOp.GT: order > 0,
        LeafOp.GE: order >= 0,
    }[op]


def rules_holding(rules: Sequence[Rule], values: Mapping[Source, Value]) -> list[int]:
    """Indexes of the rules that hold; a source that `values` does not name is absent."""
    return [
        index
        for index, rule in enumerate(rules)
        if any(
            all(leaf_holds(leaf, values.get(leaf.source, ABSENT)) for leaf in conjunction)
            for conjunction in rule.conjunctions
        )
    ]
