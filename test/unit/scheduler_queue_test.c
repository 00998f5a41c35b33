/* SPDX-License-Identifier: MIT
 * Facts about the order in which a worker runs what is queued on it: first in, first out, and a
 * last-in-first-out stack for new tasks when very many wait. The queueing happens on the worker
 * itself, in `after` of a job that runs there (test/support/jobs.h). */
#include <stdlib.h>

#include "test/support/jobs.h"
#include "test/support/unit.h"

enum {
    NEVER_US = 60000000,
    OLD = TRI_FRESH_ABOVE + TRI_FRESH_BOTTOM_EVERY, /* enough for new ones to go to the stack */
    FEW = TRI_FRESH_BOTTOM_EVERY / 2,               /* new ones that are done before it is aged */
    NEW = 3 * TRI_FRESH_BOTTOM_EVERY,
    ALL = OLD + NEW
};

static struct job starter, *crowd;
static uint32_t *order; /* by the worker */
static _Atomic uint32_t ran;
static uint32_t old_count, new_count;

static void note(struct job *job) {
    uint32_t n = atomic_load_explicit(&ran, memory_order_relaxed);
    order[n] = (uint32_t)(job - crowd);
    atomic_store_explicit(&ran, n + 1, memory_order_release);
}

static void queue_crowd(struct job *job, struct tri_worker *worker) {
    (void)job;
    for (uint32_t i = 0; i < old_count + new_count; i++) {
        tri_task_set_home(&crowd[i].task, worker->id);
        crowd[i].task.flags = TRI_TASK_TOKEN | (i < old_count ? 0 : TRI_TASK_NEW);
        if (i < old_count)
            tri_worker_queue(worker, &crowd[i].task);
        else
            tri_worker_queue_fresh(worker, &crowd[i].task);
    }
}

/* Queues old_count tasks and then new_count new ones, and runs them all on one worker. */
static void run_crowd(uint32_t olds, uint32_t news) {
    old_count = olds;
    new_count = news;
    crowd = calloc(olds + news, sizeof *crowd);
    order = calloc(olds + news, sizeof *order);
    for (uint32_t i = 0; i < olds + news; i++) crowd[i].body = note;
    struct tri_sched_config config = jobs_config(1, NEVER_US);
    cr_assert_eq(tri_sched_init(&jobs.sched, &config), TR_OK);
    cr_assert_eq(tri_sched_start(&jobs.sched), TR_OK);
    starter.after = queue_crowd;
    job_give(&starter, 0);
    cr_assert(job_await(&starter, 1));
    uint64_t start_ns = tri_clock_ns();
    while (atomic_load_explicit(&ran, memory_order_acquire) < olds + news) {
        cr_assert_lt(tri_clock_ns() - start_ns, UINT64_C(20000000000), "some never ran");
        tri_os_yield();
    }
    tri_sched_quit(&jobs.sched);
    tri_sched_fini(&jobs.sched);
}

static void end_crowd(void) {
    free(crowd);
    free(order);
}

Test(queue, few_tasks_run_in_the_order_they_were_queued_new_or_not, .timeout = 60) {
    uint32_t half = TRI_FRESH_ABOVE / 2;
    run_crowd(half, half);
    for (uint32_t i = 0; i < 2 * half; i++) cr_assert_eq(order[i], i);
    end_crowd();
}

Test(queue, every_task_runs_exactly_once, .timeout = 60) {
    run_crowd(OLD, NEW);
    bool *seen = calloc(ALL, sizeof *seen);
    for (uint32_t i = 0; i < ALL; i++) {
        cr_assert_not(seen[order[i]]);
        seen[order[i]] = true;
    }
    free(seen);
    end_crowd();
}

Test(queue, more_new_tasks_than_the_stack_holds_run_exactly_once, .timeout = 60) {
    uint32_t news = TRI_FRESH_SLOTS + 1000;
    run_crowd(OLD, news);
    bool *seen = calloc(OLD + news, sizeof *seen);
    for (uint32_t i = 0; i < OLD + news; i++) {
        cr_assert_not(seen[order[i]]);
        seen[order[i]] = true;
    }
    free(seen);
    end_crowd();
}

Test(queue, new_tasks_in_a_crowd_run_newest_first, .timeout = 60) {
    run_crowd(OLD, FEW);
    uint32_t newest = OLD + FEW;
    for (uint32_t i = 0; i < OLD + FEW && newest > OLD; i++) {
        if (order[i] < OLD) continue;
        newest--;
        cr_assert_eq(order[i], newest);
    }
    cr_assert_eq(newest, OLD);
    end_crowd();
}

Test(queue, old_tasks_get_their_share_of_the_picks_in_their_order, .timeout = 60) {
    run_crowd(OLD, FEW);
    uint32_t olds = 0, news = 0;
    for (uint32_t i = 0; news < FEW; i++) {
        if (order[i] < OLD) {
            cr_assert_eq(order[i], olds);
            olds++;
        } else {
            news++;
        }
        cr_assert_leq(i + 1, TRI_FRESH_FIFO_EVERY * (olds + 1), "pick %u starves the old", i);
    }
    end_crowd();
}

Test(queue, the_oldest_new_task_is_not_starved_by_newer_ones, .timeout = 60) {
    run_crowd(OLD, NEW);
    uint32_t at = 0;
    while (order[at] != OLD) at++;
    cr_assert_leq(at, TRI_FRESH_BOTTOM_EVERY);
    end_crowd();
}

Test(queue, queueing_marks_a_task_active_and_no_longer_new) {
    struct tri_worker worker = {.id = 1};
    struct tri_task task = {.flags = TRI_TASK_NEW};
    tri_worker_queue(&worker, &task);
    cr_assert_eq(task.flags, TRI_TASK_ACTIVE);
    cr_assert_eq(tri_worker_runnable(&worker), 1);
    task.flags = TRI_TASK_NEW | TRI_TASK_TOKEN;
    tri_worker_queue_fresh(&worker, &task);
    cr_assert_eq(task.flags, TRI_TASK_ACTIVE | TRI_TASK_TOKEN);
    cr_assert_eq(tri_worker_runnable(&worker), 2);
}

Test(queue, a_task_is_cheap_by_its_own_cost_or_else_by_the_average) {
    struct tri_worker worker = {.average_ns = TRI_COARSE_NS};
    struct tri_task task = {.cost_ns = TRI_COARSE_NS - 1};
    cr_assert(tri_task_is_cheap(&worker, &task));
    task.cost_ns = TRI_COARSE_NS;
    cr_assert_not(tri_task_is_cheap(&worker, &task));
    task.cost_ns = 0;
    cr_assert_not(tri_task_is_cheap(&worker, &task));
    worker.average_ns = TRI_COARSE_NS - 1;
    cr_assert(tri_task_is_cheap(&worker, &task));
}
