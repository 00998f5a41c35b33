/* SPDX-License-Identifier: MIT
 * Addresses as text and hash; see troupe/ref.h. */
#include "troupe/ref.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

uint64_t tr_ref_hash(tr_ref ref) {
    return tri_mix64(tri_mix64(ref.node) ^ ref.id);
}

size_t tr_ref_format(tr_ref ref, char *text, size_t text_bytes) {
    int n = tr_ref_is_null(ref)
                ? snprintf(text, text_bytes, "<null>")
                : snprintf(text, text_bytes, "<%" PRIx64 ".%" PRIu32 ".%" PRIu32 ">", ref.node,
                           (uint32_t)(ref.id >> 32), (uint32_t)ref.id);
    return (size_t)n;
}

/* Reads a number of the given base up to the character end; NULL when it is malformed or above max.
 */
static const char *read_number(const char *at, unsigned base, char end, uint64_t max,
                               uint64_t *number) {
    uint64_t value = 0;
    const char *start = at;
    for (; *at != end; at++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = *at ? strchr(digits, *at) : NULL;
        if (digit == NULL || (unsigned)(digit - digits) >= base) return NULL;
        uint64_t d = (uint64_t)(digit - digits);
        if (value > (max - d) / base) return NULL;
        value = value * base + d;
    }
    if (at == start) return NULL;
    *number = value;
    return at + 1;
}

tr_status tr_ref_parse(const char *text, tr_ref *ref) {
    if (text == NULL || ref == NULL) return TR_INVALID;
    if (strcmp(text, "<null>") == 0) {
        *ref = TR_NULL;
        return TR_OK;
    }
    uint64_t node, slot, generation;
    if (*text != '<') return TR_INVALID;
    const char *at = read_number(text + 1, 16, '.', UINT64_MAX, &node);
    if (at != NULL) at = read_number(at, 10, '.', UINT32_MAX, &slot);
    if (at != NULL) at = read_number(at, 10, '>', UINT32_MAX, &generation);
    if (at == NULL || *at != '\0') return TR_INVALID;
    *ref = (tr_ref){node, slot << 32 | generation};
    return TR_OK;
}
