# Event ids already seen: per received day one growing hash table file beside the view and one file
# of outcomes. An entry counts only where its sequence is smaller than the asking record's: so a
# table may run ahead of the view after a crash and replay gives the same answers. See
# docs/adr/0005-dedupe-day-tables.md.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef struct dedupe


cdef dedupe* dedupe_open(const char* folder, int32_t* status) noexcept nogil
cdef void dedupe_close(dedupe* ids) noexcept nogil
# Makes sure that `count` more ids with `outcome_count` trigger numbers in all can be kept on `day`
# without disk growth.
#   Errors: STATUS_DISK_FULL; nothing changed
cdef int32_t dedupe_reserve(dedupe* ids, uint32_t day, uint32_t count,
                            uint64_t outcome_count) noexcept nogil
# Finds `key` (128-bit keyed hash of tenant, subject and event id) on `day`, among entries with a
# sequence < `sequence`.
#   Returns: 1 found, 0 not found, < 0 minus a status
#   Shapes:  triggers -> numbers inside the map, valid until the next dedupe call; triggers and
#     trigger_count may be NULL
#   Cost:    about one cache miss per table of the day
cdef int32_t dedupe_find(dedupe* ids, uint32_t day, const uint8_t* key16, uint64_t sequence,
                         const uint32_t** triggers, uint32_t* trigger_count) noexcept nogil
# Sends for the places in the tables of `day` where `key` would be, so that dedupe_find need not
# wait for memory.
cdef void dedupe_fetch(const dedupe* ids, uint32_t day, const uint8_t* key16) noexcept nogil
# Keeps `key` with the numbers of the triggers fired. Repeating it with the same sequence changes
# nothing.
cdef int32_t dedupe_keep(dedupe* ids, uint32_t day, const uint8_t* key16, uint64_t sequence,
                         const uint32_t* triggers, uint32_t trigger_count) noexcept nogil
# Drops whole days older than `day_first`.
cdef int32_t dedupe_drop_before(dedupe* ids, uint32_t day_first) noexcept nogil
# Days kept, entries (also those ahead of the view), bytes of the files.
cdef void dedupe_figures(const dedupe* ids, uint64_t* days, uint64_t* entries,
                         uint64_t* bytes) noexcept nogil

# Visits every entry of every day with a sequence <= sequence_max, in no order. Maps the files of
# the folder by itself, read-only: any thread may read while the writer keeps entries of later
# sequences.
cdef struct dedupe_reader
cdef struct dedupe_entry:
    uint8_t key[16]
    const uint32_t* triggers    # NULL where none fired; valid until dedupe_reader_close
    uint64_t sequence
    uint32_t trigger_count
    uint32_t day
cdef dedupe_reader* dedupe_read(const char* folder, uint64_t sequence_max,
                                int32_t* status) noexcept nogil
# Returns STATUS_OK and one entry, STATUS_STORE_NOT_FOUND after the last, or STATUS_DEDUPE_CORRUPT.
cdef int32_t dedupe_next(dedupe_reader* reader, dedupe_entry* entry) noexcept nogil
cdef void dedupe_reader_close(dedupe_reader* reader) noexcept nogil
