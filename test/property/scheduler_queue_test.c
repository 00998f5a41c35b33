/* SPDX-License-Identifier: MIT
 * The order in which a worker picks, against its description: a queue, and beside it, for new tasks
 * in a crowd, a stack whose bottom is aged. Tasks queue others at random while they run (on the
 * worker, in `after` of a job), the model does the same in plain arrays and says who must be next.
 */
#include "test/support/jobs.h"
#include "test/support/unit.h"

#include "test/support/seed.h"

enum { NEVER_US = 60000000, TASKS = 8000, RUNS = 100000 };

static struct job all[TASKS], starter;
static struct tri_random dice;
static uint32_t idle[TASKS], idle_count; /* tasks that are not queued */
static uint32_t runs, queued;
static _Atomic uint32_t finished;
/* The first pick that was not the model's. */
static uint32_t wrong_at, wrong_picked, wrong_expected;

/* The model. */
static uint32_t fifo[TASKS + RUNS * 4], fifo_head, fifo_tail;
static uint32_t stack[TRI_FRESH_SLOTS + TASKS], stack_bottom, stack_top, turns;

static uint32_t model_pick(void) {
    if (stack_bottom == stack_top) return fifo[fifo_head++];
    turns++;
    if (turns % TRI_FRESH_BOTTOM_EVERY == 0) {
        uint32_t oldest = stack[stack_bottom];
        for (uint32_t i = stack_bottom + 1; i < stack_top; i++) stack[i - 1] = stack[i];
        stack_top--;
        return oldest;
    }
    if (turns % TRI_FRESH_FIFO_EVERY == 0 && fifo_head != fifo_tail) return fifo[fifo_head++];
    return stack[--stack_top];
}

static void queue_one(struct tri_worker *worker) {
    if (idle_count == 0) return;
    uint32_t place = tri_random_below(&dice, idle_count), number = idle[place];
    idle[place] = idle[--idle_count];
    bool fresh = tri_random_below(&dice, 4) != 0;
    tri_task_set_home(&all[number].task, worker->id);
    all[number].task.flags = TRI_TASK_TOKEN;
    if (fresh && queued >= TRI_FRESH_ABOVE)
        stack[stack_top++] = number;
    else
        fifo[fifo_tail++] = number;
    queued++;
    if (fresh)
        tri_worker_queue_fresh(worker, &all[number].task);
    else
        tri_worker_queue(worker, &all[number].task);
}

/* Queues some more; in stretches more than are picked, in others fewer. */
static void queue_some(struct tri_worker *worker) {
    if (runs >= RUNS) return;
    uint32_t count = tri_random_below(&dice, runs / 5000 % 2 == 0 ? 4 : 2);
    if (queued == 0 && count == 0) count = 1;
    for (uint32_t i = 0; i < count; i++) queue_one(worker);
}

static void after_run(struct job *job, struct tri_worker *worker) {
    uint32_t number = (uint32_t)(job - all), expected = model_pick();
    if (number != expected && wrong_at == 0) {
        wrong_at = runs + 1;
        wrong_picked = number;
        wrong_expected = expected;
    }
    queued--;
    runs++;
    idle[idle_count++] = number;
    queue_some(worker);
    if (queued == 0) atomic_store_explicit(&finished, 1, memory_order_release);
}

static void begin(struct job *job, struct tri_worker *worker) {
    (void)job;
    for (uint32_t i = 0; i < 10; i++) queue_one(worker);
}

Test(queue, picks_whom_its_description_says, .timeout = 60) {
    dice = property_random();
    for (uint32_t i = 0; i < TASKS; i++) {
        all[i].after = after_run;
        idle[idle_count++] = i;
    }
    starter.after = begin;
    struct tri_sched_config config = jobs_config(1, NEVER_US);
    PROPERTY(tri_sched_init(&jobs.sched, &config) == TR_OK);
    PROPERTY(tri_sched_start(&jobs.sched) == TR_OK);
    job_give(&starter, 0);
    uint64_t start_ns = tri_clock_ns();
    while (atomic_load_explicit(&finished, memory_order_acquire) == 0) {
        PROPERTY(tri_clock_ns() - start_ns < UINT64_C(30000000000));
        tri_os_yield();
    }
    tri_sched_quit(&jobs.sched);
    tri_sched_fini(&jobs.sched);
    cr_assert_eq(wrong_at, 0, "TROUPE_SEED=0x%" PRIx64 ": run %u was task %u and not %u",
                 property_seed, wrong_at, wrong_picked, wrong_expected);
    PROPERTY(runs >= RUNS);
    PROPERTY(turns > 2 * TRI_FRESH_BOTTOM_EVERY); /* the stack was in use */
}
