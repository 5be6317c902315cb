# Entries of the view as they were before a link, or the removal of one, changed what they mean:
# kept while a checkpoint is being taken. Why a checkpoint needs them: docs/adr/0019-identities.md.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from kairos_native.view cimport output


# Each entry stands behind the sequence of the log record that changed it (uint64), its database,
# and the sizes of key and value (uint32 each).
cdef struct preimages:
    output entries
    int32_t taken               # 1: a checkpoint is being taken
    int32_t locked
    uint32_t failed             # 1: there was no memory; the checkpoint must be given up
    uint32_t reserved


# True while a checkpoint is being taken: the writer asks before it looks anything up.
cdef bint preimages_taken(const preimages* images) noexcept nogil
# Keeps an entry; `data` NULL: there is none. Of the writer's thread.
cdef void preimage_keep(preimages* images, uint64_t sequence, uint32_t database,
                        const uint8_t* key, uint32_t key_size, const void* data,
                        size_t size) noexcept nogil
# Begins to keep entries; ends it and hands them over, or throws them away (`taken` NULL). Of the
# checkpoint's thread.
#   Owns:   the caller frees taken.data
#   Errors: STATUS_NO_MEMORY: some entry is missing
cdef void preimages_begin(preimages* images) noexcept nogil
cdef int32_t preimages_end(preimages* images, output* taken) noexcept nogil
