/* SPDX-License-Identifier: MIT
 * Many short-lived threads that know nothing of Troupe: each sends once, sends a batch through an
 * outbox of its own, spawns, calls or waits for a spawn, and ends. --scale 1 (the default) is
 * 2 000 threads in each round, --scale 50 is 10^5.
 *
 * Holds: every message arrives exactly once, every call is answered, nothing is left of a thread
 * that has ended (message memory stays within a bound). */
#include "test/stress/stress.h"

#define THREADS 2000
#define AT_A_TIME 8
#define SINKS 4
#define BATCH 100 /* more than an outbox holds back */
/* A gate keeps an open chunk and up to sixteen more; the rest is the pool's slack. */
#define MESSAGE_BYTES_MAX (UINT64_C(24) << 20)

#define NUMBER(FIELD, T) FIELD(T, uint64, value)
TR_MESSAGE(tell, NUMBER)
TR_MESSAGE(ask, NUMBER)
TR_MESSAGE(answer, NUMBER)

struct place {
    tr_runtime *rt;
    tr_ref sinks[SINKS];
    _Atomic uint64_t next; /* number of the next thread */
    uint64_t count, seed;
    _Atomic uint64_t told_sum, told_count, heard_sum, heard_count, children, children_ended;
};

/* ---- actors -----------------------------------------------------------------------------------
 */

struct start {
    struct place *place;
};

struct sink {
    struct place *place;
    uint64_t sum, count;
};

TR_INIT(sink, struct start, self, me, argument) {
    me->place = argument->place;
    return TR_OK;
}

TR_HANDLER(sink, tell, self, me, msg) {
    me->sum += msg->value;
    me->count++;
}

TR_HANDLER(sink, ask, self, me, msg) {
    me->sum += msg->value;
    me->count++;
    tr_reply(self, answer, .value = ~msg->value);
}

TR_TERMINATE(sink, self, me, reason) {
    stress_count(&me->place->heard_sum, me->sum);
    stress_count(&me->place->heard_count, me->count);
}

TR_BEHAVIOR_INIT_TERMINATE(sink, TR_ON(sink, tell), TR_ON(sink, ask))

/* Handles one message and ends. */
struct child {
    struct place *place;
};

TR_INIT(child, struct start, self, me, argument) {
    me->place = argument->place;
    return TR_OK;
}

TR_HANDLER(child, tell, self, me, msg) {
    stress_count(&me->place->heard_sum, msg->value);
    stress_count(&me->place->heard_count, 1);
    tr_exit(self, tr_reason_of(TR_REASON_NORMAL));
}

TR_TERMINATE(child, self, me, reason) {
    stress_count(&me->place->children_ended, 1);
}

TR_BEHAVIOR_INIT_TERMINATE(child, TR_ON(child, tell))

/* ---- threads ----------------------------------------------------------------------------------
 */

static void told(struct place *place, uint64_t sum, uint64_t count) {
    stress_count(&place->told_sum, sum);
    stress_count(&place->told_count, count);
}

static void send_batch(struct place *place, tr_ref to, uint64_t number) {
    tr_outbox *outbox;
    stress_ok("tr_outbox_create", tr_outbox_create(place->rt, &outbox));
    for (uint64_t i = 0; i < BATCH; i++)
        stress_ok("tr_outbox_send", tr_send(outbox, to, tell, .value = number + i));
    tr_outbox_destroy(outbox);
    told(place, BATCH * number + BATCH * (BATCH - 1) / 2, BATCH);
}

static void spawn_child(struct place *place, uint64_t number) {
    struct start start = {place};
    tr_ref child;
    if (number % 2 == 0)
        stress_ok("tr_foreign_spawn", tr_foreign_spawn(place->rt, &child_behavior, &start, &child));
    else
        stress_ok("tr_spawn_wait",
                  tr_spawn_wait(place->rt, &child_behavior, &start, STRESS_LONG, &child));
    stress_count(&place->children, 1);
    stress_ok("tr_send to a child", tr_send(place->rt, child, tell, .value = number));
    told(place, number, 1);
}

static void *one_thread(void *argument) {
    struct place *place = argument;
    uint64_t number = atomic_fetch_add_explicit(&place->next, 1, memory_order_relaxed);
    struct tri_random random = {place->seed ^ number};
    tr_ref to = place->sinks[tri_random_below(&random, SINKS)];
    answer reply;
    switch (tri_random_below(&random, 8)) {
    case 0:
        send_batch(place, to, number);
        break;
    case 1:
        spawn_child(place, number);
        break;
    case 2:
        stress_ok("tr_call",
                  tr_call(place->rt, to, STRESS_LONG, answer, &reply, ask, .value = number));
        stress_equal("the answer", ~number, reply.value);
        told(place, number, 1);
        break;
    default:
        stress_ok("tr_send", tr_send(place->rt, to, tell, .value = number));
        told(place, number, 1);
    }
    stress_progress();
    return NULL;
}

static void run_threads(struct stress *stress, struct place *place) {
    pthread_t threads[AT_A_TIME];
    uint64_t started = 0, joined = 0;
    while (started < place->count && (started < AT_A_TIME || !stress_time_is_up(stress))) {
        if (started - joined == AT_A_TIME) pthread_join(threads[joined++ % AT_A_TIME], NULL);
        threads[started++ % AT_A_TIME] = stress_thread(one_thread, place);
    }
    while (joined < started) pthread_join(threads[joined++ % AT_A_TIME], NULL);
}

static void one_round(struct stress *stress) {
    struct place *place = stress_alloc(sizeof *place);
    place->rt = stress_start(stress);
    struct start start = {place};
    place->seed = tri_random_next(&stress->random);
    place->count = (uint64_t)(THREADS * stress->scale);
    for (int i = 0; i < SINKS; i++)
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(place->rt, &sink_behavior, &start, &place->sinks[i]));
    run_threads(stress, place);
    tr_stats stats = stress_stop(place->rt);
    stress_equal("messages handled", stress_counted(&place->told_count),
                 stress_counted(&place->heard_count));
    stress_equal("sum of their values", stress_counted(&place->told_sum),
                 stress_counted(&place->heard_sum));
    stress_equal("children that ended", stress_counted(&place->children),
                 stress_counted(&place->children_ended));
    stress_equal("dead letters", 0, stress_dead(&stats));
    STRESS_CHECK(stats.message_bytes <= MESSAGE_BYTES_MAX,
                 "message memory: at most %" PRIu64 " bytes expected, saw %" PRIu64,
                 MESSAGE_BYTES_MAX, stats.message_bytes);
    stress_destroy(place->rt);
    free(place);
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "foreign_threads", argc, argv);
    while (stress_next_round(&stress)) one_round(&stress);
    return stress_end(&stress);
}
