# Contract in slots.pxd. A slot's bytes are all zero until its first event;
# each kind reads that as "no event".
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_SLOT_TEXT_SIZE_MAX
from kairos_native.plan cimport plan
from kairos_native.record cimport (entry_text, record_count_dropped, record_drop_entry,
                                   record_find_entry, record_put_entry, time_span)

cdef extern from "compare.h" nogil:
    enum:
        COMPARE_EQUAL
    uint32_t compare_operand(const uint8_t* strings, const kairos_value* value,
                             const kairos_operand* operand)

cdef extern from "score.h" nogil:
    double kairos_add_weighted(double sum, double weight, double value)


# `reserved` of kairos_slot_value tells a kept event at time 0 from an empty slot.
cdef enum:
    SLOT_VALUE_KEPT = 1
    UINT32_LAST = 0xFFFFFFFF


# Bytes of a slot, or NULL where the record's layout is older than the slot or there
# is no such session.
cdef inline uint8_t* slot_bytes(const kairos_record* record, const kairos_session* session,
                                const kairos_slot* slot) noexcept nogil:
    if record == NULL:
        return NULL
    if slot.scope == SLOT_SCOPE_SUBJECT:
        if slot.offset + slot.size > record.slot_size:
            return NULL
        return <uint8_t*>record + sizeof(kairos_record) + slot.offset
    if session == NULL or slot.offset + slot.size > record.session_slot_size:
        return NULL
    return <uint8_t*>session + sizeof(kairos_session) + slot.offset


# ---------------------------------------------------------------- filters

# Filters are equalities with constants, in CEL's meaning; an absent value errs,
# that is, does not hold.
cdef bint slot_filter_holds(const plan* image, const kairos_slot* slot,
                            const kairos_value* fields) noexcept nogil:
    cdef uint32_t index
    cdef const kairos_leaf* leaf
    for index in range(slot.filter_count):
        leaf = &image.leaves[slot.filter_first + index]
        if leaf.op != LEAF_EQ:
            return False
        if (compare_operand(image.strings, &fields[leaf.column],
                            &image.operands[leaf.operand_first]) != COMPARE_EQUAL):
            return False
    return True


# ---------------------------------------------------------------- numbers

# The value as a double where it is a number.
cdef inline bint number_of(const kairos_value* value, double* number) noexcept nogil:
    if value.kind == VALUE_DOUBLE:
        number[0] = (<const double*>&value.bits)[0]
        return True
    if value.kind == VALUE_INT:
        number[0] = <double><int64_t>value.bits
        return True
    return False


cdef void decayed_update(uint8_t* bytes, const kairos_slot* slot,
                         int64_t occurred_us) noexcept nogil:
    cdef double* value = <double*>bytes
    cdef int64_t* time_us = <int64_t*>(bytes + 8)
    # An empty slot is value 0 at time 0, and event times are not negative:
    # the first event needs no case of its own.
    if occurred_us >= time_us[0]:
        value[0] = kairos_add_weighted(slot.weight, value[0],
                                       decay_factor(slot, time_us[0], occurred_us))
        time_us[0] = occurred_us
    else:
        value[0] = kairos_add_weighted(value[0], slot.weight,
                                       decay_factor(slot, occurred_us, time_us[0]))


cdef double decayed_read(const uint8_t* bytes, const kairos_slot* slot,
                         int64_t now_us) noexcept nogil:
    cdef double value = (<const double*>bytes)[0]
    cdef int64_t time_us = (<const int64_t*>(bytes + 8))[0]
    return value * decay_factor(slot, time_us, now_us) if now_us > time_us else value


# ---------------------------------------------------------------- windows

cdef void window_advance(uint8_t* bytes, const kairos_slot* slot, int64_t bucket) noexcept nogil:
    cdef int64_t* head = <int64_t*>bytes
    cdef int64_t count = slot.bucket_count
    cdef int64_t bucket_size = 4 if slot.kind == SLOT_WINDOW_COUNT else 8
    cdef int64_t newest = max(head[0], 0) - 1, index
    if newest < 0:
        head[0] = bucket + 1
    elif bucket > newest:
        if bucket - newest >= count:
            memset(bytes + 8, 0, <size_t>(count * bucket_size))
        else:
            for index in range(newest + 1, bucket + 1):
                memset(bytes + 8 + index % count * bucket_size, 0, <size_t>bucket_size)
        head[0] = bucket + 1


# Moves the ring on to the bucket of `occurred_us` where that is newer, clearing what it passes.
#   Returns: the event's place in the ring, or -1 when its bucket is no longer kept
cdef int64_t window_place(uint8_t* bytes, const kairos_slot* slot,
                          int64_t occurred_us) noexcept nogil:
    cdef int64_t bucket = bucket_of(occurred_us, slot.bucket_us)
    if bucket < 0:
        return -1
    window_advance(bytes, slot, bucket)
    if (<int64_t*>bytes)[0] - 1 - bucket >= slot.bucket_count:
        return -1
    return bucket % slot.bucket_count


cdef void window_update(uint8_t* bytes, const kairos_slot* slot, const kairos_value* value,
                        int64_t occurred_us) noexcept nogil:
    cdef double number = 0.0
    cdef int64_t place
    if slot.kind == SLOT_WINDOW_SUM_INT and (value == NULL or value.kind != VALUE_INT):
        return
    if slot.kind == SLOT_WINDOW_SUM_DOUBLE and (value == NULL or not number_of(value, &number)):
        return
    place = window_place(bytes, slot, occurred_us)
    if place < 0:
        return
    bytes += 8
    if slot.kind == SLOT_WINDOW_COUNT:
        if (<uint32_t*>bytes)[place] != <uint32_t>UINT32_LAST:
            (<uint32_t*>bytes)[place] += 1
    elif slot.kind == SLOT_WINDOW_SUM_INT:
        (<int64_t*>bytes)[place] = add_saturating((<int64_t*>bytes)[place], <int64_t>value.bits)
    else:
        (<double*>bytes)[place] += number


# Adds the buckets kept that `now_us` asks for, oldest first.
cdef kairos_value window_read(const uint8_t* bytes, const kairos_slot* slot,
                              int64_t now_us) noexcept nogil:
    cdef int64_t newest = max((<const int64_t*>bytes)[0], 0) - 1
    cdef int64_t count = slot.bucket_count
    cdef int64_t last = bucket_of(now_us, slot.bucket_us)
    cdef int64_t first = max(last - count + 1, newest - count + 1), bucket, place, total = 0
    cdef double sum = 0.0
    last = min(last, newest)
    bytes += 8
    if newest >= 0 and first <= last:
        first = max(first, 0)
        place = first % count
        for bucket in range(first, last + 1):
            if slot.kind == SLOT_WINDOW_COUNT:
                total += (<const uint32_t*>bytes)[place]
            elif slot.kind == SLOT_WINDOW_SUM_INT:
                total = add_saturating(total, (<const int64_t*>bytes)[place])
            else:
                sum += (<const double*>bytes)[place]
            place = place + 1 if place + 1 < count else 0
    if slot.kind == SLOT_WINDOW_SUM_DOUBLE:
        return value_of_double(sum)
    return value_of(VALUE_INT, <uint64_t>total)


# ---------------------------------------------------------------- last and first

cdef void kept_update(kairos_record* record, uint8_t* bytes, const kairos_slot* slot,
                      uint32_t slot_id, const kairos_value* value,
                      int64_t occurred_us) noexcept nogil:
    cdef kairos_slot_value* kept = <kairos_slot_value*>bytes
    cdef kairos_entry* text
    if kept.reserved == SLOT_VALUE_KEPT:
        # Events come in log order, so that of equal times the later replaces a last value and
        # never a first one.
        if slot.kind == SLOT_LAST and occurred_us < kept.time_us:
            return
        if slot.kind == SLOT_FIRST and occurred_us >= kept.time_us:
            return
    if (kept.kind == VALUE_STRING
            and (value == NULL or value.kind != VALUE_STRING
                 or value.size > KAIROS_SLOT_TEXT_SIZE_MAX)):
        text = record_find_entry(record, ENTRY_SLOT_TEXT, slot_id, NULL, 0)
        if text != NULL:
            record_drop_entry(record, text)
    kept.reserved = SLOT_VALUE_KEPT
    kept.time_us = occurred_us
    kept.kind = VALUE_ABSENT if value == NULL else value.kind
    kept.bits = 0
    if kept.kind == VALUE_STRING:
        kept_update_text(record, kept, slot, slot_id, value, occurred_us)
    elif kept.kind != VALUE_ABSENT:
        kept.bits = value.bits


cdef void kept_update_text(kairos_record* record, kairos_slot_value* kept, const kairos_slot* slot,
                           uint32_t slot_id, const kairos_value* value,
                           int64_t occurred_us) noexcept nogil:
    cdef kairos_entry* text = NULL
    if slot.scope == SLOT_SCOPE_SUBJECT and value.size <= KAIROS_SLOT_TEXT_SIZE_MAX:
        text = record_put_entry(record, ENTRY_SLOT_TEXT, slot_id, NULL, 0,
                                <const uint8_t*>value.bits, value.size)
    if text == NULL:
        kept.kind = VALUE_ABSENT
        record_count_dropped(record)
        text = record_find_entry(record, ENTRY_SLOT_TEXT, slot_id, NULL, 0)
        if text != NULL:
            record_drop_entry(record, text)
        return
    text.value_kind = VALUE_STRING
    text.time_us = occurred_us


cdef kairos_value kept_read(const kairos_record* record, const uint8_t* bytes, uint32_t slot_id,
                            uint32_t part, int64_t now_us) noexcept nogil:
    cdef const kairos_slot_value* kept = <const kairos_slot_value*>bytes
    cdef const kairos_entry* text
    cdef kairos_value value = value_of(VALUE_ABSENT, 0)
    if kept.reserved != SLOT_VALUE_KEPT:
        return value
    if part == PART_TIME:
        return value_of(VALUE_TIME, <uint64_t>kept.time_us)
    if part == PART_AGE:
        return value_of(VALUE_DURATION, time_span(kept.time_us, now_us))
    if kept.kind != VALUE_STRING:
        return value_of(kept.kind, kept.bits)
    text = record_find_entry(record, ENTRY_SLOT_TEXT, slot_id, NULL, 0)
    if text != NULL:
        value = value_of(VALUE_STRING, <uint64_t>entry_text(text))
        value.size = text.text_size
    return value


# ---------------------------------------------------------------- one slot

cdef void slot_update(const plan* image, kairos_record* record, kairos_session* session,
                      uint32_t slot_id, const kairos_value* fields, int64_t occurred_us,
                      bint late) noexcept nogil:
    cdef const kairos_slot* slot = &image.slots[slot_id]
    cdef uint8_t* bytes = slot_bytes(record, session, slot)
    cdef const kairos_value* value = NULL
    cdef double number
    cdef uint32_t kind = slot.kind
    if bytes == NULL or not slot_filter_holds(image, slot, fields):
        return
    if slot.value_field != <uint32_t>UINT32_LAST:
        value = &fields[slot.value_field]
    if kind == SLOT_COUNT:
        (<int64_t*>bytes)[0] = add_saturating((<int64_t*>bytes)[0], 1)
    elif kind == SLOT_SUM_INT:
        if value != NULL and value.kind == VALUE_INT:
            (<int64_t*>bytes)[0] = add_saturating((<int64_t*>bytes)[0], <int64_t>value.bits)
    elif kind == SLOT_SUM_DOUBLE:
        if value != NULL and number_of(value, &number):
            (<double*>bytes)[0] += number
    elif kind == SLOT_DECAYED:
        decayed_update(bytes, slot, occurred_us)
    elif kind == SLOT_LAST or kind == SLOT_FIRST:
        kept_update(record, bytes, slot, slot_id, value, occurred_us)
    elif kind != 0 and not late:
        window_update(bytes, slot, value, occurred_us)


# What a slot without any event reads.
cdef kairos_value slot_read_empty(const kairos_slot* slot) noexcept nogil:
    cdef uint32_t kind = slot.kind
    if (kind == SLOT_COUNT or kind == SLOT_SUM_INT or kind == SLOT_WINDOW_COUNT
            or kind == SLOT_WINDOW_SUM_INT):
        return value_of(VALUE_INT, 0)
    if kind == SLOT_SUM_DOUBLE or kind == SLOT_DECAYED or kind == SLOT_WINDOW_SUM_DOUBLE:
        return value_of_double(0.0)
    return value_of(VALUE_ABSENT, 0)


cdef kairos_value slot_read(const plan* image, const kairos_record* record,
                            const kairos_session* session, uint32_t slot_id, uint32_t part,
                            int64_t now_us) noexcept nogil:
    cdef const kairos_slot* slot = &image.slots[slot_id]
    cdef const uint8_t* bytes = slot_bytes(record, session, slot)
    cdef uint32_t kind = slot.kind
    if bytes == NULL:
        return slot_read_empty(slot)
    if kind == SLOT_COUNT or kind == SLOT_SUM_INT:
        return value_of(VALUE_INT, (<const uint64_t*>bytes)[0])
    if kind == SLOT_SUM_DOUBLE:
        return value_of(VALUE_DOUBLE, (<const uint64_t*>bytes)[0])
    if kind == SLOT_DECAYED:
        return value_of_double(decayed_read(bytes, slot, now_us))
    if kind == SLOT_LAST or kind == SLOT_FIRST:
        return kept_read(record, bytes, slot_id, part, now_us)
    if kind == 0:
        return value_of(VALUE_ABSENT, 0)
    return window_read(bytes, slot, now_us)
