"""The comparison and logic cases of the CEL specification's conformance suite that fit
the supported subset.
"""

import json
from pathlib import Path

from kairos_server.catalog.cel import (
    COMPARISONS,
    Call,
    Expression,
    Items,
    Literal,
    Parser,
    literal_text,
)
from kairos_server.catalog.conditions import Conditions
from kairos_server.catalog.lower import ALWAYS, NEVER, Conjunctions
from kairos_server.catalog.model import FieldType
from kairos_server.catalog.names import Reader, Tables
from kairos_server.catalog.registry import Numbering, Registry
from kairos_server.catalog.schema import Schema
from kairos_server.catalog.violations import Fault
from reference.match import leaf_holds

# 2^63 - 1 against 2^63: the suite rounds the int to a double first; Kairos compares the numbers
# that were written.
EXACT = {"not_lt_dyn_int_big_lossy_double", "not_gt_dyn_big_double_int", "lte_dyn_big_double_int"}


def undressed(node: Expression) -> Expression:
    """Takes dyn() off: everything that conditions read is dyn."""
    if isinstance(node, Call) and node.function == "dyn":
        return undressed(node.arguments[0])
    return node


def as_condition(tree: Expression) -> tuple[str, Literal] | None:
    """`left op right` of two constants becomes `event.x op right` with the value left; None where
    it is of another shape.
    """
    if not isinstance(tree, Call) or tree.function not in (*COMPARISONS, "@in"):
        return None
    left, right = (undressed(argument) for argument in tree.arguments)
    sign = "in" if tree.function == "@in" else tree.function.strip("_")
    if isinstance(left, Literal) and isinstance(right, Literal):
        return f"event.x {sign} {literal_text(right.value)}", left
    if isinstance(left, Literal) and isinstance(right, Items):
        items = [undressed(element) for element in right.elements]
        if all(isinstance(item, Literal) for item in items):
            return (
                (
                    "event.x in "
                    f"[{', '.join(literal_text(i.value) for i in items if isinstance(i, Literal))}]"
                ),
                left,
            )
    return None


def holds(conjunctions: Conjunctions, value: Literal) -> bool:
    return any(
        all(leaf_holds(leaf, value.value) for leaf in conjunction) for conjunction in conjunctions
    )


def test_conformance_cases_of_comparisons_and_logic(shared: Path) -> None:
    parser, compared, folded = Parser(), 0, 0
    differing: set[str] = set()
    schema = Schema({"x": FieldType.DYN})
    with (shared / "data" / "suites" / "cel" / "cases.jsonl").open() as lines:
        cases = [json.loads(line) for line in lines]
    for case in cases:
        if case["file"] not in ("comparisons", "logic", "lists"):
            continue
        conditions = Conditions(Tables(schema, Numbering(Registry())), parser)
        expected = case.get("value", {}).get("bool_value")
        try:
            tree = parser.parse(case["expr"])
        except Fault:
            continue
        rewritten = as_condition(tree)
        if rewritten is not None and (expected is not None or "eval_error" in case):
            text, value = rewritten
            try:
                plain, negated = (
                    conditions.compile(t, Reader.TRIGGER)[1] for t in (text, f"!({text})")
                )
            except Fault as fault:
                assert "eval_error" in case, (case, fault)  # noqa: PT017
                continue
            # An error is neither true nor, negated, true.
            if (holds(plain, value), holds(negated, value)) != (
                expected is True,
                expected is False,
            ):
                differing.add(case["name"])
            compared += 1
        elif case["file"] == "logic" and expected is not None:
            try:
                conjunctions = conditions.compile(case["expr"], Reader.TRIGGER)[1]
            except Fault:
                continue
            assert conjunctions == (ALWAYS if expected else NEVER), case
            folded += 1
    assert differing == EXACT
    assert compared == 175
    assert folded == 6
