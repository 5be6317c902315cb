# Hashes of the core; bodies in hash.h (plain C, so that fuzzers can link it).
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "hash.h" nogil:
    # Returns the dictionary hash of `size` bytes in `space`: fast, not keyed,
    # the same on every machine.
    #   Cost: about 1 ns per 8 bytes
    uint64_t kairos_hash64(uint32_t space, const void* data, size_t size)
    # Writes SipHash-2-4-128 of the data under `key`; the reference vectors of its authors hold.
    void kairos_siphash128(const uint8_t* key, const void* data, size_t size, uint8_t* result16)
    # Continues crc32c (Castagnoli). Start with 0. SSE4.2 or Armv8 CRC where present, a table
    # elsewhere: the same value.
    uint32_t kairos_crc32c(uint32_t crc, const void* data, size_t size)
