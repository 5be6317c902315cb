# Contract in features.pxd. Applying an event is the work of record.pyx, session.pyx and slots.pyx;
# here they meet, and here every source of a condition or a score finds its value.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_CONSENT_PURPOSES_MAX
from kairos_native.plan cimport plan
from kairos_native.record cimport (entry_name, entry_text, record_end, record_first_entry,
                                   record_next_entry, time_span)
from kairos_native.session cimport record_find_session, record_take_session
from kairos_native.slots cimport (bucket_of, slot_read, slot_update, value_double, value_of,
                                  value_of_double)

cdef extern from "score.h" nogil:
    double kairos_exp(double x)
    double kairos_logistic(double x)
    double kairos_add_weighted(double sum, double weight, double value)


cdef kairos_session* record_apply(const plan* image, kairos_record* record,
                                  const feature_event* event, uint32_t* is_new) noexcept nogil:
    cdef uint32_t event_type = (event.event_type
                                if event.event_type <= image.header.event_type_count else 0)
    cdef const kairos_range* slots = &image.type_slots[event_type]
    cdef kairos_session* session
    cdef uint32_t index
    if record.event_count == 0 or event.occurred_us < record.first_seen_us:
        record.first_seen_us = event.occurred_us
    if record.event_count == 0 or event.occurred_us > record.last_seen_us:
        record.last_seen_us = event.occurred_us
    record.event_count += 1
    record.sequence_last = event.sequence
    if event.late and record.late_count != <uint32_t>0xFFFFFFFF:
        record.late_count += 1
    session = record_take_session(record, event.session_key, event.occurred_us,
                                  event.session_gap_us, is_new)
    for index in range(slots.count):
        slot_update(image, record, session, image.slot_list[slots.first + index], event.fields,
                    event.occurred_us, event.late != 0)
    return session


# ---------------------------------------------------------------- completeness

cdef bint feature_complete(const feature_view* view, uint32_t slot_id) noexcept nogil:
    cdef const kairos_slot* slot = &view.image.slots[slot_id]
    cdef const slot_birth* birth = &view.births[slot_id]
    cdef int64_t bucket
    if view.record == NULL or view.record.sequence_created > birth.sequence:
        return True
    if slot.scope == SLOT_SCOPE_SESSION:
        return view.session != NULL and view.session.start_us >= birth.complete_from_us
    if slot.kind >= SLOT_WINDOW_COUNT and slot.kind <= SLOT_WINDOW_SUM_DOUBLE:
        bucket = bucket_of(view.now_us, slot.bucket_us) - slot.bucket_count + 1
        return bucket * slot.bucket_us >= birth.complete_from_us
    return False


# ---------------------------------------------------------------- sources

cdef inline kairos_value value_absent() noexcept nogil:
    return value_of(VALUE_ABSENT, 0)


cdef inline kairos_value value_int(uint64_t number) noexcept nogil:
    return value_of(VALUE_INT, number)


cdef kairos_value read_slot(const feature_view* view, const kairos_record* record,
                            const kairos_session* session,
                            const kairos_source* source) noexcept nogil:
    # Without a session there is no session-scoped feature; it is absent, not zero.
    if view.image.slots[source.id].scope == SLOT_SCOPE_SESSION and view.session == NULL:
        return value_absent()
    if not feature_complete(view, source.id):
        return value_absent()
    return slot_read(view.image, record, session, source.id, source.part, view.now_us)


cdef kairos_value read_trait(const feature_view* view, const kairos_record* record,
                             uint32_t trait) noexcept nogil:
    cdef const kairos_field* field = &view.image.traits[trait]
    cdef const kairos_entry* entry
    cdef const uint8_t* end
    cdef kairos_value value = value_absent()
    if record == NULL:
        return value
    entry = record_first_entry(record)
    end = record_end(record)
    while <const uint8_t*>entry < end:
        if (entry.tag == ENTRY_TRAIT and entry.name_size == field.name.size
                and memcmp(entry_name(entry), view.image.strings + field.name.offset,
                           field.name.size) == 0):
            if entry.value_kind == VALUE_STRING:
                value = value_of(VALUE_STRING, <uint64_t>entry_text(entry))
                value.size = entry.text_size
            elif entry.value_kind == VALUE_INT and field.type == FIELD_DOUBLE:
                value = value_of_double(<double><int64_t>entry.value_bits)
            else:
                value = value_of(entry.value_kind, entry.value_bits)
            return value
        entry = record_next_entry(entry)
    return value


cdef kairos_value read_consent(const kairos_record* record, uint32_t purpose) noexcept nogil:
    if (record == NULL or purpose >= <uint32_t>KAIROS_CONSENT_PURPOSES_MAX
            or not record.consent_known >> purpose & 1):
        return value_absent()
    return value_of(VALUE_BOOL, record.consent_granted >> purpose & 1)


cdef kairos_value read_session(const kairos_session* session, uint32_t field,
                               bint is_new) noexcept nogil:
    if session == NULL:
        return value_absent()
    if field == SESSION_FIELD_EVENT_COUNT:
        return value_int(session.event_count)
    if field == SESSION_FIELD_START_TIME:
        return value_of(VALUE_TIME, <uint64_t>session.start_us)
    if field == SESSION_FIELD_DURATION:
        return value_of(VALUE_DURATION, time_span(session.start_us, session.last_us))
    if field == SESSION_FIELD_ORDINAL:
        return value_int(session.ordinal)
    if field == SESSION_FIELD_IS_NEW:
        return value_of(VALUE_BOOL, 1 if is_new else 0)
    return value_absent()


cdef kairos_value read_profile(const kairos_record* record, uint32_t field,
                               int64_t now_us) noexcept nogil:
    cdef bint known = record != NULL and record.event_count > 0
    if field == PROFILE_FIELD_EVENT_COUNT:
        return value_int(record.event_count if known else 0)
    if field == PROFILE_FIELD_SESSION_COUNT:
        return value_int(record.session_count if known else 0)
    if not known:
        return value_absent()
    if field == PROFILE_FIELD_FIRST_SEEN_TIME:
        return value_of(VALUE_TIME, <uint64_t>record.first_seen_us)
    if field == PROFILE_FIELD_LAST_SEEN_TIME:
        return value_of(VALUE_TIME, <uint64_t>record.last_seen_us)
    if field == PROFILE_FIELD_AGE:
        return value_of(VALUE_DURATION, time_span(record.first_seen_us, now_us))
    return value_absent()


# What a score counts a value as: numbers and truth values; all else, absent too, is 0.
cdef double read_number(const kairos_value* value) noexcept nogil:
    if value.kind == VALUE_DOUBLE:
        return value_double(value)
    if value.kind == VALUE_INT or value.kind == VALUE_BOOL:
        return <double><int64_t>value.bits
    return 0.0


cdef kairos_value read_derived(const feature_view* view, const kairos_record* record,
                               const kairos_session* session, uint32_t id) noexcept nogil:
    cdef const kairos_derived* derived = &view.image.derived[id]
    cdef const kairos_term* term
    cdef kairos_value value
    cdef double sum = derived.bias
    cdef uint32_t index
    for index in range(derived.term_count):
        term = &view.image.terms[derived.term_first + index]
        value = read_plain(view, record, session, &term.source)
        sum = kairos_add_weighted(sum, term.weight, read_number(&value))
    if derived.kind == DERIVED_LOGISTIC:
        return value_of_double(kairos_logistic(sum))
    sum = 1.0 - kairos_exp(-sum)
    # Written so that NaN, which opposed infinite terms make, gives 0.
    return value_of_double(sum if sum > 0.0 else 0.0)


# Every source but scores, which may not read each other, read from `record` and `session`: those of
# the view, or those before the event. A *_PREVIOUS kind is its plain kind here.
cdef kairos_value read_plain(const feature_view* view, const kairos_record* record,
                             const kairos_session* session,
                             const kairos_source* source) noexcept nogil:
    cdef uint32_t kind = source.kind
    if kind == SOURCE_SLOT or kind == SOURCE_SLOT_PREVIOUS:
        return read_slot(view, record, session, source)
    if kind == SOURCE_EVENT:
        return view.event_fields[source.id] if view.event_fields != NULL else value_absent()
    if kind == SOURCE_CONTEXT:
        return view.context_fields[source.id] if view.context_fields != NULL else value_absent()
    if kind == SOURCE_TRAIT:
        return read_trait(view, record, source.id)
    if kind == SOURCE_CONSENT:
        return read_consent(record, source.id)
    if kind == SOURCE_SESSION:
        return read_session(session, source.id, view.session_is_new and session == view.session)
    if kind == SOURCE_PROFILE:
        return read_profile(record, source.id, view.now_us)
    if kind == SOURCE_NOW:
        return value_of(VALUE_TIME, <uint64_t>view.now_us)
    return value_absent()


cdef kairos_value feature_read(const feature_view* view,
                               const kairos_source* source) noexcept nogil:
    cdef const kairos_record* before = <const kairos_record*>view.before
    cdef const kairos_record* own
    cdef const kairos_session* session = NULL
    if source.kind == SOURCE_DERIVED:
        return read_derived(view, view.record, view.session, source.id)
    if source.kind != SOURCE_SLOT_PREVIOUS and source.kind != SOURCE_DERIVED_PREVIOUS:
        return read_plain(view, view.record, view.session, source)
    if not view.before_valid:
        return value_absent()
    own = <const kairos_record*>(view.own_before if view.folded else view.before)
    if own != NULL and view.session != NULL:
        session = record_find_session(own, view.session.ordinal)
    if source.kind == SOURCE_DERIVED_PREVIOUS:
        return read_derived(view, before, session, source.id)
    return read_slot(view, before, session, source)
