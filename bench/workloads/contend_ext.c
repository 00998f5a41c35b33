/* SPDX-License-Identifier: MIT
 * contend_ext: ten plain OS threads, which the runtime has never heard of, tell one counter. Two
 * rows: tr_send, which has the message on its way when it returns, and an outbox, which lets up to
 * 64 messages travel together. Each thread ends by asking for the total, so that all its adds have
 * been counted before it returns.
 */
#include "bench/bench.h"
#include "bench/workloads/counter.h"

#define THREADS 10

struct sender {
    pthread_t thread;
    tr_runtime *rt;
    tr_ref counter;
    uint64_t adds;
};

static void *send_plain(void *argument) {
    struct sender *me = argument;
    for (uint64_t i = 0; i < me->adds; i++) {
        tr_send(me->rt, me->counter, counter_add, .value = 1);
    }
    counter_total so_far;
    bench_ok(tr_call(me->rt, me->counter, BENCH_PATIENCE, counter_total, &so_far, counter_get),
             "ask the counter");
    return NULL;
}

static void *send_outbox(void *argument) {
    struct sender *me = argument;
    tr_outbox *outbox;
    bench_ok(tr_outbox_create(me->rt, &outbox), "open an outbox");
    for (uint64_t i = 0; i < me->adds; i++) {
        tr_send(outbox, me->counter, counter_add, .value = 1);
    }
    bench_ok(tr_outbox_flush(outbox), "flush an outbox");
    counter_total so_far;
    bench_ok(tr_call(me->rt, me->counter, BENCH_PATIENCE, counter_total, &so_far, counter_get),
             "ask the counter");
    tr_outbox_destroy(outbox);
    return NULL;
}

static void run_threads(struct bench_run *run, void *(*send)(void *)) {
    struct sender senders[THREADS];
    tr_runtime *rt = bench_runtime_start(run);

    bench_clock_start(run);
    tr_ref counter = tr_spawn(rt, &counter_behavior, NULL);
    for (uint64_t i = 0; i < THREADS; i++) {
        uint64_t share = run->size / THREADS + (i < run->size % THREADS);
        senders[i] = (struct sender){.rt = rt, .counter = counter, .adds = share};
        int error = pthread_create(&senders[i].thread, NULL, send, &senders[i]);
        bench_ok(error == 0 ? TR_OK : TR_SYSTEM, "start a thread");
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        pthread_join(senders[i].thread, NULL);
    }
    counter_total total;
    bench_ok(tr_call(rt, counter, BENCH_PATIENCE, counter_total, &total, counter_get),
             "ask the counter");
    bench_clock_stop(run, run->size);

    bench_expect(run, "the total", (int64_t)run->size, total.value);
    bench_runtime_stop(run, rt);
}

static void run_plain(struct bench_run *run) {
    run_threads(run, send_plain);
}

static void run_outbox(struct bench_run *run) {
    run_threads(run, send_outbox);
}

const struct bench_workload bench_contend_ext_plain = {
    .name = "contend_ext/plain",
    .operation = "message",
    .sentence = "Ten plain OS threads tell one counter with tr_send.",
    .run = run_plain,
    .default_size = 10000000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};

const struct bench_workload bench_contend_ext_outbox = {
    .name = "contend_ext/outbox",
    .operation = "message",
    .sentence = "Ten plain OS threads tell one counter, each through an outbox of 64.",
    .run = run_outbox,
    .default_size = 10000000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};
