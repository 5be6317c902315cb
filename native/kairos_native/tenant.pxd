# What the core knows of one tenant; the writer's copy and the copy published to readers
# have the same shape.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.features cimport slot_birth
from kairos_native.layout cimport kairos_tenant_settings
from kairos_native.plan cimport plan
from kairos_native.store cimport store


cdef enum tenant_change:
    TENANT_SAME = 0
    TENANT_CHANGED = 1              # to be written with the current transaction
    TENANT_WRITTEN = 2              # written, not yet published to readers


cdef struct tenant_state:
    kairos_tenant_settings settings
    const plan* active              # NULL: no plan was activated yet
    const slot_birth* births        # birth_count entries, at least active.slot_count
    # highest occurred time of the accepted events; event-time tenants run on it
    int64_t event_time_us
    uint64_t activation_sequence    # log sequence of the activation of `active`
    uint64_t sequence_last          # log sequence of the record that last changed this state
    uint64_t link_count             # links of identifiers; 0: nobody needs to look for a group
    uint32_t birth_count
    uint32_t known                  # 0: no such tenant
    uint32_t changed                # enum tenant_change


# The present of an event: received time for a live tenant, the highest occurred time so far for an
# event-time tenant.
cdef inline int64_t tenant_now(const tenant_state* tenant, int64_t occurred_us,
                               int64_t received_us) noexcept nogil:
    if tenant.settings.time_mode == 0:
        return received_us
    return occurred_us if occurred_us > tenant.event_time_us else tenant.event_time_us


# One loaded plan; `image` NULL marks a free place. Places are added by one thread and read by
# another: the count is raised after its place is filled.
cdef struct plan_entry:
    uint8_t plan_id[32]
    plan* image
    uint32_t pins               # records on their way that name the plan
    uint32_t reserved

cdef struct plan_table:
    plan_entry* entries         # PLANS_LOADED_MAX places
    uint32_t count

cdef enum:
    PLANS_LOADED_MAX = 1024

cdef plan* plan_table_find(const plan_table* plans, const uint8_t* plan_id) noexcept nogil
# Reads all tenants from the view, inside its write transaction.
#   Errors: STATUS_RECORD_CORRUPT, STATUS_PLAN_UNKNOWN (an active plan is not
#           loaded), STATUS_NO_MEMORY
cdef int32_t tenants_restore(tenant_state* tenants, store* view, uint16_t partition,
                             const plan_table* plans) noexcept nogil
# Writes the changed ones among the first `tenant_count`.
cdef int32_t tenants_flush(tenant_state* tenants, uint32_t tenant_count, store* view,
                           uint16_t partition) noexcept nogil
# Makes `image` the active plan: slots that the plan before did not keep up to date are born now.
#   Errors: STATUS_NO_MEMORY
cdef int32_t tenant_activate(tenant_state* tenant, const plan* image, uint64_t sequence,
                             int64_t received_us) noexcept nogil
