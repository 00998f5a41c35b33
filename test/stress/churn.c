/* SPDX-License-Identifier: MIT
 * Actors that live for one message, by the million: spawned by actors and by foreign threads, many
 * at a time but never more than a known number alive.
 *
 * Holds: each one runs, reports and ends exactly once; slot memory stays within what the greatest
 * number alive needs plus what workers keep; message memory at quiescence returns to the slack that
 * is stated here; neither grows from one wave to the next. */
#include "test/stress/stress.h"

#define NURSERIES 6
#define LITTER 500 /* children of a nursery alive at a time */
#define THREADS 2
#define CROWD 100 /* children of a foreign thread alive at a time */
#define WAVES 5

#define SLOT_BYTES 128
#define CHUNK_SLOTS 1024
/* A worker keeps so many free slots before it gives half of them away, and reserves some. */
#define KEPT_SLOTS (4096 + 64)
/* At quiescence: what the pool keeps for the next flood, and, for every worker and every gate, the
 * chunks it keeps, which may hold back the spans they are parts of. */
#define POOL_BYTES (UINT64_C(4) << 20)
#define ARENA_BYTES (UINT64_C(1) << 20)
#define GATES 16

#define CHILD(FIELD, T) FIELD(T, uint64, number) FIELD(T, ref, parent)
#define WORK(FIELD, T) FIELD(T, uint64, count)
TR_MESSAGE(live, CHILD)
TR_MESSAGE(lived, CHILD)
TR_MESSAGE(breed, WORK)
TR_MESSAGE(bred, WORK)

struct nature {
    tr_runtime *rt;
    uint64_t wave;
    _Atomic uint64_t alive; /* children of foreign threads */
    _Atomic uint64_t began, ended, sum, done;
};

struct start {
    struct nature *nature;
    uint64_t ballast[8]; /* in some: more than a slot holds inline */
};

/* ---- a child: one message, then the end -------------------------------------------------------
 */

struct child {
    struct nature *nature;
    bool foreign;
};

struct fat_child {
    struct child child;
    uint64_t ballast[60];
};

static tr_status child_init(tr_self *self, void *state, const void *argument) {
    struct child *me = state;
    (void)self;
    me->nature = ((const struct start *)argument)->nature;
    stress_count(&me->nature->began, 1);
    return TR_OK;
}

static void child_on_live(tr_self *self, void *state, const void *payload) {
    struct child *me = state;
    const struct live *msg = payload;
    stress_count(&me->nature->sum, msg->number);
    me->foreign = tr_ref_is_null(msg->parent);
    if (!me->foreign) tr_send(self, msg->parent, lived, .number = msg->number);
    tr_exit(self, tr_reason_of(TR_REASON_NORMAL));
}

static void child_terminate(tr_self *self, void *state, const tr_reason *reason) {
    struct child *me = state;
    (void)self;
    STRESS_CHECK(reason->kind == TR_REASON_NORMAL, "a child ends with reason %d", reason->kind);
    stress_count(&me->nature->ended, 1);
    if (me->foreign) atomic_fetch_sub_explicit(&me->nature->alive, 1, memory_order_release);
}

static const tr_handler child_handlers[] = {{&live_message, child_on_live}};
static const tr_behavior child_behaviors[] = {
    {sizeof(tr_behavior), "child", sizeof(struct child), sizeof(struct start), child_handlers, 1, 0,
     child_init, child_terminate, NULL},
    {sizeof(tr_behavior), "fat child", sizeof(struct fat_child), sizeof(struct start),
     child_handlers, 1, 0, child_init, child_terminate, NULL},
};

/* ---- a nursery: keeps a litter alive until it has bred as many as it was asked ----------------
 */

struct nursery {
    struct nature *nature;
    uint64_t wanted, spawned, lived, sum;
};

TR_INIT(nursery, struct start, self, me, argument) {
    me->nature = argument->nature;
    return TR_OK;
}

static void nursery_fill(tr_self *self, struct nursery *me, uint32_t most) {
    struct start start = {me->nature, {0}};
    for (; most > 0 && me->spawned < me->wanted && me->spawned - me->lived < LITTER; most--) {
        tr_ref child;
        stress_ok("tr_self_spawn",
                  tr_self_spawn(self, &child_behaviors[me->spawned % 8 == 0], &start, &child));
        stress_ok("tr_send",
                  tr_send(self, child, live, .number = me->spawned, .parent = tr_self_ref(self)));
        me->spawned++;
    }
}

TR_HANDLER(nursery, breed, self, me, msg) {
    me->wanted += msg->count;
    nursery_fill(self, me, LITTER);
}

TR_HANDLER(nursery, lived, self, me, msg) {
    me->lived++;
    me->sum += msg->number;
    nursery_fill(self, me, 2);
    if (me->lived != me->wanted) return;
    stress_equal("numbers that came back", me->wanted * (me->wanted - 1) / 2, me->sum);
    stress_count(&me->nature->done, 1);
}

TR_BEHAVIOR_INIT(nursery, TR_ON(nursery, breed), TR_ON(nursery, lived))

/* ---- foreign threads --------------------------------------------------------------------------
 */

static void *spawn_from_outside(void *argument) {
    struct nature *nature = argument;
    struct start start = {nature, {0}};
    tr_outbox *outbox;
    stress_ok("tr_outbox_create", tr_outbox_create(nature->rt, &outbox));
    for (uint64_t i = 0; i < nature->wave; i++) {
        while (atomic_load_explicit(&nature->alive, memory_order_acquire) >= THREADS * CROWD) {
            stress_ok("tr_outbox_flush", tr_outbox_flush(outbox));
            usleep(50);
        }
        atomic_fetch_add_explicit(&nature->alive, 1, memory_order_relaxed);
        tr_ref child;
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(nature->rt, &child_behaviors[i % 8 == 0], &start, &child));
        stress_ok("tr_send", i % 2 == 0 ? tr_send(nature->rt, child, live, .number = i)
                                        : tr_send(outbox, child, live, .number = i));
    }
    tr_outbox_destroy(outbox);
    return NULL;
}

/* ---- a round ----------------------------------------------------------------------------------
 */

static void one_wave(struct nature *nature, tr_ref *nurseries) {
    uint64_t done = stress_counted(&nature->done) + NURSERIES;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) threads[i] = stress_thread(spawn_from_outside, nature);
    for (int i = 0; i < NURSERIES; i++)
        stress_ok("tr_send", tr_send(nature->rt, nurseries[i], breed, .count = nature->wave));
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    while (stress_counted(&nature->done) < done) usleep(200);
    stress_quiesce(nature->rt);
}

static void check_memory(struct stress *stress, const tr_stats *empty, const tr_stats *now) {
    uint64_t workers = stress->config.workers;
    uint64_t alive = NURSERIES * (LITTER + 1) + THREADS * (CROWD + 1) + workers;
    uint64_t chunks = (alive + workers * KEPT_SLOTS) / CHUNK_SLOTS + 2;
    uint64_t slots = empty->slot_bytes + chunks * CHUNK_SLOTS * SLOT_BYTES;
    STRESS_CHECK(now->slot_bytes <= slots,
                 "slot memory: at most %" PRIu64 " bytes expected, saw %" PRIu64, slots,
                 now->slot_bytes);
    uint64_t messages = POOL_BYTES + (workers + GATES) * ARENA_BYTES;
    STRESS_CHECK(now->message_bytes <= messages,
                 "message memory: at most %" PRIu64 " bytes expected, saw %" PRIu64, messages,
                 now->message_bytes);
}

static void one_round(struct stress *stress) {
    struct nature *nature = stress_alloc(sizeof *nature);
    nature->rt = stress_start(stress);
    nature->wave = (uint64_t)(2000 * stress->scale);
    tr_stats empty = stress_stats(nature->rt), now = empty;
    struct start start = {nature, {0}};
    tr_ref nurseries[NURSERIES];
    for (int i = 0; i < NURSERIES; i++)
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(nature->rt, &nursery_behavior, &start, &nurseries[i]));
    uint64_t waves = 0, children = 0;
    while (waves < WAVES && (waves < 2 || !stress_time_is_up(stress))) {
        one_wave(nature, nurseries);
        waves++;
        children += (NURSERIES + THREADS) * nature->wave;
        now = stress_stats(nature->rt);
        check_memory(stress, &empty, &now);
    }
    uint64_t sum = waves * THREADS * (nature->wave * (nature->wave - 1) / 2) +
                   NURSERIES * (waves * nature->wave * (waves * nature->wave - 1) / 2);
    tr_stats stats = stress_stop(nature->rt);
    stress_equal("spawned", children + NURSERIES, stats.spawned);
    stress_equal("children that ran", children, stress_counted(&nature->began));
    stress_equal("children that ended", children, stress_counted(&nature->ended));
    stress_equal("sum of their numbers", sum, stress_counted(&nature->sum));
    stress_equal("dead letters", 0, stress_dead(&stats));
    stress_destroy(nature->rt);
    free(nature);
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "churn", argc, argv);
    while (stress_next_round(&stress)) one_round(&stress);
    return stress_end(&stress);
}
