"""What all tests share: where things are.

No test may depend on another, on order, or on the machine's speed.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A machine with much else to do takes long to draw an input; that says nothing about the code.
settings.register_profile("kairos", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kairos")

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
    """The folder of shared data sets and suites: KAIROS_SHARED, or `shared` beside the project;
    tests that need it are skipped without.
    """
    folder = Path(os.environ.get("KAIROS_SHARED") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"{folder} holds no data sets and suites; KAIROS_SHARED names another folder")
    return folder
