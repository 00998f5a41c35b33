/* SPDX-License-Identifier: MIT
 * Stopping while everybody is busy: up to three runtimes at once, each with actors that never rest
 * and foreign threads that send (plain and through an outbox), spawn, call and kill until they are
 * told TR_STOPPING. The stop comes from outside, from a handler, or in several impatient attempts,
 * after a delay that is sometimes none and sometimes long enough for all threads to sleep.
 *
 * Holds: what was accepted == handled + dead (what an outbox had to drop is counted as rejected);
 * every spawn that went well ends; a call answers; destroy waits for open outboxes. */
#include "test/stress/stress.h"

#define RUNTIMES 3
#define THREADS 3
#define ACTORS 24

#define LETTER(FIELD, T) FIELD(T, uint32, hops)
TR_MESSAGE(letter, LETTER)
TR_MESSAGE(halt, TR_NO_FIELDS)
TR_MESSAGE(ask, TR_NO_FIELDS)
TR_MESSAGE(answer, TR_NO_FIELDS)

struct town {
    tr_runtime *rt;
    tr_ref actors[ACTORS];
    uint32_t actor_count;
    uint64_t seed;
    uint64_t outside_ns; /* how long the foreign threads wait before each send, at most */
    _Atomic uint64_t sent, handled, answers, spawned, began, ended;
    _Atomic bool done; /* of the thread that reads statistics */
};

struct citizen {
    struct town *town;
    struct tri_random random;
    uint64_t sent, handled;
};

static const tr_behavior citizen_behavior;

static tr_status citizen_init(tr_self *self, void *state, const void *argument) {
    struct citizen *me = state;
    me->town = *(struct town *const *)argument;
    me->random.state = me->town->seed ^ tr_self_ref(self).id;
    stress_count(&me->town->began, 1);
    return TR_OK;
}

static void citizen_terminate(tr_self *self, void *state, const tr_reason *reason) {
    struct citizen *me = state;
    (void)reason;
    if (tri_random_below(&me->random, 2) == 0 &&
        tr_send(self, me->town->actors[0], letter, .hops = 0) == TR_OK)
        me->sent++;
    stress_count(&me->town->sent, me->sent);
    stress_count(&me->town->handled, me->handled);
    stress_count(&me->town->ended, 1);
}

static void citizen_on_letter(tr_self *self, void *state, const void *payload) {
    struct citizen *me = state;
    struct town *town = me->town;
    const struct letter *msg = payload;
    me->handled++;
    uint32_t dice = tri_random_below(&me->random, 512);
    if (dice == 0) {
        tr_ref fresh = TR_NULL;
        tr_status status = tr_self_spawn(self, &citizen_behavior, &town, &fresh);
        STRESS_CHECK(status == TR_OK || status == TR_STOPPING, "spawning: saw %s",
                     tr_status_name(status));
        if (status == TR_OK) stress_count(&town->spawned, 1);
        if (status == TR_OK && tr_send(self, fresh, letter, .hops = 0) == TR_OK) me->sent++;
    } else if (dice == 1) {
        stress_burn(tri_random_below(&me->random, 3000000));
    } else if (dice == 2) {
        tr_exit(self, tr_reason_of(TR_REASON_NORMAL));
    }
    if (msg->hops == 0) return;
    tr_ref to = town->actors[tri_random_below(&me->random, town->actor_count)];
    stress_ok("an actor's send", tr_send(self, to, letter, .hops = msg->hops - 1));
    me->sent++;
}

static void citizen_on_ask(tr_self *self, void *state, const void *payload) {
    struct citizen *me = state;
    (void)payload;
    me->handled++;
    if (tri_random_below(&me->random, 8) == 0) return;
    stress_ok("tr_reply", tr_reply(self, answer));
    me->sent++;
}

static void citizen_on_halt(tr_self *self, void *state, const void *payload) {
    struct citizen *me = state;
    (void)payload;
    me->handled++;
    tr_runtime_request_stop(tr_self_runtime(self));
    tr_status status = tr_runtime_stop(tr_self_runtime(self), 0);
    STRESS_CHECK(status == TR_WOULD_DEADLOCK,
                 "stop from a handler: expected TR_WOULD_DEADLOCK, "
                 "saw %s",
                 tr_status_name(status));
}

static const tr_handler citizen_handlers[] = {
    {&letter_message, citizen_on_letter},
    {&ask_message, citizen_on_ask},
    {&halt_message, citizen_on_halt},
};

static const tr_behavior citizen_behavior = {
    .size = sizeof(tr_behavior),
    .name = "citizen",
    .state_bytes = sizeof(struct citizen),
    .arg_bytes = sizeof(struct town *),
    .handlers = citizen_handlers,
    .handler_count = sizeof citizen_handlers / sizeof citizen_handlers[0],
    .init = citizen_init,
    .terminate = citizen_terminate,
};

/* ---- foreign threads --------------------------------------------------------------------------
 */

struct outsider {
    struct town *town;
    struct tri_random random;
    tr_outbox *outbox;
    bool early; /* destroys its outbox before the runtime is stopped */
    uint64_t sent, answers, spawned;
};

/* One step; false: the runtime is stopping. */
static bool step(struct outsider *me) {
    struct town *town = me->town;
    tr_ref to = town->actors[tri_random_below(&me->random, town->actor_count)];
    uint32_t dice = tri_random_below(&me->random, 64), hops = tri_random_below(&me->random, 4);
    tr_status status;
    if (dice < 24) {
        status = tr_send(town->rt, to, letter, .hops = hops);
        if (status == TR_OK) me->sent++;
    } else if (dice < 60) {
        status = tr_send(me->outbox, to, letter, .hops = hops);
        if (status == TR_OK) me->sent++;
    } else if (dice < 61) {
        tr_ref fresh;
        status = tr_foreign_spawn(town->rt, &citizen_behavior, &town, &fresh);
        if (status == TR_OK) me->spawned++;
    } else if (dice < 62) {
        answer reply;
        status = tr_call(town->rt, to, -1, answer, &reply, ask);
        if (status == TR_OK) me->answers++;
        /* The request of a call that ends with the runtime may have been sent or not. */
        if (status == TR_OK || status == TR_NO_ACTOR) me->sent++;
        if (status == TR_NO_ACTOR) status = TR_OK;
    } else if (dice < 63) {
        status = tr_outbox_flush(me->outbox);
    } else {
        (void)tr_is_alive(town->rt, to);
        status = TR_OK;
        if (town->outside_ns != 0) usleep((unsigned)(town->outside_ns / 1000));
    }
    STRESS_CHECK(status == TR_OK || status == TR_STOPPING, "from outside: saw %s",
                 tr_status_name(status));
    return status == TR_OK;
}

static void *outside(void *argument) {
    struct outsider *me = argument;
    tr_status status = tr_outbox_create(me->town->rt, &me->outbox);
    if (status == TR_STOPPING) return NULL;
    stress_ok("tr_outbox_create", status);
    while (step(me)) stress_progress();
    if (me->early) {
        tr_outbox_destroy(me->outbox);
        me->outbox = NULL;
    }
    stress_count(&me->town->answers, me->answers);
    stress_count(&me->town->spawned, me->spawned);
    stress_count(&me->town->sent, me->sent);
    return NULL;
}

static void *read_stats(void *argument) {
    struct town *town = argument;
    while (!atomic_load_explicit(&town->done, memory_order_acquire)) {
        (void)stress_stats(town->rt);
        tr_dead_letter letters[8];
        (void)tr_runtime_dead_letters(town->rt, letters, 8);
        usleep(200);
    }
    return NULL;
}

/* ---- a town's day -----------------------------------------------------------------------------
 */

static void populate(struct town *town, struct stress *stress) {
    town->actor_count = 1 + stress_below(stress, ACTORS);
    town->seed = tri_random_next(&stress->random);
    for (uint32_t i = 0; i < town->actor_count; i++) {
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(town->rt, &citizen_behavior, &town, &town->actors[i]));
        stress_count(&town->spawned, 1);
    }
    for (uint32_t i = stress_below(stress, 2 * ACTORS); i > 0; i--) {
        tr_ref to = town->actors[stress_below(stress, town->actor_count)];
        stress_ok("tr_send", tr_send(town->rt, to, letter, .hops = UINT32_MAX));
        stress_count(&town->sent, 1);
    }
}

static void stop_somehow(struct town *town, uint32_t how) {
    if (how == 0) {
        if (tr_send(town->rt, town->actors[0], halt) == TR_OK) stress_count(&town->sent, 1);
    } else if (how == 1) {
        for (int attempt = 0; attempt < 3; attempt++) {
            tr_status status = tr_runtime_stop(town->rt, attempt * 20000);
            STRESS_CHECK(status == TR_OK || status == TR_TIMEOUT, "an impatient stop: saw %s",
                         tr_status_name(status));
        }
    }
    stress_ok("tr_runtime_stop", tr_runtime_stop(town->rt, STRESS_LONG));
    stress_ok("tr_runtime_stop again", tr_runtime_stop(town->rt, 0));
}

static void close_outboxes(struct town *town, struct outsider *outsiders) {
    for (uint32_t i = 0; i < THREADS; i++) {
        if (outsiders[i].outbox == NULL) continue;
        tr_status status = tr_runtime_destroy(town->rt);
        STRESS_CHECK(status == TR_BUSY, "destroy with an open outbox: expected TR_BUSY, saw %s",
                     tr_status_name(status));
        tr_outbox_destroy(outsiders[i].outbox);
    }
}

static void check_town(struct town *town, uint64_t unsure) {
    tr_stats stats = stress_check_sum(town->rt);
    uint64_t sent = stress_counted(&town->sent) - stats.rejected;
    STRESS_CHECK(stats.sent >= sent && stats.sent <= sent + unsure,
                 "sent: expected %" PRIu64 " to %" PRIu64 ", saw %" PRIu64, sent, sent + unsure,
                 stats.sent);
    stress_equal("handled: own count", stress_counted(&town->handled), stats.handled);
    stress_equal("replies: own count", stress_counted(&town->answers), stats.replies);
    stress_equal("spawned: own count", stress_counted(&town->spawned), stats.spawned);
    stress_equal("terminate runs once per init", stress_counted(&town->began),
                 stress_counted(&town->ended));
}

struct day {
    struct stress *stress;
    struct town town;
    struct outsider outsiders[THREADS];
    uint32_t how, nap_us;
};

static void *live(void *argument) {
    struct day *day = argument;
    struct town *town = &day->town;
    pthread_t threads[THREADS], reader = stress_thread(read_stats, town);
    for (uint32_t i = 0; i < THREADS; i++) threads[i] = stress_thread(outside, &day->outsiders[i]);
    usleep(day->nap_us);
    stop_somehow(town, day->how);
    for (uint32_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    atomic_store_explicit(&town->done, true, memory_order_release);
    pthread_join(reader, NULL);
    close_outboxes(town, day->outsiders);
    check_town(town, THREADS); /* each thread may end with one call */
    stress_destroy(town->rt);
    return NULL;
}

static void one_round(struct stress *stress) {
    static const uint32_t naps[] = {0, 0, 50, 500, 3000, 20000};
    uint32_t count = 1 + stress_below(stress, RUNTIMES);
    struct day *days = stress_alloc(count * sizeof *days);
    pthread_t threads[RUNTIMES];
    for (uint32_t i = 0; i < count; i++) {
        struct day *day = &days[i];
        day->stress = stress;
        day->how = stress_below(stress, 3);
        day->nap_us = naps[stress_below(stress, 6)];
        day->town.outside_ns = stress_below(stress, 2) * 200000u;
        day->town.rt = stress_start(stress);
        populate(&day->town, stress);
        for (uint32_t k = 0; k < THREADS; k++) {
            day->outsiders[k].town = &day->town;
            day->outsiders[k].random.state = tri_random_next(&stress->random);
            day->outsiders[k].early = stress_below(stress, 2) == 0;
        }
    }
    for (uint32_t i = 0; i < count; i++) threads[i] = stress_thread(live, &days[i]);
    for (uint32_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
    free(days);
}

/* Nothing to do for about as long as the runtime's threads take to go to sleep; then a stop. */
static void drowsy_round(struct stress *stress) {
    struct town *town = stress_alloc(sizeof *town);
    town->rt = stress_start(stress);
    town->actor_count = 1;
    stress_ok("tr_foreign_spawn",
              tr_foreign_spawn(town->rt, &citizen_behavior, &town, &town->actors[0]));
    usleep(98000 + stress_below(stress, 6000));
    (void)stress_stop(town->rt);
    stress_destroy(town->rt);
    free(town);
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "stop_race", argc, argv);
    while (stress_next_round(&stress)) {
        if (stress_below(&stress, 16) == 0)
            drowsy_round(&stress);
        else
            one_round(&stress);
    }
    return stress_end(&stress);
}
