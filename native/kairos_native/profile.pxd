# Profiles as kairos.v1.GetProfileResponse. A cold call: this part holds the GIL.
from libc.stdint cimport uint32_t
from kairos_native.features cimport feature_view


# Returns the encoded response. `slot_names`: by slot id the names, UTF-8, under
# which the slot is shown.
#   Cost: O(slots + entries), several small Python objects
cdef bytes profile_encode(const feature_view* view, bytes subject_id, list slot_names,
                          uint32_t stored_size)
