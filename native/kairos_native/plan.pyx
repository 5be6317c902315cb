# Loading of plan images: contract in plan.pxd, the proofs in image_check.h, reasons in
# docs/adr/0002-plan-image.md.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport FILE, SEEK_END, SEEK_SET, fclose, fopen, fread, fseek, ftell, snprintf
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset
from kairos_native.hash cimport kairos_hash64
from kairos_native.layout cimport *
from kairos_native.status cimport (
    STATUS_IMAGE_CORRUPT, STATUS_LOG_IO, STATUS_NO_MEMORY, STATUS_OK,
)


cdef extern from "stdlib.h" nogil:
    int posix_memalign(void** memory, size_t alignment, size_t size)

cdef extern from "image_check.h" nogil:
    enum:
        IMAGE_ALIGNMENT
    int32_t image_check(const uint8_t* data, uint64_t size, char* message, uint32_t message_size)


# One allocation: the plan, then the image at a 64-byte boundary, then the rounded thresholds.
#   Returns: NULL when there is no memory
cdef plan* plan_allocate(uint64_t size, uint8_t** image, uint64_t tail_size) noexcept nogil:
    cdef void* memory = NULL
    cdef uint64_t head = (sizeof(plan) + IMAGE_ALIGNMENT - 1) // IMAGE_ALIGNMENT * IMAGE_ALIGNMENT
    cdef uint64_t body = (size + IMAGE_ALIGNMENT - 1) // IMAGE_ALIGNMENT * IMAGE_ALIGNMENT
    if size > <uint64_t>1 << 48 or posix_memalign(&memory, IMAGE_ALIGNMENT,
                                                  head + body + tail_size) != 0:
        return NULL
    memset(memory, 0, sizeof(plan))
    image[0] = <uint8_t*>memory + head
    return <plan*>memory


cdef const void* plan_section(const plan* image, uint32_t section, uint32_t* count) noexcept nogil:
    cdef const kairos_section* table
    table = <const kairos_section*>(image.image + sizeof(kairos_image_header))
    count[0] = table[section].count
    return image.image + table[section].offset


# Writes the summary of one row and returns the words that it takes.
cdef uint32_t row_summarise(const uint64_t* row, uint32_t word_count,
                            uint64_t* summary) noexcept nogil:
    cdef uint32_t i
    cdef uint32_t size = (word_count // 8 + 63) // 64
    memset(summary, 0, size * 8)
    for i in range(word_count):
        if row[i]:
            summary[i // 512] |= <uint64_t>1 << (i // 8 % 64)
    return size


# What the matcher reads in a denser form than the image has it: the rules of conjunctions, and
# summaries of the rows of clustered indexes, behind one word per column that tells where the
# column's begin. All of it and the rounded thresholds take less than half of what they are made
# from.
cdef void plan_summarise(plan* image, uint64_t* memory) noexcept nogil:
    cdef uint32_t* rules
    cdef const kairos_index* index
    cdef const kairos_column* column
    cdef uint32_t column_count = 0, i, k, bucket
    cdef uint64_t used = 0
    plan_section(image, SECTION_COLUMNS, &column_count)
    image.summary_first = memory
    image.summaries = memory + column_count
    for i in range(<uint32_t>INDEX_COUNT):
        index = image.indexes + i
        for k in range(index.column_first, index.column_first + index.column_count):
            column = image.columns + k
            memory[k] = used
            if not index.clustered or column.row_word == <uint64_t>-1:
                continue
            for bucket in range(BUCKET_ORDER_FIRST + 2 * column.threshold_count + 1
                                + column.string_count):
                used += row_summarise(
                    image.rows + column.row_word + <uint64_t>bucket * index.word_count,
                    index.word_count, memory + column_count + used)
    rules = <uint32_t*>(memory + column_count + used)
    image.conjunction_rules = rules
    plan_section(image, SECTION_CONJUNCTIONS, &column_count)
    for i in range(column_count):
        rules[i] = image.conjunctions[i].rule


# Fills the pointers of a checked image; `keys` has room for one double per threshold, and for the
# summaries behind them.
cdef void plan_bind(plan* image, double* keys) noexcept nogil:
    cdef uint32_t count = 0, i
    cdef const kairos_number* number
    image.header = <const kairos_image_header*>image.image
    image.image_size = image.header.image_size
    image.strings = <const uint8_t*>plan_section(image, SECTION_STRINGS, &count)
    image.dictionary = <const kairos_dictionary_entry*>plan_section(image, SECTION_DICTIONARY,
                                                                    &count)
    image.dictionary_mask = count - 1
    image.event_fields = <const kairos_field*>plan_section(image, SECTION_EVENT_FIELDS,
                                                           &image.event_field_count)
    image.context_fields = <const kairos_field*>plan_section(image, SECTION_CONTEXT_FIELDS,
                                                             &image.context_field_count)
    image.traits = <const kairos_field*>plan_section(image, SECTION_TRAITS, &image.trait_count)
    image.slots = <const kairos_slot*>plan_section(image, SECTION_SLOTS, &image.slot_count)
    image.type_slots = <const kairos_range*>plan_section(image, SECTION_TYPE_SLOTS, &count)
    image.slot_list = <const uint32_t*>plan_section(image, SECTION_SLOT_LIST, &count)
    image.leaves = <const kairos_leaf*>plan_section(image, SECTION_LEAVES, &count)
    image.operands = <const kairos_operand*>plan_section(image, SECTION_OPERANDS, &count)
    image.derived = <const kairos_derived*>plan_section(image, SECTION_DERIVED,
                                                        &image.derived_count)
    image.terms = <const kairos_term*>plan_section(image, SECTION_TERMS, &count)
    image.indexes = <const kairos_index*>plan_section(image, SECTION_INDEXES, &count)
    image.columns = <const kairos_column*>plan_section(image, SECTION_COLUMNS, &count)
    image.rows = <const uint64_t*>plan_section(image, SECTION_ROWS, &count)
    image.conjunctions = <const kairos_conjunction*>plan_section(image, SECTION_CONJUNCTIONS,
                                                                 &count)
    image.rules = <const kairos_rule*>plan_section(image, SECTION_RULES, &count)
    image.blobs = <const uint8_t*>plan_section(image, SECTION_BLOBS, &count)
    image.placements = <const kairos_placement*>plan_section(image, SECTION_PLACEMENTS,
                                                             &image.placement_count)
    image.candidates = <const kairos_candidate*>plan_section(image, SECTION_CANDIDATES, &count)
    image.score_sources = <const kairos_source*>plan_section(image, SECTION_SCORE_SOURCES, &count)
    image.score_weights = <const float*>plan_section(image, SECTION_SCORE_WEIGHTS, &count)
    image.trigger_names = <const kairos_text*>plan_section(image, SECTION_TRIGGER_NAMES,
                                                           &image.trigger_count)
    image.effects = <const kairos_effect_template*>plan_section(image, SECTION_EFFECTS, &count)
    for i in range(count):
        image.effect_size_max = max(image.effect_size_max, image.effects[i].blob_size)
    image.timers = <const kairos_timer*>plan_section(image, SECTION_TIMERS, &image.timer_count)
    for i in range(image.timer_count):
        image.timer_effects_max = max(image.timer_effects_max, image.timers[i].effect_count)
    image.timer_list = <const uint32_t*>plan_section(image, SECTION_TIMER_LIST, &count)
    image.intake = <const kairos_intake*>plan_section(image, SECTION_INTAKE, &count)
    if not count:
        image.intake = NULL
    image.intake_types = <const kairos_range*>plan_section(image, SECTION_INTAKE_TYPES, &count)
    if not count:
        image.intake_types = NULL
    image.intake_rules = <const kairos_intake_rule*>plan_section(image, SECTION_INTAKE_RULES,
                                                                 &count)
    image.query_names = <const kairos_text*>plan_section(image, SECTION_QUERY_NAMES,
                                                         &image.query_name_count)
    image.site_hosts = <const kairos_text*>plan_section(image, SECTION_SITE_HOSTS,
                                                        &image.site_host_count)
    image.thresholds = <const kairos_number*>plan_section(image, SECTION_THRESHOLDS, &count)
    for i in range(count):
        number = image.thresholds + i
        if number.kind == VALUE_INT:
            keys[i] = <double><int64_t>number.bits
        else:
            memcpy(keys + i, &number.bits, 8)
    image.threshold_keys = keys
    image.access = <const kairos_range*>plan_section(image, SECTION_ACCESS, &i)
    plan_summarise(image, <uint64_t*>(keys + count))


# Checks the image that stands in the plan's memory and binds it; frees it when it is refused.
cdef plan* plan_accept(plan* image, uint8_t* data, uint64_t size, int32_t* status, char* message,
                       uint32_t message_size) noexcept nogil:
    status[0] = image_check(data, size, message, message_size)
    if status[0] != STATUS_OK:
        free(image)
        return NULL
    image.memory = image
    image.image = data
    plan_bind(image,
              <double*>(data + (size + IMAGE_ALIGNMENT - 1) // IMAGE_ALIGNMENT * IMAGE_ALIGNMENT))
    return image


cdef plan* plan_refuse(int32_t code, const char* reason, int32_t* status, char* message,
                       uint32_t message_size) noexcept nogil:
    status[0] = code
    if message_size:
        snprintf(message, message_size, "%s", reason)
    return NULL


cdef plan* plan_load_bytes(const uint8_t* data, uint64_t size, int32_t* status, char* message,
                           uint32_t message_size) noexcept nogil:
    cdef uint8_t* copy = NULL
    # A threshold takes 16 bytes of the image and 8 of the keys.
    cdef plan* image = plan_allocate(size, &copy, size // 2)
    if image == NULL:
        return plan_refuse(STATUS_NO_MEMORY, "no memory for the image", status, message,
                           message_size)
    if size:
        memcpy(copy, data, size)
    return plan_accept(image, copy, size, status, message, message_size)


cdef plan* plan_load(const char* path, int32_t* status, char* message,
                     uint32_t message_size) noexcept nogil:
    cdef FILE* file = fopen(path, "rb")
    cdef uint8_t* data = NULL
    cdef plan* image
    cdef long size
    if file == NULL:
        return plan_refuse(STATUS_LOG_IO, "the image cannot be opened", status, message,
                           message_size)
    if fseek(file, 0, SEEK_END) != 0:
        size = -1
    else:
        size = ftell(file)
    if size < 0 or fseek(file, 0, SEEK_SET) != 0:
        fclose(file)
        return plan_refuse(STATUS_LOG_IO, "the size of the image cannot be read", status, message,
                           message_size)
    image = plan_allocate(<uint64_t>size, &data, <uint64_t>size // 2)
    if image == NULL:
        fclose(file)
        return plan_refuse(STATUS_NO_MEMORY, "no memory for the image", status, message,
                           message_size)
    if fread(data, 1, <size_t>size, file) != <size_t>size:
        fclose(file)
        free(image)
        return plan_refuse(STATUS_LOG_IO, "the image cannot be read", status, message, message_size)
    fclose(file)
    return plan_accept(image, data, <uint64_t>size, status, message, message_size)


cdef void plan_free(plan* image) noexcept nogil:
    if image != NULL:
        free(image.memory)


cdef uint32_t plan_find_hashed(const plan* image, uint64_t hash, uint32_t space,
                               const uint8_t* text,
                               uint32_t size) noexcept nogil:
    cdef uint32_t i = <uint32_t>hash & image.dictionary_mask
    cdef const kairos_dictionary_entry* entry
    while True:
        entry = image.dictionary + i
        if entry.space == 0:
            return 0xFFFFFFFFu
        if (entry.hash == hash and entry.space == space and entry.text.size == size
                and (size == 0 or memcmp(image.strings + entry.text.offset, text, size) == 0)):
            return entry.id
        i = (i + 1) & image.dictionary_mask


cdef uint32_t plan_find(const plan* image, uint32_t space, const uint8_t* text,
                        uint32_t size) noexcept nogil:
    return plan_find_hashed(image, kairos_hash64(space, text, size), space, text, size)
