/* Checks of a plan image's indexes and placements; see image_check.h, which has checked leaves and
 * slots before. */
#ifndef KAIROS_IMAGE_CHECK_RULES_H
#define KAIROS_IMAGE_CHECK_RULES_H
#include <math.h>
#include <stdint.h>
#include "compare.h"
#include "image_check_source.h"
#include "image_view.h"
#include "limits.h"

/* ------------------------------------------------------------------ indexes */

static inline int image_check_thresholds(const image_view *v, const kairos_column *column) {
    const kairos_number *numbers =
        (const kairos_number *)image_section(v, SECTION_THRESHOLDS) + column->threshold_first;
    for (uint32_t i = 0; i < column->threshold_count; i++) {
        int is_int = numbers[i].kind == VALUE_INT;
        if (!is_int && (numbers[i].kind != VALUE_DOUBLE || isnan(kairos_double(numbers[i].bits)))) {
            return image_fail(v, "threshold of kind %u", numbers[i].kind);
        }
        if (i
            && compare_number(numbers[i - 1].bits, numbers[i - 1].kind == VALUE_INT,
                              numbers[i].bits, is_int)
                   != COMPARE_LESS) {
            return image_fail(v, "thresholds are not sorted");
        }
    }
    return 1;
}

/* A bit beyond the last conjunction would name one that does not exist. */
static inline int image_check_padding(const image_view *v, const kairos_index *index,
                                      uint64_t row_word) {
    const uint64_t *row = (const uint64_t *)image_section(v, SECTION_ROWS) + row_word;
    uint32_t word = index->conjunction_count / 64, rest = index->conjunction_count % 64;
    if (rest && row[word++] >> rest)
        return image_fail(v, "row at word %llu: padding", (unsigned long long)row_word);
    for (; word < index->word_count; word++) {
        if (row[word])
            return image_fail(v, "row at word %llu: padding", (unsigned long long)row_word);
    }
    return 1;
}

static inline int image_check_column(const image_view *v, const kairos_index *index,
                                     const kairos_column *column) {
    uint64_t buckets =
        BUCKET_ORDER_FIRST + 2 * (uint64_t)column->threshold_count + 1 + column->string_count;
    if (!image_check_source(v, &column->source, 0)) return 0;
    if (column->threshold_class > CLASS_DURATION || buckets > UINT32_MAX)
        return image_fail(v, "column: class or size");
    if (!image_range(v, SECTION_THRESHOLDS, column->threshold_first, column->threshold_count,
                     "column"))
        return 0;
    if (!image_check_thresholds(v, column)) return 0;
    if (column->row_word == UINT64_MAX) return 1;
    if (column->row_word % 8 || buckets * index->word_count / buckets != index->word_count
        || !image_range(v, SECTION_ROWS, column->row_word, buckets * index->word_count, "column")) {
        return image_fail(v, "column: rows at word %llu", (unsigned long long)column->row_word);
    }
    for (uint64_t i = 0; i < buckets; i++) {
        if (!image_check_padding(v, index, column->row_word + i * index->word_count)) return 0;
    }
    return 1;
}

static inline int image_check_conjunctions(const image_view *v, const kairos_index *index) {
    const kairos_conjunction *conjunctions =
        (const kairos_conjunction *)image_section(v, SECTION_CONJUNCTIONS)
        + index->conjunction_first;
    const kairos_leaf *leaves = (const kairos_leaf *)image_section(v, SECTION_LEAVES);
    const kairos_column *columns =
        (const kairos_column *)image_section(v, SECTION_COLUMNS) + index->column_first;
    uint64_t residuals = 0;
    uint32_t last = index->rule_first;
    for (uint32_t i = 0; i < index->conjunction_count; i++) {
        const kairos_conjunction *c = conjunctions + i;
        if ((c->rule < last && !index->clustered)
            || c->rule - index->rule_first >= index->rule_count) {
            return image_fail(v, "conjunction %u: rule %u", i, c->rule);
        }
        last = c->rule;
        residuals += c->residual_count;
        if (residuals > IMAGE_RESIDUALS_MAX) return image_fail(v, "too many residual leaves");
        if (!image_range(v, SECTION_LEAVES, c->residual_first, c->residual_count, "conjunction"))
            return 0;
        for (uint32_t k = 0; k < c->residual_count; k++) {
            const kairos_leaf *leaf = leaves + c->residual_first + k;
            if (leaf->column >= index->column_count) {
                return image_fail(v, "conjunction %u: column of residual %u", i, k);
            }
            /* Without rows there is no bucket to compare with. */
            if (columns[leaf->column].row_word == UINT64_MAX
                && (leaf->open_bucket[0] & leaf->open_bucket[1] & leaf->open_bucket[2]) != 0xff) {
                return image_fail(v, "conjunction %u: open bucket of residual %u", i, k);
            }
        }
    }
    if (residuals != index->residual_count)
        return image_fail(v, "index of %u residual leaves", index->residual_count);
    return 1;
}

static inline int image_check_index(const image_view *v, const kairos_index *index) {
    const kairos_column *columns =
        (const kairos_column *)image_section(v, SECTION_COLUMNS) + index->column_first;
    if (!image_range(v, SECTION_COLUMNS, index->column_first, index->column_count, "index columns")
        || !image_range(v, SECTION_CONJUNCTIONS, index->conjunction_first, index->conjunction_count,
                        "index conjunctions")
        || !image_range(v, SECTION_RULES, index->rule_first, index->rule_count, "index rules")
        || !image_range(v, SECTION_ROWS, index->row_first, 0, "index rows")) {
        return 0;
    }
    if (index->column_count > KAIROS_COLUMNS_MAX)
        return image_fail(v, "index of %u columns", index->column_count);
    if (!index->word_count || index->word_count % 8
        || (uint64_t)index->word_count * 64 < index->conjunction_count
        || index->word_count / 8 > index->conjunction_count / 512 + 1) {
        return image_fail(v, "index: %u words for %u conjunctions", index->word_count,
                          index->conjunction_count);
    }
    if (index->clustered > 1 || index->gated_first > index->conjunction_count
        || index->word_count / 8 > IMAGE_BLOCKS_MAX) {
        return image_fail(v, "index: %u words, gated from %u", index->word_count,
                          index->gated_first);
    }
    for (uint32_t i = 0; i < index->column_count; i++) {
        const kairos_range *range = (const kairos_range *)image_section(v, SECTION_ACCESS)
                                    + index->column_first + i;
        if (!image_check_column(v, index, columns + i)) return 0;
        if (i && columns[i].row_word != UINT64_MAX && columns[i - 1].row_word == UINT64_MAX)
            return image_fail(v, "column %u: rows behind a column without", i);
        if (range->first > index->conjunction_count
            || range->count > index->conjunction_count - range->first) {
            return image_fail(v, "column %u: access", i);
        }
    }
    return image_check_conjunctions(v, index);
}

static inline int image_check_rules(const image_view *v) {
    const kairos_index *indexes = (const kairos_index *)image_section(v, SECTION_INDEXES);
    const kairos_rule *rules = (const kairos_rule *)image_section(v, SECTION_RULES);
    if (image_count(v, SECTION_ACCESS) != image_count(v, SECTION_COLUMNS))
        return image_fail(v, "%u access ranges", image_count(v, SECTION_ACCESS));
    if (image_count(v, SECTION_INDEXES) != INDEX_COUNT)
        return image_fail(v, "%u indexes", image_count(v, SECTION_INDEXES));
    for (uint32_t i = 0; i < INDEX_COUNT; i++) {
        if (!image_check_index(v, indexes + i)) return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_RULES); i++) {
        if (!image_range(v, SECTION_BLOBS, rules[i].blob_offset, rules[i].blob_size, "rule"))
            return 0;
        if (i - indexes[INDEX_TRIGGERS].rule_first < indexes[INDEX_TRIGGERS].rule_count
            && rules[i].number >= image_count(v, SECTION_TRIGGER_NAMES)) {
            return image_fail(v, "rule %u: trigger number %u", i, rules[i].number);
        }
    }
    return 1;
}

/* ------------------------------------------------------------------ placements */

static inline int image_check_placement(const image_view *v, const kairos_placement *p,
                                        uint32_t id) {
    if (!image_range(v, SECTION_CANDIDATES, p->candidate_first, p->candidate_count, "placement")
        || !image_range(v, SECTION_SCORE_SOURCES, p->source_first, p->source_count, "placement")
        || !image_text(v, p->name, "placement")) {
        return 0;
    }
    if (p->candidate_count > KAIROS_PLACEMENT_CANDIDATES_MAX
        || p->source_count > KAIROS_SCORE_FEATURES_MAX) {
        return image_fail(v, "placement %u: %u candidates, %u features", id, p->candidate_count,
                          p->source_count);
    }
    if (p->weight_stride % 16 || p->weight_stride != (p->candidate_count + 15) / 16 * 16
        || p->weight_first % 16) {
        return image_fail(v, "placement %u: weights", id);
    }
    if (p->fallback != UINT32_MAX && p->fallback >= image_count(v, SECTION_CANDIDATES)) {
        return image_fail(v, "placement %u: fallback %u", id, p->fallback);
    }
    return image_range(v, SECTION_SCORE_WEIGHTS, p->weight_first,
                       (uint64_t)p->source_count * p->weight_stride, "placement");
}

static inline int image_check_placements(const image_view *v) {
    const kairos_placement *placements =
        (const kairos_placement *)image_section(v, SECTION_PLACEMENTS);
    const kairos_candidate *candidates =
        (const kairos_candidate *)image_section(v, SECTION_CANDIDATES);
    const kairos_index *decide =
        (const kairos_index *)image_section(v, SECTION_INDEXES) + INDEX_DECIDE;
    for (uint32_t i = 0; i < image_count(v, SECTION_PLACEMENTS); i++) {
        if (!image_check_placement(v, placements + i, i)) return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_CANDIDATES); i++) {
        const kairos_candidate *c = candidates + i;
        if (!image_range(v, SECTION_BLOBS, c->blob_offset, c->blob_size, "candidate")) return 0;
        if (c->rule != UINT32_MAX && c->rule - decide->rule_first >= decide->rule_count) {
            return image_fail(v, "candidate %u: rule %u", i, c->rule);
        }
    }
    return 1;
}
#endif
