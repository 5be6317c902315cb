/* Buckets and the kernels that AND bit rows. Why it is built so:
 * docs/adr/0007-bit-rows.md. */
#ifndef KAIROS_MATCH_H
#define KAIROS_MATCH_H
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
    uint32_t dictionary_mask;
} match_tables;

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

/* Collects the row of every dense column; returns how many. */
MATCH_INLINE uint32_t match_collect(const match_tables *t, const kairos_index *index,
                                    const kairos_value *values, const uint64_t **rows,
                                    match_search *search) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < index->column_count; i++) {
        const kairos_column *column = t->columns + index->column_first + i;
        if (column->row_word == UINT64_MAX) continue;
        uint64_t bucket = match_value_bucket(t, index->column_first + i, values + i, search);
        rows[count++] = t->rows + column->row_word + bucket * index->word_count;
    }
    return count;
}

/* ------------------------------------------------------------------ kernels
 * Each writes words[w] = AND of rows[r][w]. The accumulators of a block stay in registers while all
 * rows pass by; a block that is empty after some rows skips the others. word_count is a multiple of
 * 8, row_count at least 1. */
enum { MATCH_ROWS_BETWEEN_TESTS = 8 };

static void match_and_portable(const uint64_t *const *rows, uint32_t row_count, uint32_t word_count,
                               uint64_t *words) {
    for (uint32_t w = 0; w < word_count; w += 8) {
        uint64_t block[8];
        memcpy(block, rows[0] + w, 64);
        for (uint32_t r = 1; r < row_count; r++) {
            const uint64_t *row = rows[r] + w;
            uint64_t any = 0;
            for (int i = 0; i < 8; i++) any |= block[i] &= row[i];
            if (!any) break;
        }
        memcpy(words + w, block, 64);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void match_and_avx2(const uint64_t *const *rows,
                                                           uint32_t row_count, uint32_t word_count,
                                                           uint64_t *words) {
    uint32_t w = 0;
    for (; w + 16 <= word_count; w += 16) {
        const __m256i *row = (const __m256i *)(rows[0] + w);
        __m256i a = _mm256_load_si256(row), b = _mm256_load_si256(row + 1);
        __m256i c = _mm256_load_si256(row + 2), d = _mm256_load_si256(row + 3);
        for (uint32_t r = 1; r < row_count; r++) {
            row = (const __m256i *)(rows[r] + w);
            a = _mm256_and_si256(a, _mm256_load_si256(row));
            b = _mm256_and_si256(b, _mm256_load_si256(row + 1));
            c = _mm256_and_si256(c, _mm256_load_si256(row + 2));
            d = _mm256_and_si256(d, _mm256_load_si256(row + 3));
            if (r % MATCH_ROWS_BETWEEN_TESTS == 0) {
                __m256i any = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
                if (_mm256_testz_si256(any, any)) break;
            }
        }
        __m256i *target = (__m256i *)(words + w);
        _mm256_store_si256(target, a);
        _mm256_store_si256(target + 1, b);
        _mm256_store_si256(target + 2, c);
        _mm256_store_si256(target + 3, d);
    }
    for (; w < word_count; w += 4) {
        __m256i a = _mm256_load_si256((const __m256i *)(rows[0] + w));
        for (uint32_t r = 1; r < row_count; r++) {
            a = _mm256_and_si256(a, _mm256_load_si256((const __m256i *)(rows[r] + w)));
        }
        _mm256_store_si256((__m256i *)(words + w), a);
    }
}

__attribute__((target("avx512f"))) static void match_and_avx512(const uint64_t *const *rows,
                                                                uint32_t row_count,
                                                                uint32_t word_count,
                                                                uint64_t *words) {
    uint32_t w = 0;
    for (; w + 32 <= word_count; w += 32) {
        const uint64_t *row = rows[0] + w;
        __m512i a = _mm512_load_si512(row), b = _mm512_load_si512(row + 8);
        __m512i c = _mm512_load_si512(row + 16), d = _mm512_load_si512(row + 24);
        for (uint32_t r = 1; r < row_count; r++) {
            row = rows[r] + w;
            a = _mm512_and_si512(a, _mm512_load_si512(row));
            b = _mm512_and_si512(b, _mm512_load_si512(row + 8));
            c = _mm512_and_si512(c, _mm512_load_si512(row + 16));
            d = _mm512_and_si512(d, _mm512_load_si512(row + 24));
            if (r % MATCH_ROWS_BETWEEN_TESTS == 0) {
                __m512i any = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
                if (!_mm512_test_epi64_mask(any, any)) break;
            }
        }
        _mm512_store_si512(words + w, a);
        _mm512_store_si512(words + w + 8, b);
        _mm512_store_si512(words + w + 16, c);
        _mm512_store_si512(words + w + 24, d);
    }
    for (; w < word_count; w += 8) {
        __m512i a = _mm512_load_si512(rows[0] + w);
        for (uint32_t r = 1; r < row_count; r++)
            a = _mm512_and_si512(a, _mm512_load_si512(rows[r] + w));
        _mm512_store_si512(words + w, a);
    }
}
#endif

/* Sets the first `conjunction_count` bits: no column rules anything out. */
static inline void match_fill(uint64_t *words, uint32_t word_count, uint32_t conjunction_count) {
    uint32_t full = conjunction_count / 64;
    memset(words, 0, (size_t)word_count * 8);
    memset(words, 0xff, (size_t)full * 8);
    if (conjunction_count % 64) words[full] = (1ull << (conjunction_count % 64)) - 1;
}

static inline void match_candidates_portable(const match_tables *t, const kairos_index *index,
                                             const kairos_value *values, uint64_t *words) {
    const uint64_t *rows[KAIROS_COLUMNS_MAX];
    uint32_t count = match_collect(t, index, values, rows, match_search_portable);
    if (count)
        match_and_portable(rows, count, index->word_count, words);
    else
        match_fill(words, index->word_count, index->conjunction_count);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static inline void match_candidates_avx2(const match_tables *t,
                                                                         const kairos_index *index,
                                                                         const kairos_value *values,
                                                                         uint64_t *words) {
    const uint64_t *rows[KAIROS_COLUMNS_MAX];
    uint32_t count = match_collect(t, index, values, rows, match_search_portable);
    if (count)
        match_and_avx2(rows, count, index->word_count, words);
    else
        match_fill(words, index->word_count, index->conjunction_count);
}

__attribute__((target("avx512f,popcnt"))) static inline void
match_candidates_avx512(const match_tables *t, const kairos_index *index,
                        const kairos_value *values, uint64_t *words) {
    const uint64_t *rows[KAIROS_COLUMNS_MAX];
    uint32_t count = match_collect(t, index, values, rows, match_search_avx512);
    if (count)
        match_and_avx512(rows, count, index->word_count, words);
    else
        match_fill(words, index->word_count, index->conjunction_count);
}
#endif

/* Writes the survivors of the rows into words[index.word_count]. */
static inline void match_candidates(const match_tables *t, const kairos_index *index,
                                    const kairos_value *values, uint32_t kernel, uint64_t *words) {
#if defined(__x86_64__)
    if (kernel == 2) {
        match_candidates_avx512(t, index, values, words);
        return;
    }
    if (kernel == 1) {
        match_candidates_avx2(t, index, values, words);
        return;
    }
#endif
    match_candidates_portable(t, index, values, words);
}

/* ------------------------------------------------------------------ survivors */

static inline int match_residual_holds(const match_tables *t, const kairos_conjunction *conjunction,
                                       const kairos_value *values) {
    const kairos_leaf *leaf = t->leaves + conjunction->residual_first;
    for (uint32_t i = 0; i < conjunction->residual_count; i++, leaf++) {
        if (!match_leaf_holds(t->strings, t->operands, leaf, values + leaf->column)) return 0;
    }
    return 1;
}

/* Survivors are handled in chunks: all conjunctions of a chunk, then all their leaves, then all
 * operands are on their way before the first one is needed, so that cache misses overlap (a quarter
 * of the time where every threshold is distinct). */
enum { MATCH_CHUNK = 256 };

typedef struct match_chunk {
    const kairos_conjunction *survivors[MATCH_CHUNK + 64];
    uint32_t count;
} match_chunk;

/* Keeps the survivors that hold. */
static inline void match_chunk_check(const match_tables *t, const kairos_value *values,
                                     match_chunk *chunk) {
    uint32_t residuals = 0, kept = 0;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const kairos_conjunction *conjunction = chunk->survivors[i];
        residuals |= conjunction->residual_count;
        __builtin_prefetch(t->leaves + conjunction->residual_first);
    }
    if (!residuals) return;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const kairos_conjunction *conjunction = chunk->survivors[i];
        for (uint32_t k = 0; k < conjunction->residual_count; k++) {
            __builtin_prefetch(t->operands
                               + t->leaves[conjunction->residual_first + k].operand_first);
        }
    }
    for (uint32_t i = 0; i < chunk->count; i++) {
        chunk->survivors[kept] = chunk->survivors[i];
        kept += (uint32_t)match_residual_holds(t, chunk->survivors[i], values);
    }
    chunk->count = kept;
}

/* Takes survivors from word *at on until the chunk is full or the words end, and keeps those that
 * hold. */
static inline void match_chunk_next(const match_tables *t, const kairos_index *index,
                                    const kairos_value *values, const uint64_t *words, uint32_t *at,
                                    match_chunk *chunk) {
    const kairos_conjunction *conjunctions = t->conjunctions + index->conjunction_first;
    uint32_t count = 0, w = *at;
    for (; w < index->word_count && count < MATCH_CHUNK; w++) {
        for (uint64_t word = words[w]; word; word &= word - 1) {
            const kairos_conjunction *conjunction =
                conjunctions + w * 64 + (uint32_t)__builtin_ctzll(word);
            __builtin_prefetch(conjunction);
            chunk->survivors[count++] = conjunction;
        }
    }
    *at = w;
    chunk->count = count;
    match_chunk_check(t, values, chunk);
}

/* Writes the rules of the surviving conjunctions. Conjunctions are sorted by rule, so a rule's
 * repeats are neighbours: a repeat writes its predecessor's place again. */
static inline uint32_t match_extract(const match_tables *t, const kairos_index *index,
                                     const kairos_value *values, const uint64_t *words,
                                     uint32_t *rules) {
    match_chunk chunk;
    uint32_t count = 0, last = UINT32_MAX, w = 0;
    while (w < index->word_count) {
        match_chunk_next(t, index, values, words, &w, &chunk);
        for (uint32_t i = 0; i < chunk.count; i++) {
            uint32_t rule = chunk.survivors[i]->rule;
            count -= rule == last;
            rules[count++] = last = rule;
        }
    }
    return count;
}

static inline void match_extract_bits(const match_tables *t, const kairos_index *index,
                                      const kairos_value *values, const uint64_t *words,
                                      uint64_t *rule_bits) {
    match_chunk chunk;
    uint32_t w = 0;
    memset(rule_bits, 0, (size_t)((index->rule_count + 63) / 64) * 8);
    while (w < index->word_count) {
        match_chunk_next(t, index, values, words, &w, &chunk);
        for (uint32_t i = 0; i < chunk.count; i++) {
            uint32_t rule = chunk.survivors[i]->rule - index->rule_first;
            rule_bits[rule / 64] |= 1ull << (rule % 64);
        }
    }
}

/* Bucket of one value, for explanations and tests. */
static inline uint32_t match_bucket_of(const match_tables *t, uint32_t column_index,
                                       const kairos_value *value) {
    return match_value_bucket(t, column_index, value, match_search_portable);
}

/* Best kernel of this machine: 0 portable, 1 AVX2, 2 AVX-512. */
static inline uint32_t match_kernel_detect(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return 2;
    if (__builtin_cpu_supports("avx2")) return 1;
#endif
    return 0;
}
#endif
