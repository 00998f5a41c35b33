/* SPDX-License-Identifier: MIT
 * The promises about scheduling: fairness, work conservation, one message at a time, and the sums
 * that hold when all is quiet. They are counted; no test asserts how long something takes. */
#include "test/support/unit.h"

#include <sys/resource.h>
#include <unistd.h>

#include "test/support/actors.h"

TestSuite(promise, .timeout = TEST_S);

static struct probe_log log_a;
static struct test_gate gate;

/* ---- counted: an actor that takes the number of its call among all calls ----------------------
 */

enum { HEAVY = 6, BATCH = 8, MESSAGES = 300 };

#define TALLY_FIELDS(FIELD, T) FIELD(T, int32, who)
TR_MESSAGE(tally, TALLY_FIELDS)

struct counted {
    int64_t unused;
};

static uint32_t calls; /* on one worker: plain */
static int32_t callers[(HEAVY + 1) * MESSAGES];
static _Atomic uint32_t calls_done;

TR_HANDLER(counted, tally, self, me, msg) {
    callers[calls++] = msg->who;
    atomic_store_explicit(&calls_done, calls, memory_order_release);
}

TR_BEHAVIOR(counted, TR_ON(counted, tally))

/* HEAVY actors with long backlogs, then a light one with a single message, all runnable on one
 * worker at the same moment; the calls they got, in order. */
static void run_heavy_and_light(void) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1;
    config.batch = BATCH;
    config.overdue_us = NEVER_OVERDUE_US;
    tr_runtime *rt = rt_start_with(&config);
    tr_ref actors[HEAVY + 1], blocker = probe_spawn(rt, NULL);
    for (int i = 0; i <= HEAVY; i++) actors[i] = tr_spawn(rt, &counted_behavior, NULL);
    probe_block(rt, blocker, &gate);
    for (int i = 0; i <= HEAVY; i++)
        for (int n = 0; n < (i < HEAVY ? MESSAGES : 1); n++)
            cr_assert_eq(tr_send(rt, actors[i], tally, .who = i), TR_OK);
    gate_open(&gate);
    cr_assert(
        AWAIT(atomic_load_explicit(&calls_done, memory_order_acquire) == HEAVY * MESSAGES + 1));
    cr_assert_eq(rt_stats(rt).takeovers, 0, "the count holds without take-overs");
    rt_end(rt);
}

Test(promise, runnable_actor_starts_after_at_most_batch_calls_of_each_actor_ahead) {
    run_heavy_and_light();
    uint32_t before = 0;
    while (callers[before] != HEAVY) before++;
    cr_assert_leq(before, HEAVY * BATCH);
    cr_assert_gt(before, 0, "it was not ahead of the others");
}

Test(promise, nobody_gets_more_than_batch_calls_in_a_row_while_others_wait) {
    run_heavy_and_light();
    uint32_t row = 0, left[HEAVY + 1], waiting = HEAVY + 1;
    for (int i = 0; i <= HEAVY; i++) left[i] = i < HEAVY ? MESSAGES : 1;
    for (uint32_t i = 0; i < calls && waiting > 1; i++) {
        row = i > 0 && callers[i] == callers[i - 1] ? row + 1 : 1;
        cr_assert_leq(row, BATCH);
        if (--left[callers[i]] == 0) waiting--;
    }
}

/* Between two activations of one heavy actor every other that waits gets its turn. */
Test(promise, run_queue_is_first_in_first_out) {
    run_heavy_and_light();
    uint32_t seen[HEAVY] = {0};
    for (uint32_t i = 0; i < HEAVY * MESSAGES / 2; i++) {
        if (callers[i] < HEAVY) seen[callers[i]]++;
        for (int a = 0; a < HEAVY; a++)
            for (int b = 0; b < HEAVY; b++) cr_assert_leq(seen[a], seen[b] + 2 * BATCH);
    }
}

/* An actor that always has a message for itself. */
TR_MESSAGE(spin, TR_NO_FIELDS)

struct spinner {
    int64_t unused;
};

static _Atomic uint64_t spins;

TR_HANDLER(spinner, spin, self, me, msg) {
    atomic_fetch_add_explicit(&spins, 1, memory_order_relaxed);
    tr_send(self, tr_self_ref(self), spin);
}

TR_BEHAVIOR(spinner, TR_ON(spinner, spin))

Test(promise, actor_that_keeps_itself_runnable_does_not_starve_another) {
    tr_runtime *rt = rt_start(1, NEVER_OVERDUE_US);
    tr_ref spinner = tr_spawn(rt, &spinner_behavior, NULL), ref = probe_spawn(rt, &log_a);
    cr_assert_eq(tr_send(rt, spinner, spin), TR_OK);
    for (int i = 0; i < 100; i++) {
        struct answer reply;
        cr_assert_eq(tr_call(rt, ref, TR_SECONDS(20), answer, &reply, ask), TR_OK);
    }
    cr_assert_eq(rt_stats(rt).takeovers, 0);
    cr_assert_gt(atomic_load_explicit(&spins, memory_order_relaxed), 100);
    rt_end(rt);
}

/* ---- work conservation ------------------------------------------------------------------------
 */
/* A handler that can only end well when another actor runs meanwhile. */

#define STUCK_FIELDS(FIELD, T) FIELD(T, ref, helper)
TR_MESSAGE(stuck, STUCK_FIELDS)
TR_MESSAGE(help, TR_NO_FIELDS)

struct stucker {
    int64_t unused;
};

static struct test_gate help_gate;
static _Atomic uint32_t helped, abandoned;

TR_HANDLER(stucker, stuck, self, me, msg) {
    if (!tr_ref_is_null(msg->helper)) tr_send(self, msg->helper, help);
    if (gate_pass(&help_gate))
        atomic_fetch_add_explicit(&helped, 1, memory_order_release);
    else
        atomic_fetch_add_explicit(&abandoned, 1, memory_order_release);
}

TR_HANDLER(stucker, help, self, me, msg) {
    gate_open(&help_gate);
}

TR_BEHAVIOR(stucker, TR_ON(stucker, stuck), TR_ON(stucker, help))

static void assert_helped(tr_runtime *rt, uint32_t count) {
    cr_assert(AWAIT(atomic_load_explicit(&helped, memory_order_acquire) +
                        atomic_load_explicit(&abandoned, memory_order_acquire) ==
                    count));
    cr_assert_eq(atomic_load_explicit(&abandoned, memory_order_acquire), 0,
                 "nobody else ran while the handler did");
    cr_assert_geq(rt_stats(rt).takeovers, 1);
}

Test(promise, what_is_queued_behind_a_long_handler_runs_on_another_thread) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref blocker = probe_spawn(rt, NULL);
    tr_ref a = tr_spawn(rt, &stucker_behavior, NULL), b = tr_spawn(rt, &stucker_behavior, NULL);
    probe_block(rt, blocker, &gate);
    cr_assert_eq(tr_send(rt, a, stuck), TR_OK); /* in the queue before b */
    cr_assert_eq(tr_send(rt, b, help), TR_OK);
    gate_open(&gate);
    assert_helped(rt, 1);
    rt_end(rt);
}

Test(promise, what_comes_for_an_idle_actor_of_a_stuck_worker_runs_on_another_thread) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref a = tr_spawn(rt, &stucker_behavior, NULL), b = tr_spawn(rt, &stucker_behavior, NULL);
    cr_assert_eq(tr_send(rt, a, stuck), TR_OK);
    cr_assert(gate_await(&help_gate, 1));
    cr_assert_eq(tr_send(rt, b, help), TR_OK);
    assert_helped(rt, 1);
    rt_end(rt);
}

Test(promise, what_a_long_handler_has_sent_to_its_own_worker_runs_on_another_thread) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref a = tr_spawn(rt, &stucker_behavior, NULL), b = tr_spawn(rt, &stucker_behavior, NULL);
    cr_assert_eq(tr_send(rt, a, stuck, .helper = b), TR_OK);
    assert_helped(rt, 1);
    rt_end(rt);
}

Test(promise, many_stuck_handlers_at_once_do_not_stop_the_others) {
    enum { STUCK = 12 }; /* of 16 extra threads */
    tr_runtime *rt = rt_start(2, 0);
    tr_ref stuck_ones[STUCK], helper = tr_spawn(rt, &stucker_behavior, NULL);
    for (int i = 0; i < STUCK; i++) stuck_ones[i] = tr_spawn(rt, &stucker_behavior, NULL);
    for (int i = 0; i < STUCK; i++) cr_assert_eq(tr_send(rt, stuck_ones[i], stuck), TR_OK);
    cr_assert(gate_await(&help_gate, STUCK));
    cr_assert_eq(tr_send(rt, helper, help), TR_OK);
    assert_helped(rt, STUCK);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.threads, 0);
}

Test(promise, stuck_actor_is_killed_when_its_handler_returns_and_not_before) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref ref = probe_spawn(rt, &log_a), other = probe_spawn(rt, NULL);
    probe_block(rt, ref, &gate);
    struct answer reply; /* answered by another thread: the worker was taken over */
    cr_assert_eq(tr_call(rt, other, TR_SECONDS(20), answer, &reply, ask), TR_OK);
    for (int i = 0; i < 50; i++) tr_send(rt, ref, note, .value = i);
    cr_assert_eq(tr_kill(rt, ref), TR_OK);
    cr_assert_eq(tr_call(rt, other, TR_SECONDS(20), answer, &reply, ask), TR_OK);
    cr_assert_eq(log_ended(&log_a), 0);
    gate_open(&gate);
    cr_assert(AWAIT(log_ended(&log_a) == 1));
    cr_assert_eq(log_a.reason.kind, TR_REASON_KILLED);
    cr_assert_eq(log_count(&log_a), 0);
    rt_end(rt);
}

/* ---- one at a time ----------------------------------------------------------------------------
 */

#define TURN_FIELDS(FIELD, T) FIELD(T, int32, left)
TR_MESSAGE(turn, TURN_FIELDS)

/* Plain fields of a struct outside of the state: two handlers at a time would lose an update, and
 * one that does not see the effects of the one before too. */
struct shared_sum {
    uint64_t turns, inside, overlaps;
    _Atomic uint64_t done;
};

struct turner {
    struct shared_sum *sum;
    uint64_t turns;
};

typedef struct shared_sum *sum_pointer;

TR_INIT(turner, sum_pointer, self, me, sum) {
    me->sum = *sum;
    return TR_OK;
}

TR_HANDLER(turner, turn, self, me, msg) {
    struct shared_sum *sum = me->sum;
    if (sum->inside != 0 || sum->turns != me->turns) sum->overlaps++;
    sum->inside = 1;
    uint64_t start = tri_clock_ns();
    while (me->turns % 64 == 0 && tri_clock_ns() - start < 300000) continue; /* sometimes overdue */
    me->turns++;
    sum->turns++;
    sum->inside = 0;
    if (msg->left > 0) tr_send(self, tr_self_ref(self), turn, .left = msg->left - 1);
    atomic_store_explicit(&sum->done, sum->turns, memory_order_release);
}

TR_BEHAVIOR_INIT(turner, TR_ON(turner, turn))

Test(promise, actor_handles_one_message_at_a_time_and_sees_the_effects_of_the_one_before) {
    enum { ACTORS = 4, SENDS = 500, CHAIN = 3 };
    static struct shared_sum sums[ACTORS];
    tr_runtime *rt = rt_start(2, 100); /* with take-overs */
    tr_ref refs[ACTORS];
    for (int i = 0; i < ACTORS; i++) {
        struct shared_sum *sum = &sums[i];
        refs[i] = tr_spawn(rt, &turner_behavior, &sum);
    }
    for (int n = 0; n < SENDS; n++)
        for (int i = 0; i < ACTORS; i++)
            cr_assert_eq(tr_send(rt, refs[i], turn, .left = CHAIN - 1), TR_OK);
    for (int i = 0; i < ACTORS; i++)
        cr_assert(
            AWAIT(atomic_load_explicit(&sums[i].done, memory_order_acquire) == SENDS * CHAIN));
    rt_end(rt);
    for (int i = 0; i < ACTORS; i++) {
        cr_assert_eq(sums[i].overlaps, 0);
        cr_assert_eq(sums[i].turns, SENDS * CHAIN);
    }
}

/* ---- sums -------------------------------------------------------------------------------------
 */

Test(promise, sent_is_handled_unhandled_replies_and_dead_when_all_is_quiet) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_spawn(rt, &log_a), gone = probe_spawn(rt, NULL);
    tr_stop(rt, gone);
    cr_assert(AWAIT(rt_stats(rt).ended == 1));
    struct answer reply;
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(tr_send(rt, ref, note, .value = i), TR_OK);
        cr_assert_eq(tr_send(rt, ref, strange), TR_OK);
        cr_assert_eq(tr_send(rt, ref, ask), TR_OK); /* its reply has nowhere to go */
        cr_assert_eq(tr_send(rt, gone, note, .value = i), TR_OK);
        cr_assert_eq(tr_call(rt, ref, TR_SECONDS(20), answer, &reply, ask), TR_OK);
        cr_assert_eq(tr_call(rt, gone, -1, answer, &reply, ask), TR_NO_ACTOR);
    }
    RT_QUIET(rt);
    tr_stats stats = rt_stats(rt);
    cr_assert_eq(stats.handled, 300);
    cr_assert_eq(stats.unhandled, 100);
    cr_assert_eq(stats.replies, 100);
    cr_assert_eq(stats.dead[TR_DEAD_NO_ACTOR], 200);
    cr_assert_eq(stats.dead[TR_DEAD_NO_REPLY_TO], 100);
    cr_assert_eq(stats.sent, 800);
    rt_end(rt);
}

static tr_runtime *promise_runtime;

static void *send_many(void *arg) {
    const struct tr_ref *ref = arg;
    for (int i = 0; i < 5000; i++)
        if (tr_send(promise_runtime, *ref, note, .value = i) != TR_OK) return NULL;
    return arg;
}

Test(promise, sums_hold_when_sends_race_a_kill_and_a_stop) {
    enum { THREADS = 3 };
    for (int round = 0; round < 6; round++) {
        promise_runtime = rt_start(2, 0);
        tr_ref ref = probe_spawn(promise_runtime, NULL);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, send_many, &ref), 0);
        cr_assert(AWAIT(rt_stats(promise_runtime).handled > 100));
        if (round % 2) tr_kill(promise_runtime, ref);
        if (round % 3 == 0) cr_assert_eq(tr_runtime_stop(promise_runtime, TR_SECONDS(20)), TR_OK);
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        rt_end(promise_runtime); /* checks the sum */
    }
}

/* ---- visible when the handler returns -------------------------------------------------------- */

#define TELL_FIELDS(FIELD, T) FIELD(T, ref, listener)
TR_MESSAGE(tell_and_wait, TELL_FIELDS)
TR_MESSAGE(wait_for_listener, TR_NO_FIELDS)
TR_MESSAGE(heard, TR_NO_FIELDS)

static struct test_gate heard_gate;
static _Atomic int32_t waited_well; /* 1: the listener ran while the next handler waited */

struct teller {
    int64_t unused;
};

/* The second message to itself keeps the activation going: the first must be visible before. */
TR_HANDLER(teller, tell_and_wait, self, me, msg) {
    tr_send(self, msg->listener, heard);
    tr_send(self, tr_self_ref(self), wait_for_listener);
}

TR_HANDLER(teller, wait_for_listener, self, me, msg) {
    atomic_store_explicit(&waited_well, gate_pass(&heard_gate) ? 1 : -1, memory_order_release);
}

TR_BEHAVIOR(teller, TR_ON(teller, tell_and_wait), TR_ON(teller, wait_for_listener))

struct listener {
    int64_t unused;
};

TR_HANDLER(listener, heard, self, me, msg) {
    gate_open(&heard_gate);
}

TR_BEHAVIOR(listener, TR_ON(listener, heard))

Test(promise, message_is_on_its_way_when_the_handler_returns_though_the_activation_goes_on) {
    /* Foreign spawns go to the workers in turn, so the two live apart; no take-over helps. */
    tr_runtime *rt = rt_start(2, NEVER_OVERDUE_US * 10);
    tr_ref told = tr_spawn(rt, &teller_behavior, NULL);
    tr_ref listener = tr_spawn(rt, &listener_behavior, NULL);
    cr_assert_eq(tr_send(rt, told, tell_and_wait, .listener = listener), TR_OK);
    cr_assert(AWAIT(atomic_load_explicit(&waited_well, memory_order_acquire) != 0));
    cr_assert_eq(atomic_load_explicit(&waited_well, memory_order_acquire), 1);
    cr_assert_eq(rt_end(rt).takeovers, 0);
}

/* ---- idle ------------------------------------------------------------------------------------ */

static long context_switches(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

Test(promise, idle_runtime_lets_all_its_threads_sleep) {
    tr_runtime *rt = rt_start(4, 0);
    tr_ref ref = probe_spawn(rt, NULL);
    answer got;
    cr_assert_eq(tr_call(rt, ref, TR_SECONDS(WATCHDOG_S), answer, &got, ask), TR_OK);
    /* The watch goes to sleep after a tenth of a second; while it ticked, half a second would show
     * about 500 switches. */
    long switches = 0;
    for (int attempt = 0; attempt < 20; attempt++) {
        usleep(300000);
        long before = context_switches();
        usleep(500000);
        switches = context_switches() - before;
        if (switches < 50) break;
    }
    cr_assert_lt(switches, 50);
    rt_end(rt);
}
