# Contract in change.pxd.
from libc.stdint cimport UINT32_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from kairos_native.features cimport *
from kairos_native.fold cimport fold_group
from kairos_native.hash cimport kairos_siphash128
from kairos_native.intake cimport intake_event_fields, intake_trait
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_TRIGGERS_FIRED_MAX
from kairos_native.match cimport match_rules
from kairos_native.plan cimport plan, plan_find
from kairos_native.recent cimport recent_note
from kairos_native.scratch cimport scratch
from kairos_native.tenant cimport tenant_now, tenant_state
from kairos_native.wire cimport wire_event


cdef void change_facts(const plan* image, const wire_event* event, kairos_record* record,
                       int64_t occurred_us) noexcept nogil:
    cdef uint32_t i, purpose
    cdef kairos_value value
    for i in range(event.trait_count):
        value = intake_trait(image, event.traits[i].name, event.traits[i].name_size,
                             &event.traits[i].value)
        record_set_trait(record, event.traits[i].name, event.traits[i].name_size, &value,
                         occurred_us)
    for i in range(event.consent_count):
        purpose = plan_find(image, SPACE_PURPOSE, event.consents[i].purpose,
                            event.consents[i].purpose_size)
        if purpose != UINT32_MAX:
            record_set_consent(record, purpose, event.consents[i].granted != 0, occurred_us)


cdef void change_match(const feature_view* view, scratch* work, uint32_t kernel,
                       event_outcome* outcome) noexcept nogil:
    cdef const kairos_index* index = &view.image.indexes[<int>INDEX_TRIGGERS]
    cdef uint32_t i
    for i in range(index.column_count):
        work.values[i] = feature_read(view, &view.image.columns[index.column_first + i].source)
    outcome.rules = work.rules
    outcome.trigger_count = match_rules(view.image, index, work.values, kernel, work.words,
                                        work.rule_bits, work.rules)
    if outcome.trigger_count > KAIROS_TRIGGERS_FIRED_MAX:
        outcome.trigger_count = KAIROS_TRIGGERS_FIRED_MAX


# 64-bit hash of the client's session id under the tenant's key; never 0, which means "by the gap".
cdef uint64_t session_key_of(const tenant_state* tenant, const wire_event* event) noexcept nogil:
    cdef uint64_t key[2]
    if not event.session_id_size:
        return 0
    kairos_siphash128(tenant.settings.hash_key, event.session_id, event.session_id_size,
                      <uint8_t*>key)
    return key[0] if key[0] else 1


# What the event is to stored features.
cdef feature_event change_of(const tenant_state* tenant, const wire_event* event,
                             int64_t occurred_us, int64_t received_us, uint64_t sequence,
                             scratch* work) noexcept nogil:
    cdef const plan* image = tenant.active
    cdef feature_event change
    change.now_us = tenant_now(tenant, occurred_us, received_us)
    change.late = 1 if change.now_us - occurred_us > tenant.settings.lateness_us_max else 0
    intake_event_fields(image, event, occurred_us, change.late, work.fields)
    change.fields = work.fields
    change.occurred_us = occurred_us
    change.sequence = sequence
    change.session_key = session_key_of(tenant, event)
    change.session_gap_us = tenant.settings.session_gap_us
    change.event_type = plan_find(image, SPACE_EVENT_TYPE, event.event_type, event.event_type_size)
    if change.event_type == UINT32_MAX:
        change.event_type = 0
    return change


cdef void change_account(const tenant_state* tenant, const wire_event* event, int64_t occurred_us,
                         int64_t received_us, uint64_t sequence, scratch* work,
                         kairos_record* record) noexcept nogil:
    cdef feature_event change = change_of(tenant, event, occurred_us, received_us, sequence, work)
    cdef uint32_t is_new = 0
    recent_note(record, sequence)
    record_apply(tenant.active, record, &change, &is_new)


# Lets the view read the whole group, as it is after the event and, where a condition asks, before.
cdef void change_fold(feature_view* view, const kairos_record* record, const uint8_t* before,
                      scratch* work) noexcept nogil:
    view.folded = 1
    view.record = fold_group(view.image, &work.others, record, work.fold)
    if view.image.header.previous_used:
        view.before = <const uint8_t*>fold_group(view.image, &work.others,
                                                 <const kairos_record*>before, work.fold_before)


cdef void change_event(const tenant_state* tenant, const wire_event* event, int64_t occurred_us,
                       int64_t received_us, uint64_t sequence, scratch* work, uint32_t kernel,
                       kairos_record* record, const uint8_t* before,
                       event_outcome* outcome) noexcept nogil:
    cdef const plan* image = tenant.active
    cdef feature_event change = change_of(tenant, event, occurred_us, received_us, sequence, work)
    cdef feature_view view
    cdef uint32_t is_new = 0
    recent_note(record, sequence)
    view.session = record_apply(image, record, &change, &is_new)
    change_facts(image, event, record, occurred_us)
    record.sequence_last = sequence
    view.image = image
    view.record = record
    view.before = before
    view.event_fields = work.fields
    view.context_fields = NULL
    view.births = tenant.births
    view.now_us = change.now_us
    view.session_is_new = is_new
    view.before_valid = 1
    view.folded = 0
    view.own_before = before
    if work.others.count:
        change_fold(&view, record, before, work)
    outcome.image = image
    outcome.late = change.late
    outcome.session_is_new = is_new
    change_match(&view, work, kernel, outcome)
