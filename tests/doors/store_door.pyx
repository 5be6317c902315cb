"""Door to the view: one environment, its write transaction and one reader."""
from libc.stdint cimport int32_t, uint32_t, uint64_t
from kairos_native.store cimport (
    STORE_COUNT, store, store_close, store_delete, store_dirty_size, store_entries, store_figures,
    store_get, store_load, store_open, store_put, store_read_begin, store_read_end, store_reader,
    store_reader_free, store_reader_new, store_reserve, store_seek, store_step, store_value,
    store_write_abort, store_write_begin, store_write_commit, store_write_get,
)
from kairos_native.status cimport STATUS_OK, STATUS_STORE_NOT_FOUND


class StoreError(Exception):
    pass


cdef int check(int32_t status, message=b"") except -1:
    if status != STATUS_OK:
        raise StoreError(status, bytes(message).decode())
    return 0


def load(path: bytes):
    cdef char message[512]
    message[0] = 0
    check(store_load(path, message, 512), <bytes>message)


def dirty_size(count, size):
    return store_dirty_size(count, size)


def database_count():
    return STORE_COUNT


cdef class Store:
    cdef store* view
    cdef store_reader* reader

    def __init__(self, folder: bytes, map_size: int):
        cdef char message[512]
        cdef int32_t status
        message[0] = 0
        self.view = store_open(folder, map_size, &status, message, 512)
        check(status, <bytes>message)
        self.reader = store_reader_new(self.view, &status)
        check(status)

    def close(self):
        store_reader_free(self.reader)
        store_close(self.view)
        self.reader = NULL
        self.view = NULL

    def __dealloc__(self):
        if self.view != NULL:
            self.close()

    def reserve(self, size):
        return store_reserve(self.view, size)

    def begin(self):
        check(store_write_begin(self.view))

    def commit(self):
        check(store_write_commit(self.view))

    def abort(self):
        store_write_abort(self.view)

    def put(self, database, key: bytes, value: bytes):
        check(store_put(self.view, database, <char*>key, len(key), <char*>value, len(value)))

    def delete(self, database, key: bytes):
        cdef int32_t status = store_delete(self.view, database, <char*>key, len(key))
        if status != STATUS_STORE_NOT_FOUND:
            check(status)
        return status == STATUS_OK

    def write_get(self, database, key: bytes):
        cdef store_value value
        cdef int32_t status = store_write_get(self.view, database, <char*>key, len(key), &value)
        if status == STATUS_STORE_NOT_FOUND:
            return None
        check(status)
        return (<const char*>value.data)[:value.size]

    def read_begin(self):
        check(store_read_begin(self.reader))

    def read_end(self):
        store_read_end(self.reader)

    def get(self, database, key: bytes):
        cdef store_value value
        cdef int32_t status = store_get(self.reader, database, <char*>key, len(key), &value)
        if status == STATUS_STORE_NOT_FOUND:
            return None
        check(status)
        return (<const char*>value.data)[:value.size]

    def seek(self, database, key: bytes):
        cdef store_value found, value
        cdef int32_t status = store_seek(self.reader, database, <char*>key, len(key), &found,
                                         &value)
        if status == STATUS_STORE_NOT_FOUND:
            return None
        check(status)
        return (<const char*>found.data)[:found.size], (<const char*>value.data)[:value.size]

    def step(self):
        cdef store_value found, value
        cdef int32_t status = store_step(self.reader, &found, &value)
        if status == STATUS_STORE_NOT_FOUND:
            return None
        check(status)
        return (<const char*>found.data)[:found.size], (<const char*>value.data)[:value.size]

    def entries(self, database):
        return store_entries(self.reader, database)

    def figures(self):
        cdef uint64_t used, mapped
        store_figures(self.view, &used, &mapped)
        return used, mapped

    def random_updates(self, uint64_t count, uint64_t keys, uint32_t size, uint64_t seed):
        """Gets and puts `count` random records of `keys` in one transaction,
        without Python in the loop.
        """
        cdef uint64_t i, key
        cdef store_value value
        cdef char record[4096]
        cdef int32_t status = STATUS_OK
        for i in range(4096):
            record[i] = <char>(i + seed)
        with nogil:
            status = store_reserve(self.view, store_dirty_size(count, count * size))
            if status == STATUS_OK:
                status = store_write_begin(self.view)
            for i in range(count):
                seed = seed * <uint64_t>6364136223846793005 + <uint64_t>1442695040888963407
                key = (seed >> 33) % keys * <uint64_t>0x9E3779B97F4A7C15
                if status != STATUS_OK:
                    break
                status = store_write_get(self.view, 1, &key, 8, &value)
                if status == STATUS_STORE_NOT_FOUND:
                    status = STATUS_OK
                elif value.size != size:
                    status = -1
                if status == STATUS_OK:
                    status = store_put(self.view, 1, &key, 8, record, size)
            if status == STATUS_OK:
                status = store_write_commit(self.view)
        check(status)
