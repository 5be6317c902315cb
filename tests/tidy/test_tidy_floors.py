"""Arrows between parts only go down (docs/adr/0001-floors.md)."""

import re
import subprocess
import sys
from pathlib import Path

from tidy.layout_pxd import NATIVE, layout_pxd, layout_text
from tidy.tree import ROOT

# Native modules by floor, lowest first. A module may cimport only from lower floors,
# so siblings never do.
FLOORS = (
    {"status", "layout", "limits", "view", "hash", "names", "compare"},
    {"wire", "identifier", "log", "store", "dedupe", "plan", "score", "keys"},
    {"normal", "agents"},
    {
        "match",
        "record",
        "scratch",
        "intake",
        "outbox",
        "producer",
        "counters",
        "preimage",
        "history",
    },
    {"normalise", "session", "slots", "recent", "identity"},
    {"features", "fold", "linkage"},
    {"tenant", "working", "decide", "profile"},
    {"change", "check", "publish", "core"},
    {"timer", "linked"},
    {"timer_event"},
    {"apply_event", "apply_effect", "answer", "room"},
    {"tick"},
    {"apply"},
    {"commit"},
    {"reader", "replay"},
    {"checkpoint"},
    {"engine", "engine_inspect"},
)
CIMPORT = re.compile(
    r"^\s*from\s+kairos_native\.(\w+)\s+cimport\b|^\s*from\s+kairos_native\s+cimport\s+(\w+)",
    re.MULTILINE,
)


def floor_of(module: str) -> int:
    for number, modules in enumerate(FLOORS):
        if module in modules:
            return number
    raise AssertionError(
        f"kairos_native.{module} has no floor: give it one in {Path(__file__).name} and ADR 0001"
    )


def cimports_of(text: str) -> set[str]:
    return {found[1] or found[2] for found in CIMPORT.finditer(text)}


def test_native_arrows_go_down():
    wrong = []
    for path in sorted([*NATIVE.glob("*.pyx"), *NATIVE.glob("*.pxd"), *NATIVE.glob("*.pxi")]):
        module = path.stem.split("_")[0] if path.suffix == ".pxi" else path.stem
        if module == "__init__":
            continue
        for target in cimports_of(path.read_text()) - {module}:
            if floor_of(target) >= floor_of(module):
                wrong.append(f"{path.name} -> {target}")  # noqa: PERF401
    assert wrong == []


def test_native_arrow_up_would_be_found():
    assert cimports_of("from kairos_native.engine cimport x\nfrom kairos_native cimport log\n") == {
        "engine",
        "log",
    }
    assert (
        floor_of("engine")
        > floor_of("decide")
        > floor_of("match")
        > floor_of("plan")
        > floor_of("layout")
    )


def test_only_doors_have_def():
    wrong = []
    for path in sorted([*NATIVE.glob("*.pyx"), *NATIVE.glob("*.pxi")]):
        if not path.stem.startswith("engine"):
            wrong += [
                f"{path.name}: {line}"
                for line in path.read_text().splitlines()
                if re.match(r"\s*(def|cpdef|class) ", line)
            ]
    assert wrong == []


def test_layout_pxd_is_that_of_layout_h():
    fresh = layout_pxd(layout_text())
    assert (NATIVE / "layout.pxd").read_text() == fresh, "run `python tests/tidy/layout_pxd.py`"


def test_python_arrows_go_down():
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
