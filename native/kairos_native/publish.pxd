# What the writer lets readers see after each commit: a small copy of the tenants' states, guarded
# by a version that is odd while it changes. A reader that sees the same even version before and
# after its copy has a whole one.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.store cimport store_reader
from kairos_native.tenant cimport tenant_state


cdef struct publication:
    uint64_t version
    uint64_t applied_sequence
    tenant_state* tenants           # KAIROS_TENANTS_MAX entries


cdef int32_t publish_open(publication* published) noexcept nogil
cdef void publish_close(publication* published) noexcept nogil
# Publishes every tenant whose `changed` is TENANT_WRITTEN, and the applied position;
# called after the commit.
cdef void publish_write(publication* published, tenant_state* tenants, uint32_t tenant_count,
                        uint64_t applied_sequence) noexcept nogil
# Copies the latest state of one tenant.
cdef void publish_read(const publication* published, uint32_t tenant,
                       tenant_state* state) noexcept nogil
# Begins a read transaction whose snapshot and the tenant's published state are of one commit.
#   Cost:   one transaction renewal and one get; repeats while a commit is being published
#   Errors: STATUS_STORE_ERROR, STATUS_RECORD_CORRUPT
cdef int32_t publish_begin(const publication* published, store_reader* reader, uint16_t partition,
                           uint32_t tenant, tenant_state* state,
                           uint64_t* applied_sequence) noexcept nogil
