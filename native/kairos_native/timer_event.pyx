# Contract in timer_event.pxd.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from kairos_native.change cimport event_outcome
from kairos_native.core cimport apply_core
from kairos_native.keys cimport SUBJECT_KEY_SIZE, subject_key
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_GROUP_MEMBERS_MAX
from kairos_native.plan cimport plan
from kairos_native.record cimport *
from kairos_native.scratch cimport fold_others
from kairos_native.status cimport STATUS_OK
from kairos_native.timer cimport *
from kairos_native.wire cimport wire_event
from kairos_native.working cimport *


# ---------------------------------------------------------------- members
# Places 0 to others.count: the members in ascending order of their ids, the subject at own_place.
cdef inline uint32_t member_count(const timer_scene* scene) noexcept nogil:
    if not scene.core.work.others.count or not scene.core.work.others_timers:
        return 1
    return scene.core.work.others.count + 1


# The scene of a member. Records of others are this event's own copies, or the working ones, and no
# timer that goes makes a record longer: they are changed where they are.
cdef timer_scene member_scene(const timer_scene* scene, uint32_t place) noexcept nogil:
    cdef timer_scene member = scene[0]
    cdef const fold_others* others = &scene.core.work.others
    cdef uint32_t own_place = others.own_place if member_count(scene) > 1 else 0
    if place == own_place:
        return member
    if place > own_place:
        place -= 1
    member.record = <kairos_record*>others.records[place]
    member.subject_id = scene.core.work.others_ids[place]
    return member


# ---------------------------------------------------------------- fire
cdef int32_t timers_fire(timer_scene* scene) noexcept nogil:
    cdef timer_scene members[KAIROS_GROUP_MEMBERS_MAX]
    cdef kairos_entry* heads[KAIROS_GROUP_MEMBERS_MAX]
    cdef uint32_t count = member_count(scene), i, first, asked = 0
    cdef int32_t status = STATUS_OK
    for i in range(count):
        members[i] = member_scene(scene, i)
        heads[i] = scene_next_due(&members[i]) if members[i].record.timer_count else NULL
    while status == STATUS_OK:
        first = count
        for i in range(count):
            if heads[i] != NULL and (first == count or entry_due(&members[i], heads[i])
                                     < entry_due(&members[first], heads[first])):
                first = i
        if first == count:
            break
        # What must still hold is asked once: all members read the same group.
        members[first].asked = asked
        status = entry_fire(&members[first], heads[first])
        asked = members[first].asked
        heads[first] = scene_next_due(&members[first])
    return status


# ---------------------------------------------------------------- arm and cancel
cdef int32_t record_cancel(timer_scene* scene, uint32_t id, uint32_t* count) noexcept nogil:
    cdef kairos_entry* entry
    cdef int32_t status = STATUS_OK
    if not scene.record.timer_count:
        return STATUS_OK
    entry = record_first_entry(scene.record)
    while <const uint8_t*>entry < record_end(scene.record) and status == STATUS_OK:
        if (entry.tag == ENTRY_TIMER and entry.id == id
                and (scene.record == scene.own or entry.value_bits < scene.sequence)):
            status = entry_drop(scene, entry)
            count[0] += 1
        else:
            entry = record_next_entry(entry)
    return status


# Cancels what is pending of a timer with the other members.
cdef int32_t others_cancel(timer_scene* scene, uint32_t id, uint32_t* count) noexcept nogil:
    cdef timer_scene member
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    for i in range(member_count(scene)):
        member = member_scene(scene, i)
        if status == STATUS_OK and member.record != scene.record:
            status = record_cancel(&member, id, count)
    return status


cdef bint others_have(const timer_scene* scene, uint32_t id) noexcept nogil:
    cdef timer_scene member
    cdef uint32_t i
    for i in range(member_count(scene)):
        member = member_scene(scene, i)
        if (member.record != scene.record and member.record.timer_count
                and record_find_entry(member.record, ENTRY_TIMER, id, NULL, 0) != NULL):
            return True
    return False


# A timer of a person is pending once, wherever its last event came from; what is armed for each
# match is apart. Where the subject has no room, the others keep what they have.
cdef int32_t group_arm(timer_scene* scene, const wire_event* event, int64_t occurred_us,
                       uint32_t id) noexcept nogil:
    cdef const kairos_timer* timer = timer_of(scene, id)
    cdef const kairos_entry* entry
    cdef uint32_t moved = 0
    cdef int32_t status
    if timer == NULL or (timer.policy == TIMER_KEEP and others_have(scene, id)):
        return STATUS_OK
    status = timer_arm(scene, event, occurred_us, id)
    if status != STATUS_OK or timer.policy != TIMER_RESTART or member_count(scene) == 1:
        return status
    entry = record_find_entry(scene.record, ENTRY_TIMER, id, NULL, 0)
    if entry == NULL or entry.value_bits != scene.sequence:
        return STATUS_OK
    return others_cancel(scene, id, &moved)


cdef int32_t group_cancel(timer_scene* scene, uint32_t id) noexcept nogil:
    cdef uint32_t count = 0
    cdef int32_t status = record_cancel(scene, id, &count)
    if status == STATUS_OK:
        status = others_cancel(scene, id, &count)
    scene.core.timer_cancelled_count += count
    return status


# Cancels come after arms, so that an event that does both leaves nothing pending.
cdef int32_t timers_change(timer_scene* scene, const wire_event* event, int64_t occurred_us,
                           const event_outcome* outcome) noexcept nogil:
    cdef const plan* image = scene.tenant.active
    cdef const kairos_rule* rule
    cdef uint32_t i, k
    cdef int32_t status = STATUS_OK
    for i in range(outcome.trigger_count):
        rule = &image.rules[outcome.rules[i]]
        for k in range(rule.timer_count if rule.role != RULE_CANCEL else 0):
            status = group_arm(scene, event, occurred_us, image.timer_list[rule.timer_first + k])
            if status != STATUS_OK:
                return status
    for i in range(outcome.trigger_count):
        rule = &image.rules[outcome.rules[i]]
        for k in range(rule.timer_count if rule.role == RULE_CANCEL else 0):
            status = group_cancel(scene, image.timer_list[rule.timer_first + k])
            if status != STATUS_OK:
                return status
    return STATUS_OK


cdef int32_t timers_keep(timer_scene* scene) noexcept nogil:
    cdef apply_core* core = scene.core
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef timer_scene member
    cdef working_record* place
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    for i in range(member_count(scene)):
        member = member_scene(scene, i)
        if (status != STATUS_OK or member.record == scene.record
                or member.record.sequence_last != scene.sequence):
            continue
        subject_key(key, core.partition, core.sink.tenant, member.subject_id)
        place = working_find(&core.records, key)
        if place.record != member.record:
            core.beside_count += 1
            status = working_keep(&core.records, place, member.record)
    return status
