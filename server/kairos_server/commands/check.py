"""One finding of `kairos doctor`."""

from dataclasses import dataclass
from typing import Final

OK: Final = "OK"
WARN: Final = "WARN"
FAIL: Final = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, what was found, and what to do."""

    name: str
    status: str
    found: str
    remedy: str = ""
