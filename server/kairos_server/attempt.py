"""`kairos try`: one event, one decision and one profile against a running server, printed as text."""

import sys
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


def attempt(address: str, key: str) -> int:
    """Sends the three calls; returns the exit code. The subject is always the same, so that its profile grows."""
    metadata = (("authorization", f"Bearer {key}"),)
    event = event_pb2.Event(
        event_id=str(uuid.uuid4()),
        event_type="page_view",
        subject_id=SUBJECT,
        url="/pricing",
        device_type=event_pb2.DEVICE_TYPE_MOBILE,
        consents=[
            event_pb2.ConsentChange(
                purpose="personalization", status=event_pb2.CONSENT_STATUS_GRANTED
            )
        ],
    )
    subject = personalization_service_pb2.Subject(id=SUBJECT)
    context = personalization_service_pb2.Context(
        placement="homepage_hero", device_type=event_pb2.DEVICE_TYPE_MOBILE
    )
    try:
        with grpc.insecure_channel(address) as channel:
            ingest = ingest_stubs.IngestServiceStub(channel).Ingest  # type: ignore[no-untyped-call]
            _show(
                "Ingest",
                ingest(
                    ingest_service_pb2.IngestRequest(event=event),
                    timeout=TIMEOUT_S,
                    metadata=metadata,
                ),
            )
            decide = personalization_stubs.PersonalizationServiceStub(channel).Decide  # type: ignore[no-untyped-call]
            request = personalization_service_pb2.DecideRequest(subject=subject, context=context)
            _show("Decide", decide(request, timeout=TIMEOUT_S, metadata=metadata))
            profile = profile_stubs.ProfileServiceStub(channel).GetProfile  # type: ignore[no-untyped-call]
            asked = profile_service_pb2.GetProfileRequest(subject_id=SUBJECT)
            _show("GetProfile", profile(asked, timeout=TIMEOUT_S, metadata=metadata))
    except grpc.RpcError as error:
        sys.stderr.write(f"kairos: {error.code().name}: {error.details()}\n")
        return Exit.UNAVAILABLE
    return Exit.OK


def _show(name: str, message: Message) -> None:
    sys.stdout.write(f"--- {name}\n{text_format.MessageToString(message, as_utf8=True)}")
