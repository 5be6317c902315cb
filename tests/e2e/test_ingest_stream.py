"""IngestStream and numbers of producers on a real server: repeats, drain, and every way back."""

import shutil
import signal
import time

import kairos
import pytest
from e2e.server_process import server
from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native.engine import Engine

Chunk = ingest_service_pb2.IngestStreamRequest
COUNT = 3000
"""Numbers, three times the window, so that the first ones have left it."""


def numbered(first, last, producer="till"):
    return [
        event_pb2.Event(
            event_type="page_view",
            subject_id=f"s{number % 5}",
            producer_id=producer,
            producer_sequence=number,
        )
        for number in range(first, last + 1)
    ]


def chunks_of(events, size=500):
    for start in range(0, len(events), size):
        chunk = Chunk(chunk_number=start)
        chunk.batch.events.extend(events[start : start + size])
        yield chunk


def counted(client, events):
    """Accepted and duplicate counts of events sent as one stream."""
    answers = list(client.ingest_service.ingest_stream(chunks_of(events)))
    assert [one.chunk_number for one in answers] == list(range(0, len(events), 500))
    return (
        sum(one.accepted_count for one in answers),
        sum(one.duplicate_count for one in answers),
    )


def event_counts(client):
    return [client.profile(f"s{one}").event_count for one in range(5)]


def test_stream_is_durable_applied_and_answered_in_order(tmp_path):
    with (
        server(tmp_path / "data") as running,
        kairos.Client(running.address, running.key) as client,
    ):
        events = [kairos.event("page_view", "ada", event_id=f"e{index}") for index in range(1200)]
        events[7].subject_id = ""
        answers = list(client.ingest_service.ingest_stream(chunks_of(events)))
        assert [one.accepted_count for one in answers] == [499, 500, 200]
        assert [one.event_index for one in answers[0].refused_events] == [7]
        assert answers[0].refused_events[0].error.field == "subject_id"
        assert client.profile("ada").event_count == 1199
        chunk = next(chunks_of(events[:3]))
        chunk.include_results = True
        (again,) = client.ingest_service.ingest_stream([chunk])
        assert [one.duplicate for one in again.results] == [True] * 3
        assert running.stop() == 0


def test_stream_of_a_server_that_drains_says_so(tmp_path):
    with (
        server(tmp_path / "data") as running,
        kairos.Client(running.address, running.key) as client,
    ):

        def sent():
            yield next(chunks_of(numbered(1, 3)))
            running.process.send_signal(signal.SIGTERM)
            end = time.monotonic() + 30
            while time.monotonic() < end and stream._call.is_active():
                yield next(chunks_of(numbered(4, 4)))

        stream = client.ingest_service.ingest_stream(sent())
        with pytest.raises(kairos.Unavailable):
            for answer in stream:
                assert not answer.HasField("error")
        assert running.process.wait(60) == 0


def test_numbers_are_known_after_every_way_back(tmp_path):
    folder = tmp_path / "data"
    view = folder / "partition-0" / "view"
    with server(folder) as running, kairos.Client(running.address, running.key) as client:
        assert counted(client, numbered(1, COUNT)) == (COUNT, 0)
        assert counted(client, numbered(1, COUNT)) == (0, COUNT)
        assert counted(client, numbered(1, 10, "another")) == (10, 0)
        expected = event_counts(client)
        assert sum(expected) == COUNT + 10
        running.stop(signal.SIGKILL)
    engine = Engine.open(str(folder / "partition-0"), map_size=1 << 30, now_us=10**15)
    before = list(engine.dump("producers"))
    assert len(before) == 2
    assert engine.checkpoint() is not None
    engine.close()
    for way in ("as it was", "from the checkpoint", "from the log"):
        if way != "as it was":
            shutil.rmtree(view)
        if way == "from the log":
            shutil.rmtree(folder / "partition-0" / "checkpoints")
        engine = Engine.open(str(folder / "partition-0"), map_size=1 << 30, now_us=10**15)
        assert list(engine.dump("producers")) == before, way
        engine.close()
    with server(folder) as running, kairos.Client(running.address, running.key) as client:
        assert counted(client, numbered(1, COUNT)) == (0, COUNT)
        assert event_counts(client) == expected
        assert counted(client, numbered(COUNT + 1, COUNT + 2)) == (2, 0)
        assert running.stop() == 0
