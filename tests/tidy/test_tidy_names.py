"""Names that say nothing, leftovers, and strings that must not be in a public tree."""

import re

from tidy.tree import ROOT, sources

NAMES = re.compile(r"(^|/|_)(utils?|helpers?|managers?|misc|common)(_|/|\.|$)", re.IGNORECASE)
# Put together here so that this file does not hold them itself.
WORDS = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "Not" + "ImplementedError"]
# A test waits for a condition with a deadline, never for a while.
WAIT = "time." + "sleep("
ADDRESSES = re.compile(r"(pypi\.org|pythonhosted|index-url|extra-index|/wo" + r"rk/)")
SKIPPED = re.compile(r"@pytest\.mark\.(skip|xfail)\b")


def test_no_file_has_an_empty_name():
    assert [path for path in sources() if NAMES.search(path)] == []


def test_no_leftover_words():
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in sources()
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if any(word in line for word in WORDS)
        or SKIPPED.search(line)
        or (WAIT in line and path.startswith("tests/"))
    ]
    assert [line for line in found if not line.startswith("tests/tidy/test_tidy_names.py")] == []


def test_no_private_addresses():
    extra = ["Makefile", "pyproject.toml", "clients/python/pyproject.toml", ".ci/run", "README.md"]
    paths = [*sources(), *(name for name in extra if (ROOT / name).exists())]
    found = [path for path in paths if ADDRESSES.search((ROOT / path).read_text())]
    assert found in ([], ["tests/tidy/test_tidy_names.py"])


def test_build_tools_are_pinned_once():
    pins = dict(
        re.findall(r"\b(setuptools|wheel|cython)==([\d.]+)", (ROOT / "Makefile").read_text())
    )
    for file in ("pyproject.toml", "clients/python/pyproject.toml"):
        text = (ROOT / file).read_text().split("[project]")[0]
        for name, version in re.findall(r"\"(\w+)==([\d.]+)\"", text):
            assert pins[name] == version, f"{file} and Makefile name different versions of {name}"


def test_every_dependency_is_pinned():
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.findall(
        r"^    \"([\w.\-]+)(\[[\w,]+\])?([^\"]*)\",",
        text.split("[project.scripts]")[0],
        re.MULTILINE,
    )
    assert len(listed) > 20
    assert [name for name, _, version in listed if not version.startswith("==")] == []
