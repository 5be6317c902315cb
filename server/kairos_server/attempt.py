"""`kairos try`: a person browses, is about to leave, and is decided for; each answer of a running
server is printed as text.
"""

import sys
import time
import uuid

import grpc
from google.protobuf import text_format
from google.protobuf.message import Message
from kairos.v1 import (
    event_pb2,
    ingest_service_pb2,
    personalization_service_pb2,
    profile_service_pb2,
)
from kairos.v1 import ingest_service_pb2_grpc as ingest_stubs
from kairos.v1 import personalization_service_pb2_grpc as personalization_stubs
from kairos.v1 import profile_service_pb2_grpc as profile_stubs

from kairos_server.exits import Exit

TIMEOUT_S = 5.0
SUBJECT = "try-it"
VISIT = ("page_view", "scroll", "page_view", "page_view", "scroll", "page_view", "cart_add") * 2


def attempt(address: str, key: str) -> int:
    """Sends the calls; returns the exit code.

    The subject is always the same, so that its profile grows.
    """
    try:
        with grpc.insecure_channel(address) as channel:
            _visit(channel, (("authorization", f"Bearer {key}"),))
    except grpc.RpcError as error:
        sys.stderr.write(f"kairos: {error.code().name}: {error.details()}\n")
        return Exit.UNAVAILABLE
    return Exit.OK


def _visit(channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
    ingest = ingest_stubs.IngestServiceStub(channel)  # type: ignore[no-untyped-call]
    personalization = personalization_stubs.PersonalizationServiceStub(channel)  # type: ignore[no-untyped-call]
    profiles = profile_stubs.ProfileServiceStub(channel)  # type: ignore[no-untyped-call]
    known = {"timeout": TIMEOUT_S, "metadata": metadata}

    batch = ingest_service_pb2.IngestBatchRequest(events=_browsing())
    answers = ingest.IngestBatch(batch, **known)
    del answers.results[:]
    _show(
        f"IngestBatch: {len(batch.events)} events of a visit, persona and consent with the first",
        answers,
    )

    leaving = _event("exit_intent")
    leaving.attributes.add(name="timeOnPage", int_value=45_000)
    request = ingest_service_pb2.IngestRequest(event=leaving)
    _show("Ingest: exit_intent after 45 s on the page", ingest.Ingest(request, **known))

    decision = personalization_service_pb2.DecideRequest(
        subject=personalization_service_pb2.Subject(id=SUBJECT),
        context=personalization_service_pb2.Context(
            placement="homepage_hero", device_type=event_pb2.DEVICE_TYPE_MOBILE
        ),
    )
    _show("Decide: homepage_hero on mobile", personalization.Decide(decision, **known))

    asked = profile_service_pb2.GetProfileRequest(subject_id=SUBJECT)
    profile = profiles.GetProfile(asked, **known)
    shown = [
        f for f in profile.profile.features if f.name in ("engagement_score", "intent_probability")
    ]
    del profile.profile.features[:]
    profile.profile.features.extend(shown)
    _show("GetProfile: without its counters", profile)


def _browsing() -> list[event_pb2.Event]:
    events = [_event(event_type) for event_type in VISIT]
    events[0].traits.add(name="persona", string_value="TechEarlyAdopter")
    events[0].consents.add(purpose="personalization", status=event_pb2.CONSENT_STATUS_GRANTED)
    return events


def _event(event_type: str) -> event_pb2.Event:
    return event_pb2.Event(
        event_id=str(uuid.uuid4()),
        event_type=event_type,
        subject_id=SUBJECT,
        url="/pricing",
        device_type=event_pb2.DEVICE_TYPE_MOBILE,
        occurred_time_us=time.time_ns() // 1000,
    )


def _show(name: str, message: Message) -> None:
    sys.stdout.write(f"--- {name}\n{text_format.MessageToString(message, as_utf8=True)}")
