# Identities: links made and removed, groups, the last events of a subject, its consents over time.

IDENTIFIER_TYPE_ACCOUNT = IDENTIFIER_ACCOUNT


cdef class _EngineIdentity(_EngineEffects):
    cdef bytes identifier_hash(self, const tenant_state* state, int identifier_type,
                               bytes identifier, str field):
        cdef uint8_t subject_id[16]
        if identifier_id(&state.settings, <uint32_t>identifier_type,
                         <const uint8_t*><const char*>identifier, <uint32_t>len(identifier),
                         subject_id) != STATUS_OK:
            raise Refusal(STATUS_IDENTIFIER_INVALID, field, identifier.decode("utf-8", "replace"))
        return subject_id[:16]

    def subject_id(self, uint32_t tenant, int identifier_type, bytes identifier):
        cdef tenant_state state
        self.alive()
        self.tenant_known(tenant, &state)
        return self.identifier_hash(&state, identifier_type, identifier, "subject_id")

    def link(self, uint32_t tenant, left, right, int method, double confidence, bytes evidence,
             int64_t now_us):
        cdef kairos_link head
        cdef tenant_state state
        self.alive()
        self.tenant_known(tenant, &state)
        memset(&head, 0, sizeof(head))
        left_id = self.identifier_hash(&state, left[0], left[1], "left")
        right_id = self.identifier_hash(&state, right[0], right[1], "right")
        if not 0 <= confidence <= 1:
            raise Refusal(STATUS_FIELD_INVALID, "confidence", str(confidence))
        if len(evidence) > IDENTITY_EVIDENCE_SIZE_MAX:
            raise Refusal(STATUS_FIELD_INVALID, "evidence", f"{len(evidence)} bytes")
        memcpy(head.left_id, <const char*><bytes>left_id, 16)
        memcpy(head.right_id, <const char*><bytes>right_id, 16)
        head.time_us = now_us
        head.confidence = confidence
        head.left_size = <uint16_t>len(left[1])
        head.right_size = <uint16_t>len(right[1])
        head.evidence_size = <uint16_t>len(evidence)
        head.left_type = <uint8_t>(left[0] or IDENTIFIER_USER)
        head.right_type = <uint8_t>(right[0] or IDENTIFIER_USER)
        head.method = <uint8_t>method
        head.kind = LINK_MADE
        return control_pending(self, tenant, FRAME_LINK,
                               (<const char*>&head)[:sizeof(head)] + left[1] + right[1] + evidence,
                               now_us)

    def unlink(self, uint32_t tenant, uint64_t link_id, int64_t now_us):
        cdef kairos_link head
        cdef tenant_state state
        self.alive()
        self.tenant_known(tenant, &state)
        memset(&head, 0, sizeof(head))
        head.link_id = link_id
        head.time_us = now_us
        head.kind = LINK_REMOVED
        return control_pending(self, tenant, FRAME_LINK, (<const char*>&head)[:sizeof(head)],
                               now_us)

    def link_outcome(self, Pending pending):
        answer = pending.response
        return (int.from_bytes(answer[8:12], "little", signed=True),
                int.from_bytes(answer[:8], "little"))

    def group(self, uint32_t tenant, bytes subject_id):
        cdef identity_source source
        cdef identity_group group
        cdef tenant_state state
        cdef uint64_t applied = 0
        cdef uint32_t i
        cdef int32_t status
        self.alive()
        self.tenant_known(tenant, &state)
        must(publish_begin(&self.published, self.reader.reader, self.state.core.partition, tenant,
                           &state, &applied))
        memset(&source, 0, sizeof(source))
        source.reader = self.reader.reader
        source.tenant = tenant
        source.partition = self.state.core.partition
        try:
            status = identity_find(&source, <const uint8_t*><const char*>subject_id, &group)
            if status == STATUS_STORE_NOT_FOUND:
                return [], []
            must(status)
            members = [(group.members[i].id[:16], group.members[i].type)
                       for i in range(group.member_count)]
            links = [self.link_of(&source, group.links[i].link_id)
                     for i in range(group.link_count)]
        finally:
            store_read_end(self.reader.reader)
        return members, links

    def link_row(self, uint32_t tenant, uint64_t link_id):
        cdef identity_source source
        cdef tenant_state state
        self.alive()
        self.tenant_known(tenant, &state)
        memset(&source, 0, sizeof(source))
        source.reader = self.reader.reader
        source.tenant = tenant
        source.partition = self.state.core.partition
        must(store_read_begin(self.reader.reader))
        try:
            return self.link_of(&source, link_id)
        finally:
            store_read_end(self.reader.reader)

    # (id, left (type, identifier), right, method, confidence, evidence, time, left hash, right
    # hash); None where there is no such link.
    cdef object link_of(self, const identity_source* source, uint64_t link_id):
        cdef uint8_t link[IDENTITY_LINK_SIZE_MAX]
        cdef kairos_link head
        cdef uint32_t size = 0
        cdef int32_t status = identity_read_link(source, link_id, link, &size)
        if status == STATUS_STORE_NOT_FOUND:
            return None
        must(status)
        memcpy(&head, link, sizeof(head))
        texts = link[sizeof(head):size]
        right = head.left_size + head.right_size
        return (link_id, (head.left_type, texts[:head.left_size]),
                (head.right_type, texts[head.left_size:right]), head.method, head.confidence,
                texts[right:], head.time_us, head.left_id[:16], head.right_id[:16])

    def recent(self, uint32_t tenant, subject_ids):
        cdef uint8_t key[SUBJECT_KEY_SIZE]
        cdef uint64_t sequences[RECENT_EVENTS_MAX]
        cdef store_value value
        cdef kairos_record* record
        cdef tenant_state state
        cdef uint64_t applied = 0
        cdef uint32_t i
        cdef int32_t status
        self.alive()
        self.tenant_known(tenant, &state)
        found = []
        if state.active == NULL:
            return found
        must(scratch_fit(self.reader.work, state.active))
        must(store_read_begin(self.reader.reader))
        try:
            for subject_id in subject_ids:
                subject_key(key, self.state.core.partition, tenant,
                            <const uint8_t*><const char*><bytes>subject_id)
                status = store_get(self.reader.reader, STORE_SUBJECTS, key, SUBJECT_KEY_SIZE,
                                   &value)
                if status == STATUS_STORE_NOT_FOUND:
                    continue
                must(status)
                must(record_load(state.active, value.data, value.size, self.reader.work.record,
                                 &record))
                found += [(sequences[i], subject_id)
                          for i in range(recent_read(record, sequences))]
        finally:
            store_read_end(self.reader.reader)
        return sorted(found, reverse=True)

    def log_events(self, sequences):
        cdef log_finder* finder
        cdef const kairos_frame* frame
        cdef const uint8_t* payload
        cdef int32_t status = STATUS_OK
        cdef bytes path = os.fsencode(self.folder.log)
        cdef const char* log_path = path
        cdef uint64_t sequence
        finder = log_finder_new(log_path, self.state.core.partition)
        if finder == NULL:
            raise MemoryError
        found = []
        try:
            for wanted in sequences:
                sequence = wanted
                with nogil:
                    status = log_find(finder, sequence, &frame, &payload)
                if status == STATUS_LOG_END:
                    continue
                must(status)
                if frame.kind == FRAME_EVENT:
                    found.append((sequence, frame.occurred_us, frame.received_us,
                                  payload[:frame.payload_size]))
        finally:
            log_finder_free(finder)
        return found

    def score_names(self, uint32_t tenant):
        cdef tenant_state state
        cdef const kairos_derived* derived
        cdef uint32_t i
        self.alive()
        self.tenant_known(tenant, &state)
        found = []
        if state.active == NULL:
            return found
        for i in range(state.active.derived_count):
            derived = &state.active.derived[i]
            found.append((state.active.strings + derived.name.offset)[:derived.name.size].decode())
        return found

    def consent_history(self, uint32_t tenant, subject_ids):
        found = []
        for subject_id in subject_ids:
            prefix = self.tenant_prefix(tenant) + subject_id
            found += [history_row(int.from_bytes(key[22:], "big"), value[STORED_SIZE:])
                      for key, value in self.walk(STORE_HISTORY, prefix)]
        found.sort(reverse=True)
        return found


cdef tuple history_row(uint64_t sequence, bytes body):
    cdef history_entry entry
    cdef uint32_t i, used = sizeof(history_entry)
    memcpy(&entry, <const char*>body, sizeof(entry))
    source = body[used:used + entry.source_size]
    used += entry.source_size
    version = body[used:used + entry.version_size]
    used += entry.version_size
    consents = []
    for i in range(entry.consent_count):
        consents.append((body[used + 2:used + 2 + body[used + 1]], body[used]))
        used += 2 + body[used + 1]
    return sequence, entry.occurred_us, entry.received_us, source, version, consents
