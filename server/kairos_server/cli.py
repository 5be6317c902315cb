"""The command `kairos`: serve, make keys, try a running server."""

import argparse
import os
import sys
from collections.abc import Sequence

from kairos_server.config import ConfigError, config_read, settings_add
from kairos_server.exits import Exit, StartError
from kairos_server.logs import logs_start


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code.

    Every expected failure is one line on standard error.
    """
    parser = argparse.ArgumentParser(
        prog="kairos", description="A low-latency decision server for marketing automation."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="start a server in the foreground")
    settings_add(serve)
    key = commands.add_parser("key", help="API keys")
    key.add_subparsers(dest="action", required=True).add_parser(
        "new", help="print a new key and the hash for the tenants file"
    )
    attempt = commands.add_parser(
        "try", help="send a visit, one decision and one profile request to a running server"
    )
    attempt.add_argument("--grpc", default="127.0.0.1:50051", help="address of the server")
    attempt.add_argument("--key", required=True, help="API key of a tenant")
    parsed = parser.parse_args(arguments)
    try:
        if parsed.command == "serve":
            return _serve(parsed)
        if parsed.command == "key":
            return _key_new()
        return _try(parsed.grpc, parsed.key)
    except ConfigError as error:
        return _fail(Exit.CONFIG, str(error))
    except StartError as error:
        return _fail(error.code, str(error))
    except KeyboardInterrupt:
        # Ctrl-C before the server was ready; afterwards it drains instead.
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, `head` for example, has what it wanted. Python would
        # otherwise complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK


def _serve(parsed: argparse.Namespace) -> int:
    config = config_read(vars(parsed), os.environ)
    # Read by the gRPC library when it is imported: no fork handlers (the server never forks), and
    # no log lines of its own beside ours.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    logs_start(config.log_level)
    try:
        from kairos_server.app import serve  # noqa: PLC0415  # after the variables above
    except (ImportError, TypeError) as error:
        # TypeError: modules of the core that were compiled at different times do
        # not fit each other.
        raise StartError(
            Exit.SOFTWARE, f"the native core cannot be loaded ({error}). Run `make build`."
        ) from error
    return serve(config)


def _key_new() -> int:
    # Imported here: other commands start without it.
    from kairos_server.rpc.auth import key_hash, key_new  # noqa: PLC0415

    key = key_new()
    sys.stdout.write(f"key        {key}\nkey_sha256 {key_hash(key).hex()}\n")
    return Exit.OK


def _try(address: str, key: str) -> int:
    # Imported here: other commands start without the client library.
    from kairos_server.attempt import attempt  # noqa: PLC0415

    return attempt(address, key)


def _fail(code: Exit, text: str) -> int:
    sys.stderr.write(f"kairos: {text}\n")
    return code
