/* Arenas and output buffers: the two ways in which bytes pass between the parts. */
#ifndef KAIROS_VIEW_H
#define KAIROS_VIEW_H
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "status.h"

/* Memory of one request or one group commit, released in bulk by setting `used` to zero; whoever
 * made `base` frees it. */
typedef struct arena {
    uint8_t *base;
    size_t size;
    size_t used;
} arena;

/* Returns `size` bytes at a 16-byte boundary, or NULL when the arena is full.
 * `base` is 16-byte aligned. */
static inline void *arena_take(arena *memory, size_t size) {
    size_t start = (memory->used + 15) & ~(size_t)15;
    if (start > memory->size || size > memory->size - start) return NULL;
    memory->used = start + size;
    return memory->base + start;
}

/* A bounded buffer for encoded protobuf. A write that does not fit sets `overflow`, and nothing is
 * written from then on, so that callers check once at the end. */
typedef struct output {
    uint8_t *data;
    size_t used;
    size_t size;
    uint32_t overflow;
    uint32_t reserved;
} output;

/* Makes room for `size` more bytes of an output on the heap. STATUS_NO_MEMORY: it is as before. */
static inline int32_t output_room(output *out, size_t size) {
    if (size <= out->size - out->used) return STATUS_OK;
    size_t needed = out->used + size;
    size_t capacity = out->size * 2 > needed ? out->size * 2 : needed;
    void *grown = realloc(out->data, capacity);
    if (!grown) return STATUS_NO_MEMORY;
    out->data = (uint8_t *)grown;
    out->size = capacity;
    return STATUS_OK;
}

static inline void output_bytes(output *out, const void *data, size_t size) {
    if (out->overflow || size > out->size - out->used) {
        out->overflow = 1;
        return;
    }
    if (size) memcpy(out->data + out->used, data, size);
    out->used += size;
}

static inline void output_varint(output *out, uint64_t value) {
    uint8_t buffer[10];
    size_t size = 0;
    while (value >= 128) {
        buffer[size++] = (uint8_t)(value | 128);
        value >>= 7;
    }
    buffer[size++] = (uint8_t)value;
    output_bytes(out, buffer, size);
}

/* Writes a varint field unless it is zero, which is proto3's default. */
static inline void output_uint(output *out, uint32_t field, uint64_t value) {
    if (!value) return;
    output_varint(out, (uint64_t)field << 3);
    output_varint(out, value);
}

/* Writes a length-delimited field, also an empty one. */
static inline void output_slice(output *out, uint32_t field, const void *data, size_t size) {
    output_varint(out, ((uint64_t)field << 3) | 2);
    output_varint(out, size);
    output_bytes(out, data, size);
}

/* Writes a double field unless it is +0. */
static inline void output_double(output *out, uint32_t field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    if (!bits) return;
    output_varint(out, ((uint64_t)field << 3) | 1);
    output_bytes(out, &bits, 8);
}

/* Bytes that `value` takes as a varint. */
static inline size_t varint_size(uint64_t value) {
    size_t size = 1;
    while (value >= 128) {
        value >>= 7;
        size++;
    }
    return size;
}
#endif
