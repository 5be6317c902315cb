"""IngestStream beside unary batches of the same events, on one server."""

import time
from collections.abc import Sequence

import grpc
from kairos.v1 import ingest_service_pb2
from kairos_server.demo.server_process import ServerProcess

from tests.bench import workload
from tests.bench.figure import Bench, interleaved
from tests.bench.processes import LOAD_CORES, MESSAGE_OPTIONS, TENANT, Caller, cores

NAMES = ("ingest_stream_durable_eps",)
STREAM = "/kairos.v1.IngestService/IngestStream"
BATCH = "/kairos.v1.IngestService/IngestBatch"
CHUNKS_PER_RUN = 60
IN_FLIGHT = 4
CONTROL_TEXT = "unary IngestBatch, 4 in flight, same server"


def measure(bench: Bench, server: ServerProcess, events: workload.Events) -> None:
    """Measures events per second that a stream makes durable, answers with counts only."""
    if not bench.wants(*NAMES):
        return
    count = CHUNKS_PER_RUN * workload.BATCH
    # Each run has events of its own: repeats would be answered without work.
    streamed = [events.batches(CHUNKS_PER_RUN, zipf=True) for _ in range(bench.runs)]
    called = [events.batches(CHUNKS_PER_RUN, zipf=True) for _ in range(bench.runs)]
    caller = Caller(server.address, BATCH, server.keys[TENANT])

    def run(index: int) -> float:
        return count / _stream_s(server, streamed[index])

    def read(index: int) -> float:
        taken_s, _ = caller.send_all(called[index], IN_FLIGHT)
        return count / taken_s

    try:
        values, controls = interleaved(bench.runs, run, read)
    finally:
        caller.close()
    bench.add(NAMES[0], values, "events/s", CONTROL_TEXT, controls, rate=True)


def _stream_s(server: ServerProcess, batches: Sequence[bytes]) -> float:
    """Returns the seconds from the first chunk to the last answer; checks every answer."""
    chunks = [_chunk(number, batch) for number, batch in enumerate(batches, 1)]
    metadata = (("authorization", f"Bearer {server.keys[TENANT]}"),)
    with cores(LOAD_CORES), grpc.insecure_channel(server.address, MESSAGE_OPTIONS) as channel:
        grpc.channel_ready_future(channel).result(60)
        call = channel.stream_stream(STREAM)
        started = time.perf_counter()
        answers = list(call(iter(chunks), metadata=metadata))
        taken_s = time.perf_counter() - started
    for number, data in enumerate(answers, 1):
        answer = ingest_service_pb2.IngestStreamResponse.FromString(data)
        assert (answer.chunk_number, answer.accepted_count) == (number, workload.BATCH)
    assert len(answers) == len(batches)
    return taken_s


def _chunk(number: int, batch: bytes) -> bytes:
    """Returns an IngestStreamRequest round an encoded IngestBatchRequest."""
    head = ingest_service_pb2.IngestStreamRequest(chunk_number=number).SerializeToString()
    size, lengths = len(batch), bytearray()
    while size >= 0x80:
        lengths.append(size & 0x7F | 0x80)
        size >>= 7
    lengths.append(size)
    return b"".join((head, b"\x12", bytes(lengths), batch))
