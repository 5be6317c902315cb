"""No line is longer than 100 columns: two files stand side by side, and no diff wraps."""

import re

from tidy.tree import ROOT, sources

COLUMNS_MAX = 100
# A checker wants its pragma on the line that it is about; as in ruff's E501, it does not count.
PRAGMA = re.compile(r"\s+# (?:noqa|type: ignore)\b.*")
# Path -> lines that are longer. A number may only shrink; none is added without its reason.
LINES_LONGER: dict[str, int] = {}


def lines_longer(text: str) -> int:
    """Returns the number of lines longer than COLUMNS_MAX; a character is a column."""
    return sum(len(PRAGMA.sub("", line)) > COLUMNS_MAX for line in text.split("\n"))


def test_lines_fit():
    found = {path: lines_longer((ROOT / path).read_text()) for path in sources()}
    assert {path: count for path, count in found.items() if count} == LINES_LONGER


def test_length_is_measured():
    at_bound = "é" * COLUMNS_MAX
    assert lines_longer(at_bound + "\n" + at_bound + "x\n") == 1
    assert lines_longer(at_bound + "  # noqa: S311\n") == 0
    assert lines_longer(at_bound + "  # a remark\n") == 1
