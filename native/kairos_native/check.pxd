# Requests on their way into the log: checked on the event loop's thread,
# appended and applied on the writer's.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.normalise cimport normal_tools
from kairos_native.scratch cimport scratch
from kairos_native.tenant cimport tenant_state
from kairos_native.wire cimport wire_event, wire_fault
from kairos_native.view cimport arena


# One event of a request. `data` points into the request's bytes, or, where the event was
# normalised, into its blocks.
cdef struct pending_event:
    const uint8_t* data         # as it is logged; see `blocks`
    # in the request's `kept`; NULL: it had no room, or the event is refused
    const wire_event* scanned
    int64_t occurred_us
    uint8_t subject_id[16]
    uint8_t id_key[16]          # of the event id, zero where there is none
    uint32_t size
    int32_t status              # STATUS_OK, or why it is refused
    uint32_t refusal            # index in refusals, where refused

cdef enum:
    SEEN_SIZE_MAX = 64
    # unknown user agents of one request that are told; the others are met again
    PENDING_AGENTS_MAX = 64

# Why and where. `event_id` points into the request's bytes; what the fault has seen may stand in
# scratch memory that the next event takes, so the start of it is kept.
cdef struct pending_refusal:
    wire_fault fault
    const uint8_t* event_id
    uint32_t event_id_size
    uint32_t seen_size
    uint32_t reserved
    uint8_t seen[SEEN_SIZE_MAX]     # cut at a character

# Memory of rewritten events; blocks stay where they are until the request ends.
cdef struct pending_block:
    pending_block* following
    size_t size
    size_t used

# A user agent that is not in the table; points into the request's bytes.
cdef struct pending_agent:
    const uint8_t* text
    uint32_t size
    uint32_t reserved

cdef struct pending_request:
    pending_event* events       # owned
    pending_refusal* refusals   # owned; NULL: none
    arena kept                  # owned; what the scans found, so that apply need not scan again
    pending_block* blocks       # owned; NULL: no event was rewritten
    pending_agent* agents       # owned, PENDING_AGENTS_MAX; NULL: every user agent was known
    uint8_t* response           # owned; NULL: not answered yet
    size_t response_size
    size_t response_capacity
    int64_t received_us
    uint64_t sequence_last
    uint64_t payload_size       # of the events that are not refused
    uint32_t event_count
    uint32_t record_count       # events that are not refused
    uint32_t duplicate_count    # filled by the commit
    uint32_t refusal_count
    uint32_t refusal_capacity
    uint32_t beside_count       # identifiers and lists of consents: what may be put beside records
    uint32_t tenant
    uint32_t agent_count
    uint8_t kind                # enum kairos_frame_kind
    uint8_t batch


cdef void pending_free(pending_request* request) noexcept nogil
# Checks an IngestRequest; a refused event is its one refusal.
#   Errors: STATUS_EVENT_MISSING, STATUS_WIRE_MALFORMED … for the whole request, with `fault`;
#           STATUS_PLAN_MISSING; STATUS_NO_MEMORY
cdef int32_t check_ingest(const tenant_state* tenant, scratch* work, normal_tools* tools,
                          const uint8_t* data, uint32_t size, int64_t received_us,
                          pending_request* request, wire_fault* fault) noexcept nogil
# Checks an IngestBatchRequest.
#   Cost:   O(bytes); two allocations a batch
#   Errors: STATUS_BATCH_EMPTY, STATUS_BATCH_TOO_LARGE, STATUS_WIRE_MALFORMED,
#           STATUS_PLAN_MISSING, STATUS_NO_MEMORY
cdef int32_t check_batch(const tenant_state* tenant, scratch* work, normal_tools* tools,
                         const uint8_t* data, uint32_t size, int64_t received_us,
                         pending_request* request, wire_fault* fault) noexcept nogil
# The 128-bit key of an event id: SipHash of subject and id under the tenant's key.
cdef void event_id_key(const tenant_state* tenant, const uint8_t* subject_id,
                       const wire_event* event, uint8_t* id_key) noexcept nogil
