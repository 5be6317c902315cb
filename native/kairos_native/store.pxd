# The view: one LMDB environment with WRITEMAP and without its own sync, through the engine inside
# the lmdb wheel.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef enum store_database:
    STORE_META = 0          # applied position, tenant states
    STORE_SUBJECTS = 1      # subject records
    # reserved: identifiers linked to another subject than their own hash names
    STORE_IDENTITIES = 2
    STORE_DOCUMENTS = 3     # documents by kind, id and version
    STORE_PLANS = 4         # activations by sequence
    STORE_TIMERS = 5        # pending timers by due time
    STORE_OUTBOX = 6        # effects that wait for a worker, by log sequence and ordinal
    STORE_DEAD = 7          # effects given up
    STORE_PRODUCERS = 8     # numbers of events seen, by producer
    STORE_HISTORY = 9       # changes of consents, by subject and sequence
    STORE_COUNTERS = 10     # what happened how often
    STORE_COUNT = 11


cdef struct store
cdef struct store_reader


# Names both types at file scope, so that C does not take them for types of a prototype's own in
# modules that only pass pointers.
cdef struct store_pointers:
    store* view
    store_reader* reader


cdef struct store_value:
    const uint8_t* data
    size_t size


# Resolves the engine of the lmdb wheel; called once at import with the path of lmdb's extension
# module.
#   Errors: STATUS_STORE_ERROR when a symbol or the version (0.9.x) is not the expected one
cdef int32_t store_load(const char* library_path, char* message,
                        uint32_t message_size) noexcept nogil
cdef store* store_open(const char* folder, uint64_t map_size, int32_t* status, char* message,
                       uint32_t message_size) noexcept nogil
cdef void store_close(store* view) noexcept nogil
# Makes sure that `size` more bytes can be dirtied without growing into unreserved disk or beyond
# the map. A transaction that puts `count` values dirties at most store_dirty_size(count, bytes of
# values).
#   Errors: STATUS_DISK_FULL, STATUS_MAP_FULL; nothing changed
cdef int32_t store_reserve(store* view, uint64_t size) noexcept nogil
# Returns a bound of the bytes that `count` puts or deletes of `size` bytes in all can dirty: each
# may copy and split a leaf, copy two branch pages that no other put of the transaction shares, and
# round its value up to whole overflow pages.
cdef inline uint64_t store_dirty_size(uint64_t count, uint64_t size) noexcept nogil:
    return count * 5 * 4096 + size
# One write transaction at a time, on the writer thread.
cdef int32_t store_write_begin(store* view) noexcept nogil
cdef int32_t store_write_commit(store* view) noexcept nogil
cdef void store_write_abort(store* view) noexcept nogil
# Inside the write transaction. `value` is valid until the next put or the end of the transaction.
cdef int32_t store_write_get(store* view, uint32_t database, const void* key, uint32_t key_size,
                             store_value* value) noexcept nogil
cdef int32_t store_put(store* view, uint32_t database, const void* key, uint32_t key_size,
                       const void* data, size_t size) noexcept nogil
cdef int32_t store_delete(store* view, uint32_t database, const void* key,
                          uint32_t key_size) noexcept nogil
# One reader per thread: renews a kept read transaction. Not over 50 ms, never across an await.
cdef store_reader* store_reader_new(store* view, int32_t* status) noexcept nogil
cdef void store_reader_free(store_reader* reader) noexcept nogil
cdef int32_t store_read_begin(store_reader* reader) noexcept nogil
cdef void store_read_end(store_reader* reader) noexcept nogil
cdef int32_t store_get(store_reader* reader, uint32_t database, const void* key, uint32_t key_size,
                       store_value* value) noexcept nogil
# First entry with key >= the given key; STATUS_STORE_NOT_FOUND after the last.
cdef int32_t store_seek(store_reader* reader, uint32_t database, const void* key, uint32_t key_size,
                        store_value* found_key, store_value* value) noexcept nogil
# Following entry after the last store_seek or store_step of this reader in this transaction.
cdef int32_t store_step(store_reader* reader, store_value* found_key,
                        store_value* value) noexcept nogil
# Bytes used, map size, entries of a database.
cdef void store_figures(store* view, uint64_t* used, uint64_t* mapped) noexcept nogil
cdef uint64_t store_entries(store_reader* reader, uint32_t database) noexcept nogil
