# Checkpoints of the view; see checkpoints.py.


def chunk_entries(bytes body):
    """The (key, value) pairs of a chunk."""
    found = []
    used = 0
    while used < len(body):
        key_size = int.from_bytes(body[used:used + 4], "little")
        value_size = int.from_bytes(body[used + 4:used + 8], "little")
        used += 8
        found.append((body[used:used + key_size],
                      body[used + key_size:used + key_size + value_size]))
        used += key_size + value_size
    return found


cdef class _DedupeWalk:
    """Walks the event-id tables, a chunk of entries at a time, without an object per entry."""

    cdef dedupe_reader* reader
    cdef output body
    cdef uint32_t count
    cdef bint ended

    def __dealloc__(self):
        if self.reader != NULL:
            dedupe_reader_close(self.reader)
        free(self.body.data)

    cdef begin(self, bytes path, uint64_t sequence_max):
        cdef int32_t status = STATUS_OK
        self.reader = dedupe_read(path, sequence_max, &status)
        must(status)

    cdef tuple chunk(self):
        cdef int32_t status = STATUS_OK
        self.body.used = 0
        self.count = 0
        if not self.ended:
            with nogil:
                status = self.fill()
        if status == STATUS_STORE_NOT_FOUND:
            self.ended = True
        else:
            must(status)
        return self.count, self.body.data[:self.body.used] if self.body.used else b""

    # One entry: sizes; day (4 bytes, greatest first) and key; sequence and trigger numbers.
    cdef int32_t fill(self) noexcept nogil:
        cdef dedupe_entry entry
        cdef uint32_t sizes[2]
        cdef uint8_t key[20]
        cdef int32_t status = STATUS_OK
        while self.count < DEDUPE_CHUNK_ENTRIES:
            status = dedupe_next(self.reader, &entry)
            if status != STATUS_OK:
                break
            sizes[0] = 20
            sizes[1] = 8 + 4 * entry.trigger_count
            status = output_room(&self.body, 8 + 20 + sizes[1])
            if status != STATUS_OK:
                break
            put_big_endian(key, entry.day, 4)
            memcpy(key + 4, entry.key, 16)
            output_bytes(&self.body, sizes, 8)
            output_bytes(&self.body, key, 20)
            output_bytes(&self.body, &entry.sequence, 8)
            output_bytes(&self.body, entry.triggers, 4 * entry.trigger_count)
            self.count += 1
        return status


cdef class _EngineCheckpoints(_EnginePlans):
    def checkpoint(self, stop=None):
        self.alive()
        chunks = self.checkpoint_chunks()
        # The tenants' states and the position are of one moment; everything else may be newer.
        first = next(chunks)
        position = applied_in(first[2])
        everything = chain([first], chunks, self.dedupe_behind())
        path = checkpoints.write(self.folder, position, everything, crc32c, stop or (lambda: False))
        return None if path is None else str(path)

    def checkpoint_chunks(self):
        """Chunks of all databases, in the order that a replay needs.

        Tenants' states and the numbers of producers are of one moment, the position. What events
        cause beside their subject's record comes after the subjects: a value that is newer than
        the record shows by its own sequence what it has counted or taken already.
        """
        # Before the position is read: every link made after it must leave an image.
        preimages_begin(&self.state.core.images)
        try:
            moment = self.read_moment()
            yield from moment
            for database in (STORE_DOCUMENTS, STORE_PLANS, STORE_IDENTITIES, STORE_SUBJECTS):
                yield from self.read_chunks(database)
            yield from self.group_chunks()
            yield from self.image_chunks(applied_in(moment[0][2]))
        finally:
            preimages_end(&self.state.core.images, NULL)
        yield from self.effect_chunks()
        for database in (STORE_HISTORY, STORE_COUNTERS):
            yield from self.read_chunks(database)

    # An effect moves between two databases under one key: both are read in ranges of one moment
    # each, so that none is missed on its way. What records up to the position of now have done to
    # effects is in the copy, so a rebuild does not do it again.
    def effect_chunks(self):
        _, body, _ = self.read_chunk(STORE_META, b"\0")
        yield STORE_META, 1, self.effects_note(applied_in(body))
        following = b"\0"
        while following:
            chunks, following = self.read_effects(following)
            yield from chunks

    cdef bytes effects_note(self, uint64_t position):
        """The entry of META that tells a rebuild from which position on effects are its own."""
        cdef uint8_t key[META_KEY_SIZE_MAX]
        cdef uint8_t value[STORED_SIZE + 8]
        cdef uint32_t sizes[2]
        sizes[0] = meta_key(key, self.state.core.partition, 0, EFFECTS_KEY)
        sizes[1] = STORED_SIZE + 8
        memcpy(value + STORED_SIZE, &position, 8)
        stored_seal(value, 8, position)
        return ((<const char*>sizes)[:8] + (<const char*>key)[:sizes[0]]
                + (<const char*>value)[:sizes[1]])

    cdef tuple read_effects(self, bytes key):
        """Chunks of OUTBOX and DEAD of one moment from a key on, and where to go on."""
        cdef unsigned char ends[2][511]
        cdef uint32_t end_sizes[2]
        cdef uint32_t counts[2]
        cdef output chunks[2]
        cdef int32_t status = STATUS_OK
        cdef uint32_t first
        cdef int i
        cdef store_reader* reader
        self.alive()
        reader = store_reader_new(self.view, &status)
        must(status)
        memset(chunks, 0, sizeof(chunks))
        for i in range(2):
            counts[i] = 0
            end_sizes[i] = <uint32_t>len(key)
            memcpy(ends[i], <const char*>key, end_sizes[i])
        with nogil:
            status = store_read_begin(reader)
            for i in range(2):
                if status == STATUS_OK:
                    status = checkpoint_take(reader, STORE_DEAD if i else STORE_OUTBOX, False,
                                             ends[i], &end_sizes[i], &chunks[i], &counts[i])
            store_read_end(reader)
        store_reader_free(reader)
        # Both go up to where the first of them stopped.
        first = 0
        if end_sizes[1] and (not end_sizes[0]
                             or memcmp(ends[1], ends[0], OUTBOX_KEY_SIZE) < 0):
            first = 1
        if status == STATUS_OK and end_sizes[first]:
            counts[1 - first] = checkpoint_cut(&chunks[1 - first], ends[first], OUTBOX_KEY_SIZE)
        found = [(STORE_DEAD if i else STORE_OUTBOX, counts[i], chunks[i].data[:chunks[i].used])
                 for i in range(2) if counts[i]]
        free(chunks[0].data)
        free(chunks[1].data)
        must(status)
        return found, ends[first][:end_sizes[first]]

    def read_chunks(self, database):
        key = b"\0"
        while key:
            count, body, key = self.read_chunk(database, key)
            if count:
                yield database, count, body

    # What reads across records is replayed to the same effect only where the records of a group are
    # of one moment. These copies come behind the plain ones and replace them.
    def group_chunks(self):
        key = b"\0"
        while key:
            count, body, key = self.read_chunk(GROUPS_DATABASE, key)
            if count:
                yield STORE_SUBJECTS, count, body

    # What links have changed since the position, as it was before: identities are of the position,
    # and records of groups that changed of the moment before. The first image of an entry holds.
    def image_chunks(self, position):
        cdef output taken
        must(preimages_end(&self.state.core.images, &taken))
        body = taken.data[:taken.used] if taken.data != NULL else b""
        free(taken.data)
        first, used = {}, 0
        while used < len(body):
            sequence = int.from_bytes(body[used:used + 8], "little")
            database, key_size, value_size = (
                int.from_bytes(body[used + at:used + at + 4], "little") for at in (8, 12, 16))
            end = used + 20 + key_size + value_size
            if sequence > position:
                first.setdefault((database, body[used + 20:used + 20 + key_size]),
                                 body[used + 12:end])
            used = end
        for wanted in (STORE_IDENTITIES, STORE_SUBJECTS):
            entries = [entry for (database, _), entry in first.items() if database == wanted]
            if entries:
                yield wanted, len(entries), b"".join(entries)

    cdef list read_moment(self):
        """META and PRODUCERS, whole, read in one transaction."""
        cdef unsigned char following[511]
        cdef uint32_t key_size, count = 0
        cdef output chunk
        cdef int32_t status = STATUS_OK
        cdef store_reader* reader
        self.alive()
        reader = store_reader_new(self.view, &status)
        must(status)
        memset(&chunk, 0, sizeof(chunk))
        found = []
        status = store_read_begin(reader)
        for database in (STORE_META, STORE_PRODUCERS):
            following[0] = 0
            key_size = 1
            if status == STATUS_OK:
                status = checkpoint_take(reader, database, True, following, &key_size, &chunk,
                                         &count)
            if status == STATUS_OK and count:
                found.append((database, count, chunk.data[:chunk.used]))
        store_read_end(reader)
        store_reader_free(reader)
        free(chunk.data)
        must(status)
        return found

    # A subject that was read after `position` may hold later events, and replay passes over these:
    # so their ids must be here, all up to a position that is read last. Ids of events that replay
    # does apply are kept once again, which changes nothing.
    def dedupe_behind(self):
        _, body, _ = self.read_chunk(STORE_META, b"\0")
        yield from self.dedupe_chunks(applied_in(body))

    cdef tuple read_chunk(self, uint32_t database, bytes key):
        cdef unsigned char following[511]
        cdef uint32_t key_size = <uint32_t>len(key)
        cdef uint32_t count = 0
        cdef output chunk
        cdef int32_t status = STATUS_OK
        cdef store_reader* reader
        self.alive()
        reader = store_reader_new(self.view, &status)
        must(status)
        memset(&chunk, 0, sizeof(chunk))
        memcpy(following, <const char*>key, key_size)
        with nogil:
            if database == GROUPS_DATABASE:
                status = checkpoint_groups(reader, following, &key_size, &chunk, &count)
            else:
                status = checkpoint_range(reader, database, database == STORE_META, following,
                                          &key_size, &chunk, &count)
        store_reader_free(reader)
        body = chunk.data[:chunk.used] if chunk.data != NULL else b""
        free(chunk.data)
        must(status)
        return count, body, following[:key_size]

    def dedupe_entries(self):
        """(day and key, sequence and trigger numbers) of every event id kept, sorted."""
        found = []
        for _, _, body in self.dedupe_chunks(self.state.core.applied_sequence):
            found.extend(chunk_entries(body))
        found.sort()
        return found

    def dedupe_chunks(self, uint64_t position):
        """Chunks of all event ids that were kept up to a position, in the order of the tables."""
        cdef _DedupeWalk walk = _DedupeWalk.__new__(_DedupeWalk)
        walk.begin(os.fsencode(self.folder.dedupe), position)
        while True:
            count, body = walk.chunk()
            if not count:
                return
            yield DEDUPE_DATABASE, count, body

    cdef restore_checkpoint(self):
        path = checkpoints.newest(self.folder, crc32c)
        if path is None:
            return
        for database, _, body in checkpoints.read_chunks(path / checkpoints.FILE, crc32c):
            if database == DEDUPE_DATABASE:
                self.restore_dedupe(body)
            else:
                self.restore_chunk(database, body)
        self.restore_timers()

    # TIMERS is not part of a checkpoint: it follows from the records, each as it was copied.
    cdef restore_timers(self):
        cdef uint8_t key[511]
        cdef uint32_t key_size = 1
        cdef int32_t status = STATUS_OK
        cdef uint8_t* memory = <uint8_t*>malloc(KAIROS_RECORD_SIZE_MAX)
        cdef store_reader* reader = store_reader_new(self.view, &status)
        key[0] = 0
        while status == STATUS_OK and memory != NULL and key_size:
            with nogil:
                status = store_reserve(self.view, store_dirty_size(TIMER_PUTS_MAX, 0))
                if status == STATUS_OK:
                    status = store_write_begin(self.view)
                if status == STATUS_OK:
                    status = timers_index(self.view, reader, memory, key, &key_size)
                    if status == STATUS_OK:
                        status = store_write_commit(self.view)
                    else:
                        store_write_abort(self.view)
        store_reader_free(reader)
        free(memory)
        if memory == NULL:
            raise MemoryError
        must(status)

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
            must(dedupe_keep(self.ids, day, cursor + 12, sequence, <const uint32_t*>(cursor + 36),
                             (sizes[1] - 8) // 4))
            cursor += 8 + sizes[0] + sizes[1]
