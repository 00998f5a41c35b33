/* SPDX-License-Identifier: MIT
 * Facts about ending actors: stop behind the backlog, kill ahead of it, dead letters, and that a
 * stale address never reaches a later actor. */
#include "test/support/unit.h"

#include "test/support/actors.h"

TestSuite(end, .timeout = TEST_S);

enum { BACKLOG = 500 };

static struct probe_log log_a, log_b;
static struct test_gate gate;

/* A probe in a handler at the gate, with a backlog of notes. */
static tr_ref probe_with_backlog(tr_runtime *rt, struct probe_log *log) {
    tr_ref ref = probe_spawn(rt, log);
    probe_block(rt, ref, &gate);
    for (int i = 0; i < BACKLOG; i++) cr_assert_eq(tr_send(rt, ref, note, .value = i), TR_OK);
    return ref;
}

/* ---- stop -------------------------------------------------------------------------------------
 */

Test(end, stop_comes_after_what_was_queued_before_it) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_with_backlog(rt, &log_a);
    cr_assert_eq(tr_stop(rt, ref), TR_OK);
    for (int i = 0; i < 7; i++) tr_send(rt, ref, note, .value = -1); /* behind the stop */
    gate_open(&gate);
    cr_assert(AWAIT(log_ended(&log_a) == 1));
    cr_assert_eq(log_count(&log_a), BACKLOG);
    cr_assert_eq(log_a.reason.kind, TR_REASON_NORMAL);
    RT_QUIET(rt);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats_dead(&stats), 7);
    cr_assert_eq(stats.handled, BACKLOG + 1);
}

Test(end, second_stop_changes_nothing) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    for (int i = 0; i < 10; i++) cr_assert_eq(tr_stop(rt, ref), TR_OK);
    cr_assert(AWAIT(log_ended(&log_a) == 1));
    tr_stats stats = rt_end(rt);
    cr_assert_eq(log_ended(&log_a), 1);
    cr_assert_eq(stats_dead(&stats), 0, "a signal is no letter");
    cr_assert_eq(stats.sent, 0);
}

/* ---- kill -------------------------------------------------------------------------------------
 */

Test(end, kill_acts_at_the_next_boundary_ahead_of_the_backlog) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_with_backlog(rt, &log_a);
    cr_assert_eq(tr_kill(rt, ref), TR_OK);
    cr_assert_not(tr_is_alive(rt, ref), "a pending kill shows at once");
    cr_assert_eq(log_ended(&log_a), 0, "and takes effect between messages");
    gate_open(&gate);
    cr_assert(AWAIT(log_ended(&log_a) == 1));
    cr_assert_eq(log_a.reason.kind, TR_REASON_KILLED);
    RT_QUIET(rt);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(log_count(&log_a), 0);
    cr_assert_eq(stats.dead[TR_DEAD_ENDED], BACKLOG);
    cr_assert_eq(stats.handled, 1);
}

Test(end, kill_reaches_an_idle_actor) {
    tr_runtime *rt = rt_start(2, 0);
    for (uint32_t i = 0; i < 500; i++) {
        tr_ref ref = probe_spawn(rt, &log_a);
        if (i % 2) { /* at rest; without, the kill may meet it on its way there */
            struct answer reply;
            cr_assert_eq(tr_call(rt, ref, TR_SECONDS(20), answer, &reply, ask), TR_OK);
        }
        cr_assert_eq(tr_kill(rt, ref), TR_OK);
        cr_assert(AWAIT(rt_stats(rt).ended == i + 1), "actor %u was not reached", i);
    }
    rt_end(rt);
}

Test(end, killed_before_its_init_has_run_never_runs_it) {
    tr_runtime *rt = rt_start(1, NEVER_OVERDUE_US);
    tr_ref blocker = probe_spawn(rt, NULL);
    probe_block(rt, blocker, &gate);
    tr_ref ref = probe_spawn(rt, &log_a); /* waits behind the blocker */
    cr_assert_eq(tr_kill(rt, ref), TR_OK);
    gate_open(&gate);
    cr_assert(AWAIT(rt_stats(rt).ended == 1));
    rt_end(rt);
    cr_assert_eq(log_ended(&log_a), 0, "no terminate without an init");
}

#define ORDER_FIELDS(FIELD, T) FIELD(T, ref, target) FIELD(T, bool, kill)
TR_MESSAGE(order, ORDER_FIELDS)

struct ender {
    int64_t unused;
};

static _Atomic int32_t order_status;

TR_HANDLER(ender, order, self, me, msg) {
    tr_status status = msg->kill ? tr_kill(self, msg->target) : tr_stop(self, msg->target);
    for (int i = 0; i < 3; i++) tr_send(self, msg->target, note, .value = i);
    atomic_store_explicit(&order_status, 1000 + (int32_t)status, memory_order_release);
}

TR_BEHAVIOR(ender, TR_ON(ender, order))

Test(end, actor_stops_and_kills_another_and_itself) {
    for (int kill = 0; kill < 2; kill++) {
        tr_runtime *rt = rt_start(2, 0);
        tr_ref ender = tr_spawn(rt, &ender_behavior, NULL), ref = probe_spawn(rt, &log_a);
        atomic_store_explicit(&order_status, 0, memory_order_relaxed);
        struct answer reply; /* its init has run */
        cr_assert_eq(tr_call(rt, ref, TR_SECONDS(20), answer, &reply, ask), TR_OK);
        cr_assert_eq(tr_send(rt, ender, order, .target = ref, .kill = kill), TR_OK);
        cr_assert(AWAIT(atomic_load_explicit(&order_status, memory_order_acquire) == 1000));
        cr_assert(AWAIT(rt_stats(rt).ended == 1));
        cr_assert_eq(tr_send(rt, ender, order, .target = ender, .kill = kill), TR_OK);
        cr_assert(AWAIT(rt_stats(rt).ended == 2));
        RT_QUIET(rt);
        tr_stats stats = rt_end(rt);
        cr_assert_eq(stats_dead(&stats), 6, "what came behind the end");
        cr_assert_eq(log_count(&log_a), 0);
        cr_assert_eq(log_ended(&log_a), (uint32_t)kill + 1);
    }
}

/* ---- dead letters -----------------------------------------------------------------------------
 */

Test(end, message_to_an_ended_actor_is_accepted_and_counted) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_stop(rt, ref);
    cr_assert(AWAIT(rt_stats(rt).ended == 1));
    for (int i = 0; i < 100; i++) cr_assert_eq(tr_send(rt, ref, note, .value = i), TR_OK);
    cr_assert_eq(rt_stats(rt).dead[TR_DEAD_NO_ACTOR], 100);
    cr_assert_eq(tr_stop(rt, ref), TR_OK);
    cr_assert_eq(tr_kill(rt, ref), TR_OK);
    cr_assert_eq(rt_end(rt).sent, 100);
}

Test(end, the_newest_dead_letters_are_remembered) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_dead_letter letters[100];
    cr_assert_eq(tr_runtime_dead_letters(rt, letters, 100), 0);
    tr_stop(rt, ref);
    cr_assert(AWAIT(rt_stats(rt).ended == 1));
    for (int i = 0; i < 70; i++)
        cr_assert_eq(i % 2 ? tr_send(rt, ref, note, .value = i) : tr_send(rt, ref, ask), TR_OK);
    size_t count = tr_runtime_dead_letters(rt, letters, 100);
    cr_assert(count > 0 && count <= 64);
    cr_assert_eq(letters[0].type, &note_message, "the newest first");
    cr_assert_eq(letters[1].type, &ask_message);
    for (size_t i = 0; i < count; i++) {
        cr_assert(tr_ref_equal(letters[i].to, ref));
        cr_assert_eq(letters[i].reason, TR_DEAD_NO_ACTOR);
    }
    cr_assert_eq(tr_runtime_dead_letters(rt, letters, 3), 3);
    rt_end(rt);
}

static _Atomic uint32_t lines;

static void count_line(void *context, const char *line) {
    (void)context;
    if (strstr(line, "dead letter") != NULL)
        atomic_fetch_add_explicit(&lines, 1, memory_order_relaxed);
}

Test(end, dead_letters_are_logged_at_most_once_a_second) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1;
    config.log = count_line;
    tr_runtime *rt = rt_start_with(&config);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_stop(rt, ref);
    cr_assert(AWAIT(rt_stats(rt).ended == 1));
    uint64_t start = tri_clock_ns();
    for (int i = 0; i < 1000; i++) tr_send(rt, ref, note, .value = i);
    uint64_t seconds = (tri_clock_ns() - start) / 1000000000;
    uint32_t logged = atomic_load_explicit(&lines, memory_order_relaxed);
    cr_assert(logged >= 1 && logged <= 1 + seconds, "%u lines", logged);
    rt_end(rt);
}

/* ---- slots are used again ---------------------------------------------------------------------
 */

Test(end, stale_address_never_reaches_a_later_actor) {
    enum { LIVES = 300 };
    tr_runtime *rt = rt_start(1, 0);
    static tr_ref old[LIVES];
    for (uint32_t i = 0; i < LIVES; i++) {
        old[i] = probe_spawn(rt, i + 1 < LIVES ? &log_a : &log_b);
        for (uint32_t n = 0; n < i; n++) cr_assert_not(tr_ref_equal(old[n], old[i]));
        if (i + 1 == LIVES) break;
        tr_stop(rt, old[i]);
        cr_assert(AWAIT(rt_stats(rt).ended == i + 1));
    }
    for (uint32_t i = 0; i + 1 < LIVES; i++) {
        cr_assert_not(tr_is_alive(rt, old[i]));
        cr_assert_eq(tr_send(rt, old[i], note, .value = i), TR_OK);
        cr_assert_eq(tr_stop(rt, old[i]), TR_OK);
        cr_assert_eq(tr_kill(rt, old[i]), TR_OK);
    }
    cr_assert(tr_is_alive(rt, old[LIVES - 1]));
    cr_assert_eq(tr_send(rt, old[LIVES - 1], note, .value = 1), TR_OK);
    cr_assert(AWAIT(log_count(&log_b) == 1));
    RT_QUIET(rt);
    cr_assert_eq(log_count(&log_a), 0);
    cr_assert_eq(log_ended(&log_b), 0);
    rt_end(rt);
}

/* An actor that makes one child after the other, ends it, and writes to all earlier ones: slots are
 * used again at once on its worker. */
#define BREED_FIELDS(FIELD, T) FIELD(T, int64, lives)
TR_MESSAGE(breed, BREED_FIELDS)

struct breeder {
    int64_t left;
    tr_ref child, grave;
    uint32_t slots_reused;
};

static _Atomic uint32_t bred, breed_reuse;

TR_HANDLER(breeder, breed, self, me, msg) {
    if (me->left == 0) me->left = msg->lives;
    if (!tr_ref_is_null(me->child)) {
        tr_kill(self, me->child);
        me->grave = me->child;
    }
    struct probe_log *log = &log_b;
    me->child = tr_spawn(self, &probe_behavior, &log);
    if ((uint32_t)me->child.id > 1) me->slots_reused++; /* not the first in its slot */
    if (!tr_ref_is_null(me->grave)) tr_send(self, me->grave, note, .value = 1);
    if (--me->left > 0) {
        tr_send(self, tr_self_ref(self), breed);
    } else {
        atomic_store_explicit(&breed_reuse, me->slots_reused, memory_order_relaxed);
        atomic_store_explicit(&bred, 1, memory_order_release);
    }
}

TR_BEHAVIOR(breeder, TR_ON(breeder, breed))

Test(end, slots_used_again_at_once_never_misdeliver) {
    enum { LIVES = 20000 };
    tr_runtime *rt = rt_start(2, 0);
    tr_ref breeder = tr_spawn(rt, &breeder_behavior, NULL);
    cr_assert_eq(tr_send(rt, breeder, breed, .lives = LIVES), TR_OK);
    cr_assert(AWAIT(atomic_load_explicit(&bred, memory_order_acquire) == 1));
    RT_QUIET(rt);
    cr_assert_eq(log_count(&log_b), 0, "a note to a dead child reached a living one");
    cr_assert_gt(atomic_load_explicit(&breed_reuse, memory_order_relaxed), 0);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.spawned, LIVES + 1);
    cr_assert_lt(stats.slot_bytes, LIVES * UINT64_C(128), "slots were not used again");
}
