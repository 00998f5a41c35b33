/* SPDX-License-Identifier: MIT
 * The life word of a slot: which incarnation lives there, and whether its end is pending.
 *
 *   bits 0…29   generation: odd while an actor lives in the slot, even while it is free
 *   bit 30      SHUTDOWN: the runtime stops; the actor ends after what is queued
 *   bit 31      EXIT: killed; the actor ends at its next handler boundary
 *
 * An address carries the bare generation, so one comparison tells a sender that the actor is alive
 * and nothing is pending.
 *
 *   killer (any thread)                         home
 *   -------------------                         ----
 *   CAS(life, gen -> gen | EXIT)     E1         before each message: life (relaxed)
 *   claim the token from the lane    L4         going idle: CAS(lane, 0 -> ARMED)     L3
 *     got it: push to home's inbox                          life                      E2
 *     not: the home looks again                   pending: claim the token back (L4), run on
 *
 * Store, then look, on both sides: E1, L4, L3 and E2 are seq_cst. Either the killer finds the lane
 * armed and wakes the actor, or the home's E2 sees the bit; in between the token is with the home
 * or on its way there, and the actor runs anyway.
 * The end is a store (E3, release): bits that came too late vanish with the incarnation.
 */
#ifndef TROUPE_RUNTIME_LIFE_H
#define TROUPE_RUNTIME_LIFE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TRI_LIFE_EXIT UINT32_C(0x80000000)
#define TRI_LIFE_SHUTDOWN UINT32_C(0x40000000)
#define TRI_LIFE_PENDING (TRI_LIFE_EXIT | TRI_LIFE_SHUTDOWN)
#define TRI_LIFE_GENERATION UINT32_C(0x3fffffff)

struct tri_life {
    _Atomic uint32_t word;
};

static inline uint32_t tri_life_peek(const struct tri_life *life) {
    /* ORDER relaxed: a sender needs no order (whoever got the address has it through whatever
     * handed the address over); the home is the only one that changes the generation. */
    return atomic_load_explicit(&life->word, memory_order_relaxed);
}

/* Home, after arming, and before an end for which a mark is the reason. */
static inline uint32_t tri_life_look(const struct tri_life *life) {
    /* ORDER E2 seq_cst: after L3 in the total order; acquires what the marker (E1) did before. */
    return atomic_load_explicit(&life->word, memory_order_seq_cst);
}

static inline bool tri_life_is_live(uint32_t word) {
    return (word & 1) != 0;
}

/* True for the generation of a proper address: a live one, without marks. */
static inline bool tri_life_is_plain(uint32_t generation) {
    return (generation & (TRI_LIFE_PENDING | 1)) == 1;
}

/* True when the word is not the life of the incarnation an address names. Pending ends do not
 * matter: whatever is sent then is queued, and dropped at the end. */
static inline bool tri_is_other_life(uint32_t word, uint32_t generation) {
    return (word & TRI_LIFE_GENERATION) != generation || !tri_life_is_live(word);
}

/* Marks the incarnation; false: it is another one by now, or already marked. */
static inline bool tri_life_mark(struct tri_life *life, uint32_t generation, uint32_t bit) {
    uint32_t word = tri_life_peek(life);
    do {
        if ((word & TRI_LIFE_GENERATION) != generation || (word & bit) != 0) return false;
        /* ORDER E1 seq_cst: before L4 in the total order. */
    } while (!atomic_compare_exchange_weak_explicit(&life->word, &word, word | bit,
                                                    memory_order_seq_cst, memory_order_relaxed));
    return true;
}

/* Home: begins or ends an incarnation; returns the new generation. */
static inline uint32_t tri_life_next(struct tri_life *life) {
    uint32_t next = ((tri_life_peek(life) & TRI_LIFE_GENERATION) + 1) & TRI_LIFE_GENERATION;
    /* ORDER E3 release: the slot's fields before the word. A store is enough: nobody else changes
     * the generation, and a mark (E1) either comes before and vanishes, or finds another word. */
    atomic_store_explicit(&life->word, next, memory_order_release);
    return next;
}

#endif
