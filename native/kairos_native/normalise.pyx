# Contract in normalise.pxd; the work on bytes stands in normalise.h.
from libc.stdint cimport UINT32_MAX, int32_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset, strlen

from kairos_native.agents cimport (agent_facts, agent_table, agents_find, agents_free,
                                   agents_new)
from kairos_native.hash cimport kairos_hash64
from kairos_native.intake cimport intake_event_field, intake_type_rules
from kairos_native.layout cimport *
from kairos_native.limits cimport KAIROS_EVENT_ATTRIBUTES_MAX, KAIROS_EVENT_SIZE_MAX
from kairos_native.normal cimport *
from kairos_native.plan cimport plan
from kairos_native.status cimport STATUS_ARENA_FULL, STATUS_ATTRIBUTE_REQUIRED, STATUS_OK
from kairos_native.view cimport arena_take
from kairos_native.wire cimport wire_attribute

cdef enum:
    DEVICE_UNKNOWN = 0


cdef bint normal_tools_new(normal_tools* tools, const uint8_t* key) noexcept nogil:
    tools.agents = agents_new(key)
    tools.room = <normal_room*>calloc(1, sizeof(normal_room))
    return tools.agents != NULL and tools.room != NULL


cdef void normal_tools_free(normal_tools* tools) noexcept nogil:
    agents_free(tools.agents)
    free(tools.room)
    tools.agents = NULL
    tools.room = NULL


# Marks the attributes that the schema does not know; intake_check_event has written UINT32_MAX in
# the place of their fields.
cdef void find_dropped(const wire_event* event, const uint32_t* fields,
                       normal_facts* facts) noexcept nogil:
    cdef uint32_t i
    for i in range(event.attribute_count):
        if fields[i] == UINT32_MAX:
            facts.dropped[i >> 6] |= <uint64_t>1 << (i & 63)
            facts.rewritten |= NORMAL_DROPPED


cdef void find_agent(agent_table* agents, const wire_event* event, normal_facts* facts,
                     bint* unknown_agent) noexcept nogil:
    cdef agent_facts agent
    cdef kairos_value* values = facts.values
    if not agents_find(agents, event.user_agent, event.user_agent_size, &agent):
        unknown_agent[0] = True
        return
    normal_text(&values[<int>INTAKE_BROWSER], agent.texts[0], agent.sizes[0])
    normal_text(&values[<int>INTAKE_BROWSER_VERSION], agent.texts[1], agent.sizes[1])
    normal_text(&values[<int>INTAKE_OS], agent.texts[2], agent.sizes[2])
    normal_text(&values[<int>INTAKE_BOT_NAME], agent.texts[3], agent.sizes[3])
    values[<int>INTAKE_BOT].kind = VALUE_BOOL
    values[<int>INTAKE_BOT].bits = agent.bot
    if event.device_type == DEVICE_UNKNOWN:
        facts.device_type = agent.device_type


# What the sender gave stays: its own value wins over ours. Returns how many values are left.
cdef uint32_t keep_sent(const kairos_intake* intake, const wire_event* event,
                        const uint32_t* fields, normal_facts* facts) noexcept nogil:
    cdef uint32_t i, k, count = 0
    for i in range(event.attribute_count):
        for k in range(<uint32_t>INTAKE_FIELD_COUNT):
            if fields[i] == intake.fields[k] and fields[i] != UINT32_MAX:
                facts.values[k].kind = VALUE_ABSENT
    for k in range(<uint32_t>INTAKE_FIELD_COUNT):
        if intake.fields[k] == UINT32_MAX:
            facts.values[k].kind = VALUE_ABSENT
        count += facts.values[k].kind != VALUE_ABSENT
    return count


# The sender's own value of a derived field; VALUE_ABSENT where there is none.
cdef kairos_value sent_value(const wire_event* event, const uint32_t* fields,
                             uint32_t field) noexcept nogil:
    cdef kairos_value value
    cdef uint32_t i
    memset(&value, 0, sizeof(value))
    for i in range(event.attribute_count):
        if fields[i] == field and field != UINT32_MAX:
            return event.attributes[i].value
    return value


cdef void find_addresses(const plan* image, const wire_event* event, const uint32_t* fields,
                         normal_room* room, normal_facts* facts) noexcept nogil:
    cdef normal_rules rules
    cdef kairos_value medium = sent_value(event, fields,
                                          image.intake.fields[<int>INTAKE_UTM_MEDIUM])
    cdef kairos_value source = sent_value(event, fields,
                                          image.intake.fields[<int>INTAKE_UTM_SOURCE])
    rules.strings = image.strings
    rules.query_names = image.query_names
    rules.site_hosts = image.site_hosts
    rules.query_name_count = image.query_name_count
    rules.site_host_count = image.site_host_count
    rules.flags = image.intake.flags
    normal_addresses(&rules, event, &medium, &source, room, facts)


cdef int32_t normalise_find(const plan* image, normal_tools* tools, const wire_event* event,
                            uint32_t size, const uint32_t* fields, normal_facts* facts,
                            bint* unknown_agent) noexcept nogil:
    cdef uint32_t flags = image.intake.flags
    cdef uint32_t derived = 0, k
    memset(facts, 0, sizeof(normal_facts))
    if flags & INTAKE_UNKNOWN_DROP:
        find_dropped(event, fields, facts)
    if flags & (INTAKE_URL | INTAKE_REFERRER) and (event.url_size or event.referrer_size):
        find_addresses(image, event, fields, tools.room, facts)
    if flags & INTAKE_USER_AGENT and event.user_agent_size:
        find_agent(tools.agents, event, facts, unknown_agent)
        if flags & INTAKE_USER_AGENT_REDUCE:
            facts.rewritten |= NORMAL_USER_AGENT
    derived = keep_sent(image.intake, event, fields, facts)
    # An event at its limits is logged without what would carry it beyond them.
    if derived and (event.attribute_count + derived > KAIROS_EVENT_ATTRIBUTES_MAX
                    or normal_size(facts, size) > KAIROS_EVENT_SIZE_MAX):
        for k in range(<uint32_t>INTAKE_FIELD_COUNT):
            facts.values[k].kind = VALUE_ABSENT
        derived = 0
    if derived:
        facts.rewritten |= NORMAL_DERIVED
    if facts.rewritten or facts.device_type:
        return NORMAL_CHANGED
    return NORMAL_SAME


cdef int32_t normalise_event(wire_event* event, const normal_facts* facts,
                             arena* memory) noexcept nogil:
    cdef wire_attribute* attributes
    cdef uint32_t i, k, count = 0
    if facts.rewritten & NORMAL_URL:
        event.url = facts.url
        event.url_size = facts.url_size
    if facts.rewritten & NORMAL_REFERRER:
        event.referrer = facts.referrer
        event.referrer_size = facts.referrer_size
    if facts.rewritten & NORMAL_USER_AGENT:
        event.user_agent = NULL
        event.user_agent_size = 0
    if facts.device_type:
        event.device_type = <uint8_t>facts.device_type
    if not facts.rewritten & (NORMAL_DROPPED | NORMAL_DERIVED):
        return STATUS_OK
    attributes = <wire_attribute*>arena_take(memory, (event.attribute_count + INTAKE_FIELD_COUNT)
                                             * sizeof(wire_attribute))
    if attributes == NULL:
        return STATUS_ARENA_FULL
    for i in range(event.attribute_count):
        if not facts.dropped[i >> 6] >> (i & 63) & 1:
            attributes[count] = event.attributes[i]
            count += 1
    for k in range(<uint32_t>INTAKE_FIELD_COUNT):
        if facts.values[k].kind == VALUE_ABSENT:
            continue
        memset(&attributes[count], 0, sizeof(wire_attribute))
        attributes[count].value = facts.values[k]
        attributes[count].name = <const uint8_t*>KAIROS_INTAKE_NAMES[k]
        attributes[count].name_size = <uint32_t>strlen(KAIROS_INTAKE_NAMES[k])
        attributes[count].name_hash = kairos_hash64(SPACE_EVENT_FIELD, attributes[count].name,
                                                    attributes[count].name_size)
        count += 1
    event.attributes = attributes
    event.attribute_count = count
    return STATUS_OK


# Says whether a well-known field has a value.
cdef bint fixed_present(const wire_event* event, uint32_t field) noexcept nogil:
    if field == EVENT_FIELD_SESSION_ID:
        return event.session_id_size != 0
    if field == EVENT_FIELD_DEVICE_TYPE:
        return event.device_type != 0
    if field == EVENT_FIELD_CHANNEL:
        return event.channel != 0
    if field == EVENT_FIELD_URGENCY:
        return event.urgency != 0
    if field == EVENT_FIELD_PERSONA:
        return event.persona_size != 0
    if field == EVENT_FIELD_URL:
        return event.url_size != 0
    if field == EVENT_FIELD_REFERRER:
        return event.referrer_size != 0
    if field == EVENT_FIELD_VALUE_MINOR or field == EVENT_FIELD_CURRENCY_CODE:
        return event.has_value
    return True


cdef bint field_present(const plan* image, const wire_event* event,
                        uint32_t field) noexcept nogil:
    cdef uint32_t i
    if field < EVENT_FIELD_FIXED:
        return fixed_present(event, field)
    for i in range(event.attribute_count):
        if (event.attributes[i].value.kind != VALUE_NULL
                and intake_event_field(image, &event.attributes[i]) == field):
            return True
    return False


cdef int32_t normalise_required(const plan* image, const wire_event* event,
                                wire_fault* fault) noexcept nogil:
    cdef const kairos_range* listed = intake_type_rules(image, event)
    cdef const kairos_intake_rule* rule
    cdef kairos_text name
    cdef uint32_t i
    if listed == NULL:
        return STATUS_OK
    for i in range(listed.count):
        rule = &image.intake_rules[listed.first + i]
        if not rule.required or field_present(image, event, rule.field):
            continue
        name = image.event_fields[rule.field].name
        memset(fault, 0, sizeof(wire_fault))
        fault.status = STATUS_ATTRIBUTE_REQUIRED
        if rule.field < EVENT_FIELD_FIXED:
            snprintf(fault.field, sizeof(fault.field), "%.*s", <int>min(name.size, 95u),
                     <const char*>(image.strings + name.offset))
        else:
            snprintf(fault.field, sizeof(fault.field), "attributes")
            fault.seen = image.strings + name.offset
            fault.seen_size = name.size
        return STATUS_ATTRIBUTE_REQUIRED
    return STATUS_OK
