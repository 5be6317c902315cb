/* Scans DecideRequest, and finds the events in IngestRequest, IngestBatchRequest and
 * EvaluateRequest. Part of wire.h. */
#ifndef KAIROS_WIRE_REQUEST_H
#define KAIROS_WIRE_REQUEST_H

enum { WIRE_ITEM_EVENT = 1, WIRE_ITEM_TRIGGER_ID = 2 };
/* A longer name cannot be the name of a placement. */
enum { WIRE_PLACEMENT_SIZE_MAX = KAIROS_ATTRIBUTE_NAME_SIZE_MAX };
enum { WIRE_PART_SUBJECT = 1, WIRE_PART_CONTEXT = 2, WIRE_PART_CONSTRAINTS = 3, WIRE_PARTS = 4 };

/* A decide request as read. `parts` are the three submessages, by field number. */
typedef struct wire_decide_fields {
    wire_text parts[WIRE_PARTS];
    wire_text subject[3];
    wire_text texts[WIRE_CONTEXT_FIELDS];
    uint64_t numbers[WIRE_CONTEXT_FIELDS];
    uint32_t present;
    uint32_t attribute_count;
    wire_span attributes[KAIROS_EVENT_ATTRIBUTES_MAX];
} wire_decide_fields;

static const char *const wire_decide_names[WIRE_PARTS] = {"", "subject", "context", "constraints"};
static const char *const wire_subject_names[3] = {"", "subject.id", "subject.tenant_id"};
static const char *const wire_context_names[WIRE_CONTEXT_FIELDS] = {
    "", "context.channel", "context.placement", "context.scenario", "context.device_type",
    "context.persona", "context.urgency", "context.attributes"};
static const wire_list wire_context_attributes = {
    "context.attributes", &wire_reserved_context, SPACE_CONTEXT_FIELD, KAIROS_STRING_SIZE_MAX};

/* Reads the outer message. */
WIRE_PART int32_t wire_read_decide(
    const uint8_t *data, uint32_t size, wire_decide_fields *fields, wire_decide *decide,
    wire_fault *fault) {
    const uint8_t *p = data, *end = data + size;
    wire_field field;
    while (p < end) {
        p = wire_read_field(p, end, &field);
        if (!p) return wire_refuse(fault, STATUS_WIRE_MALFORMED, "", wire_nothing);
        if (field.tag == WIRE_TAG(4, WIRE_VARINT)) {
            decide->has_at = 1;
            decide->at_us = (int64_t)field.bits;
        } else if ((field.tag & 7) == WIRE_BYTES && field.tag >> 3 < WIRE_PARTS) {
            uint32_t number = field.tag >> 3;
            if (fields->present & 1u << number)
                return wire_refuse(fault, STATUS_WIRE_MALFORMED, wire_decide_names[number],
                                   wire_nothing);
            fields->present |= 1u << number;
            fields->parts[number].data = field.data;
            fields->parts[number].size = field.size;
        }
    }
    return STATUS_OK;
}

WIRE_PART int32_t wire_read_subject(wire_decide_fields *fields, wire_fault *fault) {
    const uint8_t *p = fields->parts[WIRE_PART_SUBJECT].data, *end = p;
    wire_field field;
    if (p) end = p + fields->parts[WIRE_PART_SUBJECT].size;
    while (p < end) {
        p = wire_read_field(p, end, &field);
        if (!p) return wire_refuse(fault, STATUS_WIRE_MALFORMED, "subject", wire_nothing);
        if (field.tag != WIRE_TAG(1, WIRE_BYTES) && field.tag != WIRE_TAG(2, WIRE_BYTES)) continue;
        if (!wire_utf8_valid(field.data, field.size))
            return wire_refuse(fault, STATUS_UTF8_INVALID, wire_subject_names[field.tag >> 3],
                               wire_nothing);
        fields->subject[field.tag >> 3].data = field.data;
        fields->subject[field.tag >> 3].size = field.size;
    }
    return STATUS_OK;
}

WIRE_PART int32_t wire_read_context(const uint8_t *data, wire_decide_fields *fields,
                                    wire_fault *fault) {
    const uint8_t *p = fields->parts[WIRE_PART_CONTEXT].data, *end = p;
    wire_field field;
    if (p) end = p + fields->parts[WIRE_PART_CONTEXT].size;
    while (p < end) {
        uint32_t number;
        p = wire_read_field(p, end, &field);
        if (!p) return wire_refuse(fault, STATUS_WIRE_MALFORMED, "context", wire_nothing);
        number = field.tag >> 3;
        switch (field.tag) {
        case WIRE_TAG(1, WIRE_VARINT): case WIRE_TAG(4, WIRE_VARINT): case WIRE_TAG(6, WIRE_VARINT):
            fields->numbers[number] = field.bits;
            break;
        case WIRE_TAG(2, WIRE_BYTES): case WIRE_TAG(3, WIRE_BYTES): case WIRE_TAG(5, WIRE_BYTES):
            if (!wire_utf8_valid(field.data, field.size))
                return wire_refuse(fault, STATUS_UTF8_INVALID, wire_context_names[number],
                                   wire_nothing);
            fields->texts[number].data = field.data;
            fields->texts[number].size = field.size;
            break;
        case WIRE_TAG(7, WIRE_BYTES):
            if (!wire_add_span(fields->attributes, &fields->attribute_count,
                               KAIROS_EVENT_ATTRIBUTES_MAX, data, &field))
                return wire_refuse(fault, STATUS_ATTRIBUTE_COUNT_EXCEEDED, "context.attributes",
                                   wire_nothing);
            break;
        default:
            break;
        }
    }
    return STATUS_OK;
}

WIRE_PART int32_t wire_read_constraints(wire_decide_fields *fields, wire_decide *decide,
                                        wire_fault *fault) {
    const uint8_t *p = fields->parts[WIRE_PART_CONSTRAINTS].data, *end = p;
    wire_field field;
    if (p) end = p + fields->parts[WIRE_PART_CONSTRAINTS].size;
    while (p < end) {
        p = wire_read_field(p, end, &field);
        if (!p) return wire_refuse(fault, STATUS_WIRE_MALFORMED, "constraints", wire_nothing);
        if (field.tag == WIRE_TAG(1, WIRE_VARINT)) decide->max_variants = (uint32_t)field.bits;
        if (field.tag == WIRE_TAG(2, WIRE_VARINT)) decide->require_consent = field.bits != 0;
    }
    return STATUS_OK;
}

/* The rules of the fields, in the order of their numbers; at_time_us is the last. */
WIRE_PART int32_t wire_check_decide(const wire_decide_fields *fields, wire_decide *decide,
                                    arena *memory, wire_fault *fault) {
    const wire_text *texts = fields->texts;
    const uint64_t *numbers = fields->numbers;
    WIRE_CHECK(wire_check_text(
        fields->subject[1], "subject.id", KAIROS_SUBJECT_ID_SIZE_MAX, STATUS_SUBJECT_MISSING,
        STATUS_SUBJECT_INVALID, fault));
    WIRE_CHECK(wire_check_text(
        fields->subject[2], "subject.tenant_id", KAIROS_TENANT_ID_SIZE_MAX, 0,
        STATUS_TENANT_MISMATCH, fault));
    WIRE_CHECK(wire_check_enum(numbers[1], WIRE_CHANNEL_MAX, "context.channel", &decide->channel,
                               fault));
    WIRE_CHECK(wire_check_text(
        texts[2], "context.placement", WIRE_PLACEMENT_SIZE_MAX, STATUS_PLACEMENT_MISSING,
        STATUS_PLACEMENT_UNKNOWN, fault));
    WIRE_CHECK(wire_check_text(texts[3], "context.scenario", KAIROS_STRING_SIZE_MAX, 0,
                               STATUS_STRING_TOO_LONG, fault));
    WIRE_CHECK(wire_check_enum(numbers[4], WIRE_DEVICE_TYPE_MAX, "context.device_type",
                               &decide->device_type, fault));
    WIRE_CHECK(wire_check_text(texts[5], "context.persona", KAIROS_STRING_SIZE_MAX, 0,
                               STATUS_STRING_TOO_LONG, fault));
    WIRE_CHECK(wire_check_enum(numbers[6], WIRE_URGENCY_MAX, "context.urgency", &decide->urgency,
                               fault));
    WIRE_CHECK(wire_check_list(decide->attributes, decide->attribute_count,
                               &wire_context_attributes, memory, fault));
    if (!decide->max_variants) decide->max_variants = 1;
    if (decide->max_variants > KAIROS_VARIANTS_MAX)
        return wire_refuse(fault, STATUS_MAX_VARIANTS_INVALID, "constraints.max_variants",
                           wire_nothing);
    if (!wire_time_valid(decide->at_us))
        return wire_refuse(fault, STATUS_TIME_INVALID, "at_time_us", wire_nothing);
    return STATUS_OK;
}

WIRE_PART inline void wire_fill_decide(const wire_decide_fields *fields, wire_decide *decide) {
    decide->subject_id = fields->subject[1].data;
    decide->subject_id_size = fields->subject[1].size;
    decide->tenant_id = fields->subject[2].data;
    decide->tenant_id_size = fields->subject[2].size;
    decide->placement = fields->texts[2].data;
    decide->placement_size = fields->texts[2].size;
    decide->scenario = fields->texts[3].data;
    decide->scenario_size = fields->texts[3].size;
    decide->persona = fields->texts[5].data;
    decide->persona_size = fields->texts[5].size;
}

/* Contract in wire.pxd. */
WIRE_PART int32_t wire_scan_decide(const uint8_t *data, uint32_t size, wire_decide *decide,
                                   arena *memory, wire_fault *fault) {
    wire_decide_fields fields;
    memset(decide, 0, sizeof *decide);
    memset(&fields, 0, offsetof(wire_decide_fields, attributes));
    memset(fault, 0, sizeof *fault);
    decide->require_consent = 1;
    if (size > KAIROS_MESSAGE_SIZE_MAX)
        return wire_refuse(fault, STATUS_REQUEST_TOO_LARGE, "", wire_nothing);
    WIRE_CHECK(wire_read_decide(data, size, &fields, decide, fault));
    WIRE_CHECK(wire_read_subject(&fields, fault));
    WIRE_CHECK(wire_read_context(data, &fields, fault));
    WIRE_CHECK(wire_read_list(
        data, fields.attributes, fields.attribute_count, &wire_context_attributes,
        &decide->attributes, memory, fault));
    decide->attribute_count = fields.attribute_count;
    WIRE_CHECK(wire_read_constraints(&fields, decide, fault));
    wire_fill_decide(&fields, decide);
    return wire_check_decide(&fields, decide, memory, fault);
}

/* Reads on to the next length-delimited field 1 or `other`. STATUS_LOG_END: there is none. */
WIRE_PART int32_t wire_next_item(
    const uint8_t **cursor, const uint8_t *end, uint32_t other, wire_field *field,
    wire_fault *fault) {
    const uint8_t *p = *cursor;
    while (p < end) {
        p = wire_read_field(p, end, field);
        if (!p) {
            *cursor = end;
            return wire_refuse(fault, STATUS_WIRE_MALFORMED, "", wire_nothing);
        }
        *cursor = p;
        if (field->tag == WIRE_TAG(1, WIRE_BYTES) || field->tag == WIRE_TAG(other, WIRE_BYTES))
            return STATUS_OK;
    }
    return STATUS_LOG_END;
}

/* Contract in wire.pxd. */
WIRE_PART int32_t wire_next_event(
    const uint8_t **cursor, const uint8_t *end, const uint8_t **event, uint32_t *event_size,
    wire_fault *fault) {
    wire_field field = {NULL, 0, 0, 0};
    memset(fault, 0, sizeof *fault);
    WIRE_CHECK(wire_next_item(cursor, end, 1, &field, fault));
    *event = field.data;
    *event_size = field.size;
    return STATUS_OK;
}

/* Contract in wire.pxd. The whole request is read first: what follows the event may not
 * be malformed either. */
WIRE_PART int32_t wire_find_event(
    const uint8_t *data, uint32_t size, const uint8_t **event, uint32_t *event_size,
    wire_fault *fault) {
    const uint8_t *cursor = data, *end = data + size, *found = NULL;
    uint32_t found_size = 0, again = 0;
    int32_t status;
    memset(fault, 0, sizeof *fault);
    if (size > KAIROS_MESSAGE_SIZE_MAX)
        return wire_refuse(fault, STATUS_REQUEST_TOO_LARGE, "", wire_nothing);
    for (;;) {
        wire_field field = {NULL, 0, 0, 0};
        status = wire_next_item(&cursor, end, 1, &field, fault);
        if (status != STATUS_OK) break;
        again |= found != NULL;
        found = field.data;
        found_size = field.size;
    }
    if (status != STATUS_LOG_END) return status;
    if (!found) return wire_refuse(fault, STATUS_EVENT_MISSING, "event", wire_nothing);
    if (again) return wire_refuse(fault, STATUS_WIRE_MALFORMED, "event", wire_nothing);
    *event = found;
    *event_size = found_size;
    return STATUS_OK;
}

/* Contract in wire.pxd. Whoever finds an event looks ahead for a second one, so that the walk needs
 * no state of its own. */
WIRE_PART int32_t wire_next_evaluate(
    const uint8_t **cursor, const uint8_t *end, uint32_t *item_kind, const uint8_t **item,
    uint32_t *item_size, wire_fault *fault) {
    wire_field field = {NULL, 0, 0, 0}, ahead = {NULL, 0, 0, 0};
    memset(fault, 0, sizeof *fault);
    WIRE_CHECK(wire_next_item(cursor, end, WIRE_ITEM_TRIGGER_ID, &field, fault));
    *item_kind = field.tag >> 3;
    *item = field.data;
    *item_size = field.size;
    if (*item_kind == WIRE_ITEM_EVENT) {
        const uint8_t *p = *cursor;
        int32_t status = wire_next_item(&p, end, 1, &ahead, fault);
        if (status == STATUS_OK)
            return wire_refuse(fault, STATUS_WIRE_MALFORMED, "event", wire_nothing);
        return status == STATUS_LOG_END ? STATUS_OK : status;
    }
    if (wire_utf8_valid(field.data, field.size)) return STATUS_OK;
    return wire_refuse(fault, STATUS_UTF8_INVALID, "trigger_ids", wire_nothing);
}
#undef WIRE_CHECK
#endif
