# The bit-row matcher. See docs/adr/0007-bit-rows.md.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport kairos_index, kairos_leaf, kairos_operand, kairos_value
from kairos_native.plan cimport plan


# Kernels that AND rows; all give the same bytes.
cdef enum match_kernel:
    KERNEL_PORTABLE = 0
    KERNEL_AVX2 = 1
    KERNEL_AVX512 = 2


# Best kernel of this machine; KAIROS_KERNEL=portable|avx2|avx512 narrows it (tests).
cdef uint32_t match_kernel_best() noexcept nogil
# Writes the rules of the index that hold, ascending and each once.
#   Shapes: values[index.column_count] in column order; words[index.word_count] scratch at a 64-byte
#           boundary; rule_bits[ceil(index.rule_count / 64)] scratch; rules[index.rule_count]
#           absolute indexes into image.rules
#   Returns: number of rules
#   Cost:   O(columns x word_count + survivors); no allocation
cdef uint32_t match_rules(const plan* image, const kairos_index* index, const kairos_value* values,
                          uint32_t kernel, uint64_t* words, uint64_t* rule_bits,
                          uint32_t* rules) noexcept nogil
# Sets bit r for each rule (relative to index.rule_first) that holds; rule_bits zeroed by the
# callee, ceil(rule_count / 64) words.
cdef void match_rule_bits(const plan* image, const kairos_index* index, const kairos_value* values,
                          uint32_t kernel, uint64_t* words, uint64_t* rule_bits) noexcept nogil
# True when the leaf holds for the value: CEL's meaning, an error counts as "does not hold".
cdef bint match_leaf(const plan* image, const kairos_leaf* leaf,
                     const kairos_value* value) noexcept nogil
# Bucket of a value in a column.
cdef uint32_t match_bucket(const plan* image, uint32_t column,
                           const kairos_value* value) noexcept nogil
