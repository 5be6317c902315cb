# Applies one event to the view: repeats, the subject's record, triggers, effects.
from libc.stdint cimport int32_t, uint8_t, uint64_t
from kairos_native.change cimport event_outcome
from kairos_native.core cimport apply_core, apply_record
from kairos_native.layout cimport kairos_record
from kairos_native.tenant cimport tenant_state
from kairos_native.working cimport working_record


# The order inside one event is fixed, because replay must take the same way: scan, load, repeat by
# producer's number and by id, timers that are due, time, session and slots, traits and consents,
# match, timers, effects, keep the id.
#   Bounds: not when working_full
#   Errors: as apply_one
cdef int32_t apply_event(apply_core* core, const apply_record* source,
                         event_outcome* result) noexcept nogil
# Brings the subject's record into work.record; *before = its state before the record of the log,
# NULL for a new subject.
#   Bounds: core.work fits the tenant's active plan
cdef int32_t event_load(apply_core* core, tenant_state* tenant, working_record* place,
                        uint64_t sequence, kairos_record** record,
                        const uint8_t** before) noexcept nogil
