/* SPDX-License-Identifier: MIT
 * A task: what the scheduler runs. The runtime puts one into every actor.
 *
 * A task has at most one home, the worker that runs it, and exactly one token, the right to change
 * the home. The token is in one place at a time: at rest with the task (the runtime keeps it in the
 * mailbox's lane), in an inbox, in a deque, or held by the home (TRI_TASK_TOKEN).
 *
 * Rules (docs/memory-model.md has the proof):
 *   Only worker W ever stores W in `home`, and only the home itself stores NONE, holding the token,
 *   before it publishes the task. So `home == me` is exact with a relaxed load.
 *   The plain fields belong to the home; while there is none, to whoever has the token.
 */
#ifndef TROUPE_SCHEDULER_TASK_H
#define TROUPE_SCHEDULER_TASK_H

#include <stdatomic.h>
#include <stdint.h>

/* Worker ids start at 1. */
#define TRI_HOME_NONE 0

enum {
    TRI_TASK_ACTIVE = 1,  /* queued, running or away */
    TRI_TASK_TOKEN = 2,   /* the home holds the token */
    TRI_TASK_AWAY = 4,    /* runs on a thread that has lost the home to a take-over */
    TRI_TASK_FREE = 8,    /* its slot is not in use; a token that arrives goes back at once */
    TRI_TASK_THREAD = 32, /* no task: a thread that is back from an overdue handler */
    TRI_TASK_LONG = 64,   /* its handlers are overdue or near it: runs on a thread of its own */
    TRI_TASK_NEW = 16     /* has not been queued yet: starts from the LIFO when many wait */
};

struct tri_task {
    struct tri_task *inbox_next; /* writer: whoever has the token */
    struct tri_task *queue_next; /* writer: home */
    _Atomic uint16_t home;       /* see above */
    uint16_t waker;              /* writer: whoever takes the token; worker id, 0 foreign */
    uint16_t last_waker;         /* home: waker of the last remote wake */
    uint16_t cost_ns;            /* home: sampled handler time per message; 0 unknown */
    uint8_t flags;               /* home */
    uint8_t streak;              /* home: how often last_waker woke it, minus local wakes */
    uint16_t defer;              /* home: how often it still lets others run first */
    uint32_t defer_for;          /* home: the runtime's note for whom */
};

static inline uint16_t tri_task_home(const struct tri_task *task) {
    /* ORDER relaxed: exact when it is the reader's own id; otherwise used only after taking the
     * token, whose acquire (L1 or L4 in mailbox/lane.h) makes the value current. */
    return atomic_load_explicit(&task->home, memory_order_relaxed);
}

static inline void tri_task_set_home(struct tri_task *task, uint16_t home) {
    /* ORDER relaxed: published by what hands the token over (N1, D1, L3). */
    atomic_store_explicit(&task->home, home, memory_order_relaxed);
}

#endif
