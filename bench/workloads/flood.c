/* SPDX-License-Identifier: MIT
 * flood: one producer sends everything in a single handler call. Nothing may be lost, so everything
 * that the counter has not handled yet is held in memory: see the peak in the result, and compare
 * it with "count", which does the same work a hundred messages at a time.
 */
#include "bench/bench.h"
#include "bench/workloads/counter.h"

TR_MESSAGE(flood_go, TR_NO_FIELDS)

struct producer {
    tr_ref counter;
    uint64_t adds;
    struct bench_done *done;
};

TR_INIT(producer, struct producer, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(producer, flood_go, self, me, msg) {
    for (uint64_t i = 0; i < me->adds; i++) {
        tr_send(self, me->counter, counter_add, .value = 1);
    }
    tr_send(self, me->counter, counter_get);
}

TR_HANDLER(producer, counter_total, self, me, msg) {
    bench_done_report(me->done, msg->value);
}

TR_BEHAVIOR_INIT(producer, TR_ON(producer, flood_go), TR_ON(producer, counter_total))

static void run_flood(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    tr_runtime *rt = bench_runtime_start(run);

    bench_clock_start(run);
    tr_ref counter = tr_spawn(rt, &counter_behavior, NULL);
    tr_ref producer =
        tr_spawn(rt, &producer_behavior, (&(struct producer){counter, run->size, &done}));
    tr_send(rt, producer, flood_go);
    int64_t total = bench_done_wait(&done);
    bench_clock_stop(run, run->size);

    bench_expect(run, "the total", (int64_t)run->size, total);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_flood = {
    .name = "flood",
    .operation = "message",
    .sentence = "One producer sends everything in one handler call; memory is part of the result.",
    .run = run_flood,
    .default_size = 10000000,
    .minimum_size = 1,
    .maximum_size = 1000000000,
};
