# What an engine holds, and how it is given back.


cdef class _EngineState:
    cdef commit_state state
    cdef publication published
    cdef reader_core reader
    cdef plan_table plans
    cdef store* view
    cdef dedupe* ids
    cdef object folder
    cdef list texts
    cdef dict slot_names
    cdef dict prepared
    cdef bint opened
    # a commit failed: what this process holds in memory is no longer what the log says
    cdef bint failed

    def __dealloc__(self):
        self.release()

    cdef release(self):
        cdef uint32_t i
        if self.reader.reader != NULL:
            store_reader_free(self.reader.reader)
            self.reader.reader = NULL
        if self.state.reader != NULL:
            store_reader_free(self.state.reader)
            self.state.reader = NULL
        normal_tools_free(&self.reader.normal)
        scratch_free(self.reader.work)
        self.reader.work = NULL
        free(self.reader.answer.data)
        free(self.reader.records.data)
        memset(&self.reader.answer, 0, sizeof(output))
        memset(&self.reader.records, 0, sizeof(output))
        if self.ids != NULL:
            dedupe_close(self.ids)
            self.ids = NULL
        if self.view != NULL:
            store_close(self.view)
            self.view = NULL
        if self.state.log != NULL:
            log_close(self.state.log)
            self.state.log = NULL
        apply_close(&self.state.core)
        publish_close(&self.published)
        free(self.state.records)
        free(self.state.skips)
        free(self.state.body.data)
        self.state.skips = NULL
        self.state.skip_count = 0
        self.state.records = NULL
        self.state.body.data = NULL
        if self.plans.entries != NULL:
            for i in range(self.plans.count):
                if self.plans.entries[i].image != NULL:
                    plan_free(self.plans.entries[i].image)
            free(self.plans.entries)
            self.plans.entries = NULL
            self.plans.count = 0

    cdef alive(self):
        if not self.opened:
            raise EngineError("The engine is closed.", STATUS_DRAINING)

    def walk(self, uint32_t database, bytes prefix):
        """Entries of a database under a key prefix, in order; read in ranges that each hold a
        short transaction.
        """
        # The view takes no empty key; one zero byte stands before every key.
        key = prefix or b"\0"
        while True:
            entries, following = self.read_range(database, key)
            for found, value in entries:
                if not found.startswith(prefix):
                    return
                yield found, value
            if following is None:
                return
            key = following

    cdef tuple read_range(self, uint32_t database, bytes key, uint32_t most=4096):
        cdef store_reader* reader
        cdef store_value found, value
        cdef int32_t status = STATUS_OK
        cdef uint32_t count = 0
        entries = []
        if self.view == NULL:
            raise EngineError("The engine is closed.", STATUS_DRAINING)
        reader = store_reader_new(self.view, &status)
        must(status)
        try:
            must(store_read_begin(reader))
            status = store_seek(reader, database, <const char*>key, <uint32_t>len(key), &found,
                                &value)
            while status == STATUS_OK:
                if count == most:
                    return entries, found.data[:found.size]
                entries.append((found.data[:found.size], value.data[:value.size]))
                count += 1
                status = store_step(reader, &found, &value)
            return entries, None
        finally:
            store_read_end(reader)
            store_reader_free(reader)
