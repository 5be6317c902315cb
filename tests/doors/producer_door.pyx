"""Door to the numbers of producers: an environment of its own, its transactions, its windows."""
from libc.stdint cimport int32_t, uint32_t, uint64_t

from kairos_native.producer cimport (
    PRODUCER_WINDOW, PRODUCERS_KEPT, producer_note, producers, producers_changed, producers_close,
    producers_flush, producers_forget, producers_open,
)
from kairos_native.status cimport STATUS_OK, STATUS_RECORD_CORRUPT
from kairos_native.store cimport (
    STORE_PRODUCERS, store, store_close, store_open, store_put, store_read_begin, store_read_end,
    store_reader, store_reader_free, store_reader_new, store_reserve, store_seek, store_step,
    store_value, store_write_abort, store_write_begin, store_write_commit,
)

WINDOW = PRODUCER_WINDOW
KEPT = PRODUCERS_KEPT
RECORD_CORRUPT = STATUS_RECORD_CORRUPT


class ProducerError(Exception):
    pass


cdef int check(int32_t status) except -1:
    if status != STATUS_OK:
        raise ProducerError(status)
    return 0


cdef class Producers:
    cdef store* view
    cdef producers* table

    def __init__(self, folder: bytes, partition: int = 0):
        cdef char message[512]
        cdef int32_t status
        self.view = store_open(folder, 1 << 28, &status, message, 512)
        check(status)
        self.table = producers_open(self.view, partition)

    def close(self):
        producers_close(self.table)
        store_close(self.view)
        self.table = NULL
        self.view = NULL

    def __dealloc__(self):
        if self.view != NULL:
            self.close()

    def begin(self):
        check(store_reserve(self.view, 64 << 20))
        check(store_write_begin(self.view))

    def note(self, tenant, hash_key: bytes, producer: bytes, number, sequence):
        found = producer_note(self.table, tenant, <const unsigned char*><char*>hash_key,
                              <const unsigned char*><char*>producer, len(producer), number,
                              sequence)
        if found < 0:
            raise ProducerError(-found)
        return found == 1

    def changed(self):
        return producers_changed(self.table)

    def commit(self):
        check(producers_flush(self.table))
        check(store_write_commit(self.view))

    def abort(self):
        store_write_abort(self.view)
        producers_forget(self.table)

    def put(self, key: bytes, value: bytes):
        check(store_put(self.view, STORE_PRODUCERS, <char*>key, len(key), <char*>value, len(value)))

    def entries(self):
        """(key, value) of every window in the view."""
        cdef store_value found, value
        cdef int32_t status = STATUS_OK
        cdef store_reader* reader = store_reader_new(self.view, &status)
        check(status)
        entries = []
        check(store_read_begin(reader))
        status = store_seek(reader, STORE_PRODUCERS, b"\0", 1, &found, &value)
        while status == STATUS_OK:
            entries.append(((<char*>found.data)[:found.size], (<char*>value.data)[:value.size]))
            status = store_step(reader, &found, &value)
        store_read_end(reader)
        store_reader_free(reader)
        return entries

    def note_many(self, uint32_t producer_count, uint64_t count, uint64_t sequence):
        """Notes `count` numbers of each of some producers by turns, without Python in the loop."""
        cdef uint64_t i, known
        cdef uint32_t j
        cdef int32_t found = 0
        cdef unsigned char[16] hash_key
        for j in range(16):
            hash_key[j] = 7
        with nogil:
            for i in range(count):
                for j in range(producer_count):
                    known = <uint64_t>j * <uint64_t>0x9E3779B97F4A7C15
                    sequence += 1
                    found = producer_note(self.table, 1, hash_key, <const unsigned char*>&known, 8,
                                          i + 1, sequence)
                    if found != 0:
                        break
        return found
