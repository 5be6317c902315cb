/* The kernels that AND bit rows; all give the same words. See match.h. */
#ifndef KAIROS_MATCH_KERNEL_H
#define KAIROS_MATCH_KERNEL_H
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "match_bucket.h"

/* Each writes words[w] = AND of rows[r][w]. The accumulators of a block stay in registers while all
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

/* ------------------------------------------------------------------ live blocks
 * The same for the blocks of a clustered index that its summaries leave. rows[0] may be `words`. */

/* Returns the first live block from `block` on, or block_count. */
static inline uint32_t match_next_live(const uint64_t *live, uint32_t block, uint32_t block_count) {
    while (block < block_count) {
        uint64_t rest = live[block / 64] >> (block % 64);
        if (rest) return block + (uint32_t)__builtin_ctzll(rest);
        block = (block / 64 + 1) * 64;
    }
    return block_count;
}

static void match_live_portable(const uint64_t *const *rows, uint32_t row_count,
                                const uint64_t *live, uint32_t block_count, uint64_t *words) {
    for (uint32_t b = match_next_live(live, 0, block_count); b < block_count;
         b = match_next_live(live, b + 1, block_count)) {
        uint64_t block[MATCH_BLOCK_WORDS];
        uint32_t w = b * MATCH_BLOCK_WORDS;
        memcpy(block, rows[0] + w, 64);
        for (uint32_t r = 1; r < row_count; r++) {
            for (int i = 0; i < MATCH_BLOCK_WORDS; i++) block[i] &= rows[r][w + (uint32_t)i];
        }
        memcpy(words + w, block, 64);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void match_live_avx2(const uint64_t *const *rows,
                                                            uint32_t row_count,
                                                            const uint64_t *live,
                                                            uint32_t block_count, uint64_t *words) {
    uint32_t next;
    for (uint32_t b = match_next_live(live, 0, block_count); b < block_count; b = next) {
        uint32_t w = b * MATCH_BLOCK_WORDS;
        next = match_next_live(live, b + 1, block_count);
        const __m256i *row = (const __m256i *)(rows[0] + w);
        __m256i low = _mm256_load_si256(row), high = _mm256_load_si256(row + 1);
        /* One past the last block is prefetched, never read. */
        for (uint32_t r = 1; r < row_count; r++) {
            row = (const __m256i *)(rows[r] + w);
            __builtin_prefetch(rows[r] + next * MATCH_BLOCK_WORDS);
            low = _mm256_and_si256(low, _mm256_load_si256(row));
            high = _mm256_and_si256(high, _mm256_load_si256(row + 1));
        }
        _mm256_store_si256((__m256i *)(words + w), low);
        _mm256_store_si256((__m256i *)(words + w) + 1, high);
    }
}

__attribute__((target("avx512f"))) static void match_live_avx512(const uint64_t *const *rows,
                                                                 uint32_t row_count,
                                                                 const uint64_t *live,
                                                                 uint32_t block_count,
                                                                 uint64_t *words) {
    uint32_t next;
    for (uint32_t b = match_next_live(live, 0, block_count); b < block_count; b = next) {
        uint32_t w = b * MATCH_BLOCK_WORDS;
        next = match_next_live(live, b + 1, block_count);
        __m512i block = _mm512_load_si512(rows[0] + w);
        for (uint32_t r = 1; r < row_count; r++) {
            __builtin_prefetch(rows[r] + next * MATCH_BLOCK_WORDS);
            block = _mm512_and_si512(block, _mm512_load_si512(rows[r] + w));
        }
        _mm512_store_si512(words + w, block);
    }
}
#endif
#endif
