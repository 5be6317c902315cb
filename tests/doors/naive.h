/* The control of the match benchmarks: what a careful programmer writes without an index.
 * Predicates of a rule stand together, 24 bytes each; an event's values are put into flat arrays
 * once; a rule ends at its first false predicate. */
#ifndef KAIROS_NAIVE_H
#define KAIROS_NAIVE_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "layout.h"

enum { NAIVE_COLUMNS_MAX = 4096 };

typedef struct naive_predicate {
    union {
        struct {
            double low, high;
        } range;       /* low <= x < high */
        uint64_t mask; /* bit i: the string with id i */
    } test;
    uint32_t column;
    uint32_t is_set;
} naive_predicate;

typedef struct naive_rules {
    naive_predicate *predicates;
    uint32_t *first; /* rule_count + 1 */
    uint32_t rule_count, used, size;
} naive_rules;

static naive_rules *naive_new(uint32_t rule_count, uint32_t predicate_count) {
    naive_rules *rules = calloc(1, sizeof *rules);
    rules->predicates = calloc((size_t)predicate_count + 1, sizeof(naive_predicate));
    rules->first = calloc((size_t)rule_count + 1, 4);
    rules->rule_count = rule_count;
    rules->size = predicate_count;
    return rules;
}

static void naive_delete(naive_rules *rules) {
    if (!rules) return;
    free(rules->predicates);
    free(rules->first);
    free(rules);
}

/* Rules are added in order, all predicates of one after another. */
static int naive_add(naive_rules *rules, uint32_t rule, uint32_t column, uint32_t is_set,
                     uint64_t mask, double low, double high) {
    if (rules->used == rules->size || column >= NAIVE_COLUMNS_MAX) return 0;
    naive_predicate *p = rules->predicates + rules->used++;
    p->column = column;
    p->is_set = is_set;
    if (is_set)
        p->test.mask = mask;
    else
        p->test.range.low = low, p->test.range.high = high;
    /* Rules without a predicate end where the next one starts; every rule of this workload has
     * some. */
    rules->first[rule + 1] = rules->used;
    return 1;
}

static uint32_t naive_match(const naive_rules *rules, const kairos_value *values,
                            const uint32_t *ids, uint32_t column_count, uint32_t *matched) {
    uint64_t sets[NAIVE_COLUMNS_MAX];
    double numbers[NAIVE_COLUMNS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < column_count; i++) {
        /* An absent value fails both tests: no bit, and NaN is in no range. */
        sets[i] = values[i].kind == VALUE_STRING ? 1ull << ids[i] : 0;
        numbers[i] = __builtin_nan("");
        if (values[i].kind == VALUE_DOUBLE) memcpy(numbers + i, &values[i].bits, 8);
    }
    for (uint32_t r = 0; r < rules->rule_count; r++) {
        const naive_predicate *p = rules->predicates + rules->first[r];
        const naive_predicate *end = rules->predicates + rules->first[r + 1];
        for (; p < end; p++) {
            if (p->is_set) {
                if (!(sets[p->column] & p->test.mask)) break;
            } else {
                double x = numbers[p->column];
                if (!(x >= p->test.range.low && x < p->test.range.high)) break;
            }
        }
        if (p == end) matched[count++] = r;
    }
    return count;
}
#endif
