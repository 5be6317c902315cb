# Applies what callers and workers say of effects: asked for, done, failed, given up, tried again.
from libc.stdint cimport int32_t
from kairos_native.change cimport event_outcome
from kairos_native.core cimport apply_core, apply_record

cdef enum:
    # Numbers that the table of ids keeps with a key: the effect's record, its low half first.
    ENQUEUE_NUMBERS = 2


# Puts the effect of a FRAME_ENQUEUE unless its key was used within DEDUPE_LOOK_BACK_DAYS; the
# result says which record made the effect.
#   Cost:   a cache miss per day looked back, one put
#   Errors: STATUS_STORE_ERROR, STATUS_DEDUPE_CORRUPT
cdef int32_t apply_enqueue(apply_core* core, const apply_record* source,
                           event_outcome* result) noexcept nogil
# Applies a FRAME_OUTCOME; the result says whether the effect was found.
#   Errors: as outbox_outcome
cdef int32_t apply_outcome(apply_core* core, const apply_record* source,
                           event_outcome* result) noexcept nogil
