# What user agents are: a bounded table from the text's keyed hash to what a library said of it. The
# hot path only looks up; Python asks the library, once for each text (docs/adr/0020-normalisation-
# at-ingest.md). The event loop's thread only.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t


cdef enum:
    # texts of one generation; two generations are kept
    AGENTS_GENERATION_MAX = 32768
    AGENT_TEXT_COUNT = 4
    AGENT_TEXT_SIZE_MAX = 64

# What a user agent is: browser, browser version, operating system, name of the bot; a size of 0:
# not known. The texts stay where they are until the next agents_learn.
cdef struct agent_facts:
    const uint8_t* texts[AGENT_TEXT_COUNT]
    uint8_t sizes[AGENT_TEXT_COUNT]
    uint8_t device_type
    uint8_t bot

cdef struct agent_entry:
    uint64_t key[2]             # SipHash of the text under the table's key
    uint32_t text_offset
    uint8_t sizes[AGENT_TEXT_COUNT]
    uint8_t device_type
    uint8_t bot
    uint8_t used                # 0: empty; 1: filled; 2: filled, and looked up since
    uint8_t reserved

cdef struct agent_generation:
    agent_entry* entries        # mask + 1, a power of two; at most half are used
    uint8_t* texts
    uint32_t mask
    uint32_t count
    uint32_t texts_used
    uint32_t texts_size

cdef struct agent_table:
    agent_generation young
    agent_generation old
    uint8_t key[16]             # random: a sender must not be able to make two texts meet
    uint64_t found_count
    uint64_t missed_count


# Makes an empty table; NULL when there is no memory.
#   Shapes: key[16], random
cdef agent_table* agents_new(const uint8_t* key) noexcept nogil
cdef void agents_free(agent_table* table) noexcept nogil
# Looks a text up; False where it is not known.
#   Cost: one SipHash of the text and about one cache miss; no allocation
cdef bint agents_find(agent_table* table, const uint8_t* text, uint32_t size,
                      agent_facts* facts) noexcept nogil
# Remembers what a text is. When the young generation is full it becomes the old one, and of the one
# before only what was looked up since is kept: memory is bounded, and what is used stays.
#   Bounds: facts.sizes at most AGENT_TEXT_SIZE_MAX
#   Cost:   amortised O(1); allocates
#   Errors: STATUS_NO_MEMORY
cdef int32_t agents_learn(agent_table* table, const uint8_t* text, uint32_t size,
                          const agent_facts* facts) noexcept nogil
