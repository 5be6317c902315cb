# Contract in scratch.pxd.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_GROUP_MEMBERS_MAX, KAIROS_RECORD_SIZE_MAX
from kairos_native.plan cimport plan
from kairos_native.status cimport STATUS_NO_MEMORY, STATUS_OK
from kairos_native.view cimport arena
from kairos_native.wire cimport WIRE_EVENT_ARENA_SIZE


cdef extern from "stdlib.h" nogil:
    void* aligned_alloc(size_t alignment, size_t size)


# Zeroed memory at a 64-byte boundary, at least one line long.
cdef void* lines(size_t size) noexcept nogil:
    cdef size_t rounded = ((size + 63) & ~(<size_t>63)) + 64
    cdef void* memory = aligned_alloc(64, rounded)
    if memory != NULL:
        memset(memory, 0, rounded)
    return memory


cdef void scratch_drop(scratch* work) noexcept nogil:
    free(work.fields)
    free(work.context)
    free(work.values)
    free(work.words)
    free(work.rule_bits)
    free(work.rules)
    free(work.numbers)
    free(work.features)
    free(work.scores)
    free(work.biases)
    work.fields = work.context = work.values = NULL
    work.words = work.rule_bits = NULL
    work.rules = work.numbers = NULL
    work.features = work.scores = work.biases = NULL
    work.image = NULL


cdef scratch* scratch_new() noexcept nogil:
    cdef scratch* work = <scratch*>calloc(1, sizeof(scratch))
    if work == NULL:
        return NULL
    work.message.size = WIRE_EVENT_ARENA_SIZE
    work.message.base = <uint8_t*>lines(work.message.size)
    work.record = <uint8_t*>lines(KAIROS_RECORD_SIZE_MAX)
    work.before = <uint8_t*>lines(KAIROS_RECORD_SIZE_MAX)
    work.fold = <uint8_t*>lines(KAIROS_RECORD_SIZE_MAX)
    work.fold_before = <uint8_t*>lines(KAIROS_RECORD_SIZE_MAX)
    # Not cleared: memory that no group uses is never touched.
    work.members = <uint8_t*>aligned_alloc(64, <size_t>KAIROS_GROUP_MEMBERS_MAX
                                           * SCRATCH_MEMBER_SIZE)
    if (work.message.base == NULL or work.record == NULL or work.before == NULL
            or work.fold == NULL or work.fold_before == NULL or work.members == NULL):
        scratch_free(work)
        return NULL
    return work


cdef void scratch_free(scratch* work) noexcept nogil:
    if work == NULL:
        return
    scratch_drop(work)
    free(work.message.base)
    free(work.record)
    free(work.before)
    free(work.fold)
    free(work.fold_before)
    free(work.members)
    free(work)


cdef int32_t scratch_fit(scratch* work, const plan* image) noexcept nogil:
    cdef uint32_t columns = 1, word_count = 8, rule_count = 1
    cdef uint32_t sources = 1, stride = 16, candidates = 0, i
    cdef const kairos_index* index
    if work.image != NULL and memcmp(work.plan_id, image.header.plan_id, 32) == 0:
        work.image = image
        return STATUS_OK
    scratch_drop(work)
    for i in range(INDEX_COUNT):
        index = &image.indexes[i]
        columns = max(columns, index.column_count)
        word_count = max(word_count, index.word_count)
        rule_count = max(rule_count, index.rule_count)
    for i in range(image.placement_count):
        sources = max(sources, image.placements[i].source_count)
        stride = max(stride, image.placements[i].weight_stride)
        candidates = max(candidates,
                         image.placements[i].candidate_first + image.placements[i].weight_stride)
    work.fields = <kairos_value*>lines(image.event_field_count * sizeof(kairos_value))
    work.context = <kairos_value*>lines(image.context_field_count * sizeof(kairos_value))
    work.values = <kairos_value*>lines(columns * sizeof(kairos_value))
    work.words = <uint64_t*>lines(word_count * 8)
    work.rule_bits = <uint64_t*>lines((rule_count + 63) // 64 * 8)
    work.rules = <uint32_t*>lines(rule_count * 4)
    work.numbers = <uint32_t*>lines(rule_count * 4)
    work.features = <float*>lines(sources * 4)
    work.scores = <float*>lines(stride * 4)
    work.biases = <float*>lines(candidates * 4)
    if (work.fields == NULL or work.context == NULL or work.values == NULL or work.words == NULL
            or work.rule_bits == NULL
            or work.rules == NULL or work.numbers == NULL or work.features == NULL
            or work.scores == NULL or work.biases == NULL):
        scratch_drop(work)
        return STATUS_NO_MEMORY
    for i in range(image.placement_count):
        scratch_biases(work, image, &image.placements[i])
    work.image = image
    memcpy(work.plan_id, image.header.plan_id, 32)
    return STATUS_OK


# Biases stand together for the vector kernels; in the image they stand with their candidates.
cdef void scratch_biases(scratch* work, const plan* image,
                         const kairos_placement* placement) noexcept nogil:
    cdef uint32_t i
    for i in range(placement.candidate_count):
        work.biases[placement.candidate_first + i] = image.candidates[placement.candidate_first
                                                                      + i].bias
