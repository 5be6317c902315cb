"""Crash-only: an engine that fails ends the process with code 70,
and the next start serves what was acknowledged.
"""

import json
from pathlib import Path

import grpc
import pytest
from e2e.server_process import DEADLINE_S, server
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kairos.v1 import event_pb2, ingest_service_pb2, profile_service_pb2
from kairos.v1 import ingest_service_pb2_grpc as ingest_stubs
from kairos.v1 import profile_service_pb2_grpc as profile_stubs

BROKEN = Path(__file__).with_name("broken_server.py")


def ingest(running, channel):
    event = event_pb2.Event(event_id="e1", event_type="page_view", subject_id="ada")
    stub = ingest_stubs.IngestServiceStub(channel)
    return stub.Ingest(
        ingest_service_pb2.IngestRequest(event=event), metadata=running.metadata(), timeout=30
    )


def test_engine_failure_ends_the_process_and_the_next_start_serves(tmp_path):
    folder = tmp_path / "data"
    with server(folder, program=[str(BROKEN)]) as running, running.channel() as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=DEADLINE_S
        )
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as error:
            ingest(running, channel)
        assert error.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert running.process.wait(DEADLINE_S) == 70
        lines = [json.loads(line) for line in running.log.read_text().splitlines()]
        assert "The log cannot be written" in next(
            line["reason"] for line in lines if line["event"] == "writer failed"
        )
    with server(folder) as running, running.channel() as channel:
        assert not ingest(running, channel).duplicate
        stub = profile_stubs.ProfileServiceStub(channel)
        request = profile_service_pb2.GetProfileRequest(subject_id="ada")
        assert (
            stub.GetProfile(request, metadata=running.metadata(), timeout=30).profile.event_count
            == 1
        )
        assert running.stop() == 0
