/* BLAKE2b-256 without a key, after RFC 7693. Names plan images; runs once per load. */
#ifndef KAIROS_BLAKE2B_H
#define KAIROS_BLAKE2B_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BLAKE2B_BLOCK_SIZE = 128, BLAKE2B_ROUNDS = 12, BLAKE2B_256_SIZE = 32 };

static const uint64_t blake2b_iv[8] = {
    0x6A09E667F3BCC908ull, 0xBB67AE8584CAA73Bull, 0x3C6EF372FE94F82Bull, 0xA54FF53A5F1D36F1ull,
    0x510E527FADE682D1ull, 0x9B05688C2B3E6C1Full, 0x1F83D9ABFB41BD6Bull, 0x5BE0CD19137E2179ull};

static const uint8_t blake2b_sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static inline uint64_t blake2b_rotate(uint64_t x, unsigned count) {
    return (x >> count) | (x << (64 - count));
}

#define BLAKE2B_MIX(a, b, c, d, x, y)                                                              \
    do {                                                                                           \
        v[a] += v[b] + (x);                                                                        \
        v[d] = blake2b_rotate(v[d] ^ v[a], 32);                                                    \
        v[c] += v[d];                                                                              \
        v[b] = blake2b_rotate(v[b] ^ v[c], 24);                                                    \
        v[a] += v[b] + (y);                                                                        \
        v[d] = blake2b_rotate(v[d] ^ v[a], 16);                                                    \
        v[c] += v[d];                                                                              \
        v[b] = blake2b_rotate(v[b] ^ v[c], 63);                                                    \
    } while (0)

/* `total`: bytes hashed so far, this block's included, without its padding. */
static inline void blake2b_block(uint64_t state[8], const uint8_t *block, uint64_t total,
                                 int last) {
    uint64_t v[16], m[16];
    memcpy(m, block, sizeof m);
    memcpy(v, state, 64);
    memcpy(v + 8, blake2b_iv, 64);
    v[12] ^= total;
    if (last) v[14] = ~v[14];
    for (int round = 0; round < BLAKE2B_ROUNDS; round++) {
        const uint8_t *s = blake2b_sigma[round % 10];
        BLAKE2B_MIX(0, 4, 8, 12, m[s[0]], m[s[1]]);
        BLAKE2B_MIX(1, 5, 9, 13, m[s[2]], m[s[3]]);
        BLAKE2B_MIX(2, 6, 10, 14, m[s[4]], m[s[5]]);
        BLAKE2B_MIX(3, 7, 11, 15, m[s[6]], m[s[7]]);
        BLAKE2B_MIX(0, 5, 10, 15, m[s[8]], m[s[9]]);
        BLAKE2B_MIX(1, 6, 11, 12, m[s[10]], m[s[11]]);
        BLAKE2B_MIX(2, 7, 8, 13, m[s[12]], m[s[13]]);
        BLAKE2B_MIX(3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; i++) state[i] ^= v[i] ^ v[i + 8];
}
#undef BLAKE2B_MIX

/* Writes the digest of `size` bytes. */
static inline void blake2b_256(const void *data, uint64_t size, uint8_t digest[BLAKE2B_256_SIZE]) {
    const uint8_t *p = (const uint8_t *)data;
    uint64_t state[8], total = 0;
    uint8_t block[BLAKE2B_BLOCK_SIZE] = {0};
    memcpy(state, blake2b_iv, sizeof state);
    /* Parameter block: depth 1, fanout 1, no key, digest of 32 bytes. */
    state[0] ^= 0x01010000u ^ BLAKE2B_256_SIZE;
    /* The last block, even a full one, is compressed with the final flag. */
    while (size - total > BLAKE2B_BLOCK_SIZE) {
        total += BLAKE2B_BLOCK_SIZE;
        blake2b_block(state, p + total - BLAKE2B_BLOCK_SIZE, total, 0);
    }
    if (size > total) memcpy(block, p + total, (size_t)(size - total));
    blake2b_block(state, block, size, 1);
    memcpy(digest, state, BLAKE2B_256_SIZE);
}
#endif
