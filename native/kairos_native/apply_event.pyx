# Contract in apply_event.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from kairos_native.change cimport change_event, event_outcome
from kairos_native.check cimport event_id_key
from kairos_native.core cimport DEDUPE_LOOK_BACK_DAYS, apply_core, apply_record
from kairos_native.counters cimport (COUNTER_EVENTS, COUNTER_LATE, COUNTER_TRIGGER_FIRST,
                                     counter_add)
from kairos_native.dedupe cimport dedupe_find, dedupe_keep
from kairos_native.features cimport *
from kairos_native.history cimport history_keep
from kairos_native.keys cimport *
from kairos_native.layout cimport *
from kairos_native.linked cimport linked_accounts, linked_event, linked_gather
from kairos_native.outbox cimport effect_cause, outbox_emit
from kairos_native.plan cimport plan
from kairos_native.producer cimport producer_note
from kairos_native.scratch cimport scratch, scratch_fit
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.tenant cimport *
from kairos_native.timer cimport timer_scene, timers_fire_session
from kairos_native.timer_event cimport timers_change, timers_fire, timers_keep
from kairos_native.wire cimport wire_event, wire_fault, wire_scan_event
from kairos_native.working cimport *

cdef int64_t DAY_US = 86400000000


cdef int32_t event_load(apply_core* core, tenant_state* tenant, working_record* place,
                        uint64_t sequence, kairos_record** record,
                        const uint8_t** before) noexcept nogil:
    cdef scratch* work = core.work
    cdef store_value value
    cdef int32_t status
    before[0] = NULL
    if place.record != NULL:
        memcpy(work.record, place.record, place.record.record_size)
        record[0] = <kairos_record*>work.record
        before[0] = <const uint8_t*>place.record
        return STATUS_OK
    if place.looked_up:
        value.data = place.stored
        value.size = place.stored_size
        status = STATUS_OK if place.stored != NULL else STATUS_STORE_NOT_FOUND
    else:
        status = store_write_get(core.view, STORE_SUBJECTS, place.key, 22, &value)
    if status == STATUS_STORE_NOT_FOUND:
        record[0] = record_new(tenant.active, work.record, sequence)
        return STATUS_OK
    if status != STATUS_OK:
        return status
    status = record_load(tenant.active, value.data, value.size, work.record, record)
    if status == STATUS_OK:
        memcpy(work.before, work.record, record[0].record_size)
        before[0] = work.before
    return status


# 1 when the event id was accepted before; fills the result with what the first receipt fired.
cdef int32_t event_repeated(apply_core* core, const kairos_record* record, const uint8_t* key,
                            const apply_record* source, event_outcome* result) noexcept nogil:
    cdef uint32_t day = <uint32_t>(source.received_us // DAY_US)
    cdef uint32_t i
    cdef int32_t found
    for i in range(32):
        if not (record.dedupe_mask >> i) & 1 or i > record.dedupe_day:
            continue
        if record.dedupe_day - i + DEDUPE_LOOK_BACK_DAYS < day:
            break
        found = dedupe_find(core.ids, record.dedupe_day - i, key, source.sequence, &result.numbers,
                            &result.trigger_count)
        if found != 0:
            return found
    return 0


cdef int32_t event_keep_id(apply_core* core, kairos_record* record, const uint8_t* key,
                           const apply_record* source, event_outcome* result) noexcept nogil:
    cdef uint32_t day = <uint32_t>(source.received_us // DAY_US)
    cdef uint32_t shift = day - record.dedupe_day
    cdef uint32_t i
    for i in range(result.trigger_count):
        core.work.numbers[i] = result.image.rules[result.rules[i]].number
    record.dedupe_mask = (record.dedupe_mask << shift if shift < 32 else 0) | 1
    record.dedupe_day = day
    return dedupe_keep(core.ids, day, key, source.sequence, core.work.numbers, result.trigger_count)


# The tenant's clock follows accepted events only, so that a repeat changes nothing.
cdef void event_follow(tenant_state* tenant, const apply_record* source) noexcept nogil:
    if source.occurred_us > tenant.event_time_us:
        tenant.event_time_us = source.occurred_us
        tenant.sequence_last = source.sequence
        tenant.changed = TENANT_CHANGED


# 1 when the event was accepted before, by its producer's number or by its id; fills the result with
# what the first receipt fired, where the id tells.
cdef int32_t event_known(apply_core* core, tenant_state* tenant, const wire_event* event,
                         const kairos_record* record, const uint8_t* id_key,
                         const apply_record* source, event_outcome* result) noexcept nogil:
    cdef int32_t by_id = 0, by_number = 0
    if event.event_id_size:
        by_id = event_repeated(core, record, id_key, source, result)
        if by_id < 0:
            return by_id
    # The number is noted even where the id is known, so that both windows go on together.
    if event.producer_id_size:
        by_number = producer_note(core.numbers, source.tenant, tenant.settings.hash_key,
                                  event.producer_id, event.producer_id_size,
                                  event.producer_sequence, source.sequence)
        if by_number < 0:
            return by_number
    return 1 if by_id or by_number else 0


# Puts what fired rules hand to workers into the outbox, and leaves in the result what is answered.
cdef int32_t event_effects(apply_core* core, const wire_event* event, const apply_record* source,
                           event_outcome* result) noexcept nogil:
    cdef const plan* image = result.image
    cdef const kairos_rule* rule
    cdef effect_cause cause
    cdef uint32_t i, k, kept = 0
    cdef int32_t status
    if not image.header.event_effects_max:
        return STATUS_OK
    memset(&cause, 0, sizeof(cause))
    memcpy(cause.subject_id, source.subject_id, 16)
    cause.origin_sequence = source.sequence
    cause.due_us = core.sink.now_us
    cause.identifier = event.subject_id
    cause.identifier_size = event.subject_id_size
    cause.identifier_type = event.subject_type
    cause.source = EFFECT_TRIGGER
    for i in range(result.trigger_count):
        rule = &image.rules[result.rules[i]]
        if rule.role != RULE_FIRE:
            continue
        for k in range(rule.effect_count):
            status = outbox_emit(&core.sink, image, &image.effects[rule.effect_first + k], &cause)
            if status != STATUS_OK:
                return status
        core.work.rules[kept] = result.rules[i]
        kept += 1
    result.trigger_count = kept
    return STATUS_OK


cdef timer_scene event_scene(apply_core* core, tenant_state* tenant, kairos_record* record,
                             const apply_record* source) noexcept nogil:
    cdef timer_scene scene
    memset(&scene, 0, sizeof(scene))
    scene.core = core
    scene.tenant = tenant
    scene.record = record
    scene.own = record
    scene.subject_id = source.subject_id
    scene.sequence = source.sequence
    scene.now_us = core.sink.now_us
    return scene


# What was pending with the other members when the event came; 0 for a subject that is not linked.
cdef inline uint32_t event_others_timers(const apply_core* core) noexcept nogil:
    return core.work.others_timers if core.work.others.count else 0


# What was due before the event happens before it, so that a late tick never changes what happens.
cdef int32_t event_timers_before(apply_core* core, tenant_state* tenant, kairos_record* record,
                                 const apply_record* source) noexcept nogil:
    cdef timer_scene scene
    if not record.timer_count and not event_others_timers(core):
        return STATUS_OK
    scene = event_scene(core, tenant, record, source)
    return timers_fire(&scene)


# What waited for the session that the event opens, then what the event arms and cancels.
cdef int32_t event_timers_after(apply_core* core, tenant_state* tenant, kairos_record* record,
                                const wire_event* event, const apply_record* source,
                                const event_outcome* result) noexcept nogil:
    cdef timer_scene scene
    cdef int32_t status = STATUS_OK
    if (not tenant.active.timer_count and not record.timer_count
            and not event_others_timers(core)):
        return STATUS_OK
    scene = event_scene(core, tenant, record, source)
    if record.timer_count and result.session_is_new:
        status = timers_fire_session(&scene, source.occurred_us)
    if status == STATUS_OK:
        status = timers_change(&scene, event, source.occurred_us, result)
    if status == STATUS_OK and event_others_timers(core):
        status = timers_keep(&scene)
    return status


cdef int32_t event_count(apply_core* core, const apply_record* source,
                         const event_outcome* result) noexcept nogil:
    cdef int64_t now_us = core.sink.now_us
    cdef uint32_t i
    cdef int32_t status = counter_add(core.counts, source.tenant, COUNTER_EVENTS, source.sequence,
                                      now_us)
    if status == STATUS_OK and result.late:
        status = counter_add(core.counts, source.tenant, COUNTER_LATE, source.sequence, now_us)
    for i in range(result.trigger_count):
        if status == STATUS_OK:
            status = counter_add(core.counts, source.tenant,
                                 COUNTER_TRIGGER_FIRST + result.image.rules[result.rules[i]].number,
                                 source.sequence, now_us)
    core.event_count += 1
    core.late_count += result.late
    core.fired_count += result.trigger_count
    return status


# Scans where the check has not kept its scan. Returns NULL for what cannot be applied: only an
# accepted event is appended, so that this is one that an older version accepted.
cdef const wire_event* event_scan(apply_core* core, const apply_record* source,
                                  wire_event* memory) noexcept nogil:
    cdef wire_fault fault
    if source.scanned != NULL:
        return source.scanned
    core.work.message.used = 0
    memset(memory, 0, sizeof(wire_event))
    if wire_scan_event(source.payload, source.payload_size, memory, &core.work.message,
                       &fault) != STATUS_OK:
        return NULL
    return memory


# The links that the event makes come before all that it changes, so that its conditions read the
# group as it is with them. Then the record is loaded again: it may have been marked.
cdef int32_t event_links(apply_core* core, tenant_state* tenant, const wire_event* event,
                         const apply_record* source, working_record* place,
                         kairos_record** record, const uint8_t** before) noexcept nogil:
    cdef uint32_t changed = 0
    cdef int32_t status = linked_event(core, tenant, event, source, &changed)
    if status == STATUS_OK and changed:
        status = event_load(core, tenant, place, source.sequence, record, before)
    return status


# What the event changes beside its subject's record: accounts that it names, consents as stated.
cdef int32_t event_beside(apply_core* core, tenant_state* tenant, const wire_event* event,
                          const apply_record* source) noexcept nogil:
    cdef int32_t status = linked_accounts(core, tenant, event, source)
    core.beside_count += event.consent_count != 0
    if status == STATUS_OK:
        status = history_keep(core.view, core.partition, source.tenant, source.subject_id,
                              source.sequence, source.occurred_us, source.received_us,
                              tenant.active, event)
    return status


cdef int32_t apply_event(apply_core* core, const apply_record* source,
                         event_outcome* result) noexcept nogil:
    cdef tenant_state* tenant = &core.tenants[source.tenant]
    cdef wire_event memory
    cdef const wire_event* event = event_scan(core, source, &memory)
    cdef working_record* place
    cdef kairos_record* record
    cdef const uint8_t* before
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef uint8_t local_key[16]
    cdef const uint8_t* id_key = source.id_key
    cdef int32_t status
    if event == NULL or tenant.active == NULL:
        core.skipped_count += 1
        return STATUS_OK
    result.image = tenant.active
    result.event_id = event.event_id
    result.event_id_size = event.event_id_size
    core.sink.now_us = tenant_now(tenant, source.occurred_us, source.received_us)
    subject_key(key, core.partition, source.tenant, source.subject_id)
    place = working_find(&core.records, key)
    status = scratch_fit(core.work, tenant.active)
    if status == STATUS_OK:
        status = event_load(core, tenant, place, source.sequence, &record, &before)
    if status != STATUS_OK:
        return status
    if event.event_id_size and source.scanned == NULL:
        event_id_key(tenant, source.subject_id, event, local_key)
        id_key = local_key
    status = event_known(core, tenant, event, record, id_key, source, result)
    if status != 0:
        result.duplicate = 1
        core.duplicate_count += 1
        return STATUS_OK if status > 0 else -status
    status = event_links(core, tenant, event, source, place, &record, &before)
    if status != STATUS_OK:
        return status
    if before != NULL and record.sequence_last >= source.sequence:
        # A fuzzy checkpoint already holds this change; what stands beside the record, and the
        # tenant's clock, must still follow.
        event_follow(tenant, source)
        return event_beside(core, tenant, event, source)
    status = linked_gather(core, tenant, source, record)
    if status == STATUS_OK:
        status = event_timers_before(core, tenant, record, source)
    if status != STATUS_OK:
        return status
    change_event(tenant, event, source.occurred_us, source.received_us, source.sequence, core.work,
                 core.kernel, record, before, result)
    event_follow(tenant, source)
    status = event_timers_after(core, tenant, record, event, source, result)
    if status == STATUS_OK:
        status = event_effects(core, event, source, result)
    if status == STATUS_OK:
        status = event_count(core, source, result)
    if status == STATUS_OK and event.event_id_size:
        status = event_keep_id(core, record, id_key, source, result)
    if status == STATUS_OK:
        status = working_keep(&core.records, place, record)
    return event_beside(core, tenant, event, source) if status == STATUS_OK else status
