# Contract in session.pxd.
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_SESSIONS_KEPT
from kairos_native.record cimport record_session, record_session_stride, time_span


# Order of sessions: by last event, then by ordinal, which no two share.
cdef inline bint session_is_after(const kairos_session* session,
                                  const kairos_session* other) noexcept nogil:
    if session.last_us != other.last_us:
        return session.last_us > other.last_us
    return session.ordinal > other.ordinal


cdef kairos_session* session_newest(const kairos_record* record) noexcept nogil:
    cdef kairos_session* newest = NULL
    cdef kairos_session* session
    cdef uint32_t index
    for index in range(<uint32_t>KAIROS_SESSIONS_KEPT):
        session = record_session(record, index)
        if session.ordinal and (newest == NULL or session_is_after(session, newest)):
            newest = session
    return newest


# An unused place, else the place of the session that is forgotten.
cdef kairos_session* session_open(kairos_record* record, uint64_t key,
                                  int64_t occurred_us) noexcept nogil:
    cdef kairos_session* place = NULL
    cdef kairos_session* session
    cdef uint32_t index
    for index in range(<uint32_t>KAIROS_SESSIONS_KEPT):
        session = record_session(record, index)
        if session.ordinal == 0:
            place = session
            break
        if place == NULL or session_is_after(place, session):
            place = session
    memset(place, 0, record_session_stride(record))
    record.session_count += 1
    place.key = key
    place.start_us = occurred_us
    place.last_us = occurred_us
    place.ordinal = record.session_count
    return place


cdef kairos_session* session_by_key(const kairos_record* record, uint64_t key) noexcept nogil:
    cdef uint32_t index
    cdef kairos_session* session
    for index in range(<uint32_t>KAIROS_SESSIONS_KEPT):
        session = record_session(record, index)
        if session.ordinal and session.key == key:
            return session
    return NULL


# True when the session's span, widened by the gap on both sides, holds the moment.
cdef inline bint session_covers(const kairos_session* session, int64_t occurred_us,
                                uint64_t gap_us) noexcept nogil:
    if occurred_us < session.start_us:
        return time_span(occurred_us, session.start_us) <= gap_us
    return occurred_us <= session.last_us or time_span(session.last_us, occurred_us) <= gap_us


cdef kairos_session* session_by_time(const kairos_record* record, int64_t occurred_us,
                                     int64_t gap_us) noexcept nogil:
    cdef kairos_session* found = NULL
    cdef kairos_session* session
    cdef uint32_t index
    for index in range(<uint32_t>KAIROS_SESSIONS_KEPT):
        session = record_session(record, index)
        if session.ordinal == 0 or not session_covers(session, occurred_us, <uint64_t>gap_us):
            continue
        if found == NULL or session_is_after(session, found):
            found = session
    return found


cdef kairos_session* record_take_session(kairos_record* record, uint64_t session_key,
                                         int64_t occurred_us, int64_t gap_us,
                                         uint32_t* is_new) noexcept nogil:
    cdef kairos_session* session
    cdef kairos_session* newest
    is_new[0] = 0
    if session_key:
        session = session_by_key(record, session_key)
    else:
        session = session_by_time(record, occurred_us, gap_us)
        if session == NULL:
            newest = session_newest(record)
            if newest != NULL and occurred_us <= newest.last_us:
                return NULL
    if session == NULL:
        session = session_open(record, session_key, occurred_us)
        is_new[0] = 1
    session.event_count += 1
    session.start_us = min(session.start_us, occurred_us)
    session.last_us = max(session.last_us, occurred_us)
    return session


cdef const kairos_session* record_open_session(const kairos_record* record, int64_t now_us,
                                               int64_t gap_us) noexcept nogil:
    cdef const kairos_session* newest = session_newest(record)
    if (newest == NULL
            or (now_us > newest.last_us and time_span(newest.last_us, now_us) > <uint64_t>gap_us)):
        return NULL
    return newest


cdef const kairos_session* record_find_session(const kairos_record* record,
                                               uint64_t ordinal) noexcept nogil:
    cdef uint32_t index
    cdef const kairos_session* session
    for index in range(<uint32_t>KAIROS_SESSIONS_KEPT):
        session = record_session(record, index)
        if ordinal and session.ordinal == ordinal:
            return session
    return NULL
