/* Reads protobuf's wire format: varints, fields, UTF-8. The rules that these functions keep are W1
 * to W5 of wire.h. Every reader takes the position and the end of the message and returns the
 * position after what it read, or NULL when the bytes are not what they must be; `end` never moves,
 * and a position never passes it. */
#ifndef KAIROS_WIRE_READ_H
#define KAIROS_WIRE_READ_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hash.h"

/* Marks functions that not every includer calls. */
#define WIRE_PART __attribute__((unused)) static
#define WIRE_COLD __attribute__((unused, cold, noinline)) static

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
enum { WIRE_VARINT_SIZE_MAX = 10, WIRE_TAG_SIZE_MAX = 5, WIRE_FIELD_NUMBER_MAX = (1 << 29) - 1 };

/* A tag as it stands on the wire; usable as a case label. */
#define WIRE_TAG(number, type) ((uint32_t)(number) << 3 | (uint32_t)(type))

/* One field. `bits`: the number of a varint, fixed64 or fixed32; `data` and `size`: the bytes of a
 * length-delimited field. */
typedef struct wire_field {
    const uint8_t *data;
    uint64_t bits;
    uint32_t size;
    uint32_t tag;
} wire_field;

/* Reads a varint of at most 10 bytes whose 10th byte is at most 1. */
WIRE_PART inline const uint8_t *wire_read_varint(const uint8_t *p, const uint8_t *end,
                                                 uint64_t *value) {
    uint64_t result = 0;
    size_t limit = (size_t)(end - p);
    if (limit > 0 && *p < 128) {
        *value = *p;
        return p + 1;
    }
    if (limit > WIRE_VARINT_SIZE_MAX) limit = WIRE_VARINT_SIZE_MAX;
    for (size_t i = 0; i < limit; i++) {
        uint64_t byte = p[i];
        if (i == WIRE_VARINT_SIZE_MAX - 1 && byte > 1) return NULL;
        result |= (byte & 127) << (7 * i);
        if (byte < 128) {
            *value = result;
            return p + i + 1;
        }
    }
    return NULL;
}

/* Reads a tag or a length: at most 5 bytes, at most 2^32 - 1, as protobuf's own reader does. */
WIRE_PART inline const uint8_t *wire_read_varint32(const uint8_t *p, const uint8_t *end,
                                                   uint32_t *value) {
    uint64_t result = 0;
    size_t limit = (size_t)(end - p);
    if (limit > 0 && *p < 128) {
        *value = *p;
        return p + 1;
    }
    if (limit > WIRE_TAG_SIZE_MAX) limit = WIRE_TAG_SIZE_MAX;
    for (size_t i = 0; i < limit; i++) {
        uint64_t byte = p[i];
        result |= (byte & 127) << (7 * i);
        if (byte < 128) {
            if (result > UINT32_MAX) return NULL;
            *value = (uint32_t)result;
            return p + i + 1;
        }
    }
    return NULL;
}

/* Reads one field of any number. The caller switches on `tag` and ignores what it does not know,
 * which is how unknown fields, and known fields of another wire type, are skipped. Groups (types 3
 * and 4) and types 6 and 7 are refused. */
WIRE_PART inline const uint8_t *wire_read_field(const uint8_t *p, const uint8_t *end,
                                                wire_field *field) {
    uint32_t narrow;
    p = wire_read_varint32(p, end, &field->tag);
    if (!p || field->tag < WIRE_TAG(1, 0)) return NULL;
    switch (field->tag & 7) {
    case WIRE_VARINT:
        return wire_read_varint(p, end, &field->bits);
    case WIRE_BYTES:
        p = wire_read_varint32(p, end, &field->size);
        if (!p || field->size > (size_t)(end - p)) return NULL;
        field->data = p;
        return p + field->size;
    case WIRE_FIXED64:
        if ((size_t)(end - p) < 8) return NULL;
        memcpy(&field->bits, p, 8);
        return p + 8;
    case WIRE_FIXED32:
        if ((size_t)(end - p) < 4) return NULL;
        memcpy(&narrow, p, 4);
        field->bits = narrow;
        return p + 4;
    default:
        return NULL;
    }
}

/* Returns the size of the well-formed UTF-8 sequence at p,
 * which starts with a byte of 0x80 or more, or 0.
 *   Source: The Unicode Standard, table 3-7: no overlong forms, no surrogates,
 *           nothing above U+10FFFF */
WIRE_PART inline uint32_t wire_utf8_sequence(const uint8_t *p, size_t left) {
    uint8_t first = p[0], low = 0x80, high = 0xBF;
    uint32_t size;
    if (first < 0xC2 || first > 0xF4) return 0;
    size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (left < size) return 0;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    if (p[1] < low || p[1] > high) return 0;
    for (uint32_t i = 2; i < size; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    return size;
}

/* Says whether the bytes are valid UTF-8, from the first byte that may not be ASCII on. */
WIRE_PART int wire_utf8_valid_slow(const uint8_t *p, size_t left) {
    while (left) {
        uint32_t step = 1;
        if (left >= 8 && !(kairos_load64(p) & 0x8080808080808080ull)) step = 8;
        else if (*p >= 0x80) step = wire_utf8_sequence(p, left);
        if (!step) return 0;
        p += step;
        left -= step;
    }
    return 1;
}

/* Says whether the bytes are valid UTF-8; ASCII goes eight bytes at a time,
 * the tail by a load that overlaps. */
WIRE_PART inline int wire_utf8_valid(const uint8_t *p, uint32_t size) {
    const uint64_t mask = 0x8080808080808080ull;
    uint64_t seen;
    uint32_t i;
    if (size < 8) {
        if (!size) return 1;
        seen = kairos_load_tail(p, size);
    } else {
        seen = kairos_load64(p + size - 8);
        for (i = 0; i + 8 < size; i += 8) seen |= kairos_load64(p + i);
    }
    return !(seen & mask) || wire_utf8_valid_slow(p, size);
}
#endif
