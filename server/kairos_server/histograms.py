"""Histograms cheap enough for every call: durations in log-linear buckets, counts in given ones."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

SUB_BITS: Final = 5
"""Buckets per power of two, as a power of two: a value read back is at most 1/32 too great."""
SUB_COUNT: Final = 1 << SUB_BITS
VALUE_BITS_MAX: Final = 42
"""Durations of 2^42 ns (73 minutes) and more share the last bucket."""
BUCKET_COUNT: Final = (VALUE_BITS_MAX - SUB_BITS + 1) * SUB_COUNT
EXPORT_BITS: Final = range(10, 34)
"""Prometheus is told two bounds per power of two, from 1.024 us to 12.9 s; the rest stays here."""


class Histogram:
    """Durations in nanoseconds. Written by one thread, read by any.

    After HdrHistogram: a bucket is the value's exponent and its highest SUB_BITS bits after the
    first, so that the relative width of all buckets is the same and no bounds need to be chosen.
    """

    __slots__ = ("counts", "maximum", "total")

    def __init__(self) -> None:
        self.counts = [0] * BUCKET_COUNT
        self.total = 0
        self.maximum = 0
        """Greatest value since whoever reads it last set it to 0 (windows.py)."""

    def observe(self, value_ns: int) -> None:
        """Counts one duration; a negative one, which only a broken clock gives, counts as 0.

        Cost: a few integer operations; no object outlives the call.
        """
        if value_ns < SUB_COUNT:
            value_ns = max(value_ns, 0)
            index = value_ns
        else:
            shift = value_ns.bit_length() - SUB_BITS - 1
            index = min((shift << SUB_BITS) + (value_ns >> shift), BUCKET_COUNT - 1)
        self.counts[index] += 1
        self.total += value_ns
        if value_ns > self.maximum:
            self.maximum = value_ns

    def buckets(self) -> list[tuple[str, float]]:
        """Returns cumulative counts as Prometheus wants them. Units: bounds in seconds.

        Values are whole nanoseconds, so that those below an edge are those at or below it but for
        the nanosecond itself.
        """
        sums: list[tuple[str, float]] = []
        running, index = 0, 0
        for bits in EXPORT_BITS:
            for numerator in (2, 3):
                edge = numerator << (bits - 1)
                end = bucket_of(edge)
                running += sum(self.counts[index:end])
                index = end
                sums.append((repr(edge / 1e9), float(running)))
        sums.append(("+Inf", float(running + sum(self.counts[index:]))))
        return sums


class CountHistogram:
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

    def buckets(self) -> list[tuple[str, float]]:
        """Returns cumulative counts as Prometheus wants them."""
        sums: list[tuple[str, float]] = []
        running = 0
        for bound, count in zip(self.bounds, self.counts, strict=False):
            running += count
            sums.append((repr(float(bound)), float(running)))
        sums.append(("+Inf", float(running + self.counts[-1])))
        return sums


def bucket_of(value_ns: int) -> int:
    """Returns the index of a value's bucket."""
    if value_ns < SUB_COUNT:
        return max(value_ns, 0)
    shift = value_ns.bit_length() - SUB_BITS - 1
    return min((shift << SUB_BITS) + (value_ns >> shift), BUCKET_COUNT - 1)


def bucket_last(index: int) -> int:
    """Returns the greatest value of a bucket."""
    if index < SUB_COUNT:
        return index
    shift = (index >> SUB_BITS) - 1
    return ((index - (shift << SUB_BITS) + 1) << shift) - 1


def quantile(counts: Sequence[int], share: float) -> int:
    """Returns the value at or below which `share` of the values lie (nearest rank), rounded up to
    the end of its bucket; 0 without values.

    Bounds: 0 < share <= 1.
    """
    total = sum(counts)
    if not total:
        return 0
    # The subtrahend keeps 0.95 * 100, which is a little more than 95 in binary, at rank 95.
    rank = max(1, math.ceil(share * total - 1e-6))
    running = 0
    for index, count in enumerate(counts):
        running += count
        if running >= rank:
            return bucket_last(index)
    raise AssertionError("the counts changed while they were read")
