"""Test door of hash.h."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from kairos_native.hash cimport kairos_crc32c, kairos_hash64, kairos_siphash128

cdef extern from "hash.h" nogil:
    uint32_t kairos_crc32c_portable(uint32_t crc, const uint8_t* data, size_t size)


def hash64(uint32_t space, bytes data):
    return kairos_hash64(space, <const char*>data, len(data))


def siphash128(bytes key, bytes data):
    assert len(key) == 16
    cdef uint8_t[16] result
    kairos_siphash128(<const uint8_t*><const char*>key, <const char*>data, len(data), result)
    return (<char*>result)[:16]


def crc32c(bytes data, uint32_t crc=0):
    return kairos_crc32c(crc, <const char*>data, len(data))


def crc32c_portable(bytes data, uint32_t crc=0):
    return kairos_crc32c_portable(crc, <const uint8_t*><const char*>data, len(data))
