"""Bytes that a subject takes in the view, on a public clickstream under the demo's pack for it."""

import time
from itertools import islice

from kairos.v1 import ingest_service_pb2
from kairos_native.engine import Engine
from kairos_server.catalog import Catalog, DocumentInput, build_image
from kairos_server.demo.datasets import serenade_rows
from kairos_server.demo.events import event_of
from kairos_server.demo.pack import read_pack

from tests.bench.figure import Bench

NAME = "profile_bytes_p50"
TENANT = 2
BATCH = 1_000


def measure(bench: Bench) -> None:
    """Ingests the clickstream and sizes every stored subject."""
    if not bench.wants(NAME):
        return
    if bench.data is None or not (bench.data / "serenade" / "train.txt").is_file():
        bench.leave_out("needs the clickstream; name its folder with --data or KAIROS_SHARED", NAME)
        return
    now_us = time.time_ns() // 1000
    engine = Engine.open(str(bench.scratch / "profile"), now_us=now_us)
    try:
        engine.commit([engine.tenant_settings(TENANT, "serenade", b"k" * 16, 1, now_us)], now_us)
        inputs = [DocumentInput(d.body, d.kind, d.document_id) for d in read_pack("serenade")]
        applied = Catalog.from_documents(TENANT, {}).apply(inputs, [], "", "", now_us)
        plan = engine.store_plan(build_image(applied.model))
        engine.commit([engine.activation(TENANT, plan, now_us)], now_us)
        rows = serenade_rows(bench.data)
        subjects = set()
        while batch := list(islice(rows, BATCH)):
            subjects.update(row["subject_id"] for row in batch)
            request = ingest_service_pb2.IngestBatchRequest(events=map(event_of, batch))
            pending = engine.check_batch(TENANT, request.SerializeToString(), now_us)
            assert pending.record_count == len(batch), "events were refused"
            engine.commit([pending], now_us)
        sizes = sorted(len(value) for _, value in engine.dump("subjects"))
        assert len(sizes) == len(subjects)
        print(f"{len(sizes):,} subjects, {sum(sizes) / len(sizes):.0f} bytes on average")
        bench.add(NAME, [sizes[len(sizes) // 2]], "bytes")
    finally:
        engine.close()
