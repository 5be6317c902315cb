# The log: segment files of checksummed frames, one writer. See docs/adr/0003-log-format.md.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.layout cimport kairos_frame


# One record to append.
#   Owns: nothing; payload lives in the caller's buffers until log_append returns
cdef struct log_record:
    uint8_t subject_id[16]
    const uint8_t* payload
    int64_t occurred_us
    int64_t received_us
    uint64_t sequence           # set by log_append
    uint32_t payload_size
    uint32_t tenant
    uint32_t key_id
    uint8_t kind
    uint8_t reserved
    uint16_t flags


# A writer. Opaque outside log.pyx.
cdef struct log_writer


# A place to read from. Frames are read into the reader's memory; `frame` pointers live until the
# next call of log_next.
cdef struct log_reader


# Opens the folder for writing: recovers the newest segment (cuts a torn tail), appends nothing.
#   Errors: STATUS_LOG_CORRUPT with a message (position, what to do) in `message`; STATUS_LOG_IO
cdef log_writer* log_open(const char* folder, uint16_t partition, uint64_t segment_size,
                          int32_t* status, char* message, uint32_t message_size) noexcept nogil
cdef void log_close(log_writer* log) noexcept nogil
# Sequence of the last frame on disk (0: none) and its received time.
cdef uint64_t log_sequence_last(const log_writer* log) noexcept nogil
cdef int64_t log_received_last(const log_writer* log) noexcept nogil
cdef uint32_t log_epoch(const log_writer* log) noexcept nogil
# Reserves disk space for `size` more payload bytes in `count` frames, so that the append cannot
# meet a full disk.
#   Bounds: count <= KAIROS_COMMIT_RECORDS_MAX, 1 GiB in all
#   Errors: STATUS_DISK_FULL, STATUS_BATCH_TOO_LARGE, STATUS_NO_MEMORY: nothing was written, the log
#     is as before
cdef int32_t log_reserve(log_writer* log, uint32_t count, uint64_t size) noexcept nogil
# Appends the records as one group commit and makes them durable with one fdatasync. Gives sequences
# in order and raises received_us to the last received time where a clock went back. Reserves by
# itself what log_reserve has not.
#   Errors: as log_reserve; STATUS_LOG_IO: the writer is dead (fsync is never retried); the process
#     must end
cdef int32_t log_append(log_writer* log, log_record* records, uint32_t count) noexcept nogil
# Appends the FRAME_EPOCH of a new writer.
cdef int32_t log_begin_epoch(log_writer* log, int64_t now_us) noexcept nogil

# Removes the segments that hold only frames before `sequence`; the newest always stays.
cdef int32_t log_drop_before(log_writer* log, uint64_t sequence) noexcept nogil

# Reads frames from `sequence` on (the first frame >= sequence), skipping frames of fenced epochs.
# While a writer is at work, a reader must be limited to what is durable.
cdef log_reader* log_read_from(const char* folder, uint16_t partition, uint64_t sequence,
                               int32_t* status) noexcept nogil
# Ends the reader after `sequence_last`, which is durable: a log that ends before it is
# STATUS_LOG_CORRUPT. May be raised later.
cdef void log_read_limit(log_reader* reader, uint64_t sequence_last) noexcept nogil
# Returns STATUS_OK and one verified frame, STATUS_LOG_END after the last (call again when more was
# written), STATUS_LOG_CORRUPT (log_reader_message tells file, place and what to do), or
# STATUS_LOG_IO.
cdef int32_t log_next(log_reader* reader, const kairos_frame** frame,
                      const uint8_t** payload) noexcept nogil
cdef const char* log_reader_message(const log_reader* reader) noexcept nogil
cdef void log_reader_close(log_reader* reader) noexcept nogil
# Finds single records by their sequences, for readers of a few of them. Its own thread's.
cdef struct log_finder
#   Errors: NULL: no memory, or the folder cannot be opened
cdef log_finder* log_finder_new(const char* folder, uint16_t partition) noexcept nogil
cdef void log_finder_free(log_finder* finder) noexcept nogil
# Returns one verified, durable frame; valid until the next call.
#   Cost:   about four reads of 32 KiB, fewer for neighbours; no index
#   Errors: STATUS_LOG_END: the log has no such record (any more); STATUS_LOG_IO,
#           STATUS_LOG_CORRUPT, STATUS_NO_MEMORY
cdef int32_t log_find(log_finder* finder, uint64_t sequence, const kairos_frame** frame,
                      const uint8_t** payload) noexcept nogil
# Bytes written since open, number of fdatasync calls and their total time in ns, segments in the
# folder.
cdef void log_figures(const log_writer* log, uint64_t* bytes, uint64_t* syncs, uint64_t* sync_ns,
                      uint64_t* segments) noexcept nogil
# Bytes of a torn tail that log_open has cut off: part of a group commit that was never
# acknowledged.
cdef uint64_t log_bytes_cut(const log_writer* log) noexcept nogil
