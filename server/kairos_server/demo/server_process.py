"""Starts, stops and kills a server process of one's own, on a free port of this machine."""

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

READY_S_MAX = 60.0
POLL_S = 0.05
STOP_S_MAX = 30.0


class ServerFailed(Exception):
    """The server did not come up or did not go down; the message holds the end of its log."""


@dataclass(slots=True)
class ServerProcess:
    """A server on the data folder `folder/data` with the tenants of `folder/tenants.json`.

    Owns: the process, until stop or kill.
    """

    folder: Path
    keys: dict[str, str]
    """Tenant name -> API key."""
    grpc_port: int
    http_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def pid(self) -> int:
        """Id of the running process. Errors: ServerFailed when it does not run."""
        if self.process is None:
            raise ServerFailed("the server does not run")
        return self.process.pid

    def start(self) -> None:
        """Starts the process and returns when its health is SERVING. Errors: ServerFailed."""
        # A stray KAIROS_ variable of the caller's must not change what is started here.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("KAIROS_")
        }
        command = [sys.executable, "-m", "kairos_server", "serve"]
        command += [
            "--data",
            str(self.folder / "data"),
            "--tenants",
            str(self.folder / "tenants.json"),
        ]
        command += [
            "--grpc",
            self.address,
            "--http",
            f"127.0.0.1:{self.http_port}",
            "--log-level",
            "warning",
        ]
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                command, stdout=log, stderr=log, env=environment
            )
        self._wait_ready()

    def stop(self) -> None:
        """Asks the process to drain and end, and waits for it.

        Errors: ServerFailed when it ends badly.
        """
        code = self._end(signal.SIGTERM)
        if code != 0:
            raise ServerFailed(f"the server ended with {code}:\n{self.log_tail()}")

    def kill(self) -> None:
        """Ends the process as a power failure of the process would: kill -9."""
        self._end(signal.SIGKILL)

    def log_tail(self) -> str:
        """Returns the last lines of the server's log."""
        path = self.folder / "server.log"
        return (
            "\n".join(path.read_text(errors="replace").splitlines()[-20:]) if path.exists() else ""
        )

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        try:
            code = self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            raise ServerFailed(
                f"the server did not end within {STOP_S_MAX:.0f} s:\n{self.log_tail()}"
            ) from error
        finally:
            self.process = None
        return code

    def _wait_ready(self) -> None:
        assert self.process is not None
        deadline_s = time.monotonic() + READY_S_MAX
        with grpc.insecure_channel(self.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < deadline_s:
                if self.process.poll() is not None:
                    raise ServerFailed(
                        f"the server ended with {self.process.returncode}:\n{self.log_tail()}"
                    )
                try:
                    answer = stub.Check(
                        health_pb2.HealthCheckRequest(), timeout=1.0, wait_for_ready=True
                    )
                except grpc.RpcError:
                    answer = None
                if answer is not None and answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
                time.sleep(POLL_S)
        self.kill()
        raise ServerFailed(
            f"the server was not ready within {READY_S_MAX:.0f} s:\n{self.log_tail()}"
        )


def server_prepare(
    folder: Path, tenants: Mapping[str, int], time_mode: str = "event"
) -> ServerProcess:
    """Writes a tenants file with a fresh key per tenant and returns the server, not yet started.

    tenants: name -> number. time_mode: `event` or `live`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys = {name: secrets.token_urlsafe(24) for name in tenants}
    rows = [
        {
            "number": number,
            "name": name,
            "time_mode": time_mode,
            "key_sha256": hashlib.sha256(key.encode()).hexdigest(),
        }
        for (name, number), key in zip(tenants.items(), keys.values(), strict=True)
    ]
    (folder / "tenants.json").write_text(json.dumps({"tenants": rows}, indent=2) + "\n")
    grpc_port, http_port = free_ports(2)
    return ServerProcess(folder, keys, grpc_port, http_port)


def free_ports(count: int) -> list[int]:
    """Returns ports of the loopback address that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
    finally:
        for free in sockets:
            free.close()
