"""`kairos try`: a person browses, is about to leave, and is decided for; each answer of a running
server is printed as text.
"""

import sys
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

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

SUBJECT = "try-it"
VISIT = ("page_view", "scroll", "page_view", "page_view", "scroll", "page_view", "cart_add") * 2


class Caller(Protocol):
    """What this needs of a connection."""

    def stub(self, factory: Callable[[grpc.Channel], Any]) -> Any:
        """Returns the stub of a service."""
        ...

    def call(self, method: Any, request: Message) -> Any:
        """Calls a method and returns its answer."""
        ...


def attempt(server: Caller) -> int:
    """Sends the calls; returns the exit code.

    The subject is always the same, so that its profile grows.
    """
    ingest = server.stub(ingest_stubs.IngestServiceStub)
    personalization = server.stub(personalization_stubs.PersonalizationServiceStub)
    profiles = server.stub(profile_stubs.ProfileServiceStub)

    batch = ingest_service_pb2.IngestBatchRequest(events=_browsing())
    answers = server.call(ingest.IngestBatch, batch)
    del answers.results[:]
    _show(
        f"IngestBatch: {len(batch.events)} events of a visit, persona and consent with the first",
        answers,
    )

    leaving = _event("exit_intent")
    leaving.attributes.add(name="timeOnPage", int_value=45_000)
    request = ingest_service_pb2.IngestRequest(event=leaving)
    _show("Ingest: exit_intent after 45 s on the page", server.call(ingest.Ingest, request))

    decision = personalization_service_pb2.DecideRequest(
        subject=personalization_service_pb2.Subject(id=SUBJECT),
        context=personalization_service_pb2.Context(
            placement="homepage_hero", device_type=event_pb2.DEVICE_TYPE_MOBILE
        ),
    )
    _show("Decide: homepage_hero on mobile", server.call(personalization.Decide, decision))

    asked = profile_service_pb2.GetProfileRequest(subject_id=SUBJECT)
    profile = server.call(profiles.GetProfile, asked)
    shown = [
        f for f in profile.profile.features if f.name in ("engagement_score", "intent_probability")
    ]
    del profile.profile.features[:]
    profile.profile.features.extend(shown)
    _show("GetProfile: without its counters", profile)
    return Exit.OK


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
