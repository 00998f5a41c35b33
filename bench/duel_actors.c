/* SPDX-License-Identifier: MIT
 * The rows of the duel that send messages: the total belongs to one actor (or to one per producer),
 * which does the critical section in its handler. No lock, and nobody else can touch the data.
 *
 * Every producer, actor or thread, ends by asking for the total. Its answer says that all its own
 * increments have been handled; when all producers have theirs, the total is final.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "bench/duel.h"

#define DUEL_ADD(FIELD, T) FIELD(T, int64, value)
#define DUEL_TOTAL(FIELD, T) FIELD(T, int64, total) FIELD(T, uint64, work)
TR_MESSAGE(duel_add, DUEL_ADD)
TR_MESSAGE(duel_add_and_get, DUEL_ADD)
TR_MESSAGE(duel_get, TR_NO_FIELDS)
TR_MESSAGE(duel_total, DUEL_TOTAL)
TR_MESSAGE(duel_more, TR_NO_FIELDS)

/* ---- the actor that owns the total -------------------------------------------------------- */

struct counter {
    struct duel_data data;
    uint32_t steps;
};

TR_INIT(counter, uint32_t, self, me, steps) {
    me->data.work = DUEL_WORK_START;
    me->steps = *steps;
    return TR_OK;
}

static void add(struct counter *me, int64_t value) {
    me->data.total += value;
    me->data.work = duel_work(me->data.work, me->steps);
}

TR_HANDLER(counter, duel_add, self, me, msg) {
    add(me, msg->value);
}

TR_HANDLER(counter, duel_get, self, me, msg) {
    tr_reply(self, duel_total, .total = me->data.total, .work = me->data.work);
}

TR_HANDLER(counter, duel_add_and_get, self, me, msg) {
    add(me, msg->value);
    tr_reply(self, duel_total, .total = me->data.total, .work = me->data.work);
}

TR_BEHAVIOR_INIT(counter, TR_ON(counter, duel_add), TR_ON(counter, duel_get),
                 TR_ON(counter, duel_add_and_get))

/* ---- producers that are actors ------------------------------------------------------------ */

struct producer {
    tr_ref counter;
    uint64_t left;
    int64_t sent;
    bool flush_each;
    const atomic_bool *stop_early;
    struct bench_done *done; /* told how many were sent */
};

TR_INIT(producer, struct producer, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(producer, duel_more, self, me, msg) {
    /* relaxed: it only has to be seen some time */
    if (atomic_load_explicit(me->stop_early, memory_order_relaxed)) {
        me->left = 0;
    }
    for (int i = 0; i < BENCH_BATCH && me->left > 0; i++, me->left--) {
        tr_send(self, me->counter, duel_add, .value = 1);
        me->sent++;
        if (me->flush_each) {
            tr_flush(self);
        }
    }
    if (me->left > 0) {
        tr_send(self, tr_self_ref(self), duel_more);
    } else {
        tr_send(self, me->counter, duel_get);
    }
}

TR_HANDLER(producer, duel_total, self, me, msg) {
    bench_done_report(me->done, me->sent);
}

TR_BEHAVIOR_INIT(producer, TR_ON(producer, duel_more), TR_ON(producer, duel_total))

static tr_runtime *start_runtime(struct duel_attempt *attempt) {
    attempt->run.workers = attempt->workers;
    return bench_runtime_start(&attempt->run);
}

/* Asks a counter for its total and checks its work against it. */
static int64_t ask(struct duel_attempt *attempt, tr_runtime *rt, tr_ref counter) {
    duel_total total;
    bench_ok(tr_call(rt, counter, BENCH_PATIENCE, duel_total, &total, duel_get), "ask the counter");
    bench_expect(&attempt->run, "the work of the counter",
                 (int64_t)duel_work_after((uint64_t)total.total * attempt->steps),
                 (int64_t)total.work);
    return total.total;
}

static void run_producers(struct duel_attempt *attempt, bool flush_each, bool sharded) {
    struct bench_done done;
    bench_done_init(&done, attempt->threads);
    atomic_bool stop_early;
    atomic_init(&stop_early, false);
    tr_runtime *rt = start_runtime(attempt);
    tr_ref counters[DUEL_THREADS_MAX];
    uint32_t counter_count = sharded ? attempt->threads : 1;

    bench_clock_start(&attempt->run);
    for (uint32_t i = 0; i < counter_count; i++) {
        counters[i] = tr_spawn(rt, &counter_behavior, &attempt->steps);
    }
    for (uint32_t i = 0; i < attempt->threads; i++) {
        struct producer start = {
            .counter = counters[i % counter_count],
            .left = attempt->operations / attempt->threads + 1,
            .flush_each = flush_each,
            .stop_early = &stop_early,
            .done = &done,
        };
        tr_send(rt, tr_spawn(rt, &producer_behavior, &start), duel_more);
    }
    if (!bench_done_wait_for(&done, attempt->limit_ns)) {
        attempt->abandoned = true;
        /* relaxed: as where it is read */
        atomic_store_explicit(&stop_early, true, memory_order_relaxed);
    }
    int64_t sent = bench_done_wait(&done), total = 0;
    for (uint32_t i = 0; i < counter_count; i++) {
        total += ask(attempt, rt, counters[i]);
    }
    bench_clock_stop(&attempt->run, (uint64_t)sent);

    bench_expect(&attempt->run, "the total", sent, total);
    bench_runtime_stop(&attempt->run, rt);
    bench_done_fini(&done);
}

void duel_run_tell(struct duel_attempt *attempt) {
    run_producers(attempt, false, false);
}

void duel_run_tell_flushed(struct duel_attempt *attempt) {
    run_producers(attempt, true, false);
}

void duel_run_sharded(struct duel_attempt *attempt) {
    run_producers(attempt, false, true);
}

/* ---- producers that are OS threads -------------------------------------------------------- */

struct shared {
    tr_runtime *rt;
    tr_ref counter;
};

static void await_own_messages(const struct shared *shared) {
    duel_total so_far;
    bench_ok(tr_call(shared->rt, shared->counter, BENCH_PATIENCE, duel_total, &so_far, duel_get),
             "ask the counter");
}

static void operate_tell(struct duel_member *me) {
    const struct shared *shared = me->shared;
    tr_send(shared->rt, shared->counter, duel_add, .value = 1);
}

static void body_tell(struct duel_member *me) {
    duel_member_loop(me, 1, operate_tell);
    await_own_messages(me->shared);
}

/* Both in one: the outbox belongs to the thread, the rest to all. */
struct boxed {
    struct shared shared;
    tr_outbox *outbox;
};

static void operate_outbox(struct duel_member *me) {
    const struct boxed *boxed = me->shared;
    tr_send(boxed->outbox, boxed->shared.counter, duel_add, .value = 1);
}

static void body_outbox(struct duel_member *me) {
    struct boxed boxed = {.shared = *(const struct shared *)me->shared};
    me->shared = &boxed;
    bench_ok(tr_outbox_create(boxed.shared.rt, &boxed.outbox), "open an outbox");
    duel_member_loop(me, 1, operate_outbox);
    bench_ok(tr_outbox_flush(boxed.outbox), "flush an outbox");
    await_own_messages(&boxed.shared);
    tr_outbox_destroy(boxed.outbox);
}

static void operate_call(struct duel_member *me) {
    const struct shared *shared = me->shared;
    duel_total total;
    bench_ok(tr_call(shared->rt, shared->counter, BENCH_PATIENCE, duel_total, &total,
                     duel_add_and_get, .value = 1),
             "call the counter");
}

static void body_call(struct duel_member *me) {
    duel_member_loop(me, 1, operate_call);
}

static void run_threads(struct duel_attempt *attempt, void (*body)(struct duel_member *me)) {
    struct duel_crew crew;
    tr_runtime *rt = start_runtime(attempt);
    struct shared shared = {rt, tr_spawn(rt, &counter_behavior, &attempt->steps)};
    duel_crew_run(&crew, attempt, body, &shared);
    int64_t total = ask(attempt, rt, shared.counter);
    bench_clock_stop(&attempt->run, duel_crew_operations(&crew, attempt));

    duel_crew_percentiles(&crew, attempt);
    bench_expect(&attempt->run, "the total", (int64_t)duel_crew_increments(&crew, attempt), total);
    bench_runtime_stop(&attempt->run, rt);
}

void duel_run_tell_foreign(struct duel_attempt *attempt) {
    run_threads(attempt, body_tell);
}

void duel_run_tell_outbox(struct duel_attempt *attempt) {
    run_threads(attempt, body_outbox);
}

void duel_run_call(struct duel_attempt *attempt) {
    run_threads(attempt, body_call);
}
