"""The demo's gRPC client: applies a pack, sends events in order, reads profiles and decisions,
and times each call.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import grpc
from kairos.v1 import (
    document_pb2,
    error_pb2,
    event_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    personalization_service_pb2,
    personalization_service_pb2_grpc,
    plan_service_pb2,
    plan_service_pb2_grpc,
    profile_service_pb2,
    profile_service_pb2_grpc,
)

from kairos_server.demo.pack import read_pack

BATCH_EVENTS = 1000
READS_IN_FLIGHT_MAX = 32
# Together about three seconds, longer than a start takes.
TRIES_MAX = 6
TRY_WAIT_S = 0.05
CALL_TIMEOUT_S = 60.0
_RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server said about one event. `reason` is empty unless it was refused."""

    duplicate: bool
    late: bool
    reason: str
    trigger_ids: tuple[str, ...]


# Nearly all events have one of a few outcomes; each of those exists once.
_OUTCOMES: dict[Outcome, Outcome] = {}


@dataclass(slots=True)
class Client:
    """Calls of one tenant over one channel.

    Owns: the channel is the caller's to close.
    """

    channel: grpc.Channel
    key: str
    latencies_s: dict[str, list[float]] = field(default_factory=dict)

    def apply_pack(self, name: str, author: str) -> plan_service_pb2.Plan:
        """Stores a pack's documents, activates the plan and returns it. Errors: grpc.RpcError."""
        documents = [
            document_pb2.Document(
                kind=document.kind, document_id=document.document_id, body=document.body
            )
            for document in read_pack(name)
        ]
        request = plan_service_pb2.ApplyDocumentsRequest(
            documents=documents, activate=True, author=author, note=f"pack {name} of the demo"
        )
        stub = plan_service_pb2_grpc.PlanServiceStub(self.channel)  # type: ignore[no-untyped-call]
        response = self._call("ApplyDocuments", stub.ApplyDocuments, request)
        plan: plan_service_pb2.Plan = response.plan
        return plan

    def send(
        self, events: Iterable[event_pb2.Event], sent: Callable[[int], None]
    ) -> Iterator[Outcome]:
        """Sends events in batches of 1,000, one after another, and yields their outcomes in order.

        One batch waits for the one before: calls in flight together may be taken in any order, and
        event time would then depend on chance. The next batch is built meanwhile. A batch whose
        answer was lost is sent again; its event ids make that harmless.
        """
        stub = ingest_service_pb2_grpc.IngestServiceStub(self.channel)  # type: ignore[no-untyped-call]
        events = iter(events)
        batch = list(islice(events, BATCH_EVENTS))
        while batch:
            request = ingest_service_pb2.IngestBatchRequest(events=batch)
            call = self._start("IngestBatch", stub.IngestBatch, request)
            count, batch = len(batch), list(islice(events, BATCH_EVENTS))
            response = self._finish(call)
            if len(response.results) != count:
                raise ValueError(f"{count} events got {len(response.results)} results")
            yield from map(outcome_of, response.results)
            sent(count)

    def profiles(self, subject_ids: Iterable[str]) -> Iterator[profile_service_pb2.Profile]:
        """Yields the profiles of subjects, in order, with up to 32 calls in flight."""
        stub = profile_service_pb2_grpc.ProfileServiceStub(self.channel)  # type: ignore[no-untyped-call]
        waiting: deque[_Call] = deque()
        for subject_id in subject_ids:
            request = profile_service_pb2.GetProfileRequest(subject_id=subject_id)
            waiting.append(self._start("GetProfile", stub.GetProfile, request))
            if len(waiting) == READS_IN_FLIGHT_MAX:
                yield self._finish(waiting.popleft()).profile
        while waiting:
            yield self._finish(waiting.popleft()).profile

    def decide(
        self, subject_id: str, placement: str, device: str
    ) -> personalization_service_pb2.DecideResponse:
        """Asks for one decision at the tenant's present. Errors: grpc.RpcError."""
        stub = personalization_service_pb2_grpc.PersonalizationServiceStub(self.channel)  # type: ignore[no-untyped-call]
        context = personalization_service_pb2.Context(
            channel=event_pb2.CHANNEL_WEB,
            placement=placement,
            device_type=f"DEVICE_TYPE_{device.upper()}",
        )
        subject = personalization_service_pb2.Subject(id=subject_id)
        request = personalization_service_pb2.DecideRequest(subject=subject, context=context)
        response: personalization_service_pb2.DecideResponse
        response = self._call("Decide", stub.Decide, request)
        return response

    def _call(self, name: str, method: Any, request: Any) -> Any:
        return self._finish(self._start(name, method, request))

    def _start(self, name: str, method: Any, request: Any) -> "_Call":
        metadata = (("authorization", f"Bearer {self.key}"),)
        start_s = time.perf_counter()
        future = method.future(request, metadata=metadata, timeout=CALL_TIMEOUT_S)
        call = _Call(name, method, request, future, start_s)
        future.add_done_callback(call.end)
        return call

    def _finish(self, call: "_Call") -> Any:
        """Waits for the answer, and calls again while the server says that it is busy or gone, up
        to six times in all.
        """
        for attempt in range(1, TRIES_MAX + 1):
            try:
                response = call.future.result()
            except grpc.RpcError as error:
                if error.code() not in _RETRIED or attempt == TRIES_MAX:
                    raise
                time.sleep(TRY_WAIT_S * 2**attempt)
                call = self._start(call.name, call.method, call.request)
            else:
                call.ended.wait()
                self.latencies_s.setdefault(call.name, []).append(call.end_s - call.start_s)
                return response
        raise AssertionError("unreachable")


@dataclass(slots=True)
class _Call:
    """One call under way.

    The end is taken when the answer comes, which may be before anybody waits for it.
    """

    name: str
    method: Any
    request: Any
    future: Any
    start_s: float
    end_s: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def end(self, _: object) -> None:
        self.end_s = time.perf_counter()
        self.ended.set()


def outcome_of(result: ingest_service_pb2.IngestResult) -> Outcome:
    """Returns what a result says; refusals by the reason's name without its prefix."""
    reason = ""
    if result.HasField("error"):
        reason = error_pb2.ErrorReason.Name(result.error.reason).removeprefix("ERROR_REASON_")
    trigger_ids = tuple(trigger.trigger_id for trigger in result.triggers)
    outcome = Outcome(result.duplicate, result.late, reason, trigger_ids)
    return _OUTCOMES.setdefault(outcome, outcome)
