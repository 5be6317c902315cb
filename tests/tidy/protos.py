"""Generates, lints and compares the contract, without a network:
`python tests/tidy/protos.py generate`.

The imports of google/api come from the installed googleapis-common-protos,
for the compiler and for buf alike. The compiler runs in an environment of its own, because
its protobuf is older than the server's (docs/adr/0022-python-client.md).
"""

import fcntl
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import google.api
from google.protobuf import descriptor_pb2

# A program of its own and a module of the tests: its neighbour is found either way.
sys.path.insert(0, str(Path(__file__).parent))
import client_services

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
CLIENT = ROOT / "clients" / "python"
API_FILES = ("annotations.proto", "http.proto")
# Versions of the compiler; a change of this file makes a new environment.
PINS = CLIENT / "generator.txt"
GENERATOR = ROOT / "build" / "generator"


def proto_names() -> list[str]:
    """Returns our .proto files relative to proto/, sorted."""
    return sorted(path.relative_to(PROTO).as_posix() for path in PROTO.rglob("*.proto"))


def googleapis() -> Path:
    """Returns the include folder of the google/api files."""
    return Path(next(iter(google.api.__path__))).parents[1]


def generator() -> Path:
    """Returns the Python that has the pinned compiler; makes its environment when it is missing.

    Several processes may ask at once: one makes it, the others wait.
    Errors: subprocess.CalledProcessError when the packages cannot be had.
    """
    python = GENERATOR / "bin" / "python"
    stamp = GENERATOR / "pins.txt"
    GENERATOR.parent.mkdir(exist_ok=True)
    with (GENERATOR.parent / "generator.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_bytes() != PINS.read_bytes():
            venv.create(GENERATOR, clear=True, with_pip=True)
            install = ["-m", "pip", "--disable-pip-version-check", "-q", "install", "-r", str(PINS)]
            subprocess.run([python, *install], check=True)
            shutil.copy(PINS, stamp)
    return python


def generate(target: Path) -> None:
    """Writes messages, stubs, type stubs and the client's services below `target`. The same input
    gives the same bytes.
    """
    python = generator()
    known = next(python.parents[1].glob("lib/python3*/site-packages/grpc_tools/_proto"))
    described = target / "contract.binpb"
    compiler = [
        python, "-I", "-m", "grpc_tools.protoc",
        f"-I{PROTO}", f"-I{googleapis()}", f"-I{known}",
        f"--python_out={target}", f"--pyi_out={target}", f"--grpc_python_out={target}",
        f"--descriptor_set_out={described}", "--include_imports", "--include_source_info",
    ]  # fmt: skip
    subprocess.run([*compiler, *proto_names()], check=True, cwd=PROTO)
    files = descriptor_pb2.FileDescriptorSet.FromString(described.read_bytes())
    described.unlink()
    client_services.write(files, target)


def workspace(target: Path, source: Path = PROTO) -> Path:
    """Makes a folder in which buf resolves every import offline; returns it.

    Only our own files are linted there.
    """
    module = target / "proto"
    shutil.copytree(source, module)
    api = target / "googleapis" / "google" / "api"
    api.mkdir(parents=True)
    for name in API_FILES:
        shutil.copy(googleapis() / "google" / "api" / name, api / name)
    (module / "buf.yaml").unlink(missing_ok=True)
    settings = (
        (PROTO / "buf.yaml")
        .read_text()
        .replace("  - path: .\n", "  - path: proto\n  - path: googleapis\n")
    )
    (target / "buf.yaml").write_text(settings)
    return target


def buf(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Runs buf and returns what it said."""
    program = Path(sys.executable).parent / "buf"
    return subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["generate"]:
        generate(CLIENT)
    elif sys.argv[1:] == ["prepare"]:
        generator()
    else:
        sys.exit("usage: python tests/tidy/protos.py generate|prepare")
