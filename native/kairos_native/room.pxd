# How much of the view the timers and effects of a group of records may dirty, so that room is there
# before anything is appended.
from libc.stdint cimport int64_t, uint32_t, uint64_t
from kairos_native.check cimport pending_request
from kairos_native.core cimport apply_core
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.plan cimport plan
from kairos_native.store cimport store_dirty_size, store_reader


cdef enum:
    # of a subject record; what its put dirties beside it is what store_dirty_size knows
    ROOM_RECORD_SIZE = 4096
    # an effect in the view but for its action: header, identifier, key, its share of branch pages
    ROOM_EFFECT_SIZE = 576
    # key, value, header and pointer of an entry of TIMERS
    ROOM_TIMER_SIZE = 72
    # overdue timers that are counted; where there are more, every event is taken to fire all it may
    ROOM_OVERDUE_MAX = 16384
    # puts and deletes in TIMERS after which a replayed transaction ends
    ROOM_REPLAY_PUTS = 4096


# Bytes of one effect at most: keys ascend, so that pages are filled from the end, at least by half,
# and what does not fit half a page has whole pages of its own.
cdef inline uint64_t room_effect(const plan* image) noexcept nogil:
    cdef uint64_t size = ROOM_EFFECT_SIZE + image.effect_size_max
    return 2 * size if 2 * size < ROOM_RECORD_SIZE else size + ROOM_RECORD_SIZE


# Bytes that so many puts and deletes in TIMERS can dirty, with so many entries in it: no page more
# than once, and pages are at least a quarter full.
cdef inline uint64_t room_puts(uint64_t entries, uint64_t count) noexcept nogil:
    if not count:
        return 0
    return min(store_dirty_size(count, 0), 4 * ROOM_TIMER_SIZE * (entries + count) + (1 << 16))


# What the timers of a group may dirty beside the records and effects of its events.
#   Shapes: requests[request_count]; `received_us` not before that of any of them
#   Cost:   one read transaction; a seek for each run of requests of one tenant that has timers, and
#           a step for each overdue timer
cdef uint64_t room_timers(const apply_core* core, store_reader* reader,
                          pending_request** requests, uint32_t request_count,
                          int64_t received_us) noexcept nogil
# What the timers of a replayed transaction may dirty: of one tick, or of records that are none and
# end with ROOM_REPLAY_PUTS.
cdef uint64_t room_replay(const apply_core* core, store_reader* reader,
                          const kairos_frame* tick) noexcept nogil
