# The outbox: effects (intents to reach somebody) that wait for a worker, as state of the view that
# only the log changes. Leases are not state: they live in the server's memory and end with it.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from kairos_native.layout cimport kairos_effect_template, kairos_record
from kairos_native.plan cimport plan
from kairos_native.store cimport store


cdef enum:
    OUTBOX_KEY_SIZE = 18            # prefix, sequence, ordinal

# Where the effects of one log record go. Set up once per record by apply; `ordinal` counts.
cdef struct effect_sink:
    store* view
    const uint8_t* hash_key         # of the tenant
    uint64_t sequence               # of the log record
    # effects of records up to this one stand in the restored checkpoint already
    uint64_t suppressed_sequence
    int64_t now_us                  # the present of the record
    uint64_t emitted_count          # since open: effects emitted, and what became of them
    uint64_t acked_count
    uint64_t failed_count           # attempts, those that ended in death among them
    uint64_t dead_count
    uint64_t replayed_count
    uint64_t discarded_count
    uint32_t tenant
    uint32_t ordinal
    uint16_t partition

# What a template does not say.
cdef struct effect_cause:
    uint64_t origin_sequence        # event that fired the trigger or armed the timer
    int64_t due_us                  # not handed out before; usually the present
    uint8_t subject_id[16]
    const uint8_t* identifier       # as the sender named the subject
    uint32_t identifier_size
    uint8_t identifier_type
    uint8_t step                    # 0: none
    uint8_t source                  # enum kairos_effect_source


# Puts one effect. Its idempotency key is SipHash-128 under the tenant's key of subject id, origin
# sequence, trigger number, action index and step: the same intent has the same key in every replay.
#   Cost:   one put; keys ascend, so that it is nearly an append
#   Errors: STATUS_STORE_ERROR
cdef int32_t outbox_emit(effect_sink* sink, const plan* image,
                         const kairos_effect_template* template,
                         const effect_cause* cause) noexcept nogil
# Applies a FRAME_ENQUEUE: an effect that a caller asked for. What does not have the right form is
# passed over (1 in *skipped).
cdef int32_t outbox_enqueue(effect_sink* sink, const uint8_t* subject_id, const uint8_t* payload,
                            uint32_t payload_size, uint32_t* skipped) noexcept nogil
# Applies a FRAME_OUTCOME. An outcome of an effect that is not (or no longer) where the outcome
# expects it changes nothing; *found tells.
#   Cost: one get, one or two puts or deletes
cdef int32_t outbox_outcome(effect_sink* sink, const uint8_t* payload, uint32_t payload_size,
                            uint32_t* found) noexcept nogil
