"""A real server for contract tests of what observes it: one per module, its stubs, its pages."""

import urllib.request
from dataclasses import dataclass

import grpc
from contract.transport import failure_of
from e2e.server_process import ServerProcess, server
from kairos.v1 import event_pb2, ingest_service_pb2, personalization_service_pb2
from kairos.v1 import ingest_service_pb2_grpc as ingest_stubs
from kairos.v1 import monitoring_service_pb2_grpc as monitoring_stubs
from kairos.v1 import personalization_service_pb2_grpc as personalization_stubs
from kairos.v1 import profile_service_pb2_grpc as profile_stubs
from kairos.v1 import subscribe_service_pb2_grpc as subscribe_stubs
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT = 60
__all__ = ["TIMEOUT", "Observed", "event_of", "server"]


def event_of(subject, event_type="page_view", **fields):
    """An event of a subject."""
    return event_pb2.Event(event_type=event_type, subject_id=subject, **fields)


@dataclass
class Observed:
    """A running server and blocking stubs."""

    running: ServerProcess
    channel: grpc.Channel

    def __post_init__(self) -> None:
        self.ingest_stub = ingest_stubs.IngestServiceStub(self.channel)
        self.monitoring = monitoring_stubs.MonitoringServiceStub(self.channel)
        self.personalization = personalization_stubs.PersonalizationServiceStub(self.channel)
        self.profiles = profile_stubs.ProfileServiceStub(self.channel)
        self.subscribe_stub = subscribe_stubs.SubscribeServiceStub(self.channel)

    def call(self, method, request):
        """One unary call with the tenant's key."""
        return method(request, metadata=self.running.metadata(), timeout=TIMEOUT)

    def refused(self, method, request):
        """Code, reason and details of a call that must be refused."""
        try:
            answer = self.call(method, request)
            if hasattr(answer, "__next__"):
                next(answer)
        except grpc.RpcError as error:
            return failure_of(error)
        raise AssertionError("the call was not refused")

    def ingest(self, event):
        """Sends one event."""
        return self.call(self.ingest_stub.Ingest, ingest_service_pb2.IngestRequest(event=event))

    def batch(self, events):
        """Sends a batch."""
        request = ingest_service_pb2.IngestBatchRequest(events=events)
        return self.call(self.ingest_stub.IngestBatch, request)

    def decide(self, subject):
        """Decides; returns request and answer."""
        request = personalization_service_pb2.DecideRequest(
            subject=personalization_service_pb2.Subject(id=subject),
            context=personalization_service_pb2.Context(
                placement="homepage_hero", device_type=event_pb2.DEVICE_TYPE_MOBILE
            ),
        )
        return request, self.call(self.personalization.Decide, request)

    def page(self):
        """The text of /metrics."""
        with urllib.request.urlopen(
            f"http://{self.running.http}/metrics", timeout=TIMEOUT
        ) as answer:
            return answer.read().decode()

    def metrics(self):
        """Name -> family of /metrics."""
        return {family.name: family for family in text_string_to_metric_families(self.page())}
