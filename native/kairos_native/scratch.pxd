# Working memory of one thread, sized to the plan in use,
# so that a request takes nothing from the heap.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport kairos_record, kairos_value
from kairos_native.limits cimport KAIROS_GROUP_MEMBERS_MAX
from kairos_native.plan cimport plan
from kairos_native.view cimport arena


# The other members of a subject's group that have a record, in ascending order of their ids.
#   Owns: nothing; the records live in the scratch, or among the working records
cdef struct fold_others:
    const kairos_record* records[KAIROS_GROUP_MEMBERS_MAX]
    uint32_t count
    uint32_t own_place          # how many of them come before the subject itself


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
    fold_others others          # of the record being changed; count 0: it stands alone
    uint8_t* fold               # KAIROS_RECORD_SIZE_MAX bytes: the group's record
    uint8_t* fold_before        # the same before the event
    uint8_t* members            # KAIROS_GROUP_MEMBERS_MAX places for records of the group
    # Of the others, while others.count is not 0: their ids, what is pending in all of them, and the
    # last event of any.
    uint8_t others_ids[KAIROS_GROUP_MEMBERS_MAX][16]
    uint32_t others_timers
    int64_t others_seen_us


cdef enum:
    # From one place to the next. Not a power of two: the members of a group are read together, and
    # equal places in many pages would meet in few lines of the cache.
    SCRATCH_MEMBER_SIZE = 65536 + 192


# Makes zeroed working memory that fits no plan yet; NULL when the machine has none left.
cdef scratch* scratch_new() noexcept nogil
cdef void scratch_free(scratch* work) noexcept nogil
# Sizes the memory for a plan; does nothing when it fits already.
#   Cost:   allocation, only when the plan changed
#   Errors: STATUS_NO_MEMORY
cdef int32_t scratch_fit(scratch* work, const plan* image) noexcept nogil
