/* What all checks of a plan image share: where its sections are, and how a refusal is worded. */
#ifndef KAIROS_IMAGE_VIEW_H
#define KAIROS_IMAGE_VIEW_H
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include "layout.h"

enum {
    IMAGE_ALIGNMENT = 64,
    IMAGE_HASH_FIRST = 40, /* the plan id covers all that follows it, the rest of the header too */
    IMAGE_BUCKETS_MAX = 256, /* buckets of one window */
    IMAGE_BLOCKS_MAX = 65536, /* blocks of 512 conjunctions in one index */
    IMAGE_WINDOW_US_MAX_LOG2 =
        56 /* two thousand years: sums of a time and a window stay inside int64 */
};
/* Residual leaves of all conjunctions together: overlapping ranges could otherwise make a load
 * quadratic. */
#define IMAGE_RESIDUALS_MAX (1ull << 28)

typedef struct image_view {
    const uint8_t *data;
    const kairos_image_header *header;
    const kairos_section *sections;
    char *message;
    uint32_t message_size;
} image_view;

static inline int image_fail(const image_view *v, const char *format, ...) {
    va_list arguments;
    if (!v->message_size) return 0;
    va_start(arguments, format);
    vsnprintf(v->message, v->message_size, format, arguments);
    va_end(arguments);
    return 0;
}

static inline const void *image_section(const image_view *v, uint32_t section) {
    return v->data + v->sections[section].offset;
}

static inline uint32_t image_count(const image_view *v, uint32_t section) {
    return v->sections[section].count;
}

static inline int image_range(const image_view *v, uint32_t section, uint64_t first, uint64_t count,
                              const char *what) {
    uint64_t total = image_count(v, section);
    if (first <= total && count <= total - first) return 1;
    return image_fail(v, "%s: range %llu + %llu leaves section %u of %llu elements", what,
                      (unsigned long long)first, (unsigned long long)count, section,
                      (unsigned long long)total);
}

static inline int image_text(const image_view *v, kairos_text text, const char *what) {
    return image_range(v, SECTION_STRINGS, text.offset, text.size, what);
}
#endif
