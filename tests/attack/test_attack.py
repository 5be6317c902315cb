"""Hostile bytes on the gRPC port: after each attack the server lives, answers others,
and has lost nothing.

KAIROS_ATTACK_COUNT repeats each attack; `make attack` sets it high.
"""

import os
import random
import socket
import struct
import urllib.request

import grpc
import pytest
from e2e.server_process import server
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kairos.v1 import event_pb2, ingest_service_pb2
from kairos.v1 import ingest_service_pb2_grpc as ingest_stubs

COUNT = int(os.environ.get("KAIROS_ATTACK_COUNT", "1"))
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
# :method POST, :scheme http, :path /kairos.v1.IngestService/Ingest, :authority x, content-type, te
# (RFC 7541, literals).
PATH = b"/kairos.v1.IngestService/Ingest"
BLOCK = (
    b"\x83\x86\x44" + bytes([len(PATH)]) + PATH + b"\x41\x01x"
    b"\x5f\x10application/grpc\x40\x02te\x08trailers"
)


def frame(kind, flags=0, stream=0, payload=b""):
    """One HTTP/2 frame (RFC 9113, section 4.1)."""
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


OPEN = PREFACE + frame(SETTINGS)
ATTACKS = {
    "nothing": b"",
    "garbage": random.Random(1).randbytes(100_000),
    "http1": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 1000,
    "half_preface": PREFACE[:10],
    "huge_frame_length": OPEN + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 1000,
    "unknown_frames": OPEN + frame(99, 255, 7, b"x" * 100) * 1000,
    "settings_flood": OPEN + frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100)) * 5_000,
    "ping_flood": OPEN + frame(PING, 0, 0, b"12345678") * 5_000,
    "rapid_reset": OPEN
    + b"".join(
        frame(HEADERS, 4, stream, BLOCK) + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
        for stream in range(1, 4_001, 2)
    ),
    "continuation_flood": OPEN
    + frame(HEADERS, 0, 1, BLOCK)
    + frame(CONTINUATION, 0, 1, b"\x40\x01a\x01b" * 1000) * 200,
    "huge_header": OPEN
    + frame(HEADERS, 4, 1, BLOCK + b"\x40\x01a\x7f\xff\xff\xff\xff\x07" + b"b" * 10_000),
    "bad_hpack": OPEN + frame(HEADERS, 4, 1, b"\xff" * 200),
    "data_without_headers": OPEN + frame(DATA, 1, 5, b"x" * 1000),
    "empty_data_flood": OPEN + frame(HEADERS, 4, 1, BLOCK) + frame(DATA, 0, 1, b"") * 5_000,
    "window_overflow": OPEN + frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 3,
    "message_length_lies": OPEN
    + frame(HEADERS, 4, 1, BLOCK)
    + frame(DATA, 1, 1, b"\x00\xff\xff\xff\xffabc"),
    "compression_unknown": OPEN
    + frame(HEADERS, 4, 1, BLOCK)
    + frame(DATA, 1, 1, b"\x01\x00\x00\x00\x03abc"),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with server(tmp_path_factory.mktemp("attack") / "data") as process:
        yield process
        assert process.stop() == 0


def attack(address, data):
    """Sends the bytes and reads until the server closes or falls silent."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass
        except OSError:
            # Being cut off is what an attacker should see.
            return


@pytest.mark.parametrize("name", ATTACKS)
def test_server_outlives(running, name):
    for _ in range(COUNT):
        attack(running.address, ATTACKS[name])
    with running.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=30
        )
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        event = event_pb2.Event(event_id=name, event_type="page_view", subject_id="ada")
        request = ingest_service_pb2.IngestRequest(event=event)
        answer = ingest_stubs.IngestServiceStub(channel).Ingest(
            request, metadata=running.metadata(), timeout=30
        )
        assert answer.processed
    assert running.process.poll() is None


def test_calls_with_hostile_metadata_are_refused_alone(running):
    with running.channel() as channel:
        stub = ingest_stubs.IngestServiceStub(channel)
        request = ingest_service_pb2.IngestRequest()
        for metadata in (
            [("authorization", "Bearer " + "x" * 15_000)],
            [("x", "y" * 30_000)],
            [("a", "b")] * 500,
        ):
            with pytest.raises(grpc.RpcError) as error:
                stub.Ingest(request, metadata=metadata, timeout=30)
            assert error.value.code() in (
                grpc.StatusCode.UNAUTHENTICATED,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            )
    with urllib.request.urlopen(f"http://{running.http}/readyz", timeout=30) as answer:
        assert answer.status == 200
