"""The private HTTP port: three routes, bounded requests; logs as JSON lines."""

import asyncio
import json
import logging

import pytest
from kairos_server.config import Address
from kairos_server.logs import logs_start
from kairos_server.probes import Probes
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


def test_logs_are_json_lines(capsys):
    logger = logs_start("info")
    try:
        logging.getLogger("kairos.app").info("ready", extra={"port": 5, "path": "a\nb"})
        logging.getLogger("kairos.app").debug("hidden")
        try:
            raise ValueError("ada@example.com")
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
    kind, place = lines[1]["exception"].split("\n")
    assert kind == "ValueError"
    assert "test_server_probes.py" in place
    assert "test_logs_are_json_lines" in place
    assert "ada@example.com" not in json.dumps(lines)
