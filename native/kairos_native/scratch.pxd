# Working memory of one thread, sized to the plan in use,
# so that a request takes nothing from the heap.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport kairos_value
from kairos_native.plan cimport plan
from kairos_native.view cimport arena


cdef struct scratch:
    # the plan that the sizes below fit; an address could be given to another plan
    uint8_t plan_id[32]
    const plan* image           # where it is; NULL: none yet
    arena message               # names and lists of the message being scanned
    kairos_value* fields        # image.event_field_count
    kairos_value* context       # image.context_field_count
    kairos_value* values        # columns of the widest index
    uint64_t* words             # words of the widest row, 64-byte aligned
    uint64_t* rule_bits         # one bit per rule of the widest index
    uint32_t* rules             # rules of the longest index
    uint32_t* numbers           # trigger numbers, as many
    float* features             # score features of the widest placement
    # candidates of the widest placement, rounded up to 16, 64-byte aligned
    float* scores
    float* biases               # bias of every candidate of the plan, in the plan's order
    uint8_t* record             # KAIROS_RECORD_SIZE_MAX bytes: the record being changed
    uint8_t* before             # the same before the event


# Makes zeroed working memory that fits no plan yet; NULL when the machine has none left.
cdef scratch* scratch_new() noexcept nogil
cdef void scratch_free(scratch* work) noexcept nogil
# Sizes the memory for a plan; does nothing when it fits already.
#   Cost:   allocation, only when the plan changed
#   Errors: STATUS_NO_MEMORY
cdef int32_t scratch_fit(scratch* work, const plan* image) noexcept nogil
