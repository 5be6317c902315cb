"""The matcher against a compiled loop over predicates; the workloads and the check of every
answer are bench_match's.
"""

import time

import bench_match
from kairos_server.catalog.image import build_image
from match_door import kernel_best
from reference.plans import matcher_of, model_of

from tests.bench.figure import Bench, interleaved

CONTROL = "compiled loop over predicates"


def measure(bench: Bench) -> None:
    """Measures all sizes and shapes that were asked for."""
    for count, shape in bench_match.CASES:
        name = f"match_us_{count}" + ("" if shape == "broad" else f"_{shape}")
        if bench.wants(name):
            _case(bench, name, bench.size(count), shape)


def _case(bench: Bench, name: str, count: int, shape: str) -> None:
    workload = bench_match.generate(count, shape)
    rules = workload.model_rules()
    started = time.perf_counter()
    image = build_image(model_of(triggers=rules, attributes=workload.attributes))
    print(
        f"{count:,} rules, {shape}: image of {len(image) / 1e6:.1f} MB "
        f"built in {time.perf_counter() - started:.1f} s"
    )
    matcher = matcher_of(image, 0, [workload.values(event) for event in workload.events])
    naive = bench_match.control_of(workload)
    bench_match.check(workload, rules, matcher, naive)
    passes = max(2, 200_000 // count)
    values, controls = interleaved(
        bench.runs,
        lambda _: matcher.time_us(kernel_best(), passes)[0],
        lambda _: naive.time_us(max(1, passes // 20))[0],
    )
    bench.add(name, values, "us/event", CONTROL, controls, less_is_more=True)
