# The subject record as bytes: create, check, migrate, seal; traits, consents and texts in its
# variable part. Reasons in docs/adr/0009-subject-record.md. A record starts at an 8-byte boundary.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.plan cimport plan


cdef enum:
    # Bytes that entries may take. Whatever layout a later plan brings, a record with this much
    # still fits its memory, so that migration cannot fail.
    RECORD_ENTRIES_SIZE_MAX = (KAIROS_RECORD_SIZE_MAX - sizeof(kairos_record)
                               - KAIROS_SLOT_BYTES_MAX
                               - KAIROS_SESSIONS_KEPT * (sizeof(kairos_session)
                                                         + KAIROS_SESSION_SLOT_BYTES_MAX))
    # Kept free for consents: a withdrawal is never lost to a full record.
    RECORD_CONSENTS_SIZE = KAIROS_CONSENT_PURPOSES_MAX * sizeof(kairos_entry)


# Writes an empty record of the image's layout into `memory`
# (KAIROS_RECORD_SIZE_MAX bytes at an 8-byte boundary).
cdef kairos_record* record_new(const plan* image, uint8_t* memory, uint64_t sequence) noexcept nogil
# Copies a stored record into `memory` and checks it: nothing in it can then lead the core outside
# of it. An older layout grows to the image's; a newer one, after a roll-back, stays as it is:
# offsets never change.
#   Shapes: stored[size], any alignment; memory[KAIROS_RECORD_SIZE_MAX] at an 8-byte boundary
#   Cost:   O(size): copy and checksum; no allocation
#   Errors: STATUS_RECORD_CORRUPT; STATUS_RECORD_TOO_LARGE when the image itself exceeds the limits
cdef int32_t record_load(const plan* image, const uint8_t* stored, size_t size, uint8_t* memory,
                         kairos_record** record) noexcept nogil
# Checks a copy of a stored record at an 8-byte boundary: nothing in it can then lead a reader
# outside of it.
#   Shapes: record[size], size >= sizeof(kairos_record)
#   Errors: STATUS_RECORD_CORRUPT
cdef int32_t record_check(const kairos_record* record, uint32_t size) noexcept nogil
# Sets the checksum; record_size bytes are ready to store.
cdef void record_seal(kairos_record* record) noexcept nogil
# Keeps a trait; the newest occurred time wins, of equals the later call. A null is kept as a null.
#   Bounds: at most KAIROS_RECORD_TRAITS_MAX traits, texts of KAIROS_RECORD_TRAIT_SIZE_MAX bytes;
#           what does not fit counts in dropped_count: a new trait is not kept, a known one becomes
#           VALUE_ABSENT with its new time
cdef void record_set_trait(kairos_record* record, const uint8_t* name, uint32_t name_size,
                           const kairos_value* value, int64_t occurred_us) noexcept nogil
# Keeps a consent, by the same order. Always fits. A purpose of 64 or more is ignored.
cdef void record_set_consent(kairos_record* record, uint32_t purpose, bint granted,
                             int64_t occurred_us) noexcept nogil
# Returns the entry, or NULL. Traits go by name, texts and consents by id.
#   Cost: O(entries)
cdef kairos_entry* record_find_entry(const kairos_record* record, uint32_t tag, uint32_t id,
                                     const uint8_t* name, uint32_t name_size) noexcept nogil
# Returns an entry with this name and text, made or resized in place, its other fields cleared;
# NULL, with nothing changed, when it does not fit.
#   Bounds: name_size <= 255; text_size <= 65535; `text` and `name` outside the record
#   Owns:   valid until the next change of entries; sessions and slots never move
cdef kairos_entry* record_put_entry(kairos_record* record, uint32_t tag, uint32_t id,
                                    const uint8_t* name, uint32_t name_size, const uint8_t* text,
                                    uint32_t text_size) noexcept nogil
cdef void record_drop_entry(kairos_record* record, kairos_entry* entry) noexcept nogil


# Bytes from the start of the record to the sessions, from one session to the next,
# and to the entries.
cdef inline uint32_t record_sessions_offset(const kairos_record* record) noexcept nogil:
    return <uint32_t>sizeof(kairos_record) + record.slot_size


cdef inline uint32_t record_session_stride(const kairos_record* record) noexcept nogil:
    return <uint32_t>sizeof(kairos_session) + record.session_slot_size


cdef inline uint32_t record_entries_offset(const kairos_record* record) noexcept nogil:
    return (record_sessions_offset(record)
            + <uint32_t>KAIROS_SESSIONS_KEPT * record_session_stride(record))


# The session in place `index` < KAIROS_SESSIONS_KEPT; ordinal 0: unused. Places have no order.
cdef inline kairos_session* record_session(const kairos_record* record,
                                           uint32_t index) noexcept nogil:
    return <kairos_session*>(<uint8_t*>record + record_sessions_offset(record)
                             + index * record_session_stride(record))


cdef inline const uint8_t* entry_name(const kairos_entry* entry) noexcept nogil:
    return <const uint8_t*>entry + sizeof(kairos_entry)


cdef inline const uint8_t* entry_text(const kairos_entry* entry) noexcept nogil:
    return <const uint8_t*>entry + sizeof(kairos_entry) + entry.name_size


cdef inline kairos_entry* record_first_entry(const kairos_record* record) noexcept nogil:
    return <kairos_entry*>(<uint8_t*>record + record_entries_offset(record))


cdef inline kairos_entry* record_next_entry(const kairos_entry* entry) noexcept nogil:
    return <kairos_entry*>(<uint8_t*>entry + entry.size)


cdef inline const uint8_t* record_end(const kairos_record* record) noexcept nogil:
    return <const uint8_t*>record + record.record_size


# Counts what did not fit, without wrapping.
cdef inline void record_count_dropped(kairos_record* record) noexcept nogil:
    if record.dropped_count != <uint32_t>0xFFFFFFFF:
        record.dropped_count += 1


# Microseconds from `earlier` to `later`; two's complement where that is before it. Defined for
# every pair of times, also in a record whose contents are wrong under a right checksum.
cdef inline uint64_t time_span(int64_t earlier, int64_t later) noexcept nogil:
    return <uint64_t>later - <uint64_t>earlier
