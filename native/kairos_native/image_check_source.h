/* Checks where a value is read from; used by indexes, placements and derived values. */
#ifndef KAIROS_IMAGE_CHECK_SOURCE_H
#define KAIROS_IMAGE_CHECK_SOURCE_H
#include <stdint.h>
#include "image_view.h"

/* `in_term`: a term of a derived value must not read a derived value, or reading could recurse
 * without end. */
static inline int image_check_source(const image_view *v, const kairos_source *source,
                                     int in_term) {
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
        return image_fail(v, "source: kind %u, id %u, part %u", source->kind, source->id,
                          source->part);
    }
    if (slot) {
        uint8_t kind = slots[source->id].kind;
        if (!kind || (source->part != PART_VALUE && kind != SLOT_LAST && kind != SLOT_FIRST)) {
            return image_fail(v, "source: part %u of slot %u of kind %u", source->part, source->id,
                              kind);
        }
    }
    if (previous && !v->header->previous_used)
        return image_fail(v, "previous_used does not say what sources read");
    return 1;
}
#endif
