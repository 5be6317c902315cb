"""The asynchronous client; the same methods as kairos.Client, awaited."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from kairos.aio.calls import Calls
from kairos.connection import Connection, Tls
from kairos.policy import Retries
from kairos.shortcuts import decide_request, evaluate_request
from kairos.v1 import (
    event_pb2,
    ingest_service_pb2,
    personalization_service_pb2,
    profile_service_pb2,
    trigger_service_pb2,
)
from kairos.v1.aio_services import Services
from kairos.values import Moment, Value, time_us


class Client(Services):
    """Calls of one tenant to one server or cluster, for one event loop; see kairos.Client, whose
    methods these are: awaited where they return one answer, `async for` where they return many.

    address: for example `127.0.0.1:50051` or `dns:///kairos.example.com:443`.
    api_key: of the tenant.
    tls: None: plain text to this machine, TLS to any other; Tls(…) for own certificates.
    timeouts: seconds by a method's name, for example {"Decide": 0.05}.
    retries: after RESOURCE_EXHAUSTED; calls that may be repeated are also tried again while the
    server is unavailable.
    """

    def __init__(
        self,
        address: str,
        api_key: str,
        *,
        tls: Tls | bool | None = None,
        timeouts: Mapping[str, float] | None = None,
        retries: Retries | None = None,
        options: Iterable[tuple[str, str | int]] = (),
    ) -> None:
        connection = Connection(
            address, api_key, tls, dict(timeouts or {}), retries or Retries(), tuple(options)
        )
        self.calls = Calls(connection)

    async def close(self) -> None:
        """Closes the connection. Idempotent."""
        await self.calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def wait_ready(self, timeout: float = 10.0) -> None:
        """Returns once the server is connected. Errors: TimeoutError."""
        await self.calls.wait_ready(timeout)

    async def ingest(
        self, event: event_pb2.Event, *, timeout: float | None = None
    ) -> ingest_service_pb2.IngestResponse:
        """Sends one event; the answer says which triggers it fired, and that it is durable.

        An event without id gets one, so that a call that is made again counts it once.
        """
        return await self.ingest_service.ingest(event=event, timeout=timeout)

    async def ingest_batch(
        self, events: Iterable[event_pb2.Event], *, timeout: float | None = None
    ) -> ingest_service_pb2.IngestBatchResponse:
        """Sends 1 to 1,000 events in order. A bad event is refused alone: see `results`."""
        return await self.ingest_service.ingest_batch(events=events, timeout=timeout)

    async def decide(
        self,
        subject: str,
        placement: str,
        values: Mapping[str, Value] | None = None,
        *,
        channel: str = "",
        device: str = "",
        scenario: str = "",
        persona: str = "",
        urgency: str = "",
        max_variants: int = 1,
        require_consent: bool = True,
        at: Moment | None = None,
        timeout: float | None = None,
    ) -> personalization_service_pb2.DecideResponse:
        """Decides what a subject sees in a placement; `values` are attributes of the context."""
        request = decide_request(
            subject, placement, values, channel=channel, device=device, scenario=scenario,
            persona=persona, urgency=urgency, max_variants=max_variants,
            require_consent=require_consent, at=at,
        )  # fmt: skip
        return await self.personalization_service.decide(request, timeout=timeout)

    async def evaluate(
        self,
        event: event_pb2.Event,
        trigger_ids: Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> trigger_service_pb2.EvaluateResponse:
        """Says which triggers an event would fire; changes nothing."""
        request = evaluate_request(event, trigger_ids)
        return await self.trigger_service.evaluate(request, timeout=timeout)

    async def profile(
        self, subject: str, *, at: Moment | None = None, timeout: float | None = None
    ) -> profile_service_pb2.Profile:
        """Returns what is known of a subject. Errors: NotFound."""
        at_time_us = None if at is None else time_us(at)
        answer = await self.profile_service.get_profile(
            subject_id=subject, at_time_us=at_time_us, timeout=timeout
        )
        return answer.profile
