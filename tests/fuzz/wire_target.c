/* What must hold of the wire scanner for any bytes; compiled with the sanitizers and with coverage.
 * The rules W1 to W9 stand in native/kairos_native/wire.h; the checks here share no code with it
 * but its structs. */
#include "normalise.h"
#include "wire.h"

#include <math.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#include "wire_fuzz.h"

#define REQUIRE(condition, text)                                                                   \
    do {                                                                                           \
        if (!(condition)) fuzz_fail(text);                                                         \
    } while (0)

/* the input ends where the room ends, so that one byte too far is outside */
static uint8_t *room;
static uint8_t *arena_base; /* exactly WIRE_EVENT_ARENA_SIZE */

void target_open(void) {
    room = malloc(FUZZ_SIZE_MAX);
    arena_base = aligned_alloc(16, (size_t)WIRE_EVENT_ARENA_SIZE);
    REQUIRE(room && arena_base, "memory");
}

static int inside(const uint8_t *p, size_t size, const uint8_t *base, size_t base_size) {
    return p >= base && size <= base_size && (size_t)(p - base) <= base_size - size;
}

/* UTF-8 by decoding: code point, then its shortest form. */
static int utf8_decodes(const uint8_t *p, size_t size) {
    for (size_t i = 0; i < size;) {
        uint32_t point = p[i];
        uint32_t more = point < 0x80 ? 0 : point >> 5 == 6 ? 1 : point >> 4 == 14 ? 2
                        : point >> 3 == 30 ? 3 : 9;
        if (more == 9 || more >= size - i) return 0;
        if (more) point &= 0x3Fu >> more;
        for (uint32_t k = 1; k <= more; k++) {
            if (p[i + k] >> 6 != 2) return 0;
            point = point << 6 | (p[i + k] & 63);
        }
        if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return 0;
        if (more != (point < 0x80 ? 0u : point < 0x800 ? 1u : point < 0x10000 ? 2u : 3u)) return 0;
        i += more + 1;
    }
    return 1;
}

static void check_text(const uint8_t *p, uint32_t size, uint32_t limit, const uint8_t *data,
                       size_t data_size) {
    if (!size) return;
    REQUIRE(inside(p, size, data, data_size), "a text lies outside the message");
    REQUIRE(size <= limit, "a text is longer than its limit");
    REQUIRE(utf8_decodes(p, size), "a text is not UTF-8");
}

static void check_fault(int32_t status, const wire_fault *fault, const uint8_t *data, size_t size) {
    REQUIRE(status > 0 && status < 128, "a refusal without a public status");
    REQUIRE(fault->status == status, "the fault has another status");
    REQUIRE(memchr(fault->field, 0, sizeof fault->field) != NULL, "the field does not end");
    if (!fault->seen_size) return;
    REQUIRE(inside(fault->seen, fault->seen_size, data, size), "seen lies outside the message");
    REQUIRE(utf8_decodes(fault->seen, fault->seen_size), "seen is not UTF-8");
}

static void check_name(const wire_attribute *attribute, const uint8_t *data, size_t size) {
    uint8_t again[256];
    int in_message = inside(attribute->name, attribute->name_size, data, size);
    int in_arena = inside(attribute->name, attribute->name_size, arena_base,
                          (size_t)WIRE_EVENT_ARENA_SIZE);
    REQUIRE(attribute->name_size > 0 && attribute->name_size <= 128, "size of a name");
    REQUIRE(in_message || in_arena, "a name lies nowhere");
    REQUIRE(utf8_decodes(attribute->name, attribute->name_size), "a name is not UTF-8");
    uint32_t again_size = wire_canonical_name(attribute->name, attribute->name_size, again);
    REQUIRE(again_size == attribute->name_size, "size of a canonical name");
    REQUIRE(!memcmp(again, attribute->name, attribute->name_size),
            "a canonical name is not canonical");
}

static void check_attributes(
    const wire_attribute *list, uint32_t count, uint32_t limit, uint32_t text_max,
    const uint8_t *data, size_t size) {
    const uint8_t *start = (const uint8_t *)list;
    REQUIRE(count <= limit, "too many attributes");
    if (count)
        REQUIRE(inside(start, count * sizeof *list, arena_base, (size_t)WIRE_EVENT_ARENA_SIZE),
                "a list lies nowhere");
    for (uint32_t i = 0; i < count; i++) {
        const kairos_value *value = &list[i].value;
        double number;
        if (list[i].name_id) REQUIRE(!list[i].name_size && !list[i].name_hash, "a name and an id");
        else check_name(list + i, data, size);
        memcpy(&number, &value->bits, 8);
        REQUIRE(value->kind >= VALUE_NULL && value->kind <= VALUE_TIME, "kind of a value");
        REQUIRE(value->kind == VALUE_STRING || value->size == 0, "size of a scalar");
        if (value->kind == VALUE_STRING)
            check_text((const uint8_t *)(uintptr_t)value->bits, value->size, text_max, data, size);
        if (value->kind == VALUE_DOUBLE) REQUIRE(isfinite(number), "a number that is not finite");
        if (value->kind == VALUE_TIME)
            REQUIRE((int64_t)value->bits >= 0 && (int64_t)value->bits <= WIRE_TIME_US_MAX,
                    "a time");
        if (value->kind == VALUE_BOOL) REQUIRE(value->bits <= 1, "a bool");
        if (value->kind == VALUE_NULL) REQUIRE(!value->bits, "a null");
        for (uint32_t j = 0; j < i; j++) {
            if (list[i].name_id != list[j].name_id || list[i].name_size != list[j].name_size)
                continue;
            REQUIRE(!list[i].name_id && memcmp(list[i].name, list[j].name, list[i].name_size),
                    "a duplicate");
        }
    }
}

/* What is hashed is never longer than what was sent but for a plus sign; its form is its own. */
static void check_identifiers(const wire_event *event, const uint8_t *data, size_t size) {
    uint8_t normal[257], again[257];
    REQUIRE(event->subject_type <= 7, "type of the subject");
    REQUIRE(event->identifier_count <= 16, "too many identifiers");
    for (uint32_t i = 0; i < event->identifier_count; i++) {
        const wire_identifier *identifier = event->identifiers + i;
        uint32_t used = identifier_normal(identifier->type, identifier->value,
                                          identifier->value_size, normal);
        check_text(identifier->value, identifier->value_size, 256, data, size);
        REQUIRE(identifier->type >= 1 && identifier->type <= 7, "type of an identifier");
        REQUIRE(used && used <= identifier->value_size + 1 && used <= 257, "size of a form");
        if (used <= 256)
            REQUIRE(identifier_normal(identifier->type, normal, used, again) == used
                        && !memcmp(normal, again, used),
                    "a form that is not its own");
    }
}

static void run_event(const uint8_t *data, uint32_t size, size_t arena_size) {
    arena memory = {arena_base, arena_size, 0};
    wire_event event;
    wire_fault fault;
    int32_t status = wire_scan_event(data, size, &event, &memory, &fault);
    REQUIRE(memory.used <= memory.size, "the arena overflowed");
    REQUIRE(event.event_id_size <= 128 && utf8_decodes(event.event_id, event.event_id_size),
            "the id to answer with");
    if (status == STATUS_ARENA_FULL) {
        REQUIRE(arena_size < (size_t)WIRE_EVENT_ARENA_SIZE, "the arena was promised to do");
        return;
    }
    if (status) {
        check_fault(status, &fault, data, size);
        return;
    }
    REQUIRE(size <= 65536 && event.event_type_size && event.subject_id_size, "a required field");
    check_text(event.event_id, event.event_id_size, 128, data, size);
    check_text(event.event_type, event.event_type_size, 128, data, size);
    check_text(event.subject_id, event.subject_id_size, 256, data, size);
    check_text(event.session_id, event.session_id_size, 256, data, size);
    check_text(event.persona, event.persona_size, 8192, data, size);
    check_text(event.url, event.url_size, 8192, data, size);
    check_text(event.referrer, event.referrer_size, 8192, data, size);
    check_text(event.tenant_id, event.tenant_id_size, 64, data, size);
    check_text(event.producer_id, event.producer_id_size, 128, data, size);
    check_text(event.user_agent, event.user_agent_size, 2048, data, size);
    REQUIRE(!event.producer_id_size == !event.producer_sequence, "producer and number");
    check_text(event.currency_code, event.currency_code_size, 3, data, size);
    REQUIRE(event.currency_code_size == (event.has_value ? 3u : 0u), "money");
    REQUIRE(event.occurred_us >= 0 && event.occurred_us <= WIRE_TIME_US_MAX, "the time");
    REQUIRE(event.device_type <= 5 && event.channel <= 9 && event.urgency <= 4, "an enum");
    check_attributes(event.attributes, event.attribute_count, 256, 8192, data, size);
    check_attributes(event.traits, event.trait_count, 64, 1024, data, size);
    REQUIRE(event.consent_count <= 64, "too many consents");
    for (uint32_t i = 0; i < event.consent_count; i++) {
        REQUIRE(event.consents[i].purpose_size && event.consents[i].granted <= 1, "a consent");
        check_text(event.consents[i].purpose, event.consents[i].purpose_size, 65536, data, size);
    }
    check_identifiers(&event, data, size);
}

static void run_decide(const uint8_t *data, uint32_t size, size_t arena_size) {
    arena memory = {arena_base, arena_size, 0};
    wire_decide decide;
    wire_fault fault;
    int32_t status = wire_scan_decide(data, size, &decide, &memory, &fault);
    REQUIRE(memory.used <= memory.size, "the arena overflowed");
    if (status == STATUS_ARENA_FULL) {
        REQUIRE(arena_size < (size_t)WIRE_EVENT_ARENA_SIZE, "the arena was promised to do");
        return;
    }
    if (status) {
        check_fault(status, &fault, data, size);
        return;
    }
    REQUIRE(decide.subject_id_size && decide.placement_size, "a required field");
    check_text(decide.subject_id, decide.subject_id_size, 256, data, size);
    check_text(decide.tenant_id, decide.tenant_id_size, 64, data, size);
    check_text(decide.placement, decide.placement_size, 128, data, size);
    check_text(decide.scenario, decide.scenario_size, 8192, data, size);
    check_text(decide.persona, decide.persona_size, 8192, data, size);
    REQUIRE(decide.max_variants >= 1 && decide.max_variants <= 100 && decide.require_consent <= 1,
            "constraints");
    REQUIRE(decide.at_us >= 0 && decide.at_us <= WIRE_TIME_US_MAX, "the time");
    REQUIRE(decide.device_type <= 5 && decide.channel <= 9 && decide.urgency <= 4, "an enum");
    check_attributes(decide.attributes, decide.attribute_count, 256, 8192, data, size);
}

static void run_find(const uint8_t *data, uint32_t size) {
    const uint8_t *event = NULL;
    uint32_t event_size = 0;
    wire_fault fault;
    int32_t status = wire_find_event(data, size, &event, &event_size, &fault);
    if (status) check_fault(status, &fault, data, size);
    else REQUIRE(inside(event, event_size, data, size), "the event lies outside the request");
}

static void run_walk(const uint8_t *data, uint32_t size, int evaluate) {
    const uint8_t *cursor = data, *end = data + size, *item = NULL, *before;
    uint32_t item_size = 0, kind = 1, events = 0;
    wire_fault fault;
    int32_t status;
    do {
        before = cursor;
        if (evaluate) status = wire_next_evaluate(&cursor, end, &kind, &item, &item_size, &fault);
        else status = wire_next_event(&cursor, end, &item, &item_size, &fault);
        if (status == STATUS_LOG_END) return;
        if (status) {
            check_fault(status, &fault, data, size);
            return;
        }
        events += kind == 1;
        REQUIRE(cursor > before && cursor <= end, "the walk stands still or leaves the message");
        REQUIRE(inside(item, item_size, data, size), "an item lies outside the request");
        REQUIRE(kind == 1 || (kind == 2 && evaluate && utf8_decodes(item, item_size)), "an item");
    } while (!evaluate || events < 2);
    fuzz_fail("two events in one evaluation");
}

static void run_name(const uint8_t *data, uint32_t size) {
    uint8_t *result = malloc(2 * (size_t)size + 1), *again = malloc(2 * (size_t)size + 1);
    uint32_t used = wire_canonical_name(data, size, result);
    REQUIRE(used <= 128 && used <= 2 * size, "size of a canonical name");
    if (used)
        REQUIRE(wire_canonical_name(result, used, again) == used && !memcmp(result, again, used),
                "not idempotent");
    free(result);
    free(again);
}

/* An address takes what the scanner would have let through: UTF-8 of 8,192 bytes. */
static void run_url(const uint8_t *data, uint32_t size) {
    uint8_t *room = malloc((size_t)size + 1), *path = malloc(3 * (size_t)size + 4);
    uint8_t host[URL_HOST_SIZE_MAX], value[64];
    url_parts url;
    url_pair pair;
    uint32_t at, used, host_size;
    if (size <= 8192 && utf8_decodes(data, size)) {
        url_split(data, size, room, &url);
        REQUIRE(inside(url.text, url.size, data, size) || inside(url.text, url.size, room, size),
                "the address lies nowhere");
        REQUIRE(url.user_start <= url.user_end && url.user_end <= url.path_end
                    && url.path_end <= url.query_start && url.query_start <= url.query_end
                    && url.query_end <= url.size && url.host_end <= url.size,
                "the parts are out of order");
        host_size = url_host(&url, host);
        REQUIRE(host_size <= URL_HOST_SIZE_MAX && utf8_decodes(host, host_size), "a host");
        used = url_path(&url, path, 3 * size + 4);
        REQUIRE(utf8_decodes(path, used) && (!used || path[0] == '/'), "a path");
        for (uint32_t i = 0; i < used; i++)
            REQUIRE(path[i] > ' ' && path[i] < 0x7F && path[i] != '\\', "a byte of a path");
        REQUIRE(url_path(&url, path, used / 2) <= used / 2, "a path beyond its limit");
        for (at = url.query_start; url_next_pair(&url, &at, &pair);) {
            REQUIRE(pair.start < pair.end && pair.start <= pair.equals && pair.equals <= pair.end
                        && pair.end <= url.query_end && at == pair.end,
                    "a parameter leaves the query");
            used = url_decode(url.text + pair.start, pair.end - pair.start, room, value, 64);
            REQUIRE(used <= 64 && utf8_decodes(value, used), "a decoded value");
            /* room may be the address itself: it is not read again after this. */
            if (url.text == room) break;
        }
        REQUIRE(traffic_host(host, host_size) <= TRAFFIC_REFERRAL, "a source");
    }
    free(room);
    free(path);
}

/* Normalises an event that the scanner takes; what is written must be one that it takes too. */
static void run_normalise(const uint8_t *data, uint32_t size, uint32_t choice) {
    static const uint8_t strings[] = "qutm_sourceshop.example";
    static const kairos_text names[] = {{0, 1}, {1, 10}};
    static const kairos_text hosts[] = {{11, 12}};
    arena memory = {arena_base, (size_t)WIRE_EVENT_ARENA_SIZE, 0};
    normal_rules rules = {strings, names, hosts, choice % 3, 1, choice & 255, 0};
    kairos_value absent = {0, 0, VALUE_ABSENT, {0, 0, 0}};
    normal_room *room = malloc(sizeof *room);
    normal_facts facts;
    wire_event event;
    wire_fault fault;
    output out = {NULL, 0, 0, 0, 0};
    memset(&facts, 0, sizeof facts);
    if (wire_scan_event(data, size, &event, &memory, &fault) == STATUS_OK) {
        uint32_t kept = event.attribute_count, derived = 0;
        normal_addresses(&rules, &event, &absent, &absent, room, &facts);
        REQUIRE(facts.url_size <= event.url_size && facts.referrer_size <= event.referrer_size,
                "an address grew");
        /* The caller leaves out what the sender gave. */
        for (uint32_t i = 0; i < INTAKE_FIELD_COUNT; i++) {
            for (uint32_t k = 0; k < event.attribute_count; k++)
                if (event.attributes[k].name_size == strlen(KAIROS_INTAKE_NAMES[i])
                    && !memcmp(event.attributes[k].name, KAIROS_INTAKE_NAMES[i],
                               event.attributes[k].name_size))
                    facts.values[i].kind = VALUE_ABSENT;
            derived += facts.values[i].kind != VALUE_ABSENT;
        }
        for (uint32_t i = 0; i < event.attribute_count; i++)
            if (choice >> (i % 16) & 256) facts.dropped[i / 64] |= 1ull << (i % 64), kept--;
        facts.device_type = choice % 6;
        if (choice & 8192) facts.rewritten |= NORMAL_USER_AGENT;
        out.size = normal_size(&facts, size);
        out.data = malloc(out.size);
        normal_write(data, size, &facts, &out);
        REQUIRE(!out.overflow && out.used <= out.size, "the promised size did not do");
        memory.used = 0;
        if (out.used <= KAIROS_EVENT_SIZE_MAX && kept + derived <= KAIROS_EVENT_ATTRIBUTES_MAX) {
            REQUIRE(wire_scan_event(out.data, (uint32_t)out.used, &event, &memory, &fault)
                        == STATUS_OK,
                    "what is logged is refused");
            REQUIRE(event.attribute_count == kept + derived, "attributes were lost");
            if (facts.device_type)
                REQUIRE(event.device_type == facts.device_type, "the device was lost");
        }
        free(out.data);
    }
    free(room);
}

void target_run(const uint8_t *input, size_t size, uint32_t kind) {
    uint8_t *data = room + FUZZ_SIZE_MAX - size;
    size_t arena_size = (size_t)WIRE_EVENT_ARENA_SIZE;
    if (kind & 32) arena_size = (size_t)(kind >> 6) % arena_size;
    ASAN_UNPOISON_MEMORY_REGION(room, FUZZ_SIZE_MAX);
    if (size) memcpy(data, input, size);
    ASAN_POISON_MEMORY_REGION(room, FUZZ_SIZE_MAX - size);
    memset(arena_base, (int)(kind >> 8 & 255), 256);
    switch (kind % FUZZ_KINDS) {
    case 1: run_decide(data, (uint32_t)size, arena_size); break;
    case 2: run_find(data, (uint32_t)size); break;
    case 3: run_walk(data, (uint32_t)size, 0); break;
    case 4: run_walk(data, (uint32_t)size, 1); break;
    case 5: run_name(data, (uint32_t)size); break;
    case 6: run_url(data, (uint32_t)size); break;
    case 7: run_normalise(data, (uint32_t)size, kind >> 8); break;
    default: run_event(data, (uint32_t)size, arena_size); break;
    }
}
