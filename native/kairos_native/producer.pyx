# Contract in producer.pxd; why the state looks so stands in docs/adr/0025-producer-numbers.md.
#
# A window is the greatest number seen and one bit for each of the PRODUCER_WINDOW numbers below it,
# at the number modulo the window's size: when the greatest moves on by one, its own bit takes the
# place of the number that falls out. So a window never moves, and noting a number costs the same
# wherever it lies.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from kairos_native.hash cimport kairos_siphash128
from kairos_native.keys cimport *
from kairos_native.limits cimport KAIROS_PRODUCER_ID_SIZE_MAX
from kairos_native.status cimport *
from kairos_native.store cimport STORE_PRODUCERS, store, store_put, store_value, store_write_get

cdef enum:
    WINDOW_WORDS = 16               # of 64 bits: PRODUCER_WINDOW of them
    BUCKETS = 8192                  # power of two, twice PRODUCERS_KEPT
    WINDOW_SIZE = 160               # kairos_stored and window_stored
    PRODUCER_KEY_SIZE = 22          # prefix and keyed hash
    DOMAIN_SIZE = 9

# Keeps the hash of a producer's id apart from those of subjects and events under the same key.
cdef const char* DOMAIN = b"producer\0"


# As stored, behind a kairos_stored. The layout has no padding.
cdef struct window_stored:
    uint64_t greatest
    uint64_t number_last            # noted by the record of the stored sequence
    uint64_t seen[WINDOW_WORDS]

cdef struct window:
    window_stored kept
    uint64_t sequence               # of the last record that noted a number here
    window* newer                   # by time of use
    window* older
    window* following               # in its bucket
    window* changed_before          # in the list of changed windows
    uint8_t key[PRODUCER_KEY_SIZE]
    bint changed

cdef struct producers:
    store* view
    window* windows                 # PRODUCERS_KEPT
    window* newest
    window* oldest
    window* changed
    window* last                    # whom the previous number was for; NULL: nobody
    uint32_t used_count
    uint32_t changed_count
    uint32_t last_tenant
    uint32_t last_id_size
    uint16_t partition
    uint8_t last_id[KAIROS_PRODUCER_ID_SIZE_MAX]
    window* buckets[BUCKETS]


cdef producers* producers_open(store* view, uint16_t partition) noexcept nogil:
    cdef producers* table = <producers*>calloc(1, sizeof(producers))
    if table == NULL:
        return NULL
    table.windows = <window*>calloc(PRODUCERS_KEPT, sizeof(window))
    if table.windows == NULL:
        free(table)
        return NULL
    table.view = view
    table.partition = partition
    return table


cdef void producers_close(producers* table) noexcept nogil:
    if table != NULL:
        free(table.windows)
        free(table)


cdef void producers_forget(producers* table) noexcept nogil:
    memset(table.buckets, 0, sizeof(table.buckets))
    table.newest = NULL
    table.oldest = NULL
    table.changed = NULL
    table.last = NULL
    table.used_count = 0
    table.changed_count = 0


cdef uint32_t producers_changed(const producers* table) noexcept nogil:
    return table.changed_count


# ---------------------------------------------------------------- windows in memory
cdef inline window** window_bucket(producers* table, const uint8_t* key) noexcept nogil:
    cdef uint64_t hash
    # A keyed hash is random enough to be used as it is.
    memcpy(&hash, key + 6, 8)
    return &table.buckets[(hash ^ key[5]) & (BUCKETS - 1)]


cdef inline void window_unlink(producers* table, window* place) noexcept nogil:
    if place.newer != NULL:
        place.newer.older = place.older
    else:
        table.newest = place.older
    if place.older != NULL:
        place.older.newer = place.newer
    else:
        table.oldest = place.newer


cdef inline void window_link(producers* table, window* place) noexcept nogil:
    place.newer = NULL
    place.older = table.newest
    if table.newest != NULL:
        table.newest.newer = place
    else:
        table.oldest = place
    table.newest = place


cdef int32_t window_write(producers* table, const window* place) noexcept nogil:
    cdef uint8_t value[WINDOW_SIZE]
    memcpy(value + STORED_SIZE, &place.kept, sizeof(window_stored))
    stored_seal(value, sizeof(window_stored), place.sequence)
    return store_put(table.view, STORE_PRODUCERS, place.key, PRODUCER_KEY_SIZE, value,
                     WINDOW_SIZE)


cdef int32_t window_read(producers* table, window* place) noexcept nogil:
    cdef store_value value
    cdef int32_t status = store_write_get(table.view, STORE_PRODUCERS, place.key,
                                          PRODUCER_KEY_SIZE, &value)
    memset(&place.kept, 0, sizeof(window_stored))
    place.sequence = 0
    place.changed = False
    if status == STATUS_STORE_NOT_FOUND:
        return STATUS_OK
    if status != STATUS_OK:
        return status
    if value.size != WINDOW_SIZE or not stored_valid(value.data, value.size):
        return STATUS_RECORD_CORRUPT
    memcpy(&place.sequence, value.data, 8)
    memcpy(&place.kept, value.data + STORED_SIZE, sizeof(window_stored))
    return STATUS_OK


# Returns a place for a window: a free one, or that of the least recently used.
cdef int32_t window_take(producers* table, window** result) noexcept nogil:
    cdef window* place
    cdef window** link
    cdef int32_t status
    if table.used_count < PRODUCERS_KEPT:
        result[0] = &table.windows[table.used_count]
        table.used_count += 1
        return STATUS_OK
    place = table.oldest
    if place.changed:
        # More producers in one transaction than there are places.
        status = producers_flush(table)
        if status != STATUS_OK:
            return status
    window_unlink(table, place)
    link = window_bucket(table, place.key)
    while link[0] != place:
        link = &link[0].following
    link[0] = place.following
    if table.last == place:
        table.last = NULL
    result[0] = place
    return STATUS_OK


cdef int32_t window_find(producers* table, const uint8_t* key, window** result) noexcept nogil:
    cdef window** bucket = window_bucket(table, key)
    cdef window* place = bucket[0]
    cdef int32_t status
    while place != NULL and memcmp(place.key, key, PRODUCER_KEY_SIZE) != 0:
        place = place.following
    if place != NULL:
        window_unlink(table, place)
    else:
        status = window_take(table, &place)
        if status != STATUS_OK:
            return status
        memcpy(place.key, key, PRODUCER_KEY_SIZE)
        place.following = bucket[0]
        bucket[0] = place
        status = window_read(table, place)
        if status != STATUS_OK:
            # The node stops; until then no half-made window may be found.
            producers_forget(table)
            return status
    window_link(table, place)
    result[0] = place
    return STATUS_OK


# ---------------------------------------------------------------- numbers
# True when the number was seen, or lies below the window.
cdef inline bint window_seen(const window_stored* kept, uint64_t number) noexcept nogil:
    cdef uint32_t bit = <uint32_t>(number % PRODUCER_WINDOW)
    if number > kept.greatest:
        return False
    if number == kept.greatest or kept.greatest - number > PRODUCER_WINDOW:
        return True
    return (kept.seen[bit >> 6] >> (bit & 63)) & 1


# Takes the bits of `count` numbers from `number` on out of the window; count < PRODUCER_WINDOW.
cdef inline void window_clear(window_stored* kept, uint64_t number, uint64_t count) noexcept nogil:
    cdef uint32_t bit, size
    cdef uint64_t mask
    while count:
        bit = <uint32_t>(number % PRODUCER_WINDOW)
        size = 64 - (bit & 63)
        if size > count:
            size = <uint32_t>count
        mask = (~<uint64_t>0 if size == 64 else (<uint64_t>1 << size) - 1) << (bit & 63)
        kept.seen[bit >> 6] &= ~mask
        number += size
        count -= size


cdef inline void window_add(window_stored* kept, uint64_t number) noexcept nogil:
    cdef uint32_t bit
    if number > kept.greatest:
        if number - kept.greatest > PRODUCER_WINDOW:
            memset(kept.seen, 0, sizeof(kept.seen))
        else:
            window_clear(kept, kept.greatest + 1, number - kept.greatest - 1)
            bit = <uint32_t>(kept.greatest % PRODUCER_WINDOW)
            kept.seen[bit >> 6] |= <uint64_t>1 << (bit & 63)
        kept.greatest = number
    else:
        bit = <uint32_t>(number % PRODUCER_WINDOW)
        kept.seen[bit >> 6] |= <uint64_t>1 << (bit & 63)


cdef int32_t window_of(producers* table, uint32_t tenant, const uint8_t* hash_key,
                       const uint8_t* producer_id, uint32_t producer_id_size,
                       window** result) noexcept nogil:
    cdef uint8_t text[DOMAIN_SIZE + KAIROS_PRODUCER_ID_SIZE_MAX]
    cdef uint8_t key[PRODUCER_KEY_SIZE]
    cdef int32_t status
    # Events of a batch are mostly of one producer.
    if (table.last != NULL and tenant == table.last_tenant
            and producer_id_size == table.last_id_size
            and memcmp(producer_id, table.last_id, producer_id_size) == 0):
        result[0] = table.last
        return STATUS_OK
    memcpy(text, DOMAIN, DOMAIN_SIZE)
    memcpy(text + DOMAIN_SIZE, producer_id, producer_id_size)
    put_prefix(key, table.partition, tenant)
    kairos_siphash128(hash_key, text, DOMAIN_SIZE + producer_id_size, key + 6)
    status = window_find(table, key, result)
    if status != STATUS_OK:
        return status
    table.last = result[0]
    table.last_tenant = tenant
    table.last_id_size = producer_id_size
    memcpy(table.last_id, producer_id, producer_id_size)
    return STATUS_OK


cdef int32_t producer_note(producers* table, uint32_t tenant, const uint8_t* hash_key,
                           const uint8_t* producer_id, uint32_t producer_id_size, uint64_t number,
                           uint64_t sequence) noexcept nogil:
    cdef window* place
    cdef int32_t status
    if producer_id_size > KAIROS_PRODUCER_ID_SIZE_MAX:
        return -STATUS_RECORD_CORRUPT
    status = window_of(table, tenant, hash_key, producer_id, producer_id_size, &place)
    if status != STATUS_OK:
        return -status
    if sequence <= place.sequence:
        # Windows are of the applied position, to the record: only the record itself may come again.
        if sequence == place.sequence and number == place.kept.number_last:
            return 0
        return -STATUS_RECORD_CORRUPT
    if window_seen(&place.kept, number):
        return 1
    window_add(&place.kept, number)
    place.kept.number_last = number
    place.sequence = sequence
    if not place.changed:
        place.changed = True
        place.changed_before = table.changed
        table.changed = place
        table.changed_count += 1
    return 0


cdef int32_t producers_flush(producers* table) noexcept nogil:
    cdef window* place = table.changed
    cdef int32_t status
    while place != NULL:
        status = window_write(table, place)
        if status != STATUS_OK:
            return status
        place.changed = False
        table.changed = place.changed_before
        table.changed_count -= 1
        place = table.changed
    return STATUS_OK
