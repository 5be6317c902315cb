"""The producer: every event taken arrives once, whoever is killed; bad events hold up nothing."""

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import kairos
import pytest
from client.scripted_server import scripted
from e2e.server_process import DEADLINE_S, environment, server
from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_server.errors import Refused

KEY = "kairos_test"
SENDING = Path(__file__).with_name("sending.py")
KILLS = int(os.environ.get("KAIROS_PRODUCER_KILLS", "4"))
EVENTS = 300 * KILLS
SUBJECTS = 17


def view(subject="ada", **fields):
    return event_pb2.Event(event_type="view", subject_id=subject, **fields)


def accepted(count):
    answer = ingest_service_pb2.IngestBatchResponse(accepted_count=count)
    for _ in range(count):
        answer.results.add(processed=True)
    return answer.SerializeToString()


def sent_by(script):
    return [
        list(ingest_service_pb2.IngestBatchRequest.FromString(asked.request).events)
        for asked in script.asked
    ]


@contextlib.contextmanager
def producer(script, folder, **options):
    with kairos.Client(script.address, KEY) as client:
        made = kairos.Producer(client, folder, **options)
        try:
            yield made
        finally:
            made.close(0)


def test_events_are_numbered_timed_and_sent_in_order(tmp_path):
    with scripted(accepted(3)) as script, producer(script, tmp_path, linger_s=60) as queue:
        before = time.time_ns() // 1000
        own = view("a")
        assert [queue.send(own), queue.send(view("b", occurred_time_us=5)), queue.send(own)] == [
            1,
            2,
            3,
        ]
        assert own == view("a")
        assert queue.flush(30)
        ((first, second, third),) = sent_by(script)
        assert [one.producer_sequence for one in (first, second, third)] == [1, 2, 3]
        assert {one.producer_id for one in (first, second, third)} == {queue.producer_id}
        assert [one.subject_id for one in (first, second, third)] == ["a", "b", "a"]
        assert second.occurred_time_us == 5
        assert before <= first.occurred_time_us <= time.time_ns() // 1000
        stats = queue.stats()
        assert (stats.sent_count, stats.batch_count, stats.queued_count) == (3, 1, 0)


def test_batch_whose_answer_was_lost_is_sent_again_unchanged(tmp_path):
    failures = [grpc.StatusCode.INTERNAL, Refused("PLAN_MISSING"), Refused("CREDENTIAL_INVALID")]
    with scripted(*failures, accepted(2)) as script:
        with producer(script, tmp_path, linger_s=60) as queue:
            queue.send(view())
            queue.send(view())
            assert queue.flush(30)
            assert queue.stats().failure_count == 3
        assert len(script.asked) == 4
        assert len({asked.request for asked in script.asked}) == 1


def test_what_is_left_is_sent_after_the_next_start(tmp_path):
    refusals = [Refused("CREDENTIAL_INVALID")] * 100
    with scripted(*refusals) as script, kairos.Client(script.address, KEY) as client:
        queue = kairos.Producer(client, tmp_path)
        identity = queue.producer_id
        for _ in range(5):
            queue.send(view())
        assert not queue.close(0.05)
        with pytest.raises(RuntimeError):
            queue.send(view())
    with scripted(accepted(5), accepted(1)) as script:
        with producer(script, tmp_path) as queue:
            assert queue.flush(30)
            assert queue.producer_id == identity
            assert queue.send(view()) == 6
            assert queue.flush(30)
        assert [one.producer_sequence for batch in sent_by(script) for one in batch] == [
            1, 2, 3, 4, 5, 6,
        ]  # fmt: skip


def test_batches_are_bounded_by_count_and_by_size(tmp_path):
    with scripted(*[accepted(4)] * 40) as script:
        options = {"batch_count_max": 4, "linger_s": 60}
        with producer(script, tmp_path / "count", **options) as queue:
            for _ in range(10):
                queue.send(view())
            assert queue.flush(30)
        assert [len(batch) for batch in sent_by(script)] == [4, 4, 2]
        script.asked.clear()
        with producer(script, tmp_path / "size", batch_size_max=2500, linger_s=60) as queue:
            for _ in range(10):
                queue.send(view(url="x" * 1000))
            assert queue.flush(30)
        assert [len(batch) for batch in sent_by(script)] == [2] * 5


def test_batch_that_is_refused_whole_is_halved_to_the_event_to_blame(tmp_path):
    refused = []
    bad = Refused("WIRE_MALFORMED", "events[2]")
    answers = [bad, accepted(2), bad, bad, accepted(1)]
    with scripted(*answers) as script:
        with producer(
            script,
            tmp_path,
            linger_s=60,
            on_refused=lambda event, why: refused.append((event.subject_id, why.reason)),
        ) as queue:
            for subject in "abcd":
                queue.send(view(subject))
            assert queue.flush(30)
        assert [[one.subject_id for one in batch] for batch in sent_by(script)] == [
            ["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c"], ["d"],
        ]  # fmt: skip
        assert refused == [("c", "WIRE_MALFORMED")]


def test_refused_events_are_told_and_a_callback_that_fails_harms_nothing(tmp_path):
    answer = ingest_service_pb2.IngestBatchResponse(accepted_count=1, refused_count=1)
    answer.results.add(processed=True)
    answer.results.add().error.reason = 1
    told = []

    def on_refused(event, why):
        told.append((event.subject_id, why.reason))
        raise ZeroDivisionError

    options = {"linger_s": 60, "on_refused": on_refused}
    with (
        scripted(answer.SerializeToString(), accepted(1)) as script,
        producer(script, tmp_path, **options) as queue,
    ):
        queue.send(view("good"))
        queue.send(view("bad"))
        assert queue.flush(30)
        queue.send(view("next"))
        assert queue.flush(30)
        stats = queue.stats()
    assert told == [("bad", "SUBJECT_MISSING")]
    assert (stats.sent_count, stats.refused_count) == (2, 1)


def test_full_queue_raises_drops_or_waits(tmp_path):
    held = threading.Event()
    event = view(url="x" * 1000)
    with scripted(held) as script:
        with producer(script, tmp_path / "raise", size_max=20_000, full="raise") as queue:
            with pytest.raises(kairos.QueueFull):
                for _ in range(40):
                    queue.send(event)
            assert 10_000 < queue.stats().queued_size <= 20_000
        held.set()
    with scripted(*[Refused("PLAN_MISSING")] * 1000) as script:
        options = {"size_max": 20_000, "full": "drop_oldest"}
        with producer(script, tmp_path / "drop", **options) as queue:
            for _ in range(40):
                queue.send(event)
            stats = queue.stats()
            assert stats.dropped_count > 0
            assert stats.dropped_count + stats.queued_count == 40
            assert stats.queued_size <= 20_000
    with scripted(*[accepted(1)] * 1000) as script:
        with producer(script, tmp_path / "block", size_max=20_000, linger_s=0) as queue:
            for _ in range(100):
                queue.send(event, timeout=30)
            assert queue.flush(30)
        numbers = [one.producer_sequence for batch in sent_by(script) for one in batch]
        assert numbers == list(range(1, 101))


def test_folder_without_its_identity_is_told(tmp_path):
    with scripted(*[Refused("PLAN_MISSING")] * 100) as script:
        with producer(script, tmp_path) as queue:
            queue.send(view())
        (tmp_path / "producer.json").unlink()
        with (
            pytest.raises(kairos.QueueDamaged, match=r"producer\.json"),
            producer(script, tmp_path),
        ):
            pass


def test_asynchronous_face(tmp_path):
    told = []
    answer = ingest_service_pb2.IngestBatchResponse(refused_count=1)
    answer.results.add().error.reason = 1

    async def test(script):
        async with kairos.aio.Client(script.address, KEY) as client:
            loop = asyncio.get_running_loop()

            def on_refused(event, why):
                assert asyncio.get_running_loop() is loop
                told.append(why.reason)

            async with kairos.aio.Producer(client, tmp_path, on_refused=on_refused) as queue:
                assert await queue.send(view()) == 1
                assert await queue.flush(30)
                while not told:
                    await asyncio.sleep(0.001)
                assert queue.stats().refused_count == 1

    with scripted(answer.SerializeToString()) as script:
        asyncio.run(asyncio.wait_for(test(script), 60))
    assert told == ["SUBJECT_MISSING"]


def port_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Killed:
    """A sending process that is killed at random, and started again."""

    def __init__(self, address, key, folder, out):
        self.command = [sys.executable, str(SENDING), address, key, str(folder), str(EVENTS)]
        self.out = out
        self.start()

    def start(self):
        with self.out.open("a") as stdout:
            self.process = subprocess.Popen(self.command, stdout=stdout, env=environment())

    def taken(self):
        numbers = re.findall(r"^(\d+)\n", self.out.read_text(), re.MULTILINE)
        return max(map(int, numbers), default=0)

    def wait_for(self, count):
        """Returns once event number `count` was taken."""
        end = time.monotonic() + DEADLINE_S
        while self.taken() < count and self.process.poll() is None:
            assert time.monotonic() < end
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.005)

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE_S)


def test_every_event_counts_once_whoever_is_killed(tmp_path):
    """Producer and server are killed with SIGKILL at random moments; in the end each subject has
    exactly the events whose numbers are its own.
    """
    source = random.Random()
    folder, address = tmp_path / "data", f"127.0.0.1:{port_free()}"
    with contextlib.ExitStack() as serving:
        running = serving.enter_context(server(folder, "--grpc", address))
        sender = Killed(address, running.key, tmp_path / "queue", tmp_path / "sent.out")
        for turn in range(KILLS):
            sender.wait_for(source.randrange(300 * turn, 300 * turn + 300))
            if turn % 2:
                running.stop(signal.SIGKILL)
                running = serving.enter_context(server(folder, "--grpc", address))
            else:
                sender.kill()
                sender.start()
        assert sender.process.wait(DEADLINE_S) == 0
        assert "flushed True" in sender.out.read_text()
        # The one who was killed may have taken events that it did not live to tell.
        with kairos.Client(address, running.key) as client:
            queue = kairos.Producer(client, tmp_path / "queue")
            count = queue.send(view("end")) - 1
            assert queue.close(30)
            found = [client.profile(f"s{one}").event_count for one in range(SUBJECTS)]
        assert count >= sender.taken() >= EVENTS
        assert found == [
            len(range(one or SUBJECTS, count + 1, SUBJECTS)) for one in range(SUBJECTS)
        ]
        assert running.stop() == 0
