# Brings the view up to the log's end. Before the writer's thread starts; no Python.
from libc.stdint cimport int32_t, uint8_t, uint64_t
from kairos_native.commit cimport commit_state


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
