"""One event, one decision and one profile against a freshly started server:
`python smoke.py OUTPUT PID`.

OUTPUT is the file that takes the server's standard output;
it names the address and the demo tenant's key.
"""

import os
import re
import sys
import threading
import time
from pathlib import Path

import grpc
from kairos.v1 import (
    event_pb2,
    ingest_service_pb2,
    personalization_service_pb2,
    profile_service_pb2,
)
from kairos.v1 import ingest_service_pb2_grpc as ingest_stubs
from kairos.v1 import personalization_service_pb2_grpc as personalization_stubs
from kairos.v1 import profile_service_pb2_grpc as profile_stubs

START_S_MAX = 60.0
READY = re.compile(r"gRPC (\S+) .*?key (\S+)", re.DOTALL)


def wait_ready(output: Path, server: int) -> tuple[str, str]:
    """Returns address and key once the server prints them."""
    end = time.monotonic() + START_S_MAX
    while time.monotonic() < end:
        found = READY.search(output.read_text())
        if found:
            return found[1], found[2]
        os.kill(server, 0)
        threading.Event().wait(0.05)
    sys.exit("the server did not become ready")


def main() -> None:
    """Exits with a sentence when an answer is not what it must be."""
    address, key = wait_ready(Path(sys.argv[1]), int(sys.argv[2]))
    metadata = (("authorization", f"Bearer {key}"),)
    with grpc.insecure_channel(address) as channel:
        event = event_pb2.Event(event_id="smoke-1", event_type="page_view", subject_id="smoke")
        request = ingest_service_pb2.IngestRequest(event=event)
        ingest = ingest_stubs.IngestServiceStub(channel).Ingest
        first, second = (ingest(request, metadata=metadata, timeout=30) for _ in range(2))
        assert (first.processed, first.duplicate) == (True, False), first
        assert second.duplicate, second
        decide = personalization_stubs.PersonalizationServiceStub(channel).Decide
        asked = personalization_service_pb2.DecideRequest(
            subject=personalization_service_pb2.Subject(id="smoke"),
            context=personalization_service_pb2.Context(placement="homepage_hero"),
        )
        decided = decide(asked, metadata=metadata, timeout=30)
        assert decided.decisions, decided
        assert decided.applied_sequence >= first.sequence, decided
        profile = profile_stubs.ProfileServiceStub(channel).GetProfile
        known = profile(
            profile_service_pb2.GetProfileRequest(subject_id="smoke"), metadata=metadata, timeout=30
        ).profile
        assert (known.event_count, known.session_count) == (1, 1), known
    sys.stdout.write("kairos: event, repeat, decision and profile are as they should be\n")


if __name__ == "__main__":
    main()
