# Scans kairos.v1 messages in place; body in wire.h (plain C with a written security model,
# fuzzed outside Python).
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from kairos_native.layout cimport kairos_value
from kairos_native.view cimport arena


cdef extern from "wire.h" nogil:
    # Where and why a message was refused.
    #   field: proto path, for example "attributes[3].double_value",
    #          zero-terminated, at most 95 bytes
    #   seen:  the value as text for the error message; may be empty; valid UTF-8; points into the
    #          message. Cut it at a character, not at a byte
    ctypedef struct wire_fault:
        int32_t status
        char field[96]
        const uint8_t* seen
        uint32_t seen_size

    # One attribute or trait. `name` is canonical (snake_case; see docs/guides/ingest.md) and may
    # live in the arena.
    ctypedef struct wire_attribute:
        kairos_value value
        const uint8_t* name
        # kairos_hash64(space, name) in the space where the plan looks the name up:
        # SPACE_EVENT_FIELD for attributes, SPACE_TRAIT for traits, SPACE_CONTEXT_FIELD for context;
        # 0 when given by id
        uint64_t name_hash
        uint32_t name_size
        uint32_t name_id            # 0: given by name

    ctypedef struct wire_consent:
        const uint8_t* purpose
        uint32_t purpose_size
        uint32_t granted            # 1 granted, 0 denied

    # One further identifier; an e-mail address or phone number is one, but as it was sent.
    ctypedef struct wire_identifier:
        const uint8_t* value
        uint32_t value_size
        uint32_t type               # enum identifier_type, never 0

    # One event. Slices point into the message; absent strings have size 0.
    ctypedef struct wire_event:
        const uint8_t* event_id
        const uint8_t* event_type
        const uint8_t* subject_id
        const uint8_t* session_id
        const uint8_t* persona
        const uint8_t* url
        const uint8_t* referrer
        const uint8_t* currency_code
        const uint8_t* tenant_id
        const uint8_t* producer_id
        const uint8_t* user_agent
        wire_attribute* attributes
        wire_attribute* traits
        wire_consent* consents
        wire_identifier* identifiers
        int64_t occurred_us
        int64_t value_minor
        uint64_t producer_sequence  # 0: none, and no producer_id
        uint32_t event_id_size
        uint32_t event_type_size
        uint32_t subject_id_size
        uint32_t session_id_size
        uint32_t persona_size
        uint32_t url_size
        uint32_t referrer_size
        uint32_t currency_code_size
        uint32_t tenant_id_size
        uint32_t producer_id_size
        uint32_t user_agent_size
        uint32_t attribute_count
        uint32_t trait_count
        uint32_t consent_count
        uint32_t identifier_count
        uint8_t has_occurred
        uint8_t has_value
        uint8_t device_type
        uint8_t channel
        uint8_t urgency
        uint8_t subject_type        # enum identifier_type; 0: a user

    ctypedef struct wire_decide:
        const uint8_t* subject_id
        const uint8_t* tenant_id
        const uint8_t* placement
        const uint8_t* scenario
        const uint8_t* persona
        wire_attribute* attributes
        int64_t at_us
        uint32_t subject_id_size
        uint32_t tenant_id_size
        uint32_t placement_size
        uint32_t scenario_size
        uint32_t persona_size
        uint32_t attribute_count
        uint32_t max_variants       # 1..100, default applied
        uint8_t has_at
        uint8_t require_consent     # default applied
        uint8_t device_type
        uint8_t channel
        uint8_t urgency

    # Scans one Event message and checks everything that needs neither tenant, plan nor clock: wire
    # format, limits, UTF-8, enum numbers, NaN, names, duplicates and reserved names, required
    # fields.
    #   Shapes: data[size]; arrays and canonical names are taken from `memory`, at most
    #           WIRE_EVENT_ARENA_SIZE bytes
    #   Cost:   O(size); no heap
    #   Errors: a public status, with `fault` filled; STATUS_ARENA_FULL when `memory` had less than
    #           WIRE_EVENT_ARENA_SIZE left and it did not do. After a refusal event.event_id is the
    #           id to answer with (empty where it is not acceptable), every other field is
    #           undefined. The order of refusals stands in wire.h
    int32_t wire_scan_event(const uint8_t* data, uint32_t size, wire_event* event, arena* memory,
                            wire_fault* fault)
    int32_t wire_scan_decide(const uint8_t* data, uint32_t size, wire_decide* decide, arena* memory,
                             wire_fault* fault)
    # Finds the Event bytes inside an IngestRequest. Protobuf would merge a repeated field 1: it is
    # refused (WIRE_MALFORMED).
    #   Errors: EVENT_MISSING, WIRE_MALFORMED, REQUEST_TOO_LARGE
    int32_t wire_find_event(const uint8_t* data, uint32_t size, const uint8_t** event,
                            uint32_t* event_size, wire_fault* fault)
    # Walks an IngestBatchRequest: call with *cursor = data; returns STATUS_OK with one event, or
    # STATUS_LOG_END after the last.
    #   Errors: WIRE_MALFORMED; the caller counts the events
    int32_t wire_next_event(const uint8_t** cursor, const uint8_t* end, const uint8_t** event,
                            uint32_t* event_size, wire_fault* fault)
    # Walks an EvaluateRequest: the event, and each trigger id by calling again from *cursor
    # (item_kind 1 event, 2 trigger id), in the order of the message. STATUS_LOG_END after the last;
    # the caller counts the ids, and knows whether an event came.
    #   Errors: WIRE_MALFORMED (also for a second event), UTF8_INVALID
    int32_t wire_next_evaluate(const uint8_t** cursor, const uint8_t* end, uint32_t* item_kind,
                               const uint8_t** item, uint32_t* item_size, wire_fault* fault)
    # Writes the canonical form of a name; returns its size, or 0 when the name is not allowed.
    # `result` holds 2 * size bytes.
    uint32_t wire_canonical_name(const uint8_t* name, uint32_t size, uint8_t* result)

    enum:
        WIRE_EVENT_ARENA_SIZE
        WIRE_ITEM_EVENT
        WIRE_ITEM_TRIGGER_ID
