# Contract in counters.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

from kairos_native.keys cimport STORED_SIZE, put_big_endian, put_prefix, stored_seal, stored_valid
from kairos_native.limits cimport KAIROS_TENANTS_MAX
from kairos_native.status cimport *
from kairos_native.store cimport STORE_COUNTERS, store, store_put, store_value, store_write_get

cdef enum:
    CHUNK_SIZE = 4096               # COUNTERS_CHUNK * sizeof(counter)


# `value` is what the view holds: header and counters, so that a flush copies nothing.
cdef struct counter_chunk:
    uint8_t value[STORED_SIZE + CHUNK_SIZE]
    uint64_t stored_sequence        # of the value when it was loaded
    uint64_t sequence               # of the last record that counted here
    uint32_t tenant
    uint32_t number
    uint32_t changed

cdef struct counters:
    store* view
    counter_chunk*** tenants        # [tenant][chunk], each made on first use
    counter_chunk** changed
    uint32_t changed_count
    uint32_t changed_capacity
    uint16_t partition


cdef uint32_t counters_key(uint8_t* key, uint16_t partition, uint32_t tenant,
                           uint32_t chunk) noexcept nogil:
    put_prefix(key, partition, tenant)
    put_big_endian(key + 6, chunk, 4)
    return 10


cdef counters* counters_open(store* view, uint16_t partition) noexcept nogil:
    cdef counters* table = <counters*>calloc(1, sizeof(counters))
    if table == NULL:
        return NULL
    table.view = view
    table.partition = partition
    table.tenants = <counter_chunk***>calloc(KAIROS_TENANTS_MAX, sizeof(counter_chunk**))
    if table.tenants == NULL:
        free(table)
        return NULL
    return table


cdef void counters_close(counters* table) noexcept nogil:
    cdef uint32_t tenant, chunk
    if table == NULL:
        return
    for tenant in range(<uint32_t>KAIROS_TENANTS_MAX):
        if table.tenants[tenant] != NULL:
            for chunk in range(<uint32_t>COUNTER_CHUNKS_MAX):
                free(table.tenants[tenant][chunk])
            free(table.tenants[tenant])
    free(table.tenants)
    free(table.changed)
    free(table)


cdef int32_t chunk_load(counters* table, uint32_t tenant, uint32_t number,
                        counter_chunk** result) noexcept nogil:
    cdef counter_chunk* chunk = <counter_chunk*>calloc(1, sizeof(counter_chunk))
    cdef uint8_t key[16]
    cdef store_value value
    cdef int32_t status
    if chunk == NULL:
        return STATUS_NO_MEMORY
    chunk.tenant = tenant
    chunk.number = number
    status = store_write_get(table.view, STORE_COUNTERS, key,
                             counters_key(key, table.partition, tenant, number), &value)
    if status == STATUS_OK:
        if value.size != STORED_SIZE + CHUNK_SIZE or not stored_valid(value.data, value.size):
            status = STATUS_RECORD_CORRUPT
        else:
            memcpy(chunk.value, value.data, value.size)
            memcpy(&chunk.stored_sequence, value.data, 8)
    elif status == STATUS_STORE_NOT_FOUND:
        status = STATUS_OK
    if status != STATUS_OK:
        free(chunk)
        return status
    result[0] = chunk
    return STATUS_OK


cdef int32_t chunk_mark(counters* table, counter_chunk* chunk) noexcept nogil:
    cdef uint32_t capacity
    cdef void* grown
    if table.changed_count == table.changed_capacity:
        capacity = table.changed_capacity * 2 if table.changed_capacity else 64
        grown = realloc(table.changed, capacity * sizeof(counter_chunk*))
        if grown == NULL:
            return STATUS_NO_MEMORY
        table.changed = <counter_chunk**>grown
        table.changed_capacity = capacity
    table.changed[table.changed_count] = chunk
    table.changed_count += 1
    chunk.changed = 1
    return STATUS_OK


cdef int32_t counter_add(counters* table, uint32_t tenant, uint32_t number, uint64_t sequence,
                         int64_t now_us) noexcept nogil:
    cdef uint32_t place = number // COUNTERS_CHUNK
    cdef counter_chunk* chunk
    cdef counter* entry
    cdef int32_t status = STATUS_OK
    if place >= COUNTER_CHUNKS_MAX:
        return STATUS_OK
    if table.tenants[tenant] == NULL:
        table.tenants[tenant] = <counter_chunk**>calloc(COUNTER_CHUNKS_MAX, sizeof(void*))
        if table.tenants[tenant] == NULL:
            return STATUS_NO_MEMORY
    chunk = table.tenants[tenant][place]
    if chunk == NULL:
        status = chunk_load(table, tenant, place, &chunk)
        if status != STATUS_OK:
            return status
        table.tenants[tenant][place] = chunk
    if sequence <= chunk.stored_sequence:
        return STATUS_OK
    if not chunk.changed:
        status = chunk_mark(table, chunk)
    entry = <counter*>(chunk.value + STORED_SIZE) + number % COUNTERS_CHUNK
    entry.count += 1
    entry.last_us = now_us
    chunk.sequence = sequence
    return status


cdef int32_t counters_flush(counters* table) noexcept nogil:
    cdef counter_chunk* chunk
    cdef uint8_t key[16]
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    for i in range(table.changed_count):
        chunk = table.changed[i]
        chunk.changed = 0
        if status == STATUS_OK:
            stored_seal(chunk.value, CHUNK_SIZE, chunk.sequence)
            status = store_put(table.view, STORE_COUNTERS, key,
                               counters_key(key, table.partition, chunk.tenant, chunk.number),
                               chunk.value, STORED_SIZE + CHUNK_SIZE)
    table.changed_count = 0
    return status
