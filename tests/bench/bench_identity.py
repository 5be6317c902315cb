"""Nanoseconds of applying one event whose subject belongs to a group of so many identifiers, and of
finding one record of the log by its sequence.

Run: python -m tests.bench.bench_identity. Prints the median of several rounds; the events that were
applied are counted before.
"""

import random
import statistics
import tempfile
import time
from pathlib import Path

from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native.engine import Engine
from kairos_server.catalog import Catalog, DocumentInput, build_image
from kairos_server.demo.pack import read_pack

TENANT = 2
START = 1_710_000_000_000_000
DEVICE, BATCH, ROUNDS, SUBJECTS = 5, 1_000, 30, 4_096


def opened(folder: Path) -> Engine:
    engine = Engine.open(str(folder), now_us=START, map_size=1 << 32)
    engine.commit([engine.tenant_settings(TENANT, "shop", b"k" * 16, 1, START)], START)
    inputs = [DocumentInput(d.body, d.kind, d.document_id) for d in read_pack("demo")]
    applied = Catalog.from_documents(TENANT, {}).apply(inputs, [], "", "", START)
    plan = engine.store_plan(build_image(applied.model))
    engine.commit([engine.activation(TENANT, plan, START)], START)
    return engine


def group_cost(engine: Engine, size: int, source: random.Random) -> float:
    """Nanoseconds of applying an event; every subject belongs to a group of `size`."""
    names = [f"g{size}n{number}" for number in range(SUBJECTS)]
    for start in range(0, SUBJECTS, size):
        links = [
            engine.link(
                TENANT, (DEVICE, names[start].encode()), (DEVICE, name.encode()), 4, 1.0, b"", START
            )
            for name in names[start + 1 : start + size]
        ]
        if links:
            engine.commit(links, START)
    costs, sent, before = [], 0, engine.figures()["event_count"]
    for number in range(ROUNDS):
        events = [
            event_pb2.Event(
                event_type=source.choice(("page_view", "exit_intent")),
                subject_id=source.choice(names), subject_type=DEVICE,
                occurred_time_us=START + number * 1_000_000,
            )
            for _ in range(BATCH)
        ]  # fmt: skip
        request = ingest_service_pb2.IngestBatchRequest(events=events)
        pending = engine.check_batch(TENANT, request.SerializeToString(), START)
        costs.append(engine.commit([pending], START) / BATCH)
        sent += BATCH
    assert engine.figures()["event_count"] - before == sent
    return statistics.median(costs[ROUNDS // 2 :])


def find_cost(engine: Engine, source: random.Random) -> float:
    """Microseconds of finding one event of the log, each in a call of its own."""
    last = engine.figures()["applied_sequence"]
    taken = []
    for _ in range(300):
        sequence = source.randrange(last - 100_000, last)
        began = time.perf_counter_ns()
        found = engine.log_events([sequence])
        taken.append((time.perf_counter_ns() - began) / 1e3)
        assert [row[0] for row in found] in ([sequence], [])
    return statistics.median(taken)


def main() -> None:
    source = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        engine = opened(Path(folder) / "data")
        for size in (1, 2, 4, 16):
            print(f"groups of {size:2}: {group_cost(engine, size, source):8.0f} ns an event")
        print(f"one record of the log: {find_cost(engine, source):.0f} us")
        engine.close()


if __name__ == "__main__":
    main()
