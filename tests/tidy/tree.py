"""The source files of the project, as git knows them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".c", ".proto", ".sh")
GENERATED = re.compile(
    r"_pb2(_grpc)?\.pyi?$|^clients/python/kairos/v1/\w+\.py$"
    r"|^tests/doors/.*\.c$|^native/kairos_native/\w+\.c$"
)


def sources() -> list[str]:
    """Returns the paths of all hand-written sources, new ones included, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = sorted(set(listed.stdout.split("\n")))
    return [
        name
        for name in names
        if name.endswith(SOURCES) and not GENERATED.search(name) and (ROOT / name).is_file()
    ]
