"""What one run measured, and the percentiles of it."""

from collections import Counter
from dataclasses import dataclass, field

PERCENTS = (50.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(slots=True)
class Samples:
    """Latencies and failures of one kind of call.

    Units: microseconds. `latency_us` runs from the intended send time, so that waiting behind a
    slow server counts (no coordinated omission); `lag_us` from the intended to the real send time,
    which is the generator's own fault.
    """

    latency_us: list[int] = field(default_factory=list)
    lag_us: list[int] = field(default_factory=list)
    processing_us: list[int] = field(default_factory=list)
    """The server's own figure from the answers."""
    errors: Counter[str] = field(default_factory=Counter)
    events: int = 0
    """Events that the answers said were accepted."""

    def summary(self) -> dict[str, object]:
        """Returns counts and percentiles as plain values for JSON."""
        return {
            "answered": len(self.latency_us),
            "events": self.events,
            "errors": dict(sorted(self.errors.items())),
            "latency_us": percentiles(self.latency_us),
            "processing_us": percentiles(self.processing_us),
            "lag_us": percentiles(self.lag_us),
        }


def percentiles(values: list[int]) -> dict[str, int]:
    """Returns p50, p90, p95, p99, p99.9 and the maximum by nearest rank; empty without values."""
    if not values:
        return {}
    ordered = sorted(values)
    shown = {f"p{percent:g}": ordered[rank_of(percent, len(ordered)) - 1] for percent in PERCENTS}
    return {**shown, "max": ordered[-1]}


def rank_of(percent: float, count: int) -> int:
    """Returns the rank, from 1, of the smallest value that `percent` of the values do not exceed.

    In thousandths of a percent and whole numbers: 99.9 is not a binary fraction, and its product
    must not round up a rank.
    """
    thousandths = round(percent * 1000)
    return max(-(-thousandths * count // 100_000), 1)
