# Subject records: migrate, update by an event, read. Meaning in docs/guides/time.md; the
# plain-Python reference is tests/reference/features.py.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport *
from kairos_native.plan cimport plan
# Re-exported, so that callers need this contract only: record_new, record_load, record_seal,
# record_set_trait, record_set_consent (record.pxd), record_open_session (session.pxd).
from kairos_native.record cimport (record_load, record_new, record_seal, record_set_consent,
                                   record_set_trait)
from kairos_native.session cimport record_open_session


# When a slot became part of the tenant's plans (one per slot id, kept in the view's tenant state).
cdef struct slot_birth:
    uint64_t sequence           # of the activation that introduced it
    int64_t complete_from_us    # no event after this moment can have been missed


# An event as the features see it. `fields` has image.event_field_count values: the well-known ones,
# then attributes by index.
cdef struct feature_event:
    const kairos_value* fields
    int64_t occurred_us
    int64_t now_us              # record time of the tenant's mode, this event included
    uint64_t sequence
    uint64_t session_key        # 64-bit hash of the client's session id; 0: none
    int64_t session_gap_us
    uint32_t event_type         # type id; 0: unknown to the plan
    uint32_t late               # 1: later than lateness_us_max; windows skip it


# All that a source may read. `record` and `before` start at 8-byte boundaries and are in the
# image's layout or a larger one.
cdef struct feature_view:
    const plan* image
    const kairos_record* record     # after the event; NULL: no history
    # copy of the record before the event; NULL: the subject was new, or no event takes part
    const uint8_t* before
    # session of the event, or the open one for a decision; NULL: none
    const kairos_session* session
    const kairos_value* event_fields    # NULL: no event
    const kairos_value* context_fields  # NULL: no context
    const slot_birth* births        # image.slot_count entries
    int64_t now_us
    uint32_t session_is_new
    # 1: an event takes part (then `before` NULL means the subject was new)
    uint32_t before_valid
    # 1: `record` and `before` stand for a group; the event's session is looked for in `own_before`
    uint32_t folded
    uint32_t reserved
    const uint8_t* own_before


# Counts the event, finds or opens its session, updates every slot whose type and filter fit.
#   Returns: the event's session inside the record, or NULL; *is_new = 1 when the event opened it
#   Cost:    O(slots of the event type)
cdef kairos_session* record_apply(const plan* image, kairos_record* record,
                                  const feature_event* event, uint32_t* is_new) noexcept nogil
# Value of a source; VALUE_ABSENT where there is none or the feature is incomplete. *_PREVIOUS reads
# the record as it was before the event, at the same `now_us`; VALUE_ABSENT where no event takes
# part.
#   Cost: O(1), windows O(buckets), derived O(terms), traits O(entries)
cdef kairos_value feature_read(const feature_view* view, const kairos_source* source) noexcept nogil
# True when the slot knows all it asks for in this record at `now_us`;
# always for a subject without a record.
cdef bint feature_complete(const feature_view* view, uint32_t slot_id) noexcept nogil
