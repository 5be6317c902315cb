"""When each request is meant to be sent: a Poisson process, fixed before the run."""

import math
import random


def arrivals_s(rate: float, duration_s: float, seed: int) -> list[float]:
    """Returns the intended send times of a Poisson process, seconds from the start, ascending.

    A schedule made beforehand cannot wait for a slow server; that is what makes the loop open.
    Bounds: every time is in [0, duration_s).
    Errors: ValueError unless rate and duration are positive.
    """
    if rate <= 0 or duration_s <= 0:
        raise ValueError("rate and duration must be positive")
    source = random.Random(seed)
    times: list[float] = []
    moment = 0.0
    while True:
        # random() is below 1, so that the logarithm exists.
        moment -= math.log(1.0 - source.random()) / rate
        if moment >= duration_s:
            return times
        times.append(moment)
