/* SPDX-License-Identifier: MIT
 * Model of scheduler/inbox.h: two pushers, one worker that takes everything. Each task arrives
 * exactly once with the fields its pusher wrote, each pusher's tasks in order; and exactly one push
 * for each batch says that the inbox was empty, which is the one that has to wake the worker.
 */
#include "scheduler/inbox.h"

#define MODEL_THREADS 3
#include "test/model/model.h"

enum { TASKS = MODEL_BOUND(32, 2), TAKES = MODEL_BOUND(32, 2) };
enum { FOUND_OTHERS = 1, TWO_PUSHERS, TOOK_NOTHING };

static const char *const model_events[] = {
    "",
    "a push found a task in front of it",
    "a batch held tasks of both pushers",
    "a take found nothing",
    NULL,
};
static const int model_must = TOOK_NOTHING;

static struct tri_inbox inbox;
static struct tri_task tasks[MODEL_THREADS][TASKS];
static int firsts[MODEL_THREADS]; /* pushes that found it empty; each its thread's own */
static int batches;               /* the worker's, like all below */
static int next[MODEL_THREADS];

static bool take(void) {
    struct tri_task *task = tri_inbox_take(&inbox);
    if (task == NULL) return false;
    batches++;
    int first = task->waker;
    bool mixed = false;
    for (; task != NULL; task = task->inbox_next) {
        int from = task->waker;
        assert(task->cost_ns == next[from]); /* in order, and nothing twice */
        next[from]++;
        mixed = mixed || from != first;
    }
    if (mixed) model_saw(TWO_PUSHERS);
    return true;
}

static void model_reset(void) {
    atomic_init(&inbox.head, NULL);
    batches = 0;
    for (int i = 0; i < MODEL_THREADS; i++) firsts[i] = next[i] = 0;
}

static void push_all(int me) {
    for (int i = 0; i < TASKS; i++) {
        tasks[me][i].waker = (uint16_t)me;
        tasks[me][i].cost_ns = (uint16_t)i;
        if (tri_inbox_push(&inbox, &tasks[me][i]))
            firsts[me]++;
        else
            model_saw(FOUND_OTHERS);
        model_delay(me);
    }
}

static void model_thread(int me) {
    if (me != 0) {
        push_all(me);
        return;
    }
    for (int i = 0; i < TAKES; i++) {
        if (!take()) model_saw(TOOK_NOTHING);
        model_delay(me);
    }
}

static void model_check(void) {
    while (take()) continue;
    assert(tri_inbox_is_empty(&inbox) && tri_inbox_looks_empty(&inbox));
    for (int i = 1; i < MODEL_THREADS; i++) assert(next[i] == TASKS);
    assert(firsts[1] + firsts[2] == batches);
}
