# The records that one write transaction has changed: kept together in memory and written once, in key order, because hot
# subjects recur within a group commit and neighbours share pages of the view.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from kairos_native.layout cimport kairos_record
from kairos_native.store cimport store
from kairos_native.view cimport arena


# A place for one subject; `record` NULL: not changed yet.
cdef struct working_record:
    uint8_t key[22]
    uint16_t used
    uint32_t capacity
    kairos_record* record

cdef struct working_set:
    working_record* table       # open addressing
    uint32_t* places            # positions in use
    uint32_t count
    arena records


cdef int32_t working_open(working_set* records) noexcept nogil
cdef void working_close(working_set* records) noexcept nogil
# True when another subject may not fit: flush first.
cdef bint working_full(const working_set* records) noexcept nogil
# Finds the place of a subject, or takes a new one.
#   Bounds: not when working_full
cdef working_record* working_find(working_set* records, const uint8_t* key) noexcept nogil
# Copies a changed record into its place.
cdef int32_t working_keep(working_set* records, working_record* place, const kairos_record* record) noexcept nogil
# Seals and writes all changed records and empties the set.
#   Cost: O(n log n) compares and n puts
cdef int32_t working_flush(working_set* records, store* view) noexcept nogil
