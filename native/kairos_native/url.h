/* Takes addresses apart as browsers do (WHATWG URL Standard, of http and https), without building
 * an object: host, path, and the parameters of the query.
 *
 * Security model. Any bytes of valid UTF-8 may come. Nothing outside text[0 .. size) is read and
 * nothing outside the rooms given is written; every result is valid UTF-8; work is O(size). What
 * differs from the standard: hosts beyond ASCII stay as they were sent (their ASCII form depends on
 * a Unicode version, and a log must not), a host has at most 255 bytes, and an address without a
 * scheme is read as a path of its own site. tests/native/test_url.py compares with ada. */
#ifndef KAIROS_URL_H
#define KAIROS_URL_H
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "limits.h"
#include "wire_name.h"

enum { URL_HOST_SIZE_MAX = 255 };

enum url_kind {
    URL_OTHER = 0,    /* another scheme, or nothing that can be read: no host, no path */
    URL_RELATIVE = 1, /* `/path`, `?query`, `#fragment`: no host */
    URL_WEB = 2       /* http, https, or `//host` */
};

/* Where the parts lie in `text`; start = end where there is none. `path` begins at its slash. */
typedef struct url_parts {
    const uint8_t *text;
    uint32_t size;
    uint32_t user_start;
    uint32_t user_end; /* after the `@` */
    uint32_t host_start;
    uint32_t host_end;
    uint32_t path_start;
    uint32_t path_end;
    uint32_t query_start; /* after the `?` */
    uint32_t query_end;
    uint32_t kind;    /* enum url_kind */
    uint32_t changed; /* 1: white space was cut from what was sent */
    uint32_t asked;   /* 1: there is a `?`, even before nothing */
} url_parts;

WIRE_PART inline int url_is_slash(uint8_t byte) { return byte == '/' || byte == '\\'; }
WIRE_PART inline uint8_t url_lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

/* Value of a hexadecimal digit, or -1. */
WIRE_PART inline int url_hex(uint8_t byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    byte = url_lower(byte);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Reads one byte that may be written as %XX, at *i; moves *i behind it. */
WIRE_PART inline uint8_t url_byte(const uint8_t *text, uint32_t end, uint32_t *i) {
    uint8_t byte = text[(*i)++];
    if (byte == '%' && end - *i >= 2) {
        int high = url_hex(text[*i]), low = url_hex(text[*i + 1]);
        if (high >= 0 && low >= 0) {
            *i += 2;
            return (uint8_t)(high * 16 + low);
        }
    }
    return byte;
}

/* Cuts white space and control characters from both ends, and tabs and line ends everywhere, for
 * which alone the text is copied. `room` holds `size` bytes. */
WIRE_PART const uint8_t *url_trim(const uint8_t *text, uint32_t *size, uint8_t *room) {
    uint32_t used = 0, count = *size, dirty = 0;
    while (count && text[count - 1] <= ' ') count--;
    while (count && *text <= ' ') text++, count--;
    for (uint32_t i = 0; i < count; i++)
        dirty |= text[i] == '\t' || text[i] == '\n' || text[i] == '\r';
    *size = count;
    if (!dirty) return text;
    for (uint32_t i = 0; i < count; i++)
        if (text[i] != '\t' && text[i] != '\n' && text[i] != '\r') room[used++] = text[i];
    *size = used;
    return room;
}

/* Size of the scheme with its colon, or 0. */
WIRE_PART inline uint32_t url_scheme(const uint8_t *text, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte = url_lower(text[i]);
        if (byte == ':') return i ? i + 1 : 0;
        if (byte >= 'a' && byte <= 'z') continue;
        if (!i || (!(byte >= '0' && byte <= '9') && byte != '+' && byte != '-' && byte != '.'))
            return 0;
    }
    return 0;
}

/* Says whether the scheme is http or https. */
WIRE_PART inline int url_is_web(const uint8_t *text, uint32_t scheme_size) {
    static const char name[] = "https:";
    if (scheme_size != 5 && scheme_size != 6) return 0;
    for (uint32_t i = 0; i + 1 < scheme_size; i++)
        if (url_lower(text[i]) != (uint8_t)name[i]) return 0;
    return 1;
}

/* Places user, host and port of what begins at `start`; returns 0 for a port that is none. */
WIRE_PART int url_authority(url_parts *url, uint32_t start) {
    const uint8_t *text = url->text;
    uint32_t end = start, port = 0, colon, bracket = 0;
    while (end < url->size && !url_is_slash(text[end]) && text[end] != '?' && text[end] != '#')
        end++;
    url->user_start = url->user_end = url->host_start = start;
    for (uint32_t i = start; i < end; i++)
        if (text[i] == '@') url->user_end = url->host_start = i + 1;
    for (colon = url->host_start; colon < end && (bracket || text[colon] != ':'); colon++) {
        if (text[colon] == '[') bracket = 1;
        if (text[colon] == ']') bracket = 0;
    }
    for (uint32_t i = colon + 1; i < end; i++) {
        if (!wire_is_digit(text[i])) return 0;
        port = port * 10 + (uint32_t)(text[i] - '0');
        if (port > 65535) return 0;
    }
    url->host_end = colon;
    url->path_start = end;
    return 1;
}

/* Takes a text apart. `room` holds `size` bytes and lives as long as the parts. */
WIRE_PART void url_split(const uint8_t *text, uint32_t size, uint8_t *room, url_parts *url) {
    uint32_t at, scheme, before = size;
    memset(url, 0, sizeof *url);
    url->text = url_trim(text, &size, room);
    url->size = size;
    url->changed = before != size;
    text = url->text;
    scheme = url_scheme(text, size);
    at = scheme;
    if (url_is_web(text, scheme)
        || (!scheme && size >= 2 && url_is_slash(text[0]) && url_is_slash(text[1]))) {
        while (at < size && url_is_slash(text[at])) at++;
        if (url_authority(url, at)) url->kind = URL_WEB;
        at = url->kind ? url->path_start : at;
    } else if (!scheme && (!size || url_is_slash(*text) || *text == '?' || *text == '#')) {
        url->kind = URL_RELATIVE;
    }
    url->path_start = at;
    while (at < size && text[at] != '?' && text[at] != '#') at++;
    url->path_end = url->query_start = url->query_end = at;
    if (at == size || text[at] != '?') return;
    url->asked = 1;
    url->query_start = ++at;
    while (at < size && text[at] != '#') at++;
    url->query_end = at;
}

/* ------------------------------------------------------------------ host */

/* Bytes that no domain may hold (the standard's forbidden domain code points, and what is upper
 * case by now would be a fault of ours). */
WIRE_PART inline int url_host_byte(uint8_t byte) {
    if (byte <= ' ' || byte == 0x7F) return 0;
    return !strchr("#/:<>?@[\\]^|%", byte);
}

/* Reads one number of an IPv4 address in base 8, 10 or 16; -1 where it is none. */
WIRE_PART int64_t url_number(const uint8_t *text, uint32_t size) {
    uint64_t value = 0;
    uint32_t base = 10, i = 0;
    if (!size) return -1;
    if (size >= 2 && text[0] == '0' && text[1] == 'x') base = 16, i = 2;
    else if (size >= 2 && text[0] == '0') base = 8, i = 1;
    for (; i < size; i++) {
        int digit = url_hex(text[i]);
        if (digit < 0 || (uint32_t)digit >= base) return -1;
        value = value * base + (uint32_t)digit;
        if (value > UINT32_MAX) value = (uint64_t)UINT32_MAX + 1;
    }
    return (int64_t)value;
}

/* Says whether the last part of a host makes it an address of numbers. */
WIRE_PART int url_ends_in_number(const uint8_t *host, uint32_t size) {
    uint32_t start, digits = 1;
    if (size && host[size - 1] == '.') size--;
    for (start = size; start && host[start - 1] != '.'; start--)
        digits &= wire_is_digit(host[start - 1]);
    if (start == size) return 0;
    return digits || (host[start] == '0' && url_number(host + start, size - start) >= 0);
}

/* Replaces a host that ends in a number by its four numbers; returns its size, 0 for none. */
WIRE_PART uint32_t url_ipv4(uint8_t *host, uint32_t size) {
    uint64_t address = 0;
    uint32_t parts = 0, start = 0;
    int64_t numbers[4] = {0};
    char text[16];
    if (host[size - 1] == '.') size--;
    for (uint32_t i = 0; i <= size; i++) {
        if (i < size && host[i] != '.') continue;
        if (parts == 4) return 0;
        numbers[parts] = url_number(host + start, i - start);
        if (numbers[parts++] < 0) return 0;
        start = i + 1;
    }
    for (uint32_t i = 0; i + 1 < parts; i++) {
        if (numbers[i] > 255) return 0;
        address |= (uint64_t)numbers[i] << (8 * (3 - i));
    }
    if ((uint64_t)numbers[parts - 1] >= 1ull << (8 * (5 - parts))) return 0;
    address |= (uint64_t)numbers[parts - 1];
    snprintf(text, sizeof text, "%u.%u.%u.%u", (unsigned)(address >> 24 & 255),
             (unsigned)(address >> 16 & 255), (unsigned)(address >> 8 & 255),
             (unsigned)(address & 255));
    size = (uint32_t)strlen(text);
    memcpy(host, text, size);
    return size;
}

/* Writes an IPv6 address between brackets in the one form of RFC 5952; 0 where it is none. */
WIRE_PART uint32_t url_ipv6(const uint8_t *text, uint32_t size, uint8_t *host) {
    char copy[48], out[48];
    uint8_t bytes[16];
    uint32_t best = 0, best_count = 1, used = 1;
    if (size < 2 || size > sizeof copy || text[size - 1] != ']') return 0;
    memcpy(copy, text + 1, size - 2);
    copy[size - 2] = 0;
    if (strlen(copy) != size - 2 || inet_pton(AF_INET6, copy, bytes) != 1) return 0;
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t run = 0;
        while (i + run < 8 && !bytes[2 * (i + run)] && !bytes[2 * (i + run) + 1]) run++;
        if (run > best_count) best = i, best_count = run;
    }
    if (best_count == 1) best = 8;
    out[0] = '[';
    for (uint32_t i = 0; i < 8; i++) {
        if (i == best) {
            out[used++] = ':';
            if (!i) out[used++] = ':';
            i += best_count - 1;
            continue;
        }
        used += (uint32_t)snprintf(out + used, sizeof out - used, "%x",
                                   (unsigned)(bytes[2 * i] << 8 | bytes[2 * i + 1]));
        if (i < 7) out[used++] = ':';
    }
    out[used++] = ']';
    memcpy(host, out, used);
    return used;
}

/* Writes the host in its one form; returns its size, 0 where there is none.
 *   Shapes: host[URL_HOST_SIZE_MAX] */
WIRE_PART uint32_t url_host(const url_parts *url, uint8_t *host) {
    const uint8_t *text = url->text;
    uint32_t used = 0, i = url->host_start;
    if (url->kind != URL_WEB || i == url->host_end) return 0;
    if (text[i] == '[') return url_ipv6(text + i, url->host_end - i, host);
    while (i < url->host_end) {
        uint8_t byte = url_lower(url_byte(text, url->host_end, &i));
        if (used == URL_HOST_SIZE_MAX || !url_host_byte(byte)) return 0;
        host[used++] = byte;
    }
    if (!wire_utf8_valid(host, used)) return 0;
    return url_ends_in_number(host, used) ? url_ipv4(host, used) : used;
}

/* ------------------------------------------------------------------ path */

/* Number of dots that a segment stands for: 1, 2, or 0 for any other; `%2e` is a dot. */
WIRE_PART inline uint32_t url_dots(const uint8_t *segment, uint32_t size) {
    uint32_t dots = 0;
    for (uint32_t i = 0; i < size; dots++) {
        if (dots == 2 || (segment[i] != '.' && segment[i] != '%')) return 0;
        if (segment[i] == '%'
            && (size - i < 3 || segment[i + 1] != '2' || url_lower(segment[i + 2]) != 'e'))
            return 0;
        i += segment[i] == '%' ? 3 : 1;
    }
    return dots;
}

/* Says whether a byte of a path is written as %XX. */
WIRE_PART inline int url_escaped(uint8_t byte) {
    return byte <= ' ' || byte >= 0x7F || strchr("\"#<>?^`{}", byte) != NULL;
}

/* Writes the path in its one form: slashes forward, dots resolved, what must be escaped escaped.
 * Returns its size; 0 where there is none, or where it is longer than `limit`. */
WIRE_PART uint32_t url_path(const url_parts *url, uint8_t *path, uint32_t limit) {
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *text = url->text;
    uint32_t used = 0, start = url->path_start, end = url->path_end;
    if (url->kind == URL_OTHER || (url->kind == URL_RELATIVE && start == end)) return 0;
    if (start < end) start++;
    for (uint32_t stop = start;; start = stop + 1) {
        for (stop = start; stop < end && !url_is_slash(text[stop]);) stop++;
        uint32_t dots = url_dots(text + start, stop - start);
        if (dots == 2)
            while (used && path[--used] != '/') {}
        if (!dots || stop == end) {
            if (used == limit) return 0;
            path[used++] = '/';
        }
        for (uint32_t i = start; !dots && i < stop; i++) {
            if (limit - used < 3) return 0;
            if (!url_escaped(text[i])) {
                path[used++] = text[i];
                continue;
            }
            path[used++] = '%';
            path[used++] = (uint8_t)digits[text[i] >> 4];
            path[used++] = (uint8_t)digits[text[i] & 15];
        }
        if (stop == end) return used;
    }
}

/* ------------------------------------------------------------------ query */

/* One parameter as it stands: `name=value`, or a name alone. */
typedef struct url_pair {
    uint32_t start;
    uint32_t equals; /* = end where there is no `=` */
    uint32_t end;
} url_pair;

/* Places the next parameter from *at on; 0 after the last. Empty ones are passed over. */
WIRE_PART inline int url_next_pair(const url_parts *url, uint32_t *at, url_pair *pair) {
    const uint8_t *text = url->text;
    while (*at < url->query_end && text[*at] == '&') *at += 1;
    if (*at >= url->query_end) return 0;
    pair->start = *at;
    pair->equals = UINT32_MAX;
    for (pair->end = *at; pair->end < url->query_end && text[pair->end] != '&'; pair->end++)
        if (text[pair->end] == '=' && pair->equals == UINT32_MAX) pair->equals = pair->end;
    if (pair->equals == UINT32_MAX) pair->equals = pair->end;
    *at = pair->end;
    return 1;
}

/* Size of the longest start of `p` that could begin a UTF-8 sequence; *whole says that it is one.
 *   Source: Encoding Standard, UTF-8 decoder (one U+FFFD for each such start) */
WIRE_PART inline uint32_t url_sequence(const uint8_t *p, uint32_t left, int *whole) {
    uint8_t first = p[0], low = 0x80, high = 0xBF;
    uint32_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4, have = 1;
    *whole = first < 0x80;
    if (first < 0xC2 || first > 0xF4) return 1;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    while (have < size && have < left && p[have] >= low && p[have] <= high) {
        low = 0x80;
        high = 0xBF;
        have++;
    }
    *whole = have == size;
    return have;
}

/* Decodes a name or value of a query: `+` is a space, %XX a byte, what is not UTF-8 becomes U+FFFD.
 * Cuts at a character where it would pass `limit`; returns the size. `room` holds as many bytes as
 * the text. */
WIRE_PART uint32_t url_decode(const uint8_t *text, uint32_t size, uint8_t *room, uint8_t *result,
                              uint32_t limit) {
    uint32_t raw = 0, used = 0, step;
    int whole;
    for (uint32_t i = 0; i < size;) {
        uint8_t sent = text[i], byte = url_byte(text, size, &i);
        room[raw++] = sent == '+' ? ' ' : byte;
    }
    for (uint32_t i = 0; i < raw; i += step) {
        step = url_sequence(room + i, raw - i, &whole);
        if (used + (whole ? step : 3) > limit) break;
        memcpy(result + used, whole ? room + i : (const uint8_t *)"\xEF\xBF\xBD", whole ? step : 3);
        used += whole ? step : 3;
    }
    return used;
}
#endif
