/* SPDX-License-Identifier: MIT
 * The biased lock between a thread and whoever takes its worker away while it is overdue in a
 * handler. The thread owns the worker's private state except while user code runs; entering and
 * leaving costs it a plain store and a load, the revoker pays for both.
 *
 *   thread (enter)                              revoker
 *   --------------                              -------
 *   inside = 1                       B1         attention |= REVOKE                 B3
 *   barrier (or full fence)                     asymmetric barrier (or the fence's other half)
 *   attention & REVOKE?              B2         inside == 0?                        B4
 *     yes: inside = 0, take the lock,             yes: the worker's state is the revoker's
 *     look whether the worker is gone             no:  wait a little, or take REVOKE back
 *   … work on the worker's state …
 *   inside = 0                       B5
 *
 * Store, then look, on both sides again. Where the kernel has membarrier(2), the thread's barrier
 * is one for the compiler only and the revoker's asymmetric barrier orders both; elsewhere the
 * thread's attention word has FENCE set for good and both use a seq_cst fence. B5 is release and
 * pairs with B4 acquire: everything the thread did to the worker is the revoker's to see. What the
 * revoker did to the thread is seen through the lock that the slow path takes.
 */
#ifndef TROUPE_SCHEDULER_BIAS_H
#define TROUPE_SCHEDULER_BIAS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

enum {
    TRI_ATTENTION_REVOKE = 1, /* a take-over is under way or done */
    TRI_ATTENTION_TICK = 2,   /* look at the clock soon */
    TRI_ATTENTION_HUNGRY = 4, /* another worker has nothing to do */
    TRI_ATTENTION_FENCE = 8   /* constant: no asymmetric barrier here, enter with a full fence */
};

struct tri_bias {
    _Alignas(TRI_LINE) _Atomic uint32_t attention; /* writers: any thread */
    _Alignas(TRI_LINE) _Atomic uint32_t inside;    /* writer: the thread */
};

/* In, without a fence; the caller looks again with tri_bias_enter when the answer is not 0. */
static inline uint32_t tri_bias_enter_plain(struct tri_bias *bias) {
    /* ORDER B1, B2: as in tri_bias_enter. */
    atomic_store_explicit(&bias->inside, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    return atomic_load_explicit(&bias->attention, memory_order_acquire);
}

/* Whether the quick way in is open: inside, and nothing to attend to that concerns the worker.
 * False: go through tri_bias_enter, which is allowed to be inside already. */
static inline bool tri_bias_enter_quick(struct tri_bias *bias) {
    return (tri_bias_enter_plain(bias) & (TRI_ATTENTION_REVOKE | TRI_ATTENTION_FENCE)) == 0;
}

/* Returns the attention word: the caller goes on only without REVOKE. */
static inline uint32_t tri_bias_enter(struct tri_bias *bias) {
    /* ORDER B1 relaxed: ordered before B2 by the barrier below. */
    atomic_store_explicit(&bias->inside, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst); /* the revoker's barrier does the rest */
    /* ORDER B2 acquire: when a revoker has taken REVOKE back, its look at our state is behind us.
     */
    uint32_t attention = atomic_load_explicit(&bias->attention, memory_order_acquire);
    if (__builtin_expect(attention & TRI_ATTENTION_FENCE, 0)) {
        atomic_thread_fence(memory_order_seq_cst);
        attention = atomic_load_explicit(&bias->attention, memory_order_acquire);
    }
    return attention & ~(uint32_t)TRI_ATTENTION_FENCE;
}

static inline void tri_bias_leave(struct tri_bias *bias) {
    /* ORDER B5 release: pairs with B4. */
    atomic_store_explicit(&bias->inside, 0, memory_order_release);
}

static inline void tri_bias_signal(struct tri_bias *bias, uint32_t bits) {
    /* ORDER B3 seq_cst for REVOKE (before the revoker's barrier); for the others any would do. */
    atomic_fetch_or_explicit(&bias->attention, bits, memory_order_seq_cst);
}

static inline void tri_bias_clear(struct tri_bias *bias, uint32_t bits) {
    /* ORDER release: pairs with B2, see there. */
    atomic_fetch_and_explicit(&bias->attention, ~bits, memory_order_release);
}

static inline bool tri_bias_is_inside(const struct tri_bias *bias) {
    /* ORDER B4 acquire: pairs with B5. */
    return atomic_load_explicit(&bias->inside, memory_order_acquire) != 0;
}

#endif
