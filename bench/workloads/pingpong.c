/* SPDX-License-Identifier: MIT
 * pingpong: two actors, one message between them. A round trip is a ping answered by a pong.
 */
#include "bench/bench.h"

#define PINGPONG_PLAY(FIELD, T) FIELD(T, ref, with) FIELD(T, uint64, rounds)
#define PINGPONG_SCORE(FIELD, T) FIELD(T, int64, pings)
TR_MESSAGE(pingpong_play, PINGPONG_PLAY)
TR_MESSAGE(pingpong_ping, TR_NO_FIELDS)
TR_MESSAGE(pingpong_pong, TR_NO_FIELDS)
TR_MESSAGE(pingpong_ask, TR_NO_FIELDS)
TR_MESSAGE(pingpong_score, PINGPONG_SCORE)

struct ponger {
    int64_t pings;
};

TR_HANDLER(ponger, pingpong_ping, self, me, msg) {
    me->pings++;
    tr_reply(self, pingpong_pong);
}

TR_HANDLER(ponger, pingpong_ask, self, me, msg) {
    tr_reply(self, pingpong_score, .pings = me->pings);
}

TR_BEHAVIOR(ponger, TR_ON(ponger, pingpong_ping), TR_ON(ponger, pingpong_ask))

struct pinger {
    uint64_t left;
    struct bench_done *done;
};

TR_INIT(pinger, struct pinger, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(pinger, pingpong_play, self, me, msg) {
    me->left = msg->rounds;
    tr_send(self, msg->with, pingpong_ping);
}

TR_HANDLER(pinger, pingpong_pong, self, me, msg) {
    me->left--;
    if (me->left > 0) {
        tr_reply(self, pingpong_ping);
    } else {
        bench_done_report(me->done, 0);
    }
}

TR_BEHAVIOR_INIT(pinger, TR_ON(pinger, pingpong_play), TR_ON(pinger, pingpong_pong))

static void run_pingpong(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    tr_runtime *rt = bench_runtime_start(run);

    bench_clock_start(run);
    tr_ref ponger = tr_spawn(rt, &ponger_behavior, NULL);
    tr_ref pinger = tr_spawn(rt, &pinger_behavior, (&(struct pinger){.done = &done}));
    tr_send(rt, pinger, pingpong_play, .with = ponger, .rounds = run->size);
    bench_done_wait(&done);
    pingpong_score score;
    bench_ok(tr_call(rt, ponger, BENCH_PATIENCE, pingpong_score, &score, pingpong_ask),
             "ask the ponger");
    bench_clock_stop(run, run->size);

    bench_expect(run, "the number of pings", (int64_t)run->size, score.pings);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_pingpong = {
    .name = "pingpong",
    .operation = "round trip",
    .sentence = "Two actors, one message between them.",
    .run = run_pingpong,
    .default_size = 2000000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};
