# Reading: from segment to segment, frame by frame, each verified. Part of log.pyx.

cdef struct log_reader:
    log_segment segment                 # segment.fd < 0: none is open
    log_walk walk
    uint64_t sequence_from              # frames before it are passed over
    uint64_t sequence_limit             # UINT64_MAX: none
    int folder_fd
    uint16_t partition
    char folder[LOG_PATH_SIZE_MAX]
    char message[LOG_MESSAGE_SIZE]


cdef log_reader* log_read_from(const char* folder, uint16_t partition, uint64_t sequence,
                               int32_t* status) noexcept nogil:
    cdef log_reader* reader
    status[0] = STATUS_LOG_IO
    if strlen(folder) >= LOG_PATH_SIZE_MAX:
        return NULL
    reader = <log_reader*>calloc(1, sizeof(log_reader))
    if reader == NULL:
        status[0] = STATUS_NO_MEMORY
        return NULL
    memcpy(reader.folder, folder, strlen(folder) + 1)
    reader.partition = partition
    reader.sequence_from = sequence
    reader.sequence_limit = UINT64_MAX
    reader.segment.fd = -1
    reader.folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if reader.folder_fd < 0:
        free(reader)
        return NULL
    status[0] = STATUS_OK
    return reader


cdef void log_read_limit(log_reader* reader, uint64_t sequence_last) noexcept nogil:
    reader.sequence_limit = sequence_last


cdef const char* log_reader_message(const log_reader* reader) noexcept nogil:
    return reader.message


cdef void log_reader_close(log_reader* reader) noexcept nogil:
    if reader == NULL:
        return
    segment_close(&reader.segment)
    close(reader.folder_fd)
    free(reader)


cdef int32_t reader_open(log_reader* reader, uint64_t first_sequence) noexcept nogil:
    cdef log_segment segment
    cdef const char* reason = NULL
    cdef int64_t received_last = reader.walk.received_last
    cdef uint32_t epoch = reader.walk.epoch
    cdef bint continues = reader.segment.fd >= 0
    cdef int32_t status = segment_open(&segment, reader.folder_fd, first_sequence, reader.partition,
                                       &reason)
    if status == STATUS_LOG_CORRUPT:
        describe_damage(reader.message, LOG_MESSAGE_SIZE, reader.folder, first_sequence, 0,
                        first_sequence, reason)
    if status != STATUS_OK:
        return status
    segment_close(&reader.segment)
    reader.segment = segment
    walk_begin(&reader.walk, &reader.segment)
    if continues:
        # What the segments before have shown holds on.
        reader.walk.received_last = received_last
        if epoch > reader.walk.epoch:
            reader.walk.epoch = epoch
    return STATUS_OK


cdef int32_t reader_start(log_reader* reader) noexcept nogil:
    # Opens the segment that holds sequence_from, or the first one after it.
    cdef uint64_t* firsts
    cdef uint64_t count, i, chosen
    cdef int32_t status = list_segments(reader.folder_fd, &firsts, &count)
    if status == STATUS_OK:
        status = STATUS_LOG_END
        if count:
            chosen = firsts[0]
            for i in range(count):
                if firsts[i] <= reader.sequence_from:
                    chosen = firsts[i]
            status = reader_open(reader, chosen)
    free(firsts)
    return status


cdef int32_t reader_damaged(log_reader* reader, const char* reason) noexcept nogil:
    describe_damage(reader.message, LOG_MESSAGE_SIZE, reader.folder, reader.segment.first_sequence,
                    reader.walk.offset, reader.walk.sequence_last + 1, reason)
    return STATUS_LOG_CORRUPT


cdef int32_t reader_move(log_reader* reader) noexcept nogil:
    # The segment has ended: goes on in the one that begins with the next sequence. That one has the
    # name of this one when this one holds no frame: a larger one may have replaced it.
    cdef uint64_t* firsts
    cdef uint64_t count
    cdef log_walk probe
    cdef bint later
    cdef uint64_t first_sequence = reader.segment.first_sequence
    cdef int32_t status = reader_open(reader, reader.walk.sequence_last + 1)
    if status == STATUS_OK:
        probe = reader.walk
        if reader.segment.first_sequence != first_sequence:
            return STATUS_OK
        if walk_next(&probe, &reader.segment, reader.partition) != WALK_END:
            return STATUS_OK
    elif status != STATUS_LOG_END:
        return status
    status = list_segments(reader.folder_fd, &firsts, &count)
    later = status == STATUS_OK and count > 0 and firsts[count - 1] > first_sequence
    free(firsts)
    if status != STATUS_OK:
        return status
    if later and reader_open(reader, reader.walk.sequence_last + 1) == STATUS_OK:
        if reader.segment.first_sequence != first_sequence:
            return STATUS_OK
    if later:
        return reader_damaged(reader, "it is blank, but later records follow")
    if reader.sequence_limit != UINT64_MAX:
        return reader_damaged(reader, "it is blank, but was written")
    return STATUS_LOG_END


cdef int32_t log_next(log_reader* reader, const kairos_frame** frame,
                      const uint8_t** payload) noexcept nogil:
    cdef log_walked walked
    cdef int32_t status
    while True:
        if reader.segment.fd < 0:
            status = reader_start(reader)
            if status != STATUS_OK:
                return status
        if reader.walk.sequence_last >= reader.sequence_limit:
            return STATUS_LOG_END
        walked = walk_next(&reader.walk, &reader.segment, reader.partition)
        if walked == WALK_END or walked == WALK_DAMAGED:
            # The bytes may have been read before the writer wrote there: they are read again before
            # they are judged.
            if reader.segment.filled > reader.walk.offset:
                reader.segment.filled = reader.walk.offset
                walked = walk_next(&reader.walk, &reader.segment, reader.partition)
        if walked == WALK_FAILED:
            return STATUS_LOG_IO
        if walked == WALK_DAMAGED:
            return reader_damaged(reader, reader.walk.reason)
        if walked == WALK_END:
            status = reader_move(reader)
            if status != STATUS_OK:
                return status
        elif reader.walk.sequence_last >= reader.sequence_from:
            frame[0] = reader.walk.frame
            payload[0] = <const uint8_t*>reader.walk.frame + FRAME_HEADER_SIZE
            return STATUS_OK
