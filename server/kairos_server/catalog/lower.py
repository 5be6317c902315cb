"""Syntax trees -> disjunctions of conjunctions of leaves.

Sound because CEL's `&&` and `||` are Kleene's: De Morgan holds, so that negation moves to the
leaves, and in that form the whole is true exactly where its leaves, read with "an error does not
hold", say so.
See docs/adr/0008-conditions-lowered-from-cel.md.
"""

from dataclasses import dataclass

from . import limits
from .cel import (
    COMPARISONS,
    ORDER,
    Call,
    Expression,
    Has,
    Items,
    Literal,
    construct_name,
    unsupported,
    where,
)
from .model import Constant, Leaf, LeafOp
from .names import Names, Value
from .schema import ENUM_VALUES, ValueType, check_constant, listed, type_text
from .simplify import (
    conjunction_simplified,
    constant_order,
    holds_for,
    leaf_key,
    same_value,
    without_absorbed,
)
from .violations import Fault, Reason, nearest

Conjunctions = tuple[tuple[Leaf, ...], ...]
NEVER: Conjunctions = ()
ALWAYS: Conjunctions = ((),)

_OPS = {
    "_==_": LeafOp.EQ, "_!=_": LeafOp.NE, "_<_": LeafOp.LT, "_<=_": LeafOp.LE, "_>_": LeafOp.GT,
    "_>=_": LeafOp.GE,
}  # fmt: skip
_NEGATED = {
    LeafOp.EQ: LeafOp.NE, LeafOp.NE: LeafOp.EQ, LeafOp.LT: LeafOp.NOT_LT, LeafOp.LE: LeafOp.NOT_LE,
    LeafOp.GT: LeafOp.NOT_GT, LeafOp.GE: LeafOp.NOT_GE, LeafOp.IN: LeafOp.NOT_IN,
    LeafOp.HAS: LeafOp.NOT_HAS,
}  # fmt: skip
_MIRRORED = {
    "_<_": "_>_",
    "_<=_": "_>=_",
    "_>_": "_<_",
    "_>=_": "_<=_",
    "_==_": "_==_",
    "_!=_": "_!=_",
}


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple["_Formula", ...]


@dataclass(frozen=True, slots=True)
class _Any:
    parts: tuple["_Formula", ...]


_Formula = bool | Leaf | _All | _Any


def lower(tree: Expression, names: Names, text: str) -> Conjunctions:
    """Returns the conjunctions of a condition: NEVER, ALWAYS, or up to 64 of up to 64 leaves.

    Errors: Fault with the construct and its position
    """
    try:
        result = _conjunctions(_Lowering(names, text).condition(tree, negated=False))
    except RecursionError:
        raise Fault(Reason.LIMIT_EXCEEDED, "the condition is nested too deep") from None
    if any(len(conjunction) > limits.LEAVES_MAX for conjunction in result):
        raise Fault(
            Reason.LIMIT_EXCEEDED,
            f"more than {limits.LEAVES_MAX} tests must hold at once; split the rule",
        )
    return result


def both(left: Conjunctions, right: Conjunctions) -> Conjunctions:
    """Returns the conjunctions that hold where both conditions hold.

    Errors: Fault when they multiply out beyond the limit
    """
    if len(left) * len(right) > limits.CONJUNCTIONS_MAX**2:
        raise _too_many()
    merged = (conjunction_simplified((*a, *b)) for a in left for b in right)
    return _limited([conjunction for conjunction in merged if conjunction is not None])


class _Lowering:
    def __init__(self, names: Names, text: str) -> None:
        self._names, self._text = names, text

    def condition(self, node: Expression, *, negated: bool) -> _Formula:
        if isinstance(node, Call):
            function, arguments = node.function, node.arguments
            if function == "!_":
                return self.condition(arguments[0], negated=not negated)
            if function in ("_&&_", "_||_"):
                parts = tuple(self.condition(argument, negated=negated) for argument in arguments)
                return _All(parts) if (function == "_&&_") != negated else _Any(parts)
            if function == "_?_:_":
                return self._ternary(node, negated=negated)
            if function in COMPARISONS:
                return self._comparison(node, negated=negated)
            if function == "@in":
                return self._membership(node, negated=negated)
        if isinstance(node, Literal):
            if not isinstance(node.value, bool):
                raise Fault(
                    Reason.TYPE_WRONG,
                    f"{where(self._text, node.position)}: a condition is true or false",
                )
            return node.value != negated
        if isinstance(node, Has):
            value = self._names.value(node.operand)
            assert value is not None
            return Leaf(value.source, LeafOp.NOT_HAS if negated else LeafOp.HAS)
        return self._truth(node, negated=negated)

    def _truth(self, node: Expression, *, negated: bool) -> _Formula:
        value = self._names.value(node)
        if value is None:
            raise unsupported(construct_name(node), self._text, node.position)
        if value.type not in (ValueType.BOOL, ValueType.DYN):
            raise Fault(
                Reason.TYPE_WRONG,
                f"{where(self._text, node.position)}: {value.text} is {type_text(value.type)}, "
                "not a truth value; compare it",
            )
        return Leaf(value.source, LeafOp.EQ, (not negated,))

    def _ternary(self, node: Call, *, negated: bool) -> _Formula:
        question, yes, no = node.arguments
        return _Any((
            _All((self.condition(question, negated=False), self.condition(yes, negated=negated))),
            _All((self.condition(question, negated=True), self.condition(no, negated=negated))),
        ))  # fmt: skip

    def _comparison(self, node: Call, *, negated: bool) -> _Formula:
        function, (left, right) = node.function, node.arguments
        if isinstance(left, Literal) and isinstance(right, Literal):
            return self._folded(function, left.value, right.value, node) != negated
        if isinstance(left, Literal):
            left, right, function = right, left, _MIRRORED[function]
        value = self._operand(left)
        if not isinstance(right, Literal):
            self._operand(right)
            raise unsupported(
                f"comparing {value.text} with something that is not a constant",
                self._text,
                node.position,
            )
        self._check(value, right.value, node, ordered=function in ORDER)
        op = _OPS[function]
        if isinstance(right.value, bool) and function in ORDER:
            return _ordered_truth(value, _NEGATED[op] if negated else op, constant=right.value)
        return Leaf(value.source, _NEGATED[op] if negated else op, (right.value,))

    def _operand(self, node: Expression) -> Value:
        value = self._names.value(node)
        if value is None:
            raise unsupported(f"comparing {construct_name(node)}", self._text, node.position)
        return value

    def _check(self, value: Value, constant: Constant, node: Call, *, ordered: bool) -> None:
        try:
            _check_comparison(value, constant, ordered=ordered)
        except Fault as fault:
            place = where(self._text, node.position)
            raise Fault(fault.reason, f"{place}: {fault.description}") from None

    def _folded(self, function: str, left: Constant, right: Constant, node: Call) -> bool:
        if function in ("_==_", "_!=_"):
            return same_value(left, right) == (function == "_==_")
        order = constant_order(left, right)
        if order is None:
            raise Fault(
                Reason.TYPE_WRONG,
                f"{where(self._text, node.position)}: these constants have no order",
            )
        return {"_<_": order < 0, "_<=_": order <= 0, "_>_": order > 0, "_>=_": order >= 0}[
            function
        ]

    def _membership(self, node: Call, *, negated: bool) -> _Formula:
        item, items = node.arguments
        if not isinstance(items, Items) or not all(
            isinstance(element, Literal) for element in items.elements
        ):
            raise unsupported("in with anything but a list of constants", self._text, node.position)
        if len(items.elements) > limits.OPERANDS_MAX:
            raise Fault(
                Reason.LIMIT_EXCEEDED,
                f"{where(self._text, node.position)}: a list has at most {limits.OPERANDS_MAX} "
                "constants",
            )
        constants = [element.value for element in items.elements if isinstance(element, Literal)]
        if isinstance(item, Literal):
            return any(same_value(item.value, constant) for constant in constants) != negated
        value = self._operand(item)
        distinct: list[Constant] = []
        for constant in constants:
            self._check(value, constant, node, ordered=False)
            if not any(same_value(constant, other) for other in distinct):
                distinct.append(constant)
        if not distinct:
            # Nothing is in an empty list; the negation still needs the value to be there.
            return Leaf(value.source, LeafOp.HAS) if negated else False
        op = LeafOp.IN if len(distinct) > 1 else LeafOp.EQ
        return Leaf(value.source, _NEGATED[op] if negated else op, tuple(distinct))


def _check_comparison(value: Value, constant: Constant, *, ordered: bool) -> None:
    if ordered and constant is None:
        raise Fault(Reason.TYPE_WRONG, "null has no order; write == null or != null")
    check_constant(value.text, value.type, constant)
    root, _, name = value.text.partition(".")
    if (
        ordered
        or not isinstance(constant, str)
        or root not in ("event", "context")
        or name not in ENUM_VALUES
    ):
        return
    known = ENUM_VALUES[name]
    if constant not in known:
        raise Fault(
            Reason.VALUE_INVALID,
            f'{value.text} is never "{constant}".{nearest(constant, known)} '
            f"Values: {listed(known)}",
        )


def _ordered_truth(value: Value, op: LeafOp, *, constant: bool) -> _Formula:
    """CEL orders false before true; the core need not know: the comparison names the
    truth values that pass.
    """
    leaf = Leaf(value.source, op, (constant,))
    passing = tuple(truth for truth in (False, True) if holds_for(leaf, truth))
    if not passing:
        return False
    return Leaf(value.source, LeafOp.EQ if len(passing) == 1 else LeafOp.IN, passing)


def _conjunctions(formula: _Formula) -> Conjunctions:
    if isinstance(formula, bool):
        return ALWAYS if formula else NEVER
    if isinstance(formula, Leaf):
        return ((formula,),)
    if isinstance(formula, _Any):
        return _limited([c for part in formula.parts for c in _conjunctions(part)])
    result = ALWAYS
    for part in formula.parts:
        result = both(result, _conjunctions(part))
    return result


def _limited(conjunctions: list[tuple[Leaf, ...]]) -> Conjunctions:
    # Absorption compares pairs; what is far beyond the limit is refused before that.
    if len(conjunctions) > limits.CONJUNCTIONS_MAX:
        conjunctions = list({tuple(map(leaf_key, c)): c for c in conjunctions}.values())
    if len(conjunctions) > limits.CONJUNCTIONS_MAX * 8:
        raise _too_many()
    result = without_absorbed(conjunctions)
    if len(result) > limits.CONJUNCTIONS_MAX:
        raise _too_many()
    return result


def _too_many() -> Fault:
    return Fault(
        Reason.LIMIT_EXCEEDED,
        f"the condition multiplies out to more than {limits.CONJUNCTIONS_MAX} alternatives; "
        "split it into several rules, "
        "or write alternatives of one name as `in [...]`",
    )
