# The writer of the log. The format, recovery and its reasons: docs/adr/0003-log-format.md.
#
# A group commit is one buffer, one pwrite, one fdatasync. Space is taken before: segments are
# preallocated, and a commit that does not fit into the rest of a segment goes to a new one whole. A
# failed write or fdatasync ends the writer for ever: after an error the kernel may have dropped the
# dirty pages and marked them clean, so a second fdatasync that succeeds proves nothing (Rebello et
# al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
from libc.errno cimport EDQUOT, EINTR, ENOENT, ENOSPC, errno
from libc.stdint cimport (
    INT64_MIN, UINT64_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc, qsort, realloc, strtoull
from libc.string cimport memcmp, memcpy, memset, strerror, strlen
from kairos_native.hash cimport kairos_crc32c
from kairos_native.layout cimport (
    FRAME_EPOCH, KAIROS_LOG_FORMAT, KAIROS_SEMANTICS_VERSION, kairos_frame, kairos_segment_header,
)
from kairos_native.limits cimport KAIROS_COMMIT_RECORDS_MAX
from kairos_native.status cimport (
    STATUS_BATCH_TOO_LARGE, STATUS_DISK_FULL, STATUS_LOG_CORRUPT, STATUS_LOG_END, STATUS_LOG_IO,
    STATUS_NO_MEMORY, STATUS_OK,
)

cdef extern from "<fcntl.h>" nogil:
    int open(const char* path, int flags, ...)
    int openat(int folder_fd, const char* path, int flags, ...)
    int posix_fallocate(int fd, int64_t offset, int64_t size)
    int O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_CLOEXEC, O_DIRECTORY

cdef extern from "<unistd.h>" nogil:
    int close(int fd)
    int fsync(int fd)
    int fdatasync(int fd)
    int unlinkat(int folder_fd, const char* path, int flags)
    ssize_t pread(int fd, void* data, size_t size, int64_t offset)
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

cdef extern from "<sys/mman.h>" nogil:
    void* mmap(void* address, size_t size, int protection, int flags, int fd, int64_t offset)
    int munmap(void* address, size_t size)
    int PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE
    void* MAP_FAILED

cdef extern from "<sys/random.h>" nogil:
    ssize_t getrandom(void* data, size_t size, unsigned int flags)

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        int64_t tv_sec
        int64_t tv_nsec
    int clock_gettime(int clock, timespec* result)
    int CLOCK_MONOTONIC, CLOCK_REALTIME

include "log_segment.pxi"

cdef enum:
    LOG_MESSAGE_SIZE = 4608             # a sentence with a path
    LOG_COMMIT_SIZE_MAX = 1073741824    # KAIROS_COMMIT_RECORDS_MAX events of full size fit
    LOG_BUFFER_KEPT_MAX = 16777216      # a larger commit buffer is given back after its commit
    LOG_PAGE_SIZE = 4096
    LOG_FILE_MODE = 0o640

cdef struct log_writer:
    uint8_t* buffer
    uint64_t buffer_size
    uint64_t segment_size_wanted
    uint64_t segment_size               # of the current file
    uint64_t segment_first
    uint64_t offset                     # where the next frame goes
    uint64_t sequence_last
    int64_t received_last
    uint64_t bytes_written
    uint64_t bytes_cut                  # torn tail that open removed
    uint64_t sync_count
    uint64_t sync_ns
    uint64_t segment_count
    uint32_t epoch
    uint32_t salt
    int fd                              # -1: there is no segment yet
    int folder_fd
    uint16_t partition
    bint dead
    char folder[LOG_PATH_SIZE_MAX]

include "log_recover.pxi"
include "log_read.pxi"
include "log_find.pxi"


cdef log_writer* log_open(const char* folder, uint16_t partition, uint64_t segment_size,
                          int32_t* status, char* message, uint32_t message_size) noexcept nogil:
    cdef log_writer* log
    status[0] = STATUS_LOG_IO
    message[0] = 0
    log = <log_writer*>calloc(1, sizeof(log_writer))
    if log == NULL:
        status[0] = STATUS_NO_MEMORY
        return NULL
    log.fd = -1
    log.folder_fd = -1
    log.partition = partition
    log.segment_size_wanted = segment_size
    if strlen(folder) < LOG_PATH_SIZE_MAX - SEGMENT_NAME_SIZE:
        memcpy(log.folder, folder, strlen(folder) + 1)
        log.folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if log.folder_fd >= 0:
        # A segment that was being created when the process ended; it holds no frame.
        unlinkat(log.folder_fd, "segment.new", 0)
        status[0] = recover(log, message, message_size)
    if status[0] != STATUS_OK:
        if message[0] == 0:
            snprintf(message, message_size, "cannot open the log %s: %s", folder, strerror(errno))
        log_close(log)
        return NULL
    return log


cdef void log_close(log_writer* log) noexcept nogil:
    if log == NULL:
        return
    if log.fd >= 0:
        close(log.fd)
    if log.folder_fd >= 0:
        close(log.folder_fd)
    free(log.buffer)
    free(log)


cdef uint64_t log_sequence_last(const log_writer* log) noexcept nogil:
    return log.sequence_last


cdef int64_t log_received_last(const log_writer* log) noexcept nogil:
    return log.received_last


cdef uint32_t log_epoch(const log_writer* log) noexcept nogil:
    return log.epoch


cdef int32_t segment_write_header(log_writer* log, int fd, uint32_t salt) noexcept nogil:
    cdef kairos_segment_header header
    cdef timespec now
    memset(&header, 0, sizeof(header))
    memcpy(header.magic, b"KAIROLOG", 8)
    clock_gettime(CLOCK_REALTIME, &now)
    header.first_sequence = log.sequence_last + 1
    header.created_us = now.tv_sec * 1000000 + now.tv_nsec // 1000
    header.format = KAIROS_LOG_FORMAT
    header.partition = log.partition
    header.writer_epoch = log.epoch
    header.salt = salt
    header.crc = kairos_crc32c(0, &header, SEGMENT_HEADER_SIZE - 4)
    if pwrite(fd, &header, SEGMENT_HEADER_SIZE, 0) != SEGMENT_HEADER_SIZE:
        return STATUS_LOG_IO
    return STATUS_OK if fsync(fd) == 0 else STATUS_LOG_IO


cdef int32_t segment_create(log_writer* log, uint64_t size) noexcept nogil:
    # A segment gets its name only once its blocks and its header are durable: a reader never meets
    # half a header, and a full disk leaves nothing behind.
    cdef char name[SEGMENT_NAME_SIZE]
    cdef uint32_t salt = 0
    cdef int32_t status = STATUS_OK
    cdef int code = EINTR
    cdef int fd = openat(log.folder_fd, "segment.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                         LOG_FILE_MODE)
    if fd < 0:
        return STATUS_DISK_FULL if errno == ENOSPC or errno == EDQUOT else STATUS_LOG_IO
    while code == EINTR:
        code = posix_fallocate(fd, 0, <int64_t>size)
    if code:
        status = STATUS_DISK_FULL if code == ENOSPC or code == EDQUOT else STATUS_LOG_IO
    elif getrandom(&salt, sizeof(salt), 0) != sizeof(salt):
        status = STATUS_LOG_IO
    else:
        status = segment_write_header(log, fd, salt)
    segment_name(name, log.sequence_last + 1)
    if status == STATUS_OK:
        if (renameat(log.folder_fd, "segment.new", log.folder_fd, name) != 0
                or fsync(log.folder_fd) != 0):
            # Whether the name is durable is unknown now.
            log.dead = True
            status = STATUS_LOG_IO
    if status != STATUS_OK:
        close(fd)
        unlinkat(log.folder_fd, "segment.new", 0)
        return status
    if log.fd >= 0:
        close(log.fd)
    # A segment without frames is replaced by one of the same name.
    if log.segment_first != log.sequence_last + 1:
        log.segment_count += 1
    log.fd = fd
    log.salt = salt
    log.segment_first = log.sequence_last + 1
    log.segment_size = size
    log.offset = SEGMENT_HEADER_SIZE
    return STATUS_OK


cdef int32_t log_reserve(log_writer* log, uint32_t count, uint64_t size) noexcept nogil:
    cdef uint64_t needed, wanted
    cdef uint8_t* buffer
    if log.dead:
        return STATUS_LOG_IO
    if count > KAIROS_COMMIT_RECORDS_MAX or size > LOG_COMMIT_SIZE_MAX:
        return STATUS_BATCH_TOO_LARGE
    needed = <uint64_t>count * (FRAME_HEADER_SIZE + FRAME_ALIGNMENT) + size
    if needed > LOG_COMMIT_SIZE_MAX:
        return STATUS_BATCH_TOO_LARGE
    if needed > log.buffer_size:
        wanted = needed + needed // 4
        buffer = <uint8_t*>malloc(wanted)
        if buffer == NULL:
            return STATUS_NO_MEMORY
        free(log.buffer)
        log.buffer = buffer
        log.buffer_size = wanted
    if log.fd >= 0 and needed <= log.segment_size - log.offset:
        return STATUS_OK
    # A commit never spans segments; one that is larger than a segment gets a segment of its own
    # size.
    wanted = (SEGMENT_HEADER_SIZE + needed + LOG_PAGE_SIZE - 1) // LOG_PAGE_SIZE * LOG_PAGE_SIZE
    if wanted < log.segment_size_wanted:
        wanted = log.segment_size_wanted
    return segment_create(log, wanted)


cdef uint64_t frame_write(log_writer* log, uint8_t* target, log_record* record,
                          uint32_t batch_index) noexcept nogil:
    cdef kairos_frame* frame = <kairos_frame*>target
    cdef uint64_t size = frame_size(record.payload_size)
    memset(frame, 0, FRAME_HEADER_SIZE)
    memset(target + size - FRAME_ALIGNMENT, 0, FRAME_ALIGNMENT)
    frame.size = <uint32_t>size
    frame.sequence = record.sequence
    frame.occurred_us = record.occurred_us
    frame.received_us = record.received_us
    memcpy(frame.subject_id, record.subject_id, 16)
    frame.writer_epoch = log.epoch
    frame.batch_index = batch_index
    frame.tenant = record.tenant
    frame.key_id = record.key_id
    frame.payload_size = record.payload_size
    frame.partition = log.partition
    frame.semantics_version = KAIROS_SEMANTICS_VERSION
    frame.format = KAIROS_LOG_FORMAT
    frame.kind = record.kind
    frame.flags = record.flags
    if record.payload_size:
        memcpy(target + FRAME_HEADER_SIZE, record.payload, record.payload_size)
    frame.crc = frame_crc(frame, log.salt)
    return size


cdef int32_t log_write(log_writer* log, uint64_t size) noexcept nogil:
    # Writes the first `size` bytes of the buffer at the end of the log and makes them durable.
    cdef timespec begin, end
    cdef uint64_t done = 0
    cdef ssize_t count
    while done < size:
        count = pwrite(log.fd, log.buffer + done, size - done, <int64_t>(log.offset + done))
        if count < 0 and errno == EINTR:
            continue
        if count <= 0:
            return STATUS_LOG_IO
        done += <uint64_t>count
    clock_gettime(CLOCK_MONOTONIC, &begin)
    if fdatasync(log.fd) != 0:
        return STATUS_LOG_IO
    clock_gettime(CLOCK_MONOTONIC, &end)
    log.sync_count += 1
    log.sync_ns += <uint64_t>((end.tv_sec - begin.tv_sec) * 1000000000
                              + end.tv_nsec - begin.tv_nsec)
    return STATUS_OK


cdef int32_t log_append(log_writer* log, log_record* records, uint32_t count) noexcept nogil:
    cdef uint64_t size = 0
    cdef int64_t received = log.received_last
    cdef uint32_t i
    cdef int32_t status
    if count > KAIROS_COMMIT_RECORDS_MAX:
        return STATUS_BATCH_TOO_LARGE
    for i in range(count):
        size += records[i].payload_size
    status = log_reserve(log, count, size)
    if status != STATUS_OK or count == 0:
        return status
    size = 0
    for i in range(count):
        records[i].sequence = log.sequence_last + 1 + i
        if records[i].received_us > received:
            received = records[i].received_us
        records[i].received_us = received
        size += frame_write(log, log.buffer + size, &records[i], i)
    status = log_write(log, size)
    if status != STATUS_OK:
        log.dead = True
        return status
    log.offset += size
    log.bytes_written += size
    log.sequence_last += count
    log.received_last = received
    if log.buffer_size > LOG_BUFFER_KEPT_MAX:
        free(log.buffer)
        log.buffer = NULL
        log.buffer_size = 0
    return STATUS_OK


cdef int32_t log_begin_epoch(log_writer* log, int64_t now_us) noexcept nogil:
    cdef log_record record
    cdef uint32_t payload[2]
    cdef int32_t status
    log.epoch += 1
    payload[0] = log.epoch
    payload[1] = 0
    memset(&record, 0, sizeof(record))
    record.payload = <const uint8_t*>payload
    record.payload_size = sizeof(payload)
    record.occurred_us = now_us
    record.received_us = now_us
    record.kind = FRAME_EPOCH
    status = log_append(log, &record, 1)
    if status != STATUS_OK:
        log.epoch -= 1
    return status


cdef int32_t log_drop_before(log_writer* log, uint64_t sequence) noexcept nogil:
    # Oldest first, so that a crash in between leaves no gap.
    cdef char name[SEGMENT_NAME_SIZE]
    cdef uint64_t* firsts
    cdef uint64_t count, i
    cdef int32_t status = list_segments(log.folder_fd, &firsts, &count)
    for i in range(1, count):
        if status != STATUS_OK or firsts[i] > sequence:
            break
        segment_name(name, firsts[i - 1])
        if unlinkat(log.folder_fd, name, 0) != 0 or fsync(log.folder_fd) != 0:
            status = STATUS_LOG_IO
        else:
            log.segment_count -= 1
    free(firsts)
    return status


cdef void log_figures(const log_writer* log, uint64_t* bytes, uint64_t* syncs, uint64_t* sync_ns,
                      uint64_t* segments) noexcept nogil:
    bytes[0] = log.bytes_written
    syncs[0] = log.sync_count
    sync_ns[0] = log.sync_ns
    segments[0] = log.segment_count


cdef uint64_t log_bytes_cut(const log_writer* log) noexcept nogil:
    return log.bytes_cut
