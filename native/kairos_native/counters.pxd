# What happened how often, per tenant: events, and how often each trigger fired. State of
# the view that only the log changes; one thread, inside the store's write transaction.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.store cimport store


cdef enum:
    COUNTER_EVENTS = 0              # events applied, repeats not counted
    COUNTER_LATE = 1                # events later than the windows take
    COUNTER_TRIGGER_FIRST = 256     # + trigger number
    COUNTERS_CHUNK = 256            # counters of one value of the view
    COUNTER_CHUNKS_MAX = 8192       # two million triggers

cdef struct counter:
    uint64_t count
    int64_t last_us                 # present of the record that counted last; 0: never

# Opaque outside counters.pyx.
cdef struct counters

cdef struct counters_pointers:
    counters* table


cdef counters* counters_open(store* view, uint16_t partition) noexcept nogil
cdef void counters_close(counters* table) noexcept nogil
# Counts once more. A record that the chunk's value has counted already (a replay from a fuzzy
# checkpoint, which copies counters after the subjects) is passed over.
#   Cost:   O(1) in memory; the first use of a chunk one get and one allocation
#   Errors: STATUS_STORE_ERROR, STATUS_RECORD_CORRUPT, STATUS_NO_MEMORY
cdef int32_t counter_add(counters* table, uint32_t tenant, uint32_t number, uint64_t sequence,
                         int64_t now_us) noexcept nogil
# Writes the chunks that changed since the last flush, under the sequence of the last record.
cdef int32_t counters_flush(counters* table) noexcept nogil
# The key of a chunk: prefix, number of the chunk; returns its size. For readers of the view, whose
# values are a kairos_stored and COUNTERS_CHUNK counters.
cdef uint32_t counters_key(uint8_t* key, uint16_t partition, uint32_t tenant,
                           uint32_t chunk) noexcept nogil
