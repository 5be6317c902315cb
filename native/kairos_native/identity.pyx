# Contract in identity.pxd.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from kairos_native.keys cimport *
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.preimage cimport preimage_keep, preimages_taken
from kairos_native.status cimport *
from kairos_native.store cimport *

cdef enum:
    GROUP_SIZE_MAX = STORED_SIZE + sizeof(identity_group)

# ---------------------------------------------------------------- entries

cdef int32_t identity_get(const identity_source* source, const uint8_t* key, uint32_t key_size,
                       store_value* value) noexcept nogil:
    cdef int32_t status
    if source.view != NULL:
        status = store_write_get(source.view, STORE_IDENTITIES, key, key_size, value)
    else:
        status = store_get(source.reader, STORE_IDENTITIES, key, key_size, value)
    if status == STATUS_OK and not stored_valid(value.data, value.size):
        return STATUS_RECORD_CORRUPT
    return status


# Keeps the image of the entry as it was, then puts the new value, or removes it (`value` NULL).
#   Shapes: value[STORED_SIZE + size]; the header is filled here
cdef int32_t identity_put(const identity_source* source, const uint8_t* key, uint32_t key_size,
                       uint8_t* value, size_t size) noexcept nogil:
    cdef store_value before
    cdef int32_t status
    if preimages_taken(source.images):
        status = store_write_get(source.view, STORE_IDENTITIES, key, key_size, &before)
        if status != STATUS_OK and status != STATUS_STORE_NOT_FOUND:
            return status
        preimage_keep(source.images, source.sequence, STORE_IDENTITIES, key, key_size,
                      before.data, before.size)
    if value == NULL:
        status = store_delete(source.view, STORE_IDENTITIES, key, key_size)
        return STATUS_OK if status == STATUS_STORE_NOT_FOUND else status
    stored_seal(value, size, source.sequence)
    return store_put(source.view, STORE_IDENTITIES, key, key_size, value, STORED_SIZE + size)


cdef uint32_t identity_key(const identity_source* source, uint32_t kind, const uint8_t* id,
                        uint8_t* key) noexcept nogil:
    put_prefix(key, source.partition, source.tenant)
    key[6] = <uint8_t>kind
    memcpy(key + 7, id, 16)
    return 23


cdef uint32_t identity_link_key(const identity_source* source, uint64_t link_id,
                       uint8_t* key) noexcept nogil:
    put_prefix(key, source.partition, source.tenant)
    key[6] = IDENTITY_LINK
    put_big_endian(key + 7, link_id, 8)
    return 15


# ---------------------------------------------------------------- groups

cdef bint group_valid(const identity_group* group, size_t size) noexcept nogil:
    cdef uint32_t i
    if (group.member_count < 2 or group.member_count > KAIROS_GROUP_MEMBERS_MAX
            or group.link_count > KAIROS_GROUP_LINKS_MAX
            or size != (IDENTITY_HEAD_SIZE + group.member_count * sizeof(identity_member)
                        + group.link_count * sizeof(identity_edge))):
        return False
    return True


cdef int32_t group_read(const identity_source* source, const uint8_t* group_id,
                        identity_group* group) noexcept nogil:
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    cdef store_value value
    cdef size_t size
    cdef uint32_t i
    cdef uint32_t key_size = identity_key(source, IDENTITY_GROUP, group_id, key)
    cdef int32_t status = identity_get(source, key, key_size, &value)
    if status != STATUS_OK:
        return STATUS_RECORD_CORRUPT if status == STATUS_STORE_NOT_FOUND else status
    size = value.size - STORED_SIZE
    if size < IDENTITY_HEAD_SIZE:
        return STATUS_RECORD_CORRUPT
    memcpy(group, value.data + STORED_SIZE, IDENTITY_HEAD_SIZE)
    if not group_valid(group, size):
        return STATUS_RECORD_CORRUPT
    memcpy(group.members, value.data + STORED_SIZE + IDENTITY_HEAD_SIZE,
           group.member_count * sizeof(identity_member))
    memcpy(group.links,
           value.data + STORED_SIZE + IDENTITY_HEAD_SIZE
           + group.member_count * sizeof(identity_member),
           group.link_count * sizeof(identity_edge))
    for i in range(group.link_count):
        if (group.links[i].left >= group.member_count
                or group.links[i].right >= group.member_count):
            return STATUS_RECORD_CORRUPT
    return STATUS_OK


cdef int32_t identity_find(const identity_source* source, const uint8_t* id,
                           identity_group* group) noexcept nogil:
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    cdef uint8_t group_id[16]
    cdef store_value value
    cdef int32_t status = identity_get(source, key, identity_key(source, IDENTITY_MEMBER, id, key),
                                    &value)
    if status != STATUS_OK:
        return status
    if value.size != STORED_SIZE + 16:
        return STATUS_RECORD_CORRUPT
    memcpy(group_id, value.data + STORED_SIZE, 16)
    return group_read(source, group_id, group)


cdef uint32_t identity_place(const identity_group* group, const uint8_t* id) noexcept nogil:
    cdef uint32_t i
    for i in range(group.member_count):
        if memcmp(group.members[i].id, id, 16) == 0:
            return i
    return group.member_count


cdef int32_t identity_group_write(const identity_source* source,
                         const identity_group* group) noexcept nogil:
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    cdef uint8_t value[GROUP_SIZE_MAX]
    cdef size_t members = group.member_count * sizeof(identity_member)
    cdef size_t links = group.link_count * sizeof(identity_edge)
    memcpy(value + STORED_SIZE, group, IDENTITY_HEAD_SIZE)
    memcpy(value + STORED_SIZE + IDENTITY_HEAD_SIZE, group.members, members)
    memcpy(value + STORED_SIZE + IDENTITY_HEAD_SIZE + members, group.links, links)
    return identity_put(source, key, identity_key(source, IDENTITY_GROUP, group.id, key), value,
                     IDENTITY_HEAD_SIZE + members + links)


cdef int32_t identity_group_remove(const identity_source* source,
                                   const uint8_t* group_id) noexcept nogil:
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    return identity_put(source, key, identity_key(source, IDENTITY_GROUP, group_id, key), NULL, 0)


# Names the group of a member; `group_id` NULL: none any more.
cdef int32_t identity_member_write(const identity_source* source, const uint8_t* id,
                          const uint8_t* group_id) noexcept nogil:
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    cdef uint8_t value[STORED_SIZE + 16]
    cdef uint32_t size = identity_key(source, IDENTITY_MEMBER, id, key)
    if group_id == NULL:
        return identity_put(source, key, size, NULL, 0)
    memcpy(value + STORED_SIZE, group_id, 16)
    return identity_put(source, key, size, value, 16)


# ---------------------------------------------------------------- links

cdef bint identity_link_valid(const uint8_t* link, uint32_t size) noexcept nogil:
    cdef kairos_link head
    if size < sizeof(kairos_link) or size > <uint32_t>IDENTITY_LINK_SIZE_MAX:
        return False
    memcpy(&head, link, sizeof(head))
    # Types are bits of a mask; 31 is more than there will be.
    return (size == <uint32_t>(sizeof(kairos_link) + head.left_size + head.right_size
                               + head.evidence_size)
            and head.left_type < 32 and head.right_type < 32)


cdef int32_t identity_read_link(const identity_source* source, uint64_t link_id, uint8_t* link,
                                uint32_t* size) noexcept nogil:
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    cdef store_value value
    cdef int32_t status = identity_get(source, key, identity_link_key(source, link_id, key), &value)
    if status != STATUS_OK:
        return status
    size[0] = <uint32_t>(value.size - STORED_SIZE)
    if not identity_link_valid(value.data + STORED_SIZE, size[0]):
        return STATUS_RECORD_CORRUPT
    memcpy(link, value.data + STORED_SIZE, size[0])
    return STATUS_OK
