/* What is derived from an event before it is logged, and its bytes with that in them. Plain C, so
 * that the fuzzer links it; which fields are asked for, and what the sender gave, the caller knows.
 *
 * Security model. The event was scanned (wire.h), so its strings are UTF-8 and its bytes are a
 * message. Nothing is written but the facts, the room and the output; every derived string is valid
 * UTF-8 and at most KAIROS_STRING_SIZE_MAX bytes; work is O(size). */
#ifndef KAIROS_NORMALISE_H
#define KAIROS_NORMALISE_H
#include "traffic.h"
#include "wire.h"

enum {
    NORMAL_TEXT_SIZE_MAX = 255,  /* of a campaign value: what a feature slot keeps */
    NORMAL_CAMPAIGN_COUNT = 5,
    NORMAL_ATTRIBUTE_SIZE = 16,  /* tags and lengths around a derived name and value */
    NORMAL_DROP_WORDS = KAIROS_EVENT_ATTRIBUTES_MAX / 64
};

/* In the order of enum kairos_intake_field; tests/contract compares the catalogue's. */
static const char *const KAIROS_INTAKE_NAMES[INTAKE_FIELD_COUNT] = {
    "url_host",      "url_path",       "utm_source",  "utm_medium",      "utm_campaign",
    "utm_term",      "utm_content",    "referrer_host", "traffic_source", "browser",
    "browser_version", "os",           "bot",         "bot_name"};

/* Room for the texts of one event. */
typedef struct normal_room {
    uint8_t url[KAIROS_STRING_SIZE_MAX];
    uint8_t url_new[KAIROS_STRING_SIZE_MAX];
    uint8_t referrer[KAIROS_STRING_SIZE_MAX];
    uint8_t referrer_new[KAIROS_STRING_SIZE_MAX];
    uint8_t path[KAIROS_STRING_SIZE_MAX];
    uint8_t raw[KAIROS_STRING_SIZE_MAX];
    uint8_t campaign[NORMAL_CAMPAIGN_COUNT][NORMAL_TEXT_SIZE_MAX + 1];
    uint8_t host[URL_HOST_SIZE_MAX + 1];
    uint8_t referrer_host[URL_HOST_SIZE_MAX + 1];
    /* The list of an event that is only evaluated. */
    wire_attribute attributes[KAIROS_EVENT_ATTRIBUTES_MAX + INTAKE_FIELD_COUNT];
} normal_room;

/* What the plan says of addresses. */
typedef struct normal_rules {
    const uint8_t *strings;
    const kairos_text *query_names;
    const kairos_text *site_hosts;
    uint32_t query_name_count;
    uint32_t site_host_count;
    uint32_t flags; /* enum kairos_intake_flag */
    uint32_t reserved;
} normal_rules;

/* What is known of an event beyond what was sent. */
typedef struct normal_facts {
    kairos_value values[INTAKE_FIELD_COUNT]; /* VALUE_ABSENT: not derived */
    uint64_t dropped[NORMAL_DROP_WORDS];     /* one bit per attribute */
    const uint8_t *url;                      /* in place of what was sent, where `rewritten` says */
    const uint8_t *referrer;
    uint32_t url_size;
    uint32_t referrer_size;
    uint32_t rewritten;   /* enum normal_rewritten */
    uint32_t device_type; /* 0: as sent */
} normal_facts;

enum normal_rewritten {
    NORMAL_URL = 1,
    NORMAL_REFERRER = 2,
    NORMAL_USER_AGENT = 4, /* it goes */
    NORMAL_DROPPED = 8,    /* some attribute goes */
    NORMAL_DERIVED = 16    /* some attribute comes */
};

WIRE_PART inline void normal_text(kairos_value *value, const uint8_t *text, uint32_t size) {
    if (!size) return;
    value->bits = (uint64_t)(uintptr_t)text;
    value->size = size;
    value->kind = VALUE_STRING;
}

/* ------------------------------------------------------------------ addresses */

/* Says whether a parameter may stay. */
WIRE_PART int normal_allowed(const normal_rules *rules, const uint8_t *name, uint32_t size) {
    for (uint32_t i = 0; i < rules->query_name_count; i++) {
        const kairos_text *allowed = rules->query_names + i;
        if (allowed->size == size && !memcmp(rules->strings + allowed->offset, name, size))
            return 1;
    }
    return 0;
}

/* Reads one parameter of the page's address into campaign values and click. */
WIRE_PART void normal_campaign(const url_parts *url, const url_pair *pair, const uint8_t *name,
                               uint32_t size, normal_room *room, normal_facts *facts,
                               traffic_visit *visit) {
    static const char *const names[NORMAL_CAMPAIGN_COUNT] = {"source", "medium", "campaign", "term",
                                                             "content"};
    uint32_t source, start = pair->equals < pair->end ? pair->equals + 1 : pair->end;
    if (size < 8 || memcmp(name, "utm_", 4)) {
        source = traffic_find(traffic_clicks, TRAFFIC_COUNT(traffic_clicks), name, size);
        if (source && visit->click != TRAFFIC_PAID) visit->click = source;
        return;
    }
    for (uint32_t i = 0; i < NORMAL_CAMPAIGN_COUNT; i++) {
        kairos_value *value = facts->values + INTAKE_UTM_SOURCE + i;
        if (strlen(names[i]) != size - 4 || memcmp(names[i], name + 4, size - 4)) continue;
        if (value->kind == VALUE_ABSENT)
            normal_text(value, room->campaign[i],
                        url_decode(url->text + start, pair->end - start, room->raw,
                                   room->campaign[i], NORMAL_TEXT_SIZE_MAX));
    }
}

/* Walks the query of an address: campaign values (where `visit` is given), and the parameters that
 * stay, written behind `used` bytes of `result`. Returns the bytes used then. */
WIRE_PART uint32_t normal_query(const normal_rules *rules, const url_parts *url, normal_room *room,
                                normal_facts *facts, traffic_visit *visit, uint8_t *result,
                                uint32_t used) {
    uint8_t name[KAIROS_QUERY_NAME_SIZE_MAX + 1];
    uint32_t at = url->query_start, size, kept = 0;
    url_pair pair;
    while (url_next_pair(url, &at, &pair)) {
        size = url_decode(url->text + pair.start, pair.equals - pair.start, room->raw, name,
                          sizeof name);
        if (visit) normal_campaign(url, &pair, name, size, room, facts, visit);
        if (!(rules->flags & INTAKE_QUERY) || !normal_allowed(rules, name, size)) continue;
        result[used++] = kept++ ? '&' : '?';
        memcpy(result + used, url->text + pair.start, pair.end - pair.start);
        used += pair.end - pair.start;
    }
    return used;
}

/* Writes an address without user, and, where queries are reduced, with the parameters that stay and
 * without fragment. Returns its size; never more than was sent. */
WIRE_PART uint32_t normal_address(const normal_rules *rules, const url_parts *url,
                                  normal_room *room, normal_facts *facts, traffic_visit *visit,
                                  uint8_t *result) {
    uint32_t used = url->user_start, rest = url->path_end - url->user_end;
    memcpy(result, url->text, used);
    memcpy(result + used, url->text + url->user_end, rest);
    used += rest;
    rest = normal_query(rules, url, room, facts, visit, result, used);
    if (rules->flags & INTAKE_QUERY) return rest;
    memcpy(result + used, url->text + url->path_end, url->size - url->path_end);
    return used + url->size - url->path_end;
}

/* Says whether a host is one of the tenant's, or below one. */
WIRE_PART int normal_own_host(const normal_rules *rules, const uint8_t *host, uint32_t size) {
    for (uint32_t i = 0; i < rules->site_host_count; i++) {
        const kairos_text *own = rules->site_hosts + i;
        if (own->size > size) continue;
        if (memcmp(host + size - own->size, rules->strings + own->offset, own->size)) continue;
        if (own->size == size || host[size - own->size - 1] == '.') return 1;
    }
    return 0;
}

/* Derives from `url`: host, path, campaign; and the address as it is logged. */
WIRE_PART void normal_url(const normal_rules *rules, const wire_event *event, normal_room *room,
                          normal_facts *facts, traffic_visit *visit) {
    url_parts url;
    uint32_t size;
    url_split(event->url, event->url_size, room->url, &url);
    visit->host = room->host;
    visit->host_size = url_host(&url, room->host);
    if (url.kind == URL_WEB && !visit->host_size) url.kind = URL_OTHER;
    normal_text(facts->values + INTAKE_URL_HOST, room->host, visit->host_size);
    normal_text(facts->values + INTAKE_URL_PATH, room->path,
                url_path(&url, room->path, KAIROS_STRING_SIZE_MAX));
    size = normal_address(rules, &url, room, facts, visit, room->url_new);
    if (size == event->url_size && !memcmp(room->url_new, event->url, size)) return;
    facts->url = room->url_new;
    facts->url_size = size;
    facts->rewritten |= NORMAL_URL;
}

/* Derives from `referrer`: host; and the address as it is logged. */
WIRE_PART void normal_referrer(const normal_rules *rules, const wire_event *event,
                               normal_room *room, normal_facts *facts, traffic_visit *visit) {
    url_parts url;
    uint32_t size;
    url_split(event->referrer, event->referrer_size, room->referrer, &url);
    visit->referrer = room->referrer_host;
    visit->referrer_size = url_host(&url, room->referrer_host);
    visit->referred = url.size != 0;
    visit->inside = url.kind == URL_RELATIVE
                    || normal_own_host(rules, room->referrer_host, visit->referrer_size);
    normal_text(facts->values + INTAKE_REFERRER_HOST, room->referrer_host, visit->referrer_size);
    if (rules->flags & INTAKE_REFERRER_REDUCE) {
        /* Of an address without a host nothing is kept. */
        if (!visit->referrer_size) url.user_start = url.user_end = url.host_end = 0;
        url.path_end = url.query_start = url.query_end = url.size = url.host_end;
    }
    size = normal_address(rules, &url, room, facts, NULL, room->referrer_new);
    if (size == event->referrer_size && !memcmp(room->referrer_new, event->referrer, size)) return;
    facts->referrer = room->referrer_new;
    facts->referrer_size = size;
    facts->rewritten |= NORMAL_REFERRER;
}

/* Derives all that addresses tell. `medium` and `source`: what the sender gave as utm_medium and
 * utm_source, VALUE_ABSENT where nothing. */
WIRE_PART void normal_addresses(const normal_rules *rules, const wire_event *event,
                                const kairos_value *medium, const kairos_value *source,
                                normal_room *room, normal_facts *facts) {
    traffic_visit visit;
    const kairos_value *values = facts->values;
    uint32_t number;
    memset(&visit, 0, sizeof visit);
    if (rules->flags & INTAKE_URL && event->url_size) normal_url(rules, event, room, facts, &visit);
    if (rules->flags & INTAKE_REFERRER && event->referrer_size)
        normal_referrer(rules, event, room, facts, &visit);
    if (!(rules->flags & INTAKE_URL) || !(rules->flags & INTAKE_REFERRER) || !event->url_size)
        return;
    if (medium->kind == VALUE_ABSENT) medium = values + INTAKE_UTM_MEDIUM;
    if (source->kind == VALUE_ABSENT) source = values + INTAKE_UTM_SOURCE;
    for (uint32_t i = 0; i < NORMAL_CAMPAIGN_COUNT; i++)
        visit.campaign |= values[INTAKE_UTM_SOURCE + i].kind != VALUE_ABSENT;
    visit.campaign |= medium->kind == VALUE_STRING || source->kind == VALUE_STRING;
    if (medium->kind == VALUE_STRING) {
        visit.medium = (const uint8_t *)(uintptr_t)medium->bits;
        visit.medium_size = medium->size;
    }
    if (source->kind == VALUE_STRING) {
        visit.campaign_source = (const uint8_t *)(uintptr_t)source->bits;
        visit.campaign_source_size = source->size;
    }
    number = traffic_of(&visit);
    normal_text(facts->values + INTAKE_TRAFFIC_SOURCE,
                (const uint8_t *)KAIROS_TRAFFIC_NAMES[number],
                (uint32_t)strlen(KAIROS_TRAFFIC_NAMES[number]));
}

/* ------------------------------------------------------------------ bytes */

/* Bytes that the rewritten event takes at most. */
WIRE_PART size_t normal_size(const normal_facts *facts, uint32_t size) {
    size_t total = (size_t)size + facts->url_size + facts->referrer_size + 4 * 8;
    for (uint32_t i = 0; i < INTAKE_FIELD_COUNT; i++) {
        if (facts->values[i].kind == VALUE_ABSENT) continue;
        total += strlen(KAIROS_INTAKE_NAMES[i]) + facts->values[i].size + NORMAL_ATTRIBUTE_SIZE;
    }
    return total;
}

/* Says whether a field of the message stays where it is. */
WIRE_PART inline int normal_stays(const normal_facts *facts, uint32_t tag, uint32_t *attribute) {
    uint32_t i = *attribute;
    switch (tag) {
    case WIRE_TAG(6, WIRE_BYTES):
        *attribute += 1;
        return !(facts->dropped[i / 64] >> (i % 64) & 1);
    case WIRE_TAG(7, WIRE_VARINT): return !facts->device_type;
    case WIRE_TAG(11, WIRE_BYTES): return !(facts->rewritten & NORMAL_URL);
    case WIRE_TAG(12, WIRE_BYTES): return !(facts->rewritten & NORMAL_REFERRER);
    case WIRE_TAG(21, WIRE_BYTES): return !(facts->rewritten & NORMAL_USER_AGENT);
    default: return 1;
    }
}

/* Appends one derived attribute, and lets its value point to where it stands now. */
WIRE_PART void normal_put(output *out, uint32_t field, kairos_value *value) {
    const char *name = KAIROS_INTAKE_NAMES[field];
    size_t name_size = strlen(name), size = 2 + name_size;
    int is_bool = value->kind == VALUE_BOOL;
    size += is_bool ? 2 : 1 + varint_size(value->size) + value->size;
    output_varint(out, WIRE_TAG(6, WIRE_BYTES));
    output_varint(out, size);
    output_slice(out, 1, name, name_size);
    if (is_bool) {
        output_varint(out, WIRE_TAG(6, WIRE_VARINT));
        output_varint(out, value->bits);
        return;
    }
    output_slice(out, 3, (const void *)(uintptr_t)value->bits, value->size);
    value->bits = (uint64_t)(uintptr_t)(out->data + out->used - value->size);
}

/* Writes the event as it is logged: what stays in its order, then what is new. The texts of
 * `facts` point into the output then.
 *   Shapes: out has room for normal_size bytes
 *   Errors: none; overflow would be ours, and is left set */
WIRE_PART void normal_write(const uint8_t *data, uint32_t size, normal_facts *facts, output *out) {
    const uint8_t *p = data, *end = data + size, *run = data;
    uint32_t attribute = 0;
    wire_field field;
    while (p && p < end) {
        const uint8_t *start = p;
        p = wire_read_field(p, end, &field);
        if (normal_stays(facts, field.tag, &attribute)) continue;
        output_bytes(out, run, (size_t)(start - run));
        run = p;
    }
    output_bytes(out, run, (size_t)(end - run));
    if (facts->device_type) output_uint(out, 7, facts->device_type);
    if (facts->rewritten & NORMAL_URL) {
        if (facts->url_size) output_slice(out, 11, facts->url, facts->url_size);
        facts->url = out->data + out->used - facts->url_size;
    }
    if (facts->rewritten & NORMAL_REFERRER) {
        if (facts->referrer_size) output_slice(out, 12, facts->referrer, facts->referrer_size);
        facts->referrer = out->data + out->used - facts->referrer_size;
    }
    for (uint32_t i = 0; i < INTAKE_FIELD_COUNT; i++)
        if (facts->values[i].kind != VALUE_ABSENT) normal_put(out, i, facts->values + i);
}
#endif
