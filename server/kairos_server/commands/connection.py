"""The way to a server: address, key, deadline, and what a failed call means."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from kairos_server.config import ConfigError, address_parse
from kairos_server.exits import CommandFailed, Exit
from kairos_server.secrets_file import FILE_NAME, SecretsError, secrets_read

ADDRESS: Final = "127.0.0.1:50051"
DATA: Final = "./data"
TIMEOUT_S: Final = 30.0
VIOLATIONS_SHOWN: Final = 100
STATUS_DETAILS: Final = "grpc-status-details-bin"
MESSAGE_SIZE_MAX: Final = 64 << 20
_EXITS: Final = {
    grpc.StatusCode.UNAVAILABLE: Exit.UNAVAILABLE,
    grpc.StatusCode.UNAUTHENTICATED: Exit.PERMISSION,
    grpc.StatusCode.PERMISSION_DENIED: Exit.PERMISSION,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exit.TEMPORARY,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.TEMPORARY,
    grpc.StatusCode.INTERNAL: Exit.SOFTWARE,
}
Stub = TypeVar("Stub")


def connection_add(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say where the server is and who asks."""
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--grpc",
        metavar="ADDRESS",
        help=f"address of the server (default {ADDRESS}, or KAIROS_GRPC)",
    )
    keys = group.add_mutually_exclusive_group()
    keys.add_argument(
        "--key",
        help="API key of a tenant (default KAIROS_KEY, or the key of the local server in --data)",
    )
    keys.add_argument(
        "--key-file",
        metavar="FILE",
        help="file that holds the API key, so that `ps` does not show it",
    )
    group.add_argument(
        "--data",
        metavar="FOLDER",
        help=f"data folder of the local server (default {DATA}, or KAIROS_DATA)",
    )
    group.add_argument(
        "--tls",
        nargs="?",
        const="",
        metavar="CA_FILE",
        help="speak TLS; the authorities are those of the file, or the system's",
    )
    group.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_S,
        metavar="SECONDS",
        help=f"longest time for one call (default {TIMEOUT_S:.0f})",
    )


def data_of(parsed: argparse.Namespace, environment: Mapping[str, str]) -> Path:
    """Returns the data folder that the flags or the environment name."""
    return Path(parsed.data or environment.get("KAIROS_DATA") or DATA)


class Server:
    """One channel to a server, with the key and deadline of its calls.

    Owns: the channel, until the end of the `with` block.
    """

    def __init__(
        self, parsed: argparse.Namespace, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.address: str = parsed.grpc or environment.get("KAIROS_GRPC") or ADDRESS
        try:
            address = address_parse(self.address, "--grpc" if parsed.grpc else "KAIROS_GRPC")
        except ConfigError as error:
            raise CommandFailed(Exit.USAGE, str(error)) from None
        self.timeout_s: float = parsed.timeout
        key = _key_of(parsed, environment, local=address.loopback)
        self.metadata: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {key}"),)
        self.channel = _channel(self.address, parsed.tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.channel.close()

    def stub(self, factory: Callable[[grpc.Channel], Stub]) -> Stub:
        """Returns the stub of a service on this channel."""
        return factory(self.channel)

    def call(self, method: Any, request: Message) -> Any:
        """Calls a method of a stub and returns its answer. Errors: CommandFailed."""
        try:
            return method(request, metadata=self.metadata, timeout=self.timeout_s)
        except grpc.RpcError as error:
            raise self.failure(error) from None

    def failure(self, error: Any) -> CommandFailed:
        """Returns what a failed call means for the person at the terminal.

        Faults beyond the first are written to standard error, one per line.
        """
        code: grpc.StatusCode = error.code()
        reason, faults = _details(error)
        if not reason:
            return CommandFailed(_EXITS.get(code, Exit.SOFTWARE), self._transport_text(code, error))
        for field, description in faults[:VIOLATIONS_SHOWN]:
            sys.stderr.write(f"  {field}: {description}\n")
        return CommandFailed(_EXITS.get(code, Exit.REFUSED), f"{reason}: {error.details()}")

    def _transport_text(self, code: grpc.StatusCode, error: Any) -> str:
        if code is grpc.StatusCode.UNAVAILABLE:
            return (
                f"no server answers at {self.address}. Start one with `kairos serve`, or name "
                "another address with --grpc or KAIROS_GRPC."
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return (
                f"{self.address} did not answer within {self.timeout_s:g} s. Try again, or allow "
                "more time with --timeout."
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return (
                f"the server at {self.address} does not know this call; it may be older than this "
                "command."
            )
        return f"{code.name}: {error.details()}"


def _channel(address: str, tls: str | None) -> grpc.Channel:
    options = [
        # A proxy of the environment is for the web, not for a server that was named by address.
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", MESSAGE_SIZE_MAX),
    ]
    if tls is None:
        return grpc.insecure_channel(address, options)
    try:
        roots = Path(tls).read_bytes() if tls else None
    except OSError as error:
        raise CommandFailed(Exit.NO_INPUT, f"--tls: {tls}: {error.strerror}.") from None
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(roots), options)


def _key_of(parsed: argparse.Namespace, environment: Mapping[str, str], *, local: bool) -> str:
    if parsed.key:
        return str(parsed.key)
    if parsed.key_file:
        try:
            return Path(parsed.key_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailed(Exit.NO_INPUT, f"--key-file: {parsed.key_file}: {error}.") from None
    if environment.get("KAIROS_KEY"):
        return environment["KAIROS_KEY"]
    folder = data_of(parsed, environment)
    # The key of the local server never leaves this machine.
    if local and (folder / FILE_NAME).exists():
        try:
            key = secrets_read(folder).demo_key
        except (SecretsError, OSError) as error:
            raise CommandFailed(Exit.DATA, str(error)) from None
        if key:
            return key
    raise CommandFailed(
        Exit.PERMISSION,
        "no API key. Give one with --key, --key-file or KAIROS_KEY, or name the data folder of "
        "the local server with --data.",
    )


def _details(error: Any) -> tuple[str, list[tuple[str, str]]]:
    """Returns the reason of a refusal and its faults; an empty reason where the call failed before
    the server could say anything.
    """
    reason = ""
    faults: list[tuple[str, str]] = []
    for name, value in error.trailing_metadata() or ():
        if name != STATUS_DETAILS:
            continue
        for packed in status_pb2.Status.FromString(value).details:
            info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if packed.Unpack(info):
                reason = info.reason
            elif packed.Unpack(request):
                faults = [(row.field, row.description) for row in request.field_violations]
    # One fault is in the message already.
    return reason, faults if len(faults) > 1 else []
