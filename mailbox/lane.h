/* SPDX-License-Identifier: MIT
 * The shared lane of a mailbox: a lock-free queue of chains, many senders, one receiver (the home),
 * in one word that also holds the actor's token while the actor rests.
 *
 *   TRI_LANE_ARMED   empty; the token lies here: whoever pushes takes it and must see that the
 *                    actor is scheduled
 *   0                empty; the token is elsewhere (held by the home, or on its way to it)
 *   otherwise        the first record of the newest chain, older chains linked behind it
 *
 * Both sides, side by side:
 *
 *   sender                                   home
 *   ------                                   ----
 *   old = lane                               (messages seen in the lane)
 *   chain.older = old, unless ARMED          chains = exchange(lane, 0)            L2
 *   CAS(lane, old -> chain)          L1      reverse chains, join to the private list
 *   old was ARMED: the token is mine:        (private list empty, token held)
 *     read home, push to its inbox           CAS(lane, 0 -> ARMED)                 L3
 *                                              fails: a chain is there; go on running
 *                                            (to move the actor; any thread, to end it)
 *                                            CAS(lane, ARMED -> 0)                 L4
 *
 * Orders: L1 is acq_rel: release publishes the chain's records to L2; acquire, when it took ARMED,
 * pairs with L3 so that the `home` read next is the one of the worker that armed. L2 is acquire.
 * L3 is seq_cst on success: besides the release for L1 it is one half of the agreement with a
 * killer (runtime/life.h). L4 is seq_cst for the same agreement, and acquires like L1: a killer
 * reads home next, like a sender.
 *
 * Progress: push is lock-free, absorb and arm are wait-free. Exclusion: absorb, arm only by the
 * home; arm only with the token. The CAS never meets the ABA problem: a sender does not look behind
 * `old`, and a chain that returned to the same address is again the newest one.
 *
 * Rejected: a queue of single messages (the receiver walks everything twice; 16 ns against 7);
 * exchange-based MPSC (has a gap between exchange and link that the receiver must wait out).
 */
#ifndef TROUPE_MAILBOX_LANE_H
#define TROUPE_MAILBOX_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mailbox/record.h"

#define TRI_LANE_ARMED ((uintptr_t)1)

struct tri_lane {
    _Atomic uintptr_t word;
};

/* ORDER relaxed: nobody else knows the slot yet. */
static inline void tri_lane_init(struct tri_lane *lane, bool armed) {
    atomic_init(&lane->word, armed ? TRI_LANE_ARMED : 0);
}

/* Publishes a chain. True: the token was here and is the caller's now. */
static inline bool tri_lane_push(struct tri_lane *lane, struct tri_record *first) {
    /* ORDER relaxed: only compared; L1 confirms it. */
    uintptr_t old = atomic_load_explicit(&lane->word, memory_order_relaxed);
    do {
        tri_chain_of(first)->older = old == TRI_LANE_ARMED ? NULL : (struct tri_record *)old;
        /* ORDER L1 acq_rel: release pairs with L2 and publishes the records; acquire pairs with L3
         * and makes the home that armed visible. */
    } while (!atomic_compare_exchange_weak_explicit(&lane->word, &old, (uintptr_t)first,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return old == TRI_LANE_ARMED;
}

/* True when a chain waits. ORDER relaxed: a hint; absorb orders. */
static inline bool tri_lane_has_messages(const struct tri_lane *lane) {
    return atomic_load_explicit(&lane->word, memory_order_relaxed) > TRI_LANE_ARMED;
}

/* Home only, and only after tri_lane_has_messages. Joins everything to list, oldest first. */
static inline void tri_lane_absorb(struct tri_lane *lane, struct tri_list *list) {
    /* ORDER L2 acquire: pairs with L1, receives the records. It never meets ARMED: messages were
     * seen and only the home takes them. */
    struct tri_record *chain =
        (struct tri_record *)atomic_exchange_explicit(&lane->word, 0, memory_order_acquire);
    struct tri_record *oldest = NULL; /* reversed: each chain's `older` now points to the newer */
    while (chain != NULL) {
        struct tri_record *older = tri_chain_of(chain)->older;
        tri_chain_of(chain)->older = oldest;
        oldest = chain;
        chain = older;
    }
    while (oldest != NULL) {
        struct tri_chain *head = tri_chain_of(oldest);
        struct tri_record *newer = head->older;
        tri_list_join(list, oldest, head->last, head->count);
        oldest = newer;
    }
}

/* Home only, with the token and an empty private list. True: the token lies in the lane now.
 * False: a chain came first; the token stays with the caller. */
static inline bool tri_lane_arm(struct tri_lane *lane) {
    uintptr_t expected = 0;
    /* ORDER L3 seq_cst (release for L1): pairs with L1 and L4; ordered before the home's next look
     * at life (E2 in runtime/life.h). Failure relaxed: absorb follows. */
    return atomic_compare_exchange_strong_explicit(&lane->word, &expected, TRI_LANE_ARMED,
                                                   memory_order_seq_cst, memory_order_relaxed);
}

/* Takes the token out of a resting actor's lane without a message: the home, to move the actor; any
 * thread, to have it look at its life word. */
static inline bool tri_lane_claim(struct tri_lane *lane) {
    uintptr_t expected = TRI_LANE_ARMED;
    /* ORDER L4 seq_cst (acquire pairs with L3: the home read next is the one that armed); ordered
     * after a killer's E1. Failure seq_cst for the same reason: a killer that finds the lane not
     * armed relies on the home to look again. */
    return atomic_compare_exchange_strong_explicit(&lane->word, &expected, 0, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

#endif
