# Recovery at open: where the log ends, and whether what follows is a torn tail or damage. Part of
# log.pyx.
#
# A group commit is written only after the fdatasync of the one before has returned. So when a frame
# is bad and a whole frame of a *later* commit follows it, the bad frame was durable once and is
# damaged: the node must not go on. When nothing follows, or only frames of the commit that was
# being written, it is a torn tail: none of that commit was acknowledged. Its intact prefix is kept
# (whoever sent it gets "duplicate" on the repeat) and the rest is zeroed, so that no remnant can be
# taken for a frame later. A bit that flips in the very last commit looks like a torn tail; the
# engine finds that the view is ahead of the log.


cdef const char* walk_damage(const log_walk* walk, log_walked walked) noexcept nogil:
    if walked == WALK_DAMAGED:
        return walk.reason
    return "it is blank, but later records follow"


cdef uint64_t written_end(const log_segment* segment, uint64_t offset) noexcept nogil:
    # End of the last byte that is not zero, or `offset` when all from there on are.
    cdef uint64_t end = segment.size
    while end & 7 and end > offset:
        if segment.bytes[end - 1]:
            return end
        end -= 1
    while end > offset and (<const uint64_t*>(segment.bytes + end - 8))[0] == 0:
        end -= 8
    return end


cdef const kairos_frame* find_later_commit(const log_segment* segment, const log_walk* walk,
                                           uint16_t partition, uint64_t end) noexcept nogil:
    # Looks at every 8-byte boundary for a whole frame that cannot be a remnant of the commit that
    # was being written.
    cdef const kairos_frame* frame
    cdef uint64_t offset = walk.offset
    cdef uint64_t first
    while offset < end and segment.size - offset >= FRAME_HEADER_SIZE:
        frame = <const kairos_frame*>(segment.bytes + offset)
        # The cheap tests of frame_damage reject almost every boundary before a checksum is taken.
        if frame.size and frame_damage(segment, offset, partition) == NULL:
            first = frame.sequence - frame.batch_index
            if frame.writer_epoch >= walk.epoch and (
                    frame.sequence <= walk.sequence_last
                    or (first != walk.sequence_last + 1 and first != walk.commit_first)):
                return frame
            offset += frame.size
        else:
            offset += FRAME_ALIGNMENT
    return NULL


cdef int32_t zero_range(int fd, uint64_t offset, uint64_t end) noexcept nogil:
    cdef uint8_t zeros[4096]
    cdef ssize_t count
    cdef uint64_t size
    memset(zeros, 0, sizeof(zeros))
    while offset < end:
        size = end - offset
        if size > sizeof(zeros):
            size = sizeof(zeros)
        count = pwrite(fd, zeros, size, <int64_t>offset)
        if count < 0 and errno == EINTR:
            continue
        if count <= 0:
            return STATUS_LOG_IO
        offset += <uint64_t>count
    return STATUS_OK if fdatasync(fd) == 0 else STATUS_LOG_IO


cdef int32_t recover_tail(log_writer* log, log_segment* segment, log_walk* walk, char* message,
                          uint32_t message_size) noexcept nogil:
    # Walks to the end of the newest segment and cuts a torn tail.
    cdef uint64_t end
    cdef log_walked walked = WALK_FRAME
    if segment_fill(segment, segment.size) != STATUS_OK:
        return STATUS_LOG_IO
    while walked == WALK_FRAME:
        walked = walk_next(walk, segment, log.partition)
    if walked == WALK_FAILED:
        return STATUS_LOG_IO
    end = written_end(segment, walk.offset)
    if end == walk.offset:
        return STATUS_OK
    if find_later_commit(segment, walk, log.partition, end) != NULL:
        describe_damage(message, message_size, log.folder, segment.first_sequence, walk.offset,
                        walk.sequence_last + 1, walk_damage(walk, walked))
        return STATUS_LOG_CORRUPT
    log.bytes_cut = end - walk.offset
    return zero_range(log.fd, walk.offset, end)


cdef int32_t recover_previous(log_writer* log, uint64_t first_sequence, uint64_t next_first,
                              log_walk* walk, char* message, uint32_t message_size) noexcept nogil:
    # The newest segment has no frame yet: the one before tells the last received time, and must end
    # just before it.
    cdef log_segment segment
    cdef const char* reason = NULL
    cdef log_walked walked = WALK_FRAME
    cdef uint32_t epoch = walk.epoch
    cdef int32_t status = segment_open(&segment, log.folder_fd, first_sequence, log.partition,
                                       &reason)
    if status == STATUS_LOG_CORRUPT:
        describe_damage(message, message_size, log.folder, first_sequence, 0, first_sequence,
                        reason)
    if status != STATUS_OK:
        return status
    walk_begin(walk, &segment)
    while walked == WALK_FRAME:
        walked = walk_next(walk, &segment, log.partition)
    segment_close(&segment)
    if walked == WALK_FAILED:
        return STATUS_LOG_IO
    if walked == WALK_DAMAGED or walk.sequence_last + 1 != next_first:
        describe_damage(message, message_size, log.folder, first_sequence, walk.offset,
                        walk.sequence_last + 1, walk_damage(walk, walked))
        return STATUS_LOG_CORRUPT
    if walk.epoch < epoch:
        walk.epoch = epoch
    return STATUS_OK


cdef int32_t recover(log_writer* log, char* message, uint32_t message_size) noexcept nogil:
    cdef char name[SEGMENT_NAME_SIZE]
    cdef const char* reason = NULL
    cdef uint64_t* firsts
    cdef uint64_t count, newest
    cdef log_segment segment
    cdef log_walk walk
    cdef int32_t status = list_segments(log.folder_fd, &firsts, &count)
    log.segment_count = count
    if status != STATUS_OK or count == 0:
        free(firsts)
        return status
    newest = firsts[count - 1]
    status = segment_open(&segment, log.folder_fd, newest, log.partition, &reason)
    if status == STATUS_LOG_CORRUPT:
        describe_damage(message, message_size, log.folder, newest, 0, newest, reason)
    if status == STATUS_OK:
        segment_name(name, newest)
        log.fd = openat(log.folder_fd, name, O_WRONLY | O_CLOEXEC)
        if log.fd < 0:
            status = STATUS_LOG_IO
    if status == STATUS_OK:
        walk_begin(&walk, &segment)
        status = recover_tail(log, &segment, &walk, message, message_size)
        log.offset = walk.offset
        log.segment_first = newest
        log.segment_size = segment.size
        log.salt = segment.salt
        if status == STATUS_OK and walk.frame_count == 0 and count > 1:
            status = recover_previous(log, firsts[count - 2], newest, &walk, message, message_size)
        log.sequence_last = walk.sequence_last
        log.received_last = walk.received_last if walk.received_last != INT64_MIN else 0
        log.epoch = walk.epoch
    segment_close(&segment)
    free(firsts)
    return status
