# One group commit: append, make durable, apply, answer. The writer's thread only; no Python.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.apply cimport apply_core
from kairos_native.check cimport pending_request
from kairos_native.log cimport log_record, log_writer
from kairos_native.publish cimport publication
from kairos_native.view cimport output


cdef enum:
    COMMIT_TEXTS = 128              # one sentence per public status

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
# Reads ahead which records the rest of the log names in a FRAME_SKIP: what was passed over once is
# passed over in every replay.
#   Cost:   reads the log behind the applied position once
#   Errors: STATUS_LOG_CORRUPT, STATUS_LOG_IO, STATUS_NO_MEMORY
cdef int32_t commit_find_skips(commit_state* state, const char* folder) noexcept nogil
# Applies the log from the applied position on, in transactions of KAIROS_COMMIT_RECORDS_MAX records
# that span two days at most. `marker` (in a mapped file) holds the sequence being applied, so that
# the next start knows which record ended this one.
#   Returns: STATUS_OK at the log's end; STATUS_PLAN_UNKNOWN with `plan_id` filled when a plan
#            must be loaded first
cdef int32_t commit_replay(commit_state* state, const char* folder, uint64_t* marker,
                           uint8_t* plan_id, uint64_t* failed_sequence) noexcept nogil
# The server's present, by which processing times are measured: CLOCK_BOOTTIME and the offset given
# to clock_anchor, so that nobody who sets the wall clock changes them; CLOCK_REALTIME before that.
cdef int64_t clock_us() noexcept nogil
cdef void clock_anchor(int64_t offset_us) noexcept nogil
