"""A real server process for tests: started on free ports in a folder of its own,
stopped by signal.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

READY = re.compile(r"gRPC (\S+)\s+metrics and health http://(\S+)")
KEY = re.compile(r"key (\S+)")
DEADLINE_S = 60.0


@dataclass
class ServerProcess:
    """One running server."""

    process: "subprocess.Popen[str]"
    address: str
    http: str
    key: str
    log: Path

    def channel(self):
        """A blocking channel to the server."""
        return grpc.insecure_channel(self.address)

    def metadata(self, key=""):
        """Metadata with the tenant's key."""
        return (("authorization", f"Bearer {key or self.key}"),)

    def stop(self, number=signal.SIGTERM):
        """Sends a signal and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


def command(
    folder: Path, *flags: str, program: Sequence[str] = ("-m", "kairos_server", "serve")
) -> list[str]:
    """The command line of a server on free ports."""
    fixed = [
        "--grpc",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--data",
        str(folder),
        "--map-size",
        "1G",
        "--segment-size",
        "4M",
    ]
    return [sys.executable, *program, *fixed, *flags]


def environment() -> dict[str, str]:
    """The environment without settings of the person who runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KAIROS_")}


@contextlib.contextmanager
def server(folder: Path, *flags: str, program: Sequence[str] = ("-m", "kairos_server", "serve")):
    """Starts a server, waits until it is ready, and kills it in the end if it still runs."""
    out, log = folder.with_suffix(".out"), folder.with_suffix(".err")
    with out.open("w") as stdout, log.open("a") as stderr:
        process = subprocess.Popen(
            command(folder, *flags, program=program),
            stdout=stdout,
            stderr=stderr,
            env=environment(),
            text=True,
        )
    try:
        end = time.monotonic() + DEADLINE_S
        while (found := READY.search(out.read_text())) is None:
            assert time.monotonic() < end, "the server did not become ready"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
                raise AssertionError(log.read_text())
        key = KEY.search(out.read_text())
        yield ServerProcess(process, found[1], found[2], key[1] if key else "", log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE_S)


def refused_start(folder: Path, *flags: str) -> tuple[int, str]:
    """Exit code and standard error of a server that must not start."""
    done = subprocess.run(
        command(folder, *flags),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stderr
