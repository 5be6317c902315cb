# Contract in fold.pxd. Each step takes one more record into the fold; the steps come in a fixed
# order, because sums of doubles depend on it and equal times need a winner.
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.plan cimport plan
from kairos_native.record cimport *
from kairos_native.scratch cimport fold_others
from kairos_native.slots cimport add_saturating, decay_factor, window_advance

cdef extern from "score.h" nogil:
    double kairos_add_weighted(double sum, double weight, double value)


# ---------------------------------------------------------------- slots

# The older value decays to the time of the newer one. An empty slot is value 0 at time 0.
cdef void fold_decayed(const kairos_slot* slot, uint8_t* into, const uint8_t* other) noexcept nogil:
    cdef double* value = <double*>into
    cdef int64_t* time_us = <int64_t*>(into + 8)
    cdef double more = (<const double*>other)[0]
    cdef int64_t more_us = (<const int64_t*>(other + 8))[0]
    if more_us > time_us[0]:
        value[0] = kairos_add_weighted(more, value[0], decay_factor(slot, time_us[0], more_us))
        time_us[0] = more_us
    else:
        value[0] = kairos_add_weighted(value[0], more, decay_factor(slot, more_us, time_us[0]))


# Buckets are whole spans of time, the same for every record, so that equal numbers add up.
cdef void fold_window(const kairos_slot* slot, uint8_t* into, const uint8_t* other) noexcept nogil:
    cdef int64_t count = slot.bucket_count, bucket, place
    cdef int64_t newest = max((<const int64_t*>other)[0], 0) - 1
    cdef uint32_t sum
    if newest < 0:
        return
    window_advance(into, slot, newest)
    for bucket in range(max((<int64_t*>into)[0] - count, newest - count + 1, 0), newest + 1):
        place = bucket % count
        if slot.kind == SLOT_WINDOW_COUNT:
            sum = (<uint32_t*>(into + 8))[place] + (<const uint32_t*>(other + 8))[place]
            if sum < (<const uint32_t*>(other + 8))[place]:
                sum = <uint32_t>0xFFFFFFFF
            (<uint32_t*>(into + 8))[place] = sum
        elif slot.kind == SLOT_WINDOW_SUM_INT:
            (<int64_t*>(into + 8))[place] = add_saturating((<int64_t*>(into + 8))[place],
                                                           (<const int64_t*>(other + 8))[place])
        else:
            (<double*>(into + 8))[place] += (<const double*>(other + 8))[place]


# Of equal times a last value is that of the later member, a first value that of the earlier one.
# The text of a kept string moves with it.
cdef void fold_kept(const kairos_slot* slot, uint32_t slot_id, kairos_record* record, uint8_t* into,
                    const kairos_record* other_record, const uint8_t* other) noexcept nogil:
    cdef kairos_slot_value* kept = <kairos_slot_value*>into
    cdef const kairos_slot_value* more = <const kairos_slot_value*>other
    cdef const kairos_entry* text
    cdef kairos_entry* put
    if more.reserved == 0:
        return
    if kept.reserved != 0:
        if slot.kind == SLOT_LAST and more.time_us < kept.time_us:
            return
        if slot.kind == SLOT_FIRST and more.time_us >= kept.time_us:
            return
    put = record_find_entry(record, ENTRY_SLOT_TEXT, slot_id, NULL, 0)
    if put != NULL:
        record_drop_entry(record, put)
    kept[0] = more[0]
    if more.kind != VALUE_STRING:
        return
    text = record_find_entry(other_record, ENTRY_SLOT_TEXT, slot_id, NULL, 0)
    put = NULL
    if text != NULL:
        put = record_put_entry(record, ENTRY_SLOT_TEXT, slot_id, NULL, 0, entry_text(text),
                               text.text_size)
    if put == NULL:
        kept.kind = VALUE_ABSENT
        record_count_dropped(record)
        return
    put.value_kind = VALUE_STRING
    put.time_us = text.time_us


cdef void fold_slot(const kairos_slot* slot, uint32_t slot_id, kairos_record* record,
                    const kairos_record* other) noexcept nogil:
    cdef uint8_t* into = <uint8_t*>record + sizeof(kairos_record) + slot.offset
    cdef const uint8_t* more = <const uint8_t*>other + sizeof(kairos_record) + slot.offset
    cdef uint32_t kind = slot.kind
    if kind == SLOT_COUNT or kind == SLOT_SUM_INT:
        (<int64_t*>into)[0] = add_saturating((<int64_t*>into)[0], (<const int64_t*>more)[0])
    elif kind == SLOT_SUM_DOUBLE:
        (<double*>into)[0] += (<const double*>more)[0]
    elif kind == SLOT_DECAYED:
        fold_decayed(slot, into, more)
    elif kind == SLOT_LAST or kind == SLOT_FIRST:
        fold_kept(slot, slot_id, record, into, other, more)
    else:
        fold_window(slot, into, more)


cdef void fold_slots(const plan* image, kairos_record* record,
                     const kairos_record* other) noexcept nogil:
    cdef const kairos_slot* slot
    cdef uint32_t i, size = min(record.slot_size, other.slot_size)
    for i in range(image.slot_count):
        slot = &image.slots[i]
        # A session's slots move with the session.
        if slot.kind and slot.scope == SLOT_SCOPE_SUBJECT and slot.offset + slot.size <= size:
            fold_slot(slot, i, record, other)


# ---------------------------------------------------------------- sessions

# Order of sessions in a fold: by last event, then by ordinal, then by member.
cdef inline bint session_precedes(const kairos_session* session, const kairos_session* other,
                                  uint64_t member) noexcept nogil:
    if session.last_us != other.last_us:
        return session.last_us > other.last_us
    if session.ordinal != other.ordinal:
        return session.ordinal > other.ordinal
    return session.reserved > member


# Keeps the newest of all, newest first. `reserved` of a folded session tells its member.
cdef void fold_sessions(kairos_record* record, const kairos_record* other,
                        uint64_t member) noexcept nogil:
    cdef const kairos_session* session
    cdef uint32_t i, place, moved
    cdef uint32_t stride = record_session_stride(record)
    cdef uint32_t size = min(stride, record_session_stride(other))
    for i in range(<uint32_t>KAIROS_SESSIONS_KEPT):
        session = record_session(other, i)
        if not session.ordinal:
            continue
        place = 0
        while place < <uint32_t>KAIROS_SESSIONS_KEPT:
            if (not record_session(record, place).ordinal
                    or not session_precedes(record_session(record, place), session, member)):
                break
            place += 1
        if place == <uint32_t>KAIROS_SESSIONS_KEPT:
            continue
        for moved in range(<uint32_t>KAIROS_SESSIONS_KEPT - 1, place, -1):
            memcpy(record_session(record, moved), record_session(record, moved - 1), stride)
        memset(record_session(record, place), 0, stride)
        memcpy(record_session(record, place), session, size)
        record_session(record, place).reserved = member


# ---------------------------------------------------------------- traits and consents

cdef uint32_t fold_trait_count(const kairos_record* record) noexcept nogil:
    cdef const kairos_entry* entry = record_first_entry(record)
    cdef uint32_t count = 0
    while <const uint8_t*>entry < record_end(record):
        count += entry.tag == ENTRY_TRAIT
        entry = record_next_entry(entry)
    return count


# The newest wins, of equal times that of the later member.
cdef void fold_trait(kairos_record* record, const kairos_entry* more) noexcept nogil:
    cdef kairos_entry* known = record_find_entry(record, ENTRY_TRAIT, 0, entry_name(more),
                                                 more.name_size)
    cdef kairos_entry* entry = NULL
    if known != NULL and more.time_us < known.time_us:
        return
    if known != NULL or fold_trait_count(record) < <uint32_t>KAIROS_RECORD_TRAITS_MAX:
        entry = record_put_entry(record, ENTRY_TRAIT, 0, entry_name(more), more.name_size,
                                 entry_text(more), more.text_size)
    if entry != NULL:
        entry.value_kind = more.value_kind
        entry.value_bits = more.value_bits
        entry.time_us = more.time_us
        return
    record_count_dropped(record)
    if known != NULL:
        # As in a record: no value rather than an outdated one. It always fits.
        entry = record_put_entry(record, ENTRY_TRAIT, 0, entry_name(more), more.name_size, NULL, 0)
        entry.value_kind = VALUE_ABSENT
        entry.time_us = more.time_us


# The newest wins; of equal times the denial, so that no order of members grants what was denied.
cdef void fold_consent(kairos_record* record, const kairos_entry* more) noexcept nogil:
    cdef kairos_entry* entry = record_find_entry(record, ENTRY_CONSENT, more.id, NULL, 0)
    if entry != NULL and (more.time_us < entry.time_us
                          or (more.time_us == entry.time_us and more.value_bits)):
        return
    record_set_consent(record, more.id, more.value_bits != 0, more.time_us)


cdef void fold_entries(kairos_record* record, const kairos_record* other) noexcept nogil:
    cdef const kairos_entry* entry = record_first_entry(other)
    while <const uint8_t*>entry < record_end(other):
        if entry.tag == ENTRY_TRAIT:
            fold_trait(record, entry)
        elif entry.tag == ENTRY_CONSENT:
            fold_consent(record, entry)
        entry = record_next_entry(entry)


# ---------------------------------------------------------------- records

cdef inline uint32_t add_capped(uint32_t left, uint32_t right) noexcept nogil:
    return left + right if left + right >= left else <uint32_t>0xFFFFFFFF


# An empty record in the first member's layout: what is to be folded into.
cdef void fold_begin(kairos_record* record, const kairos_record* first) noexcept nogil:
    memset(record, 0, sizeof(kairos_record))
    record.version = KAIROS_RECORD_VERSION
    record.header_size = <uint16_t>sizeof(kairos_record)
    record.layout_id = first.layout_id
    record.sequence_created = first.sequence_created
    record.slot_size = first.slot_size
    record.session_slot_size = first.session_slot_size
    record.key_id = first.key_id
    record.flags = RECORD_FLAG_LINKED
    record.record_size = record_entries_offset(record)
    memset(<uint8_t*>record + sizeof(kairos_record), 0,
           <size_t>(record.record_size - sizeof(kairos_record)))


cdef void fold_counts(kairos_record* record, const kairos_record* other) noexcept nogil:
    if other.event_count:
        if not record.event_count or other.first_seen_us < record.first_seen_us:
            record.first_seen_us = other.first_seen_us
        if not record.event_count or other.last_seen_us > record.last_seen_us:
            record.last_seen_us = other.last_seen_us
    record.event_count += other.event_count
    record.session_count += other.session_count
    record.sequence_created = min(record.sequence_created, other.sequence_created)
    record.sequence_last = max(record.sequence_last, other.sequence_last)
    record.late_count = add_capped(record.late_count, other.late_count)
    record.dropped_count = add_capped(record.dropped_count, other.dropped_count)
    record.timer_count = add_capped(record.timer_count, other.timer_count)


cdef kairos_record* fold_step(const plan* image, kairos_record* fold, const kairos_record* other,
                              uint8_t* memory, uint64_t member) noexcept nogil:
    if fold == NULL:
        fold = <kairos_record*>memory
        fold_begin(fold, other)
    fold_counts(fold, other)
    fold_slots(image, fold, other)
    fold_sessions(fold, other, member)
    fold_entries(fold, other)
    return fold


cdef kairos_record* fold_group(const plan* image, const fold_others* others,
                               const kairos_record* own, uint8_t* memory) noexcept nogil:
    cdef kairos_record* fold = NULL
    cdef uint32_t i
    for i in range(others.count + 1):
        if i == others.own_place and own != NULL:
            fold = fold_step(image, fold, own, memory, 2 * i + 1)
        if i < others.count:
            fold = fold_step(image, fold, others.records[i], memory, 2 * i + 2)
    return fold
