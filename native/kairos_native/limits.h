/* Named limits of the native core; units last in names. server/kairos_server/limits.py reads them
 * through the engine's door, so that each number stands once. Relations are asserted at the end. */
/* The build puts this folder on the include path, so <limits.h> of the C library is reached through
 * this file; outside of the guard, because the compiler's own limits.h comes by twice. */
#include_next <limits.h>
#ifndef KAIROS_LIMITS_H
#define KAIROS_LIMITS_H

enum {
    KAIROS_BATCH_EVENTS_MAX = 1000,
    KAIROS_COMMIT_RECORDS_MAX = 4096,
    KAIROS_EVENT_SIZE_MAX = 65536,
    KAIROS_MESSAGE_SIZE_MAX = 4194304,
    KAIROS_EVENT_ATTRIBUTES_MAX = 256,
    KAIROS_EVENT_TRAITS_MAX = 64,
    KAIROS_EVENT_CONSENTS_MAX = 64,
    KAIROS_EVENT_IDENTIFIERS_MAX = 16,
    KAIROS_STRING_SIZE_MAX = 8192,
    KAIROS_ATTRIBUTE_NAME_SIZE_MAX = 128,
    KAIROS_EVENT_TYPE_SIZE_MAX = 128,
    KAIROS_EVENT_ID_SIZE_MAX = 128,
    KAIROS_SUBJECT_ID_SIZE_MAX = 256,
    KAIROS_SESSION_ID_SIZE_MAX = 256,
    KAIROS_PRODUCER_ID_SIZE_MAX = 128,
    KAIROS_USER_AGENT_SIZE_MAX = 2048,
    KAIROS_QUERY_NAMES_MAX = 64,
    KAIROS_QUERY_NAME_SIZE_MAX = 64,
    KAIROS_SITE_HOSTS_MAX = 64,
    /* attributes that one event type may name or require */
    KAIROS_INTAKE_RULES_MAX = 256,
    KAIROS_TENANT_ID_SIZE_MAX = 64,
    KAIROS_WIRE_DEPTH_MAX = 32,
    KAIROS_RECORD_SIZE_MAX = 65536,
    KAIROS_RECORD_TRAIT_SIZE_MAX = 1024,    /* a longer string trait is refused at ingest */
    /* traits kept per subject; further new ones are ignored and counted */
    KAIROS_RECORD_TRAITS_MAX = 64,
    /* longer texts are not kept: the slot keeps its time, the value is absent */
    KAIROS_SLOT_TEXT_SIZE_MAX = 255,
    KAIROS_SLOT_BYTES_MAX = 16384,
    KAIROS_SESSION_SLOT_BYTES_MAX = 1024,
    KAIROS_SESSIONS_KEPT = 4,
    KAIROS_CONSENT_PURPOSES_MAX = 64,
    /* triggers one event may fire; a plan with more trigger rules is checked against it */
    KAIROS_TRIGGERS_FIRED_MAX = 4096,
    KAIROS_VARIANTS_MAX = 100,
    KAIROS_PLACEMENT_CANDIDATES_MAX = 16384,
    KAIROS_SCORE_FEATURES_MAX = 256,
    KAIROS_COLUMNS_MAX = 4096,
    KAIROS_TENANTS_MAX = 1024,
    /* timer ids ever given out in a tenant; an entry of the record holds one in 16 bits */
    KAIROS_TIMERS_MAX = 65535,
    /* pending at once for one subject: of one timer with TIMER_EACH; of all timers */
    KAIROS_TIMERS_EACH_MAX = 8,
    KAIROS_SUBJECT_TIMERS_MAX = 128,
    KAIROS_TICK_TIMERS_MAX = 1000,
    /* effects and timers that one event may cause; a plan is checked against it */
    KAIROS_EVENT_EFFECTS_MAX = 1024,
    KAIROS_ACTION_SIZE_MAX = 16384,
    KAIROS_EFFECT_REASON_SIZE_MAX = 512,    /* of a failed attempt; a longer one is cut */
    KAIROS_GROUP_MEMBERS_MAX = 64,
    KAIROS_GROUP_LINKS_MAX = 256
};

_Static_assert(KAIROS_BATCH_EVENTS_MAX <= KAIROS_COMMIT_RECORDS_MAX,
               "one batch fits one group commit");
_Static_assert(KAIROS_EVENT_SIZE_MAX <= KAIROS_MESSAGE_SIZE_MAX, "one event fits one message");
_Static_assert(KAIROS_STRING_SIZE_MAX < KAIROS_EVENT_SIZE_MAX, "one string fits one event");
_Static_assert(KAIROS_SLOT_BYTES_MAX + KAIROS_SESSIONS_KEPT * (48 + KAIROS_SESSION_SLOT_BYTES_MAX)
               + 160 + KAIROS_RECORD_TRAITS_MAX * 64 < KAIROS_RECORD_SIZE_MAX,
               "fixed parts fit the record");
#endif
