# One checked request on its way through the writer.


# Without tp_clear: a collector that broke a cycle would take `engine` away before __dealloc__
# gives its pin back.
@cython.no_gc_clear
cdef class Pending:
    cdef pending_request request
    cdef bytes data             # keeps the bytes that the events point into
    cdef _EngineState engine          # keeps the plan table that `pinned` is a place of
    cdef int32_t pinned
    cdef bint committed
    cdef public object token

    def __cinit__(self):
        self.pinned = -1

    def __dealloc__(self):
        if self.pinned >= 0 and self.engine.plans.entries != NULL:
            self.engine.plans.entries[self.pinned].pins -= 1
        pending_free(&self.request)

    @property
    def record_count(self):
        return self.request.record_count

    @property
    def size(self):
        return self.request.payload_size

    @property
    def sequence_last(self):
        return self.request.sequence_last

    @property
    def payload(self):
        return self.data

    @property
    def tenant(self):
        return self.request.tenant

    @property
    def received_us(self):
        return self.request.received_us

    @property
    def batch(self):
        return bool(self.request.batch)

    @property
    def response(self):
        if self.request.response == NULL:
            return b""
        return self.request.response[:self.request.response_size]

    @property
    def unknown_agents(self):
        return [self.request.agents[i].text[:self.request.agents[i].size]
                for i in range(self.request.agent_count)]

    @property
    def refusal(self):
        if self.request.batch or not self.request.refusal_count:
            return None
        return event_refusal(&self.request.refusals[0])


# A Pending of one record that is not an event.
cdef Pending control_pending(_EngineState engine, uint32_t tenant, uint8_t kind, bytes payload,
                             int64_t now_us):
    cdef Pending pending = Pending.__new__(Pending)
    pending.data = payload
    pending.engine = engine
    pending.request.events = <pending_event*>calloc(1, sizeof(pending_event))
    if pending.request.events == NULL:
        raise MemoryError
    pending.request.events[0].data = <const uint8_t*><const char*>payload
    pending.request.events[0].size = <uint32_t>len(payload)
    pending.request.events[0].occurred_us = now_us
    pending.request.event_count = 1
    pending.request.record_count = 1
    pending.request.payload_size = len(payload)
    pending.request.received_us = now_us
    pending.request.tenant = tenant
    pending.request.kind = kind
    return pending
