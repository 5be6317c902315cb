# Test door of plan: loads images, looks names up, and states the sizes of the image's structs.
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from kairos_native.hash cimport kairos_hash64
from kairos_native.layout cimport *
from kairos_native.plan cimport plan, plan_find, plan_free, plan_load, plan_load_bytes


cdef extern from "blake2b.h" nogil:
    void blake2b_256(const void* data, uint64_t size, uint8_t* digest)


def blake2b(bytes data):
    cdef uint8_t digest[32]
    blake2b_256(<const uint8_t*>data, len(data), digest)
    return PyBytes_FromStringAndSize(<const char*>digest, 32)


def hash64(uint32_t space, bytes text):
    return kairos_hash64(space, <const uint8_t*>text, len(text))


cdef class Image:
    """A loaded image; raises ValueError(status, message) when the core refuses it."""

    cdef plan* image

    def __cinit__(self, bytes data=None, str path=None):
        cdef int32_t status = 0
        cdef char message[256]
        cdef bytes name
        if path is None:
            self.image = plan_load_bytes(<const uint8_t*>data, len(data), &status, message,
                                         sizeof(message))
        else:
            name = path.encode()
            self.image = plan_load(name, &status, message, sizeof(message))
        if self.image == NULL:
            raise ValueError(status, (<const char*>message).decode())

    def __dealloc__(self):
        plan_free(self.image)

    def find(self, uint32_t space, str text):
        """The id, or None."""
        cdef bytes data = text.encode()
        cdef uint32_t found = plan_find(self.image, space, <const uint8_t*>data,
                                        <uint32_t>len(data))
        return None if found == 0xFFFFFFFF else found

    @property
    def counts(self):
        return {
            "event_fields": self.image.event_field_count,
            "context_fields": self.image.context_field_count,
            "traits": self.image.trait_count,
            "slots": self.image.slot_count,
            "derived": self.image.derived_count,
            "triggers": self.image.trigger_count,
            "placements": self.image.placement_count,
            "size": self.image.image_size,
        }


def refuses(bytes data):
    """The status of loading the bytes; 0 when they are accepted.

    Cheaper than an exception per mutant.
    """
    cdef int32_t status = 0
    cdef char message[256]
    cdef plan* image = plan_load_bytes(<const uint8_t*>data, len(data), &status, message,
                                       sizeof(message))
    plan_free(image)
    return status


def layouts():
    """Struct -> {"size": bytes, field: offset}, from the C compiler."""
    return {**layouts_read(), **layouts_matched()}


def layouts_read():
    """Structs that say what is known: names, fields, features."""
    result = {}
    cdef kairos_image_header header
    result["HEADER"] = {
        "size": sizeof(header), "plan_id": <size_t>&header.plan_id - <size_t>&header,
        "image_size": <size_t>&header.image_size - <size_t>&header,
        "version": <size_t>&header.version - <size_t>&header,
        "tenant": <size_t>&header.tenant - <size_t>&header,
        "previous_used": <size_t>&header.previous_used - <size_t>&header,
    }
    cdef kairos_section section
    result["SECTION"] = {"size": sizeof(section),
                         "element_size": <size_t>&section.element_size - <size_t>&section}
    cdef kairos_dictionary_entry entry
    result["DICTIONARY_ENTRY"] = {
        "size": sizeof(entry), "space": <size_t>&entry.space - <size_t>&entry,
        "id": <size_t>&entry.id - <size_t>&entry, "text": <size_t>&entry.text - <size_t>&entry,
    }
    cdef kairos_field field
    result["FIELD"] = {"size": sizeof(field), "type": <size_t>&field.type - <size_t>&field}
    cdef kairos_source source
    result["SOURCE"] = {
        "size": sizeof(source), "part": <size_t>&source.part - <size_t>&source,
        "kind": <size_t>&source.kind - <size_t>&source,
    }
    cdef kairos_slot slot
    result["SLOT"] = {
        "size": sizeof(slot), "bucket_us": <size_t>&slot.bucket_us - <size_t>&slot,
        "decay_per_us": <size_t>&slot.decay_per_us - <size_t>&slot,
        "weight": <size_t>&slot.weight - <size_t>&slot,
        "offset": <size_t>&slot.offset - <size_t>&slot,
        "event_type": <size_t>&slot.event_type - <size_t>&slot,
        "filter_first": <size_t>&slot.filter_first - <size_t>&slot,
        "filter_count": <size_t>&slot.filter_count - <size_t>&slot,
        "value_field": <size_t>&slot.value_field - <size_t>&slot,
        "bucket_count": <size_t>&slot.bucket_count - <size_t>&slot,
        "kind": <size_t>&slot.kind - <size_t>&slot, "scope": <size_t>&slot.scope - <size_t>&slot,
    }
    cdef kairos_leaf leaf
    result["LEAF"] = {
        "size": sizeof(leaf), "operand_first": <size_t>&leaf.operand_first - <size_t>&leaf,
        "operand_count": <size_t>&leaf.operand_count - <size_t>&leaf,
        "op": <size_t>&leaf.op - <size_t>&leaf,
    }
    cdef kairos_operand operand
    result["OPERAND"] = {
        "size": sizeof(operand), "size_": <size_t>&operand.size - <size_t>&operand,
        "kind": <size_t>&operand.kind - <size_t>&operand,
    }
    cdef kairos_term term
    result["TERM"] = {"size": sizeof(term), "source": <size_t>&term.source - <size_t>&term}
    cdef kairos_derived derived
    result["DERIVED"] = {
        "size": sizeof(derived), "term_first": <size_t>&derived.term_first - <size_t>&derived,
        "name": <size_t>&derived.name - <size_t>&derived,
        "kind": <size_t>&derived.kind - <size_t>&derived,
    }
    return result


def layouts_matched():
    """Structs that say what follows from it: rules, placements, candidates."""
    result = {}
    cdef kairos_index index
    result["INDEX"] = {
        "size": sizeof(index), "column_first": <size_t>&index.column_first - <size_t>&index,
        "conjunction_first": <size_t>&index.conjunction_first - <size_t>&index,
        "rule_count": <size_t>&index.rule_count - <size_t>&index,
        "word_count": <size_t>&index.word_count - <size_t>&index,
    }
    cdef kairos_column column
    result["COLUMN"] = {
        "size": sizeof(column), "source": <size_t>&column.source - <size_t>&column,
        "threshold_first": <size_t>&column.threshold_first - <size_t>&column,
        "string_count": <size_t>&column.string_count - <size_t>&column,
        "threshold_class": <size_t>&column.threshold_class - <size_t>&column,
    }
    cdef kairos_number number
    result["NUMBER"] = {"size": sizeof(number), "kind": <size_t>&number.kind - <size_t>&number}
    cdef kairos_conjunction conjunction
    result["CONJUNCTION"] = {
        "size": sizeof(conjunction),
        "residual_first": <size_t>&conjunction.residual_first - <size_t>&conjunction,
        "residual_count": <size_t>&conjunction.residual_count - <size_t>&conjunction,
    }
    cdef kairos_rule rule
    result["RULE"] = {
        "size": sizeof(rule), "priority": <size_t>&rule.priority - <size_t>&rule,
        "blob_offset": <size_t>&rule.blob_offset - <size_t>&rule,
    }
    cdef kairos_placement placement
    result["PLACEMENT"] = {
        "size": sizeof(placement),
        "weight_first": <size_t>&placement.weight_first - <size_t>&placement,
        "fallback": <size_t>&placement.fallback - <size_t>&placement,
        "name": <size_t>&placement.name - <size_t>&placement,
    }
    cdef kairos_candidate candidate
    result["CANDIDATE"] = {
        "size": sizeof(candidate), "start_us": <size_t>&candidate.start_us - <size_t>&candidate,
        "end_us": <size_t>&candidate.end_us - <size_t>&candidate,
        "rule": <size_t>&candidate.rule - <size_t>&candidate,
        "priority": <size_t>&candidate.priority - <size_t>&candidate,
        "bias": <size_t>&candidate.bias - <size_t>&candidate,
        "ttl_s": <size_t>&candidate.ttl_s - <size_t>&candidate,
        "blob_offset": <size_t>&candidate.blob_offset - <size_t>&candidate,
        "flags": <size_t>&candidate.flags - <size_t>&candidate,
    }
    return result
