# Contract in timer.pxd.
from libc.stdint cimport (INT64_MAX, INT64_MIN, UINT32_MAX, int32_t, int64_t, uint8_t, uint16_t,
                          uint32_t, uint64_t)
from libc.string cimport memcpy, memset

from kairos_native.features cimport feature_read, feature_view, record_open_session
from kairos_native.fold cimport fold_group
from kairos_native.hash cimport kairos_hash64
from kairos_native.keys cimport STORED_SIZE, SUBJECT_KEY_SIZE, stored_seal
from kairos_native.limits cimport *
from kairos_native.match cimport match_rule_bits
from kairos_native.outbox cimport effect_cause, outbox_emit
from kairos_native.plan cimport plan
from kairos_native.record cimport *
from kairos_native.status cimport *
from kairos_native.store cimport *


# ---------------------------------------------------------------- entries of the index
# The value says nothing: what a timer is stands in its record, under the record's checksum and
# sequence. So the index is a function of the records, and a rebuild gives the same bytes.
cdef int32_t index_put(store* view, const uint8_t* key) noexcept nogil:
    cdef uint8_t value[STORED_SIZE]
    stored_seal(value, 0, 0)
    return store_put(view, STORE_TIMERS, key, TIMER_KEY_SIZE, value, STORED_SIZE)


cdef inline kairos_timer_place entry_place(const kairos_entry* entry) noexcept nogil:
    cdef kairos_timer_place place
    memcpy(&place, entry_text(entry), sizeof(kairos_timer_place))
    return place


cdef inline void entry_set_place(kairos_entry* entry,
                                 const kairos_timer_place* place) noexcept nogil:
    memcpy(<uint8_t*>entry_text(entry), place, sizeof(kairos_timer_place))


cdef void entry_tick(const uint8_t* subject_id, const kairos_entry* entry, int64_t index_due_us,
                     kairos_tick* tick) noexcept nogil:
    memset(tick, 0, sizeof(kairos_tick))
    tick.index_due_us = index_due_us
    tick.timer = entry.id
    memcpy(tick.subject_id, subject_id, 16)
    if entry.name_size == 8:
        memcpy(&tick.occurrence, entry_name(entry), 8)


# Takes the entry's place in TIMERS to another time; INT64_MAX: to none.
cdef int32_t entry_move(timer_scene* scene, kairos_entry* entry, int64_t due_us) noexcept nogil:
    cdef apply_core* core = scene.core
    cdef kairos_timer_place place = entry_place(entry)
    cdef uint8_t key[TIMER_KEY_SIZE]
    cdef kairos_tick tick
    cdef int32_t status = STATUS_OK
    if place.index_due_us != INT64_MAX:
        entry_tick(scene.subject_id, entry, place.index_due_us, &tick)
        timer_key(key, core.partition, core.sink.tenant, &tick)
        core.timer_put_count += 1
        status = store_delete(core.view, STORE_TIMERS, key, TIMER_KEY_SIZE)
    if status == STATUS_OK and due_us != INT64_MAX:
        entry_tick(scene.subject_id, entry, due_us, &tick)
        timer_key(key, core.partition, core.sink.tenant, &tick)
        core.timer_put_count += 1
        status = index_put(core.view, key)
    place.index_due_us = due_us
    entry_set_place(entry, &place)
    return status


cdef int32_t entry_drop(timer_scene* scene, kairos_entry* entry) noexcept nogil:
    cdef int32_t status = entry_move(scene, entry, INT64_MAX)
    record_drop_entry(scene.record, entry)
    scene.record.timer_count -= 1
    scene.record.sequence_last = scene.sequence
    return status


# ---------------------------------------------------------------- when
# A moment so long after another. Event-time tenants may name any moment: what would lie beyond the
# end of time is its last moment but one, since the last stands for "never".
cdef inline int64_t time_after(int64_t base_us, uint64_t span_us) noexcept nogil:
    if base_us >= INT64_MAX - 1 or span_us >= <uint64_t>(INT64_MAX - 1) - <uint64_t>base_us:
        return INT64_MAX - 1
    return <int64_t>(<uint64_t>base_us + span_us)


cdef const kairos_timer* timer_of(const timer_scene* scene, uint32_t id) noexcept nogil:
    cdef const plan* image = scene.tenant.active
    if id >= image.timer_count or image.timers[id].kind == TIMER_RETIRED:
        return NULL
    return &image.timers[id]


# The last event of the person: of the subject and of all that it is linked with.
cdef inline int64_t scene_seen(const timer_scene* scene) noexcept nogil:
    cdef int64_t seen_us = scene.own.last_seen_us if scene.own.event_count else INT64_MIN
    if scene.core.work.others.count:
        seen_us = max(seen_us, scene.core.work.others_seen_us)
    return seen_us


# Inactivity counts from the last event, wherever that has gone since the timer was armed.
cdef int64_t entry_due(const timer_scene* scene, const kairos_entry* entry) noexcept nogil:
    cdef const kairos_timer* timer = timer_of(scene, entry.id)
    cdef kairos_timer_place place
    if timer == NULL or timer.kind != TIMER_INACTIVITY:
        return entry.time_us
    place = entry_place(entry)
    if scene_seen(scene) <= place.base_us:
        return entry.time_us
    return time_after(entry.time_us, time_span(place.base_us, scene_seen(scene)))


# A moment between: the same for one occurrence of one step of one subject, whoever computes it.
cdef int64_t timer_spread(const timer_scene* scene, const kairos_timer* timer) noexcept nogil:
    cdef uint8_t text[28]
    cdef uint32_t step = timer.step
    if not timer.spread_us:
        return 0
    memcpy(text, scene.subject_id, 16)
    memcpy(text + 16, &scene.sequence, 8)
    memcpy(text + 24, &step, 4)
    return <int64_t>(kairos_hash64(timer.trigger, text, 28) % <uint64_t>(timer.spread_us + 1))


# ---------------------------------------------------------------- fire
# Finds, once for a record, what still holds of it and its group: no event takes part.
cdef void scene_ask(timer_scene* scene) noexcept nogil:
    cdef const plan* image = scene.tenant.active
    cdef const kairos_index* index = &image.indexes[<int>INDEX_TIMERS]
    cdef feature_view view
    cdef uint32_t i
    memset(&view, 0, sizeof(view))
    view.image = image
    view.record = scene.own
    if scene.core.work.others.count:
        view.folded = 1
        view.record = fold_group(image, &scene.core.work.others,
                                 scene.own if scene.own.event_count else NULL,
                                 scene.core.work.fold)
    view.session = record_open_session(view.record, scene.now_us,
                                       scene.tenant.settings.session_gap_us)
    view.births = scene.tenant.births
    view.now_us = scene.now_us
    for i in range(index.column_count):
        scene.core.work.values[i] = feature_read(&view,
                                                 &image.columns[index.column_first + i].source)
    match_rule_bits(image, index, scene.core.work.values, scene.core.kernel, scene.core.work.words,
                    scene.core.work.rule_bits)
    scene.asked = 1


cdef bint timer_holds(timer_scene* scene, const kairos_timer* timer) noexcept nogil:
    cdef uint32_t rule
    if timer.still_rule == UINT32_MAX:
        return True
    if not scene.asked:
        scene_ask(scene)
    rule = timer.still_rule - scene.tenant.active.indexes[<int>INDEX_TIMERS].rule_first
    return scene.core.work.rule_bits[rule >> 6] >> (rule & 63) & 1


cdef const kairos_entry* record_identifier(const kairos_record* record) noexcept nogil:
    cdef const kairos_entry* entry = record_first_entry(record)
    while <const uint8_t*>entry < record_end(record):
        if entry.tag == ENTRY_IDENTIFIER:
            return entry
        entry = record_next_entry(entry)
    return NULL


cdef int32_t entry_fire(timer_scene* scene, kairos_entry* entry) noexcept nogil:
    cdef const plan* image = scene.tenant.active
    cdef const kairos_timer* timer = timer_of(scene, entry.id)
    cdef const kairos_entry* identifier
    cdef effect_cause cause
    cdef uint32_t i
    cdef int32_t status
    memset(&cause, 0, sizeof(cause))
    cause.origin_sequence = entry.value_bits
    status = entry_drop(scene, entry)
    if status != STATUS_OK:
        return status
    if timer == NULL or not timer_holds(scene, timer):
        scene.core.timer_dropped_count += 1
        return STATUS_OK
    scene.core.timer_fired_count += 1
    identifier = record_identifier(scene.record)
    if identifier != NULL:
        cause.identifier = entry_text(identifier)
        cause.identifier_size = identifier.text_size
        cause.identifier_type = <uint8_t>identifier.id
    cause.due_us = scene.now_us
    cause.step = timer.step
    cause.source = EFFECT_TIMER
    memcpy(cause.subject_id, scene.subject_id, 16)
    for i in range(timer.effect_count):
        status = outbox_emit(&scene.core.sink, image, &image.effects[timer.effect_first + i],
                             &cause)
        if status != STATUS_OK:
            return status
    return STATUS_OK


cdef inline bint entry_is_before(const timer_scene* scene, const kairos_entry* entry,
                                 const kairos_entry* other) noexcept nogil:
    cdef int64_t due = entry_due(scene, entry), other_due = entry_due(scene, other)
    if due != other_due:
        return due < other_due
    if entry.id != other.id:
        return entry.id < other.id
    return entry.value_bits < other.value_bits


cdef kairos_entry* scene_next_due(const timer_scene* scene) noexcept nogil:
    cdef kairos_entry* found = NULL
    cdef kairos_entry* entry = record_first_entry(scene.record)
    while <const uint8_t*>entry < record_end(scene.record):
        if (entry.tag == ENTRY_TIMER and entry_due(scene, entry) <= scene.now_us
                and (found == NULL or entry_is_before(scene, entry, found))):
            found = entry
        entry = record_next_entry(entry)
    return found


# The first timer by id and occurrence that waits for a session and was armed before this one.
cdef kairos_entry* scene_next_session(const timer_scene* scene, int64_t occurred_us) noexcept nogil:
    cdef kairos_entry* found = NULL
    cdef kairos_entry* entry = record_first_entry(scene.record)
    cdef kairos_timer_place place
    while <const uint8_t*>entry < record_end(scene.record):
        if entry.tag == ENTRY_TIMER:
            place = entry_place(entry)
            if (place.index_due_us == INT64_MAX and place.base_us <= occurred_us
                    and (found == NULL or entry_is_before(scene, entry, found))):
                found = entry
        entry = record_next_entry(entry)
    return found


cdef int32_t timers_fire_session(timer_scene* scene, int64_t occurred_us) noexcept nogil:
    cdef kairos_entry* entry = scene_next_session(scene, occurred_us)
    cdef int32_t status = STATUS_OK
    while entry != NULL and status == STATUS_OK:
        status = entry_fire(scene, entry)
        entry = scene_next_session(scene, occurred_us)
    return status


# ---------------------------------------------------------------- arm and cancel
# The due time of a timer that an event at `occurred_us` arms, and the moment it counts from. An
# event that comes too late for its timer counts from the present: what the sender's next events say
# must be able to cancel it before it fires.
cdef int64_t timer_due(const timer_scene* scene, const kairos_timer* timer, int64_t occurred_us,
                       int64_t* base_us) noexcept nogil:
    cdef uint64_t delay_us = <uint64_t>(timer.delay_us + timer_spread(scene, timer))
    base_us[0] = occurred_us
    if timer.kind == TIMER_NEXT_SESSION:
        return INT64_MAX
    if timer.kind == TIMER_INACTIVITY:
        base_us[0] = scene_seen(scene)
    if time_after(base_us[0], delay_us) <= scene.now_us:
        base_us[0] = scene.now_us
    return time_after(base_us[0], delay_us)


# True when the subject may have one more pending occurrence of a timer.
cdef bint scene_has_room(const timer_scene* scene, uint32_t id) noexcept nogil:
    cdef const kairos_entry* entry = record_first_entry(scene.record)
    cdef uint32_t count = 0
    if scene.record.timer_count >= <uint32_t>KAIROS_SUBJECT_TIMERS_MAX:
        return False
    while <const uint8_t*>entry < record_end(scene.record):
        count += entry.tag == ENTRY_TIMER and entry.id == id
        entry = record_next_entry(entry)
    return count < <uint32_t>KAIROS_TIMERS_EACH_MAX


# A new entry, with no place in TIMERS yet; NULL where there is no room.
cdef kairos_entry* scene_add(timer_scene* scene, uint32_t id, const uint8_t* name,
                             uint32_t name_size) noexcept nogil:
    cdef kairos_timer_place place
    cdef kairos_entry* entry = NULL
    place.index_due_us = INT64_MAX
    place.base_us = 0
    if scene_has_room(scene, id):
        entry = record_put_entry(scene.record, ENTRY_TIMER, id, name, name_size,
                                 <const uint8_t*>&place, sizeof(kairos_timer_place))
        if entry == NULL:
            record_count_dropped(scene.record)
    if entry == NULL:
        scene.core.timer_refused_count += 1
        return NULL
    scene.record.timer_count += 1
    entry.value_kind = VALUE_INT
    return entry


cdef int32_t timer_arm(timer_scene* scene, const wire_event* event, int64_t occurred_us,
                       uint32_t id) noexcept nogil:
    cdef const kairos_timer* timer = timer_of(scene, id)
    cdef kairos_timer_place place
    cdef kairos_entry* entry
    cdef uint32_t name_size
    cdef int64_t base_us = 0
    if timer == NULL:
        return STATUS_OK
    name_size = 8 if timer.policy == TIMER_EACH else 0
    entry = record_find_entry(scene.record, ENTRY_TIMER, id, <const uint8_t*>&scene.sequence,
                              name_size)
    if entry != NULL and timer.policy == TIMER_KEEP:
        return STATUS_OK
    if entry == NULL:
        # Effects of the timer name the subject as its sender did; no event is there then.
        if record_identifier(scene.record) == NULL:
            record_put_entry(scene.record, ENTRY_IDENTIFIER, event.subject_type, NULL, 0,
                             event.subject_id, event.subject_id_size)
        entry = scene_add(scene, id, <const uint8_t*>&scene.sequence, name_size)
        if entry == NULL:
            return STATUS_OK
    entry.value_bits = scene.sequence
    entry.time_us = timer_due(scene, timer, occurred_us, &base_us)
    place = entry_place(entry)
    place.base_us = base_us
    entry_set_place(entry, &place)
    scene.core.timer_armed_count += 1
    if entry.time_us < place.index_due_us:
        return entry_move(scene, entry, entry.time_us)
    return STATUS_OK


# ---------------------------------------------------------------- ticks
cdef int32_t timer_look(timer_scene* scene, const kairos_tick* tick,
                        uint32_t* changed) noexcept nogil:
    cdef kairos_entry* entry
    cdef int64_t due_us
    changed[0] = 0
    entry = record_find_entry(scene.record, ENTRY_TIMER, tick.timer,
                              <const uint8_t*>&tick.occurrence, 8 if tick.occurrence else 0)
    if (entry == NULL or entry_place(entry).index_due_us != tick.index_due_us
            or entry.value_bits >= scene.sequence or tick.index_due_us > scene.now_us):
        return STATUS_OK
    changed[0] = 1
    due_us = entry_due(scene, entry)
    if due_us <= scene.now_us:
        return entry_fire(scene, entry)
    scene.record.sequence_last = scene.sequence
    return entry_move(scene, entry, due_us)


# ---------------------------------------------------------------- rebuild
cdef int32_t index_record(store* view, const store_value* subject, const uint8_t* key,
                          uint8_t* memory, uint32_t* put_count) noexcept nogil:
    cdef kairos_record* record = <kairos_record*>memory
    cdef const kairos_entry* entry
    cdef uint8_t timer[TIMER_KEY_SIZE]
    cdef kairos_tick tick
    cdef int32_t status
    if subject.size < sizeof(kairos_record) or subject.size > KAIROS_RECORD_SIZE_MAX:
        return STATUS_RECORD_CORRUPT
    memcpy(memory, subject.data, sizeof(kairos_record))
    if not record.timer_count:
        return STATUS_OK
    memcpy(memory, subject.data, subject.size)
    status = record_check(record, <uint32_t>subject.size)
    entry = record_first_entry(record)
    while status == STATUS_OK and <const uint8_t*>entry < record_end(record):
        if entry.tag == ENTRY_TIMER and entry_place(entry).index_due_us != INT64_MAX:
            entry_tick(key + 6, entry, entry_place(entry).index_due_us, &tick)
            timer_key(timer, 0, 0, &tick)
            memcpy(timer, key, 6)
            status = index_put(view, timer)
            put_count[0] += 1
        entry = record_next_entry(entry)
    return status


cdef int32_t timers_index(store* view, store_reader* reader, uint8_t* memory, uint8_t* key,
                          uint32_t* key_size) noexcept nogil:
    cdef store_value found, value
    cdef uint32_t count = 0, put_count = 0
    cdef int32_t status = store_read_begin(reader)
    if status != STATUS_OK:
        return status
    status = store_seek(reader, STORE_SUBJECTS, key, key_size[0], &found, &value)
    while (status == STATUS_OK and count < TIMER_SUBJECTS_MAX
           and put_count <= <uint32_t>(TIMER_PUTS_MAX - KAIROS_SUBJECT_TIMERS_MAX)):
        if found.size != SUBJECT_KEY_SIZE:
            status = STATUS_RECORD_CORRUPT
            break
        status = index_record(view, &value, found.data, memory, &put_count)
        count += 1
        if status == STATUS_OK:
            status = store_step(reader, &found, &value)
    if status == STATUS_OK:
        memcpy(key, found.data, found.size)
        key_size[0] = <uint32_t>found.size
    elif status == STATUS_STORE_NOT_FOUND:
        key_size[0] = 0
        status = STATUS_OK
    store_read_end(reader)
    return status
