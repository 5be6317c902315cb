# Stored features of a record: how an event changes a slot and what a slot reads at a moment.
# Meaning in docs/guides/time.md.
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport *
from kairos_native.plan cimport plan
from kairos_native.record cimport time_span

cdef extern from "score.h" nogil:
    double kairos_exp(double x)


# Updates one slot by an event if the slot's filter holds.
# `session`: the event's session in the record, or NULL.
#   Shapes: fields[image.event_field_count]
#   Cost:   O(filter leaves); a window moving on clears O(buckets); a text O(entries)
cdef void slot_update(const plan* image, kairos_record* record, kairos_session* session,
                      uint32_t slot_id, const kairos_value* fields, int64_t occurred_us,
                      bint late) noexcept nogil
# Reads a part of a slot at `now_us`; a record or session that is not there reads as
# one without events.
#   Cost: O(1), windows O(buckets), texts O(entries)
cdef kairos_value slot_read(const plan* image, const kairos_record* record,
                            const kairos_session* session, uint32_t slot_id, uint32_t part,
                            int64_t now_us) noexcept nogil


# Moves the ring of a window on, so that its newest bucket is `bucket` or a later one.
cdef void window_advance(uint8_t* bytes, const kairos_slot* slot, int64_t bucket) noexcept nogil


# Floor of time / span, also for negative times; span > 0.
cdef inline int64_t bucket_of(int64_t time_us, int64_t span_us) noexcept nogil:
    cdef int64_t quotient = time_us / span_us
    return quotient - (time_us % span_us < 0)


# The makers of values: strings are made where their bytes are. The second half is written as one
# word (size 0, kind at byte 12), so that a value travels in two registers; byte by byte it would go
# through memory and stall on each return.
cdef inline kairos_value value_of(uint32_t kind, uint64_t bits) noexcept nogil:
    cdef kairos_value value
    value.bits = bits
    (<uint64_t*>&value)[1] = <uint64_t>kind << 32
    return value


cdef inline kairos_value value_of_double(double number) noexcept nogil:
    return value_of(VALUE_DOUBLE, (<uint64_t*>&number)[0])


cdef inline double value_double(const kairos_value* value) noexcept nogil:
    return (<const double*>&value.bits)[0]


# Sums stop at the bounds of int64: apply is total, and a wrapped sum would change its sign.
cdef inline int64_t add_saturating(int64_t left, int64_t right) noexcept nogil:
    if right > 0 and left > INT64_MAX - right:
        return INT64_MAX
    if right < 0 and left < INT64_MIN - right:
        return INT64_MIN
    return left + right


# What the time between leaves of a decayed value. Product, then negation:
# the guide fixes the order.
cdef inline double decay_factor(const kairos_slot* slot, int64_t earlier_us,
                                int64_t later_us) noexcept nogil:
    return kairos_exp(-(<double><int64_t>time_span(earlier_us, later_us) * slot.decay_per_us))
