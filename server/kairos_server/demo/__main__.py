"""`make demo`: a server of its own, a data set or the generator's events,
and a report of what became of them.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import grpc

from kairos_server.demo.inputs import inputs_of
from kairos_server.demo.run import demo_run
from kairos_server.demo.server_process import ServerFailed, server_prepare


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo; returns 0, or 1 when a number differs from the expectations or
    the server failed.
    """
    options = _options(arguments)
    try:
        sources = inputs_of(options.data)
        with tempfile.TemporaryDirectory(prefix="kairos-demo-") as scratch:
            tenants = {source.name: source.tenant_number for source in sources}
            server = server_prepare(options.folder or Path(scratch), tenants)
            server.start()
            try:
                faults = demo_run(server, sources, options)
            finally:
                server.stop()
    except grpc.RpcError as error:
        print(
            f"kairos demo: the server refused a call: {error.code().name}: {error.details()}",
            file=sys.stderr,
        )
        return 1
    except (OSError, ServerFailed) as error:
        print(f"kairos demo: {error}", file=sys.stderr)
        return 1
    for fault in faults:
        print(f"kairos demo: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kairos_server.demo", description=main.__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of serenade/ and the retail file; none: the generator",
    )
    parser.add_argument(
        "--folder", type=Path, help="keep the server's data here (default: thrown away)"
    )
    parser.add_argument(
        "--twice", action="store_true", help="send everything a second time and check the answers"
    )
    parser.add_argument(
        "--verify", type=Path, metavar="FOLDER", help="compare with the expectations in this folder"
    )
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
