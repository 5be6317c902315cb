/* What the scanner hands out (events, decide requests, attributes, consents, identifiers, faults),
 * and the lists of named values. */
#ifndef KAIROS_WIRE_ATTRIBUTE_H
#define KAIROS_WIRE_ATTRIBUTE_H
#include <stdio.h>

#include "hash.h"
#include "layout.h"
#include "limits.h"
#include "status.h"
#include "view.h"
#include "wire_name.h"
#include "wire_read.h"

enum { WIRE_FIELD_SIZE_MAX = 96 };
#define WIRE_TIME_US_MAX INT64_C(253402300799999999) /* 9999-12-31 23:59:59.999999 UTC */

typedef struct wire_fault {
    int32_t status;
    char field[WIRE_FIELD_SIZE_MAX];
    const uint8_t *seen;
    uint32_t seen_size;
} wire_fault;

typedef struct wire_attribute {
    kairos_value value;
    const uint8_t *name;
    uint64_t name_hash;
    uint32_t name_size;
    uint32_t name_id;
} wire_attribute;

typedef struct wire_consent {
    const uint8_t *purpose;
    uint32_t purpose_size;
    uint32_t granted;
} wire_consent;

typedef struct wire_identifier {
    const uint8_t *value;
    uint32_t value_size;
    uint32_t type;
} wire_identifier;

/* A borrowed text of the message. */
typedef struct wire_text {
    const uint8_t *data;
    uint32_t size;
} wire_text;

static const wire_text wire_nothing = {NULL, 0};

/* Fills the fault and returns its status. `seen` is shown to people:
 * never bytes that are not valid UTF-8. */
WIRE_COLD int32_t wire_refuse(wire_fault *fault, int32_t status, const char *field,
                              wire_text seen) {
    fault->status = status;
    snprintf(fault->field, sizeof fault->field, "%s", field);
    fault->seen = seen.data;
    fault->seen_size = seen.size;
    return status;
}

/* The same for `list[index].part`, or `list[index]` where the part is empty. */
WIRE_COLD int32_t wire_refuse_item(
    wire_fault *fault, int32_t status, const char *list, uint32_t index, const char *part,
    wire_text seen) {
    char field[WIRE_FIELD_SIZE_MAX];
    snprintf(field, sizeof field, "%s[%u]%s%s", list, (unsigned)index, part[0] ? "." : "", part);
    return wire_refuse(fault, status, field, seen);
}

/* Where an element of a list lies, from the message's start: 8 bytes, so that all lists of an event
 * fit 3 KiB of stack. */
typedef struct wire_span {
    uint32_t start;
    uint32_t size;
} wire_span;

/* One list of attributes: where its names live, what is reserved there,
 * and how long its strings may be. */
typedef struct wire_list {
    const char *path;
    const wire_reserved *reserved;
    uint32_t space;
    uint32_t string_size_max;
} wire_list;

/* Reads one Attribute; the last of several occurrences counts, also among the members of the oneof.
 * Range and name are checked later, on the occurrence that counts. `part` names the string that is
 * not UTF-8. */
WIRE_PART int32_t wire_read_attribute(const uint8_t *p, const uint8_t *end,
                                      wire_attribute *attribute, const char **part) {
    wire_field field;
    memset(attribute, 0, sizeof *attribute);
    while (p < end) {
        p = wire_read_field(p, end, &field);
        if (!p) return STATUS_WIRE_MALFORMED;
        switch (field.tag) {
        case WIRE_TAG(1, WIRE_BYTES):
            *part = "name";
            if (!wire_utf8_valid(field.data, field.size)) return STATUS_UTF8_INVALID;
            attribute->name = field.data;
            attribute->name_size = field.size;
            continue;
        case WIRE_TAG(2, WIRE_VARINT):
            attribute->name_id = (uint32_t)field.bits;
            continue;
        case WIRE_TAG(3, WIRE_BYTES):
            *part = "string_value";
            if (!wire_utf8_valid(field.data, field.size)) return STATUS_UTF8_INVALID;
            attribute->value.kind = VALUE_STRING;
            attribute->value.bits = (uint64_t)(uintptr_t)field.data;
            attribute->value.size = field.size;
            continue;
        case WIRE_TAG(4, WIRE_VARINT): attribute->value.kind = VALUE_INT; break;
        case WIRE_TAG(5, WIRE_FIXED64): attribute->value.kind = VALUE_DOUBLE; break;
        case WIRE_TAG(6, WIRE_VARINT):
            attribute->value.kind = VALUE_BOOL;
            field.bits = field.bits != 0;
            break;
        case WIRE_TAG(7, WIRE_VARINT): attribute->value.kind = VALUE_TIME; break;
        case WIRE_TAG(8, WIRE_VARINT):
            attribute->value.kind = VALUE_NULL;
            field.bits = (uint32_t)field.bits;
            break;
        default: continue;
        }
        attribute->value.bits = field.bits;
        attribute->value.size = 0;
    }
    return STATUS_OK;
}

WIRE_PART inline int wire_time_valid(int64_t time_us) {
    return time_us >= 0 && time_us <= WIRE_TIME_US_MAX;
}

/* Checks the value that counts. */
WIRE_PART inline int32_t wire_check_value(
    const wire_attribute *attribute, const wire_list *list, uint32_t index, wire_fault *fault) {
    const kairos_value *value = &attribute->value;
    wire_text text = {(const uint8_t *)(uintptr_t)value->bits, value->size};
    switch (value->kind) {
    case VALUE_STRING:
        if (text.size <= list->string_size_max) return STATUS_OK;
        return wire_refuse_item(fault, STATUS_STRING_TOO_LONG, list->path, index, "string_value",
                                text);
    case VALUE_DOUBLE:
        if ((value->bits & 0x7FF0000000000000ull) != 0x7FF0000000000000ull) return STATUS_OK;
        return wire_refuse_item(fault, STATUS_NUMBER_INVALID, list->path, index, "double_value",
                                wire_nothing);
    case VALUE_TIME:
        if (wire_time_valid((int64_t)value->bits)) return STATUS_OK;
        return wire_refuse_item(fault, STATUS_TIME_INVALID, list->path, index, "time_value_us",
                                wire_nothing);
    case VALUE_NULL:
        if (!value->bits) return STATUS_OK;
        return wire_refuse_item(fault, STATUS_ENUM_INVALID, list->path, index, "null_value",
                                wire_nothing);
    case VALUE_ABSENT:
        return wire_refuse_item(fault, STATUS_ATTRIBUTE_VALUE_MISSING, list->path, index, "value",
                                wire_nothing);
    default:
        return STATUS_OK;
    }
}

/* Replaces the name by its canonical form, which is copied only where it differs, and hashes it. */
WIRE_PART inline int32_t wire_check_name(
    wire_attribute *attribute, const wire_list *list, uint32_t index, arena *memory,
    wire_fault *fault) {
    wire_text raw = {attribute->name, attribute->name_size};
    uint8_t canonical[2 * KAIROS_ATTRIBUTE_NAME_SIZE_MAX];
    if (attribute->name_id) {
        if (!raw.size) return STATUS_OK;
        return wire_refuse_item(fault, STATUS_ATTRIBUTE_NAME_INVALID, list->path, index, "name",
                                raw);
    }
    if (!raw.size)
        return wire_refuse_item(fault, STATUS_ATTRIBUTE_NAME_MISSING, list->path, index, "name",
                                wire_nothing);
    if (raw.size > KAIROS_ATTRIBUTE_NAME_SIZE_MAX || !wire_name_plain(raw.data, raw.size)) {
        uint32_t size = wire_canonical_name(raw.data, raw.size, canonical);
        if (!size)
            return wire_refuse_item(fault, STATUS_ATTRIBUTE_NAME_INVALID, list->path, index, "name",
                                    raw);
        if (size != raw.size || memcmp(canonical, raw.data, size)) {
            uint8_t *copy = (uint8_t *)arena_take(memory, size);
            if (!copy) return wire_refuse(fault, STATUS_ARENA_FULL, list->path, wire_nothing);
            memcpy(copy, canonical, size);
            attribute->name = copy;
            attribute->name_size = size;
        }
    }
    attribute->name_hash = kairos_hash64(list->space, attribute->name, attribute->name_size);
    if (wire_name_reserved(list->reserved, attribute->name, attribute->name_size))
        return wire_refuse_item(fault, STATUS_ATTRIBUTE_RESERVED, list->path, index, "name", raw);
    return STATUS_OK;
}

WIRE_PART inline int wire_same_name(const wire_attribute *a, const wire_attribute *b) {
    if (a->name_id || b->name_id) return a->name_id == b->name_id;
    return a->name_hash == b->name_hash && a->name_size == b->name_size
           && !memcmp(a->name, b->name, a->name_size);
}

enum { WIRE_TABLE_SIZE_MAX = 2 * KAIROS_EVENT_ATTRIBUTES_MAX, WIRE_PROBES_MAX = 16 };

/* Open addressing over positions + 1, at most half full. */
typedef struct wire_table {
    uint16_t slots[WIRE_TABLE_SIZE_MAX];
    uint32_t mask;
    uint32_t keyed;
    uint8_t key[16];
} wire_table;

WIRE_PART inline uint32_t wire_first_slot(const wire_table *table,
                                          const wire_attribute *attribute) {
    uint64_t hash[2] = {attribute->name_hash, 0};
    if (attribute->name_id) hash[0] = attribute->name_id * 0x9E3779B97F4A7C15ull >> 32;
    if (table->keyed) {
        const void *data = attribute->name_id ? (const void *)&attribute->name_id : attribute->name;
        kairos_siphash128(table->key, data, attribute->name_id ? 4 : attribute->name_size,
                          (uint8_t *)hash);
    }
    return (uint32_t)hash[0] & table->mask;
}

/* Adds attribute `index`. Returns 1 where an earlier one has the same name or id,
 * -1 after too many probes, else 0. */
WIRE_PART inline int wire_table_add(wire_table *table, const wire_attribute *attributes,
                                    uint32_t index) {
    uint32_t slot = wire_first_slot(table, attributes + index), probes = 0;
    for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
        if (wire_same_name(attributes + table->slots[slot] - 1, attributes + index)) return 1;
        if (++probes > WIRE_PROBES_MAX && !table->keyed) return -1;
    }
    table->slots[slot] = (uint16_t)(index + 1);
    return 0;
}

/* Builds the table again under a key. The hash of names is not keyed, so a sender can choose names
 * that collide; where addresses lie is a secret that costs nothing. It decides how long the search
 * takes, never what it finds. */
WIRE_COLD int wire_table_rekey(wire_table *table, const wire_attribute *attributes,
                               uint32_t index) {
    uint64_t places[2] = {(uint64_t)(uintptr_t)table, (uint64_t)(uintptr_t)attributes};
    memcpy(table->key, places, sizeof table->key);
    memset(table->slots, 0, (table->mask + 1) * sizeof *table->slots);
    table->keyed = 1;
    for (uint32_t i = 0; i < index; i++) wire_table_add(table, attributes, i);
    return wire_table_add(table, attributes, index);
}

/* Reads the elements of a list into the arena: wire format and UTF-8 only. `spans` is not const,
 * because gcc takes a const pointer for a read of the whole array, of which only `count` elements
 * are set. */
WIRE_PART int32_t wire_read_list(
    const uint8_t *data, wire_span *spans, uint32_t count, const wire_list *list,
    wire_attribute **result, arena *memory, wire_fault *fault) {
    wire_attribute *attributes;
    *result = NULL;
    if (!count) return STATUS_OK;
    attributes = (wire_attribute *)arena_take(memory, count * sizeof *attributes);
    if (!attributes) return wire_refuse(fault, STATUS_ARENA_FULL, list->path, wire_nothing);
    for (uint32_t i = 0; i < count; i++) {
        const char *part = "";
        const uint8_t *start = data + spans[i].start;
        int32_t status = wire_read_attribute(start, start + spans[i].size, attributes + i, &part);
        if (status == STATUS_OK) continue;
        return wire_refuse_item(fault, status, list->path, i,
                                status == STATUS_UTF8_INVALID ? part : "", wire_nothing);
    }
    *result = attributes;
    return STATUS_OK;
}

/* Checks the elements in their order; of one element: name, form of the name,
 * reserved, duplicate, value. */
WIRE_PART int32_t wire_check_list(
    wire_attribute *attributes, uint32_t count, const wire_list *list, arena *memory,
    wire_fault *fault) {
    wire_table table;
    uint32_t slots = 1;
    if (!count) return STATUS_OK;
    while (slots < 2 * count) slots *= 2;
    memset(table.slots, 0, slots * sizeof *table.slots);
    table.mask = slots - 1;
    table.keyed = 0;
    for (uint32_t i = 0; i < count; i++) {
        wire_text raw = {attributes[i].name, attributes[i].name_size};
        const char *part = attributes[i].name_id ? "name_id" : "name";
        int32_t status = wire_check_name(attributes + i, list, i, memory, fault);
        if (status != STATUS_OK) return status;
        int seen = wire_table_add(&table, attributes, i);
        if (seen < 0) seen = wire_table_rekey(&table, attributes, i);
        if (seen)
            return wire_refuse_item(fault, STATUS_ATTRIBUTE_DUPLICATE, list->path, i, part, raw);
        status = wire_check_value(attributes + i, list, i, fault);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}
#endif
