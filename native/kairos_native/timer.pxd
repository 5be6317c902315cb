# Timers of one subject: armed and cancelled by events, fired when their time has come. What they
# mean stands in docs/guides/time.md, "Timers"; why they are kept so in docs/adr/0017-timers.md.
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.core cimport apply_core
from kairos_native.keys cimport put_big_endian, put_prefix
from kairos_native.layout cimport *
from kairos_native.store cimport store, store_reader
from kairos_native.tenant cimport tenant_state
from kairos_native.wire cimport wire_event


cdef enum:
    # prefix 6 | due 8 | subject id 16 | timer id 2 | occurrence 8
    TIMER_KEY_SIZE = 40
    # what one call of timers_index does at most: its read transaction must stay short
    TIMER_SUBJECTS_MAX = 8192
    TIMER_PUTS_MAX = 2048

# One subject under one log record.
#   Owns: nothing; `record` is the working copy, in memory of KAIROS_RECORD_SIZE_MAX bytes
cdef struct timer_scene:
    apply_core* core
    # with an active plan that core.work fits; core.work.others holds the rest of the group
    tenant_state* tenant
    # whose timers are looked at: the subject's, or another member's
    kairos_record* record
    const kairos_record* own    # the subject's, which is not among the others
    const uint8_t* subject_id   # of `record`
    uint64_t sequence           # of the log record
    int64_t now_us              # its present
    uint32_t asked              # 1: work.rule_bits say what must still hold, for this record


# The timer that is due first, then by timer id and occurrence; NULL where none is due.
cdef kairos_entry* scene_next_due(const timer_scene* scene) noexcept nogil
cdef int64_t entry_due(const timer_scene* scene, const kairos_entry* entry) noexcept nogil
# NULL: a plan has retired it.
cdef const kairos_timer* timer_of(const timer_scene* scene, uint32_t id) noexcept nogil
# Takes the entry out of the record and puts the timer's effects into the outbox.
#   Cost:   a delete in TIMERS, the effects, and a match of INDEX_TIMERS for the first that asks
#   Errors: STATUS_STORE_ERROR, STATUS_STORE_NOT_FOUND: the node must stop
cdef int32_t entry_fire(timer_scene* scene, kairos_entry* entry) noexcept nogil
# Takes the entry out of the record and of TIMERS.
#   Errors: as entry_fire
cdef int32_t entry_drop(timer_scene* scene, kairos_entry* entry) noexcept nogil
# Fires what waits for the next session, which the event at `occurred_us` has opened.
#   Errors: as entry_fire
cdef int32_t timers_fire_session(timer_scene* scene, int64_t occurred_us) noexcept nogil
# Arms one timer in the record, or moves it, or leaves it as it is.
#   Cost:   O(entries), at most one put and one delete
#   Errors: as entry_fire; what finds no room in the record is counted and passed over
cdef int32_t timer_arm(timer_scene* scene, const wire_event* event, int64_t occurred_us,
                       uint32_t id) noexcept nogil
# Looks at the one timer that a tick names: fires it, drops it, or moves its entry in TIMERS to when
# it is due; *changed = 1 when it did. Nothing where the record no longer has it there.
cdef int32_t timer_look(timer_scene* scene, const kairos_tick* tick,
                        uint32_t* changed) noexcept nogil
# Puts the entries of TIMERS that subject records imply, inside the write transaction: a checkpoint
# holds records only.
#   Shapes: key[511]; from key[*key_size] on; set to the subject to go on with, *key_size 0: done
#   Bounds: TIMER_SUBJECTS_MAX subjects, TIMER_PUTS_MAX puts
#   Errors: STATUS_STORE_ERROR, STATUS_RECORD_CORRUPT
cdef int32_t timers_index(store* view, store_reader* reader, uint8_t* memory, uint8_t* key,
                          uint32_t* key_size) noexcept nogil


# The parts of an entry's key.
#   Shapes: key[TIMER_KEY_SIZE]
cdef inline void timer_unkey(const uint8_t* key, kairos_tick* place) noexcept nogil:
    cdef uint64_t due = 0
    cdef uint32_t i
    for i in range(8):
        due = due << 8 | key[6 + i]
    place.index_due_us = <int64_t>(due ^ <uint64_t>1 << 63)
    for i in range(16):
        place.subject_id[i] = key[14 + i]
    place.timer = <uint32_t>key[30] << 8 | key[31]
    place.occurrence = 0
    for i in range(8):
        place.occurrence = place.occurrence << 8 | key[32 + i]
    place.reserved = 0


# Times sort as unsigned numbers when their sign is turned over.
cdef inline void timer_key(uint8_t* key, uint16_t partition, uint32_t tenant,
                           const kairos_tick* place) noexcept nogil:
    cdef uint32_t i
    put_prefix(key, partition, tenant)
    put_big_endian(key + 6, <uint64_t>place.index_due_us ^ <uint64_t>1 << 63, 8)
    for i in range(16):
        key[14 + i] = place.subject_id[i]
    put_big_endian(key + 30, place.timer, 2)
    put_big_endian(key + 32, place.occurrence, 8)
