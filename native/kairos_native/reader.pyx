# Contract in reader.pxd.
from libc.stdint cimport UINT32_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from kairos_native.answer cimport answer_evaluated
from kairos_native.change cimport change_event, event_outcome
from kairos_native.commit cimport clock_us
from kairos_native.decide cimport *
from kairos_native.features cimport *
from kairos_native.fold cimport fold_group
from kairos_native.hash cimport kairos_siphash128
from kairos_native.identifier cimport IDENTIFIER_UNSPECIFIED, identifier_id
from kairos_native.identity cimport identity_source
from kairos_native.intake cimport (intake_check_decide, intake_check_event, intake_context_fields,
                                   intake_fault)
from kairos_native.keys cimport SUBJECT_KEY_SIZE, subject_key
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.linked cimport linked_others
from kairos_native.plan cimport plan, plan_find
from kairos_native.publish cimport publish_begin, publish_read
from kairos_native.scratch cimport scratch, scratch_fit
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.tenant cimport tenant_state
from kairos_native.view cimport *
from kairos_native.wire cimport *
from kairos_native.normal cimport normal_facts
from kairos_native.normalise cimport *

cdef enum:
    ANSWER_BASE_SIZE = 512          # ids, counts and tags of one answer
    ANSWER_ITEM_SIZE = 64           # the same of one trigger or decision
    TRIGGERS_ASKED_MAX = 1000
    # decision records in memory; the server refuses decisions long before
    RECORDS_SIZE_MAX = 268435456


# Brings the other members of the subject's group into the scratch, in the same read transaction.
cdef int32_t reader_gather(reader_core* core, uint32_t tenant, const tenant_state* state,
                           const uint8_t* subject_id) noexcept nogil:
    cdef identity_source source
    memset(&source, 0, sizeof(source))
    source.reader = core.reader
    source.tenant = tenant
    source.partition = core.partition
    return linked_others(&source, NULL, state.active, subject_id, core.work)


cdef kairos_record* reader_group(reader_core* core, const plan* image,
                                 kairos_record* record) noexcept nogil:
    if not core.work.others.count:
        return record
    return fold_group(image, &core.work.others, record, core.work.fold)


cdef void reader_try(const reader_core* core, tenant_state* state) noexcept nogil:
    if core.trial != NULL and state.known:
        state.active = <const plan*>core.trial
        state.births = core.trial_births


cdef int32_t reader_load(reader_core* core, uint32_t tenant, uint32_t identifier_type,
                         const uint8_t* identifier, uint32_t identifier_size, tenant_state* state,
                         uint64_t* applied_sequence, kairos_record** record, uint32_t* stored_size,
                         wire_fault* fault) noexcept nogil:
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef uint8_t subject_id[16]
    cdef bint linked
    cdef store_value value
    cdef int32_t status = publish_begin(core.published, core.reader, core.partition, tenant, state,
                                        applied_sequence)
    record[0] = NULL
    if status != STATUS_OK:
        return intake_fault(fault, status, b"", NULL, 0)
    reader_try(core, state)
    if state.active == NULL:
        status = STATUS_PLAN_MISSING if state.known else STATUS_TENANT_UNKNOWN
    else:
        status = scratch_fit(core.work, state.active)
    if status == STATUS_OK:
        status = identifier_id(&state.settings, identifier_type, identifier, identifier_size,
                               subject_id)
    if status == STATUS_OK:
        subject_key(key, core.partition, tenant, subject_id)
        status = store_get(core.reader, STORE_SUBJECTS, key, SUBJECT_KEY_SIZE, &value)
        if status == STATUS_OK:
            stored_size[0] = <uint32_t>value.size
            status = record_load(state.active, value.data, value.size, core.work.record, record)
        elif status == STATUS_STORE_NOT_FOUND:
            status = STATUS_OK
    core.work.others.count = 0
    linked = state.link_count != 0
    if record[0] != NULL:
        linked = record[0].flags & RECORD_FLAG_LINKED != 0
    if status == STATUS_OK and linked:
        status = reader_gather(core, tenant, state, subject_id)
    store_read_end(core.reader)
    return status if status == STATUS_OK else intake_fault(fault, status, b"", NULL, 0)


# ---------------------------------------------------------------- evaluate
# Reads event and rule set of the request; `wanted` gets trigger numbers.
cdef int32_t evaluate_scan(reader_core* core, const tenant_state* state, const uint8_t* data,
                           uint32_t size, wire_event* event, uint32_t* wanted,
                           uint32_t* wanted_count, wire_fault* fault) noexcept nogil:
    cdef const uint8_t* cursor = data
    cdef const uint8_t* item
    cdef uint32_t item_kind, item_size
    cdef bint found = False
    cdef int32_t status
    wanted_count[0] = 0
    core.work.message.used = 0
    while True:
        status = wire_next_evaluate(&cursor, data + size, &item_kind, &item, &item_size, fault)
        if status == STATUS_LOG_END:
            break
        if status != STATUS_OK:
            return status
        if item_kind == 1:
            found = True
            status = wire_scan_event(item, item_size, event, &core.work.message, fault)
            if status != STATUS_OK:
                return status
        elif wanted_count[0] == TRIGGERS_ASKED_MAX:
            return intake_fault(fault, STATUS_BATCH_TOO_LARGE, b"trigger_ids", NULL, 0)
        else:
            wanted[wanted_count[0]] = plan_find(state.active, SPACE_TRIGGER, item, item_size)
            if wanted[wanted_count[0]] == UINT32_MAX:
                return intake_fault(fault, STATUS_TRIGGER_UNKNOWN, b"trigger_ids", item, item_size)
            wanted_count[0] += 1
    return STATUS_OK if found else intake_fault(fault, STATUS_EVENT_MISSING, b"event", NULL, 0)


cdef int32_t evaluate_answer(reader_core* core, const event_outcome* outcome,
                             const uint32_t* wanted, uint32_t wanted_count,
                             uint64_t applied_sequence, int64_t now_us) noexcept nogil:
    cdef const plan* image = outcome.image
    cdef size_t size = ANSWER_BASE_SIZE
    cdef uint32_t i, j, kept = 0
    cdef bint asked
    for i in range(outcome.trigger_count):
        if image.rules[outcome.rules[i]].role != RULE_FIRE:
            continue
        asked = wanted_count == 0
        for j in range(wanted_count):
            if wanted[j] == image.rules[outcome.rules[i]].number:
                asked = True
                break
        if asked:
            core.work.rules[kept] = outcome.rules[i]
            size += ANSWER_ITEM_SIZE + image.rules[outcome.rules[i]].blob_size
            kept += 1
    core.answer.used = 0
    if output_room(&core.answer, size) != STATUS_OK:
        return STATUS_NO_MEMORY
    output_uint(&core.answer, 1, 1 if kept else 0)
    for i in range(kept):
        answer_evaluated(&core.answer, 2, image, core.work.rules[i])
    put_hex(&core.answer, 3, image.header.plan_id, 32)
    output_uint(&core.answer, 4, applied_sequence)
    decide_finish(&core.answer, max(clock_us() - now_us, 0))
    return STATUS_OUTPUT_FULL if core.answer.overflow else STATUS_OK


# An evaluation reads what an ingested event would have: the same values, without its bytes.
cdef int32_t evaluate_normalise(reader_core* core, const plan* image, wire_event* event,
                                uint32_t size, const uint32_t* fields,
                                wire_fault* fault) noexcept nogil:
    cdef normal_facts facts
    cdef arena memory
    cdef bint unknown_agent = False
    if normalise_find(image, &core.normal, event, size, fields, &facts,
                      &unknown_agent) == NORMAL_CHANGED:
        memory.base = <uint8_t*>core.normal.room.attributes
        memory.size = sizeof(core.normal.room.attributes)
        memory.used = 0
        normalise_event(event, &facts, &memory)
    return normalise_required(image, event, fault)


cdef int32_t reader_evaluate(reader_core* core, uint32_t tenant, const uint8_t* data, uint32_t size,
                             int64_t now_us, wire_fault* fault) noexcept nogil:
    cdef tenant_state state
    cdef wire_event event
    cdef event_outcome outcome
    cdef kairos_record* record
    cdef uint32_t wanted[TRIGGERS_ASKED_MAX]
    cdef uint32_t fields[KAIROS_EVENT_ATTRIBUTES_MAX]
    cdef uint32_t wanted_count, stored_size
    cdef uint64_t applied_sequence
    cdef const uint8_t* before = NULL
    cdef int64_t occurred_us
    cdef int32_t status
    publish_read(core.published, tenant, &state)
    reader_try(core, &state)
    if state.active == NULL:
        return intake_fault(fault, STATUS_PLAN_MISSING if state.known else STATUS_TENANT_UNKNOWN,
                            b"", NULL, 0)
    memset(&event, 0, sizeof(event))
    status = evaluate_scan(core, &state, data, size, &event, wanted, &wanted_count, fault)
    if status == STATUS_OK:
        status = intake_check_event(state.active, &state.settings, &event, now_us, fields, fault)
    if status == STATUS_OK and state.active.intake != NULL:
        status = evaluate_normalise(core, state.active, &event, size, fields, fault)
    if status == STATUS_OK:
        status = reader_load(core, tenant, event.subject_type, event.subject_id,
                             event.subject_id_size, &state, &applied_sequence, &record,
                             &stored_size, fault)
    if status != STATUS_OK:
        return status
    if record == NULL:
        record = record_new(state.active, core.work.record, applied_sequence + 1)
    else:
        memcpy(core.work.before, core.work.record, record.record_size)
        before = core.work.before
    occurred_us = event.occurred_us if event.has_occurred else now_us
    memset(&outcome, 0, sizeof(outcome))
    change_event(&state, &event, occurred_us, now_us, applied_sequence + 1, core.work, core.kernel,
                 record, before, &outcome)
    status = evaluate_answer(core, &outcome, wanted, wanted_count, applied_sequence, now_us)
    return status if status == STATUS_OK else intake_fault(fault, status, b"", NULL, 0)


# ---------------------------------------------------------------- decide
# The moment of a decision: the clock of a live tenant; of an event-time tenant its event time, or a
# later one if asked.
cdef int32_t decide_moment(const tenant_state* state, bint has_at, int64_t at_us, int64_t now_us,
                           const char* field, int64_t* moment_us, wire_fault* fault) noexcept nogil:
    moment_us[0] = now_us if state.settings.time_mode == TIME_MODE_LIVE else state.event_time_us
    if not has_at:
        return STATUS_OK
    if state.settings.time_mode == TIME_MODE_LIVE or at_us < state.event_time_us:
        return intake_fault(fault, STATUS_TIME_NOT_ALLOWED, field, NULL, 0)
    moment_us[0] = at_us
    return STATUS_OK


cdef void decide_identify(reader_core* core, const tenant_state* state,
                          decide_input* choice) noexcept nogil:
    cdef uint64_t seed[2]
    core.decision_count += 1
    seed[0] = core.decision_count
    seed[1] = (<uint64_t>core.writer_epoch << 32) | core.partition
    kairos_siphash128(state.settings.hash_key, seed, 16, choice.decision_id)


# Keeps the record for the writer, behind its size and the time of receipt. Answers do not wait for
# it; what cannot be kept is counted. The moment of a decision may lie in any future that the caller
# names, so it is no time of receipt.
cdef void decide_capture(reader_core* core, const decide_input* choice, uint32_t tenant,
                         int64_t received_us, int64_t processing_us, const uint8_t* request,
                         uint32_t request_size) noexcept nogil:
    cdef const kairos_index* index = &choice.image.indexes[<int>INDEX_DECIDE]
    cdef size_t size = (sizeof(kairos_decision) + index.column_count * sizeof(kairos_value)
                        + request_size + core.answer.used)
    cdef size_t start = core.records.used
    cdef uint32_t i, record_size = 0
    for i in range(index.column_count):
        if core.work.values[i].kind == VALUE_STRING:
            size += core.work.values[i].size
    size += (choice.image.placements[choice.placement].source_count * sizeof(float)
             + CAPTURE_PREFIX_SIZE)
    if start + size > RECORDS_SIZE_MAX or output_room(&core.records, size) != STATUS_OK:
        core.records_lost += 1
        return
    output_bytes(&core.records, &record_size, 4)
    output_bytes(&core.records, &received_us, 8)
    decide_record(choice, core.work, tenant, processing_us, request, request_size, core.answer.data,
                  <uint32_t>core.answer.used, &core.records)
    record_size = <uint32_t>(core.records.used - start - CAPTURE_PREFIX_SIZE)
    memcpy(core.records.data + start, &record_size, 4)


cdef int32_t reader_decide(reader_core* core, uint32_t tenant, const uint8_t* data, uint32_t size,
                           int64_t now_us, wire_fault* fault) noexcept nogil:
    cdef tenant_state state
    cdef wire_decide request
    cdef decide_input choice
    cdef feature_view view
    cdef kairos_record* record
    cdef decide_chosen best[KAIROS_VARIANTS_MAX]
    cdef uint32_t stored_size, count
    cdef int64_t processing_us
    cdef int32_t status
    core.work.message.used = 0
    memset(&request, 0, sizeof(request))
    status = wire_scan_decide(data, size, &request, &core.work.message, fault)
    if status == STATUS_OK:
        status = reader_load(core, tenant, IDENTIFIER_UNSPECIFIED, request.subject_id,
                             request.subject_id_size, &state, &choice.applied_sequence,
                             &record, &stored_size, fault)
    if status == STATUS_OK:
        status = intake_check_decide(state.active, &state.settings, &request, fault)
    if status == STATUS_OK:
        status = decide_moment(&state, request.has_at != 0, request.at_us, now_us, b"at_time_us",
                               &choice.now_us, fault)
    if status != STATUS_OK:
        return status
    record = reader_group(core, state.active, record)
    choice.image = state.active
    choice.placement = plan_find(state.active, SPACE_PLACEMENT, request.placement,
                                 request.placement_size)
    if choice.placement == UINT32_MAX:
        return intake_fault(fault, STATUS_PLACEMENT_UNKNOWN, b"context.placement",
                            request.placement, request.placement_size)
    choice.max_variants = request.max_variants
    choice.require_consent = request.require_consent
    choice.consent_granted = record.consent_granted if record != NULL else 0
    intake_context_fields(state.active, &request, core.work.context)
    memset(&view, 0, sizeof(view))
    view.image = state.active
    view.record = record
    view.context_fields = core.work.context
    view.births = state.births
    view.now_us = choice.now_us
    if record != NULL:
        view.session = record_open_session(record, choice.now_us, state.settings.session_gap_us)
    decide_gather(&view, choice.placement, core.work)
    decide_identify(core, &state, &choice)
    core.answer.used = 0
    count = decide_rank(&choice, core.work, core.kernel, best)
    if output_room(&core.answer, decide_size_max(&choice, best, count)) != STATUS_OK:
        return intake_fault(fault, STATUS_NO_MEMORY, b"", NULL, 0)
    decide_write(&choice, best, count, &core.answer)
    processing_us = max(clock_us() - now_us, 0)
    decide_finish(&core.answer, processing_us)
    if core.answer.overflow:
        return intake_fault(fault, STATUS_OUTPUT_FULL, b"", NULL, 0)
    decide_capture(core, &choice, tenant, now_us, processing_us, data, size)
    return STATUS_OK
