"""Batches in flight: each subject has its lane, each lane one call at a time, so that the events of
a subject arrive in their order while several batches are under way.
"""

import random
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import grpc
from kairos.v1 import ingest_service_pb2

from kairos_server.exits import Exit

from .errors import ImportFailed

METHOD: Final = "/kairos.v1.IngestService/IngestBatch"
BATCH_EVENTS_MAX: Final = 1_000
# Below the 4 MiB of a request, with room for the largest event.
BATCH_SIZE_MAX: Final = 3 << 20
RETRY_WAIT_S: Final = 0.05
RETRY_WAIT_S_MAX: Final = 2.0
_RETRIED: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)


@dataclass(frozen=True, slots=True)
class Sending:
    """One event on its way: encoded, and where it came from."""

    subject: bytes
    chunk: int
    index: int
    """Place of its record in the chunk."""
    data: bytes


class Connection(Protocol):
    """What lanes need of a connection."""

    channel: grpc.Channel
    metadata: tuple[tuple[str, str], ...]
    timeout_s: float

    def failure(self, error: Any) -> Exception:
        """Returns what a failed call means for the person at the terminal."""
        ...


Answered = Callable[[Sending, ingest_service_pb2.IngestResult], None]


@dataclass(slots=True)
class _Lane:
    waiting: list[Sending] = field(default_factory=list)
    size: int = 0
    flying: list[Sending] = field(default_factory=list)
    request: bytes = b""
    call: Any = None


class Lanes:
    """The batches of an import. `answered` is called once for each event, in any order of lanes."""

    def __init__(
        self, connection: Connection, count: int, retry_s: float, answered: Answered
    ) -> None:
        self._connection = connection
        self._method: Any = connection.channel.unary_unary(
            METHOD, response_deserializer=ingest_service_pb2.IngestBatchResponse.FromString
        )
        self._lanes = [_Lane() for _ in range(count)]
        self._retry_s = retry_s
        self._answered = answered
        self._reached = False

    def add(self, sending: Sending) -> None:
        """Puts an event into its subject's lane; sends the lane's batch when it is full.

        Errors: ImportFailed.
        """
        lane = self._lanes[zlib.crc32(sending.subject) % len(self._lanes)]
        if lane.size + len(sending.data) > BATCH_SIZE_MAX:
            self._send(lane)
        lane.waiting.append(sending)
        lane.size += len(sending.data)
        if len(lane.waiting) == BATCH_EVENTS_MAX:
            self._send(lane)

    def flush(self, chunk_before: int) -> None:
        """Sends what waits from chunks before this one, and takes the answers that are there.

        Errors: ImportFailed.
        """
        for lane in self._lanes:
            if lane.waiting and lane.waiting[0].chunk < chunk_before:
                self._send(lane)
            elif lane.call is not None and lane.call.done():
                self._take(lane)

    def finish(self) -> None:
        """Sends everything that waits and takes all answers. Errors: ImportFailed."""
        for lane in self._lanes:
            if lane.waiting:
                self._send(lane)
        for lane in self._lanes:
            self._take(lane)

    def cancel(self) -> None:
        """Gives up the calls in flight; the server may have taken them or not."""
        for lane in self._lanes:
            if lane.call is not None:
                lane.call.cancel()

    def _send(self, lane: _Lane) -> None:
        self._take(lane)
        lane.flying, lane.waiting, lane.size = lane.waiting, [], 0
        lane.request = batch_bytes(lane.flying)
        lane.call = self._start(lane.request)

    def _start(self, request: bytes) -> Any:
        return self._method.future(
            request, metadata=self._connection.metadata, timeout=self._connection.timeout_s
        )

    def _take(self, lane: _Lane) -> None:
        """Waits for the lane's call and hands its results on."""
        if lane.call is None:
            return
        results = self._result(lane).results
        if len(results) != len(lane.flying):
            raise ImportFailed(
                Exit.SOFTWARE, f"{len(lane.flying)} events got {len(results)} results."
            )
        for sending, result in zip(lane.flying, results, strict=True):
            self._answered(sending, result)
        lane.call, lane.flying, lane.request = None, [], b""

    def _result(self, lane: _Lane) -> ingest_service_pb2.IngestBatchResponse:
        """The answer; calls again while the server is busy or gone. The events' ids make a
        batch that had been taken harmless.
        """
        end_s = time.monotonic() + self._retry_s
        wait_s = RETRY_WAIT_S
        while True:
            try:
                answer: ingest_service_pb2.IngestBatchResponse = lane.call.result()
            except grpc.RpcError as error:
                if not self._again(error.code()) or time.monotonic() > end_s:
                    raise self._connection.failure(error) from None
                # Spread, so that the lanes do not come back all at once.
                time.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
                wait_s = min(2 * wait_s, RETRY_WAIT_S_MAX)
                lane.call = self._start(lane.request)
            else:
                self._reached = True
                return answer

    def _again(self, code: grpc.StatusCode) -> bool:
        # A server that never answered is more likely not there than restarting.
        return code in _RETRIED and (self._reached or code is not grpc.StatusCode.UNAVAILABLE)


def batch_bytes(events: list[Sending]) -> bytes:
    """Returns the encoded IngestBatchRequest of encoded events, put together without decoding."""
    parts: list[bytes] = []
    for event in events:
        parts += (b"\x0a", varint(len(event.data)), event.data)
    return b"".join(parts)


def varint(number: int) -> bytes:
    """Returns a protobuf varint."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
