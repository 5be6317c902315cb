/* Arithmetic whose result is the same on every machine: IEEE 754 additions, multiplications and
 * divisions in a stated order, no call of libm, no fused multiply-add. Plain C, so that the floors
 * below score.pyx use it without importing it.
 * See docs/adr/0010-deterministic-arithmetic.md; tests/reference/score.py repeats it in Python. */
#ifndef KAIROS_SCORE_H
#define KAIROS_SCORE_H
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Compilers may fuse a * b + c into one rounding, also between intrinsics, and do so by default on
 * Arm and below -mfma. The build turns it off; these lines keep the promise where a build forgets
 * to. */
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

#if defined(__FAST_MATH__)
#error "Kairos' arithmetic needs IEEE 754 semantics: build without -ffast-math."
#endif

/* ln 2 = KAIROS_LN2_HI + KAIROS_LN2_LO. The high part has its last 21 bits zero, so that
 * k * KAIROS_LN2_HI is exact for every |k| <= 1100; the low part carries the next 53 bits. */
#define KAIROS_LN2_HI 0x1.62e42feep-1
#define KAIROS_LN2_LO 0x1.a39ef35793c76p-33
#define KAIROS_LOG2_E 0x1.71547652b82fep+0

/* 2^k for -1022 <= k <= 1023. */
static inline double kairos_power2(int64_t k) {
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power;
    memcpy(&power, &bits, 8);
    return power;
}

/* y * 2^k in two exact steps but for the last, which rounds only where the result is
 * subnormal or overflows. */
static inline double kairos_scale2(double y, int64_t k) {
    if (k > 1023) return y * kairos_power2(1023) * kairos_power2(k - 1023);
    if (k < -1022) return y * kairos_power2(k + 1000) * kairos_power2(-1000);
    return y * kairos_power2(k);
}

/* e^x = 2^k e^r with |r| <= ln 2 / 2. With q(r) = r coth(r / 2), an even function, e^r =
 * 1 + 2 r / (q - r): few terms suffice, and the error of the quotient is scaled down by r. The
 * series of q is 2 sum B(2n) r^2n / (2n)!; cut after r^12 it errs by less than 2^-58 of the result.
 * `low` is what r lost by rounding. */
static inline double kairos_exp(double x) {
    double high, low, r, t, c, y;
    int64_t k;
    if (x != x) return x;
    if (x > 0x1.62e42fefa39efp+9) return (double)__builtin_inf();
    if (x < -0x1.74910d52d3051p+9) return 0.0;
    k = (int64_t)(x * KAIROS_LOG2_E + (x < 0.0 ? -0.5 : 0.5));
    high = x - (double)k * KAIROS_LN2_HI;
    low = (double)k * KAIROS_LN2_LO;
    r = high - low;
    t = r * r;
    c = t * -0x1.22805d644267fp-30;                         /* -691 / 653837184000 */
    c = t * (0x1.66a8f2bf70ebep-25 + c);                    /* 1 / 23950080 */
    c = t * (-0x1.bbd779334ef0bp-20 + c);                   /* -1 / 604800 */
    c = t * (0x1.1566abc011567p-14 + c);                    /* 1 / 15120 */
    c = t * (-0x1.6c16c16c16c17p-9 + c);                    /* -1 / 360 */
    c = t * (0x1.5555555555555p-3 + c);                     /* 1 / 6 */
    c = r - c;
    y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    return kairos_scale2(y, k);
}

/* ln x = k ln 2 + ln(1 + f), sqrt(1/2) <= 1 + f < sqrt(2). With s = f / (2 + f), ln(1 + f) =
 * 2 s + s R(s^2) where R(z) is the series sum of 2 z^n / (2n + 1), cut after n = 10 (error below
 * 2^-59); f - f^2 / 2 is taken out first, for it is nearly exact and much larger than the rest. */
static inline double kairos_log(double x) {
    uint64_t bits;
    int64_t k = 0;
    double f, s, z, tail, half;
    if (x != x || x == (double)__builtin_inf()) return x;
    if (x == 0.0) return -(double)__builtin_inf();
    if (x < 0.0) return (double)__builtin_nan("");
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k = -54;
    }
    memcpy(&bits, &x, 8);
    /* The fraction bits of sqrt(2): from there on the next power of two is nearer. */
    k += (int64_t)(bits >> 52) - 1023;
    bits &= 0xFFFFFFFFFFFFFull;
    if (bits >= 0x6A09E667F3BCDull) {
        k += 1;
        bits |= 0x3FE0000000000000ull;
    } else {
        bits |= 0x3FF0000000000000ull;
    }
    memcpy(&f, &bits, 8);
    f -= 1.0;
    s = f / (2.0 + f);
    z = s * s;
    tail = z * (2.0 / 21.0);
    tail = z * (2.0 / 19.0 + tail);
    tail = z * (2.0 / 17.0 + tail);
    tail = z * (2.0 / 15.0 + tail);
    tail = z * (2.0 / 13.0 + tail);
    tail = z * (2.0 / 11.0 + tail);
    tail = z * (2.0 / 9.0 + tail);
    tail = z * (2.0 / 7.0 + tail);
    tail = z * (2.0 / 5.0 + tail);
    tail = z * (2.0 / 3.0 + tail);
    half = 0.5 * f * f;
    return (double)k * KAIROS_LN2_HI
           - ((half - (s * (half + tail) + (double)k * KAIROS_LN2_LO)) - f);
}

static inline double kairos_logistic(double x) { return 1.0 / (1.0 + kairos_exp(-x)); }

/* One multiplication and one addition, each rounded: the step of every sum of weighted values. */
static inline double kairos_add_weighted(double sum, double weight, double value) {
    return sum + weight * value;
}

/* The kernels below add the same products in the same order for each candidate; they differ in how
 * many candidates they carry at once, which no candidate can see. A block of candidates stays in
 * registers while all features pass. `stride` candidates have weights, `width` of them are
 * scored. */
static inline void kairos_linear_portable(const float *weights, uint32_t stride, uint32_t width,
                                          const float *features, uint32_t feature_count,
                                          const float *bias, float *scores) {
    for (uint32_t first = 0; first < width; first += 16) {
        float sums[16];
        const float *row = weights + first;
        memcpy(sums, bias + first, sizeof sums);
        for (uint32_t f = 0; f < feature_count; f++, row += stride)
            for (uint32_t lane = 0; lane < 16; lane++) {
                float product = features[f] * row[lane];
                sums[lane] = sums[lane] + product;
            }
        memcpy(scores + first, sums, sizeof sums);
    }
}

#if defined(__x86_64__)
/* Eight sums of 8 lanes hide the latency of the additions;
 * what is left after blocks of 64 goes 16 at a time. */
__attribute__((target("avx2"))) static inline void kairos_linear_avx2(
        const float *weights, uint32_t stride, uint32_t width, const float *features,
        uint32_t feature_count, const float *bias, float *scores) {
    uint32_t first = 0;
    for (; first + 64 <= width; first += 64) {
        const float *row = weights + first;
        __m256 sums[8];
        for (int i = 0; i < 8; i++) sums[i] = _mm256_loadu_ps(bias + first + 8 * i);
        for (uint32_t f = 0; f < feature_count; f++, row += stride) {
            __m256 x = _mm256_set1_ps(features[f]);
            for (int i = 0; i < 8; i++)
                sums[i] = _mm256_add_ps(sums[i], _mm256_mul_ps(x, _mm256_loadu_ps(row + 8 * i)));
        }
        for (int i = 0; i < 8; i++) _mm256_storeu_ps(scores + first + 8 * i, sums[i]);
    }
    for (; first < width; first += 16) {
        const float *row = weights + first;
        __m256 low = _mm256_loadu_ps(bias + first), high = _mm256_loadu_ps(bias + first + 8);
        for (uint32_t f = 0; f < feature_count; f++, row += stride) {
            __m256 x = _mm256_set1_ps(features[f]);
            low = _mm256_add_ps(low, _mm256_mul_ps(x, _mm256_loadu_ps(row)));
            high = _mm256_add_ps(high, _mm256_mul_ps(x, _mm256_loadu_ps(row + 8)));
        }
        _mm256_storeu_ps(scores + first, low);
        _mm256_storeu_ps(scores + first + 8, high);
    }
}

__attribute__((target("avx512f"))) static inline void kairos_linear_avx512(
        const float *weights, uint32_t stride, uint32_t width, const float *features,
        uint32_t feature_count, const float *bias, float *scores) {
    uint32_t first = 0;
    for (; first + 128 <= width; first += 128) {
        const float *row = weights + first;
        __m512 sums[8];
        for (int i = 0; i < 8; i++) sums[i] = _mm512_loadu_ps(bias + first + 16 * i);
        for (uint32_t f = 0; f < feature_count; f++, row += stride) {
            __m512 x = _mm512_set1_ps(features[f]);
            for (int i = 0; i < 8; i++)
                sums[i] = _mm512_add_ps(sums[i], _mm512_mul_ps(x, _mm512_loadu_ps(row + 16 * i)));
        }
        for (int i = 0; i < 8; i++) _mm512_storeu_ps(scores + first + 16 * i, sums[i]);
    }
    for (; first < width; first += 16) {
        const float *row = weights + first;
        __m512 sum = _mm512_loadu_ps(bias + first);
        for (uint32_t f = 0; f < feature_count; f++, row += stride)
            sum = _mm512_add_ps(sum,
                                _mm512_mul_ps(_mm512_set1_ps(features[f]), _mm512_loadu_ps(row)));
        _mm512_storeu_ps(scores + first, sum);
    }
}
#endif

/* `kernel`: enum match_kernel; a machine without the asked kernel takes the portable one. */
static inline void kairos_linear_part(const float *weights, uint32_t stride, uint32_t width,
                                      const float *features, uint32_t feature_count,
                                      const float *bias, float *scores, uint32_t kernel) {
#if defined(__x86_64__)
    if (kernel == 2 && __builtin_cpu_supports("avx512f")) {
        kairos_linear_avx512(weights, stride, width, features, feature_count, bias, scores);
        return;
    }
    if (kernel >= 1 && __builtin_cpu_supports("avx2")) {
        kairos_linear_avx2(weights, stride, width, features, feature_count, bias, scores);
        return;
    }
#endif
    (void)kernel;
    kairos_linear_portable(weights, stride, width, features, feature_count, bias, scores);
}

static inline void kairos_linear(const float *weights, uint32_t stride, const float *features,
                                 uint32_t feature_count, const float *bias, float *scores,
                                 uint32_t kernel) {
    kairos_linear_part(weights, stride, stride, features, feature_count, bias, scores, kernel);
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
#endif
