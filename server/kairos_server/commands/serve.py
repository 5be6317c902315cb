"""`kairos serve`: one server in the foreground."""

import argparse
import os

from kairos_server.commands.arguments import examples_set
from kairos_server.config import config_read, settings_add
from kairos_server.exits import Exit, StartError
from kairos_server.logs import logs_start


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    settings_add(parser)
    examples_set(
        parser,
        (
            "kairos serve                                  # a local server with the demo tenant",
            "kairos serve --tenants tenants.toml --grpc 0.0.0.0:50051 --data /var/lib/kairos",
        ),
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Serves until told to stop. Errors: ConfigError, StartError."""
    config = config_read(vars(parsed), os.environ)
    logs_start(config.log_level)
    try:
        from kairos_server.app import serve  # noqa: PLC0415  # it loads the native core
    except (ImportError, TypeError) as error:
        # TypeError: modules of the core that were compiled at different times do
        # not fit each other.
        raise StartError(
            Exit.SOFTWARE, f"the native core cannot be loaded ({error}). Run `make build`."
        ) from error
    return serve(config)
