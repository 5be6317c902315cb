"""What is wrong with documents: one violation per fault, all of them collected before
anything is refused.
"""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    SYNTAX = "SYNTAX"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_MISSING = "KEY_MISSING"
    KEY_DUPLICATE = "KEY_DUPLICATE"
    TYPE_WRONG = "TYPE_WRONG"
    VALUE_INVALID = "VALUE_INVALID"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    NAME_AMBIGUOUS = "NAME_AMBIGUOUS"
    NAME_TAKEN = "NAME_TAKEN"
    OPERATOR_UNKNOWN = "OPERATOR_UNKNOWN"
    UNSUPPORTED = "UNSUPPORTED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    REFERENCE_UNKNOWN = "REFERENCE_UNKNOWN"
    CONSENT_REQUIRED = "CONSENT_REQUIRED"


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault.

    `document` is `kind/id`, or `documents[i]` where those are not known;
    `path` is inside the document.
    """

    document: str
    path: str
    reason: str
    description: str


class DocumentsRefused(Exception):
    """Nothing was changed, because of these faults."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = list(violations)
        super().__init__(
            "; ".join(f"{v.document} {v.path}: {v.description}" for v in self.violations)
        )


class Fault(Exception):
    """One fault on its way to the place that knows document and path.

    `suffix` extends the path of that place.
    """

    def __init__(self, reason: Reason, description: str, suffix: str = "") -> None:
        super().__init__(description)
        self.reason = reason
        self.description = description
        self.suffix = suffix


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a document, and the list that takes the faults found there."""

    violations: list[Violation]
    document: str
    path: str = ""

    def at(self, key: str) -> "Place":
        return Place(self.violations, self.document, f"{self.path}.{key}" if self.path else key)

    def item(self, index: int) -> "Place":
        return Place(self.violations, self.document, f"{self.path}[{index}]")

    def fault(self, reason: Reason, description: str, suffix: str = "") -> None:
        path = (
            f"{self.path}.{suffix}"
            if self.path and suffix and suffix[0] != "["
            else self.path + suffix
        )
        self.violations.append(Violation(self.document, path, reason.value, description))

    @contextmanager
    def catch(self) -> Iterator[None]:
        """Records a Fault of the block instead of raising it."""
        try:
            yield
        except Fault as fault:
            self.fault(fault.reason, fault.description, fault.suffix)


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns ` Did you mean …?` with the nearest known name by edit distance, or the empty string.

    A name further away than a third of its length (at least 2) is not suggested:
    it would only mislead.
    """
    best, best_distance = "", max(2, len(name) // 3) + 1
    for candidate in sorted(set(known)):
        if abs(len(candidate) - len(name)) < best_distance:
            distance = edit_distance(name, candidate)
            if distance < best_distance:
                best, best_distance = candidate, distance
    if not best:
        close = difflib.get_close_matches(name, sorted(set(known)), 1, 0.75)
        best = close[0] if close else ""
    return f" Did you mean {best}?" if best else ""


def edit_distance(source: str, target: str) -> int:
    """Returns the least number of inserted, removed, replaced or swapped neighbouring letters.

    Source: the optimal string alignment distance (Damerau 1964, Levenshtein 1966).
    Cost: O(|source| * |target|)
    """
    before: list[int] = []
    row = list(range(len(target) + 1))
    for i, letter in enumerate(source, 1):
        before, row, above = row, [i], before
        for j, other in enumerate(target, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == target[j - 2] and source[i - 2] == other:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]
