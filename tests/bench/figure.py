"""A measured figure, and how runs are taken: interleaved with those of the control, the median
counts.
"""

import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from tests.bench import ROOT

RUNS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of build/bench.json. `control`: what was run beside it, in words; None where there
    is nothing to compare.
    """

    name: str
    value: float
    unit: str
    runs: int
    control: str | None = None
    control_value: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] = (0.0, 0.0)
    """Lowest and highest run; printed, not stored."""


@dataclass(slots=True)
class Bench:
    """One run of the program: what was asked for, what came of it.

    wanted: names, or patterns such as match_us_*; empty: all. scratch: a folder that goes away at
    the end.
    """

    wanted: tuple[str, ...]
    scratch: Path
    data: Path | None
    install: bool = False
    runs: int = RUNS
    scale: float = 1.0
    figures: list[Figure] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)

    def wants(self, *names: str) -> bool:
        """True when one of the figures was asked for."""
        return not self.wanted or any(
            fnmatchcase(name, pattern) for name in names for pattern in self.wanted
        )

    def add(
        self,
        name: str,
        values: Iterable[float],
        unit: str,
        control: str | None = None,
        control_values: Iterable[float] = (),
        *,
        less_is_more: bool = False,
        rate: bool = False,
    ) -> None:
        """Adds a figure: the median of its runs, and its ratio to the control's median.

        rate: ratio = ours / control; less_is_more: ratio = control / ours. Neither: no ratio.
        """
        if not self.wants(name):
            return
        ours, others = list(values), list(control_values)
        value = statistics.median(ours)
        other = statistics.median(others) if others else None
        ratio = None
        if other is not None and rate:
            ratio = value / other
        elif other is not None and less_is_more:
            ratio = other / value
        figure = Figure(name, value, unit, len(ours), control, other, ratio, (min(ours), max(ours)))
        self.figures.append(figure)
        print(row_text(figure), flush=True)

    def leave_out(self, reason: str, *names: str) -> None:
        """Says why figures are missing; nothing is invented."""
        for name in names:
            if self.wants(name):
                self.reasons[name] = reason

    def size(self, count: int) -> int:
        """Returns a size of the standard workload, made smaller by --scale; such figures are not
        written to the file.
        """
        return max(1, int(count * self.scale))


def row_text(figure: Figure) -> str:
    """Returns one line of the table."""

    def number(value: float) -> str:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"

    line = f"{figure.name:36} {number(figure.value):>12} {figure.unit:10}"
    if figure.runs > 1:
        line += f" [{number(figure.spread[0])} to {number(figure.spread[1])}, {figure.runs} runs]"
    if figure.control_value is not None:
        line += f"  control {number(figure.control_value)}"
    if figure.ratio is not None:
        line += f"  ratio {figure.ratio:.2f}"
    return line


def interleaved(
    runs: int, ours: Callable[[int], float], control: Callable[[int], float]
) -> tuple[list[float], list[float]]:
    """Returns the results of `runs` pairs of runs, taken in turn so that a busy minute of the
    machine meets both.
    """
    pairs = [(ours(i), control(i)) for i in range(runs)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def percentile(values: list[float], share: float) -> float:
    """Returns the value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu_name() -> str:
    """Returns the processor's name and how many this machine has."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else "unknown"


def commit_id() -> str:
    """Returns the commit of the tree, with a + where files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD") or "unknown"
    return commit + ("+" if git("status", "--porcelain", "native", "server") else "")


def elapsed_s(call: Callable[[], object]) -> float:
    """Returns the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
