/* SPDX-License-Identifier: MIT
 * Addresses. A tr_ref names one incarnation of one actor; it is a plain value of 16 bytes that may
 * be copied, stored, compared and sent freely. It holds no reference count: an address whose actor
 * has ended stays valid to use and simply reaches nobody (a dead letter), never a later actor.
 *
 *   node  which runtime: a nonzero tag of the runtime that spawned the actor
 *   id    which actor in it: slot number in the upper 32 bits, generation in the lower 32
 */
#ifndef TROUPE_REF_H
#define TROUPE_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tr_ref {
    uint64_t node;
    uint64_t id;
} tr_ref;

#ifdef __cplusplus
#define TR_NULL (tr_ref{0, 0})
#else
#define TR_NULL ((tr_ref){0, 0})
#endif

/* Bytes that tr_ref_format needs at most, the closing zero included. */
#define TR_REF_TEXT_BYTES 48

/* True for the null address. Threads: any. */
static inline bool tr_ref_is_null(tr_ref ref) {
    return ref.node == 0 && ref.id == 0;
}

/* True when both name the same incarnation of the same actor. Threads: any. */
static inline bool tr_ref_equal(tr_ref a, tr_ref b) {
    return a.node == b.node && a.id == b.id;
}

/* A 64-bit hash of an address, good enough for a power-of-two table (the finalizer of
 * SplitMix64 over both words). The same in every process. Threads: any. */
TR_API uint64_t tr_ref_hash(tr_ref ref);

/* Writes "<node.slot.generation>" (lower-case hexadecimal, decimal, decimal), "<null>" for the null
 * address, into text and returns the length it needs without the closing zero, as snprintf does.
 * Threads: any. */
TR_API size_t tr_ref_format(tr_ref ref, char *text, size_t text_bytes);

/* Reads what tr_ref_format writes; the whole string must be one address.
 * Errors: TR_INVALID when it is not, *ref untouched. Threads: any. */
TR_API TR_CHECKED tr_status tr_ref_parse(const char *text, tr_ref *ref);

#ifdef __cplusplus
}
#endif
#endif
