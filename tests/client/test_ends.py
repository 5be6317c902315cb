"""The wheel of the client works with the oldest and the newest packages that it allows, in an
environment that sees nothing of the tree.

Needs an index of packages: skipped without one, but never where KAIROS_CLIENT_ENDS=1 says that it
must run, as .ci/run does.
"""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from e2e.server_process import environment, server

WANTED = os.environ.get("KAIROS_CLIENT_ENDS")
ENDS = Path(__file__).with_name("ends.py")
PIP = ("-m", "pip", "--disable-pip-version-check", "-q")


def floors(root: Path) -> list[str]:
    """The lowest version of each dependency, as pip takes it."""
    text = (root / "clients" / "python" / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    assert listed is not None
    found = re.findall(r'"([\w-]+)>=([\d.]+)', listed[1])
    assert len(found) == 3
    return [f"{name}=={version}" for name, version in found]


def run(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(
    WANTED != "1", reason="makes two environments from an index; KAIROS_CLIENT_ENDS=1 runs it"
)
@pytest.mark.parametrize("end", ["oldest", "newest"])
def test_wheel_works_at_both_ends_of_its_ranges(tmp_path, root, end):
    run(
        sys.executable, *PIP, "wheel", "--no-build-isolation", "--no-deps", "-w", tmp_path,
        root / "clients" / "python",
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pinned = floors(root) if end == "oldest" else []
    upgrade = [] if end == "oldest" else ["--upgrade"]
    run(python, *PIP, "install", *upgrade, wheel, *pinned)
    with server(tmp_path / "data") as running:
        told = run(
            python, "-I", "-W", "error", ENDS, running.address, running.key, tmp_path / "queue"
        )
        assert running.stop() == 0
    for pin in pinned:
        assert pin.replace("==", "=") in told
