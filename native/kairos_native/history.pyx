# Contract in history.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from kairos_native.keys cimport *
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_ATTRIBUTE_NAME_SIZE_MAX, KAIROS_EVENT_CONSENTS_MAX
from kairos_native.plan cimport plan
from kairos_native.status cimport STATUS_OK
from kairos_native.store cimport STORE_HISTORY, store, store_put
from kairos_native.wire cimport wire_attribute, wire_event

cdef enum:
    PURPOSE_SIZE_MAX = 255
    ENTRY_SIZE_MAX = (STORED_SIZE + sizeof(history_entry) + 2 * HISTORY_TEXT_SIZE_MAX
                      + KAIROS_EVENT_CONSENTS_MAX * (2 + PURPOSE_SIZE_MAX))


cdef bint named(const plan* image, const wire_attribute* attribute, const char* name,
                uint32_t name_size) noexcept nogil:
    cdef const kairos_field* field
    if not attribute.name_id:
        return attribute.name_size == name_size and memcmp(attribute.name, name, name_size) == 0
    if attribute.name_id >= image.event_field_count:
        return False
    field = &image.event_fields[attribute.name_id]
    return (field.name.size == name_size
            and memcmp(image.strings + field.name.offset, name, name_size) == 0)


# Copies the text of an attribute, cut at a character; returns its size, 0 where there is none.
cdef uint16_t text_of(const plan* image, const wire_event* event, const char* name,
                      uint32_t name_size, uint8_t* target) noexcept nogil:
    cdef const uint8_t* text
    cdef uint32_t i, size
    for i in range(event.attribute_count):
        if (event.attributes[i].value.kind != VALUE_STRING
                or not named(image, &event.attributes[i], name, name_size)):
            continue
        text = <const uint8_t*>event.attributes[i].value.bits
        size = min(event.attributes[i].value.size, <uint32_t>HISTORY_TEXT_SIZE_MAX)
        while size and size < event.attributes[i].value.size and (text[size] & 0xC0) == 0x80:
            size -= 1
        memcpy(target, text, size)
        return <uint16_t>size
    return 0


cdef int32_t history_keep(store* view, uint16_t partition, uint32_t tenant,
                          const uint8_t* subject_id, uint64_t sequence, int64_t occurred_us,
                          int64_t received_us, const plan* image,
                          const wire_event* event) noexcept nogil:
    cdef uint8_t key[HISTORY_KEY_SIZE]
    cdef uint8_t value[ENTRY_SIZE_MAX]
    cdef history_entry entry
    cdef uint32_t i, used = STORED_SIZE + sizeof(history_entry)
    cdef uint32_t size
    if not event.consent_count:
        return STATUS_OK
    memset(&entry, 0, sizeof(entry))
    entry.occurred_us = occurred_us
    entry.received_us = received_us
    entry.source_size = text_of(image, event, b"consent_source", 14, value + used)
    used += entry.source_size
    entry.version_size = text_of(image, event, b"policy_version", 14, value + used)
    used += entry.version_size
    for i in range(event.consent_count):
        size = min(event.consents[i].purpose_size, <uint32_t>PURPOSE_SIZE_MAX)
        value[used] = 1 if event.consents[i].granted else 2
        value[used + 1] = <uint8_t>size
        memcpy(value + used + 2, event.consents[i].purpose, size)
        used += 2 + size
        entry.consent_count += 1
    memcpy(value + STORED_SIZE, &entry, sizeof(entry))
    stored_seal(value, used - STORED_SIZE, sequence)
    subject_key(key, partition, tenant, subject_id)
    put_big_endian(key + SUBJECT_KEY_SIZE, sequence, 8)
    return store_put(view, STORE_HISTORY, key, HISTORY_KEY_SIZE, value, used)
