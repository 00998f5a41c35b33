/* SPDX-License-Identifier: MIT
 * A reply cell: where a foreign thread waits for one answer. Cells belong to the runtime and are
 * never freed before it, so a late reply finds the cell of somebody else at worst, sees another
 * generation and goes away. The caller's stack is never written by anybody.
 *
 *   state = generation << 2 | phase
 *
 *   caller                                      whoever answers
 *   ------                                      ---------------
 *   state = gen | WAITING            R1         CAS(gen | WAITING -> gen | FILLING)   R3
 *   send the request                              failed: too late
 *   sleep while phase is not DONE               reply, status = …
 *   state is gen | DONE              R2         state = gen | DONE                    R4
 *     take reply, status                        wake
 *   or, at the deadline:
 *   CAS(gen | WAITING -> gen | FREE) R5
 *     failed: it is being filled; wait for DONE
 *
 * R4 is release and pairs with R2 acquire: the reply. R3 is acquire and pairs with R1: the cell's
 * fields of this use. R5 against R3: one winner.
 */
#ifndef TROUPE_RUNTIME_CELL_H
#define TROUPE_RUNTIME_CELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRI_CELL_FREE = 0, TRI_CELL_WAITING = 1, TRI_CELL_FILLING = 2, TRI_CELL_DONE = 3 };

struct tri_cell {
    _Atomic uint32_t state; /* also the futex word */
    int32_t status;         /* writer: whoever answers, between R3 and R4 */
    void *reply;            /* the same; owned by the caller after R2 */
    struct tri_cell *next;  /* free list, under the runtime's lock */
    uint32_t index;         /* constant */
};

static inline uint32_t tri_cell_word(uint32_t generation, uint32_t phase) {
    return generation << 2 | phase;
}

/* The caller alone has the cell. Returns this use's generation (30 bits). */
static inline uint32_t tri_cell_open(struct tri_cell *cell) {
    /* ORDER relaxed: nobody else writes the state of a free cell. */
    uint32_t generation =
        ((atomic_load_explicit(&cell->state, memory_order_relaxed) >> 2) + 1) & 0x3fffffff;
    cell->reply = 0;
    cell->status = 0;
    /* ORDER R1 release: pairs with R3. */
    atomic_store_explicit(&cell->state, tri_cell_word(generation, TRI_CELL_WAITING),
                          memory_order_release);
    return generation;
}

/* True: the caller of this must fill the cell and tri_cell_finish it. */
static inline bool tri_cell_claim(struct tri_cell *cell, uint32_t generation) {
    uint32_t expected = tri_cell_word(generation, TRI_CELL_WAITING);
    /* ORDER R3 acquire: pairs with R1. */
    return atomic_compare_exchange_strong_explicit(&cell->state, &expected,
                                                   tri_cell_word(generation, TRI_CELL_FILLING),
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void tri_cell_finish(struct tri_cell *cell, uint32_t generation) {
    /* ORDER R4 release: pairs with R2. */
    atomic_store_explicit(&cell->state, tri_cell_word(generation, TRI_CELL_DONE),
                          memory_order_release);
}

/* The futex word as the caller sees it now; it is answered when the phase is DONE. */
static inline uint32_t tri_cell_look(const struct tri_cell *cell) {
    /* ORDER R2 acquire: pairs with R4. */
    return atomic_load_explicit(&cell->state, memory_order_acquire);
}

/* The caller gives up. False: an answer is on its way. */
static inline bool tri_cell_abandon(struct tri_cell *cell, uint32_t generation) {
    uint32_t expected = tri_cell_word(generation, TRI_CELL_WAITING);
    /* ORDER R5 relaxed: decides only who comes first. */
    return atomic_compare_exchange_strong_explicit(&cell->state, &expected,
                                                   tri_cell_word(generation, TRI_CELL_FREE),
                                                   memory_order_relaxed, memory_order_relaxed);
}

/* The caller has taken the answer. */
static inline void tri_cell_close(struct tri_cell *cell, uint32_t generation) {
    /* ORDER relaxed: R1 of the next use orders. */
    atomic_store_explicit(&cell->state, tri_cell_word(generation, TRI_CELL_FREE),
                          memory_order_relaxed);
}

#endif
