"""Counters of the server, cheap enough for every call. What they mean to Prometheus stands in
metrics_table.py.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from kairos_server.histograms import CountHistogram, Histogram
from kairos_server.stages import Stages

BATCH_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096)
COMMIT_STAGES: Final = ("queue", "append", "apply")
"""Observed by the writer's thread; all other stages by the event loop's."""


class Reading(NamedTuple):
    """One value of a metric of metrics_table.py, now."""

    name: str
    value: float
    labels: tuple[str, ...] = ()
    """Values of the labels, in the order of the table."""


ReadingSource = Callable[[], Iterable[Reading]]


class Telemetry:
    """All counters of one process. One instance, made in app.py and handed down.

    Threads: `call_done` and `stage_done` of other than COMMIT_STAGES belong to the event loop,
    `commit_done` and the rest to the writer; reading is safe from anywhere.
    """

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str], int] = {}
        self.latencies: dict[str, Histogram] = {}
        self.stream_latencies: dict[str, Histogram] = {}
        self.stages: dict[str, Histogram] = {name: Histogram() for name in COMMIT_STAGES}
        self.commit_latency = Histogram()
        self.processing = Histogram()
        self.commit_records = CountHistogram(BATCH_BOUNDS)
        self.decisions_lost_count = 0
        self.loop_lag = Histogram()
        self.gc_pause = Histogram()
        self.sources: list[ReadingSource] = []

    def register(self, source: ReadingSource) -> None:
        """Adds values to be read when metrics are asked for: the place for further gauges.

        Every name must have a row in metrics_table.METRICS.
        """
        self.sources.append(source)

    def call_done(self, method: str, outcome: str, latency_ns: int) -> None:
        """Counts one call.

        `outcome` is `OK` or a reason; both are of small, fixed sets, so that labels stay bounded.
        """
        key = (method, outcome)
        self.calls[key] = self.calls.get(key, 0) + 1
        histogram = self.latencies.get(method)
        if histogram is None:
            histogram = self.latencies[method] = Histogram()
        histogram.observe(latency_ns)

    def stream_done(self, method: str, outcome: str, latency_ns: int) -> None:
        """Counts one stream; its length is no answering time and is kept apart."""
        key = (method, outcome)
        self.calls[key] = self.calls.get(key, 0) + 1
        histogram = self.stream_latencies.get(method)
        if histogram is None:
            histogram = self.stream_latencies[method] = Histogram()
        histogram.observe(latency_ns)

    def stages_done(self, stages: Stages) -> None:
        """Counts what the event loop measured of one call."""
        if stages.check_ns > 0:
            self.stage_done("check", stages.check_ns)
        if stages.answer_ns > 0:
            self.stage_done("answer", stages.answer_ns)
        if stages.core_ns > 0:
            self.stage_done(stages.core_name, stages.core_ns)

    def stage_done(self, stage: str, latency_ns: int) -> None:
        """Counts one passage of a stage."""
        histogram = self.stages.get(stage)
        if histogram is None:
            histogram = self.stages[stage] = Histogram()
        histogram.observe(latency_ns)

    def commit_done(self, record_count: int, latency_ns: int) -> None:
        """Counts one group commit."""
        self.commit_records.observe(record_count)
        self.commit_latency.observe(latency_ns)
