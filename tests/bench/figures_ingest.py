"""Ingest over gRPC into a server of its own with 1,000,000 subjects; then start times of the same
server.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence

import grpc
from kairos.v1 import document_pb2, ingest_service_pb2, plan_service_pb2, plan_service_pb2_grpc
from kairos_loadtest.cpu import cpu_s, memory_bytes
from kairos_native.engine import Engine
from kairos_server.demo.server_process import ServerProcess

from tests.bench import figures_stream, workload
from tests.bench.control_server import SERVICE as CONTROL
from tests.bench.figure import Bench, interleaved
from tests.bench.processes import TENANT, Caller, control_running, server_of, server_start

INGEST = "/kairos.v1.IngestService/IngestBatch"
BATCHES_PER_RUN = 60
IN_FLIGHT = 4
UNARY_IN_FLIGHT = 32
UNARY_PER_RUN = 4_000
CHECKED_BATCHES = 2
MATCH_SHARE = (0.005, 0.02)
CONTROL_TEXT = "grpcio aio, protobuf parse, fields into dicts"
ECHO_TEXT = "grpcio aio, empty echo"
NAMES = (
    "ingest_batch_durable_eps",
    "ingest_batch_durable_eps_uniform",
    "ingest_batch_cpu_us",
    "grpc_unary_ingest_rps",
    "ingest_apply_us",
    "ingest_check_us",
    "log_append_fsync_eps",
    "start_s_1000000",
    "start_after_kill_s_1000000",
    "idle_mb",
    "profile_bytes_p50_standard",
)


def measure(bench: Bench) -> None:
    """Measures what needs a running server."""
    if not bench.wants(*NAMES, *figures_stream.NAMES):
        return
    with contextlib.ExitStack() as stack:
        server = server_of(bench.scratch / "million")
        stack.callback(server.kill)
        server_start(server)
        if bench.wants("idle_mb"):
            bench.add("idle_mb", [memory_bytes(server.pid) / 1e6], "MB")
        rules = workload.rules_of()
        events = workload.Events(subjects=bench.size(workload.SUBJECTS))
        prepare(server, rules, events)
        _ingest(bench, server, events)
        figures_stream.measure(bench, server, events)
        _unary(bench, server, events)
        server.stop()
        _engine(bench, server, events)
        _starts(bench, server, events)


def prepare(server: ServerProcess, rules: Sequence[workload.Rule], events: workload.Events) -> None:
    """Applies the plan, makes every subject exist, and checks the triggers of two batches against
    plain Python.
    """
    with grpc.insecure_channel(server.address) as channel:
        stub = plan_service_pb2_grpc.PlanServiceStub(channel)  # type: ignore[no-untyped-call]
        documents = [
            document_pb2.Document(kind=d.kind, document_id=d.document_id, body=d.body)
            for d in workload.documents_of(rules)
        ]
        stub.ApplyDocuments(
            plan_service_pb2.ApplyDocumentsRequest(
                documents=documents, activate=True, author="bench"
            ),
            metadata=(("authorization", f"Bearer {server.keys[TENANT]}"),),
            timeout=120.0,
        )
    with ingesting(server) as caller:
        started = time.perf_counter()
        accepted = 0
        fill = list(events.fill())
        for first in range(0, len(fill), 100):
            _, responses = caller.send_all(fill[first : first + 100], IN_FLIGHT)
            accepted += sum(counts_of(response)[0] for response in responses)
        print(f"{accepted:,} subjects filled in {time.perf_counter() - started:.1f} s", flush=True)
        fired = total = 0
        # Both at once, so that the recomputation knows all that came before.
        batches = events.batches(CHECKED_BATCHES, zipf=True)
        sent = [event for batch in batches for event in workload.events_in(batch)]
        expected = iter(workload.fired_expected(rules, sent))
        for batch in batches:
            response = ingest_service_pb2.IngestBatchResponse.FromString(caller.send(batch))
            assert response.accepted_count == workload.BATCH
            for result in response.results:
                got = [trigger.trigger_id for trigger in result.triggers]
                assert got == next(expected), f"{result.event_id} fired {got}"
                fired += len(got)
                total += 1
    share = fired / total / len(rules)
    assert MATCH_SHARE[0] <= share <= MATCH_SHARE[1], f"{share:.2%} of the rules match"
    print(f"{fired / total:.1f} of {len(rules):,} triggers fire per event", flush=True)


@contextlib.contextmanager
def ingesting(server: ServerProcess, method: str = INGEST) -> Iterator[Caller]:
    """Yields a caller of the server's ingest."""
    caller = Caller(server.address, method, server.keys[TENANT])
    try:
        yield caller
    finally:
        caller.close()


def counts_of(response: bytes) -> tuple[int, int, int]:
    """Returns accepted, duplicate and refused counts of an IngestBatchResponse without parsing its
    results.

    Parsing some ten thousand fired triggers would cost this process more than the server spends on
    them.
    """
    counts = [0, 0, 0]
    cursor = 0
    while cursor < len(response):
        tag = response[cursor]
        value, cursor = _varint_at(response, cursor + 1)
        if tag & 7 == 2:
            cursor += value
        elif tag >> 3 in (2, 3, 4):
            counts[(tag >> 3) - 2] = value
    return counts[0], counts[1], counts[2]


def _varint_at(data: bytes, cursor: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[cursor]
        cursor += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, cursor
        shift += 7


def _ingest(bench: Bench, server: ServerProcess, events: workload.Events) -> None:
    if not bench.wants(
        "ingest_batch_durable_eps", "ingest_batch_durable_eps_uniform", "ingest_batch_cpu_us"
    ):
        return
    with ingesting(server) as ours, control_running() as address:
        control = Caller(address, f"/{CONTROL}/Batch")
        for zipf in (True, False):
            runs = [events.batches(BATCHES_PER_RUN, zipf=zipf) for _ in range(bench.runs)]
            count = BATCHES_PER_RUN * workload.BATCH
            cpu_us: list[float] = []

            def run(index: int, runs=runs, cpu_us=cpu_us, count=count) -> float:
                before_s = cpu_s(server.pid)
                taken_s, responses = ours.send_all(runs[index], IN_FLIGHT)
                cpu_us.append((cpu_s(server.pid) - before_s) / count * 1e6)
                assert [counts_of(r) for r in responses] == [(workload.BATCH, 0, 0)] * len(
                    responses
                )
                return count / taken_s

            def read(index: int, runs=runs, count=count) -> float:
                taken_s, responses = control.send_all(runs[index], IN_FLIGHT)
                assert sum(counts_of(response)[0] for response in responses) == count
                return count / taken_s

            control.send_all(runs[0][:4], IN_FLIGHT)
            values, controls = interleaved(bench.runs, run, read)
            name = "ingest_batch_durable_eps" + ("" if zipf else "_uniform")
            bench.add(name, values, "events/s", CONTROL_TEXT, controls, rate=True)
            if zipf:
                bench.add("ingest_batch_cpu_us", cpu_us, "us/event")
        control.close()


def _unary(bench: Bench, server: ServerProcess, events: workload.Events) -> None:
    if not bench.wants("grpc_unary_ingest_rps"):
        return
    method = "/kairos.v1.IngestService/Ingest"
    with ingesting(server, method) as ours, control_running() as address:
        control = Caller(address, f"/{CONTROL}/Echo")
        count = bench.size(UNARY_PER_RUN)
        # A batch of one event has the bytes of an IngestRequest: field 1 holds the event in both.
        runs = [events.batches(count, zipf=True, size=1) for _ in range(bench.runs)]

        def run(index: int) -> float:
            taken_s, responses = ours.send_all(runs[index], UNARY_IN_FLIGHT)
            for response in responses[::100]:
                answer = ingest_service_pb2.IngestResponse.FromString(response)
                assert answer.processed
                assert not answer.duplicate
            return count / taken_s

        def echo(index: int) -> float:
            taken_s, responses = control.send_all(runs[index], UNARY_IN_FLIGHT)
            assert responses[-1] == runs[index][-1]
            return count / taken_s

        values, controls = interleaved(bench.runs, run, echo)
        bench.add("grpc_unary_ingest_rps", values, "calls/s", ECHO_TEXT, controls, rate=True)
        control.close()


def _engine(bench: Bench, server: ServerProcess, events: workload.Events) -> None:
    """Times the core in this process, over the folder that the server left."""
    if not bench.wants(
        "ingest_apply_us", "ingest_check_us", "log_append_fsync_eps", "profile_bytes_p50_standard"
    ):
        return
    engine = Engine.open(str(server.folder / "data" / "partition-0"), now_us=time.time_ns() // 1000)
    apply_us, check_us, append_eps = [], [], []
    try:
        for _ in range(bench.runs):
            batches = events.batches(BATCHES_PER_RUN, zipf=True)
            before = engine.figures()
            checked_ns = 0
            for batch in batches:
                now_us = time.time_ns() // 1000
                started = time.perf_counter_ns()
                pending = engine.check_batch(1, batch, now_us)
                checked_ns += time.perf_counter_ns() - started
                engine.commit([pending], now_us)
                assert counts_of(pending.response) == (workload.BATCH, 0, 0)
            after = engine.figures()
            count = after["event_count"] - before["event_count"]
            assert count == BATCHES_PER_RUN * workload.BATCH
            check_us.append(checked_ns / count / 1000)
            apply_us.append((after["apply_ns"] - before["apply_ns"]) / count / 1000)
            append_eps.append(count / ((after["append_ns"] - before["append_ns"]) / 1e9))
        if bench.wants("profile_bytes_p50_standard"):
            sizes = sorted(len(value) for _, value in engine.dump("subjects"))
            assert len(sizes) == bench.size(workload.SUBJECTS)
            bench.add("profile_bytes_p50_standard", [sizes[len(sizes) // 2]], "bytes")
    finally:
        engine.close()
    bench.add("ingest_apply_us", apply_us, "us/event")
    bench.add("ingest_check_us", check_us, "us/event")
    bench.add("log_append_fsync_eps", append_eps, "events/s")


def _starts(bench: Bench, server: ServerProcess, events: workload.Events) -> None:
    """Start to ready over a million subjects, and over an empty folder; after a clean stop, and
    after kill -9 in full flow.
    """
    if not bench.wants("start_s_1000000", "start_after_kill_s_1000000"):
        return
    empty = server_of(bench.scratch / "empty")

    def start(target: ServerProcess) -> float:
        taken_s = server_start(target)
        target.stop()
        return taken_s

    values, controls = interleaved(bench.runs, lambda _: start(server), lambda _: start(empty))
    control = "the same server, empty folder"
    bench.add("start_s_1000000", values, "s", control, controls, less_is_more=True)
    killed = []
    for _ in range(bench.runs):
        server_start(server)
        batches = events.batches(8, zipf=True)
        with ingesting(server) as caller:
            _, responses = caller.send_all(batches, IN_FLIGHT)
            assert sum(counts_of(response)[0] for response in responses) == 8 * workload.BATCH
            server.kill()
        killed.append(server_start(server))
        # What was acknowledged before the kill is there: the same events again are duplicates.
        with ingesting(server) as caller:
            assert counts_of(caller.send(batches[-1])) == (0, workload.BATCH, 0)
        server.kill()
    bench.add("start_after_kill_s_1000000", killed, "s", control, controls, less_is_more=True)
