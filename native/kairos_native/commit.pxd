# One group commit: append, make durable, apply, answer. The writer's thread only; no Python.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.apply cimport apply_core
from kairos_native.check cimport pending_request
from kairos_native.limits cimport KAIROS_GROUP_MEMBERS_MAX
from kairos_native.log cimport log_record, log_writer
from kairos_native.publish cimport publication
from kairos_native.store cimport store_dirty_size, store_reader
from kairos_native.view cimport output


cdef enum:
    COMMIT_TEXTS = 128              # one sentence per public status
    # of a subject record; what its put dirties beside it is what store_dirty_size knows
    RECORD_PAGE_SIZE = 4096
    RESERVE_BASE = 4194304
    # entries that one link puts: link, group, two members and their records, the mark of a parting
    LINK_PUTS = 8
    # what a link takes in the view with its share of half-filled pages: itself and its group; the
    # entries of its members
    LINK_ROOM_SIZE = 16384
    MEMBERS_ROOM_SIZE = 1024

cdef struct commit_state:
    apply_core core
    publication* published
    log_writer* log
    log_record* records             # grows to the largest commit
    output body                     # one result, before its length is known
    uint32_t record_capacity
    const char* texts[COMMIT_TEXTS] # rule and remedy by status, zero-terminated; borrowed
    # sequences that a FRAME_SKIP of the log names, to be passed over by the replay
    uint64_t* skips
    store_reader* reader            # of the writer's thread: counts what is overdue
    char log_message[512]           # what a reader of the log said of damage
    uint32_t skip_count
    uint64_t commit_count
    # time spent since open: append and sync; apply and commit of the view
    uint64_t append_ns
    uint64_t apply_ns


# Makes room on disk and in the view for all records.
#   Errors: STATUS_DISK_FULL, STATUS_MAP_FULL, STATUS_NO_MEMORY: nothing happened
cdef int32_t commit_reserve(commit_state* state, pending_request** requests,
                            uint32_t request_count) noexcept nogil
# Runs the commit and fills the responses.
#   Errors: any: the log or the view can no longer be trusted by this process, which must end
cdef int32_t commit_run(commit_state* state, pending_request** requests,
                        uint32_t request_count) noexcept nogil
cdef int64_t clock_us() noexcept nogil
cdef void clock_anchor(int64_t offset_us) noexcept nogil


# What so many changed records may dirty, a page for each record itself among it.
cdef inline uint64_t view_room(uint64_t record_count) noexcept nogil:
    return store_dirty_size(record_count, record_count * RECORD_PAGE_SIZE)


# What so many links, accounts and lists of consents may dirty beside the records of subjects: a
# value each, and for links a few entries of their own and, where they join or part groups, entries
# of their members, of which there are not more than the links of all tenants connect.
cdef inline uint64_t beside_room(const apply_core* core, uint64_t count) noexcept nogil:
    cdef uint64_t links = count
    cdef uint32_t i
    if not count:
        return 0
    for i in range(core.tenant_count):
        links += core.tenants[i].link_count
    return (view_room(count)
            + min(store_dirty_size(count * LINK_PUTS, count * LINK_PUTS * RECORD_PAGE_SIZE),
                  links * LINK_ROOM_SIZE)
            + min(store_dirty_size(count * KAIROS_GROUP_MEMBERS_MAX, 0),
                  links * MEMBERS_ROOM_SIZE))
