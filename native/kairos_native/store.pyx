# The view: LMDB through the engine that the lmdb wheel carries. See docs/adr/0004-view-on-lmdb.md.
#
# The wheel's extension module exports LMDB 0.9 under the prefix mdb09_. Resolving those symbols
# keeps one copy of the engine in the process (two copies would drop each other's POSIX locks) and
# takes the wheel's hardening against damaged files.
#
# WRITEMAP writes straight into the memory map of a sparse file. A page without disk blocks that
# meets a full disk is a SIGBUS, so every page that a transaction can dirty has blocks before the
# transaction begins: store_reserve allocates ahead of the last page.
from libc.errno cimport EINTR, EINVAL, ENOSPC, EDQUOT, EOPNOTSUPP
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport strerror, strlen
from kairos_native.status cimport (
    STATUS_DISK_FULL, STATUS_MAP_FULL, STATUS_NO_MEMORY, STATUS_OK, STATUS_STORE_ERROR,
    STATUS_STORE_NOT_FOUND,
)

cdef extern from "<fcntl.h>" nogil:
    int posix_fallocate(int fd, int64_t offset, int64_t size)
    int open(const char* path, int flags, int mode)
    int O_RDWR
    int O_CREAT
    int O_CLOEXEC

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef extern from "<sys/stat.h>" nogil:
    cdef struct stat_result "stat":
        uint64_t st_dev
        uint64_t st_ino
    int stat_path "stat"(const char* path, stat_result* result)

include "store_engine.pxi"


cdef enum:
    STORE_FLAGS = MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_NOTLS | MDB_NORDAHEAD
    STORE_READERS_MAX = 1024
    STORE_KEY_SIZE_MAX = 511            # LMDB's compiled-in limit
    STORE_PATH_SIZE_MAX = 4096
    STORE_LOCK_SIZE = 73728             # header, STORE_READERS_MAX slots of 64 bytes, and room
    STORE_FILE_MODE = 0o640
    STORE_ALLOCATION_STEP = 67108864    # 64 MiB at a time: most commits allocate nothing
    STORE_HEADROOM = 8388608            # beyond the values: free list, splits, branch pages

cdef struct store:
    void* env
    void* txn                       # the open write transaction, or NULL
    store* following                # next open environment of this process
    uint64_t map_size
    uint64_t page_size
    uint64_t allocated              # bytes from the start of data.mdb that have disk blocks
    uint64_t device
    uint64_t inode
    int data_fd                     # owned by the environment
    unsigned int databases[STORE_COUNT]

cdef struct store_reader:
    store* view
    void* txn                       # reset between reads, so that it holds no snapshot
    void* cursors[STORE_COUNT]      # opened when first used, renewed once in each read
    uint32_t renewed                # bit d: cursors[d] belongs to this read
    uint32_t current                # database of the last seek; STORE_COUNT: none in this read
    uint32_t active

# LMDB's locks break when a process opens one environment twice; opens and closes are serialized by
# the caller.
cdef store* opened = NULL


cdef int32_t store_status(int code) noexcept nogil:
    if code == 0:
        return STATUS_OK
    if code == MDB_NOTFOUND:
        return STATUS_STORE_NOT_FOUND
    if code == MDB_MAP_FULL:
        return STATUS_MAP_FULL
    if code == ENOSPC:
        return STATUS_DISK_FULL
    return STATUS_STORE_ERROR


cdef int allocate(int fd, uint64_t offset, uint64_t size) noexcept nogil:
    # posix_fallocate returns its error and may be interrupted by a signal without having failed.
    cdef int code
    while True:
        code = posix_fallocate(fd, <int64_t>offset, <int64_t>size)
        if code != EINTR:
            return code


cdef int32_t open_lock_file(const char* folder, char* message,
                            uint32_t message_size) noexcept nogil:
    # LMDB maps lock.mdb shared and writes to it, so it needs blocks as well. Closing a descriptor
    # of a file drops all POSIX locks that the process holds on it: this must happen before the
    # environment is opened.
    cdef char path[STORE_PATH_SIZE_MAX]
    cdef int fd, code
    snprintf(path, sizeof(path), "%s/lock.mdb", folder)
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, STORE_FILE_MODE)
    if fd < 0:
        snprintf(message, message_size, "cannot open %s for writing", path)
        return STATUS_STORE_ERROR
    code = allocate(fd, 0, STORE_LOCK_SIZE)
    close(fd)
    if code:
        snprintf(message, message_size, "cannot allocate %s: %s", path, strerror(code))
        return STATUS_DISK_FULL if code == ENOSPC or code == EDQUOT else STATUS_STORE_ERROR
    return STATUS_OK


cdef int open_databases(store* view) noexcept nogil:
    cdef const char** names = ["meta", "subjects", "identities", "documents", "plans", "timers",
                               "outbox", "dead", "producers", "history", "counters"]
    cdef void* txn = NULL
    cdef uint32_t i
    cdef int code = mdb.txn_begin(view.env, NULL, 0, &txn)
    if code:
        return code
    for i in range(STORE_COUNT):
        code = mdb.dbi_open(txn, names[i], MDB_CREATE, &view.databases[i])
        if code:
            mdb.txn_abort(txn)
            return code
    return mdb.txn_commit(txn)


cdef int open_environment(store* view, const char* folder) noexcept nogil:
    # NORDAHEAD: look-ups are random, and reading ahead evicts pages that are in use. NOTLS: a
    # reader belongs to its store_reader, not to the thread.
    cdef mdb_statistics statistics
    cdef int dead = 0
    cdef int code = mdb.env_create(&view.env)
    if code:
        view.env = NULL
        return code
    code = mdb.env_set_mapsize(view.env, view.map_size)
    if code == 0:
        code = mdb.env_set_maxdbs(view.env, STORE_COUNT)
    if code == 0:
        code = mdb.env_set_maxreaders(view.env, STORE_READERS_MAX)
    if code == 0:
        code = mdb.env_open(view.env, folder, STORE_FLAGS, STORE_FILE_MODE)
    if code == 0:
        code = mdb.env_get_fd(view.env, &view.data_fd)
    if code == 0:
        code = mdb.reader_check(view.env, &dead)
    if code == 0:
        code = mdb.env_stat(view.env, &statistics)
        view.page_size = statistics.page_size
    return code


cdef store* store_open(const char* folder, uint64_t map_size, int32_t* status, char* message,
                       uint32_t message_size) noexcept nogil:
    global opened
    cdef stat_result identity
    cdef store* other
    cdef store* view
    cdef const char* reason = "the disk or the map is full"
    cdef int code
    status[0] = STATUS_STORE_ERROR
    if (not mdb_loaded or strlen(folder) > STORE_PATH_SIZE_MAX - 16
            or stat_path(folder, &identity) != 0):
        snprintf(message, message_size, "cannot open the view: no folder %s", folder)
        return NULL
    other = opened
    while other != NULL:
        if other.device == identity.st_dev and other.inode == identity.st_ino:
            snprintf(message, message_size, "the view %s is open in this process already", folder)
            return NULL
        other = other.following
    status[0] = open_lock_file(folder, message, message_size)
    if status[0] != STATUS_OK:
        return NULL
    view = <store*>calloc(1, sizeof(store))
    if view == NULL:
        status[0] = STATUS_NO_MEMORY
        return NULL
    view.device = identity.st_dev
    view.inode = identity.st_ino
    view.map_size = map_size
    view.following = opened
    opened = view
    code = open_environment(view, folder)
    status[0] = store_status(code)
    if status[0] == STATUS_OK:
        status[0] = store_reserve(view, 0)
    if status[0] == STATUS_OK:
        code = open_databases(view)
        status[0] = store_status(code)
    if status[0] != STATUS_OK:
        if code:
            reason = mdb.strerror(code)
        snprintf(message, message_size, "cannot open the view %s: %s", folder, reason)
        store_close(view)
        return NULL
    return view


cdef void store_close(store* view) noexcept nogil:
    global opened
    cdef store** link = &opened
    if view == NULL:
        return
    if view.txn != NULL:
        mdb.txn_abort(view.txn)
    if view.env != NULL:
        mdb.env_close(view.env)
    while link[0] != NULL and link[0] != view:
        link = &link[0].following
    if link[0] == view:
        link[0] = view.following
    free(view)


cdef int32_t store_reserve(store* view, uint64_t size) noexcept nogil:
    # Pages up to the last one have blocks already; new pages come after it. Pages on the free list
    # are not counted: a refusal may come early, never late.
    cdef mdb_envinfo info
    cdef uint64_t needed, target
    cdef int code
    if mdb.env_info(view.env, &info):
        return STATUS_STORE_ERROR
    view.map_size = info.map_size
    if size > view.map_size:
        return STATUS_MAP_FULL
    needed = (info.page_last + 1) * view.page_size + size + STORE_HEADROOM
    if needed > view.map_size:
        return STATUS_MAP_FULL
    if needed <= view.allocated:
        return STATUS_OK
    target = (needed + STORE_ALLOCATION_STEP - 1) // STORE_ALLOCATION_STEP * STORE_ALLOCATION_STEP
    if target > view.map_size:
        target = view.map_size
    code = allocate(view.data_fd, view.allocated, target - view.allocated)
    if code == ENOSPC or code == EDQUOT:
        # Not a whole step is left: what this commit needs may still fit.
        target = needed
        code = allocate(view.data_fd, view.allocated, target - view.allocated)
    if code == ENOSPC or code == EDQUOT:
        return STATUS_DISK_FULL
    if code:
        return STATUS_STORE_ERROR
    view.allocated = target
    return STATUS_OK


cdef int32_t store_write_begin(store* view) noexcept nogil:
    if view.txn != NULL:
        return STATUS_STORE_ERROR
    return store_status(mdb.txn_begin(view.env, NULL, 0, &view.txn))


cdef int32_t store_write_commit(store* view) noexcept nogil:
    # The engine frees the transaction whether or not the commit succeeds.
    cdef void* txn = view.txn
    if txn == NULL:
        return STATUS_STORE_ERROR
    view.txn = NULL
    return store_status(mdb.txn_commit(txn))


cdef void store_write_abort(store* view) noexcept nogil:
    if view.txn != NULL:
        mdb.txn_abort(view.txn)
        view.txn = NULL


cdef inline int32_t store_get_in(store* view, void* txn, uint32_t database, const void* key,
                                 uint32_t key_size, store_value* value) noexcept nogil:
    cdef mdb_value name, found
    cdef int code
    value.data = NULL
    value.size = 0
    if txn == NULL or database >= STORE_COUNT or key_size == 0 or key_size > STORE_KEY_SIZE_MAX:
        return STATUS_STORE_ERROR
    name.size = key_size
    name.data = <void*>key
    code = mdb.get(txn, view.databases[database], &name, &found)
    if code:
        return store_status(code)
    value.data = <const uint8_t*>found.data
    value.size = found.size
    return STATUS_OK


cdef int32_t store_write_get(store* view, uint32_t database, const void* key, uint32_t key_size,
                             store_value* value) noexcept nogil:
    return store_get_in(view, view.txn, database, key, key_size, value)


cdef int32_t store_put(store* view, uint32_t database, const void* key, uint32_t key_size,
                       const void* data, size_t size) noexcept nogil:
    cdef mdb_value name, content
    if (view.txn == NULL or database >= STORE_COUNT or key_size == 0
            or key_size > STORE_KEY_SIZE_MAX):
        return STATUS_STORE_ERROR
    name.size = key_size
    name.data = <void*>key
    content.size = size
    content.data = <void*>data
    return store_status(mdb.put(view.txn, view.databases[database], &name, &content, 0))


cdef int32_t store_delete(store* view, uint32_t database, const void* key,
                          uint32_t key_size) noexcept nogil:
    cdef mdb_value name
    if (view.txn == NULL or database >= STORE_COUNT or key_size == 0
            or key_size > STORE_KEY_SIZE_MAX):
        return STATUS_STORE_ERROR
    name.size = key_size
    name.data = <void*>key
    return store_status(mdb.delete(view.txn, view.databases[database], &name, NULL))


cdef store_reader* store_reader_new(store* view, int32_t* status) noexcept nogil:
    cdef store_reader* reader = <store_reader*>calloc(1, sizeof(store_reader))
    if reader == NULL:
        status[0] = STATUS_NO_MEMORY
        return NULL
    reader.view = view
    status[0] = store_status(mdb.txn_begin(view.env, NULL, MDB_RDONLY, &reader.txn))
    if status[0] != STATUS_OK:
        free(reader)
        return NULL
    mdb.txn_reset(reader.txn)
    return reader


cdef void store_reader_free(store_reader* reader) noexcept nogil:
    cdef uint32_t i
    if reader == NULL:
        return
    for i in range(STORE_COUNT):
        if reader.cursors[i] != NULL:
            mdb.cursor_close(reader.cursors[i])
    mdb.txn_abort(reader.txn)
    free(reader)


cdef int32_t store_read_begin(store_reader* reader) noexcept nogil:
    cdef int32_t status
    if reader.active:
        return STATUS_STORE_ERROR
    status = store_status(mdb.txn_renew(reader.txn))
    reader.active = status == STATUS_OK
    reader.renewed = 0
    reader.current = STORE_COUNT
    return status


cdef void store_read_end(store_reader* reader) noexcept nogil:
    if reader.active:
        mdb.txn_reset(reader.txn)
        reader.active = 0


cdef int32_t store_get(store_reader* reader, uint32_t database, const void* key, uint32_t key_size,
                       store_value* value) noexcept nogil:
    return store_get_in(reader.view, reader.txn if reader.active else NULL, database, key, key_size,
                        value)


cdef int32_t store_move(store_reader* reader, int operation, mdb_value* name,
                        store_value* found_key, store_value* value) noexcept nogil:
    cdef mdb_value found
    cdef int code = mdb.cursor_get(reader.cursors[reader.current], name, &found, operation)
    if code:
        reader.current = STORE_COUNT
        return store_status(code)
    found_key.data = <const uint8_t*>name.data
    found_key.size = name.size
    value.data = <const uint8_t*>found.data
    value.size = found.size
    return STATUS_OK


cdef int32_t store_seek(store_reader* reader, uint32_t database, const void* key, uint32_t key_size,
                        store_value* found_key, store_value* value) noexcept nogil:
    cdef mdb_value name
    cdef int code = 0
    if (not reader.active or database >= STORE_COUNT or key_size == 0
            or key_size > STORE_KEY_SIZE_MAX):
        return STATUS_STORE_ERROR
    if reader.cursors[database] == NULL:
        code = mdb.cursor_open(reader.txn, reader.view.databases[database],
                               &reader.cursors[database])
    elif not reader.renewed >> database & 1:
        code = mdb.cursor_renew(reader.txn, reader.cursors[database])
    if code:
        return store_status(code)
    reader.renewed |= <uint32_t>1 << database
    reader.current = database
    name.size = key_size
    name.data = <void*>key
    return store_move(reader, MDB_SET_RANGE, &name, found_key, value)


cdef int32_t store_step(store_reader* reader, store_value* found_key,
                        store_value* value) noexcept nogil:
    cdef mdb_value name
    if not reader.active or reader.current >= STORE_COUNT:
        return STATUS_STORE_NOT_FOUND
    return store_move(reader, MDB_NEXT, &name, found_key, value)


cdef void store_figures(store* view, uint64_t* used, uint64_t* mapped) noexcept nogil:
    cdef mdb_envinfo info
    used[0] = 0
    mapped[0] = view.map_size
    if mdb.env_info(view.env, &info) == 0:
        used[0] = (info.page_last + 1) * view.page_size


cdef uint64_t store_entries(store_reader* reader, uint32_t database) noexcept nogil:
    cdef mdb_statistics statistics
    if not reader.active or database >= STORE_COUNT:
        return 0
    if mdb.stat(reader.txn, reader.view.databases[database], &statistics):
        return 0
    return statistics.entries
