# Contract in decide.pxd. Field numbers are those of proto/kairos/v1/personalization_service.proto.
from libc.stdint cimport UINT32_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from kairos_native.features cimport feature_read, feature_view
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_VARIANTS_MAX
from kairos_native.match cimport match_rule_bits
from kairos_native.plan cimport plan
from kairos_native.scratch cimport scratch
from kairos_native.score cimport score_linear_part, score_logistic
from kairos_native.status cimport *
from kairos_native.view cimport *

cdef extern from *:
    """
    #define lowest_bit(bits) ((uint32_t)__builtin_ctz(bits))
    """
    uint32_t lowest_bit(uint32_t bits) noexcept nogil

cdef enum:
    REASON_RANKED = 1
    REASON_FALLBACK = 2
    GROUP_BLOCKS = 8                # blocks of 16 candidates that the widest kernel scores at once
    GROUP_SIZE = 128
    # from so many on, scoring the whole group costs less than one by one
    BLOCKS_FULL = 4
    ANSWER_BASE_SIZE = 512          # ids, counts and tags of one answer
    ANSWER_ITEM_SIZE = 64           # the same of one decision


# Numbers and truths as float32; all else, and what float32 cannot hold as a finite
# number, counts as 0.
cdef inline float feature_float(const kairos_value* value) noexcept nogil:
    cdef double number
    cdef float narrow
    if value.kind == VALUE_INT:
        number = <double><int64_t>value.bits
    elif value.kind == VALUE_DOUBLE:
        memcpy(&number, &value.bits, 8)
    elif value.kind == VALUE_BOOL:
        number = <double>value.bits
    else:
        return 0.0
    narrow = <float>number
    return narrow if narrow - narrow == 0.0 else 0.0


cdef void decide_gather(const feature_view* view, uint32_t placement, scratch* work) noexcept nogil:
    cdef const plan* image = view.image
    cdef const kairos_index* index = &image.indexes[<int>INDEX_DECIDE]
    cdef const kairos_placement* place = &image.placements[placement]
    cdef kairos_value value
    cdef uint32_t i
    for i in range(index.column_count):
        work.values[i] = feature_read(view, &image.columns[index.column_first + i].source)
    for i in range(place.source_count):
        value = feature_read(view, &image.score_sources[place.source_first + i])
        work.features[i] = feature_float(&value)


cdef inline bint candidate_allowed(const decide_input* choice, const kairos_candidate* candidate,
                                   const uint64_t* rule_bits, uint32_t rule_first) noexcept nogil:
    cdef uint32_t rule
    if candidate.rule != UINT32_MAX:
        rule = candidate.rule - rule_first
        if not (rule_bits[rule >> 6] >> (rule & 63)) & 1:
            return False
    if choice.now_us < candidate.start_us or choice.now_us >= candidate.end_us:
        return False
    return not choice.require_consent or (candidate.consent_mask & ~choice.consent_granted) == 0


# Keeps the best in order; an equal one stays behind the earlier document. Returns the new count.
cdef inline uint32_t keep_best(decide_chosen* best, uint32_t count, uint32_t count_max,
                               uint32_t candidate, int32_t priority, double score) noexcept nogil:
    cdef uint32_t place = count
    if count == count_max:
        place -= 1
        if (priority < best[place].priority
                or (priority == best[place].priority and not score > best[place].score)):
            return count
    while place and (priority > best[place - 1].priority
                     or (priority == best[place - 1].priority and score > best[place - 1].score)):
        if place < count_max:
            best[place] = best[place - 1]
        place -= 1
    best[place].candidate = candidate
    best[place].priority = priority
    best[place].score = score
    return count + 1 if count < count_max else count


# One bit per candidate of a group: bit c % 16 of blocks[c / 16]. Returns how many blocks have one.
cdef uint32_t group_allowed(const decide_input* choice, const kairos_candidate* candidates,
                            uint32_t count, const uint64_t* rule_bits, uint32_t rule_first,
                            uint16_t* blocks) noexcept nogil:
    cdef uint32_t i, occupied = 0
    memset(blocks, 0, GROUP_BLOCKS * sizeof(uint16_t))
    for i in range(count):
        if candidate_allowed(choice, &candidates[i], rule_bits, rule_first):
            occupied += blocks[i >> 4] == 0
            blocks[i >> 4] |= <uint16_t>(1 << (i & 15))
    return occupied


# Scores at least the occupied blocks of a group. A sum depends on its own candidate only, so that
# the way taken shows in no score.
cdef void group_score(const plan* image, const kairos_placement* place, scratch* work,
                      uint32_t first, uint32_t width, const uint16_t* blocks, uint32_t occupied,
                      uint32_t kernel) noexcept nogil:
    cdef const float* weights = image.score_weights + place.weight_first + first
    cdef const float* biases = work.biases + place.candidate_first + first
    cdef uint32_t block
    if occupied >= BLOCKS_FULL:
        score_linear_part(weights, place.weight_stride, width, work.features, place.source_count,
                          biases, work.scores + first, kernel)
        return
    for block in range(width >> 4):
        if blocks[block]:
            score_linear_part(weights + 16 * block, place.weight_stride, 16, work.features,
                              place.source_count, biases + 16 * block,
                              work.scores + first + 16 * block, kernel)


# Keeps the allowed candidates of a group that are among the best so far. Returns the new count.
cdef uint32_t group_keep(const decide_input* choice, const kairos_candidate* candidates,
                         const float* scores, const uint16_t* blocks, uint32_t candidate_first,
                         decide_chosen* best, uint32_t count) noexcept nogil:
    cdef const kairos_candidate* candidate
    cdef uint32_t block, bits, i
    cdef double score
    for block in range(<uint32_t>GROUP_BLOCKS):
        bits = blocks[block]
        while bits:
            i = 16 * block + lowest_bit(bits)
            bits &= bits - 1
            candidate = &candidates[i]
            if count == choice.max_variants and candidate.priority < best[count - 1].priority:
                return count
            score = <double>scores[i]
            if candidate.flags & CANDIDATE_FLAG_LOGISTIC:
                score = score_logistic(score)
            count = keep_best(best, count, choice.max_variants, candidate_first + i,
                              candidate.priority, score)
    return count


cdef uint32_t decide_rank(const decide_input* choice, scratch* work, uint32_t kernel,
                          decide_chosen* best) noexcept nogil:
    cdef const plan* image = choice.image
    cdef const kairos_index* index = &image.indexes[<int>INDEX_DECIDE]
    cdef const kairos_placement* place = &image.placements[choice.placement]
    cdef const kairos_candidate* candidates = image.candidates + place.candidate_first
    cdef uint16_t blocks[GROUP_BLOCKS]
    cdef const float* scores = (work.scores if place.source_count
                                else work.biases + place.candidate_first)
    cdef uint32_t first = 0, occupied, count = 0
    match_rule_bits(image, index, work.values, kernel, work.words, work.rule_bits)
    while first < place.candidate_count:
        # Candidates stand in order of priority: nothing behind can displace a full
        # list of better ones.
        if count == choice.max_variants and candidates[first].priority < best[count - 1].priority:
            break
        occupied = group_allowed(choice, candidates + first,
                                 min(place.candidate_count - first, <uint32_t>GROUP_SIZE),
                                 work.rule_bits, index.rule_first, blocks)
        if occupied and place.source_count:
            group_score(image, place, work, first,
                        min(place.weight_stride - first, <uint32_t>GROUP_SIZE), blocks, occupied,
                        kernel)
        if occupied:
            count = group_keep(choice, candidates + first, scores + first, blocks,
                               place.candidate_first + first, best, count)
        first += GROUP_SIZE
    return count


cdef void put_decision(output* out, const plan* image, uint32_t candidate_index, double score,
                       uint32_t reason) noexcept nogil:
    cdef const kairos_candidate* candidate = &image.candidates[candidate_index]
    cdef uint64_t bits
    memcpy(&bits, &score, 8)
    output_varint(out, (2 << 3) | 2)
    output_varint(out, <uint64_t>candidate.blob_size + (9 if bits else 0) + 2 + 9)
    output_bytes(out, image.blobs + candidate.blob_offset, candidate.blob_size)
    output_double(out, 7, score)
    output_uint(out, 9, reason)
    # Nothing random takes part yet, so each choice was certain.
    output_double(out, 10, 1.0)


cdef void put_hex(output* out, uint32_t field, const uint8_t* data, uint32_t size) noexcept nogil:
    cdef const char* digits = b"0123456789abcdef"
    cdef char text[64]
    cdef uint32_t i
    for i in range(size):
        text[2 * i] = digits[data[i] >> 4]
        text[2 * i + 1] = digits[data[i] & 15]
    output_slice(out, field, text, 2 * size)


cdef size_t decide_size_max(const decide_input* choice, const decide_chosen* best,
                            uint32_t count) noexcept nogil:
    cdef const plan* image = choice.image
    cdef uint32_t fallback = image.placements[choice.placement].fallback
    cdef size_t size = ANSWER_BASE_SIZE
    cdef uint32_t i
    for i in range(count):
        size += ANSWER_ITEM_SIZE + image.candidates[best[i].candidate].blob_size
    if not count and fallback != UINT32_MAX:
        size += ANSWER_ITEM_SIZE + image.candidates[fallback].blob_size
    return size


cdef void decide_write(const decide_input* choice, const decide_chosen* best, uint32_t count,
                       output* out) noexcept nogil:
    cdef const plan* image = choice.image
    cdef const kairos_placement* place = &image.placements[choice.placement]
    cdef uint32_t i
    put_hex(out, 1, choice.decision_id, 16)
    for i in range(count):
        put_decision(out, image, best[i].candidate, best[i].score, REASON_RANKED)
    if not count and place.fallback != UINT32_MAX:
        put_decision(out, image, place.fallback, 0.0, REASON_FALLBACK)
    put_hex(out, 3, image.header.plan_id, 32)
    output_uint(out, 4, choice.applied_sequence)


cdef void decide_choose(const decide_input* choice, scratch* work, uint32_t kernel,
                        output* out) noexcept nogil:
    cdef decide_chosen best[KAIROS_VARIANTS_MAX]
    cdef uint32_t count = decide_rank(choice, work, kernel, best)
    decide_write(choice, best, count, out)


cdef void decide_finish(output* out, int64_t processing_us) noexcept nogil:
    output_uint(out, 8, <uint64_t>processing_us)


cdef void decide_record(const decide_input* choice, const scratch* work, uint32_t tenant,
                        int64_t processing_us, const uint8_t* request, uint32_t request_size,
                        const uint8_t* response, uint32_t response_size,
                        output* out) noexcept nogil:
    cdef kairos_decision header
    cdef kairos_value value
    cdef uint32_t i
    memset(&header, 0, sizeof(header))
    memcpy(header.decision_id, choice.decision_id, 16)
    memcpy(header.plan_id, choice.image.header.plan_id, 32)
    header.applied_sequence = choice.applied_sequence
    header.now_us = choice.now_us
    header.processing_us = processing_us
    header.consent_granted = choice.consent_granted
    header.version = KAIROS_DECISION_VERSION
    header.semantics_version = KAIROS_SEMANTICS_VERSION
    header.tenant = tenant
    header.placement = choice.placement
    header.max_variants = choice.max_variants
    header.require_consent = choice.require_consent
    header.value_count = choice.image.indexes[<int>INDEX_DECIDE].column_count
    header.feature_count = choice.image.placements[choice.placement].source_count
    header.request_size = request_size
    header.response_size = response_size
    for i in range(header.value_count):
        if work.values[i].kind == VALUE_STRING:
            header.text_size += work.values[i].size
    output_bytes(out, &header, sizeof(header))
    header.text_size = 0
    for i in range(header.value_count):
        value = work.values[i]
        if value.kind == VALUE_STRING:
            value.bits = header.text_size
            header.text_size += value.size
        output_bytes(out, &value, sizeof(value))
    output_bytes(out, work.features, header.feature_count * sizeof(float))
    for i in range(header.value_count):
        if work.values[i].kind == VALUE_STRING:
            output_bytes(out, <const void*><size_t>work.values[i].bits, work.values[i].size)
    output_bytes(out, request, request_size)
    output_bytes(out, response, response_size)


cdef int32_t decide_restore(const uint8_t* record, uint32_t size, const plan* image, scratch* work,
                            decide_input* choice, int64_t* processing_us) noexcept nogil:
    cdef kairos_decision header
    cdef const uint8_t* texts
    cdef uint64_t expected
    cdef uint32_t i
    if size < sizeof(header):
        return STATUS_RECORD_CORRUPT
    memcpy(&header, record, sizeof(header))
    if (header.version != KAIROS_DECISION_VERSION
            or header.semantics_version != KAIROS_SEMANTICS_VERSION):
        return STATUS_LOG_SEMANTICS
    if memcmp(header.plan_id, image.header.plan_id, 32) != 0:
        return STATUS_PLAN_UNKNOWN
    expected = (sizeof(header) + <uint64_t>header.value_count * sizeof(kairos_value)
                + <uint64_t>header.feature_count * sizeof(float)
                + header.text_size + header.request_size + header.response_size)
    if (expected != size or header.placement >= image.placement_count
            or header.max_variants - 1 >= KAIROS_VARIANTS_MAX
            or header.value_count != image.indexes[<int>INDEX_DECIDE].column_count
            or header.feature_count != image.placements[header.placement].source_count):
        return STATUS_RECORD_CORRUPT
    memcpy(work.values, record + sizeof(header), header.value_count * sizeof(kairos_value))
    memcpy(work.features, record + sizeof(header) + header.value_count * sizeof(kairos_value),
           header.feature_count * sizeof(float))
    texts = (record + sizeof(header) + header.value_count * sizeof(kairos_value)
             + header.feature_count * sizeof(float))
    for i in range(header.value_count):
        if work.values[i].kind == VALUE_STRING:
            if (work.values[i].bits > header.text_size
                    or work.values[i].size > header.text_size - work.values[i].bits):
                return STATUS_RECORD_CORRUPT
            work.values[i].bits = <uint64_t><size_t>(texts + work.values[i].bits)
    choice.image = image
    choice.now_us = header.now_us
    choice.consent_granted = header.consent_granted
    choice.applied_sequence = header.applied_sequence
    memcpy(choice.decision_id, header.decision_id, 16)
    choice.placement = header.placement
    choice.max_variants = header.max_variants
    choice.require_consent = header.require_consent
    processing_us[0] = header.processing_us
    return STATUS_OK
