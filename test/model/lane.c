/* SPDX-License-Identifier: MIT
 * Model of mailbox/lane.h: chains from three senders, one token.
 *
 * Whoever takes the token out of the lane, by a push or by a claim, is the home until it has armed
 * the lane again, as if the inbox in between took no time. So every thread is a sender and a home
 * in turn, and the checks are: the home is one thread at a time (its data is plain: a second one is
 * a data race), nothing is lost or doubled, each sender's chains come in order and whole, and at
 * the end the token lies in the lane.
 */
#include "mailbox/lane.h"

#define MODEL_THREADS 3
#include "test/model/model.h"

enum { CHAINS = MODEL_BOUND(16, 1), LENGTH = 2 };
enum { ARM_LOST = 1, PUSH_BEHIND, TWO_SENDERS, CLAIM_WON, CLAIM_LOST };

static const char *const model_events[] = {
    "",
    "arming failed because a chain came first",
    "a push found the token gone",
    "an absorb took chains of two senders",
    "a claim took the token",
    "a claim found it gone",
    NULL,
};
static const int model_must = CLAIM_LOST;

/* A record with room for a chain in front, as the pool makes it. */
struct item {
    struct tri_chain chain;
    struct tri_record record;
};

static struct tri_lane lane;
static struct item items[MODEL_THREADS][CHAINS][LENGTH];
/* The home's. */
static struct tri_list list;
static uint32_t next[MODEL_THREADS];
static int homes;

static void handle(struct tri_record *record) {
    uint32_t from = (uint32_t)record->sender;
    assert(record->generation == next[from]); /* in order, and nothing twice */
    next[from]++;
}

/* With the token: handles what there is until the lane is armed. */
static void be_home(int me) {
    homes++;
    assert(homes == 1);
    for (;;) {
        if (tri_lane_has_messages(&lane)) tri_lane_absorb(&lane, &list);
        uint64_t first = list.count > 0 ? list.head->sender : 0;
        bool mixed = false;
        while (list.count > 0) {
            struct tri_record *record = tri_list_pop(&list);
            mixed = mixed || record->sender != first;
            handle(record);
        }
        if (mixed) model_saw(TWO_SENDERS);
        model_delay(me);
        homes--;
        if (tri_lane_arm(&lane)) return;
        homes++;
        model_saw(ARM_LOST);
    }
}

static struct tri_record *make_chain(int me, int number) {
    struct item *chain = items[me][number];
    for (int i = 0; i < LENGTH; i++) {
        chain[i].record.sender = (uint64_t)me;
        chain[i].record.generation = (uint32_t)(number * LENGTH + i);
        chain[i].record.next = i + 1 < LENGTH ? &chain[i + 1].record : NULL;
    }
    chain[0].chain.last = &chain[LENGTH - 1].record;
    chain[0].chain.count = LENGTH;
    return &chain[0].record;
}

static void model_reset(void) {
    tri_lane_init(&lane, true);
    list = (struct tri_list){NULL, NULL, 0};
    for (int i = 0; i < MODEL_THREADS; i++) next[i] = 0;
    homes = 0;
}

static void model_thread(int me) {
    for (int i = 0; i < CHAINS; i++) {
        struct tri_record *first = make_chain(me, i);
        if (tri_lane_push(&lane, first))
            be_home(me);
        else
            model_saw(PUSH_BEHIND);
        model_delay(me);
        if (me != 0) continue;
        if (tri_lane_claim(&lane)) { /* as the home that moves the actor, or a killer, does */
            model_saw(CLAIM_WON);
            be_home(me);
        } else {
            model_saw(CLAIM_LOST);
        }
    }
}

static void model_check(void) {
    assert(!tri_lane_has_messages(&lane));
    assert(tri_lane_claim(&lane)); /* the token is there, and only once */
    assert(!tri_lane_claim(&lane));
    for (int i = 0; i < MODEL_THREADS; i++) assert(next[i] == CHAINS * LENGTH);
}
