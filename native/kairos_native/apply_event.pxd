# Applies one event to the view: repeats, the subject's record, triggers, effects.
from libc.stdint cimport int32_t
from kairos_native.change cimport event_outcome
from kairos_native.core cimport apply_core, apply_record


# The order inside one event is fixed, because replay must take the same way: scan, load, repeat by
# producer's number and by id, time, session and slots, traits and consents, match, effects, keep
# the id.
#   Bounds: not when working_full
#   Errors: as apply_one
cdef int32_t apply_event(apply_core* core, const apply_record* source,
                         event_outcome* result) noexcept nogil
