# Contract in commit.pxd.
from libc.stdint cimport UINT32_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport realloc
from libc.string cimport memcpy, memset, strlen

from kairos_native.answer cimport (answer_batch_event, answer_batch_refusal, answer_event,
                                   answer_size_max)
from kairos_native.apply cimport apply_expect, apply_flush, apply_one, apply_record
from kairos_native.apply_effect cimport ENQUEUE_NUMBERS
from kairos_native.change cimport event_outcome
from kairos_native.check cimport pending_event, pending_refusal, pending_request
from kairos_native.counters cimport COUNTERS_CHUNK
from kairos_native.dedupe cimport dedupe_fetch, dedupe_reserve
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.log cimport *
from kairos_native.plan cimport plan
from kairos_native.publish cimport publish_write
from kairos_native.room cimport room_effect, room_timers
from kairos_native.status cimport *
from kairos_native.store cimport (store_dirty_size, store_reserve, store_write_abort,
                                  store_write_begin, store_write_commit)
from kairos_native.tenant cimport plan_table_find
from kairos_native.view cimport output, output_bytes, output_uint

cdef enum:
    DESCRIPTION_SIZE_MAX = 512
    LOOK_AHEAD = 4                  # events between sending for an id's place and asking for it

cdef int64_t DAY_US = 86400000000


cdef extern from *:
    """
    #include <time.h>
    #include <stdatomic.h>
    static inline uint64_t kairos_clock_read(clockid_t clock) {
        struct timespec t;
        clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    static inline uint64_t kairos_clock_ns(int which) {
        return kairos_clock_read(which ? CLOCK_MONOTONIC : CLOCK_BOOTTIME);
    }
    /* What the server's present is ahead of CLOCK_BOOTTIME; 0: it never said so. */
    static _Atomic int64_t kairos_clock_offset_us;
    static inline int64_t kairos_clock_us(void) {
        int64_t offset = atomic_load_explicit(&kairos_clock_offset_us, memory_order_relaxed);
        return offset ? (int64_t)(kairos_clock_ns(0) / 1000) + offset
                      : (int64_t)(kairos_clock_read(CLOCK_REALTIME) / 1000);
    }
    static inline void kairos_clock_anchor(int64_t offset_us) {
        atomic_store_explicit(&kairos_clock_offset_us, offset_us, memory_order_relaxed);
    }
    """
    uint64_t kairos_clock_ns(int which) noexcept nogil
    int64_t kairos_clock_us() noexcept nogil
    void kairos_clock_anchor(int64_t offset_us) noexcept nogil


cdef int64_t clock_us() noexcept nogil:
    return kairos_clock_us()


cdef void clock_anchor(int64_t offset_us) noexcept nogil:
    kairos_clock_anchor(offset_us)


# ---------------------------------------------------------------- room
# Bytes that the effects of so many events can dirty.
cdef uint64_t effects_room(const plan* image, uint64_t event_count) noexcept nogil:
    if image == NULL or not image.header.event_effects_max:
        return 0
    return event_count * image.header.event_effects_max * room_effect(image)


# Numbers that the tables of ids keep with one record.
cdef uint32_t numbers_max(const plan* image, uint8_t kind) noexcept nogil:
    if kind == FRAME_ENQUEUE:
        return ENQUEUE_NUMBERS
    if image == NULL:
        return KAIROS_TRIGGERS_FIRED_MAX
    return min(image.indexes[<int>INDEX_TRIGGERS].rule_count,
               <uint32_t>KAIROS_TRIGGERS_FIRED_MAX)


cdef int32_t commit_reserve(commit_state* state, pending_request** requests,
                            uint32_t request_count) noexcept nogil:
    cdef uint64_t size = 0, view_size = RESERVE_BASE, beside = 0
    cdef uint32_t records = 0, events = 0, i, triggers = 0, fired
    cdef uint32_t day_first = UINT32_MAX, day_last = 0, day
    cdef int32_t status
    cdef void* grown
    cdef int64_t received_us = log_received_last(state.log)
    for i in range(request_count):
        received_us = max(received_us, requests[i].received_us)
        records += requests[i].record_count
        size += requests[i].payload_size
        beside += (requests[i].record_count if requests[i].kind == FRAME_LINK
                   else requests[i].beside_count)
        # Decision records stand in the log only.
        if requests[i].kind != FRAME_DECISION:
            view_size += (view_room(requests[i].record_count)
                          + 2 * requests[i].payload_size)
        if (requests[i].kind not in (FRAME_EVENT, FRAME_ENQUEUE)
                or not requests[i].record_count):
            continue
        events += requests[i].record_count
        # Received times never go back along the log: the append may raise this one to the last.
        day = <uint32_t>(max(requests[i].received_us, log_received_last(state.log)) // DAY_US)
        day_first = min(day_first, day)
        day_last = max(day_last, day)
        fired = numbers_max(state.core.tenants[requests[i].tenant].active, requests[i].kind)
        triggers = max(triggers, fired)
        if requests[i].kind == FRAME_EVENT:
            view_size += effects_room(state.core.tenants[requests[i].tenant].active,
                                      requests[i].record_count)
        # Chunks of counters that its triggers may touch.
        view_size += view_room(fired // COUNTERS_CHUNK + 2)
    if records > state.record_capacity:
        grown = realloc(state.records, records * sizeof(log_record))
        if grown == NULL:
            return STATUS_NO_MEMORY
        state.records = <log_record*>grown
        state.record_capacity = records
    status = log_reserve(state.log, records, size)
    if status == STATUS_OK:
        status = store_reserve(state.core.view, view_size + beside_room(&state.core, beside)
                               + room_timers(&state.core, state.reader, requests, request_count,
                                             received_us))
    for day in range(day_first, day_last + 1):
        if status == STATUS_OK and events:
            status = dedupe_reserve(state.core.ids, day, events, <uint64_t>events * triggers)
    return status


# ---------------------------------------------------------------- answers
# Makes room for `size` more bytes of a response.
cdef int32_t answer_room(pending_request* request, size_t size) noexcept nogil:
    cdef size_t capacity
    cdef void* grown
    if request.response_size + size <= request.response_capacity:
        return STATUS_OK
    capacity = max(request.response_capacity * 2,
                   request.response_size + size + 64 * <size_t>request.event_count)
    grown = realloc(request.response, capacity)
    if grown == NULL:
        return STATUS_NO_MEMORY
    request.response = <uint8_t*>grown
    request.response_capacity = capacity
    return STATUS_OK


cdef inline void answer_to(pending_request* request, output* out) noexcept nogil:
    memset(out, 0, sizeof(output))
    out.data = request.response
    out.used = request.response_size
    out.size = request.response_capacity


cdef int32_t body_room(commit_state* state, size_t size) noexcept nogil:
    cdef void* grown
    if size <= state.body.size:
        return STATUS_OK
    grown = realloc(state.body.data, size * 2)
    if grown == NULL:
        return STATUS_NO_MEMORY
    state.body.data = <uint8_t*>grown
    state.body.size = size * 2
    return STATUS_OK


cdef int32_t answer_outcome(commit_state* state, pending_request* request,
                            const event_outcome* outcome, uint64_t sequence) noexcept nogil:
    cdef output out
    cdef size_t size
    cdef int32_t status
    if outcome.image == NULL:
        return STATUS_OK
    size = answer_size_max(outcome.image, outcome)
    status = answer_room(request, size + 16)
    if status == STATUS_OK:
        status = body_room(state, size)
    if status != STATUS_OK:
        return status
    answer_to(request, &out)
    if request.batch:
        answer_batch_event(&out, &state.body, outcome.image, outcome, sequence)
    else:
        answer_event(&out, outcome.image, outcome, sequence)
    request.response_size = out.used
    return STATUS_OUTPUT_FULL if out.overflow else STATUS_OK


# `"seen": rule and remedy`, with what was seen cut at a character.
cdef uint32_t describe(const commit_state* state, const pending_refusal* refusal,
                       char* text) noexcept nogil:
    cdef uint32_t size = 0
    cdef uint32_t seen = refusal.seen_size
    cdef const char* sentence = (state.texts[refusal.fault.status]
                                 if 0 < refusal.fault.status < COMMIT_TEXTS else NULL)
    cdef size_t sentence_size = strlen(sentence) if sentence != NULL else 0
    if seen:
        text[0] = c'"'
        memcpy(text + 1, refusal.seen, seen)
        memcpy(text + 1 + seen, b'": ', 3)
        size = seen + 4
    if sentence_size > DESCRIPTION_SIZE_MAX - size:
        sentence_size = DESCRIPTION_SIZE_MAX - size
    if sentence_size:
        memcpy(text + size, sentence, sentence_size)
    return size + <uint32_t>sentence_size


cdef int32_t answer_refused(commit_state* state, pending_request* request,
                            const pending_event* event) noexcept nogil:
    cdef const pending_refusal* refusal = &request.refusals[event.refusal]
    cdef char text[DESCRIPTION_SIZE_MAX]
    cdef output out
    cdef uint32_t text_size = describe(state, refusal, text)
    cdef size_t size = <size_t>refusal.event_id_size + text_size + 192
    cdef int32_t status = answer_room(request, size)
    if status == STATUS_OK:
        status = body_room(state, size)
    if status != STATUS_OK:
        return status
    answer_to(request, &out)
    answer_batch_refusal(&out, &state.body, refusal.event_id, refusal.event_id_size, event.status,
                         <const char*>refusal.fault.field, text, text_size)
    request.response_size = out.used
    return STATUS_OUTPUT_FULL if out.overflow else STATUS_OK


# What one record did to effects; engine_effects.pxi reads it.
cdef int32_t answer_effect(pending_request* request, const event_outcome* outcome) noexcept nogil:
    cdef output out
    cdef uint32_t flags[2]
    cdef int32_t status = answer_room(request, 16)
    if status != STATUS_OK:
        return status
    flags[0] = outcome.duplicate
    flags[1] = outcome.effect_found
    answer_to(request, &out)
    output_bytes(&out, &outcome.effect_sequence, 8)
    output_bytes(&out, flags, 8)
    request.response_size = out.used
    return STATUS_OK


# What one record did to links; engine_identity.pxi reads it.
cdef int32_t answer_link(pending_request* request, const event_outcome* outcome) noexcept nogil:
    cdef output out
    cdef int32_t status = answer_room(request, 12)
    if status != STATUS_OK:
        return status
    answer_to(request, &out)
    output_bytes(&out, &outcome.link_id, 8)
    output_bytes(&out, &outcome.link_status, 4)
    request.response_size = out.used
    return STATUS_OK


cdef int32_t answer_end(pending_request* request, int64_t now_us) noexcept nogil:
    cdef output out
    cdef int32_t status = answer_room(request, 64)
    if status != STATUS_OK:
        return status
    answer_to(request, &out)
    if request.batch:
        output_uint(&out, 2, request.record_count - request.duplicate_count)
        output_uint(&out, 3, request.duplicate_count)
        output_uint(&out, 4, request.refusal_count)
    output_uint(&out, 8, <uint64_t>max(now_us - request.received_us, 0))
    request.response_size = out.used
    return STATUS_OK


# ---------------------------------------------------------------- commit
cdef uint32_t commit_records(commit_state* state, pending_request** requests,
                             uint32_t request_count) noexcept nogil:
    cdef log_record* record
    cdef pending_event* event
    cdef kairos_decision decision
    cdef uint32_t i, j, count = 0
    for i in range(request_count):
        for j in range(requests[i].event_count):
            event = &requests[i].events[j]
            if event.status != STATUS_OK:
                continue
            record = &state.records[count]
            memset(record, 0, sizeof(log_record))
            memcpy(record.subject_id, event.subject_id, 16)
            record.payload = event.data
            record.payload_size = event.size
            record.occurred_us = event.occurred_us
            record.received_us = requests[i].received_us
            record.tenant = requests[i].tenant
            # Decisions of several tenants are one request; each record names its own.
            if requests[i].kind == FRAME_DECISION:
                memcpy(&decision, event.data, sizeof(decision))
                record.tenant = decision.tenant
            record.kind = requests[i].kind
            count += 1
    return count


cdef void record_source(const log_record* record, const pending_event* event,
                        apply_record* source) noexcept nogil:
    source.payload = record.payload
    source.sequence = record.sequence
    source.occurred_us = record.occurred_us
    source.received_us = record.received_us
    source.subject_id = record.subject_id
    source.scanned = event.scanned
    source.id_key = event.id_key
    source.payload_size = record.payload_size
    source.tenant = record.tenant
    source.kind = record.kind


# Applies one request's records and writes its answer but for the processing time.
cdef int32_t commit_request(commit_state* state, pending_request* request,
                            uint32_t* position) noexcept nogil:
    cdef apply_record source
    cdef event_outcome outcome
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    for i in range(request.event_count):
        if request.events[i].status != STATUS_OK:
            if request.batch:
                status = answer_refused(state, request, &request.events[i])
        else:
            record_source(&state.records[position[0]], &request.events[i], &source)
            position[0] += 1
            if i + LOOK_AHEAD < request.event_count and request.kind == FRAME_EVENT:
                dedupe_fetch(state.core.ids, <uint32_t>(source.received_us // DAY_US),
                             request.events[i + LOOK_AHEAD].id_key)
            status = apply_one(&state.core, &source, &outcome)
            request.sequence_last = source.sequence
            request.duplicate_count += outcome.duplicate
            if status == STATUS_OK and request.kind == FRAME_EVENT:
                status = answer_outcome(state, request, &outcome, source.sequence)
            if (status == STATUS_OK
                    and (request.kind == FRAME_ENQUEUE or request.kind == FRAME_OUTCOME)):
                status = answer_effect(request, &outcome)
            if status == STATUS_OK and request.kind == FRAME_LINK:
                status = answer_link(request, &outcome)
        if status != STATUS_OK:
            return status
    return STATUS_OK


cdef int32_t commit_run(commit_state* state, pending_request** requests,
                        uint32_t request_count) noexcept nogil:
    cdef uint32_t count = commit_records(state, requests, request_count)
    cdef uint32_t position = 0, i
    cdef uint64_t started = kairos_clock_ns(1), appended
    cdef int32_t status = STATUS_OK
    cdef int64_t now_us
    if count:
        status = log_append(state.log, state.records, count)
    appended = kairos_clock_ns(1)
    state.append_ns += appended - started
    if status == STATUS_OK and count:
        status = store_write_begin(state.core.view)
        if status == STATUS_OK:
            status = apply_expect(&state.core, state.records, count)
    for i in range(request_count):
        if status == STATUS_OK:
            status = commit_request(state, requests[i], &position)
    if status == STATUS_OK and count:
        status = apply_flush(&state.core)
        if status == STATUS_OK:
            status = store_write_commit(state.core.view)
        if status == STATUS_OK:
            publish_write(state.published, state.core.tenants, state.core.tenant_count,
                          state.core.applied_sequence)
    now_us = clock_us()
    for i in range(request_count):
        if status == STATUS_OK and requests[i].kind == FRAME_EVENT:
            status = answer_end(requests[i], now_us)
    state.apply_ns += kairos_clock_ns(1) - appended
    state.commit_count += 1
    return status
