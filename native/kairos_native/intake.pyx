# Contract in intake.pxd.
from libc.stdint cimport (INT64_MAX, INT64_MIN, UINT32_MAX, int32_t, int64_t, uint8_t, uint32_t,
                          uint64_t)
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy, memset, strlen

from kairos_native.layout cimport *
from kairos_native.plan cimport plan, plan_find, plan_find_hashed
from kairos_native.status cimport *
from kairos_native.wire cimport wire_attribute, wire_decide, wire_event, wire_fault

cdef extern from "names.h" nogil:
    const char* KAIROS_DEVICE_NAMES[]
    const char* KAIROS_CHANNEL_NAMES[]
    const char* KAIROS_URGENCY_NAMES[]


cdef int32_t intake_fault(wire_fault* fault, int32_t status, const char* field, const uint8_t* seen,
                          uint32_t seen_size) noexcept nogil:
    fault.status = status
    snprintf(fault.field, sizeof(fault.field), "%s", field)
    fault.seen = seen
    fault.seen_size = seen_size
    return status


# The field of the message that a value came in.
cdef const char* value_field(const wire_attribute* attribute) noexcept nogil:
    if attribute.value.kind == VALUE_BOOL:
        return b"bool_value"
    if attribute.value.kind == VALUE_INT:
        return b"int_value"
    if attribute.value.kind == VALUE_DOUBLE:
        return b"double_value"
    return b"time_value_us" if attribute.value.kind == VALUE_TIME else b"string_value"


cdef inline const char* name_field(const wire_attribute* attribute) noexcept nogil:
    return b"name_id" if attribute.name_id else b"name"


# A fault at `list_name[index].leaf`.
cdef int32_t fault_at(wire_fault* fault, int32_t status, const char* list_name, uint32_t index,
                      const char* leaf, const uint8_t* seen, uint32_t seen_size) noexcept nogil:
    snprintf(fault.field, sizeof(fault.field), "%s[%u].%s", list_name, index, leaf)
    fault.status = status
    fault.seen = seen
    fault.seen_size = seen_size
    return status


# Brings a value to the field's type. Returns False when it has another one.
cdef inline bint fit_type(kairos_value* value, uint32_t field_type) noexcept nogil:
    cdef double number
    if field_type == FIELD_DYN or value.kind == field_type or value.kind == VALUE_NULL:
        return True
    if field_type == FIELD_DOUBLE and value.kind == VALUE_INT:
        number = <double><int64_t>value.bits
        memcpy(&value.bits, &number, 8)
        value.kind = VALUE_DOUBLE
        return True
    return False


cdef inline void put_text(kairos_value* value, const uint8_t* text, uint32_t size) noexcept nogil:
    if size:
        value.bits = <uint64_t><size_t>text
        value.size = size
        value.kind = VALUE_STRING


cdef inline void put_name(kairos_value* value, const char* const* names,
                          uint8_t number) noexcept nogil:
    if number:
        put_text(value, <const uint8_t*>names[number], <uint32_t>strlen(names[number]))


cdef inline void put_number(kairos_value* value, uint8_t kind, int64_t number) noexcept nogil:
    value.bits = <uint64_t>number
    value.kind = kind


cdef uint32_t intake_event_field(const plan* image, const wire_attribute* attribute) noexcept nogil:
    if attribute.name_id:
        if attribute.name_id >= image.event_field_count or attribute.name_id < EVENT_FIELD_FIXED:
            return UINT32_MAX
        return attribute.name_id
    return plan_find_hashed(image, attribute.name_hash, SPACE_EVENT_FIELD, attribute.name,
                            attribute.name_size)


cdef int32_t check_tenant(const kairos_tenant_settings* settings, const uint8_t* tenant_id,
                          uint32_t size, const char* field, wire_fault* fault) noexcept nogil:
    cdef size_t name_size
    if not size:
        return STATUS_OK
    name_size = 0
    while name_size < sizeof(settings.name) and settings.name[name_size]:
        name_size += 1
    if size == name_size and memcmp(tenant_id, settings.name, name_size) == 0:
        return STATUS_OK
    return intake_fault(fault, STATUS_TENANT_MISMATCH, field, tenant_id, size)


cdef const kairos_range* intake_type_rules(const plan* image,
                                           const wire_event* event) noexcept nogil:
    cdef uint32_t number
    if image.intake_types == NULL:
        return NULL
    number = plan_find(image, SPACE_EVENT_TYPE, event.event_type, event.event_type_size)
    if number == UINT32_MAX or not image.intake_types[number].count:
        return NULL
    return &image.intake_types[number]


# Says whether the schema names a field for events of the type whose rules are `listed`.
cdef bint field_known(const plan* image, const kairos_range* listed,
                      uint32_t field) noexcept nogil:
    cdef uint32_t i
    if field == UINT32_MAX:
        return False
    if image.event_fields[field].flags & FIELD_FLAG_KNOWN:
        return True
    if listed != NULL:
        for i in range(listed.count):
            if image.intake_rules[listed.first + i].field == field:
                return True
    return False


# Refuses attributes that the schema does not name, or marks them by UINT32_MAX.
cdef int32_t check_unknown(const plan* image, const wire_event* event, uint32_t* fields,
                           wire_fault* fault) noexcept nogil:
    cdef const kairos_range* listed = intake_type_rules(image, event)
    cdef uint32_t i
    for i in range(event.attribute_count):
        if field_known(image, listed, fields[i]):
            continue
        if image.intake.flags & INTAKE_UNKNOWN_REFUSE:
            return fault_at(fault, STATUS_ATTRIBUTE_UNKNOWN, b"attributes", i,
                            name_field(&event.attributes[i]), event.attributes[i].name,
                            event.attributes[i].name_size)
        fields[i] = UINT32_MAX
    return STATUS_OK


cdef int32_t check_attributes(const plan* image, const wire_event* event, uint32_t* fields,
                              wire_fault* fault) noexcept nogil:
    cdef uint32_t i, j, field
    cdef uint32_t by_id = 0
    cdef kairos_value value
    for i in range(event.attribute_count):
        field = intake_event_field(image, &event.attributes[i])
        fields[i] = field
        if event.attributes[i].name_id:
            by_id = 1
            if field == UINT32_MAX:
                return fault_at(fault, STATUS_ATTRIBUTE_ID_UNKNOWN, b"attributes", i,
                                b"name_id", NULL, 0)
        if field == UINT32_MAX:
            continue
        value = event.attributes[i].value
        if not fit_type(&value, image.event_fields[field].type):
            return fault_at(fault, STATUS_ATTRIBUTE_TYPE_MISMATCH, b"attributes", i,
                            value_field(&event.attributes[i]),
                            event.attributes[i].name, event.attributes[i].name_size)
    # Two names of one attribute are found by the scanner; a name beside an id only
    # the plan can tell.
    if by_id:
        for i in range(event.attribute_count):
            for j in range(i):
                if fields[i] != UINT32_MAX and fields[i] == fields[j]:
                    return fault_at(fault, STATUS_ATTRIBUTE_DUPLICATE, b"attributes", i,
                                    name_field(&event.attributes[i]), NULL, 0)
    return STATUS_OK


cdef int32_t intake_check_event(const plan* image, const kairos_tenant_settings* settings,
                                const wire_event* event, int64_t received_us, uint32_t* fields,
                                wire_fault* fault) noexcept nogil:
    cdef uint32_t i, trait
    cdef kairos_value value
    cdef int32_t status = check_tenant(settings, event.tenant_id, event.tenant_id_size,
                                       b"tenant_id", fault)
    if status != STATUS_OK:
        return status
    if event.has_occurred and settings.time_mode == TIME_MODE_LIVE:
        if event.occurred_us > received_us + settings.ahead_us_max:
            return intake_fault(fault, STATUS_TIME_TOO_NEW, b"occurred_time_us", NULL, 0)
        if event.occurred_us < received_us - settings.behind_us_max:
            return intake_fault(fault, STATUS_TIME_TOO_OLD, b"occurred_time_us", NULL, 0)
    status = check_attributes(image, event, fields, fault)
    if status != STATUS_OK:
        return status
    if image.intake != NULL and image.intake.flags & (INTAKE_UNKNOWN_DROP | INTAKE_UNKNOWN_REFUSE):
        status = check_unknown(image, event, fields, fault)
        if status != STATUS_OK:
            return status
    for i in range(event.trait_count):
        if event.traits[i].name_id:
            return fault_at(fault, STATUS_ATTRIBUTE_ID_UNKNOWN, b"traits", i, b"name_id",
                            NULL, 0)
        trait = plan_find_hashed(image, event.traits[i].name_hash, SPACE_TRAIT,
                                 event.traits[i].name, event.traits[i].name_size)
        value = event.traits[i].value
        if trait != UINT32_MAX and not fit_type(&value, image.traits[trait].type):
            return fault_at(fault, STATUS_ATTRIBUTE_TYPE_MISMATCH, b"traits", i,
                            value_field(&event.traits[i]),
                            event.traits[i].name, event.traits[i].name_size)
    for i in range(event.consent_count):
        if (plan_find(image, SPACE_PURPOSE, event.consents[i].purpose,
                      event.consents[i].purpose_size) == UINT32_MAX):
            return fault_at(fault, STATUS_CONSENT_PURPOSE_UNKNOWN, b"consents", i, b"purpose",
                            event.consents[i].purpose, event.consents[i].purpose_size)
    return STATUS_OK


cdef void intake_event_fields(const plan* image, const wire_event* event, int64_t occurred_us,
                              bint late, kairos_value* fields) noexcept nogil:
    cdef uint32_t i, field
    memset(fields, 0, image.event_field_count * sizeof(kairos_value))
    put_text(&fields[<int>EVENT_FIELD_TYPE], event.event_type, event.event_type_size)
    put_number(&fields[<int>EVENT_FIELD_TIME], VALUE_TIME, occurred_us)
    put_text(&fields[<int>EVENT_FIELD_SESSION_ID], event.session_id, event.session_id_size)
    put_name(&fields[<int>EVENT_FIELD_DEVICE_TYPE], KAIROS_DEVICE_NAMES, event.device_type)
    put_name(&fields[<int>EVENT_FIELD_CHANNEL], KAIROS_CHANNEL_NAMES, event.channel)
    put_name(&fields[<int>EVENT_FIELD_URGENCY], KAIROS_URGENCY_NAMES, event.urgency)
    put_text(&fields[<int>EVENT_FIELD_PERSONA], event.persona, event.persona_size)
    put_text(&fields[<int>EVENT_FIELD_URL], event.url, event.url_size)
    put_text(&fields[<int>EVENT_FIELD_REFERRER], event.referrer, event.referrer_size)
    if event.has_value:
        put_number(&fields[<int>EVENT_FIELD_VALUE_MINOR], VALUE_INT, event.value_minor)
    put_text(&fields[<int>EVENT_FIELD_CURRENCY_CODE], event.currency_code, event.currency_code_size)
    put_number(&fields[<int>EVENT_FIELD_LATE], VALUE_BOOL, 1 if late else 0)
    for i in range(event.attribute_count):
        field = intake_event_field(image, &event.attributes[i])
        if field == UINT32_MAX:
            continue
        fields[field] = event.attributes[i].value
        if not fit_type(&fields[field], image.event_fields[field].type):
            memset(&fields[field], 0, sizeof(kairos_value))


cdef int32_t intake_check_decide(const plan* image, const kairos_tenant_settings* settings,
                                 const wire_decide* request, wire_fault* fault) noexcept nogil:
    cdef uint32_t i, field
    cdef kairos_value value
    cdef int32_t status = check_tenant(settings, request.tenant_id, request.tenant_id_size,
                                       b"subject.tenant_id", fault)
    if status != STATUS_OK:
        return status
    for i in range(request.attribute_count):
        if request.attributes[i].name_id:
            return fault_at(fault, STATUS_ATTRIBUTE_ID_UNKNOWN, b"context.attributes", i,
                            b"name_id", NULL, 0)
        field = plan_find_hashed(image, request.attributes[i].name_hash, SPACE_CONTEXT_FIELD,
                                 request.attributes[i].name, request.attributes[i].name_size)
        value = request.attributes[i].value
        if field != UINT32_MAX and not fit_type(&value, image.context_fields[field].type):
            return fault_at(fault, STATUS_ATTRIBUTE_TYPE_MISMATCH, b"context.attributes", i,
                            value_field(&request.attributes[i]),
                            request.attributes[i].name, request.attributes[i].name_size)
    return STATUS_OK


cdef void intake_context_fields(const plan* image, const wire_decide* request,
                                kairos_value* fields) noexcept nogil:
    cdef uint32_t i, field
    memset(fields, 0, image.context_field_count * sizeof(kairos_value))
    put_name(&fields[<int>CONTEXT_FIELD_CHANNEL], KAIROS_CHANNEL_NAMES, request.channel)
    put_text(&fields[<int>CONTEXT_FIELD_PLACEMENT], request.placement, request.placement_size)
    put_text(&fields[<int>CONTEXT_FIELD_SCENARIO], request.scenario, request.scenario_size)
    put_name(&fields[<int>CONTEXT_FIELD_DEVICE_TYPE], KAIROS_DEVICE_NAMES, request.device_type)
    put_text(&fields[<int>CONTEXT_FIELD_PERSONA], request.persona, request.persona_size)
    put_name(&fields[<int>CONTEXT_FIELD_URGENCY], KAIROS_URGENCY_NAMES, request.urgency)
    for i in range(request.attribute_count):
        field = plan_find_hashed(image, request.attributes[i].name_hash, SPACE_CONTEXT_FIELD,
                                 request.attributes[i].name, request.attributes[i].name_size)
        if field == UINT32_MAX:
            continue
        fields[field] = request.attributes[i].value
        fit_type(&fields[field], image.context_fields[field].type)


cdef kairos_value intake_trait(const plan* image, const uint8_t* name, uint32_t name_size,
                               const kairos_value* value) noexcept nogil:
    cdef kairos_value fitted = value[0]
    cdef uint32_t trait = plan_find(image, SPACE_TRAIT, name, name_size)
    if trait != UINT32_MAX:
        fit_type(&fitted, image.traits[trait].type)
    return fitted
