# Applies log records to the view: the one function from (state, record) to (state', effects). Used
# alike by the live writer and by replay. One thread, no Python, no clock, no randomness.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.change cimport event_outcome
from kairos_native.dedupe cimport dedupe
from kairos_native.layout cimport *
from kairos_native.log cimport log_record
from kairos_native.plan cimport plan
from kairos_native.scratch cimport scratch
from kairos_native.store cimport store
from kairos_native.tenant cimport plan_table, tenant_state
from kairos_native.wire cimport wire_event
from kairos_native.working cimport working_set


# All that apply reads and writes.
cdef struct apply_core:
    store* view
    dedupe* ids
    tenant_state* tenants       # KAIROS_TENANTS_MAX entries
    uint32_t tenant_count       # entries up to the last known one
    const plan_table* plans
    scratch* work
    working_set records
    uint64_t applied_sequence
    int64_t received_last_us
    uint32_t dedupe_day_first   # days before this were dropped
    uint32_t kernel
    uint16_t partition
    uint64_t event_count        # since open: applied, duplicates, triggers fired, late
    uint64_t duplicate_count
    uint64_t fired_count
    uint64_t late_count
    uint64_t skipped_count      # quarantined or not applicable

# One record as the log gives it.
cdef struct apply_record:
    const uint8_t* payload
    uint64_t sequence
    int64_t occurred_us
    int64_t received_us
    const uint8_t* subject_id
    const wire_event* scanned   # events: what the check found in the payload; NULL: apply scans it
    const uint8_t* id_key       # with `scanned`: the key of its event id
    uint32_t payload_size
    uint32_t tenant
    uint8_t kind

cdef int32_t apply_open(apply_core* core) noexcept nogil
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
