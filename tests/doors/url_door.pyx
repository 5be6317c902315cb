"""Test door of url.h and traffic.h: takes addresses apart, and shows the tables."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc

cdef extern from "traffic.h" nogil:
    ctypedef struct url_parts:
        const uint8_t* text
        uint32_t size
        uint32_t user_start
        uint32_t user_end
        uint32_t query_start
        uint32_t query_end
        uint32_t kind

    ctypedef struct url_pair:
        uint32_t start
        uint32_t equals
        uint32_t end

    ctypedef struct traffic_name:
        const char* name
        uint32_t source

    void url_split(const uint8_t* text, uint32_t size, uint8_t* room, url_parts* url)
    uint32_t url_host(const url_parts* url, uint8_t* host)
    uint32_t url_path(const url_parts* url, uint8_t* path, uint32_t limit)
    int url_next_pair(const url_parts* url, uint32_t* at, url_pair* pair)
    uint32_t url_decode(const uint8_t* text, uint32_t size, uint8_t* room, uint8_t* result,
                        uint32_t limit)
    uint32_t traffic_host_source "traffic_host"(const uint8_t* host, uint32_t size)
    const char* KAIROS_TRAFFIC_NAMES[]
    const traffic_name traffic_hosts[]
    const traffic_name traffic_brands[]
    const traffic_name traffic_media[]
    const traffic_name traffic_campaigns[]
    const traffic_name traffic_clicks[]
    enum:
        TRAFFIC_HOST_COUNT "TRAFFIC_COUNT(traffic_hosts)"
        TRAFFIC_BRAND_COUNT "TRAFFIC_COUNT(traffic_brands)"
        TRAFFIC_MEDIUM_COUNT "TRAFFIC_COUNT(traffic_media)"
        TRAFFIC_CAMPAIGN_COUNT "TRAFFIC_COUNT(traffic_campaigns)"
        TRAFFIC_CLICK_COUNT "TRAFFIC_COUNT(traffic_clicks)"

KINDS = ("other", "relative", "web")


def split(bytes text):
    """Returns (kind, host, path, [(name, value), …] decoded); None for what is not there."""
    cdef url_parts url
    cdef url_pair pair
    cdef uint32_t size = <uint32_t>len(text), at, used
    cdef uint8_t* room = <uint8_t*>malloc(8 * size + 1024)
    cdef uint8_t* result = room + 2 * size + 256
    try:
        url_split(<const uint8_t*><const char*>text, size, room, &url)
        used = url_host(&url, result)
        host = result[:used] if used else None
        used = url_path(&url, result, 3 * size + 4)
        path = result[:used] if used else None
        pairs = []
        at = url.query_start
        while url_next_pair(&url, &at, &pair):
            name = decode((<const char*>url.text)[pair.start:pair.equals], 1 << 20)
            value = b""
            if pair.equals < pair.end:
                value = decode((<const char*>url.text)[pair.equals + 1:pair.end], 1 << 20)
            pairs.append((name, value))
        return KINDS[url.kind], host, path, pairs
    finally:
        free(room)


def decode(bytes text, uint32_t limit):
    """Returns a name or value of a query, decoded and cut."""
    cdef uint32_t size = <uint32_t>len(text), used
    cdef uint8_t* room = <uint8_t*>malloc(4 * size + 4)
    try:
        used = url_decode(<const uint8_t*><const char*>text, size, room, room + size, limit)
        return room[size:size + used]
    finally:
        free(room)


def source_of(bytes host):
    """Returns what kind of site a host is."""
    return KAIROS_TRAFFIC_NAMES[traffic_host_source(<const uint8_t*><const char*>host,
                                                    <uint32_t>len(host))].decode()


cdef list rows(const traffic_name* table, uint32_t count):
    return [(table[i].name.decode(), KAIROS_TRAFFIC_NAMES[table[i].source].decode())
            for i in range(count)]


def tables():
    """Returns table -> rows."""
    return {
        "hosts": rows(traffic_hosts, TRAFFIC_HOST_COUNT),
        "brands": rows(traffic_brands, TRAFFIC_BRAND_COUNT),
        "media": rows(traffic_media, TRAFFIC_MEDIUM_COUNT),
        "campaigns": rows(traffic_campaigns, TRAFFIC_CAMPAIGN_COUNT),
        "clicks": rows(traffic_clicks, TRAFFIC_CLICK_COUNT),
    }
