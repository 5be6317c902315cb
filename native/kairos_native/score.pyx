# The door of score.h for Cython callers: bodies, their derivation and the proof of one
# result stand there.
from libc.stdint cimport uint32_t

cdef extern from "score.h" nogil:
    double kairos_exp(double x)
    double kairos_log(double x)
    double kairos_logistic(double x)
    void kairos_linear(const float* weights, uint32_t stride, const float* features,
                       uint32_t feature_count, const float* bias, float* scores, uint32_t kernel)
    void kairos_linear_part(const float* weights, uint32_t stride, uint32_t width,
                            const float* features, uint32_t feature_count, const float* bias,
                            float* scores, uint32_t kernel)


cdef double score_exp(double x) noexcept nogil:
    return kairos_exp(x)


cdef double score_log(double x) noexcept nogil:
    return kairos_log(x)


cdef double score_logistic(double x) noexcept nogil:
    return kairos_logistic(x)


cdef void score_linear(const float* weights, uint32_t stride, const float* features,
                       uint32_t feature_count, const float* bias, float* scores,
                       uint32_t kernel) noexcept nogil:
    kairos_linear(weights, stride, features, feature_count, bias, scores, kernel)


cdef void score_linear_part(const float* weights, uint32_t stride, uint32_t width,
                            const float* features, uint32_t feature_count, const float* bias,
                            float* scores, uint32_t kernel) noexcept nogil:
    kairos_linear_part(weights, stride, width, features, feature_count, bias, scores, kernel)
