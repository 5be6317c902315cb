"""Blocking calls: deadline, key, request id, retries, and failures as exceptions."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from kairos.connection import Connection
from kairos.errors import error_of
from kairos.requests import Ids, fill_of

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Unary = Callable[[Request, float | None], Response]
"""Takes a request and a timeout in seconds (None: the method's default), returns the answer."""


class Calls:
    """The channel of one client, and the calls over it. Safe to use from any thread.

    Owns: the channel, until `close`.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.ids = Ids()
        self._metadata = connection.metadata()
        credentials = connection.credentials()
        options = connection.channel_options()
        self._channel = (
            grpc.insecure_channel(connection.address, options)
            if credentials is None
            else grpc.secure_channel(connection.address, credentials, options)
        )

    def close(self) -> None:
        """Closes the connection; calls under way are cancelled. Idempotent."""
        self._channel.close()

    def wait_ready(self, timeout: float) -> None:
        """Returns once the server is connected. Errors: TimeoutError."""
        try:
            grpc.channel_ready_future(self._channel).result(timeout)
        except grpc.FutureTimeoutError:
            address = self.connection.address
            raise TimeoutError(f"{address} did not answer within {timeout} s") from None

    def unary(
        self, method: str, request: type[Request], response: type[Response]
    ) -> Unary[Request, Response]:
        """Returns the call of a unary method."""
        call = self._channel.unary_unary(
            method,
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        fill = fill_of(request, self.ids)
        plain = self.unary_plain(method, call)
        if fill is None:
            return plain

        def filled(one: Request, timeout: float | None) -> Response:
            fill(one)
            answer: Response = plain(one, timeout)
            return answer

        return filled

    def unary_bytes(self, method: str) -> Callable[[bytes, float | None], bytes]:
        """Returns the call of a unary method for messages that are encoded already."""
        return self.unary_plain(method, self._channel.unary_unary(method))

    def unary_plain(self, method: str, call: Any) -> Callable[[Any, float | None], Any]:
        """Returns a call with key, request id, deadline and retries round a bare one."""
        default_s = self.connection.timeout_s(method)
        retries = self.connection.retries
        metadata = self._metadata
        ids = self.ids

        def unary(request: Any, timeout: float | None) -> Any:
            allowed_s = default_s if timeout is None else timeout
            end = time.monotonic() + allowed_s
            request_id = ids.new()
            carried = (*metadata, ("x-request-id", request_id))
            count = 0
            while True:
                try:
                    return call(request, timeout=allowed_s, metadata=carried)
                except grpc.RpcError as failed:
                    failure = error_of(failed, method, request_id)
                    allowed_s = end - time.monotonic()
                    pause_s = retries.pause_s(failure, count, allowed_s)
                    if pause_s is None:
                        raise failure from failed
                    time.sleep(pause_s)
                    allowed_s -= pause_s
                    count += 1

        return unary

    def server_stream(
        self, method: str, request: type[Request], response: type[Response]
    ) -> Callable[[Request, float | None], "Answers[Response]"]:
        """Returns the call of a method that answers many times."""
        call = self._channel.unary_stream(
            method,
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )

        def stream(one: Request, timeout: float | None) -> Answers[Response]:
            return self._stream(method, call, one, timeout)

        return stream

    def bidi_stream(
        self, method: str, request: type[Request], response: type[Response]
    ) -> Callable[[Iterable[Request], float | None], "Answers[Response]"]:
        """Returns the call of a method with many requests and many answers."""
        call = self._channel.stream_stream(
            method,
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        fill = fill_of(request, self.ids)

        def filled(requests: Iterable[Request]) -> Iterator[Request]:
            for one in requests:
                if fill is not None:
                    fill(one)
                yield one

        def stream(requests: Iterable[Request], timeout: float | None) -> Answers[Response]:
            return self._stream(method, call, filled(requests), timeout)

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
        self._method = method
        self.request_id = request_id

    def __iter__(self) -> "Answers[Response]":
        return self

    def __next__(self) -> Response:
        try:
            answer: Response = next(self._call)
        except grpc.RpcError as failed:
            raise error_of(failed, self._method, self.request_id) from failed
        return answer

    def cancel(self) -> None:
        """Ends the call; the next answer raises Cancelled. Idempotent."""
        self._call.cancel()

    def __enter__(self) -> "Answers[Response]":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()
