"""Effects while workers and the server are killed at random, and an account of what became of them
that no part of the server keeps: the ledgers of the workers, and the records of the log.
"""

import contextlib
import random
import signal
import struct
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from e2e.server_process import environment, server
from kairos.v1 import (
    document_pb2,
    effect_service_pb2_grpc,
    event_pb2,
    plan_service_pb2,
    plan_service_pb2_grpc,
)
from kairos.v1 import effect_service_pb2 as pb
from kairos_native.engine import OUTCOMES, Engine

POLICY = """
kind: policy
id: delivery
attempts_max: 8
backoff_s_min: 0
backoff_s_max: 0
lease_s: 5
"""
OUTCOME = struct.Struct("<QqIHBB")
FRAME_OUTCOME = 10
CHUNK = 500
DEADLINE_S = 900.0


@dataclass
class Account:
    """What the run showed."""

    effects: int
    workers_killed: int = 0
    servers_killed: int = 0
    seconds: float = 0.0
    begun: int = 0
    begun_again: int = 0
    acked: int = 0
    dead: int = 0
    faults: list[str] = field(default_factory=list)


def action_type(number: int) -> str:
    """One effect in a hundred always fails, one in fifty fails once."""
    if number % 100 == 7:
        return "poison"
    return "moody" if number % 50 == 3 else "send"


class Run:
    """One run. `kills_server` times the server dies, and all the while workers do."""

    def __init__(
        self, folder: Path, effects: int, subjects: int, kills_server: int, seed: int
    ) -> None:
        self.folder = folder
        self.effects = effects
        self.subjects = subjects
        self.kills_server = kills_server
        self.random = random.Random(seed)
        self.account = Account(effects)
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self.enqueued = 0
        self.key = ""

    def go(self, worker_count: int = 3) -> Account:
        """Enqueues and works until nothing is pending; then checks."""
        started = time.monotonic()
        data = self.folder / "data"
        try:
            for life in range(self.kills_server + 1):
                with server(data) as process:
                    self.key = process.key or self.key
                    target = self.folder / "server.new"
                    target.write_text(f"{process.address} {self.key}")
                    target.replace(self.folder / "server")
                    for number in range(worker_count):
                        self.start_worker(number)
                    with process.channel() as channel:
                        self.live(
                            channel, process.metadata(self.key), last=life == self.kills_server
                        )
                    if life < self.kills_server:
                        process.process.send_signal(signal.SIGKILL)
                        process.process.wait()
                        self.account.servers_killed += 1
                    else:
                        dead = self.dead_ids(process)
        finally:
            for worker in self.workers.values():
                worker.kill()
                worker.wait()
        self.account.seconds = time.monotonic() - started
        self.check(data / "partition-0", dead)
        return self.account

    def start_worker(self, number: int) -> None:
        """Starts a worker unless it lives. Each has a ledger of its own, over all its lives."""
        known = self.workers.get(number)
        if known is None or known.poll() is not None:
            program = Path(__file__).with_name("effect_worker.py")
            self.workers[number] = subprocess.Popen(
                [sys.executable, str(program), str(self.folder), str(number)],
                env=environment(),
            )

    def live(self, channel: grpc.Channel, metadata: object, *, last: bool) -> None:
        """Enqueues this life's share, kills workers now and then; the last life ends when nothing
        is pending.
        """
        stub = effect_service_pb2_grpc.EffectServiceStub(channel)
        self.apply_policy(channel, metadata)
        share = self.effects if last else self.enqueued + self.effects // (self.kills_server + 1)
        deadline = time.monotonic() + DEADLINE_S
        while self.enqueued < share:
            self.enqueue(stub, metadata, min(CHUNK, share - self.enqueued))
            self.perhaps_kill()
        pause_until = time.monotonic() + self.random.uniform(0.05, 0.5)
        while last or time.monotonic() < pause_until:
            stats = stub.GetEffectStats(pb.GetEffectStatsRequest(), metadata=metadata)
            if last and not stats.pending_count:
                return
            assert time.monotonic() < deadline, f"effects stay pending: {stats}"
            self.perhaps_kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.random.choice(list(self.workers.values())).wait(0.1)

    def apply_policy(self, channel: grpc.Channel, metadata: object) -> None:
        """Short delays, so that a run ends."""
        plans = plan_service_pb2_grpc.PlanServiceStub(channel)
        plans.ApplyDocuments(
            plan_service_pb2.ApplyDocumentsRequest(
                documents=[document_pb2.Document(body=POLICY)], activate=True
            ),
            metadata=metadata,
        )

    def enqueue(self, stub: object, metadata: object, count: int) -> None:
        """Enqueues the next ones, every chunk twice: the second time nothing may happen."""
        request = pb.EnqueueEffectsRequest()
        for index in range(self.enqueued, self.enqueued + count):
            subject, number = index % self.subjects, index // self.subjects
            request.effects.add(
                idempotency_key=f"intent-{index}",
                subject_id=f"subject-{subject}",
                action=event_pb2.Action(
                    type=action_type(index),
                    parameters=[event_pb2.Attribute(name="number", int_value=number)],
                ),
                channel=event_pb2.CHANNEL_EMAIL,
            )
        first = stub.EnqueueEffects(request, metadata=metadata).effects
        if self.enqueued % (10 * CHUNK) == 0:
            again = stub.EnqueueEffects(request, metadata=metadata).effects
            if [each.effect_id for each in first] != [each.effect_id for each in again]:
                self.account.faults.append(f"a repeat made new effects at {self.enqueued}")
        self.enqueued += count

    def perhaps_kill(self) -> None:
        """Kills one worker in one of eight calls, and starts those that are dead."""
        if self.random.random() < 0.125:
            number = self.random.choice(list(self.workers))
            with contextlib.suppress(ProcessLookupError):
                self.workers[number].kill()
            self.workers[number].wait()
            self.account.workers_killed += 1
        for number in list(self.workers):
            self.start_worker(number)

    def dead_ids(self, process: object) -> set[str]:
        """Ids of the dead letters, walked page by page."""
        found: set[str] = set()
        with process.channel() as channel:
            stub = effect_service_pb2_grpc.EffectServiceStub(channel)
            token = ""
            while True:
                page = stub.ListDeadEffects(
                    pb.ListDeadEffectsRequest(page_size=100, page_token=token),
                    metadata=process.metadata(self.key),
                )
                found |= {effect.effect_id for effect in page.effects}
                token = page.next_page_token
                if not token:
                    return found

    # ------------------------------------------------------------ the account
    def check(self, data: Path, dead: set[str]) -> None:
        """Compares ledgers, dead letters and log with what was asked for."""
        lines = sorted(
            line.split()
            for path in self.folder.glob("ledger.*")
            for line in path.read_text().splitlines()
            if line.count(" ") == 5
        )
        begun = [line for line in lines if line[1] == "begin"]
        done = {line[2] for line in lines if line[1] == "done"}
        self.account.begun = len(begun)
        ids = {line[2] for line in begun}
        self.account.begun_again = len(begun) - len(ids)
        if len(ids) != self.effects or len({line[5] for line in begun}) != self.effects:
            self.account.faults.append(f"{len(ids)} effects were handed out")
        self.check_order(begun)
        outcomes = self.outcomes(data)
        for effect_id in ids:
            acked, given_up = outcomes[effect_id, "acked"], outcomes[effect_id, "dead"]
            if acked + given_up != 1:
                self.account.faults.append(f"{effect_id}: {acked} acks, {given_up} deaths")
            if acked and effect_id not in done:
                self.account.faults.append(f"{effect_id} was acknowledged and not done")
            if given_up != (effect_id in dead):
                self.account.faults.append(f"{effect_id} is lost among the dead")
        self.account.acked = sum(outcomes[each, "acked"] for each in ids)
        self.account.dead = len(dead)

    def check_order(self, begun: list[list[str]]) -> None:
        """Nothing of a subject is begun once a later effect of it was."""
        highest: dict[str, int] = defaultdict(lambda: -1)
        for _, _, effect_id, subject, number, _ in begun:
            if int(number) < highest[subject]:
                self.account.faults.append(f"{effect_id} came late")
            if int(number) > highest[subject] + 1:
                self.account.faults.append(f"{effect_id} overtook")
            highest[subject] = max(highest[subject], int(number))

    def outcomes(self, data: Path) -> Counter[tuple[str, str]]:
        """Counts the log's outcome records by effect and kind."""
        names = {number: name for name, number in OUTCOMES.items()}
        engine = Engine.open(
            str(data), map_size=1 << 30, segment_size=4 << 20, now_us=time.time_ns() // 1_000
        )
        found: Counter[tuple[str, str]] = Counter()
        for record in engine.log_records(1, FRAME_OUTCOME):
            sequence, _, ordinal, _, kind, _ = OUTCOME.unpack_from(record[5])
            found[f"{sequence}-{ordinal}", names[kind]] += 1
        engine.close()
        return found


def main() -> None:
    """`effects_kill.py FOLDER EFFECTS SUBJECTS SERVER_KILLS SEED` prints the account."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    effects, subjects, kills, seed = map(int, sys.argv[2:6])
    account = Run(folder, effects, subjects, kills, seed).go()
    print(account)
    sys.exit(1 if account.faults else 0)


if __name__ == "__main__":
    main()
