"""The load test: its schedule, its percentiles, its loop against servers that are fast,
slow and refusing.
"""

import asyncio
import itertools
import json
import math
import os
import random
from contextlib import asynccontextmanager

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2
from kairos.v1 import ingest_service_pb2, personalization_service_pb2
from kairos_loadtest import __main__ as command
from kairos_loadtest import cpu
from kairos_loadtest.generator import Load
from kairos_loadtest.report import run_report, run_text, verdict_rows
from kairos_loadtest.samples import Samples, percentiles, rank_of
from kairos_loadtest.scenarios import DECIDE, INGEST, INGEST_BATCH, SCENARIOS, requests_of
from kairos_loadtest.schedule import arrivals_s
from kairos_loadtest.thresholds import Threshold, thresholds_read, verdicts_of


def test_arrivals_are_a_poisson_process():
    times_s = arrivals_s(1000, 20, seed=7)
    assert times_s == sorted(times_s)
    assert times_s[0] >= 0
    assert times_s[-1] < 20
    # 20,000 expected; five standard deviations. The seed is fixed,
    # so that this never fails by chance.
    assert abs(len(times_s) - 20_000) < 5 * math.sqrt(20_000)
    gaps_s = [after - before for before, after in itertools.pairwise(times_s)]
    mean_s = sum(gaps_s) / len(gaps_s)
    deviation_s = math.sqrt(sum((gap - mean_s) ** 2 for gap in gaps_s) / len(gaps_s))
    # Mean and standard deviation of an exponential distribution are equal.
    assert mean_s == pytest.approx(0.001, rel=0.05)
    assert deviation_s == pytest.approx(mean_s, rel=0.05)


def test_arrivals_refuse_nonsense():
    with pytest.raises(ValueError, match="positive"):
        arrivals_s(0, 1, seed=1)


def test_arrivals_repeat_with_their_seed():
    assert arrivals_s(100, 1, seed=3) == arrivals_s(100, 1, seed=3)
    assert arrivals_s(100, 1, seed=3) != arrivals_s(100, 1, seed=4)


@pytest.mark.parametrize("count", [1, 2, 10, 99, 100, 101, 1000, 4097])
def test_percentiles_are_nearest_rank(count):
    values = list(range(1, count + 1))
    random.Random(count).shuffle(values)
    found = percentiles(values)
    for name, percent in (("p50", 500), ("p90", 900), ("p99", 990), ("p99.9", 999)):
        # By definition: the smallest value such that at least the given share is not above it.
        smallest = next(v for v in range(1, count + 1) if v * 1000 >= percent * count)
        assert found[name] == smallest
    assert found["max"] == count


def test_percentiles_of_nothing_are_absent():
    assert percentiles([]) == {}
    assert rank_of(99.9, 1000) == 999


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_requests_are_valid_and_distinct(scenario):
    requests = requests_of(scenario, 50, 100, run="r1", seed=5)
    events = []
    for request in requests:
        if request.method == INGEST:
            events.append(ingest_service_pb2.IngestRequest.FromString(request.body).event)
        elif request.method == INGEST_BATCH:
            events += ingest_service_pb2.IngestBatchRequest.FromString(request.body).events
        else:
            assert request.method == DECIDE
            decide = personalization_service_pb2.DecideRequest.FromString(request.body)
            assert decide.context.placement
            assert decide.subject.id
    assert len({event.event_id for event in events}) == len(events)
    assert all(event.subject_id and event.event_type for event in events)
    assert requests == requests_of(scenario, 50, 100, run="r1", seed=5)


class Answers(grpc.GenericRpcHandler):
    """Answers every call with what `behave` returns."""

    def __init__(self, behave):
        self.behave = behave

    def service(self, details):
        async def handler(request, context):
            return await self.behave(details.method, request, context)

        return grpc.unary_unary_rpc_method_handler(handler)


@asynccontextmanager
async def serving(behave):
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([Answers(behave)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await channel.channel_ready()
            yield channel, f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def accept(method, request, context):
    if method == INGEST:
        return ingest_service_pb2.IngestResponse(
            processed=True, processing_time_us=5
        ).SerializeToString()
    if method == INGEST_BATCH:
        count = len(ingest_service_pb2.IngestBatchRequest.FromString(request).events)
        result = ingest_service_pb2.IngestResult(error={"reason": "ERROR_REASON_TIME_TOO_OLD"})
        response = ingest_service_pb2.IngestBatchResponse(
            results=[result], accepted_count=count - 1, processing_time_us=5
        )
        return response.SerializeToString()
    return personalization_service_pb2.DecideResponse(processing_time_us=5).SerializeToString()


def load_run(behave, scenario, times_s, timeout_s=30.0):
    async def run():
        async with serving(behave) as (channel, _):
            load = Load([channel], "key", timeout_s)
            requests = requests_of(scenario, len(times_s), 10, run="t", seed=1)
            await load.run(requests, times_s)
            return load

    return asyncio.run(run())


def test_every_call_is_measured():
    load = load_run(accept, "mixed", arrivals_s(400, 0.25, seed=2))
    kinds = {kind: samples.summary() for kind, samples in load.samples.items()}
    assert set(kinds) == {"ingest", "decide"}
    total = sum(summary["answered"] for summary in kinds.values())
    assert total == len(arrivals_s(400, 0.25, seed=2))
    assert kinds["ingest"]["events"] == kinds["ingest"]["answered"]
    assert kinds["ingest"]["processing_us"]["p50"] == 5
    assert kinds["ingest"]["errors"] == {}


def test_refusals_inside_a_batch_are_counted():
    load = load_run(accept, "ingest_batch", [0.0, 0.001, 0.002])
    summary = load.samples["ingest_batch"].summary()
    assert summary["events"] == 3 * 99
    assert summary["errors"] == {"TIME_TOO_OLD": 3}


def test_a_slow_server_does_not_slow_the_schedule():
    """Calls that the server holds back count their waiting: the loop is open,
    and nothing is omitted.
    """
    arrived = []

    async def run():
        gate = asyncio.Event()

        async def hold(method, request, context):
            arrived.append(method)
            if len(arrived) == 20:
                gate.set()
            await gate.wait()
            return await accept(method, request, context)

        async with serving(hold) as (channel, _):
            load = Load([channel], "key", 30.0)
            times_s = [0.005 * index for index in range(20)]
            await load.run(requests_of("ingest", 20, 10, run="t", seed=1), times_s)
            return load

    load = asyncio.run(run())
    # A closed loop would have stopped after the first call and the gate would never have opened.
    assert len(arrived) == 20
    assert load.in_flight_max == 20
    latency_us = load.samples["ingest"].latency_us
    # The first call waited for the twentieth, which was not sent before 95 ms.
    assert max(latency_us) >= 95_000
    assert load.in_flight == 0


def test_refused_calls_count_under_their_reason():
    async def refuse(method, request, context):
        status = status_pb2.Status(code=8)
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain="kairos"))
        trailing = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", trailing)

    load = load_run(refuse, "ingest", [0.0] * 5)
    assert load.samples["ingest"].summary()["errors"] == {"QUEUE_FULL": 5}
    assert load.samples["ingest"].latency_us == []


def test_errors_without_a_reason_count_under_their_code():
    async def fail(method, request, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    load = load_run(fail, "ingest", [0.0] * 3)
    assert load.samples["ingest"].summary()["errors"] == {"UNAVAILABLE": 3}


def test_thresholds_of_the_package_are_read():
    thresholds = thresholds_read(command.THRESHOLDS)
    assert {threshold.kind for threshold in thresholds} == {"ingest", "ingest_batch", "decide"}
    enforced = {threshold.figure for threshold in thresholds if threshold.enforced}
    assert enforced == {"latency.p50", "latency.p90"}


def test_verdicts_are_inclusive_and_silence_misses():
    samples = Samples(latency_us=[100, 200])
    summaries = {"ingest": samples.summary(), "decide": Samples().summary()}
    thresholds = [
        Threshold("ingest", "latency.p50", 100, enforced=True),
        Threshold("ingest", "latency.max", 199, enforced=True),
        Threshold("decide", "latency.p50", 100, enforced=True),
        Threshold("ingest_batch", "latency.p50", 100, enforced=True),
    ]
    verdicts = verdicts_of(thresholds, summaries)
    assert [verdict.kept for verdict in verdicts] == [True, False, False]
    run = run_report("mixed", 10.0, 2, 1.0, summaries) | {"verdicts": verdict_rows(verdicts)}
    text = run_text(run)
    assert "latency.max <= 0.199 ms: 0.20 ms: MISSED" in text
    assert "nothing measured: MISSED" in text


@pytest.mark.parametrize(
    "text",
    ['[a.b]\n"latency.p50" = 1', '[a.enforced]\n"speed" = 1', '[a.enforced]\n"latency.p50" = 1.5'],
)
def test_thresholds_refuse_other_content(tmp_path, text):
    (tmp_path / "thresholds.toml").write_text(text)
    with pytest.raises(ValueError, match=r"thresholds\.toml"):
        thresholds_read(tmp_path / "thresholds.toml")


def test_cpu_and_memory_of_this_process_are_read():
    assert cpu.memory_bytes(os.getpid()) > 1_000_000
    assert cpu.cpu_s(os.getpid()) == pytest.approx(sum(os.times()[:2]), abs=0.5)


@pytest.mark.parametrize(("limit_us", "code"), [(60_000_000, 0), (0, 1)])
def test_command_reports_and_fails_on_a_missed_budget(tmp_path, capsys, limit_us, code):
    (tmp_path / "thresholds.toml").write_text(f'[ingest.enforced]\n"latency.p50" = {limit_us}\n')

    async def run():
        async with serving(accept) as (_, address):
            arguments = [
                "ingest",
                "--address",
                address,
                "--key",
                "k",
                "--pid",
                str(os.getpid()),
                "--rate",
                "100",
            ]
            arguments += ["--seconds", "0.2", "--thresholds", str(tmp_path / "thresholds.toml")]
            arguments += ["--json", str(tmp_path / "out" / "report.json")]
            # The command runs a loop of its own, hence in a thread of its own.
            return await asyncio.to_thread(command.main, arguments)

    assert asyncio.run(run()) == code
    [report] = json.loads((tmp_path / "out" / "report.json").read_text())["runs"]
    assert report["kinds"]["ingest"]["answered"] == report["sent"] > 0
    assert report["server"]["memory_bytes"] > 0
    assert "ingest: from intended send" in capsys.readouterr().out


def test_command_refuses_an_unknown_scenario(capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(["dance"])
    assert caught.value.code == 2
    assert "no scenario dance" in capsys.readouterr().err
