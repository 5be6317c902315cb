# Contract in replay.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport realloc
from libc.string cimport memcpy, memset

from kairos_native.apply cimport apply_flush, apply_one
from kairos_native.change cimport event_outcome
from kairos_native.commit cimport RESERVE_BASE, beside_room, commit_state, view_room
from kairos_native.core cimport apply_record
from kairos_native.dedupe cimport dedupe_reserve
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.log cimport *
from kairos_native.room cimport ROOM_REPLAY_PUTS, room_replay
from kairos_native.status cimport *
from kairos_native.store cimport (store_reserve, store_write_abort, store_write_begin,
                                  store_write_commit)
from kairos_native.tenant cimport plan_table_find

cdef enum:
    # days kept behind the look-back: DEDUPE_KEEP_DAYS - DEDUPE_LOOK_BACK_DAYS of apply.pyx
    REPLAY_DAYS_MAX = 2
    # effects that the records of one transaction may have
    REPLAY_EFFECTS_MAX = 2 * KAIROS_EVENT_EFFECTS_MAX
    # links, accounts and lists of consents that they may change
    REPLAY_BESIDE_MAX = 512
    # of the greatest effect: whole pages
    EFFECT_ROOM_SIZE = 20480

cdef int64_t DAY_US = 86400000000


# What a replay holds from one transaction to the next.
cdef struct replay:
    log_reader* reader
    const kairos_frame* frame       # read and not yet applied; NULL: none
    const uint8_t* payload
    uint64_t* marker
    uint8_t* plan_id
    uint64_t* failed_sequence


# Ends a reading; what the reader says of damage is kept for the error that follows.
cdef int32_t reading_end(commit_state* state, log_reader* reader, int32_t status) noexcept nogil:
    if status == STATUS_LOG_CORRUPT:
        snprintf(state.log_message, sizeof(state.log_message), "%s", log_reader_message(reader))
    log_reader_close(reader)
    return STATUS_OK if status == STATUS_LOG_END else status


cdef int32_t commit_find_skips(commit_state* state, const char* folder) noexcept nogil:
    cdef const kairos_frame* frame
    cdef const uint8_t* payload
    cdef void* grown
    cdef int32_t status = STATUS_OK
    cdef log_reader* reader = log_read_from(folder, state.core.partition,
                                            state.core.applied_sequence + 1, &status)
    if reader == NULL:
        return STATUS_OK if status == STATUS_LOG_END else status
    status = log_next(reader, &frame, &payload)
    while status == STATUS_OK:
        if frame.kind == FRAME_SKIP and frame.payload_size == 8:
            grown = realloc(state.skips, (state.skip_count + 1) * 8)
            if grown == NULL:
                status = STATUS_NO_MEMORY
                break
            state.skips = <uint64_t*>grown
            memcpy(&state.skips[state.skip_count], payload, 8)
            state.skip_count += 1
        status = log_next(reader, &frame, &payload)
    return reading_end(state, reader, status)


cdef int32_t replay_record(commit_state* state, replay* run) noexcept nogil:
    cdef const kairos_frame* frame = run.frame
    cdef apply_record source
    cdef event_outcome outcome
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    source.payload = run.payload
    source.sequence = frame.sequence
    source.occurred_us = frame.occurred_us
    source.received_us = frame.received_us
    source.subject_id = frame.subject_id
    source.scanned = NULL
    source.id_key = NULL
    source.payload_size = frame.payload_size
    source.tenant = frame.tenant
    source.kind = frame.kind
    for i in range(state.skip_count):
        if state.skips[i] == frame.sequence:
            source.kind = FRAME_SKIP
            state.core.skipped_count += 1
    run.marker[0] = frame.sequence
    if source.kind == FRAME_EVENT or source.kind == FRAME_ENQUEUE:
        status = dedupe_reserve(state.core.ids, <uint32_t>(frame.received_us // DAY_US), 1,
                                KAIROS_TRIGGERS_FIRED_MAX)
    return apply_one(&state.core, &source, &outcome) if status == STATUS_OK else status


# True when what one more record causes may not fit the room that the transaction has.
cdef inline bint group_full(const commit_state* state, uint64_t emitted_before,
                            uint64_t beside_before) noexcept nogil:
    return (state.core.sink.emitted_count - emitted_before + KAIROS_EVENT_EFFECTS_MAX
            > REPLAY_EFFECTS_MAX
            or (state.core.beside_count - beside_before + KAIROS_EVENT_IDENTIFIERS_MAX
                + KAIROS_GROUP_MEMBERS_MAX
                > <uint64_t>REPLAY_BESIDE_MAX))


# The tick that comes next, or NULL.
cdef inline const kairos_frame* run_tick(const replay* run) noexcept nogil:
    return run.frame if run.frame != NULL and run.frame.kind == FRAME_TICK else NULL


# Applies the records of one transaction. Days of event ids are dropped with a transaction, ten days
# behind its last record, and each record looks back eight: so that a transaction that is replayed
# again finds what it found before, it spans two days at most.
cdef int32_t replay_group(commit_state* state, replay* run) noexcept nogil:
    cdef uint64_t emitted_before = state.core.sink.emitted_count
    cdef uint64_t beside_before = state.core.beside_count
    cdef uint64_t puts_before = state.core.timer_put_count
    cdef bint alone = run.frame != NULL and run.frame.kind == FRAME_TICK
    cdef uint32_t count = 0, day_first = 0, day
    cdef int32_t status = STATUS_OK
    while (count < KAIROS_COMMIT_RECORDS_MAX
            and not group_full(state, emitted_before, beside_before)):
        if run.frame == NULL:
            status = log_next(run.reader, &run.frame, &run.payload)
            if status != STATUS_OK:
                run.frame = NULL
                break
        # A tick has a transaction of its own: it changes many subjects.
        if (run.frame.kind == FRAME_TICK) != alone:
            break
        run.failed_sequence[0] = run.frame.sequence
        if run.frame.semantics_version != KAIROS_SEMANTICS_VERSION:
            return STATUS_LOG_SEMANTICS
        if (run.frame.kind == FRAME_ACTIVATION and run.frame.payload_size >= 32
                and plan_table_find(state.core.plans, run.payload) == NULL):
            memcpy(run.plan_id, run.payload, 32)
            status = STATUS_PLAN_UNKNOWN
            break
        day = <uint32_t>(run.frame.received_us // DAY_US)
        if not count:
            day_first = day
        elif day > day_first + REPLAY_DAYS_MAX:
            break
        status = replay_record(state, run)
        if status != STATUS_OK:
            return status
        # A new plan may cause more than there is room for.
        alone = alone or run.frame.kind == FRAME_ACTIVATION
        run.frame = NULL
        count += 1
        if alone or state.core.timer_put_count - puts_before > ROOM_REPLAY_PUTS:
            break
    run.marker[0] = 0
    return status


cdef int32_t commit_replay(commit_state* state, const char* folder, uint64_t* marker,
                           uint8_t* plan_id, uint64_t* failed_sequence) noexcept nogil:
    cdef replay run
    cdef uint64_t left
    cdef int32_t status = STATUS_OK, finished
    memset(&run, 0, sizeof(run))
    run.marker = marker
    run.plan_id = plan_id
    run.failed_sequence = failed_sequence
    run.reader = log_read_from(folder, state.core.partition, state.core.applied_sequence + 1,
                               &status)
    if run.reader == NULL:
        return STATUS_OK if status == STATUS_LOG_END else status
    while status == STATUS_OK:
        left = log_sequence_last(state.log) - state.core.applied_sequence
        left = min(left, <uint64_t>KAIROS_COMMIT_RECORDS_MAX)
        finished = store_reserve(state.core.view, RESERVE_BASE + view_room(left)
                                 + beside_room(&state.core, REPLAY_BESIDE_MAX)
                                 + REPLAY_EFFECTS_MAX * EFFECT_ROOM_SIZE
                                 + room_replay(&state.core, state.reader, run_tick(&run)))
        if finished == STATUS_OK:
            finished = store_write_begin(state.core.view)
        if finished != STATUS_OK:
            status = finished
            break
        status = replay_group(state, &run)
        if status not in (STATUS_OK, STATUS_LOG_END, STATUS_PLAN_UNKNOWN):
            store_write_abort(state.core.view)
            break
        # What was applied before the end, or before a plan that must be loaded, is kept.
        finished = apply_flush(&state.core)
        if finished == STATUS_OK:
            finished = store_write_commit(state.core.view)
        if finished != STATUS_OK:
            status = finished
    return reading_end(state, run.reader, status)
