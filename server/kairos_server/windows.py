"""What happened lately: counters of the last minutes, from differences taken at every step."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from kairos_server.errors_table import ROWS, Code
from kairos_server.histograms import BUCKET_COUNT, SUB_COUNT, Histogram, bucket_last, quantile
from kairos_server.telemetry import Telemetry

_N = TypeVar("_N", int, float)
STEP_US: Final = 1_000_000
WINDOW_US_MAX: Final = 300_000_000
SERVER_FAULTS: Final = frozenset(
    {Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE, Code.INTERNAL, Code.DEADLINE_EXCEEDED}
)


@dataclass(slots=True)
class Durations:
    """Durations of a window: bucket -> count, and what buckets do not tell."""

    buckets: dict[int, int] = field(default_factory=dict)
    total_ns: int = 0
    maximum_ns: int = 0

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.buckets.values())

    @property
    def average_ns(self) -> float:
        """Exact mean; 0 without values."""
        return self.total_ns / self.count if self.buckets else 0.0

    def quantile_ns(self, share: float) -> int:
        """Returns the value at or below which `share` of them lie, at most 1/32 too great, and
        never above the greatest; 0 without values.
        """
        counts = [0] * BUCKET_COUNT
        for index, count in self.buckets.items():
            counts[index] = count
        return min(quantile(counts, share), self.maximum_ns)

    def add(self, other: "Durations") -> None:
        """Adds the durations of another part of the window."""
        for index, count in other.buckets.items():
            self.buckets[index] = self.buckets.get(index, 0) + count
        self.total_ns += other.total_ns
        self.maximum_ns = max(self.maximum_ns, other.maximum_ns)


@dataclass(slots=True)
class Step:
    """What happened between two looks."""

    length_us: int = 0
    calls: Durations = field(default_factory=Durations)
    processing: Durations = field(default_factory=Durations)
    """Its greatest value is that of its last bucket."""
    outcomes: dict[str, int] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, other: "Step") -> None:
        """Adds another step."""
        self.length_us += other.length_us
        self.calls.add(other.calls)
        self.processing.add(other.processing)
        for mine, theirs in ((self.outcomes, other.outcomes), (self.figures, other.figures)):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count  # type: ignore[assignment]

    @property
    def failed_count(self) -> int:
        """Calls that failed through no fault of their request."""
        return sum(count for name, count in self.outcomes.items() if _server_fault(name))

    def rate(self, name: str) -> float:
        """Returns a figure's growth per second."""
        return self.figures.get(name, 0) * 1e6 / self.length_us if self.length_us else 0.0


class Windows:
    """The last WINDOW_US_MAX in steps of STEP_US.

    Threads: the event loop's. Cost: one look compares 1,216 counts for each method that was
    called since the last, about 10 us; nothing is added to a call.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        figures: Callable[[], Mapping[str, float]],
        steady_us: Callable[[], int],
    ) -> None:
        self._telemetry = telemetry
        self._figures_of = figures
        self._steady_us = steady_us
        self._steps: deque[Step] = deque(maxlen=WINDOW_US_MAX // STEP_US)
        self._looked_us = steady_us()
        self._counts: dict[str, tuple[list[int], int]] = {}
        self._outcomes: dict[str, int] = {}
        self._figures = dict(figures())
        self._open = Step()

    def tick(self) -> None:
        """Looks when a step is over; to be called more often than that."""
        if self._steady_us() - self._looked_us >= STEP_US:
            self.look()

    def look(self) -> None:
        """Takes in what happened since the last look; ends the step when it is long enough."""
        now_us = self._steady_us()
        self._open.add(self._difference(now_us - self._looked_us))
        self._looked_us = now_us
        if self._open.length_us >= STEP_US:
            self._steps.append(self._open)
            self._open = Step()

    def window(self, length_us: int) -> Step:
        """Returns the sum of the newest steps that together are at least as long as asked, or of
        all there are.
        """
        self.look()
        whole = Step()
        whole.add(self._open)
        for step in reversed(self._steps):
            if whole.length_us >= length_us:
                break
            whole.add(step)
        return whole

    def _difference(self, length_us: int) -> Step:
        step = Step(length_us)
        for method, histogram in self._telemetry.latencies.items():
            step.calls.add(self._durations(method, histogram))
        step.processing = self._durations("", self._telemetry.processing)
        outcomes: dict[str, int] = {}
        for (_, outcome), count in self._telemetry.calls.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + count
        step.outcomes = _grown(outcomes, self._outcomes)
        self._outcomes = outcomes
        figures = dict(self._figures_of())
        step.figures = _grown(figures, self._figures)
        self._figures = figures
        return step

    def _durations(self, method: str, histogram: Histogram) -> Durations:
        before, total_before = self._counts.get(method, ((), 0))
        if histogram.total == total_before and before:
            return Durations()
        counts, total = histogram.counts[:], histogram.total
        self._counts[method] = (counts, total)
        grown = _bucket_growth(counts, before)
        if method:
            maximum, histogram.maximum = histogram.maximum, 0
        else:
            # Another thread writes it: between reading and setting back, a value could be lost.
            maximum = bucket_last(max(grown, default=0))
        return Durations(grown, total - total_before, maximum)


def _bucket_growth(counts: Sequence[int], before: Sequence[int]) -> dict[int, int]:
    if not before:
        return {index: count for index, count in enumerate(counts) if count}
    grown: dict[int, int] = {}
    # Group by group: most did not change, which a comparison of lists tells at once.
    for first in range(0, BUCKET_COUNT, SUB_COUNT):
        end = first + SUB_COUNT
        if counts[first:end] != before[first:end]:
            for index in range(first, end):
                if counts[index] != before[index]:
                    grown[index] = counts[index] - before[index]
    return grown


def _grown(now: Mapping[str, _N], before: Mapping[str, _N]) -> dict[str, _N]:
    return {name: value - before.get(name, 0) for name, value in now.items()}


def _server_fault(outcome: str) -> bool:
    row = ROWS.get(outcome)
    if row is None:
        return outcome == "INTERNAL"
    return row.code in SERVER_FAULTS and outcome != "REQUEST_TOO_LARGE"
