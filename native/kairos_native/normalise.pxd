# Normalisation of one event: what the plan asks for is derived and reduced before the event is
# queued, so that the log holds it and a replay asks no library (docs/adr/0020).
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t
from kairos_native.agents cimport agent_table
from kairos_native.normal cimport normal_facts, normal_room
from kairos_native.plan cimport plan
from kairos_native.view cimport arena, output
from kairos_native.wire cimport wire_event, wire_fault


cdef enum normal_outcome:
    NORMAL_SAME = 0             # the event is logged as it came
    NORMAL_CHANGED = 1


# What one thread needs to normalise events.
cdef struct normal_tools:
    agent_table* agents
    normal_room* room


# Makes the tools; False when there is no memory, and then they are to be freed.
#   Shapes: key[16], random; see agent_table
cdef bint normal_tools_new(normal_tools* tools, const uint8_t* key) noexcept nogil
cdef void normal_tools_free(normal_tools* tools) noexcept nogil
# Finds what is to be changed in an event that intake_check_event has taken.
#   Shapes: fields[event.attribute_count], as intake_check_event wrote them
#   Owns:   texts of `facts` point into the event, the room, constants and the table of agents:
#           they hold until the next event is looked at
#   Cost:   O(bytes of the addresses), one look-up of the user agent; no allocation
#   Returns: NORMAL_SAME or NORMAL_CHANGED; *unknown_agent says that the user agent is not known
cdef int32_t normalise_find(const plan* image, normal_tools* tools, const wire_event* event,
                            uint32_t size, const uint32_t* fields, normal_facts* facts,
                            bint* unknown_agent) noexcept nogil
# Brings the scanned event to what `facts` say; lists go into `memory`.
#   Errors: STATUS_ARENA_FULL, and the event is half changed
cdef int32_t normalise_event(wire_event* event, const normal_facts* facts,
                             arena* memory) noexcept nogil
# Checks that the event has what the schema requires of its type; after normalise_event.
#   Errors: ATTRIBUTE_REQUIRED, with the attribute's name as field
cdef int32_t normalise_required(const plan* image, const wire_event* event,
                                wire_fault* fault) noexcept nogil
