/* SPDX-License-Identifier: MIT
 * Patterns of traffic that make actors move between workers: chatty pairs that were born apart,
 * many producers that crowd few receivers, coarse actors worth stealing, and all of them together.
 *
 * Everybody writes to everybody now and then, so that senders and targets move independently.
 * Holds: order and exactly-once per pair, and that attracting, stealing and deferring happen (the
 * program goes on until it has seen each of them, unless it was told to use one worker). */
#include "test/stress/sequence.h"
#include "test/stress/stress.h"

#define ACTORS_MAX 160
#define BURST 100

#define LETTER(FIELD, T) FIELD(T, uint64, from) FIELD(T, uint64, number) FIELD(T, uint32, kind)
TR_MESSAGE(letter, LETTER)
TR_MESSAGE(produce, TR_NO_FIELDS)

enum kind { PLAIN, BALL }; /* a ball comes back; a plain letter is only counted */
enum role { CHATTY, PRODUCER, RECEIVER, COARSE };

struct field {
    tr_runtime *rt;
    uint32_t count, receivers;
    tr_ref actors[ACTORS_MAX];
    _Atomic bool ending;
    _Atomic uint64_t sent, handled;
};

struct start {
    struct field *field;
    uint64_t seed;
    uint32_t index, role;
};

struct mover {
    struct field *field;
    uint64_t id;
    struct tri_random random;
    struct sequence out, in;
    uint64_t sent, handled;
    uint32_t index, role;
    int busy;
};

static void send_letter(tr_self *self, struct mover *me, uint32_t to, uint32_t kind) {
    tr_ref target = me->field->actors[to];
    stress_ok("tr_send", tr_send(self, target, letter, .from = me->id,
                                 .number = sequence_next(&me->out, target.id), .kind = kind));
    me->sent++;
}

static uint32_t anybody(struct mover *me) {
    return tri_random_below(&me->random, me->field->count);
}

static bool is_ending(struct mover *me) {
    return atomic_load_explicit(&me->field->ending, memory_order_relaxed);
}

TR_INIT(mover, struct start, self, me, argument) {
    me->field = argument->field;
    me->random.state = argument->seed;
    me->index = argument->index;
    me->role = argument->role;
    me->id = tr_self_ref(self).id;
    return TR_OK;
}

TR_TERMINATE(mover, self, me, reason) {
    stress_count(&me->field->sent, me->sent);
    stress_count(&me->field->handled, me->handled);
    sequence_free(&me->out);
    sequence_free(&me->in);
}

TR_HANDLER(mover, letter, self, me, msg) {
    STRESS_CHECK(me->busy++ == 0, "two handlers of one actor at a time");
    me->handled++;
    sequence_check(&me->in, me->id, msg->from, msg->number);
    if (me->role == COARSE) stress_burn(tri_random_below(&me->random, 20000));
    if (me->role == RECEIVER) stress_burn(tri_random_below(&me->random, 400));
    if (msg->kind == BALL && !is_ending(me)) {
        /* Chatty partners differ in the last bit; the others play with anybody. */
        send_letter(self, me, me->role == CHATTY ? (me->index ^ 1) : anybody(me), BALL);
        if (tri_random_below(&me->random, 16) == 0) send_letter(self, me, anybody(me), PLAIN);
    }
    me->busy--;
}

TR_HANDLER(mover, produce, self, me, msg) {
    STRESS_CHECK(me->busy++ == 0, "two handlers of one actor at a time");
    me->handled++;
    uint32_t to = me->field->count - 1 - tri_random_below(&me->random, me->field->receivers);
    for (int i = 0; i < BURST; i++) send_letter(self, me, to, PLAIN);
    if (tri_random_below(&me->random, 16) == 0) send_letter(self, me, anybody(me), PLAIN);
    if (!is_ending(me)) {
        stress_ok("tr_send to oneself", tr_send(self, tr_self_ref(self), produce));
        me->sent++;
    }
    me->busy--;
}

TR_BEHAVIOR_INIT_TERMINATE(mover, TR_ON(mover, letter), TR_ON(mover, produce))

/* ---- a round ----------------------------------------------------------------------------------
 */

static void add(struct stress *stress, struct field *field, enum role role, uint32_t count) {
    for (uint32_t i = 0; i < count && field->count < ACTORS_MAX; i++) {
        struct start start = {field, tri_random_next(&stress->random), field->count, role};
        stress_ok("tr_foreign_spawn", tr_foreign_spawn(field->rt, &mover_behavior, &start,
                                                       &field->actors[field->count]));
        field->count++;
    }
}

/* The foreign thread is a sender with numbers of its own. */
static void serve_balls(struct field *field, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i += 2) {
        stress_ok("tr_send", tr_send(field->rt, field->actors[i], letter,
                                     .from = UINT64_C(1) << 63 | 1, .kind = BALL));
        stress_count(&field->sent, 1);
    }
}

static void start_producers(struct field *field, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++) {
        stress_ok("tr_send", tr_send(field->rt, field->actors[i], produce));
        stress_count(&field->sent, 1);
    }
}

static void one_round(struct stress *stress, tr_stats *total) {
    struct field *field = stress_alloc(sizeof *field);
    field->rt = stress_start(stress);
    uint32_t pattern = stress_below(stress, 4);
    bool all = pattern == 3;
    uint32_t chatty = pattern == 0 || all ? 2 * (1 + stress_below(stress, 30)) : 0;
    uint32_t producers = pattern == 1 || all ? 1 + stress_below(stress, 10) : 0;
    uint32_t coarse = pattern == 2 || all ? 2 * (2 + stress_below(stress, 20)) : 0;
    add(stress, field, CHATTY, chatty);
    add(stress, field, COARSE, coarse);
    add(stress, field, PRODUCER, producers);
    field->receivers = 1 + stress_below(stress, 3);
    add(stress, field, RECEIVER, field->receivers);
    /* Everybody is there before anybody writes to anybody. */
    serve_balls(field, 0, chatty);
    serve_balls(field, chatty, chatty + coarse);
    start_producers(field, chatty + coarse, chatty + coarse + producers);

    usleep(50000 + stress_below(stress, 150000));
    stress_progress();
    atomic_store_explicit(&field->ending, true, memory_order_relaxed);
    if (stress_below(stress, 2) == 0) stress_quiesce(field->rt);
    tr_stats stats = stress_stop(field->rt);
    stress_equal("sent: own count", stress_counted(&field->sent), stats.sent);
    stress_equal("handled: own count", stress_counted(&field->handled), stats.handled);
    stress_destroy(field->rt);
    free(field);
    total->attracted += stats.attracted;
    total->stolen += stats.stolen;
    total->deferred += stats.deferred;
    total->handled += stats.handled;
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "migrate", argc, argv);
    tr_stats total = {.size = sizeof total};
    bool one = stress.fixed_workers == 1, complete = false;
    while (stress_next_round(&stress) ||
           stress_extra_round(&stress, !complete && stress.round < 200)) {
        one_round(&stress, &total);
        complete = total.deferred > 0 && (one || (total.attracted > 0 && total.stolen > 0));
    }
    printf("migrate: %" PRIu64 " messages, attracted %" PRIu64 ", stolen %" PRIu64
           ", deferred %" PRIu64 "\n",
           total.handled, total.attracted, total.stolen, total.deferred);
    STRESS_CHECK(complete, "attracted, stolen, deferred: expected some of each");
    return stress_end(&stress);
}
