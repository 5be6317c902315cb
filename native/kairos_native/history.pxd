# The history of consents: what each event with consents said, and where that came from. One entry
# of STORE_HISTORY for each such event: prefix, subject, log sequence -> kairos_stored,
# history_entry, source, policy version, and for each consent its purpose behind status and size (a
# byte each).
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.plan cimport plan
from kairos_native.store cimport store
from kairos_native.wire cimport wire_event


cdef enum:
    HISTORY_KEY_SIZE = 30
    # longer sources and versions are kept without their end
    HISTORY_TEXT_SIZE_MAX = 256

cdef struct history_entry:
    int64_t occurred_us
    int64_t received_us
    uint16_t source_size
    uint16_t version_size
    uint16_t consent_count
    uint16_t reserved


# Keeps what the event says of consents. The attributes `consent_source` and `policy_version` tell
# where it was said and under which text.
#   Cost:   one put for an event with consents, nothing for any other; the same again changes
#           nothing
#   Errors: STATUS_STORE_ERROR
cdef int32_t history_keep(store* view, uint16_t partition, uint32_t tenant,
                          const uint8_t* subject_id, uint64_t sequence, int64_t occurred_us,
                          int64_t received_us, const plan* image,
                          const wire_event* event) noexcept nogil
