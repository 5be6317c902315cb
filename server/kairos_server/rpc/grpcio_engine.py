"""Serves the method table over grpcio: one asyncio loop, raw bytes in and out."""

import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc

from kairos_server.config import Address
from kairos_server.errors import Failed, Refused
from kairos_server.limits import Limits
from kairos_server.rpc.call import Call, Kind, Method, MethodTable
from kairos_server.rpc.gate import Gate

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS_KEY: Final = "grpc-status-details-bin"
# The library's own types are generic over messages; here every message is bytes.
_Context = Any


class PortBusy(Exception):
    """The address cannot be bound; `args[0]` is one sentence that says why and what to do."""


class GrpcioEngine:
    """A grpc.aio server for a method table behind a gate.

    Owns: the listening port from `start` to `stop`. Nothing durable happens after an answer, so
    that a hard stop is safe.
    """

    def __init__(
        self, table: MethodTable, gate: Gate, limits: Limits, clock_us: Callable[[], int]
    ) -> None:
        self._table = table
        self._gate = gate
        self._clock_us = clock_us
        self._server = grpc.aio.server(options=options(limits))
        self._server.add_generic_rpc_handlers(
            (_TableHandler(table, self._behaviour, self._unknown),)
        )

    async def start(self, address: Address) -> int:
        """Binds and serves; returns the port. Errors: PortBusy."""
        port_probe(address)
        try:
            port = self._server.add_insecure_port(str(address))
        except RuntimeError as error:
            raise PortBusy(f"{address} cannot be bound; choose another with --grpc.") from error
        await self._server.start()
        return port

    async def stop(self, grace_s: float) -> None:
        """Says good-bye to clients (GOAWAY), waits for running calls at most
        `grace_s`, then cuts.
        """
        await self._server.stop(grace_s)

    def _behaviour(self, method: Method) -> Callable[[Any, _Context], Any]:
        gate = self._gate

        async def unary(request: bytes, context: _Context) -> bytes:
            try:
                return await gate.unary(method, request, self._call(method.name, context))
            except (Refused, Failed) as refused:
                await _abort(context, refused)
                raise

        async def stream(requests: AsyncIterator[bytes], context: _Context) -> AsyncIterator[bytes]:
            try:
                async for response in gate.stream(
                    method, requests, self._call(method.name, context)
                ):
                    yield response
            except (Refused, Failed) as refused:
                await _abort(context, refused)

        async def server_stream(request: bytes, context: _Context) -> AsyncIterator[bytes]:
            async for response in stream(_once(request), context):
                yield response

        behaviours: dict[Kind, Callable[[Any, _Context], Any]] = {
            Kind.UNARY: unary,
            Kind.SERVER_STREAM: server_stream,
            Kind.BIDI_STREAM: stream,
        }
        return behaviours[method.kind]

    def _unknown(self, name: str) -> Callable[[Any, _Context], Awaitable[None]]:
        async def unknown(_: Any, context: _Context) -> None:
            await _abort(context, self._gate.unknown(name))

        return unknown

    def _call(self, name: str, context: _Context) -> Call:
        remaining = context.time_remaining()
        return Call(
            method=name,
            metadata=dict(context.invocation_metadata() or ()),
            deadline=None if remaining is None else time.monotonic() + remaining,
            peer=context.peer(),
            received_us=self._clock_us(),
        )


class _TableHandler(grpc.GenericRpcHandler):
    """Finds the behaviour of a method. Identity serializers: messages stay bytes."""

    def __init__(
        self,
        table: MethodTable,
        behaviour: Callable[[Method], Callable[[Any, _Context], Any]],
        unknown: Callable[[str], Callable[[Any, _Context], Awaitable[None]]],
    ) -> None:
        wrap: dict[Kind, Callable[[Any], Any]] = {
            Kind.UNARY: grpc.unary_unary_rpc_method_handler,
            Kind.SERVER_STREAM: grpc.unary_stream_rpc_method_handler,
            Kind.BIDI_STREAM: grpc.stream_stream_rpc_method_handler,
        }
        self._handlers: dict[str, Any] = {
            name: wrap[method.kind](behaviour(method)) for name, method in table.items()
        }
        self._unknown = unknown

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        name = handler_call_details.method
        handler = self._handlers.get(name)
        # The stream form never reads the request, so that it answers whatever shape the
        # unknown method has.
        return handler or grpc.stream_stream_rpc_method_handler(self._unknown(name))


def options(limits: Limits) -> list[tuple[str, int]]:
    """Returns the channel arguments of the server."""
    # Drawn to spread load; no secret depends on it.
    age_s = random.uniform(limits.connection_age_s_min, limits.connection_age_s_max)  # noqa: S311
    return [
        ("grpc.max_receive_message_length", limits.receive_size_max),
        ("grpc.max_send_message_length", limits.receive_size_max),
        ("grpc.max_concurrent_streams", limits.streams_per_connection_max),
        # The library's own protection counts streams that are answered but not yet freed, and so
        # refuses innocent calls of a client that keeps more than 100 in flight (docs/adr/0011).
        ("grpc.http.overload_protection", 0),
        ("grpc.max_metadata_size", limits.metadata_size_max),
        ("grpc.absolute_max_metadata_size", limits.metadata_size_max),
        # Clients may ping every 20 s, also without calls; the library's default would cut them
        # off after two pings.
        ("grpc.http2.min_ping_interval_without_data_ms", limits.keepalive_interval_s_min * 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Long HTTP/2 connections stick to one process; ending them now and then lets clients
        # balance again. The library adds its own jitter per connection.
        ("grpc.max_connection_age_ms", int(age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", limits.connection_grace_s * 1000),
        # Two servers on one port would each take half of the calls without a word;
        # a busy port must be an error.
        ("grpc.so_reuseport", 0),
    ]


def port_probe(address: Address) -> None:
    """Raises PortBusy with a clear sentence when an address cannot be bound; the gRPC library only
    says that it failed.
    """
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
            probe.listen(1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PortBusy(
            f"{address} cannot be bound: {reason}. Stop what uses it, or choose another address."
        ) from error


async def _abort(context: _Context, refused: Refused | Failed) -> None:
    await context.abort(
        _CODES[int(refused.code)], refused.message, ((_DETAILS_KEY, refused.status_bytes()),)
    )


async def _once(request: bytes) -> AsyncIterator[bytes]:
    yield request
