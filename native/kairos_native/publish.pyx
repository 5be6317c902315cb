# Contract in publish.pxd.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from kairos_native.keys cimport META_KEY_SIZE_MAX, STORED_SIZE, meta_key, stored_valid
from kairos_native.limits cimport KAIROS_TENANTS_MAX
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.tenant cimport TENANT_SAME, TENANT_WRITTEN, tenant_state


cdef extern from *:
    """
    #include <sched.h>
    static inline uint64_t kairos_acquire(const uint64_t *p) {
        return __atomic_load_n(p, __ATOMIC_ACQUIRE);
    }
    static inline void kairos_release(uint64_t *p, uint64_t v) {
        __atomic_store_n(p, v, __ATOMIC_RELEASE);
    }
    static inline void kairos_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
    """
    uint64_t kairos_acquire(const uint64_t* p) noexcept nogil
    void kairos_release(uint64_t* p, uint64_t v) noexcept nogil
    void kairos_fence() noexcept nogil
    int sched_yield() noexcept nogil


cdef int32_t publish_open(publication* published) noexcept nogil:
    published.tenants = <tenant_state*>calloc(KAIROS_TENANTS_MAX, sizeof(tenant_state))
    return STATUS_OK if published.tenants != NULL else STATUS_NO_MEMORY


cdef void publish_close(publication* published) noexcept nogil:
    free(published.tenants)
    published.tenants = NULL


cdef void publish_write(publication* published, tenant_state* tenants, uint32_t tenant_count,
                        uint64_t applied_sequence) noexcept nogil:
    cdef uint64_t version = published.version
    cdef uint32_t i
    kairos_release(&published.version, version + 1)
    kairos_fence()
    published.applied_sequence = applied_sequence
    for i in range(tenant_count):
        if tenants[i].changed == TENANT_WRITTEN:
            tenants[i].changed = TENANT_SAME
            published.tenants[i] = tenants[i]
    kairos_release(&published.version, version + 2)


cdef uint64_t publish_copy(const publication* published, uint32_t tenant,
                           tenant_state* state) noexcept nogil:
    cdef uint64_t version, applied_sequence
    while True:
        version = kairos_acquire(&published.version)
        if version & 1:
            sched_yield()
            continue
        memcpy(state, &published.tenants[tenant], sizeof(tenant_state))
        applied_sequence = published.applied_sequence
        kairos_fence()
        if kairos_acquire(&published.version) == version:
            return applied_sequence


cdef void publish_read(const publication* published, uint32_t tenant,
                       tenant_state* state) noexcept nogil:
    publish_copy(published, tenant, state)


cdef int32_t publish_begin(const publication* published, store_reader* reader, uint16_t partition,
                           uint32_t tenant, tenant_state* state,
                           uint64_t* applied_sequence) noexcept nogil:
    cdef uint8_t key[META_KEY_SIZE_MAX]
    cdef uint32_t key_size = meta_key(key, partition, 0, b"applied")
    cdef store_value value
    cdef uint64_t applied
    cdef int32_t status
    while True:
        status = store_read_begin(reader)
        if status != STATUS_OK:
            return status
        status = store_get(reader, STORE_META, key, key_size, &value)
        if status == STATUS_OK and not stored_valid(value.data, value.size):
            status = STATUS_RECORD_CORRUPT
        if status != STATUS_OK:
            store_read_end(reader)
            return status
        memcpy(&applied, value.data + STORED_SIZE, 8)
        if publish_copy(published, tenant, state) == applied:
            applied_sequence[0] = applied
            return STATUS_OK
        # The writer stands between its commit and its publication.
        store_read_end(reader)
        sched_yield()
