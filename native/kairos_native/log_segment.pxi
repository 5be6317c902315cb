# One segment file: its name, its header, its bytes in memory, and the walk from frame to frame.
# Part of log.pyx.
#
# Segments are read with pread into anonymous memory and never mapped: a file that shrinks or a
# sector that cannot be read is then an error code and not a SIGBUS.

cdef enum:
    SEGMENT_NAME_SIZE = 25              # 20 digits, ".log", NUL
    SEGMENT_HEADER_SIZE = 64
    SEGMENT_READ_SIZE = 1048576
    SEGMENT_SIZE_MAX = 2147483647
    FRAME_HEADER_SIZE = 80
    FRAME_ALIGNMENT = 8
    LOG_PATH_SIZE_MAX = 4096

cdef enum log_walked:
    WALK_FRAME = 0                      # `frame` is valid and follows the one before
    WALK_END = 1                        # zero size, or no room for a header
    WALK_DAMAGED = 2                    # `reason` says how
    WALK_FAILED = 3                     # the file cannot be read

cdef struct log_segment:
    uint8_t* bytes                      # `size` bytes, of which `filled` were read from the file
    uint64_t size
    uint64_t filled
    uint64_t first_sequence
    uint32_t writer_epoch
    uint32_t salt
    int fd

# Where a walk stands: after the frame `sequence_last`.
cdef struct log_walk:
    const kairos_frame* frame
    const char* reason
    uint64_t offset
    uint64_t sequence_last
    # first sequence of the group commit that sequence_last belongs to
    uint64_t commit_first
    int64_t received_last
    uint64_t frame_count
    uint32_t epoch


cdef uint64_t frame_size(uint64_t payload_size) noexcept nogil:
    return ((FRAME_HEADER_SIZE + payload_size + FRAME_ALIGNMENT - 1)
            & ~<uint64_t>(FRAME_ALIGNMENT - 1))


cdef uint32_t frame_crc(const kairos_frame* frame, uint32_t salt) noexcept nogil:
    return kairos_crc32c(salt, <const uint8_t*>frame + 8, frame.size - 8)


cdef const char* frame_damage(const log_segment* segment, uint64_t offset,
                              uint16_t partition) noexcept nogil:
    # Returns NULL when a whole valid frame stands at `offset`, else what is wrong with it.
    cdef const kairos_frame* frame = <const kairos_frame*>(segment.bytes + offset)
    if segment.size - offset < FRAME_HEADER_SIZE or frame.size < FRAME_HEADER_SIZE:
        return "its size is too small"
    if frame.size > segment.size - offset:
        return "its size leaves the file"
    if frame.size != frame_size(frame.payload_size):
        return "its two sizes disagree"
    if frame.format != KAIROS_LOG_FORMAT:
        return "its format is not one that this version reads"
    if frame.partition != partition:
        return "it belongs to another partition"
    if frame.crc != frame_crc(frame, segment.salt):
        return "its checksum does not match"
    return NULL


cdef void segment_name(char* name, uint64_t first_sequence) noexcept nogil:
    snprintf(name, SEGMENT_NAME_SIZE, "%020llu.log", <unsigned long long>first_sequence)


cdef int32_t segment_fill(log_segment* segment, uint64_t end) noexcept nogil:
    cdef ssize_t count
    while segment.filled < end:
        count = pread(segment.fd, segment.bytes + segment.filled, end - segment.filled,
                      <int64_t>segment.filled)
        if count < 0 and errno == EINTR:
            continue
        if count <= 0:
            return STATUS_LOG_IO
        segment.filled += <uint64_t>count
    return STATUS_OK


cdef int32_t segment_need(log_segment* segment, uint64_t end) noexcept nogil:
    # Reads ahead in large pieces, so that small frames do not cost a call each.
    if end <= segment.filled:
        return STATUS_OK
    if end < segment.filled + SEGMENT_READ_SIZE:
        end = segment.filled + SEGMENT_READ_SIZE
    return segment_fill(segment, end if end < segment.size else segment.size)


cdef void segment_close(log_segment* segment) noexcept nogil:
    if segment.bytes != NULL:
        munmap(segment.bytes, segment.size)
    if segment.fd >= 0:
        close(segment.fd)
    segment.bytes = NULL
    segment.fd = -1


cdef int32_t segment_open(log_segment* segment, int folder_fd, uint64_t first_sequence,
                          uint16_t partition, const char** reason) noexcept nogil:
    #   Errors: STATUS_LOG_END: no such file; STATUS_LOG_IO; STATUS_LOG_CORRUPT: `reason` says how
    #     the header is wrong
    cdef char name[SEGMENT_NAME_SIZE]
    cdef const kairos_segment_header* header
    cdef void* memory
    cdef int64_t size
    memset(segment, 0, sizeof(log_segment))
    segment_name(name, first_sequence)
    segment.fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC)
    if segment.fd < 0:
        return STATUS_LOG_END if errno == ENOENT else STATUS_LOG_IO
    size = lseek(segment.fd, 0, SEEK_END)
    reason[0] = "the file is shorter than its header"
    if size < SEGMENT_HEADER_SIZE or size > SEGMENT_SIZE_MAX:
        segment_close(segment)
        return STATUS_LOG_IO if size < 0 else STATUS_LOG_CORRUPT
    segment.size = <uint64_t>size
    memory = mmap(NULL, segment.size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    if memory == MAP_FAILED:
        segment_close(segment)
        return STATUS_NO_MEMORY
    segment.bytes = <uint8_t*>memory
    if segment_fill(segment, SEGMENT_HEADER_SIZE) != STATUS_OK:
        segment_close(segment)
        return STATUS_LOG_IO
    header = <const kairos_segment_header*>segment.bytes
    reason[0] = segment_header_damage(header, first_sequence, partition)
    if reason[0] != NULL:
        segment_close(segment)
        return STATUS_LOG_CORRUPT
    segment.first_sequence = first_sequence
    segment.writer_epoch = header.writer_epoch
    segment.salt = header.salt
    return STATUS_OK


cdef const char* segment_header_damage(const kairos_segment_header* header, uint64_t first_sequence,
                                       uint16_t partition) noexcept nogil:
    if memcmp(header.magic, b"KAIROLOG", 8) != 0:
        return "the file does not begin as a log segment"
    if header.crc != kairos_crc32c(0, header, SEGMENT_HEADER_SIZE - 4):
        return "the checksum of its header does not match"
    if header.format != KAIROS_LOG_FORMAT:
        return "its format is not one that this version reads"
    if header.partition != partition:
        return "it belongs to another partition"
    if header.first_sequence != first_sequence:
        return "its name and its header disagree"
    return NULL


cdef void walk_begin(log_walk* walk, const log_segment* segment) noexcept nogil:
    memset(walk, 0, sizeof(log_walk))
    walk.offset = SEGMENT_HEADER_SIZE
    walk.sequence_last = segment.first_sequence - 1
    walk.commit_first = segment.first_sequence
    walk.received_last = INT64_MIN
    walk.epoch = segment.writer_epoch


cdef const char* walk_order_damage(const log_walk* walk, const kairos_frame* frame) noexcept nogil:
    # A frame that is whole must also follow the one before.
    if frame.sequence != walk.sequence_last + 1:
        return "its sequence does not follow"
    if frame.writer_epoch > walk.epoch and frame.kind != FRAME_EPOCH:
        return "its writer's epoch was never begun"
    if frame.received_us < walk.received_last:
        return "its received time goes back"
    if frame.batch_index != 0 and frame.sequence - frame.batch_index != walk.commit_first:
        return "its place in the group commit does not follow"
    return NULL


cdef log_walked walk_next(log_walk* walk, log_segment* segment, uint16_t partition) noexcept nogil:
    # Moves to the next frame, past frames of fenced writers. The walk stays where it is unless the
    # answer is WALK_FRAME.
    cdef const kairos_frame* frame
    while True:
        if segment.size - walk.offset < FRAME_HEADER_SIZE:
            return WALK_END
        if segment_need(segment, walk.offset + FRAME_HEADER_SIZE) != STATUS_OK:
            return WALK_FAILED
        frame = <const kairos_frame*>(segment.bytes + walk.offset)
        if frame.size == 0:
            return WALK_END
        if frame.size <= segment.size - walk.offset:
            if segment_need(segment, walk.offset + frame.size) != STATUS_OK:
                return WALK_FAILED
        walk.reason = frame_damage(segment, walk.offset, partition)
        if walk.reason != NULL:
            return WALK_DAMAGED
        if frame.writer_epoch >= walk.epoch:
            break
        walk.offset += frame.size
    walk.reason = walk_order_damage(walk, frame)
    if walk.reason != NULL:
        return WALK_DAMAGED
    walk.frame = frame
    walk.offset += frame.size
    walk.sequence_last = frame.sequence
    walk.commit_first = frame.sequence - frame.batch_index
    walk.received_last = frame.received_us
    walk.epoch = frame.writer_epoch
    walk.frame_count += 1
    return WALK_FRAME


cdef int compare_sequences(const void* a, const void* b) noexcept nogil:
    cdef uint64_t x = (<const uint64_t*>a)[0], y = (<const uint64_t*>b)[0]
    return (x > y) - (x < y)


cdef int32_t list_segments(int folder_fd, uint64_t** firsts, uint64_t* count) noexcept nogil:
    # The first sequences of all segments in order. Owns: the caller frees `firsts`.
    cdef uint64_t capacity = 64, first
    cdef uint64_t* grown
    cdef char* end
    cdef dirent* entry
    cdef DIR* folder
    cdef int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    count[0] = 0
    firsts[0] = NULL
    if fd < 0:
        return STATUS_LOG_IO
    folder = fdopendir(fd)
    if folder == NULL:
        close(fd)
        return STATUS_LOG_IO
    firsts[0] = <uint64_t*>malloc(capacity * 8)
    while firsts[0] != NULL:
        entry = readdir(folder)
        if entry == NULL:
            break
        if (strlen(entry.d_name) != SEGMENT_NAME_SIZE - 1
                or memcmp(entry.d_name + 20, b".log", 4) != 0):
            continue
        first = strtoull(entry.d_name, &end, 10)
        if end != entry.d_name + 20 or first == 0:
            continue
        if count[0] == capacity:
            capacity *= 2
            grown = <uint64_t*>realloc(firsts[0], capacity * 8)
            if grown == NULL:
                free(firsts[0])
            firsts[0] = grown
            if grown == NULL:
                break
        firsts[0][count[0]] = first
        count[0] += 1
    closedir(folder)
    if firsts[0] == NULL:
        return STATUS_NO_MEMORY
    qsort(firsts[0], count[0], 8, compare_sequences)
    return STATUS_OK


cdef void describe_damage(char* message, uint32_t message_size, const char* folder,
                          uint64_t first_sequence, uint64_t offset, uint64_t sequence,
                          const char* reason) noexcept nogil:
    snprintf(message, message_size,
             "the log is damaged: %s/%020llu.log at byte %llu, where record %llu should be: %s. "
             "Nothing was changed. "
             "Restore this file from a copy; records before %llu in it are intact.", folder,
             <unsigned long long>first_sequence, <unsigned long long>offset,
             <unsigned long long>sequence, reason, <unsigned long long>sequence)
