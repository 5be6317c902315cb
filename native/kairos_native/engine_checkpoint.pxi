# Checkpoints of the view; see checkpoints.py.


cdef class _EngineCheckpoints(_EnginePlans):
    def checkpoint(self):
        chunks = self.checkpoint_chunks()
        # The tenants' states and the position are of one moment; everything else may be newer.
        first = next(chunks)
        position = applied_in(first[2])
        path = checkpoints.write(self.folder, position, chain([first], chunks, self.dedupe_chunks(position)), crc32c)
        return str(path)

    def checkpoint_chunks(self):
        """Chunks of all databases, the tenants' states first and whole."""
        for database in (STORE_META, STORE_DOCUMENTS, STORE_PLANS, STORE_IDENTITIES, STORE_SUBJECTS):
            key = b"\0"
            while True:
                count, body, key = self.read_chunk(database, key)
                if count:
                    yield database, count, body
                if not key:
                    break

    cdef tuple read_chunk(self, uint32_t database, bytes key):
        cdef unsigned char following[511]
        cdef uint32_t key_size = <uint32_t>len(key)
        cdef uint32_t count = 0
        cdef output chunk
        cdef int32_t status = STATUS_OK
        cdef store_reader* reader = store_reader_new(self.view, &status)
        must(status)
        memset(&chunk, 0, sizeof(chunk))
        memcpy(following, <const char*>key, key_size)
        with nogil:
            status = checkpoint_range(reader, database, database == STORE_META, following, &key_size, &chunk, &count)
        store_reader_free(reader)
        body = chunk.data[:chunk.used] if chunk.data != NULL else b""
        free(chunk.data)
        must(status)
        return count, body, following[:key_size]

    def dedupe_entries(self, uint64_t sequence_max=0):
        """(day and key, sequence and trigger numbers) of every event id kept, sorted."""
        cdef int32_t status = STATUS_OK
        cdef dedupe_entry entry
        cdef dedupe_reader* reader
        cdef uint64_t limit = sequence_max or self.state.core.applied_sequence
        found = []
        reader = dedupe_read(os.fsencode(self.folder.dedupe), limit, &status)
        must(status)
        try:
            status = dedupe_next(reader, &entry)
            while status == STATUS_OK:
                key = int(entry.day).to_bytes(4, "big") + entry.key[:16]
                value = int(entry.sequence).to_bytes(8, "little")
                if entry.trigger_count:
                    value += (<const char*>entry.triggers)[:4 * entry.trigger_count]
                found.append((key, value))
                status = dedupe_next(reader, &entry)
            if status != STATUS_STORE_NOT_FOUND:
                must(status)
        finally:
            dedupe_reader_close(reader)
        found.sort()
        return found

    def dedupe_chunks(self, uint64_t position):
        entries = self.dedupe_entries(position)
        for start in range(0, len(entries), DEDUPE_CHUNK_ENTRIES):
            part = entries[start:start + DEDUPE_CHUNK_ENTRIES]
            body = b"".join(len(key).to_bytes(4, "little") + len(value).to_bytes(4, "little") + key + value for key, value in part)
            yield DEDUPE_DATABASE, len(part), body

    cdef restore_checkpoint(self):
        path = checkpoints.newest(self.folder, crc32c)
        if path is None:
            return
        for database, _, body in checkpoints.read_chunks(path / checkpoints.FILE, crc32c):
            if database == DEDUPE_DATABASE:
                self.restore_dedupe(body)
            else:
                self.restore_chunk(database, body)

    cdef restore_chunk(self, uint32_t database, bytes body):
        cdef int32_t status
        cdef size_t size = len(body)
        cdef const char* data = body
        must(store_reserve(self.view, 4 * size + (64 << 20)))
        with nogil:
            status = store_write_begin(self.view)
            if status == STATUS_OK:
                status = checkpoint_put(self.view, database, <const unsigned char*>data, size)
                if status == STATUS_OK:
                    status = store_write_commit(self.view)
                else:
                    store_write_abort(self.view)
        must(status)

    cdef restore_dedupe(self, bytes body):
        cdef const uint8_t* cursor = <const uint8_t*><const char*>body
        cdef const uint8_t* end = cursor + len(body)
        cdef uint32_t sizes[2]
        cdef uint32_t day
        cdef uint64_t sequence
        while end - cursor >= 36:
            memcpy(sizes, cursor, 8)
            day = int.from_bytes(cursor[8:12], "big")
            memcpy(&sequence, cursor + 28, 8)
            must(dedupe_reserve(self.ids, day, 1, (sizes[1] - 8) // 4))
            must(dedupe_keep(self.ids, day, cursor + 12, sequence, <const uint32_t*>(cursor + 36), (sizes[1] - 8) // 4))
            cursor += 8 + sizes[0] + sizes[1]
