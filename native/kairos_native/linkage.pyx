# Contract in linkage.pxd. A group is one value of at most 5.6 KiB, so that union and split are
# loops in memory; the texts of links stand apart and are written once.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset

from kairos_native.identity cimport *
from kairos_native.keys cimport STORED_SIZE, put_prefix
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.status cimport *
from kairos_native.store cimport store_value


cdef uint32_t apart_key(const identity_source* source, const kairos_link* link,
                        uint8_t* key) noexcept nogil:
    cdef bint swapped = memcmp(link.left_id, link.right_id, 16) > 0
    put_prefix(key, source.partition, source.tenant)
    key[6] = IDENTITY_APART
    memcpy(key + (23 if swapped else 7), link.left_id, 16)
    memcpy(key + (7 if swapped else 23), link.right_id, 16)
    return 39


cdef void group_of_one(identity_group* group, const uint8_t* id, uint8_t type) noexcept nogil:
    group.link_count = 0
    memset(&group.members[0], 0, sizeof(identity_member))
    memcpy(group.id, id, 16)
    memcpy(group.members[0].id, id, 16)
    group.members[0].type = type
    group.member_count = 1


# ---------------------------------------------------------------- union

cdef bint unique_clash(const identity_group* left, const identity_group* right,
                       uint32_t unique_types) noexcept nogil:
    cdef uint32_t i, seen = 0
    for i in range(left.member_count):
        seen |= <uint32_t>1 << left.members[i].type
    for i in range(right.member_count):
        if (seen & unique_types) >> right.members[i].type & 1:
            return True
    return False


# Puts the members of `other` between those of `group` and takes over its links.
cdef void group_join(identity_group* group, const identity_group* other) noexcept nogil:
    cdef identity_member member
    cdef identity_edge edge
    cdef uint32_t i, k, place
    for i in range(other.member_count):
        member = other.members[i]
        place = 0
        while place < group.member_count and memcmp(group.members[place].id, member.id, 16) < 0:
            place += 1
        memmove(&group.members[place + 1], &group.members[place],
                (group.member_count - place) * sizeof(identity_member))
        group.members[place] = member
        group.member_count += 1
        for k in range(group.link_count):
            group.links[k].left += group.links[k].left >= place
            group.links[k].right += group.links[k].right >= place
    for i in range(other.link_count):
        edge = other.links[i]
        edge.left = <uint16_t>identity_place(group, other.members[other.links[i].left].id)
        edge.right = <uint16_t>identity_place(group, other.members[other.links[i].right].id)
        place = group.link_count
        while place and group.links[place - 1].link_id > edge.link_id:
            place -= 1
        memmove(&group.links[place + 1], &group.links[place],
                (group.link_count - place) * sizeof(identity_edge))
        group.links[place] = edge
        group.link_count += 1


# The link that the group has between two members; 0: none.
cdef uint64_t link_between(const identity_group* group, uint32_t left,
                           uint32_t right) noexcept nogil:
    cdef uint32_t i
    for i in range(group.link_count):
        if ((group.links[i].left == left and group.links[i].right == right)
                or (group.links[i].left == right and group.links[i].right == left)):
            return group.links[i].link_id
    return 0


# Writes the link and the group that it makes; members of the smaller part change their group.
cdef int32_t link_write(const identity_source* source, const uint8_t* link, uint32_t size,
                        identity_group* group, const identity_group* smaller) noexcept nogil:
    cdef kairos_link head
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    cdef uint8_t value[STORED_SIZE + IDENTITY_LINK_SIZE_MAX]
    cdef identity_edge* edge = &group.links[group.link_count]
    cdef uint32_t i
    cdef int32_t status
    memcpy(&head, link, sizeof(head))
    head.link_id = identity_link_id(source)
    memset(edge, 0, sizeof(identity_edge))
    edge.link_id = head.link_id
    edge.left = <uint16_t>identity_place(group, head.left_id)
    edge.right = <uint16_t>identity_place(group, head.right_id)
    group.link_count += 1
    memcpy(value + STORED_SIZE, link, size)
    memcpy(value + STORED_SIZE, &head, sizeof(head))
    status = identity_put(source, key, identity_link_key(source, head.link_id, key), value, size)
    if status == STATUS_OK:
        status = identity_group_write(source, group)
    if smaller == NULL:
        return status
    for i in range(smaller.member_count):
        if status == STATUS_OK:
            status = identity_member_write(source, smaller.members[i].id, group.id)
    if status == STATUS_OK and smaller.member_count > 1:
        status = identity_group_remove(source, smaller.id)
    return status


cdef int32_t group_or_one(const identity_source* source, const uint8_t* id, uint8_t type,
                          identity_group* group) noexcept nogil:
    cdef int32_t status = identity_find(source, id, group)
    if status == STATUS_STORE_NOT_FOUND:
        group_of_one(group, id, type)
        return STATUS_OK
    return status


# True when the pair was unlinked, and what asks is an event. A link made on purpose ends that.
cdef int32_t link_apart(const identity_source* source, const kairos_link* link, bint automatic,
                        bint* apart) noexcept nogil:
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    cdef store_value value
    cdef uint32_t size = apart_key(source, link, key)
    cdef int32_t status = identity_get(source, key, size, &value)
    apart[0] = status == STATUS_OK and automatic
    if status == STATUS_OK and not automatic:
        return identity_put(source, key, size, NULL, 0)
    return STATUS_OK if status == STATUS_STORE_NOT_FOUND else status


cdef int32_t identity_link(const identity_source* source, const uint8_t* link, uint32_t size,
                           uint32_t unique_types, bint automatic, identity_group* group,
                           identity_change* change) noexcept nogil:
    cdef kairos_link head
    cdef identity_group right
    cdef bint apart, swapped
    cdef int32_t status
    memset(change, 0, sizeof(identity_change))
    memcpy(&head, link, sizeof(head))
    change.status = STATUS_LINK_REFUSED
    status = group_or_one(source, head.left_id, head.left_type, group)
    if status != STATUS_OK or memcmp(head.left_id, head.right_id, 16) == 0:
        return status
    if identity_place(group, head.right_id) < group.member_count:
        change.link_id = link_between(group, identity_place(group, head.left_id),
                                      identity_place(group, head.right_id))
        if not change.link_id and (automatic or group.link_count == KAIROS_GROUP_LINKS_MAX):
            change.status = STATUS_OK if automatic else STATUS_LINK_REFUSED
            return STATUS_OK
        change.status = STATUS_OK
        if change.link_id:
            return STATUS_OK
        change.link_id = identity_link_id(source)
        change.changed = 1
        return link_write(source, link, size, group, NULL)
    status = group_or_one(source, head.right_id, head.right_type, &right)
    if status != STATUS_OK:
        return status
    if (group.member_count + right.member_count > <uint32_t>KAIROS_GROUP_MEMBERS_MAX
            or group.link_count + right.link_count >= <uint32_t>KAIROS_GROUP_LINKS_MAX
            or unique_clash(group, &right, unique_types)):
        return STATUS_OK
    status = link_apart(source, &head, automatic, &apart)
    if status != STATUS_OK or apart:
        return status
    change.status = STATUS_OK
    change.link_id = identity_link_id(source)
    change.changed = 1
    swapped = right.member_count > group.member_count
    return union_write(source, link, size, group, &right, swapped)


# The larger part keeps its id; its members need no put.
cdef int32_t union_write(const identity_source* source, const uint8_t* link, uint32_t size,
                         identity_group* group, identity_group* right,
                         bint swapped) noexcept nogil:
    cdef identity_group smaller
    cdef int32_t status = STATUS_OK
    if swapped:
        smaller = group[0]
        group[0] = right[0]
    else:
        smaller = right[0]
    if group.member_count == 1:
        status = identity_member_write(source, group.id, group.id)
    group_join(group, &smaller)
    return link_write(source, link, size, group, &smaller) if status == STATUS_OK else status


# ---------------------------------------------------------------- split

# Takes the part that `first` belongs to out of `group` as a group of its own; `part` tells each
# member's part.
cdef void part_take(const identity_group* group, const uint16_t* part, uint16_t wanted,
                    identity_group* taken) noexcept nogil:
    cdef identity_edge edge
    cdef uint32_t i
    taken.member_count = 0
    taken.link_count = 0
    for i in range(group.member_count):
        if part[i] == wanted:
            taken.members[taken.member_count] = group.members[i]
            taken.member_count += 1
    for i in range(group.link_count):
        if part[group.links[i].left] != wanted:
            continue
        edge = group.links[i]
        edge.left = <uint16_t>identity_place(taken, group.members[edge.left].id)
        edge.right = <uint16_t>identity_place(taken, group.members[edge.right].id)
        taken.links[taken.link_count] = edge
        taken.link_count += 1


# Numbers the parts by their first member. Returns the place of a member outside of the first part;
# member_count: the group holds together.
cdef uint32_t parts_find(const identity_group* group, uint16_t* part) noexcept nogil:
    cdef uint32_t i
    cdef uint16_t low, high
    cdef bint moved = True
    for i in range(group.member_count):
        part[i] = <uint16_t>i
    # Links are few; each round carries the smallest number one link further.
    while moved:
        moved = False
        for i in range(group.link_count):
            low = min(part[group.links[i].left], part[group.links[i].right])
            high = max(part[group.links[i].left], part[group.links[i].right])
            if low != high:
                part[group.links[i].left] = low
                part[group.links[i].right] = low
                moved = True
    for i in range(group.member_count):
        if part[i] != part[0]:
            return i
    return group.member_count


# Writes one part: a member alone leaves the table. The part that holds the group's id keeps it.
cdef int32_t part_write(const identity_source* source, const identity_group* group,
                        identity_group* part, bint keeps) noexcept nogil:
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    if part.member_count == 1:
        return identity_member_write(source, part.members[0].id, NULL)
    memcpy(part.id, part.members[0].id, 16)
    if keeps:
        memcpy(part.id, group.id, 16)
    for i in range(part.member_count):
        if status == STATUS_OK and not keeps:
            status = identity_member_write(source, part.members[i].id, part.id)
    return identity_group_write(source, part) if status == STATUS_OK else status


# The group's id is that of a member; the part with this member keeps it, so that no two groups
# ever bear one id.
cdef int32_t split_write(const identity_source* source,
                         const identity_group* group) noexcept nogil:
    cdef identity_group taken
    cdef uint16_t part[KAIROS_GROUP_MEMBERS_MAX]
    cdef uint32_t i, home
    cdef bint keeps, kept = False
    cdef int32_t status = STATUS_OK
    if parts_find(group, part) == group.member_count:
        return identity_group_write(source, group)
    home = identity_place(group, group.id)
    for i in range(group.member_count):
        if status != STATUS_OK or part[i] != i:
            continue
        part_take(group, part, <uint16_t>i, &taken)
        keeps = part[home] == i and taken.member_count > 1
        kept |= keeps
        status = part_write(source, group, &taken, keeps)
    if status == STATUS_OK and not kept:
        status = identity_group_remove(source, group.id)
    return status


cdef int32_t identity_unlink(const identity_source* source, uint64_t link_id,
                             identity_group* group, identity_change* change) noexcept nogil:
    cdef uint8_t key[IDENTITY_KEY_SIZE_MAX]
    cdef uint8_t link[IDENTITY_LINK_SIZE_MAX]
    cdef uint8_t mark[STORED_SIZE]
    cdef kairos_link head
    cdef identity_group rest
    cdef uint32_t size, i
    cdef int32_t status
    memset(change, 0, sizeof(identity_change))
    change.status = STATUS_LINK_NOT_FOUND
    status = identity_read_link(source, link_id, link, &size)
    if status != STATUS_OK:
        return STATUS_OK if status == STATUS_STORE_NOT_FOUND else status
    memcpy(&head, link, sizeof(head))
    status = identity_find(source, head.left_id, group)
    if status != STATUS_OK:
        return STATUS_RECORD_CORRUPT if status == STATUS_STORE_NOT_FOUND else status
    rest = group[0]
    for i in range(group.link_count):
        if group.links[i].link_id == link_id:
            memmove(&rest.links[i], &rest.links[i + 1],
                    (rest.link_count - i - 1) * sizeof(identity_edge))
            rest.link_count -= 1
            break
    status = identity_put(source, key, identity_link_key(source, link_id, key), NULL, 0)
    if status == STATUS_OK:
        status = identity_put(source, key, apart_key(source, &head, key), mark, 0)
    if status == STATUS_OK:
        status = split_write(source, &rest)
    change.status = STATUS_OK
    change.link_id = link_id
    change.changed = 1
    return status
