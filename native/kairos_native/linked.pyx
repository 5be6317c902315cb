# Contract in linked.pxd. Reasons in docs/adr/0019-identities.md.
from libc.stdint cimport INT64_MIN, int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from kairos_native.change cimport change_account, event_outcome
from kairos_native.core cimport apply_core, apply_record
from kairos_native.identifier cimport (IDENTIFIER_ACCOUNT, IDENTIFIER_UNSPECIFIED, IDENTIFIER_USER,
                                       identifier_id)
from kairos_native.identity cimport *
from kairos_native.keys cimport SUBJECT_KEY_SIZE, subject_key
from kairos_native.layout cimport *
from kairos_native.limits cimport *
from kairos_native.linkage cimport identity_change, identity_link, identity_unlink
from kairos_native.plan cimport plan
from kairos_native.preimage cimport preimage_keep, preimages_taken
from kairos_native.record cimport record_load, record_new, record_seal
from kairos_native.scratch cimport SCRATCH_MEMBER_SIZE, scratch, scratch_fit
from kairos_native.status cimport *
from kairos_native.store cimport *
from kairos_native.tenant cimport TENANT_CHANGED, tenant_state
from kairos_native.wire cimport wire_event, wire_identifier
from kairos_native.working cimport *

cdef enum:
    # kairos.v1.LinkMethod
    LINK_METHOD_DETERMINISTIC = 1
    LINK_METHOD_USER_LOGIN = 2


cdef identity_source linked_source(apply_core* core, uint32_t tenant,
                                   uint64_t sequence) noexcept nogil:
    cdef identity_source source
    memset(&source, 0, sizeof(source))
    source.view = core.view
    source.images = &core.images
    source.sequence = sequence
    source.tenant = tenant
    source.partition = core.partition
    return source


# ---------------------------------------------------------------- one member's record

# What is stored or working of a subject; *working = 1: a working copy, not sealed.
cdef int32_t member_bytes(const identity_source* source, const working_set* records,
                          const uint8_t* key, const uint8_t** data, size_t* size,
                          uint32_t* working) noexcept nogil:
    cdef const working_record* place = NULL
    cdef store_value value
    cdef int32_t status
    working[0] = 0
    if records != NULL:
        place = working_peek(records, key)
    if place != NULL and place.record != NULL:
        data[0] = <const uint8_t*>place.record
        size[0] = place.record.record_size
        working[0] = 1
        return STATUS_OK
    if place != NULL and place.looked_up:
        data[0] = place.stored
        size[0] = place.stored_size
        return STATUS_OK if place.stored != NULL else STATUS_STORE_NOT_FOUND
    if source.view != NULL:
        status = store_write_get(source.view, STORE_SUBJECTS, key, SUBJECT_KEY_SIZE, &value)
    else:
        status = store_get(source.reader, STORE_SUBJECTS, key, SUBJECT_KEY_SIZE, &value)
    data[0] = value.data
    size[0] = value.size
    return status


# Marks or unmarks a subject as linked; nothing where it has no record yet.
cdef int32_t member_mark(apply_core* core, const identity_source* source, const plan* image,
                         const uint8_t* id, bint linked) noexcept nogil:
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef const uint8_t* data
    cdef size_t size
    cdef uint32_t working, flags = RECORD_FLAG_LINKED if linked else 0
    cdef kairos_record* record
    cdef working_record* place
    cdef int32_t status
    subject_key(key, source.partition, source.tenant, id)
    status = member_bytes(source, &core.records, key, &data, &size, &working)
    if status == STATUS_STORE_NOT_FOUND or image == NULL:
        return STATUS_OK
    if status != STATUS_OK:
        return status
    place = working_find(&core.records, key)
    if working:
        record = place.record
        record.flags = (record.flags & ~<uint32_t>RECORD_FLAG_LINKED) | flags
        return STATUS_OK
    status = record_load(image, data, size, core.work.members, &record)
    if status != STATUS_OK or record.flags & RECORD_FLAG_LINKED == flags:
        return status
    record.flags = (record.flags & ~<uint32_t>RECORD_FLAG_LINKED) | flags
    return working_keep(&core.records, place, record)


# ---------------------------------------------------------------- images for a checkpoint

cdef int32_t image_keep(apply_core* core, const identity_source* source,
                        const uint8_t* id) noexcept nogil:
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef const uint8_t* data
    cdef size_t size
    cdef uint32_t working
    cdef int32_t status
    subject_key(key, source.partition, source.tenant, id)
    status = member_bytes(source, &core.records, key, &data, &size, &working)
    if status == STATUS_STORE_NOT_FOUND:
        data = NULL
    elif status != STATUS_OK:
        return status
    if working:
        record_seal(<kairos_record*>data)
    preimage_keep(&core.images, source.sequence, STORE_SUBJECTS, key, SUBJECT_KEY_SIZE, data, size)
    return STATUS_OK


# Keeps the records of an identifier's whole group as they are before its group changes.
cdef int32_t images_keep(apply_core* core, const identity_source* source,
                         const uint8_t* id) noexcept nogil:
    cdef identity_group group
    cdef uint32_t i
    cdef int32_t status
    if not preimages_taken(&core.images):
        return STATUS_OK
    status = identity_find(source, id, &group)
    if status == STATUS_STORE_NOT_FOUND:
        return image_keep(core, source, id)
    for i in range(group.member_count if status == STATUS_OK else 0):
        if status == STATUS_OK:
            status = image_keep(core, source, group.members[i].id)
    return status


# ---------------------------------------------------------------- links

cdef int32_t link_apply(apply_core* core, const identity_source* source, const uint8_t* link,
                        uint32_t size, bint automatic, identity_change* change) noexcept nogil:
    cdef tenant_state* tenant = &core.tenants[source.tenant]
    cdef identity_group group
    cdef kairos_link head
    cdef uint32_t unique = 0
    cdef int32_t status
    if tenant.active != NULL:
        unique = tenant.active.header.identity_unique_types
    memcpy(&head, link, sizeof(head))
    status = images_keep(core, source, head.left_id)
    if status == STATUS_OK:
        status = images_keep(core, source, head.right_id)
    if status == STATUS_OK:
        status = identity_link(source, link, size, unique, automatic, &group, change)
    if status != STATUS_OK or not change.changed:
        return status
    core.beside_count += 1
    tenant.link_count += 1
    tenant.sequence_last = source.sequence
    tenant.changed = TENANT_CHANGED
    core.link_count += 1
    status = member_mark(core, source, tenant.active, head.left_id, True)
    if status == STATUS_OK:
        status = member_mark(core, source, tenant.active, head.right_id, True)
    return status


cdef int32_t unlink_mark(apply_core* core, const identity_source* source, const plan* image,
                         const uint8_t* id) noexcept nogil:
    cdef identity_group group
    cdef int32_t status = identity_find(source, id, &group)
    if status == STATUS_STORE_NOT_FOUND:
        return member_mark(core, source, image, id, False)
    return status


# Only the two ends of a link can stand alone once it is gone: all others keep theirs.
cdef int32_t unlink_apply(apply_core* core, const identity_source* source, uint64_t link_id,
                          identity_change* change) noexcept nogil:
    cdef tenant_state* tenant = &core.tenants[source.tenant]
    cdef identity_group group
    cdef uint8_t link[IDENTITY_LINK_SIZE_MAX]
    cdef kairos_link head
    cdef uint32_t size
    cdef int32_t status = identity_read_link(source, link_id, link, &size)
    memset(change, 0, sizeof(identity_change))
    change.status = STATUS_LINK_NOT_FOUND
    if status != STATUS_OK:
        return STATUS_OK if status == STATUS_STORE_NOT_FOUND else status
    memcpy(&head, link, sizeof(head))
    status = images_keep(core, source, head.left_id)
    if status == STATUS_OK:
        status = identity_unlink(source, link_id, &group, change)
    if status != STATUS_OK:
        return status
    core.beside_count += 1
    tenant.link_count -= 1
    tenant.sequence_last = source.sequence
    tenant.changed = TENANT_CHANGED
    status = unlink_mark(core, source, tenant.active, head.left_id)
    if status == STATUS_OK:
        status = unlink_mark(core, source, tenant.active, head.right_id)
    return status


cdef int32_t linked_record(apply_core* core, const apply_record* source,
                           event_outcome* result) noexcept nogil:
    cdef identity_source where = linked_source(core, source.tenant, source.sequence)
    cdef identity_change change
    cdef kairos_link head
    cdef int32_t status
    if not identity_link_valid(source.payload, source.payload_size):
        core.skipped_count += 1
        result.link_status = STATUS_LINK_REFUSED
        return STATUS_OK
    memcpy(&head, source.payload, sizeof(head))
    if head.kind == LINK_REMOVED:
        status = unlink_apply(core, &where, head.link_id, &change)
    else:
        status = link_apply(core, &where, source.payload, source.payload_size, False, &change)
    result.link_id = change.link_id
    result.link_status = change.status
    return status


# ---------------------------------------------------------------- links by events

# One type may link where the policy says so; a user may be linked with any that may.
cdef inline bint type_links(const plan* image, uint32_t type) noexcept nogil:
    return type == IDENTIFIER_USER or image.header.identity_link_types >> type & 1


cdef inline bint pair_links(const plan* image, uint32_t left, uint32_t right) noexcept nogil:
    if left == IDENTIFIER_ACCOUNT or right == IDENTIFIER_ACCOUNT:
        return False
    if left == IDENTIFIER_USER and right == IDENTIFIER_USER:
        return image.header.identity_link_types >> <int>IDENTIFIER_USER & 1
    return type_links(image, left) and type_links(image, right)


cdef inline uint32_t subject_type_of(const wire_event* event) noexcept nogil:
    return (event.subject_type if event.subject_type != IDENTIFIER_UNSPECIFIED
            else <uint32_t>IDENTIFIER_USER)


# A link as an event makes it: sure, its evidence the event itself.
cdef uint32_t link_of_event(const wire_event* event, const wire_identifier* identifier,
                            const apply_record* source, const uint8_t* id,
                            uint8_t* link) noexcept nogil:
    cdef kairos_link head
    memset(&head, 0, sizeof(head))
    memcpy(head.left_id, source.subject_id, 16)
    memcpy(head.right_id, id, 16)
    head.time_us = source.occurred_us
    head.confidence = 1.0
    head.left_size = <uint16_t>event.subject_id_size
    head.right_size = <uint16_t>identifier.value_size
    head.left_type = <uint8_t>subject_type_of(event)
    head.right_type = <uint8_t>identifier.type
    head.kind = LINK_MADE
    head.method = LINK_METHOD_DETERMINISTIC
    if head.left_type == IDENTIFIER_USER or head.right_type == IDENTIFIER_USER:
        head.method = LINK_METHOD_USER_LOGIN
    memcpy(link, &head, sizeof(head))
    memcpy(link + sizeof(head), event.subject_id, head.left_size)
    memcpy(link + sizeof(head) + head.left_size, identifier.value, head.right_size)
    return <uint32_t>(sizeof(head) + head.left_size + head.right_size)


cdef int32_t linked_event(apply_core* core, tenant_state* tenant, const wire_event* event,
                          const apply_record* source, uint32_t* changed) noexcept nogil:
    cdef identity_source where
    cdef identity_group group
    cdef identity_change change
    cdef uint8_t link[IDENTITY_LINK_SIZE_MAX]
    cdef uint8_t id[16]
    cdef const wire_identifier* identifier
    cdef uint32_t i, size
    cdef int32_t status = STATUS_STORE_NOT_FOUND
    changed[0] = 0
    group.member_count = 0
    if not event.identifier_count:
        return STATUS_OK
    where = linked_source(core, source.tenant, source.sequence)
    if tenant.link_count:
        status = identity_find(&where, source.subject_id, &group)
    if status != STATUS_OK and status != STATUS_STORE_NOT_FOUND:
        return status
    for i in range(event.identifier_count):
        identifier = &event.identifiers[i]
        if (not pair_links(tenant.active, subject_type_of(event), identifier.type)
                or identifier_id(&tenant.settings, identifier.type, identifier.value,
                                 identifier.value_size, id) != STATUS_OK
                or memcmp(id, source.subject_id, 16) == 0
                or identity_place(&group, id) < group.member_count):
            continue
        where.ordinal = i
        size = link_of_event(event, identifier, source, id, link)
        status = link_apply(core, &where, link, size, True, &change)
        if status != STATUS_OK:
            return status
        core.link_refused_count += change.status != STATUS_OK
        changed[0] |= change.changed
    return STATUS_OK


# ---------------------------------------------------------------- accounts

cdef int32_t account_apply(apply_core* core, tenant_state* tenant, const wire_event* event,
                           const apply_record* source, const uint8_t* id) noexcept nogil:
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef kairos_record* record
    cdef const uint8_t* data
    cdef size_t size
    cdef uint32_t working
    cdef identity_source where = linked_source(core, source.tenant, source.sequence)
    cdef working_record* place
    cdef int32_t status
    subject_key(key, core.partition, source.tenant, id)
    status = member_bytes(&where, &core.records, key, &data, &size, &working)
    place = working_find(&core.records, key)
    if status == STATUS_STORE_NOT_FOUND:
        record = record_new(tenant.active, core.work.record, source.sequence)
        status = STATUS_OK
    elif status == STATUS_OK and working:
        memcpy(core.work.record, data, size)
        record = <kairos_record*>core.work.record
    elif status == STATUS_OK:
        status = record_load(tenant.active, data, size, core.work.record, &record)
    if status != STATUS_OK:
        return status
    # Named twice, or held already by a fuzzy checkpoint.
    if record.event_count and record.sequence_last >= source.sequence:
        return STATUS_OK
    core.beside_count += 1
    change_account(tenant, event, source.occurred_us, source.received_us, source.sequence,
                   core.work, record)
    return working_keep(&core.records, place, record)


cdef int32_t linked_accounts(apply_core* core, tenant_state* tenant, const wire_event* event,
                             const apply_record* source) noexcept nogil:
    cdef uint8_t id[16]
    cdef uint32_t i
    cdef int32_t status = STATUS_OK
    for i in range(event.identifier_count):
        if (status == STATUS_OK and event.identifiers[i].type == IDENTIFIER_ACCOUNT
                and identifier_id(&tenant.settings, IDENTIFIER_ACCOUNT, event.identifiers[i].value,
                                  event.identifiers[i].value_size, id) == STATUS_OK
                and memcmp(id, source.subject_id, 16) != 0):
            status = account_apply(core, tenant, event, source, id)
    return status


# ---------------------------------------------------------------- groups as one

cdef int32_t linked_others(const identity_source* source, const working_set* records,
                           const plan* image, const uint8_t* id, scratch* work) noexcept nogil:
    cdef identity_group group
    cdef uint8_t key[SUBJECT_KEY_SIZE]
    cdef const uint8_t* data
    cdef size_t size
    cdef kairos_record* record
    cdef uint32_t i, working, count = 0
    cdef int32_t status = identity_find(source, id, &group)
    work.others.count = 0
    work.others.own_place = 0
    work.others_timers = 0
    work.others_seen_us = INT64_MIN
    if status != STATUS_OK:
        return STATUS_OK if status == STATUS_STORE_NOT_FOUND else status
    for i in range(group.member_count):
        if memcmp(group.members[i].id, id, 16) == 0:
            work.others.own_place = count
            continue
        subject_key(key, source.partition, source.tenant, group.members[i].id)
        status = member_bytes(source, records, key, &data, &size, &working)
        if status == STATUS_STORE_NOT_FOUND:
            continue
        if status == STATUS_OK and working:
            work.others.records[count] = <const kairos_record*>data
        elif status == STATUS_OK:
            status = record_load(image, data, size,
                                 work.members + <size_t>count * SCRATCH_MEMBER_SIZE, &record)
            work.others.records[count] = record
        if status != STATUS_OK:
            return status
        memcpy(work.others_ids[count], group.members[i].id, 16)
        work.others_timers += work.others.records[count].timer_count
        work.others_seen_us = max(work.others_seen_us, work.others.records[count].last_seen_us)
        count += 1
    work.others.count = count
    return STATUS_OK


cdef int32_t linked_gather(apply_core* core, tenant_state* tenant, const apply_record* source,
                           kairos_record* record) noexcept nogil:
    cdef identity_source where
    cdef int32_t status
    core.work.others.count = 0
    if not record.flags & RECORD_FLAG_LINKED and (record.event_count or not tenant.link_count):
        return STATUS_OK
    where = linked_source(core, source.tenant, source.sequence)
    if not record.event_count:
        return gather_new(core, &where, tenant, source, record)
    return linked_others(&where, &core.records, tenant.active, source.subject_id, core.work)


# A first event: whether its subject was linked before is found out now, and kept in the record.
cdef int32_t gather_new(apply_core* core, const identity_source* where, tenant_state* tenant,
                        const apply_record* source, kairos_record* record) noexcept nogil:
    cdef identity_group group
    cdef int32_t status = identity_find(where, source.subject_id, &group)
    if status == STATUS_STORE_NOT_FOUND:
        return STATUS_OK
    if status != STATUS_OK:
        return status
    record.flags |= RECORD_FLAG_LINKED
    return linked_others(where, &core.records, tenant.active, source.subject_id, core.work)
