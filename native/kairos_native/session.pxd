# Sessions of a subject record: which one takes an event, which one is open. Meaning in
# docs/guides/time.md, "Sessions".
from libc.stdint cimport int64_t, uint32_t, uint64_t
from kairos_native.layout cimport *


# Finds or opens the session of an event at `occurred_us`, widens it and counts the event in it.
#   `session_key`: 64-bit hash of the client's session id; 0: none
#   Returns: the session inside the record, or NULL; *is_new = 1 when the event opened it
#   Cost:    O(KAIROS_SESSIONS_KEPT)
cdef kairos_session* record_take_session(kairos_record* record, uint64_t session_key,
                                         int64_t occurred_us, int64_t gap_us,
                                         uint32_t* is_new) noexcept nogil
# The open session at `now_us`: the newest by last_us, if now - last <= gap; else NULL.
cdef const kairos_session* record_open_session(const kairos_record* record, int64_t now_us,
                                               int64_t gap_us) noexcept nogil
# The session with this ordinal, or NULL when it was not opened yet or is forgotten.
cdef const kairos_session* record_find_session(const kairos_record* record,
                                               uint64_t ordinal) noexcept nogil
