/* SPDX-License-Identifier: MIT
 * Model of scheduler/park.h with an inbox and with deques: no lost wake-up.
 *
 * A worker takes what there is, announces that it sleeps, looks once more, sleeps. One thread
 * brings work through the worker's inbox, another through a deque of its own. The futex is replaced
 * by a spin on the state; when both bringers have finished and the state still says PARKED, the
 * worker sleeps for ever. Then there must be no work left, whoever brought it last.
 */
#define TRI_DEQUE_SLOTS 4
#include "scheduler/park.h"
#include "scheduler/deque.h"
#include "scheduler/inbox.h"

#define MODEL_THREADS 3
#include "test/model/model.h"

enum { TASKS = MODEL_BOUND(16, 1), SLEEPS = MODEL_BOUND(1000, 3) };
enum { WOKEN = 1, LOOKED_AGAIN, SLEPT_TO_THE_END, AWAKE_ALREADY };

static const char *const model_events[] = {
    "",
    "a bringer woke the worker",
    "the last look before sleeping found work",
    "the worker slept when all was done",
    "a bringer found the worker awake",
    NULL,
};
static const int model_must = AWAKE_ALREADY;

static struct tri_inbox inbox;
static struct tri_park park;
static struct tri_deque deque; /* owner: thread 2 */
static struct tri_task tasks[MODEL_THREADS][TASKS];
static _Atomic uint32_t finished; /* bringers */
static int taken;                 /* the worker's */
static bool asleep;               /* the worker's: it sleeps for ever */

static void take(void) {
    for (struct tri_task *task = tri_inbox_take(&inbox); task != NULL; task = task->inbox_next)
        taken++;
    struct tri_task *got[TRI_DEQUE_SLOTS];
    taken += (int)tri_deque_take(&deque, got, TRI_DEQUE_SLOTS);
}

static bool is_work(void) {
    return !tri_inbox_is_empty(&inbox) || tri_deque_size(&deque) > 0;
}

/* Until somebody wakes the worker; false: nobody is left to do so. */
static bool sleep_on_state(void) {
#ifdef MODEL
    return !tri_park_is_parked(&park); /* the checker tries every moment */
#else
    while (tri_park_is_parked(&park)) {
        /* Acquire: what the bringers did is done when we look again. */
        if (atomic_load_explicit(&finished, memory_order_acquire) == MODEL_THREADS - 1)
            return !tri_park_is_parked(&park);
        model_relax();
    }
    return true;
#endif
}

static void worker(void) {
    for (int i = 0; i < SLEEPS; i++) {
        take();
        model_delay(0);
        tri_park_announce(&park);
        if (is_work()) {
            tri_park_cancel(&park);
            model_saw(LOOKED_AGAIN);
        } else if (!sleep_on_state()) {
            asleep = true;
            return;
        }
    }
}

/* What tri_worker_notify does, without the system call. */
static void notify(void) {
    model_saw(tri_park_claim(&park) ? WOKEN : AWAKE_ALREADY);
}

static void bring(int me) {
    for (int i = 0; i < TASKS; i++) {
        if (me == 1) {
            if (tri_inbox_push(&inbox, &tasks[me][i])) notify();
        } else {
            while (!tri_deque_push_owner(&deque, &tasks[me][i])) model_relax();
            tri_park_fence();
            notify();
        }
        model_delay(me);
    }
    atomic_fetch_add_explicit(&finished, 1, memory_order_acq_rel);
}

static void model_reset(void) {
    atomic_init(&inbox.head, NULL);
    atomic_init(&park.state, TRI_AWAKE);
    atomic_init(&finished, 0);
    tri_deque_init(&deque);
    taken = 0;
    asleep = false;
}

static void model_thread(int me) {
    if (me == 0)
        worker();
    else
        bring(me);
}

static void model_check(void) {
    if (asleep && tri_park_is_parked(&park)) {
        assert(!is_work()); /* else it sleeps on work: the wake-up was lost */
        model_saw(SLEPT_TO_THE_END);
    }
    take();
    while (is_work()) take();
    assert(taken == (MODEL_THREADS - 1) * TASKS);
}
