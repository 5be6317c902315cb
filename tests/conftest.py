"""What all tests share: where things are.

No test may depend on another, on order, or on the machine's speed.
"""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT / "tests" / "doors", ROOT / "tests", ROOT / "loadtest"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data sets and suites, named by KAIROS_SHARED;
    tests that need it are skipped without.
    """
    folder = os.environ.get("KAIROS_SHARED", "")
    if not folder:
        pytest.skip("set KAIROS_SHARED to the folder of data sets and suites to run this test")
    if not Path(folder).is_dir():
        pytest.skip(f"KAIROS_SHARED names {folder}, which is not a folder")
    return Path(folder)
