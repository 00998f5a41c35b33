/* SPDX-License-Identifier: MIT
 * contend: ten producers tell one counter, a hundred adds per handler call each. A producer ends by
 * asking for the total: the answer says that all its own adds have been counted. When all ten have
 * theirs, the counter is asked once more, for the sum of everything.
 */
#include "bench/bench.h"
#include "bench/workloads/counter.h"

#define PRODUCERS 10

TR_MESSAGE(contend_more, TR_NO_FIELDS)

struct producer {
    tr_ref counter;
    uint64_t left;
    struct bench_done *done;
};

TR_INIT(producer, struct producer, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(producer, contend_more, self, me, msg) {
    for (int i = 0; i < BENCH_BATCH && me->left > 0; i++, me->left--) {
        tr_send(self, me->counter, counter_add, .value = 1);
    }
    if (me->left > 0) {
        tr_send(self, tr_self_ref(self), contend_more);
    } else {
        tr_send(self, me->counter, counter_get);
    }
}

TR_HANDLER(producer, counter_total, self, me, msg) {
    bench_done_report(me->done, 0);
}

TR_BEHAVIOR_INIT(producer, TR_ON(producer, contend_more), TR_ON(producer, counter_total))

static void run_contend(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, PRODUCERS);
    tr_runtime *rt = bench_runtime_start(run);

    bench_clock_start(run);
    tr_ref counter = tr_spawn(rt, &counter_behavior, NULL);
    for (uint64_t i = 0; i < PRODUCERS; i++) {
        uint64_t share = run->size / PRODUCERS + (i < run->size % PRODUCERS);
        tr_ref producer =
            tr_spawn(rt, &producer_behavior, (&(struct producer){counter, share, &done}));
        tr_send(rt, producer, contend_more);
    }
    bench_done_wait(&done);
    counter_total total;
    bench_ok(tr_call(rt, counter, BENCH_PATIENCE, counter_total, &total, counter_get),
             "ask the counter");
    bench_clock_stop(run, run->size);

    bench_expect(run, "the total", (int64_t)run->size, total.value);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_contend = {
    .name = "contend",
    .operation = "message",
    .sentence = "Ten producers tell one counter, 100 messages per handler call each.",
    .run = run_contend,
    .default_size = 10000000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};
