"""Seconds from a fresh checkout to a server that is ready: `make run` in a clone, with packages
from wherever pip takes them.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from kairos_server.demo.server_process import free_ports

from tests.bench import ROOT
from tests.bench.figure import Bench
from tests.bench.processes import READY_TEXT, wait_until

INSTALL_S_MAX = 1_200.0


def measure(bench: Bench) -> None:
    """Clones the last commit and starts it; takes minutes, hence only with --install."""
    if not bench.wants("install_s"):
        return
    if not bench.install:
        bench.leave_out("takes minutes and the network; ask for it with --install", "install_s")
        return
    clone = bench.scratch / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{ROOT}", str(clone)], check=True)
    bench.add("install_s", [_run(clone, bench.scratch / "install.log")], "s")


def _run(clone: Path, log: Path) -> float:
    grpc_port, http_port = free_ports(2)
    arguments = f"--data {clone}/data --grpc 127.0.0.1:{grpc_port} --http 127.0.0.1:{http_port}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("KAIROS_", "VIRTUAL_"))}
    started = time.perf_counter()
    with open(log, "wb") as output:
        process = subprocess.Popen(
            ["make", "run", f"ARGS={arguments}"],
            cwd=clone,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )

    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(
                f"make run ended with {process.returncode}:\n{log.read_text()[-2000:]}"
            )
        return READY_TEXT in log.read_text(errors="replace")

    try:
        wait_until(ready, INSTALL_S_MAX)
        return time.perf_counter() - started
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
