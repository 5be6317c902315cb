# Links identifiers and parts them again: union and split of groups.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from kairos_native.identity cimport identity_group, identity_source


# What a link or its removal did.
cdef struct identity_change:
    uint64_t link_id            # of the link made, found or removed; 0: refused
    int32_t status              # STATUS_OK, STATUS_LINK_REFUSED, STATUS_LINK_NOT_FOUND
    uint32_t changed            # 1: some group changed


# Links two identifiers. `link`: kairos_link with its texts, `size` bytes. A link that is there
# already is found again; one that would make a group too large or put two identifiers of a type of
# `unique_types` together is refused. `automatic`: by an event, which respects a removed link.
#   Cost:   at most KAIROS_GROUP_MEMBERS_MAX / 2 + 3 puts
#   Errors: STATUS_STORE_ERROR, STATUS_RECORD_CORRUPT; refusals are in `change`
cdef int32_t identity_link(const identity_source* source, const uint8_t* link, uint32_t size,
                           uint32_t unique_types, bint automatic, identity_group* group,
                           identity_change* change) noexcept nogil
# Removes a link; what it alone held together falls apart. `group`: the group as it was before.
#   Cost:   at most KAIROS_GROUP_MEMBERS_MAX puts and deletes of members, as many of groups
#   Errors: STATUS_STORE_ERROR, STATUS_RECORD_CORRUPT; refusals are in `change`
cdef int32_t identity_unlink(const identity_source* source, uint64_t link_id,
                             identity_group* group, identity_change* change) noexcept nogil
