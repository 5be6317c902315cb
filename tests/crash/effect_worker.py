"""A worker that writes down what it does, for tests that kill it: `effect_worker.py FOLDER NUMBER`.

Reads address and key of the server from FOLDER/server, which is replaced whenever the server is
started again. Appends to FOLDER/ledger.NUMBER one line for each step: time, step, effect, subject,
number within the subject.
"""

import os
import sys
import threading
import time
from pathlib import Path

import grpc
from kairos.v1 import effect_service_pb2 as pb
from kairos.v1 import effect_service_pb2_grpc

LEASE_US = 5_000_000
COUNT = 64


class Ledger:
    """Lines that are in the file before the next step begins: one write each, in append mode."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def line(self, step: str, effect: pb.Effect) -> None:
        number = effect.action.parameters[0].int_value
        text = (
            f"{time.monotonic_ns()} {step} {effect.effect_id} {effect.subject_id} {number} "
            f"{effect.idempotency_key}\n"
        )
        os.write(self._file, text.encode())


def work(folder: Path, ledger: Ledger) -> None:
    """Leases, works and acknowledges until the server is gone."""
    address, key = (folder / "server").read_text().split()
    metadata = (("authorization", f"Bearer {key}"),)
    with grpc.insecure_channel(address) as channel:
        stub = effect_service_pb2_grpc.EffectServiceStub(channel)
        while True:
            request = pb.LeaseEffectsRequest(
                worker_id=f"worker-{os.getpid()}",
                effect_count_max=COUNT,
                wait_us=500_000,
                lease_us=LEASE_US,
            )
            handed = stub.LeaseEffects(request, metadata=metadata, timeout=20).effects
            done, failed = [], []
            for effect in handed:
                lease = pb.EffectLease(effect_id=effect.effect_id, lease_token=effect.lease_token)
                ledger.line("begin", effect)
                if effect.action.type == "poison":
                    failed.append(pb.FailedEffect(lease=lease, reason="poison"))
                elif effect.action.type == "moody" and effect.attempt == 1:
                    failed.append(pb.FailedEffect(lease=lease, reason="moody"))
                else:
                    ledger.line("done", effect)
                    done.append(lease)
            if failed:
                stub.FailEffects(
                    pb.FailEffectsRequest(failures=failed), metadata=metadata, timeout=20
                )
            if done:
                stub.AckEffects(pb.AckEffectsRequest(leases=done), metadata=metadata, timeout=20)


def main() -> None:
    """Works for ever; waits while there is no server."""
    folder = Path(sys.argv[1])
    ledger = Ledger(folder / f"ledger.{sys.argv[2]}")
    while True:
        try:
            work(folder, ledger)
        except (grpc.RpcError, OSError, ValueError):
            # There is no server until the test starts one.
            threading.Event().wait(0.05)


if __name__ == "__main__":
    main()
