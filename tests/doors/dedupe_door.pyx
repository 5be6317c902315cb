"""Door to the dedupe tables."""
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from kairos_native.dedupe cimport (
    dedupe, dedupe_close, dedupe_drop_before, dedupe_entry, dedupe_figures, dedupe_find,
    dedupe_keep, dedupe_next, dedupe_open, dedupe_read, dedupe_reader, dedupe_reader_close,
    dedupe_reserve,
)
from kairos_native.hash cimport kairos_crc32c, kairos_siphash128
from kairos_native.status cimport STATUS_OK, STATUS_STORE_NOT_FOUND

cdef extern from "hash.h" nogil:
    uint32_t kairos_crc32c_portable(uint32_t crc, const uint8_t* data, size_t size)


class DedupeError(Exception):
    pass


cdef int check(int32_t status) except -1:
    if status != STATUS_OK:
        raise DedupeError(status)
    return 0


cdef class Dedupe:
    cdef dedupe* ids

    def __init__(self, folder: bytes):
        cdef int32_t status
        self.ids = dedupe_open(folder, &status)
        check(status)

    def close(self):
        dedupe_close(self.ids)
        self.ids = NULL

    def __dealloc__(self):
        self.close()

    def reserve(self, day, count, outcome_count):
        return dedupe_reserve(self.ids, day, count, outcome_count)

    def find(self, day, key: bytes, sequence):
        cdef const uint32_t* triggers
        cdef uint32_t count
        cdef int32_t found = dedupe_find(self.ids, day, <const uint8_t*><char*>key, sequence,
                                         &triggers, &count)
        if found < 0:
            raise DedupeError(-found)
        return tuple(triggers[i] for i in range(count)) if found else None

    def keep(self, day, key: bytes, sequence, triggers):
        cdef uint32_t* numbers = <uint32_t*>malloc(4 * len(triggers) + 4)
        for i, number in enumerate(triggers):
            numbers[i] = number
        cdef int32_t status = dedupe_keep(self.ids, day, <const uint8_t*><char*>key, sequence,
                                          numbers, len(triggers))
        free(numbers)
        check(status)

    def drop_before(self, day):
        check(dedupe_drop_before(self.ids, day))

    def figures(self):
        cdef uint64_t days, entries, size
        dedupe_figures(self.ids, &days, &entries, &size)
        return days, entries, size

    def fill(self, uint32_t day, uint64_t first, uint64_t count):
        """Finds and then keeps `count` new keys, as apply does, without Python in the loop.

        Returns how many were found.
        """
        cdef uint64_t key[2]
        cdef uint64_t i, found = 0
        cdef int32_t status = STATUS_OK
        cdef int32_t seen
        with nogil:
            for i in range(first, first + count):
                key[0] = i * <uint64_t>0x9E3779B97F4A7C15
                key[0] = (key[0] ^ key[0] >> 29) * <uint64_t>0xBF58476D1CE4E5B9
                key[0] ^= key[0] >> 32
                key[1] = i
                seen = dedupe_find(self.ids, day, <uint8_t*>key, i + 1, NULL, NULL)
                if seen < 0:
                    status = -seen
                found += seen == 1
                if status == STATUS_OK and seen == 0:
                    status = dedupe_keep(self.ids, day, <uint8_t*>key, i + 1, NULL, 0)
                if status != STATUS_OK:
                    break
        check(status)
        return found

    def count_found(self, uint32_t day, uint64_t first, uint64_t count, uint64_t sequence):
        """Looks `count` keys up and returns how many are there."""
        cdef uint64_t key[2]
        cdef uint64_t i, found = 0
        with nogil:
            for i in range(first, first + count):
                key[0] = i * <uint64_t>0x9E3779B97F4A7C15
                key[0] = (key[0] ^ key[0] >> 29) * <uint64_t>0xBF58476D1CE4E5B9
                key[0] ^= key[0] >> 32
                key[1] = i
                found += dedupe_find(self.ids, day, <uint8_t*>key, sequence, NULL, NULL) == 1
        return found


def dump(folder: bytes, sequence_max=2**64 - 1):
    """Sorted (day, key, sequence, triggers)."""
    cdef int32_t status
    cdef dedupe_entry entry
    cdef dedupe_reader* reader = dedupe_read(folder, sequence_max, &status)
    check(status)
    entries = []
    try:
        while True:
            status = dedupe_next(reader, &entry)
            if status == STATUS_STORE_NOT_FOUND:
                return sorted(entries)
            check(status)
            triggers = tuple(entry.triggers[i] for i in range(entry.trigger_count))
            entries.append((entry.day, (<const char*>entry.key)[:16], entry.sequence, triggers))
    finally:
        dedupe_reader_close(reader)


def siphash128(key: bytes, data: bytes):
    cdef uint8_t result[16]
    kairos_siphash128(<const uint8_t*><char*>key, <const char*>data, len(data), result)
    return (<const char*>result)[:16]


def crc32c(crc, data: bytes):
    return kairos_crc32c(crc, <const char*>data, len(data))


def crc32c_portable(crc, data: bytes):
    return kairos_crc32c_portable(crc, <const uint8_t*><char*>data, len(data))
