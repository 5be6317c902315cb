# Contract in answer.pxd. Field numbers are those of proto/kairos/v1.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport strlen

from kairos_native.change cimport event_outcome
from kairos_native.layout cimport kairos_rule, kairos_text
from kairos_native.plan cimport plan
from kairos_native.view cimport *

cdef enum:
    FIRED_SUFFIX_SIZE = 24          # executed = true, result = "automation_triggered"
    OVERHEAD_SIZE = 64              # flags, sequence, tags and lengths of one result

cdef const char* FIRED_SUFFIX = b"\x10\x01\x1a\x14automation_triggered"


cdef size_t answer_size_max(const plan* image, const event_outcome* outcome) noexcept nogil:
    cdef size_t size = OVERHEAD_SIZE + outcome.event_id_size
    cdef uint32_t i
    for i in range(outcome.trigger_count):
        if outcome.duplicate:
            size += (OVERHEAD_SIZE + image.trigger_names[outcome.numbers[i]].size
                     if outcome.numbers[i] < image.trigger_count else 0)
        else:
            size += OVERHEAD_SIZE + image.rules[outcome.rules[i]].blob_size
    return size


cdef void answer_fired(output* out, const plan* image, uint32_t rule_index) noexcept nogil:
    cdef const kairos_rule* rule = &image.rules[rule_index]
    output_varint(out, (5 << 3) | 2)
    output_varint(out, <uint64_t>rule.blob_size + FIRED_SUFFIX_SIZE)
    output_bytes(out, image.blobs + rule.blob_offset, rule.blob_size)
    output_bytes(out, FIRED_SUFFIX, FIRED_SUFFIX_SIZE)


# A repeat is told which triggers fired, but not what to do, so that nobody does it twice.
cdef void answer_repeated(output* out, const plan* image, uint32_t number) noexcept nogil:
    cdef const kairos_text* name
    if number >= image.trigger_count:
        return
    name = &image.trigger_names[number]
    output_varint(out, (5 << 3) | 2)
    output_varint(out, 1 + varint_size(name.size) + name.size + 2)
    output_slice(out, 1, image.strings + name.offset, name.size)
    output_uint(out, 2, 1)


cdef void answer_event(output* out, const plan* image, const event_outcome* outcome,
                       uint64_t sequence) noexcept nogil:
    cdef uint32_t i
    if outcome.event_id_size:
        output_slice(out, 1, outcome.event_id, outcome.event_id_size)
    output_uint(out, 2, 1)
    output_uint(out, 3, outcome.duplicate)
    output_uint(out, 4, outcome.late)
    for i in range(outcome.trigger_count):
        if outcome.duplicate:
            answer_repeated(out, image, outcome.numbers[i])
        else:
            answer_fired(out, image, outcome.rules[i])
    if not outcome.duplicate:
        output_uint(out, 7, sequence)


cdef void answer_batch_event(output* out, output* body, const plan* image,
                             const event_outcome* outcome, uint64_t sequence) noexcept nogil:
    body.used = 0
    answer_event(body, image, outcome, sequence)
    out.overflow |= body.overflow
    output_slice(out, 1, body.data, body.used)


cdef void answer_batch_refusal(output* out, output* body, const uint8_t* event_id,
                               uint32_t event_id_size, int32_t status, const char* field,
                               const char* description, uint32_t description_size) noexcept nogil:
    cdef size_t field_size = strlen(field)
    cdef size_t error_size = 1 + varint_size(<uint64_t>status)
    if field_size:
        error_size += 1 + varint_size(field_size) + field_size
    if description_size:
        error_size += 1 + varint_size(description_size) + description_size
    body.used = 0
    if event_id_size:
        output_slice(body, 1, event_id, event_id_size)
    output_varint(body, (6 << 3) | 2)
    output_varint(body, error_size)
    output_uint(body, 1, <uint64_t>status)
    if field_size:
        output_slice(body, 2, field, field_size)
    if description_size:
        output_slice(body, 3, description, description_size)
    out.overflow |= body.overflow
    output_slice(out, 1, body.data, body.used)


cdef void answer_evaluated(output* out, uint32_t field, const plan* image,
                           uint32_t rule) noexcept nogil:
    output_slice(out, field, image.blobs + image.rules[rule].blob_offset,
                 image.rules[rule].blob_size)
