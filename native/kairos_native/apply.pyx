# Contract in apply.pxd. The order inside one event is fixed, because replay must take the same way:
# scan, load, dedupe, time, session and slots, traits and consents, match, keep the id.
from libc.stdint cimport (INT64_MIN, UINT32_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t,
                          uint64_t)
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from kairos_native.change cimport change_event, event_outcome
from kairos_native.check cimport event_id_key
from kairos_native.dedupe cimport dedupe_drop_before, dedupe_find, dedupe_keep
from kairos_native.features cimport *
from kairos_native.keys cimport *
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.plan cimport plan
from kairos_native.scratch cimport scratch, scratch_fit, scratch_free, scratch_new
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.tenant cimport *
from kairos_native.wire cimport wire_event, wire_fault, wire_scan_event
from kairos_native.working cimport *

cdef enum:
    # an id is recognised until the end of the eighth day after
    DEDUPE_LOOK_BACK_DAYS = 8
    # longer, so that a replayed transaction finds what it found the first time
    DEDUPE_KEEP_DAYS = 10

cdef int64_t DAY_US = 86400000000


cdef struct applied_stored:
    uint64_t applied_sequence
    int64_t received_last_us
    uint32_t dedupe_day_first
    uint32_t reserved


cdef int32_t apply_open(apply_core* core) noexcept nogil:
    core.tenants = <tenant_state*>calloc(KAIROS_TENANTS_MAX, sizeof(tenant_state))
    core.work = scratch_new()
    if core.tenants == NULL or core.work == NULL:
        return STATUS_NO_MEMORY
    return working_open(&core.records)


cdef void apply_close(apply_core* core) noexcept nogil:
    free(core.tenants)
    scratch_free(core.work)
    working_close(&core.records)
    core.tenants = NULL
    core.work = NULL


cdef int32_t apply_restore(apply_core* core) noexcept nogil:
    cdef uint8_t key[META_KEY_SIZE_MAX]
    cdef store_value value
    cdef applied_stored kept
    cdef uint32_t i
    cdef int32_t status = store_write_get(core.view, STORE_META, key,
                                          meta_key(key, core.partition, 0, b"applied"), &value)
    if status == STATUS_STORE_NOT_FOUND:
        return STATUS_OK
    if status != STATUS_OK:
        return status
    if (not stored_valid(value.data, value.size)
            or value.size != STORED_SIZE + sizeof(applied_stored)):
        return STATUS_RECORD_CORRUPT
    memcpy(&kept, value.data + STORED_SIZE, sizeof(applied_stored))
    core.applied_sequence = kept.applied_sequence
    core.received_last_us = kept.received_last_us
    core.dedupe_day_first = kept.dedupe_day_first
    status = tenants_restore(core.tenants, core.view, core.partition, core.plans)
    for i in range(<uint32_t>KAIROS_TENANTS_MAX):
        if core.tenants[i].known:
            core.tenant_count = i + 1
    return status


cdef int32_t apply_flush(apply_core* core) noexcept nogil:
    cdef uint8_t key[META_KEY_SIZE_MAX]
    cdef uint8_t value[64]
    cdef applied_stored kept
    cdef uint32_t day = <uint32_t>(core.received_last_us // DAY_US)
    cdef int32_t status = working_flush(&core.records, core.view)
    if status == STATUS_OK:
        status = tenants_flush(core.tenants, core.tenant_count, core.view, core.partition)
    if (status == STATUS_OK and day > DEDUPE_KEEP_DAYS
            and core.dedupe_day_first < day - DEDUPE_KEEP_DAYS):
        core.dedupe_day_first = day - DEDUPE_KEEP_DAYS
        status = dedupe_drop_before(core.ids, core.dedupe_day_first)
    if status != STATUS_OK:
        return status
    memset(&kept, 0, sizeof(applied_stored))
    kept.applied_sequence = core.applied_sequence
    kept.received_last_us = core.received_last_us
    kept.dedupe_day_first = core.dedupe_day_first
    memcpy(value + STORED_SIZE, &kept, sizeof(applied_stored))
    stored_seal(value, sizeof(applied_stored), core.applied_sequence)
    return store_put(core.view, STORE_META, key, meta_key(key, core.partition, 0, b"applied"),
                     value, STORED_SIZE + sizeof(applied_stored))


# ---------------------------------------------------------------- events
# Brings the subject's record into work.record; *before = its state before the event,
# NULL for a new subject.
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


cdef int32_t apply_event(apply_core* core, const apply_record* source,
                         event_outcome* result) noexcept nogil:
    cdef tenant_state* tenant = &core.tenants[source.tenant]
    cdef wire_event local
    cdef const wire_event* event = source.scanned
    cdef wire_fault fault
    cdef working_record* place
    cdef kairos_record* record
    cdef const uint8_t* before
    cdef uint8_t key[22]
    cdef uint8_t local_key[16]
    cdef const uint8_t* id_key = source.id_key
    cdef int32_t status = STATUS_OK
    if event == NULL:
        core.work.message.used = 0
        status = wire_scan_event(source.payload, source.payload_size, &local, &core.work.message,
                                 &fault)
        event = &local
    if status != STATUS_OK or tenant.active == NULL:
        # Only an accepted event is appended; what an older version accepted and this one does not
        # is counted and passed over.
        core.skipped_count += 1
        return STATUS_OK
    result.image = tenant.active
    result.event_id = event.event_id
    result.event_id_size = event.event_id_size
    status = scratch_fit(core.work, tenant.active)
    if status != STATUS_OK:
        return status
    subject_key(key, core.partition, source.tenant, source.subject_id)
    place = working_find(&core.records, key)
    status = event_load(core, tenant, place, source.sequence, &record, &before)
    if status != STATUS_OK:
        return status
    if event.event_id_size:
        if event == &local:
            event_id_key(tenant, source.subject_id, event, local_key)
            id_key = local_key
        status = event_repeated(core, record, id_key, source, result)
        if status != 0:
            result.duplicate = 1
            core.duplicate_count += 1
            return STATUS_OK if status > 0 else -status
    if before != NULL and record.sequence_last >= source.sequence:
        # A fuzzy checkpoint already holds this change; only the tenant's clock must still follow.
        event_follow(tenant, source)
        return STATUS_OK
    change_event(tenant, event, source.occurred_us, source.received_us, source.sequence, core.work,
                 core.kernel, record, before, result)
    event_follow(tenant, source)
    core.event_count += 1
    core.late_count += result.late
    core.fired_count += result.trigger_count
    if event.event_id_size:
        status = event_keep_id(core, record, id_key, source, result)
        if status != STATUS_OK:
            return status
    return working_keep(&core.records, place, record)


cdef int32_t apply_expect(apply_core* core, const log_record* records,
                          uint32_t count) noexcept nogil:
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef uint32_t i
    for i in range(count):
        # A control record may write to the view: what was looked up before would be gone then.
        if records[i].kind != FRAME_EVENT and records[i].kind != FRAME_DECISION:
            return STATUS_OK
    for i in range(count):
        if (records[i].kind == FRAME_EVENT and records[i].tenant < KAIROS_TENANTS_MAX
                and not working_full(&core.records)):
            subject_key(key, core.partition, records[i].tenant, records[i].subject_id)
            working_find(&core.records, key)
    return working_look_up(&core.records, core.view)


# ---------------------------------------------------------------- control records
cdef int32_t apply_activation(apply_core* core, const apply_record* source) noexcept nogil:
    cdef plan* image = plan_table_find(core.plans, source.payload)
    cdef uint8_t key[META_KEY_SIZE_MAX]
    cdef uint8_t value[STORED_SIZE + 40]
    cdef uint32_t size
    cdef int32_t status
    if image == NULL:
        return STATUS_PLAN_UNKNOWN
    # Working records follow the layout of the plan that was active.
    status = working_flush(&core.records, core.view)
    if status == STATUS_OK:
        status = tenant_activate(&core.tenants[source.tenant], image, source.sequence,
                                 source.received_us)
    if status != STATUS_OK:
        return status
    size = put_prefix(key, core.partition, source.tenant)
    put_big_endian(key + size, source.sequence, 8)
    memcpy(value + STORED_SIZE, &source.received_us, 8)
    memcpy(value + STORED_SIZE + 8, source.payload, 32)
    stored_seal(value, 40, source.sequence)
    return store_put(core.view, STORE_PLANS, key, size + 8, value, STORED_SIZE + 40)


# Payload: { uint16 key_size, uint16 zero, uint32 value_size, key, value } repeated;
# an empty value removes the key.
cdef int32_t apply_documents(apply_core* core, const apply_record* source) noexcept nogil:
    cdef const uint8_t* cursor = source.payload
    cdef const uint8_t* end = cursor + source.payload_size
    cdef uint8_t key[6 + 512]
    cdef uint8_t* value
    cdef uint16_t key_size
    cdef uint32_t value_size
    cdef int32_t status = STATUS_OK
    while status == STATUS_OK and end - cursor >= 8:
        memcpy(&key_size, cursor, 2)
        memcpy(&value_size, cursor + 4, 4)
        cursor += 8
        if key_size > 400 or <uint64_t>(end - cursor) < <uint64_t>key_size + value_size:
            core.skipped_count += 1
            return STATUS_OK
        put_prefix(key, core.partition, source.tenant)
        memcpy(key + 6, cursor, key_size)
        if value_size == 0:
            status = store_delete(core.view, STORE_DOCUMENTS, key, 6 + key_size)
            if status == STATUS_STORE_NOT_FOUND:
                status = STATUS_OK
        else:
            value = <uint8_t*>malloc(STORED_SIZE + value_size)
            if value == NULL:
                return STATUS_NO_MEMORY
            memcpy(value + STORED_SIZE, cursor + key_size, value_size)
            stored_seal(value, value_size, source.sequence)
            status = store_put(core.view, STORE_DOCUMENTS, key, 6 + key_size, value,
                               STORED_SIZE + value_size)
            free(value)
        cursor += key_size + value_size
    return status


cdef void apply_tenant(apply_core* core, const apply_record* source) noexcept nogil:
    cdef tenant_state* tenant = &core.tenants[source.tenant]
    if source.payload_size != sizeof(kairos_tenant_settings):
        core.skipped_count += 1
        return
    memcpy(&tenant.settings, source.payload, sizeof(kairos_tenant_settings))
    tenant.known = 1
    tenant.sequence_last = source.sequence
    if source.tenant >= core.tenant_count:
        core.tenant_count = source.tenant + 1
    tenant.changed = TENANT_CHANGED


cdef int32_t apply_one(apply_core* core, const apply_record* record,
                       event_outcome* result) noexcept nogil:
    cdef int32_t status = STATUS_OK
    memset(result, 0, sizeof(event_outcome))
    if record.tenant >= KAIROS_TENANTS_MAX:
        core.skipped_count += 1
    elif record.kind == FRAME_EVENT:
        if working_full(&core.records):
            status = working_flush(&core.records, core.view)
        if status == STATUS_OK:
            status = apply_event(core, record, result)
    elif record.kind == FRAME_ACTIVATION:
        status = apply_activation(core, record)
    elif record.kind == FRAME_DOCUMENTS:
        status = apply_documents(core, record)
    elif record.kind == FRAME_TENANT:
        apply_tenant(core, record)
    if status == STATUS_OK:
        core.applied_sequence = record.sequence
        core.received_last_us = record.received_us
    return status
