"""Counters of the server, cheap enough for every call, and their form for Prometheus."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

LATENCY_BOUNDS_US: Final = (
    50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000,
    250_000, 1_000_000, 5_000_000,
)  # fmt: skip
BATCH_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096)


class Histogram:
    """Counts of values at or below fixed bounds. Written by one thread, read by any."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0

    def observe(self, value: int) -> None:
        """Counts one value. Cost: one binary search, no allocation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self, scale: float) -> list[tuple[str, float]]:
        """Returns cumulative counts as Prometheus wants them.

        Units: bounds are multiplied by `scale`.
        """
        sums: list[tuple[str, float]] = []
        running = 0
        for bound, count in zip(self.bounds, self.counts, strict=False):
            running += count
            sums.append((repr(bound * scale), float(running)))
        sums.append(("+Inf", float(running + self.counts[-1])))
        return sums


class Telemetry:
    """All counters of one process. One instance, made in app.py and handed down.

    Threads: `call_done` belongs to the event loop, `commit_done` to the writer;
    reading is safe from anywhere.
    """

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str], int] = {}
        self.latencies: dict[str, Histogram] = {}
        self.commit_latency = Histogram(LATENCY_BOUNDS_US)
        self.commit_records = Histogram(BATCH_BOUNDS)
        self.decisions_lost_count = 0

    def call_done(self, method: str, outcome: str, latency_us: int) -> None:
        """Counts one call.

        `outcome` is `OK` or a reason; both are of small, fixed sets, so that labels stay bounded.
        """
        key = (method, outcome)
        self.calls[key] = self.calls.get(key, 0) + 1
        histogram = self.latencies.get(method)
        if histogram is None:
            histogram = self.latencies[method] = Histogram(LATENCY_BOUNDS_US)
        histogram.observe(latency_us)

    def commit_done(self, record_count: int, latency_us: int) -> None:
        """Counts one group commit."""
        self.commit_records.observe(record_count)
        self.commit_latency.observe(latency_us)


class TelemetryCollector(Collector):
    """Turns the counters, gauges of the queue and the engine's figures into metrics
    when Prometheus asks.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        gauges: Callable[[], Mapping[str, int]],
        figures: Callable[[], Mapping[str, int]],
    ) -> None:
        self._telemetry = telemetry
        self._gauges = gauges
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yields every metric of the process."""
        telemetry = self._telemetry
        calls = CounterMetricFamily(
            "kairos_calls", "Calls answered, by method and outcome.", labels=["method", "outcome"]
        )
        for (method, outcome), count in sorted(telemetry.calls.items()):
            calls.add_metric([method, outcome], count)
        yield calls
        latency = HistogramMetricFamily(
            "kairos_call_seconds",
            "Time from the arrival of a call's bytes to its answer.",
            labels=["method"],
        )
        for method, histogram in sorted(telemetry.latencies.items()):
            latency.add_metric([method], histogram.buckets(1e-6), histogram.total * 1e-6)
        yield latency
        yield _histogram(
            "kairos_commit_seconds", "Time of one group commit.", telemetry.commit_latency, 1e-6
        )
        yield _histogram(
            "kairos_commit_records", "Log records of one group commit.", telemetry.commit_records, 1
        )
        yield CounterMetricFamily(
            "kairos_decision_records_lost",
            "Decision records that a full disk kept out of the log.",
            value=telemetry.decisions_lost_count,
        )  # fmt: skip
        for name, value in sorted(self._gauges().items()):
            yield GaugeMetricFamily(f"kairos_{name}", f"The server's `{name}` now.", value=value)
        for name, value in sorted(self._figures().items()):
            yield GaugeMetricFamily(
                f"kairos_engine_{name}", f"The engine's figure `{name}`.", value=value
            )


def _histogram(name: str, text: str, histogram: Histogram, scale: float) -> HistogramMetricFamily:
    return HistogramMetricFamily(
        name, text, buckets=histogram.buckets(scale), sum_value=histogram.total * scale
    )
