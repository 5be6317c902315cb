"""The open loop: sends each request at its intended time, however slow the server is,
and measures from that time.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2
from kairos.v1 import error_pb2, ingest_service_pb2, personalization_service_pb2

from kairos_loadtest.samples import Samples
from kairos_loadtest.scenarios import Request

ANSWERS: dict[str, Any] = {
    "ingest": ingest_service_pb2.IngestResponse,
    "ingest_batch": ingest_service_pb2.IngestBatchResponse,
    "decide": personalization_service_pb2.DecideResponse,
}
STATUS_KEY = "grpc-status-details-bin"


@dataclass(slots=True)
class Load:
    """One run against one server.

    Calls in flight are not bounded: a bound would close the loop.
    The deadline bounds them by time instead.
    """

    channels: Sequence[grpc.aio.Channel]
    key: str
    timeout_s: float
    samples: dict[str, Samples] = field(default_factory=dict)
    in_flight: int = 0
    in_flight_max: int = 0

    async def run(self, requests: Sequence[Request], times_s: Sequence[float]) -> float:
        """Sends all requests at their times and waits for all answers;
        returns the seconds from first to last.
        """
        start_ns = time.perf_counter_ns()
        tasks: set[asyncio.Task[None]] = set()
        for index, (request, moment_s) in enumerate(zip(requests, times_s, strict=True)):
            intended_ns = start_ns + int(moment_s * 1e9)
            wait_s = (intended_ns - time.perf_counter_ns()) / 1e9
            # Also without a wait the loop has to run, or answers would not be read while the
            # generator is behind.
            await asyncio.sleep(max(wait_s, 0))
            task = asyncio.create_task(
                self._send(request, self.channels[index % len(self.channels)], intended_ns)
            )
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        return (time.perf_counter_ns() - start_ns) / 1e9

    async def _send(self, request: Request, channel: grpc.aio.Channel, intended_ns: int) -> None:
        samples = self.samples.setdefault(request.kind, Samples())
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        samples.lag_us.append((time.perf_counter_ns() - intended_ns) // 1000)
        metadata = (("authorization", f"Bearer {self.key}"),)
        # Without serializers the call takes and gives bytes; answers are parsed after
        # the clock was read.
        call: Any = channel.unary_unary(request.method)
        try:
            body = await call(request.body, timeout=self.timeout_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            samples.errors[error_name(error)] += 1
            return
        finally:
            self.in_flight -= 1
        samples.latency_us.append((time.perf_counter_ns() - intended_ns) // 1000)
        answer_count(samples, request.kind, body)


def answer_count(samples: Samples, kind: str, body: bytes) -> None:
    """Adds what an answer says of itself: the server's processing time, accepted events,
    refusals inside a batch.
    """
    answer = ANSWERS[kind].FromString(body)
    samples.processing_us.append(answer.processing_time_us)
    if kind == "ingest":
        samples.events += answer.processed and not answer.duplicate
    elif kind == "ingest_batch":
        samples.events += answer.accepted_count
        for result in answer.results:
            if result.HasField("error"):
                samples.errors[
                    error_pb2.ErrorReason.Name(result.error.reason).removeprefix("ERROR_REASON_")
                ] += 1


def error_name(error: grpc.aio.AioRpcError) -> str:
    """Returns the reason of a refused call; the code's name where the server stated none."""
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_KEY and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return str(info.reason)
    return error.code().name
