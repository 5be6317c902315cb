"""The arithmetic of scores in plain Python: the same IEEE 754 operations in the
same order as score.h.

Python floats are doubles and its operators round once each, so that the results must agree to the
bit. How exact they are is a question of its own, asked against `decimal` in
tests/native/test_score.py.
"""

import math
import struct
from fractions import Fraction

LN2_HI = float.fromhex("0x1.62e42feep-1")
LN2_LO = float.fromhex("0x1.a39ef35793c76p-33")
LOG2_E = float.fromhex("0x1.71547652b82fep+0")
EXP_OVERFLOW = float.fromhex("0x1.62e42fefa39efp+9")
EXP_UNDERFLOW = float.fromhex("-0x1.74910d52d3051p+9")
SQRT2 = float.fromhex("0x1.6a09e667f3bcdp+0")
# r coth(r / 2) = 2 + sum of 2 B(2n) / (2n)! r^2n; Bernoulli numbers B(2) … B(12).
BERNOULLI = (
    Fraction(1, 6),
    Fraction(-1, 30),
    Fraction(1, 42),
    Fraction(-1, 30),
    Fraction(5, 66),
    Fraction(-691, 2730),
)
EXP_TERMS = tuple(float(2 * b / math.factorial(2 * n)) for n, b in enumerate(BERNOULLI, start=1))
LOG_TERMS = tuple(2.0 / (2 * n + 1) for n in range(1, 11))


def horner(terms: tuple[float, ...], t: float) -> float:
    """Returns t (c1 + t (c2 + …)), innermost first."""
    total = t * terms[-1]
    for term in reversed(terms[:-1]):
        total = t * (term + total)
    return total


def exp(x: float) -> float:
    if math.isnan(x):
        return x
    if x > EXP_OVERFLOW:
        return math.inf
    if x < EXP_UNDERFLOW:
        return 0.0
    k = int(x * LOG2_E + (-0.5 if x < 0.0 else 0.5))
    high = x - k * LN2_HI
    low = k * LN2_LO
    r = high - low
    c = r - horner(EXP_TERMS, r * r)
    y = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    if k > 1023:
        return y * 2.0**1023 * 2.0 ** (k - 1023)
    if k < -1022:
        return y * 2.0 ** (k + 1000) * 2.0**-1000
    return y * 2.0**k


def log(x: float) -> float:
    if math.isnan(x) or x == math.inf:
        return x
    if x == 0.0:
        return -math.inf
    if x < 0.0:
        return math.nan
    fraction, k = math.frexp(x)
    fraction *= 2.0
    k -= 1
    if fraction >= SQRT2:
        fraction *= 0.5
        k += 1
    f = fraction - 1.0
    s = f / (2.0 + f)
    tail = horner(LOG_TERMS, s * s)
    half = 0.5 * f * f
    return k * LN2_HI - ((half - (s * (half + tail) + k * LN2_LO)) - f)


def logistic(x: float) -> float:
    return 1.0 / (1.0 + exp(-x))


def float32(x: float) -> float:
    """Rounds to float32.

    The double result of one float32 addition or multiplication rounds to what float32 gives.
    """
    return struct.unpack("<f", struct.pack("<f", x))[0]


def linear(weights: list[list[float]], features: list[float], bias: list[float]) -> list[float]:
    """Shapes: weights[feature][candidate], all values float32.

    Returns bias + sum in feature order, rounded at each step.
    """
    scores = list(bias)
    for value, row in zip(features, weights, strict=True):
        for candidate, weight in enumerate(row):
            scores[candidate] = float32(scores[candidate] + float32(value * weight))
    return scores
