/* SPDX-License-Identifier: MIT
 * Handlers of random length, up to 20 ms asleep or busy, beside chatty actors, with more sleepers
 * than workers: workers are taken over from their threads all the time.
 *
 * Sleepers do, before and after they were away, whatever a handler may do: send to pals, to each
 * other and to themselves, flush, spawn, reply to a call, exit, ask the runtime to stop; they are
 * killed and stopped while they are away; some sleep in init and in terminate.
 *
 * Holds: order and exactly-once per pair, one handler of an actor at a time, the exact sum, and
 * take-overs happen (the program goes on until it has seen some). */
#include "test/stress/sequence.h"
#include "test/stress/stress.h"

#define SLEEPERS_MAX 12
#define PALS_MAX 16

#define LETTER(FIELD, T) FIELD(T, uint64, from) FIELD(T, uint64, number) FIELD(T, uint32, hops)
#define NUMBER(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(letter, LETTER)
TR_MESSAGE(ask, NUMBER)
TR_MESSAGE(answer, NUMBER)

struct camp {
    tr_runtime *rt;
    _Atomic uint64_t node; /* of the runtime; actors run before it is set for the last time */
    uint32_t sleepers, pals, longest_us;
    _Atomic uint64_t seats[SLEEPERS_MAX + PALS_MAX]; /* ids; the sleepers first */
    _Atomic bool ending;
    uint64_t caller_seed;
    _Atomic uint64_t sent, handled, answers, spawned, began, ended;
};

struct seat {
    struct camp *camp;
    uint64_t seed;
    bool sleeper;
};

struct camper {
    struct camp *camp;
    uint64_t id;
    struct tri_random random;
    struct sequence out, in;
    uint64_t sent, handled;
    bool sleeper;
    int busy;
};

static const tr_behavior camper_behavior;

static tr_ref pick(struct camp *camp, struct tri_random *random) {
    uint32_t seat = tri_random_below(random, camp->sleepers + camp->pals);
    return (tr_ref){stress_counted(&camp->node),
                    atomic_load_explicit(&camp->seats[seat], memory_order_acquire)};
}

static void take_time(struct camp *camp, struct tri_random *random) {
    uint32_t us = tri_random_below(random, camp->longest_us + 1);
    if (tri_random_below(random, 3) == 0) us /= 16;
    if (tri_random_below(random, 2) == 0)
        usleep(us);
    else
        stress_burn(us * UINT64_C(1000));
}

static void send_letter(tr_self *self, struct camper *me, tr_ref to, uint32_t hops) {
    stress_ok("tr_send", tr_send(self, to, letter, .from = me->id,
                                 .number = sequence_next(&me->out, to.id), .hops = hops));
    me->sent++;
}

/* A new camper takes a seat of its kind; the old one is killed or stopped, away or not. */
static void replace(tr_self *self, struct camper *me) {
    struct camp *camp = me->camp;
    uint32_t place = tri_random_below(&me->random, camp->sleepers + camp->pals);
    struct seat seat = {camp, tri_random_next(&me->random), place < camp->sleepers};
    tr_ref fresh;
    tr_status status = tr_self_spawn(self, &camper_behavior, &seat, &fresh);
    if (status == TR_STOPPING) return;
    stress_ok("tr_self_spawn", status);
    stress_count(&camp->spawned, 1);
    send_letter(self, me, fresh, 4);
    tr_ref old = {stress_counted(&camp->node),
                  atomic_exchange_explicit(&camp->seats[place], fresh.id, memory_order_acq_rel)};
    stress_ok("ending a camper",
              tri_random_below(&me->random, 3) == 0 ? tr_stop(self, old) : tr_kill(self, old));
}

/* ---- a camper ---------------------------------------------------------------------------------
 */

static tr_status camper_init(tr_self *self, void *state, const void *argument) {
    struct camper *me = state;
    const struct seat *seat = argument;
    me->camp = seat->camp;
    me->random.state = seat->seed;
    me->sleeper = seat->sleeper;
    me->id = tr_self_ref(self).id;
    if (me->sleeper && tri_random_below(&me->random, 8) == 0) take_time(me->camp, &me->random);
    stress_count(&me->camp->began, 1);
    return TR_OK;
}

static void camper_terminate(tr_self *self, void *state, const tr_reason *reason) {
    struct camper *me = state;
    (void)reason;
    STRESS_CHECK(me->busy++ == 0, "terminate while a handler runs");
    if (me->sleeper && tri_random_below(&me->random, 4) == 0) take_time(me->camp, &me->random);
    send_letter(self, me, pick(me->camp, &me->random), 0);
    stress_count(&me->camp->sent, me->sent);
    stress_count(&me->camp->handled, me->handled);
    stress_count(&me->camp->ended, 1);
    sequence_free(&me->out);
    sequence_free(&me->in);
}

/* What a handler does before and after it was away. */
static void act(tr_self *self, struct camper *me) {
    send_letter(self, me, pick(me->camp, &me->random), 3);
    switch (tri_random_below(&me->random, 12)) {
    case 0:
        tr_flush(self);
        break;
    case 1:
        replace(self, me);
        break;
    case 2:
        send_letter(self, me, tr_self_ref(self), 1);
        break;
    case 3:
        if (tri_random_below(&me->random, 4) == 0) tr_exit(self, tr_reason_user(1, "enough"));
        break;
    case 4:
        for (int i = 0; i < 70; i++) send_letter(self, me, pick(me->camp, &me->random), 0);
        break;
    case 5: {
        tr_ref to = pick(me->camp, &me->random);
        for (int i = 0; i < 70; i++) send_letter(self, me, to, 0);
        break;
    }
    default:
        break;
    }
    STRESS_CHECK(tr_self_ref(self).id == me->id, "tr_self_ref has changed inside a handler");
}

static void camper_on_letter(tr_self *self, void *state, const void *payload) {
    struct camper *me = state;
    const struct letter *msg = payload;
    STRESS_CHECK(me->busy++ == 0, "two handlers of one actor at a time");
    me->handled++;
    sequence_check(&me->in, me->id, msg->from, msg->number);
    if (msg->hops > 0) {
        if (me->sleeper) {
            act(self, me);
            take_time(me->camp, &me->random);
            act(self, me);
        } else {
            send_letter(self, me, pick(me->camp, &me->random), msg->hops - 1);
        }
    }
    me->busy--;
    stress_progress();
}

static void camper_on_ask(tr_self *self, void *state, const void *payload) {
    struct camper *me = state;
    int64_t value = ((const struct ask *)payload)->value;
    STRESS_CHECK(me->busy++ == 0, "two handlers of one actor at a time");
    me->handled++;
    if (me->sleeper) take_time(me->camp, &me->random);
    stress_equal("the message after a long time", (uint64_t)value,
                 (uint64_t)((const struct ask *)payload)->value);
    stress_ok("tr_reply", tr_reply(self, answer, .value = -value));
    me->sent++;
    me->busy--;
}

static const tr_handler camper_handlers[] = {
    {&letter_message, camper_on_letter},
    {&ask_message, camper_on_ask},
};

static const tr_behavior camper_behavior = {
    .size = sizeof(tr_behavior),
    .name = "camper",
    .state_bytes = sizeof(struct camper),
    .arg_bytes = sizeof(struct seat),
    .handlers = camper_handlers,
    .handler_count = sizeof camper_handlers / sizeof camper_handlers[0],
    .init = camper_init,
    .terminate = camper_terminate,
};

/* ---- a round ----------------------------------------------------------------------------------
 */

static void *caller(void *argument) {
    struct camp *camp = argument;
    struct tri_random random = {camp->caller_seed};
    struct sequence out = {NULL, 0, 0};
    uint64_t id = UINT64_C(1) << 63 | 1;
    while (!atomic_load_explicit(&camp->ending, memory_order_relaxed)) {
        tr_ref to = pick(camp, &random);
        stress_ok("tr_send", tr_send(camp->rt, to, letter, .from = id,
                                     .number = sequence_next(&out, to.id), .hops = 4));
        stress_count(&camp->sent, 1);
        if (tri_random_below(&random, 4) == 0) {
            int64_t value = (int64_t)tri_random_below(&random, 1000);
            answer reply;
            tr_status status = tr_call(camp->rt, to, tri_random_below(&random, 2) - 1, answer,
                                       &reply, ask, .value = value);
            stress_count(&camp->sent, 1);
            if (status == TR_OK) {
                stress_equal("the answer", (uint64_t)-value, (uint64_t)reply.value);
                stress_count(&camp->answers, 1);
            } else {
                STRESS_CHECK(status == TR_NO_ACTOR || status == TR_TIMEOUT, "tr_call: saw %s",
                             tr_status_name(status));
            }
        }
        if (tri_random_below(&random, 16) == 0)
            stress_ok("tr_kill", tr_kill(camp->rt, pick(camp, &random)));
        usleep(tri_random_below(&random, 2000));
    }
    sequence_free(&out);
    return NULL;
}

/* Returns the number of take-overs. */
static uint64_t one_round(struct stress *stress) {
    struct camp *camp = stress_alloc(sizeof *camp);
    camp->rt = stress_start(stress);
    camp->sleepers = stress->config.workers + 1 + stress_below(stress, 4);
    if (camp->sleepers > SLEEPERS_MAX) camp->sleepers = SLEEPERS_MAX;
    camp->pals = 1 + stress_below(stress, PALS_MAX);
    camp->longest_us = stress_below(stress, 2) == 0 ? 20000 : 4000;
    camp->caller_seed = tri_random_next(&stress->random);
    for (uint32_t i = 0; i < camp->sleepers + camp->pals; i++) {
        struct seat seat = {camp, tri_random_next(&stress->random), i < camp->sleepers};
        tr_ref fresh;
        stress_ok("tr_foreign_spawn", tr_foreign_spawn(camp->rt, &camper_behavior, &seat, &fresh));
        stress_count(&camp->spawned, 1);
        atomic_store_explicit(&camp->seats[i], fresh.id, memory_order_release);
        atomic_store_explicit(&camp->node, fresh.node, memory_order_relaxed);
    }
    pthread_t thread = stress_thread(caller, camp);
    usleep(100000 + stress_below(stress, 200000));
    atomic_store_explicit(&camp->ending, true, memory_order_relaxed);
    pthread_join(thread, NULL);
    tr_stats stats = stress_stop(camp->rt);
    stress_equal("sent: own count", stress_counted(&camp->sent), stats.sent);
    stress_equal("handled: own count", stress_counted(&camp->handled), stats.handled);
    stress_equal("replies: own count", stress_counted(&camp->answers), stats.replies);
    stress_equal("spawned: own count", stress_counted(&camp->spawned), stats.spawned);
    stress_equal("terminate runs once per init", stress_counted(&camp->began),
                 stress_counted(&camp->ended));
    stress_destroy(camp->rt);
    free(camp);
    return stats.takeovers;
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "long_handlers", argc, argv);
    uint64_t takeovers = 0;
    while (stress_next_round(&stress) ||
           stress_extra_round(&stress, takeovers == 0 && stress.round < 100))
        takeovers += one_round(&stress);
    STRESS_CHECK(takeovers > 0, "take-overs: expected some, saw none");
    printf("long_handlers: %" PRIu64 " take-overs\n", takeovers);
    return stress_end(&stress);
}
