# Answers that change nothing: evaluation, decision, profile.
# The event loop's thread only; no Python.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.normalise cimport normal_tools
from kairos_native.features cimport slot_birth
from kairos_native.layout cimport kairos_record
from kairos_native.plan cimport plan
from kairos_native.publish cimport publication
from kairos_native.scratch cimport scratch
from kairos_native.store cimport store_reader
from kairos_native.tenant cimport tenant_state
from kairos_native.view cimport output
from kairos_native.wire cimport wire_fault


cdef enum:
    # before each captured record: its size (uint32), the time of receipt (int64)
    CAPTURE_PREFIX_SIZE = 12


cdef struct reader_core:
    const publication* published
    store_reader* reader
    scratch* work
    output answer               # grows to the largest response
    # decision records captured and not yet taken, each behind CAPTURE_PREFIX_SIZE bytes
    output records
    normal_tools normal
    uint64_t decision_count     # since open; with the epoch the seed of decision ids
    uint64_t records_lost       # captured while the buffer could not grow
    # while a plan is tried out, in place of the active plan and its slot births; else NULL
    const void* trial             # a plan
    const slot_birth* trial_births
    uint32_t writer_epoch
    uint32_t kernel
    uint16_t partition


# Evaluates an EvaluateRequest into core.answer.
#   Errors: public statuses with `fault`; STATUS_STORE_ERROR,
#           STATUS_RECORD_CORRUPT, STATUS_NO_MEMORY
cdef int32_t reader_evaluate(reader_core* core, uint32_t tenant, const uint8_t* data, uint32_t size,
                             int64_t now_us, wire_fault* fault) noexcept nogil
# Decides a DecideRequest into core.answer and captures its record.
cdef int32_t reader_decide(reader_core* core, uint32_t tenant, const uint8_t* data, uint32_t size,
                           int64_t now_us, wire_fault* fault) noexcept nogil
# Loads the subject's record into work.record; *record NULL when it has none; the other members of
# its group into work.others. Ends the read
# transaction it began. `identifier_type`: enum identifier_type, 0 for a user.
cdef int32_t reader_load(reader_core* core, uint32_t tenant, uint32_t identifier_type,
                         const uint8_t* identifier, uint32_t identifier_size, tenant_state* state,
                         uint64_t* applied_sequence, kairos_record** record, uint32_t* stored_size,
                         wire_fault* fault) noexcept nogil
# The record that stands for the subject's whole group, which reader_load has gathered; `record`
# itself for a subject that is not linked.
#   Owns: valid until the next reader_load
cdef kairos_record* reader_group(reader_core* core, const plan* image,
                                 kairos_record* record) noexcept nogil
