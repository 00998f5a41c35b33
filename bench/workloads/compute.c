/* SPDX-License-Identifier: MIT
 * compute: how much of two cores the actors' own work gets. A dealer hands out chunks of about five
 * microseconds of floating-point steps to a hundred actors, round robin, with at most four
 * outstanding per actor. Efficiency is the time of the chunks alone, measured on one thread just
 * before and just after, divided by the time of all workers.
 *
 * Each chunk starts from one of a few seeds, so that its result is known, bit by bit.
 */
#include <string.h>

#include "bench/bench.h"

#define ACTORS 100
#define OUTSTANDING 4
#define CHUNK_NS 5000
#define SEEDS 16
#define ALONE_BATCHES 21
#define ALONE_CHUNKS 100

#define COMPUTE_CHUNK(FIELD, T) FIELD(T, int64, seed)
#define COMPUTE_RESULT(FIELD, T) FIELD(T, uint64, bits)
TR_MESSAGE(compute_go, TR_NO_FIELDS)
TR_MESSAGE(compute_chunk, COMPUTE_CHUNK)
TR_MESSAGE(compute_result, COMPUTE_RESULT)

/* A chunk: each step needs the one before. */
static uint64_t chunk(int64_t seed, uint32_t steps) {
    double x = 0.25 + (double)seed / (2 * SEEDS);
    for (uint32_t i = 0; i < steps; i++) {
        x = x * 0.999755859375 + 0.0001220703125;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

struct solver {
    uint32_t steps;
};

TR_INIT(solver, uint32_t, self, me, steps) {
    me->steps = *steps;
    return TR_OK;
}

TR_HANDLER(solver, compute_chunk, self, me, msg) {
    tr_reply(self, compute_result, .bits = chunk(msg->seed, me->steps));
}

TR_BEHAVIOR_INIT(solver, TR_ON(solver, compute_chunk))

struct dealer {
    uint32_t steps;
    int64_t next; /* chunk to deal */
    int64_t end;
    int64_t missing; /* results */
    uint64_t sum;    /* of their bits, which does not depend on their order */
    struct bench_done *done;
};

TR_INIT(dealer, struct dealer, self, me, start) {
    *me = *start;
    return TR_OK;
}

static void deal(tr_self *self, struct dealer *me, tr_ref solver) {
    if (me->next < me->end) {
        tr_send(self, solver, compute_chunk, .seed = me->next % SEEDS);
        me->next++;
    }
}

TR_HANDLER(dealer, compute_go, self, me, msg) {
    tr_ref solvers[ACTORS];
    for (int i = 0; i < ACTORS; i++) {
        solvers[i] = tr_spawn(self, &solver_behavior, &me->steps);
    }
    for (int i = 0; i < ACTORS * OUTSTANDING; i++) {
        deal(self, me, solvers[i % ACTORS]);
    }
}

/* From here on everyone but the sender has four outstanding, so the next chunk is the sender's. */
TR_HANDLER(dealer, compute_result, self, me, msg) {
    me->sum += msg->bits;
    deal(self, me, tr_sender(self));
    if (--me->missing == 0) {
        bench_done_report(me->done, (int64_t)me->sum);
    }
}

TR_BEHAVIOR_INIT(dealer, TR_ON(dealer, compute_go), TR_ON(dealer, compute_result))

/* Nanoseconds of one chunk on this thread, nothing else running: the median of some batches. */
static double chunk_alone_ns(uint32_t steps) {
    int64_t batches[ALONE_BATCHES];
    volatile uint64_t sink = 0;
    for (int batch = 0; batch < ALONE_BATCHES; batch++) {
        int64_t begin_ns = bench_now_ns();
        for (int i = 0; i < ALONE_CHUNKS; i++) {
            sink = sink + chunk(i % SEEDS, steps);
        }
        batches[batch] = bench_now_ns() - begin_ns;
    }
    bench_sort(batches, ALONE_BATCHES);
    return (double)bench_percentile(batches, ALONE_BATCHES, 0.5) / ALONE_CHUNKS;
}

static void run_compute(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    const uint32_t trial = 1000;
    uint32_t steps = (uint32_t)(CHUNK_NS / chunk_alone_ns(trial) * trial);
    int64_t chunks = (int64_t)run->size;
    tr_runtime *rt = bench_runtime_start(run);
    double alone_ns = chunk_alone_ns(steps) / 2;

    bench_clock_start(run);
    struct dealer start = {.steps = steps, .end = chunks, .missing = chunks, .done = &done};
    tr_send(rt, tr_spawn(rt, &dealer_behavior, &start), compute_go);
    uint64_t sum = (uint64_t)bench_done_wait(&done);
    bench_clock_stop(run, run->size);

    alone_ns += chunk_alone_ns(steps) / 2;
    run->value = alone_ns * (double)chunks / (run->workers * (double)run->wall_ns);
    uint64_t expected = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
        uint64_t times = (uint64_t)(chunks / SEEDS + (seed < chunks % SEEDS));
        expected += times * chunk(seed, steps);
    }
    bench_expect(run, "the sum of the results", (int64_t)expected, (int64_t)sum);
    bench_figure(run, "one chunk alone", alone_ns, "ns");
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_compute = {
    .name = "compute",
    .operation = "chunk",
    .sentence = "100 actors compute chunks of 5 us; efficiency against the chunks alone.",
    .run = run_compute,
    .default_size = 200000,
    .minimum_size = 1,
    .maximum_size = 1000000000,
    .unit = BENCH_EFFICIENCY,
};
