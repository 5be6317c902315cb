"""`python -m tests.bench`: measures the figures, prints a table, writes build/bench.json."""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.bench import (
    ROOT,
    figures_decide,
    figures_ingest,
    figures_install,
    figures_match,
    figures_profile,
)
from tests.bench.figure import RUNS, Bench, commit_id, cpu_name

RESULT = ROOT / "build" / "bench.json"
GROUPS = (figures_match, figures_decide, figures_profile, figures_ingest, figures_install)
NOT_BUILT = {
    "the native transport is not built yet": (
        "ingest_unary_durable_rps",
        "decide_native_rps",
        "evaluate_native_rps_10000",
        "decide_2500_p50_us",
        "decide_2500_cpu",
        "rest_decide_rps_native",
    ),
    "REST is not built yet": ("rest_decide_rps_grpcio",),
    "what-if replay is not built yet": ("what_if_eps",),
    "models of trees and of bandits are not built yet": (
        "score_trees_1000_us",
        "score_thompson_1000_us",
    ),
    "ranking is not called without a decision; bench_score.py times dot products": (
        "score_logistic_top10_us",
    ),
    "not measured yet": (
        "match_us_100000_vs_peer",
        "rules_compile_s_100000",
        "plan_swap_cpu_us",
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Returns 0; an answer that is wrong ends the program with the assertion that saw it."""
    options = _options(arguments)
    started = time.perf_counter()
    (ROOT / "build").mkdir(exist_ok=True)
    print(
        time.strftime("%Y-%m-%d %H:%M"),
        f"load {os.getloadavg()[0]:.1f}",
        cpu_name(),
        commit_id(),
        sep="  ",
    )
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as scratch:
        bench = Bench(
            tuple(options.names),
            Path(scratch),
            options.data,
            options.install,
            options.runs,
            options.scale,
        )
        for reason, names in NOT_BUILT.items():
            bench.leave_out(reason, *names)
        for group in GROUPS:
            group.measure(bench)
    for name, reason in bench.reasons.items():
        print(f"{name:36} left out: {reason}")
    if options.scale == 1.0 and options.runs >= RUNS:
        _write(bench)
    else:
        print("a small run: nothing is written")
    print(f"{time.perf_counter() - started:.0f} s  load {os.getloadavg()[0]:.1f}")
    return 0


def _write(bench: Bench) -> None:
    """Writes the figures; those of an earlier run that were not asked for now stay."""
    rows: dict[str, dict[str, object]] = {}
    if RESULT.exists():
        rows = {row["name"]: row for row in json.loads(RESULT.read_text())}
    machine = {"cpu": cpu_name(), "commit": commit_id()}
    for figure in bench.figures:
        row = asdict(figure)
        del row["spread"]
        rows[figure.name] = row | machine
    temporary = RESULT.with_suffix(".new")
    temporary.write_text(json.dumps(list(rows.values()), indent=1) + "\n")
    temporary.replace(RESULT)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="figures, or patterns such as match_us_*; none: all",
    )
    beside = Path(__file__).resolve().parents[3] / "shared"
    shared = Path(os.environ.get("KAIROS_SHARED") or beside) / "data" / "datasets"
    parser.add_argument(
        "--data",
        type=Path,
        default=shared if shared.is_dir() else None,
        help="folder that holds serenade/; default: the one of the tests",
    )
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="runs per figure; fewer than 5 are not written"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the standard sizes; not written"
    )
    parser.add_argument(
        "--install", action="store_true", help="also time a fresh installation: minutes"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
