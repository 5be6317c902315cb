"""`kairos version`: what runs here."""

import argparse
import platform
from importlib import metadata

from kairos_server.commands.arguments import examples_set
from kairos_server.commands.output import Output, output_add
from kairos_server.exits import Exit

PACKAGES = ("kairos-server", "kairos-client", "grpcio", "protobuf", "lmdb")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    output_add(parser)
    examples_set(parser, ("kairos version", "kairos version --json"))
    parser.set_defaults(run=run, json=False, quiet=False)


def run(parsed: argparse.Namespace) -> int:
    """Prints the versions."""
    output = Output(parsed)
    versions = {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()}
    try:
        from kairos_native.engine import SEMANTICS_VERSION  # noqa: PLC0415  # may not be built yet

        versions["core semantics"] = str(SEMANTICS_VERSION)
    except (ImportError, TypeError):
        versions["core semantics"] = "not built"
    output.record(
        {name.replace("-", "_").replace(" ", "_"): text for name, text in versions.items()}
    )
    output.fields(versions.items())
    return Exit.OK


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
