"""Door to the log: a writer and readers."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from kairos_native.layout cimport kairos_frame
from kairos_native.log cimport (
    log_append, log_begin_epoch, log_bytes_cut, log_close, log_drop_before, log_epoch, log_figures,
    log_next, log_open, log_read_from, log_read_limit, log_reader, log_reader_close,
    log_reader_message, log_received_last, log_record, log_reserve, log_sequence_last, log_writer,
)
from kairos_native.status cimport STATUS_LOG_END, STATUS_OK


class LogError(Exception):
    pass


cdef class Log:
    cdef log_writer* log

    def __init__(self, folder: bytes, segment_size=1 << 16, partition=0):
        cdef char message[8192]
        cdef int32_t status
        self.log = log_open(folder, partition, segment_size, &status, message, 8192)
        if status != STATUS_OK:
            raise LogError(status, (<bytes>message).decode())

    def close(self):
        log_close(self.log)
        self.log = NULL

    def __dealloc__(self):
        self.close()

    def reserve(self, count, size):
        return log_reserve(self.log, count, size)

    def append(self, records):
        """Appends (payload, received_us, …) records; returns (status, sequences)."""
        cdef uint32_t count = len(records)
        cdef log_record* target = <log_record*>calloc(count + 1, sizeof(log_record))
        cdef int32_t status
        for i, record in enumerate(records):
            payload = record.payload
            target[i].payload = <const uint8_t*><char*>payload
            target[i].payload_size = len(payload)
            target[i].received_us = record.received_us
            target[i].occurred_us = record.occurred_us
            target[i].tenant = record.tenant
            target[i].key_id = record.key_id
            target[i].kind = record.kind
            target[i].flags = record.flags
            memcpy(target[i].subject_id, <char*>record.subject_id, 16)
        with nogil:
            status = log_append(self.log, target, count)
        sequences = [(target[i].sequence, target[i].received_us) for i in range(count)]
        free(target)
        return status, sequences

    def begin_epoch(self, now_us=0):
        return log_begin_epoch(self.log, now_us)

    def drop_before(self, sequence):
        return log_drop_before(self.log, sequence)

    def append_same(self, uint32_t count, uint32_t size, uint32_t commits):
        """Appends `commits` group commits of `count` records of `size` bytes without
        Python in the loop.
        """
        cdef log_record* records = <log_record*>calloc(count, sizeof(log_record))
        cdef uint8_t* payload = <uint8_t*>calloc(size, 1)
        cdef int32_t status = STATUS_OK
        cdef uint32_t i, j
        with nogil:
            for i in range(count):
                records[i].payload = payload
                records[i].payload_size = size
                records[i].kind = 2
            for j in range(commits):
                status = log_append(self.log, records, count)
                if status != STATUS_OK:
                    break
        free(records)
        free(payload)
        return status

    @property
    def state(self):
        return log_sequence_last(self.log), log_received_last(self.log), log_epoch(self.log)

    @property
    def bytes_cut(self):
        return log_bytes_cut(self.log)

    @property
    def figures(self):
        cdef uint64_t size, syncs, sync_ns, segments
        log_figures(self.log, &size, &syncs, &sync_ns, &segments)
        return size, syncs, sync_ns, segments


cdef class Reader:
    cdef log_reader* reader

    def __init__(self, folder: bytes, sequence=1, partition=0):
        cdef int32_t status
        self.reader = log_read_from(folder, partition, sequence, &status)
        if status != STATUS_OK:
            raise LogError(status, "cannot read")

    def __dealloc__(self):
        log_reader_close(self.reader)

    def limit(self, sequence_last):
        log_read_limit(self.reader, sequence_last)

    def next(self):
        """One frame as the fields of reference.log_format.Frame, or None at the end."""
        cdef const kairos_frame* frame
        cdef const uint8_t* payload
        cdef int32_t status
        with nogil:
            status = log_next(self.reader, &frame, &payload)
        if status == STATUS_LOG_END:
            return None
        if status != STATUS_OK:
            raise LogError(status, log_reader_message(self.reader).decode())
        return (frame.sequence, (<const char*>payload)[:frame.payload_size], frame.batch_index,
                frame.writer_epoch, frame.kind, frame.occurred_us, frame.received_us,
                (<const char*>frame.subject_id)[:16], frame.tenant, frame.key_id, frame.flags,
                frame.partition, frame.semantics_version)

    def all(self):
        frames = []
        while True:
            frame = self.next()
            if frame is None:
                return frames
            frames.append(frame)

    def count(self):
        """Reads to the end without Python in the loop; returns the number of frames."""
        cdef const kairos_frame* frame
        cdef const uint8_t* payload
        cdef int32_t status = STATUS_OK
        cdef uint64_t count = 0
        with nogil:
            while status == STATUS_OK:
                status = log_next(self.reader, &frame, &payload)
                count += status == STATUS_OK
        return count
