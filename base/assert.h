/* SPDX-License-Identifier: MIT
 * TRI_ASSERT checks pre- and postconditions in debug builds (-DTRI_DEBUG=1). TRI_INVARIANT is
 * always on and aborts: for places where going on would corrupt memory. */
#ifndef TROUPE_BASE_ASSERT_H
#define TROUPE_BASE_ASSERT_H

#include <assert.h>

_Noreturn void tri_invariant_failed(const char *what, const char *file, int line);

#define TRI_INVARIANT(CONDITION)                                                                   \
    (__builtin_expect(!!(CONDITION), 1) ? (void)0                                                  \
                                        : tri_invariant_failed(#CONDITION, __FILE__, __LINE__))

#if defined(TRI_DEBUG) && TRI_DEBUG
#define TRI_ASSERT(CONDITION) TRI_INVARIANT(CONDITION)
#else
#define TRI_ASSERT(CONDITION) ((void)sizeof(CONDITION))
#endif

#define TRI_LIKELY(X) __builtin_expect(!!(X), 1)
#define TRI_UNLIKELY(X) __builtin_expect(!!(X), 0)
#define TRI_NOINLINE __attribute__((noinline, cold))

#endif
