"""Histograms, windows and the metrics page, each against an independent computation."""

import math
import random

import pytest
from kairos_server.histograms import (
    BUCKET_COUNT,
    CountHistogram,
    Histogram,
    bucket_last,
    bucket_of,
    quantile,
)
from kairos_server.metrics import metrics_page
from kairos_server.metrics_table import BY_NAME, FIGURES, METRICS
from kairos_server.stages import Stages
from kairos_server.telemetry import Reading, Telemetry
from kairos_server.windows import STEP_US, WINDOW_US_MAX, Windows
from prometheus_client.parser import text_string_to_metric_families

INGEST = "/kairos.v1.IngestService/Ingest"


def samples(seed, count, spread=12):
    random_ = random.Random(seed)
    return [int(2 ** random_.uniform(0, spread) * random_.random()) for _ in range(count)]


def rank_value(values, share):
    """Nearest rank, from the raw values."""
    return sorted(values)[max(1, math.ceil(share * len(values) - 1e-9)) - 1]


def test_buckets_cover_every_value_once():
    last = -1
    for index in range(BUCKET_COUNT):
        assert bucket_of(last + 1) == index
        last = bucket_last(index)
        assert bucket_of(last) == index
    assert bucket_of(1 << 60) == BUCKET_COUNT - 1


@pytest.mark.parametrize("seed", range(8))
def test_histogram_counts_where_the_buckets_say(seed):
    histogram = Histogram()
    values = samples(seed, 5_000, 45)
    for value in values:
        histogram.observe(value)
    expected = [0] * BUCKET_COUNT
    for value in values:
        expected[bucket_of(value)] += 1
    assert histogram.counts == expected
    assert (histogram.total, histogram.maximum) == (sum(values), max(values))


@pytest.mark.parametrize("share", [0.001, 0.5, 0.95, 0.99, 0.999, 1.0])
@pytest.mark.parametrize("count", [1, 2, 20, 100, 3_000])
def test_quantiles_are_those_of_the_raw_values_within_a_bucket(share, count):
    values = samples(count, count, 33)
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    exact = rank_value(values, share)
    assert exact <= quantile(histogram.counts, share) <= exact + exact // 32 + 1
    assert quantile([0] * BUCKET_COUNT, share) == 0


def test_prometheus_buckets_are_exact_at_their_bounds():
    histogram = Histogram()
    values = samples(5, 20_000, 36)
    for value in values:
        histogram.observe(value)
    rows = histogram.buckets()
    for bound, count in rows[:-1]:
        edge = round(float(bound) * 1e9)
        assert count == sum(value < edge for value in values)
    assert rows[-1] == ("+Inf", float(len(values)))
    assert [float(bound) for bound, _ in rows] == sorted(float(bound) for bound, _ in rows)


def test_counts_are_at_or_below_their_bounds():
    histogram = CountHistogram((10, 20))
    for value in (0, 10, 11, 20, 21, 1_000):
        histogram.observe(value)
    assert histogram.buckets() == [("10.0", 2.0), ("20.0", 4.0), ("+Inf", 6.0)]
    assert histogram.total == 1_062


def test_a_negative_duration_counts_as_none():
    histogram = Histogram()
    histogram.observe(-5)
    assert (histogram.counts[0], histogram.total, histogram.maximum) == (1, 0, 0)


class Rig:
    """Windows over a telemetry and figures that the test moves by hand; raw samples beside."""

    def __init__(self) -> None:
        self.now_us = 0
        self.events = 0.0
        self.telemetry = Telemetry()
        self.windows = Windows(self.telemetry, lambda: {"events": self.events}, lambda: self.now_us)

    def call(self, latency_ns, outcome="OK", method=INGEST):
        self.telemetry.call_done(method, outcome, latency_ns)

    def step(self, us=STEP_US):
        self.now_us += us
        self.windows.look()


@pytest.mark.parametrize("seed", range(5))
def test_a_window_is_what_the_raw_samples_of_that_time_say(seed):
    random_ = random.Random(seed)
    rig = Rig()
    raw = []
    for second in range(90):
        batch = [int(2 ** random_.uniform(10, 28)) for _ in range(random_.randrange(60))]
        raw.append(batch)
        for value in batch:
            rig.call(value, random_.choice(["OK", "OK", "OK", "QUEUE_FULL", "SUBJECT_MISSING"]))
        rig.events += 3 * len(batch)
        rig.step()
        assert second >= 0
    for length in (1, 7, 30, 89):
        found = rig.windows.window(length * STEP_US)
        values = [value for batch in raw[-length:] for value in batch]
        assert found.length_us == length * STEP_US
        assert found.calls.count == len(values)
        assert found.calls.total_ns == sum(values)
        assert found.calls.maximum_ns == max(values, default=0)
        assert found.rate("events") == pytest.approx(3 * len(values) / length)
        for share in (0.5, 0.95, 0.99):
            exact = rank_value(values, share) if values else 0
            assert exact <= found.calls.quantile_ns(share) <= exact + exact // 32 + 1


def test_a_window_holds_what_was_not_looked_at_yet_and_forgets_the_rest():
    rig = Rig()
    rig.call(1_000)
    rig.now_us += 200_000
    assert rig.windows.window(STEP_US).calls.count == 1
    for _ in range(WINDOW_US_MAX // STEP_US + 5):
        rig.step()
    assert rig.windows.window(2 * WINDOW_US_MAX).calls.count == 0
    assert rig.windows.window(2 * WINDOW_US_MAX).length_us <= WINDOW_US_MAX + STEP_US


def test_failures_of_the_server_are_told_from_refusals():
    rig = Rig()
    outcomes = ["OK"] * 90 + ["INTERNAL", "QUEUE_FULL", "DISK_FULL", "DRAINING"]
    outcomes += ["SUBJECT_MISSING", "CREDENTIAL_INVALID", "REQUEST_TOO_LARGE"]
    outcomes += ["CANCELLED"] * 3
    for outcome in outcomes:
        rig.call(1_000, outcome)
    rig.step()
    assert rig.windows.window(STEP_US).failed_count == 4


def test_stages_are_counted_once_per_call():
    telemetry = Telemetry()
    stages = Stages()
    stages.check_begin()
    stages.check_end()
    with stages.core("decide"):
        pass
    telemetry.stages_done(stages)
    telemetry.stages_done(Stages())
    counts = {name: sum(histogram.counts) for name, histogram in telemetry.stages.items()}
    assert counts == {"queue": 0, "append": 0, "apply": 0, "check": 1, "decide": 1}
    assert set(stages.figures()) <= {"check_us", "core_us"}


def test_metrics_are_what_prometheus_reads():
    telemetry = Telemetry()
    telemetry.call_done("/a/B", "OK", 120_000)
    telemetry.call_done("/a/B", "QUEUE_FULL", 80_000)
    telemetry.commit_done(7, 900_000)
    telemetry.register(lambda: [Reading("kairos_queue_records", 3)])
    figures = {row.figure: 1_000_000_000 for row in FIGURES} | {"brand_new": 9, "commit_count": 4}
    page = metrics_page(telemetry, lambda: figures)().decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    calls = {sample.labels["outcome"]: sample.value for sample in families["kairos_calls"].samples}
    assert calls == {"OK": 1.0, "QUEUE_FULL": 1.0}
    seconds = {
        sample.name: sample.value
        for sample in families["kairos_call_seconds"].samples
        if "le" not in sample.labels
    }
    assert seconds["kairos_call_seconds_count"] == 2
    assert seconds["kairos_call_seconds_sum"] == pytest.approx(200e-6)
    assert families["kairos_queue_records"].samples[0].value == 3
    assert families["kairos_engine_brand_new"].samples[0].value == 9
    assert families["kairos_log_sync_seconds"].samples[0].value == pytest.approx(1.0)
    assert families["kairos_events"].type == "counter"
    assert families["kairos_commit_records"].type == "histogram"
    assert "kairos_engine_commit_count" not in families


def test_every_row_of_the_table_is_well_formed():
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("kairos_")
        assert metric.kind in ("counter", "gauge", "histogram")
        assert not metric.name.endswith("_total"), "the client adds it"
        assert metric.text.endswith(".")
    assert {row.name for row in FIGURES} <= set(BY_NAME)


def test_a_tick_looks_once_a_step():
    rig = Rig()
    looked = []
    rig.windows._figures_of = lambda: looked.append(rig.now_us) or {}
    for _ in range(12):
        rig.now_us += STEP_US // 4
        rig.windows.tick()
    assert looked == [STEP_US, 2 * STEP_US, 3 * STEP_US]
