# Subject records: migrate, update by an event, read. Meaning in docs/guides/time.md; the plain-Python reference is
# tests/reference/features.py.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport *
from kairos_native.plan cimport plan


# When a slot became part of the tenant's plans (one per slot id, kept in the view's tenant state).
cdef struct slot_birth:
    uint64_t sequence           # of the activation that introduced it
    int64_t complete_from_us    # no event after this moment can have been missed


# An event as the features see it. `fields` has image.event_field_count values: the well-known ones, then attributes by index.
cdef struct feature_event:
    const kairos_value* fields
    int64_t occurred_us
    int64_t now_us              # record time of the tenant's mode, this event included
    uint64_t sequence
    uint64_t session_key        # 64-bit hash of the client's session id; 0: none
    int64_t session_gap_us
    uint32_t event_type         # type id; 0: unknown to the plan
    uint32_t late               # 1: later than lateness_us_max; windows skip it


# All that a source may read.
cdef struct feature_view:
    const plan* image
    const kairos_record* record     # after the event; NULL: no history
    const uint8_t* before           # copy of the record before the event; NULL: the subject was new, or no event takes part
    const kairos_session* session   # session of the event, or the open one for a decision; NULL: none
    const kairos_value* event_fields    # NULL: no event
    const kairos_value* context_fields  # NULL: no context
    const slot_birth* births        # image.slot_count entries
    int64_t now_us
    uint32_t session_is_new
    uint32_t before_valid           # 1: an event takes part (then `before` NULL means the subject was new)


# Writes an empty record of the image's layout into `memory` (capacity KAIROS_RECORD_SIZE_MAX bytes) and returns it.
cdef kairos_record* record_new(const plan* image, uint8_t* memory, uint64_t sequence) noexcept nogil
# Copies a stored record into `memory`, in the image's layout (older layouts grow; a newer one, after a roll-back, stays).
#   Errors: STATUS_RECORD_CORRUPT (checksum, sizes), STATUS_RECORD_TOO_LARGE
cdef int32_t record_load(const plan* image, const uint8_t* stored, size_t size, uint8_t* memory, kairos_record** record) noexcept nogil
# Sets the checksum; record_size bytes are ready to store.
cdef void record_seal(kairos_record* record) noexcept nogil
# Counts the event, finds or opens its session, updates every slot whose type and filter fit.
#   Returns: the event's session inside the record, or NULL; *is_new = 1 when the event opened it
#   Cost:    O(slots of the event type)
cdef kairos_session* record_apply(const plan* image, kairos_record* record, const feature_event* event, uint32_t* is_new) noexcept nogil
# Keeps a trait or a consent; by occurred time, ties to the later sequence (the call order). A full record counts dropped_count.
cdef void record_set_trait(kairos_record* record, const uint8_t* name, uint32_t name_size, const kairos_value* value, int64_t occurred_us) noexcept nogil
cdef void record_set_consent(kairos_record* record, uint32_t purpose, bint granted, int64_t occurred_us) noexcept nogil
# The open session at `now_us`: the newest by last_us, if now - last <= gap; else NULL.
cdef const kairos_session* record_open_session(const kairos_record* record, int64_t now_us, int64_t gap_us) noexcept nogil
# Value of a source; VALUE_ABSENT where there is none or the feature is incomplete.
#   Cost: O(1), windows O(buckets), derived O(terms), traits O(traits)
cdef kairos_value feature_read(const feature_view* view, const kairos_source* source) noexcept nogil
# True when the slot knows all it asks for in this record at `now_us`.
cdef bint feature_complete(const feature_view* view, uint32_t slot_id) noexcept nogil
