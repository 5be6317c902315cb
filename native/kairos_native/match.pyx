# The bit-row matcher: contract in match.pxd, kernels in match.h, reasons in
# docs/adr/0007-bit-rows.md.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport getenv
from libc.string cimport strcmp
from kairos_native.layout cimport *
from kairos_native.plan cimport plan


cdef extern from "match.h" nogil:
    ctypedef struct match_tables:
        const uint8_t* strings
        const kairos_dictionary_entry* dictionary
        const kairos_leaf* leaves
        const kairos_operand* operands
        const kairos_column* columns
        const kairos_number* thresholds
        const double* threshold_keys
        const uint64_t* rows
        const kairos_conjunction* conjunctions
        const uint32_t* conjunction_rules
        const kairos_range* access
        const uint64_t* summaries
        const uint64_t* summary_first
        uint32_t dictionary_mask

    uint32_t match_kernel_detect()
    bint match_leaf_holds(const uint8_t* strings, const kairos_operand* operands,
                          const kairos_leaf* leaf,
                          const kairos_value* value)
    uint32_t match_bucket_of(const match_tables* tables, uint32_t column, const kairos_value* value)
    uint32_t match_whole(const match_tables* tables, const kairos_index* index,
                         const kairos_value* values, uint32_t kernel, uint64_t* words,
                         uint64_t* rule_bits, uint32_t* rules)


cdef inline match_tables match_tables_of(const plan* image) noexcept nogil:
    cdef match_tables tables
    tables.strings = image.strings
    tables.dictionary = image.dictionary
    tables.leaves = image.leaves
    tables.operands = image.operands
    tables.columns = image.columns
    tables.thresholds = image.thresholds
    tables.threshold_keys = image.threshold_keys
    tables.rows = image.rows
    tables.conjunctions = image.conjunctions
    tables.conjunction_rules = image.conjunction_rules
    tables.access = image.access
    tables.summaries = image.summaries
    tables.summary_first = image.summary_first
    tables.dictionary_mask = image.dictionary_mask
    return tables


cdef uint32_t match_kernel_best() noexcept nogil:
    cdef uint32_t best = match_kernel_detect()
    cdef uint32_t wanted = best
    cdef const char* name = getenv("KAIROS_KERNEL")
    if name != NULL:
        if strcmp(name, "portable") == 0:
            wanted = KERNEL_PORTABLE
        elif strcmp(name, "avx2") == 0:
            wanted = KERNEL_AVX2
        elif strcmp(name, "avx512") == 0:
            wanted = KERNEL_AVX512
    # A kernel that the machine lacks would end the process.
    return wanted if wanted < best else best


cdef uint32_t match_rules(const plan* image, const kairos_index* index, const kairos_value* values,
                          uint32_t kernel, uint64_t* words, uint64_t* rule_bits,
                          uint32_t* rules) noexcept nogil:
    cdef match_tables tables = match_tables_of(image)
    return match_whole(&tables, index, values, kernel, words, rule_bits, rules)


cdef void match_rule_bits(const plan* image, const kairos_index* index, const kairos_value* values,
                          uint32_t kernel, uint64_t* words, uint64_t* rule_bits) noexcept nogil:
    cdef match_tables tables = match_tables_of(image)
    match_whole(&tables, index, values, kernel, words, rule_bits, NULL)


cdef bint match_leaf(const plan* image, const kairos_leaf* leaf,
                     const kairos_value* value) noexcept nogil:
    return match_leaf_holds(image.strings, image.operands, leaf, value)


cdef uint32_t match_bucket(const plan* image, uint32_t column,
                           const kairos_value* value) noexcept nogil:
    cdef match_tables tables = match_tables_of(image)
    return match_bucket_of(&tables, column, value)
