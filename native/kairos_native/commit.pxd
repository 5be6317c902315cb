# One group commit: append, make durable, apply, answer. The writer's thread only; no Python.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.apply cimport apply_core
from kairos_native.check cimport pending_request
from kairos_native.log cimport log_record, log_writer
from kairos_native.publish cimport publication
from kairos_native.store cimport store_dirty_size
from kairos_native.view cimport output


cdef enum:
    COMMIT_TEXTS = 128              # one sentence per public status
    # of a subject record; what its put dirties beside it is what store_dirty_size knows
    RECORD_PAGE_SIZE = 4096
    RESERVE_BASE = 4194304

cdef struct commit_state:
    apply_core core
    publication* published
    log_writer* log
    log_record* records             # grows to the largest commit
    output body                     # one result, before its length is known
    uint32_t record_capacity
    const char* texts[COMMIT_TEXTS] # rule and remedy by status, zero-terminated; borrowed
    # sequences that a FRAME_SKIP of the log names, to be passed over by the replay
    uint64_t* skips
    char log_message[512]           # what a reader of the log said of damage
    uint32_t skip_count
    uint64_t commit_count
    # time spent since open: append and sync; apply and commit of the view
    uint64_t append_ns
    uint64_t apply_ns


# Makes room on disk and in the view for all records.
#   Errors: STATUS_DISK_FULL, STATUS_MAP_FULL, STATUS_NO_MEMORY: nothing happened
cdef int32_t commit_reserve(commit_state* state, pending_request** requests,
                            uint32_t request_count) noexcept nogil
# Runs the commit and fills the responses.
#   Errors: any: the log or the view can no longer be trusted by this process, which must end
cdef int32_t commit_run(commit_state* state, pending_request** requests,
                        uint32_t request_count) noexcept nogil
cdef int64_t clock_us() noexcept nogil
cdef void clock_anchor(int64_t offset_us) noexcept nogil


# What so many changed records may dirty, a page for each record itself among it.
cdef inline uint64_t view_room(uint64_t record_count) noexcept nogil:
    return store_dirty_size(record_count, record_count * RECORD_PAGE_SIZE)
