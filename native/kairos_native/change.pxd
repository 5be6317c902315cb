# What an event does to a record and which triggers it fires: the pure step that ingest,
# evaluation and replay share.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport kairos_record
from kairos_native.plan cimport plan
from kairos_native.scratch cimport scratch
from kairos_native.tenant cimport tenant_state
from kairos_native.wire cimport wire_event


# What one event did.
#   Owns: nothing; rules live in the scratch, numbers in the dedupe tables, event_id in the message
cdef struct event_outcome:
    const plan* image
    const uint8_t* event_id
    const uint32_t* rules       # fresh: fired rules, absolute indexes in the order of answers
    const uint32_t* numbers     # duplicate: trigger numbers of the first receipt
    uint32_t event_id_size
    uint32_t trigger_count
    uint32_t duplicate
    uint32_t late
    uint32_t session_is_new     # 1: the event opened a session
    # FRAME_ENQUEUE: record of the effect, for a repeat that of the first receipt
    uint64_t effect_sequence
    uint32_t effect_found       # FRAME_OUTCOME: the effect was where the outcome expected it
    uint32_t reserved


# Applies the event to `record` under the tenant's active plan and matches the triggers.
#   Shapes: before = the record as it was, NULL for a new subject; `work` fits the plan
#   Cost:   O(slots of the type + columns of the trigger index); no allocation
cdef void change_event(const tenant_state* tenant, const wire_event* event, int64_t occurred_us,
                       int64_t received_us, uint64_t sequence, scratch* work, uint32_t kernel,
                       kairos_record* record, const uint8_t* before,
                       event_outcome* outcome) noexcept nogil
