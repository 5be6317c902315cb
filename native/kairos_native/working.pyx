# Contract in working.pxd.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memcpy

from kairos_native.features cimport record_seal
from kairos_native.keys cimport SUBJECT_KEY_SIZE
from kairos_native.layout cimport kairos_record
from kairos_native.limits cimport KAIROS_COMMIT_RECORDS_MAX, KAIROS_RECORD_SIZE_MAX
from kairos_native.status cimport (STATUS_ARENA_FULL, STATUS_NO_MEMORY, STATUS_OK,
                                   STATUS_STORE_NOT_FOUND)
from kairos_native.store cimport STORE_SUBJECTS, store, store_put, store_value, store_write_get
from kairos_native.view cimport arena_take

cdef enum:
    TABLE_SIZE = 16384                      # power of two, load at most three eighths
    SUBJECTS_MAX = 6144
    ARENA_SIZE = 33554432
    # what one record of the log can touch: its subject, accounts, a group of identifiers
    RECORD_SUBJECTS_MAX = 96
    SLACK = 192                             # growth that does not move a working copy
    FETCHED_SIZE = 1024                     # of a stored record; most are smaller

cdef extern from *:
    """
    #define working_prefetch(address) __builtin_prefetch((address))
    """
    void working_prefetch(const void* address) noexcept nogil


cdef int32_t working_open(working_set* records) noexcept nogil:
    records.table = <working_record*>calloc(TABLE_SIZE, sizeof(working_record))
    records.places = <working_record**>calloc(SUBJECTS_MAX, sizeof(working_record*))
    records.records.base = <uint8_t*>malloc(ARENA_SIZE)
    records.records.size = ARENA_SIZE
    if records.table == NULL or records.places == NULL or records.records.base == NULL:
        return STATUS_NO_MEMORY
    return STATUS_OK


cdef void working_close(working_set* records) noexcept nogil:
    free(records.table)
    free(records.places)
    free(records.records.base)
    records.table = NULL
    records.places = NULL
    records.records.base = NULL


cdef bint working_full(const working_set* records) noexcept nogil:
    return (records.count >= SUBJECTS_MAX - RECORD_SUBJECTS_MAX
            or (records.records.size - records.records.used
                < <size_t>RECORD_SUBJECTS_MAX * KAIROS_RECORD_SIZE_MAX))


# The subject's position in the table, or that where it would stand.
cdef inline uint32_t working_position(const working_set* records,
                                      const uint8_t* key) noexcept nogil:
    cdef uint64_t hash
    cdef uint32_t position
    # Subject ids are keyed hashes themselves: their bytes are random enough to be used as they are.
    memcpy(&hash, key + 6, 8)
    position = <uint32_t>((hash ^ key[5]) & (TABLE_SIZE - 1))
    while records.table[position].used:
        if memcmp(records.table[position].key, key, SUBJECT_KEY_SIZE) == 0:
            break
        position = (position + 1) & (TABLE_SIZE - 1)
    return position


cdef const working_record* working_peek(const working_set* records,
                                        const uint8_t* key) noexcept nogil:
    cdef const working_record* place = &records.table[working_position(records, key)]
    return place if place.used else NULL


cdef working_record* working_find(working_set* records, const uint8_t* key) noexcept nogil:
    cdef uint32_t position = working_position(records, key)
    if records.table[position].used:
        return &records.table[position]
    memcpy(records.table[position].key, key, SUBJECT_KEY_SIZE)
    records.table[position].used = 1
    records.table[position].record = NULL
    records.table[position].capacity = 0
    records.table[position].stored = NULL
    records.table[position].looked_up = 0
    records.places[records.count] = &records.table[position]
    records.count += 1
    return &records.table[position]


cdef int32_t working_keep(working_set* records, working_record* place,
                          const kairos_record* record) noexcept nogil:
    cdef uint32_t capacity
    cdef void* memory
    if record.record_size > place.capacity:
        capacity = record.record_size + SLACK
        memory = arena_take(&records.records, capacity)
        if memory == NULL:
            return STATUS_ARENA_FULL
        place.record = <kairos_record*>memory
        place.capacity = capacity
    memcpy(place.record, record, record.record_size)
    return STATUS_OK


cdef int compare_places(const void* left, const void* right) noexcept nogil:
    return memcmp((<const working_record* const*>left)[0].key,
                  (<const working_record* const*>right)[0].key, SUBJECT_KEY_SIZE)


cdef inline void working_sort(working_set* records) noexcept nogil:
    if records.sorted_count != records.count:
        qsort(records.places, records.count, sizeof(working_record*), compare_places)
        records.sorted_count = records.count


cdef int32_t working_look_up(working_set* records, store* view) noexcept nogil:
    cdef working_record* place
    cdef store_value value
    cdef uint32_t i, line
    cdef int32_t status
    working_sort(records)
    for i in range(records.count):
        place = records.places[i]
        status = store_write_get(view, STORE_SUBJECTS, place.key, SUBJECT_KEY_SIZE, &value)
        if status == STATUS_OK:
            place.stored = value.data
            place.stored_size = <uint32_t>value.size
            for line in range(0, min(place.stored_size, <uint32_t>FETCHED_SIZE), 64):
                working_prefetch(value.data + line)
        elif status != STATUS_STORE_NOT_FOUND:
            return status
        place.looked_up = 1
    return STATUS_OK


cdef int32_t working_flush(working_set* records, store* view) noexcept nogil:
    cdef working_record* place
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    working_sort(records)
    for i in range(records.count):
        place = records.places[i]
        if status == STATUS_OK and place.record != NULL:
            record_seal(place.record)
            status = store_put(view, STORE_SUBJECTS, place.key, SUBJECT_KEY_SIZE, place.record,
                               place.record.record_size)
        place.used = 0
        place.record = NULL
    records.count = 0
    records.sorted_count = 0
    records.records.used = 0
    return status
