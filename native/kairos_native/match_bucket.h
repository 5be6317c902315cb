/* Tables of the matcher, and the bucket of a value in a column. See match.h. */
#ifndef KAIROS_MATCH_BUCKET_H
#define KAIROS_MATCH_BUCKET_H
#include <stdint.h>
#include <string.h>
#include "compare.h"
#include "hash.h"
#include "layout.h"
#include "limits.h"
#include "match_leaf.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Inlined into a kernel, so that its search is inlined too. */
#define MATCH_INLINE __attribute__((always_inline)) static inline

enum { MATCH_COUNT_MAX = 64 }; /* keys that are counted rather than halved */

/* What the matcher reads of a plan image. */
typedef struct match_tables {
    const uint8_t *strings;
    const kairos_dictionary_entry *dictionary;
    const kairos_leaf *leaves;
    const kairos_operand *operands;
    const kairos_column *columns;
    const kairos_number *thresholds;
    const double *threshold_keys; /* thresholds rounded to double */
    const uint64_t *rows;
    const kairos_conjunction *conjunctions;
    const uint32_t *conjunction_rules; /* their rules alone */
    const kairos_range *access;
    const uint64_t *summaries;     /* of clustered indexes; one bit per block of each row */
    const uint64_t *summary_first; /* by column: summary of its bucket 0 */
    uint32_t dictionary_mask;
} match_tables;

enum {
    MATCH_BLOCK_WORDS = 8,
    MATCH_LIVE_WORDS = 1024 /* blocks of the largest clustered index / 64 */
};

/* What the rows leave for the survivors' checks. */
typedef struct match_scene {
    uint64_t live[MATCH_LIVE_WORDS];      /* bit b: block b of the words was written */
    uint32_t buckets[KAIROS_COLUMNS_MAX]; /* by column of the index; columns with rows only */
} match_scene;

/* ------------------------------------------------------------------ buckets */

/* Number of keys below x. No branch depends on the data (a mask, because compilers turn `?:` into
 * one), so that several columns' searches overlap. */
static inline uint32_t match_search_portable(const double *keys, uint32_t count, double x) {
    const double *base = keys;
    while (count > 1) {
        uint32_t half = count / 2;
        base += half & (0u - (uint32_t)(base[half - 1] < x));
        count -= half;
    }
    return (uint32_t)(base - keys) + (count && *base < x);
}

#if defined(__x86_64__)
/* The same by counting: a halving step waits for the one before it, eight keys at once do not. */
__attribute__((target("avx512f,popcnt"))) static inline uint32_t
match_search_avx512(const double *keys, uint32_t count, double x) {
    const double *base = keys;
    __m512d wanted = _mm512_set1_pd(x);
    uint32_t below, i = 0;
    while (count > MATCH_COUNT_MAX) {
        uint32_t half = count / 2;
        base += half & (0u - (uint32_t)(base[half - 1] < x));
        count -= half;
    }
    below = (uint32_t)(base - keys);
    for (; i + 8 <= count; i += 8) {
        below += (uint32_t)__builtin_popcount(
            _mm512_cmp_pd_mask(_mm512_loadu_pd(base + i), wanted, _CMP_LT_OQ));
    }
    __mmask8 rest = (__mmask8)((1u << (count - i)) - 1);
    return below
           + (uint32_t)__builtin_popcount(_mm512_mask_cmp_pd_mask(
               rest, _mm512_maskz_loadu_pd(rest, base + i), wanted, _CMP_LT_OQ));
}
#endif

typedef uint32_t match_search(const double *keys, uint32_t count, double x);

/* Returns the order bucket of a number: search by rounded keys, then settle the few thresholds that
 * round to the same double exactly. */
MATCH_INLINE uint32_t match_order_bucket(const match_tables *t, const kairos_column *column,
                                         uint64_t bits, int is_int, match_search *search) {
    const double *keys = t->threshold_keys + column->threshold_first;
    const kairos_number *thresholds = t->thresholds + column->threshold_first;
    uint32_t count = column->threshold_count;
    double x = is_int ? (double)(int64_t)bits : kairos_double(bits);
    uint32_t place = search(keys, count, x);
    while (place < count && keys[place] == x) {
        uint32_t order = compare_number(bits, is_int, thresholds[place].bits,
                                        thresholds[place].kind == VALUE_INT);
        if (order == COMPARE_EQUAL) return BUCKET_ORDER_FIRST + 2 * place + 1;
        if (order == COMPARE_LESS) break;
        place++;
    }
    return BUCKET_ORDER_FIRST + 2 * place;
}

/* memcmp of an unknown size would be a call. */
static inline int match_equal(const uint8_t *a, const uint8_t *b, uint32_t size) {
    for (; size >= 8; size -= 8, a += 8, b += 8) {
        if (kairos_load64(a) != kairos_load64(b)) return 0;
    }
    if (size >= 4) {
        uint32_t a_low, a_high, b_low, b_high;
        memcpy(&a_low, a, 4);
        memcpy(&b_low, b, 4);
        memcpy(&a_high, a + size - 4, 4);
        memcpy(&b_high, b + size - 4, 4);
        return ((a_low ^ b_low) | (a_high ^ b_high)) == 0;
    }
    for (; size; size--) {
        if (*a++ != *b++) return 0;
    }
    return 1;
}

static inline uint32_t match_string_bucket(const match_tables *t, uint32_t column_index,
                                           const kairos_column *column, const kairos_value *value) {
    if (!column->string_count) return BUCKET_STRING_OTHER;
    const uint8_t *text = (const uint8_t *)(uintptr_t)value->bits;
    uint32_t space = SPACE_VALUE + column_index;
    uint64_t hash = kairos_hash64(space, text, value->size);
    for (uint32_t i = (uint32_t)hash & t->dictionary_mask;; i = (i + 1) & t->dictionary_mask) {
        const kairos_dictionary_entry *entry = t->dictionary + i;
        if (!entry->space) return BUCKET_STRING_OTHER;
        if (entry->hash == hash && entry->space == space && entry->text.size == value->size
            && match_equal(t->strings + entry->text.offset, text, value->size)) {
            return entry->id;
        }
    }
}

MATCH_INLINE uint32_t match_value_bucket(const match_tables *t, uint32_t column_index,
                                         const kairos_value *value, match_search *search) {
    const kairos_column *column = t->columns + column_index;
    uint32_t value_class = column->threshold_class;
    switch (value->kind) {
    case VALUE_ABSENT:
        return BUCKET_ABSENT;
    case VALUE_NULL:
        return BUCKET_NULL;
    case VALUE_BOOL:
        return value->bits ? BUCKET_TRUE : BUCKET_FALSE;
    case VALUE_INT:
        return value_class == CLASS_NUMBER ? match_order_bucket(t, column, value->bits, 1, search)
                                           : BUCKET_KIND_OTHER;
    case VALUE_DOUBLE: {
        double x = kairos_double(value->bits);
        if (x != x) return BUCKET_NAN;
        return value_class == CLASS_NUMBER ? match_order_bucket(t, column, value->bits, 0, search)
                                           : BUCKET_KIND_OTHER;
    }
    case VALUE_STRING:
        return match_string_bucket(t, column_index, column, value);
    case VALUE_TIME:
        return value_class == CLASS_TIME ? match_order_bucket(t, column, value->bits, 1, search)
                                         : BUCKET_KIND_OTHER;
    default:
        return value_class == CLASS_DURATION ? match_order_bucket(t, column, value->bits, 1, search)
                                             : BUCKET_KIND_OTHER;
    }
}
#endif
