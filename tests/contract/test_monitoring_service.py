"""MonitoringService of a real server against what the client counted and timed itself."""

import time

import grpc
import pytest
from contract.observed import Observed, event_of, server
from kairos.v1 import ingest_service_pb2 as ingest
from kairos.v1 import monitoring_service_pb2 as contract


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitoring") / "data"
    with server(folder) as running, running.channel() as channel:
        yield Observed(running, channel)


def test_performance_is_what_the_client_saw(observed):
    started = time.monotonic()
    latencies = []
    for number in range(40):
        begun = time.monotonic()
        observed.ingest(event_of("ada", event_id=f"p{number}"))
        latencies.append((time.monotonic() - begun) * 1e3)
    observed.batch([event_of(f"subject-{number}") for number in range(500)])
    for _ in range(10):
        observed.refused(observed.ingest_stub.Ingest, ingest.IngestRequest(event=event_of("")))
    found = observed.call(observed.monitoring.GetPerformance, contract.GetPerformanceRequest())
    lasted_s = time.monotonic() - started
    window_s = found.window_us / 1e6
    metrics = found.metrics
    # Everything happened in the window, which is as long as the server runs or 60 s.
    assert round(metrics.event_ingestion_rate * window_s) == 540
    assert round(metrics.throughput * window_s) == 51
    assert metrics.refused_rate == pytest.approx(10 / 51)
    assert metrics.error_rate == 0
    response = metrics.api_response_time
    assert 0 < response.median <= response.max <= lasted_s * 1e3
    assert 0 < response.average <= response.max
    processing = metrics.processing_latency
    assert 0 < processing.p50 <= processing.p95 <= processing.p99 <= response.max * 33 / 32
    # The server's half of a call is no longer than the whole call of the client.
    assert processing.p50 <= sorted(latencies)[len(latencies) // 2 + 12] * 33 / 32
    assert found.capacity.current == metrics.event_ingestion_rate
    assert 0 < found.capacity.utilization <= 1
    assert found.capacity.maximum >= found.capacity.current
    assert (found.status == contract.HEALTH_STATUS_HEALTHY) == (found.reason == "")
    assert lasted_s <= window_s + 60


def test_a_window_has_bounds(observed):
    method = observed.monitoring.GetPerformance
    longest = observed.call(method, contract.GetPerformanceRequest(window_seconds=300))
    assert longest.window_us > 0
    code, reason, details = observed.refused(
        method, contract.GetPerformanceRequest(window_seconds=301)
    )
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert details["BadRequest"].field_violations[0].field == "window_seconds"
    with pytest.raises(grpc.RpcError) as error:
        observed.channel.unary_unary(f"/{'kairos.v1.MonitoringService'}/GetPerformance")(
            b"\xff", metadata=observed.running.metadata(), timeout=60
        )
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_health_names_every_part(observed):
    found = observed.call(observed.monitoring.GetHealth, contract.GetHealthRequest())
    parts = {field.name for field, _ in found.components.ListFields()}
    assert parts == {field.name for field in contract.HealthComponents.DESCRIPTOR.fields}
    worst = max(value for _, value in found.components.ListFields())
    assert found.status == worst
    assert {reason.component for reason in found.reasons} == {
        field.name for field, value in found.components.ListFields() if value > 1
    }
    assert found.metrics.uptime > 0
    assert abs(found.timestamp_us - time.time() * 1e6) < 60e6


def test_integrations_are_not_told_yet(observed):
    code, reason, details = observed.refused(
        observed.monitoring.GetIntegrationStatus, contract.GetIntegrationStatusRequest()
    )
    assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")
    assert "GetIntegrationStatus" in details["ErrorInfo"].metadata["seen"]


def test_metrics_count_the_same_calls(observed):
    before = calls_of(observed)
    observed.ingest(event_of("bea"))
    observed.decide("bea")
    after = calls_of(observed)
    grown = {key: after[key] - before.get(key, 0) for key in after}
    assert grown["/kairos.v1.IngestService/Ingest", "OK"] == 1
    assert grown["/kairos.v1.PersonalizationService/Decide", "OK"] == 1
    families = observed.metrics()
    stages = {
        sample.labels["stage"]
        for sample in families["kairos_stage_seconds"].samples
        if sample.name.endswith("_count") and sample.value > 0
    }
    assert {"check", "queue", "append", "apply", "answer", "decide"} <= stages


def calls_of(observed):
    return {
        (sample.labels["method"], sample.labels["outcome"]): sample.value
        for sample in observed.metrics()["kairos_calls"].samples
        if sample.name == "kairos_calls_total"
    }
