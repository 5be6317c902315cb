# Applies log records to the view: the one function from (state, record) to (state', effects). Used
# alike by the live writer and by replay. One thread, no Python, no clock, no randomness.
from libc.stdint cimport int32_t, uint32_t
from kairos_native.change cimport event_outcome
from kairos_native.core cimport apply_core, apply_record
from kairos_native.log cimport log_record
from kairos_native.store cimport store


cdef int32_t apply_open(apply_core* core) noexcept nogil
# Gives the core its view.
cdef int32_t apply_bind(apply_core* core, store* view) noexcept nogil
cdef void apply_close(apply_core* core) noexcept nogil
# Reads applied position and tenants from the view, inside a write transaction.
cdef int32_t apply_restore(apply_core* core) noexcept nogil
# Looks up the subjects of events that are about to be applied. A group with control records is left
# alone: one whose subjects were not looked up is applied to the same effect, only slower.
#   Errors: STATUS_STORE_ERROR
cdef int32_t apply_expect(apply_core* core, const log_record* records,
                          uint32_t count) noexcept nogil
# Applies one record inside the store's write transaction. `result` (events only)
# is valid until the next call.
#   Cost:   no heap allocation but for plan changes
#   Errors: STATUS_STORE_ERROR, STATUS_NO_MEMORY, STATUS_PLAN_UNKNOWN: the node must stop;
#           nothing is refused here
cdef int32_t apply_one(apply_core* core, const apply_record* record,
                       event_outcome* result) noexcept nogil
# Writes working records, tenants and the applied position; then the caller commits.
cdef int32_t apply_flush(apply_core* core) noexcept nogil
