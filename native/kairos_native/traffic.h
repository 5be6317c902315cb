/* Where a visit came from: the table of well-known hosts and the rules of campaign parameters.
 * docs/guides/ingest.md states both; tests compare the tables with it. */
#ifndef KAIROS_TRAFFIC_H
#define KAIROS_TRAFFIC_H
#include "url.h"

enum traffic_source {
    TRAFFIC_NONE = 0,
    TRAFFIC_DIRECT = 1,
    TRAFFIC_INTERNAL = 2,
    TRAFFIC_SEARCH = 3,
    TRAFFIC_SOCIAL = 4,
    TRAFFIC_EMAIL = 5,
    TRAFFIC_PAID = 6,
    TRAFFIC_REFERRAL = 7
};

static const char *const KAIROS_TRAFFIC_NAMES[] = {"",       "direct", "internal", "search",
                                                   "social", "email",  "paid",     "referral"};

typedef struct traffic_name {
    const char *name;
    uint32_t source; /* enum traffic_source */
} traffic_name;

/* Hosts, sorted by bytes. A host is one of them, or ends in a dot and one of them, unless a longer
 * one says otherwise: `mail.google.com` stands before `google.*`. */
static const traffic_name traffic_hosts[] = {
    {"ask.com", TRAFFIC_SEARCH},
    {"baidu.com", TRAFFIC_SEARCH},
    {"behance.net", TRAFFIC_SOCIAL},
    {"bing.com", TRAFFIC_SEARCH},
    {"bsky.app", TRAFFIC_SOCIAL},
    {"coccoc.com", TRAFFIC_SEARCH},
    {"daum.net", TRAFFIC_SEARCH},
    {"discord.com", TRAFFIC_SOCIAL},
    {"dogpile.com", TRAFFIC_SEARCH},
    {"douban.com", TRAFFIC_SOCIAL},
    {"douyin.com", TRAFFIC_SOCIAL},
    {"duckduckgo.com", TRAFFIC_SEARCH},
    {"ecosia.org", TRAFFIC_SEARCH},
    {"excite.com", TRAFFIC_SEARCH},
    {"facebook.com", TRAFFIC_SOCIAL},
    {"fb.com", TRAFFIC_SOCIAL},
    {"fb.me", TRAFFIC_SOCIAL},
    {"fbsbx.com", TRAFFIC_SOCIAL},
    {"flickr.com", TRAFFIC_SOCIAL},
    {"gmx.net", TRAFFIC_EMAIL},
    {"goodreads.com", TRAFFIC_SOCIAL},
    {"instagram.com", TRAFFIC_SOCIAL},
    {"kagi.com", TRAFFIC_SEARCH},
    {"kakao.com", TRAFFIC_SOCIAL},
    {"line.me", TRAFFIC_SOCIAL},
    {"linkedin.com", TRAFFIC_SOCIAL},
    {"lnkd.in", TRAFFIC_SOCIAL},
    {"lycos.com", TRAFFIC_SEARCH},
    {"mail.aol.com", TRAFFIC_EMAIL},
    {"mail.google.com", TRAFFIC_EMAIL},
    {"mail.proton.me", TRAFFIC_EMAIL},
    {"mail.ru", TRAFFIC_EMAIL},
    {"mail.yahoo.com", TRAFFIC_EMAIL},
    {"mail.yandex.ru", TRAFFIC_EMAIL},
    {"mastodon.social", TRAFFIC_SOCIAL},
    {"medium.com", TRAFFIC_SOCIAL},
    {"meetup.com", TRAFFIC_SOCIAL},
    {"messenger.com", TRAFFIC_SOCIAL},
    {"metager.org", TRAFFIC_SEARCH},
    {"mojeek.com", TRAFFIC_SEARCH},
    {"my.mail.ru", TRAFFIC_SOCIAL},
    {"naver.com", TRAFFIC_SEARCH},
    {"news.ycombinator.com", TRAFFIC_SOCIAL},
    {"odnoklassniki.ru", TRAFFIC_SOCIAL},
    {"ok.ru", TRAFFIC_SOCIAL},
    {"outlook.live.com", TRAFFIC_EMAIL},
    {"outlook.office.com", TRAFFIC_EMAIL},
    {"outlook.office365.com", TRAFFIC_EMAIL},
    {"presearch.com", TRAFFIC_SEARCH},
    {"quora.com", TRAFFIC_SOCIAL},
    {"qwant.com", TRAFFIC_SEARCH},
    {"rambler.ru", TRAFFIC_SEARCH},
    {"reddit.com", TRAFFIC_SOCIAL},
    {"renren.com", TRAFFIC_SOCIAL},
    {"search.aol.com", TRAFFIC_SEARCH},
    {"search.brave.com", TRAFFIC_SEARCH},
    {"searx.me", TRAFFIC_SEARCH},
    {"seznam.cz", TRAFFIC_SEARCH},
    {"slideshare.net", TRAFFIC_SOCIAL},
    {"snapchat.com", TRAFFIC_SOCIAL},
    {"so.com", TRAFFIC_SEARCH},
    {"sogou.com", TRAFFIC_SEARCH},
    {"startpage.com", TRAFFIC_SEARCH},
    {"swisscows.com", TRAFFIC_SEARCH},
    {"t.co", TRAFFIC_SOCIAL},
    {"t.me", TRAFFIC_SOCIAL},
    {"telegram.org", TRAFFIC_SOCIAL},
    {"threads.net", TRAFFIC_SOCIAL},
    {"tiktok.com", TRAFFIC_SOCIAL},
    {"tumblr.com", TRAFFIC_SOCIAL},
    {"twitch.tv", TRAFFIC_SOCIAL},
    {"twitter.com", TRAFFIC_SOCIAL},
    {"vimeo.com", TRAFFIC_SOCIAL},
    {"vk.com", TRAFFIC_SOCIAL},
    {"web.de", TRAFFIC_EMAIL},
    {"weibo.com", TRAFFIC_SOCIAL},
    {"whatsapp.com", TRAFFIC_SOCIAL},
    {"x.com", TRAFFIC_SOCIAL},
    {"xing.com", TRAFFIC_SOCIAL},
    {"yandex.ru", TRAFFIC_SEARCH},
    {"yelp.com", TRAFFIC_SOCIAL},
    {"you.com", TRAFFIC_SEARCH},
    {"youtu.be", TRAFFIC_SOCIAL},
    {"youtube.com", TRAFFIC_SOCIAL},
};

/* Names that stand under many top-level domains: `google.de`, `www.google.co.uk`. */
static const traffic_name traffic_brands[] = {
    {"baidu", TRAFFIC_SEARCH},   {"bing", TRAFFIC_SEARCH},  {"google", TRAFFIC_SEARCH},
    {"pinterest", TRAFFIC_SOCIAL}, {"yahoo", TRAFFIC_SEARCH}, {"yandex", TRAFFIC_SEARCH},
};

/* Values of utm_medium, in lower case, sorted by bytes. */
static const traffic_name traffic_media[] = {
    {"affiliate", TRAFFIC_PAID},      {"banner", TRAFFIC_PAID},
    {"cpa", TRAFFIC_PAID},            {"cpc", TRAFFIC_PAID},
    {"cpm", TRAFFIC_PAID},            {"cpv", TRAFFIC_PAID},
    {"display", TRAFFIC_PAID},        {"e-mail", TRAFFIC_EMAIL},
    {"e_mail", TRAFFIC_EMAIL},        {"email", TRAFFIC_EMAIL},
    {"mail", TRAFFIC_EMAIL},          {"newsletter", TRAFFIC_EMAIL},
    {"organic", TRAFFIC_SEARCH},      {"organic-social", TRAFFIC_SOCIAL},
    {"organic_social", TRAFFIC_SOCIAL}, {"paid", TRAFFIC_PAID},
    {"paid-search", TRAFFIC_PAID},    {"paid-social", TRAFFIC_PAID},
    {"paid_search", TRAFFIC_PAID},    {"paid_social", TRAFFIC_PAID},
    {"paidsearch", TRAFFIC_PAID},     {"paidsocial", TRAFFIC_PAID},
    {"ppc", TRAFFIC_PAID},            {"referral", TRAFFIC_REFERRAL},
    {"remarketing", TRAFFIC_PAID},    {"retargeting", TRAFFIC_PAID},
    {"sm", TRAFFIC_SOCIAL},           {"social", TRAFFIC_SOCIAL},
    {"social-media", TRAFFIC_SOCIAL}, {"social-network", TRAFFIC_SOCIAL},
    {"social_media", TRAFFIC_SOCIAL}, {"social_network", TRAFFIC_SOCIAL},
};

/* Values of utm_source, in lower case, sorted by bytes. */
static const traffic_name traffic_campaigns[] = {
    {"baidu", TRAFFIC_SEARCH},     {"bing", TRAFFIC_SEARCH},     {"duckduckgo", TRAFFIC_SEARCH},
    {"email", TRAFFIC_EMAIL},      {"facebook", TRAFFIC_SOCIAL}, {"fb", TRAFFIC_SOCIAL},
    {"google", TRAFFIC_SEARCH},    {"ig", TRAFFIC_SOCIAL},       {"instagram", TRAFFIC_SOCIAL},
    {"linkedin", TRAFFIC_SOCIAL},  {"newsletter", TRAFFIC_EMAIL}, {"pinterest", TRAFFIC_SOCIAL},
    {"reddit", TRAFFIC_SOCIAL},    {"tiktok", TRAFFIC_SOCIAL},   {"twitter", TRAFFIC_SOCIAL},
    {"x", TRAFFIC_SOCIAL},         {"yahoo", TRAFFIC_SEARCH},    {"yandex", TRAFFIC_SEARCH},
    {"youtube", TRAFFIC_SOCIAL},
};

/* Parameters that an advertising network adds to a click, sorted by bytes. */
static const traffic_name traffic_clicks[] = {
    {"dclid", TRAFFIC_PAID},     {"epik", TRAFFIC_SOCIAL},  {"fbclid", TRAFFIC_SOCIAL},
    {"gbraid", TRAFFIC_PAID},    {"gclid", TRAFFIC_PAID},   {"igshid", TRAFFIC_SOCIAL},
    {"li_fat_id", TRAFFIC_PAID}, {"msclkid", TRAFFIC_PAID}, {"ttclid", TRAFFIC_PAID},
    {"twclid", TRAFFIC_PAID},    {"wbraid", TRAFFIC_PAID},  {"yclid", TRAFFIC_PAID},
};

#define TRAFFIC_COUNT(table) ((uint32_t)(sizeof(table) / sizeof *(table)))

/* Returns the source of a name in a sorted table, or TRAFFIC_NONE. */
WIRE_PART uint32_t traffic_find(const traffic_name *table, uint32_t count, const uint8_t *text,
                                uint32_t size) {
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        const char *name = table[middle].name;
        int order = strncmp(name, (const char *)text, size);
        if (!order && name[size]) order = 1;
        if (!order) return table[middle].source;
        if (order < 0) low = middle + 1;
        else count = middle;
    }
    return TRAFFIC_NONE;
}

/* The same for a text in any case; what is longer than every name is none. */
WIRE_PART uint32_t traffic_find_lower(const traffic_name *table, uint32_t count,
                                      const uint8_t *text, uint32_t size) {
    uint8_t lower[32];
    if (!size || size >= sizeof lower) return TRAFFIC_NONE;
    for (uint32_t i = 0; i < size; i++) lower[i] = url_lower(text[i]);
    return traffic_find(table, count, lower, size);
}

/* Says whether the labels from `start` on are a country's domain: `de`, `com`, `co.uk`. */
WIRE_PART int traffic_is_suffix(const uint8_t *host, uint32_t start, uint32_t size) {
    uint32_t labels = 0, length = 0;
    for (uint32_t i = start; i <= size; i++) {
        if (i < size && host[i] != '.') {
            length++;
            continue;
        }
        if (length < 2 || length > 3) return 0;
        labels++;
        length = 0;
    }
    return labels == 1 || labels == 2;
}

/* Returns what kind of site a host is: search, social, email, or TRAFFIC_REFERRAL. */
WIRE_PART uint32_t traffic_host(const uint8_t *host, uint32_t size) {
    for (uint32_t at = 0; at < size; at++) {
        uint32_t found, end = at;
        if (at && host[at - 1] != '.') continue;
        found = traffic_find(traffic_hosts, TRAFFIC_COUNT(traffic_hosts), host + at, size - at);
        if (found) return found;
        while (end < size && host[end] != '.') end++;
        if (end == size || !traffic_is_suffix(host, end + 1, size)) continue;
        found = traffic_find(traffic_brands, TRAFFIC_COUNT(traffic_brands), host + at, end - at);
        if (found) return found;
    }
    return TRAFFIC_REFERRAL;
}

/* What is known of a visit; a size of 0: not there. `click`: enum traffic_source of the strongest
 * click parameter. */
typedef struct traffic_visit {
    const uint8_t *medium;
    const uint8_t *campaign_source;
    const uint8_t *host;     /* of the page, in its one form */
    const uint8_t *referrer; /* host of the page before, in its one form */
    uint32_t medium_size;
    uint32_t campaign_source_size;
    uint32_t host_size;
    uint32_t referrer_size;
    uint32_t click;
    uint32_t campaign; /* 1: some utm parameter is there */
    uint32_t referred; /* 1: there is a referrer, perhaps without a host */
    uint32_t inside;   /* 1: the referrer is a page of the tenant's site */
} traffic_visit;

/* Says whether two hosts are one site: equal but for `www.`. */
WIRE_PART int traffic_same_site(const uint8_t *a, uint32_t a_size, const uint8_t *b,
                                uint32_t b_size) {
    if (a_size > 4 && !memcmp(a, "www.", 4)) a += 4, a_size -= 4;
    if (b_size > 4 && !memcmp(b, "www.", 4)) b += 4, b_size -= 4;
    return a_size && a_size == b_size && !memcmp(a, b, a_size);
}

/* Returns the source of a visit; the first rule that says something counts. */
WIRE_PART uint32_t traffic_of(const traffic_visit *visit) {
    uint32_t medium = traffic_find_lower(traffic_media, TRAFFIC_COUNT(traffic_media),
                                         visit->medium, visit->medium_size);
    uint32_t source = traffic_find_lower(traffic_campaigns, TRAFFIC_COUNT(traffic_campaigns),
                                         visit->campaign_source, visit->campaign_source_size);
    if (medium == TRAFFIC_PAID || visit->click == TRAFFIC_PAID) return TRAFFIC_PAID;
    if (medium) return medium;
    if (source) return source;
    if (visit->campaign) return TRAFFIC_REFERRAL;
    if (visit->click) return visit->click;
    if (!visit->referred) return TRAFFIC_DIRECT;
    if (visit->inside
        || traffic_same_site(visit->host, visit->host_size, visit->referrer, visit->referrer_size))
        return TRAFFIC_INTERNAL;
    if (!visit->referrer_size) return TRAFFIC_REFERRAL;
    return traffic_host(visit->referrer, visit->referrer_size);
}
#endif
