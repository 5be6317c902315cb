# A loaded plan image: checked once, then read in place by everyone.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport *


# Typed pointers into one image. Immutable after plan_load.
#   Owns: the image bytes; freed by plan_free when nobody uses the plan any more
#         (epoch of the engine)
cdef struct plan:
    const uint8_t* image
    const kairos_image_header* header
    const uint8_t* strings
    const kairos_dictionary_entry* dictionary
    const kairos_field* event_fields
    const kairos_field* context_fields
    const kairos_field* traits
    const kairos_slot* slots
    const kairos_range* type_slots
    const uint32_t* slot_list
    const kairos_leaf* leaves
    const kairos_operand* operands
    const kairos_derived* derived
    const kairos_term* terms
    const kairos_index* indexes
    const kairos_column* columns
    const kairos_number* thresholds
    const uint64_t* rows
    const kairos_conjunction* conjunctions
    const kairos_rule* rules
    const uint8_t* blobs
    const kairos_placement* placements
    const kairos_candidate* candidates
    const kairos_source* score_sources
    const float* score_weights
    const kairos_text* trigger_names
    const kairos_effect_template* effects
    const kairos_timer* timers
    const uint32_t* timer_list
    uint32_t dictionary_mask
    uint32_t event_field_count
    uint32_t context_field_count
    uint32_t trait_count
    uint32_t slot_count
    uint32_t derived_count
    uint32_t trigger_count          # entries of trigger_names
    uint32_t placement_count
    uint32_t timer_count
    uint32_t timer_effects_max      # effects of one timer at most
    uint32_t effect_size_max        # bytes of one action at most
    uint64_t image_size
    const double* threshold_keys    # thresholds rounded to double, for the search in match
    const uint32_t* conjunction_rules   # by conjunction
    const kairos_range* access      # by column
    # of clustered indexes: bit b of a row's summary is set where its block of 512 bits has one
    const uint64_t* summaries
    const uint64_t* summary_first   # by column: first word of its bucket 0
    const kairos_intake* intake     # NULL: events are logged as they came
    const kairos_range* intake_types    # NULL: no event type has rules of its own
    const kairos_intake_rule* intake_rules
    const kairos_text* query_names
    const kairos_text* site_hosts
    uint32_t query_name_count
    uint32_t site_host_count
    void* memory                    # what plan_free frees


# Reads the file, verifies magic, version, plan id (BLAKE2b-256), and that every offset, range and
# id stays inside: after this nothing in the image can make the core read outside it.
#   Errors: STATUS_IMAGE_CORRUPT, STATUS_IMAGE_VERSION, STATUS_LOG_IO, STATUS_NO_MEMORY; `message`
#           says what and where
cdef plan* plan_load(const char* path, int32_t* status, char* message,
                     uint32_t message_size) noexcept nogil
cdef plan* plan_load_bytes(const uint8_t* data, uint64_t size, int32_t* status, char* message,
                           uint32_t message_size) noexcept nogil
cdef void plan_free(plan* image) noexcept nogil
# Returns the id of `text` in `space`, or UINT32_MAX. `hash` = kairos_hash64(space, text).
#   Cost: about one cache miss
cdef uint32_t plan_find_hashed(const plan* image, uint64_t hash, uint32_t space,
                               const uint8_t* text, uint32_t size) noexcept nogil
cdef uint32_t plan_find(const plan* image, uint32_t space, const uint8_t* text,
                        uint32_t size) noexcept nogil
