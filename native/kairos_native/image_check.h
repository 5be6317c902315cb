/* Proves that nothing in a plan image can make the core read outside it. Plain C, so that fuzzers
 * can link it. After image_check returns STATUS_OK, all offsets, ranges, ids, kinds and orders that
 * the core relies on hold. */
#ifndef KAIROS_IMAGE_CHECK_H
#define KAIROS_IMAGE_CHECK_H
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "blake2b.h"
#include "image_check_intake.h"
#include "image_check_rules.h"
#include "image_check_source.h"
#include "image_check_timers.h"
#include "image_view.h"
#include "layout.h"
#include "limits.h"
#include "status.h"

/* ------------------------------------------------------------------ header and sections */

static inline int image_check_sections(image_view *v, uint64_t size) {
    static const uint32_t element_sizes[SECTION_COUNT] = {1,
                                                          sizeof(kairos_dictionary_entry),
                                                          sizeof(kairos_field),
                                                          sizeof(kairos_field),
                                                          sizeof(kairos_field),
                                                          sizeof(kairos_slot),
                                                          sizeof(kairos_range),
                                                          4,
                                                          sizeof(kairos_leaf),
                                                          sizeof(kairos_operand),
                                                          sizeof(kairos_derived),
                                                          sizeof(kairos_term),
                                                          sizeof(kairos_index),
                                                          sizeof(kairos_column),
                                                          sizeof(kairos_number),
                                                          8,
                                                          sizeof(kairos_conjunction),
                                                          sizeof(kairos_rule),
                                                          1,
                                                          sizeof(kairos_placement),
                                                          sizeof(kairos_candidate),
                                                          sizeof(kairos_source),
                                                          4,
                                                          sizeof(kairos_text),
                                                          1,
                                                          sizeof(kairos_effect_template),
                                                          sizeof(kairos_timer),
                                                          4,
                                                          sizeof(kairos_intake),
                                                          sizeof(kairos_range),
                                                          sizeof(kairos_intake_rule),
                                                          sizeof(kairos_text),
                                                          sizeof(kairos_text),
                                                          sizeof(kairos_range)};
    uint64_t start = sizeof(kairos_image_header) + SECTION_COUNT * sizeof(kairos_section);
    if (v->header->section_count != SECTION_COUNT)
        return image_fail(v, "%u sections", v->header->section_count);
    if (size < start) return image_fail(v, "section table cut off");
    for (uint32_t i = 0; i < SECTION_COUNT; i++) {
        const kairos_section *s = v->sections + i;
        uint64_t bytes = (uint64_t)s->count * s->element_size;
        if (s->element_size != element_sizes[i])
            return image_fail(v, "section %u: element size %u", i, s->element_size);
        if (s->offset % IMAGE_ALIGNMENT || s->offset < start || s->offset > size
            || bytes > size - s->offset) {
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
    if (h->layout_id != image_count(v, SECTION_SLOTS))
        return image_fail(v, "layout id %u", h->layout_id);
    if (h->purpose_count > KAIROS_CONSENT_PURPOSES_MAX)
        return image_fail(v, "%u purposes", h->purpose_count);
    if (h->event_effects_max > KAIROS_EVENT_EFFECTS_MAX)
        return image_fail(v, "%u effects of one event", h->event_effects_max);
    if (h->previous_used > 1) return image_fail(v, "previous_used %u", h->previous_used);
    if (image_count(v, SECTION_EVENT_FIELDS) < EVENT_FIELD_FIXED
        || image_count(v, SECTION_CONTEXT_FIELDS) < CONTEXT_FIELD_FIXED) {
        return image_fail(v, "well-known fields missing");
    }
    if (h->event_type_count == UINT32_MAX
        || image_count(v, SECTION_TYPE_SLOTS) != h->event_type_count + 1) {
        return image_fail(v, "type_slots does not have one range per event type");
    }
    return 1;
}

/* ------------------------------------------------------------------ names */

static inline int image_check_entry(const image_view *v, const kairos_dictionary_entry *entry) {
    const kairos_column *columns = (const kairos_column *)image_section(v, SECTION_COLUMNS);
    uint64_t bounds[8] = {0,
                          (uint64_t)v->header->event_type_count + 1,
                          image_count(v, SECTION_EVENT_FIELDS),
                          image_count(v, SECTION_CONTEXT_FIELDS),
                          image_count(v, SECTION_TRAITS),
                          v->header->purpose_count,
                          image_count(v, SECTION_PLACEMENTS),
                          image_count(v, SECTION_TRIGGER_NAMES)};
    if (!image_text(v, entry->text, "dictionary")) return 0;
    if (entry->space < 8) {
        if (entry->id < bounds[entry->space] && (entry->space != SPACE_EVENT_TYPE || entry->id))
            return 1;
    } else if (entry->space >= SPACE_VALUE
               && entry->space - SPACE_VALUE < image_count(v, SECTION_COLUMNS)) {
        const kairos_column *column = columns + (entry->space - SPACE_VALUE);
        uint64_t first = BUCKET_ORDER_FIRST + 2 * (uint64_t)column->threshold_count + 1;
        if (entry->id >= first && entry->id < first + column->string_count) return 1;
    }
    return image_fail(v, "dictionary: id %u in space %u", entry->id, entry->space);
}

static inline int image_check_dictionary(const image_view *v) {
    const kairos_dictionary_entry *entries =
        (const kairos_dictionary_entry *)image_section(v, SECTION_DICTIONARY);
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
        if (fields[i].type > FIELD_TIME || fields[i].type == 1)
            return image_fail(v, "field %u: type %u", i, fields[i].type);
    }
    return 1;
}

static inline int image_check_names(const image_view *v) {
    const kairos_text *names = (const kairos_text *)image_section(v, SECTION_TRIGGER_NAMES);
    for (uint32_t i = 0; i < image_count(v, SECTION_TRIGGER_NAMES); i++) {
        if (!image_text(v, names[i], "trigger name")) return 0;
    }
    return image_check_fields(v, SECTION_EVENT_FIELDS)
           && image_check_fields(v, SECTION_CONTEXT_FIELDS) && image_check_fields(v, SECTION_TRAITS)
           && image_check_dictionary(v);
}

/* ------------------------------------------------------------------ derived values, leaves,
 * operands */

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
            || !image_range(v, SECTION_TERMS, derived[i].term_first, derived[i].term_count,
                            "derived value")) {
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
        if (operand->kind == VALUE_STRING
            && !image_range(v, SECTION_STRINGS, operand->bits, operand->size, "operand")) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_LEAVES); i++) {
        const kairos_leaf *leaf = leaves + i;
        if (leaf->op < LEAF_EQ || leaf->op > LEAF_NOT_HAS)
            return image_fail(v, "leaf %u: operator %u", i, leaf->op);
        if (leaf->op <= LEAF_NOT_GE && leaf->operand_count != 1) {
            return image_fail(v, "leaf %u: %u operands", i, leaf->operand_count);
        }
        if (!image_range(v, SECTION_OPERANDS, leaf->operand_first, leaf->operand_count, "leaf"))
            return 0;
    }
    return 1;
}

/* ------------------------------------------------------------------ slots */

static inline uint32_t image_slot_size(const kairos_slot *slot) {
    switch (slot->kind) {
    case SLOT_COUNT:
    case SLOT_SUM_INT:
    case SLOT_SUM_DOUBLE:
        return 8;
    case SLOT_DECAYED:
        return 16;
    case SLOT_WINDOW_COUNT:
        return (8 + 4 * slot->bucket_count + 7) & ~7u;
    case SLOT_WINDOW_SUM_INT:
    case SLOT_WINDOW_SUM_DOUBLE:
        return 8 + 8 * slot->bucket_count;
    case SLOT_LAST:
    case SLOT_FIRST:
        return sizeof(kairos_slot_value);
    default:
        return slot->size;
    }
}

static inline int image_check_slot(const image_view *v, const kairos_slot *slot, uint32_t id) {
    const kairos_leaf *leaves = (const kairos_leaf *)image_section(v, SECTION_LEAVES);
    uint32_t fields = image_count(v, SECTION_EVENT_FIELDS);
    uint64_t space =
        slot->scope == SLOT_SCOPE_SUBJECT ? v->header->slot_size : v->header->session_slot_size;
    int window = slot->kind >= SLOT_WINDOW_COUNT && slot->kind <= SLOT_WINDOW_SUM_DOUBLE;
    int sum = slot->kind == SLOT_SUM_INT || slot->kind == SLOT_SUM_DOUBLE
              || slot->kind == SLOT_WINDOW_SUM_INT || slot->kind == SLOT_WINDOW_SUM_DOUBLE;
    if (slot->kind > SLOT_FIRST || slot->scope > SLOT_SCOPE_SESSION)
        return image_fail(v, "slot %u: kind or scope", id);
    if (slot->bucket_count > IMAGE_BUCKETS_MAX)
        return image_fail(v, "slot %u: %u buckets", id, slot->bucket_count);
    if (slot->offset % 8 || slot->size % 8 || slot->size != image_slot_size(slot)
        || (uint64_t)slot->offset + slot->size > space) {
        return image_fail(v, "slot %u: %u bytes at %u", id, slot->size, slot->offset);
    }
    if (window
        && (!slot->bucket_count || slot->bucket_us < 1 || slot->window_us < 1
            || slot->bucket_us >> IMAGE_WINDOW_US_MAX_LOG2
            || slot->window_us >> IMAGE_WINDOW_US_MAX_LOG2
            || (slot->bucket_us * (int64_t)slot->bucket_count) >> IMAGE_WINDOW_US_MAX_LOG2)) {
        return image_fail(v, "slot %u: window", id);
    }
    if (!isfinite(slot->decay_per_us) || slot->decay_per_us < 0 || !isfinite(slot->weight)) {
        return image_fail(v, "slot %u: decay or weight", id);
    }
    if (slot->event_type > v->header->event_type_count)
        return image_fail(v, "slot %u: event type", id);
    if (slot->value_field >= fields && (slot->value_field != UINT32_MAX || sum)) {
        return image_fail(v, "slot %u: value field %u", id, slot->value_field);
    }
    if (!image_range(v, SECTION_LEAVES, slot->filter_first, slot->filter_count, "slot filter"))
        return 0;
    for (uint32_t i = 0; i < slot->filter_count; i++) {
        if (leaves[slot->filter_first + i].column >= fields)
            return image_fail(v, "slot %u: filter %u", id, i);
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
        if (!image_range(v, SECTION_SLOT_LIST, ranges[i].first, ranges[i].count, "type slots"))
            return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_SLOT_LIST); i++) {
        if (listed[i] >= image_count(v, SECTION_SLOTS) || !slots[listed[i]].kind) {
            return image_fail(v, "slot list: slot %u", listed[i]);
        }
    }
    return 1;
}

/* ------------------------------------------------------------------ all */

/* Checks a whole image. `data` is at a 64-byte boundary.
 *   Errors: STATUS_IMAGE_CORRUPT, STATUS_IMAGE_VERSION; `message` says what and where */
static inline int32_t image_check(const uint8_t *data, uint64_t size, char *message,
                                  uint32_t message_size) {
    const kairos_image_header *header = (const kairos_image_header *)data;
    image_view v = {data, header, (const kairos_section *)(data + sizeof *header), message,
                    message_size};
    uint8_t digest[BLAKE2B_256_SIZE];
    if (message_size) message[0] = 0;
    if (size < sizeof *header || memcmp(header->magic, "KAIRPLAN", 8) || header->image_size != size
        || size % IMAGE_ALIGNMENT) {
        image_fail(&v, "not a plan image, or cut off");
        return STATUS_IMAGE_CORRUPT;
    }
    if (header->version != KAIROS_IMAGE_VERSION
        || header->semantics_version != KAIROS_SEMANTICS_VERSION) {
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
    if (image_check_sections(&v, size) && image_check_header(&v) && image_check_leaves(&v)
        && image_check_slots(&v) && image_check_sources(&v) && image_check_rules(&v)
        && image_check_timers(&v) && image_check_placements(&v) && image_check_names(&v)
        && image_check_intake(&v)) {
        return STATUS_OK;
    }
    return STATUS_IMAGE_CORRUPT;
}
#endif
