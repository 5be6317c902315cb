# Ranges of the view as chunks of entries, { uint32 key_size, uint32 value_size, key, value } each;
# see checkpoints.py.
from libc.stdint cimport int32_t, uint32_t
from kairos_native.store cimport store, store_reader
from kairos_native.view cimport output


# Copies entries from `key` on until the chunk is full, the time is up or the database ends.
# One read transaction.
#   Shapes: key[key_size] is replaced by the key to go on with (at most 511 bytes); key_size 0:
#           the database ended
#   Bounds: about 4 MiB and 25 ms, so that the transaction stays short; `whole`:
#           the database in one transaction
cdef int32_t checkpoint_range(store_reader* reader, uint32_t database, bint whole,
                              unsigned char* key, uint32_t* key_size, output* chunk,
                              uint32_t* count) noexcept nogil
# The same inside a read transaction that the caller began.
cdef int32_t checkpoint_take(store_reader* reader, uint32_t database, bint whole,
                             unsigned char* key, uint32_t* key_size, output* chunk,
                             uint32_t* count) noexcept nogil
# Copies the records of the members of groups, each group whole, so that its records are of one
# moment.
#   Shapes: key[511]: of the group in IDENTITIES to go on with; as in checkpoint_range
cdef int32_t checkpoint_groups(store_reader* reader, unsigned char* key, uint32_t* key_size,
                               output* chunk, uint32_t* count) noexcept nogil
# Drops the entries of a chunk from the first one with a key >= `key` on; returns how many are left.
cdef uint32_t checkpoint_cut(output* chunk, const unsigned char* key,
                             uint32_t key_size) noexcept nogil
# Puts a chunk's entries, inside the write transaction; an entry without a value is removed.
cdef int32_t checkpoint_put(store* view, uint32_t database, const unsigned char* data,
                            size_t size) noexcept nogil
