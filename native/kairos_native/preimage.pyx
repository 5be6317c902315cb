# Contract in preimage.pxd. Two threads meet here only while a checkpoint is being taken, for the
# time of one copy.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from kairos_native.status cimport STATUS_NO_MEMORY, STATUS_OK
from kairos_native.view cimport output, output_bytes, output_room

cdef extern from *:
    """
    #include <sched.h>
    static inline void kairos_spin_lock(int32_t *lock) {
        while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) sched_yield();
    }
    static inline void kairos_spin_unlock(int32_t *lock) {
        __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
    }
    static inline int32_t kairos_taken(const int32_t *taken) {
        return __atomic_load_n(taken, __ATOMIC_ACQUIRE);
    }
    static inline void kairos_take(int32_t *taken, int32_t value) {
        __atomic_store_n(taken, value, __ATOMIC_RELEASE);
    }
    """
    void kairos_spin_lock(int32_t* lock) noexcept nogil
    void kairos_spin_unlock(int32_t* lock) noexcept nogil
    int32_t kairos_taken(const int32_t* taken) noexcept nogil
    void kairos_take(int32_t* taken, int32_t value) noexcept nogil


cdef bint preimages_taken(const preimages* images) noexcept nogil:
    return kairos_taken(&images.taken) != 0


cdef void preimage_keep(preimages* images, uint64_t sequence, uint32_t database,
                        const uint8_t* key, uint32_t key_size, const void* data,
                        size_t size) noexcept nogil:
    cdef uint32_t sizes[3]
    sizes[0] = database
    sizes[1] = key_size
    sizes[2] = <uint32_t>size if data != NULL else 0
    kairos_spin_lock(&images.locked)
    if images.taken and output_room(&images.entries, 20 + key_size + sizes[2]) == STATUS_OK:
        output_bytes(&images.entries, &sequence, 8)
        output_bytes(&images.entries, sizes, 12)
        output_bytes(&images.entries, key, key_size)
        output_bytes(&images.entries, data, sizes[2])
    elif images.taken:
        images.failed = 1
    kairos_spin_unlock(&images.locked)


cdef void preimages_begin(preimages* images) noexcept nogil:
    kairos_spin_lock(&images.locked)
    images.entries.used = 0
    images.entries.overflow = 0
    images.failed = 0
    kairos_take(&images.taken, 1)
    kairos_spin_unlock(&images.locked)


cdef int32_t preimages_end(preimages* images, output* taken) noexcept nogil:
    cdef output entries
    cdef int32_t status = STATUS_OK
    kairos_spin_lock(&images.locked)
    kairos_take(&images.taken, 0)
    entries = images.entries
    if images.failed:
        status = STATUS_NO_MEMORY
    memset(&images.entries, 0, sizeof(output))
    kairos_spin_unlock(&images.locked)
    if taken != NULL:
        taken[0] = entries
    else:
        free(entries.data)
    return status
