/* SPDX-License-Identifier: MIT
 * A lost wake-up shows as a message that nobody handles while everybody sleeps. So: sparse traffic
 * with idle pauses of all lengths, in which workers spin, park and are woken all the time, and one
 * message at a time, so that nothing else can repair a wake-up that was lost. The watchdog ends the
 * program when nothing moves.
 *
 * Each foreign thread, again and again: sends a token on a walk of random length over relays, from
 * its own thread to a random relay and by relays to others; waits for it in a call, or on a flag
 * that the last relay sets; pauses. Some relays hold a token for longer than is overdue while
 * another waits behind them. Kills and stops of resting actors must wake them too: the thread waits
 * for terminate. Once in a while everything sleeps long enough for the watch to sleep as well. */
#include "test/stress/stress.h"

#define RELAYS 12
#define THREADS 3

#define TOKEN(FIELD, T)                                                                            \
    FIELD(T, ref, home) FIELD(T, uint64, flag) FIELD(T, uint64, dice) FIELD(T, uint32, hops)
#define DONE(FIELD, T) FIELD(T, uint64, dice)
TR_MESSAGE(token, TOKEN)
TR_MESSAGE(done, DONE)

struct net {
    tr_runtime *rt;
    tr_ref relays[RELAYS];
    uint32_t relay_count;
    bool slow; /* relays hold tokens */
    _Atomic bool ending;
};

struct start {
    struct net *net;
    _Atomic uint32_t *gone;
};

/* ---- relays -----------------------------------------------------------------------------------
 */

struct relay {
    struct net *net;
    _Atomic uint32_t *gone; /* set by terminate, if any */
};

TR_INIT(relay, struct start, self, me, argument) {
    me->net = argument->net;
    me->gone = argument->gone;
    return TR_OK;
}

static void set_flag(_Atomic uint32_t *flag) {
    atomic_store_explicit(flag, 1, memory_order_release);
}

TR_HANDLER(relay, token, self, me, msg) {
    struct tri_random random = {msg->dice};
    struct net *net = me->net;
    if (net->slow && tri_random_below(&random, 8) == 0) usleep(tri_random_below(&random, 5000));
    if (msg->hops > 0) {
        tr_ref next = net->relays[tri_random_below(&random, net->relay_count)];
        tr_send(self, next, token, .home = msg->home, .flag = msg->flag,
                .dice = tri_random_next(&random), .hops = msg->hops - 1);
    } else if (!tr_ref_is_null(msg->home)) {
        tr_send(self, msg->home, done, .dice = msg->dice);
    } else {
        set_flag((_Atomic uint32_t *)(uintptr_t)msg->flag);
    }
}

TR_TERMINATE(relay, self, me, reason) {
    if (me->gone != NULL) set_flag(me->gone);
}

TR_BEHAVIOR_INIT_TERMINATE(relay, TR_ON(relay, token))

/* Starts walks for calls: the caller is home, whoever is last replies. */
struct porter {
    struct net *net;
};

TR_INIT(porter, struct start, self, me, argument) {
    me->net = argument->net;
    return TR_OK;
}

TR_HANDLER(porter, token, self, me, msg) {
    struct tri_random random = {msg->dice};
    tr_send(self, me->net->relays[tri_random_below(&random, me->net->relay_count)], token,
            .home = tr_sender(self), .dice = tri_random_next(&random), .hops = msg->hops);
}

TR_BEHAVIOR_INIT(porter, TR_ON(porter, token))

/* ---- threads ----------------------------------------------------------------------------------
 */

struct walker {
    struct net *net;
    struct tri_random random;
    tr_ref porter;
};

static void wait_for(_Atomic uint32_t *flag) {
    while (atomic_load_explicit(flag, memory_order_acquire) == 0) usleep(20);
}

static void walk_with_flag(struct walker *me) {
    struct net *net = me->net;
    _Atomic uint32_t flag = 0;
    tr_ref to = net->relays[tri_random_below(&me->random, net->relay_count)];
    stress_ok("tr_send", tr_send(net->rt, to, token, .flag = (uintptr_t)&flag,
                                 .dice = tri_random_next(&me->random),
                                 .hops = tri_random_below(&me->random, 20)));
    wait_for(&flag);
}

static void walk_with_call(struct walker *me) {
    done reply;
    stress_ok("tr_call", tr_call(me->net->rt, me->porter, -1, done, &reply, token,
                                 .dice = tri_random_next(&me->random),
                                 .hops = tri_random_below(&me->random, 20)));
}

/* An actor that rests must notice its end. */
static void end_a_sleeper(struct walker *me, bool kill) {
    tr_runtime *rt = me->net->rt;
    _Atomic uint32_t gone = 0;
    struct start start = {me->net, &gone};
    tr_ref relay;
    stress_ok("tr_spawn_wait", tr_spawn_wait(rt, &relay_behavior, &start, -1, &relay));
    if (tri_random_below(&me->random, 2) == 0) usleep(tri_random_below(&me->random, 300));
    stress_ok("ending a relay", kill ? tr_kill(rt, relay) : tr_stop(rt, relay));
    wait_for(&gone);
}

static void *walk(void *argument) {
    struct walker *me = argument;
    while (!atomic_load_explicit(&me->net->ending, memory_order_relaxed)) {
        switch (tri_random_below(&me->random, 8)) {
        case 0:
            end_a_sleeper(me, true);
            break;
        case 1:
            end_a_sleeper(me, false);
            break;
        case 2:
        case 3:
            walk_with_call(me);
            break;
        default:
            walk_with_flag(me);
        }
        stress_progress();
        uint32_t pause_us = tri_random_below(&me->random, 4) == 0 ? 2000 : 60;
        if (tri_random_below(&me->random, 4) != 0) usleep(tri_random_below(&me->random, pause_us));
    }
    return NULL;
}

static void one_round(struct stress *stress) {
    struct net *net = stress_alloc(sizeof *net);
    net->rt = stress_start(stress);
    net->relay_count = 1 + stress_below(stress, RELAYS);
    net->slow = stress_below(stress, 3) == 0;
    struct start start = {net, NULL};
    for (uint32_t i = 0; i < net->relay_count; i++)
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(net->rt, &relay_behavior, &start, &net->relays[i]));
    uint32_t count = 1 + stress_below(stress, THREADS);
    bool long_sleep = stress_below(stress, 4) == 0;
    struct walker walkers[THREADS];
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < count; i++) {
        walkers[i] = (struct walker){net, {tri_random_next(&stress->random)}, TR_NULL};
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(net->rt, &porter_behavior, &start, &walkers[i].porter));
    }
    if (long_sleep) usleep(110000 + stress_below(stress, 20000));
    for (uint32_t i = 0; i < count; i++) threads[i] = stress_thread(walk, &walkers[i]);
    usleep(50000 + stress_below(stress, 200000));
    atomic_store_explicit(&net->ending, true, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
    tr_stats stats = stress_stop(net->rt);
    stress_equal("dead letters", 0, stress_dead(&stats));
    stress_destroy(net->rt);
    free(net);
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "wakeups", argc, argv);
    while (stress_next_round(&stress)) one_round(&stress);
    return stress_end(&stress);
}
