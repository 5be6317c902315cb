"""Test door of score.pyx."""

from libc.stdint cimport int64_t, uint32_t
from kairos_native.score cimport score_exp, score_linear, score_log, score_logistic


def exp(double x):
    return score_exp(x)


def log(double x):
    return score_log(x)


def logistic(double x):
    return score_logistic(x)


def linear(const float[:, ::1] weights, const float[::1] features, const float[::1] bias,
           float[::1] scores, uint32_t kernel):
    """Fills `scores`. Shapes: weights[feature][stride], bias[stride], scores[stride]."""
    score_linear(&weights[0, 0], <uint32_t>weights.shape[1], &features[0],
                 <uint32_t>features.shape[0], &bias[0], &scores[0], kernel)


def linear_repeat(const float[:, ::1] weights, const float[::1] features, const float[::1] bias,
                  float[::1] scores, uint32_t kernel, int64_t times):
    """The same `times` over, for measurements without the cost of Python calls."""
    cdef int64_t index
    with nogil:
        for index in range(times):
            score_linear(&weights[0, 0], <uint32_t>weights.shape[1], &features[0],
                         <uint32_t>features.shape[0], &bias[0], &scores[0], kernel)


def exp_repeat(double x, int64_t times):
    """Returns a sum of `times` exponentials near x."""
    cdef int64_t index
    cdef double total = 0.0
    with nogil:
        for index in range(times):
            total += score_exp(x + <double>index * 1e-9)
    return total
