"""Asynchronous calls: the same rules as kairos.calls, on the running event loop."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from kairos.connection import Connection
from kairos.errors import Cancelled, KairosError, error_of
from kairos.requests import Fill, Ids, fill_of

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Unary = Callable[[Request, float | None], Awaitable[Response]]
"""Takes a request and a timeout in seconds (None: the method's default), returns the answer."""


class Calls:
    """The channel of one client, and the calls over it. Belongs to one event loop.

    Owns: the channel, until `close`.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.ids = Ids()
        self._metadata = connection.metadata()
        credentials = connection.credentials()
        options = connection.channel_options()
        self._channel = (
            grpc.aio.insecure_channel(connection.address, options)
            if credentials is None
            else grpc.aio.secure_channel(connection.address, credentials, options)
        )

    async def close(self) -> None:
        """Closes the connection; calls under way are cancelled. Idempotent."""
        await self._channel.close()

    async def wait_ready(self, timeout: float) -> None:
        """Returns once the server is connected. Errors: TimeoutError."""
        try:
            async with asyncio.timeout(timeout):
                await self._channel.channel_ready()
        except TimeoutError:
            address = self.connection.address
            raise TimeoutError(f"{address} did not answer within {timeout} s") from None

    def unary(
        self, method: str, request: type[Request], response: type[Response]
    ) -> Unary[Request, Response]:
        """Returns the call of a unary method."""
        call: Any = self._channel.unary_unary(
            method,
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        default_s = self.connection.timeout_s(method)
        retries = self.connection.retries
        metadata = self._metadata
        fill = fill_of(request, self.ids)
        ids = self.ids

        async def unary(one: Request, timeout: float | None) -> Response:
            if fill is not None:
                fill(one)
            allowed_s = default_s if timeout is None else timeout
            end = time.monotonic() + allowed_s
            request_id = ids.new()
            carried = (*metadata, ("x-request-id", request_id))
            count = 0
            while True:
                try:
                    answer: Response = await call(one, timeout=allowed_s, metadata=carried)
                except grpc.RpcError as failed:
                    failure = error_of(failed, method, request_id)
                    allowed_s = end - time.monotonic()
                    pause_s = retries.pause_s(failure, count, allowed_s)
                    if pause_s is None:
                        raise failure from failed
                    await asyncio.sleep(pause_s)
                    allowed_s -= pause_s
                    count += 1
                else:
                    return answer

        return unary

    def server_stream(
        self, method: str, request: type[Request], response: type[Response]
    ) -> Callable[[Request, float | None], "Answers[Response]"]:
        """Returns the call of a method that answers many times."""
        call: Any = self._channel.unary_stream(
            method,
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )

        def stream(one: Request, timeout: float | None) -> Answers[Response]:
            return self._stream(method, call, one, timeout)

        return stream

    def bidi_stream(
        self, method: str, request: type[Request], response: type[Response]
    ) -> Callable[[AsyncIterable[Request] | Iterable[Request], float | None], "Answers[Response]"]:
        """Returns the call of a method with many requests and many answers."""
        call: Any = self._channel.stream_stream(
            method,
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        fill = fill_of(request, self.ids)

        def stream(
            requests: AsyncIterable[Request] | Iterable[Request], timeout: float | None
        ) -> Answers[Response]:
            return self._stream(method, call, _filled(requests, fill), timeout)

        return stream

    def _stream(self, method: str, call: Any, sent: Any, timeout: float | None) -> "Answers[Any]":
        request_id = self.ids.new()
        metadata = (*self._metadata, ("x-request-id", request_id))
        return Answers(call(sent, timeout=timeout, metadata=metadata), method, request_id)


class Answers(Generic[Response]):
    """The answers of a stream, to be iterated once; also a context manager that cancels the call
    when it is left.
    """

    def __init__(self, call: Any, method: str, request_id: str) -> None:
        self._call = call
        self._answers = aiter(call)
        self._method = method
        self._cancelled = False
        self.request_id = request_id

    def __aiter__(self) -> "Answers[Response]":
        return self

    async def __anext__(self) -> Response:
        try:
            answer: Response = await anext(self._answers)
        except grpc.RpcError as failed:
            raise error_of(failed, self._method, self.request_id) from failed
        except asyncio.CancelledError:
            # The library raises the same for a call that was cancelled and for a task that is.
            if self._cancelled:
                raise self._ended() from None
            self.cancel()
            raise
        return answer

    def cancel(self) -> None:
        """Ends the call; the next answer raises Cancelled. Idempotent."""
        self._cancelled = True
        self._call.cancel()

    async def __aenter__(self) -> "Answers[Response]":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancel()

    def _ended(self) -> KairosError:
        facts = {"code": "CANCELLED", "method": self._method, "request_id": self.request_id}
        return Cancelled("The call was cancelled.", **facts)


async def _filled(
    requests: AsyncIterable[Request] | Iterable[Request], fill: Fill | None
) -> AsyncIterator[Request]:
    if isinstance(requests, AsyncIterable):
        async for one in requests:
            if fill is not None:
                fill(one)
            yield one
    else:
        for one in requests:
            if fill is not None:
                fill(one)
            yield one
