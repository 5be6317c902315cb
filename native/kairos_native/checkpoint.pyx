# Contract in checkpoint.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from kairos_native.commit cimport clock_us
from kairos_native.identity cimport (IDENTITY_GROUP, IDENTITY_HEAD_SIZE, identity_group,
                                     identity_member)
from kairos_native.keys cimport STORED_SIZE, SUBJECT_KEY_SIZE, stored_valid
from kairos_native.limits cimport KAIROS_GROUP_MEMBERS_MAX
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.view cimport output, output_bytes, output_room

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


cdef int32_t entry_copy(output* chunk, const void* key, uint32_t key_size,
                        const store_value* value) noexcept nogil:
    cdef uint32_t sizes[2]
    cdef int32_t status = output_room(chunk, 8 + key_size + value.size)
    if status != STATUS_OK:
        return status
    sizes[0] = key_size
    sizes[1] = <uint32_t>value.size
    output_bytes(chunk, sizes, 8)
    output_bytes(chunk, key, key_size)
    output_bytes(chunk, value.data, value.size)
    return STATUS_OK


# Copies one group's members, whose ids stand in its value (identity.pxd).
cdef int32_t group_copy(store_reader* reader, const uint8_t* prefix, const store_value* group,
                        output* chunk, uint32_t* count) noexcept nogil:
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef identity_group head
    cdef store_value value
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    if not stored_valid(group.data, group.size) or group.size < STORED_SIZE + IDENTITY_HEAD_SIZE:
        return STATUS_RECORD_CORRUPT
    memcpy(&head, group.data + STORED_SIZE, IDENTITY_HEAD_SIZE)
    if (head.member_count > <uint32_t>KAIROS_GROUP_MEMBERS_MAX
            or group.size < (STORED_SIZE + IDENTITY_HEAD_SIZE
                             + head.member_count * sizeof(identity_member))):
        return STATUS_RECORD_CORRUPT
    memcpy(head.members, group.data + STORED_SIZE + IDENTITY_HEAD_SIZE,
           head.member_count * sizeof(identity_member))
    memcpy(key, prefix, 6)
    for i in range(head.member_count):
        memcpy(key + 6, head.members[i].id, 16)
        status = store_get(reader, STORE_SUBJECTS, key, SUBJECT_KEY_SIZE, &value)
        if status == STATUS_STORE_NOT_FOUND:
            continue
        if status == STATUS_OK:
            status = entry_copy(chunk, key, SUBJECT_KEY_SIZE, &value)
        if status != STATUS_OK:
            return status
        count[0] += 1
    return STATUS_OK


cdef int32_t groups_take(store_reader* reader, unsigned char* key, uint32_t* key_size,
                         output* chunk, uint32_t* count) noexcept nogil:
    cdef store_value found, value
    cdef int64_t started_us = clock_us()
    cdef int32_t status = store_seek(reader, STORE_IDENTITIES, key, key_size[0], &found, &value)
    while status == STATUS_OK:
        if found.size < 7:
            return STATUS_RECORD_CORRUPT
        if found.data[6] != IDENTITY_GROUP:
            # Members stand before the groups of a tenant, links behind them.
            memcpy(key, found.data, 6)
            key[6] = IDENTITY_GROUP if found.data[6] < IDENTITY_GROUP else 0xFF
            status = store_seek(reader, STORE_IDENTITIES, key, 7, &found, &value)
            continue
        if count[0] and (chunk.used > CHUNK_SIZE_MAX or clock_us() - started_us > RANGE_US_MAX):
            memcpy(key, found.data, found.size)
            key_size[0] = <uint32_t>found.size
            return STATUS_OK
        status = group_copy(reader, found.data, &value, chunk, count)
        if status == STATUS_OK:
            status = store_step(reader, &found, &value)
    key_size[0] = 0
    return STATUS_OK if status == STATUS_STORE_NOT_FOUND else status


cdef int32_t checkpoint_groups(store_reader* reader, unsigned char* key, uint32_t* key_size,
                               output* chunk, uint32_t* count) noexcept nogil:
    cdef int32_t status = store_read_begin(reader)
    chunk.used = 0
    count[0] = 0
    if status == STATUS_OK:
        status = groups_take(reader, key, key_size, chunk, count)
        store_read_end(reader)
    return status


cdef uint32_t checkpoint_cut(output* chunk, const unsigned char* key,
                             uint32_t key_size) noexcept nogil:
    cdef uint32_t sizes[2]
    cdef uint32_t count = 0
    cdef size_t used = 0
    while used < chunk.used:
        memcpy(sizes, chunk.data + used, 8)
        if memcmp(chunk.data + used + 8, key, min(sizes[0], key_size)) >= 0:
            chunk.used = used
            break
        used += 8 + <size_t>sizes[0] + sizes[1]
        count += 1
    return count


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
        if sizes[1]:
            status = store_put(view, database, data + used, sizes[0], data + used + sizes[0],
                               sizes[1])
        else:
            status = store_delete(view, database, data + used, sizes[0])
            if status == STATUS_STORE_NOT_FOUND:
                status = STATUS_OK
        if status != STATUS_OK:
            return status
        used += <size_t>sizes[0] + sizes[1]
    return STATUS_OK
