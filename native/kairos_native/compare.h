/* The order of values that plans and events share: exact across int64 and double, as CEL defines
 * it. */
#ifndef KAIROS_COMPARE_H
#define KAIROS_COMPARE_H
#include <stdint.h>
#include <string.h>
#include "layout.h"

/* Results of a comparison; bits, so that an operator is a mask of the results that satisfy it. */
enum {
    COMPARE_LESS = 1,
    COMPARE_EQUAL = 2,
    COMPARE_GREATER = 4,
    COMPARE_UNORDERED = 8,
    COMPARE_ERROR = 16
};

static inline double kairos_double(uint64_t bits) {
    double x;
    memcpy(&x, &bits, 8);
    return x;
}

static inline uint32_t compare_int(int64_t a, int64_t b) {
    return a < b ? COMPARE_LESS : a > b ? COMPARE_GREATER : COMPARE_EQUAL;
}

static inline uint32_t compare_double(double a, double b) {
    return a < b    ? COMPARE_LESS
           : a > b  ? COMPARE_GREATER
           : a == b ? COMPARE_EQUAL
                    : COMPARE_UNORDERED;
}

/* Rounding keeps order, so different doubles decide; equal ones are decided by what rounding took
 * from the integer. The only double that no int64 reaches by truncation and that an int64 rounds to
 * is 2^63. */
static inline uint32_t compare_int_double(int64_t a, double b) {
    uint32_t result = compare_double((double)a, b);
    if (result != COMPARE_EQUAL) return result;
    return b >= 9223372036854775808.0 ? COMPARE_LESS : compare_int(a, (int64_t)b);
}

static inline uint32_t compare_number(uint64_t a, int a_is_int, uint64_t b, int b_is_int) {
    if (a_is_int && b_is_int) return compare_int((int64_t)a, (int64_t)b);
    if (a_is_int) return compare_int_double((int64_t)a, kairos_double(b));
    if (!b_is_int) return compare_double(kairos_double(a), kairos_double(b));
    uint32_t result = compare_int_double((int64_t)b, kairos_double(a));
    return result == COMPARE_LESS      ? COMPARE_GREATER
           : result == COMPARE_GREATER ? COMPARE_LESS
                                       : result;
}

/* Code points and their UTF-8 bytes have the same order. */
static inline uint32_t compare_string(const uint8_t *a, uint32_t a_size, const uint8_t *b,
                                      uint32_t b_size) {
    uint32_t common = a_size < b_size ? a_size : b_size;
    int order = common ? memcmp(a, b, common) : 0;
    if (order) return order < 0 ? COMPARE_LESS : COMPARE_GREATER;
    return a_size < b_size ? COMPARE_LESS : a_size > b_size ? COMPARE_GREATER : COMPARE_EQUAL;
}

/* Compares a value with an operand of the image: COMPARE_ERROR where the kinds have no common
 * order. Null equals null. */
static inline uint32_t compare_operand(const uint8_t *strings, const kairos_value *value,
                                       const kairos_operand *operand) {
    uint8_t a = value->kind, b = operand->kind;
    if (a == VALUE_INT || a == VALUE_DOUBLE) {
        if (b != VALUE_INT && b != VALUE_DOUBLE) return COMPARE_ERROR;
        return compare_number(value->bits, a == VALUE_INT, operand->bits, b == VALUE_INT);
    }
    if (a != b) return COMPARE_ERROR;
    if (a == VALUE_STRING) {
        return compare_string((const uint8_t *)(uintptr_t)value->bits, value->size,
                              strings + operand->bits, operand->size);
    }
    if (a == VALUE_NULL) return COMPARE_EQUAL;
    return compare_int((int64_t)value->bits, (int64_t)operand->bits);
}
#endif
