# What an event does to the timers of a person: its subject's, and those of all that it is linked
# with. What they mean stands in docs/guides/time.md, "Timers" and "Groups of identifiers".
from libc.stdint cimport int32_t, int64_t
from kairos_native.change cimport event_outcome
from kairos_native.timer cimport timer_scene
from kairos_native.wire cimport wire_event


# Puts every due timer of the group into effect: the earliest first, then by subject id, timer id
# and occurrence. Called before an event changes the record, so that a late tick changes nothing.
#   Shapes: scene.record is the subject's; changed others stay in core.work.others until timers_keep
#   Cost:   O(entries) without due timers; for each due one as entry_fire, and a look at its record
#   Errors: as entry_fire
cdef int32_t timers_fire(timer_scene* scene) noexcept nogil
# Arms and cancels what the matched rules say. Call when the event has changed the record.
#   Shapes: rules[outcome.trigger_count], of every role
#   Cost:   O(entries) and at most one put and one delete per timer; with others that have timers, a
#           walk through their entries for each timer that is named
#   Errors: as entry_fire; what finds no room in the record is counted and passed over
cdef int32_t timers_change(timer_scene* scene, const wire_event* event, int64_t occurred_us,
                           const event_outcome* outcome) noexcept nogil
# Takes the records of the others that the event has changed into the working set.
#   Errors: as working_keep
cdef int32_t timers_keep(timer_scene* scene) noexcept nogil
