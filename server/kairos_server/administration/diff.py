"""How two documents differ: as texts, and as contents."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kairos_server.catalog import Body, canonical_name

from .versions import Change

PATHS_MAX: Final = 1_000
TEXT_LINES_MAX: Final = 4_096
"""Texts of more lines are not compared line by line: the comparison takes quadratic time."""
DIFFS_SIZE_MAX: Final = 2 << 20
"""Characters of texts and values in one answer, so that it stays below the size of a message."""
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class PathDiff:
    """A difference at one path; the values as JSON texts, empty where there is none."""

    path: str
    old_value: str
    new_value: str


@dataclass(frozen=True, slots=True)
class DocumentDiff:
    """How one document differs. Fields as in kairos.v1.DocumentDiff."""

    kind: str
    id: str
    change: Change
    text: str
    paths: tuple[PathDiff, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Content:
    """What of a document is compared."""

    text: str
    body: Body


def documents_diff(
    changes: Iterable[tuple[str, Content | None, Content | None]],
) -> list[DocumentDiff]:
    """Returns one difference per document (name, before, after) that has one, in the order given.

    Bounds: DIFFS_SIZE_MAX of all together; behind it only what happened to a document is told
    """
    left = DIFFS_SIZE_MAX
    result: list[DocumentDiff] = []
    for name, before, after in changes:
        paths = list(_paths(before.body if before else {}, after.body if after else {}))
        if before and after and not paths:
            continue
        kind, _, document_id = name.partition("/")
        change = Change.ADDED if not before else Change.CHANGED if after else Change.REMOVED
        text = text_diff(name, before.text if before else "", after.text if after else "")
        size = len(text) + sum(len(p.path) + len(p.old_value) + len(p.new_value) for p in paths)
        truncated = len(paths) > PATHS_MAX or size > left
        if size > left:
            text, paths = "", []
        else:
            left -= size
        result.append(
            DocumentDiff(kind, document_id, change, text, tuple(paths[:PATHS_MAX]), truncated)
        )
    return result


def text_diff(name: str, before: str, after: str) -> str:
    """Returns the difference of two texts in the unified format; empty for equal ones, and for
    texts that are too long to compare.
    """
    source, target = before.splitlines(), after.splitlines()
    if max(len(source), len(target)) > TEXT_LINES_MAX:
        return ""
    lines = difflib.unified_diff(source, target, f"a/{name}", f"b/{name}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _paths(before: Any, after: Any, path: str = "") -> Iterator[PathDiff]:
    """Yields the differences of two contents; a value is told whole where one side has none."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        source = {canonical_name(key): value for key, value in before.items()}
        target = {canonical_name(key): value for key, value in after.items()}
        for key in dict.fromkeys([*source, *target]):
            inner = f"{path}.{key}" if path else key
            yield from _paths(source.get(key, _MISSING), target.get(key, _MISSING), inner)
    elif _is_list(before) and _is_list(after):
        for index in range(max(len(before), len(after))):
            yield from _paths(
                before[index] if index < len(before) else _MISSING,
                after[index] if index < len(after) else _MISSING,
                f"{path}[{index}]",
            )
    elif type(before) is not type(after) or before != after:
        yield PathDiff(path, _json(before), _json(after))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _json(value: Any) -> str:
    return "" if value is _MISSING else json.dumps(value, ensure_ascii=False)
