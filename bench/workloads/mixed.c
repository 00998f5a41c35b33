/* SPDX-License-Identifier: MIT
 * mixed: short messages beside long handlers. Four actors burn ten milliseconds per handler call,
 * back to back, and a hundred pairs play ping-pong once a millisecond. The result is how late a
 * ping is handled, counted from the instant its millisecond was due.
 *
 * The beat comes from a plain thread, which sends each pair a tick with the instant it was meant
 * for. That thread shares the cores with the burners; how late it woke itself is a figure of the
 * result, and so is the delay of the pings without that.
 */
#include <stdlib.h>
#include <time.h>

#include "bench/bench.h"

#define PAIRS 100
#define BURNERS 4
#define BURN_NS TR_MILLISECONDS(10)
#define BEAT_NS TR_MILLISECONDS(1)
#define BEATS_PER_SECOND 1000

#define MIXED_TIME(FIELD, T) FIELD(T, int64, due_ns)
#define MIXED_COUNT(FIELD, T) FIELD(T, int64, count)
TR_MESSAGE(mixed_tick, MIXED_TIME)
TR_MESSAGE(mixed_ping, MIXED_TIME)
TR_MESSAGE(mixed_pong, TR_NO_FIELDS)
TR_MESSAGE(mixed_ask, TR_NO_FIELDS)
TR_MESSAGE(mixed_count, MIXED_COUNT)
TR_MESSAGE(mixed_burn, TR_NO_FIELDS)
TR_MESSAGE(mixed_stop, TR_NO_FIELDS)

struct ponger {
    int64_t *delays_ns; /* one for each ping; read by the verifier after the last pong */
    int64_t pings;
};

TR_INIT(ponger, struct ponger, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(ponger, mixed_ping, self, me, msg) {
    me->delays_ns[me->pings++] = bench_now_ns() - msg->due_ns;
    tr_reply(self, mixed_pong);
}

TR_BEHAVIOR_INIT(ponger, TR_ON(ponger, mixed_ping))

struct pinger {
    tr_ref ponger;
    int64_t rounds;
    int64_t beats; /* how many there will be */
    struct bench_done *done;
};

TR_INIT(pinger, struct pinger, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(pinger, mixed_tick, self, me, msg) {
    tr_send(self, me->ponger, mixed_ping, .due_ns = msg->due_ns);
}

TR_HANDLER(pinger, mixed_pong, self, me, msg) {
    me->rounds++;
    if (me->rounds == me->beats) {
        bench_done_report(me->done, me->rounds);
    }
}

TR_BEHAVIOR_INIT(pinger, TR_ON(pinger, mixed_tick), TR_ON(pinger, mixed_pong))

struct burner {
    int64_t burns;
    bool stopped;
};

TR_HANDLER(burner, mixed_burn, self, me, msg) {
    int64_t end_ns = bench_now_ns() + BURN_NS;
    while (bench_now_ns() < end_ns) {
        /* burning */
    }
    me->burns++;
    if (!me->stopped) {
        tr_send(self, tr_self_ref(self), mixed_burn);
    }
}

TR_HANDLER(burner, mixed_stop, self, me, msg) {
    me->stopped = true;
}

TR_HANDLER(burner, mixed_ask, self, me, msg) {
    tr_reply(self, mixed_count, .count = me->burns);
}

TR_BEHAVIOR(burner, TR_ON(burner, mixed_burn), TR_ON(burner, mixed_stop), TR_ON(burner, mixed_ask))

static void sleep_until(int64_t instant_ns) {
    struct timespec until = {instant_ns / TR_SECONDS(1), instant_ns % TR_SECONDS(1)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
        /* interrupted: sleep on */
    }
}

/* Sends the ticks of all beats from this thread; late_ns gets how late each beat began. */
static void beat(tr_runtime *rt, const tr_ref *pingers, int64_t beats, int64_t *late_ns) {
    int64_t due_ns = bench_now_ns();
    for (int64_t i = 0; i < beats; i++) {
        due_ns += BEAT_NS;
        sleep_until(due_ns);
        late_ns[i] = bench_now_ns() - due_ns;
        for (int pair = 0; pair < PAIRS; pair++) {
            tr_send(rt, pingers[pair], mixed_tick, .due_ns = due_ns);
        }
    }
}

static int64_t stop_burners(tr_runtime *rt, const tr_ref *burners) {
    int64_t burns = 0;
    for (int i = 0; i < BURNERS; i++) {
        tr_send(rt, burners[i], mixed_stop);
    }
    for (int i = 0; i < BURNERS; i++) {
        mixed_count count;
        bench_ok(tr_call(rt, burners[i], BENCH_PATIENCE, mixed_count, &count, mixed_ask),
                 "ask a burner");
        burns += count.count;
    }
    return burns;
}

/* Sorts samples and adds one of their percentiles as a figure. */
static void add_percentile(struct bench_run *run, const char *name, int64_t *samples_ns,
                           int64_t count, double fraction) {
    bench_sort(samples_ns, (uint64_t)count);
    bench_figure(run, name, (double)bench_percentile(samples_ns, (uint64_t)count, fraction), "ns");
}

static void run_mixed(struct bench_run *run) {
    int64_t beats = (int64_t)run->size * BEATS_PER_SECOND, pings = PAIRS * beats;
    int64_t *delays_ns = calloc((size_t)pings, sizeof(*delays_ns));
    int64_t *after_ns = calloc((size_t)pings, sizeof(*after_ns));
    int64_t *late_ns = calloc((size_t)beats, sizeof(*late_ns));
    bool memory = delays_ns != NULL && after_ns != NULL && late_ns != NULL;
    bench_ok(memory ? TR_OK : TR_NOMEM, "keep the samples");
    struct bench_done done;
    bench_done_init(&done, PAIRS);
    tr_runtime *rt = bench_runtime_start(run);
    tr_ref pingers[PAIRS], burners[BURNERS];

    bench_clock_start(run);
    for (int i = 0; i < PAIRS; i++) {
        struct ponger pong = {.delays_ns = delays_ns + i * beats};
        tr_ref ponger = tr_spawn(rt, &ponger_behavior, &pong);
        struct pinger ping = {.ponger = ponger, .beats = beats, .done = &done};
        pingers[i] = tr_spawn(rt, &pinger_behavior, &ping);
    }
    for (int i = 0; i < BURNERS; i++) {
        burners[i] = tr_spawn(rt, &burner_behavior, NULL);
        tr_send(rt, burners[i], mixed_burn);
    }
    beat(rt, pingers, beats, late_ns);
    int64_t rounds = bench_done_wait(&done);
    int64_t burns = stop_burners(rt, burners);
    bench_clock_stop(run, (uint64_t)pings);

    bench_expect(run, "the number of rounds", pings, rounds);
    bench_runtime_stop(run, rt);
    /* A pair's pings come in the order of the beats. */
    for (int64_t i = 0; i < pings; i++) {
        after_ns[i] = delays_ns[i] - late_ns[i % beats];
    }
    add_percentile(run, "p50", delays_ns, pings, 0.5);
    add_percentile(run, "p99.9", delays_ns, pings, 0.999);
    run->value = (double)bench_percentile(delays_ns, (uint64_t)pings, 0.99);
    add_percentile(run, "late beat p99", late_ns, beats, 0.99);
    add_percentile(run, "after beat p99", after_ns, pings, 0.99);
    bench_figure(run, "rounds", (double)rounds, "");
    bench_figure(run, "burns", (double)burns, "");
    bench_done_fini(&done);
    free(late_ns);
    free(after_ns);
    free(delays_ns);
}

const struct bench_workload bench_mixed = {
    .name = "mixed",
    .operation = "ping",
    .sentence = "p99 start delay of pings beside handlers of 10 ms; the size is in seconds.",
    .run = run_mixed,
    .default_size = 10,
    .minimum_size = 1,
    .maximum_size = 600,
};
