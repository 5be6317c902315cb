# Event ids already seen. The reasons: docs/adr/0005-dedupe-day-tables.md.
#
# Keys are keyed 128-bit hashes, so their low bits choose the slot without more mixing. A table
# takes entries until 60 % of its slots are used, then the next one takes over; nothing is ever
# moved or removed, and a day goes whole.
from libc.errno cimport EDQUOT, EINTR, ENOENT, ENOSPC, errno
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, strtoul
from libc.string cimport memcmp, memcpy, memset
from kairos_native.hash cimport kairos_crc32c
from kairos_native.layout cimport KAIROS_DEDUPE_VERSION
from kairos_native.limits cimport KAIROS_TRIGGERS_FIRED_MAX
from kairos_native.status cimport (
    STATUS_DEDUPE_CORRUPT, STATUS_DISK_FULL, STATUS_MAP_FULL, STATUS_NO_MEMORY, STATUS_OK,
    STATUS_STORE_ERROR, STATUS_STORE_NOT_FOUND,
)

cdef extern from *:
    """
    #include <stdint.h>
    #define dedupe_publish(target, value) __atomic_store_n((target), (value), __ATOMIC_RELEASE)
    #define dedupe_observe(source) __atomic_load_n((source), __ATOMIC_ACQUIRE)
    #define dedupe_prefetch(address) __builtin_prefetch((address))
    """
    void dedupe_publish(uint64_t* target, uint64_t value) noexcept nogil
    uint64_t dedupe_observe(const uint64_t* source) noexcept nogil
    void dedupe_prefetch(const void* address) noexcept nogil

cdef extern from "<fcntl.h>" nogil:
    int open(const char* path, int flags, ...)
    int openat(int folder_fd, const char* path, int flags, ...)
    int posix_fallocate(int fd, int64_t offset, int64_t size)
    int O_RDONLY, O_RDWR, O_CREAT, O_TRUNC, O_CLOEXEC, O_DIRECTORY

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
    int unlinkat(int folder_fd, const char* path, int flags)
    ssize_t pwrite(int fd, const void* data, size_t size, int64_t offset)
    int64_t lseek(int fd, int64_t offset, int whence)
    int SEEK_END

cdef extern from "<stdio.h>" nogil:
    int renameat(int from_fd, const char* source, int to_fd, const char* target)

cdef extern from "<dirent.h>" nogil:
    ctypedef struct DIR
    cdef struct dirent:
        char d_name[256]
    DIR* fdopendir(int fd)
    dirent* readdir(DIR* folder)
    int closedir(DIR* folder)

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/mman.h>
    """
    void* mmap(void* address, size_t size, int protection, int flags, int fd,
               int64_t offset) noexcept nogil
    void* mremap(void* address, size_t size, size_t size_new, int flags) noexcept nogil
    int munmap(void* address, size_t size) noexcept nogil
    int PROT_READ, PROT_WRITE, MAP_SHARED, MREMAP_MAYMOVE
    void* MAP_FAILED

include "dedupe_files.pxi"

cdef enum:
    OUTCOME_PLACE_BITS = 40

cdef struct dedupe_reader:
    dedupe* ids
    uint64_t sequence_max
    uint64_t slot
    uint32_t day_index
    uint32_t table_index


cdef uint64_t key_slot(const uint8_t* key16, const dedupe_header* header) noexcept nogil:
    cdef uint64_t low
    memcpy(&low, key16, 8)
    return low & (header.capacity - 1)


cdef inline dedupe_slot* table_slots(const dedupe_file* table) noexcept nogil:
    return <dedupe_slot*>(<uint8_t*>table.header + DEDUPE_HEADER_SIZE)


cdef inline uint64_t table_room(const dedupe_file* table) noexcept nogil:
    cdef uint64_t limit = table.header.capacity * 6 // 10
    return limit - table.header.used if table.header.used < limit else 0


cdef uint32_t slot_check(const dedupe_slot* slot, uint64_t sequence, uint64_t place,
                         const uint32_t* outcome, uint32_t trigger_count) noexcept nogil:
    # 24 bits over all that the entry says, so that a damaged entry is an error and not a wrong
    # answer.
    cdef uint32_t crc = kairos_crc32c(0, slot.key, 16)
    crc = kairos_crc32c(crc, &sequence, 8)
    crc = kairos_crc32c(crc, &place, 8)
    if place:
        crc = kairos_crc32c(crc, outcome, 4 + 4 * <size_t>trigger_count)
    return crc >> 8


cdef int32_t slot_read(const dedupe_day* day, const dedupe_slot* slot, uint64_t sequence,
                       const uint32_t** triggers, uint32_t* trigger_count) noexcept nogil:
    cdef uint64_t place = slot.outcome & ((<uint64_t>1 << OUTCOME_PLACE_BITS) - 1)
    cdef const uint32_t* outcome = NULL
    cdef uint32_t count = 0
    if place:
        if place * 4 < DEDUPE_HEADER_SIZE or place * 4 + 4 > day.outcomes.size:
            return STATUS_DEDUPE_CORRUPT
        outcome = <const uint32_t*>day.outcomes.header + place
        count = outcome[0]
        if count == 0 or count > KAIROS_TRIGGERS_FIRED_MAX:
            return STATUS_DEDUPE_CORRUPT
        if place * 4 + 4 + 4 * <uint64_t>count > day.outcomes.size:
            return STATUS_DEDUPE_CORRUPT
    if slot_check(slot, sequence, place, outcome, count) != slot.outcome >> OUTCOME_PLACE_BITS:
        return STATUS_DEDUPE_CORRUPT
    if triggers != NULL:
        triggers[0] = outcome + 1 if count else NULL
    if trigger_count != NULL:
        trigger_count[0] = count
    return STATUS_OK


cdef dedupe_day* find_day(const dedupe* ids, uint32_t number) noexcept nogil:
    # Newest first: nearly every question is about today.
    cdef uint32_t i = ids.day_count
    while i > 0:
        i -= 1
        if ids.days[i].day == number:
            return ids.days[i]
    return NULL


cdef inline void fetch_slots(const dedupe_day* day, const uint8_t* key16) noexcept nogil:
    cdef uint32_t i
    for i in range(day.table_count):
        dedupe_prefetch(table_slots(&day.tables[i]) + key_slot(key16, day.tables[i].header))


cdef const dedupe_slot* find_slot(const dedupe_day* day, const uint8_t* key16, uint64_t sequence,
                                  uint64_t same) noexcept nogil:
    # The entry of the key with the smallest sequence below `sequence`, whatever table it is in;
    # when `same` is not zero, the entry with exactly that sequence. The first slots of all tables
    # are fetched at once, so that their cache misses overlap.
    cdef const dedupe_slot* slots
    cdef const dedupe_slot* best = NULL
    cdef uint64_t best_sequence = sequence
    cdef uint64_t slot, seen, step
    cdef uint32_t i
    fetch_slots(day, key16)
    i = day.table_count
    while i > 0:
        i -= 1
        slots = table_slots(&day.tables[i])
        slot = key_slot(key16, day.tables[i].header)
        for step in range(day.tables[i].header.capacity):
            seen = dedupe_observe(&slots[slot].sequence)
            if seen == 0:
                break
            if memcmp(slots[slot].key, key16, 16) == 0:
                if same:
                    if seen == same:
                        return &slots[slot]
                elif seen < best_sequence:
                    best = &slots[slot]
                    best_sequence = seen
            slot = (slot + 1) & (day.tables[i].header.capacity - 1)
    return best


cdef dedupe* dedupe_open_mode(const char* folder, bint read_only, int32_t* status) noexcept nogil:
    cdef dedupe* ids = <dedupe*>calloc(1, sizeof(dedupe))
    if ids == NULL:
        status[0] = STATUS_NO_MEMORY
        return NULL
    ids.read_only = read_only
    ids.folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    status[0] = STATUS_STORE_ERROR
    if ids.folder_fd >= 0:
        if not read_only:
            unlinkat(ids.folder_fd, "dedupe.new", 0)
        status[0] = open_days(ids)
    if status[0] != STATUS_OK:
        dedupe_close(ids)
        return NULL
    return ids


cdef dedupe* dedupe_open(const char* folder, int32_t* status) noexcept nogil:
    return dedupe_open_mode(folder, False, status)


cdef void dedupe_close(dedupe* ids) noexcept nogil:
    cdef uint32_t i
    if ids == NULL:
        return
    for i in range(ids.day_count):
        day_close(ids.days[i])
    if ids.folder_fd >= 0:
        close(ids.folder_fd)
    free(ids)


cdef int32_t reserve_in(dedupe* ids, dedupe_day* day, uint32_t count,
                        uint64_t outcome_count) noexcept nogil:
    cdef uint64_t room = 0
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    for i in range(day.table_count):
        room += table_room(&day.tables[i])
    while room < count and status == STATUS_OK:
        status = table_add(ids, day)
        if status == STATUS_OK:
            room += table_room(&day.tables[day.table_count - 1])
    if status == STATUS_OK and outcome_count:
        status = outcomes_grow(day, 4 * (count + outcome_count))
    return status


cdef int32_t dedupe_reserve(dedupe* ids, uint32_t day, uint32_t count,
                            uint64_t outcome_count) noexcept nogil:
    cdef int32_t status = STATUS_OK
    if find_day(ids, day) == NULL:
        status = day_open(ids, day, 0, True)
    if status != STATUS_OK:
        return status
    return reserve_in(ids, find_day(ids, day), count, outcome_count)


cdef void dedupe_fetch(const dedupe* ids, uint32_t day, const uint8_t* key16) noexcept nogil:
    cdef const dedupe_day* found = find_day(ids, day)
    if found != NULL:
        fetch_slots(found, key16)


cdef int32_t dedupe_find(dedupe* ids, uint32_t day, const uint8_t* key16, uint64_t sequence,
                         const uint32_t** triggers, uint32_t* trigger_count) noexcept nogil:
    cdef dedupe_day* kept = find_day(ids, day)
    cdef const dedupe_slot* slot
    cdef int32_t status
    if kept == NULL:
        return 0
    slot = find_slot(kept, key16, sequence, 0)
    if slot == NULL:
        return 0
    status = slot_read(kept, slot, slot.sequence, triggers, trigger_count)
    return 1 if status == STATUS_OK else -status


cdef uint64_t outcome_write(dedupe_day* day, const uint32_t* triggers,
                            uint32_t trigger_count) noexcept nogil:
    # Returns the place of the outcome; there is room.
    cdef uint64_t place = day.outcomes.header.used // 4
    cdef uint32_t* outcome = <uint32_t*>day.outcomes.header + place
    outcome[0] = trigger_count
    memcpy(outcome + 1, triggers, 4 * <size_t>trigger_count)
    dedupe_publish(&day.outcomes.header.used, (place + 1 + trigger_count) * 4)
    return place


cdef int32_t dedupe_keep(dedupe* ids, uint32_t day, const uint8_t* key16, uint64_t sequence,
                         const uint32_t* triggers, uint32_t trigger_count) noexcept nogil:
    cdef dedupe_day* kept = find_day(ids, day)
    cdef dedupe_slot* slots
    cdef uint64_t slot, check, place = 0
    cdef uint32_t i = 0
    cdef int32_t status = STATUS_OK
    if sequence == 0 or trigger_count > KAIROS_TRIGGERS_FIRED_MAX:
        return STATUS_STORE_ERROR
    if kept == NULL:
        status = day_open(ids, day, 0, True)
        kept = find_day(ids, day)
    elif find_slot(kept, key16, 0, sequence) != NULL:
        return STATUS_OK
    if status == STATUS_OK:
        status = reserve_in(ids, kept, 1, trigger_count)
    if status != STATUS_OK:
        return status
    while table_room(&kept.tables[i]) == 0:
        i += 1
    if trigger_count:
        place = outcome_write(kept, triggers, trigger_count)
    slots = table_slots(&kept.tables[i])
    slot = key_slot(key16, kept.tables[i].header)
    while slots[slot].sequence != 0:
        slot = (slot + 1) & (kept.tables[i].header.capacity - 1)
    kept.tables[i].header.used += 1
    memcpy(slots[slot].key, key16, 16)
    check = slot_check(&slots[slot], sequence, place, <uint32_t*>kept.outcomes.header + place,
                       trigger_count)
    slots[slot].outcome = place | check << OUTCOME_PLACE_BITS
    dedupe_publish(&slots[slot].sequence, sequence)
    return STATUS_OK


cdef int32_t dedupe_drop_before(dedupe* ids, uint32_t day_first) noexcept nogil:
    # The outcomes go last: tables without outcomes would be damage.
    cdef char name[DEDUPE_NAME_SIZE]
    cdef dedupe_day* day
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    while ids.day_count and ids.days[0].day < day_first:
        day = ids.days[0]
        i = day.table_count
        while i > 0:
            i -= 1
            table_name(name, day.day, i)
            if unlinkat(ids.folder_fd, name, 0) != 0:
                status = STATUS_STORE_ERROR
        outcomes_name(name, day.day)
        if unlinkat(ids.folder_fd, name, 0) != 0:
            status = STATUS_STORE_ERROR
        day_close(day)
        ids.day_count -= 1
        for i in range(ids.day_count):
            ids.days[i] = ids.days[i + 1]
    return status


cdef void dedupe_figures(const dedupe* ids, uint64_t* days, uint64_t* entries,
                         uint64_t* bytes) noexcept nogil:
    cdef uint32_t i, j
    days[0] = ids.day_count
    entries[0] = 0
    bytes[0] = 0
    for i in range(ids.day_count):
        bytes[0] += ids.days[i].outcomes.size
        for j in range(ids.days[i].table_count):
            entries[0] += ids.days[i].tables[j].header.used
            bytes[0] += ids.days[i].tables[j].size


cdef dedupe_reader* dedupe_read(const char* folder, uint64_t sequence_max,
                                int32_t* status) noexcept nogil:
    cdef dedupe_reader* reader = <dedupe_reader*>calloc(1, sizeof(dedupe_reader))
    if reader == NULL:
        status[0] = STATUS_NO_MEMORY
        return NULL
    reader.sequence_max = sequence_max
    reader.ids = dedupe_open_mode(folder, True, status)
    if reader.ids == NULL:
        free(reader)
        return NULL
    return reader


cdef int32_t dedupe_next(dedupe_reader* reader, dedupe_entry* entry) noexcept nogil:
    cdef const dedupe_slot* slot
    cdef const dedupe_file* table
    cdef dedupe_day* day
    while reader.day_index < reader.ids.day_count:
        day = reader.ids.days[reader.day_index]
        if reader.table_index == day.table_count:
            reader.day_index += 1
            reader.table_index = 0
            continue
        table = &day.tables[reader.table_index]
        if reader.slot == table.header.capacity:
            reader.table_index += 1
            reader.slot = 0
            continue
        slot = table_slots(table) + reader.slot
        reader.slot += 1
        entry.sequence = dedupe_observe(&slot.sequence)
        if entry.sequence == 0 or entry.sequence > reader.sequence_max:
            continue
        entry.day = day.day
        memcpy(entry.key, slot.key, 16)
        return slot_read(day, slot, entry.sequence, &entry.triggers, &entry.trigger_count)
    return STATUS_STORE_NOT_FOUND


cdef void dedupe_reader_close(dedupe_reader* reader) noexcept nogil:
    if reader == NULL:
        return
    dedupe_close(reader.ids)
    free(reader)
