# Numbers that producers give their events: which were seen. One thread, inside the store's write
# transaction.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.store cimport store


cdef enum:
    PRODUCER_WINDOW = 1024          # numbers remembered below the greatest
    PRODUCERS_KEPT = 4096           # windows in memory; the least recently used goes

# Opaque outside producer.pyx.
cdef struct producers

cdef struct producers_pointers:
    producers* table


cdef producers* producers_open(store* view, uint16_t partition) noexcept nogil
cdef void producers_close(producers* table) noexcept nogil
# Looks a number up and, when it is new, notes it for the log record `sequence`.
#   Returns: 1 a repeat (noted by an earlier log record, or more than PRODUCER_WINDOW below the
#            greatest); 0 new, also when this same record asks again; -status on failure
#   Bounds:  records in the order of their sequences, from the applied position of the view on:
#            checkpoints copy the windows and that position in one transaction
#   Cost:    O(1) in memory, about 10 ns for the producer of the number before; no allocation;
#            the first number of a producer that is not in memory one get
#   Errors:  STATUS_STORE_ERROR; STATUS_RECORD_CORRUPT, also for a sequence before the last noted
cdef int32_t producer_note(producers* table, uint32_t tenant, const uint8_t* hash_key,
                           const uint8_t* producer_id, uint32_t producer_id_size, uint64_t number,
                           uint64_t sequence) noexcept nogil
# Writes the windows that changed since the last flush.
cdef int32_t producers_flush(producers* table) noexcept nogil
# Forgets what is in memory (after an aborted transaction).
cdef void producers_forget(producers* table) noexcept nogil
# Number of windows that changed since the last flush, for the bound of dirty pages.
cdef uint32_t producers_changed(const producers* table) noexcept nogil
