/* SPDX-License-Identifier: MIT
 * Model of runtime/life.h with mailbox/lane.h: a kill against an actor that goes idle.
 *
 * Thread 0 is the actor's home; the two others send to it and kill it, some of them an incarnation
 * that is gone or not yet there. A kill that marked its incarnation ends it, whether the home was
 * running, going idle or idle: at the end, when the home has nothing more to do, that incarnation
 * must be gone. One that nobody marked must not have ended. Marks that come too late change
 * nothing.
 */
#include "runtime/life.h"
#include "mailbox/lane.h"

#define MODEL_THREADS 3
#include "test/model/model.h"

enum { STEPS = MODEL_BOUND(48, 2), ACTS = MODEL_BOUND(24, 1), LIVES = MODEL_BOUND(8, 2) };
enum { KILLER_WOKE = 1, KILLER_LEFT_IT, HOME_LOOKED_BACK, HOME_CAME_LATE, TOO_LATE, ENDED };

static const char *const model_events[] = {
    "",
    "the killer took the token and woke the actor",
    "the killer left it to the home, which held the token",
    "the home saw the mark after arming and took the token back",
    "the home saw it and the killer had the token already",
    "a mark came too late",
    "an incarnation ended",
    NULL,
};
static const int model_must = ENDED;

struct item {
    struct tri_chain chain;
    struct tri_record record;
};

static struct tri_lane lane;
static struct tri_life life;
static _Atomic uint32_t inbox; /* of the home: 1 when the token lies there */
static struct item items[MODEL_THREADS][ACTS];
static bool marked[MODEL_THREADS][LIVES]; /* each its thread's own: generation 2 n + 1 */
/* The home's. */
static struct tri_list list;
static bool active;
static uint32_t generation;

/* The end of this incarnation and the beginning of the next. */
static void end(void) {
    model_saw(ENDED);
    if (tri_lane_has_messages(&lane)) tri_lane_absorb(&lane, &list);
    list = (struct tri_list){NULL, NULL, 0};
    uint32_t free_word = tri_life_next(&life);
    assert(free_word == generation + 1 && !tri_life_is_live(free_word));
    generation = tri_life_next(&life);
    assert(tri_life_is_live(generation));
}

static bool is_killed(void) {
    return tri_life_peek(&life) != generation;
}

/* One activation, with the token. */
static void run(void) {
    if (tri_lane_has_messages(&lane)) tri_lane_absorb(&lane, &list);
    while (list.count > 0 && !is_killed()) (void)tri_list_pop(&list);
    if (is_killed()) end();
    model_delay(0);
    if (!tri_lane_arm(&lane)) return; /* messages: it runs on */
    active = false;
    model_delay(0);
    if (!(tri_life_look(&life) & TRI_LIFE_PENDING)) return;
    active = tri_lane_claim(&lane);
    model_saw(active ? HOME_LOOKED_BACK : HOME_CAME_LATE);
}

static bool step(void) {
    /* Acquire: what the thread that had the token did. */
    if (!active && atomic_exchange_explicit(&inbox, 0, memory_order_acquire) == 1) active = true;
    if (!active) return false;
    run();
    return true;
}

/* The token goes home. */
static void deliver(void) {
    uint32_t before = atomic_exchange_explicit(&inbox, 1, memory_order_release);
    assert(before == 0);
}

static void send(int me, int number) {
    struct item *item = &items[me][number];
    item->record.next = NULL;
    item->chain.last = &item->record;
    item->chain.count = 1;
    if (tri_lane_push(&lane, &item->record)) deliver();
}

static void kill(int me, uint32_t target) {
    if (!tri_life_mark(&life, 2 * target + 1, TRI_LIFE_EXIT)) {
        model_saw(TOO_LATE);
        return;
    }
    marked[me][target] = true;
    model_delay(me);
    if (tri_lane_claim(&lane)) {
        model_saw(KILLER_WOKE);
        deliver();
    } else {
        model_saw(KILLER_LEFT_IT);
    }
}

static void model_reset(void) {
    tri_lane_init(&lane, false);
    atomic_init(&life.word, 1);
    atomic_init(&inbox, 0);
    list = (struct tri_list){NULL, NULL, 0};
    active = true; /* it has the token and is about to go idle */
    generation = 1;
    for (int i = 0; i < MODEL_THREADS; i++)
        for (int n = 0; n < LIVES; n++) marked[i][n] = false;
}

static void model_thread(int me) {
    if (me == 0) {
        for (int i = 0; i < STEPS; i++) {
            step();
            model_delay(0);
        }
        return;
    }
    for (int i = 0; i < ACTS; i++) {
        uint32_t now = tri_life_peek(&life) & TRI_LIFE_GENERATION;
        uint32_t target = now / 2 + model_choose(me, 2);
        if (me == 2 && model_choose(me, 4) != 1)
            send(me, i);
        else if (target < LIVES)
            kill(me, target);
        model_delay(me);
    }
}

static void model_check(void) {
    while (step()) continue;
    assert(atomic_load_explicit(&lane.word, memory_order_relaxed) == TRI_LANE_ARMED);
    uint32_t word = tri_life_peek(&life);
    assert(word == generation); /* alive, and no mark was left behind */
    for (uint32_t n = 0; n < LIVES; n++) {
        bool any = false;
        for (int i = 0; i < MODEL_THREADS; i++) any = any || marked[i][n];
        assert(any == (2 * n + 1 < generation));
    }
}
