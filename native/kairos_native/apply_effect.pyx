# Contract in apply_effect.pxd.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kairos_native.change cimport event_outcome
from kairos_native.core cimport DEDUPE_LOOK_BACK_DAYS, apply_core, apply_record
from kairos_native.dedupe cimport dedupe_find, dedupe_keep
from kairos_native.layout cimport kairos_enqueue
from kairos_native.outbox cimport outbox_enqueue, outbox_outcome
from kairos_native.status cimport STATUS_OK

cdef int64_t DAY_US = 86400000000


# 1 when the key was used before; *made = the record that made its effect.
cdef int32_t enqueue_known(apply_core* core, const kairos_enqueue* asked,
                           const apply_record* source, uint64_t* made) noexcept nogil:
    cdef uint32_t day = <uint32_t>(source.received_us // DAY_US)
    cdef uint32_t i, count = 0
    cdef const uint32_t* numbers = NULL
    cdef int32_t found
    # The newest first: a repeat mostly follows at once.
    for i in range(min(day, <uint32_t>DEDUPE_LOOK_BACK_DAYS) + 1):
        found = dedupe_find(core.ids, day - i, asked.key, source.sequence, &numbers, &count)
        if found < 0:
            return found
        if found:
            made[0] = 0
            if count == ENQUEUE_NUMBERS:
                made[0] = <uint64_t>numbers[1] << 32 | numbers[0]
            return 1
    return 0


cdef int32_t apply_enqueue(apply_core* core, const apply_record* source,
                           event_outcome* result) noexcept nogil:
    cdef kairos_enqueue asked
    cdef uint32_t numbers[ENQUEUE_NUMBERS]
    cdef uint32_t skipped = 0
    cdef int32_t status
    if source.payload_size < sizeof(kairos_enqueue):
        core.skipped_count += 1
        return STATUS_OK
    memcpy(&asked, source.payload, sizeof(kairos_enqueue))
    status = enqueue_known(core, &asked, source, &result.effect_sequence)
    if status != 0:
        result.duplicate = 1
        core.duplicate_count += 1
        return STATUS_OK if status > 0 else -status
    status = outbox_enqueue(&core.sink, source.subject_id, source.payload, source.payload_size,
                            &skipped)
    if status != STATUS_OK or skipped:
        core.skipped_count += skipped
        return status
    result.effect_sequence = source.sequence
    numbers[0] = <uint32_t>source.sequence
    numbers[1] = <uint32_t>(source.sequence >> 32)
    return dedupe_keep(core.ids, <uint32_t>(source.received_us // DAY_US), asked.key,
                       source.sequence, numbers, ENQUEUE_NUMBERS)


cdef int32_t apply_outcome(apply_core* core, const apply_record* source,
                           event_outcome* result) noexcept nogil:
    return outbox_outcome(&core.sink, source.payload, source.payload_size, &result.effect_found)
