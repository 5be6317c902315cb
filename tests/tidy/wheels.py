"""Checks what the wheels put into site-packages: `python wheels.py FOLDER`.

Stands alone; runs outside the tree.
"""

import sys
import zipfile
from pathlib import Path

TOP_LEVEL = {"kairos_client": {"kairos"}, "kairos_server": {"kairos_server", "kairos_native"}}
NEEDED = {
    "kairos_client": [
        "kairos/py.typed",
        "kairos/v1/ingest_service_pb2.pyi",
        "kairos/v1/ingest_service_pb2_grpc.py",
        "kairos/v1/services.py",
        "kairos/client.py",
        "kairos/aio/client.py",
    ],
    "kairos_server": [
        "kairos_server/py.typed",
        "kairos_server/demo/pack/demo/schema.yaml",
        "kairos_native/__init__.py",
        "kairos_native/py.typed",
        "kairos_native/engine.pyi",
    ],
}


def check(path: Path) -> None:
    """Exits with a sentence when a wheel holds more or less than it should."""
    name = path.name.split("-")[0]
    files = zipfile.ZipFile(path).namelist()
    tops = {file.split("/")[0] for file in files if ".dist-info/" not in file}
    if tops != TOP_LEVEL[name]:
        sys.exit(
            f"{path.name} holds the top-level names {sorted(tops)}, not {sorted(TOP_LEVEL[name])}"
        )
    missing = [file for file in NEEDED[name] if file not in files]
    if missing:
        sys.exit(f"{path.name} lacks {missing}")
    if name == "kairos_server" and not any(
        "kairos_native/engine." in file and file.endswith(".so") for file in files
    ):
        sys.exit(f"{path.name} lacks the compiled engine")
    strangers = [
        file for file in files if file.endswith((".c", ".pyx")) or file.startswith("tests")
    ]
    if strangers:
        sys.exit(f"{path.name} holds files that nobody needs: {strangers[:5]}")


if __name__ == "__main__":
    wheels = sorted(Path(sys.argv[1]).glob("*.whl"))
    if len(wheels) != len(TOP_LEVEL):
        sys.exit(f"expected {len(TOP_LEVEL)} wheels, found {[wheel.name for wheel in wheels]}")
    for wheel in wheels:
        check(wheel)
    sys.stdout.write("kairos: both wheels hold what they should\n")
