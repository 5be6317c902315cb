# Contract in room.pxd.
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp

from kairos_native.keys cimport put_prefix
from kairos_native.status cimport STATUS_OK
from kairos_native.store cimport *
from kairos_native.tenant cimport tenant_state
from kairos_native.timer cimport TIMER_KEY_SIZE, timer_unkey


# What has been counted of a group so far.
cdef struct room_need:
    uint64_t puts               # in TIMERS
    uint64_t size               # bytes beside these


# Timers of a tenant whose time in TIMERS has come, up to a bound.
cdef uint64_t room_overdue(store_reader* reader, uint16_t partition, uint32_t tenant,
                           int64_t present_us, uint64_t count_max) noexcept nogil:
    cdef uint8_t prefix[6]
    cdef kairos_tick place
    cdef store_value key, value
    cdef uint64_t count = 0
    cdef int32_t status
    put_prefix(prefix, partition, tenant)
    status = store_seek(reader, STORE_TIMERS, prefix, 6, &key, &value)
    while (status == STATUS_OK and count < count_max and key.size == TIMER_KEY_SIZE
           and memcmp(key.data, prefix, 6) == 0):
        timer_unkey(key.data, &place)
        if place.index_due_us > present_us:
            break
        count += 1
        status = store_step(reader, &key, &value)
    return count


# So many timers fire, or are looked at: each entry goes or moves.
cdef void need_fire(room_need* need, const plan* image, uint64_t count) noexcept nogil:
    need.puts += 2 * count
    if image != NULL and image.timer_effects_max:
        need.size += count * image.timer_effects_max * room_effect(image)


# The greatest present that the events of a group can have.
cdef int64_t room_present(const tenant_state* tenant, pending_request** requests, uint32_t first,
                          uint32_t last, int64_t received_us) noexcept nogil:
    cdef int64_t present_us = tenant.event_time_us
    cdef uint32_t i, k
    if tenant.settings.time_mode == TIME_MODE_LIVE:
        return received_us
    for i in range(first, last):
        for k in range(requests[i].event_count if requests[i].kind == FRAME_EVENT else 0):
            present_us = max(present_us, requests[i].events[k].occurred_us)
    return present_us


# Records of other members that so many events can change: those of groups that stand, and of those
# that the events make; every link has two ends. Only records with something pending change, and
# what waits for a session alone has no entry in TIMERS.
cdef uint64_t room_others(const tenant_state* tenant, store_reader* reader, uint64_t events,
                          uint64_t entries) noexcept nogil:
    cdef const plan* image = tenant.active
    cdef uint64_t ends = 2 * (tenant.link_count + events * KAIROS_EVENT_IDENTIFIERS_MAX)
    cdef uint64_t others = min(ends, events * (KAIROS_GROUP_MEMBERS_MAX - 1))
    cdef uint32_t i
    others = min(others, store_entries(reader, STORE_SUBJECTS) + events)
    if image == NULL or not (tenant.link_count or image.header.identity_link_types):
        return 0
    for i in range(image.timer_count):
        if image.timers[i].kind == TIMER_NEXT_SESSION:
            return others
    return min(others, entries)


# Requests first to last - 1 are of one tenant. Events arm and cancel, and fire what is overdue of
# their subjects; ticks name what they look at.
cdef void need_run(room_need* need, const apply_core* core, store_reader* reader,
                   pending_request** requests, uint32_t first, uint32_t last,
                   int64_t received_us) noexcept nogil:
    cdef const tenant_state* tenant = &core.tenants[requests[first].tenant]
    cdef const plan* image = tenant.active
    cdef uint64_t events = 0, overdue, bound, looked = 0, armed = 0, others, entries
    cdef uint32_t i
    for i in range(first, last):
        if requests[i].kind == FRAME_EVENT:
            events += requests[i].record_count
        elif requests[i].kind == FRAME_TICK:
            looked += requests[i].payload_size // sizeof(kairos_tick)
    need.size += store_dirty_size(looked, looked * ROOM_RECORD_SIZE)
    need_fire(need, image, looked)
    if not events:
        return
    if image != NULL:
        armed = events * image.header.event_effects_max
    entries = store_entries(reader, STORE_TIMERS) + armed
    others = room_others(tenant, reader, events, entries)
    need.size += store_dirty_size(others, others * ROOM_RECORD_SIZE)
    # What is armed; and what is cancelled with the others, which is there or armed before.
    need.puts += armed + (min(entries, others * KAIROS_SUBJECT_TIMERS_MAX) if others else 0)
    bound = (events + others) * KAIROS_SUBJECT_TIMERS_MAX
    overdue = room_overdue(reader, core.partition, requests[first].tenant,
                           room_present(tenant, requests, first, last, received_us),
                           min(bound, <uint64_t>ROOM_OVERDUE_MAX))
    need_fire(need, image, min(bound, entries) if overdue == ROOM_OVERDUE_MAX else overdue)


cdef uint64_t room_timers(const apply_core* core, store_reader* reader,
                          pending_request** requests, uint32_t request_count,
                          int64_t received_us) noexcept nogil:
    cdef room_need need
    cdef uint64_t entries
    cdef uint32_t first = 0, last
    need.puts = 0
    need.size = 0
    if store_read_begin(reader) != STATUS_OK:
        return 0
    entries = store_entries(reader, STORE_TIMERS)
    while first < request_count:
        last = first + 1
        while last < request_count and requests[last].tenant == requests[first].tenant:
            last += 1
        if entries or (core.tenants[requests[first].tenant].active != NULL
                       and core.tenants[requests[first].tenant].active.timer_count):
            need_run(&need, core, reader, requests, first, last, received_us)
        first = last
    store_read_end(reader)
    return need.size + room_puts(entries, need.puts)


cdef uint64_t room_replay(const apply_core* core, store_reader* reader,
                          const kairos_frame* tick) noexcept nogil:
    cdef room_need need
    cdef uint64_t entries, worst = 0, looked
    cdef const plan* image
    cdef uint32_t i, linked = 0
    need.puts = 0
    need.size = 0
    if store_read_begin(reader) != STATUS_OK:
        return 0
    entries = store_entries(reader, STORE_TIMERS)
    store_read_end(reader)
    if tick != NULL:
        looked = tick.payload_size // sizeof(kairos_tick)
        need.size += store_dirty_size(looked, looked * ROOM_RECORD_SIZE)
        if tick.tenant < KAIROS_TENANTS_MAX:
            need_fire(&need, core.tenants[tick.tenant].active, looked)
        return need.size + room_puts(entries, need.puts)
    for i in range(core.tenant_count):
        image = core.tenants[i].active
        linked |= (core.tenants[i].link_count != 0
                   or (image != NULL and image.header.identity_link_types != 0))
        if image != NULL and image.timer_count:
            worst = max(worst, image.timer_effects_max * room_effect(image))
    if not entries and not worst:
        return 0
    # The last record may go beyond the bound by all that one event can do.
    looked = KAIROS_GROUP_MEMBERS_MAX * KAIROS_SUBJECT_TIMERS_MAX if linked else 0
    looked = max(<uint64_t>KAIROS_SUBJECT_TIMERS_MAX, min(looked, entries + ROOM_REPLAY_PUTS))
    need.puts = ROOM_REPLAY_PUTS + 2 * looked + KAIROS_EVENT_EFFECTS_MAX
    need.size = looked * worst
    return need.size + room_puts(entries, need.puts)
