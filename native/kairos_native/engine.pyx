"""The native engine: bytes in, log, apply, decide, bytes out.

The only door between Python and the core.
"""

import importlib.util
import json
import os
import struct
from itertools import chain

cimport cython

from kairos_native import checkpoints, folder as data_folder

from libc.stdint cimport (INT64_MAX, UINT32_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t,
                          uint64_t)
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memmove, memset

from kairos_native.agents cimport *
from kairos_native.apply cimport apply_bind, apply_close, apply_flush, apply_open, apply_restore
from kairos_native.check cimport *
from kairos_native.checkpoint cimport (checkpoint_cut, checkpoint_groups, checkpoint_put,
                                       checkpoint_range, checkpoint_take)
from kairos_native.commit cimport *
from kairos_native.counters cimport (COUNTER_EVENTS, COUNTER_LATE, COUNTER_TRIGGER_FIRST,
                                     COUNTERS_CHUNK)
from kairos_native.dedupe cimport *
from kairos_native.decide cimport *
from kairos_native.features cimport feature_view, record_open_session, slot_birth
from kairos_native.hash cimport kairos_crc32c, kairos_hash64, kairos_siphash128
from kairos_native.history cimport history_entry
from kairos_native.identifier cimport (IDENTIFIER_ACCOUNT, IDENTIFIER_UNSPECIFIED, IDENTIFIER_USER,
                                       identifier_id)
from kairos_native.identity cimport *
from kairos_native.keys cimport (EFFECTS_KEY, META_KEY_SIZE_MAX, STORED_SIZE, SUBJECT_KEY_SIZE,
                                 meta_key, put_big_endian, put_prefix, stored_seal, stored_valid,
                                 subject_key)
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.log cimport *
from kairos_native.match cimport match_kernel_best
from kairos_native.normalise cimport normal_tools_free, normal_tools_new
from kairos_native.outbox cimport OUTBOX_KEY_SIZE
from kairos_native.plan cimport plan, plan_free, plan_load, plan_load_bytes
from kairos_native.preimage cimport preimages_begin, preimages_end
from kairos_native.profile cimport profile_encode
from kairos_native.publish cimport *
from kairos_native.reader cimport *
from kairos_native.recent cimport RECENT_EVENTS_MAX, recent_read
from kairos_native.record cimport record_load
from kairos_native.replay cimport commit_find_skips, commit_replay
from kairos_native.scratch cimport scratch_fit, scratch_free, scratch_new
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.tenant cimport *
from kairos_native.timer cimport TIMER_KEY_SIZE, TIMER_PUTS_MAX, timer_unkey, timers_index
from kairos_native.view cimport output, output_bytes, output_room
from kairos_native.wire cimport wire_canonical_name, wire_fault

cdef enum:
    # number of the event ids in checkpoints; they stand beside the view's databases
    DEDUPE_DATABASE = 100
    DEDUPE_CHUNK_ENTRIES = 65536
    # asks read_chunk for the records of groups
    GROUPS_DATABASE = 101

include "engine_names.pxi"
include "engine_state.pxi"
include "engine_pending.pxi"
include "engine_plans.pxi"
include "engine_checkpoint.pxi"
include "engine_inspection.pxi"
include "engine_timers.pxi"
include "engine_effects.pxi"
include "engine_identity.pxi"
include "engine_calls.pxi"

COUNTERS = {"events": COUNTER_EVENTS, "late": COUNTER_LATE,
            "trigger_first": COUNTER_TRIGGER_FIRST}
KERNELS = {"portable": 0, "avx2": 1, "avx512": 2}
MESSAGE_SIZE = 512
QUARANTINE_ATTEMPTS = 3
VIEW_DAMAGED = ("The view is damaged. "
                "Remove the folder `view` and start again; it is rebuilt from the log.")


def applied_in(bytes chunk):
    """The applied position, from the chunk that holds META."""
    for key, value in chunk_entries(chunk):
        if key[6:] == b"applied":
            return int.from_bytes(value[STORED_SIZE:STORED_SIZE + 8], "little")
    raise EngineError("The view has no applied position.", STATUS_RECORD_CORRUPT)


cdef str fault_text(bytes message):
    return message.split(b"\0", 1)[0].decode("utf-8", "replace")


@cython.final
cdef class Engine(_EngineCalls):
    """One partition: its log, its view, its plans. Contract in engine.pyi."""

    def __init__(self):
        raise TypeError("Use Engine.open")


    @staticmethod
    def open(str folder, *, int partition=0, uint64_t map_size=1 << 36,
             uint64_t segment_size=1 << 26, int64_t now_us, str kernel="", texts=None):
        cdef Engine self = Engine.__new__(Engine)
        try:
            self.folder = data_folder.take_folder(folder)
        except data_folder.FolderError as error:
            raise EngineError(str(error), STATUS_LOG_IO) from error
        try:
            self.start(partition, map_size, segment_size, now_us,
                       kernel or os.environ.get("KAIROS_KERNEL", ""), texts or {})
        except BaseException as error:
            self.release()
            self.folder.release()
            if isinstance(error, OSError):
                raise EngineError(
                    f"The data folder {folder} cannot be used: {error}.", STATUS_LOG_IO) from error
            raise
        return self

    # ------------------------------------------------------------ start and stop
    cdef start(self, int partition, uint64_t map_size, uint64_t segment_size, int64_t now_us,
               str kernel, texts):
        self.slot_names = {}
        self.prepared = {}
        self.plans.entries = <plan_entry*>calloc(PLANS_LOADED_MAX, sizeof(plan_entry))
        if kernel and KERNELS.get(kernel, UINT32_MAX) > match_kernel_best():
            known = ", ".join(name
                              for name, number in KERNELS.items() if number <= match_kernel_best())
            raise EngineError(
                f"The kernel {kernel!r} is not one that this processor has ({known}).",
                STATUS_NOT_IMPLEMENTED)
        self.state.core.kernel = KERNELS[kernel] if kernel else match_kernel_best()
        self.state.core.partition = <uint16_t>partition
        self.state.core.plans = &self.plans
        self.state.published = &self.published
        must(apply_open(&self.state.core))
        must(publish_open(&self.published))
        self.take_texts(texts)
        self.open_log(partition, segment_size, now_us)
        self.open_view(map_size)
        self.catch_up(now_us)
        self.open_reader()
        self.opened = True

    cdef take_texts(self, texts):
        self.texts = []
        for name, text in texts.items():
            encoded = (<str>text).encode()
            self.texts.append(encoded)
            if 0 < STATUS[name] < COMMIT_TEXTS:
                self.state.texts[<int>STATUS[name]] = <const char*>(<bytes>encoded)

    cdef open_log(self, int partition, uint64_t segment_size, int64_t now_us):
        cdef int32_t status = STATUS_OK
        cdef bytes message = bytes(MESSAGE_SIZE)
        self.state.log = log_open(os.fsencode(self.folder.log), <uint16_t>partition, segment_size,
                                  &status, <char*>message, MESSAGE_SIZE)
        if self.state.log == NULL:
            raise EngineError(fault_text(message) or "The log cannot be opened.", status)

    cdef open_view(self, uint64_t map_size):
        cdef int32_t status = STATUS_OK
        cdef bytes message = bytes(MESSAGE_SIZE)
        cdef bint fresh = not data_folder.view_trusted(self.folder, KAIROS_SEMANTICS_VERSION)
        if fresh:
            data_folder.discard_view(self.folder)
        self.folder.dedupe.mkdir(parents=True, exist_ok=True)
        self.view = store_open(os.fsencode(self.folder.view), map_size, &status, <char*>message,
                               MESSAGE_SIZE)
        if self.view == NULL:
            raise EngineError(fault_text(message) or "The view cannot be opened.", status)
        self.ids = dedupe_open(os.fsencode(self.folder.dedupe), &status)
        if self.ids == NULL:
            raise EngineError(
                "The event-id tables of the view cannot be opened. Remove the folder `view`; "
                "it is rebuilt.",
                status)
        must(apply_bind(&self.state.core, self.view))
        self.state.reader = store_reader_new(self.view, &status)
        must(status)
        self.state.core.ids = self.ids
        if fresh:
            self.restore_checkpoint()
        # From here on the view changes without being synced, and a start that is killed may
        # go on where it was.
        data_folder.mark_view(self.folder, KAIROS_SEMANTICS_VERSION, clean=False)
        self.load_known_plans()
        must(store_write_begin(self.view))
        status = apply_restore(&self.state.core)
        store_write_abort(self.view)
        if status == STATUS_RECORD_CORRUPT:
            raise EngineError(VIEW_DAMAGED, status)
        must(status)
        if self.state.core.applied_sequence > log_sequence_last(self.state.log):
            raise EngineError(
                f"The view has applied {self.state.core.applied_sequence} records, "
                f"the log ends at {log_sequence_last(self.state.log)}: log files are missing. "
                "Bring them back, or remove the folders `view` and `checkpoints` to go on without "
                "them.",
                STATUS_LOG_CORRUPT)

    # Brings the view up to the end of the log. A record that ended the process several times in a
    # row is passed over.
    cdef catch_up(self, int64_t now_us):
        cdef uint64_t failed = 0
        cdef int32_t status
        cdef uint8_t[::1] pages
        must(log_begin_epoch(self.state.log, now_us))
        with data_folder.open_marker(self.folder.marker) as mapped:
            pages = mapped
            try:
                self.quarantine(<uint64_t*>&pages[0], now_us)
                status = self.replay_log(<uint64_t*>&pages[0], &failed)
            finally:
                # The process lives: no record has ended it, whatever the replay says.
                (<uint64_t*>&pages[0])[0] = 0
                pages = None
        if status == STATUS_LOG_SEMANTICS:
            raise EngineError(
                f"Record {failed} of the log was written under another semantics version and is "
                "not applied yet. Start the version that wrote it once, stop it cleanly, "
                "then start this one.",
                status)
        if status == STATUS_LOG_CORRUPT:
            raise EngineError(
                fault_text(self.state.log_message)
                or "The log is damaged, or files are missing, "
                f"behind record {self.state.core.applied_sequence}. "
                "Bring the files back from a copy of the folder `log`.",
                status)
        if status == STATUS_RECORD_CORRUPT or status == STATUS_DEDUPE_CORRUPT:
            raise EngineError(
                f"The view is damaged where record {failed} of the log reads it. "
                "Remove the folder `view` and start again; it is rebuilt from the log.",
                status)
        if status == STATUS_DISK_FULL:
            raise EngineError("The disk is full. Free some room and start again.", status)
        if status == STATUS_MAP_FULL:
            raise EngineError("The view has reached its map size. Start with a larger one.", status)
        if status != STATUS_OK:
            raise EngineError(
                f"Record {failed} of the log cannot be applied "
                f"({STATUS_NAMES.get(status, status)}).",
                status)
        self.effects_whole()
        publish_write(&self.published, self.state.core.tenants, self.state.core.tenant_count,
                      self.state.core.applied_sequence)

    # Marker: the record in work when the process ended (0: none), how many starts in a row ended in
    # one record, and which.
    cdef quarantine(self, uint64_t* marker, int64_t now_us):
        if not marker[0]:
            marker[1] = 0
            return
        marker[1] = marker[1] + 1 if marker[2] == marker[0] else 1
        marker[2] = marker[0]
        if marker[1] >= QUARANTINE_ATTEMPTS:
            self.append_skip(marker[0], now_us)

    cdef int32_t replay_log(self, uint64_t* marker, uint64_t* failed) except -1:
        cdef uint8_t plan_id[32]
        cdef bytes path = os.fsencode(self.folder.log)
        cdef const char* log_path = path
        cdef int32_t status
        with nogil:
            status = commit_find_skips(&self.state, log_path)
        while status == STATUS_OK:
            with nogil:
                status = commit_replay(&self.state, log_path, marker, plan_id, failed)
            if status != STATUS_PLAN_UNKNOWN:
                break
            self.load_plan(plan_id[:32])
            status = STATUS_OK
        return status

    cdef append_skip(self, uint64_t sequence, int64_t now_us):
        cdef log_record record
        memset(&record, 0, sizeof(record))
        record.payload = <const uint8_t*>&sequence
        record.payload_size = 8
        record.occurred_us = now_us
        record.received_us = now_us
        record.kind = FRAME_SKIP
        must(log_append(self.state.log, &record, 1))

    cdef open_reader(self):
        cdef int32_t status = STATUS_OK
        cdef bytes agents_key
        self.reader.reader = store_reader_new(self.view, &status)
        must(status)
        self.reader.work = scratch_new()
        agents_key = os.urandom(16)
        if (self.reader.work == NULL
                or not normal_tools_new(&self.reader.normal,
                                        <const uint8_t*><const char*>agents_key)):
            raise MemoryError
        self.reader.published = &self.published
        self.reader.partition = self.state.core.partition
        self.reader.kernel = self.state.core.kernel
        self.reader.writer_epoch = log_epoch(self.state.log)

    def close(self):
        if not self.opened:
            return
        self.opened = False
        self.release()
        data_folder.sync_view(self.folder)
        data_folder.mark_view(self.folder, KAIROS_SEMANTICS_VERSION, clean=True)
        self.folder.release()
