/* Checks of a plan image's timers and effects; see image_check.h, which has checked rules before.
 */
#ifndef KAIROS_IMAGE_CHECK_TIMERS_H
#define KAIROS_IMAGE_CHECK_TIMERS_H
#include <stdint.h>
#include "image_view.h"
#include "limits.h"

static inline int image_check_effects(const image_view *v) {
    const kairos_effect_template *effects =
        (const kairos_effect_template *)image_section(v, SECTION_EFFECTS);
    for (uint32_t i = 0; i < image_count(v, SECTION_EFFECTS); i++) {
        if (!image_range(v, SECTION_BLOBS, effects[i].blob_offset, effects[i].blob_size, "effect"))
            return 0;
        if (effects[i].blob_size > KAIROS_ACTION_SIZE_MAX
            || effects[i].trigger >= image_count(v, SECTION_TRIGGER_NAMES)) {
            return image_fail(v, "effect %u: size or trigger", i);
        }
    }
    return 1;
}

static inline int image_check_timer(const image_view *v, const kairos_timer *timer, uint32_t id) {
    const kairos_index *still =
        (const kairos_index *)image_section(v, SECTION_INDEXES) + INDEX_TIMERS;
    if (timer->kind > TIMER_NEXT_SESSION) return image_fail(v, "timer %u: kind", id);
    if (timer->kind == TIMER_RETIRED) return 1;
    if (timer->policy < TIMER_RESTART || timer->policy > TIMER_EACH)
        return image_fail(v, "timer %u: policy %u", id, timer->policy);
    /* A time and a delay must stay inside int64. */
    if (timer->delay_us < 0 || timer->delay_us >> IMAGE_WINDOW_US_MAX_LOG2 || timer->spread_us < 0
        || timer->spread_us >> IMAGE_WINDOW_US_MAX_LOG2) {
        return image_fail(v, "timer %u: delay", id);
    }
    if (timer->trigger >= image_count(v, SECTION_TRIGGER_NAMES))
        return image_fail(v, "timer %u: trigger %u", id, timer->trigger);
    if (timer->effect_count > KAIROS_EVENT_EFFECTS_MAX)
        return image_fail(v, "timer %u: %u effects", id, timer->effect_count);
    if (timer->still_rule != UINT32_MAX
        && timer->still_rule - still->rule_first >= still->rule_count) {
        return image_fail(v, "timer %u: rule %u", id, timer->still_rule);
    }
    return image_range(v, SECTION_EFFECTS, timer->effect_first, timer->effect_count, "timer");
}

/* Rules, once more: what they arm, cancel and emit. */
static inline int image_check_roles(const image_view *v) {
    const kairos_rule *rules = (const kairos_rule *)image_section(v, SECTION_RULES);
    for (uint32_t i = 0; i < image_count(v, SECTION_RULES); i++) {
        if (rules[i].role > RULE_STILL) return image_fail(v, "rule %u: role %u", i, rules[i].role);
        if (!image_range(v, SECTION_TIMER_LIST, rules[i].timer_first, rules[i].timer_count,
                         "rule timers")
            || !image_range(v, SECTION_EFFECTS, rules[i].effect_first, rules[i].effect_count,
                            "rule effects")) {
            return 0;
        }
    }
    return 1;
}

static inline int image_check_timers(const image_view *v) {
    const kairos_timer *timers = (const kairos_timer *)image_section(v, SECTION_TIMERS);
    const uint32_t *listed = (const uint32_t *)image_section(v, SECTION_TIMER_LIST);
    if (image_count(v, SECTION_TIMERS) > KAIROS_TIMERS_MAX)
        return image_fail(v, "%u timers", image_count(v, SECTION_TIMERS));
    for (uint32_t i = 0; i < image_count(v, SECTION_TIMERS); i++) {
        if (!image_check_timer(v, timers + i, i)) return 0;
    }
    for (uint32_t i = 0; i < image_count(v, SECTION_TIMER_LIST); i++) {
        if (listed[i] >= image_count(v, SECTION_TIMERS))
            return image_fail(v, "timer list: timer %u", listed[i]);
    }
    return image_check_effects(v) && image_check_roles(v);
}
#endif
