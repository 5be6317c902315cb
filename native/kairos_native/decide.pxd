# Decisions: gather what the plan reads, then choose. The choosing is a pure function of the
# gathered values, so that a decision record replays without the subject.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.features cimport feature_view
from kairos_native.layout cimport kairos_decision, kairos_value
from kairos_native.plan cimport plan
from kairos_native.scratch cimport scratch
from kairos_native.view cimport output


# All that a choice depends on. work.values (decide index columns) and work.features are part of it.
cdef struct decide_input:
    const plan* image
    int64_t now_us
    uint64_t consent_granted
    uint64_t applied_sequence
    uint8_t decision_id[16]
    uint32_t placement          # index in image.placements
    uint32_t max_variants
    uint32_t require_consent


# A chosen candidate: absolute index and the score it was ordered by.
cdef struct decide_chosen:
    double score
    uint32_t candidate
    int32_t priority


# Fills work.values and work.features for a placement.
#   Cost: O(columns + score features)
cdef void decide_gather(const feature_view* view, uint32_t placement, scratch* work) noexcept nogil
# Fills `best` with the best allowed candidates in order; returns their count. Ties go to the
# earlier document. Scores are computed for blocks of 16 candidates that hold an allowed one.
#   Shapes: best[choice.max_variants]
#   Cost:   O(decide columns x words + candidates + allowed blocks x features); no allocation
cdef uint32_t decide_rank(const decide_input* choice, scratch* work, uint32_t kernel,
                          decide_chosen* best) noexcept nogil
# Bytes that decide_write and decide_finish need at most.
cdef size_t decide_size_max(const decide_input* choice, const decide_chosen* best,
                            uint32_t count) noexcept nogil
# Encodes DecideResponse without processing_time_us.
#   Bounds: sets out.overflow when it does not fit
cdef void decide_write(const decide_input* choice, const decide_chosen* best, uint32_t count,
                       output* out) noexcept nogil
# Both at once, for a replay, where the room is known.
cdef void decide_choose(const decide_input* choice, scratch* work, uint32_t kernel,
                        output* out) noexcept nogil
# Encodes the record of a decision.
#   Bounds: sets out.overflow when it does not fit
cdef void decide_record(const decide_input* choice, const scratch* work, uint32_t tenant,
                        int64_t processing_us, const uint8_t* request, uint32_t request_size,
                        const uint8_t* response, uint32_t response_size, output* out) noexcept nogil
# Reads a record back into an input and the scratch; strings point into the record. `image` must be
# the record's plan.
#   Errors: STATUS_RECORD_CORRUPT, STATUS_PLAN_UNKNOWN (another plan),
#           STATUS_LOG_SEMANTICS (another version)
cdef int32_t decide_restore(const uint8_t* record, uint32_t size, const plan* image, scratch* work,
                            decide_input* choice, int64_t* processing_us) noexcept nogil
# Ends a response.
cdef void decide_finish(output* out, int64_t processing_us) noexcept nogil
# Writes bytes as lower-case hexadecimal text.
#   Bounds: size at most 32
cdef void put_hex(output* out, uint32_t field, const uint8_t* data, uint32_t size) noexcept nogil
