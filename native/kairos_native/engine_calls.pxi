# Requests: checked, committed, decided, read.


cdef mark(list requests, bint committed):
    cdef Pending pending
    for pending in requests:
        pending.committed = committed


cdef class _EngineCalls(_EngineIdentity):
    cdef Pending check(self, uint32_t tenant, bytes request, int64_t received_us, bint batch):
        cdef Pending pending
        cdef tenant_state state
        cdef wire_fault fault
        cdef int32_t status
        self.alive()
        if tenant >= KAIROS_TENANTS_MAX:
            raise Refusal(STATUS_TENANT_UNKNOWN)
        if len(request) > KAIROS_MESSAGE_SIZE_MAX:
            raise Refusal(STATUS_REQUEST_TOO_LARGE, "", str(len(request)))
        publish_read(&self.published, tenant, &state)
        pending = Pending.__new__(Pending)
        pending.data = request
        pending.engine = self
        memset(&fault, 0, sizeof(fault))
        if batch:
            status = check_batch(&state, self.reader.work, &self.reader.normal,
                                 <const uint8_t*><const char*>request, <uint32_t>len(request),
                                 received_us, &pending.request, &fault)
        else:
            status = check_ingest(&state, self.reader.work, &self.reader.normal,
                                  <const uint8_t*><const char*>request, <uint32_t>len(request),
                                  received_us, &pending.request, &fault)
        if status != STATUS_OK:
            fault.status = status
            raise refusal_of(&fault)
        return pending

    def check_ingest(self, uint32_t tenant, bytes request, int64_t received_us):
        cdef Pending pending = self.check(tenant, request, received_us, False)
        if pending.request.refusal_count:
            raise event_refusal(&pending.request.refusals[0])
        return pending

    def check_batch(self, uint32_t tenant, bytes request, int64_t received_us):
        return self.check(tenant, request, received_us, True)

    def commit(self, pendings, int64_t now_us):
        cdef list held = list(pendings)
        cdef uint32_t count = <uint32_t>len(held)
        cdef pending_request** requests
        cdef Pending pending
        cdef uint32_t i
        cdef int32_t reserved = STATUS_OK, status = STATUS_OK
        cdef uint64_t applied_ns = self.state.apply_ns
        self.alive()
        if self.failed:
            raise EngineError(
                "A group commit failed before; the process must end and start again.",
                STATUS_DRAINING)
        requests = <pending_request**>malloc((count + 1) * sizeof(pending_request*))
        if requests == NULL:
            raise MemoryError
        for i in range(count):
            pending = held[i]
            if pending.engine is not self or pending.committed:
                mark(held[:i], False)
                free(requests)
                raise ValueError(
                    "a request belongs to the engine that checked it and is committed once")
            # Marked at once, so that one that stands in the group twice is found.
            pending.committed = True
            requests[i] = &pending.request
        # One stretch without the GIL: taking it back in the middle could cost a switch interval
        # of the event loop.
        with nogil:
            reserved = commit_reserve(&self.state, requests, count)
            if reserved == STATUS_OK:
                status = commit_run(&self.state, requests, count)
        free(requests)
        if status != STATUS_OK:
            self.failed = True
            raise EngineError(
                f"A group commit failed with {STATUS_NAMES.get(status, status)}; "
                "the process must end and start again: what was acknowledged is in the log.",
                status)
        if reserved != STATUS_OK:
            mark(held, False)
            if reserved == STATUS_DISK_FULL or reserved == STATUS_MAP_FULL:
                raise Refusal(reserved)
            if reserved == STATUS_BATCH_TOO_LARGE:
                raise ValueError(f"a group commit may hold {KAIROS_COMMIT_RECORDS_MAX} records")
            must(reserved)
        return self.state.apply_ns - applied_ns

    cdef bytes answered(self, int32_t status, wire_fault* fault):
        if status != STATUS_OK:
            fault.status = status
            raise refusal_of(fault)
        return self.reader.answer.data[:self.reader.answer.used]

    def decide(self, uint32_t tenant, bytes request, int64_t now_us):
        cdef wire_fault fault
        self.alive()
        fault.field[0] = 0
        fault.seen_size = 0
        if tenant >= KAIROS_TENANTS_MAX:
            raise Refusal(STATUS_TENANT_UNKNOWN)
        return self.answered(reader_decide(&self.reader, tenant,
                                           <const uint8_t*><const char*>request,
                                           <uint32_t>len(request), now_us, &fault), &fault)

    def evaluate(self, uint32_t tenant, bytes request, int64_t now_us):
        cdef wire_fault fault
        self.alive()
        fault.field[0] = 0
        fault.seen_size = 0
        if tenant >= KAIROS_TENANTS_MAX:
            raise Refusal(STATUS_TENANT_UNKNOWN)
        return self.answered(reader_evaluate(&self.reader, tenant,
                                             <const uint8_t*><const char*>request,
                                             <uint32_t>len(request), now_us, &fault), &fault)

    def evaluate_trial(self, uint32_t tenant, bytes image, bytes request, int64_t now_us):
        cdef int32_t status = STATUS_OK
        cdef bytes message = bytes(MESSAGE_SIZE)
        cdef tenant_state state
        cdef slot_birth* births
        cdef plan* trial
        cdef uint32_t i
        self.alive()
        self.tenant_known(tenant, &state)
        trial = plan_load_bytes(<const uint8_t*><const char*>image, len(image), &status,
                                <char*>message, MESSAGE_SIZE)
        if trial == NULL:
            raise EngineError(fault_text(message) or STATUS_NAMES.get(status, ""), status)
        births = <slot_birth*>malloc((trial.slot_count + 1) * sizeof(slot_birth))
        if births == NULL:
            plan_free(trial)
            raise MemoryError
        for i in range(trial.slot_count):
            if i < state.birth_count:
                births[i] = state.births[i]
            else:
                # As if the plan were activated now: nobody who is known has a history of it.
                births[i].sequence = self.published.applied_sequence
                births[i].complete_from_us = now_us + state.settings.ahead_us_max + 1
        self.reader.trial = trial
        self.reader.trial_births = births
        try:
            return self.evaluate(tenant, request, now_us)
        finally:
            self.reader.trial = NULL
            self.reader.trial_births = NULL
            free(births)
            plan_free(trial)

    def set_clock(self, int64_t offset_us):
        clock_anchor(offset_us)

    def take_decisions(self):
        cdef Pending pending
        cdef output* records = &self.reader.records
        cdef const uint8_t* cursor
        cdef int64_t received_us
        cdef uint32_t size, count = 0
        cdef size_t used = 0
        cdef kairos_decision header
        self.alive()
        if not records.used:
            return None
        # One commit takes so many at most; the rest stays for the next call.
        while used < records.used and count < KAIROS_BATCH_EVENTS_MAX:
            memcpy(&size, records.data + used, 4)
            used += CAPTURE_PREFIX_SIZE + size
            count += 1
        pending = Pending.__new__(Pending)
        pending.engine = self
        pending.data = records.data[:used]
        pending.request.events = <pending_event*>calloc(count, sizeof(pending_event))
        if pending.request.events == NULL:
            raise MemoryError
        pending.request.kind = FRAME_DECISION
        cursor = <const uint8_t*><const char*>pending.data
        while pending.request.event_count < count:
            memcpy(&size, cursor, 4)
            memcpy(&received_us, cursor + 4, 8)
            cursor += CAPTURE_PREFIX_SIZE
            memcpy(&header, cursor, sizeof(header))
            pending.request.received_us = max(pending.request.received_us, received_us)
            pending.request.events[pending.request.event_count].data = cursor
            pending.request.events[pending.request.event_count].size = size
            pending.request.events[pending.request.event_count].occurred_us = header.now_us
            pending.request.payload_size += size
            pending.request.event_count += 1
            cursor += size
        pending.request.record_count = count
        records.used -= used
        if records.used:
            memmove(records.data, records.data + used, records.used)
        return pending

    def replay_decision(self, bytes record):
        cdef decide_input choice
        cdef int64_t processing_us = 0
        cdef plan* image
        cdef int32_t status
        self.alive()
        if len(record) < sizeof(kairos_decision):
            raise EngineError("This is not a decision record.", STATUS_RECORD_CORRUPT)
        plan_id = record[16:48]
        self.load_plan(plan_id)
        image = plan_table_find(&self.plans, <const uint8_t*><const char*>plan_id)
        must(scratch_fit(self.reader.work, image))
        must(decide_restore(<const uint8_t*><const char*>record, <uint32_t>len(record), image,
                            self.reader.work, &choice, &processing_us))
        self.reader.answer.used = 0
        self.reader.answer.overflow = 0
        must(output_room(&self.reader.answer, len(record) + 65536))
        decide_choose(&choice, self.reader.work, self.reader.kernel, &self.reader.answer)
        decide_finish(&self.reader.answer, processing_us)
        return self.reader.answer.data[:self.reader.answer.used]

    def profile(self, uint32_t tenant, bytes subject_id, at_us, int64_t now_us, *,
                int identifier_type=0, bint whole=True):
        cdef tenant_state state
        cdef feature_view view
        cdef kairos_record* record
        cdef uint64_t applied_sequence
        cdef uint32_t stored_size = 0
        cdef wire_fault fault
        cdef int32_t status
        self.alive()
        memset(&fault, 0, sizeof(fault))
        if tenant >= KAIROS_TENANTS_MAX:
            raise Refusal(STATUS_TENANT_UNKNOWN)
        if not subject_id:
            raise Refusal(STATUS_SUBJECT_MISSING, "subject_id")
        status = reader_load(&self.reader, tenant, <uint32_t>identifier_type,
                             <const uint8_t*><const char*>subject_id,
                             <uint32_t>len(subject_id), &state, &applied_sequence, &record,
                             &stored_size, &fault)
        if status != STATUS_OK:
            raise refusal_of(&fault)
        memset(&view, 0, sizeof(view))
        view.now_us = now_us if state.settings.time_mode == TIME_MODE_LIVE else state.event_time_us
        if at_us is not None:
            if state.settings.time_mode == TIME_MODE_LIVE or at_us < state.event_time_us:
                raise Refusal(STATUS_TIME_NOT_ALLOWED, "at_time_us", str(at_us))
            view.now_us = at_us
        if whole:
            record = reader_group(&self.reader, state.active, record)
        if record == NULL:
            raise Refusal(STATUS_SUBJECT_NOT_FOUND, "subject_id")
        view.image = state.active
        view.record = record
        view.births = state.births
        view.session = record_open_session(record, view.now_us, state.settings.session_gap_us)
        return profile_encode(&view, subject_id, self.names_of(state.active), stored_size)

    cdef list names_of(self, const plan* image):
        """By slot id the names of feature documents, or else the feature call, from the image's
        section for people.
        """
        plan_id = bytes(image.header.plan_id[:32])
        names = self.slot_names.get(plan_id)
        if names is None:
            meta = json.loads(image_meta(image))
            names = [[] for _ in meta["features"]]
            for name, slot in meta.get("named_features", {}).items():
                names[slot].append(name.encode())
            for slot, text in enumerate(meta["features"]):
                names[slot] = names[slot] or [(text or "").encode()]
            self.slot_names[plan_id] = names
        return names

    def plan_meta(self, uint32_t tenant):
        cdef tenant_state state
        self.alive()
        if tenant >= KAIROS_TENANTS_MAX:
            return None
        publish_read(&self.published, tenant, &state)
        return image_meta(state.active) if state.known and state.active != NULL else None

    def learn_agent(self, bytes text, uint8_t device_type, bint bot, bytes browser,
                    bytes browser_version, bytes os_name, bytes bot_name):
        cdef agent_facts facts
        cdef bytes found
        self.alive()
        known = (browser, browser_version, os_name, bot_name)
        for i, found in enumerate(known):
            if len(found) > AGENT_TEXT_SIZE_MAX:
                raise ValueError(f"a text of an agent has at most {AGENT_TEXT_SIZE_MAX} bytes")
            facts.texts[i] = <const uint8_t*><const char*>found
            facts.sizes[i] = <uint8_t>len(found)
        facts.device_type = device_type
        facts.bot = bot
        must(agents_learn(self.reader.normal.agents, <const uint8_t*><const char*>text,
                          <uint32_t>len(text), &facts))

    def agent_figures(self):
        self.alive()
        return {
            "known": self.reader.normal.agents.young.count + self.reader.normal.agents.old.count,
            "found": self.reader.normal.agents.found_count,
            "missed": self.reader.normal.agents.missed_count,
        }

    def figures(self):
        found = _EngineInspection.figures(self)
        found.update({f"user_agents_{name}": count for name, count in self.agent_figures().items()})
        return found


cdef bytes image_meta(const plan* image):
    cdef const kairos_section* section = (
        <const kairos_section*>(image.image + sizeof(kairos_image_header)) + <int>SECTION_META)
    return (image.image + section.offset)[:section.count * section.element_size]
