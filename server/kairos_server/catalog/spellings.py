"""Field filters, range maps and bare comparisons -> CEL texts with canonical names."""

from typing import Any

from .cel import Parser, Path, literal_text
from .model import Constant, Duration, Time
from .names import Names, Value
from .schema import ValueType, canonical_name, listed
from .spans import cel_duration_us, moment_us
from .violations import Fault, Reason, nearest

_COMPARISONS = {
    "equals": "==", "not_equals": "!=", "greater_than": ">", "greater_than_or_equal": ">=",
    "less_than": "<", "less_than_or_equal": "<=",
}  # fmt: skip
OPERATORS = (*_COMPARISONS, "in", "not_in", "exists", "not_exists", "between")
_BOUNDS = {"min": ">=", "max": "<=", "gt": ">", "lt": "<"}
_GROUPS = ("all", "any", "none")


class Translator:
    """Turns any spelling of a condition into CEL."""

    def __init__(self, parser: Parser, names: Names) -> None:
        self._parser, self._names = parser, names

    def cel(self, spelled: Any, path: str = "") -> str:
        """Returns the CEL text of a condition in any spelling.

        Errors: Fault, its suffix is the path inside the condition
        """
        if isinstance(spelled, str):
            return spelled
        if isinstance(spelled, list):
            return self._group("all", spelled, path)
        if not isinstance(spelled, dict):
            raise Fault(
                Reason.TYPE_WRONG,
                "a condition is a CEL text, a field filter, a group or a range map",
                path,
            )
        if not spelled:
            raise Fault(
                Reason.VALUE_INVALID,
                "an empty condition; write `true` for one that always holds",
                path,
            )
        keys = {canonical_name(key): key for key in spelled}
        if "field" in keys:
            return self._filter(spelled, path)
        if not set(keys) & {"filters", *_GROUPS} and set(keys) != {"event_type"}:
            return self._range_map(spelled, path)
        return self._groups(spelled, path)

    def _groups(self, spelled: dict[str, Any], path: str) -> str:
        parts: list[str] = []
        for key, value in spelled.items():
            name, inner = canonical_name(key), _join(path, key)
            if name == "event_type":
                parts.append(self._compared("event.type", value, inner))
            elif name == "filters" or name in _GROUPS:
                parts.append(self._group("all" if name == "filters" else name, value, inner))
            else:
                known = ("event_type", "filters", *_GROUPS)
                raise Fault(
                    Reason.KEY_UNKNOWN,
                    f"{key} is not known here.{nearest(name, known)} Keys: {listed(known)}",
                    inner,
                )
        return _joined(parts, "&&")

    def _group(self, kind: str, items: Any, path: str) -> str:
        if not isinstance(items, list) or not (items or path.endswith("filters")):
            raise Fault(Reason.TYPE_WRONG, f"{kind} holds a list of conditions", path)
        parts = [self.cel(item, f"{path}[{index}]") for index, item in enumerate(items)]
        if kind == "none":
            parts = [f"!({part})" for part in parts]
        return _joined(parts, "||" if kind == "any" else "&&") if parts else "true"

    def _filter(self, spelled: dict[str, Any], path: str) -> str:
        given = {canonical_name(key): (key, value) for key, value in spelled.items()}
        for name, (key, _) in given.items():
            if name not in ("field", "operator", "value"):
                raise Fault(
                    Reason.KEY_UNKNOWN,
                    f"{key} is not known in a field filter. Keys: field, operator, value",
                    _join(path, key),
                )
        operator = given.get("operator", ("operator", "equals"))[1]
        if operator not in OPERATORS:
            raise Fault(
                Reason.OPERATOR_UNKNOWN,
                f"operator {operator} is not known.{nearest(str(operator), OPERATORS)} Operators: "
                f"{', '.join(OPERATORS)}",
                _join(path, "operator"),
            )  # fmt: skip
        value = self._name(given["field"][1], _join(path, "field"))
        if operator in ("exists", "not_exists"):
            if "value" in given:
                raise Fault(
                    Reason.KEY_UNKNOWN, f"operator {operator} takes no value", _join(path, "value")
                )
            return f"{'!' if operator == 'not_exists' else ''}has({value.text})"
        if "value" not in given:
            raise Fault(
                Reason.KEY_MISSING, f"operator {operator} needs a value", _join(path, "value")
            )
        return self._operation(value, operator, given["value"][1], _join(path, "value"))

    def _operation(self, value: Value, operator: str, constant: Any, path: str) -> str:
        if operator in ("in", "not_in"):
            text = self._listed(value, constant, path)
            return text if operator == "in" else f"!({text})"
        if operator == "between":
            if not isinstance(constant, list) or len(constant) != 2:
                raise Fault(
                    Reason.TYPE_WRONG,
                    "between takes a list of two: the least and the greatest value",
                    path,
                )
            low, high = (_constant(value, item, path) for item in constant)
            return f"{value.text} >= {low} && {value.text} <= {high}"
        return f"{value.text} {_COMPARISONS[operator]} {_constant(value, constant, path)}"

    def _range_map(self, spelled: dict[str, Any], path: str) -> str:
        return _joined(
            [self._compared(key, value, _join(path, key)) for key, value in spelled.items()], "&&"
        )

    def _compared(self, name: str, wanted: Any, path: str) -> str:
        value = self._name(name, path)
        if isinstance(wanted, list):
            return self._listed(value, wanted, path)
        if not isinstance(wanted, dict):
            return f"{value.text} == {_constant(value, wanted, path)}"
        if not wanted:
            raise Fault(Reason.VALUE_INVALID, f"an empty range; keys: {', '.join(_BOUNDS)}", path)
        for key in wanted:
            if key not in _BOUNDS:
                raise Fault(
                    Reason.OPERATOR_UNKNOWN,
                    f"{key} is not known in a range.{nearest(key, _BOUNDS)} Keys: "
                    f"{', '.join(_BOUNDS)}",
                    _join(path, key),
                )
        return " && ".join(
            f"{value.text} {_BOUNDS[key]} {_constant(value, bound, _join(path, key))}"
            for key, bound in wanted.items()
        )

    def _listed(self, value: Value, constants: Any, path: str) -> str:
        if not isinstance(constants, list):
            raise Fault(Reason.TYPE_WRONG, "in takes a list of constants", path)
        return f"{value.text} in [{', '.join(_constant(value, item, path) for item in constants)}]"

    def _name(self, name: Any, path: str) -> Value:
        if not isinstance(name, str):
            raise Fault(Reason.TYPE_WRONG, "a field is named by a text", path)
        try:
            tree = self._parser.parse(name)
            value = self._names.within(name).value(tree)
        except Fault as fault:
            description = (
                fault.description.removeprefix("line 1, column 1: ")
                if isinstance(name, str)
                else fault.description
            )
            raise Fault(fault.reason, description, path) from None
        if value is None or (isinstance(tree, Path) and value.text == "now"):
            raise Fault(
                Reason.VALUE_INVALID, f"{name} is not the name of something to compare", path
            )
        return value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _joined(parts: list[str], sign: str) -> str:
    if len(parts) == 1:
        return parts[0]
    return f" {sign} ".join(f"({part})" for part in parts)


def _constant(value: Value, constant: Any, path: str) -> str:
    """JSON has no moments and spans; texts stand for them where the name's type asks for one."""
    if isinstance(constant, dict | list):
        raise Fault(
            Reason.TYPE_WRONG,
            f"{value.text} is compared with a constant, "
            f"not with {'a list' if isinstance(constant, list) else 'an object'}",
            path,
        )
    typed: Constant = constant
    try:
        if value.type is ValueType.TIME and isinstance(constant, str):
            typed = Time(moment_us(constant))
        if value.type is ValueType.DURATION and isinstance(constant, str):
            typed = Duration(cel_duration_us(constant))
    except Fault as fault:
        raise Fault(fault.reason, fault.description, path) from None
    return literal_text(typed)
