/* SPDX-License-Identifier: MIT
 * Random spawns, sends, stops and kills, against a plain list of who lives: addresses of the living
 * are unique, the dead never live again, nobody gets what was sent to another. */
#include "test/support/unit.h"

#include "test/support/actors.h"
#include "test/support/seed.h"

enum { LIVING = 300, DEAD = 4000, STEPS = 12000 };

/* One incarnation and what it must have got; the index is its number. */
static struct {
    tr_ref ref;
    uint64_t sent; /* notes that were surely handled before its end */
    bool killed;   /* then some of them may be dead letters */
    _Atomic uint64_t got;
    _Atomic uint64_t wrong; /* notes for another incarnation */
} lives[STEPS];
static uint32_t life_count;
static uint32_t living[LIVING], living_count; /* numbers */
static uint32_t dead[DEAD], dead_count;

struct citizen {
    uint64_t number;
};

typedef uint64_t citizen_number;

TR_INIT(citizen, citizen_number, self, me, number) {
    me->number = *number;
    return TR_OK;
}

TR_HANDLER(citizen, note, self, me, msg) {
    if ((uint64_t)msg->value == me->number)
        atomic_fetch_add_explicit(&lives[me->number].got, 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&lives[me->number].wrong, 1, memory_order_relaxed);
}

TR_BEHAVIOR_INIT(citizen, TR_ON(citizen, note))

static void spawn_one(tr_runtime *rt) {
    if (living_count == LIVING || life_count == STEPS) return;
    citizen_number number = life_count;
    tr_ref ref;
    PROPERTY(tr_foreign_spawn(rt, &citizen_behavior, &number, &ref) == TR_OK);
    for (uint32_t i = 0; i < living_count; i++)
        PROPERTY(ref.id >> 32 != lives[living[i]].ref.id >> 32); /* a slot of its own */
    for (uint32_t i = 0; i < dead_count; i++) PROPERTY(!tr_ref_equal(ref, lives[dead[i]].ref));
    lives[life_count].ref = ref;
    living[living_count++] = life_count++;
}

static void send_one(tr_runtime *rt, uint32_t number, bool counts) {
    PROPERTY(tr_send(rt, lives[number].ref, note, .value = number) == TR_OK);
    if (counts) lives[number].sent++;
}

static void end_one(tr_runtime *rt, uint32_t place, bool kill) {
    uint32_t number = living[place];
    living[place] = living[--living_count];
    lives[number].killed = kill;
    PROPERTY((kill ? tr_kill(rt, lives[number].ref) : tr_stop(rt, lives[number].ref)) == TR_OK);
    if (kill) PROPERTY(!tr_is_alive(rt, lives[number].ref));
    if (dead_count < DEAD) dead[dead_count++] = number;
}

static void do_step(tr_runtime *rt, struct tri_random *random) {
    uint32_t what = tri_random_below(random, 16);
    if (what < 5) {
        spawn_one(rt);
    } else if (what < 10 && living_count > 0) {
        uint32_t number = living[tri_random_below(random, living_count)];
        PROPERTY(tr_is_alive(rt, lives[number].ref));
        send_one(rt, number, true);
    } else if (what < 12 && dead_count > 0) {
        send_one(rt, dead[tri_random_below(random, dead_count)], false);
    } else if (what < 13 && dead_count > 0) {
        uint32_t number = dead[tri_random_below(random, dead_count)];
        tr_ref ref = lives[number].ref;
        bool kill = tri_random_below(random, 2);
        if (kill) lives[number].killed = true; /* it may still be on its way to the stop */
        PROPERTY((kill ? tr_kill(rt, ref) : tr_stop(rt, ref)) == TR_OK);
    } else if (what >= 13 && living_count > 0) {
        end_one(rt, tri_random_below(random, living_count), tri_random_below(random, 2));
    }
}

Test(slots, keep_the_living_apart_and_the_dead_dead, .timeout = 60) {
    struct tri_random random = property_random();
    tr_runtime *rt = rt_start(2, 0);
    for (int step = 0; step < STEPS; step++) do_step(rt, &random);
    while (living_count > 0) end_one(rt, 0, false);
    PROPERTY(AWAIT(rt_stats(rt).ended == life_count));
    for (uint32_t i = 0; i < life_count; i++) PROPERTY(!tr_is_alive(rt, lives[i].ref));
    RT_QUIET(rt);
    tr_stats stats = rt_end(rt);
    PROPERTY(stats.spawned == life_count);
    for (uint32_t i = 0; i < life_count; i++) {
        uint64_t got = atomic_load_explicit(&lives[i].got, memory_order_relaxed);
        PROPERTY(atomic_load_explicit(&lives[i].wrong, memory_order_relaxed) == 0);
        PROPERTY(lives[i].killed ? got <= lives[i].sent : got == lives[i].sent);
    }
}
