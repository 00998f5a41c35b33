/* SPDX-License-Identifier: MIT
 * create: a spawner creates actors, a hundred per handler call, and sends each one message; each
 * answers a collector and ends. The collector checks how many came and the sum of their numbers.
 */
#include "bench/bench.h"

#define CREATE_NUMBER(FIELD, T) FIELD(T, int64, number)
TR_MESSAGE(create_more, TR_NO_FIELDS)
TR_MESSAGE(create_greet, CREATE_NUMBER)
TR_MESSAGE(create_answer, CREATE_NUMBER)

struct collector {
    uint64_t missing;
    int64_t sum;
    struct bench_done *done;
};

TR_INIT(collector, struct collector, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(collector, create_answer, self, me, msg) {
    me->sum += msg->number;
    if (--me->missing == 0) {
        bench_done_report(me->done, me->sum);
    }
}

TR_BEHAVIOR_INIT(collector, TR_ON(collector, create_answer))

struct newborn {
    tr_ref collector;
};

TR_INIT(newborn, tr_ref, self, me, collector) {
    me->collector = *collector;
    return TR_OK;
}

TR_HANDLER(newborn, create_greet, self, me, msg) {
    tr_send(self, me->collector, create_answer, .number = msg->number);
    tr_exit(self, tr_reason_of(TR_REASON_NORMAL));
}

TR_BEHAVIOR_INIT(newborn, TR_ON(newborn, create_greet))

struct spawner {
    tr_ref collector;
    int64_t next;
    int64_t end;
};

TR_INIT(spawner, struct spawner, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(spawner, create_more, self, me, msg) {
    for (int i = 0; i < BENCH_BATCH && me->next < me->end; i++, me->next++) {
        tr_ref actor = tr_spawn(self, &newborn_behavior, &me->collector);
        tr_send(self, actor, create_greet, .number = me->next);
    }
    if (me->next < me->end) {
        tr_send(self, tr_self_ref(self), create_more);
    }
}

TR_BEHAVIOR_INIT(spawner, TR_ON(spawner, create_more))

static void run_create(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    tr_runtime *rt = bench_runtime_start(run);
    int64_t actors = (int64_t)run->size;

    bench_clock_start(run);
    tr_ref collector = tr_spawn(rt, &collector_behavior,
                                (&(struct collector){.missing = run->size, .done = &done}));
    tr_ref spawner = tr_spawn(rt, &spawner_behavior, (&(struct spawner){collector, 0, actors}));
    tr_send(rt, spawner, create_more);
    int64_t sum = bench_done_wait(&done);
    bench_clock_stop(run, run->size);

    bench_expect(run, "the sum of the actors' numbers", actors * (actors - 1) / 2, sum);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_create = {
    .name = "create",
    .operation = "actor",
    .sentence = "Actors are created, get one message, answer a collector and end.",
    .run = run_create,
    .default_size = 1000000,
    .minimum_size = 1,
    .maximum_size = 1000000000,
};
