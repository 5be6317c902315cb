/* What the fuzzing loop and its target know of each other. */
#ifndef WIRE_FUZZ_H
#define WIRE_FUZZ_H
#include <stddef.h>
#include <stdint.h>

enum { FUZZ_SIZE_MAX = 70000, FUZZ_KINDS = 8 };

void target_open(void);
/* Runs one input. kind % FUZZ_KINDS: 0 event, 1 decide, 2 find, 3 batch, 4 evaluate, 5 name,
 * 6 address, 7 normalised event (bits from 8 on choose the rules); bit 5: a smaller arena. */
void target_run(const uint8_t *input, size_t size, uint32_t kind);
/* Reports a broken property of the present input, and ends. */
void fuzz_fail(const char *text);
#endif
