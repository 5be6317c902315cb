/* Scans one Event. Part of wire.h, where the structs, the security model and the order
 * of refusals stand. */
#ifndef KAIROS_WIRE_EVENT_H
#define KAIROS_WIRE_EVENT_H
#include "identifier.h"

/* The outer message as read: the last occurrence of each field,
 * and where the elements of the lists lie. */
typedef struct wire_event_fields {
    wire_text texts[WIRE_EVENT_FIELDS];
    uint64_t numbers[WIRE_EVENT_FIELDS];
    uint32_t present;
    uint32_t attribute_count;
    uint32_t trait_count;
    uint32_t consent_count;
    uint32_t identifier_count;
    wire_span attributes[KAIROS_EVENT_ATTRIBUTES_MAX];
    wire_span traits[KAIROS_EVENT_TRAITS_MAX];
    wire_span consents[KAIROS_EVENT_CONSENTS_MAX];
    wire_span identifiers[KAIROS_EVENT_IDENTIFIERS_MAX];
} wire_event_fields;

static const char *const wire_event_names[WIRE_EVENT_FIELDS] = {
    "", "event_id", "event_type", "subject_id", "session_id", "occurred_time_us", "attributes",
    "device_type", "channel", "urgency", "persona", "url", "referrer", "value_minor",
    "currency_code", "traits", "consents", "tenant_id", "identifiers", "producer_id",
    "producer_sequence", "user_agent", "subject_type"};

static const wire_list wire_event_attributes = {"attributes", &wire_reserved_event,
                                                SPACE_EVENT_FIELD, KAIROS_STRING_SIZE_MAX};
static const wire_list wire_event_traits = {"traits", &wire_reserved_trait, SPACE_TRAIT,
                                            KAIROS_RECORD_TRAIT_SIZE_MAX};

/* Notes the place of one more element of a list; 0 when the list is full. */
WIRE_PART inline int wire_add_span(
    wire_span *spans, uint32_t *count, uint32_t limit, const uint8_t *data,
    const wire_field *field) {
    if (*count == limit) return 0;
    spans[*count].start = (uint32_t)(field->data - data);
    spans[*count].size = field->size;
    *count += 1;
    return 1;
}

/* Reads the outer message: wire format, UTF-8 of its strings, counts. */
WIRE_PART int32_t wire_read_event(const uint8_t *data, uint32_t size, wire_event_fields *fields,
                                  wire_fault *fault) {
    const uint8_t *p = data, *end = data + size;
    wire_field field;
    while (p < end) {
        int room = 1;
        p = wire_read_field(p, end, &field);
        if (!p) return wire_refuse(fault, STATUS_WIRE_MALFORMED, "", wire_nothing);
        switch (field.tag) {
        case WIRE_TAG(6, WIRE_BYTES):
            room = wire_add_span(fields->attributes, &fields->attribute_count,
                                 KAIROS_EVENT_ATTRIBUTES_MAX, data, &field);
            break;
        case WIRE_TAG(15, WIRE_BYTES):
            room = wire_add_span(fields->traits, &fields->trait_count, KAIROS_EVENT_TRAITS_MAX,
                                 data, &field);
            break;
        case WIRE_TAG(16, WIRE_BYTES):
            room = wire_add_span(fields->consents, &fields->consent_count,
                                 KAIROS_EVENT_CONSENTS_MAX, data, &field);
            break;
        case WIRE_TAG(18, WIRE_BYTES):
            room = wire_add_span(fields->identifiers, &fields->identifier_count,
                                 KAIROS_EVENT_IDENTIFIERS_MAX, data, &field);
            break;
        case WIRE_TAG(1, WIRE_BYTES): case WIRE_TAG(2, WIRE_BYTES): case WIRE_TAG(3, WIRE_BYTES):
        case WIRE_TAG(4, WIRE_BYTES): case WIRE_TAG(10, WIRE_BYTES): case WIRE_TAG(11, WIRE_BYTES):
        case WIRE_TAG(12, WIRE_BYTES): case WIRE_TAG(14, WIRE_BYTES): case WIRE_TAG(17, WIRE_BYTES):
        case WIRE_TAG(19, WIRE_BYTES): case WIRE_TAG(21, WIRE_BYTES):
            if (!wire_utf8_valid(field.data, field.size))
                return wire_refuse(fault, STATUS_UTF8_INVALID, wire_event_names[field.tag >> 3],
                                   wire_nothing);
            fields->texts[field.tag >> 3].data = field.data;
            fields->texts[field.tag >> 3].size = field.size;
            break;
        case WIRE_TAG(5, WIRE_VARINT): case WIRE_TAG(7, WIRE_VARINT): case WIRE_TAG(8, WIRE_VARINT):
        case WIRE_TAG(9, WIRE_VARINT): case WIRE_TAG(13, WIRE_VARINT):
        case WIRE_TAG(20, WIRE_VARINT): case WIRE_TAG(22, WIRE_VARINT):
            fields->numbers[field.tag >> 3] = field.bits;
            fields->present |= 1u << (field.tag >> 3);
            break;
        default:
            break;
        }
        if (!room)
            return wire_refuse(fault,
                               field.tag == WIRE_TAG(18, WIRE_BYTES)
                                   ? STATUS_IDENTIFIER_COUNT_EXCEEDED
                                   : STATUS_ATTRIBUTE_COUNT_EXCEEDED,
                               wire_event_names[field.tag >> 3], wire_nothing);
    }
    return STATUS_OK;
}

/* Reads the consents: wire format and UTF-8 only; `granted` holds the number of the status until
 * wire_check_consents. */
WIRE_PART int32_t wire_read_consents(
    const uint8_t *data, const wire_event_fields *fields, wire_event *event, arena *memory,
    wire_fault *fault) {
    uint32_t count = fields->consent_count;
    wire_field field;
    if (!count) return STATUS_OK;
    event->consents = (wire_consent *)arena_take(memory, count * sizeof *event->consents);
    if (!event->consents) return wire_refuse(fault, STATUS_ARENA_FULL, "consents", wire_nothing);
    memset(event->consents, 0, count * sizeof *event->consents);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *p = data + fields->consents[i].start, *end = p + fields->consents[i].size;
        wire_consent *consent = event->consents + i;
        while (p < end) {
            p = wire_read_field(p, end, &field);
            if (!p)
                return wire_refuse_item(fault, STATUS_WIRE_MALFORMED, "consents", i, "",
                                        wire_nothing);
            if (field.tag == WIRE_TAG(1, WIRE_BYTES)) {
                if (!wire_utf8_valid(field.data, field.size))
                    return wire_refuse_item(fault, STATUS_UTF8_INVALID, "consents", i, "purpose",
                                            wire_nothing);
                consent->purpose = field.data;
                consent->purpose_size = field.size;
            } else if (field.tag == WIRE_TAG(2, WIRE_VARINT)) {
                consent->granted = (uint32_t)field.bits;
            }
        }
    }
    event->consent_count = count;
    return STATUS_OK;
}

/* Checks the consents in their order; of one: purpose, status, duplicate. */
WIRE_PART int32_t wire_check_consents(wire_event *event, wire_fault *fault) {
    for (uint32_t i = 0; i < event->consent_count; i++) {
        wire_consent *consent = event->consents + i;
        wire_text purpose = {consent->purpose, consent->purpose_size};
        if (!purpose.size)
            return wire_refuse_item(fault, STATUS_CONSENT_PURPOSE_UNKNOWN, "consents", i, "purpose",
                                    wire_nothing);
        if (consent->granted > WIRE_CONSENT_STATUS_MAX)
            return wire_refuse_item(fault, STATUS_ENUM_INVALID, "consents", i, "status",
                                    wire_nothing);
        if (!consent->granted)
            return wire_refuse_item(fault, STATUS_CONSENT_STATUS_INVALID, "consents", i, "status",
                                    wire_nothing);
        consent->granted = consent->granted == 1;
        for (uint32_t j = 0; j < i; j++) {
            const wire_consent *other = event->consents + j;
            if (other->purpose_size == purpose.size
                && !memcmp(other->purpose, purpose.data, purpose.size))
                return wire_refuse_item(fault, STATUS_ATTRIBUTE_DUPLICATE, "consents", i, "purpose",
                                        purpose);
        }
    }
    return STATUS_OK;
}

/* Reads the identifiers: wire format and UTF-8 only. */
WIRE_PART int32_t wire_read_identifiers(
    const uint8_t *data, const wire_event_fields *fields, wire_event *event, arena *memory,
    wire_fault *fault) {
    uint32_t count = fields->identifier_count;
    wire_field field;
    if (!count) return STATUS_OK;
    event->identifiers =
        (wire_identifier *)arena_take(memory, count * sizeof *event->identifiers);
    if (!event->identifiers)
        return wire_refuse(fault, STATUS_ARENA_FULL, "identifiers", wire_nothing);
    memset(event->identifiers, 0, count * sizeof *event->identifiers);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *p = data + fields->identifiers[i].start;
        const uint8_t *end = p + fields->identifiers[i].size;
        wire_identifier *identifier = event->identifiers + i;
        while (p < end) {
            p = wire_read_field(p, end, &field);
            if (!p)
                return wire_refuse_item(fault, STATUS_WIRE_MALFORMED, "identifiers", i, "",
                                        wire_nothing);
            if (field.tag == WIRE_TAG(1, WIRE_VARINT)) {
                identifier->type = (uint32_t)field.bits;
            } else if (field.tag == WIRE_TAG(2, WIRE_BYTES)) {
                if (!wire_utf8_valid(field.data, field.size))
                    return wire_refuse_item(fault, STATUS_UTF8_INVALID, "identifiers", i, "value",
                                            wire_nothing);
                identifier->value = field.data;
                identifier->value_size = field.size;
            }
        }
    }
    event->identifier_count = count;
    return STATUS_OK;
}

/* Checks the identifiers in their order; of one: type, value. Two that are alike say one thing
 * twice, which does no harm. */
WIRE_PART int32_t wire_check_identifiers(const wire_event *event, wire_fault *fault) {
    uint8_t normal[IDENTIFIER_NORMAL_SIZE_MAX];
    for (uint32_t i = 0; i < event->identifier_count; i++) {
        const wire_identifier *identifier = event->identifiers + i;
        wire_text value = {identifier->value, identifier->value_size};
        if (identifier->type > IDENTIFIER_TYPE_MAX)
            return wire_refuse_item(fault, STATUS_ENUM_INVALID, "identifiers", i, "type",
                                    wire_nothing);
        if (!identifier->type)
            return wire_refuse_item(fault, STATUS_IDENTIFIER_INVALID, "identifiers", i, "type",
                                    wire_nothing);
        if (!identifier_normal(identifier->type, value.data, value.size, normal))
            return wire_refuse_item(fault, STATUS_IDENTIFIER_INVALID, "identifiers", i, "value",
                                    value);
    }
    return STATUS_OK;
}

/* Checks one text; `missing` is STATUS_OK where the text may be empty. */
WIRE_PART inline int32_t wire_check_text(
    wire_text text, const char *field, uint32_t limit, int32_t missing, int32_t too_long,
    wire_fault *fault) {
    if (!text.size && missing) return wire_refuse(fault, missing, field, wire_nothing);
    if (text.size > limit) return wire_refuse(fault, too_long, field, text);
    return STATUS_OK;
}

/* Stores an enum; protobuf truncates its number to 32 bits, so this does. */
WIRE_PART inline int32_t wire_check_enum(
    uint64_t number, uint32_t limit, const char *field, uint8_t *result, wire_fault *fault) {
    if ((uint32_t)number > limit)
        return wire_refuse(fault, STATUS_ENUM_INVALID, field, wire_nothing);
    *result = (uint8_t)number;
    return STATUS_OK;
}

/* Money: both or neither, and three upper-case letters. */
WIRE_PART inline int32_t wire_check_money(const wire_event *event, wire_fault *fault) {
    const uint8_t *code = event->currency_code;
    wire_text seen = {code, event->currency_code_size};
    if (event->has_value && !seen.size)
        return wire_refuse(fault, STATUS_CURRENCY_INVALID, "currency_code", wire_nothing);
    if (!seen.size) return STATUS_OK;
    if (seen.size != 3 || !wire_is_upper(code[0]) || !wire_is_upper(code[1])
        || !wire_is_upper(code[2]))
        return wire_refuse(fault, STATUS_CURRENCY_INVALID, "currency_code", seen);
    if (!event->has_value)
        return wire_refuse(fault, STATUS_CURRENCY_INVALID, "value_minor", wire_nothing);
    return STATUS_OK;
}

/* Copies what was read of the outer message; no rule is checked. */
WIRE_PART inline void wire_fill_event(const wire_event_fields *fields, wire_event *event) {
#define WIRE_FILL(name, number)                                                                    \
    event->name = fields->texts[number].data, event->name##_size = fields->texts[number].size
    WIRE_FILL(event_id, 1);
    WIRE_FILL(event_type, 2);
    WIRE_FILL(subject_id, 3);
    WIRE_FILL(session_id, 4);
    WIRE_FILL(persona, 10);
    WIRE_FILL(url, 11);
    WIRE_FILL(referrer, 12);
    WIRE_FILL(currency_code, 14);
    WIRE_FILL(tenant_id, 17);
    WIRE_FILL(producer_id, 19);
    WIRE_FILL(user_agent, 21);
#undef WIRE_FILL
    event->has_occurred = (uint8_t)(fields->present >> 5 & 1);
    event->occurred_us = (int64_t)fields->numbers[5];
    event->has_value = (uint8_t)(fields->present >> 13 & 1);
    event->value_minor = (int64_t)fields->numbers[13];
    event->producer_sequence = fields->numbers[20];
}

#define WIRE_CHECK(call)                                                                           \
    do {                                                                                           \
        int32_t wire_status = (call);                                                              \
        if (wire_status != STATUS_OK) return wire_status;                                          \
    } while (0)

/* Producer and number: both or neither. */
WIRE_PART inline int32_t wire_check_producer(const wire_event *event, wire_fault *fault) {
    wire_text seen = {event->producer_id, event->producer_id_size};
    if (seen.size > KAIROS_PRODUCER_ID_SIZE_MAX)
        return wire_refuse(fault, STATUS_PRODUCER_INVALID, "producer_id", seen);
    if (seen.size && !event->producer_sequence)
        return wire_refuse(fault, STATUS_PRODUCER_INVALID, "producer_sequence", wire_nothing);
    if (!seen.size && event->producer_sequence)
        return wire_refuse(fault, STATUS_PRODUCER_INVALID, "producer_id", wire_nothing);
    return STATUS_OK;
}

/* The type of the subject's identifier, which is looked at again where its type has a form. */
WIRE_PART inline int32_t wire_check_subject(uint64_t type, wire_event *event, wire_fault *fault) {
    uint8_t normal[IDENTIFIER_NORMAL_SIZE_MAX];
    wire_text seen = {event->subject_id, event->subject_id_size};
    WIRE_CHECK(wire_check_enum(type, IDENTIFIER_TYPE_MAX, "subject_type", &event->subject_type,
                               fault));
    if (event->subject_type != IDENTIFIER_EMAIL && event->subject_type != IDENTIFIER_PHONE)
        return STATUS_OK;
    if (!identifier_normal(event->subject_type, seen.data, seen.size, normal))
        return wire_refuse(fault, STATUS_IDENTIFIER_INVALID, "subject_id", seen);
    return STATUS_OK;
}

/* The rules of the fields, in the order of their numbers. */
WIRE_PART int32_t wire_check_event(const wire_event_fields *fields, wire_event *event,
                                   arena *memory, wire_fault *fault) {
    const wire_text *texts = fields->texts;
    const uint64_t *numbers = fields->numbers;
    WIRE_CHECK(wire_check_text(texts[1], "event_id", KAIROS_EVENT_ID_SIZE_MAX, 0,
                               STATUS_EVENT_ID_INVALID, fault));
    WIRE_CHECK(wire_check_text(
        texts[2], "event_type", KAIROS_EVENT_TYPE_SIZE_MAX, STATUS_EVENT_TYPE_MISSING,
        STATUS_EVENT_TYPE_INVALID, fault));
    WIRE_CHECK(wire_check_text(
        texts[3], "subject_id", KAIROS_SUBJECT_ID_SIZE_MAX, STATUS_SUBJECT_MISSING,
        STATUS_SUBJECT_INVALID, fault));
    WIRE_CHECK(wire_check_text(texts[4], "session_id", KAIROS_SESSION_ID_SIZE_MAX, 0,
                               STATUS_SESSION_INVALID, fault));
    if (!wire_time_valid(event->occurred_us))
        return wire_refuse(fault, STATUS_TIME_INVALID, "occurred_time_us", wire_nothing);
    WIRE_CHECK(wire_check_list(event->attributes, event->attribute_count, &wire_event_attributes,
                               memory, fault));
    WIRE_CHECK(wire_check_enum(numbers[7], WIRE_DEVICE_TYPE_MAX, "device_type", &event->device_type,
                               fault));
    WIRE_CHECK(wire_check_enum(numbers[8], WIRE_CHANNEL_MAX, "channel", &event->channel, fault));
    WIRE_CHECK(wire_check_enum(numbers[9], WIRE_URGENCY_MAX, "urgency", &event->urgency, fault));
    WIRE_CHECK(wire_check_text(texts[10], "persona", KAIROS_STRING_SIZE_MAX, 0,
                               STATUS_STRING_TOO_LONG, fault));
    WIRE_CHECK(wire_check_text(texts[11], "url", KAIROS_STRING_SIZE_MAX, 0, STATUS_STRING_TOO_LONG,
                               fault));
    WIRE_CHECK(wire_check_text(texts[12], "referrer", KAIROS_STRING_SIZE_MAX, 0,
                               STATUS_STRING_TOO_LONG, fault));
    WIRE_CHECK(wire_check_money(event, fault));
    WIRE_CHECK(wire_check_list(event->traits, event->trait_count, &wire_event_traits, memory,
                               fault));
    WIRE_CHECK(wire_check_consents(event, fault));
    WIRE_CHECK(wire_check_text(texts[17], "tenant_id", KAIROS_TENANT_ID_SIZE_MAX, 0,
                               STATUS_TENANT_MISMATCH, fault));
    WIRE_CHECK(wire_check_identifiers(event, fault));
    WIRE_CHECK(wire_check_producer(event, fault));
    WIRE_CHECK(wire_check_text(texts[21], "user_agent", KAIROS_USER_AGENT_SIZE_MAX, 0,
                               STATUS_STRING_TOO_LONG, fault));
    return wire_check_subject(numbers[22], event, fault);
}

/* Contract in wire.pxd. On a refusal event_id is what can be told back: empty where it was not read
 * or is not allowed. */
WIRE_PART int32_t wire_scan_event(const uint8_t *data, uint32_t size, wire_event *event,
                                  arena *memory, wire_fault *fault) {
    wire_event_fields fields;
    int32_t status;
    memset(event, 0, sizeof *event);
    memset(&fields, 0, offsetof(wire_event_fields, attributes));
    memset(fault, 0, sizeof *fault);
    if (size > KAIROS_EVENT_SIZE_MAX)
        return wire_refuse(fault, STATUS_EVENT_TOO_LARGE, "", wire_nothing);
    status = wire_read_event(data, size, &fields, fault);
    wire_fill_event(&fields, event);
    if (event->event_id_size > KAIROS_EVENT_ID_SIZE_MAX) event->event_id_size = 0;
    if (status != STATUS_OK) return status;
    WIRE_CHECK(wire_read_list(
        data, fields.attributes, fields.attribute_count, &wire_event_attributes, &event->attributes,
        memory, fault));
    event->attribute_count = fields.attribute_count;
    WIRE_CHECK(wire_read_list(data, fields.traits, fields.trait_count, &wire_event_traits,
                              &event->traits, memory, fault));
    event->trait_count = fields.trait_count;
    WIRE_CHECK(wire_read_consents(data, &fields, event, memory, fault));
    WIRE_CHECK(wire_read_identifiers(data, &fields, event, memory, fault));
    return wire_check_event(&fields, event, memory, fault);
}
#endif
