/* SPDX-License-Identifier: MIT
 * The work-stealing deque of a worker: a bounded ring that its owner fills at the tail when others
 * are hungry, and that everybody, the owner too, empties from the head, up to half at a time.
 *
 *   owner: push                                 anybody: take
 *   -----------                                 -------------
 *   head (D3), full?                            h = head                            D3
 *   slot[tail] = task                           t = tail                            D2
 *   tail + 1                         D1         copy slots h … h + (t - h + 1) / 2
 *                                               CAS(head, h -> h + n)               D4
 *
 * D1 is release and pairs with D2 acquire: the slots and the tasks in them. D4 is acq_rel: release
 * pairs with the owner's D3 acquire, so that a slot is written again only after it was read; a
 * failed D4 means that the copy may be stale and is thrown away. The counters are 64 bits wide and
 * do not wrap. The slots are atomics (relaxed): a taker that will fail may read one that is being
 * written.
 * Progress: push wait-free, take lock-free. Push: the owner only.
 * Source: the ring of Go's and Tokio's run queues; the classic alternative, Chase and Lev (2005),
 * gives the owner a cheap LIFO end, which is of no use to an owner that works from a private queue.
 */
#ifndef TROUPE_SCHEDULER_DEQUE_H
#define TROUPE_SCHEDULER_DEQUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "scheduler/task.h"

#ifndef TRI_DEQUE_SLOTS
#define TRI_DEQUE_SLOTS 256
#endif

struct tri_deque {
    _Alignas(TRI_LINE_PAIR) _Atomic uint64_t head; /* writers: takers */
    _Alignas(TRI_LINE_PAIR) _Atomic uint64_t tail; /* writer: owner */
    _Atomic(struct tri_task *) slots[TRI_DEQUE_SLOTS];
};

static inline void tri_deque_init(struct tri_deque *deque) {
    atomic_init(&deque->head, 0);
    atomic_init(&deque->tail, 0);
    for (int i = 0; i < TRI_DEQUE_SLOTS; i++) atomic_init(&deque->slots[i], NULL);
}

/* A hint for everybody but one who must decide about sleeping (park.h says how that works). */
static inline uint32_t tri_deque_size(const struct tri_deque *deque) {
    /* ORDER seq_cst: after P1 in the total order when a sleeper looks; elsewhere a hint. */
    uint64_t head = atomic_load_explicit(&deque->head, memory_order_seq_cst);
    uint64_t tail = atomic_load_explicit(&deque->tail, memory_order_seq_cst);
    return tail > head ? (uint32_t)(tail - head) : 0;
}

/* False when it is full. */
static inline bool tri_deque_push_owner(struct tri_deque *deque, struct tri_task *task) {
    /* ORDER relaxed: the owner is the only writer. */
    uint64_t tail = atomic_load_explicit(&deque->tail, memory_order_relaxed);
    /* ORDER D3 acquire: pairs with D4, the slot about to be written has been read. */
    uint64_t head = atomic_load_explicit(&deque->head, memory_order_acquire);
    if (tail - head >= TRI_DEQUE_SLOTS) return false;
    /* ORDER relaxed: published by D1. */
    atomic_store_explicit(&deque->slots[tail % TRI_DEQUE_SLOTS], task, memory_order_relaxed);
    /* ORDER D1 release: pairs with D2, publishes slot and task. */
    atomic_store_explicit(&deque->tail, tail + 1, memory_order_release);
    return true;
}

/* Takes half of what is there (rounded up), at most room tasks; returns how many. */
static inline uint32_t tri_deque_take(struct tri_deque *deque, struct tri_task **tasks,
                                      uint32_t room) {
    for (;;) {
        /* ORDER D3 acquire: the slots read below are not older than this head. */
        uint64_t head = atomic_load_explicit(&deque->head, memory_order_acquire);
        /* ORDER D2 acquire: pairs with D1. */
        uint64_t tail = atomic_load_explicit(&deque->tail, memory_order_acquire);
        if (tail <= head) return 0;
        uint64_t n = (tail - head + 1) / 2;
        if (n > room) n = room;
        for (uint64_t i = 0; i < n; i++)
            /* ORDER relaxed: D2 ordered it; D4 tells whether it was still valid. */
            tasks[i] = atomic_load_explicit(&deque->slots[(head + i) % TRI_DEQUE_SLOTS],
                                            memory_order_relaxed);
        /* ORDER D4 acq_rel: pairs with D3. */
        if (atomic_compare_exchange_strong_explicit(&deque->head, &head, head + n,
                                                    memory_order_acq_rel, memory_order_relaxed))
            return (uint32_t)n;
    }
}

#endif
