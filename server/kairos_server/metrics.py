"""The counters in the form of Prometheus: what /metrics answers."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from kairos_server.histograms import CountHistogram, Histogram
from kairos_server.metrics_table import BY_NAME, FIGURES, FIGURES_ELSEWHERE
from kairos_server.telemetry import Reading, Telemetry


def metrics_page(
    telemetry: Telemetry, figures: Callable[[], Mapping[str, int]]
) -> Callable[[], bytes]:
    """Returns what renders the page. Cost of a rendering: milliseconds, on the event loop."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TelemetryCollector(telemetry, figures))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


class TelemetryCollector(Collector):
    """Turns counters, registered readings and the engine's figures into metrics when asked."""

    def __init__(self, telemetry: Telemetry, figures: Callable[[], Mapping[str, int]]) -> None:
        self._telemetry = telemetry
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yields every metric of the process."""
        yield from self._histograms()
        yield self._calls()
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for reading in self._readings():
            family = families.get(reading.name)
            if family is None:
                family = families[reading.name] = _family(reading.name)
            family.add_metric(reading.labels, reading.value)
        yield from families.values()

    def _histograms(self) -> Iterator[Metric]:
        telemetry = self._telemetry
        yield _histogram("kairos_call_seconds", sorted(telemetry.latencies.items()))
        yield _histogram("kairos_stream_seconds", sorted(telemetry.stream_latencies.items()))
        yield _histogram("kairos_stage_seconds", sorted(telemetry.stages.items()))
        yield _histogram("kairos_processing_seconds", [("", telemetry.processing)])
        yield _histogram("kairos_commit_seconds", [("", telemetry.commit_latency)])
        yield _histogram("kairos_commit_records", [("", telemetry.commit_records)])
        yield _histogram("kairos_loop_lag_seconds", [("", telemetry.loop_lag)])
        yield _histogram("kairos_gc_pause_seconds", [("", telemetry.gc_pause)])

    def _calls(self) -> Metric:
        calls = _family("kairos_calls")
        for key, count in sorted(self._telemetry.calls.items()):
            calls.add_metric(key, count)
        return calls

    def _readings(self) -> Iterator[Reading]:
        figures = self._figures()
        named = {row.figure for row in FIGURES} | FIGURES_ELSEWHERE
        for row in FIGURES:
            if row.figure in figures:
                yield Reading(row.name, figures[row.figure] * row.scale)
        for name in sorted(figures.keys() - named):
            yield Reading(f"kairos_engine_{name}", figures[name])
        yield Reading("kairos_decision_records_lost", self._telemetry.decisions_lost_count)
        for source in self._telemetry.sources:
            yield from source()


def _family(name: str) -> CounterMetricFamily | GaugeMetricFamily:
    row = BY_NAME.get(name)
    if row is None:
        # A figure that the core has and the table has not yet: shown all the same.
        figure = name.removeprefix("kairos_engine_")
        return GaugeMetricFamily(name, f"The engine's figure `{figure}`.", labels=[])
    kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    return kind(row.name, row.text, labels=row.labels)


def _histogram(
    name: str, rows: list[tuple[str, Histogram]] | list[tuple[str, CountHistogram]]
) -> HistogramMetricFamily:
    row = BY_NAME[name]
    family = HistogramMetricFamily(name, row.text, labels=row.labels)
    for label, histogram in rows:
        scale = 1e-9 if isinstance(histogram, Histogram) else 1.0
        family.add_metric(
            [label] if row.labels else [], histogram.buckets(), histogram.total * scale
        )
    return family
