/* SPDX-License-Identifier: MIT
 * fanout: one source deals messages round robin to sixty actors, a hundred per handler call. For
 * each message an actor computes sin(37.2) squared. At the end the source asks all of them for what
 * they have, and adds it up.
 */
#include <math.h>

#include "bench/bench.h"

#define SINKS 60

#define FANOUT_REPORT(FIELD, T) FIELD(T, int64, computed) FIELD(T, float64, sum)
TR_MESSAGE(fanout_more, TR_NO_FIELDS)
TR_MESSAGE(fanout_compute, TR_NO_FIELDS)
TR_MESSAGE(fanout_ask, TR_NO_FIELDS)
TR_MESSAGE(fanout_report, FANOUT_REPORT)

static double sine_squared(void) {
    volatile double angle = 37.2; /* so that the compiler cannot know the result */
    double sine = sin(angle);
    return sine * sine;
}

struct sink {
    int64_t computed;
    double sum;
};

TR_HANDLER(sink, fanout_compute, self, me, msg) {
    me->computed++;
    me->sum += sine_squared();
}

TR_HANDLER(sink, fanout_ask, self, me, msg) {
    tr_reply(self, fanout_report, .computed = me->computed, .sum = me->sum);
}

TR_BEHAVIOR(sink, TR_ON(sink, fanout_compute), TR_ON(sink, fanout_ask))

struct source {
    uint64_t left;
    double *sum; /* written before done is told */
    struct bench_done *done;
    tr_ref sinks[SINKS];
    uint32_t next;
    uint32_t reports;
    int64_t computed;
};

TR_INIT(source, struct source, self, me, start) {
    *me = *start;
    for (int i = 0; i < SINKS; i++) {
        me->sinks[i] = tr_spawn(self, &sink_behavior, NULL);
    }
    return TR_OK;
}

TR_HANDLER(source, fanout_more, self, me, msg) {
    for (int i = 0; i < BENCH_BATCH && me->left > 0; i++, me->left--) {
        tr_send(self, me->sinks[me->next], fanout_compute);
        me->next = me->next + 1 < SINKS ? me->next + 1 : 0;
    }
    if (me->left > 0) {
        tr_send(self, tr_self_ref(self), fanout_more);
        return;
    }
    for (int i = 0; i < SINKS; i++) {
        tr_send(self, me->sinks[i], fanout_ask);
    }
}

TR_HANDLER(source, fanout_report, self, me, msg) {
    me->computed += msg->computed;
    *me->sum += msg->sum;
    if (++me->reports == SINKS) {
        bench_done_report(me->done, me->computed);
    }
}

TR_BEHAVIOR_INIT(source, TR_ON(source, fanout_more), TR_ON(source, fanout_report))

static void run_fanout(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    double sum = 0;
    tr_runtime *rt = bench_runtime_start(run);

    bench_clock_start(run);
    tr_ref source = tr_spawn(rt, &source_behavior,
                             (&(struct source){.left = run->size, .sum = &sum, .done = &done}));
    tr_send(rt, source, fanout_more);
    int64_t computed = bench_done_wait(&done);
    bench_clock_stop(run, run->size);

    bench_expect(run, "the number of results", (int64_t)run->size, computed);
    bench_expect_near(run, "the sum of the results", (double)run->size * sine_squared(), sum);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_fanout = {
    .name = "fanout",
    .operation = "message",
    .sentence = "One source deals to 60 actors, each of which computes a sine per message.",
    .run = run_fanout,
    .default_size = 6000000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};
