"""IngestStream over the transport: order, flow control, refused chunks, and how it ends."""

import asyncio
import contextlib
import threading

import grpc
import pytest
from contract.transport import failure_of, run, served
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native.engine import Refusal
from kairos_server.errors import Refused
from kairos_server.rpc.chunks import chunk_read
from unit.server_fakes import FakeEngine, FakePending

STREAM = "/kairos.v1.IngestService/IngestStream"
BATCH_TOO_LARGE, DISK_FULL = 65, 97
UNANSWERED = 8

Batch = ingest_service_pb2.IngestBatchRequest
Chunk = ingest_service_pb2.IngestStreamRequest
Answer = ingest_service_pb2.IngestStreamResponse


class StreamEngine(FakeEngine):
    """Answers batches as the core does: a result per event, an error for each without a subject."""

    checked_count = 0

    def check_batch(self, tenant, request, received_us):
        self.checked_count += 1
        events = Batch.FromString(request).events
        if len(events) > 1000:
            raise Refusal(BATCH_TOO_LARGE, "events", "")
        return FakePending(payload=request, size=len(request), record_count=len(events))

    def commit(self, pendings, now_us):
        applied = super().commit(pendings, now_us)
        for pending in pendings:
            answer = ingest_service_pb2.IngestBatchResponse()
            for event in Batch.FromString(pending.payload).events:
                result = answer.results.add(event_id=event.event_id)
                if event.subject_id:
                    result.processed = True
                    answer.accepted_count += 1
                else:
                    result.error.reason = 1
                    result.error.field = "subject_id"
                    answer.refused_count += 1
            pending.response = answer.SerializeToString()
        return applied


def chunk(number, count=1, *, results=False, subject="ada"):
    events = [
        event_pb2.Event(event_id=f"{number}-{index}", event_type="view", subject_id=subject)
        for index in range(count)
    ]
    return Chunk(chunk_number=number, batch=Batch(events=events), include_results=results)


class Stream:
    """One open call with the tenant's key."""

    def __init__(self, server):
        metadata = (("authorization", f"Bearer {server.key}"),)
        self.call = server.channel.stream_stream(STREAM)(metadata=metadata)

    async def send(self, *chunks):
        for one in chunks:
            await self.call.write(one if isinstance(one, bytes) else one.SerializeToString())

    async def read(self):
        data = await self.call.read()
        return None if data is grpc.aio.EOF else Answer.FromString(data)

    async def failure(self):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            while await self.read() is not None:
                pass
        return failure_of(error.value)


@contextlib.asynccontextmanager
async def opened(engine=None, **changes):
    async with served(engine or StreamEngine(), **changes) as server:
        stream = Stream(server)
        yield server, stream
        stream.call.cancel()


def test_chunks_are_answered_in_order_with_counts_only():
    async def test():
        async with opened() as (server, stream):
            await stream.send(*(chunk(number, number) for number in range(1, 31)))
            await stream.call.done_writing()
            answers = [await stream.read() for _ in range(30)]
            assert [answer.chunk_number for answer in answers] == list(range(1, 31))
            assert [answer.accepted_count for answer in answers] == list(range(1, 31))
            assert not any(answer.results or answer.refused_events for answer in answers)
            assert await stream.read() is None
            assert await stream.call.code() is grpc.StatusCode.OK
            taken = [
                Batch.FromString(pending.payload).events[0].event_id
                for group in server.engine.commits
                for pending in group
            ]
            assert taken == [f"{number}-0" for number in range(1, 31)]
            assert server.gate.streams_in_flight == 0

    run(test())


def test_results_come_when_asked_for_and_refused_events_always():
    async def test():
        async with opened() as (_, stream):
            mixed = chunk(1 << 63, 3)
            mixed.batch.events[1].subject_id = ""
            await stream.send(mixed)
            answer = await stream.read()
            assert (answer.accepted_count, answer.refused_count) == (2, 1)
            assert [one.event_index for one in answer.refused_events] == [1]
            assert answer.refused_events[0].error.field == "subject_id"
            mixed.include_results = True
            await stream.send(mixed)
            answer = await stream.read()
            assert answer.chunk_number == 1 << 63
            assert [one.processed for one in answer.results] == [True, False, True]
            assert not answer.refused_events

    run(test())


def test_refused_chunk_does_not_end_the_stream():
    async def test():
        async with opened(message_size_max=300_000) as (_, stream):
            large = chunk(2, 1)
            large.batch.events[0].url = "x" * 300_000
            await stream.send(chunk(1, 1001), large, chunk(3))
            first, second, third = [await stream.read() for _ in range(3)]
            assert (first.error.reason, first.error.field) == (BATCH_TOO_LARGE, "events")
            assert "1,000 events" in first.error.description
            assert second.error.reason == 66
            assert (third.chunk_number, third.accepted_count) == (3, 1)
            assert not third.HasField("error")

    run(test())


def test_malformed_chunk_ends_the_stream_after_the_answers():
    async def test():
        async with opened() as (_, stream):
            await stream.send(chunk(1), b"\x0b")
            assert (await stream.read()).chunk_number == 1
            code, reason, _ = await stream.failure()
            assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "WIRE_MALFORMED")

    run(test())


def test_server_reads_no_further_than_it_may():
    async def test():
        engine = StreamEngine(hold=threading.Event())
        async with opened(engine) as (_, stream):
            sent = asyncio.create_task(stream.send(*(chunk(number) for number in range(1, 41))))
            while engine.checked_count < UNANSWERED:
                await asyncio.sleep(0.001)
            # Others of the loop get their turn many times over; the stream takes nothing more.
            for _ in range(200):
                await asyncio.sleep(0)
            assert engine.checked_count == UNANSWERED
            engine.hold.set()
            answers = [await stream.read() for _ in range(40)]
            assert [answer.chunk_number for answer in answers] == list(range(1, 41))
            await sent

    run(test())


def test_full_queue_makes_the_stream_wait():
    async def test():
        engine = StreamEngine(hold=threading.Event())
        async with opened(engine, queue_records_max=5000, retry_us_queue=1000) as (server, stream):
            # A second stream has the same bound; together they send more than the queue takes.
            other = Stream(server)
            sent = [
                asyncio.create_task(one.send(*(chunk(number, 1000) for number in range(1, 9))))
                for one in (stream, other)
            ]
            while server.writer.queue.record_count < 5000:
                await asyncio.sleep(0.001)
            engine.hold.set()
            for one in (stream, other):
                answers = [await one.read() for _ in range(8)]
                assert [answer.chunk_number for answer in answers] == list(range(1, 9))
                assert {answer.accepted_count for answer in answers} == {1000}
            await asyncio.gather(*sent)
            other.call.cancel()

    run(test())


def test_full_disk_ends_the_stream_at_the_chunk_that_did_not_fit():
    async def test():
        async with opened() as (server, stream):
            await stream.send(chunk(1))
            assert (await stream.read()).accepted_count == 1
            server.engine.error = Refusal(DISK_FULL)
            await stream.send(chunk(2))
            code, reason, details = await stream.failure()
            assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "DISK_FULL")
            assert details["RetryInfo"].retry_delay.seconds == 5
            assert server.gate.streams_in_flight == 0

    run(test())


def test_draining_answers_what_was_read_and_says_so():
    async def test():
        engine = StreamEngine(hold=threading.Event())
        async with opened(engine) as (server, stream):
            await stream.send(chunk(1), chunk(2))
            while engine.checked_count < 2:
                await asyncio.sleep(0.001)
            server.gate.drain()
            engine.hold.set()
            assert [(await stream.read()).chunk_number for _ in range(2)] == [1, 2]
            code, reason, _ = await stream.failure()
            assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")

    run(test())


def test_client_that_cancels_leaves_nothing_behind():
    async def test():
        engine = StreamEngine(hold=threading.Event())
        async with opened(engine) as (server, stream):
            await stream.send(chunk(1), chunk(2))
            assert await asyncio.to_thread(engine.entered.wait, 30)
            stream.call.cancel()
            while server.gate.streams_in_flight:
                await asyncio.sleep(0.001)
            engine.hold.set()
            second = Stream(server)
            await second.send(chunk(3))
            assert (await second.read()).accepted_count == 1
            second.call.cancel()

    run(test())


def test_stream_without_the_right_key_is_refused():
    async def test():
        async with served(StreamEngine()) as server:
            call = server.channel.stream_stream(STREAM)()
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call.read()
            code, reason, _ = failure_of(error.value)
            assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_MISSING")

    run(test())


@given(
    number=st.integers(0, (1 << 64) - 1),
    results=st.booleans(),
    events=st.lists(st.text(max_size=5), max_size=3),
    unknown=st.sampled_from([b"", b"\x20\x01", b"\x25abcd", b"\x29abcdefgh", b"\x32\x02ab"]),
)
def test_chunks_are_read_as_protobuf_reads_them(number, results, events, unknown):
    message = Chunk(chunk_number=number, include_results=results)
    message.batch.events.extend(event_pb2.Event(event_id=event) for event in events)
    seen = chunk_read(unknown + message.SerializeToString() + unknown)
    assert (seen.number, seen.include_results) == (number, results)
    assert seen.batch == message.batch.SerializeToString()


# Mostly bytes that mean something on the wire: small tags, lengths, ends of numbers.
@settings(max_examples=300)
@given(
    data=st.lists(
        st.sampled_from([0, 1, 2, 3, 5, 8, 9, 10, 13, 18, 24, 26, 34, 127, 128, 255])
        | st.integers(0, 255),
        max_size=24,
    ).map(bytes)
)
def test_other_bytes_are_read_as_protobuf_reads_them_or_refused(data):
    try:
        seen = chunk_read(data)
    except Refused:
        return
    try:
        batch = Batch.FromString(seen.batch)
    except DecodeError:
        # The core reads the batch and refuses it; protobuf refuses all of it.
        with pytest.raises(DecodeError):
            Chunk.FromString(data)
        return
    message = Chunk.FromString(data)
    assert (seen.number, seen.include_results) == (message.chunk_number, message.include_results)
    assert batch == message.batch
