# Arithmetic with one result on every machine: no libm transcendental, no fused multiply-add,
# one order per sum.
from libc.stdint cimport int32_t, uint32_t, uint64_t


# e^x and ln x by argument reduction and fixed polynomials; at most 1 ulp of error in [-745, 709]
# and (0, inf); bit-equal to tests/reference/score.py.
cdef double score_exp(double x) noexcept nogil
cdef double score_log(double x) noexcept nogil
# 1 / (1 + e^-x), monotone, in [0, 1].
cdef double score_logistic(double x) noexcept nogil
# scores[c] = bias[c] + sum over f (in order) of features[f] * weights[f * stride + c],
# in float32 without fusing.
#   Shapes: features[feature_count], weights[feature_count][stride], bias[stride], scores[stride]
#           (may be bias itself); stride multiple of 16; fastest at 64-byte boundaries
#   Cost:   O(feature_count x stride) vector operations; kernels as match_kernel, all give the
#           same bytes
cdef void score_linear(const float* weights, uint32_t stride, const float* features,
                       uint32_t feature_count, const float* bias, float* scores,
                       uint32_t kernel) noexcept nogil
# The same for `width` candidates from a multiple of 16 on: weights, bias and scores point to the
# first of them.
#   Shapes: width multiple of 16, at most stride
cdef void score_linear_part(const float* weights, uint32_t stride, uint32_t width,
                            const float* features, uint32_t feature_count, const float* bias,
                            float* scores, uint32_t kernel) noexcept nogil
