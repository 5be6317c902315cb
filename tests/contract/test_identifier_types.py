"""The core's numbers of identifier types are those of the contract."""

import re
from pathlib import Path

from kairos.v1 import event_pb2


def test_numbers_are_the_same(root: Path) -> None:
    text = (root / "native" / "kairos_native" / "identifier.h").read_text()
    found = {
        name: int(number)
        for name, number in re.findall(r"^    IDENTIFIER_(\w+) = (\d),?$", text, re.MULTILINE)
    }
    assert found["TYPE_MAX"] == max(event_pb2.IdentifierType.values())
    types = {name: number for name, number in found.items() if not name.endswith(("MAX", "MIN"))}
    assert types == {
        name.removeprefix("IDENTIFIER_TYPE_"): number
        for name, number in event_pb2.IdentifierType.items()
    }
