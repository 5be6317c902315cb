"""Microseconds that timers add to the apply of an event, and that one firing takes.

Run: python tests/bench/bench_timers.py [events per round]. Each figure stands beside the control of
the same rounds: the same events under a plan without timers. Medians of several rounds, which take
turns. What was armed and fired is asserted before times are printed.
"""

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from kairos.v1 import ingest_service_pb2  # noqa: E402
from kairos_native.engine import Engine  # noqa: E402
from kairos_server.catalog import Catalog, build_image  # noqa: E402
from reference.tenants import DAY, START, document  # noqa: E402

NUMBER, BATCH, ROUNDS = 4, 1000, 7
SUBJECTS = 20_000
ACT = [{"type": "remind", "parameters": {"template": "cart", "discount": 10}}]
CARTS = 'event.type == "cart"'
PLANS: dict[str, list] = {
    "no timers": [document("trigger", "one", condition=CARTS)],
    "timers in the plan, not of these events": [
        document("trigger", "one", condition=CARTS),
        document(
            "trigger", "two", condition='event.type == "buy"', actions=ACT, timing={"after": "2h"}
        ),
    ],
    "one timer armed": [
        document(
            "trigger",
            "one",
            condition=CARTS,
            actions=ACT,
            timing={"after": "2h", "repeat": "each"},
        )
    ],
    "one timer moved": [
        document("trigger", "one", condition=CARTS, actions=ACT, timing={"after": "2h"})
    ],
    "four timers moved": [
        document(
            "trigger",
            "one",
            condition=CARTS,
            actions=ACT,
            timing={"after": ["2h", "24h", "72h", "1w"]},
        )
    ],
}


class Node:
    """An engine of its own under one plan, with every subject known."""

    def __init__(self, folder: Path, documents: list) -> None:
        self.engine = Engine.open(str(folder), now_us=START, map_size=1 << 32)
        settings = self.engine.tenant_settings(NUMBER, "shop", b"sixteen bytes ok", 1, START)
        self.engine.commit([settings], START)
        model = Catalog.from_documents(NUMBER, {}).apply(documents, [], "a", "n", START).model
        plan_id = self.engine.store_plan(build_image(model))
        self.engine.commit([self.engine.activation(NUMBER, plan_id, START)], START)
        self.now_us = START
        self.events("view", SUBJECTS)

    def events(self, kind: str, count: int) -> float:
        """Sends so many events, each of another subject; returns microseconds of apply of one."""
        spent = 0
        for first in range(0, count, BATCH):
            self.now_us += 1_000_000
            request = ingest_service_pb2.IngestBatchRequest()
            for number in range(first, first + BATCH):
                # Spread like a hash, so that neighbours are of other pages.
                request.events.add(
                    event_type=kind,
                    subject_id=f"s{number * 7919 % SUBJECTS}",
                    occurred_time_us=self.now_us + number,
                )
            pending = self.engine.check_batch(NUMBER, request.SerializeToString(), START)
            spent += self.engine.commit([pending], START)
        return spent / count / 1e3

    def fire(self) -> tuple[int, float]:
        """Lets ten days pass; returns how many timers fired and microseconds of one."""
        before = self.engine.figures()["timers_fired"]
        self.now_us += 10 * DAY
        self.events("end", BATCH)
        spent, fired = 0, self.engine.figures()["timers_fired"] - before
        overdue = fired
        while (tick := self.engine.tick(NUMBER, START)) is not None:
            spent += self.engine.commit([tick], START)
        fired = self.engine.figures()["timers_fired"] - before - overdue
        return fired, spent / max(fired, 1) / 1e3


def main(count: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="kairos-timers-"))
    try:
        nodes = {name: Node(folder / str(i), PLANS[name]) for i, name in enumerate(PLANS)}
        times: dict[str, list[float]] = {name: [] for name in nodes}
        for _ in range(ROUNDS):
            for name, node in nodes.items():
                times[name].append(node.events("cart", count))
        control = statistics.median(times["no timers"])
        for name, found in times.items():
            middle = statistics.median(found)
            print(f"{name:42} {middle:7.2f} us an event, {middle / control:5.2f} of the control")
        armed = nodes["one timer armed"].engine.figures()
        assert armed["timers_armed"] == count * ROUNDS, armed["timers_armed"]
        assert nodes["four timers moved"].engine.figures()["timers_pending"] == 4 * count
        report(nodes["one timer armed"].fire)
    finally:
        shutil.rmtree(folder)


def report(fire: Callable[[], tuple[int, float]]) -> None:
    fired, each_us = fire()
    print(f"{'fired by ticks, with one effect':42} {each_us:7.2f} us a timer, {fired} timers")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
