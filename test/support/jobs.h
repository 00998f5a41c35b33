/* SPDX-License-Identifier: MIT
 * A scheduler without actors: tasks are jobs, each a function that a worker calls. What the runtime
 * does in runtime/actor.c around a handler is done here in its smallest form. One scheduler at a
 * time per test program.
 */
#ifndef TROUPE_TEST_JOBS_H
#define TROUPE_TEST_JOBS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "scheduler/worker.h"

struct job {
    struct tri_task task;
    /* User code: may take its time. */
    void (*body)(struct job *job);
    /* On the worker, after the body: may queue tasks. NULL: nothing. */
    void (*after)(struct job *job, struct tri_worker *worker);
    uint32_t again;        /* how often it is queued again */
    uint32_t runs;         /* plain: a job runs on one thread at a time */
    uint16_t last_worker;  /* id */
    _Atomic uint32_t done; /* runs, for others to see */
    void *context;
};

static struct {
    struct tri_sched sched;
    _Atomic uint32_t revoked, returned, background;
    _Atomic int64_t allocations_left; /* of the failing allocator */
    _Atomic int64_t held;             /* allocations alive */
} jobs;

static inline struct job *job_of(struct tri_task *task) {
    return (struct job *)(void *)((char *)task - offsetof(struct job, task));
}

/* The end of a run, with the worker: queued again, or done; the token stays with the home. */
static inline void job_finish(struct tri_worker *worker, struct job *job) {
    job->runs++;
    job->last_worker = worker->id;
    job->task.flags &= (uint8_t)~TRI_TASK_ACTIVE;
    if (job->after != NULL) job->after(job, worker);
    if (job->again > 0) {
        job->again--;
        tri_worker_queue(worker, &job->task);
    }
    atomic_fetch_add_explicit(&job->done, 1, memory_order_release);
}

static inline bool jobs_run(struct tri_thread *thread, struct tri_worker *worker,
                            struct tri_task *task) {
    atomic_store_explicit(&thread->current, task, memory_order_relaxed);
    tri_count_add(&worker->calls, 1);
    if (tri_count_read(&worker->calls) >= worker->tick_at)
        (void)tri_worker_tick(worker, tri_count_read(&worker->calls));
    tri_bias_leave(&thread->bias);
    if (job_of(task)->body != NULL) job_of(task)->body(job_of(task));
    if ((tri_bias_enter(&thread->bias) & TRI_ATTENTION_REVOKE) && !tri_thread_enter_slow(thread))
        return false;
    atomic_store_explicit(&thread->current, NULL, memory_order_relaxed);
    job_finish(worker, job_of(task));
    return true;
}

static inline bool jobs_claim(struct tri_task *task) {
    (void)task;
    return false; /* the home has the token always */
}

static inline void jobs_nothing(struct tri_worker *worker, struct tri_task *task) {
    (void)worker;
    (void)task;
}

static inline bool jobs_background(struct tri_worker *worker) {
    (void)worker;
    atomic_fetch_add_explicit(&jobs.background, 1, memory_order_relaxed);
    return false;
}

static inline void jobs_revoked(struct tri_worker *worker, struct tri_thread *thread) {
    (void)worker;
    atomic_load_explicit(&thread->current, memory_order_relaxed)->flags |= TRI_TASK_AWAY;
    atomic_fetch_add_explicit(&jobs.revoked, 1, memory_order_relaxed);
}

static inline void jobs_returned(struct tri_worker *worker, struct tri_thread *thread) {
    struct tri_task *task = atomic_load_explicit(&thread->current, memory_order_relaxed);
    atomic_store_explicit(&thread->current, NULL, memory_order_relaxed);
    task->flags &= (uint8_t)~TRI_TASK_AWAY;
    job_finish(worker, job_of(task));
    atomic_fetch_add_explicit(&jobs.returned, 1, memory_order_relaxed);
}

static inline void *jobs_allocate(void *context, size_t align_bytes, size_t bytes) {
    if (atomic_fetch_sub_explicit(&jobs.allocations_left, 1, memory_order_relaxed) <= 0)
        return NULL;
    atomic_fetch_add_explicit(&jobs.held, 1, memory_order_relaxed);
    tr_allocator allocator = tri_alloc_default();
    return allocator.allocate(context, align_bytes, bytes);
}

static inline void jobs_release(void *context, void *memory, size_t bytes) {
    atomic_fetch_sub_explicit(&jobs.held, 1, memory_order_relaxed);
    tr_allocator allocator = tri_alloc_default();
    allocator.release(context, memory, bytes);
}

static inline void jobs_prepare_worker(void *context, struct tri_worker *worker) {
    (void)context;
    (void)worker;
}

static inline void jobs_prepare_thread(void *context, struct tri_thread *thread) {
    (void)context;
    (void)thread;
}

static inline int64_t jobs_tick(void *context) {
    (void)context;
    return INT64_MAX;
}

static inline struct tri_sched_config jobs_config(uint32_t workers, uint32_t overdue_us) {
    static const struct tri_ops ops = {
        .run = jobs_run,
        .claim = jobs_claim,
        .adopted = jobs_nothing,
        .stale = jobs_nothing,
        .background = jobs_background,
        .revoked = jobs_revoked,
        .returned = jobs_returned,
    };
    atomic_store_explicit(&jobs.allocations_left, INT64_MAX, memory_order_relaxed);
    return (struct tri_sched_config){
        .workers = workers,
        .overdue_us = overdue_us,
        .max_extra_threads = 4,
        .worker_bytes = sizeof(struct tri_worker),
        .thread_bytes = sizeof(struct tri_thread),
        .seed = 1,
        .ops = &ops,
        .allocator = {jobs_allocate, jobs_release, NULL},
        .prepare_worker = jobs_prepare_worker,
        .prepare_thread = jobs_prepare_thread,
        .on_tick = jobs_tick,
        .context = NULL,
    };
}

/* Hands job to a worker (from 0), as a foreign thread does. */
static inline void job_give(struct job *job, uint32_t worker) {
    tri_task_deliver(jobs.sched.workers[worker], &job->task, 0);
}

/* Until job has run so often; false after 20 s. */
static inline bool job_await(struct job *job, uint32_t runs) {
    uint64_t start = tri_clock_ns();
    /* Acquire: what the run did is ours to see. */
    while (atomic_load_explicit(&job->done, memory_order_acquire) < runs) {
        if (tri_clock_ns() - start > UINT64_C(20000000000)) return false;
        tri_os_yield();
    }
    return true;
}

#endif
