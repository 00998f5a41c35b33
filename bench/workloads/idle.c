/* SPDX-License-Identifier: MIT
 * idle: what an actor costs that has nothing to do. A spawner creates actors with 16 bytes of
 * state, a hundred per handler call, and sends each one message; each answers and stays. When all
 * have, the memory that the process has gained is divided by their number. It holds everything: the
 * actors, and what the messages have left behind.
 */
#include "bench/bench.h"

#define IDLE_NUMBER(FIELD, T) FIELD(T, int64, number)
TR_MESSAGE(idle_more, TR_NO_FIELDS)
TR_MESSAGE(idle_greet, IDLE_NUMBER)
TR_MESSAGE(idle_here, IDLE_NUMBER)

struct sleeper {
    int64_t number;
    int64_t greetings;
};
_Static_assert(sizeof(struct sleeper) == 16, "the workload promises 16 bytes of state");

TR_HANDLER(sleeper, idle_greet, self, me, msg) {
    me->number = msg->number;
    me->greetings++;
    tr_reply(self, idle_here, .number = me->number);
}

TR_BEHAVIOR(sleeper, TR_ON(sleeper, idle_greet))

struct spawner {
    int64_t next;
    int64_t end;
    int64_t missing; /* answers */
    int64_t sum;
    struct bench_done *done;
};

TR_INIT(spawner, struct spawner, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(spawner, idle_more, self, me, msg) {
    for (int i = 0; i < BENCH_BATCH && me->next < me->end; i++, me->next++) {
        tr_ref actor = tr_spawn(self, &sleeper_behavior, NULL);
        tr_send(self, actor, idle_greet, .number = me->next);
    }
    if (me->next < me->end) {
        tr_send(self, tr_self_ref(self), idle_more);
    }
}

TR_HANDLER(spawner, idle_here, self, me, msg) {
    me->sum += msg->number;
    if (--me->missing == 0) {
        bench_done_report(me->done, me->sum);
    }
}

TR_BEHAVIOR_INIT(spawner, TR_ON(spawner, idle_more), TR_ON(spawner, idle_here))

static void run_idle(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    tr_runtime *rt = bench_runtime_start(run);
    int64_t actors = (int64_t)run->size;
    uint64_t before_bytes = bench_rss_bytes();

    bench_clock_start(run);
    struct spawner start = {.end = actors, .missing = actors, .done = &done};
    tr_send(rt, tr_spawn(rt, &spawner_behavior, &start), idle_more);
    int64_t sum = bench_done_wait(&done);
    uint64_t after_bytes = bench_rss_bytes();
    bench_clock_stop(run, run->size);

    run->value = ((double)after_bytes - (double)before_bytes) / (double)actors;
    bench_expect(run, "the sum of the actors' numbers", actors * (actors - 1) / 2, sum);
    tr_stats stats = {.size = sizeof(stats)};
    bench_ok(tr_runtime_stats(rt, &stats), "read the runtime's counters");
    bench_expect(run, "the number of actors alive", actors + 1,
                 (int64_t)(stats.spawned - stats.ended));
    bench_figure(run, "time to create one", (double)run->wall_ns / (double)actors, "ns");
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_idle = {
    .name = "idle",
    .operation = "actor",
    .sentence = "Memory per actor with 16 bytes of state that has handled one message and stays.",
    .run = run_idle,
    .default_size = 1000000,
    .minimum_size = 1000,
    .maximum_size = 10000000,
    .unit = BENCH_BYTES,
    .fresh = true,
};
