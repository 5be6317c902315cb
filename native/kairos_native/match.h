/* Buckets, bit rows and survivors. Why it is built so: docs/adr/0007-bit-rows.md and
 * docs/adr/0027-access-clusters.md. */
#ifndef KAIROS_MATCH_H
#define KAIROS_MATCH_H
#include <stdint.h>
#include <string.h>
#include "layout.h"
#include "limits.h"
#include "match_bucket.h"
#include "match_kernel.h"
#include "match_leaf.h"

/* ------------------------------------------------------------------ candidates */

static inline uint32_t match_block_count(const kairos_index *index) {
    return index->word_count / MATCH_BLOCK_WORDS;
}

/* Opens the gate of the conjunctions that need column `column`, which the event has. */
static inline void match_open(const match_tables *t, uint32_t column, uint64_t *words) {
    const kairos_range *range = t->access + column;
    uint32_t at = range->first, end = range->first + range->count;
    while (at < end) {
        uint32_t bit = at % 64, size = 64 - bit < end - at ? 64 - bit : end - at;
        words[at / 64] |= (size == 64 ? ~0ull : (1ull << size) - 1) << bit;
        at += size;
    }
}

/* Sets the bits [0, count) and clears the others. */
static inline void match_fill(uint64_t *words, uint32_t word_count, uint32_t count) {
    uint32_t full = count / 64;
    memset(words, 0xff, (size_t)full * 8);
    memset(words + full, 0, (size_t)(word_count - full) * 8);
    if (count % 64) words[full] = (1ull << (count % 64)) - 1;
}

/* Collects the rows of the event; returns how many. In a clustered index the live blocks are those
 * that every summary leaves; a gate, where there is one, stands in `words` and is the first row. */
MATCH_INLINE uint32_t match_collect(const match_tables *t, const kairos_index *index,
                                    const kairos_value *values, const uint64_t **rows,
                                    uint64_t *words, match_scene *scene, match_search *search) {
    uint32_t blocks = match_block_count(index), live_words = (blocks + 63) / 64, count = 0;
    int gated = index->clustered && index->gated_first < index->conjunction_count;
    match_fill(scene->live, live_words, blocks);
    if (gated) {
        match_fill(words, index->word_count, index->gated_first);
        rows[count++] = words;
    }
    uint32_t i = 0;
    for (; i < index->column_count; i++) {
        uint32_t number = index->column_first + i;
        const kairos_column *column = t->columns + number;
        if (column->row_word == UINT64_MAX) break;
        uint64_t bucket = match_value_bucket(t, number, values + i, search);
        scene->buckets[i] = (uint32_t)bucket;
        rows[count++] = t->rows + column->row_word + bucket * index->word_count;
        if (index->clustered) {
            const uint64_t *summary =
                t->summaries + t->summary_first[number] + bucket * live_words;
            for (uint32_t w = 0; w < live_words; w++) scene->live[w] &= summary[w];
        }
    }
    /* Columns without rows stand last: of thousands, only those of the event are looked at. */
    for (; gated && i < index->column_count; i++) {
        if (values[i].kind != VALUE_ABSENT) match_open(t, index->column_first + i, words);
    }
    if (gated) {
        for (uint32_t b = index->gated_first / 512; b < blocks; b++) {
            uint64_t any = 0;
            const uint64_t *block = words + b * MATCH_BLOCK_WORDS;
            for (uint32_t w = 0; w < MATCH_BLOCK_WORDS; w++) any |= block[w];
            if (!any) scene->live[b / 64] &= ~(1ull << (b % 64));
        }
    }
    return count;
}

#define MATCH_CANDIDATES(name, search, and_all, and_live)                                          \
    static inline void name(const match_tables *t, const kairos_index *index,                      \
                            const kairos_value *values, uint64_t *words, match_scene *scene) {     \
        const uint64_t *rows[KAIROS_COLUMNS_MAX + 1];                                              \
        uint32_t count = match_collect(t, index, values, rows, words, scene, search);              \
        if (!count)                                                                                \
            match_fill(words, index->word_count, index->conjunction_count);                        \
        else if (index->clustered)                                                                 \
            and_live(rows, count, scene->live, match_block_count(index), words);                   \
        else                                                                                       \
            and_all(rows, count, index->word_count, words);                                        \
    }

MATCH_CANDIDATES(match_candidates_portable, match_search_portable, match_and_portable,
                 match_live_portable)
#if defined(__x86_64__)
__attribute__((target("avx2,popcnt,bmi")))
MATCH_CANDIDATES(match_candidates_avx2, match_search_portable, match_and_avx2, match_live_avx2)
__attribute__((target("avx512f,popcnt,bmi")))
MATCH_CANDIDATES(match_candidates_avx512, match_search_avx512, match_and_avx512, match_live_avx512)
#endif

/* ------------------------------------------------------------------ survivors */

/* True when the row of the event's bucket has left the leaf open; else it holds in a survivor. */
static inline int match_leaf_open(const kairos_leaf *leaf, const match_scene *scene) {
    uint32_t open = (uint32_t)leaf->open_bucket[0] | (uint32_t)leaf->open_bucket[1] << 8
                    | (uint32_t)leaf->open_bucket[2] << 16;
    return open == LEAF_OPEN_ALWAYS || open == scene->buckets[leaf->column];
}

static inline int match_residual_holds(const match_tables *t, const kairos_conjunction *conjunction,
                                       const kairos_value *values, const match_scene *scene) {
    const kairos_leaf *leaf = t->leaves + conjunction->residual_first;
    for (uint32_t i = 0; i < conjunction->residual_count; i++, leaf++) {
        if (match_leaf_open(leaf, scene)
            && !match_leaf_holds(t->strings, t->operands, leaf, values + leaf->column)) {
            return 0;
        }
    }
    return 1;
}

/* Survivors are handled in chunks: positions first; then all conjunctions that have residual
 * leaves, all their leaves and all operands are on their way before the first one is needed, so
 * that cache misses overlap (a quarter of the time where every threshold is distinct). */
enum { MATCH_CHUNK = 256 };

typedef struct match_chunk {
    uint32_t positions[MATCH_CHUNK + 66];
    uint32_t count;
} match_chunk;

/* Writes first + the place of each bit of a word; returns how many. Two are written whether or not
 * the word has them: most words have none, one or two, and a branch on that could not be foreseen.
 *   Shapes: places has room for two more than the word has bits */
MATCH_INLINE uint32_t match_places(uint64_t word, uint32_t first, uint32_t *places) {
    const uint64_t last = 1ull << 63; /* counting zeros of an empty word is undefined */
    uint32_t count = (uint32_t)__builtin_popcountll(word);
    places[0] = first + (uint32_t)__builtin_ctzll(word | last);
    word &= word - 1;
    places[1] = first + (uint32_t)__builtin_ctzll(word | last);
    for (uint32_t i = 2; i < count; i++) {
        word &= word - 1;
        places[i] = first + (uint32_t)__builtin_ctzll(word);
    }
    return count;
}

/* Takes survivors from word *at on until the chunk is full or the words end. */
MATCH_INLINE void match_chunk_take(const kairos_index *index, const uint64_t *words,
                                   const match_scene *scene, uint32_t *at, match_chunk *chunk) {
    uint32_t count = 0, w = *at;
    for (; w < index->word_count && count < MATCH_CHUNK; w++) {
        if (index->clustered && w % MATCH_BLOCK_WORDS == 0) {
            w = match_next_live(scene->live, w / MATCH_BLOCK_WORDS, match_block_count(index))
                * MATCH_BLOCK_WORDS;
            if (w == index->word_count) break;
        }
        count += match_places(words[w], w * 64, chunk->positions + count);
    }
    *at = w;
    chunk->count = count;
}

/* Keeps the survivors that hold. */
static inline void match_chunk_check(const match_tables *t, const kairos_conjunction *conjunctions,
                                     const kairos_value *values, const match_scene *scene,
                                     match_chunk *chunk) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < chunk->count; i++)
        __builtin_prefetch(conjunctions + chunk->positions[i]);
    for (uint32_t i = 0; i < chunk->count; i++)
        __builtin_prefetch(t->leaves + conjunctions[chunk->positions[i]].residual_first);
    for (uint32_t i = 0; i < chunk->count; i++) {
        const kairos_conjunction *conjunction = conjunctions + chunk->positions[i];
        for (uint32_t k = 0; k < conjunction->residual_count; k++) {
            const kairos_leaf *leaf = t->leaves + conjunction->residual_first + k;
            if (match_leaf_open(leaf, scene))
                __builtin_prefetch(t->operands + leaf->operand_first);
        }
    }
    for (uint32_t i = 0; i < chunk->count; i++) {
        chunk->positions[kept] = chunk->positions[i];
        kept += (uint32_t)match_residual_holds(t, conjunctions + chunk->positions[i], values,
                                               scene);
    }
    chunk->count = kept;
}

MATCH_INLINE void match_chunk_next(const match_tables *t, const kairos_index *index,
                                   const kairos_value *values, const uint64_t *words,
                                   const match_scene *scene, uint32_t *at, match_chunk *chunk) {
    match_chunk_take(index, words, scene, at, chunk);
    if (index->residual_count) {
        match_chunk_check(t, t->conjunctions + index->conjunction_first, values, scene, chunk);
    }
}

/* Writes the rules of the surviving conjunctions of an index that is not clustered: sorted by rule,
 * so that a rule's repeats are neighbours; a repeat writes its predecessor's place again. */
MATCH_INLINE uint32_t match_extract(const match_tables *t, const kairos_index *index,
                                    const kairos_value *values, const uint64_t *words,
                                    const match_scene *scene, uint32_t *rules) {
    const uint32_t *rule_of = t->conjunction_rules + index->conjunction_first;
    match_chunk chunk;
    uint32_t count = 0, last = UINT32_MAX, w = 0;
    while (w < index->word_count) {
        match_chunk_next(t, index, values, words, scene, &w, &chunk);
        for (uint32_t i = 0; i < chunk.count; i++) {
            uint32_t rule = rule_of[chunk.positions[i]];
            count -= rule == last;
            rules[count++] = last = rule;
        }
    }
    return count;
}

MATCH_INLINE void match_extract_bits(const match_tables *t, const kairos_index *index,
                                     const kairos_value *values, const uint64_t *words,
                                     const match_scene *scene, uint64_t *rule_bits) {
    const uint32_t *rule_of = t->conjunction_rules + index->conjunction_first;
    match_chunk chunk;
    uint32_t w = 0;
    memset(rule_bits, 0, (size_t)((index->rule_count + 63) / 64) * 8);
    while (w < index->word_count) {
        match_chunk_next(t, index, values, words, scene, &w, &chunk);
        for (uint32_t i = 0; i < chunk.count; i++) {
            uint32_t rule = rule_of[chunk.positions[i]] - index->rule_first;
            rule_bits[rule / 64] |= 1ull << (rule % 64);
        }
    }
}

/* Lists the bits of rules, ascending. */
MATCH_INLINE uint32_t match_list(const kairos_index *index, const uint64_t *rule_bits,
                                 uint32_t *rules) {
    uint32_t places[66], count = 0, words = (index->rule_count + 63) / 64;
    for (uint32_t w = 0; w < words; w++) {
        uint32_t found = match_places(rule_bits[w], index->rule_first + w * 64, places);
        /* Room for two more is sure as long as the rules of two more words may follow. */
        if (w + 2 < words) {
            rules[count] = places[0];
            rules[count + 1] = places[1];
            for (uint32_t i = 2; i < found; i++) rules[count + i] = places[i];
        } else {
            for (uint32_t i = 0; i < found; i++) rules[count + i] = places[i];
        }
        count += found;
    }
    return count;
}

/* ------------------------------------------------------------------ whole matches */

#define MATCH_WHOLE(name, candidates)                                                              \
    static uint32_t name(const match_tables *t, const kairos_index *index,                         \
                         const kairos_value *values, uint64_t *words, uint64_t *rule_bits,         \
                         uint32_t *rules) {                                                        \
        match_scene scene;                                                                         \
        candidates(t, index, values, words, &scene);                                               \
        if (rules && !index->clustered)                                                            \
            return match_extract(t, index, values, words, &scene, rules);                          \
        match_extract_bits(t, index, values, words, &scene, rule_bits);                            \
        return rules ? match_list(index, rule_bits, rules) : 0;                                    \
    }

MATCH_WHOLE(match_whole_portable, match_candidates_portable)
#if defined(__x86_64__)
__attribute__((target("avx2,popcnt,bmi"))) MATCH_WHOLE(match_whole_avx2, match_candidates_avx2)
__attribute__((target("avx512f,popcnt,bmi")))
MATCH_WHOLE(match_whole_avx512, match_candidates_avx512)
#endif

/* Matches one event; all kernels give the same. `rules` NULL: only rule_bits are written.
 *   Returns: number of rules written */
static inline uint32_t match_whole(const match_tables *t, const kairos_index *index,
                                   const kairos_value *values, uint32_t kernel, uint64_t *words,
                                   uint64_t *rule_bits, uint32_t *rules) {
#if defined(__x86_64__)
    if (kernel == 2) return match_whole_avx512(t, index, values, words, rule_bits, rules);
    if (kernel == 1) return match_whole_avx2(t, index, values, words, rule_bits, rules);
#endif
    return match_whole_portable(t, index, values, words, rule_bits, rules);
}

/* Bucket of one value, for explanations and tests. */
static inline uint32_t match_bucket_of(const match_tables *t, uint32_t column_index,
                                       const kairos_value *value) {
    return match_value_bucket(t, column_index, value, match_search_portable);
}

/* Best kernel of this machine: 0 portable, 1 AVX2, 2 AVX-512. */
static inline uint32_t match_kernel_detect(void) {
#if defined(__x86_64__)
    int bits = __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi");
    if (bits && __builtin_cpu_supports("avx512f")) return 2;
    if (bits && __builtin_cpu_supports("avx2")) return 1;
#endif
    return 0;
}
#endif
