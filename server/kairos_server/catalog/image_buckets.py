"""What a bucket says about a leaf; the buckets themselves are described in
native/kairos_native/layout.h.
"""

from enum import IntEnum
from functools import cache

from kairos_server.catalog.model import Constant, Duration, LeafOp, Time

BUCKET_ABSENT, BUCKET_NULL, BUCKET_FALSE, BUCKET_TRUE = 0, 1, 2, 3
BUCKET_STRING_OTHER, BUCKET_NAN, BUCKET_KIND_OTHER, BUCKET_ORDER_FIRST = 4, 5, 6, 7


class Tag(IntEnum):
    """What kind of constant an operand is. The ordered classes have the numbers of enum
    kairos_threshold_class.
    """

    NUMBER = 0
    TIME = 1
    DURATION = 2
    NULL = 3
    FALSE = 4
    TRUE = 5
    STRING = 6
    NAN = 7


ORDERED = frozenset((Tag.NUMBER, Tag.TIME, Tag.DURATION))
NEGATIONS = {
    LeafOp.NOT_LT: LeafOp.LT,
    LeafOp.NOT_LE: LeafOp.LE,
    LeafOp.NOT_GT: LeafOp.GT,
    LeafOp.NOT_GE: LeafOp.GE,
}
ORDER_OPS = frozenset((LeafOp.LT, LeafOp.LE, LeafOp.GT, LeafOp.GE, *NEGATIONS))


def tag_of(constant: Constant) -> Tag:
    kind = type(constant)
    if kind is str:
        return Tag.STRING
    if kind is int:
        return Tag.NUMBER
    if kind is float:
        return Tag.NAN if constant != constant else Tag.NUMBER
    if kind is bool:
        return Tag.TRUE if constant else Tag.FALSE
    if constant is None:
        return Tag.NULL
    if kind is Time:
        return Tag.TIME
    if kind is Duration:
        return Tag.DURATION
    raise TypeError(f"not a constant: {constant!r}")


@cache
def fixed_truth(
    op: LeafOp, tags: frozenset[Tag], value_class: Tag
) -> tuple[tuple[bool, ...], bool]:
    """Returns whether a leaf may hold in each of the first seven buckets, and whether one of them
    cannot tell.

    `tags` are those of the operands: in these buckets nothing else about the operands matters.
    """
    values = (None, Tag.NULL, Tag.FALSE, Tag.TRUE, Tag.STRING, Tag.NAN)
    truth = [_fixed_holds(op, tags, value) for value in values]
    # An unknown string is equal to no operand, but its place among them is open.
    uncertain = op in ORDER_OPS and Tag.STRING in tags
    truth[BUCKET_STRING_OTHER] |= uncertain
    others = ORDERED - {value_class}
    compared = bool(tags & others) or (Tag.NAN in tags and value_class is not Tag.NUMBER)
    if op in (LeafOp.HAS, LeafOp.NOT_HAS) or not compared:
        other_truth = op in (LeafOp.HAS, LeafOp.NE, LeafOp.NOT_IN)
    else:
        other_truth = uncertain = True
    return (*truth, other_truth), uncertain


def _fixed_holds(op: LeafOp, tags: frozenset[Tag], value: Tag | None) -> bool:
    """The meaning of a leaf for null, a bool, a string unlike all operands, or NaN."""
    if op in (LeafOp.HAS, LeafOp.NOT_HAS) or value is None:
        return (op is LeafOp.HAS) if value is not None else (op is LeafOp.NOT_HAS)
    equal = value in (Tag.NULL, Tag.FALSE, Tag.TRUE) and value in tags
    if op in (LeafOp.EQ, LeafOp.IN):
        return equal
    if op in (LeafOp.NE, LeafOp.NOT_IN):
        return not equal
    (operand,) = tags
    if value is Tag.NAN:
        # No order holds with NaN; its negation does, where the operand is a number.
        return op in NEGATIONS and operand in (Tag.NUMBER, Tag.NAN)
    if value in (Tag.FALSE, Tag.TRUE) and operand in (Tag.FALSE, Tag.TRUE):
        return _order_holds(op, int(value), int(operand))
    return False


def _order_holds(op: LeafOp, value: int, operand: int) -> bool:
    if op in NEGATIONS:
        return not _order_holds(NEGATIONS[op], value, operand)
    if op is LeafOp.LT:
        return value < operand
    if op is LeafOp.LE:
        return value <= operand
    return value > operand if op is LeafOp.GT else value >= operand


@cache
def order_default(op: LeafOp, tags: frozenset[Tag], value_class: Tag) -> bool:
    """Returns whether a leaf holds for a number (time, duration) of the column's class that is none
    of its operands.

    For an order against an operand of this class the answer depends on the bucket: see
    order_interval.
    """
    if op in (LeafOp.HAS, LeafOp.NE, LeafOp.NOT_IN):
        return True
    return op in NEGATIONS and tags == {Tag.NAN} and value_class is Tag.NUMBER


def order_interval(op: LeafOp, code: int, exact: bool, top: int) -> tuple[int, int]:
    """Returns the first and the last order bucket in which `value op constant` may hold.

    code: order bucket of the constant; exact: the bucket holds the constant alone; top: the last
    order bucket
    """
    beside = 1 if exact else 0
    if op in (LeafOp.LT, LeafOp.NOT_GE):
        return 0, code - beside
    if op in (LeafOp.LE, LeafOp.NOT_GT):
        return 0, code
    if op in (LeafOp.GT, LeafOp.NOT_LE):
        return code + beside, top
    return code, top
