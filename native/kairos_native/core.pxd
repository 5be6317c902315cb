# What the parts of apply share: the state that log records change, and one record.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.counters cimport counters
from kairos_native.dedupe cimport dedupe
from kairos_native.outbox cimport effect_sink
from kairos_native.preimage cimport preimages
from kairos_native.producer cimport producers
from kairos_native.scratch cimport scratch
from kairos_native.store cimport store
from kairos_native.tenant cimport plan_table, tenant_state
from kairos_native.wire cimport wire_event
from kairos_native.working cimport working_set

cdef enum:
    # an id is recognised until the end of the eighth day after
    DEDUPE_LOOK_BACK_DAYS = 8


# All that apply reads and writes.
cdef struct apply_core:
    store* view
    dedupe* ids
    tenant_state* tenants       # KAIROS_TENANTS_MAX entries
    uint32_t tenant_count       # entries up to the last known one
    const plan_table* plans
    scratch* work
    working_set records
    counters* counts            # of events and fired triggers
    producers* numbers          # of events, by producer
    effect_sink sink            # of the record being applied
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
    uint64_t link_count         # since open: links made; refused ones that events asked for
    uint64_t link_refused_count
    uint64_t beside_count       # since open: links changed, accounts and consents put
    preimages images            # while a checkpoint is being taken
    uint64_t timer_armed_count  # since open: armed or moved by an event
    uint64_t timer_fired_count
    uint64_t timer_cancelled_count
    # due, but retired by a plan, or what must still hold did not
    uint64_t timer_dropped_count
    uint64_t timer_refused_count    # for want of room: each subject keeps so many
    uint64_t timer_put_count        # puts and deletes in TIMERS

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
