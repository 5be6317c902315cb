# The outbox: effects asked for, read, and what became of them.

EFFECTS_READ_MAX = 4096
OUTCOMES = {"acked": OUTCOME_ACKED, "failed": OUTCOME_FAILED, "dead": OUTCOME_DEAD,
            "replayed": OUTCOME_REPLAYED, "discarded": OUTCOME_DISCARDED}


cdef enum:
    # What answer_effect of commit.pyx writes for each record: sequence, repeat, found.
    EFFECT_ANSWER_SIZE = 16
    EFFECTS_COUNTED_MAX = 65536


cdef class _EngineEffects(_EngineTimers):
    cdef Pending effect_pending(self, uint32_t tenant, uint8_t kind, list payloads, int64_t now_us):
        cdef Pending pending = Pending.__new__(Pending)
        cdef uint32_t count = <uint32_t>len(payloads), i
        cdef const uint8_t* cursor
        if not count or count > KAIROS_BATCH_EVENTS_MAX:
            raise ValueError(f"1 to {KAIROS_BATCH_EVENTS_MAX} records at once")
        pending.engine = self
        pending.data = b"".join(payloads)
        pending.request.events = <pending_event*>calloc(count, sizeof(pending_event))
        if pending.request.events == NULL:
            raise MemoryError
        cursor = <const uint8_t*><const char*>pending.data
        for i in range(count):
            pending.request.events[i].data = cursor
            pending.request.events[i].size = <uint32_t>len(payloads[i])
            pending.request.events[i].occurred_us = now_us
            cursor += pending.request.events[i].size
        pending.request.event_count = count
        pending.request.record_count = count
        pending.request.payload_size = len(pending.data)
        pending.request.received_us = now_us
        pending.request.tenant = tenant
        pending.request.kind = kind
        return pending

    def enqueue(self, uint32_t tenant, bytes identifier, int identifier_type, bytes key,
                int64_t due_us, int urgency, int channel, bytes action, int64_t now_us):
        return self.enqueue_all(
            tenant, [(identifier, identifier_type, key, due_us, urgency, channel, action)], now_us)

    def enqueue_all(self, uint32_t tenant, rows, int64_t now_us):
        cdef tenant_state state
        cdef kairos_enqueue header
        cdef uint8_t subject_id[16]
        cdef Pending pending
        cdef uint32_t i
        self.alive()
        if tenant >= KAIROS_TENANTS_MAX:
            raise Refusal(STATUS_TENANT_UNKNOWN)
        publish_read(&self.published, tenant, &state)
        if not state.known:
            raise Refusal(STATUS_TENANT_UNKNOWN)
        payloads, subjects = [], []
        for identifier, identifier_type, key, due_us, urgency, channel, action in rows:
            if len(action) > KAIROS_ACTION_SIZE_MAX:
                raise Refusal(STATUS_FIELD_INVALID, "action", f"{len(action)} bytes")
            if identifier_id(&state.settings, identifier_type,
                             <const uint8_t*><const char*>(<bytes>identifier),
                             <uint32_t>len(identifier), subject_id) != STATUS_OK:
                raise Refusal(STATUS_IDENTIFIER_INVALID, "subject_id",
                              identifier.decode("utf-8", "replace"))
            memset(&header, 0, sizeof(header))
            # The first bytes keep these keys apart from those of event ids and of other tenants.
            text = b"\xffenqueue\xff" + tenant.to_bytes(4, "little") + <bytes>key
            kairos_siphash128(state.settings.hash_key, <const char*>text, len(text), header.key)
            header.due_us = due_us
            header.action_size = <uint32_t>len(action)
            header.identifier_size = <uint16_t>len(identifier)
            header.urgency = urgency
            header.channel = channel
            header.identifier_type = identifier_type
            payloads.append((<const char*>&header)[:sizeof(header)] + identifier + action)
            subjects.append((<const char*>subject_id)[:16])
        pending = self.effect_pending(tenant, FRAME_ENQUEUE, payloads, now_us)
        for i in range(<uint32_t>len(subjects)):
            memcpy(pending.request.events[i].subject_id, <const char*>(<bytes>subjects[i]), 16)
        return pending

    def outcomes(self, uint32_t tenant, rows, int64_t now_us):
        cdef kairos_outcome header
        self.alive()
        if tenant >= KAIROS_TENANTS_MAX:
            raise Refusal(STATUS_TENANT_UNKNOWN)
        payloads = []
        for sequence, ordinal, kind, due_us, reason in rows:
            reason = reason[:KAIROS_EFFECT_REASON_SIZE_MAX]
            memset(&header, 0, sizeof(header))
            header.sequence = sequence
            header.due_us = due_us
            header.ordinal = ordinal
            header.reason_size = <uint16_t>len(reason)
            header.kind = kind
            payloads.append((<const char*>&header)[:sizeof(header)] + reason)
        return self.effect_pending(tenant, FRAME_OUTCOME, payloads, now_us)

    def effect_results(self, Pending pending):
        answer = pending.response
        return [(sequence, repeat != 0, found != 0)
                for sequence, repeat, found in struct.iter_unpack("<QII", answer)]

    def effects_made(self):
        return self.state.core.sink.emitted_count + self.state.core.sink.replayed_count

    # The log was applied to its end: nothing of a checkpoint is older or newer than the rest.
    cdef effects_whole(self):
        cdef uint8_t key[META_KEY_SIZE_MAX]
        cdef int32_t status
        if not self.state.core.sink.suppressed_sequence:
            return
        must(store_reserve(self.view, store_dirty_size(1, STORED_SIZE)))
        must(store_write_begin(self.view))
        status = store_delete(self.view, STORE_META, key,
                              meta_key(key, self.state.core.partition, 0, EFFECTS_KEY))
        if status == STATUS_OK:
            must(store_write_commit(self.view))
        else:
            store_write_abort(self.view)
            must(status)
        self.state.core.sink.suppressed_sequence = 0

    # ------------------------------------------------------------ reading
    def effects(self, uint32_t tenant, after=(0, 0), uint32_t limit=1000, bint dead=False):
        """Short transactions of a reader of its own, so that any thread may ask."""
        cdef uint8_t key[OUTBOX_KEY_SIZE]
        cdef store_value found, value
        cdef store_reader* reader
        cdef int32_t status = STATUS_OK
        cdef uint64_t sequence = after[0]
        cdef uint64_t ordinal = after[1] + 1
        if self.view == NULL:
            raise EngineError("The engine is closed.", STATUS_DRAINING)
        put_prefix(key, self.state.core.partition, tenant)
        put_big_endian(key + 6, sequence, 8)
        put_big_endian(key + 14, ordinal, 4)
        rows = []
        reader = store_reader_new(self.view, &status)
        must(status)
        try:
            must(store_read_begin(reader))
            status = store_seek(reader, STORE_DEAD if dead else STORE_OUTBOX, key, OUTBOX_KEY_SIZE,
                                &found, &value)
            while (status == STATUS_OK and len(rows) < min(limit, EFFECTS_READ_MAX)
                   and found.size == OUTBOX_KEY_SIZE and memcmp(found.data, key, 6) == 0):
                rows.append(effect_row(&value))
                status = store_step(reader, &found, &value)
        finally:
            store_read_end(reader)
            store_reader_free(reader)
        if status != STATUS_STORE_NOT_FOUND:
            must(status)
        return rows

    def effects_at(self, uint32_t tenant, ids, bint dead=False):
        cdef uint8_t key[OUTBOX_KEY_SIZE]
        cdef store_value value
        cdef store_reader* reader
        cdef int32_t status = STATUS_OK
        if self.view == NULL:
            raise EngineError("The engine is closed.", STATUS_DRAINING)
        rows = []
        put_prefix(key, self.state.core.partition, tenant)
        reader = store_reader_new(self.view, &status)
        must(status)
        try:
            must(store_read_begin(reader))
            for sequence, ordinal in ids:
                put_big_endian(key + 6, sequence, 8)
                put_big_endian(key + 14, ordinal, 4)
                status = store_get(reader, STORE_DEAD if dead else STORE_OUTBOX, key,
                                   OUTBOX_KEY_SIZE, &value)
                if status == STATUS_OK:
                    rows.append(effect_row(&value))
                elif status == STATUS_STORE_NOT_FOUND:
                    rows.append(None)
                else:
                    must(status)
        finally:
            store_read_end(reader)
            store_reader_free(reader)
        return rows

    def effects_count(self, uint32_t tenant, bint dead=False):
        """Counted in ranges, each in a short transaction."""
        cdef uint8_t key[OUTBOX_KEY_SIZE]
        cdef uint32_t step
        cdef uint64_t count = 0
        memset(key, 0, OUTBOX_KEY_SIZE)
        put_prefix(key, self.state.core.partition, tenant)
        while True:
            step = self.count_range(STORE_DEAD if dead else STORE_OUTBOX, key)
            count += step
            if step < EFFECTS_COUNTED_MAX:
                return count

    # Counts up to EFFECTS_COUNTED_MAX entries from the key on and moves the key behind them.
    cdef uint32_t count_range(self, uint32_t database, uint8_t* key) except? 0xFFFFFFFF:
        cdef store_value found, value
        cdef int32_t status = STATUS_OK
        cdef uint32_t count = 0
        cdef store_reader* reader
        if self.view == NULL:
            raise EngineError("The engine is closed.", STATUS_DRAINING)
        reader = store_reader_new(self.view, &status)
        must(status)
        with nogil:
            status = store_read_begin(reader)
            if status == STATUS_OK:
                status = store_seek(reader, database, key, OUTBOX_KEY_SIZE, &found, &value)
            while (status == STATUS_OK and count < EFFECTS_COUNTED_MAX
                   and found.size == OUTBOX_KEY_SIZE and memcmp(found.data, key, 6) == 0):
                count += 1
                memcpy(key, found.data, OUTBOX_KEY_SIZE)
                status = store_step(reader, &found, &value)
            store_read_end(reader)
            store_reader_free(reader)
        if status != STATUS_STORE_NOT_FOUND:
            must(status)
        if count:
            put_big_endian(key + 14, int.from_bytes(key[14:18], "big") + 1, 4)
        return count

    def trigger_name(self, uint32_t tenant, uint32_t number):
        cdef tenant_state state
        cdef const kairos_text* name
        if tenant >= KAIROS_TENANTS_MAX:
            return ""
        publish_read(&self.published, tenant, &state)
        if not state.known or state.active == NULL or number >= state.active.trigger_count:
            return ""
        name = &state.active.trigger_names[number]
        return state.active.strings[name.offset:name.offset + name.size].decode()

    def log_record(self, uint64_t sequence):
        cdef const kairos_frame* frame
        cdef const uint8_t* payload
        cdef int32_t status = STATUS_OK
        cdef log_reader* reader
        self.alive()
        reader = log_read_from(os.fsencode(self.folder.log), self.state.core.partition, sequence,
                               &status)
        if reader == NULL:
            return None
        log_read_limit(reader, self.published.applied_sequence)
        with nogil:
            status = log_next(reader, &frame, &payload)
        # In a list: a name that is None or a tuple of const numbers keeps Cython's inference of
        # types going for ever.
        found = []
        if status == STATUS_OK and frame.sequence == sequence:
            found.append((frame.sequence, frame.kind, frame.tenant, frame.occurred_us,
                          frame.received_us, payload[:frame.payload_size]))
        log_reader_close(reader)
        return found[0] if found else None


# A value of the outbox as the tuple that engine.pyi describes.
cdef tuple effect_row(const store_value* value):
    cdef kairos_effect effect
    cdef const uint8_t* cursor = value.data + STORED_SIZE + sizeof(kairos_effect)
    if (value.size < STORED_SIZE + sizeof(kairos_effect)
            or not stored_valid(value.data, value.size)):
        raise EngineError(VIEW_DAMAGED, STATUS_RECORD_CORRUPT)
    memcpy(&effect, value.data + STORED_SIZE, sizeof(kairos_effect))
    if (value.size - STORED_SIZE - sizeof(kairos_effect)
            != <size_t>effect.identifier_size + effect.action_size + effect.reason_size):
        raise EngineError(VIEW_DAMAGED, STATUS_RECORD_CORRUPT)
    identifier = cursor[:effect.identifier_size]
    cursor += effect.identifier_size
    action = cursor[:effect.action_size]
    cursor += effect.action_size
    return (effect.sequence, effect.ordinal, effect.key[:16], effect.subject_id[:16],
            effect.identifier_type, identifier, action, cursor[:effect.reason_size],
            effect.created_us, effect.due_us, effect.origin_sequence, effect.trigger,
            effect.action_index, effect.step, effect.urgency, effect.channel, effect.source,
            effect.attempt_count)
