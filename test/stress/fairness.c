/* SPDX-License-Identifier: MIT
 * Fairness by counting, on one worker: no clock is looked at.
 *
 * Share: actors that are always busy (each message sends the next one; some get more from outside)
 * have handled about equally often when the first has reached its quota: nobody less than half of
 * the average, nobody more than twice.
 *
 * Latency: an actor that becomes runnable starts after at most (actors ahead of it) x batch handler
 * calls. Each message carries the number of handler calls so far; the receiver compares. */
#include "test/stress/stress.h"

#define ACTORS_MAX 40
#define FACTOR 2

#define STAMP(FIELD, T) FIELD(T, uint64, calls)
TR_MESSAGE(again, TR_NO_FIELDS)
TR_MESSAGE(flood, TR_NO_FIELDS)
TR_MESSAGE(probe, STAMP)
TR_MESSAGE(prompt, TR_NO_FIELDS)

struct course {
    tr_runtime *rt;
    uint32_t count, batch;
    uint64_t quota;
    tr_ref probed, runners[ACTORS_MAX];
    _Atomic uint64_t calls, worst_wait; /* written on the worker, one handler at a time */
    bool asked;                         /* the same: a probe is on its way */
    _Atomic bool over;
    _Atomic uint64_t laps[ACTORS_MAX]; /* of each runner, when the first was through */
};

struct start {
    struct course *course;
    uint32_t index;
};

struct runner {
    struct course *course;
    uint32_t index;
    uint64_t laps;
};

TR_INIT(runner, struct start, self, me, argument) {
    me->course = argument->course;
    me->index = argument->index;
    return TR_OK;
}

static bool is_over(struct course *course) {
    return atomic_load_explicit(&course->over, memory_order_relaxed);
}

static void run_a_lap(struct runner *me) {
    struct course *course = me->course;
    stress_count(&course->calls, 1);
    if (is_over(course)) return;
    me->laps++;
    atomic_store_explicit(&course->laps[me->index], me->laps, memory_order_relaxed);
    if (me->laps == course->quota) atomic_store_explicit(&course->over, true, memory_order_release);
}

TR_HANDLER(runner, again, self, me, msg) {
    run_a_lap(me);
    if (!is_over(me->course)) stress_ok("tr_send", tr_send(self, tr_self_ref(self), again));
}

TR_HANDLER(runner, flood, self, me, msg) {
    run_a_lap(me);
}

/* Sends a stamped probe to an actor that rests, now and then. */
TR_HANDLER(runner, prompt, self, me, msg) {
    run_a_lap(me);
    if (me->course->asked) return;
    me->course->asked = true;
    uint64_t calls = stress_counted(&me->course->calls);
    stress_ok("tr_send", tr_send(self, me->course->probed, probe, .calls = calls));
}

TR_BEHAVIOR_INIT(runner, TR_ON(runner, again), TR_ON(runner, flood), TR_ON(runner, prompt))

struct probed {
    struct course *course;
};

TR_INIT(probed, struct start, self, me, argument) {
    me->course = argument->course;
    return TR_OK;
}

TR_HANDLER(probed, probe, self, me, msg) {
    struct course *course = me->course;
    uint64_t now = stress_counted(&course->calls), wait = now - msg->calls;
    stress_count(&course->calls, 1);
    course->asked = false;
    if (wait > stress_counted(&course->worst_wait))
        atomic_store_explicit(&course->worst_wait, wait, memory_order_relaxed);
}

/* The start: from a handler, so that nobody runs before everybody may. */
TR_HANDLER(probed, prompt, self, me, msg) {
    for (uint32_t i = 0; i < me->course->count; i++)
        stress_ok("tr_send", tr_send(self, me->course->runners[i], again));
}

TR_BEHAVIOR_INIT(probed, TR_ON(probed, probe), TR_ON(probed, prompt))

static void check_shares(struct course *course, bool flooded) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < course->count; i++) sum += stress_counted(&course->laps[i]);
    uint64_t average = sum / course->count;
    for (uint32_t i = 0; i < course->count; i++) {
        uint64_t laps = stress_counted(&course->laps[i]);
        STRESS_CHECK(laps * FACTOR >= average && laps <= average * FACTOR,
                     "%s: runner %u of %u has %" PRIu64 " laps, the average is %" PRIu64,
                     flooded ? "flooded" : "calm", i, course->count, laps, average);
    }
}

static void one_round(struct stress *stress) {
    static const uint32_t batches[] = {64, 1, 7, 300};
    struct course *course = stress_alloc(sizeof *course);
    stress->config.workers = 1;
    stress->config.batch = course->batch = batches[stress_below(stress, 4)];
    stress->config.activation_us = 1000000; /* activations end by count */
    stress->config.overdue_us = 60000000;   /* the one worker stays with the one thread */
    course->rt = stress_start(stress);
    course->count = 2 + stress_below(stress, ACTORS_MAX - 1);
    course->quota = (uint64_t)(200 * course->batch * stress->scale);
    struct start start = {course, 0};
    stress_ok("tr_spawn_wait",
              tr_spawn_wait(course->rt, &probed_behavior, &start, STRESS_LONG, &course->probed));
    for (uint32_t i = 0; i < course->count; i++) {
        start.index = i;
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(course->rt, &runner_behavior, &start, &course->runners[i]));
    }
    stress_ok("tr_send", tr_send(course->rt, course->probed, prompt));
    bool flooded = stress_below(stress, 2) == 0;
    while (!atomic_load_explicit(&course->over, memory_order_acquire)) {
        if (flooded)
            for (int i = 0; i < 50; i++)
                stress_ok("tr_send", tr_send(course->rt, course->runners[0], flood));
        tr_ref to = course->runners[stress_below(stress, course->count)];
        stress_ok("tr_send", tr_send(course->rt, to, prompt));
        usleep(200);
        stress_progress();
    }
    check_shares(course, flooded);
    /* Ahead of it: every runner's batch, and what the sender of the probe had left of its own. */
    uint64_t most = (uint64_t)(course->count + 1) * course->batch;
    uint64_t wait = stress_counted(&course->worst_wait);
    STRESS_CHECK(wait <= most,
                 "%u runners, batch %u: a probe waits for at most %" PRIu64
                 " handler calls, saw %" PRIu64,
                 course->count, course->batch, most, wait);
    (void)stress_stop(course->rt);
    stress_destroy(course->rt);
    free(course);
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "fairness", argc, argv);
    while (stress_next_round(&stress)) one_round(&stress);
    return stress_end(&stress);
}
