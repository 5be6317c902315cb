"""`kairos doctor`: is this machine fit, is the data folder sound, does the server answer?"""

import argparse
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kairos_server.commands.arguments import examples_set
from kairos_server.commands.check import FAIL, OK, WARN, Check
from kairos_server.commands.checks_folder import folder_checks
from kairos_server.commands.checks_machine import machine_checks
from kairos_server.commands.connection import ADDRESS
from kairos_server.commands.folder import DataFolder, data_of, folder_add
from kairos_server.commands.output import Output, output_add, table_lines
from kairos_server.config import Address, ConfigError, address_parse
from kairos_server.exits import CommandFailed, Exit
from kairos_server.rpc import PortBusy, port_probe

HTTP: Final = "127.0.0.1:9090"
TIMEOUT_S: Final = 3.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    folder_add(parser)
    parser.add_argument(
        "--grpc", metavar="ADDRESS", help=f"gRPC address (default {ADDRESS}, or KAIROS_GRPC)"
    )
    parser.add_argument(
        "--http", metavar="ADDRESS", help=f"private address (default {HTTP}, or KAIROS_HTTP)"
    )
    parser.add_argument("--quick", action="store_true", help="do not read the whole log")
    output_add(parser)
    examples_set(parser, ("kairos doctor", "kairos doctor --data /var/lib/kairos --quick --json"))
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Checks everything; REFUSED when something failed. Errors: CommandFailed."""
    folder = DataFolder(data_of(parsed.data), parsed.partition)
    try:
        grpc_address = address_parse(
            parsed.grpc or os.environ.get("KAIROS_GRPC") or ADDRESS, "--grpc"
        )
        http_address = address_parse(parsed.http or os.environ.get("KAIROS_HTTP") or HTTP, "--http")
    except ConfigError as error:
        raise CommandFailed(Exit.USAGE, str(error)) from None
    checks = [
        *machine_checks(),
        *folder_checks(folder, quick=parsed.quick),
        *server_checks(folder, grpc_address, http_address),
    ]
    output = Output(parsed)
    for check in checks:
        output.record(
            {
                "check": check.name,
                "status": check.status,
                "found": check.found,
                "remedy": check.remedy,
            }
        )
    # What was found may be long, so it stands last; what to do stands below it.
    lines = table_lines(
        ["check", "status", "found"], [[row.name, row.status, row.found] for row in checks]
    )
    output.line(lines[0])
    indent = " " * lines[0].index("FOUND")
    for line, check in zip(lines[1:], checks, strict=True):
        output.line(line)
        if check.remedy:
            output.line(f"{indent}→ {check.remedy}")
    failed = sum(check.status == FAIL for check in checks)
    warned = sum(check.status == WARN for check in checks)
    output.line()
    output.line(f"{len(checks)} checks: {failed} failed, {warned} to look at")
    return Exit.REFUSED if failed else Exit.OK


def server_checks(folder: DataFolder, address: Address, http: Address) -> Iterator[Check]:
    """Yields the checks of a running server, or of the ports that one would take."""
    try:
        port_probe(address)
    except PortBusy:
        yield _health(address)
        yield _ready(http)
        return
    if folder.in_use():
        yield Check(
            "server", FAIL, f"one owns {folder.root}, but none listens at {address}",
            "name its address with --grpc",
        )  # fmt: skip
        return
    yield Check("server", OK, f"none runs; {address} is free")
    try:
        port_probe(http)
    except PortBusy as error:
        yield Check("private port", WARN, str(error), "choose another with --http")
    else:
        yield Check("private port", OK, f"{http} is free")


def _health(address: Address) -> Check:
    with grpc.insecure_channel(str(address), [("grpc.enable_http_proxy", 0)]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return Check(
                "server", FAIL, f"{address} is taken, but does not answer: {error.code().name}",
                "another program may use the port",
            )  # fmt: skip
    state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return Check("server", WARN, f"{address} is {state}", "see the server's log")
    return Check("server", OK, f"{address} is {state}")


def _ready(http: Address) -> Check:
    try:
        # Without a proxy of the environment: the port is private.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{http}/readyz", timeout=TIMEOUT_S) as answer:
            return Check("private port", OK, f"http://{http}/readyz answers {answer.status}")
    except urllib.error.HTTPError as error:
        return Check("private port", WARN, f"http://{http}/readyz answers {error.code}", "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Check(
            "private port", WARN, f"http://{http}: {reason}", "name the address with --http"
        )
