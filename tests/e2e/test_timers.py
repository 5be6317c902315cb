"""Timers in a server as a user starts it: the effect comes when it is due, also over a kill."""

import json
import signal
from pathlib import Path

from e2e.server_process import server
from kairos.v1 import (
    document_pb2,
    effect_service_pb2,
    effect_service_pb2_grpc,
    event_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    plan_service_pb2,
    plan_service_pb2_grpc,
)

TIMEOUT = 60
SECOND = 1_000_000
TRIGGER = {
    "kind": "trigger",
    "id": "left_behind",
    "condition": 'event.type == "cart_left"',
    "timing": {"after": "2s", "unless": 'event.type == "bought"'},
    "actions": [{"type": "remind", "channel": "email"}],
}


class Client:
    def __init__(self, running, channel) -> None:
        self.metadata = running.metadata()
        self.plans = plan_service_pb2_grpc.PlanServiceStub(channel)
        self.events = ingest_service_pb2_grpc.IngestServiceStub(channel)
        self.effects = effect_service_pb2_grpc.EffectServiceStub(channel)

    def call(self, method, request):
        return method(request, metadata=self.metadata, timeout=TIMEOUT)

    def ingest(self, kind: str, subject: str) -> int:
        event = event_pb2.Event(event_type=kind, subject_id=subject)
        request = ingest_service_pb2.IngestRequest(event=event)
        return self.call(self.events.Ingest, request).sequence

    def lease(self) -> effect_service_pb2.Effect:
        """The next effect; asked for until it is there."""
        request = effect_service_pb2.LeaseEffectsRequest(effect_count_max=1, wait_us=5 * SECOND)
        while not (answer := self.call(self.effects.LeaseEffects, request)).effects:
            pass
        return answer.effects[0]


def test_effect_comes_when_it_is_due_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with server(folder) as running, running.channel() as channel:
        client = Client(running, channel)
        document = document_pb2.Document(body=json.dumps(TRIGGER))
        request = plan_service_pb2.ApplyDocumentsRequest(documents=[document], activate=True)
        client.call(client.plans.ApplyDocuments, request)
        bought = client.ingest("cart_left", "bob")
        client.ingest("bought", "bob")
        armed = client.ingest("cart_left", "ann")
        first = client.lease()
        assert (first.subject_id, first.origin_sequence, first.action.type) == (
            "ann", armed, "remind"
        )  # fmt: skip
        assert bought < armed
        later = client.ingest("cart_left", "eve")
        # Killed while the timer is pending: it is in the log, and so is what it will do.
        assert running.stop(signal.SIGKILL) == -signal.SIGKILL
    with server(folder) as running, running.channel() as channel:
        client = Client(running, channel)
        # Leases end with the process: both effects are handed out again, each under its own key.
        found = {}
        while len(found) < 2:
            effect = client.lease()
            found[effect.subject_id] = effect
        assert found["ann"].idempotency_key == first.idempotency_key
        assert found["eve"].origin_sequence == later
        assert found["eve"].create_time_us - found["ann"].create_time_us > 0
