"""The reference is what the contract says now; every link in the documentation leads somewhere."""

import re
import subprocess

import pytest
from tidy.api_reference import OPERATIONS, REFERENCE, operations_with_metrics, pages
from tidy.protos import ROOT

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def test_reference_is_that_of_the_contract():
    kept = {path.name: path.read_text() for path in REFERENCE.glob("*.md")}
    fresh = pages()
    assert sorted(kept) == sorted(fresh)
    assert [name for name in fresh if fresh[name] != kept[name]] == [], "run `make proto`"


def test_metrics_of_the_guide_are_those_of_the_server():
    text = OPERATIONS.read_text()
    assert operations_with_metrics(text) == text, "run `make proto`"


def documents():
    """Every committed page of prose."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return sorted(listed.stdout.split())


def anchors(text):
    """What a heading can be called by, as the forges make it."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", documents())
def test_links_lead_somewhere(name):
    page = ROOT / name
    wrong = []
    for target in LINK.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists() or (
            anchor and file.suffix == ".md" and anchor not in anchors(file.read_text())
        ):
            wrong.append(target)
    assert wrong == []
