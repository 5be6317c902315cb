"""Two seconds of the fuzzer, so that it cannot rot; long runs are started by hand
(tests/fuzz/README.md).
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="the fuzzer is built with gcc")


def fuzz(root: Path, headers: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(root / "tests" / "fuzz" / "run_wire.sh"), str(seconds), "1"],
        env={**os.environ, "HEADERS": str(headers)}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


def test_no_finding(root: Path) -> None:
    result = fuzz(root, root / "native" / "kairos_native", 2)
    assert result.returncode == 0, result.stderr
    figures = re.search(
        r"(\d+) executions, (\d+) edges, \d+ inputs kept, 0 findings", result.stdout
    )
    assert figures is not None
    assert int(figures[2]) > 500, "the corpus no longer reaches the scanner"


def test_a_planted_fault_is_found(root: Path, tmp_path: Path) -> None:
    """The corpus alone must break a scanner that takes a length without looking at what is left."""
    headers = tmp_path / "headers"
    headers.mkdir()
    for header in (root / "native" / "kairos_native").glob("*.h"):
        shutil.copy(header, headers)
    text = (headers / "wire_read.h").read_text()
    check = "if (!p || field->size > (size_t)(end - p)) return NULL;"
    assert check in text
    (headers / "wire_read.h").write_text(text.replace(check, "if (!p) return NULL;"))
    result = fuzz(root, headers, 20)
    assert result.returncode != 0
    assert "AddressSanitizer" in result.stderr
    assert "input: " in result.stderr
