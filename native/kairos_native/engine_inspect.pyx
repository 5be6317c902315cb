"""The core looked at from outside: frames of a log without an engine, the kernel of this machine.

The second door between Python and the core; it writes nothing and takes no lock, so that it may
stand beside a running server.
"""

import os

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint64_t

from kairos_native.layout cimport *
from kairos_native.log cimport *
from kairos_native.match cimport match_kernel_best
from kairos_native.status cimport *

cdef enum:
    # frames of one call into the core: bounds memory, and how late Ctrl-C is heard
    FRAMES_PER_TURN = 1024

# By number; native/kairos_native/match.h.
KERNELS = ("portable", "avx2", "avx512")
KINDS = {
    FRAME_EPOCH: "epoch", FRAME_EVENT: "event", FRAME_DOCUMENTS: "documents",
    FRAME_ACTIVATION: "activation", FRAME_DECISION: "decision", FRAME_SKIP: "skip",
    FRAME_TENANT: "tenant", FRAME_TICK: "tick", FRAME_ENQUEUE: "enqueue",
    FRAME_OUTCOME: "outcome", FRAME_LINK: "link",
}


def kernel_best():
    """The kernel that an engine chooses on this machine."""
    return KERNELS[match_kernel_best()]


class LogDamaged(Exception):
    """The log cannot be read further; the sentence names the place and what to do."""


cdef struct totals:
    uint64_t frames[256]
    uint64_t bytes[256]
    uint64_t sequence_first
    uint64_t sequence_last
    int64_t received_first
    int64_t received_last
    uint64_t count


cdef class LogFrames:
    """The frames of a log from a sequence on."""

    cdef log_reader* reader
    cdef totals sums

    def __cinit__(self, str folder, uint64_t sequence=0, uint16_t partition=0):
        cdef int32_t status = STATUS_OK
        self.reader = log_read_from(os.fsencode(folder), partition, sequence, &status)
        if self.reader == NULL:
            raise LogDamaged(f"The log {folder} cannot be opened. Name a server's data folder.")

    def __dealloc__(self):
        log_reader_close(self.reader)

    def read(self, count=FRAMES_PER_TURN):
        """The next frames: (sequence, kind, tenant, occurred_us, received_us, payload)."""
        cdef const kairos_frame* frame
        cdef const uint8_t* payload
        cdef int32_t status = STATUS_OK
        found = []
        while status == STATUS_OK and len(found) < count:
            status = log_next(self.reader, &frame, &payload)
            if status == STATUS_OK:
                found.append((frame.sequence, frame.kind, frame.tenant, frame.occurred_us,
                              frame.received_us, payload[:frame.payload_size]))
        self.must(status, bool(found))
        return found

    def verify(self, uint64_t count=FRAMES_PER_TURN):
        """Verifies and counts the next frames; False after the last."""
        cdef int32_t status
        with nogil:
            status = self.walk(count)
        self.must(status, False)
        return status == STATUS_OK

    @property
    def totals(self):
        """What `verify` has seen: (sequence_first, sequence_last, received_first_us,
        received_last_us, {kind: (frames, bytes)}).
        """
        kinds = {
            kind: (self.sums.frames[kind], self.sums.bytes[kind])
            for kind in range(256) if self.sums.frames[kind]
        }
        return (self.sums.sequence_first, self.sums.sequence_last, self.sums.received_first,
                self.sums.received_last, kinds)

    cdef int32_t walk(self, uint64_t count) noexcept nogil:
        cdef const kairos_frame* frame
        cdef const uint8_t* payload
        cdef int32_t status = STATUS_OK
        cdef uint64_t i
        for i in range(count):
            status = log_next(self.reader, &frame, &payload)
            if status != STATUS_OK:
                return status
            if self.sums.count == 0:
                self.sums.sequence_first = frame.sequence
                self.sums.received_first = frame.received_us
            self.sums.count += 1
            self.sums.sequence_last = frame.sequence
            self.sums.received_last = frame.received_us
            self.sums.frames[frame.kind] += 1
            self.sums.bytes[frame.kind] += frame.size
        return status

    cdef must(self, int32_t status, bint partial):
        # What was read before the damage is handed out; the next call meets the damage again.
        if status == STATUS_OK or status == STATUS_LOG_END or partial:
            return
        text = log_reader_message(self.reader).decode("utf-8", "replace")
        raise LogDamaged(text or "The log cannot be read; the disk has reported an error.")
