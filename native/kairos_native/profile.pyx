# Contract in profile.pxd. Field numbers are those of proto/kairos/v1/profile_service.proto.
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from kairos_native.features cimport feature_complete, feature_read, feature_view
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_SESSIONS_KEPT
from kairos_native.plan cimport plan
from kairos_native.record cimport (entry_name, entry_text, record_end, record_first_entry,
                                   record_next_entry, record_session)
from kairos_native.view cimport *

cdef enum:
    VALUE_SIZE_MAX = 9216           # the longest string, with its name and tags


cdef bytes taken(output* out):
    if out.overflow:
        raise ValueError("a value of the profile is longer than the limits allow")
    return out.data[:out.used]


# Fields of an Attribute; the value is written even when it is zero,
# because the oneof tells presence.
cdef bytes attribute(bytes name, const kairos_value* value):
    cdef uint8_t buffer[VALUE_SIZE_MAX]
    cdef output out
    memset(&out, 0, sizeof(out))
    out.data = buffer
    out.size = VALUE_SIZE_MAX
    if name:
        output_slice(&out, 1, <const char*>name, len(name))
    if value.kind == VALUE_STRING:
        output_slice(&out, 3, <const void*><size_t>value.bits, value.size)
    elif value.kind == VALUE_DOUBLE:
        output_varint(&out, (5 << 3) | 1)
        output_bytes(&out, &value.bits, 8)
    elif value.kind != VALUE_ABSENT:
        # int and duration share int_value; then bool_value, time_value_us, null_value.
        output_varint(&out, {VALUE_BOOL: 6, VALUE_TIME: 7, VALUE_NULL: 8}.get(value.kind, 4) << 3)
        output_varint(&out, value.bits if value.kind != VALUE_NULL else 0)
    return taken(&out)


cdef bytes numbers(list pairs):
    cdef uint8_t buffer[512]
    cdef output out
    memset(&out, 0, sizeof(out))
    out.data = buffer
    out.size = 512
    for field, number in pairs:
        output_uint(&out, field, number)
    return taken(&out)


cdef bytes submessage(uint32_t field, bytes body):
    cdef uint8_t buffer[16]
    cdef output out
    memset(&out, 0, sizeof(out))
    out.data = buffer
    out.size = 16
    output_varint(&out, (<uint64_t>field << 3) | 2)
    output_varint(&out, len(body))
    return taken(&out) + body


cdef list profile_sessions(const kairos_record* record):
    cdef const kairos_session* session
    cdef uint32_t i
    found = []
    for i in range(<uint32_t>KAIROS_SESSIONS_KEPT):
        session = record_session(record, i)
        if session.ordinal:
            found.append((session.last_us, session.ordinal, session.start_us, session.event_count))
    found.sort(reverse=True)
    return [submessage(7, numbers([(1, ordinal), (2, start), (3, last), (4, count)]))
            for last, ordinal, start, count in found]


# Names of consent purposes by bit, from the dictionary.
cdef dict purpose_names(const plan* image):
    cdef const kairos_dictionary_entry* entry
    cdef uint32_t i
    names = {}
    for i in range(image.dictionary_mask + 1):
        entry = &image.dictionary[i]
        if entry.space == SPACE_PURPOSE:
            names[entry.id] = (image.strings + entry.text.offset)[:entry.text.size]
    return names


cdef list profile_entries(const plan* image, const kairos_record* record):
    cdef const kairos_entry* entry = record_first_entry(record)
    cdef kairos_value value
    traits = []
    consents = []
    names = purpose_names(image)
    while <const uint8_t*>entry < record_end(record):
        if entry.tag == ENTRY_TRAIT and entry.value_kind != VALUE_ABSENT:
            memset(&value, 0, sizeof(value))
            value.kind = entry.value_kind
            value.bits = entry.value_bits
            if entry.value_kind == VALUE_STRING:
                value.bits = <uint64_t><size_t>entry_text(entry)
                value.size = entry.text_size
            name = entry_name(entry)[:entry.name_size]
            traits.append((name,
                           submessage(8,
                                      submessage(1, attribute(name, &value))
                                      + numbers([(2, entry.time_us)]))))
        elif entry.tag == ENTRY_CONSENT and entry.id in names:
            name = names[entry.id]
            status = 1 if entry.value_bits else 2
            consents.append((entry.id,
                             submessage(9,
                                        submessage(1, name)
                                        + numbers([(2, status), (3, entry.time_us)]))))
        entry = record_next_entry(entry)
    traits.sort()
    consents.sort()
    return [body for _, body in traits] + [body for _, body in consents]


cdef bytes profile_feature(bytes name, const kairos_value* value, int64_t time_us, bint complete):
    body = submessage(1, name)
    if value.kind != VALUE_ABSENT:
        body += submessage(2, attribute(b"", value))
    return submessage(10, body + numbers([(3, time_us), (4, 1 if complete else 0)]))


cdef list profile_features(const feature_view* view, list slot_names):
    cdef const plan* image = view.image
    cdef kairos_source source
    cdef kairos_value value, time
    cdef uint32_t i
    found = []
    for i in range(image.slot_count):
        if not image.slots[i].kind:
            continue
        memset(&source, 0, sizeof(source))
        source.kind = SOURCE_SLOT
        source.id = i
        value = feature_read(view, &source)
        source.part = PART_TIME
        memset(&time, 0, sizeof(time))
        if image.slots[i].kind in (SLOT_LAST, SLOT_FIRST):
            time = feature_read(view, &source)
        for name in slot_names[i]:
            found.append(profile_feature(name, &value,
                                         <int64_t>time.bits if time.kind == VALUE_TIME else 0,
                                         feature_complete(view, i)))
    for i in range(image.derived_count):
        memset(&source, 0, sizeof(source))
        source.kind = SOURCE_DERIVED
        source.id = i
        value = feature_read(view, &source)
        name = (image.strings + image.derived[i].name.offset)[:image.derived[i].name.size]
        found.append(profile_feature(name, &value, 0, True))
    return found


cdef bytes profile_encode(const feature_view* view, bytes subject_id, list slot_names,
                          uint32_t stored_size):
    cdef const kairos_record* record = view.record
    body = submessage(1, subject_id) + numbers([
        (2, record.first_seen_us), (3, record.last_seen_us), (4, record.event_count),
        (5, record.session_count), (6, record.late_count), (11, record.sequence_last),
        (12, view.now_us), (13, stored_size)])
    parts = (profile_sessions(record) + profile_entries(view.image, record)
             + profile_features(view, slot_names))
    return submessage(1, body + b"".join(parts))
