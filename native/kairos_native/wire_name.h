/* Canonical names of attributes: one snake_case form for every spelling, and the names that fields
 * of the message own. The rules stand in docs/guides/ingest.md. */
#ifndef KAIROS_WIRE_NAME_H
#define KAIROS_WIRE_NAME_H
#include "limits.h"
#include "wire_read.h"

#define WIRE_EACH(byte) (0x0101010101010101ull * (byte))

/* Returns a word with a high bit for each of eight bytes that may need more than a look: upper
 * case, dot, control character, or not ASCII. Bytes below 0x80 do not carry into each other, and a
 * word with others returns early. */
WIRE_PART inline uint64_t wire_name_special(uint64_t word) {
    const uint64_t high = WIRE_EACH(0x80ull);
    uint64_t control = ~(word + WIRE_EACH(0x80ull - 0x20)) | (word + WIRE_EACH(0x80ull - 0x7F));
    uint64_t upper = (word + WIRE_EACH(0x80ull - 'A')) & ~(word + WIRE_EACH(0x80ull - 'Z' - 1));
    uint64_t dot = ~((word ^ WIRE_EACH((uint64_t)'.')) + WIRE_EACH(0x7Full));
    if (word & high) return word & high;
    return (control | upper | dot) & high;
}

/* Says whether a name is surely its own canonical form: one part, no byte that needs a look.
 * 0 says "perhaps not". */
WIRE_PART inline int wire_name_plain(const uint8_t *name, uint32_t size) {
    uint64_t special;
    uint32_t i;
    if (size < 8)
        return size
               && !wire_name_special(kairos_load_tail(name, size)
                                     | WIRE_EACH((uint64_t)'a') << (8 * size));
    special = wire_name_special(kairos_load64(name + size - 8));
    for (i = 0; i + 8 < size; i += 8) special |= wire_name_special(kairos_load64(name + i));
    return !special;
}

WIRE_PART inline int wire_is_upper(uint8_t byte) { return byte >= 'A' && byte <= 'Z'; }
WIRE_PART inline int wire_is_lower(uint8_t byte) { return byte >= 'a' && byte <= 'z'; }
WIRE_PART inline int wire_is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

/* Writes the canonical form of a name; returns its size, or 0 when the name is not allowed.
 *   Shapes: name[size] valid UTF-8; result[2 * size]
 *   Bounds: the canonical form has at most 128 bytes, hence the name too: every canonical form is
 *           its own canonical form */
WIRE_PART uint32_t wire_canonical_name(const uint8_t *name, uint32_t size, uint8_t *result) {
    uint32_t used = 0;
    uint8_t previous = '.';
    if (!size || size > KAIROS_ATTRIBUTE_NAME_SIZE_MAX) return 0;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte = name[i];
        if (byte < 0x20 || byte == 0x7F) return 0;
        if (byte == '.' && previous == '.') return 0;
        if (wire_is_upper(byte)) {
            int after_word = wire_is_lower(previous) || wire_is_digit(previous);
            int before_word = wire_is_upper(previous) && i + 1 < size && wire_is_lower(name[i + 1]);
            if (after_word || before_word) result[used++] = '_';
            result[used++] = (uint8_t)(byte + ('a' - 'A'));
        } else {
            result[used++] = byte;
        }
        previous = byte;
    }
    return previous == '.' || used > KAIROS_ATTRIBUTE_NAME_SIZE_MAX ? 0 : used;
}

/* Names that may not be used, ordered by size; `first[n]` is the position of the
 * first name of n bytes. */
enum { WIRE_RESERVED_SIZE_MAX = 17 };
typedef struct wire_reserved {
    const char *const *names;
    uint8_t first[WIRE_RESERVED_SIZE_MAX + 2];
} wire_reserved;

static const char *const wire_reserved_event_names[] = {
    "url", "late", "time", "type", "traits", "channel", "persona", "urgency", "user_id", "consents",
    "event_id", "referrer", "tenant_id", "attributes", "event_type", "session_id", "subject_id",
    "user_agent", "device_type", "identifiers", "producer_id", "value_minor", "subject_type",
    "currency_code", "occurred_time_us", "producer_sequence"};
static const char *const wire_reserved_context_names[] = {
    "channel", "persona", "urgency", "scenario", "placement", "device_type"};
static const char *const wire_reserved_trait_names[] = {
    "age", "event_count", "session_count", "last_seen_time", "first_seen_time"};

__attribute__((unused)) static const wire_reserved wire_reserved_event = {
    wire_reserved_event_names, {0, 0, 0, 0, 1, 4, 4, 5, 9, 12, 13, 18, 22, 23, 24, 24, 24, 25, 26}};
__attribute__((unused)) static const wire_reserved wire_reserved_context = {
    wire_reserved_context_names, {0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 5, 5, 6, 6, 6, 6, 6, 6, 6}};
__attribute__((unused)) static const wire_reserved wire_reserved_trait = {
    wire_reserved_trait_names, {0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 5, 5}};

/* Says whether a canonical name belongs to a field of the message. */
WIRE_PART inline int wire_name_reserved(const wire_reserved *reserved, const uint8_t *name,
                                        uint32_t size) {
    if (size > WIRE_RESERVED_SIZE_MAX) return 0;
    for (uint32_t i = reserved->first[size]; i < reserved->first[size + 1]; i++) {
        const char *candidate = reserved->names[i];
        if ((uint8_t)candidate[0] == name[0] && !memcmp(candidate, name, size)) return 1;
    }
    return 0;
}
#endif
