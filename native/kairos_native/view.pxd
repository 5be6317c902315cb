# Declarations of view.h for Cython; contracts stand there.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

cdef extern from "view.h" nogil:
    ctypedef struct arena:
        uint8_t* base
        size_t size
        size_t used

    ctypedef struct output:
        uint8_t* data
        size_t used
        size_t size
        uint32_t overflow

    void* arena_take(arena* memory, size_t size)
    int32_t output_room(output* out, size_t size)
    void output_bytes(output* out, const void* data, size_t size)
    void output_varint(output* out, uint64_t value)
    void output_uint(output* out, uint32_t field, uint64_t value)
    void output_slice(output* out, uint32_t field, const void* data, size_t size)
    void output_double(output* out, uint32_t field, double value)
    size_t varint_size(uint64_t value)
