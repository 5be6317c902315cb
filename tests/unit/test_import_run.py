"""An import is complete, in order per subject and without repeats, however often it is killed."""

import json
import random
from pathlib import Path

import grpc
import pytest
from kairos.v1 import ingest_service_pb2
from kairos_server.exits import Exit
from kairos_server.importing import (
    ImportFailed,
    ImportPlan,
    MapperOptions,
    dry_run,
    import_run,
    source_open,
    state_read,
)
from kairos_server.importing.lanes import batch_bytes, varint
from kairos_server.importing.state import Counts


class Killed(BaseException):
    """The process ends here, as after kill -9: nothing more is written."""


class Failure(grpc.RpcError):
    def __init__(self, code):
        self._code = code

    def code(self):
        return self._code


class FakeServer:
    """Takes batches as the server does: an event once by subject and id, subjects empty refused.

    `kill_at`: the process dies while this batch (counted from 1) is under way, taken or not.
    """

    def __init__(self, chance=None):
        self.channel = self
        self.metadata = ()
        self.timeout_s = 1.0
        self.events = {}
        self.batches = 0
        self.kill_at = 0
        self.failures = []
        self.chance = chance or random.Random(1)

    def unary_unary(self, _, response_deserializer):
        del response_deserializer
        return self

    def failure(self, error):
        return ImportFailed(Exit.UNAVAILABLE, f"gone: {error.code().name}")

    def future(self, request, metadata, timeout):
        del metadata, timeout
        self.batches += 1
        if self.failures:
            return FakeCall(error=self.failures.pop(0))
        if self.batches == self.kill_at:
            if self.chance.random() < 0.5:
                self.take(request)
            return FakeCall(error=Killed())
        return FakeCall(self.take(request))

    def take(self, request):
        answer = ingest_service_pb2.IngestBatchResponse()
        for event in ingest_service_pb2.IngestBatchRequest.FromString(request).events:
            result = answer.results.add(event_id=event.event_id)
            if not event.subject_id:
                result.error.reason = 1
                result.error.field = "subject_id"
                continue
            taken = self.events.setdefault(event.subject_id, {})
            result.processed = True
            result.duplicate = event.event_id in taken
            taken.setdefault(event.event_id, event)
        return answer


class FakeCall:
    def __init__(self, answer=None, error=None):
        self.answer, self.error = answer, error

    def result(self):
        if self.error is not None:
            raise self.error
        return self.answer

    def done(self):
        return True

    def cancel(self):
        pass


def rows_of(count, chance):
    """Lines of a file: mostly events, some that no server takes, some that are none."""
    rows = []
    for number in range(count):
        draw = chance.random()
        if draw < 0.01:
            rows.append("nonsense")
        elif draw < 0.02:
            rows.append(json.dumps({"type": "x", "eventData": {"n": number}}))
        else:
            # A few subjects have most of the events, so that lanes fill at different speeds.
            subject = f"s{int(chance.paretovariate(0.7)) % 200}"
            rows.append(json.dumps({"type": "x", "userId": subject, "eventData": {"n": number}}))
    return rows


def plan_of(path, **changes):
    return ImportPlan(
        MapperOptions("jsonl"),
        state=path.with_suffix(".state"),
        rejects=path.with_suffix(".rejects"),
        **changes,
    )


def run(path, server, plan):
    source = source_open(str(path), json=True)
    try:
        return import_run(source, plan, state_read(plan.state), server, lambda _: None)
    finally:
        source.close()


def expected_of(rows):
    """Subject -> numbers in the order of the file, and lines that are rejected, read plainly."""
    subjects, rejected = {}, []
    for line, row in enumerate(rows, 1):
        try:
            event = json.loads(row)
            subjects.setdefault(event["userId"], []).append(event["eventData"]["n"])
        except (ValueError, KeyError):
            rejected.append(line)
    return subjects, rejected


def check(server, path, plan, rows, run_count=1):
    subjects, rejected = expected_of(rows)
    found = {
        subject: [event.attributes[0].int_value for event in events.values()]
        for subject, events in server.events.items()
    }
    assert found == subjects
    lines = [json.loads(line)["line"] for line in plan.rejects.read_text().splitlines()]
    assert lines == rejected
    state = state_read(plan.state)
    assert state.position.offset == path.stat().st_size
    counts = state.counts
    assert (counts.records, counts.rejected) == (len(rows), len(rejected))
    assert counts.accepted + counts.duplicates == sum(map(len, subjects.values()))
    if run_count == 1:
        assert counts.duplicates == 0


@pytest.mark.parametrize("lanes", [1, 3, 8])
def test_everything_arrives_once_and_in_order(tmp_path, lanes):
    chance = random.Random(lanes)
    rows = rows_of(6_345, chance)
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(rows) + "\n")
    server, plan = FakeServer(), plan_of(path, lanes=lanes)
    summary = run(path, server, plan)
    check(server, path, plan, rows)
    assert summary.reasons.keys() == {"UNREADABLE", "SUBJECT_MISSING"}
    again = run(path, server, plan)
    assert (again.counts, again.resumed_line) == (Counts(), len(rows) + 1)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random_batches_nothing_is_lost_or_taken_twice(tmp_path, seed, monkeypatch):
    chance = random.Random(seed)
    rows = rows_of(chance.randrange(3_000, 6_000), chance)
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(rows))
    server = FakeServer(chance)
    plan = plan_of(path, lanes=chance.randrange(1, 7))
    # The state is saved at every chance, so that kills meet many positions.
    monkeypatch.setattr("kairos_server.importing.run.STATE_INTERVAL_S", 0.0)
    runs = 0
    while True:
        runs += 1
        assert runs < 100
        server.kill_at = server.batches + chance.randrange(1, 5) if runs < 12 else 0
        # A killed process writes nothing at its end, unlike one that fails.
        with monkeypatch.context() as patch:
            try:
                _run_without_end(path, server, plan, patch)
            except Killed:
                continue
        break
    check(server, path, plan, rows, runs)
    assert runs > 1


def _run_without_end(path, server, plan, patch):
    from kairos_server.importing.run import Import

    save = Import._save

    def save_unless_killed(self):
        if server.batches != server.kill_at:
            save(self)

    patch.setattr(Import, "_save", save_unless_killed)
    run(path, server, plan)


def test_rejects_beyond_the_state_are_cut_off(tmp_path):
    rows = ["nonsense"] * 3
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(rows))
    server, plan = FakeServer(), plan_of(path)
    plan.rejects.write_text("left by a killed run\n")
    run(path, server, plan)
    check(server, path, plan, rows)


def test_a_file_that_grew_goes_on_where_it_was(tmp_path):
    rows = rows_of(2_500, random.Random(5))
    path = tmp_path / "events.jsonl"
    server, plan = FakeServer(), plan_of(path)
    path.write_text("\n".join(rows[:40]) + "\n")
    run(path, server, plan)
    path.write_text("\n".join(rows) + "\n")
    summary = run(path, server, plan)
    assert summary.resumed_line == 41
    check(server, path, plan, rows)


def test_limit_leaves_the_rest_for_later(tmp_path):
    rows = rows_of(2_500, random.Random(6))
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(rows))
    server = FakeServer()
    first = run(path, server, plan_of(path, limit=1_000))
    assert first.counts.records == 1_000
    run(path, server, plan_of(path))
    check(server, path, plan_of(path), rows)


def test_another_input_or_mapping_is_refused(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"type":"x","userId":"a"}\n')
    server, plan = FakeServer(), plan_of(path)
    run(path, server, plan)
    path.write_text('{"type":"y","userId":"a"}\n')
    with pytest.raises(ImportFailed, match="another input") as error:
        run(path, server, plan)
    assert error.value.code == Exit.DATA
    path.write_text('{"type":"x","userId":"a"}\n')
    other = ImportPlan(MapperOptions("jsonl", rename={"x": "y"}), plan.state, plan.rejects)
    with pytest.raises(ImportFailed, match="another mapping"):
        run(path, server, other)


def test_a_busy_server_is_asked_again_and_a_missing_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("kairos_server.importing.lanes.RETRY_WAIT_S", 0.0)
    path = tmp_path / "events.jsonl"
    path.write_text('{"type":"x","userId":"a"}\n')
    server, plan = FakeServer(), plan_of(path)
    server.failures = [
        Failure(grpc.StatusCode.RESOURCE_EXHAUSTED),
        Failure(grpc.StatusCode.DEADLINE_EXCEEDED),
    ]
    assert run(path, server, plan).counts.accepted == 1
    plan.state.unlink()
    server.failures = [Failure(grpc.StatusCode.UNAVAILABLE)]
    with pytest.raises(ImportFailed, match="UNAVAILABLE"):
        run(path, server, plan)
    server.failures = [Failure(grpc.StatusCode.UNAUTHENTICATED)]
    with pytest.raises(ImportFailed, match="UNAUTHENTICATED"):
        run(path, server, plan)
    assert run(path, server, plan).counts.duplicates == 1


def test_several_processes_map_as_one_does(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(rows_of(3_500, random.Random(7))))
    servers = FakeServer(), FakeServer()
    for server, workers in zip(servers, (1, 2), strict=True):
        plan = plan_of(path, workers=workers)
        run(path, server, plan)
        plan.state.unlink()
    assert servers[0].events == servers[1].events


def test_dry_run_sends_nothing(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"type":"x","userId":"a"}\nnonsense\n' * 600)
    source = source_open(str(path), json=True)
    preview = dry_run(source, plan_of(path), 3)
    source.close()
    assert (preview.counts.records, preview.counts.rejected) == (1_200, 600)
    assert [line for line, _ in preview.events] == [1, 3, 5]
    assert [reject.line for reject in preview.rejects] == [2, 4, 6]
    assert sorted(p.name for p in Path(tmp_path).iterdir()) == ["events.jsonl"]


def test_batches_are_put_together_as_protobuf_would():
    from kairos_server.importing.lanes import Sending

    sizes = [0, 1, 127, 128, 300, 20_000, 70_000]
    events = [ingest_service_pb2.IngestRequest().event.__class__(url="x" * n) for n in sizes]
    sendings = [Sending(b"", 0, 0, event.SerializeToString()) for event in events]
    request = ingest_service_pb2.IngestBatchRequest(events=events)
    assert batch_bytes(sendings) == request.SerializeToString()
    assert varint(2**35).hex() == "808080808001"
