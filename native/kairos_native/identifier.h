/* The one spelling of an identifier that is hashed: what people write in many ways (e-mail
 * addresses, phone numbers) gets one form, everything else is taken byte for byte. The rules stand
 * in docs/guides/identity.md. */
#ifndef KAIROS_IDENTIFIER_H
#define KAIROS_IDENTIFIER_H
#include <stdint.h>
#include <string.h>

#include "limits.h"

/* Numbers of kairos.v1.IdentifierType; tests/contract compares them. */
enum identifier_type {
    IDENTIFIER_UNSPECIFIED = 0,
    IDENTIFIER_USER = 1,
    IDENTIFIER_ACCOUNT = 2,
    IDENTIFIER_EMAIL = 3,
    IDENTIFIER_PHONE = 4,
    IDENTIFIER_DEVICE = 5,
    IDENTIFIER_SESSION = 6,
    IDENTIFIER_ANONYMOUS = 7,
    IDENTIFIER_TYPE_MAX = 7
};

enum {
    /* A phone number may gain its leading plus sign. */
    IDENTIFIER_NORMAL_SIZE_MAX = KAIROS_SUBJECT_ID_SIZE_MAX + 1,
    /* E.164 allows 15 digits with the country code; shorter than 7 is a short code, which means
     * something else in every network. */
    IDENTIFIER_PHONE_DIGITS_MIN = 7,
    IDENTIFIER_PHONE_DIGITS_MAX = 15
};

static inline int identifier_is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Trims ASCII white space and lowers ASCII letters. Returns 0 for what cannot be an address: no
 * `@` with something on both sides, white space or control characters inside, or an empty part in
 * the domain. Letters beyond ASCII stay as they are: their lower case depends on a Unicode version,
 * and a hash must not. */
static inline uint32_t identifier_email(const uint8_t *value, uint32_t size, uint8_t *result) {
    uint32_t at = 0;
    while (size && identifier_is_space(value[size - 1])) size--;
    while (size && identifier_is_space(*value)) value++, size--;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte = value[i];
        if (byte <= ' ' || byte == 0x7F) return 0;
        if (byte == '@') at = i;
        result[i] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
    }
    if (!at || at + 1 == size || value[at + 1] == '.' || value[size - 1] == '.') return 0;
    for (uint32_t i = at + 1; i + 1 < size; i++)
        if (value[i] == '.' && value[i + 1] == '.') return 0;
    return size;
}

/* Writes `+` and the digits. Between digits stand at most white space and `-./()`; a leading `00`
 * is the international prefix; `(0)` is a trunk digit that is not dialled from abroad. Returns 0
 * for anything else, and for a number that begins with a single 0: it is national, and the same
 * digits are another telephone in the next country. */
static inline uint32_t identifier_phone(const uint8_t *value, uint32_t size, uint8_t *result) {
    uint32_t used = 1, plus = 0;
    result[0] = '+';
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte = value[i];
        if (byte == '+' && used == 1 && !plus) {
            plus = 1;
        } else if (byte >= '0' && byte <= '9') {
            result[used++] = byte;
        } else if (byte == '(' && used > 1 && size - i >= 3 && value[i + 1] == '0'
                   && value[i + 2] == ')') {
            i += 2;
        } else if (!identifier_is_space(byte) && byte != '-' && byte != '.' && byte != '/'
                   && byte != '(' && byte != ')') {
            return 0;
        }
    }
    if (!plus && used > 3 && result[1] == '0' && result[2] == '0') {
        memmove(result + 1, result + 3, used - 3);
        used -= 2;
    }
    if (used - 1 < IDENTIFIER_PHONE_DIGITS_MIN || used - 1 > IDENTIFIER_PHONE_DIGITS_MAX) return 0;
    return result[1] == '0' ? 0 : used;
}

/* Writes the form that is hashed; returns its size, or 0 where the value is not one of its type.
 *   Shapes: value[size], at most KAIROS_SUBJECT_ID_SIZE_MAX bytes of valid UTF-8;
 *           result[IDENTIFIER_NORMAL_SIZE_MAX] */
static inline uint32_t identifier_normal(
    uint32_t type, const uint8_t *value, uint32_t size, uint8_t *result) {
    if (!size || size > KAIROS_SUBJECT_ID_SIZE_MAX || type > IDENTIFIER_TYPE_MAX) return 0;
    if (type == IDENTIFIER_EMAIL) return identifier_email(value, size, result);
    if (type == IDENTIFIER_PHONE) return identifier_phone(value, size, result);
    memcpy(result, value, size);
    return size;
}
#endif
