# Contract in apply.pxd; what an event does stands in apply_event.pyx.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from kairos_native.apply_effect cimport apply_enqueue, apply_outcome
from kairos_native.apply_event cimport apply_event
from kairos_native.change cimport event_outcome
from kairos_native.core cimport apply_core, apply_record
from kairos_native.counters cimport counters_close, counters_flush, counters_open
from kairos_native.dedupe cimport dedupe_drop_before
from kairos_native.keys cimport *
from kairos_native.layout cimport *
from kairos_native.linked cimport linked_record
from kairos_native.limits cimport *
from kairos_native.plan cimport plan
from kairos_native.producer cimport producers_close, producers_flush, producers_open
from kairos_native.preimage cimport preimages_end
from kairos_native.scratch cimport scratch_free, scratch_new
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.tenant cimport *
from kairos_native.tick cimport apply_tick, tick_expect
from kairos_native.working cimport *

cdef enum:
    # longer than ids are looked for, so that a replayed transaction finds what it found first
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


cdef int32_t apply_bind(apply_core* core, store* view) noexcept nogil:
    core.view = view
    core.sink.view = view
    core.sink.partition = core.partition
    core.numbers = producers_open(view, core.partition)
    core.counts = counters_open(view, core.partition)
    if core.numbers == NULL or core.counts == NULL:
        return STATUS_NO_MEMORY
    return STATUS_OK


cdef void apply_close(apply_core* core) noexcept nogil:
    free(core.tenants)
    scratch_free(core.work)
    working_close(&core.records)
    producers_close(core.numbers)
    preimages_end(&core.images, NULL)
    counters_close(core.counts)
    core.tenants = NULL
    core.work = NULL
    core.numbers = NULL
    core.counts = NULL


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
    status = store_write_get(core.view, STORE_META, key,
                             meta_key(key, core.partition, 0, EFFECTS_KEY), &value)
    if status == STATUS_OK and value.size == STORED_SIZE + 8:
        memcpy(&core.sink.suppressed_sequence, value.data + STORED_SIZE, 8)
    elif status != STATUS_STORE_NOT_FOUND:
        return STATUS_RECORD_CORRUPT if status == STATUS_OK else status
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
        status = producers_flush(core.numbers)
    if status == STATUS_OK:
        status = counters_flush(core.counts)
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


# ---------------------------------------------------------------- looking ahead
cdef int32_t apply_expect(apply_core* core, const log_record* records,
                          uint32_t count) noexcept nogil:
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef uint32_t i
    for i in range(count):
        # A control record may write to the view: what was looked up before would be gone then.
        # Effects and timers have databases of their own, whose pages are not those of subjects.
        if records[i].kind not in (FRAME_EVENT, FRAME_DECISION, FRAME_ENQUEUE, FRAME_OUTCOME,
                                   FRAME_TICK):
            return STATUS_OK
    for i in range(count):
        if (records[i].kind == FRAME_EVENT and records[i].tenant < KAIROS_TENANTS_MAX
                and not working_full(&core.records)):
            subject_key(key, core.partition, records[i].tenant, records[i].subject_id)
            working_find(&core.records, key)
        elif records[i].kind == FRAME_TICK and records[i].tenant < KAIROS_TENANTS_MAX:
            tick_expect(core, records[i].tenant, records[i].payload, records[i].payload_size)
    return working_look_up(&core.records, core.view)


# ---------------------------------------------------------------- control records
cdef int32_t apply_activation(apply_core* core, const apply_record* source) noexcept nogil:
    cdef plan* image = plan_table_find(core.plans, source.payload)
    cdef uint8_t key[META_KEY_SIZE_MAX]
    cdef uint8_t value[STORED_SIZE + 40]
    cdef apply_record rest
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
    status = store_put(core.view, STORE_PLANS, key, size + 8, value, STORED_SIZE + 40)
    # Documents behind the plan's id are stored by the same record: what is active and what is
    # stored never part.
    if status == STATUS_OK and source.payload_size > 32:
        rest = source[0]
        rest.payload = source.payload + 32
        rest.payload_size = source.payload_size - 32
        status = apply_documents(core, &rest)
    return status


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


# The present of a record that is no event: received time, or the tenant's event time.
cdef void apply_sink(apply_core* core, const apply_record* record) noexcept nogil:
    cdef const tenant_state* tenant = &core.tenants[record.tenant]
    core.sink.tenant = record.tenant
    core.sink.hash_key = tenant.settings.hash_key
    core.sink.sequence = record.sequence
    core.sink.ordinal = 0
    core.sink.now_us = (record.received_us if tenant.settings.time_mode == TIME_MODE_LIVE
                        else tenant.event_time_us)


cdef int32_t apply_one(apply_core* core, const apply_record* record,
                       event_outcome* result) noexcept nogil:
    cdef int32_t status = STATUS_OK
    memset(result, 0, sizeof(event_outcome))
    if record.tenant >= KAIROS_TENANTS_MAX:
        core.skipped_count += 1
        core.applied_sequence = record.sequence
        core.received_last_us = record.received_us
        return STATUS_OK
    apply_sink(core, record)
    if record.kind == FRAME_EVENT:
        if working_full(&core.records):
            status = working_flush(&core.records, core.view)
        if status == STATUS_OK:
            status = apply_event(core, record, result)
    elif record.kind == FRAME_ACTIVATION:
        status = apply_activation(core, record)
    elif record.kind == FRAME_DOCUMENTS:
        status = apply_documents(core, record)
    elif record.kind == FRAME_LINK:
        if working_full(&core.records):
            status = working_flush(&core.records, core.view)
        if status == STATUS_OK:
            status = linked_record(core, record, result)
    elif record.kind == FRAME_TENANT:
        apply_tenant(core, record)
    elif record.kind == FRAME_TICK:
        status = apply_tick(core, record)
    elif record.kind == FRAME_ENQUEUE:
        status = apply_enqueue(core, record, result)
    elif record.kind == FRAME_OUTCOME:
        status = apply_outcome(core, record, result)
    if status == STATUS_OK:
        core.applied_sequence = record.sequence
        core.received_last_us = record.received_us
    return status
