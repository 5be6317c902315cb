# Keys and value headers of the view, header only.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from kairos_native.hash cimport kairos_crc32c
from kairos_native.layout cimport kairos_stored

cdef enum:
    STORED_VERSION = 1
    # sizeof(kairos_stored), which precedes every value that is not a subject record
    STORED_SIZE = 16
    SUBJECT_KEY_SIZE = 22
    META_KEY_SIZE_MAX = 32

cdef extern from *:
    """
    /* META entry of a view that came from a checkpoint and is not brought up to date yet: effects
     * of records up to this sequence are as the checkpoint has them. */
    #define KAIROS_EFFECTS_KEY "effects"
    """
    const char* EFFECTS_KEY "KAIROS_EFFECTS_KEY"


# Writes the low `size` bytes of a number, greatest first, so that keys sort by it.
cdef inline void put_big_endian(uint8_t* key, uint64_t value, int size) noexcept nogil:
    cdef int i
    for i in range(size):
        key[i] = <uint8_t>(value >> (8 * (size - 1 - i)))


# Partition and tenant come first in every key, with a fixed width. Returns 6.
cdef inline uint32_t put_prefix(uint8_t* key, uint16_t partition, uint32_t tenant) noexcept nogil:
    put_big_endian(key, partition, 2)
    put_big_endian(key + 2, tenant, 4)
    return 6


# The key of a subject: SUBJECT_KEY_SIZE bytes.
cdef inline void subject_key(uint8_t* key, uint16_t partition, uint32_t tenant,
                             const uint8_t* subject_id) noexcept nogil:
    put_prefix(key, partition, tenant)
    memcpy(key + 6, subject_id, 16)


# The key of a META entry; returns its size, at most META_KEY_SIZE_MAX for names of up to 26 bytes.
cdef inline uint32_t meta_key(uint8_t* key, uint16_t partition, uint32_t tenant,
                              const char* name) noexcept nogil:
    cdef uint32_t size = put_prefix(key, partition, tenant)
    while name[0]:
        key[size] = <uint8_t>name[0]
        name += 1
        size += 1
    return size


# Values of the view stand at even addresses only, so that headers are copied and not read in place.
cdef inline uint32_t stored_checksum(const kairos_stored* header, const uint8_t* value,
                                     size_t size) noexcept nogil:
    cdef uint32_t crc = kairos_crc32c(0, &header.sequence, 8)
    crc = kairos_crc32c(crc, &header.version, 2)
    return kairos_crc32c(crc, value + STORED_SIZE, size)


# Writes the header in front of `size` bytes that stand at value + STORED_SIZE.
cdef inline void stored_seal(uint8_t* value, size_t size, uint64_t sequence) noexcept nogil:
    cdef kairos_stored header
    memset(&header, 0, STORED_SIZE)
    header.sequence = sequence
    header.version = STORED_VERSION
    header.checksum = stored_checksum(&header, value, size)
    memcpy(value, &header, STORED_SIZE)


# True when version and checksum are right; `size` counts the header.
cdef inline bint stored_valid(const uint8_t* value, size_t size) noexcept nogil:
    cdef kairos_stored header
    if size < STORED_SIZE:
        return False
    memcpy(&header, value, STORED_SIZE)
    return (header.version == STORED_VERSION
            and header.checksum == stored_checksum(&header, value, size - STORED_SIZE))
