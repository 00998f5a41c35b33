/* SPDX-License-Identifier: MIT
 * Model of scheduler/deque.h: an owner that pushes and takes, two thieves that take, in a ring so
 * small that it wraps and fills. Each task is taken exactly once, with the fields its owner wrote
 * before the push; each taker sees the tasks in the order they were pushed.
 */
#define TRI_DEQUE_SLOTS 2
#include "scheduler/deque.h"

#define MODEL_THREADS 3
#include "test/model/model.h"

enum { TASKS = MODEL_BOUND(48, 3), TAKES = MODEL_BOUND(24, 1) };
enum { FULL = 1, OWNER_TOOK, STOLEN, BOTH_STOLE, STOLEN_WRAPPED };

static const char *const model_events[] = {
    "",
    "the owner found it full",
    "the owner took its own back",
    "a thief took",
    "both thieves took",
    "a thief took from a slot that was used before",
    NULL,
};
static const int model_must = STOLEN_WRAPPED;

static struct tri_deque deque;
static struct tri_task tasks[TASKS];
static int taken[TASKS]; /* writer: the taker; plain, so that two takers are a data race */
static int taken_by[MODEL_THREADS];

static uint32_t take(int me, uint32_t room) {
    struct tri_task *got[TRI_DEQUE_SLOTS];
    static _Thread_local int last;
    if (taken_by[me] == 0) last = -1;
    uint32_t n = tri_deque_take(&deque, got, room);
    for (uint32_t i = 0; i < n; i++) {
        int number = (int)(got[i] - tasks);
        assert(number > last && number < TASKS);
        assert(got[i]->cost_ns == number + 1); /* what the owner wrote before */
        last = number;
        taken[number]++;
        taken_by[me]++;
        if (me != 0) model_saw(number >= TRI_DEQUE_SLOTS ? STOLEN_WRAPPED : STOLEN);
    }
    return n;
}

static void model_reset(void) {
    tri_deque_init(&deque);
    for (int i = 0; i < TASKS; i++) {
        tasks[i].cost_ns = 0;
        taken[i] = 0;
    }
    for (int i = 0; i < MODEL_THREADS; i++) taken_by[i] = 0;
}

static void owner(void) {
    for (int i = 0; i < TASKS; i++) {
        tasks[i].cost_ns = (uint16_t)(i + 1);
        while (!tri_deque_push_owner(&deque, &tasks[i])) {
            model_saw(FULL);
            if (take(0, 1) > 0) model_saw(OWNER_TOOK);
        }
        model_delay(0);
    }
}

static void model_thread(int me) {
    if (me == 0) {
        owner();
        return;
    }
    for (int i = 0; i < TAKES; i++) {
        take(me, TRI_DEQUE_SLOTS);
        model_delay(me);
    }
}

static void model_check(void) {
    if (taken_by[1] > 0 && taken_by[2] > 0) model_saw(BOTH_STOLE);
    while (take(0, TRI_DEQUE_SLOTS) > 0) continue;
    assert(tri_deque_size(&deque) == 0);
    for (int i = 0; i < TASKS; i++) assert(taken[i] == 1);
}
