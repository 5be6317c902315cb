"""The engine is what its .pyi says: names, parameters, defaults."""

import os
import subprocess
import sys

from tidy.tree import ROOT


def test_engine_has_the_form_of_its_stub():
    path = os.pathsep.join(str(ROOT / name) for name in ("native", "server", "clients/python"))
    done = subprocess.run(
        # What the module holds beyond its stub is its own business.
        [
            sys.executable,
            "-m",
            "mypy.stubtest",
            "kairos_native.engine",
            "kairos_native.engine_inspect",
            "--concise",
            "--ignore-missing-stub",
            "--ignore-disjoint-bases",
            "--allowlist",
            "tests/tidy/stubtest.allow",
        ],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": path, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
