/* SPDX-License-Identifier: MIT
 * Two actors and a ball. The first is told its partner's address when it is spawned and serves; the
 * second needs no address at all: it answers whoever sent. After ten rounds the first one tells the
 * main thread, which waits in a call. */
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define BALL(FIELD, T) FIELD(T, uint32, round)
#define SCORE(FIELD, T) FIELD(T, uint32, rounds)
TR_MESSAGE(ping, BALL)
TR_MESSAGE(pong, BALL)
TR_MESSAGE(play, TR_NO_FIELDS)
TR_MESSAGE(score, SCORE)

/* ---- the one who answers ----------------------------------------------------------------------
 */

struct ponger {
    uint32_t answered; /* an actor's state has at least one field */
};

TR_HANDLER(ponger, ping, self, me, msg) {
    me->answered++;
    printf("ping %" PRIu32 "\n", msg->round);
    tr_reply(self, pong, .round = msg->round);
}

TR_BEHAVIOR(ponger, TR_ON(ponger, ping))

/* ---- the one who serves -----------------------------------------------------------------------
 */

struct pinger_start {
    tr_ref partner;
    uint32_t rounds;
};

struct pinger {
    struct pinger_start start;
    tr_ref caller; /* whoever waits for the score */
};

/* Runs on a worker before any message is handled. The argument is a copy of what tr_spawn got. */
TR_INIT(pinger, struct pinger_start, self, me, start) {
    me->start = *start;
    return TR_OK;
}

TR_HANDLER(pinger, play, self, me, msg) {
    me->caller = tr_sender(self); /* addresses are plain values: keep them, send them on */
    tr_send(self, me->start.partner, ping, .round = 1);
}

TR_HANDLER(pinger, pong, self, me, msg) {
    printf("pong %" PRIu32 "\n", msg->round);
    if (msg->round < me->start.rounds)
        tr_send(self, me->start.partner, ping, .round = msg->round + 1);
    else
        tr_send(self, me->caller, score, .rounds = msg->round);
}

TR_BEHAVIOR_INIT(pinger, TR_ON(pinger, play), TR_ON(pinger, pong))

int main(void) {
    tr_runtime *rt;
    tr_status status = tr_runtime_start(NULL, &rt);
    if (status != TR_OK) {
        fprintf(stderr, "no runtime: %s\n", tr_status_text(status));
        return 1;
    }
    struct pinger_start start = {.partner = tr_spawn(rt, &ponger_behavior, NULL), .rounds = 10};
    tr_ref pinger = tr_spawn(rt, &pinger_behavior, &start);

    score result;
    status = tr_call(rt, pinger, TR_SECONDS(5), score, &result, play);
    if (status == TR_OK)
        printf("%" PRIu32 " rounds\n", result.rounds);
    else
        fprintf(stderr, "no score: %s\n", tr_status_text(status));

    tr_runtime_stop(rt, TR_SECONDS(5));
    tr_runtime_destroy(rt);
    return status == TR_OK ? 0 : 1;
}
