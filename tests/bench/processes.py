"""Servers in processes of their own, pinned to core 0; this process, which makes the load, keeps
to core 1.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from kairos_server.demo.server_process import ServerProcess, free_ports, server_prepare

from tests.bench import ROOT

SERVER_CORES = {0}
LOAD_CORES = {1}
TENANT = "bench"
READY_TEXT = "Kairos is ready"
READY_S_MAX = 60.0
POLL_S = 0.002
MESSAGE_OPTIONS = (
    ("grpc.max_receive_message_length", 8 << 20),
    ("grpc.max_send_message_length", 8 << 20),
)


@contextlib.contextmanager
def cores(wanted: set[int]) -> Iterator[None]:
    """Pins this thread, and what it starts, for a while; a machine with one core is left as it
    is.
    """
    before = os.sched_getaffinity(0)
    if wanted <= before:
        os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def server_of(folder: Path, tenant: str = TENANT) -> ServerProcess:
    """Returns a server over a folder with one tenant in event time, not yet started."""
    return server_prepare(folder, {tenant: 1})


def server_start(server: ServerProcess) -> float:
    """Starts a server on core 0 and returns the seconds until it says that it is ready.

    The ready line is awaited rather than a health answer, because a client that dials too early
    waits for its own back-off.
    """
    log = server.folder / "server.log"
    seen = log.stat().st_size if log.exists() else 0
    command = [
        sys.executable,
        "-m",
        "kairos_server",
        "serve",
        "--data",
        str(server.folder / "data"),
        "--tenants",
        str(server.folder / "tenants.json"),
        "--grpc",
        server.address,
        "--http",
        f"127.0.0.1:{server.http_port}",
        "--log-level",
        "warning",
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KAIROS_")}
    started = time.perf_counter()
    with open(log, "ab") as output, cores(SERVER_CORES):
        server.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    process = server.process

    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}:\n{server.log_tail()}")
        with open(log, "rb") as output:
            output.seek(seen)
            return READY_TEXT.encode() in output.read()

    wait_until(ready)
    return time.perf_counter() - started


def wait_until(condition: Callable[[], bool], seconds_max: float = READY_S_MAX) -> None:
    """Returns once a condition holds. Errors: TimeoutError."""
    deadline = time.monotonic() + seconds_max
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"a server was not ready within {seconds_max:.0f} s")
        pause.wait(POLL_S)


@contextlib.contextmanager
def control_running() -> Iterator[str]:
    """Runs the control server on core 0 and yields its address."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with cores(SERVER_CORES):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.control_server", address],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"ready":
            raise RuntimeError("the control server did not start")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


class Caller:
    """Sends encoded requests over one connection, some at a time, from core 1."""

    def __init__(self, address: str, method: str, key: str = "") -> None:
        self._channel = grpc.insecure_channel(address, options=MESSAGE_OPTIONS)
        self._call = self._channel.unary_unary(method, lambda data: data, lambda data: data)
        self._metadata = (("authorization", f"Bearer {key}"),) if key else ()

    def send(self, request: bytes) -> bytes:
        """Returns the response to one request."""
        return self._call(request, metadata=self._metadata, timeout=60.0)

    def send_all(self, requests: Sequence[bytes], in_flight: int) -> tuple[float, list[bytes]]:
        """Returns the seconds that all requests took together, and their responses in order."""
        with cores(LOAD_CORES), ThreadPoolExecutor(in_flight) as pool:
            started = time.perf_counter()
            responses = list(pool.map(self.send, requests))
            return time.perf_counter() - started, responses

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()
