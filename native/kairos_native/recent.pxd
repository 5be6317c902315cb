# Which log records a subject's last events are: kept in the record, so that a profile shows them
# without an index over the log.
from libc.stdint cimport uint32_t, uint64_t
from kairos_native.layout cimport *


cdef enum:
    RECENT_EVENTS_MAX = 16


# Notes that the record takes the event of this log record. Call before sequence_last changes to it.
#   Cost: O(1): the entry stands first; moves the other entries at the 1st, 6th and 10th event
cdef void recent_note(kairos_record* record, uint64_t sequence) noexcept nogil
# Writes the log sequences of the last events, newest first; returns how many.
#   Shapes: sequences[RECENT_EVENTS_MAX]
cdef uint32_t recent_read(const kairos_record* record, uint64_t* sequences) noexcept nogil
