# Applies a FRAME_TICK: looks at the timers that it names, each of one subject.
from libc.stdint cimport int32_t, uint32_t
from kairos_native.core cimport apply_core, apply_record


# What a tick does to a subject follows from the subject's record and the tick alone: a timer that
# is no longer where the tick saw it is passed over. So ticks may be applied to records of any
# moment, as a rebuild from a fuzzy checkpoint does. The effects of the timer in place i have the
# ordinals from i * KAIROS_EVENT_EFFECTS_MAX on, whatever becomes of those before it.
#   Bounds: KAIROS_TICK_TIMERS_MAX timers; a record of another form is passed over and counted
#   Cost:   a look-up and a put of each subject
#   Errors: as apply_one
cdef int32_t apply_tick(apply_core* core, const apply_record* source) noexcept nogil
# Looks the subjects of a tick up with those of events, before anything is written.
cdef void tick_expect(apply_core* core, uint32_t tenant, const void* payload,
                      uint32_t payload_size) noexcept nogil
