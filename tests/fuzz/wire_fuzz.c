/* A coverage-guided loop: keeps every input that reaches a new edge of the target, and mutates what
 * it keeps, mostly as protobuf (fields dropped, doubled, moved, retyped, renumbered, refilled, at
 * any depth, with lengths that fit), sometimes as bytes.
 *
 *   wire_fuzz SECONDS SEED [CORPUS [SAVE]]     corpus: one input a line, "kind hex"
 *
 * Compiled without coverage; ends with status 1 and the input in hex when the target breaks a rule
 * or a sanitizer speaks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire_fuzz.h"

/* Weak: under valgrind there is no sanitizer. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

enum { MAP_SIZE = 1 << 14, CORPUS_MAX = 20000, FIELDS_MAX = 400, DEPTH_MAX = 4 };

typedef struct entry { uint8_t *data; uint32_t size; uint32_t kind; } entry;
typedef struct part { uint32_t start, size, payload, number, type; } part;

static uint8_t map[MAP_SIZE], known[MAP_SIZE];
static uintptr_t previous_pc;
static entry corpus[CORPUS_MAX];
static uint32_t corpus_count;
static uint8_t input[FUZZ_SIZE_MAX], scratch[DEPTH_MAX][FUZZ_SIZE_MAX];
static uint32_t input_size, input_kind;
static uint64_t state, executions;

void __sanitizer_cov_trace_pc(void) {
    uintptr_t pc = (uintptr_t)__builtin_return_address(0) * 0x9E3779B97F4A7C15ull >> 40;
    map[(pc ^ previous_pc >> 1) % MAP_SIZE]++;
    previous_pc = pc;
}

static void print_input(void) {
    fprintf(stderr, "execution %llu, input: %u ", (unsigned long long)executions, input_kind);
    for (uint32_t i = 0; i < input_size; i++) fprintf(stderr, "%02x", input[i]);
    fputc('\n', stderr);
}

void fuzz_fail(const char *text) {
    fprintf(stderr, "FINDING: %s\n", text);
    print_input();
    _Exit(1);
}

/* splitmix64 (Steele, Lea and Flood, 2014). */
static uint64_t draw(void) {
    uint64_t x = state += 0x9E3779B97F4A7C15ull;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}
static uint32_t below(uint32_t limit) { return (uint32_t)(draw() % limit); }

static const char *const tokens[] = {
    "timeOnPage", "time_on_page", "pageURL", "url", "eventType", "late", "age", "viewport.width",
    "a..b", ".", "EUR", "a\x01", "\xc3\xa9", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80",
    "\xf0\x9f\x98\x80", "subject", "x", ""};
static const uint64_t numbers[] = {
    0, 1, 2, 5, 6, 9, 10, 100, 101, 127, 128, 16384, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
    0x100000000, 253402300799999999ull, 253402300800000000ull, 0x7FFFFFFFFFFFFFFF,
    0x8000000000000000, 0xFFFFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF8000000000000};
#define COUNT(array) (uint32_t)(sizeof(array) / sizeof *(array))

static uint32_t put_varint(uint8_t *out, uint64_t value, uint32_t pad) {
    uint32_t size = 0;
    for (; value >= 128; value >>= 7) out[size++] = (uint8_t)(value | 128);
    out[size++] = (uint8_t)value;
    while (pad--) {
        out[size - 1] |= 128;
        out[size++] = 0;
    }
    return size;
}

static uint32_t get_varint(const uint8_t *p, uint32_t size, uint64_t *value) {
    *value = 0;
    for (uint32_t i = 0; i < size && i < 10; i++) {
        *value |= (uint64_t)(p[i] & 127) << (7 * i);
        if (p[i] < 128) return i + 1;
    }
    return 0;
}

/* Splits a message into fields; stops at what is not one. */
static uint32_t split(const uint8_t *data, uint32_t size, part *parts) {
    uint32_t at = 0, count = 0;
    while (at < size && count < FIELDS_MAX) {
        uint64_t tag, value = 0;
        uint32_t head = get_varint(data + at, size - at, &tag), more = 0;
        if (!head) break;
        uint32_t left = size - at - head;
        part *p = parts + count;
        *p = (part){at, 0, at + head, (uint32_t)(tag >> 3), (uint32_t)(tag & 7)};
        if (p->type == 0) more = get_varint(data + at + head, left, &value);
        if (p->type == 1) more = 8;
        if (p->type == 5) more = 4;
        if (p->type == 2) {
            uint32_t length = get_varint(data + at + head, left, &value);
            if (!length || value > left - length) break;
            p->payload += length;
            more = length + (uint32_t)value;
        }
        if (!more || more > left) break;
        p->size = head + more;
        at += p->size;
        count++;
    }
    return count;
}

static uint32_t mutate(const uint8_t *data, uint32_t size, uint8_t *out, uint32_t room,
                       uint32_t depth);

/* Writes a new field of any type. */
static uint32_t new_field(uint8_t *out, uint32_t number, uint32_t type) {
    uint32_t size = put_varint(out, (uint64_t)number << 3 | type, below(40) ? 0 : below(6));
    uint64_t value = numbers[below(COUNT(numbers))];
    if (type == 0) return size + put_varint(out + size, value, below(40) ? 0 : below(9));
    if (type == 1) return memcpy(out + size, &value, 8), size + 8;
    if (type == 5) return memcpy(out + size, &value, 4), size + 4;
    if (type != 2) return size;
    const char *token = tokens[below(COUNT(tokens))];
    uint32_t length = (uint32_t)strlen(token), repeat = below(30) ? 1 : 1u << below(12);
    if (length * repeat > 9000) repeat = 1;
    size += put_varint(out + size, length * repeat, below(40) ? 0 : below(5));
    for (uint32_t i = 0; i < repeat; i++, size += length) memcpy(out + size, token, length);
    return size;
}

/* Writes field `p` changed: refilled, retyped, or with its payload mutated as a message. */
static uint32_t change_field(const uint8_t *data, const part *p, uint8_t *out, uint32_t depth) {
    uint32_t payload_size = p->start + p->size - p->payload;
    if (p->type == 2 && depth + 1 < DEPTH_MAX && below(3)) {
        uint8_t *inner = scratch[depth + 1];
        uint32_t inner_size = mutate(data + p->payload, payload_size, inner, FUZZ_SIZE_MAX / 2,
                                     depth + 1);
        uint32_t size = put_varint(out, (uint64_t)p->number << 3 | 2, 0);
        size += put_varint(out + size, inner_size + (below(50) ? 0 : below(3)), 0);
        memcpy(out + size, inner, inner_size);
        return size + inner_size;
    }
    if (below(4)) return new_field(out, p->number, p->type);
    return new_field(out, below(3) ? p->number : below(20), below(6) ? below(3) : below(8));
}

/* Mutates a message into `out`; `room` is what may be written. */
static uint32_t mutate(const uint8_t *data, uint32_t size, uint8_t *out, uint32_t room,
                       uint32_t depth) {
    part parts[FIELDS_MAX];
    uint32_t count = below(12) ? split(data, size, parts) : 0, used = 0;
    if (size > room - 20000) size = room - 20000;
    if (!count) {
        memcpy(out, data, size);
        for (uint32_t k = below(3) + 1; k && size; k--) {
            uint8_t edge = (uint8_t)(128 * below(2) - below(2));
            out[below(size)] = below(2) ? (uint8_t)draw() : edge;
        }
        if (below(3) == 0) size = below(size + 1);
        if (below(3) == 0) size += new_field(out + size, below(20), below(8));
        return size;
    }
    uint32_t chosen = below(count), other = below(count), action = below(10);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = action == 2 && i == chosen ? other : action == 2 && i == other ? chosen : i;
        uint32_t times = action == 1 && i == chosen ? (below(20) ? 2 : 300) : 1;
        if (action == 0 && i == chosen) continue;
        if (used + parts[from].size > room - 20000) break;
        if (action >= 4 && i == chosen) {
            if (used + 2 * parts[i].size > room - 20000) break;
            used += change_field(data, parts + i, out + used, depth);
            continue;
        }
        while (times-- && used + parts[from].size < room - 20000) {
            memcpy(out + used, data + parts[from].start, parts[from].size);
            used += parts[from].size;
        }
        if (action == 3 && i == chosen)
            used += new_field(out + used, below(20), below(5) ? below(3) : below(8));
    }
    return used;
}

/* Counts as buckets, as AFL does; says whether a new edge or bucket was reached. */
static int take_coverage(void) {
    int fresh = 0;
    for (uint32_t i = 0; i < MAP_SIZE; i += 8) {
        uint64_t word;
        memcpy(&word, map + i, 8);
        if (!word) continue;
        for (uint32_t k = i; k < i + 8; k++) {
            if (!map[k]) continue;
            uint8_t bucket = map[k] < 4 ? (uint8_t)(1 << (map[k] - 1)) : map[k] < 16 ? 8
                             : map[k] < 64 ? 16 : 32;
            fresh |= (known[k] & bucket) == 0;
            known[k] |= bucket;
        }
    }
    return fresh;
}

static void keep(void) {
    if (corpus_count == CORPUS_MAX) return;
    corpus[corpus_count] = (entry){malloc(input_size + 1), input_size, input_kind};
    memcpy(corpus[corpus_count++].data, input, input_size);
}

static int execute(void) {
    memset(map, 0, sizeof map);
    previous_pc = 0;
    executions++;
    target_run(input, input_size, input_kind);
    return take_coverage();
}

static void load(const char *path) {
    static char line[2 * FUZZ_SIZE_MAX + 64];
    FILE *file = path ? fopen(path, "r") : NULL;
    while (file && fgets(line, sizeof line, file)) {
        char *hex;
        input_kind = (uint32_t)strtoul(line, &hex, 10);
        input_size = 0;
        unsigned byte;
        for (hex += *hex == ' '; sscanf(hex, "%2x", &byte) == 1; hex += 2)
            input[input_size++] = (uint8_t)byte;
        if (execute()) keep();
    }
    if (file) fclose(file);
}

static void save(const char *path) {
    FILE *file = fopen(path, "w");
    for (uint32_t i = 0; file && i < corpus_count; i++) {
        if (corpus[i].size > 3000) continue;
        fprintf(file, "%u ", corpus[i].kind);
        for (uint32_t k = 0; k < corpus[i].size; k++) fprintf(file, "%02x", corpus[i].data[k]);
        fputc('\n', file);
    }
    if (file) fclose(file);
}

int main(int argument_count, char **arguments) {
    time_t seconds = argument_count > 1 ? atoi(arguments[1]) : 10, end;
    state = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu, %lld s\n", (unsigned long long)state, (long long)seconds);
    fflush(stdout);
    if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(print_input);
    target_open();
    load(argument_count > 3 ? arguments[3] : NULL);
    for (uint32_t kind = 0; kind < FUZZ_KINDS; kind++) {
        input_kind = kind;
        input_size = 0;
        execute();
        keep();
    }
    for (end = time(NULL) + seconds; executions % 256 || time(NULL) < end;) {
        uint32_t newest = corpus_count - 1 - below(corpus_count < 32 ? corpus_count : 32);
        const entry *base = corpus + (below(4) ? below(corpus_count) : newest);
        input_kind = base->kind % FUZZ_KINDS | (below(16) ? 0 : 32u) | (uint32_t)draw() << 8;
        if (!below(64)) input_kind = below(FUZZ_KINDS);
        input_size = mutate(base->data, base->size, input, FUZZ_SIZE_MAX, 0);
        if (below(4) == 0) {
            memcpy(scratch[0], input, input_size);
            input_size = mutate(scratch[0], input_size, input, FUZZ_SIZE_MAX, 0);
        }
        if (execute()) keep();
    }
    uint32_t edges = 0;
    for (uint32_t i = 0; i < MAP_SIZE; i++) edges += known[i] != 0;
    if (argument_count > 4) save(arguments[4]);
    printf("%llu executions, %u edges, %u inputs kept, 0 findings\n",
           (unsigned long long)executions, edges, corpus_count);
    return 0;
}
