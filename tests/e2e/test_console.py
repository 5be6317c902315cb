"""The transcripts of the documents are what the product prints today."""

import pytest
from e2e.console import matches, outputs_of, steps_of

DOCUMENTS = ("README.md", "docs/guides/command-line.md")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_transcripts_are_true(path, root, tmp_path):
    steps = steps_of((root / path).read_text())
    assert len(steps) > 5
    folder = tmp_path / "tour"
    folder.mkdir()
    wrong = [
        f"{path}:{step.line}: $ {step.command}\n--- expected\n{step.output}--- found\n{found}"
        for step, found in zip(steps, outputs_of(steps, folder), strict=True)
        if not matches(step.output, found)
    ]
    assert wrong == [], "\n".join(wrong) + "\npython tests/e2e/console.py writes the output anew"


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("", "", True),
        ("", "a", False),
        ("a  b\n", "a b", True),
        ("in 0.34 s, 58,890/s\n", "in 12.1 s, 3/s\n", True),
        ("id 5a71e9b810a9\n", "id 0123456789ab\n", True),
        ("2026-01-01T00:00:00Z x\n", "2027-01-01T00:00:00.123456Z x\n", True),
        ("a … c\n", "a b b c\n", True),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nb\nc\n", False),
        ("3 accepted\n", "4 accepted\n", False),
    ],
)
def test_comparison_forgives_only_what_no_two_runs_share(expected, found, same):
    assert matches(expected, found) is same


def test_steps_are_read_with_their_lines():
    steps = steps_of("x\n\n```console\n$ a\nout\n$ cat <<E\n> b\n> E\nb\n```\n```\n$ no\n```\n")
    assert [(step.command, step.output, step.line) for step in steps] == [
        ("a", "out\n", 4),
        ("cat <<E\nb\nE", "b\n", 6),
    ]
