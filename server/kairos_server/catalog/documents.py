"""Document texts: JSON or YAML in, plain values out, with line and column for every fault.

YAML is read by a strict profile, because its surprises reach customers: `no` and `on` are texts, a
date stays a text, `010` and `1_000` are not numbers in disguise, a key stands once, and anchors,
tags and merges are refused.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

from . import limits
from .violations import Fault, Reason

Body = dict[str, Any]
KINDS = ("schema", "score", "feature", "trigger", "placement", "content", "policy")
KINDS_LATER = ("segment", "experiment")
"""Kinds of the contract that no version serves yet."""
_SEPARATOR = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)
ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}\Z")


@dataclass(frozen=True, slots=True)
class DocumentInput:
    """A document as it came: `kind` and `document_id` may be empty where the body states them."""

    body: str
    kind: str = ""
    document_id: str = ""


class _Loader(yaml.CSafeLoader):
    """Resolves only null, true, false and decimal numbers; everything else is text."""

    # Not those of the class above: add_implicit_resolver below fills this one.
    yaml_implicit_resolvers = {}  # noqa: RUF012


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(?:null|~|)\Z"), ["n", "~", ""]
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), list("tf"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]*)\Z"), list("-0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)\Z"),
    list("-0123456789"),
)


def read_body(text: str, line: int = 1) -> Body:
    """Returns the document of a JSON or YAML text that begins at `line` of its file.

    Errors: Fault with line and column
    """
    if len(text.encode("utf-8", "surrogatepass")) > limits.DOCUMENT_SIZE_MAX:
        raise Fault(
            Reason.LIMIT_EXCEEDED, f"a document has at most {limits.DOCUMENT_SIZE_MAX} bytes"
        )
    # Empty lines in front give the lines of a fault their numbers in the file.
    text = "\n" * (line - 1) + text
    value = _read_json(text) if text.lstrip()[:1] in ("{", "[") else _read_yaml(text)
    if not isinstance(value, dict):
        raise Fault(
            Reason.SYNTAX, f"a document is an object with kind and id, not {type_name(value)}"
        )
    return value


def split_documents(text: str) -> list[DocumentInput]:
    """Returns the documents of a file, in which `---` lines separate YAML documents.

    Nothing is read yet.
    """
    return [DocumentInput(part) for _, part in split_lines(text)]


def split_lines(text: str) -> list[tuple[int, str]]:
    """Returns (line of its first text from 1, text from there on) of each document of a file; parts
    that hold comments only are left out.
    """
    result: list[tuple[int, str]] = []
    line = 1
    for part in _SEPARATOR.split(text):
        if any(row.strip() and row.lstrip()[0] != "#" for row in part.splitlines()):
            body = part.lstrip("\r\n")
            result.append((line + part.count("\n", 0, len(part) - len(body)), body))
        line += part.count("\n")
    return result


def type_name(value: object) -> str:
    """Returns the name of a value's type as documents call it."""
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a whole number",
    }
    return "null" if value is None else names.get(type(value), "a number")


def canonical_json(value: object) -> bytes:
    """Returns the one JSON text of a value: keys in their order
    (a payload is shown in it), no spaces, UTF-8.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _read_json(text: str) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> Body:
        result = dict(items)
        if len(result) != len(items):
            twice = next(
                key for i, (key, _) in enumerate(items) if key in [k for k, _ in items[:i]]
            )
            raise Fault(Reason.KEY_DUPLICATE, f"key {twice} stands twice")
        return result

    def constant(name: str) -> Any:
        raise Fault(Reason.VALUE_INVALID, f"{name} is not a number of JSON")

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise Fault(
            Reason.SYNTAX, f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except (RecursionError, ValueError) as error:
        raise Fault(Reason.SYNTAX, f"not JSON: {str(error)[:100]}") from None
    _check_value(value, 0)
    return value


def _check_value(value: Any, depth: int) -> None:
    if depth > limits.DOCUMENT_DEPTH_MAX:
        raise Fault(Reason.LIMIT_EXCEEDED, f"nested deeper than {limits.DOCUMENT_DEPTH_MAX}")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_scalar(key)
            _check_value(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_value(item, depth + 1)
    else:
        _check_scalar(value)


def _check_scalar(value: Any, where: str = "") -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise Fault(Reason.VALUE_INVALID, f"a number is too large{where}")
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        raise Fault(Reason.VALUE_INVALID, f"whole numbers have 64 bits{where}")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Fault(Reason.VALUE_INVALID, f"a text holds half of a surrogate pair{where}")


def _read_yaml(text: str) -> Any:
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Fault(Reason.SYNTAX, f"not YAML: {error.problem or error.context}{where}") from None
    except (yaml.YAMLError, UnicodeEncodeError, RecursionError) as error:
        raise Fault(Reason.SYNTAX, f"not YAML: {str(error)[:200]}") from None
    if len(nodes) != 1:
        raise Fault(Reason.SYNTAX, f"expected one document, found {len(nodes)}")
    return _yaml_value(nodes[0], set(), 0)


def _yaml_value(node: yaml.Node, seen: set[int], depth: int) -> Any:
    where = f" at line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"
    if id(node) in seen:
        raise Fault(Reason.UNSUPPORTED, f"YAML anchors and aliases are refused{where}")
    if depth > limits.DOCUMENT_DEPTH_MAX:
        raise Fault(Reason.LIMIT_EXCEEDED, f"nested deeper than {limits.DOCUMENT_DEPTH_MAX}{where}")
    if not isinstance(node, yaml.ScalarNode):
        seen.add(id(node))
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        return _yaml_mapping(node, seen, depth)
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [_yaml_value(item, seen, depth + 1) for item in node.value]
    if isinstance(node, yaml.ScalarNode):
        value = _yaml_scalar(node)
        if value is not Ellipsis:
            _check_scalar(value, where)
            return value
    raise Fault(Reason.UNSUPPORTED, f"YAML tag {node.tag} is refused{where}")


def _yaml_mapping(node: yaml.MappingNode, seen: set[int], depth: int) -> Body:
    result: Body = {}
    for key_node, item in node.value:
        where = f" at line {key_node.start_mark.line + 1}, column {key_node.start_mark.column + 1}"
        # A key is read as its letters, so that `on: 1` and `1: x` mean what they show.
        if not isinstance(key_node, yaml.ScalarNode):
            raise Fault(Reason.SYNTAX, f"a key is a text{where}")
        if key_node.value in result:
            raise Fault(Reason.KEY_DUPLICATE, f"key {key_node.value} stands twice{where}")
        result[key_node.value] = _yaml_value(item, seen, depth + 1)
    return result


def _yaml_scalar(node: yaml.ScalarNode) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "str":
        return node.value
    if kind == "null":
        return None
    if kind == "bool" and node.value in ("true", "false"):
        return bool(node.value == "true")
    try:
        if kind == "int":
            return int(node.value)
        if kind == "float":
            return float(node.value)
    except ValueError:
        pass
    return Ellipsis
