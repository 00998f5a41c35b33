/* SPDX-License-Identifier: MIT
 * count: one producer tells one counter to add 1, a hundred times per handler call, and then itself
 * to go on. At the end it asks for the total; messages from one actor to another arrive in order,
 * so the answer counts every add.
 */
#include "bench/bench.h"
#include "bench/workloads/counter.h"

TR_MESSAGE(count_more, TR_NO_FIELDS)

struct producer {
    tr_ref counter;
    uint64_t left;
    struct bench_done *done;
};

TR_INIT(producer, struct producer, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(producer, count_more, self, me, msg) {
    for (int i = 0; i < BENCH_BATCH && me->left > 0; i++, me->left--) {
        tr_send(self, me->counter, counter_add, .value = 1);
    }
    if (me->left > 0) {
        tr_send(self, tr_self_ref(self), count_more);
    } else {
        tr_send(self, me->counter, counter_get);
    }
}

TR_HANDLER(producer, counter_total, self, me, msg) {
    bench_done_report(me->done, msg->value);
}

TR_BEHAVIOR_INIT(producer, TR_ON(producer, count_more), TR_ON(producer, counter_total))

static void run_count(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    tr_runtime *rt = bench_runtime_start(run);

    bench_clock_start(run);
    tr_ref counter = tr_spawn(rt, &counter_behavior, NULL);
    tr_ref producer =
        tr_spawn(rt, &producer_behavior, (&(struct producer){counter, run->size, &done}));
    tr_send(rt, producer, count_more);
    int64_t total = bench_done_wait(&done);
    bench_clock_stop(run, run->size);

    bench_expect(run, "the total", (int64_t)run->size, total);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_count = {
    .name = "count",
    .operation = "message",
    .sentence = "One producer tells one counter, 100 messages per handler call.",
    .run = run_count,
    .default_size = 10000000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};
