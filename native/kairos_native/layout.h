/* Every stored and shared byte layout: log frame, subject record, plan image, and the value that
 * passes between the parts. Integers are little endian; structs are written widest field first
 * without implicit padding, as the asserts prove. A changed struct needs a new version and ADR. */
#ifndef KAIROS_LAYOUT_H
#define KAIROS_LAYOUT_H
#include <stddef.h>
#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Kairos stores little-endian structs and reads them in place; big-endian needs a conversion."
#endif

enum {
    /* Changes whenever apply would give another result for the same log. */
    KAIROS_SEMANTICS_VERSION = 2,
    KAIROS_LOG_FORMAT = 1,
    KAIROS_RECORD_VERSION = 1,
    KAIROS_IMAGE_VERSION = 2,
    KAIROS_DEDUPE_VERSION = 1,
    KAIROS_DECISION_VERSION = 1
};

/* ------------------------------------------------------------------ values
 * One typed value. Strings live as long as the message, record or image that they point into. */
enum kairos_value_kind {
    VALUE_ABSENT = 0,
    VALUE_NULL = 1,
    VALUE_BOOL = 2,     /* bits: 0 or 1 */
    VALUE_INT = 3,      /* bits: int64 */
    VALUE_DOUBLE = 4,   /* bits: IEEE 754; finite from the wire, not always from arithmetic */
    VALUE_STRING = 5,   /* bits: const uint8_t*, size: bytes of valid UTF-8 */
    VALUE_TIME = 6,     /* bits: int64 microseconds since 1970-01-01 UTC */
    VALUE_DURATION = 7  /* bits: int64 microseconds */
};

typedef struct kairos_value {
    uint64_t bits;
    uint32_t size;
    uint8_t kind;        /* enum kairos_value_kind */
    uint8_t reserved[3];
} kairos_value;

/* ------------------------------------------------------------------ log */
enum kairos_frame_kind {
    FRAME_EPOCH = 1,       /* payload: writer epoch u32, reserved u32; a new writer's first frame */
    FRAME_EVENT = 2,       /* payload: a kairos.v1.Event, as received or normalised */
    FRAME_DOCUMENTS = 3,   /* payload: a batch of stored documents; the core reads only its keys */
    FRAME_ACTIVATION = 4,  /* payload: kairos_activation */
    FRAME_DECISION = 5,    /* payload: decision record; changes no state */
    FRAME_SKIP = 6,        /* payload: the u64 sequence of a quarantined frame */
    FRAME_TENANT = 7,      /* payload: kairos_tenant_settings */
    FRAME_TICK = 8,        /* payload: kairos_tick repeated; looks at these timers of the tenant */
    FRAME_ENQUEUE = 9,     /* payload: kairos_enqueue, identifier, encoded kairos.v1.Action */
    FRAME_OUTCOME = 10,    /* payload: kairos_outcome, reason */
    FRAME_LINK = 11        /* payload: kairos_link, left and right identifier, evidence */
};

enum { FRAME_FLAG_SESSION_CLIENT = 1 };

/* Sits at an 8-byte boundary; the payload follows, zero-padded to 8. `size` 0 ends a segment. */
typedef struct kairos_frame {
    uint32_t size;           /* bytes of header + payload + padding */
    uint32_t crc;            /* crc32c from the segment's salt on, of all of `size` that follows */
    uint64_t sequence;       /* 1, 2, 3 … without gaps in one partition */
    int64_t occurred_us;     /* as sent; equal to received_us where the sender gave none */
    int64_t received_us;     /* never decreases along the log */
    uint8_t subject_id[16];  /* zero where the frame has no subject */
    uint32_t writer_epoch;   /* a frame with an older epoch than the last FRAME_EPOCH is ignored */
    uint32_t batch_index;    /* position in its group commit, begun by sequence - batch_index */
    uint32_t tenant;
    uint32_t key_id;         /* 0: payload is not encrypted */
    uint32_t payload_size;
    uint16_t partition;
    uint16_t semantics_version;
    uint8_t format;          /* KAIROS_LOG_FORMAT */
    uint8_t kind;            /* enum kairos_frame_kind */
    uint16_t flags;
    uint32_t reserved;
} kairos_frame;

typedef struct kairos_segment_header {
    uint8_t magic[8];       /* "KAIROLOG" */
    uint64_t first_sequence;
    int64_t created_us;
    uint32_t format;
    uint32_t partition;
    uint32_t writer_epoch;  /* older epochs' frames are ignored, also by readers that start here */
    uint32_t salt;          /* random; a stray frame, or one in a payload, has another crc */
    uint8_t reserved[20];
    uint32_t crc;           /* crc32c of the bytes before this field */
} kairos_segment_header;

typedef struct kairos_activation {
    uint8_t plan_id[32];       /* BLAKE2b-256 of the image */
} kairos_activation;

enum kairos_time_mode { TIME_MODE_LIVE = 0, TIME_MODE_EVENT = 1 };

typedef struct kairos_tenant_settings {
    uint8_t hash_key[16];      /* SipHash key of identifiers; secret */
    int64_t ahead_us_max;      /* live: occurred at most this far after received (5 min) */
    int64_t behind_us_max;     /* live: occurred at most this far before received (8 d) */
    int64_t lateness_us_max;   /* windows take events at most this late (24 h) */
    int64_t session_gap_us;    /* 30 min */
    uint32_t tenant;
    uint32_t time_mode;        /* enum kairos_time_mode */
    uint8_t name[64];          /* UTF-8, zero padded */
} kairos_tenant_settings;

/* One timer that a tick looks at: where the view's TIMERS held its entry when the tick was made. A
 * tick names its timers, so that what it does to a subject depends on that subject alone, whatever
 * a rebuild from a fuzzy checkpoint already holds of the others. `received_us` of the frame is the
 * present of a live tenant, its event time that of an event-time tenant. */
typedef struct kairos_tick {
    int64_t index_due_us;
    uint64_t occurrence;     /* TIMER_EACH: sequence of the event that armed it; else 0 */
    uint8_t subject_id[16];
    uint32_t timer;          /* timer id */
    uint32_t reserved;
} kairos_tick;

/* Precedes every value of the view that is not a subject record. */
typedef struct kairos_stored {
    uint64_t sequence;  /* log sequence that last touched the value */
    uint32_t checksum;  /* crc32c of sequence, version, and the bytes that follow this header */
    uint16_t version;   /* schema version of the value's kind */
    uint16_t reserved;
} kairos_stored;

/* ------------------------------------------------------------------ subject record
 * header | slots (slot_size) | KAIROS_SESSIONS_KEPT x (kairos_session + session_slot_size) |
 * variable entries to record_size */
typedef struct kairos_record {
    uint32_t checksum;            /* crc32c of everything after this field up to record_size */
    uint16_t version;             /* KAIROS_RECORD_VERSION */
    uint16_t header_size;         /* sizeof(kairos_record) */
    uint32_t record_size;
    uint32_t layout_id;           /* layout that slots and sessions follow */
    uint64_t sequence_created;    /* log sequence of the first event */
    uint64_t sequence_last;       /* log sequence that last touched the record */
    int64_t first_seen_us;        /* smallest occurred time */
    int64_t last_seen_us;         /* greatest occurred time */
    uint64_t consent_granted;     /* bit = purpose id of the tenant */
    uint64_t consent_known;       /* bit set once the purpose was ever granted or denied */
    uint64_t event_count;
    uint64_t session_count;       /* sessions opened so far; the newest session's ordinal */
    uint32_t key_id;              /* 0: personal fields not encrypted */
    uint32_t dedupe_day;          /* newest received day (days since 1970) with an event id kept */
    uint32_t dedupe_mask;         /* bit i: ids were kept on day dedupe_day - i */
    uint32_t slot_size;           /* bytes of the slot region, multiple of 8 */
    uint32_t session_slot_size;   /* bytes after each kairos_session, multiple of 8 */
    uint32_t late_count;          /* events later than lateness_us_max */
    uint32_t dropped_count;       /* traits or texts that did not fit */
    uint32_t timer_count;         /* entries of tag ENTRY_TIMER */
    uint32_t flags;               /* RECORD_FLAG_* */
    uint32_t reserved;
} kairos_record;

enum { RECORD_FLAG_LINKED = 1 };  /* the subject is a member of a group of identities */

typedef struct kairos_session {
    uint64_t key;      /* 64-bit hash of the client's session id; 0: opened by the gap rule */
    int64_t start_us;
    int64_t last_us;
    uint64_t ordinal;  /* 1-based; 0: unused entry */
    uint64_t event_count;
    uint64_t reserved;
} kairos_session;

enum kairos_entry_tag {
    ENTRY_TRAIT = 1,      /* name and value; newest occurred time wins, ties: later sequence */
    ENTRY_CONSENT = 2,    /* id = purpose bit; newest occurred time wins; 1 granted, 0 denied */
    ENTRY_SLOT_TEXT = 3,  /* id = slot id; the text of a LAST or FIRST slot */
    ENTRY_SEGMENTS = 4,   /* reserved for membership bits */
    ENTRY_RECENT = 5,     /* the last events in the log; recent.pyx tells how */
    ENTRY_TIMER = 6,      /* id = timer id, name = occurrence (TIMER_EACH: 8 bytes; else empty),
                             value_bits = sequence of the event that armed it, time = due,
                             value_kind = VALUE_INT, text = kairos_timer_place */
    ENTRY_IDENTIFIER = 7  /* id = identifier.h; text = the identifier as sent */
};

/* Followed by name_size + text_size bytes and zero padding to 8. */
typedef struct kairos_entry {
    uint64_t value_bits;
    int64_t time_us;
    uint32_t size;                /* bytes of entry with padding */
    uint16_t text_size;
    uint16_t id;
    uint8_t tag;                  /* enum kairos_entry_tag */
    uint8_t value_kind;           /* enum kairos_value_kind */
    uint8_t name_size;
    uint8_t reserved[5];
} kairos_entry;

/* ------------------------------------------------------------------ slots */
enum kairos_slot_kind {
    SLOT_COUNT = 1,              /* int64 lifetime count                                 8 bytes */
    SLOT_SUM_INT = 2,            /* int64 lifetime sum, saturating                        8 */
    SLOT_SUM_DOUBLE = 3,         /* double lifetime sum in log order                      8 */
    SLOT_DECAYED = 4,            /* double value, int64 time_us of that value            16 */
    SLOT_WINDOW_COUNT = 5,       /* int64 newest bucket + 1 (0: empty), uint32[buckets]   8 + 4 n */
    SLOT_WINDOW_SUM_INT = 6,     /* int64 newest bucket + 1, int64[buckets]               8 + 8 n */
    SLOT_WINDOW_SUM_DOUBLE = 7,  /* int64 newest bucket + 1, double[buckets]              8 + 8 n */
    SLOT_LAST = 8,               /* kairos_slot_value                                    24 */
    SLOT_FIRST = 9               /* kairos_slot_value                                    24 */
};
enum kairos_slot_scope { SLOT_SCOPE_SUBJECT = 0, SLOT_SCOPE_SESSION = 1 };

typedef struct kairos_slot_value {
    uint64_t bits;      /* scalar; strings live in an ENTRY_SLOT_TEXT */
    int64_t time_us;    /* occurred time of the event kept */
    uint32_t reserved;  /* 1: an event is kept; 0 (all bytes zero, as every empty slot): never */
    uint8_t kind;       /* enum kairos_value_kind; VALUE_ABSENT: the event had no such attribute */
    uint8_t padding[3];
} kairos_slot_value;

/* ------------------------------------------------------------------ timers and effects
 * A pending timer stands in its subject's record; the view's TIMERS holds one entry for it, at
 * `index_due_us`, which is never after the due time of the record. That it moved is found out when
 * the entry's time comes, so that activity costs no put. */
typedef struct kairos_timer_place {
    int64_t index_due_us;  /* where TIMERS holds its entry; INT64_MAX: none (TIMER_NEXT_SESSION) */
    int64_t base_us;       /* the moment that its delay counts from */
} kairos_timer_place;

enum kairos_effect_source { EFFECT_TRIGGER = 1, EFFECT_TIMER = 2, EFFECT_ENQUEUED = 3 };
enum kairos_effect_state { EFFECT_PENDING = 1, EFFECT_DEAD = 2 };

/* One intent of the outbox: kairos_effect | identifier | encoded kairos.v1.Action | reason of the
 * last failure. Its id is (sequence, ordinal). */
typedef struct kairos_effect {
    uint8_t subject_id[16];
    uint8_t key[16];           /* idempotency key: the same for the same intent, for ever */
    int64_t created_us;        /* the present of the record that emitted it */
    int64_t due_us;            /* not handed out before; the next attempt after a failure */
    uint64_t sequence;         /* log record that emitted it */
    uint64_t origin_sequence;  /* event that fired the trigger or armed the timer */
    uint32_t ordinal;          /* 0, 1, 2 … among the effects of the record */
    uint32_t trigger;          /* trigger number; UINT32_MAX: enqueued by a caller */
    uint32_t attempt_count;    /* attempts that failed */
    uint32_t action_size;
    uint16_t identifier_size;
    uint16_t reason_size;
    uint16_t action_index;     /* position among the trigger's actions */
    uint8_t step;              /* which of the trigger's delays; 0 for none */
    uint8_t urgency;           /* kairos.v1.Urgency */
    uint8_t channel;           /* kairos.v1.Channel */
    uint8_t source;            /* enum kairos_effect_source */
    uint8_t state;             /* enum kairos_effect_state */
    uint8_t identifier_type;   /* identifier.h */
    uint32_t reserved;
} kairos_effect;

typedef struct kairos_enqueue {
    uint8_t key[16];           /* keyed hash of the caller's idempotency key */
    int64_t due_us;            /* not before */
    uint32_t action_size;
    uint16_t identifier_size;
    uint8_t urgency;
    uint8_t channel;
    uint8_t identifier_type;
    uint8_t reserved[7];
} kairos_enqueue;

enum kairos_outcome_kind {
    OUTCOME_ACKED = 1,      /* done: the effect leaves the outbox */
    OUTCOME_FAILED = 2,     /* another attempt from due_us on */
    OUTCOME_DEAD = 3,       /* given up: kept among the dead letters */
    OUTCOME_REPLAYED = 4,   /* a dead letter is pending again, its attempts forgotten */
    OUTCOME_DISCARDED = 5   /* a dead letter is removed */
};

typedef struct kairos_outcome {
    uint64_t sequence;         /* of the effect */
    int64_t due_us;
    uint32_t ordinal;
    uint16_t reason_size;
    uint8_t kind;              /* enum kairos_outcome_kind */
    uint8_t reserved;
} kairos_outcome;

/* ------------------------------------------------------------------ identities */
enum kairos_link_kind { LINK_MADE = 1, LINK_REMOVED = 2 };

typedef struct kairos_link {
    uint8_t left_id[16];       /* keyed hashes of the two identifiers */
    uint8_t right_id[16];
    uint64_t link_id;          /* LINK_REMOVED: the link; LINK_MADE: 0, its sequence becomes the id */
    int64_t time_us;
    double confidence;         /* 0 to 1 */
    uint16_t left_size;
    uint16_t right_size;
    uint16_t evidence_size;
    uint8_t left_type;         /* identifier.h */
    uint8_t right_type;
    uint8_t method;            /* kairos.v1.LinkMethod */
    uint8_t kind;              /* enum kairos_link_kind */
    uint8_t reserved[6];
} kairos_link;

/* ------------------------------------------------------------------ plan image
 * kairos_image_header | kairos_section[SECTION_COUNT] | sections, each at a 64-byte boundary. */
enum kairos_section_id {
    SECTION_STRINGS = 0,         /* bytes */
    SECTION_DICTIONARY = 1,      /* kairos_dictionary_entry[power of two] */
    SECTION_EVENT_FIELDS = 2,    /* kairos_field[]; first the EVENT_FIELD_FIXED well-known ones */
    SECTION_CONTEXT_FIELDS = 3,  /* kairos_field[]; first the CONTEXT_FIELD_FIXED well-known ones */
    SECTION_TRAITS = 4,          /* kairos_field[] */
    SECTION_SLOTS = 5,           /* kairos_slot[], index = slot id of the tenant */
    SECTION_TYPE_SLOTS = 6,      /* kairos_range[event type id] into SLOT_LIST; 0: unknown type */
    SECTION_SLOT_LIST = 7,       /* uint32 slot ids */
    SECTION_LEAVES = 8,          /* kairos_leaf[] */
    SECTION_OPERANDS = 9,        /* kairos_operand[] */
    SECTION_DERIVED = 10,        /* kairos_derived[] */
    SECTION_TERMS = 11,          /* kairos_term[] */
    SECTION_INDEXES = 12,        /* kairos_index[INDEX_COUNT] */
    SECTION_COLUMNS = 13,        /* kairos_column[] of all indexes */
    SECTION_THRESHOLDS = 14,     /* kairos_number[] */
    SECTION_ROWS = 15,           /* uint64 words; each row is a multiple of 8 words */
    SECTION_CONJUNCTIONS = 16,   /* kairos_conjunction[] */
    SECTION_RULES = 17,          /* kairos_rule[] */
    SECTION_BLOBS = 18,          /* bytes: pre-encoded protobuf */
    SECTION_PLACEMENTS = 19,     /* kairos_placement[] */
    SECTION_CANDIDATES = 20,     /* kairos_candidate[] */
    SECTION_SCORE_SOURCES = 21,  /* kairos_source[] */
    SECTION_SCORE_WEIGHTS = 22,  /* float32 */
    SECTION_TRIGGER_NAMES = 23,  /* kairos_text[trigger number]; numbers are never reused */
    SECTION_META = 24,           /* UTF-8 JSON: registry, texts for explain; not for the core */
    SECTION_EFFECTS = 25,        /* kairos_effect_template[] */
    SECTION_TIMERS = 26,         /* kairos_timer[timer id]; ids are never reused */
    SECTION_TIMER_LIST = 27,     /* uint32 timer ids of rules */
    SECTION_INTAKE = 28,         /* kairos_intake[0 or 1]; none: events are logged as they came */
    SECTION_INTAKE_TYPES = 29,   /* kairos_range[event type id] into INTAKE_RULES, or none */
    SECTION_INTAKE_RULES = 30,   /* kairos_intake_rule[] */
    SECTION_QUERY_NAMES = 31,    /* kairos_text[]: parameters that stay in addresses */
    SECTION_SITE_HOSTS = 32,     /* kairos_text[]: hosts of the tenant's own site */
    SECTION_ACCESS = 33,         /* kairos_range[column]: conjunctions that need the column */
    SECTION_COUNT = 34
};

typedef struct kairos_section {
    uint64_t offset;              /* from the image's start; multiple of 64 */
    uint32_t count;
    uint32_t element_size;
} kairos_section;

typedef struct kairos_image_header {
    uint8_t magic[8];             /* "KAIRPLAN" */
    uint8_t plan_id[32];          /* BLAKE2b-256 of all bytes after this field */
    uint64_t image_size;
    uint32_t version;             /* KAIROS_IMAGE_VERSION */
    uint32_t semantics_version;
    uint32_t tenant;
    uint32_t layout_id;           /* = number of slots ever assigned in the tenant */
    uint32_t slot_size;           /* bytes of the slot region under this layout */
    uint32_t session_slot_size;
    uint32_t section_count;
    uint32_t event_type_count;    /* known types, ids 1..count */
    uint32_t purpose_count;
    uint32_t previous_used;       /* 1: some column or term reads a value before the event */
    uint32_t identity_link_types;    /* bit t: identifiers of type t link what carries them */
    uint32_t identity_unique_types;  /* bit t: a group holds at most one identifier of type t */
    uint32_t event_effects_max;      /* effects and timers that one event can cause at most */
    uint8_t reserved[28];
} kairos_image_header;

typedef struct kairos_text { uint32_t offset; uint32_t size; } kairos_text;     /* into STRINGS */
typedef struct kairos_range { uint32_t first; uint32_t count; } kairos_range;

/* Spaces of the one dictionary. SPACE_VALUE + column: its known strings, id = bucket. */
enum kairos_space {
    SPACE_EVENT_TYPE = 1,         /* id = event type id, from 1 */
    SPACE_EVENT_FIELD = 2,        /* id = index in EVENT_FIELDS; canonical names */
    SPACE_CONTEXT_FIELD = 3,
    SPACE_TRAIT = 4,
    SPACE_PURPOSE = 5,            /* id = consent bit */
    SPACE_PLACEMENT = 6,          /* id = placement index */
    SPACE_TRIGGER = 7,            /* id = trigger number */
    SPACE_VALUE = 4096
};

typedef struct kairos_dictionary_entry {
    uint64_t hash;   /* kairos_hash64(space, text) */
    uint32_t space;  /* 0: empty entry */
    uint32_t id;
    kairos_text text;
} kairos_dictionary_entry;  /* linear probing from hash & (count - 1); load at most one half */

enum kairos_field_type { FIELD_DYN = 0, FIELD_BOOL = 2, FIELD_INT = 3, FIELD_DOUBLE = 4,
                         FIELD_STRING = 5, FIELD_TIME = 6 };

enum kairos_field_flag {
    FIELD_FLAG_KNOWN = 1,     /* the schema names it, for events of every type */
    FIELD_FLAG_PERSONAL = 2   /* says who somebody is; never read by conditions */
};

typedef struct kairos_field {
    kairos_text name;  /* canonical */
    uint32_t type;     /* enum kairos_field_type: DYN accepts all, DOUBLE turns int into double */
    uint32_t flags;    /* enum kairos_field_flag */
} kairos_field;

enum kairos_event_field {
    EVENT_FIELD_TYPE = 0, EVENT_FIELD_TIME = 1, EVENT_FIELD_SESSION_ID = 2,
    EVENT_FIELD_DEVICE_TYPE = 3, EVENT_FIELD_CHANNEL = 4, EVENT_FIELD_URGENCY = 5,
    EVENT_FIELD_PERSONA = 6, EVENT_FIELD_URL = 7, EVENT_FIELD_REFERRER = 8,
    EVENT_FIELD_VALUE_MINOR = 9, EVENT_FIELD_CURRENCY_CODE = 10, EVENT_FIELD_LATE = 11,
    EVENT_FIELD_FIXED = 12
};
enum kairos_context_field {
    CONTEXT_FIELD_CHANNEL = 0, CONTEXT_FIELD_PLACEMENT = 1, CONTEXT_FIELD_SCENARIO = 2,
    CONTEXT_FIELD_DEVICE_TYPE = 3, CONTEXT_FIELD_PERSONA = 4, CONTEXT_FIELD_URGENCY = 5,
    CONTEXT_FIELD_FIXED = 6
};

/* Where a column, a term or a score feature reads its value. */
enum kairos_source_kind {
    SOURCE_EVENT = 1,          /* id: event field */
    SOURCE_CONTEXT = 2,        /* id: context field */
    SOURCE_TRAIT = 3,          /* id: trait index */
    SOURCE_SLOT = 4,           /* id: slot id; part: enum kairos_slot_part; the event included */
    SOURCE_SLOT_PREVIOUS = 5,  /* the same before the event */
    SOURCE_DERIVED = 6,        /* id: index in DERIVED */
    SOURCE_DERIVED_PREVIOUS = 7,
    SOURCE_CONSENT = 8,        /* id: purpose bit; VALUE_BOOL, absent where never stated */
    SOURCE_SESSION = 9,        /* id: enum kairos_session_field */
    SOURCE_PROFILE = 10,       /* id: enum kairos_profile_field */
    SOURCE_NOW = 11            /* VALUE_TIME */
};
enum kairos_slot_part {
    PART_VALUE = 0,               /* counts and sums: the number; LAST and FIRST: the kept value */
    PART_TIME = 1,                /* LAST and FIRST: VALUE_TIME of the kept event */
    PART_AGE = 2                  /* now - time, VALUE_DURATION */
};
enum kairos_session_field {
    SESSION_FIELD_EVENT_COUNT = 0, SESSION_FIELD_START_TIME = 1, SESSION_FIELD_DURATION = 2,
    SESSION_FIELD_ORDINAL = 3,
    SESSION_FIELD_IS_NEW = 4      /* true: the event opened the session; false in a decision */
};
enum kairos_profile_field {
    PROFILE_FIELD_EVENT_COUNT = 0, PROFILE_FIELD_SESSION_COUNT = 1,
    PROFILE_FIELD_FIRST_SEEN_TIME = 2, PROFILE_FIELD_LAST_SEEN_TIME = 3,
    PROFILE_FIELD_AGE = 4         /* now - first seen */
};

typedef struct kairos_source {
    uint32_t id;
    uint16_t part;
    uint8_t kind;                 /* enum kairos_source_kind */
    uint8_t reserved;
} kairos_source;

typedef struct kairos_slot {
    int64_t window_us;      /* windows: buckets * bucket_us >= asked window */
    int64_t bucket_us;
    double decay_per_us;    /* DECAYED: ln 2 / half-life */
    double weight;          /* DECAYED: added per event */
    uint32_t offset;        /* in the slot region or a session's bytes; the same for ever */
    uint32_t size;
    uint32_t event_type;    /* event type id; 0: any type */
    uint32_t filter_first;  /* leaves over event fields (leaf.column: field index), all must hold */
    uint32_t filter_count;
    uint32_t value_field;   /* event field read by SUM, LAST, FIRST; UINT32_MAX: none */
    uint32_t bucket_count;
    uint8_t kind;           /* enum kairos_slot_kind; 0: a retired id without a reader */
    uint8_t scope;          /* enum kairos_slot_scope */
    uint8_t reserved[2];
} kairos_slot;

enum kairos_leaf_op {
    LEAF_EQ = 1, LEAF_NE = 2, LEAF_LT = 3, LEAF_LE = 4, LEAF_GT = 5, LEAF_GE = 6,
    /* present, comparable, and not … (NaN: true) */
    LEAF_NOT_LT = 7, LEAF_NOT_LE = 8, LEAF_NOT_GT = 9, LEAF_NOT_GE = 10,
    LEAF_IN = 11, LEAF_NOT_IN = 12, LEAF_HAS = 13, LEAF_NOT_HAS = 14
};

typedef struct kairos_leaf {
    uint32_t column;              /* column of the index; in a slot filter: event field index */
    uint32_t operand_first;
    uint32_t operand_count;
    uint8_t op;                   /* enum kairos_leaf_op */
    /* residuals of a column with rows: the one bucket that leaves the leaf open, lowest byte first;
     * LEAF_OPEN_ALWAYS: check it whatever the bucket */
    uint8_t open_bucket[3];
} kairos_leaf;
enum { LEAF_OPEN_ALWAYS = 0xffffff };

typedef struct kairos_operand {
    uint64_t bits;                /* scalar, or for strings the offset in STRINGS */
    uint32_t size;
    uint8_t kind;                 /* enum kairos_value_kind */
    uint8_t reserved[3];
} kairos_operand;

enum kairos_derived_kind {
    DERIVED_ENGAGEMENT = 1,       /* 1 - exp(-(bias + sum of weight * value)), at least 0 */
    DERIVED_LOGISTIC = 2          /* 1 / (1 + exp(-(bias + sum of weight * value))) */
};
typedef struct kairos_term { double weight; kairos_source source; } kairos_term;
typedef struct kairos_derived {
    double bias;
    uint32_t term_first;
    uint32_t term_count;
    kairos_text name;
    uint32_t kind;
    uint32_t reserved;
} kairos_derived;

/* INDEX_TIMERS holds what must still be true when a timer fires; no event takes part. */
enum kairos_index_id { INDEX_TRIGGERS = 0, INDEX_DECIDE = 1, INDEX_TIMERS = 2, INDEX_COUNT = 3 };

typedef struct kairos_index {
    uint64_t row_first;   /* first word of this index in ROWS */
    uint32_t column_first, column_count;
    uint32_t conjunction_first, conjunction_count;
    uint32_t rule_first, rule_count;
    uint32_t word_count;  /* words per row: multiple of 8, >= ceil(conjunction_count / 64) */
    /* 0: conjunctions are sorted by rule. Else the conjunctions [0, gated_first) may match any
     * event, a later one only an event that has the column whose ACCESS range holds it. */
    uint32_t clustered;
    uint32_t gated_first;
    uint32_t residual_count;  /* residual leaves of all its conjunctions */
} kairos_index;

/* Buckets of a column, in this order. In a dense column each owns a row; bit c = "such a value does
 * not rule conjunction c out". A leaf that its bucket decides exactly needs no residual. */
enum kairos_bucket {
    BUCKET_ABSENT = 0, BUCKET_NULL = 1, BUCKET_FALSE = 2, BUCKET_TRUE = 3, BUCKET_STRING_OTHER = 4,
    BUCKET_NAN = 5,
    BUCKET_KIND_OTHER = 6,  /* number, time or duration; the thresholds are of another class */
    /* then 2 n + 1: below t0, at t0, between t0 and t1, …, above t(n-1); then known strings */
    BUCKET_ORDER_FIRST = 7
};
enum kairos_threshold_class { CLASS_NUMBER = 0, CLASS_TIME = 1, CLASS_DURATION = 2 };

typedef struct kairos_column {
    uint64_t row_word;         /* bucket 0's row in ROWS, others follow; UINT64_MAX: not dense */
    kairos_source source;
    uint32_t threshold_first;  /* sorted, distinct by exact numeric value */
    uint32_t threshold_count;
    uint32_t string_count;     /* known strings: buckets BUCKET_ORDER_FIRST + 2 n + 1 + i */
    uint32_t threshold_class;  /* enum kairos_threshold_class */
} kairos_column;

/* VALUE_INT or VALUE_DOUBLE */
typedef struct kairos_number { uint64_t bits; uint32_t kind; uint32_t reserved; } kairos_number;

typedef struct kairos_conjunction {
    uint32_t rule;                /* index in RULES, absolute */
    uint32_t residual_first;      /* leaves checked on survivors */
    uint32_t residual_count;
    uint32_t reserved;
} kairos_conjunction;             /* sorted by rule unless the index is clustered */

enum kairos_rule_role {
    RULE_FIRE = 0,    /* answered as fired; its effects go to the outbox */
    RULE_ARM = 1,     /* arms its timers; not answered */
    RULE_CANCEL = 2,  /* cancels its timers; not answered */
    RULE_STILL = 3    /* in INDEX_TIMERS: what a timer asks when it fires */
};

typedef struct kairos_rule {
    uint32_t number;       /* triggers: trigger number; decide: candidate-independent rule number */
    int32_t priority;
    uint32_t blob_offset;  /* triggers: one encoded FiredTrigger (without field tag and length) */
    uint32_t blob_size;
    uint32_t timer_first;  /* RULE_ARM, RULE_CANCEL: in TIMER_LIST */
    uint32_t timer_count;
    uint32_t effect_first; /* RULE_FIRE: in EFFECTS */
    uint16_t effect_count;
    uint8_t role;          /* enum kairos_rule_role */
    uint8_t reserved;
} kairos_rule;

typedef struct kairos_effect_template {
    uint32_t blob_offset;   /* one encoded kairos.v1.Action */
    uint32_t blob_size;
    uint32_t trigger;       /* trigger number */
    uint16_t action_index;
    uint8_t urgency;
    uint8_t channel;
} kairos_effect_template;

enum kairos_timer_kind {
    TIMER_RETIRED = 0,
    TIMER_AFTER = 1,        /* due `delay` after the event that armed it */
    TIMER_INACTIVITY = 2,   /* due `delay` after the subject's last event */
    TIMER_NEXT_SESSION = 3  /* due with the event that opens the next session */
};
enum kairos_timer_policy {
    TIMER_RESTART = 1,  /* a new match moves what is pending */
    TIMER_KEEP = 2,     /* a new match is ignored while one is pending */
    TIMER_EACH = 3      /* every match has a timer of its own, KAIROS_TIMERS_EACH_MAX at once */
};

typedef struct kairos_timer {
    int64_t delay_us;
    int64_t spread_us;      /* due up to this much later, drawn from a hash of the occurrence */
    uint32_t trigger;       /* trigger number */
    uint32_t still_rule;    /* index in RULES, checked when due; UINT32_MAX: none */
    uint32_t effect_first;  /* in EFFECTS */
    uint32_t effect_count;
    uint8_t kind;           /* enum kairos_timer_kind */
    uint8_t policy;         /* enum kairos_timer_policy */
    uint8_t step;           /* 1, 2, 3 … among the trigger's delays */
    uint8_t reserved[5];
} kairos_timer;

typedef struct kairos_placement {
    uint32_t candidate_first, candidate_count;
    uint32_t source_first, source_count;  /* score features of this placement */
    uint64_t weight_first;   /* in SCORE_WEIGHTS: [source_count][weight_stride], candidate minor */
    uint32_t weight_stride;  /* candidate_count rounded up to 16 */
    uint32_t fallback;       /* candidate (absolute) if no other is allowed; UINT32_MAX: none */
    kairos_text name;
} kairos_placement;

enum { CANDIDATE_FLAG_LOGISTIC = 1, CANDIDATE_FLAG_FALLBACK = 2 };

typedef struct kairos_candidate {
    uint64_t consent_mask;  /* purposes, all to be granted where the request requires consent */
    int64_t start_us;       /* shown from here (inclusive); INT64_MIN: no start */
    int64_t end_us;         /* shown before here; INT64_MAX: no end */
    uint32_t rule;          /* eligibility: index in RULES; UINT32_MAX: always eligible */
    int32_t priority;       /* greater goes first */
    float bias;             /* score = bias + sum in feature order; logistic where flagged */
    uint32_t ttl_s;
    uint32_t blob_offset;   /* encoded fields of kairos.v1.Decision that do not change */
    uint32_t blob_size;
    uint32_t flags;
    uint32_t reserved;
} kairos_candidate;

/* A decision record, self-contained: header | kairos_value[value_count] | float[feature_count] |
 * texts | request | response, without gaps. Strings among the values hold their offset in the
 * texts. Replay needs it and the plan image, nothing else. */
typedef struct kairos_decision {
    uint8_t decision_id[16];
    uint8_t plan_id[32];
    uint64_t applied_sequence;    /* last event that the decision saw */
    int64_t now_us;
    int64_t processing_us;
    uint64_t consent_granted;
    uint32_t version;             /* KAIROS_DECISION_VERSION */
    uint32_t semantics_version;
    uint32_t tenant;
    uint32_t placement;           /* index in the plan */
    uint32_t max_variants;
    uint32_t require_consent;
    uint32_t value_count;
    uint32_t feature_count;
    uint32_t text_size;
    uint32_t request_size;
    uint32_t response_size;
    uint32_t reserved;
} kairos_decision;

/* ------------------------------------------------------------------ intake
 * What an event must be, and what is derived from it before it is queued. */
enum kairos_intake_flag {
    INTAKE_URL = 1,              /* host, path and campaign of `url` */
    INTAKE_REFERRER = 2,         /* host of `referrer`; with INTAKE_URL the source of the visit */
    INTAKE_USER_AGENT = 4,       /* device, browser, system and bot of `user_agent` */
    INTAKE_QUERY = 8,            /* queries keep the parameters of QUERY_NAMES only */
    INTAKE_REFERRER_REDUCE = 16, /* `referrer` keeps its scheme and host only */
    INTAKE_USER_AGENT_REDUCE = 32, /* `user_agent` goes once its class is known */
    INTAKE_UNKNOWN_DROP = 64,    /* attributes that the schema does not name go */
    INTAKE_UNKNOWN_REFUSE = 128  /* an event with one is refused */
};

/* Derived attributes, in the order of kairos_intake.fields. */
enum kairos_intake_field {
    INTAKE_URL_HOST = 0, INTAKE_URL_PATH = 1, INTAKE_UTM_SOURCE = 2, INTAKE_UTM_MEDIUM = 3,
    INTAKE_UTM_CAMPAIGN = 4, INTAKE_UTM_TERM = 5, INTAKE_UTM_CONTENT = 6,
    INTAKE_REFERRER_HOST = 7, INTAKE_TRAFFIC_SOURCE = 8, INTAKE_BROWSER = 9,
    INTAKE_BROWSER_VERSION = 10, INTAKE_OS = 11, INTAKE_BOT = 12, INTAKE_BOT_NAME = 13,
    INTAKE_FIELD_COUNT = 14
};

typedef struct kairos_intake {
    uint32_t flags;                       /* enum kairos_intake_flag */
    uint32_t reserved;
    uint32_t fields[INTAKE_FIELD_COUNT];  /* event fields; UINT32_MAX: not derived */
} kairos_intake;

/* A field of one event type. */
typedef struct kairos_intake_rule {
    uint32_t field;     /* event field */
    uint32_t required;  /* 1: an event without it is refused; 0: it is known */
} kairos_intake_rule;

/* ------------------------------------------------------------------ proofs */
#define KAIROS_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has another size")
#define KAIROS_AT(type, field, offset) \
    _Static_assert(offsetof(type, field) == (offset), #type "." #field " moved")
KAIROS_SIZE(kairos_value, 16);
KAIROS_SIZE(kairos_frame, 80);
KAIROS_AT(kairos_frame, sequence, 8);
KAIROS_AT(kairos_frame, subject_id, 32);
KAIROS_AT(kairos_frame, payload_size, 64);
KAIROS_SIZE(kairos_segment_header, 64);
KAIROS_SIZE(kairos_activation, 32);
KAIROS_SIZE(kairos_stored, 16);
KAIROS_SIZE(kairos_tenant_settings, 120);
KAIROS_SIZE(kairos_record, 120);
KAIROS_AT(kairos_record, sequence_last, 24);
KAIROS_AT(kairos_record, key_id, 80);
KAIROS_SIZE(kairos_session, 48);
KAIROS_SIZE(kairos_entry, 32);
KAIROS_SIZE(kairos_slot_value, 24);
KAIROS_SIZE(kairos_section, 16);
KAIROS_SIZE(kairos_image_header, 128);
KAIROS_SIZE(kairos_dictionary_entry, 24);
KAIROS_SIZE(kairos_field, 16);
KAIROS_SIZE(kairos_source, 8);
KAIROS_SIZE(kairos_slot, 64);
KAIROS_SIZE(kairos_leaf, 16);
KAIROS_SIZE(kairos_operand, 16);
KAIROS_SIZE(kairos_term, 16);
KAIROS_SIZE(kairos_derived, 32);
KAIROS_SIZE(kairos_index, 48);
KAIROS_SIZE(kairos_column, 32);
KAIROS_SIZE(kairos_number, 16);
KAIROS_SIZE(kairos_conjunction, 16);
KAIROS_SIZE(kairos_rule, 32);
KAIROS_SIZE(kairos_effect_template, 16);
KAIROS_SIZE(kairos_timer, 40);
KAIROS_SIZE(kairos_tick, 40);
KAIROS_SIZE(kairos_timer_place, 16);
KAIROS_SIZE(kairos_effect, 96);
KAIROS_SIZE(kairos_enqueue, 40);
KAIROS_SIZE(kairos_outcome, 24);
KAIROS_SIZE(kairos_link, 72);
KAIROS_SIZE(kairos_placement, 40);
KAIROS_SIZE(kairos_candidate, 56);
KAIROS_SIZE(kairos_decision, 128);
KAIROS_SIZE(kairos_intake, 64);
KAIROS_SIZE(kairos_intake_rule, 8);
_Static_assert(sizeof(kairos_frame) % 8 == 0 && sizeof(kairos_record) % 8 == 0,
               "frames and records stay 8-byte aligned");
#undef KAIROS_SIZE
#undef KAIROS_AT
#endif
