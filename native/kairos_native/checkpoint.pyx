# Contract in checkpoint.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from kairos_native.commit cimport clock_us
from kairos_native.reader cimport output_room
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.view cimport output, output_bytes

cdef enum:
    CHUNK_SIZE_MAX = 4194304
    RANGE_US_MAX = 25000


# True when the range has taken enough. The clock is asked now and then only.
cdef inline bint range_full(const output* chunk, size_t following, uint32_t count,
                            int64_t started_us) noexcept nogil:
    if not count:
        return False
    return (chunk.used + following > CHUNK_SIZE_MAX
            or (count % 64 == 0 and clock_us() - started_us > RANGE_US_MAX))


cdef int32_t checkpoint_take(store_reader* reader, uint32_t database, bint whole,
                             unsigned char* key, uint32_t* key_size, output* chunk,
                             uint32_t* count) noexcept nogil:
    cdef store_value found, value
    cdef uint32_t sizes[2]
    cdef int64_t started_us = clock_us()
    cdef int32_t status
    chunk.used = 0
    count[0] = 0
    status = store_seek(reader, database, key, key_size[0], &found, &value)
    while status == STATUS_OK:
        if not whole and range_full(chunk, value.size, count[0], started_us):
            memcpy(key, found.data, found.size)
            key_size[0] = <uint32_t>found.size
            break
        sizes[0] = <uint32_t>found.size
        sizes[1] = <uint32_t>value.size
        status = output_room(chunk, 8 + found.size + value.size)
        if status != STATUS_OK:
            break
        output_bytes(chunk, sizes, 8)
        output_bytes(chunk, found.data, found.size)
        output_bytes(chunk, value.data, value.size)
        count[0] += 1
        status = store_step(reader, &found, &value)
    if status == STATUS_STORE_NOT_FOUND:
        key_size[0] = 0
        return STATUS_OK
    return status


cdef int32_t checkpoint_range(store_reader* reader, uint32_t database, bint whole,
                              unsigned char* key, uint32_t* key_size, output* chunk,
                              uint32_t* count) noexcept nogil:
    cdef int32_t status = store_read_begin(reader)
    if status == STATUS_OK:
        status = checkpoint_take(reader, database, whole, key, key_size, chunk, count)
        store_read_end(reader)
    return status


cdef int32_t checkpoint_put(store* view, uint32_t database, const unsigned char* data,
                            size_t size) noexcept nogil:
    cdef uint32_t sizes[2]
    cdef size_t used = 0
    cdef int32_t status
    while used < size:
        if size - used < 8:
            return STATUS_RECORD_CORRUPT
        memcpy(sizes, data + used, 8)
        used += 8
        if size - used < <size_t>sizes[0] + sizes[1] or sizes[0] > 511 or not sizes[0]:
            return STATUS_RECORD_CORRUPT
        status = store_put(view, database, data + used, sizes[0], data + used + sizes[0], sizes[1])
        if status != STATUS_OK:
            return status
        used += <size_t>sizes[0] + sizes[1]
    return STATUS_OK
