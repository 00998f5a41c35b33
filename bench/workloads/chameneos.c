/* SPDX-License-Identifier: MIT
 * chameneos: a hundred creatures of three colours come to a mall, which brings them together in
 * pairs. Two that meet both take the colour that neither has, or keep it when they have the same,
 * as in the Benchmarks Game. When the meetings are used up every creature reports.
 *
 * The check: each meeting was counted by both. And with the colours numbered 0, 1, 2 both partners
 * become -(a + b) modulo 3, so that a meeting does not change the sum of all colours modulo 3.
 */
#include "bench/bench.h"

#define CREATURES 100
#define COLOURS 3

#define CHAMENEOS_COLOUR(FIELD, T) FIELD(T, int32, colour)
#define CHAMENEOS_REPORT(FIELD, T) FIELD(T, int32, colour) FIELD(T, int64, meetings)
#define CHAMENEOS_TALLY(FIELD, T) FIELD(T, int64, colours) FIELD(T, int64, meetings)
TR_MESSAGE(chameneos_arrive, CHAMENEOS_COLOUR) /* creature to mall: here I am */
TR_MESSAGE(chameneos_meet, CHAMENEOS_COLOUR)   /* mall to creature: the other's colour */
TR_MESSAGE(chameneos_close, TR_NO_FIELDS)      /* mall to creature: no more meetings */
TR_MESSAGE(chameneos_report, CHAMENEOS_REPORT) /* creature to mall: what it has counted */
TR_MESSAGE(chameneos_ask, TR_NO_FIELDS)        /* verifier to mall */
TR_MESSAGE(chameneos_tally, CHAMENEOS_TALLY)   /* mall to verifier: sums over all creatures */

struct creature {
    tr_ref mall;
    int32_t colour;
    int64_t meetings;
};

TR_INIT(creature, struct creature, self, me, start) {
    *me = *start;
    tr_send(self, me->mall, chameneos_arrive, .colour = me->colour);
    return TR_OK;
}

static int32_t complement(int32_t mine, int32_t other) {
    return mine == other ? mine : COLOURS - mine - other;
}

TR_HANDLER(creature, chameneos_meet, self, me, msg) {
    me->meetings++;
    me->colour = complement(me->colour, msg->colour);
    tr_send(self, me->mall, chameneos_arrive, .colour = me->colour);
}

TR_HANDLER(creature, chameneos_close, self, me, msg) {
    tr_send(self, me->mall, chameneos_report, .colour = me->colour, .meetings = me->meetings);
}

TR_BEHAVIOR_INIT(creature, TR_ON(creature, chameneos_meet), TR_ON(creature, chameneos_close))

struct mall {
    uint64_t meetings_left;
    tr_ref waiting; /* null, or who has come first */
    int32_t waiting_colour;
    uint32_t reports;
    chameneos_tally tally;
    struct bench_done *done;
};

TR_INIT(mall, struct mall, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(mall, chameneos_arrive, self, me, msg) {
    if (me->meetings_left == 0) {
        tr_reply(self, chameneos_close);
    } else if (tr_ref_is_null(me->waiting)) {
        me->waiting = tr_sender(self);
        me->waiting_colour = msg->colour;
    } else {
        tr_send(self, me->waiting, chameneos_meet, .colour = msg->colour);
        tr_reply(self, chameneos_meet, .colour = me->waiting_colour);
        me->waiting = TR_NULL;
        me->meetings_left--;
    }
}

TR_HANDLER(mall, chameneos_report, self, me, msg) {
    me->tally.colours += msg->colour;
    me->tally.meetings += msg->meetings;
    if (++me->reports == CREATURES) {
        bench_done_report(me->done, me->tally.meetings);
    }
}

TR_HANDLER(mall, chameneos_ask, self, me, msg) {
    tr_reply(self, chameneos_tally, .colours = me->tally.colours, .meetings = me->tally.meetings);
}

TR_BEHAVIOR_INIT(mall, TR_ON(mall, chameneos_arrive), TR_ON(mall, chameneos_report),
                 TR_ON(mall, chameneos_ask))

static void run_chameneos(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    tr_runtime *rt = bench_runtime_start(run);
    int64_t colours_before = 0;

    bench_clock_start(run);
    tr_ref mall =
        tr_spawn(rt, &mall_behavior, (&(struct mall){.meetings_left = run->size, .done = &done}));
    for (int i = 0; i < CREATURES; i++) {
        tr_spawn(rt, &creature_behavior, (&(struct creature){mall, i % COLOURS, 0}));
        colours_before += i % COLOURS;
    }
    bench_done_wait(&done);
    chameneos_tally tally;
    bench_ok(tr_call(rt, mall, BENCH_PATIENCE, chameneos_tally, &tally, chameneos_ask),
             "ask the mall");
    bench_clock_stop(run, run->size);

    bench_expect(run, "the sum of all meetings", 2 * (int64_t)run->size, tally.meetings);
    bench_expect(run, "the sum of all colours modulo 3", colours_before % COLOURS,
                 tally.colours % COLOURS);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_chameneos = {
    .name = "chameneos",
    .operation = "meeting",
    .sentence = "100 creatures meet in pairs in one mall and change their colours.",
    .run = run_chameneos,
    .default_size = 400000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};
