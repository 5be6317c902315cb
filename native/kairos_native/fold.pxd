# One record that stands for several identifiers of a person: read only, never stored. Meaning in
# docs/guides/identity.md, "What a group reads".
from libc.stdint cimport uint32_t, uint8_t
from kairos_native.layout cimport *
from kairos_native.plan cimport plan
from kairos_native.scratch cimport fold_others


# Folds the others and, in its place among them, so that the result has one value whichever member
# asks, `own` (NULL: the subject has no record) into `memory`.
#   Shapes: memory[KAIROS_RECORD_SIZE_MAX] at an 8-byte boundary; records in the image's layout or a
#           larger one
#   Returns: the fold; NULL where nobody has a record
#   Cost:   O(members × (slots + buckets + entries)); no allocation
cdef kairos_record* fold_group(const plan* image, const fold_others* others,
                               const kairos_record* own, uint8_t* memory) noexcept nogil
