# Contract in recent.pxd. ENTRY_RECENT: value_bits = sequence of the newest event; time_us =
# distances noted so far; text = a ring of uint32 distances, each from one event to the one before,
# 0: farther than that. The ring has one of three sizes, so that the many subjects with few events
# pay little, and one that grows was never full before, so that it grows in order.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset
from kairos_native.layout cimport *
from kairos_native.record cimport (RECORD_ENTRIES_SIZE_MAX, RECORD_CONSENTS_SIZE,
                                   record_end, record_entries_offset, record_first_entry)

cdef enum:
    # powers of two: places are found by masks
    DISTANCES_FEW = 4
    DISTANCES_SOME = 8
    DISTANCES_MAX = 16


cdef inline kairos_entry* recent_entry(const kairos_record* record) noexcept nogil:
    cdef kairos_entry* entry = record_first_entry(record)
    if (<const uint8_t*>entry < record_end(record) and entry.tag == ENTRY_RECENT
            and entry.name_size == 0
            and (entry.text_size == 4 * DISTANCES_FEW or entry.text_size == 4 * DISTANCES_SOME
                 or entry.text_size == 4 * DISTANCES_MAX)):
        return entry
    return NULL


# Makes the entry `count` distances long, in front of all others. Returns NULL where there is no
# room: then the record goes on without, which loses a convenience and no fact.
cdef kairos_entry* recent_resize(kairos_record* record, kairos_entry* entry,
                                 uint32_t count) noexcept nogil:
    cdef kairos_entry* first = record_first_entry(record)
    cdef uint32_t size_old = entry.size if entry != NULL else 0
    cdef uint32_t text_old = entry.text_size if entry != NULL else 0
    cdef uint32_t size = (<uint32_t>sizeof(kairos_entry) + 4 * count + 7) & ~<uint32_t>7
    cdef uint32_t used = record.record_size - record_entries_offset(record)
    cdef uint8_t* tail = <uint8_t*>first + size_old
    if used + size - size_old > <uint32_t>(RECORD_ENTRIES_SIZE_MAX - RECORD_CONSENTS_SIZE):
        return NULL
    memmove(tail + (size - size_old), tail, <size_t>(record_end(record) - tail))
    record.record_size += size - size_old
    if entry == NULL:
        memset(first, 0, sizeof(kairos_entry))
        first.tag = ENTRY_RECENT
        first.value_kind = VALUE_INT
        first.id = 0
    memset(<uint8_t*>first + sizeof(kairos_entry) + text_old, 0,
           size - sizeof(kairos_entry) - text_old)
    first.size = size
    first.text_size = <uint16_t>(4 * count)
    return first


cdef void recent_note(kairos_record* record, uint64_t sequence) noexcept nogil:
    cdef kairos_entry* entry = recent_entry(record)
    cdef uint32_t* distances
    cdef uint64_t passed
    cdef uint32_t count
    if entry == NULL:
        entry = recent_resize(record, NULL, DISTANCES_FEW)
        if entry != NULL:
            entry.value_bits = sequence
        return
    count = entry.text_size >> 2
    if <uint64_t>entry.time_us == count and count < DISTANCES_MAX:
        recent_resize(record, entry, 2 * count)
        count = entry.text_size >> 2
    distances = <uint32_t*>(<uint8_t*>entry + sizeof(kairos_entry))
    passed = sequence - entry.value_bits
    # Four thousand million records apart: what is behind is forgotten.
    distances[<uint64_t>entry.time_us & (count - 1)] = (
        <uint32_t>passed if passed <= <uint64_t>0xFFFFFFFF else 0)
    entry.time_us += 1
    entry.value_bits = sequence


cdef uint32_t recent_read(const kairos_record* record, uint64_t* sequences) noexcept nogil:
    cdef const kairos_entry* entry = recent_entry(record)
    cdef const uint32_t* distances
    cdef uint64_t noted
    cdef uint32_t i, ring, distance, count = 1
    if entry == NULL:
        return 0
    ring = entry.text_size >> 2
    noted = <uint64_t>entry.time_us
    distances = <const uint32_t*>(<const uint8_t*>entry + sizeof(kairos_entry))
    sequences[0] = entry.value_bits
    for i in range(1, <uint32_t>min(noted, <uint64_t>min(ring, RECENT_EVENTS_MAX - 1)) + 1):
        distance = distances[(noted - i) & (ring - 1)]
        if not distance:
            break
        sequences[count] = sequences[count - 1] - distance
        count += 1
    return count
