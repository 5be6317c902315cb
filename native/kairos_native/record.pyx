# Contract in record.pxd. The record lives in memory of fixed capacity; only its variable part
# changes size, at the end, so that pointers to the header, slots and sessions stay valid throughout
# an event.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset
from kairos_native.hash cimport kairos_crc32c
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.plan cimport plan
from kairos_native.status cimport STATUS_OK, STATUS_RECORD_CORRUPT, STATUS_RECORD_TOO_LARGE


cdef kairos_record* record_new(const plan* image, uint8_t* memory,
                               uint64_t sequence) noexcept nogil:
    cdef kairos_record* record = <kairos_record*>memory
    memset(record, 0, sizeof(kairos_record))
    record.version = KAIROS_RECORD_VERSION
    record.header_size = <uint16_t>sizeof(kairos_record)
    record.layout_id = image.header.layout_id
    record.sequence_created = sequence
    record.sequence_last = sequence
    record.slot_size = image.header.slot_size
    record.session_slot_size = image.header.session_slot_size
    record.record_size = record_entries_offset(record)
    # All-zero bytes are the empty state of every kind of slot and of a session.
    memset(memory + sizeof(kairos_record), 0, record.record_size - sizeof(kairos_record))
    return record


cdef inline uint32_t record_checksum(const kairos_record* record) noexcept nogil:
    return kairos_crc32c(0, <const uint8_t*>record + 4, record.record_size - 4)


cdef void record_seal(kairos_record* record) noexcept nogil:
    record.checksum = record_checksum(record)


# ---------------------------------------------------------------- load and migrate

cdef int32_t record_load(const plan* image, const uint8_t* stored, size_t size, uint8_t* memory,
                         kairos_record** record) noexcept nogil:
    cdef int32_t status
    record[0] = NULL
    if (image.header.slot_size > KAIROS_SLOT_BYTES_MAX
            or image.header.session_slot_size > KAIROS_SESSION_SLOT_BYTES_MAX):
        return STATUS_RECORD_TOO_LARGE
    if size < sizeof(kairos_record) or size > KAIROS_RECORD_SIZE_MAX:
        return STATUS_RECORD_CORRUPT
    # The check runs on the copy: the stored bytes may be unaligned, and may not be read twice with
    # different results.
    memcpy(memory, stored, size)
    status = record_check(<const kairos_record*>memory, <uint32_t>size)
    if status != STATUS_OK:
        return status
    record[0] = <kairos_record*>memory
    if (record[0].slot_size < image.header.slot_size
            or record[0].session_slot_size < image.header.session_slot_size):
        load_grow(record[0], image.header)
    if record[0].layout_id < image.header.layout_id:
        record[0].layout_id = image.header.layout_id
    return STATUS_OK


cdef int32_t record_check(const kairos_record* record, uint32_t size) noexcept nogil:
    cdef int32_t status = load_check_header(record, size)
    if status == STATUS_OK:
        status = load_check_sessions(record)
    if status == STATUS_OK:
        status = load_check_entries(record)
    return status


cdef int32_t load_check_header(const kairos_record* record, uint32_t size) noexcept nogil:
    if record.version != KAIROS_RECORD_VERSION or record.header_size != sizeof(kairos_record):
        return STATUS_RECORD_CORRUPT
    if record.record_size != size or record.checksum != record_checksum(record):
        return STATUS_RECORD_CORRUPT
    if record.slot_size > KAIROS_SLOT_BYTES_MAX or record.slot_size % 8:
        return STATUS_RECORD_CORRUPT
    if record.session_slot_size > KAIROS_SESSION_SLOT_BYTES_MAX or record.session_slot_size % 8:
        return STATUS_RECORD_CORRUPT
    if (record_entries_offset(record) > size
            or size - record_entries_offset(record) > RECORD_ENTRIES_SIZE_MAX):
        return STATUS_RECORD_CORRUPT
    if record.consent_granted & ~record.consent_known:
        return STATUS_RECORD_CORRUPT
    return STATUS_OK


cdef int32_t load_check_sessions(const kairos_record* record) noexcept nogil:
    cdef uint32_t index
    cdef const kairos_session* session
    for index in range(<uint32_t>KAIROS_SESSIONS_KEPT):
        session = record_session(record, index)
        if session.ordinal > record.session_count or session.start_us > session.last_us:
            return STATUS_RECORD_CORRUPT
    return STATUS_OK


cdef inline bint load_check_timer(const kairos_entry* entry) noexcept nogil:
    return (entry.text_size == sizeof(kairos_timer_place)
            and (entry.name_size == 0 or entry.name_size == 8))


# Entries must tile the rest of the record exactly, and consents and timers must agree with the
# header.
cdef int32_t load_check_entries(const kairos_record* record) noexcept nogil:
    cdef const uint8_t* position = <const uint8_t*>record_first_entry(record)
    cdef const uint8_t* end = record_end(record)
    cdef const kairos_entry* entry
    cdef uint64_t consents = 0, bit
    cdef uint32_t timers = 0
    while position < end:
        entry = <const kairos_entry*>position
        if <size_t>(end - position) < sizeof(kairos_entry) or entry.size > <size_t>(end - position):
            return STATUS_RECORD_CORRUPT
        if (entry.size != entry_size(entry.name_size, entry.text_size)
                or entry.value_kind > VALUE_DURATION):
            return STATUS_RECORD_CORRUPT
        if entry.tag < ENTRY_TRAIT or entry.tag > ENTRY_IDENTIFIER:
            return STATUS_RECORD_CORRUPT
        if entry.tag == ENTRY_TIMER:
            if not load_check_timer(entry):
                return STATUS_RECORD_CORRUPT
            timers += 1
        if entry.tag == ENTRY_CONSENT:
            if entry.id >= KAIROS_CONSENT_PURPOSES_MAX or entry.size != sizeof(kairos_entry):
                return STATUS_RECORD_CORRUPT
            bit = <uint64_t>1 << entry.id
            if consents & bit or entry.value_bits != (record.consent_granted >> entry.id & 1):
                return STATUS_RECORD_CORRUPT
            consents |= bit
        position += entry.size
    if consents != record.consent_known or timers != record.timer_count:
        return STATUS_RECORD_CORRUPT
    return STATUS_OK


# Moves entries, then sessions from the last to the first, to where the larger layout has them, and
# clears what is new.
cdef void load_grow(kairos_record* record, const kairos_image_header* header) noexcept nogil:
    cdef uint8_t* base = <uint8_t*>record
    cdef uint32_t slot_size_old = record.slot_size, session_size_old = record.session_slot_size
    cdef uint32_t entries_old = record_entries_offset(record)
    cdef uint32_t entries_size = record.record_size - entries_old
    cdef uint32_t sessions_old = record_sessions_offset(record)
    cdef uint32_t stride_old = record_session_stride(record)
    cdef uint32_t index, kept = <uint32_t>sizeof(kairos_session) + session_size_old
    cdef uint8_t* session
    record.slot_size = max(slot_size_old, header.slot_size)
    record.session_slot_size = max(session_size_old, header.session_slot_size)
    memmove(base + record_entries_offset(record), base + entries_old, entries_size)
    for index in range(<uint32_t>KAIROS_SESSIONS_KEPT, 0, -1):
        session = <uint8_t*>record_session(record, index - 1)
        memmove(session, base + sessions_old + (index - 1) * stride_old, kept)
        memset(session + kept, 0, record.session_slot_size - session_size_old)
    memset(base + sizeof(kairos_record) + slot_size_old, 0, record.slot_size - slot_size_old)
    record.record_size = record_entries_offset(record) + entries_size


# ---------------------------------------------------------------- entries

cdef inline uint32_t entry_size(uint32_t name_size, uint32_t text_size) noexcept nogil:
    return (<uint32_t>sizeof(kairos_entry) + name_size + text_size + 7) & ~<uint32_t>7


cdef kairos_entry* record_find_entry(const kairos_record* record, uint32_t tag, uint32_t id,
                                     const uint8_t* name, uint32_t name_size) noexcept nogil:
    cdef kairos_entry* entry = record_first_entry(record)
    cdef const uint8_t* end = record_end(record)
    while <const uint8_t*>entry < end:
        if entry.tag == tag and entry.id == id and entry.name_size == name_size:
            if name_size == 0 or memcmp(entry_name(entry), name, name_size) == 0:
                return entry
        entry = record_next_entry(entry)
    return NULL


# True when entries may grow by `grown` bytes. Consents take from a part of their own.
cdef bint record_entries_fit(const kairos_record* record, uint32_t tag,
                             uint32_t grown) noexcept nogil:
    cdef uint32_t used, consents = 0
    cdef uint64_t known = record.consent_known
    if tag == ENTRY_CONSENT:
        return True
    while known:
        known &= known - 1
        consents += <uint32_t>sizeof(kairos_entry)
    used = record.record_size - record_entries_offset(record) - consents
    return used + grown <= <uint32_t>(RECORD_ENTRIES_SIZE_MAX - RECORD_CONSENTS_SIZE)


cdef kairos_entry* record_put_entry(kairos_record* record, uint32_t tag, uint32_t id,
                                    const uint8_t* name, uint32_t name_size, const uint8_t* text,
                                    uint32_t text_size) noexcept nogil:
    cdef kairos_entry* entry = record_find_entry(record, tag, id, name, name_size)
    cdef uint32_t size_new = entry_size(name_size, text_size), size_old = 0
    cdef uint8_t* tail
    cdef size_t tail_size
    if entry == NULL:
        entry = <kairos_entry*>record_end(record)
    else:
        size_old = entry.size
    if size_new > size_old and not record_entries_fit(record, tag, size_new - size_old):
        return NULL
    if size_new != size_old:
        tail = <uint8_t*>entry + size_old
        tail_size = <size_t>(record_end(record) - tail)
        memmove(<uint8_t*>entry + size_new, tail, tail_size)
        record.record_size = record.record_size + size_new - size_old
    memset(entry, 0, size_new)
    entry.size = size_new
    entry.tag = <uint8_t>tag
    entry.id = <uint16_t>id
    entry.name_size = <uint8_t>name_size
    entry.text_size = <uint16_t>text_size
    if name_size:
        memcpy(<uint8_t*>entry_name(entry), name, name_size)
    if text_size:
        memcpy(<uint8_t*>entry_text(entry), text, text_size)
    return entry


cdef void record_drop_entry(kairos_record* record, kairos_entry* entry) noexcept nogil:
    cdef uint32_t size = entry.size
    cdef uint8_t* tail = <uint8_t*>entry + size
    memmove(entry, tail, <size_t>(record_end(record) - tail))
    record.record_size -= size


# ---------------------------------------------------------------- traits and consents

cdef bint record_has_room_for_trait(const kairos_record* record) noexcept nogil:
    cdef const kairos_entry* entry = record_first_entry(record)
    cdef const uint8_t* end = record_end(record)
    cdef uint32_t traits = 0
    while <const uint8_t*>entry < end:
        traits += entry.tag == ENTRY_TRAIT
        entry = record_next_entry(entry)
    return traits < <uint32_t>KAIROS_RECORD_TRAITS_MAX


cdef void record_set_trait(kairos_record* record, const uint8_t* name, uint32_t name_size,
                           const kairos_value* value, int64_t occurred_us) noexcept nogil:
    cdef uint32_t text_size = value.size if value.kind == VALUE_STRING else 0
    cdef kairos_entry* known
    cdef kairos_entry* entry = NULL
    if value.kind == VALUE_ABSENT:
        return
    if name_size == 0 or name_size > KAIROS_ATTRIBUTE_NAME_SIZE_MAX:
        record_count_dropped(record)
        return
    known = record_find_entry(record, ENTRY_TRAIT, 0, name, name_size)
    if known != NULL and occurred_us < known.time_us:
        return
    if (text_size <= KAIROS_RECORD_TRAIT_SIZE_MAX
            and (known != NULL or record_has_room_for_trait(record))):
        entry = record_put_entry(record, ENTRY_TRAIT, 0, name, name_size,
                                 <const uint8_t*>value.bits, text_size)
    if entry == NULL:
        record_count_dropped(record)
        if known == NULL:
            return
        # The old value is outdated and the new one is not there: absent is
        # the only true answer. It always fits.
        entry = record_put_entry(record, ENTRY_TRAIT, 0, name, name_size, NULL, 0)
        entry.value_kind = VALUE_ABSENT
    else:
        entry.value_kind = value.kind
        entry.value_bits = 0 if value.kind == VALUE_STRING else value.bits
    entry.time_us = occurred_us


cdef void record_set_consent(kairos_record* record, uint32_t purpose, bint granted,
                             int64_t occurred_us) noexcept nogil:
    cdef kairos_entry* entry
    cdef uint64_t bit
    if purpose >= <uint32_t>KAIROS_CONSENT_PURPOSES_MAX:
        return
    entry = record_find_entry(record, ENTRY_CONSENT, purpose, NULL, 0)
    if entry != NULL and occurred_us < entry.time_us:
        return
    entry = record_put_entry(record, ENTRY_CONSENT, purpose, NULL, 0, NULL, 0)
    bit = <uint64_t>1 << purpose
    entry.value_kind = VALUE_BOOL
    entry.value_bits = 1 if granted else 0
    entry.time_us = occurred_us
    record.consent_known |= bit
    if granted:
        record.consent_granted |= bit
    else:
        record.consent_granted &= ~bit
