/* SPDX-License-Identifier: MIT
 * Parking: how a worker goes to sleep without missing work, and how it is woken.
 *
 *   worker                                      whoever brings work
 *   ------                                      -------------------
 *   state = PARKED                    P1        inbox push              N1   (or deque push, P5)
 *   inbox, deques still empty?   N3, deque      state == PARKED?        P2
 *     no: state = AWAKE, go on                  CAS(state, PARKED -> AWAKE)  P3
 *   sleep while state == PARKED                   won: wake the sleeper
 *   state is AWAKE                    P4
 *
 * Store, then look, on both sides: P1, N3, N1 and P2 are seq_cst, so in their total order either
 * the worker's look comes after the push or the pusher's look comes after P1. Any weaker and both
 * can miss (found by model checking: the worker sleeps on a full inbox). A push to a deque is a
 * release store, so its pusher puts a seq_cst fence (P5) before P2.
 * P3 is won by one waker only: one system call for a sleep.
 */
#ifndef TROUPE_SCHEDULER_PARK_H
#define TROUPE_SCHEDULER_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRI_AWAKE = 0, TRI_PARKED = 1 };

struct tri_park {
    _Atomic uint32_t state; /* the futex word */
};

/* Worker: from here on whoever brings work will wake us. Look at everything once more, then sleep
 * while tri_park_is_parked. */
static inline void tri_park_announce(struct tri_park *park) {
    /* ORDER P1 seq_cst: before N3 in the total order. */
    atomic_store_explicit(&park->state, TRI_PARKED, memory_order_seq_cst);
}

static inline bool tri_park_is_parked(const struct tri_park *park) {
    /* ORDER P2/P4 seq_cst: P2 after N1 in the total order; P4 acquires what the waker did. */
    return atomic_load_explicit(&park->state, memory_order_seq_cst) == TRI_PARKED;
}

/* Worker: there is work after all, or enough slept. */
static inline void tri_park_cancel(struct tri_park *park) {
    /* ORDER seq_cst: before the look at the watch's word (scheduler/watch.c). */
    atomic_store_explicit(&park->state, TRI_AWAKE, memory_order_seq_cst);
}

/* True: the caller must wake the sleeper. */
static inline bool tri_park_claim(struct tri_park *park) {
    if (!tri_park_is_parked(park)) return false;
    uint32_t expected = TRI_PARKED;
    /* ORDER P3 seq_cst: one winner; ordered before the woken worker's look at the watch's word. */
    return atomic_compare_exchange_strong_explicit(&park->state, &expected, TRI_AWAKE,
                                                   memory_order_seq_cst, memory_order_relaxed);
}

/* Before P2 when the work went into a deque. */
static inline void tri_park_fence(void) {
    /* ORDER P5 seq_cst: the deque's D1 before P2. */
    atomic_thread_fence(memory_order_seq_cst);
}

#endif
