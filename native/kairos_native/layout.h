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
    uint64_t link_id;          /* LINK_REMOVED: the link; LINK_MADE: 0, its sequence tells */
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

#include "layout_plan.h"

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
KAIROS_SIZE(kairos_tick, 40);
KAIROS_SIZE(kairos_timer_place, 16);
KAIROS_SIZE(kairos_effect, 96);
KAIROS_SIZE(kairos_enqueue, 40);
KAIROS_SIZE(kairos_outcome, 24);
KAIROS_SIZE(kairos_link, 72);
_Static_assert(sizeof(kairos_frame) % 8 == 0 && sizeof(kairos_record) % 8 == 0,
               "frames and records stay 8-byte aligned");
#undef KAIROS_SIZE
#undef KAIROS_AT
#endif
