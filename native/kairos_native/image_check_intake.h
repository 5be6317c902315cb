/* Checks of a plan image's rules for events that come in; see image_check.h, which has checked the
 * fields before. */
#ifndef KAIROS_IMAGE_CHECK_INTAKE_H
#define KAIROS_IMAGE_CHECK_INTAKE_H
#include <stdint.h>
#include "image_view.h"
#include "limits.h"

static inline int image_check_texts(const image_view *v, uint32_t section, uint32_t count_max,
                                    uint32_t size_max) {
    const kairos_text *texts = (const kairos_text *)image_section(v, section);
    if (image_count(v, section) > count_max)
        return image_fail(v, "section %u: %u texts", section, image_count(v, section));
    for (uint32_t i = 0; i < image_count(v, section); i++) {
        if (!image_text(v, texts[i], "intake")) return 0;
        if (!texts[i].size || texts[i].size > size_max)
            return image_fail(v, "section %u: text %u", section, i);
    }
    return 1;
}

static inline int image_check_intake_types(const image_view *v) {
    const kairos_range *types = (const kairos_range *)image_section(v, SECTION_INTAKE_TYPES);
    const kairos_intake_rule *rules =
        (const kairos_intake_rule *)image_section(v, SECTION_INTAKE_RULES);
    uint32_t count = image_count(v, SECTION_INTAKE_TYPES);
    if (count && count != v->header->event_type_count + 1)
        return image_fail(v, "intake: %u event types", count);
    for (uint32_t i = 0; i < count; i++) {
        if (types[i].count > KAIROS_INTAKE_RULES_MAX)
            return image_fail(v, "intake: %u rules of type %u", types[i].count, i);
        if (!image_range(v, SECTION_INTAKE_RULES, types[i].first, types[i].count, "intake"))
            return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_INTAKE_RULES); i++) {
        if (rules[i].field >= image_count(v, SECTION_EVENT_FIELDS) || rules[i].required > 1)
            return image_fail(v, "intake: rule %u", i);
    }
    return 1;
}

static inline int image_check_intake(const image_view *v) {
    const kairos_intake *intake = (const kairos_intake *)image_section(v, SECTION_INTAKE);
    uint32_t count = image_count(v, SECTION_INTAKE);
    if (count > 1 || (!count && image_count(v, SECTION_INTAKE_TYPES)))
        return image_fail(v, "intake: %u elements", count);
    for (uint32_t i = 0; count && i < INTAKE_FIELD_COUNT; i++) {
        if (intake->fields[i] == UINT32_MAX) continue;
        if (intake->fields[i] < EVENT_FIELD_FIXED
            || intake->fields[i] >= image_count(v, SECTION_EVENT_FIELDS))
            return image_fail(v, "intake: field %u", intake->fields[i]);
    }
    return image_check_intake_types(v)
           && image_check_texts(v, SECTION_QUERY_NAMES, KAIROS_QUERY_NAMES_MAX,
                                KAIROS_QUERY_NAME_SIZE_MAX)
           && image_check_texts(v, SECTION_SITE_HOSTS, KAIROS_SITE_HOSTS_MAX, 255);
}
#endif
