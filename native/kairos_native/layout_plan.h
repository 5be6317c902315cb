/* The layout of plan images; part of layout.h, which says what holds of every layout. */
#ifndef KAIROS_LAYOUT_PLAN_H
#define KAIROS_LAYOUT_PLAN_H
#include <stdint.h>

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
    /* bucket 0's row in ROWS, others follow; UINT64_MAX: none, and so no column after it has */
    uint64_t row_word;
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
KAIROS_SIZE(kairos_placement, 40);
KAIROS_SIZE(kairos_candidate, 56);
KAIROS_SIZE(kairos_decision, 128);
KAIROS_SIZE(kairos_intake, 64);
KAIROS_SIZE(kairos_intake_rule, 8);
#undef KAIROS_SIZE
#endif
