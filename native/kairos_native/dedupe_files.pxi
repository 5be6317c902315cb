# The files of one day: hash tables 0, 1, 2 … of doubling capacity, and the outcomes that their
# entries point to. Part of dedupe.pyx.
#
# A file is allocated whole before it is mapped, because a page without a disk block that meets a
# full disk is a SIGBUS; and it gets its name only once its header is there, so that a process that
# dies leaves no half-made file.

cdef enum:
    DEDUPE_PATH_SIZE_MAX = 4096
    DEDUPE_NAME_SIZE = 24
    DEDUPE_HEADER_SIZE = 64
    DEDUPE_HEADER_FIXED_SIZE = 28
    DEDUPE_ENTRY_SIZE = 32
    DEDUPE_CAPACITY_FIRST = 65536       # entries of table 0; table i has 2^i times as many
    DEDUPE_TABLES_MAX = 16
    DEDUPE_DAYS_MAX = 64
    DEDUPE_OUTCOMES_SIZE_FIRST = 65536
    DEDUPE_FILE_MODE = 0o640

cdef struct dedupe_header:
    uint8_t magic[8]                    # "KAIRODDT": a table; "KAIRODDO": outcomes
    uint64_t capacity                   # entries of a table; 0 in a file of outcomes
    uint32_t version
    uint32_t day
    uint32_t table_index
    uint32_t crc                        # crc32c of the bytes before this field
    uint64_t used                       # entries of a table; bytes of the outcomes with this header
    uint8_t reserved[24]

# `sequence` is stored last: an entry with sequence 0 is free, whatever else stands in it.
cdef struct dedupe_slot:
    uint8_t key[16]
    uint64_t sequence
    # low 40 bits: place in 4-byte units, 0: no triggers; high 24: check
    uint64_t outcome

cdef struct dedupe_file:
    dedupe_header* header               # NULL: not mapped
    uint64_t size
    int fd

cdef struct dedupe_day:
    dedupe_file tables[DEDUPE_TABLES_MAX]
    dedupe_file outcomes
    uint32_t day
    uint32_t table_count

cdef struct dedupe:
    dedupe_day* days[DEDUPE_DAYS_MAX]   # oldest first
    uint32_t day_count
    int folder_fd
    bint read_only


cdef void table_name(char* name, uint32_t day, uint32_t table_index) noexcept nogil:
    snprintf(name, DEDUPE_NAME_SIZE, "%08u-%02u.ids", day, table_index)


cdef void outcomes_name(char* name, uint32_t day) noexcept nogil:
    snprintf(name, DEDUPE_NAME_SIZE, "%08u.outcomes", day)


cdef int32_t allocate_status(int fd, uint64_t size) noexcept nogil:
    cdef int code = EINTR
    while code == EINTR:
        code = posix_fallocate(fd, 0, <int64_t>size)
    if code == ENOSPC or code == EDQUOT:
        return STATUS_DISK_FULL
    return STATUS_OK if code == 0 else STATUS_STORE_ERROR


cdef void file_close(dedupe_file* file) noexcept nogil:
    if file.header != NULL:
        munmap(file.header, file.size)
        close(file.fd)
    file.header = NULL


cdef int32_t file_map(dedupe_file* file, int fd, uint64_t size, bint read_only) noexcept nogil:
    cdef void* memory = mmap(NULL, size, PROT_READ if read_only else PROT_READ | PROT_WRITE,
                             MAP_SHARED, fd, 0)
    if memory == MAP_FAILED:
        close(fd)
        return STATUS_NO_MEMORY
    file.header = <dedupe_header*>memory
    file.size = size
    file.fd = fd
    return STATUS_OK


cdef int32_t file_create(dedupe* ids, dedupe_file* file, const char* name,
                         const dedupe_header* header, uint64_t size) noexcept nogil:
    cdef int32_t status
    cdef int fd = openat(ids.folder_fd, "dedupe.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                         DEDUPE_FILE_MODE)
    if fd < 0:
        return STATUS_DISK_FULL if errno == ENOSPC or errno == EDQUOT else STATUS_STORE_ERROR
    status = allocate_status(fd, size)
    if (status == STATUS_OK
            and pwrite(fd, header, sizeof(dedupe_header), 0) != sizeof(dedupe_header)):
        status = STATUS_STORE_ERROR
    if status == STATUS_OK and renameat(ids.folder_fd, "dedupe.new", ids.folder_fd, name) != 0:
        status = STATUS_STORE_ERROR
    if status != STATUS_OK:
        close(fd)
        unlinkat(ids.folder_fd, "dedupe.new", 0)
        return status
    return file_map(file, fd, size, False)


cdef void header_begin(dedupe_header* header, const char* magic, uint32_t day, uint32_t table_index,
                       uint64_t capacity) noexcept nogil:
    memset(header, 0, sizeof(dedupe_header))
    memcpy(header.magic, magic, 8)
    header.capacity = capacity
    header.version = KAIROS_DEDUPE_VERSION
    header.day = day
    header.table_index = table_index
    header.crc = kairos_crc32c(0, header, DEDUPE_HEADER_FIXED_SIZE)


cdef int32_t file_open(dedupe* ids, dedupe_file* file, const char* name,
                       const dedupe_header* expected) noexcept nogil:
    #   Errors: STATUS_STORE_NOT_FOUND: no such file; STATUS_DEDUPE_CORRUPT: another header or size
    cdef int64_t size
    cdef int32_t status
    cdef int fd = openat(ids.folder_fd, name, (O_RDONLY if ids.read_only else O_RDWR) | O_CLOEXEC)
    if fd < 0:
        return STATUS_STORE_NOT_FOUND if errno == ENOENT else STATUS_STORE_ERROR
    size = lseek(fd, 0, SEEK_END)
    if size < DEDUPE_HEADER_SIZE or (
            expected.capacity
            and <uint64_t>size != DEDUPE_HEADER_SIZE + expected.capacity * DEDUPE_ENTRY_SIZE):
        close(fd)
        return STATUS_DEDUPE_CORRUPT
    if not ids.read_only:
        # A copied file may have holes.
        status = allocate_status(fd, <uint64_t>size)
        if status != STATUS_OK:
            close(fd)
            return status
    status = file_map(file, fd, <uint64_t>size, ids.read_only)
    if status != STATUS_OK:
        return status
    if memcmp(file.header, expected, DEDUPE_HEADER_FIXED_SIZE + 4) != 0 or (
            not expected.capacity
            and (file.header.used > file.size or file.header.used < DEDUPE_HEADER_SIZE)):
        file_close(file)
        return STATUS_DEDUPE_CORRUPT
    return STATUS_OK


cdef int32_t table_add(dedupe* ids, dedupe_day* day) noexcept nogil:
    cdef char name[DEDUPE_NAME_SIZE]
    cdef dedupe_header header
    cdef uint64_t capacity = <uint64_t>DEDUPE_CAPACITY_FIRST << day.table_count
    cdef int32_t status
    if day.table_count == DEDUPE_TABLES_MAX:
        return STATUS_MAP_FULL
    table_name(name, day.day, day.table_count)
    header_begin(&header, b"KAIRODDT", day.day, day.table_count, capacity)
    status = file_create(ids, &day.tables[day.table_count], name, &header,
                         DEDUPE_HEADER_SIZE + capacity * DEDUPE_ENTRY_SIZE)
    if status == STATUS_OK:
        day.table_count += 1
    return status


cdef int32_t outcomes_grow(dedupe_day* day, uint64_t size) noexcept nogil:
    # Makes room for `size` more bytes; pointers to outcomes end here.
    cdef uint64_t needed = day.outcomes.header.used + size
    cdef uint64_t grown = day.outcomes.size
    cdef void* memory
    cdef int32_t status
    if needed <= day.outcomes.size:
        return STATUS_OK
    while grown < needed:
        grown *= 2
    status = allocate_status(day.outcomes.fd, grown)
    if status == STATUS_DISK_FULL:
        grown = needed
        status = allocate_status(day.outcomes.fd, grown)
    if status != STATUS_OK:
        return status
    memory = mremap(day.outcomes.header, day.outcomes.size, grown, MREMAP_MAYMOVE)
    if memory == MAP_FAILED:
        return STATUS_NO_MEMORY
    day.outcomes.header = <dedupe_header*>memory
    day.outcomes.size = grown
    return STATUS_OK


cdef void day_close(dedupe_day* day) noexcept nogil:
    cdef uint32_t i
    for i in range(day.table_count):
        file_close(&day.tables[i])
    file_close(&day.outcomes)
    free(day)


cdef int32_t day_open(dedupe* ids, uint32_t number, uint32_t table_count_least,
                      bint create) noexcept nogil:
    cdef char name[DEDUPE_NAME_SIZE]
    cdef dedupe_header header
    cdef dedupe_day* day
    cdef uint32_t place = ids.day_count
    cdef int32_t status
    if ids.day_count == DEDUPE_DAYS_MAX:
        return STATUS_MAP_FULL
    day = <dedupe_day*>calloc(1, sizeof(dedupe_day))
    if day == NULL:
        return STATUS_NO_MEMORY
    day.day = number
    outcomes_name(name, number)
    header_begin(&header, b"KAIRODDO", number, 0, 0)
    if create:
        header.used = DEDUPE_HEADER_SIZE
        status = file_create(ids, &day.outcomes, name, &header, DEDUPE_OUTCOMES_SIZE_FIRST)
    else:
        status = file_open(ids, &day.outcomes, name, &header)
        while status == STATUS_OK and day.table_count < DEDUPE_TABLES_MAX:
            table_name(name, number, day.table_count)
            header_begin(&header, b"KAIRODDT", number, day.table_count,
                         <uint64_t>DEDUPE_CAPACITY_FIRST << day.table_count)
            status = file_open(ids, &day.tables[day.table_count], name, &header)
            if status == STATUS_OK:
                day.table_count += 1
        if day.outcomes.header != NULL and status == STATUS_STORE_NOT_FOUND:
            status = STATUS_OK
        if day.table_count < table_count_least and not ids.read_only and (
                status == STATUS_OK or status == STATUS_STORE_NOT_FOUND):
            status = STATUS_DEDUPE_CORRUPT
    if status != STATUS_OK:
        day_close(day)
        # Only a reader meets this: the writer dropped the day meanwhile.
        return STATUS_OK if status == STATUS_STORE_NOT_FOUND else status
    while place > 0 and ids.days[place - 1].day > number:
        ids.days[place] = ids.days[place - 1]
        place -= 1
    ids.days[place] = day
    ids.day_count += 1
    return STATUS_OK


cdef int32_t open_days(dedupe* ids) noexcept nogil:
    # Counts the files of each day by name, then opens the days.
    cdef uint32_t numbers[DEDUPE_DAYS_MAX]
    cdef uint32_t table_counts[DEDUPE_DAYS_MAX]
    cdef uint32_t count = 0, number, i
    cdef int32_t status = STATUS_OK
    cdef dirent* entry
    cdef char* end
    cdef DIR* folder
    cdef int fd = openat(ids.folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if fd < 0:
        return STATUS_STORE_ERROR
    folder = fdopendir(fd)
    if folder == NULL:
        close(fd)
        return STATUS_STORE_ERROR
    while True:
        entry = readdir(folder)
        if entry == NULL:
            break
        number = <uint32_t>strtoul(entry.d_name, &end, 10)
        if end != entry.d_name + 8:
            continue
        i = 0
        while i < count and numbers[i] != number:
            i += 1
        if i == DEDUPE_DAYS_MAX:
            status = STATUS_DEDUPE_CORRUPT
            break
        if i == count:
            numbers[i] = number
            table_counts[i] = 0
            count += 1
        if end[0] == c'-':
            table_counts[i] += 1
    closedir(folder)
    for i in range(count):
        if status == STATUS_OK:
            status = day_open(ids, numbers[i], table_counts[i], False)
    return status
