# What links mean for apply: events that link, groups that are read as one, accounts that count too.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from kairos_native.change cimport event_outcome
from kairos_native.core cimport apply_core, apply_record
from kairos_native.identity cimport identity_source
from kairos_native.layout cimport kairos_record
from kairos_native.plan cimport plan
from kairos_native.scratch cimport scratch
from kairos_native.tenant cimport tenant_state
from kairos_native.wire cimport wire_event
from kairos_native.working cimport working_set


# Makes the links that the identifiers of an event ask for; *changed = 1 when it made one, and then
# the subject's record must be loaded again.
#   Cost:   nothing without identifiers; two gets where all are in one group already
#   Errors: STATUS_STORE_ERROR, STATUS_RECORD_CORRUPT
cdef int32_t linked_event(apply_core* core, tenant_state* tenant, const wire_event* event,
                          const apply_record* source, uint32_t* changed) noexcept nogil
# Applies the event to the records of the accounts that it names: features only.
#   Cost:   nothing without identifiers
#   Errors: as linked_event, STATUS_ARENA_FULL
cdef int32_t linked_accounts(apply_core* core, tenant_state* tenant, const wire_event* event,
                             const apply_record* source) noexcept nogil
# Brings the other members of the subject's group into core.work.others, so that what reads the
# subject reads them all; marks a new record of a linked identifier.
#   Cost:   one test for a subject that is not linked
#   Errors: as linked_event
cdef int32_t linked_gather(apply_core* core, tenant_state* tenant, const apply_record* source,
                           kairos_record* record) noexcept nogil
# The same for a reader (`records` NULL).
#   Shapes: `id` the subject's; places of the scratch are used up to the group's size
#   Cost:   two gets, and for each other member one get and a load
cdef int32_t linked_others(const identity_source* source, const working_set* records,
                           const plan* image, const uint8_t* id, scratch* work) noexcept nogil
# Applies a FRAME_LINK.
#   Errors: as linked_event; refusals are in the result
cdef int32_t linked_record(apply_core* core, const apply_record* source,
                           event_outcome* result) noexcept nogil
