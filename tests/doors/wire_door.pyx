"""Test door of the wire scanner: scans, and returns plain Python values;
`field` and `seen` of a refusal.
"""

import struct
import time

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset
from kairos_native.layout cimport (
    VALUE_BOOL, VALUE_DOUBLE, VALUE_INT, VALUE_NULL, VALUE_STRING, VALUE_TIME,
    kairos_tenant_settings,
)
from kairos_native.identifier cimport (
    IDENTIFIER_NORMAL_SIZE_MAX, identifier_id, identifier_normal,
)
from kairos_native.view cimport arena
from kairos_native.wire cimport (
    WIRE_EVENT_ARENA_SIZE, wire_attribute, wire_canonical_name, wire_consent, wire_decide,
    wire_event, wire_fault, wire_find_event, wire_next_evaluate, wire_next_event, wire_scan_decide,
    wire_scan_event,
)

cdef extern from "stdlib.h" nogil:
    void* aligned_alloc(size_t alignment, size_t size)

ARENA_SIZE = WIRE_EVENT_ARENA_SIZE


cdef class Memory:
    """An arena of the given size."""

    cdef arena memory

    def __cinit__(self, size_t size=WIRE_EVENT_ARENA_SIZE):
        self.memory.base = <uint8_t*>aligned_alloc(64, (size + 64) & ~<size_t>63)
        self.memory.size = size
        self.memory.used = 0

    def __dealloc__(self):
        free(self.memory.base)

    @property
    def used(self):
        return self.memory.used


cdef bytes text(const uint8_t* data, uint32_t size):
    return (<const char*>data)[:size] if size else b""


cdef tuple refusal(int32_t status, wire_fault* fault):
    return status, fault.field.decode(), text(fault.seen, fault.seen_size)


cdef object value_of(wire_attribute* attribute):
    cdef uint64_t bits = attribute.value.bits
    kind = attribute.value.kind
    if kind == VALUE_STRING:
        return "string", text(<const uint8_t*>bits, attribute.value.size)
    if kind == VALUE_INT:
        return "int", <int64_t>bits
    if kind == VALUE_DOUBLE:
        return "double", struct.pack("<Q", bits)
    if kind == VALUE_BOOL:
        return "bool", bool(bits)
    if kind == VALUE_TIME:
        return "time", <int64_t>bits
    if kind == VALUE_NULL:
        return "null", bits
    raise AssertionError(f"kind {kind}")


cdef list attributes_of(wire_attribute* attributes, uint32_t count):
    return [
        (text(attributes[i].name, attributes[i].name_size), attributes[i].name_id,
         attributes[i].name_hash, *value_of(attributes + i))
        for i in range(count)
    ]


def scan_event(bytes data, Memory memory=None):
    """Returns (0, values) or (status, field, seen)."""
    cdef wire_event event
    cdef wire_fault fault
    cdef int32_t status
    memory = memory or Memory()
    status = wire_scan_event(<const uint8_t*><const char*>data, <uint32_t>len(data), &event,
                             &memory.memory, &fault)
    if status:
        assert status == fault.status
        return refusal(status, &fault)
    return 0, {
        "event_id": text(event.event_id, event.event_id_size),
        "event_type": text(event.event_type, event.event_type_size),
        "subject_id": text(event.subject_id, event.subject_id_size),
        "session_id": text(event.session_id, event.session_id_size),
        "persona": text(event.persona, event.persona_size),
        "url": text(event.url, event.url_size),
        "referrer": text(event.referrer, event.referrer_size),
        "currency_code": text(event.currency_code, event.currency_code_size),
        "tenant_id": text(event.tenant_id, event.tenant_id_size),
        "producer_id": text(event.producer_id, event.producer_id_size),
        "producer_sequence": event.producer_sequence,
        "user_agent": text(event.user_agent, event.user_agent_size),
        "subject_type": event.subject_type,
        "occurred_time_us": event.occurred_us if event.has_occurred else None,
        "value_minor": event.value_minor if event.has_value else None,
        "device_type": event.device_type,
        "channel": event.channel,
        "urgency": event.urgency,
        "attributes": attributes_of(event.attributes, event.attribute_count),
        "traits": attributes_of(event.traits, event.trait_count),
        "consents": [
            (text(event.consents[i].purpose, event.consents[i].purpose_size),
             bool(event.consents[i].granted))
            for i in range(event.consent_count)
        ],
        "identifiers": [
            (event.identifiers[i].type,
             text(event.identifiers[i].value, event.identifiers[i].value_size))
            for i in range(event.identifier_count)
        ],
    }


def normal_identifier(uint32_t type, bytes value):
    """Returns the form that is hashed, or None where the value is not one of its type."""
    cdef uint8_t result[IDENTIFIER_NORMAL_SIZE_MAX]
    size = identifier_normal(type, <const uint8_t*><const char*>value, <uint32_t>len(value),
                             result)
    return result[:size] if size else None


def identifier_id_of(bytes key, uint32_t type, bytes value):
    """Returns the 16 bytes of an identifier's id under a hash key, or the status."""
    cdef kairos_tenant_settings settings
    cdef uint8_t result[16]
    memset(&settings, 0, sizeof(settings))
    memcpy(settings.hash_key, <const char*>key, 16)
    status = identifier_id(&settings, type, <const uint8_t*><const char*>value,
                           <uint32_t>len(value), result)
    return status if status else result[:16]


def answered_id(bytes data):
    """Returns (status, event id to answer with)."""
    cdef wire_event event
    cdef wire_fault fault
    cdef Memory memory = Memory()
    status = wire_scan_event(<const uint8_t*><const char*>data, <uint32_t>len(data), &event,
                             &memory.memory, &fault)
    return status, text(event.event_id, event.event_id_size)


def scan_decide(bytes data, Memory memory=None):
    """Returns (0, values) or (status, field, seen)."""
    cdef wire_decide decide
    cdef wire_fault fault
    cdef int32_t status
    memory = memory or Memory()
    status = wire_scan_decide(<const uint8_t*><const char*>data, <uint32_t>len(data), &decide,
                              &memory.memory, &fault)
    if status:
        assert status == fault.status
        return refusal(status, &fault)
    return 0, {
        "subject_id": text(decide.subject_id, decide.subject_id_size),
        "tenant_id": text(decide.tenant_id, decide.tenant_id_size),
        "placement": text(decide.placement, decide.placement_size),
        "scenario": text(decide.scenario, decide.scenario_size),
        "persona": text(decide.persona, decide.persona_size),
        "at_time_us": decide.at_us if decide.has_at else None,
        "max_variants": decide.max_variants,
        "require_consent": bool(decide.require_consent),
        "device_type": decide.device_type,
        "channel": decide.channel,
        "urgency": decide.urgency,
        "attributes": attributes_of(decide.attributes, decide.attribute_count),
    }


def find_event(bytes data):
    """Returns (0, event bytes) or (status, field, seen)."""
    cdef wire_fault fault
    cdef const uint8_t* event = NULL
    cdef uint32_t size = 0
    status = wire_find_event(<const uint8_t*><const char*>data, <uint32_t>len(data), &event, &size,
                             &fault)
    return refusal(status, &fault) if status else (0, text(event, size))


def batch_events(bytes data):
    """Returns (events, status that ended the walk)."""
    cdef wire_fault fault
    cdef const uint8_t* event = NULL
    cdef uint32_t size = 0
    cdef const uint8_t* cursor = <const uint8_t*><const char*>data
    cdef const uint8_t* end = cursor + len(data)
    events = []
    while True:
        status = wire_next_event(&cursor, end, &event, &size, &fault)
        if status:
            return events, status
        events.append(text(event, size))


def evaluate_items(bytes data):
    """Returns (items as (kind, bytes), status that ended the walk, field)."""
    cdef wire_fault fault
    cdef const uint8_t* item = NULL
    cdef uint32_t size = 0, kind = 0
    cdef const uint8_t* cursor = <const uint8_t*><const char*>data
    cdef const uint8_t* end = cursor + len(data)
    items = []
    while True:
        status = wire_next_evaluate(&cursor, end, &kind, &item, &size, &fault)
        if status:
            return items, status, fault.field.decode()
        items.append((kind, text(item, size)))


def canonical_name(bytes name):
    """Returns the canonical form, or None when the name is not allowed."""
    cdef bytearray buffer = bytearray(2 * len(name) + 1)
    cdef uint8_t* result = <uint8_t*><char*>buffer
    size = wire_canonical_name(<const uint8_t*><const char*>name, <uint32_t>len(name), result)
    return bytes(buffer[:size]) if size else None


def scan_ns(bytes data, uint32_t rounds):
    """Nanoseconds of one scan of an Event, the mean of `rounds`; and its status."""
    cdef wire_event event
    cdef wire_fault fault
    cdef Memory memory = Memory()
    cdef int32_t status = 0
    cdef uint32_t size = <uint32_t>len(data), i
    cdef const uint8_t* start = <const uint8_t*><const char*>data
    began = time.perf_counter_ns()
    with nogil:
        for i in range(rounds):
            memory.memory.used = 0
            status = wire_scan_event(start, size, &event, &memory.memory, &fault)
    return (time.perf_counter_ns() - began) / rounds, status
