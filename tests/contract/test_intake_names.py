"""The catalogue and the core mean the same by what they derive and ask for."""

import re
from pathlib import Path

from kairos_server.catalog import limits
from kairos_server.catalog.intake import FIELD_FLAG_KNOWN, FIELD_FLAG_PERSONAL
from kairos_server.catalog.model import IntakeFlag
from kairos_server.catalog.schema import DERIVED_FIELDS
from kairos_server.normalise import agents, known


def enum_of(text: str, prefix: str) -> dict[str, int]:
    found = re.findall(rf"\b{prefix}(\w+) = (\d+)", text)
    return {name: int(number) for name, number in found}


def test_derived_names_are_in_the_core_s_order(root: Path) -> None:
    folder = root / "native" / "kairos_native"
    text = (folder / "normalise.h").read_text()
    listed = re.search(r"KAIROS_INTAKE_NAMES\[INTAKE_FIELD_COUNT\] = \{(.*?)\}", text, re.DOTALL)
    assert listed is not None
    assert re.findall(r'"(\w+)"', listed[1]) == list(DERIVED_FIELDS)
    numbers = enum_of((folder / "layout_plan.h").read_text(), "INTAKE_")
    assert [numbers[name.upper()] for name in DERIVED_FIELDS] == list(range(len(DERIVED_FIELDS)))


def test_flags_are_the_same(root: Path) -> None:
    text = (root / "native" / "kairos_native" / "layout_plan.h").read_text()
    flags = re.search(r"enum kairos_intake_flag \{(.*?)\};", text, re.DOTALL)
    assert flags is not None
    assert enum_of(flags[1], "INTAKE_") == {flag.name: flag.value for flag in IntakeFlag}
    assert enum_of(text, "FIELD_FLAG_") == {
        "KNOWN": FIELD_FLAG_KNOWN,
        "PERSONAL": FIELD_FLAG_PERSONAL,
    }


def test_limits_are_the_same(root: Path) -> None:
    folder = root / "native" / "kairos_native"
    core = enum_of((folder / "limits.h").read_text(), "KAIROS_")
    for name in ("QUERY_NAMES_MAX", "QUERY_NAME_SIZE_MAX", "SITE_HOSTS_MAX", "INTAKE_RULES_MAX"):
        assert core[name] == getattr(limits, name)
    assert core["USER_AGENT_SIZE_MAX"] == known.USER_AGENT_SIZE_MAX
    table = enum_of((folder / "agents.pxd").read_text(), "AGENT_")
    assert table["TEXT_SIZE_MAX"] == agents.TEXT_SIZE_MAX
