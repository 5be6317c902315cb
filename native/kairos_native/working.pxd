# The records that one write transaction has changed: kept together in memory and written once, in
# key order, because hot subjects recur within a group commit and neighbours share pages of the
# view.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from kairos_native.layout cimport kairos_record
from kairos_native.store cimport store
from kairos_native.view cimport arena


# A place for one subject; `record` NULL: not changed yet. `stored`: what the view holds of it, NULL
# where that was not looked up or does not exist; `looked_up` tells which.
cdef struct working_record:
    uint8_t key[22]
    uint8_t used
    uint8_t looked_up
    uint32_t capacity
    uint32_t stored_size
    kairos_record* record
    const uint8_t* stored

cdef struct working_set:
    working_record* table       # open addressing
    working_record** places     # in use; the first sorted_count in the order of their keys
    uint32_t count
    uint32_t sorted_count
    arena records


cdef int32_t working_open(working_set* records) noexcept nogil
cdef void working_close(working_set* records) noexcept nogil
# True when one more record of the log may not fit, with all subjects that it can touch: flush
# first.
cdef bint working_full(const working_set* records) noexcept nogil
# Finds the place of a subject, or takes a new one.
#   Bounds: not when working_full
cdef working_record* working_find(working_set* records, const uint8_t* key) noexcept nogil
# The place of a subject that was found before, or NULL.
cdef const working_record* working_peek(const working_set* records,
                                        const uint8_t* key) noexcept nogil
# Looks up all subjects found so far, in the order of their keys: neighbours share the upper pages
# of the tree, and the records are on their way into the cache while the first ones are applied.
#   Bounds: no subject may be written to the view between this and working_flush
#   Errors: STATUS_STORE_ERROR
cdef int32_t working_look_up(working_set* records, store* view) noexcept nogil
# Copies a changed record into its place.
cdef int32_t working_keep(working_set* records, working_record* place,
                          const kairos_record* record) noexcept nogil
# Seals and writes all changed records and empties the set.
#   Cost: O(n log n) compares and n puts
cdef int32_t working_flush(working_set* records, store* view) noexcept nogil
