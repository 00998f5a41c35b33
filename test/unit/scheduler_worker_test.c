/* SPDX-License-Identifier: MIT
 * Facts about workers and threads: order, waking, stealing, take-over, failures. The tasks are jobs
 * (test/support/jobs.h); no test waits for an amount of time to pass. */
#include "test/support/jobs.h"
#include "test/support/unit.h"

enum { NEVER_US = 60000000, SOON_US = 500, MANY = 100 };

static struct job many[MANY];
static _Atomic uint32_t flag;
static uint32_t order[3 * MANY]; /* by the one worker of the test */
static uint32_t order_count;

static void start(uint32_t workers, uint32_t overdue_us) {
    struct tri_sched_config config = jobs_config(workers, overdue_us);
    cr_assert_eq(tri_sched_init(&jobs.sched, &config), TR_OK);
}

static void go(void) {
    cr_assert_eq(tri_sched_start(&jobs.sched), TR_OK);
}

static void stop(void) {
    tri_sched_quit(&jobs.sched);
    tri_sched_fini(&jobs.sched);
    cr_assert_eq(atomic_load_explicit(&jobs.held, memory_order_relaxed), 0, "memory is held");
}

static void note_order(struct job *job) {
    order[order_count++] = (uint32_t)(job - many);
}

static void raise_flag(struct job *job) {
    (void)job;
    atomic_store_explicit(&flag, 1, memory_order_release);
}

/* Ends only when another job has raised the flag, or after 20 s without success. */
static void wait_for_flag(struct job *job) {
    uint64_t start_ns = tri_clock_ns();
    while (atomic_load_explicit(&flag, memory_order_acquire) == 0)
        if (tri_clock_ns() - start_ns > UINT64_C(20000000000)) return;
    job->context = job; /* the flag was raised while we were here */
}

static void work_a_little(struct job *job) {
    (void)job;
    uint64_t start_ns = tri_clock_ns();
    while (tri_clock_ns() - start_ns < 20000) TRI_PAUSE();
}

Test(worker, runs_what_is_delivered_once_each_in_order, .timeout = 60) {
    start(1, NEVER_US);
    for (int i = 0; i < MANY; i++) {
        many[i].body = note_order;
        job_give(&many[i], 0);
    }
    go();
    for (int i = 0; i < MANY; i++) cr_assert(job_await(&many[i], 1));
    stop();
    cr_assert_eq(order_count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        cr_assert_eq(order[i], i);
        cr_assert_eq(many[i].runs, 1);
    }
}

Test(worker, requeued_tasks_take_turns, .timeout = 60) {
    enum { JOBS = 5, TURNS = 40 };
    start(1, NEVER_US);
    for (int i = 0; i < JOBS; i++) {
        many[i].body = note_order;
        many[i].again = TURNS - 1;
        job_give(&many[i], 0);
    }
    go();
    for (int i = 0; i < JOBS; i++) cr_assert(job_await(&many[i], TURNS));
    stop();
    /* Between two runs of one every other has run exactly once. */
    for (uint32_t i = 0; i < JOBS * TURNS; i++) cr_assert_eq(order[i], i % JOBS);
}

Test(worker, a_lone_task_stays_where_it_was_delivered, .timeout = 60) {
    start(2, NEVER_US);
    go();
    for (uint32_t i = 0; i < 2; i++) {
        many[i].again = 999;
        job_give(&many[i], i);
    }
    for (uint32_t i = 0; i < 2; i++) cr_assert(job_await(&many[i], 1000));
    stop();
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(many[i].last_worker, i + 1);
        cr_assert_eq(tri_task_home(&many[i].task), i + 1);
    }
}

Test(worker, sleeps_without_work_and_is_woken_by_a_delivery, .timeout = 60) {
    enum { TURNS = 200 };
    start(2, NEVER_US);
    go();
    const struct tri_worker *worker = jobs.sched.workers[0];
    for (uint32_t i = 0; i < TURNS; i++) {
        if (i % 2 == 0) /* let it fall asleep; odd turns meet it on its way */
            while (!tri_park_is_parked(&worker->park)) tri_os_yield();
        many[i % MANY].task = (struct tri_task){.flags = 0};
        uint32_t before = many[i % MANY].runs;
        job_give(&many[i % MANY], 0);
        cr_assert(job_await(&many[i % MANY], before + 1), "turn %u: never woken", i);
    }
    stop();
}

Test(worker, idle_one_steals_coarse_tasks_from_a_busy_one, .timeout = 60) {
    enum { JOBS = 16, TURNS = 4000 };
    start(2, NEVER_US);
    for (int i = 0; i < JOBS; i++) {
        many[i].body = work_a_little;
        many[i].task.cost_ns = 20000;
        many[i].again = TURNS - 1;
        job_give(&many[i], 0);
    }
    go();
    uint64_t stolen = 0;
    const struct tri_worker *thief = jobs.sched.workers[1];
    for (int i = 0; i < JOBS; i++) {
        cr_assert(job_await(&many[i], TURNS / 100));
        stolen = tri_count_read(&thief->stolen);
    }
    for (int i = 0; i < JOBS; i++) cr_assert(job_await(&many[i], TURNS));
    stolen = tri_count_read(&thief->stolen);
    uint64_t exposed = tri_count_read(&jobs.sched.workers[0]->exposed);
    stop();
    cr_assert_gt(stolen, 0, "nothing was stolen in %d runs", JOBS * TURNS);
    cr_assert_gt(exposed, 0);
    for (int i = 0; i < JOBS; i++) cr_assert_eq(many[i].runs, TURNS);
}

Test(worker, overdue_handler_loses_its_worker_to_another_thread, .timeout = 60) {
    start(1, SOON_US);
    many[0].body = wait_for_flag;
    many[1].body = raise_flag;
    job_give(&many[0], 0);
    job_give(&many[1], 0);
    go();
    cr_assert(job_await(&many[0], 1));
    cr_assert(job_await(&many[1], 1));
    uint64_t takeovers = tri_count_read(&jobs.sched.takeovers);
    stop();
    cr_assert_not_null(many[0].context, "the other task ran only after the handler had given up");
    cr_assert_geq(takeovers, 1);
    cr_assert_eq(atomic_load_explicit(&jobs.revoked, memory_order_relaxed), takeovers);
    cr_assert_eq(atomic_load_explicit(&jobs.returned, memory_order_relaxed), takeovers);
    cr_assert_eq(many[0].runs, 1);
    cr_assert_eq(many[1].runs, 1);
}

Test(worker, task_of_an_overdue_handler_comes_back_and_runs_on, .timeout = 60) {
    start(1, SOON_US);
    many[0].body = wait_for_flag;
    many[0].again = 500;
    many[1].body = raise_flag;
    job_give(&many[0], 0);
    job_give(&many[1], 0);
    go();
    cr_assert(job_await(&many[0], 501));
    stop();
    cr_assert_eq(many[0].runs, 501);
}

Test(worker, handler_that_is_overdue_alone_keeps_its_worker, .timeout = 60) {
    start(1, 100);
    many[0].body = work_a_little;
    many[0].again = 500;
    job_give(&many[0], 0);
    go();
    cr_assert(job_await(&many[0], 501));
    uint64_t takeovers = tri_count_read(&jobs.sched.takeovers);
    stop();
    cr_assert_eq(takeovers, 0, "there was nothing else to do");
}

Test(worker, many_overdue_handlers_in_a_row_all_come_back, .timeout = 60) {
    enum { PAIRS = 4 }; /* as many as extra threads are allowed */
    start(1, SOON_US);
    for (int i = 0; i < PAIRS; i++) {
        many[i].body = wait_for_flag;
        job_give(&many[i], 0);
    }
    many[PAIRS].body = raise_flag;
    job_give(&many[PAIRS], 0);
    go();
    for (int i = 0; i <= PAIRS; i++) cr_assert(job_await(&many[i], 1));
    uint64_t takeovers = tri_count_read(&jobs.sched.takeovers);
    stop();
    for (int i = 0; i < PAIRS; i++) cr_assert_not_null(many[i].context);
    cr_assert_geq(takeovers, PAIRS);
    cr_assert_eq(atomic_load_explicit(&jobs.returned, memory_order_relaxed), takeovers);
}

Test(worker, does_background_work_before_it_sleeps, .timeout = 60) {
    start(1, NEVER_US);
    go();
    while (!tri_park_is_parked(&jobs.sched.workers[0]->park)) tri_os_yield();
    stop();
    cr_assert_gt(atomic_load_explicit(&jobs.background, memory_order_relaxed), 0);
}

Test(sched, starts_and_quits_many_times, .timeout = 60) {
    for (int i = 0; i < 30; i++) {
        start(1 + (uint32_t)i % 4, SOON_US);
        go();
        stop();
    }
}

Test(sched, init_without_memory_is_nomem_and_leaves_nothing, .timeout = 60) {
    int64_t needed = 0;
    for (;; needed++) {
        struct tri_sched_config config = jobs_config(3, NEVER_US);
        atomic_store_explicit(&jobs.allocations_left, needed, memory_order_relaxed);
        tr_status status = tri_sched_init(&jobs.sched, &config);
        if (status == TR_OK) break;
        cr_assert_eq(status, TR_NOMEM);
        cr_assert_eq(atomic_load_explicit(&jobs.held, memory_order_relaxed), 0,
                     "allocation %d failed and memory is held", (int)needed);
    }
    tri_sched_fini(&jobs.sched);
    cr_assert_gt(needed, 3);
    cr_assert_eq(atomic_load_explicit(&jobs.held, memory_order_relaxed), 0);
}

Test(sched, start_without_memory_for_threads_says_so_and_ends_those_it_started, .timeout = 60) {
    for (int64_t after = 0; after < 3; after++) {
        start(3, NEVER_US);
        atomic_store_explicit(&jobs.allocations_left, after, memory_order_relaxed);
        tr_status status = tri_sched_start(&jobs.sched);
        cr_expect_eq(status, TR_NOMEM, "%s", tr_status_name(status));
        cr_assert_neq(status, TR_OK);
        tri_sched_fini(&jobs.sched);
        cr_assert_eq(atomic_load_explicit(&jobs.held, memory_order_relaxed), 0);
    }
}
