"""Counts every allocation that Python makes while a function runs: raw memory,
memory, and objects.
"""


cdef extern from *:
    """
    #include <Python.h>

    static PyMemAllocatorEx counted_below[3];
    static long long counted_calls;
    /* What the allocator of objects does not take itself, large ones, it asks of raw memory: that
     * is one allocation. */
    static __thread int counted_depth;

    static void counted_enter(void) {
        if (counted_depth++ == 0)
            __atomic_add_fetch(&counted_calls, 1, __ATOMIC_RELAXED);
    }
    static void *counted_leave(void *memory) {
        counted_depth--;
        return memory;
    }
    static void *counted_malloc(void *below, size_t size) {
        PyMemAllocatorEx *a = (PyMemAllocatorEx *)below;
        counted_enter();
        return counted_leave(a->malloc(a->ctx, size));
    }
    static void *counted_calloc(void *below, size_t count, size_t size) {
        PyMemAllocatorEx *a = (PyMemAllocatorEx *)below;
        counted_enter();
        return counted_leave(a->calloc(a->ctx, count, size));
    }
    static void *counted_realloc(void *below, void *old, size_t size) {
        PyMemAllocatorEx *a = (PyMemAllocatorEx *)below;
        counted_enter();
        return counted_leave(a->realloc(a->ctx, old, size));
    }
    static void counted_free(void *below, void *old) {
        PyMemAllocatorEx *a = (PyMemAllocatorEx *)below;
        a->free(a->ctx, old);
    }
    static void counted_begin(void) {
        for (int domain = 0; domain < 3; domain++) {
            PyMem_GetAllocator((PyMemAllocatorDomain)domain, &counted_below[domain]);
            PyMemAllocatorEx counting = {
                &counted_below[domain], counted_malloc, counted_calloc, counted_realloc,
                counted_free,
            };
            PyMem_SetAllocator((PyMemAllocatorDomain)domain, &counting);
        }
        counted_calls = 0;
    }
    static long long counted_end(void) {
        long long calls = counted_calls;
        for (int domain = 0; domain < 3; domain++)
            PyMem_SetAllocator((PyMemAllocatorDomain)domain, &counted_below[domain]);
        return calls;
    }
    """
    void counted_begin()
    long long counted_end()


def counted(function):
    """Returns the function's result and how many allocations were made,
    short-lived ones included.
    """
    cdef long long calls
    counted_begin()
    try:
        result = function()
    finally:
        calls = counted_end()
    return result, calls
