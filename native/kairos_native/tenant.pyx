# Contract in tenant.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset

from kairos_native.features cimport slot_birth
from kairos_native.keys cimport *
from kairos_native.layout cimport TIME_MODE_LIVE, kairos_tenant_settings
from kairos_native.limits cimport KAIROS_TENANTS_MAX
from kairos_native.plan cimport plan
from kairos_native.status cimport *
from kairos_native.store cimport *


# What META keeps of a tenant, followed by birth_count slot births.
cdef struct tenant_stored:
    kairos_tenant_settings settings
    int64_t event_time_us
    uint64_t activation_sequence
    uint64_t link_count
    uint8_t plan_id[32]
    uint32_t has_plan
    uint32_t birth_count


cdef plan* plan_table_find(const plan_table* plans, const uint8_t* plan_id) noexcept nogil:
    cdef uint32_t i
    for i in range(plans.count):
        if plans.entries[i].image != NULL and memcmp(plans.entries[i].plan_id, plan_id, 32) == 0:
            return plans.entries[i].image
    return NULL


cdef int32_t tenant_restore(tenant_state* tenants, const uint8_t* data, size_t size,
                            const plan_table* plans) noexcept nogil:
    cdef tenant_stored kept
    cdef tenant_state* tenant
    cdef slot_birth* births
    if not stored_valid(data, size) or size < STORED_SIZE + sizeof(tenant_stored):
        return STATUS_RECORD_CORRUPT
    memcpy(&kept, data + STORED_SIZE, sizeof(tenant_stored))
    if (kept.settings.tenant >= KAIROS_TENANTS_MAX
            or size != STORED_SIZE + sizeof(tenant_stored) + kept.birth_count * sizeof(slot_birth)):
        return STATUS_RECORD_CORRUPT
    births = <slot_birth*>malloc(kept.birth_count * sizeof(slot_birth) + 8)
    if births == NULL:
        return STATUS_NO_MEMORY
    memcpy(births, data + STORED_SIZE + sizeof(tenant_stored),
           kept.birth_count * sizeof(slot_birth))
    tenant = &tenants[kept.settings.tenant]
    tenant.settings = kept.settings
    tenant.event_time_us = kept.event_time_us
    memcpy(&tenant.sequence_last, data, 8)
    tenant.activation_sequence = kept.activation_sequence
    tenant.link_count = kept.link_count
    tenant.births = births
    tenant.birth_count = kept.birth_count
    tenant.known = 1
    tenant.changed = TENANT_WRITTEN
    if kept.has_plan:
        tenant.active = plan_table_find(plans, kept.plan_id)
        if tenant.active == NULL:
            return STATUS_PLAN_UNKNOWN
    return STATUS_OK


cdef int32_t tenants_restore(tenant_state* tenants, store* view, uint16_t partition,
                             const plan_table* plans) noexcept nogil:
    cdef uint8_t key[META_KEY_SIZE_MAX]
    cdef uint32_t tenant
    cdef store_value value
    cdef int32_t status
    for tenant in range(<uint32_t>KAIROS_TENANTS_MAX):
        status = store_write_get(view, STORE_META, key, meta_key(key, partition, tenant, b"state"),
                                 &value)
        if status == STATUS_STORE_NOT_FOUND:
            continue
        if status == STATUS_OK:
            status = tenant_restore(tenants, value.data, value.size, plans)
        if status != STATUS_OK:
            return status
    return STATUS_OK


cdef int32_t tenant_flush(tenant_state* tenant, store* view, uint16_t partition) noexcept nogil:
    cdef uint8_t key[META_KEY_SIZE_MAX]
    cdef size_t size = sizeof(tenant_stored) + tenant.birth_count * sizeof(slot_birth)
    cdef uint8_t* value = <uint8_t*>malloc(STORED_SIZE + size)
    cdef tenant_stored* kept = <tenant_stored*>(value + STORED_SIZE)
    cdef int32_t status
    if value == NULL:
        return STATUS_NO_MEMORY
    memset(kept, 0, sizeof(tenant_stored))
    kept.settings = tenant.settings
    kept.event_time_us = tenant.event_time_us
    kept.activation_sequence = tenant.activation_sequence
    kept.link_count = tenant.link_count
    kept.birth_count = tenant.birth_count
    if tenant.active != NULL:
        kept.has_plan = 1
        memcpy(kept.plan_id, tenant.active.header.plan_id, 32)
    if tenant.birth_count:
        memcpy(value + STORED_SIZE + sizeof(tenant_stored), tenant.births,
               tenant.birth_count * sizeof(slot_birth))
    stored_seal(value, size, tenant.sequence_last)
    status = store_put(view, STORE_META, key,
                       meta_key(key, partition, tenant.settings.tenant, b"state"), value,
                       STORED_SIZE + size)
    free(value)
    tenant.changed = TENANT_WRITTEN
    return status


cdef int32_t tenants_flush(tenant_state* tenants, uint32_t tenant_count, store* view,
                           uint16_t partition) noexcept nogil:
    cdef uint32_t tenant
    cdef int32_t status
    for tenant in range(tenant_count):
        if tenants[tenant].changed == TENANT_CHANGED:
            status = tenant_flush(&tenants[tenant], view, partition)
            if status != STATUS_OK:
                return status
    return STATUS_OK


# A slot that the plan before did not keep up to date knows nothing of what happened meanwhile: it
# is born (again) now.
cdef inline bint slot_kept(const plan* image, uint32_t slot_id) noexcept nogil:
    return image != NULL and slot_id < image.slot_count and image.slots[slot_id].kind != 0


cdef int32_t tenant_activate(tenant_state* tenant, const plan* image, uint64_t sequence,
                             int64_t received_us) noexcept nogil:
    cdef uint32_t count = max(image.slot_count, tenant.birth_count)
    cdef slot_birth* births
    cdef uint32_t i
    # The births before stay where they are: a reader may hold them. They are a few bytes per
    # feature and activation.
    births = <slot_birth*>calloc(count + 1, sizeof(slot_birth))
    if births == NULL:
        return STATUS_NO_MEMORY
    if tenant.birth_count:
        memcpy(births, tenant.births, tenant.birth_count * sizeof(slot_birth))
    for i in range(image.slot_count):
        if i < tenant.birth_count and (slot_kept(tenant.active, i) or not slot_kept(image, i)):
            continue
        births[i].sequence = sequence
        births[i].complete_from_us = tenant.event_time_us + 1
        if tenant.settings.time_mode == TIME_MODE_LIVE:
            births[i].complete_from_us = received_us + tenant.settings.ahead_us_max + 1
    tenant.births = births
    tenant.birth_count = count
    tenant.active = image
    tenant.activation_sequence = sequence
    tenant.sequence_last = sequence
    tenant.changed = TENANT_CHANGED
    return STATUS_OK
