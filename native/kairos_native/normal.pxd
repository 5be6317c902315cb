# Declarations of normalise.h for Cython; contracts stand there.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport INTAKE_FIELD_COUNT, kairos_text, kairos_value
from kairos_native.view cimport output
from kairos_native.wire cimport wire_attribute, wire_event


cdef extern from "normalise.h" nogil:
    const char* KAIROS_INTAKE_NAMES[]

    ctypedef struct normal_room:
        wire_attribute* attributes

    ctypedef struct normal_rules:
        const uint8_t* strings
        const kairos_text* query_names
        const kairos_text* site_hosts
        uint32_t query_name_count
        uint32_t site_host_count
        uint32_t flags

    ctypedef struct normal_facts:
        kairos_value values[INTAKE_FIELD_COUNT]
        uint64_t dropped[4]
        const uint8_t* url
        const uint8_t* referrer
        uint32_t url_size
        uint32_t referrer_size
        uint32_t rewritten
        uint32_t device_type

    enum:
        NORMAL_URL
        NORMAL_REFERRER
        NORMAL_USER_AGENT
        NORMAL_DROPPED
        NORMAL_DERIVED

    void normal_text(kairos_value* value, const uint8_t* text, uint32_t size)
    void normal_addresses(const normal_rules* rules, const wire_event* event,
                          const kairos_value* medium, const kairos_value* source, normal_room* room,
                          normal_facts* facts)
    size_t normal_size(const normal_facts* facts, uint32_t size)
    void normal_write(const uint8_t* data, uint32_t size, normal_facts* facts, output* out)
