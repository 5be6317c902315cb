"""A slow gRPC server over the plain-Python rules of the expectations:
what the demo's client is tested against.

It answers as the contract says, keeps everything in memory, and can be told to fail or to lie.
"""

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field

import expectations
import grpc
from expectation_rules import Row, SubjectState, apply_row
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
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

KEY = "the-reference-key"


@dataclass
class State:
    """One tenant. The switches make the server misbehave in one way each."""

    case: expectations.Case
    features: tuple[str, ...]
    subjects: dict[str, SubjectState] = field(default_factory=dict)
    seen: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    now_us: int = 0
    documents: list[document_pb2.Document] = field(default_factory=list)
    batch_sizes: list[int] = field(default_factory=list)
    refuse_calls: int = 0
    """So many calls more are answered with UNAVAILABLE (DRAINING)."""
    lose_answers: int = 0
    """So many batches more are applied and then answered with UNAVAILABLE."""
    forget_triggers: bool = False
    """Repeats are told that they fired nothing."""


class Ingest(ingest_service_pb2_grpc.IngestServiceServicer):
    def __init__(self, state: State) -> None:
        self.state = state

    def Ingest(self, request, context):  # noqa: N802  # the contract's name
        check_call(self.state, context)
        result = ingest_one(self.state, request.event)
        if result.HasField("error"):
            refuse(context, grpc.StatusCode.INVALID_ARGUMENT, reason_name(result.error.reason))
        return ingest_service_pb2.IngestResponse(
            event_id=result.event_id,
            processed=True,
            duplicate=result.duplicate,
            triggers=result.triggers,
        )

    def IngestBatch(self, request, context):  # noqa: N802  # the contract's name
        check_call(self.state, context)
        self.state.batch_sizes.append(len(request.events))
        results = [ingest_one(self.state, event) for event in request.events]
        if self.state.lose_answers:
            self.state.lose_answers -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        refused = sum(result.HasField("error") for result in results)
        duplicates = sum(result.duplicate for result in results)
        return ingest_service_pb2.IngestBatchResponse(
            results=results,
            accepted_count=len(results) - refused - duplicates,
            duplicate_count=duplicates,
            refused_count=refused,
        )


class Profiles(profile_service_pb2_grpc.ProfileServiceServicer):
    def __init__(self, state: State) -> None:
        self.state = state

    def GetProfile(self, request, context):  # noqa: N802  # the contract's name
        check_call(self.state, context)
        subject = self.state.subjects[request.subject_id]
        profile = profile_service_pb2.Profile(
            subject_id=request.subject_id,
            event_count=subject.event_count,
            session_count=subject.session_count,
            late_count=subject.late_count,
        )
        for name, value in zip(self.state.features, self.state.case.line(subject)[3:], strict=True):
            feature = profile.features.add(name=name, complete=True)
            if value:
                feature.value.int_value = value
        for purpose, (_, status) in subject.consents.items():
            profile.consents.add(purpose=purpose, status=f"CONSENT_STATUS_{status.upper()}")
        return profile_service_pb2.GetProfileResponse(profile=profile)


class Personalization(personalization_service_pb2_grpc.PersonalizationServiceServicer):
    def __init__(self, state: State) -> None:
        self.state = state

    def Decide(self, request, context):  # noqa: N802  # the contract's name
        check_call(self.state, context)
        subject_id = request.subject.id
        subject = self.state.subjects.get(subject_id, SubjectState())
        chosen = self.state.case.decision(subject_id, subject, self.state.now_us)
        # An offer is named by another field than a content; the demo has to read both.
        content_id = chosen[request.context.placement]
        decision = personalization_service_pb2.Decision(
            reason="DECISION_REASON_RANKED", propensity=1
        )
        if content_id == "exit_discount":
            decision.offer_id = content_id
        else:
            decision.content_id = content_id
        return personalization_service_pb2.DecideResponse(decisions=[decision])


class Plans(plan_service_pb2_grpc.PlanServiceServicer):
    def __init__(self, state: State) -> None:
        self.state = state

    def ApplyDocuments(self, request, context):  # noqa: N802  # the contract's name
        check_call(self.state, context)
        self.state.documents = list(request.documents)
        return plan_service_pb2.ApplyDocumentsResponse(
            plan=plan_service_pb2.Plan(plan_id="ab" * 32, active=request.activate)
        )


def check_call(state: State, context: grpc.ServicerContext) -> None:
    if dict(context.invocation_metadata()).get("authorization") != f"Bearer {KEY}":
        refuse(context, grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID")
    if state.refuse_calls:
        state.refuse_calls -= 1
        refuse(context, grpc.StatusCode.UNAVAILABLE, "DRAINING")


def refuse(context: grpc.ServicerContext, code: grpc.StatusCode, reason: str) -> None:
    status = status_pb2.Status(code=code.value[0], message=reason)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="kairos"))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, reason)


def ingest_one(state: State, event: event_pb2.Event) -> ingest_service_pb2.IngestResult:
    row = row_of(event)
    reason = expectations.refusal(row)
    if reason:
        error = ingest_service_pb2.EventError(reason=f"ERROR_REASON_{reason}")
        return ingest_service_pb2.IngestResult(event_id=event.event_id, error=error)
    key = (event.subject_id, event.event_id)
    if key in state.seen:
        fired = () if state.forget_triggers else state.seen[key]
        return result_of(event, fired, duplicate=True, late=False)
    state.now_us = max(state.now_us, event.occurred_time_us)
    subject = state.subjects.setdefault(event.subject_id, SubjectState())
    moment = apply_row(subject, row, state.now_us, state.case.half_lives_us)
    state.seen[key] = tuple(state.case.fired(moment))
    return result_of(event, state.seen[key], duplicate=False, late=moment.late)


def result_of(
    event: event_pb2.Event, fired: tuple[str, ...], *, duplicate: bool, late: bool
) -> ingest_service_pb2.IngestResult:
    triggers = [event_pb2.FiredTrigger(trigger_id=trigger_id) for trigger_id in fired]
    return ingest_service_pb2.IngestResult(
        event_id=event.event_id, processed=True, duplicate=duplicate, late=late, triggers=triggers
    )


def row_of(event: event_pb2.Event) -> Row:
    """The plain row of an event, read from the message alone."""
    row: Row = {
        name: getattr(event, name)
        for name in ("event_type", "subject_id", "session_id", "occurred_time_us")
    }
    row["device_type"] = (
        event_pb2.DeviceType.Name(event.device_type).removeprefix("DEVICE_TYPE_").lower()
    )
    row["value_minor"], row["currency_code"] = event.value_minor, event.currency_code
    for group in ("attributes", "traits"):
        row[group] = {
            value.name: getattr(value, value.WhichOneof("value")) for value in getattr(event, group)
        }
    row["consents"] = {
        change.purpose: event_pb2.ConsentStatus.Name(change.status)
        .removeprefix("CONSENT_STATUS_")
        .lower()
        for change in event.consents
    }
    return row


def reason_name(reason: int) -> str:
    return error_pb2.ErrorReason.Name(reason).removeprefix("ERROR_REASON_")


@contextmanager
def reference_server(state: State) -> Iterator[str]:
    """Yields the address of a server over the state."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(Ingest(state), server)
    profile_service_pb2_grpc.add_ProfileServiceServicer_to_server(Profiles(state), server)
    personalization_service_pb2_grpc.add_PersonalizationServiceServicer_to_server(
        Personalization(state), server
    )
    plan_service_pb2_grpc.add_PlanServiceServicer_to_server(Plans(state), server)
    checks = health.HealthServicer()
    checks.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
