# Contract in agents.pxd.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from kairos_native.hash cimport kairos_siphash128
from kairos_native.status cimport STATUS_NO_MEMORY, STATUS_OK

cdef enum:
    SLOTS_MIN = 256             # of an empty generation
    USED = 1
    WANTED = 2


cdef void generation_free(agent_generation* generation) noexcept nogil:
    free(generation.entries)
    free(generation.texts)
    memset(generation, 0, sizeof(agent_generation))


cdef int32_t generation_new(agent_generation* generation, uint32_t slots) noexcept nogil:
    memset(generation, 0, sizeof(agent_generation))
    generation.entries = <agent_entry*>calloc(slots, sizeof(agent_entry))
    if generation.entries == NULL:
        return STATUS_NO_MEMORY
    generation.mask = slots - 1
    return STATUS_OK


# The entry of a key, or the empty one where it would stand.
cdef inline agent_entry* generation_place(const agent_generation* generation,
                                          const uint64_t* key) noexcept nogil:
    cdef uint32_t at = <uint32_t>key[0] & generation.mask
    while True:
        if not generation.entries[at].used or (generation.entries[at].key[0] == key[0]
                                               and generation.entries[at].key[1] == key[1]):
            return &generation.entries[at]
        at = (at + 1) & generation.mask


cdef int32_t generation_grow(agent_generation* generation) noexcept nogil:
    cdef agent_generation wider
    cdef uint32_t i
    if generation_new(&wider, 2 * (generation.mask + 1)) != STATUS_OK:
        return STATUS_NO_MEMORY
    for i in range(generation.mask + 1):
        if generation.entries[i].used:
            generation_place(&wider, generation.entries[i].key)[0] = generation.entries[i]
    free(generation.entries)
    generation.entries = wider.entries
    generation.mask = wider.mask
    return STATUS_OK


cdef int32_t generation_put(agent_generation* generation, const uint64_t* key,
                            const agent_facts* facts) noexcept nogil:
    cdef uint32_t total = 0, capacity, i
    cdef void* grown
    cdef agent_entry* entry
    if 2 * (generation.count + 1) > generation.mask + 1:
        if generation_grow(generation) != STATUS_OK:
            return STATUS_NO_MEMORY
    for i in range(<uint32_t>AGENT_TEXT_COUNT):
        total += facts.sizes[i]
    if generation.texts_used + total > generation.texts_size:
        capacity = max(2 * generation.texts_size, generation.texts_used + total + 4096)
        grown = realloc(generation.texts, capacity)
        if grown == NULL:
            return STATUS_NO_MEMORY
        generation.texts = <uint8_t*>grown
        generation.texts_size = capacity
    entry = generation_place(generation, key)
    generation.count += not entry.used
    entry.key[0] = key[0]
    entry.key[1] = key[1]
    entry.text_offset = generation.texts_used
    entry.device_type = facts.device_type
    entry.bot = facts.bot
    entry.used = USED
    for i in range(<uint32_t>AGENT_TEXT_COUNT):
        entry.sizes[i] = facts.sizes[i]
        if facts.sizes[i]:
            memcpy(generation.texts + generation.texts_used, facts.texts[i], facts.sizes[i])
            generation.texts_used += facts.sizes[i]
    return STATUS_OK


cdef void facts_of(const agent_generation* generation, const agent_entry* entry,
                   agent_facts* facts) noexcept nogil:
    cdef const uint8_t* text = generation.texts + entry.text_offset
    cdef uint32_t i
    for i in range(<uint32_t>AGENT_TEXT_COUNT):
        facts.texts[i] = text
        facts.sizes[i] = entry.sizes[i]
        text += entry.sizes[i]
    facts.device_type = entry.device_type
    facts.bot = entry.bot


cdef agent_table* agents_new(const uint8_t* key) noexcept nogil:
    cdef agent_table* table = <agent_table*>calloc(1, sizeof(agent_table))
    if table == NULL:
        return NULL
    memcpy(table.key, key, 16)
    if (generation_new(&table.young, SLOTS_MIN) != STATUS_OK
            or generation_new(&table.old, SLOTS_MIN) != STATUS_OK):
        agents_free(table)
        return NULL
    return table


cdef void agents_free(agent_table* table) noexcept nogil:
    if table == NULL:
        return
    generation_free(&table.young)
    generation_free(&table.old)
    free(table)


cdef bint agents_find(agent_table* table, const uint8_t* text, uint32_t size,
                      agent_facts* facts) noexcept nogil:
    cdef uint64_t key[2]
    cdef agent_entry* entry
    kairos_siphash128(table.key, text, size, <uint8_t*>key)
    entry = generation_place(&table.young, key)
    if entry.used:
        facts_of(&table.young, entry, facts)
        table.found_count += 1
        return True
    entry = generation_place(&table.old, key)
    if entry.used:
        entry.used = WANTED
        facts_of(&table.old, entry, facts)
        table.found_count += 1
        return True
    table.missed_count += 1
    return False


cdef int32_t agents_turn(agent_table* table) noexcept nogil:
    cdef agent_generation young
    cdef agent_facts facts
    cdef uint32_t i
    if generation_new(&young, SLOTS_MIN) != STATUS_OK:
        return STATUS_NO_MEMORY
    for i in range(table.old.mask + 1):
        # Half a generation at most, so that there is room for what is new.
        if table.old.entries[i].used == WANTED and young.count < AGENTS_GENERATION_MAX // 2:
            facts_of(&table.old, &table.old.entries[i], &facts)
            if generation_put(&young, table.old.entries[i].key, &facts) != STATUS_OK:
                generation_free(&young)
                return STATUS_NO_MEMORY
    generation_free(&table.old)
    table.old = table.young
    table.young = young
    return STATUS_OK


cdef int32_t agents_learn(agent_table* table, const uint8_t* text, uint32_t size,
                          const agent_facts* facts) noexcept nogil:
    cdef uint64_t key[2]
    if table.young.count >= AGENTS_GENERATION_MAX and agents_turn(table) != STATUS_OK:
        return STATUS_NO_MEMORY
    kairos_siphash128(table.key, text, size, <uint8_t*>key)
    return generation_put(&table.young, key, facts)
