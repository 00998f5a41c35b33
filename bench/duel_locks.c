/* SPDX-License-Identifier: MIT
 * The rows of the duel that share memory: what each thread does for one operation, and the check of
 * the total.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "bench/duel.h"
#include "bench/locks.h"

#define HELD_FOR 64    /* increments, in the row that holds the mutex for several */
#define WRITE_EVERY 10 /* so that 90 % of the operations under the rwlock are reads */

/* The lock stands next to what it protects, as in most programs. */
struct shared {
    _Alignas(128) union {
        pthread_mutex_t mutex;
        pthread_rwlock_t rwlock;
        struct spin_lock spin;
        struct ticket_lock ticket;
    } lock;
    struct duel_data data;
    _Atomic int64_t atomic_total;
};

/* ---- one operation ------------------------------------------------------------------------ */

static void operate_mutex(struct duel_member *me) {
    struct shared *shared = me->shared;
    pthread_mutex_lock(&shared->lock.mutex);
    duel_operate(&shared->data, me->steps);
    pthread_mutex_unlock(&shared->lock.mutex);
}

static void operate_mutex_64(struct duel_member *me) {
    struct shared *shared = me->shared;
    pthread_mutex_lock(&shared->lock.mutex);
    for (int i = 0; i < HELD_FOR; i++) {
        duel_operate(&shared->data, me->steps);
        __asm__ volatile("" ::: "memory"); /* 64 increments, not one addition of 64 */
    }
    pthread_mutex_unlock(&shared->lock.mutex);
}

static void operate_spin(struct duel_member *me) {
    struct shared *shared = me->shared;
    spin_lock_acquire(&shared->lock.spin);
    duel_operate(&shared->data, me->steps);
    spin_lock_release(&shared->lock.spin);
}

static void operate_ticket(struct duel_member *me) {
    struct shared *shared = me->shared;
    ticket_lock_acquire(&shared->lock.ticket);
    duel_operate(&shared->data, me->steps);
    ticket_lock_release(&shared->lock.ticket);
}

static void operate_rwlock(struct duel_member *me) {
    struct shared *shared = me->shared;
    if (++me->own.total % WRITE_EVERY == 0) {
        pthread_rwlock_wrlock(&shared->lock.rwlock);
        duel_operate(&shared->data, me->steps);
        pthread_rwlock_unlock(&shared->lock.rwlock);
        return;
    }
    /* A reader works as long, on a copy. */
    pthread_rwlock_rdlock(&shared->lock.rwlock);
    me->sink += duel_work(shared->data.work + (uint64_t)shared->data.total, me->steps);
    pthread_rwlock_unlock(&shared->lock.rwlock);
}

static void operate_atomic(struct duel_member *me) {
    struct shared *shared = me->shared;
    /* relaxed: a count orders nothing */
    atomic_fetch_add_explicit(&shared->atomic_total, 1, memory_order_relaxed);
}

static void operate_own(struct duel_member *me) {
    duel_operate(&me->own, me->steps);
    __asm__ volatile("" ::: "memory"); /* one by one, as the others do */
}

/* ---- one thread --------------------------------------------------------------------------- */

static void body_mutex(struct duel_member *me) {
    duel_member_loop(me, 1, operate_mutex);
}

static void body_mutex_64(struct duel_member *me) {
    duel_member_loop(me, HELD_FOR, operate_mutex_64);
}

static void body_spin(struct duel_member *me) {
    duel_member_loop(me, 1, operate_spin);
}

static void body_ticket(struct duel_member *me) {
    duel_member_loop(me, 1, operate_ticket);
}

static void body_rwlock(struct duel_member *me) {
    duel_member_loop(me, 1, operate_rwlock);
    me->increments = me->operations / WRITE_EVERY;
}

static void body_atomic(struct duel_member *me) {
    duel_member_loop(me, 1, operate_atomic);
}

static void body_per_thread(struct duel_member *me) {
    duel_member_loop(me, 1, operate_own);
    struct shared *shared = me->shared;
    pthread_mutex_lock(&shared->lock.mutex);
    shared->data.total += me->own.total;
    pthread_mutex_unlock(&shared->lock.mutex);
}

/* ---- one row ------------------------------------------------------------------------------ */

static void run_crew(struct duel_attempt *attempt, struct duel_crew *crew, struct shared *shared,
                     void (*body)(struct duel_member *me)) {
    shared->data = (struct duel_data){.work = DUEL_WORK_START};
    duel_crew_run(crew, attempt, body, shared);
    bench_clock_stop(&attempt->run, duel_crew_operations(crew, attempt));
    duel_crew_percentiles(crew, attempt);
}

static void check_shared(struct duel_attempt *attempt, const struct duel_crew *crew,
                         const struct shared *shared) {
    uint64_t increments = duel_crew_increments(crew, attempt);
    bench_expect(&attempt->run, "the total", (int64_t)increments, shared->data.total);
    bench_expect(&attempt->run, "the work on the protected data",
                 (int64_t)duel_work_after(increments * attempt->steps), (int64_t)shared->data.work);
}

static void run_with_mutex(struct duel_attempt *attempt, void (*body)(struct duel_member *me)) {
    struct duel_crew crew;
    struct shared shared = {.lock.mutex = PTHREAD_MUTEX_INITIALIZER};
    run_crew(attempt, &crew, &shared, body);
    check_shared(attempt, &crew, &shared);
    pthread_mutex_destroy(&shared.lock.mutex);
}

void duel_run_mutex(struct duel_attempt *attempt) {
    run_with_mutex(attempt, body_mutex);
}

void duel_run_mutex_64(struct duel_attempt *attempt) {
    run_with_mutex(attempt, body_mutex_64);
}

void duel_run_spin(struct duel_attempt *attempt) {
    struct duel_crew crew;
    struct shared shared = {.lock.spin = {false}};
    run_crew(attempt, &crew, &shared, body_spin);
    check_shared(attempt, &crew, &shared);
}

void duel_run_ticket(struct duel_attempt *attempt) {
    struct duel_crew crew;
    struct shared shared = {.lock.ticket = {0, 0}};
    run_crew(attempt, &crew, &shared, body_ticket);
    check_shared(attempt, &crew, &shared);
}

void duel_run_rwlock(struct duel_attempt *attempt) {
    struct duel_crew crew;
    struct shared shared = {.lock.rwlock = PTHREAD_RWLOCK_INITIALIZER};
    run_crew(attempt, &crew, &shared, body_rwlock);
    check_shared(attempt, &crew, &shared);
    pthread_rwlock_destroy(&shared.lock.rwlock);
}

void duel_run_atomic(struct duel_attempt *attempt) {
    struct duel_crew crew;
    struct shared shared = {.atomic_total = 0};
    run_crew(attempt, &crew, &shared, body_atomic);
    /* relaxed: the threads have been joined */
    int64_t total = atomic_load_explicit(&shared.atomic_total, memory_order_relaxed);
    bench_expect(&attempt->run, "the total", (int64_t)duel_crew_increments(&crew, attempt), total);
}

void duel_run_per_thread(struct duel_attempt *attempt) {
    struct duel_crew crew;
    struct shared shared = {.lock.mutex = PTHREAD_MUTEX_INITIALIZER};
    run_crew(attempt, &crew, &shared, body_per_thread);
    bench_expect(&attempt->run, "the total", (int64_t)duel_crew_increments(&crew, attempt),
                 shared.data.total);
    for (uint32_t i = 0; i < attempt->threads; i++) {
        const struct duel_member *member = &crew.members[i];
        bench_expect(&attempt->run, "the work of one thread",
                     (int64_t)duel_work_after(member->increments * attempt->steps),
                     (int64_t)member->own.work);
    }
    pthread_mutex_destroy(&shared.lock.mutex);
}
