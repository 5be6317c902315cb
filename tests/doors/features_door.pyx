"""Test door of record, session, slots and features.

A plan is filled from a `reference.features.Plan` without the image builder. Values are pairs (kind,
payload): kind as enum kairos_value_kind, payload None, bool, int, float or bytes.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from kairos_native.features cimport (feature_complete, feature_event, feature_read, feature_view,
                                     record_apply, record_load, record_new, record_open_session,
                                     record_seal, record_set_consent, record_set_trait, slot_birth)
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_RECORD_SIZE_MAX, KAIROS_SESSIONS_KEPT
from kairos_native.plan cimport plan
from kairos_native.record cimport (RECORD_ENTRIES_SIZE_MAX, entry_name, entry_text, record_end,
                                   record_first_entry)
from kairos_native.record cimport record_next_entry, record_session

ENTRIES_SIZE_MAX = RECORD_ENTRIES_SIZE_MAX


cdef void fill(object pair, kairos_value* value) except *:
    """The payload of a string must outlive the value."""
    kind, payload = pair
    memset(value, 0, sizeof(kairos_value))
    value.kind = kind
    if kind == VALUE_DOUBLE:
        (<double*>&value.bits)[0] = payload
    elif kind == VALUE_STRING:
        value.bits = <uint64_t><const uint8_t*>(<bytes>payload)
        value.size = <uint32_t>len(payload)
    elif payload is not None:
        value.bits = <uint64_t><int64_t>int(payload)


cdef object pair_of(const kairos_value* value):
    if value.kind == VALUE_DOUBLE:
        return (value.kind, (<const double*>&value.bits)[0])
    if value.kind == VALUE_STRING:
        return (value.kind, (<const uint8_t*>value.bits)[:value.size])
    if value.kind == VALUE_BOOL:
        return (value.kind, value.bits != 0)
    if value.kind == VALUE_ABSENT or value.kind == VALUE_NULL:
        return (value.kind, None)
    return (value.kind, <int64_t>value.bits)


cdef class Plan:
    cdef plan image
    cdef kairos_image_header header
    cdef list owned
    cdef readonly object model

    cdef void* take(self, size_t count, size_t size) except NULL:
        # Python owns the memory; malloc'd bytes are 16-byte aligned and so is the storage of a
        # large enough bytearray.
        cdef bytearray memory = bytearray((count + 1) * size + 16)
        cdef size_t base = <size_t><char*>memory
        self.owned.append(memory)
        return <void*>((base + 15) & ~<size_t>15)

    def __init__(self, model):
        self.owned = []
        self.model = model
        memset(&self.image, 0, sizeof(plan))
        memset(&self.header, 0, sizeof(kairos_image_header))
        self.header.layout_id = len(model.slots)
        self.header.slot_size = model.slot_size
        self.header.session_slot_size = model.session_slot_size
        self.header.event_type_count = model.event_type_count
        self.image.header = &self.header
        self.image.event_field_count = model.event_field_count
        strings = bytearray()
        self.fill_slots(model, strings)
        self.fill_derived(model)
        traits = <kairos_field*>self.take(len(model.traits), sizeof(kairos_field))
        for index, (name, type) in enumerate(model.traits):
            traits[index].name.offset = <uint32_t>len(strings)
            traits[index].name.size = <uint32_t>len(name)
            traits[index].type = type
            strings += name
        self.image.traits = traits
        self.image.trait_count = <uint32_t>len(model.traits)
        self.owned.append(bytes(strings))
        self.image.strings = <const uint8_t*><char*>(<bytes>self.owned[len(self.owned) - 1])

    cdef void fill_slots(self, model, bytearray strings) except *:
        cdef kairos_slot* slots = <kairos_slot*>self.take(len(model.slots), sizeof(kairos_slot))
        cdef kairos_leaf* leaves = <kairos_leaf*>self.take(64 * len(model.slots),
                                                           sizeof(kairos_leaf))
        cdef kairos_operand* operands = <kairos_operand*>self.take(64 * len(model.slots),
                                                                   sizeof(kairos_operand))
        cdef kairos_range* ranges = <kairos_range*>self.take(model.event_type_count + 1,
                                                             sizeof(kairos_range))
        cdef uint32_t* numbers = <uint32_t*>self.take((model.event_type_count + 1)
                                                      * len(model.slots), sizeof(uint32_t))
        cdef kairos_value value
        cdef uint32_t leaf = 0, listed = 0
        for index, slot in enumerate(model.slots):
            slots[index].window_us = slot.bucket_us * slot.bucket_count
            slots[index].bucket_us = slot.bucket_us
            slots[index].bucket_count = slot.bucket_count
            slots[index].decay_per_us = slot.decay_per_us
            slots[index].weight = slot.weight
            slots[index].offset = slot.offset
            slots[index].size = slot.size
            slots[index].event_type = slot.event_type
            slots[index].kind = slot.kind
            slots[index].scope = slot.scope
            slots[index].value_field = (<uint32_t>0xFFFFFFFF if slot.value_field is None
                                        else slot.value_field)
            slots[index].filter_first = leaf
            slots[index].filter_count = <uint32_t>len(slot.filter)
            for field, constant in slot.filter:
                leaves[leaf].column = field
                leaves[leaf].operand_first = leaf
                leaves[leaf].operand_count = 1
                leaves[leaf].op = LEAF_EQ
                fill(constant, &value)
                operands[leaf].kind = value.kind
                operands[leaf].bits = value.bits
                operands[leaf].size = value.size
                if value.kind == VALUE_STRING:
                    operands[leaf].bits = len(strings)
                    strings += constant[1]
                leaf += 1
        for type_id in range(model.event_type_count + 1):
            ranges[type_id].first = listed
            for index, slot in enumerate(model.slots):
                if slot.kind and slot.event_type in (0, type_id):
                    numbers[listed] = index
                    listed += 1
            ranges[type_id].count = listed - ranges[type_id].first
        self.image.slots = slots
        self.image.slot_count = <uint32_t>len(model.slots)
        self.image.leaves = leaves
        self.image.operands = operands
        self.image.type_slots = ranges
        self.image.slot_list = numbers

    cdef void fill_derived(self, model) except *:
        cdef kairos_derived* derived = <kairos_derived*>self.take(len(model.derived),
                                                                  sizeof(kairos_derived))
        cdef kairos_term* terms = <kairos_term*>self.take(sum(len(d.terms) for d in model.derived),
                                                          sizeof(kairos_term))
        cdef uint32_t term = 0
        for index, score in enumerate(model.derived):
            derived[index].bias = score.bias
            derived[index].kind = score.kind
            derived[index].term_first = term
            derived[index].term_count = <uint32_t>len(score.terms)
            for weight, (kind, id, part) in score.terms:
                terms[term].weight = weight
                terms[term].source.kind = kind
                terms[term].source.id = id
                terms[term].source.part = part
                term += 1
        self.image.derived = derived
        self.image.derived_count = <uint32_t>len(model.derived)
        self.image.terms = terms


cdef class Record:
    """One subject's record in working memory, with the copy before the last event."""

    cdef uint8_t* memory
    cdef uint8_t* copy
    cdef kairos_record* record
    cdef kairos_session* session
    cdef uint32_t is_new
    cdef bint event_applied, copy_valid
    cdef kairos_value fields[64]
    cdef list kept_fields

    def __cinit__(self):
        self.memory = <uint8_t*>calloc(1, KAIROS_RECORD_SIZE_MAX)
        self.copy = <uint8_t*>calloc(1, KAIROS_RECORD_SIZE_MAX)
        if self.memory == NULL or self.copy == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.memory)
        free(self.copy)

    def load(self, Plan image, bytes stored, size_t skew=0):
        """Returns the status.

        `skew`: distance from an aligned address at which the stored bytes start.
        """
        cdef bytearray shifted = bytearray(skew) + stored
        self.event_applied = False
        self.session = NULL
        return record_load(&image.image, <const uint8_t*><char*>shifted + skew, len(stored),
                           self.memory, &self.record)

    def new(self, Plan image, uint64_t sequence):
        self.record = record_new(&image.image, self.memory, sequence)

    def bytes(self):
        record_seal(self.record)
        return self.memory[:self.record.record_size]

    cdef void take_fields(self, fields) except *:
        assert len(fields) <= 64
        self.kept_fields = list(fields)
        for index, pair in enumerate(self.kept_fields):
            fill(pair, &self.fields[index])

    def apply(self, Plan image, fields, *, int64_t occurred_us, int64_t now_us, uint64_t sequence,
              uint32_t event_type, uint64_t session_key=0, int64_t gap_us=1_800_000_000,
              bint late=False):
        """Makes the record for a new subject. Returns (session ordinal or None, is_new)."""
        cdef feature_event event
        self.copy_valid = self.record != NULL
        if self.record == NULL:
            self.new(image, sequence)
        else:
            memcpy(self.copy, self.memory, self.record.record_size)
        self.take_fields(fields)
        memset(&event, 0, sizeof(event))
        event.fields = self.fields
        event.occurred_us = occurred_us
        event.now_us = now_us
        event.sequence = sequence
        event.session_key = session_key
        event.session_gap_us = gap_us
        event.event_type = event_type
        event.late = late
        self.session = record_apply(&image.image, self.record, &event, &self.is_new)
        self.event_applied = True
        return (None if self.session == NULL else self.session.ordinal, bool(self.is_new))

    def apply_repeat(self, Plan image, fields, uint32_t event_type, int64_t start_us,
                     int64_t step_us, int64_t times):
        """The same event `times` over, `step_us` apart, for measurements."""
        cdef feature_event event
        cdef int64_t index
        self.take_fields(fields)
        memset(&event, 0, sizeof(event))
        event.fields = self.fields
        event.session_gap_us = 1_800_000_000
        event.event_type = event_type
        with nogil:
            for index in range(times):
                event.occurred_us = start_us + index * step_us
                event.sequence += 1
                record_apply(&image.image, self.record, &event, &self.is_new)

    cdef void view_of(self, Plan image, int64_t now_us, births, gap_us, feature_view* view,
                      slot_birth* born) except *:
        memset(view, 0, sizeof(feature_view))
        for index, (sequence, complete_from_us) in enumerate(births):
            born[index].sequence = sequence
            born[index].complete_from_us = complete_from_us
        view.image = &image.image
        view.record = self.record
        view.births = born
        view.now_us = now_us
        if gap_us is not None:
            if self.record != NULL:
                view.session = record_open_session(self.record, now_us, gap_us)
        elif self.event_applied:
            view.session = self.session
            view.session_is_new = self.is_new
            view.event_fields = self.fields
            view.before = self.copy if self.copy_valid else NULL
            view.before_valid = 1

    def read(self, Plan image, sources, int64_t now_us, births, gap_us=None):
        """Values of the sources for the last event; with `gap_us` for a decision."""
        cdef feature_view view
        cdef slot_birth born[256]
        cdef kairos_source source
        cdef kairos_value value
        self.view_of(image, now_us, births, gap_us, &view, born)
        found = []
        memset(&source, 0, sizeof(source))
        for kind, id, part in sources:
            source.kind = kind
            source.id = id
            source.part = part
            value = feature_read(&view, &source)
            found.append(pair_of(&value))
        return found

    def read_repeat(self, Plan image, source_of, int64_t now_us, births, int64_t times):
        cdef feature_view view
        cdef slot_birth born[256]
        cdef kairos_source source
        cdef kairos_value value
        cdef int64_t index
        cdef uint64_t total = 0
        self.view_of(image, now_us, births, None, &view, born)
        memset(&source, 0, sizeof(source))
        source.kind, source.id, source.part = source_of
        with nogil:
            for index in range(times):
                value = feature_read(&view, &source)
                total += value.bits
        return total

    def complete(self, Plan image, int64_t now_us, births, gap_us=None):
        cdef feature_view view
        cdef slot_birth born[256]
        self.view_of(image, now_us, births, gap_us, &view, born)
        return [bool(feature_complete(&view, index)) for index in range(image.image.slot_count)]

    def set_trait(self, bytes name, pair, int64_t occurred_us):
        cdef kairos_value value
        fill(pair, &value)
        record_set_trait(self.record, <const uint8_t*><char*>name, <uint32_t>len(name), &value,
                         occurred_us)

    def set_consent(self, uint32_t purpose, bint granted, int64_t occurred_us):
        record_set_consent(self.record, purpose, granted, occurred_us)

    def header(self):
        return self.record[0]

    def sessions(self):
        found = [record_session(self.record, index)[0] for index in range(KAIROS_SESSIONS_KEPT)]
        return [session for session in found if session["ordinal"]]

    def entries(self):
        cdef const kairos_entry* entry = record_first_entry(self.record)
        found = []
        while <const uint8_t*>entry < record_end(self.record):
            found.append((entry.tag, entry.id, entry_name(entry)[:entry.name_size],
                          entry.value_kind, entry.value_bits, entry_text(entry)[:entry.text_size],
                          entry.time_us))
            entry = record_next_entry(entry)
        return found
