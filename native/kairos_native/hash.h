/* Hashes of the core, plain C so that the fuzzers can link them. */
#ifndef KAIROS_HASH_H
#define KAIROS_HASH_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t kairos_load64(const uint8_t *p) {
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

/* Returns 1 to 7 bytes, the rest zero, by loads that overlap:
 * a copy of unknown size would be a call. */
static inline uint64_t kairos_load_tail(const uint8_t *p, size_t size) {
    uint32_t low, high;
    if (size >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + size - 4, 4);
        return low | (uint64_t)high << (8 * (size - 4));
    }
    return (uint64_t)p[0] | (uint64_t)p[size >> 1] << (8 * (size >> 1))
           | (uint64_t)p[size - 1] << (8 * (size - 1));
}

/* Folds a 64 x 64 -> 128 bit product; the mixing step of the multiply-fold family of hashes. */
static inline uint64_t kairos_fold(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Not keyed: used only for look-ups in tables whose contents the tenant's own documents fix, with
 * bounded probe lengths. */
static inline uint64_t kairos_hash64(uint32_t space, const void *data, size_t size) {
    const uint8_t *p = (const uint8_t *)data;
    uint64_t hash = ((uint64_t)space + 1) * 0x9E3779B97F4A7C15ull
                    ^ (uint64_t)size * 0xD6E8FEB86659FD93ull;
    while (size >= 8) {
        hash = kairos_fold(hash ^ kairos_load64(p), 0xA0761D6478BD642Full);
        p += 8;
        size -= 8;
    }
    if (size) {
        uint64_t tail = kairos_load_tail(p, size);
        hash = kairos_fold(hash ^ tail, 0xE7037ED1A0B428DBull);
    }
    return kairos_fold(hash ^ 0x8EBC6AF09C88C6E3ull, 0x589965CC75374CC3ull);
}

#define KAIROS_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define KAIROS_SIPROUND                                                                            \
    do {                                                                                           \
        v0 += v1; v1 = KAIROS_ROTL(v1, 13); v1 ^= v0; v0 = KAIROS_ROTL(v0, 32);                    \
        v2 += v3; v3 = KAIROS_ROTL(v3, 16); v3 ^= v2;                                              \
        v0 += v3; v3 = KAIROS_ROTL(v3, 21); v3 ^= v0;                                              \
        v2 += v1; v1 = KAIROS_ROTL(v1, 17); v1 ^= v2; v2 = KAIROS_ROTL(v2, 32);                    \
    } while (0)

/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012, and its 128-bit extension). Keyed: what it names cannot be guessed without the tenant's
 * key. */
static inline void kairos_siphash128(const uint8_t *key, const void *data, size_t size,
                                     uint8_t *result16) {
    const uint8_t *p = (const uint8_t *)data;
    uint64_t k0 = kairos_load64(key), k1 = kairos_load64(key + 8);
    uint64_t v0 = 0x736f6d6570736575ull ^ k0, v1 = 0x646f72616e646f6dull ^ k1 ^ 0xee;
    uint64_t v2 = 0x6c7967656e657261ull ^ k0, v3 = 0x7465646279746573ull ^ k1;
    uint64_t last = (uint64_t)size << 56, half;
    size_t left = size;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t m = kairos_load64(p);
        v3 ^= m;
        KAIROS_SIPROUND;
        KAIROS_SIPROUND;
        v0 ^= m;
    }
    for (size_t i = 0; i < left; i++) last |= (uint64_t)p[i] << (8 * i);
    v3 ^= last;
    KAIROS_SIPROUND;
    KAIROS_SIPROUND;
    v0 ^= last;
    v2 ^= 0xee;
    for (int i = 0; i < 4; i++) KAIROS_SIPROUND;
    half = v0 ^ v1 ^ v2 ^ v3;
    memcpy(result16, &half, 8);
    v1 ^= 0xdd;
    for (int i = 0; i < 4; i++) KAIROS_SIPROUND;
    half = v0 ^ v1 ^ v2 ^ v3;
    memcpy(result16 + 8, &half, 8);
}
#undef KAIROS_SIPROUND
#undef KAIROS_ROTL

/* crc32c, reflected polynomial 0x82F63B78 (RFC 3720, appendix B.4). One nibble at a time: the table
 * is 64 bytes and this path only runs where the processor has no instruction for it. */
static inline uint32_t kairos_crc32c_portable(uint32_t crc, const uint8_t *p, size_t size) {
    static const uint32_t table[16] = {
        0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u,
        0x417B1DBCu, 0x5125DAD3u, 0x61C69362u, 0x7198540Du,
        0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u,
        0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u};
    crc = ~crc;
    while (size--) {
        crc ^= *p++;
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static inline uint32_t kairos_crc32c_sse42(
    uint32_t crc, const uint8_t *p, size_t size) {
    uint64_t wide = (uint32_t)~crc;
    for (; size >= 8; size -= 8, p += 8) wide = _mm_crc32_u64(wide, kairos_load64(p));
    crc = (uint32_t)wide;
    while (size--) crc = _mm_crc32_u8(crc, *p++);
    return ~crc;
}
#endif

static inline uint32_t kairos_crc32c(uint32_t crc, const void *data, size_t size) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return kairos_crc32c_sse42(crc, (const uint8_t *)data, size);
#endif
    return kairos_crc32c_portable(crc, (const uint8_t *)data, size);
}
#endif
