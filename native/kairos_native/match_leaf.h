/* Whether one leaf holds for one value: CEL's meaning, where an error counts as "does not hold". */
#ifndef KAIROS_MATCH_LEAF_H
#define KAIROS_MATCH_LEAF_H
#include <stdint.h>
#include "compare.h"
#include "layout.h"

/* Results of a comparison that satisfy each operator. Null has an equality and no order; see
 * match_leaf_holds. */
static const uint8_t match_accepted[LEAF_NOT_HAS + 1] = {
    [LEAF_EQ] = COMPARE_EQUAL,
    [LEAF_NE] = COMPARE_LESS | COMPARE_GREATER | COMPARE_UNORDERED | COMPARE_ERROR,
    [LEAF_LT] = COMPARE_LESS,
    [LEAF_LE] = COMPARE_LESS | COMPARE_EQUAL,
    [LEAF_GT] = COMPARE_GREATER,
    [LEAF_GE] = COMPARE_GREATER | COMPARE_EQUAL,
    [LEAF_NOT_LT] = COMPARE_GREATER | COMPARE_EQUAL | COMPARE_UNORDERED,
    [LEAF_NOT_LE] = COMPARE_GREATER | COMPARE_UNORDERED,
    [LEAF_NOT_GT] = COMPARE_LESS | COMPARE_EQUAL | COMPARE_UNORDERED,
    [LEAF_NOT_GE] = COMPARE_LESS | COMPARE_UNORDERED,
};

static inline int match_leaf_holds(const uint8_t *strings, const kairos_operand *operands,
                                   const kairos_leaf *leaf, const kairos_value *value) {
    uint8_t op = leaf->op;
    if (value->kind == VALUE_ABSENT) return op == LEAF_NOT_HAS;
    const kairos_operand *operand = operands + leaf->operand_first;
    if (op <= LEAF_NOT_GE) {
        if (value->kind == VALUE_NULL && op > LEAF_NE) return 0;
        return (match_accepted[op] & compare_operand(strings, value, operand)) != 0;
    }
    if (op == LEAF_HAS || op == LEAF_NOT_HAS) return op == LEAF_HAS;
    for (uint32_t i = 0; i < leaf->operand_count; i++) {
        if (compare_operand(strings, value, operand + i) == COMPARE_EQUAL) return op == LEAF_IN;
    }
    return op == LEAF_NOT_IN;
}
#endif
