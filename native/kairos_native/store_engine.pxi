# The entry points of LMDB 0.9 inside the lmdb wheel, and the parts of lmdb.h that the view uses.
# Part of store.pyx.
cdef extern from "<dlfcn.h>" nogil:
    void* dlopen(const char* path, int flags)
    void* dlsym(void* handle, const char* name)
    const char* dlerror()
    int RTLD_NOW
    int RTLD_LOCAL


# From lmdb.h of 0.9; the numbers are part of its stable interface.
cdef enum:
    MDB_NOSYNC = 0x10000
    MDB_RDONLY = 0x20000
    MDB_NOMETASYNC = 0x40000
    MDB_WRITEMAP = 0x80000
    MDB_NOTLS = 0x200000
    MDB_NORDAHEAD = 0x800000
    MDB_CREATE = 0x40000
    MDB_NEXT = 8
    MDB_SET_RANGE = 17
    MDB_NOTFOUND = -30798
    MDB_MAP_FULL = -30792

cdef struct mdb_value:
    size_t size
    void* data

cdef struct mdb_envinfo:
    void* map_address
    size_t map_size
    size_t page_last
    size_t txn_id_last
    unsigned int readers_max
    unsigned int readers_used

cdef struct mdb_statistics:
    unsigned int page_size
    unsigned int depth
    size_t branch_pages
    size_t leaf_pages
    size_t overflow_pages
    size_t entries

# The engine's entry points, resolved once by store_load; read only from then on.
cdef struct engine_calls:
    const char* (*version)(int*, int*, int*) noexcept nogil
    const char* (*strerror)(int) noexcept nogil
    int (*env_create)(void**) noexcept nogil
    void (*env_close)(void*) noexcept nogil
    int (*env_set_mapsize)(void*, size_t) noexcept nogil
    int (*env_set_maxdbs)(void*, unsigned int) noexcept nogil
    int (*env_set_maxreaders)(void*, unsigned int) noexcept nogil
    int (*env_open)(void*, const char*, unsigned int, unsigned int) noexcept nogil
    int (*env_get_fd)(void*, int*) noexcept nogil
    int (*env_info)(void*, mdb_envinfo*) noexcept nogil
    int (*env_stat)(void*, mdb_statistics*) noexcept nogil
    int (*reader_check)(void*, int*) noexcept nogil
    int (*txn_begin)(void*, void*, unsigned int, void**) noexcept nogil
    int (*txn_commit)(void*) noexcept nogil
    void (*txn_abort)(void*) noexcept nogil
    void (*txn_reset)(void*) noexcept nogil
    int (*txn_renew)(void*) noexcept nogil
    int (*dbi_open)(void*, const char*, unsigned int, unsigned int*) noexcept nogil
    int (*get)(void*, unsigned int, mdb_value*, mdb_value*) noexcept nogil
    int (*put)(void*, unsigned int, mdb_value*, mdb_value*, unsigned int) noexcept nogil
    int (*delete)(void*, unsigned int, mdb_value*, mdb_value*) noexcept nogil
    int (*stat)(void*, unsigned int, mdb_statistics*) noexcept nogil
    int (*cursor_open)(void*, unsigned int, void**) noexcept nogil
    int (*cursor_renew)(void*, void*) noexcept nogil
    void (*cursor_close)(void*) noexcept nogil
    int (*cursor_get)(void*, mdb_value*, mdb_value*, int) noexcept nogil

cdef engine_calls mdb
cdef int32_t mdb_loaded = 0


cdef int32_t load_symbol(void* library, const char* name, void** result, char* message,
                         uint32_t message_size) noexcept nogil:
    result[0] = dlsym(library, name)
    if result[0] == NULL:
        snprintf(message, message_size, "the lmdb package has no symbol %s; install lmdb 3.0.0",
                 name)
        return STATUS_STORE_ERROR
    return STATUS_OK


cdef int32_t store_load(const char* library_path, char* message,
                        uint32_t message_size) noexcept nogil:
    global mdb_loaded
    cdef int major = 0, minor = 0, patch = 0
    cdef void* library
    cdef const char** names = [
        "mdb09_version", "mdb09_strerror", "mdb09_env_create", "mdb09_env_close",
        "mdb09_env_set_mapsize", "mdb09_env_set_maxdbs", "mdb09_env_set_maxreaders",
        "mdb09_env_open", "mdb09_env_get_fd", "mdb09_env_info", "mdb09_env_stat",
        "mdb09_reader_check", "mdb09_txn_begin", "mdb09_txn_commit", "mdb09_txn_abort",
        "mdb09_txn_reset", "mdb09_txn_renew", "mdb09_dbi_open", "mdb09_get", "mdb09_put",
        "mdb09_del", "mdb09_stat", "mdb09_cursor_open", "mdb09_cursor_renew", "mdb09_cursor_close",
        "mdb09_cursor_get"]
    cdef void** slots = <void**>&mdb
    cdef size_t i
    if mdb_loaded:
        return STATUS_OK
    library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL)
    if library == NULL:
        snprintf(message, message_size, "cannot load the lmdb package: %s", dlerror())
        return STATUS_STORE_ERROR
    # Every member of engine_calls is one function pointer, in the order of the names.
    for i in range(sizeof(engine_calls) // sizeof(void*)):
        if load_symbol(library, names[i], &slots[i], message, message_size) != STATUS_OK:
            return STATUS_STORE_ERROR
    mdb.version(&major, &minor, &patch)
    if major != 0 or minor != 9:
        snprintf(message, message_size, "the lmdb package holds LMDB %d.%d.%d; the view needs 0.9",
                 major, minor, patch)
        return STATUS_STORE_ERROR
    mdb_loaded = 1
    return STATUS_OK
