"""`kairos try`: each hot call once, with its answer as text."""

import argparse

from kairos_server.attempt import attempt
from kairos_server.commands.arguments import examples_set
from kairos_server.commands.connection import Server, connection_add


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    connection_add(parser)
    examples_set(parser, ("kairos try", "kairos try --grpc 127.0.0.1:50051 --key kairos_…"))
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Sends the calls. Errors: CommandFailed."""
    with Server(parsed) as server:
        return attempt(server)
