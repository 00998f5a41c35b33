/* SPDX-License-Identifier: MIT
 * A random graph of actors that send, spawn, exit, stop and kill at random, with foreign threads
 * that do the same from outside.
 *
 * Holds: every (sender, receiver) pair sees its messages in order, each exactly once, up to the
 * receiver's end; an actor handles one message at a time; terminate runs once for every init that
 * went well; sent == handled + unhandled + replies + dead; the program's own counts agree.
 *
 * An actor sits on a seat. Whoever fills a seat again stops or kills the one who sat there; an
 * address read from a seat may be stale by the time it is used, and is then a dead letter. */
#include "test/stress/sequence.h"
#include "test/stress/stress.h"

#define SEATS 64
#define THREADS 3
#define PARCEL_MAX 3000

#define LETTER(FIELD, T) FIELD(T, uint64, from) FIELD(T, uint64, number) FIELD(T, uint32, hops)
#define NUMBER(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(letter, LETTER)
TR_RAW_MESSAGE(parcel) /* a letter, then bytes that depend on its length */
TR_MESSAGE(ask, NUMBER)
TR_MESSAGE(answer, NUMBER)
TR_MESSAGE(noise, TR_NO_FIELDS) /* nobody has a handler for it */

struct world {
    tr_runtime *rt;
    _Atomic uint64_t node; /* of the runtime; actors run before it is set for the last time */
    uint32_t seat_count;
    _Atomic uint64_t seats[SEATS]; /* id of who sits there */
    _Atomic bool ending;           /* of the foreign threads */
    uint64_t thread_seeds[THREADS];
    /* the program's own counts */
    _Atomic uint64_t sent, handled, answers, spawned, began, ended, refused;
};

struct seat {
    struct world *world;
    uint64_t seed;
    bool refuse; /* init fails */
};

struct person {
    struct world *world;
    uint64_t id;
    struct tri_random random;
    struct sequence out, in;
    uint64_t sent, handled;
    int busy;
};

/* Whoever sends: a person inside a handler, or a foreign thread. */
struct writer {
    tr_self *self;
    tr_outbox *outbox; /* neither: plain foreign sends */
    struct world *world;
    uint64_t id;
    struct sequence *out;
    struct tri_random *random;
    uint64_t *sent;
};

static const tr_behavior person_behavior;

static tr_ref pick(struct world *world, struct tri_random *random) {
    uint32_t seat = tri_random_below(random, world->seat_count);
    return (tr_ref){stress_counted(&world->node),
                    atomic_load_explicit(&world->seats[seat], memory_order_acquire)};
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static unsigned char filler(size_t bytes, size_t at) {
    return (unsigned char)(bytes * 31 + at);
}

static tr_status write_to(struct writer *writer, tr_ref to, const tr_message_type *type,
                          const void *payload, size_t bytes) {
    if (writer->self != NULL) return tr_self_send(writer->self, to, type, payload, bytes);
    if (writer->outbox != NULL) return tr_outbox_send(writer->outbox, to, type, payload, bytes);
    return tr_foreign_send(writer->world->rt, to, type, payload, bytes);
}

static void send_letter(struct writer *writer, tr_ref to, uint32_t hops) {
    unsigned char buffer[PARCEL_MAX];
    struct letter head = {writer->id, sequence_next(writer->out, to.id), hops};
    tr_status status;
    if (tri_random_below(writer->random, 16) == 0) {
        size_t bytes =
            sizeof head + tri_random_below(writer->random, PARCEL_MAX - (uint32_t)sizeof head);
        memcpy(buffer, &head, sizeof head);
        for (size_t i = sizeof head; i < bytes; i++) buffer[i] = filler(bytes, i);
        status = write_to(writer, to, &parcel_message, buffer, bytes);
    } else {
        status = write_to(writer, to, &letter_message, &head, sizeof head);
    }
    stress_ok("sending a letter", status);
    ++*writer->sent;
}

/* Puts somebody new on a random seat and has whoever sat there ended. */
static void refill(struct writer *writer) {
    struct world *world = writer->world;
    struct seat seat = {world, tri_random_next(writer->random),
                        tri_random_below(writer->random, 50) == 0};
    tr_ref fresh = TR_NULL;
    tr_status status = writer->self != NULL
                           ? tr_self_spawn(writer->self, &person_behavior, &seat, &fresh)
                           : tr_foreign_spawn(world->rt, &person_behavior, &seat, &fresh);
    if (status == TR_STOPPING) return;
    stress_ok("spawning", status);
    stress_count(&world->spawned, 1);
    if (seat.refuse) stress_count(&world->refused, 1);
    uint32_t place = tri_random_below(writer->random, world->seat_count);
    tr_ref old = {stress_counted(&world->node),
                  atomic_exchange_explicit(&world->seats[place], fresh.id, memory_order_acq_rel)};
    if (old.id == 0) return;
    bool kill = tri_random_below(writer->random, 2) == 0;
    if (writer->self != NULL)
        status = kill ? tr_kill(writer->self, old) : tr_stop(writer->self, old);
    else
        status = kill ? tr_kill(world->rt, old) : tr_stop(world->rt, old);
    STRESS_CHECK(status == TR_OK || status == TR_STOPPING, "ending: saw %s",
                 tr_status_name(status));
}

/* ---- a person ---------------------------------------------------------------------------------
 */

static tr_status person_init(tr_self *self, void *state, const void *argument) {
    struct person *me = state;
    const struct seat *seat = argument;
    if (seat->refuse) return TR_INVALID;
    me->world = seat->world;
    me->random.state = seat->seed;
    me->id = tr_self_ref(self).id;
    stress_count(&me->world->began, 1);
    return TR_OK;
}

static struct writer person_writer(tr_self *self, struct person *me) {
    return (struct writer){self, NULL, me->world, me->id, &me->out, &me->random, &me->sent};
}

static void person_terminate(tr_self *self, void *state, const tr_reason *reason) {
    struct person *me = state;
    STRESS_CHECK(me->busy++ == 0, "terminate while a handler runs");
    STRESS_CHECK(reason->kind != TR_REASON_INIT, "terminate after init has failed");
    struct writer writer = person_writer(self, me);
    if (tri_random_below(&me->random, 8) == 0)
        send_letter(&writer, pick(me->world, &me->random), 0);
    if (tri_random_below(&me->random, 2) == 0) refill(&writer);
    stress_count(&me->world->sent, me->sent);
    stress_count(&me->world->handled, me->handled);
    stress_count(&me->world->ended, 1);
    sequence_free(&me->out);
    sequence_free(&me->in);
}

static void do_something(tr_self *self, struct person *me, struct writer *writer) {
    tr_ref other = pick(me->world, &me->random);
    switch (tri_random_below(&me->random, 768)) {
    case 0:
        tr_exit(self, tr_reason_user(7, "bored"));
        break;
    case 1:
        stress_ok("tr_stop", tr_stop(self, other));
        break;
    case 2:
        stress_ok("tr_kill", tr_kill(self, other));
        break;
    case 3:
        stress_ok("tr_kill of oneself", tr_kill(self, tr_self_ref(self)));
        break;
    case 4:
    case 5:
    case 6:
        refill(writer);
        break;
    case 7:
    case 8:
        tr_flush(self);
        break;
    case 9:
        stress_burn(tri_random_below(&me->random, 400000));
        break;
    case 10:
        usleep(tri_random_below(&me->random, 3000));
        break;
    case 11:
        stress_ok("tr_send", tr_send(self, other, noise));
        me->sent++;
        break;
    default:
        break;
    }
}

static void read_letter(tr_self *self, struct person *me, const struct letter *head) {
    STRESS_CHECK(me->busy++ == 0, "two handlers of one actor at a time");
    me->handled++;
    sequence_check(&me->in, me->id, head->from, head->number);
    struct writer writer = person_writer(self, me);
    if (head->hops > 0) {
        static const uint32_t copies[] = {0, 1, 1, 1, 1, 1, 2, 2};
        for (uint32_t n = copies[tri_random_below(&me->random, 8)]; n > 0; n--)
            send_letter(&writer, pick(me->world, &me->random), head->hops - 1);
        do_something(self, me, &writer);
        if (tri_random_below(&me->random, 16) == 0 && !tr_ref_is_null(tr_sender(self)))
            send_letter(&writer, tr_sender(self), 0);
    }
    me->busy--;
}

static void person_on_letter(tr_self *self, void *state, const void *payload) {
    read_letter(self, state, payload);
}

static void person_on_parcel(tr_self *self, void *state, const void *payload) {
    size_t bytes = tr_message_bytes(self);
    const unsigned char *data = payload;
    struct letter head;
    memcpy(&head, data, sizeof head);
    for (size_t i = sizeof head; i < bytes; i++)
        STRESS_CHECK(data[i] == filler(bytes, i), "byte %zu of a parcel of %zu is wrong", i, bytes);
    read_letter(self, state, &head);
}

static void person_on_ask(tr_self *self, void *state, const void *payload) {
    struct person *me = state;
    const struct ask *question = payload;
    me->handled++;
    if (tri_random_below(&me->random, 64) == 0) return; /* the caller runs into its time-out */
    stress_ok("tr_reply", tr_reply(self, answer, .value = question->value + 1));
    me->sent++;
}

static const tr_handler person_handlers[] = {
    {&letter_message, person_on_letter},
    {&parcel_message, person_on_parcel},
    {&ask_message, person_on_ask},
};

static const tr_behavior person_behavior = {
    .size = sizeof(tr_behavior),
    .name = "person",
    .state_bytes = sizeof(struct person),
    .arg_bytes = sizeof(struct seat),
    .handlers = person_handlers,
    .handler_count = sizeof person_handlers / sizeof person_handlers[0],
    .init = person_init,
    .terminate = person_terminate,
};

/* ---- from outside -----------------------------------------------------------------------------
 */

static void call_somebody(struct world *world, struct tri_random *random, uint64_t *sent) {
    static const int64_t patience[] = {0, TR_MICROSECONDS(50), TR_MILLISECONDS(2)};
    int64_t value = (int64_t)tri_random_below(random, 1000000);
    struct answer reply = {-1};
    tr_status status =
        tr_call(world->rt, pick(world, random), patience[tri_random_below(random, 3)], answer,
                &reply, ask, .value = value);
    ++*sent;
    if (status == TR_OK) {
        stress_equal("the answer to a call", (uint64_t)value + 1, (uint64_t)reply.value);
        stress_count(&world->answers, 1);
    } else {
        STRESS_CHECK(status == TR_TIMEOUT || status == TR_NO_ACTOR, "tr_call: saw %s",
                     tr_status_name(status));
        STRESS_CHECK(reply.value == -1, "a failed call has touched the reply");
    }
}

struct outsider {
    struct world *world;
    uint32_t number;
};

static void *outside(void *argument) {
    struct outsider outsider = *(struct outsider *)argument;
    struct world *world = outsider.world;
    struct tri_random random = {world->thread_seeds[outsider.number]};
    struct sequence out[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    uint64_t sent = 0, id = UINT64_C(1) << 63 | (outsider.number + 1) << 1;
    tr_outbox *outbox;
    stress_ok("tr_outbox_create", tr_outbox_create(world->rt, &outbox));
    struct writer plain = {NULL, NULL, world, id, &out[0], &random, &sent};
    struct writer boxed = {NULL, outbox, world, id | 1, &out[1], &random, &sent};
    while (!atomic_load_explicit(&world->ending, memory_order_relaxed)) {
        uint32_t dice = tri_random_below(&random, 100);
        if (dice < 40) {
            send_letter(&boxed, pick(world, &random), 6);
        } else if (dice < 80) {
            send_letter(&plain, pick(world, &random), 6);
        } else if (dice < 85) {
            call_somebody(world, &random, &sent);
        } else if (dice < 90) {
            refill(&plain);
        } else if (dice < 91) {
            stress_ok("tr_kill", tr_kill(world->rt, pick(world, &random)));
        } else if (dice < 92) {
            stress_ok("tr_stop", tr_stop(world->rt, pick(world, &random)));
        } else if (dice < 95) {
            stress_ok("tr_outbox_flush", tr_outbox_flush(outbox));
        } else {
            usleep(tri_random_below(&random, 300));
        }
        stress_progress();
    }
    tr_outbox_destroy(outbox);
    stress_count(&world->sent, sent);
    sequence_free(&out[0]);
    sequence_free(&out[1]);
    return NULL;
}

/* ---- a round ----------------------------------------------------------------------------------
 */

static void fill_seats(struct world *world, struct stress *stress) {
    for (uint32_t i = 0; i < world->seat_count; i++) {
        struct seat seat = {world, tri_random_next(&stress->random), false};
        tr_ref fresh;
        stress_ok("tr_foreign_spawn", tr_foreign_spawn(world->rt, &person_behavior, &seat, &fresh));
        atomic_store_explicit(&world->node, fresh.node, memory_order_relaxed);
        atomic_store_explicit(&world->seats[i], fresh.id, memory_order_release);
        stress_count(&world->spawned, 1);
    }
}

static void one_round(struct stress *stress) {
    struct world *world = stress_alloc(sizeof *world);
    world->rt = stress_start(stress);
    world->seat_count = 2 + stress_below(stress, SEATS - 1);
    fill_seats(world, stress);

    pthread_t threads[THREADS];
    struct outsider outsiders[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        world->thread_seeds[i] = tri_random_next(&stress->random);
        outsiders[i] = (struct outsider){world, i};
        threads[i] = stress_thread(outside, &outsiders[i]);
    }
    bool calm = stress_below(stress, 2) == 0;
    usleep(20000 + stress_below(stress, 150000));
    atomic_store_explicit(&world->ending, true, memory_order_relaxed);
    for (uint32_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    if (calm) stress_quiesce(world->rt);
    tr_stats stats = stress_stop(world->rt);

    stress_equal("sent: own count", stress_counted(&world->sent), stats.sent);
    stress_equal("handled: own count", stress_counted(&world->handled), stats.handled);
    stress_equal("replies: own count", stress_counted(&world->answers), stats.replies);
    stress_equal("spawned: own count", stress_counted(&world->spawned), stats.spawned);
    stress_equal("terminate runs once per init", stress_counted(&world->began),
                 stress_counted(&world->ended));
    uint64_t refused = stress_counted(&world->refused);
    STRESS_CHECK(stats.init_failed <= refused, "init failed: at most %" PRIu64 ", saw %" PRIu64,
                 refused, stats.init_failed);
    STRESS_CHECK(stats.spawned - stress_counted(&world->began) >= stats.init_failed,
                 "more inits have failed than did not begin");
    stress_destroy(world->rt);
    free(world);
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "conservation", argc, argv);
    while (stress_next_round(&stress)) one_round(&stress);
    return stress_end(&stress);
}
