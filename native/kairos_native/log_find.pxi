# One record of the log by its sequence. Part of log.pyx.
#
# No index is kept: records are found by bisection. A segment's frames bear its salt in their
# checksums, so that a frame is known wherever it stands, and nothing else passes for one
# (layout.h); and sequences grow with offsets nearly evenly, so that a guess between two known
# places is mostly right. An index would cost memory for every segment, and reading whole segments
# after each start.

cdef enum:
    FIND_READ_SIZE = 32768
    # A guess aims a little ahead of the frame it wants: reading on is cheaper than turning back.
    FIND_LEAD_SIZE = 4096
    # From a guess so far a frame is looked for; greater than the greatest event.
    FIND_SCAN_SIZE = 131072

cdef struct log_finder:
    uint8_t* bytes                      # `capacity` bytes, read from `offset` on: `filled`
    uint64_t capacity
    uint64_t offset
    uint64_t filled
    uint64_t segment_size
    uint64_t first_sequence             # of the open segment
    uint64_t following                  # first sequence of the next segment; UINT64_MAX: none
    uint32_t salt
    int fd                              # -1: none is open
    int folder_fd
    uint16_t partition


cdef log_finder* log_finder_new(const char* folder, uint16_t partition) noexcept nogil:
    cdef log_finder* finder = <log_finder*>calloc(1, sizeof(log_finder))
    if finder == NULL:
        return NULL
    finder.fd = -1
    finder.partition = partition
    finder.capacity = FIND_READ_SIZE
    finder.bytes = <uint8_t*>malloc(finder.capacity)
    finder.folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if finder.bytes == NULL or finder.folder_fd < 0:
        log_finder_free(finder)
        return NULL
    return finder


cdef void log_finder_free(log_finder* finder) noexcept nogil:
    if finder == NULL:
        return
    if finder.fd >= 0:
        close(finder.fd)
    if finder.folder_fd >= 0:
        close(finder.folder_fd)
    free(finder.bytes)
    free(finder)


# Opens the segment that holds the sequence, where another one is open.
#   Errors: STATUS_LOG_END: the log begins after it
cdef int32_t find_open(log_finder* finder, uint64_t sequence) noexcept nogil:
    cdef char name[SEGMENT_NAME_SIZE]
    cdef kairos_segment_header header
    cdef uint64_t* firsts
    cdef uint64_t count, i
    cdef int32_t status
    if finder.fd >= 0 and finder.first_sequence <= sequence < finder.following:
        return STATUS_OK
    if finder.fd >= 0:
        close(finder.fd)
        finder.fd = -1
    status = list_segments(finder.folder_fd, &firsts, &count)
    if status != STATUS_OK:
        return status
    i = 0
    while i < count and firsts[i] <= sequence:
        i += 1
    finder.first_sequence = firsts[i - 1] if i else 0
    finder.following = firsts[i] if i < count else UINT64_MAX
    free(firsts)
    if not i:
        return STATUS_LOG_END
    segment_name(name, finder.first_sequence)
    finder.fd = openat(finder.folder_fd, name, O_RDONLY | O_CLOEXEC)
    if finder.fd < 0:
        return STATUS_LOG_END if errno == ENOENT else STATUS_LOG_IO
    finder.segment_size = <uint64_t>lseek(finder.fd, 0, SEEK_END)
    finder.filled = 0
    if (pread(finder.fd, &header, SEGMENT_HEADER_SIZE, 0) != SEGMENT_HEADER_SIZE
            or segment_header_damage(&header, finder.first_sequence, finder.partition) != NULL):
        return STATUS_LOG_CORRUPT
    finder.salt = header.salt
    return STATUS_OK


# Makes the bytes from `offset` on, `size` of them or up to the file's end, stand in memory. What
# was read before is used where it holds them: the log only grows, and its frames never change.
cdef int32_t find_read(log_finder* finder, uint64_t offset, uint64_t size) noexcept nogil:
    cdef uint8_t* grown
    cdef ssize_t count
    size = min(size, finder.segment_size - offset)
    if offset >= finder.offset and offset + size <= finder.offset + finder.filled:
        return STATUS_OK
    if size > finder.capacity:
        grown = <uint8_t*>realloc(finder.bytes, size)
        if grown == NULL:
            return STATUS_NO_MEMORY
        finder.bytes = grown
        finder.capacity = size
    finder.offset = offset
    finder.filled = 0
    size = min(max(size, <uint64_t>FIND_READ_SIZE), finder.segment_size - offset)
    while finder.filled < size:
        count = pread(finder.fd, finder.bytes + finder.filled, size - finder.filled,
                      <int64_t>(offset + finder.filled))
        if count < 0 and errno == EINTR:
            continue
        if count <= 0:
            return STATUS_LOG_IO
        finder.filled += <uint64_t>count
    return STATUS_OK


# The frame that stands at `offset`, whole and right, or NULL.
#   Errors: STATUS_LOG_IO, STATUS_NO_MEMORY
cdef int32_t find_frame(log_finder* finder, uint64_t offset, uint64_t sequence_min,
                        const kairos_frame** frame) noexcept nogil:
    cdef const kairos_frame* found
    cdef int32_t status
    frame[0] = NULL
    if finder.segment_size - offset < FRAME_HEADER_SIZE:
        return STATUS_OK
    status = find_read(finder, offset, FRAME_HEADER_SIZE)
    if status != STATUS_OK:
        return status
    found = <const kairos_frame*>(finder.bytes + (offset - finder.offset))
    # Cheap tests first: most offsets that are tried are no frame's.
    if (found.size < FRAME_HEADER_SIZE or found.size > finder.segment_size - offset
            or found.size != frame_size(found.payload_size) or found.format != KAIROS_LOG_FORMAT
            or found.partition != finder.partition or found.sequence < sequence_min
            or found.sequence >= finder.following):
        return STATUS_OK
    status = find_read(finder, offset, found.size)
    if status != STATUS_OK:
        return status
    found = <const kairos_frame*>(finder.bytes + (offset - finder.offset))
    if found.crc == frame_crc(found, finder.salt):
        frame[0] = found
    return STATUS_OK


# Walks from frame to frame, from one that stands at `offset`, up to the sequence.
#   Returns: STATUS_LOG_END where the frames end before it
cdef int32_t find_walk(log_finder* finder, uint64_t offset, uint64_t sequence,
                       const kairos_frame** frame) noexcept nogil:
    cdef int32_t status = find_frame(finder, offset, finder.first_sequence, frame)
    while status == STATUS_OK and frame[0] != NULL and frame[0].sequence < sequence:
        offset += frame[0].size
        status = find_frame(finder, offset, finder.first_sequence, frame)
    if status == STATUS_OK and (frame[0] == NULL or frame[0].sequence != sequence):
        return STATUS_LOG_END
    return status


# Narrows the span in which the frame stands, from a frame of a lower sequence at low[0] to a place
# at or before which a higher one begins: each round looks for the first frame after a guess.
cdef int32_t find_narrow(log_finder* finder, uint64_t sequence, uint64_t* low) noexcept nogil:
    cdef const kairos_frame* frame = NULL
    cdef uint64_t high = finder.segment_size, low_sequence = finder.first_sequence
    cdef uint64_t high_sequence = finder.following, guess, place, wanted
    cdef uint32_t round = 0
    cdef int32_t status = STATUS_OK
    low[0] = SEGMENT_HEADER_SIZE
    while high - low[0] > FIND_READ_SIZE and low_sequence < sequence:
        wanted = sequence - low_sequence
        guess = (high - low[0]) // 2
        # Every other round takes the middle, so that the worst case stays a bisection.
        if high_sequence != UINT64_MAX and round % 2 == 0:
            guess = <uint64_t>(<double>(high - low[0]) * <double>wanted
                               / <double>(high_sequence - low_sequence))
            guess = guess - FIND_LEAD_SIZE if guess > FIND_LEAD_SIZE else 0
        round += 1
        frame = NULL
        place = low[0] + max(guess, <uint64_t>FRAME_HEADER_SIZE) & ~<uint64_t>(FRAME_ALIGNMENT - 1)
        guess = place
        while place < high and place - guess < FIND_SCAN_SIZE:
            status = find_frame(finder, place, finder.first_sequence, &frame)
            if status != STATUS_OK or frame != NULL:
                break
            place += FRAME_ALIGNMENT
        if status != STATUS_OK:
            return status
        if frame != NULL and frame.sequence <= sequence:
            low[0] = place
            low_sequence = frame.sequence
        else:
            # A later frame, or the blank rest of a segment that is not full yet. Where it is one
            # greater frame instead, the walk from below is only longer.
            high = guess
            if frame != NULL:
                high_sequence = frame.sequence
    return STATUS_OK


cdef int32_t log_find(log_finder* finder, uint64_t sequence, const kairos_frame** frame,
                      const uint8_t** payload) noexcept nogil:
    cdef uint64_t low = 0
    cdef int32_t status = find_open(finder, sequence)
    if status == STATUS_OK:
        status = find_narrow(finder, sequence, &low)
    if status == STATUS_OK:
        status = find_walk(finder, low, sequence, frame)
    if status == STATUS_OK:
        payload[0] = <const uint8_t*>frame[0] + FRAME_HEADER_SIZE
    return status
