# Contract in tick.pxd.
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from kairos_native.apply_event cimport event_load
from kairos_native.keys cimport SUBJECT_KEY_SIZE, subject_key
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.linked cimport linked_gather
from kairos_native.scratch cimport scratch_fit
from kairos_native.status cimport *
from kairos_native.tenant cimport tenant_state
from kairos_native.timer cimport timer_look, timer_scene
from kairos_native.working cimport *


cdef inline bint tick_valid(uint32_t payload_size) noexcept nogil:
    return (payload_size % sizeof(kairos_tick) == 0
            and payload_size // sizeof(kairos_tick) <= <uint32_t>KAIROS_TICK_TIMERS_MAX)


cdef void tick_expect(apply_core* core, uint32_t tenant, const void* payload,
                      uint32_t payload_size) noexcept nogil:
    cdef const uint8_t* cursor = <const uint8_t*>payload
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef kairos_tick tick
    cdef uint32_t i
    if not tick_valid(payload_size):
        return
    for i in range(<uint32_t>(payload_size // sizeof(kairos_tick))):
        if working_full(&core.records):
            return
        memcpy(&tick, cursor + i * sizeof(kairos_tick), sizeof(kairos_tick))
        subject_key(key, core.partition, tenant, tick.subject_id)
        working_find(&core.records, key)


cdef int32_t tick_subject(apply_core* core, const apply_record* source,
                          const kairos_tick* tick) noexcept nogil:
    cdef tenant_state* tenant = &core.tenants[source.tenant]
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef working_record* place
    cdef timer_scene scene
    cdef apply_record own = source[0]
    cdef const uint8_t* before
    cdef uint32_t changed = 0
    cdef int32_t status
    memset(&scene, 0, sizeof(scene))
    if working_full(&core.records):
        status = working_flush(&core.records, core.view)
        if status != STATUS_OK:
            return status
    subject_key(key, core.partition, source.tenant, tick.subject_id)
    place = working_find(&core.records, key)
    status = event_load(core, tenant, place, source.sequence, &scene.record, &before)
    if status != STATUS_OK or before == NULL:
        return status
    own.subject_id = tick.subject_id
    status = linked_gather(core, tenant, &own, scene.record)
    if status != STATUS_OK:
        return status
    scene.core = core
    scene.tenant = tenant
    scene.own = scene.record
    scene.subject_id = tick.subject_id
    scene.sequence = source.sequence
    scene.now_us = core.sink.now_us
    status = timer_look(&scene, tick, &changed)
    if status == STATUS_OK and changed:
        status = working_keep(&core.records, place, scene.record)
    return status


cdef int32_t apply_tick(apply_core* core, const apply_record* source) noexcept nogil:
    cdef tenant_state* tenant = &core.tenants[source.tenant]
    cdef kairos_tick tick
    cdef uint32_t i
    cdef int32_t status
    if not tick_valid(source.payload_size) or tenant.active == NULL:
        core.skipped_count += 1
        return STATUS_OK
    status = scratch_fit(core.work, tenant.active)
    for i in range(<uint32_t>(source.payload_size // sizeof(kairos_tick))):
        if status != STATUS_OK:
            break
        memcpy(&tick, source.payload + i * sizeof(kairos_tick), sizeof(kairos_tick))
        core.sink.ordinal = i * KAIROS_EVENT_EFFECTS_MAX
        status = tick_subject(core, source, &tick)
    return status
