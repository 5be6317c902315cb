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
    uint64_t link_id            # FRAME_LINK: the link made, found or removed
    int32_t link_status         # FRAME_LINK: STATUS_OK, or why it is refused
    uint32_t effect_found       # FRAME_OUTCOME: the effect was where the outcome expected it
    uint32_t reserved


# Applies the event to `record` under the tenant's active plan and matches the triggers, which read
# the subject's group where work.others holds some.
#   Shapes: before = the record as it was, NULL for a new subject; `work` fits the plan
#   Cost:   O(slots of the type + columns of the trigger index); no allocation
cdef void change_event(const tenant_state* tenant, const wire_event* event, int64_t occurred_us,
                       int64_t received_us, uint64_t sequence, scratch* work, uint32_t kernel,
                       kairos_record* record, const uint8_t* before,
                       event_outcome* outcome) noexcept nogil
# Applies the event to the record of an account that it names: counts, sessions and slots.
cdef void change_account(const tenant_state* tenant, const wire_event* event, int64_t occurred_us,
                         int64_t received_us, uint64_t sequence, scratch* work,
                         kairos_record* record) noexcept nogil
