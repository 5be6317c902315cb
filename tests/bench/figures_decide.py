"""Time of Engine.decide in this process: request bytes in, response bytes out, record captured."""

import contextlib
import time

from kairos.v1 import personalization_service_pb2

from tests.bench.decide_workload import TENANT, Candidate, World, candidates_of, image_of
from tests.bench.figure import Bench, percentile

SUBJECTS = 1_000_000
SUBJECTS_FEW = 10_000
CANDIDATES = 1_000
CANDIDATES_MANY = 10_000
CALLS = 2_000
CHECKED = 20
SCORE_ERROR_MAX = 1e-5
NAMES = ("decide_core_us_p50", "decide_core_us_p50_10000", "decide_profiles_growth")
Plan = tuple[list[Candidate], bytes]
FEW_TEXT = "the same with 10,000 subjects"


def measure(bench: Bench) -> None:
    """Measures decisions; the worlds of the first two figures live side by side, so that their
    runs interleave.
    """
    if bench.wants("decide_core_us_p50", "decide_profiles_growth"):
        _standard(bench)
    if bench.wants("decide_core_us_p50_10000"):
        with contextlib.ExitStack() as stack:
            world = _world(bench, "candidates", _plan(CANDIDATES_MANY), SUBJECTS_FEW, stack)
            values = [decide_us(world, seed) for seed in range(bench.runs)]
            bench.add("decide_core_us_p50_10000", values, "us")


def _standard(bench: Bench) -> None:
    with contextlib.ExitStack() as stack:
        plan = _plan(CANDIDATES)
        few = _world(bench, "few", plan, SUBJECTS_FEW, stack)
        many = _world(bench, "many", plan, SUBJECTS, stack)
        values, controls = [], []
        for seed in range(bench.runs):
            values.append(decide_us(many, seed))
            controls.append(decide_us(few, seed))
        bench.add("decide_core_us_p50", values, "us")
        growth = [value / control for value, control in zip(values, controls, strict=True)]
        bench.add("decide_profiles_growth", growth, "ratio", FEW_TEXT, controls)


def _plan(count: int) -> Plan:
    started = time.perf_counter()
    candidates = candidates_of(count)
    image = image_of(candidates)
    print(f"{count:,} candidates compiled in {time.perf_counter() - started:.1f} s", flush=True)
    return candidates, image


def _world(
    bench: Bench, name: str, plan: Plan, subjects: int, stack: contextlib.ExitStack
) -> World:
    started = time.perf_counter()
    world = World(bench.scratch / f"decide-{name}", *plan, bench.size(subjects))
    stack.callback(world.close)
    world.fill()
    check(world)
    print(
        f"{world.subjects:,} subjects filled in {time.perf_counter() - started:.1f} s",
        flush=True,
    )
    return world


def check(world: World) -> None:
    """Compares some decisions with plain Python: the same contents in the same order, scores
    within float32's error.
    """
    chosen = 0
    for subject, context, request in world.requests(CHECKED, seed=99):
        response = world.engine.decide(TENANT, request, time.time_ns() // 1000)
        message = personalization_service_pb2.DecideResponse.FromString(response)
        got = [(decision.content_id, decision.score) for decision in message.decisions]
        expected = world.expected(subject, context)
        assert len(got) == len(expected), (got, expected)
        for (name, score), (name_expected, score_expected) in zip(got, expected, strict=True):
            assert abs(score - score_expected) < SCORE_ERROR_MAX, (got, expected)
            # Two scores closer than float32 tells apart may change places.
            near = [n for n, s in expected if abs(s - score) < SCORE_ERROR_MAX]
            assert name == name_expected or name in near, (got, expected)
        chosen += got[0][0] != "default"
    assert chosen > CHECKED // 2, f"only {chosen} of {CHECKED} decisions chose a candidate"


def decide_us(world: World, seed: int) -> float:
    """Returns the median microseconds of one call, its way from Python and back included."""
    decide, clock = world.engine.decide, time.perf_counter_ns
    requests = [row[2] for row in world.requests(CALLS, seed)]
    now_us = time.time_ns() // 1000
    used = []
    for request in requests:
        started = clock()
        decide(TENANT, request, now_us)
        used.append((clock() - started) / 1000)
    count = 0
    while (pending := world.engine.take_decisions()) is not None:
        world.engine.commit([pending], time.time_ns() // 1000)
        count += pending.record_count
    assert count == CALLS + CHECKED * (seed == 0), "a decision was not captured"
    return percentile(used, 0.5)
