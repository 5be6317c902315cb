# Looking inside: dumps, log records, figures.


cdef class _EngineInspection(_EngineCheckpoints):
    def dump(self, str database):
        self.alive()
        databases = {"meta": STORE_META, "subjects": STORE_SUBJECTS, "identities": STORE_IDENTITIES,
                     "documents": STORE_DOCUMENTS, "plans": STORE_PLANS,
                     "timers": STORE_TIMERS, "outbox": STORE_OUTBOX, "dead": STORE_DEAD,
                     "producers": STORE_PRODUCERS, "history": STORE_HISTORY,
                     "counters": STORE_COUNTERS}
        if database == "dedupe":
            return iter(self.dedupe_entries())
        return self.walk(databases[database], b"")

    def log_records(self, uint64_t sequence, uint8_t kind=0):
        """Frames from a sequence on that are durable: (sequence, kind, tenant, occurred_us,
        received_us, payload).
        """
        cdef const kairos_frame* frame
        cdef const uint8_t* payload
        cdef int32_t status = STATUS_OK
        cdef log_reader* reader
        self.alive()
        reader = log_read_from(os.fsencode(self.folder.log), self.state.core.partition, sequence,
                               &status)
        found = []
        if reader == NULL:
            return found
        log_read_limit(reader, self.published.applied_sequence)
        status = log_next(reader, &frame, &payload)
        while status == STATUS_OK:
            if not kind or frame.kind == kind:
                found.append((frame.sequence, frame.kind, frame.tenant, frame.occurred_us,
                              frame.received_us, payload[:frame.payload_size]))
            status = log_next(reader, &frame, &payload)
        log_reader_close(reader)
        if status != STATUS_LOG_END:
            must(status)
        return found

    def log_firsts(self):
        self.alive()
        names = [name.removesuffix(".log") for name in os.listdir(self.folder.log)
                 if name.endswith(".log")]
        return sorted(int(name) for name in names if name.isdigit())

    def find_record(self, uint8_t kind, bytes prefix, uint64_t sequence_first,
                    uint64_t sequence_last):
        cdef const kairos_frame* frame
        cdef const uint8_t* payload
        cdef const char* wanted = prefix
        cdef uint32_t size = <uint32_t>len(prefix)
        cdef int32_t status = STATUS_OK
        cdef bint found = False
        cdef log_reader* reader
        self.alive()
        reader = log_read_from(os.fsencode(self.folder.log), self.state.core.partition,
                               sequence_first, &status)
        if reader == NULL:
            return None
        log_read_limit(reader, self.published.applied_sequence)
        with nogil:
            status = log_next(reader, &frame, &payload)
            while status == STATUS_OK and frame.sequence <= sequence_last:
                if (frame.kind == kind and frame.payload_size >= size
                        and memcmp(payload, wanted, size) == 0):
                    found = True
                    break
                status = log_next(reader, &frame, &payload)
        try:
            if status == STATUS_LOG_CORRUPT:
                raise EngineError(fault_text(log_reader_message(reader)), status)
            if status != STATUS_LOG_END:
                must(status)
            if not found:
                return None
            return (frame.sequence, frame.kind, frame.tenant, frame.occurred_us, frame.received_us,
                    payload[:frame.payload_size])
        finally:
            log_reader_close(reader)

    def figures(self):
        cdef uint64_t log_bytes = 0, syncs = 0, sync_ns = 0, segments = 0, used = 0, mapped = 0
        self.alive()
        log_figures(self.state.log, &log_bytes, &syncs, &sync_ns, &segments)
        store_figures(self.view, &used, &mapped)
        return {
            "applied_sequence": self.published.applied_sequence,
            "event_count": self.state.core.event_count,
            "duplicate_count": self.state.core.duplicate_count,
            "fired_count": self.state.core.fired_count, "late_count": self.state.core.late_count,
            "skipped_count": self.state.core.skipped_count, "commit_count": self.state.commit_count,
            "append_ns": self.state.append_ns, "apply_ns": self.state.apply_ns,
            "log_bytes": log_bytes, "log_syncs": syncs, "log_sync_ns": sync_ns,
            "log_segments": segments, "log_bytes_cut": log_bytes_cut(self.state.log),
            "view_bytes": used, "map_bytes": mapped, "decision_count": self.reader.decision_count,
            "decision_backlog_bytes": self.reader.records.used,
            "decisions_lost": self.reader.records_lost, "writer_epoch": log_epoch(self.state.log),
            "plans_loaded": self.plans_loaded(),
            "timers_pending": self.timers_pending(),
            "timers_armed": self.state.core.timer_armed_count,
            "timers_fired": self.state.core.timer_fired_count,
            "timers_cancelled": self.state.core.timer_cancelled_count,
            "timers_dropped": self.state.core.timer_dropped_count,
            "timers_refused": self.state.core.timer_refused_count,
            "links_made": self.state.core.link_count,
            "links_refused": self.state.core.link_refused_count,
            "effects_emitted": self.state.core.sink.emitted_count,
            "effects_acked": self.state.core.sink.acked_count,
            "effects_failed": self.state.core.sink.failed_count,
            "effects_dead": self.state.core.sink.dead_count,
            "effects_replayed": self.state.core.sink.replayed_count,
            "effects_discarded": self.state.core.sink.discarded_count,
        }

    def counts(self, uint32_t tenant):
        cdef uint8_t prefix[6]
        self.alive()
        put_prefix(prefix, self.state.core.partition, tenant)
        found = {}
        for key, value in self.walk(STORE_COUNTERS, prefix[:6]):
            first = int.from_bytes(key[6:], "big") * COUNTERS_CHUNK
            for i, entry in enumerate(struct.iter_unpack("<Qq", value[STORED_SIZE:])):
                if entry[0]:
                    found[first + i] = entry
        return found

    cdef uint64_t timers_pending(self):
        cdef uint64_t count = 0
        cdef int32_t status = STATUS_OK
        # A reader of its own, because figures are asked for from any thread.
        cdef store_reader* reader = store_reader_new(self.view, &status)
        must(status)
        status = store_read_begin(reader)
        if status == STATUS_OK:
            count = store_entries(reader, STORE_TIMERS)
            store_read_end(reader)
        store_reader_free(reader)
        must(status)
        return count

    cdef uint32_t plans_loaded(self):
        cdef uint32_t i, count = 0
        for i in range(self.plans.count):
            count += self.plans.entries[i].image != NULL
        return count
