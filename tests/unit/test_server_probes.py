"""The private HTTP port: three routes, bounded requests, and metrics that Prometheus can read."""

import asyncio
import json
import logging

import pytest
from kairos_server.config import Address
from kairos_server.logs import logs_start
from kairos_server.probes import Probes
from kairos_server.telemetry import Histogram, Telemetry, TelemetryCollector
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from unit.server_fakes import limits


async def asked(port, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def served(request, *, ready=True, **changes):
    async def test():
        probes = Probes(lambda: b"metric 1\n", lambda: ready, limits(**changes))
        port = await probes.start(Address("127.0.0.1", 0))
        try:
            return await asked(port, request)
        finally:
            await probes.stop()

    return asyncio.run(asyncio.wait_for(test(), 30))


@pytest.mark.parametrize(
    ("line", "ready", "code", "body"),
    [
        (b"GET /metrics HTTP/1.1", True, b"200 OK", b"metric 1\n"),
        (b"GET /metrics?x=1 HTTP/1.0", True, b"200 OK", b"metric 1\n"),
        (b"GET /healthz HTTP/1.1", False, b"200 OK", b"alive\n"),
        (b"GET /readyz HTTP/1.1", True, b"200 OK", b"ready\n"),
        (b"GET /readyz HTTP/1.1", False, b"503 Service Unavailable", b"not ready\n"),
        (b"HEAD /readyz HTTP/1.1", True, b"200 OK", b""),
        (b"POST /metrics HTTP/1.1", True, b"405 Method Not Allowed", b"use GET\n"),
        (b"GET / HTTP/1.1", True, b"404 Not Found", b"there are /metrics, /healthz and /readyz\n"),
        (b"nonsense", True, b"400 Bad Request", b"not an HTTP request\n"),
    ],
)
def test_routes(line, ready, code, body):
    answer = served(line + b"\r\nHost: x\r\n\r\n", ready=ready)
    head, _, seen = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 " + code
    assert seen == body


def test_request_that_is_too_large_or_never_ends_is_cut_off():
    assert served(b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 10_000) == b""
    assert served(b"GET /metrics", probe_timeout_s=0.01) == b""


def test_connections_are_bounded():
    assert served(b"GET /metrics HTTP/1.1\r\n\r\n", probe_connections_max=0) == b""


def test_histogram_counts_at_its_bounds():
    histogram = Histogram((10, 20))
    for value in (0, 10, 11, 20, 21, 1_000):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 2]
    assert histogram.buckets(0.5) == [("5.0", 2.0), ("10.0", 4.0), ("+Inf", 6.0)]
    assert histogram.total == 1_062


def test_metrics_are_what_prometheus_reads():
    telemetry = Telemetry()
    telemetry.call_done("/a/B", "OK", 120)
    telemetry.call_done("/a/B", "QUEUE_FULL", 80)
    telemetry.commit_done(7, 900)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        TelemetryCollector(telemetry, lambda: {"queue_records": 3}, lambda: {"subjects": 9})
    )
    families = {
        family.name: family
        for family in text_string_to_metric_families(generate_latest(registry).decode())
    }
    calls = {sample.labels["outcome"]: sample.value for sample in families["kairos_calls"].samples}
    assert calls == {"OK": 1.0, "QUEUE_FULL": 1.0}
    seconds = {
        sample.name: sample.value
        for sample in families["kairos_call_seconds"].samples
        if "le" not in sample.labels
    }
    assert seconds["kairos_call_seconds_count"] == 2
    assert seconds["kairos_call_seconds_sum"] == pytest.approx(200e-6)
    assert families["kairos_queue_records"].samples[0].value == 3
    assert families["kairos_engine_subjects"].samples[0].value == 9
    assert families["kairos_commit_records"].type == "histogram"


def test_logs_are_json_lines(capsys):
    logger = logs_start("info")
    try:
        logging.getLogger("kairos.app").info("ready", extra={"port": 5, "path": "a\nb"})
        logging.getLogger("kairos.app").debug("hidden")
        try:
            raise ValueError("wrong")
        except ValueError:
            logging.getLogger("kairos.rpc").exception("failed")
    finally:
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "ready"),
        ("error", "failed"),
    ]
    assert (lines[0]["port"], lines[0]["path"]) == (5, "a\nb")
    assert "ValueError: wrong" in lines[1]["exception"]
