# Contract in outbox.pxd. Keys: prefix | sequence (8 bytes, greatest first) | ordinal (4 bytes).
# Values: kairos_stored | kairos_effect | identifier | action | reason of the last failure.
#
# A rebuild from a fuzzy checkpoint meets values that later records have touched already. Each value
# carries the sequence of the record that touched it last, and a record passes over a value that is
# not older than itself. A value that was moved or removed later is put back by its own record and
# moved or removed again by the later one, which the replay still has before it. Effects of records
# up to suppressed_sequence are not put back at all: whatever became of them is in the checkpoint.
from libc.stdint cimport UINT32_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from kairos_native.hash cimport kairos_siphash128
from kairos_native.keys cimport *
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.plan cimport plan
from kairos_native.status cimport *
from kairos_native.store cimport *

cdef enum:
    EFFECT_VALUE_SIZE_MAX = (STORED_SIZE + sizeof(kairos_effect) + KAIROS_SUBJECT_ID_SIZE_MAX
                             + KAIROS_ACTION_SIZE_MAX + KAIROS_EFFECT_REASON_SIZE_MAX)


# What the idempotency key of an intent is the hash of; no padding, so that equal intents are equal
# bytes.
cdef struct effect_occurrence:
    uint8_t subject_id[16]
    uint64_t origin_sequence
    uint32_t trigger
    uint16_t action_index
    uint8_t step
    uint8_t reserved

# An effect on its way into the view.
cdef struct effect_parts:
    kairos_effect header
    const uint8_t* identifier
    const uint8_t* action
    const uint8_t* reason


cdef void effect_key(const effect_sink* sink, uint64_t sequence, uint32_t ordinal,
                     uint8_t* key) noexcept nogil:
    put_prefix(key, sink.partition, sink.tenant)
    put_big_endian(key + 6, sequence, 8)
    put_big_endian(key + 14, ordinal, 4)


# The sequence that last touched a value; 0 where there is none.
cdef uint64_t touched_sequence(const store_value* value) noexcept nogil:
    cdef kairos_stored header
    if value.size < STORED_SIZE:
        return 0
    memcpy(&header, value.data, STORED_SIZE)
    return header.sequence


cdef int32_t effect_read(const store_value* value, effect_parts* parts) noexcept nogil:
    cdef const uint8_t* cursor = value.data + STORED_SIZE + sizeof(kairos_effect)
    if (value.size < STORED_SIZE + sizeof(kairos_effect) or value.size > EFFECT_VALUE_SIZE_MAX
            or not stored_valid(value.data, value.size)):
        return STATUS_RECORD_CORRUPT
    memcpy(&parts.header, value.data + STORED_SIZE, sizeof(kairos_effect))
    if (value.size - STORED_SIZE - sizeof(kairos_effect)
            != <size_t>parts.header.identifier_size + parts.header.action_size
            + parts.header.reason_size):
        return STATUS_RECORD_CORRUPT
    parts.identifier = cursor
    parts.action = cursor + parts.header.identifier_size
    parts.reason = parts.action + parts.header.action_size
    return STATUS_OK


# Writes the parts as one value: they may point into a value of the view, so they are copied first.
cdef int32_t effect_put(effect_sink* sink, uint32_t database, const uint8_t* key,
                        const effect_parts* parts) noexcept nogil:
    cdef uint8_t value[EFFECT_VALUE_SIZE_MAX]
    cdef size_t used = STORED_SIZE
    memcpy(value + used, &parts.header, sizeof(kairos_effect))
    used += sizeof(kairos_effect)
    memcpy(value + used, parts.identifier, parts.header.identifier_size)
    used += parts.header.identifier_size
    memcpy(value + used, parts.action, parts.header.action_size)
    used += parts.header.action_size
    memcpy(value + used, parts.reason, parts.header.reason_size)
    used += parts.header.reason_size
    stored_seal(value, used - STORED_SIZE, sink.sequence)
    return store_put(sink.view, database, key, OUTBOX_KEY_SIZE, value, used)


# Puts a new effect under the next ordinal of the record. The ordinal counts also where nothing is
# put, so that an effect has one id in every replay.
cdef int32_t effect_add(effect_sink* sink, effect_parts* parts) noexcept nogil:
    cdef uint8_t key[OUTBOX_KEY_SIZE]
    cdef store_value found
    cdef int32_t status
    parts.header.sequence = sink.sequence
    parts.header.ordinal = sink.ordinal
    parts.header.created_us = sink.now_us
    parts.header.state = EFFECT_PENDING
    parts.reason = parts.action
    sink.ordinal += 1
    if sink.sequence <= sink.suppressed_sequence:
        return STATUS_OK
    effect_key(sink, sink.sequence, parts.header.ordinal, key)
    # Only a view that came from a checkpoint can hold the effect of a record before the record.
    if sink.suppressed_sequence:
        status = store_write_get(sink.view, STORE_OUTBOX, key, OUTBOX_KEY_SIZE, &found)
        if status == STATUS_OK and touched_sequence(&found) >= sink.sequence:
            return STATUS_OK
        if status != STATUS_OK and status != STATUS_STORE_NOT_FOUND:
            return status
    sink.emitted_count += 1
    return effect_put(sink, STORE_OUTBOX, key, parts)


cdef int32_t outbox_emit(effect_sink* sink, const plan* image,
                         const kairos_effect_template* template,
                         const effect_cause* cause) noexcept nogil:
    cdef effect_occurrence occurrence
    cdef effect_parts parts
    memset(&occurrence, 0, sizeof(effect_occurrence))
    memcpy(occurrence.subject_id, cause.subject_id, 16)
    occurrence.origin_sequence = cause.origin_sequence
    occurrence.trigger = template.trigger
    occurrence.action_index = template.action_index
    occurrence.step = cause.step
    memset(&parts, 0, sizeof(effect_parts))
    kairos_siphash128(sink.hash_key, &occurrence, sizeof(effect_occurrence), parts.header.key)
    memcpy(parts.header.subject_id, cause.subject_id, 16)
    parts.header.due_us = cause.due_us
    parts.header.origin_sequence = cause.origin_sequence
    parts.header.trigger = template.trigger
    parts.header.action_index = template.action_index
    parts.header.action_size = template.blob_size
    parts.header.identifier_size = <uint16_t>cause.identifier_size
    parts.header.step = cause.step
    parts.header.urgency = template.urgency
    parts.header.channel = template.channel
    parts.header.source = cause.source
    parts.header.identifier_type = cause.identifier_type
    parts.identifier = cause.identifier
    parts.action = image.blobs + template.blob_offset
    return effect_add(sink, &parts)


cdef int32_t outbox_enqueue(effect_sink* sink, const uint8_t* subject_id, const uint8_t* payload,
                            uint32_t payload_size, uint32_t* skipped) noexcept nogil:
    cdef kairos_enqueue asked
    cdef effect_parts parts
    skipped[0] = 1
    if payload_size < sizeof(kairos_enqueue):
        return STATUS_OK
    memcpy(&asked, payload, sizeof(kairos_enqueue))
    if (asked.action_size > KAIROS_ACTION_SIZE_MAX
            or asked.identifier_size > KAIROS_SUBJECT_ID_SIZE_MAX
            or payload_size - sizeof(kairos_enqueue)
            != <size_t>asked.identifier_size + asked.action_size):
        return STATUS_OK
    skipped[0] = 0
    memset(&parts, 0, sizeof(effect_parts))
    memcpy(parts.header.subject_id, subject_id, 16)
    memcpy(parts.header.key, asked.key, 16)
    parts.header.due_us = max(asked.due_us, sink.now_us)
    parts.header.origin_sequence = sink.sequence
    parts.header.trigger = UINT32_MAX
    parts.header.action_size = asked.action_size
    parts.header.identifier_size = asked.identifier_size
    parts.header.urgency = asked.urgency
    parts.header.channel = asked.channel
    parts.header.source = EFFECT_ENQUEUED
    parts.header.identifier_type = asked.identifier_type
    parts.identifier = payload + sizeof(kairos_enqueue)
    parts.action = parts.identifier + asked.identifier_size
    return effect_add(sink, &parts)


# ---------------------------------------------------------------- outcomes
# Writes the effect with its new state into `target`, unless a later record has put it there
# already, and takes it out of the other database.
cdef int32_t outcome_move(effect_sink* sink, uint32_t source, uint32_t target, const uint8_t* key,
                          const effect_parts* parts) noexcept nogil:
    cdef store_value found
    cdef int32_t status = store_write_get(sink.view, target, key, OUTBOX_KEY_SIZE, &found)
    if status == STATUS_STORE_NOT_FOUND or (status == STATUS_OK
                                            and touched_sequence(&found) < sink.sequence):
        status = effect_put(sink, target, key, parts)
    if status == STATUS_OK and source != target:
        status = store_delete(sink.view, source, key, OUTBOX_KEY_SIZE)
    return status


# What a failed attempt leaves behind.
cdef void outcome_failed(effect_sink* sink, const kairos_outcome* outcome, const uint8_t* reason,
                         effect_parts* parts) noexcept nogil:
    sink.failed_count += 1
    parts.header.attempt_count += 1
    parts.header.due_us = outcome.due_us
    parts.header.reason_size = outcome.reason_size
    parts.reason = reason


cdef int32_t outcome_change(effect_sink* sink, const kairos_outcome* outcome,
                            const uint8_t* reason, const uint8_t* key,
                            effect_parts* parts) noexcept nogil:
    if outcome.kind == OUTCOME_ACKED:
        sink.acked_count += 1
        return store_delete(sink.view, STORE_OUTBOX, key, OUTBOX_KEY_SIZE)
    if outcome.kind == OUTCOME_DISCARDED:
        sink.discarded_count += 1
        return store_delete(sink.view, STORE_DEAD, key, OUTBOX_KEY_SIZE)
    if outcome.kind == OUTCOME_REPLAYED:
        sink.replayed_count += 1
        parts.header.attempt_count = 0
        parts.header.due_us = outcome.due_us
        parts.header.state = EFFECT_PENDING
        return outcome_move(sink, STORE_DEAD, STORE_OUTBOX, key, parts)
    outcome_failed(sink, outcome, reason, parts)
    if outcome.kind == OUTCOME_FAILED:
        return outcome_move(sink, STORE_OUTBOX, STORE_OUTBOX, key, parts)
    sink.dead_count += 1
    parts.header.state = EFFECT_DEAD
    return outcome_move(sink, STORE_OUTBOX, STORE_DEAD, key, parts)


cdef int32_t outbox_outcome(effect_sink* sink, const uint8_t* payload, uint32_t payload_size,
                            uint32_t* found) noexcept nogil:
    cdef uint8_t key[OUTBOX_KEY_SIZE]
    cdef kairos_outcome outcome
    cdef effect_parts parts
    cdef store_value value
    cdef uint32_t database = STORE_OUTBOX
    cdef int32_t status
    found[0] = 0
    if payload_size < sizeof(kairos_outcome):
        return STATUS_OK
    memcpy(&outcome, payload, sizeof(kairos_outcome))
    if (outcome.kind < OUTCOME_ACKED or outcome.kind > OUTCOME_DISCARDED
            or outcome.reason_size > KAIROS_EFFECT_REASON_SIZE_MAX
            or payload_size - sizeof(kairos_outcome) != outcome.reason_size
            or sink.sequence <= sink.suppressed_sequence):
        return STATUS_OK
    if outcome.kind == OUTCOME_REPLAYED or outcome.kind == OUTCOME_DISCARDED:
        database = STORE_DEAD
    effect_key(sink, outcome.sequence, outcome.ordinal, key)
    status = store_write_get(sink.view, database, key, OUTBOX_KEY_SIZE, &value)
    if status == STATUS_STORE_NOT_FOUND:
        return STATUS_OK
    if status != STATUS_OK:
        return status
    found[0] = 1
    if touched_sequence(&value) >= sink.sequence:
        return STATUS_OK
    memset(&parts, 0, sizeof(effect_parts))
    status = effect_read(&value, &parts)
    if status != STATUS_OK:
        return status
    return outcome_change(sink, &outcome, payload + sizeof(kairos_outcome), key, &parts)
