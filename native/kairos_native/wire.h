/* Scans kairos.v1 messages in place: no message object, no heap, no copy but of names that change.
 *
 * Security model. Every byte may come from an enemy. For any `data` and `size`,
 * in any state of the arena:
 *
 *   W1  Nothing outside data[0 .. size) is read, nothing but the results, the fault and the arena
 *       is written. A length is compared with the bytes that are left before it is added to a
 *       position.
 *   W2  A varint has at most 10 bytes and its 10th is at most 1; a tag or a length has at most 5
 *       and is below 2^32.
 *   W3  Field number 0, a field number above 2^29 - 1, groups (wire types 3 and 4) and wire types 6
 *       and 7 are refused.
 *   W4  No recursion: nesting is what the contract names (Event -> Attribute, Event ->
 *       ConsentChange, Event -> Identifier, DecideRequest -> Context -> Attribute), and an unknown
 *       field is skipped as bytes, never opened. Stack below 8 KiB.
 *   W5  Every `string` of the contract is valid UTF-8, also in an occurrence that a later one
 *       overwrites. Unknown fields, and known fields of another wire type, are skipped unread, as
 *       protobuf does.
 *   W6  The last occurrence of a scalar, and of a oneof, counts, as in protobuf. A singular message
 *       that occurs twice is refused where protobuf would merge, so that no two readers see two
 *       different messages.
 *   W7  Counts are capped while the message is read; the arena is bounded by
 *       WIRE_EVENT_ARENA_SIZE whatever is sent.
 *   W8  Work is O(size): names chosen to collide meet a table that is keyed after 16 probes
 *       (wire_table_rekey).
 *   W9  The verdict is a function of the bytes: the same status, field and values on every machine;
 *       results point into the message and the arena only.
 *
 * What protobuf accepts and this refuses: groups, numbers above 64 bits, singular messages twice,
 * and all that the rules of the fields forbid. What protobuf refuses, this refuses. tests/fuzz
 * asserts W1 to W7, tests/property the agreement with protobuf, docs/guides/ingest.md lists every
 * refusal.
 *
 * Order of refusals. First size. Then wire format, UTF-8 and counts: the outer message from its
 * first byte to its last, then its submessages, in the order of their fields' numbers, then of
 * their positions. Then the rules of the fields in the order of their numbers. */
#ifndef KAIROS_WIRE_H
#define KAIROS_WIRE_H

/* A field's tag says which of its members are set; gcc cannot follow that, and setting all of them
 * costs a tenth of the scan. tests/fuzz/run_wire.sh runs the corpus under valgrind instead, which
 * sees every branch on an unset byte. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include "wire_attribute.h"

typedef struct wire_event {
    const uint8_t *event_id;
    const uint8_t *event_type;
    const uint8_t *subject_id;
    const uint8_t *session_id;
    const uint8_t *persona;
    const uint8_t *url;
    const uint8_t *referrer;
    const uint8_t *currency_code;
    const uint8_t *tenant_id;
    const uint8_t *producer_id;
    const uint8_t *user_agent;
    wire_attribute *attributes;
    wire_attribute *traits;
    wire_consent *consents;
    wire_identifier *identifiers;
    int64_t occurred_us;
    int64_t value_minor;
    uint64_t producer_sequence;
    uint32_t event_id_size;
    uint32_t event_type_size;
    uint32_t subject_id_size;
    uint32_t session_id_size;
    uint32_t persona_size;
    uint32_t url_size;
    uint32_t referrer_size;
    uint32_t currency_code_size;
    uint32_t tenant_id_size;
    uint32_t producer_id_size;
    uint32_t user_agent_size;
    uint32_t attribute_count;
    uint32_t trait_count;
    uint32_t consent_count;
    uint32_t identifier_count;
    uint8_t has_occurred;
    uint8_t has_value;
    uint8_t device_type;
    uint8_t channel;
    uint8_t urgency;
    uint8_t subject_type;
} wire_event;

typedef struct wire_decide {
    const uint8_t *subject_id;
    const uint8_t *tenant_id;
    const uint8_t *placement;
    const uint8_t *scenario;
    const uint8_t *persona;
    wire_attribute *attributes;
    int64_t at_us;
    uint32_t subject_id_size;
    uint32_t tenant_id_size;
    uint32_t placement_size;
    uint32_t scenario_size;
    uint32_t persona_size;
    uint32_t attribute_count;
    uint32_t max_variants;
    uint8_t has_at;
    uint8_t require_consent;
    uint8_t device_type;
    uint8_t channel;
    uint8_t urgency;
} wire_decide;

/* Greatest numbers of the enums, and the counts of numbered fields. */
enum {
    WIRE_DEVICE_TYPE_MAX = 5,
    WIRE_CHANNEL_MAX = 9,
    WIRE_URGENCY_MAX = 4,
    WIRE_CONSENT_STATUS_MAX = 2,
    WIRE_EVENT_FIELDS = 23,
    WIRE_CONTEXT_FIELDS = 8
};

/* Arrays and canonical names of the greatest event, each rounded up to the arena's 16 bytes. */
enum {
    WIRE_EVENT_ARENA_SIZE = (KAIROS_EVENT_ATTRIBUTES_MAX + KAIROS_EVENT_TRAITS_MAX)
                                * ((int)sizeof(wire_attribute) + KAIROS_ATTRIBUTE_NAME_SIZE_MAX)
                            + KAIROS_EVENT_CONSENTS_MAX * (int)sizeof(wire_consent)
                            + KAIROS_EVENT_IDENTIFIERS_MAX * (int)sizeof(wire_identifier) + 5 * 16
};
_Static_assert(KAIROS_ATTRIBUTE_NAME_SIZE_MAX % 16 == 0, "a name fills whole steps of the arena");
_Static_assert(KAIROS_EVENT_TRAITS_MAX <= KAIROS_EVENT_ATTRIBUTES_MAX,
               "the table of names serves both lists");

#include "wire_event.h"
#include "wire_request.h"
#pragma GCC diagnostic pop
#endif
