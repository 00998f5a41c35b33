/* SPDX-License-Identifier: MIT
 * big: a hundred and twenty actors, each of which pings another one, awaits the pong, and goes on
 * with the next, drawn from its own seeded generator. Everybody talks to everybody, one message at
 * a time: there is nothing to batch.
 */
#include "bench/bench.h"

#define PLAYERS 120

#define BIG_COUNT(FIELD, T) FIELD(T, int64, pings)
TR_MESSAGE(big_go, TR_NO_FIELDS)
TR_MESSAGE(big_ping, TR_NO_FIELDS)
TR_MESSAGE(big_pong, TR_NO_FIELDS)
TR_MESSAGE(big_ask, TR_NO_FIELDS)
TR_MESSAGE(big_count, BIG_COUNT)

struct player {
    const tr_ref *players; /* all of them; filled before the first message, never changed after */
    uint32_t index;        /* of this one */
    uint64_t random;
    uint64_t left;  /* pings to send */
    int64_t pinged; /* pings received */
    struct bench_done *done;
};

TR_INIT(player, struct player, self, me, start) {
    *me = *start;
    return TR_OK;
}

static void ping_somebody(tr_self *self, struct player *me) {
    if (me->left == 0) {
        bench_done_report(me->done, 0);
        return;
    }
    me->left--;
    me->random = me->random * 6364136223846793005u + 1442695040888963407u;
    uint32_t other = (uint32_t)((me->random >> 33) % (PLAYERS - 1));
    other += other >= me->index; /* anyone but itself */
    tr_send(self, me->players[other], big_ping);
}

TR_HANDLER(player, big_go, self, me, msg) {
    ping_somebody(self, me);
}

TR_HANDLER(player, big_pong, self, me, msg) {
    ping_somebody(self, me);
}

TR_HANDLER(player, big_ping, self, me, msg) {
    me->pinged++;
    tr_reply(self, big_pong);
}

TR_HANDLER(player, big_ask, self, me, msg) {
    tr_reply(self, big_count, .pings = me->pinged);
}

TR_BEHAVIOR_INIT(player, TR_ON(player, big_go), TR_ON(player, big_pong), TR_ON(player, big_ping),
                 TR_ON(player, big_ask))

/* Asks every player for its count and reports the sum. */
struct auditor {
    const tr_ref *players;
    uint32_t missing;
    int64_t pings;
    struct bench_done *done;
};

TR_INIT(auditor, struct auditor, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(auditor, big_go, self, me, msg) {
    for (int i = 0; i < PLAYERS; i++) {
        tr_send(self, me->players[i], big_ask);
    }
}

TR_HANDLER(auditor, big_count, self, me, msg) {
    me->pings += msg->pings;
    if (--me->missing == 0) {
        bench_done_report(me->done, me->pings);
    }
}

TR_BEHAVIOR_INIT(auditor, TR_ON(auditor, big_go), TR_ON(auditor, big_count))

static void run_big(struct bench_run *run) {
    struct bench_done played, audited;
    bench_done_init(&played, PLAYERS);
    bench_done_init(&audited, 1);
    tr_runtime *rt = bench_runtime_start(run);
    tr_ref players[PLAYERS];

    bench_clock_start(run);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        struct player start = {
            .players = players,
            .index = i,
            .random = 0x9e3779b97f4a7c15u * (i + 1),
            .left = run->size / PLAYERS + (i < run->size % PLAYERS),
            .done = &played,
        };
        players[i] = tr_spawn(rt, &player_behavior, &start);
    }
    for (int i = 0; i < PLAYERS; i++) {
        tr_send(rt, players[i], big_go);
    }
    bench_done_wait(&played);
    struct auditor audit = {.players = players, .missing = PLAYERS, .done = &audited};
    tr_send(rt, tr_spawn(rt, &auditor_behavior, &audit), big_go);
    int64_t pings = bench_done_wait(&audited);
    bench_clock_stop(run, run->size);

    bench_expect(run, "the number of pings", (int64_t)run->size, pings);
    bench_runtime_stop(run, rt);
    bench_done_fini(&audited);
    bench_done_fini(&played);
}

const struct bench_workload bench_big = {
    .name = "big",
    .operation = "ping",
    .sentence = "120 actors ping random others one at a time and await each pong.",
    .run = run_big,
    .default_size = 2400000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};
