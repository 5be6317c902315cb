# Encodes what became of events as kairos.v1 messages.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from kairos_native.change cimport event_outcome
from kairos_native.plan cimport plan
from kairos_native.view cimport output


# Bounds: bytes that one outcome takes at most, so that a caller can make room first.
cdef size_t answer_size_max(const plan* image, const event_outcome* outcome) noexcept nogil
# Fields 1 to 7 of IngestResponse or IngestResult.
cdef void answer_event(output* out, const plan* image, const event_outcome* outcome,
                       uint64_t sequence) noexcept nogil
# The same as one length-delimited field of a batch.
cdef void answer_batch_event(output* out, output* body, const plan* image,
                             const event_outcome* outcome, uint64_t sequence) noexcept nogil
# One refused event of a batch: IngestResult with its error.
cdef void answer_batch_refusal(output* out, output* body, const uint8_t* event_id,
                               uint32_t event_id_size, int32_t status, const char* field,
                               const char* description, uint32_t description_size) noexcept nogil
# One FiredTrigger of EvaluateResponse: not executed, no result.
cdef void answer_evaluated(output* out, uint32_t field, const plan* image,
                           uint32_t rule) noexcept nogil
