"""The blocking client: short methods for what is called most, and every service of the contract."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from kairos.calls import Calls
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
from kairos.v1.services import Services
from kairos.values import Moment, Value, time_us


class Client(Services):
    """Calls of one tenant to one server or cluster. Safe to use from any thread; make one and keep
    it, because connecting costs more than a call.

    Every method takes `timeout` in seconds and raises kairos.KairosError. The short methods below
    cover the hot calls; each service of the contract stands beside them under its own name, with
    the methods and fields of the contract: `client.plan_service.list_plans(page_size=5)`.

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

    def close(self) -> None:
        """Closes the connection. Idempotent."""
        self.calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def wait_ready(self, timeout: float = 10.0) -> None:
        """Returns once the server is connected. Errors: TimeoutError."""
        self.calls.wait_ready(timeout)

    def ingest(
        self, event: event_pb2.Event, *, timeout: float | None = None
    ) -> ingest_service_pb2.IngestResponse:
        """Sends one event; the answer says which triggers it fired, and that it is durable.

        An event without id gets one, so that a call that is made again counts it once.
        """
        return self.ingest_service.ingest(event=event, timeout=timeout)

    def ingest_batch(
        self, events: Iterable[event_pb2.Event], *, timeout: float | None = None
    ) -> ingest_service_pb2.IngestBatchResponse:
        """Sends 1 to 1,000 events in order. A bad event is refused alone: see `results`."""
        return self.ingest_service.ingest_batch(events=events, timeout=timeout)

    def decide(
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
        return self.personalization_service.decide(request, timeout=timeout)

    def evaluate(
        self,
        event: event_pb2.Event,
        trigger_ids: Iterable[str] = (),
        *,
        timeout: float | None = None,
    ) -> trigger_service_pb2.EvaluateResponse:
        """Says which triggers an event would fire; changes nothing."""
        request = evaluate_request(event, trigger_ids)
        return self.trigger_service.evaluate(request, timeout=timeout)

    def profile(
        self, subject: str, *, at: Moment | None = None, timeout: float | None = None
    ) -> profile_service_pb2.Profile:
        """Returns what is known of a subject. Errors: NotFound."""
        at_time_us = None if at is None else time_us(at)
        answer = self.profile_service.get_profile(
            subject_id=subject, at_time_us=at_time_us, timeout=timeout
        )
        return answer.profile
