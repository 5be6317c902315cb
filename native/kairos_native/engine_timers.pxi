# Timers: when the next one of a tenant is due, and the record that lets it fire.


cdef class _EngineTimers(_EngineInspection):
    # Walks the tenant's entries of TIMERS up to a moment. Returns the keys' parts as a tick names
    # them; at most `count_max`.
    cdef int32_t timers_until(self, uint32_t tenant, int64_t now_us, uint32_t count_max,
                              kairos_tick* ticks, uint32_t* count):
        cdef uint8_t prefix[6]
        cdef store_value key, value
        cdef int32_t status = store_read_begin(self.reader.reader)
        count[0] = 0
        if status != STATUS_OK:
            return status
        put_prefix(prefix, self.state.core.partition, tenant)
        status = store_seek(self.reader.reader, STORE_TIMERS, prefix, 6, &key, &value)
        while (status == STATUS_OK and count[0] < count_max and key.size == TIMER_KEY_SIZE
               and memcmp(key.data, prefix, 6) == 0):
            timer_unkey(key.data, &ticks[count[0]])
            if ticks[count[0]].index_due_us > now_us:
                break
            count[0] += 1
            status = store_step(self.reader.reader, &key, &value)
        store_read_end(self.reader.reader)
        return STATUS_OK if status == STATUS_STORE_NOT_FOUND else status

    def next_due(self, uint32_t tenant):
        cdef kairos_tick first
        cdef uint32_t count = 0
        cdef tenant_state state
        self.alive()
        self.tenant_known(tenant, &state)
        must(self.timers_until(tenant, INT64_MAX, 1, &first, &count))
        return first.index_due_us if count else None

    def tick(self, uint32_t tenant, int64_t now_us,
             uint32_t timer_count_max=KAIROS_TICK_TIMERS_MAX):
        cdef kairos_tick ticks[KAIROS_TICK_TIMERS_MAX]
        cdef uint32_t count = 0
        cdef tenant_state state
        cdef int64_t present_us = now_us
        self.alive()
        self.tenant_known(tenant, &state)
        if not 0 < timer_count_max <= KAIROS_TICK_TIMERS_MAX:
            raise ValueError(f"a tick looks at 1 to {KAIROS_TICK_TIMERS_MAX} timers")
        if state.settings.time_mode != TIME_MODE_LIVE:
            present_us = state.event_time_us
        must(self.timers_until(tenant, present_us, timer_count_max, ticks, &count))
        if not count:
            return None
        return control_pending(self, tenant, FRAME_TICK,
                               (<const char*>ticks)[:count * sizeof(kairos_tick)], now_us)
