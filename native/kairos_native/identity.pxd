# Which identifiers belong to one person: links and the groups they make, as the view keeps them.
# Reasons in docs/adr/0019-identities.md. Keys in STORE_IDENTITIES: prefix, kind, and
#   IDENTITY_MEMBER id16          -> id of the member's group
#   IDENTITY_GROUP  id16          -> identity_group without its empty places
#   IDENTITY_LINK   link id       -> kairos_link with its texts, as the log has it
#   IDENTITY_APART  id16 id16     -> nothing: a pair that was unlinked and that no event links again
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.preimage cimport preimages
from kairos_native.store cimport store, store_reader, store_value


cdef enum identity_kind:
    IDENTITY_MEMBER = 1
    IDENTITY_GROUP = 2
    IDENTITY_LINK = 3
    IDENTITY_APART = 4

cdef enum:
    IDENTITY_KEY_SIZE_MAX = 40
    IDENTITY_HEAD_SIZE = 24         # id and counts of a group
    IDENTITY_EVIDENCE_SIZE_MAX = 4096
    # bytes of a kairos_link with its texts
    IDENTITY_LINK_SIZE_MAX = (sizeof(kairos_link) + 2 * KAIROS_SUBJECT_ID_SIZE_MAX
                              + IDENTITY_EVIDENCE_SIZE_MAX)

cdef struct identity_member:
    uint8_t id[16]
    uint8_t type                # identifier.h
    uint8_t reserved[7]

cdef struct identity_edge:
    uint64_t link_id
    uint16_t left               # places in `members`
    uint16_t right
    uint32_t reserved

# Members that links connect, and these links.
cdef struct identity_group:
    uint8_t id[16]
    uint32_t member_count
    uint32_t link_count
    identity_member members[KAIROS_GROUP_MEMBERS_MAX]   # in ascending order of id
    identity_edge links[KAIROS_GROUP_LINKS_MAX]         # in ascending order of link id

# Where identities are read: in the write transaction, or in that of a reader.
cdef struct identity_source:
    store* view                 # NULL: `reader` reads
    store_reader* reader
    preimages* images           # writers only
    uint64_t sequence           # writers only: of the record being applied
    uint32_t ordinal            # writers only: 0, 1 … 15 among the links of one record
    uint32_t tenant
    uint16_t partition

# Reads the group of an identifier.
#   Cost:   two gets
#   Errors: STATUS_STORE_NOT_FOUND: it is linked with nothing; STATUS_STORE_ERROR;
#           STATUS_RECORD_CORRUPT
cdef int32_t identity_find(const identity_source* source, const uint8_t* id,
                           identity_group* group) noexcept nogil
# Place of a member in its group, or member_count.
cdef uint32_t identity_place(const identity_group* group, const uint8_t* id) noexcept nogil
# Reads a link: kairos_link and its texts.
#   Shapes: link[IDENTITY_LINK_SIZE_MAX]
#   Errors: STATUS_STORE_NOT_FOUND
cdef int32_t identity_read_link(const identity_source* source, uint64_t link_id, uint8_t* link,
                                uint32_t* size) noexcept nogil
# True when a log record holds a whole kairos_link whose sizes are right.
cdef bint identity_link_valid(const uint8_t* link, uint32_t size) noexcept nogil

# What linkage.pyx builds on: one entry, its key, a group, the group of a member.
#   Shapes: value[STORED_SIZE + size], the header is filled; NULL removes the entry;
#           key[IDENTITY_KEY_SIZE_MAX]
#   Errors: STATUS_STORE_ERROR, STATUS_RECORD_CORRUPT; a get also STATUS_STORE_NOT_FOUND
cdef int32_t identity_get(const identity_source* source, const uint8_t* key, uint32_t key_size,
                          store_value* value) noexcept nogil
cdef int32_t identity_put(const identity_source* source, const uint8_t* key, uint32_t key_size,
                          uint8_t* value, size_t size) noexcept nogil
cdef uint32_t identity_link_key(const identity_source* source, uint64_t link_id,
                                uint8_t* key) noexcept nogil
# Id of the link that the record makes: sixteen times its sequence, and the ordinal.
cdef inline uint64_t identity_link_id(const identity_source* source) noexcept nogil:
    return source.sequence << 4 | source.ordinal
cdef int32_t identity_group_write(const identity_source* source,
                                  const identity_group* group) noexcept nogil
cdef int32_t identity_group_remove(const identity_source* source,
                                   const uint8_t* group_id) noexcept nogil
cdef int32_t identity_member_write(const identity_source* source, const uint8_t* id,
                                   const uint8_t* group_id) noexcept nogil
