/* SPDX-License-Identifier: MIT
 * The inbox of a worker: tasks with their tokens, from any thread, taken all at once by the worker.
 * A stack (R. K. Treiber, 1986) whose only removal is "take everything", so there is no ABA.
 *
 *   pusher                                     worker
 *   ------                                     ------
 *   task.next = head                           (about to sleep: park.h)
 *   CAS(head, -> task)               N1        head != NULL?                       N3
 *   was NULL: look at the worker's             list = exchange(head, NULL)         N2
 *     park state (park.h P2), wake it          reverse, run
 *
 * N1 is seq_cst: release publishes the task's fields to N2; the total order with P2 is the pusher's
 * half of the agreement with a sleeper. N2 is acquire. N3 is seq_cst when it decides about sleeping
 * and relaxed when it is only a poll.
 * Progress: push lock-free, take wait-free. Only the push that found it empty has to wake anybody.
 */
#ifndef TROUPE_SCHEDULER_INBOX_H
#define TROUPE_SCHEDULER_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "scheduler/task.h"

struct tri_inbox {
    _Atomic(struct tri_task *) head;
};

/* True when it was empty: the caller must see to it that the worker is awake. */
static inline bool tri_inbox_push(struct tri_inbox *inbox, struct tri_task *task) {
    /* ORDER relaxed: only compared; N1 confirms it. */
    struct tri_task *old = atomic_load_explicit(&inbox->head, memory_order_relaxed);
    do {
        task->inbox_next = old;
        /* ORDER N1 seq_cst: pairs with N2, publishes the task; before P2 in the total order. */
    } while (!atomic_compare_exchange_weak_explicit(&inbox->head, &old, task, memory_order_seq_cst,
                                                    memory_order_relaxed));
    return old == NULL;
}

/* ORDER relaxed: a poll; take orders. */
static inline bool tri_inbox_looks_empty(const struct tri_inbox *inbox) {
    return atomic_load_explicit(&inbox->head, memory_order_relaxed) == NULL;
}

/* For the last look before sleeping. */
static inline bool tri_inbox_is_empty(const struct tri_inbox *inbox) {
    /* ORDER N3 seq_cst: after P1 in the total order. */
    return atomic_load_explicit(&inbox->head, memory_order_seq_cst) == NULL;
}

/* Worker only. Everything, oldest first, linked by inbox_next. */
static inline struct tri_task *tri_inbox_take(struct tri_inbox *inbox) {
    /* ORDER N2 acquire: pairs with N1, receives the tasks. */
    struct tri_task *task = atomic_exchange_explicit(&inbox->head, NULL, memory_order_acquire);
    struct tri_task *oldest = NULL;
    while (task != NULL) {
        struct tri_task *next = task->inbox_next;
        task->inbox_next = oldest;
        oldest = task;
        task = next;
    }
    return oldest;
}

#endif
