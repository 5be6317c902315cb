# Contract in check.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from kairos_native.hash cimport kairos_siphash128
from kairos_native.identifier cimport identifier_id
from kairos_native.intake cimport intake_check_event, intake_fault
from kairos_native.layout cimport FRAME_EVENT
from kairos_native.limits cimport (KAIROS_BATCH_EVENTS_MAX, KAIROS_EVENT_ATTRIBUTES_MAX,
                                   KAIROS_EVENT_ID_SIZE_MAX)
from kairos_native.normal cimport normal_facts, normal_size, normal_write
from kairos_native.normalise cimport *
from kairos_native.plan cimport plan
from kairos_native.scratch cimport scratch
from kairos_native.status cimport *
from kairos_native.tenant cimport tenant_state
from kairos_native.view cimport arena, arena_take, output
from kairos_native.wire cimport *

cdef enum:
    # Bytes per event for what the scan found: an event of 16 attributes. Requests that wait hold
    # this much more memory, so that greater events are scanned again rather than kept.
    KEPT_SIZE = 1024
    # The same where the plan derives attributes.
    KEPT_NORMAL_SIZE = 2560
    BLOCK_SIZE = 65536


cdef void pending_free(pending_request* request) noexcept nogil:
    cdef pending_block* block = request.blocks
    cdef pending_block* following
    while block != NULL:
        following = block.following
        free(block)
        block = following
    free(request.agents)
    request.blocks = NULL
    request.agents = NULL
    free(request.events)
    free(request.refusals)
    free(request.kept.base)
    free(request.response)
    request.events = NULL
    request.refusals = NULL
    request.kept.base = NULL
    request.response = NULL


cdef void event_id_key(const tenant_state* tenant, const uint8_t* subject_id,
                       const wire_event* event, uint8_t* id_key) noexcept nogil:
    cdef uint8_t text[16 + KAIROS_EVENT_ID_SIZE_MAX]
    memcpy(text, subject_id, 16)
    memcpy(text + 16, event.event_id, event.event_id_size)
    kairos_siphash128(tenant.settings.hash_key, text, 16 + event.event_id_size, id_key)


cdef void check_keep_seen(pending_refusal* refusal) noexcept nogil:
    cdef const uint8_t* seen = refusal.fault.seen
    refusal.seen_size = min(refusal.fault.seen_size, <uint32_t>SEEN_SIZE_MAX)
    if refusal.fault.seen_size > SEEN_SIZE_MAX:
        while refusal.seen_size and (seen[refusal.seen_size] & 0xC0) == 0x80:
            refusal.seen_size -= 1
    if refusal.seen_size:
        memcpy(refusal.seen, seen, refusal.seen_size)
    refusal.fault.seen = NULL
    refusal.fault.seen_size = 0


# Keeps the fault of an event; refusals are rare, so their list grows by doubling.
cdef int32_t check_refuse(pending_request* request, pending_event* event, const wire_event* scanned,
                          const wire_fault* fault) noexcept nogil:
    cdef uint32_t capacity
    cdef void* grown
    cdef pending_refusal* refusal
    if request.refusal_count == request.refusal_capacity:
        capacity = request.refusal_capacity * 2 if request.refusal_capacity else 8
        grown = realloc(request.refusals, capacity * sizeof(pending_refusal))
        if grown == NULL:
            return STATUS_NO_MEMORY
        request.refusals = <pending_refusal*>grown
        request.refusal_capacity = capacity
    refusal = &request.refusals[request.refusal_count]
    refusal.fault = fault[0]
    refusal.event_id = scanned.event_id
    refusal.event_id_size = scanned.event_id_size
    check_keep_seen(refusal)
    event.status = fault.status
    event.refusal = request.refusal_count
    request.refusal_count += 1
    return STATUS_OK


# Room for a rewritten event of at most `size` bytes; the caller adds what it used.
cdef pending_block* check_room(pending_request* request, size_t size) noexcept nogil:
    cdef pending_block* block = request.blocks
    cdef size_t capacity
    if block != NULL and block.size - block.used >= size:
        return block
    # One event needs little more than itself; the many of a batch share a block.
    capacity = max(size, <size_t>BLOCK_SIZE if request.batch else size)
    block = <pending_block*>malloc(sizeof(pending_block) + capacity)
    if block == NULL:
        return NULL
    block.following = request.blocks
    block.size = capacity
    block.used = 0
    request.blocks = block
    return block


# Tells Python which user agent is not known, each text once.
cdef void check_miss(pending_request* request, const wire_event* scanned) noexcept nogil:
    cdef uint32_t i
    if request.agents == NULL:
        request.agents = <pending_agent*>calloc(PENDING_AGENTS_MAX, sizeof(pending_agent))
        if request.agents == NULL:
            return
    for i in range(request.agent_count):
        if (request.agents[i].size == scanned.user_agent_size
                and memcmp(request.agents[i].text, scanned.user_agent,
                           scanned.user_agent_size) == 0):
            return
    if request.agent_count < PENDING_AGENTS_MAX:
        request.agents[request.agent_count].text = scanned.user_agent
        request.agents[request.agent_count].size = scanned.user_agent_size
        request.agent_count += 1


# Normalises an event that intake has taken. `scanned` stands in `memory`.
cdef int32_t check_normalise(const plan* image, normal_tools* tools, pending_request* request,
                             pending_event* event, wire_event* scanned, const uint32_t* fields,
                             arena* memory, wire_fault* fault) noexcept nogil:
    cdef normal_facts facts
    cdef pending_block* block
    cdef output out
    cdef bint unknown_agent = False
    cdef int32_t status
    if normalise_find(image, tools, scanned, event.size, fields, &facts,
                      &unknown_agent) == NORMAL_CHANGED:
        block = check_room(request, normal_size(&facts, event.size))
        if block == NULL:
            return intake_fault(fault, STATUS_NO_MEMORY, b"", NULL, 0)
        memset(&out, 0, sizeof(out))
        out.data = <uint8_t*>(block + 1) + block.used
        out.size = block.size - block.used
        normal_write(event.data, event.size, &facts, &out)
        event.data = out.data
        event.size = <uint32_t>out.used
        block.used += out.used
        status = normalise_event(scanned, &facts, memory)
        if status != STATUS_OK:
            return status
    if unknown_agent:
        check_miss(request, scanned)
    return normalise_required(image, scanned, fault)


# Scans the event into the request's own memory, or, where that is full, into that of the thread.
cdef int32_t check_scan(scratch* work, pending_request* request, pending_event* event,
                        wire_event* local, wire_event** scanned, arena** memory,
                        wire_fault* fault) noexcept nogil:
    cdef size_t kept_used = request.kept.used
    cdef int32_t status = STATUS_ARENA_FULL
    memory[0] = &request.kept
    scanned[0] = <wire_event*>arena_take(&request.kept, sizeof(wire_event))
    if scanned[0] != NULL:
        status = wire_scan_event(event.data, event.size, scanned[0], &request.kept, fault)
        event.scanned = scanned[0]
    if status == STATUS_ARENA_FULL:
        request.kept.used = kept_used
        event.scanned = NULL
        scanned[0] = local
        memory[0] = &work.message
        work.message.used = 0
        memset(local, 0, sizeof(wire_event))
        status = wire_scan_event(event.data, event.size, local, &work.message, fault)
    return status


cdef int32_t check_event(const tenant_state* tenant, scratch* work, normal_tools* tools,
                         int64_t received_us, pending_request* request,
                         pending_event* event) noexcept nogil:
    cdef uint32_t fields[KAIROS_EVENT_ATTRIBUTES_MAX]
    cdef wire_event local
    cdef wire_event* scanned
    cdef arena* memory
    cdef wire_fault fault
    cdef int32_t status = check_scan(work, request, event, &local, &scanned, &memory, &fault)
    if status == STATUS_OK:
        status = intake_check_event(tenant.active, &tenant.settings, scanned, received_us, fields,
                                    &fault)
    if status == STATUS_OK and tenant.active.intake != NULL:
        status = check_normalise(tenant.active, tools, request, event, scanned, fields, memory,
                                 &fault)
        if status == STATUS_ARENA_FULL:
            # What was written holds; only the list of what was found had no room.
            event.scanned = NULL
            work.message.used = 0
            scanned = &local
            status = wire_scan_event(event.data, event.size, scanned, &work.message, &fault)
            if status == STATUS_OK:
                status = normalise_required(tenant.active, scanned, &fault)
    if status != STATUS_OK:
        if not fault.field[0]:
            intake_fault(&fault, status, b"event", fault.seen, fault.seen_size)
        fault.status = status
        return check_refuse(request, event, scanned, &fault)
    event.occurred_us = scanned.occurred_us if scanned.has_occurred else received_us
    request.beside_count += scanned.identifier_count + (scanned.consent_count != 0)
    # The scan has looked at the form of the identifier, so this cannot fail.
    identifier_id(&tenant.settings, scanned.subject_type, scanned.subject_id,
                  scanned.subject_id_size, event.subject_id)
    if scanned.event_id_size:
        event_id_key(tenant, event.subject_id, scanned, event.id_key)
    request.record_count += 1
    request.payload_size += event.size
    return STATUS_OK


cdef int32_t check_begin(const tenant_state* tenant, int64_t received_us, pending_request* request,
                         uint32_t event_count, wire_fault* fault) noexcept nogil:
    cdef size_t kept_size
    request.kind = FRAME_EVENT
    request.received_us = received_us
    if not tenant.known:
        return intake_fault(fault, STATUS_TENANT_UNKNOWN, b"", NULL, 0)
    if tenant.active == NULL:
        return intake_fault(fault, STATUS_PLAN_MISSING, b"", NULL, 0)
    request.tenant = tenant.settings.tenant
    request.events = <pending_event*>calloc(event_count, sizeof(pending_event))
    kept_size = KEPT_SIZE if tenant.active.intake == NULL else KEPT_NORMAL_SIZE
    request.kept.base = <uint8_t*>malloc(event_count * kept_size)
    if request.events == NULL or request.kept.base == NULL:
        return intake_fault(fault, STATUS_NO_MEMORY, b"", NULL, 0)
    request.kept.size = event_count * kept_size
    return STATUS_OK


cdef int32_t check_ingest(const tenant_state* tenant, scratch* work, normal_tools* tools,
                          const uint8_t* data, uint32_t size, int64_t received_us,
                          pending_request* request, wire_fault* fault) noexcept nogil:
    cdef int32_t status = check_begin(tenant, received_us, request, 1, fault)
    if status != STATUS_OK:
        return status
    status = wire_find_event(data, size, &request.events[0].data, &request.events[0].size, fault)
    if status != STATUS_OK:
        return status
    request.event_count = 1
    return check_event(tenant, work, tools, received_us, request, &request.events[0])


cdef int32_t check_batch(const tenant_state* tenant, scratch* work, normal_tools* tools,
                         const uint8_t* data, uint32_t size, int64_t received_us,
                         pending_request* request, wire_fault* fault) noexcept nogil:
    cdef const uint8_t* cursor = data
    cdef const uint8_t* end = data + size
    cdef const uint8_t* event
    cdef uint32_t event_size
    cdef uint32_t count = 0
    cdef int32_t status
    # Counted first: a refused batch must not have cost a thousand scans.
    while True:
        status = wire_next_event(&cursor, end, &event, &event_size, fault)
        if status == STATUS_LOG_END:
            break
        if status != STATUS_OK:
            return status
        count += 1
        if count > KAIROS_BATCH_EVENTS_MAX:
            return intake_fault(fault, STATUS_BATCH_TOO_LARGE, b"events", NULL, 0)
    if not count:
        return intake_fault(fault, STATUS_BATCH_EMPTY, b"events", NULL, 0)
    status = check_begin(tenant, received_us, request, count, fault)
    request.batch = 1
    cursor = data
    while status == STATUS_OK and request.event_count < count:
        wire_next_event(&cursor, end, &request.events[request.event_count].data,
                        &request.events[request.event_count].size, fault)
        status = check_event(tenant, work, tools, received_us, request,
                             &request.events[request.event_count])
        request.event_count += 1
    return status
