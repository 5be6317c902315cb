"""CEL texts -> a small syntax tree of our own, and back.

Google's `cel-expr-python` parses, and checks what we print; nothing else of the catalog knows its
messages. Constructs that the tree has no form for are refused here, with their name and position.
"""

import bisect
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cel.expr import syntax_pb2
from cel_expr_python import cel
from google.protobuf import any_pb2

from . import limits
from .memo import ConditionMemo
from .model import Constant, Duration, Time
from .spans import cel_duration_us, moment_us
from .violations import Fault, Reason

ROOTS = ("event", "session", "profile", "context", "consent")
FEATURE_ARITY = {
    "count": (1, 3), "sum": (2, 4), "decayed": (2, 3), "last": (1, 3), "first": (1, 3),
    "session_count": (1, 2), "session_sum": (2, 3), "previous": (1, 1),
}  # fmt: skip
ORDER = ("_<_", "_<=_", "_>_", "_>=_")
COMPARISONS = ("_==_", "_!=_", *ORDER)


@dataclass(frozen=True, slots=True)
class Literal:
    value: Constant
    position: int


@dataclass(frozen=True, slots=True)
class Path:
    """A dotted name: `event.time_on_page`, or a bare one with no parts after the root."""

    root: str
    parts: tuple[str, ...]
    position: int

    @property
    def text(self) -> str:
        return ".".join((self.root, *self.parts))


@dataclass(frozen=True, slots=True)
class Call:
    """An operator under CEL's own name (`_&&_`, `@in`) or a function."""

    function: str
    arguments: tuple["Expression", ...]
    position: int


@dataclass(frozen=True, slots=True)
class Select:
    """A part of a call's result: `last("purchase").time`."""

    operand: Call
    part: str
    position: int


@dataclass(frozen=True, slots=True)
class Has:
    operand: "Path | Select"
    position: int


@dataclass(frozen=True, slots=True)
class Items:
    elements: tuple["Expression", ...]
    position: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A map, as the filter of a feature call."""

    entries: tuple[tuple["Expression", "Expression"], ...]
    position: int


Expression = Literal | Path | Call | Select | Has | Items | Entries

_UNSUPPORTED = {
    "_+_": "addition", "_-_": "subtraction (but for now - a time)", "_*_": "multiplication",
    "_/_": "division", "_%_": "remainder", "-_": "negation of a value", "_[_]": "an index",
    "@in": "in",
}  # fmt: skip
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?:\n|$)", re.DOTALL)


class Parser:
    """Parses and checks texts; remembers both, so that unchanged documents cost little
    when compiled again.

    Owns: one CEL environment. Not for use by several threads at once.
    """

    def __init__(self, accepted: Iterable[str] = ()) -> None:
        """`accepted`: texts that Google's checker took when they were stored."""
        self._env = _environment()
        self._parsed: dict[str, Expression] = {}
        self._accepted = set(accepted)
        self._parsed_used: dict[str, Expression] = {}
        self._accepted_used: set[str] = set()
        self.memo = ConditionMemo()
        """What conditions compiled to; kept here because it lives as long as the trees."""

    def parse(self, text: str) -> Expression:
        """Returns the tree of a CEL text. Names are not looked up.

        Errors: Fault with line and column
        """
        tree = self._parsed.get(text) or self._parsed_used.get(text)
        if tree is None:
            if len(text.encode("utf-8", "surrogatepass")) > limits.CONDITION_SIZE_MAX:
                raise Fault(
                    Reason.LIMIT_EXCEEDED,
                    f"a condition has at most {limits.CONDITION_SIZE_MAX} bytes",
                )
            tree = _Builder(text, self._compile(text, check=False)).tree()
        self._parsed_used[text] = tree
        return tree

    def check(self, text: str) -> None:
        """Has Google's checker accept a text whose names are resolved.

        Errors: Fault
        """
        if text not in self._accepted and text not in self._accepted_used:
            self._compile(text, check=True)
        self._accepted_used.add(text)

    def keep(self, text: str) -> None:
        """Remembers a text that is in use although nobody asked for its tree."""
        if text in self._parsed:
            self._parsed_used[text] = self._parsed[text]

    def forget_new(self) -> None:
        """Forgets what was asked for since the last call: refused documents
        leave nothing behind.
        """
        self._parsed_used, self._accepted_used = {}, set()
        self.memo.forget_new()

    def forget_unused(self) -> None:
        """Keeps what was asked for since the last call, and forgets the rest."""
        self._parsed, self._parsed_used = self._parsed_used, {}
        self._accepted, self._accepted_used = self._accepted_used, set()
        self.memo.forget_unused()

    def _compile(self, text: str, *, check: bool) -> bytes:
        try:
            serialized: bytes = self._env.compile(text, disable_check=not check).serialize()
            return serialized
        except (RuntimeError, ValueError, UnicodeError) as error:
            match = _ERROR.search(str(error))
            if match is None:
                raise Fault(Reason.SYNTAX, f"not CEL: {str(error)[:200]}") from None
            what = match[3].strip().replace("found no matching overload for", "no such operation:")
            raise Fault(Reason.SYNTAX, f"line {match[1]}, column {match[2]}: {what}") from None


def _environment() -> cel.Env:
    """Everything that is read is `dyn`: the schema decides on types,
    and numbers compare across int and double.
    """
    kind = cel.Type
    attributes = kind.Map(kind.STRING, kind.DYN)
    functions = [
        cel.FunctionDecl(name, [
            cel.Overload(f"{name}_{count}", return_type=kind.DYN, parameters=[kind.DYN] * count)
            for count in range(least, most + 1)
        ])
        for name, (least, most) in FEATURE_ARITY.items()
    ]  # fmt: skip
    variables = dict.fromkeys(ROOTS, attributes) | {"now": kind.TIMESTAMP}
    return cel.NewEnv(variables=variables, functions=functions)


class _Builder:
    """Turns one parsed message into a tree."""

    def __init__(self, text: str, serialized: bytes) -> None:
        parsed = syntax_pb2.ParsedExpr()
        if not any_pb2.Any.FromString(serialized).Unpack(parsed):
            raise Fault(Reason.SYNTAX, "the parser gave no syntax tree")
        self._root = parsed.expr
        self._positions = parsed.source_info.positions
        self._text = text

    def tree(self) -> Expression:
        return self._expression(self._root)

    def _fault(self, message: syntax_pb2.Expr, what: str) -> Fault:
        return unsupported(what, self._text, self._positions.get(message.id, 0))

    def _expression(self, message: syntax_pb2.Expr) -> Expression:
        kind = message.WhichOneof("expr_kind")
        position = self._positions.get(message.id, 0)
        if kind == "const_expr":
            return Literal(self._constant(message), position)
        if kind == "ident_expr":
            return Path(message.ident_expr.name.removeprefix("."), (), position)
        if kind == "select_expr":
            return self._select(message, position)
        if kind == "call_expr":
            return self._call(message, position)
        if kind == "list_expr":
            return Items(
                tuple(self._expression(element) for element in message.list_expr.elements), position
            )
        if kind == "struct_expr":
            if message.struct_expr.message_name:
                raise self._fault(message, f"the message {message.struct_expr.message_name}")
            entries = message.struct_expr.entries
            return Entries(
                tuple((self._expression(e.map_key), self._expression(e.value)) for e in entries),
                position,
            )
        raise self._fault(message, "a comprehension (all, exists, map, filter)")

    def _constant(self, message: syntax_pb2.Expr) -> Constant:
        constant = message.const_expr
        kind = constant.WhichOneof("constant_kind")
        if kind == "null_value":
            return None
        if kind in ("bool_value", "int64_value", "string_value"):
            value: Constant = getattr(constant, kind)
            return value
        if kind == "double_value" and math.isfinite(constant.double_value):
            return float(constant.double_value)
        if kind == "uint64_value" and constant.uint64_value < 1 << 63:
            return int(constant.uint64_value)
        raise self._fault(
            message, "a bytes literal" if kind == "bytes_value" else "a number beyond 64 bits"
        )

    def _select(self, message: syntax_pb2.Expr, position: int) -> Expression:
        select = message.select_expr
        operand = self._expression(select.operand)
        whole: Path | Select
        if isinstance(operand, Path):
            whole = Path(operand.root, (*operand.parts, select.field), operand.position)
        elif isinstance(operand, Call):
            whole = Select(operand, select.field, operand.position)
        else:
            raise self._fault(message, f"the field .{select.field} of this")
        return Has(whole, position) if select.test_only else whole

    def _call(self, message: syntax_pb2.Expr, position: int) -> Expression:
        call = message.call_expr
        if call.HasField("target"):
            raise self._fault(message, f"the method .{call.function}()")
        arguments = tuple(self._expression(argument) for argument in call.args)
        if (
            call.function == "_[_]"
            and isinstance(arguments[0], Path)
            and isinstance(arguments[1], Literal)
        ):
            key = arguments[1].value
            if isinstance(key, str) and key:
                return Path(
                    arguments[0].root, (*arguments[0].parts, *key.split(".")), arguments[0].position
                )
        if (
            call.function in ("timestamp", "duration")
            and len(arguments) == 1
            and isinstance(arguments[0], Literal)
        ):
            return Literal(_time_literal(call.function, arguments[0].value), position)
        if call.function == "-_" and isinstance(arguments[0], Literal):
            value = arguments[0].value
            if type(value) in (int, float):
                return Literal(-value, position)  # type: ignore[operator]
        return Call(call.function, arguments, position)


def _time_literal(function: str, argument: Constant) -> Constant:
    if isinstance(argument, str):
        return (
            Time(moment_us(argument))
            if function == "timestamp"
            else Duration(cel_duration_us(argument))
        )
    if function == "timestamp" and type(argument) is int and abs(argument) < 1 << 38:
        return Time(argument * 1_000_000)
    raise Fault(Reason.TYPE_WRONG, f"{function}() takes a text")


def unsupported(what: str, text: str, position: int) -> Fault:
    """Returns the fault that names a construct which the core does not evaluate."""
    return Fault(
        Reason.UNSUPPORTED, f"{where(text, position)}: {what} is not supported in conditions"
    )


def construct_name(expression: Expression) -> str:
    """Returns how people call a construct."""
    if isinstance(expression, Call):
        if expression.function in (*COMPARISONS, "@in", "_&&_", "_||_", "!_", "_?_:_"):
            return "a condition"
        return _UNSUPPORTED.get(expression.function, f"{expression.function}()")
    names: dict[type, str] = {
        Literal: "a constant",
        Items: "a list",
        Entries: "a map",
        Has: "has()",
        Select: "a part of a call",
    }
    return names.get(type(expression), "a name")


def where(text: str, position: int) -> str:
    """Returns `line 1, column 8` of a position in code points."""
    starts = [0, *(i + 1 for i, letter in enumerate(text) if letter == "\n")]
    line = bisect.bisect_right(starts, position)
    return f"line {line}, column {position - starts[line - 1] + 1}"


def literal_text(value: Constant) -> str:
    """Returns the CEL text of a constant."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Time):
        seconds, us = divmod(value.us, 1_000_000)
        return f'timestamp("{_moment_text(seconds)}{f".{us:06d}".rstrip("0") if us else ""}Z")'
    if isinstance(value, Duration):
        return f'duration("{_span_text(value.us)}")'
    return repr(value)


def _span_text(us: int) -> str:
    sign, (seconds, rest) = "-" if us < 0 else "", divmod(abs(us), 1_000_000)
    if rest:
        return f"{sign}{seconds}.{rest:06d}".rstrip("0") + "s"
    for unit, unit_s in (("h", 3_600), ("m", 60)):
        if seconds and seconds % unit_s == 0:
            return f"{sign}{seconds // unit_s}{unit}"
    return f"{sign}{seconds}s"


def _moment_text(seconds: int) -> str:
    return (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
        .strftime("%Y-%m-%dT%H:%M:%S")
        .rjust(19, "0")
    )


_INFIX = {
    "_||_": ("||", 1), "_&&_": ("&&", 2), "_==_": ("==", 3), "_!=_": ("!=", 3), "_<_": ("<", 3),
    "_<=_": ("<=", 3), "_>_": (">", 3), "_>=_": (">=", 3), "@in": ("in", 3), "_+_": ("+", 4),
    "_-_": ("-", 4), "_*_": ("*", 5), "_/_": ("/", 5), "_%_": ("%", 5),
}  # fmt: skip


def cel_text(expression: Expression, value_text: Callable[[Expression], str | None]) -> str:
    """Returns the CEL text of a tree; `value_text` prints names and feature calls,
    and gives None for the rest.
    """

    def show(node: Expression, strength: int) -> str:
        if isinstance(node, Literal):
            return literal_text(node.value)
        text = value_text(node)
        if text is not None:
            return (
                f"({text})"
                if strength > 4 and isinstance(node, Call) and node.function == "_-_"
                else text
            )
        if isinstance(node, Path):
            return node.text
        if isinstance(node, Has):
            return f"has({show(node.operand, 0)})"
        if isinstance(node, Select):
            return f"{show(node.operand, 9)}.{node.part}"
        if isinstance(node, Items):
            return f"[{', '.join(show(element, 0) for element in node.elements)}]"
        if isinstance(node, Entries):
            return (
                "{"
                + ", ".join(f"{show(key, 0)}: {show(value, 0)}" for key, value in node.entries)
                + "}"
            )
        arguments = node.arguments
        if node.function in _INFIX:
            sign, own = _INFIX[node.function]
            # && and || associate freely; comparisons and arithmetic to the left.
            left, right = show(arguments[0], own), show(arguments[1], own if own < 3 else own + 1)
            return f"({left} {sign} {right})" if own < strength else f"{left} {sign} {right}"
        if node.function == "_?_:_":
            text = f"{show(arguments[0], 1)} ? {show(arguments[1], 1)} : {show(arguments[2], 0)}"
            return f"({text})" if strength > 0 else text
        inner = arguments[0] if arguments else None
        if node.function == "!_" and isinstance(inner, Call) and inner.function == "!_":
            # CEL's parser drops a doubled ! as well; both forms are true where the operand is.
            return show(inner.arguments[0], strength)
        if node.function in ("!_", "-_"):
            return f"{node.function[0]}{show(arguments[0], 8)}"
        return f"{node.function}({', '.join(show(argument, 0) for argument in arguments)})"

    return show(expression, 0)
