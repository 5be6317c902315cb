# Plans, tenants, documents. Only the event loop's thread adds and frees plans; the writer finds
# them by id, so a place is filled before the count is raised.


cdef class PreparedPlan:
    """A plan that was read from its file and waits for its place."""
    cdef plan* image

    def __dealloc__(self):
        if self.image != NULL:
            plan_free(self.image)


cdef class _EnginePlans(_EngineState):
    cdef load_plan(self, bytes plan_id):
        cdef uint32_t place
        cdef plan* image
        if plan_table_find(&self.plans, <const uint8_t*><const char*>plan_id) != NULL:
            return
        prepared = self.prepared.pop(plan_id, None)
        path = self.folder.plans / f"{plan_id.hex()}.plan"
        if prepared is None:
            prepared = self.read_plan(path)
        image = (<PreparedPlan>prepared).image
        (<PreparedPlan>prepared).image = NULL
        if bytes(image.header.plan_id[:32]) != plan_id:
            plan_free(image)
            raise EngineError(
                f"The plan image {path} holds another plan. Restore the file.",
                STATUS_IMAGE_CORRUPT)
        place = self.free_place()
        if place == PLANS_LOADED_MAX:
            self.unload_plans()
            place = self.free_place()
        if place == PLANS_LOADED_MAX:
            plan_free(image)
            raise EngineError(
                f"More than {PLANS_LOADED_MAX} plans are in use at once.", STATUS_NO_MEMORY)
        memcpy(self.plans.entries[place].plan_id, <const char*>plan_id, 32)
        self.plans.entries[place].pins = 0
        self.plans.entries[place].image = image
        if place == self.plans.count:
            self.plans.count += 1
        self.slot_names.pop(plan_id, None)

    cdef PreparedPlan read_plan(self, path):
        cdef int32_t status = STATUS_OK
        cdef bytes message = bytes(MESSAGE_SIZE)
        cdef bytes encoded = os.fsencode(path)
        cdef PreparedPlan prepared = PreparedPlan.__new__(PreparedPlan)
        cdef const char* name = encoded
        cdef char* text = message
        cdef uint32_t text_size = MESSAGE_SIZE
        cdef plan* image
        with nogil:
            image = plan_load(name, &status, text, text_size)
        prepared.image = image
        if image == NULL:
            raise EngineError(
                f"The plan image {path} cannot be loaded: {fault_text(message)} Restore the file.",
                status)
        return prepared

    def prepare_plan(self, bytes plan_id):
        self.alive()
        # One at a time: what was prepared and never activated makes room for the next.
        self.prepared = {plan_id: self.read_plan(self.folder.plans / f"{plan_id.hex()}.plan")}

    cdef uint32_t free_place(self):
        cdef uint32_t i
        for i in range(self.plans.count):
            if self.plans.entries[i].image == NULL:
                return i
        return self.plans.count

    # Frees plans that no tenant uses and no record on its way names.
    cdef unload_plans(self):
        cdef tenant_state tenant
        cdef uint32_t i, j
        used = set()
        for j in range(<uint32_t>KAIROS_TENANTS_MAX):
            # While the log is replayed nothing is published yet, and no writer is at work.
            if self.opened:
                publish_read(&self.published, j, &tenant)
            else:
                tenant = self.state.core.tenants[j]
            if tenant.known and tenant.active != NULL:
                used.add(<size_t>tenant.active)
        for i in range(self.plans.count):
            if (self.plans.entries[i].image != NULL and self.plans.entries[i].pins == 0
                    and <size_t>self.plans.entries[i].image not in used):
                image = self.plans.entries[i].image
                self.plans.entries[i].image = NULL
                plan_free(image)

    # The plans that the view's tenants decide with: the last activations up to the applied
    # position. A checkpoint may hold later ones, which the replay comes to.
    cdef load_known_plans(self):
        applied = 0
        for key, value in self.walk(STORE_META, b""):
            if key[6:] == b"applied":
                applied = int.from_bytes(value[STORED_SIZE:STORED_SIZE + 8], "little")
        newest = {}
        for key, value in self.walk(STORE_PLANS, b""):
            if int.from_bytes(key[6:], "big") <= applied:
                newest[key[:6]] = value
        for value in newest.values():
            if (not stored_valid(<const uint8_t*><const char*>value, len(value))
                    or len(value) != STORED_SIZE + 40):
                raise EngineError(VIEW_DAMAGED, STATUS_RECORD_CORRUPT)
            self.load_plan(value[STORED_SIZE + 8:])

    def store_plan(self, bytes image):
        self.alive()
        verify_image(image)
        plan_id = image[8:40]
        path = self.folder.plans / f"{plan_id.hex()}.plan"
        if not path.exists():
            data_folder.write_durably(path, image)
        return plan_id

    def activation(self, uint32_t tenant, bytes plan_id, int64_t now_us, entries=()):
        cdef Pending pending
        cdef uint32_t i
        cdef tenant_state state
        self.alive()
        self.tenant_known(tenant, &state)
        if len(plan_id) != 32 or not (self.folder.plans / f"{plan_id.hex()}.plan").exists():
            raise Refusal(STATUS_PLAN_UNKNOWN, "plan_id", plan_id.hex())
        self.unload_plans()
        self.load_plan(plan_id)
        pending = control_pending(self, tenant, FRAME_ACTIVATION,
                                  plan_id + document_entries(entries), now_us)
        for i in range(self.plans.count):
            if (self.plans.entries[i].image != NULL
                    and bytes(self.plans.entries[i].plan_id[:32]) == plan_id):
                if self.plans.entries[i].image.header.tenant != tenant:
                    raise Refusal(STATUS_PLAN_UNKNOWN, "plan_id", plan_id.hex())
                self.plans.entries[i].pins += 1
                pending.pinned = i
        return pending

    cdef tenant_known(self, uint32_t tenant, tenant_state* state):
        if tenant >= KAIROS_TENANTS_MAX:
            raise Refusal(STATUS_TENANT_UNKNOWN)
        publish_read(&self.published, tenant, state)
        if not state.known:
            raise Refusal(STATUS_TENANT_UNKNOWN)

    def tenant_settings(self, uint32_t tenant, str name, bytes hash_key, uint32_t time_mode,
                        int64_t now_us, *, int64_t ahead_us_max=300_000_000,
                        int64_t behind_us_max=691_200_000_000,
                        int64_t lateness_us_max=86_400_000_000,
                        int64_t session_gap_us=1_800_000_000):
        cdef kairos_tenant_settings settings
        cdef bytes encoded = name.encode()
        cdef tenant_state state
        self.alive()
        if (tenant >= KAIROS_TENANTS_MAX or not 0 < len(encoded) <= 64 or len(hash_key) != 16
                or time_mode > 1):
            raise ValueError(
                "tenant below 1,024, name of 1 to 64 bytes, hash_key of 16 bytes, time_mode 0 or 1")
        if min(ahead_us_max, behind_us_max, lateness_us_max, session_gap_us) < 0:
            raise ValueError("times must not be negative")
        publish_read(&self.published, tenant, &state)
        memset(&settings, 0, sizeof(settings))
        memcpy(settings.hash_key, <const char*>hash_key, 16)
        memcpy(settings.name, <const char*>encoded, len(encoded))
        settings.ahead_us_max = ahead_us_max
        settings.behind_us_max = behind_us_max
        settings.lateness_us_max = lateness_us_max
        settings.session_gap_us = session_gap_us
        settings.tenant = tenant
        settings.time_mode = time_mode
        if (state.known
                and (bytes(state.settings.hash_key[:16]) != hash_key
                     or state.settings.time_mode != time_mode)):
            raise ValueError(
                "hash_key and time_mode of a tenant never change: "
                "its subjects are named and timed by them")
        return control_pending(self, tenant, FRAME_TENANT,
                               (<const char*>&settings)[:sizeof(settings)], now_us)

    def documents(self, uint32_t tenant, entries, int64_t now_us):
        cdef tenant_state state
        self.alive()
        self.tenant_known(tenant, &state)
        return control_pending(self, tenant, FRAME_DOCUMENTS, document_entries(entries), now_us)

    def active_plan(self, uint32_t tenant):
        cdef tenant_state state
        self.alive()
        if tenant >= KAIROS_TENANTS_MAX:
            return None
        publish_read(&self.published, tenant, &state)
        return (bytes(state.active.header.plan_id[:32]) if state.known
                and state.active != NULL else None)

    def event_time(self, uint32_t tenant):
        cdef tenant_state state
        self.alive()
        self.tenant_known(tenant, &state)
        return state.event_time_us

    cdef bytes tenant_prefix(self, uint32_t tenant):
        cdef uint8_t key[8]
        put_prefix(key, self.state.core.partition, tenant)
        return key[:6]

    def activations(self, uint32_t tenant):
        self.alive()
        found = []
        for key, value in self.walk(STORE_PLANS, self.tenant_prefix(tenant)):
            body = value[STORED_SIZE:]
            found.append((int.from_bytes(key[6:], "big"),
                          int.from_bytes(body[:8], "little", signed=True), body[8:40]))
        return found

    def documents_of(self, uint32_t tenant, str prefix=""):
        self.alive()
        start = self.tenant_prefix(tenant) + prefix.encode()
        return {key[6:].decode(): value[STORED_SIZE:]
                for key, value in self.walk(STORE_DOCUMENTS, start)}

    def documents_range(self, uint32_t tenant, str prefix, str after, uint32_t count):
        self.alive()
        start = self.tenant_prefix(tenant) + prefix.encode()
        # The least key behind `after`; keys hold no zero byte.
        key = max(start, self.tenant_prefix(tenant) + after.encode() + b"\0") if after else start
        entries, _ = self.read_range(STORE_DOCUMENTS, key, count)
        return [(found[6:].decode(), value[STORED_SIZE:])
                for found, value in entries if found.startswith(start)]


cdef bytes document_entries(entries):
    """The payload of a record that stores documents: sizes of key and value, key, value."""
    parts = []
    for key, value in entries:
        encoded = key.encode()
        if not 0 < len(encoded) <= 400:
            raise ValueError(f"the document key {key!r} must have 1 to 400 bytes")
        parts += [len(encoded).to_bytes(4, "little"), len(value).to_bytes(4, "little"), encoded,
                  value]
    return b"".join(parts)
