# From scanned messages to typed values under the plan's names: the checks that need tenant, plan
# and time, and the field vectors that slots and conditions read.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport kairos_range, kairos_tenant_settings, kairos_value
from kairos_native.plan cimport plan
from kairos_native.wire cimport wire_attribute, wire_decide, wire_event, wire_fault


# Checks a scanned event against tenant, clock and schema, in this order: tenant, time,
# attributes, traits, consents.
#   Errors: TENANT_MISMATCH, TIME_TOO_OLD, TIME_TOO_NEW (live tenants), ATTRIBUTE_ID_UNKNOWN,
#           ATTRIBUTE_DUPLICATE (a name and an id of one attribute), ATTRIBUTE_TYPE_MISMATCH,
#           ATTRIBUTE_UNKNOWN, CONSENT_PURPOSE_UNKNOWN; `fault` is filled
#   Shapes: fields[KAIROS_EVENT_ATTRIBUTES_MAX], set for each attribute: its event field, or
#           UINT32_MAX where the plan has none, or where the schema has unknown ones dropped
cdef int32_t intake_check_event(const plan* image, const kairos_tenant_settings* settings,
                                const wire_event* event, int64_t received_us, uint32_t* fields,
                                wire_fault* fault) noexcept nogil
# Index of the event field that an attribute sets; UINT32_MAX where the plan does not know it.
cdef uint32_t intake_event_field(const plan* image, const wire_attribute* attribute) noexcept nogil
# The rules that the schema has for the event's type; NULL: none.
cdef const kairos_range* intake_type_rules(const plan* image,
                                           const wire_event* event) noexcept nogil
# Writes image.event_field_count values. An attribute whose type is not the schema's (possible only
# when the plan changed after the check) is absent.
#   Owns: strings point into the message and into constants
#   Cost: one dictionary look-up per attribute
cdef void intake_event_fields(const plan* image, const wire_event* event, int64_t occurred_us,
                              bint late, kairos_value* fields) noexcept nogil
# Checks tenant and context attributes of a decision.
cdef int32_t intake_check_decide(const plan* image, const kairos_tenant_settings* settings,
                                 const wire_decide* request, wire_fault* fault) noexcept nogil
# Writes image.context_field_count values.
cdef void intake_context_fields(const plan* image, const wire_decide* request,
                                kairos_value* fields) noexcept nogil
# Value of a trait in the type that the schema gives it (int becomes double for a double trait).
cdef kairos_value intake_trait(const plan* image, const uint8_t* name, uint32_t name_size,
                               const kairos_value* value) noexcept nogil
# Fills a fault.
cdef int32_t intake_fault(wire_fault* fault, int32_t status, const char* field, const uint8_t* seen,
                          uint32_t seen_size) noexcept nogil
