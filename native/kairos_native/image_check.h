/* Proves that nothing in a plan image can make the core read outside it. Plain C, so that fuzzers can link it.
 * After image_check returns STATUS_OK, all offsets, ranges, ids, kinds and orders that the core relies on hold. */
#ifndef KAIROS_IMAGE_CHECK_H
#define KAIROS_IMAGE_CHECK_H
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "blake2b.h"
#include "compare.h"
#include "layout.h"
#include "limits.h"
#include "status.h"

enum {
    IMAGE_ALIGNMENT = 64,
    IMAGE_HASH_FIRST = 40,              /* the plan id covers all that follows it, the rest of the header too */
    IMAGE_BUCKETS_MAX = 256,            /* buckets of one window */
    IMAGE_WINDOW_US_MAX_LOG2 = 56       /* two thousand years: sums of a time and a window stay inside int64 */
};
/* Residual leaves of all conjunctions together: overlapping ranges could otherwise make a load quadratic. */
#define IMAGE_RESIDUALS_MAX (1ull << 28)

typedef struct image_view {
    const uint8_t *data;
    const kairos_image_header *header;
    const kairos_section *sections;
    char *message;
    uint32_t message_size;
} image_view;

static inline int image_fail(const image_view *v, const char *format, ...) {
    va_list arguments;
    if (!v->message_size) return 0;
    va_start(arguments, format);
    vsnprintf(v->message, v->message_size, format, arguments);
    va_end(arguments);
    return 0;
}

static inline const void *image_section(const image_view *v, uint32_t section) {
    return v->data + v->sections[section].offset;
}

static inline uint32_t image_count(const image_view *v, uint32_t section) {
    return v->sections[section].count;
}

static inline int image_range(const image_view *v, uint32_t section, uint64_t first, uint64_t count, const char *what) {
    uint64_t total = image_count(v, section);
    if (first <= total && count <= total - first) return 1;
    return image_fail(v, "%s: range %llu + %llu leaves section %u of %llu elements", what, (unsigned long long)first,
                      (unsigned long long)count, section, (unsigned long long)total);
}

static inline int image_text(const image_view *v, kairos_text text, const char *what) {
    return image_range(v, SECTION_STRINGS, text.offset, text.size, what);
}

/* ------------------------------------------------------------------ header and sections */

static inline int image_check_sections(image_view *v, uint64_t size) {
    static const uint32_t element_sizes[SECTION_COUNT] = {
        1, sizeof(kairos_dictionary_entry), sizeof(kairos_field), sizeof(kairos_field), sizeof(kairos_field),
        sizeof(kairos_slot), sizeof(kairos_range), 4, sizeof(kairos_leaf), sizeof(kairos_operand),
        sizeof(kairos_derived), sizeof(kairos_term), sizeof(kairos_index), sizeof(kairos_column),
        sizeof(kairos_number), 8, sizeof(kairos_conjunction), sizeof(kairos_rule), 1, sizeof(kairos_placement),
        sizeof(kairos_candidate), sizeof(kairos_source), 4, sizeof(kairos_text), 1};
    uint64_t start = sizeof(kairos_image_header) + SECTION_COUNT * sizeof(kairos_section);
    if (v->header->section_count != SECTION_COUNT) return image_fail(v, "%u sections", v->header->section_count);
    if (size < start) return image_fail(v, "section table cut off");
    for (uint32_t i = 0; i < SECTION_COUNT; i++) {
        const kairos_section *s = v->sections + i;
        uint64_t bytes = (uint64_t)s->count * s->element_size;
        if (s->element_size != element_sizes[i]) return image_fail(v, "section %u: element size %u", i, s->element_size);
        if (s->offset % IMAGE_ALIGNMENT || s->offset < start || s->offset > size || bytes > size - s->offset) {
            return image_fail(v, "section %u leaves the image", i);
        }
    }
    return 1;
}

static inline int image_check_header(const image_view *v) {
    const kairos_image_header *h = v->header;
    if (h->slot_size % 8 || h->slot_size > KAIROS_SLOT_BYTES_MAX || h->session_slot_size % 8
        || h->session_slot_size > KAIROS_SESSION_SLOT_BYTES_MAX) {
        return image_fail(v, "slot sizes %u and %u", h->slot_size, h->session_slot_size);
    }
    if (h->layout_id != image_count(v, SECTION_SLOTS)) return image_fail(v, "layout id %u", h->layout_id);
    if (h->purpose_count > KAIROS_CONSENT_PURPOSES_MAX) return image_fail(v, "%u purposes", h->purpose_count);
    if (h->previous_used > 1) return image_fail(v, "previous_used %u", h->previous_used);
    if (image_count(v, SECTION_EVENT_FIELDS) < EVENT_FIELD_FIXED
        || image_count(v, SECTION_CONTEXT_FIELDS) < CONTEXT_FIELD_FIXED) {
        return image_fail(v, "well-known fields missing");
    }
    if (h->event_type_count == UINT32_MAX || image_count(v, SECTION_TYPE_SLOTS) != h->event_type_count + 1) {
        return image_fail(v, "type_slots does not have one range per event type");
    }
    return 1;
}

/* ------------------------------------------------------------------ names */

static inline int image_check_entry(const image_view *v, const kairos_dictionary_entry *entry) {
    const kairos_column *columns = (const kairos_column *)image_section(v, SECTION_COLUMNS);
    uint64_t bounds[8] = {
        0, (uint64_t)v->header->event_type_count + 1, image_count(v, SECTION_EVENT_FIELDS),
        image_count(v, SECTION_CONTEXT_FIELDS), image_count(v, SECTION_TRAITS), v->header->purpose_count,
        image_count(v, SECTION_PLACEMENTS), image_count(v, SECTION_TRIGGER_NAMES)};
    if (!image_text(v, entry->text, "dictionary")) return 0;
    if (entry->space < 8) {
        if (entry->id < bounds[entry->space] && (entry->space != SPACE_EVENT_TYPE || entry->id)) return 1;
    } else if (entry->space >= SPACE_VALUE && entry->space - SPACE_VALUE < image_count(v, SECTION_COLUMNS)) {
        const kairos_column *column = columns + (entry->space - SPACE_VALUE);
        uint64_t first = BUCKET_ORDER_FIRST + 2 * (uint64_t)column->threshold_count + 1;
        if (entry->id >= first && entry->id < first + column->string_count) return 1;
    }
    return image_fail(v, "dictionary: id %u in space %u", entry->id, entry->space);
}

static inline int image_check_dictionary(const image_view *v) {
    const kairos_dictionary_entry *entries = (const kairos_dictionary_entry *)image_section(v, SECTION_DICTIONARY);
    uint32_t count = image_count(v, SECTION_DICTIONARY), used = 0;
    if (!count || count & (count - 1)) return image_fail(v, "dictionary of %u entries", count);
    for (uint32_t i = 0; i < count; i++) {
        if (!entries[i].space) continue;
        used++;
        if (!image_check_entry(v, entries + i)) return 0;
    }
    /* Probing ends at an empty entry. */
    if (used > count / 2) return image_fail(v, "dictionary: %u of %u entries used", used, count);
    return 1;
}

static inline int image_check_fields(const image_view *v, uint32_t section) {
    const kairos_field *fields = (const kairos_field *)image_section(v, section);
    for (uint32_t i = 0; i < image_count(v, section); i++) {
        if (!image_text(v, fields[i].name, "field")) return 0;
        if (fields[i].type > FIELD_TIME || fields[i].type == 1) return image_fail(v, "field %u: type %u", i, fields[i].type);
    }
    return 1;
}

static inline int image_check_names(const image_view *v) {
    const kairos_text *names = (const kairos_text *)image_section(v, SECTION_TRIGGER_NAMES);
    for (uint32_t i = 0; i < image_count(v, SECTION_TRIGGER_NAMES); i++) {
        if (!image_text(v, names[i], "trigger name")) return 0;
    }
    return image_check_fields(v, SECTION_EVENT_FIELDS) && image_check_fields(v, SECTION_CONTEXT_FIELDS)
           && image_check_fields(v, SECTION_TRAITS) && image_check_dictionary(v);
}

/* ------------------------------------------------------------------ sources, leaves, operands */

/* `in_term`: a term of a derived value must not read a derived value, or reading could recurse without end. */
static inline int image_check_source(const image_view *v, const kairos_source *source, int in_term) {
    const kairos_slot *slots = (const kairos_slot *)image_section(v, SECTION_SLOTS);
    uint64_t bound = 0;
    int previous = source->kind == SOURCE_SLOT_PREVIOUS || source->kind == SOURCE_DERIVED_PREVIOUS;
    int slot = source->kind == SOURCE_SLOT || source->kind == SOURCE_SLOT_PREVIOUS;
    int derived = source->kind == SOURCE_DERIVED || source->kind == SOURCE_DERIVED_PREVIOUS;
    if (source->kind == SOURCE_EVENT) bound = image_count(v, SECTION_EVENT_FIELDS);
    if (source->kind == SOURCE_CONTEXT) bound = image_count(v, SECTION_CONTEXT_FIELDS);
    if (source->kind == SOURCE_TRAIT) bound = image_count(v, SECTION_TRAITS);
    if (slot) bound = image_count(v, SECTION_SLOTS);
    if (derived) bound = image_count(v, SECTION_DERIVED);
    if (source->kind == SOURCE_CONSENT) bound = v->header->purpose_count;
    if (source->kind == SOURCE_SESSION) bound = SESSION_FIELD_IS_NEW + 1;
    if (source->kind == SOURCE_PROFILE) bound = PROFILE_FIELD_AGE + 1;
    if (source->kind == SOURCE_NOW) bound = UINT64_MAX;
    if (source->id >= bound || source->part > PART_AGE || (derived && in_term)) {
        return image_fail(v, "source: kind %u, id %u, part %u", source->kind, source->id, source->part);
    }
    if (slot) {
        uint8_t kind = slots[source->id].kind;
        if (!kind || (source->part != PART_VALUE && kind != SLOT_LAST && kind != SLOT_FIRST)) {
            return image_fail(v, "source: part %u of slot %u of kind %u", source->part, source->id, kind);
        }
    }
    if (previous && !v->header->previous_used) return image_fail(v, "previous_used does not say what sources read");
    return 1;
}

static inline int image_check_sources(const image_view *v) {
    const kairos_source *sources = (const kairos_source *)image_section(v, SECTION_SCORE_SOURCES);
    const kairos_term *terms = (const kairos_term *)image_section(v, SECTION_TERMS);
    const kairos_derived *derived = (const kairos_derived *)image_section(v, SECTION_DERIVED);
    for (uint32_t i = 0; i < image_count(v, SECTION_SCORE_SOURCES); i++) {
        if (!image_check_source(v, sources + i, 0)) return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_TERMS); i++) {
        if (!image_check_source(v, &terms[i].source, 1)) return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_DERIVED); i++) {
        if (derived[i].kind != DERIVED_ENGAGEMENT && derived[i].kind != DERIVED_LOGISTIC) {
            return image_fail(v, "derived value %u: kind %u", i, derived[i].kind);
        }
        if (!image_text(v, derived[i].name, "derived value")
            || !image_range(v, SECTION_TERMS, derived[i].term_first, derived[i].term_count, "derived value")) {
            return 0;
        }
    }
    return 1;
}

static inline int image_check_leaves(const image_view *v) {
    const kairos_operand *operands = (const kairos_operand *)image_section(v, SECTION_OPERANDS);
    const kairos_leaf *leaves = (const kairos_leaf *)image_section(v, SECTION_LEAVES);
    for (uint32_t i = 0; i < image_count(v, SECTION_OPERANDS); i++) {
        const kairos_operand *operand = operands + i;
        if (operand->kind < VALUE_NULL || operand->kind > VALUE_DURATION) {
            return image_fail(v, "operand %u: kind %u", i, operand->kind);
        }
        if (operand->kind == VALUE_STRING && !image_range(v, SECTION_STRINGS, operand->bits, operand->size, "operand")) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_LEAVES); i++) {
        const kairos_leaf *leaf = leaves + i;
        if (leaf->op < LEAF_EQ || leaf->op > LEAF_NOT_HAS) return image_fail(v, "leaf %u: operator %u", i, leaf->op);
        if (leaf->op <= LEAF_NOT_GE && leaf->operand_count != 1) {
            return image_fail(v, "leaf %u: %u operands", i, leaf->operand_count);
        }
        if (!image_range(v, SECTION_OPERANDS, leaf->operand_first, leaf->operand_count, "leaf")) return 0;
    }
    return 1;
}

/* ------------------------------------------------------------------ slots */

static inline uint32_t image_slot_size(const kairos_slot *slot) {
    switch (slot->kind) {
    case SLOT_COUNT: case SLOT_SUM_INT: case SLOT_SUM_DOUBLE: return 8;
    case SLOT_DECAYED: return 16;
    case SLOT_WINDOW_COUNT: return (8 + 4 * slot->bucket_count + 7) & ~7u;
    case SLOT_WINDOW_SUM_INT: case SLOT_WINDOW_SUM_DOUBLE: return 8 + 8 * slot->bucket_count;
    case SLOT_LAST: case SLOT_FIRST: return sizeof(kairos_slot_value);
    default: return slot->size;
    }
}

static inline int image_check_slot(const image_view *v, const kairos_slot *slot, uint32_t id) {
    const kairos_leaf *leaves = (const kairos_leaf *)image_section(v, SECTION_LEAVES);
    uint32_t fields = image_count(v, SECTION_EVENT_FIELDS);
    uint64_t space = slot->scope == SLOT_SCOPE_SUBJECT ? v->header->slot_size : v->header->session_slot_size;
    int window = slot->kind >= SLOT_WINDOW_COUNT && slot->kind <= SLOT_WINDOW_SUM_DOUBLE;
    int sum = slot->kind == SLOT_SUM_INT || slot->kind == SLOT_SUM_DOUBLE || slot->kind == SLOT_WINDOW_SUM_INT
              || slot->kind == SLOT_WINDOW_SUM_DOUBLE;
    if (slot->kind > SLOT_FIRST || slot->scope > SLOT_SCOPE_SESSION) return image_fail(v, "slot %u: kind or scope", id);
    if (slot->bucket_count > IMAGE_BUCKETS_MAX) return image_fail(v, "slot %u: %u buckets", id, slot->bucket_count);
    if (slot->offset % 8 || slot->size % 8 || slot->size != image_slot_size(slot)
        || (uint64_t)slot->offset + slot->size > space) {
        return image_fail(v, "slot %u: %u bytes at %u", id, slot->size, slot->offset);
    }
    if (window && (!slot->bucket_count || slot->bucket_us < 1 || slot->window_us < 1
                   || slot->bucket_us >> IMAGE_WINDOW_US_MAX_LOG2 || slot->window_us >> IMAGE_WINDOW_US_MAX_LOG2
                   || (slot->bucket_us * (int64_t)slot->bucket_count) >> IMAGE_WINDOW_US_MAX_LOG2)) {
        return image_fail(v, "slot %u: window", id);
    }
    if (!isfinite(slot->decay_per_us) || slot->decay_per_us < 0 || !isfinite(slot->weight)) {
        return image_fail(v, "slot %u: decay or weight", id);
    }
    if (slot->event_type > v->header->event_type_count) return image_fail(v, "slot %u: event type", id);
    if (slot->value_field >= fields && (slot->value_field != UINT32_MAX || sum)) {
        return image_fail(v, "slot %u: value field %u", id, slot->value_field);
    }
    if (!image_range(v, SECTION_LEAVES, slot->filter_first, slot->filter_count, "slot filter")) return 0;
    for (uint32_t i = 0; i < slot->filter_count; i++) {
        if (leaves[slot->filter_first + i].column >= fields) return image_fail(v, "slot %u: filter %u", id, i);
    }
    return 1;
}

static inline int image_check_slots(const image_view *v) {
    const kairos_slot *slots = (const kairos_slot *)image_section(v, SECTION_SLOTS);
    const kairos_range *ranges = (const kairos_range *)image_section(v, SECTION_TYPE_SLOTS);
    const uint32_t *listed = (const uint32_t *)image_section(v, SECTION_SLOT_LIST);
    uint64_t filters = 0;
    for (uint32_t i = 0; i < image_count(v, SECTION_SLOTS); i++) {
        filters += slots[i].filter_count;
        if (filters > IMAGE_RESIDUALS_MAX) return image_fail(v, "slot filters: too many leaves");
        if (!image_check_slot(v, slots + i, i)) return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_TYPE_SLOTS); i++) {
        if (!image_range(v, SECTION_SLOT_LIST, ranges[i].first, ranges[i].count, "type slots")) return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_SLOT_LIST); i++) {
        if (listed[i] >= image_count(v, SECTION_SLOTS) || !slots[listed[i]].kind) {
            return image_fail(v, "slot list: slot %u", listed[i]);
        }
    }
    return 1;
}

/* ------------------------------------------------------------------ indexes */

static inline int image_check_thresholds(const image_view *v, const kairos_column *column) {
    const kairos_number *numbers = (const kairos_number *)image_section(v, SECTION_THRESHOLDS) + column->threshold_first;
    for (uint32_t i = 0; i < column->threshold_count; i++) {
        int is_int = numbers[i].kind == VALUE_INT;
        if (!is_int && (numbers[i].kind != VALUE_DOUBLE || isnan(kairos_double(numbers[i].bits)))) {
            return image_fail(v, "threshold of kind %u", numbers[i].kind);
        }
        if (i && compare_number(numbers[i - 1].bits, numbers[i - 1].kind == VALUE_INT, numbers[i].bits, is_int)
                     != COMPARE_LESS) {
            return image_fail(v, "thresholds are not sorted");
        }
    }
    return 1;
}

/* A bit beyond the last conjunction would name one that does not exist. */
static inline int image_check_padding(const image_view *v, const kairos_index *index, uint64_t row_word) {
    const uint64_t *row = (const uint64_t *)image_section(v, SECTION_ROWS) + row_word;
    uint32_t word = index->conjunction_count / 64, rest = index->conjunction_count % 64;
    if (rest && row[word++] >> rest) return image_fail(v, "row at word %llu: padding", (unsigned long long)row_word);
    for (; word < index->word_count; word++) {
        if (row[word]) return image_fail(v, "row at word %llu: padding", (unsigned long long)row_word);
    }
    return 1;
}

static inline int image_check_column(const image_view *v, const kairos_index *index, const kairos_column *column) {
    uint64_t buckets = BUCKET_ORDER_FIRST + 2 * (uint64_t)column->threshold_count + 1 + column->string_count;
    if (!image_check_source(v, &column->source, 0)) return 0;
    if (column->threshold_class > CLASS_DURATION || buckets > UINT32_MAX) return image_fail(v, "column: class or size");
    if (!image_range(v, SECTION_THRESHOLDS, column->threshold_first, column->threshold_count, "column")) return 0;
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
        (const kairos_conjunction *)image_section(v, SECTION_CONJUNCTIONS) + index->conjunction_first;
    const kairos_leaf *leaves = (const kairos_leaf *)image_section(v, SECTION_LEAVES);
    uint64_t residuals = 0;
    uint32_t last = index->rule_first;
    for (uint32_t i = 0; i < index->conjunction_count; i++) {
        const kairos_conjunction *c = conjunctions + i;
        if (c->rule < last || c->rule - index->rule_first >= index->rule_count) {
            return image_fail(v, "conjunction %u: rule %u", i, c->rule);
        }
        last = c->rule;
        residuals += c->residual_count;
        if (residuals > IMAGE_RESIDUALS_MAX) return image_fail(v, "too many residual leaves");
        if (!image_range(v, SECTION_LEAVES, c->residual_first, c->residual_count, "conjunction")) return 0;
        for (uint32_t k = 0; k < c->residual_count; k++) {
            if (leaves[c->residual_first + k].column >= index->column_count) {
                return image_fail(v, "conjunction %u: column of residual %u", i, k);
            }
        }
    }
    return 1;
}

static inline int image_check_index(const image_view *v, const kairos_index *index) {
    const kairos_column *columns = (const kairos_column *)image_section(v, SECTION_COLUMNS) + index->column_first;
    if (!image_range(v, SECTION_COLUMNS, index->column_first, index->column_count, "index columns")
        || !image_range(v, SECTION_CONJUNCTIONS, index->conjunction_first, index->conjunction_count, "index conjunctions")
        || !image_range(v, SECTION_RULES, index->rule_first, index->rule_count, "index rules")
        || !image_range(v, SECTION_ROWS, index->row_first, 0, "index rows")) {
        return 0;
    }
    if (index->column_count > KAIROS_COLUMNS_MAX) return image_fail(v, "index of %u columns", index->column_count);
    if (!index->word_count || index->word_count % 8 || (uint64_t)index->word_count * 64 < index->conjunction_count
        || index->word_count / 8 > index->conjunction_count / 512 + 1) {
        return image_fail(v, "index: %u words for %u conjunctions", index->word_count, index->conjunction_count);
    }
    for (uint32_t i = 0; i < index->column_count; i++) {
        if (!image_check_column(v, index, columns + i)) return 0;
    }
    return image_check_conjunctions(v, index);
}

static inline int image_check_rules(const image_view *v) {
    const kairos_index *indexes = (const kairos_index *)image_section(v, SECTION_INDEXES);
    const kairos_rule *rules = (const kairos_rule *)image_section(v, SECTION_RULES);
    if (image_count(v, SECTION_INDEXES) != INDEX_COUNT) return image_fail(v, "%u indexes", image_count(v, SECTION_INDEXES));
    for (uint32_t i = 0; i < INDEX_COUNT; i++) {
        if (!image_check_index(v, indexes + i)) return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_RULES); i++) {
        if (!image_range(v, SECTION_BLOBS, rules[i].blob_offset, rules[i].blob_size, "rule")) return 0;
        if (i - indexes[INDEX_TRIGGERS].rule_first < indexes[INDEX_TRIGGERS].rule_count
            && rules[i].number >= image_count(v, SECTION_TRIGGER_NAMES)) {
            return image_fail(v, "rule %u: trigger number %u", i, rules[i].number);
        }
    }
    return 1;
}

/* ------------------------------------------------------------------ placements */

static inline int image_check_placement(const image_view *v, const kairos_placement *p, uint32_t id) {
    if (!image_range(v, SECTION_CANDIDATES, p->candidate_first, p->candidate_count, "placement")
        || !image_range(v, SECTION_SCORE_SOURCES, p->source_first, p->source_count, "placement")
        || !image_text(v, p->name, "placement")) {
        return 0;
    }
    if (p->candidate_count > KAIROS_PLACEMENT_CANDIDATES_MAX || p->source_count > KAIROS_SCORE_FEATURES_MAX) {
        return image_fail(v, "placement %u: %u candidates, %u features", id, p->candidate_count, p->source_count);
    }
    if (p->weight_stride % 16 || p->weight_stride != (p->candidate_count + 15) / 16 * 16 || p->weight_first % 16) {
        return image_fail(v, "placement %u: weights", id);
    }
    if (p->fallback != UINT32_MAX && p->fallback >= image_count(v, SECTION_CANDIDATES)) {
        return image_fail(v, "placement %u: fallback %u", id, p->fallback);
    }
    return image_range(v, SECTION_SCORE_WEIGHTS, p->weight_first, (uint64_t)p->source_count * p->weight_stride,
                       "placement");
}

static inline int image_check_placements(const image_view *v) {
    const kairos_placement *placements = (const kairos_placement *)image_section(v, SECTION_PLACEMENTS);
    const kairos_candidate *candidates = (const kairos_candidate *)image_section(v, SECTION_CANDIDATES);
    const kairos_index *decide = (const kairos_index *)image_section(v, SECTION_INDEXES) + INDEX_DECIDE;
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

/* Checks a whole image. `data` is at a 64-byte boundary.
 *   Errors: STATUS_IMAGE_CORRUPT, STATUS_IMAGE_VERSION; `message` says what and where */
static inline int32_t image_check(const uint8_t *data, uint64_t size, char *message, uint32_t message_size) {
    const kairos_image_header *header = (const kairos_image_header *)data;
    image_view v = {data, header, (const kairos_section *)(data + sizeof *header), message, message_size};
    uint8_t digest[BLAKE2B_256_SIZE];
    if (message_size) message[0] = 0;
    if (size < sizeof *header || memcmp(header->magic, "KAIRPLAN", 8) || header->image_size != size
        || size % IMAGE_ALIGNMENT) {
        image_fail(&v, "not a plan image, or cut off");
        return STATUS_IMAGE_CORRUPT;
    }
    if (header->version != KAIROS_IMAGE_VERSION || header->semantics_version != KAIROS_SEMANTICS_VERSION) {
        image_fail(&v, "image version %u, semantics %u; this core reads %u and %u", header->version,
                   header->semantics_version, KAIROS_IMAGE_VERSION, KAIROS_SEMANTICS_VERSION);
        return STATUS_IMAGE_VERSION;
    }
    blake2b_256(data + IMAGE_HASH_FIRST, size - IMAGE_HASH_FIRST, digest);
    if (memcmp(digest, header->plan_id, sizeof digest)) {
        image_fail(&v, "the plan id is not the hash of the bytes");
        return STATUS_IMAGE_CORRUPT;
    }
    /* Order matters: leaves and slots before those that point to them, sections before all. */
    if (image_check_sections(&v, size) && image_check_header(&v) && image_check_leaves(&v) && image_check_slots(&v)
        && image_check_sources(&v) && image_check_rules(&v) && image_check_placements(&v) && image_check_names(&v)) {
        return STATUS_OK;
    }
    return STATUS_IMAGE_CORRUPT;
}
#endif
