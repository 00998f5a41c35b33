/* SPDX-License-Identifier: MIT
 * Facts about the life of an actor: spawn, init, state, terminate, exit reasons. */
#include <stdlib.h>

#include "test/support/unit.h"

#include "test/support/actors.h"

TestSuite(actor, .timeout = TEST_S);

/* ---- an actor whose size and init are chosen by the test --------------------------------------
 */

#define TASK_FIELDS(FIELD, T) FIELD(T, int32, action) FIELD(T, uint64, pointer)
TR_MESSAGE(task, TASK_FIELDS)

enum { EXIT_TWICE = 1, SPAWN_CHILD, TELL_SELF, RETURN_STATE };

static struct {
    _Atomic uint32_t inits, terminates, handled;
    tr_status init_status; /* what init answers */
    bool init_exits;
    unsigned char arg[2000];
    const void *arg_pointer;
    tr_ref init_sender, self, sender, child;
    tr_runtime *runtime;
    const tr_message_type *type;
    size_t bytes;
    tr_reason reason;
    bool zeroed;
    tr_ref tell_at_end; /* terminate sends a note to it */
    uintptr_t state;
} seen;

static uint32_t read_count(const _Atomic uint32_t *count) {
    return atomic_load_explicit(count, memory_order_acquire);
}

static void bump(_Atomic uint32_t *count) {
    atomic_fetch_add_explicit(count, 1, memory_order_acq_rel);
}

static struct probe_log log_a;
static const tr_behavior *child_behavior = &probe_behavior;
static uint32_t state_bytes, arg_bytes;

static tr_status any_init(tr_self *self, void *state, const void *arg) {
    const unsigned char *bytes = state;
    seen.zeroed = true;
    for (uint32_t i = 0; i < state_bytes; i++) seen.zeroed = seen.zeroed && bytes[i] == 0;
    seen.arg_pointer = arg;
    if (arg != NULL) memcpy(seen.arg, arg, arg_bytes);
    seen.init_sender = tr_sender(self);
    seen.state = (uintptr_t)state;
    if (seen.init_exits) tr_exit(self, tr_reason_user(3, "from init"));
    bump(&seen.inits);
    return seen.init_status;
}

static void any_terminate(tr_self *self, void *state, const tr_reason *reason) {
    (void)state;
    seen.reason = *reason;
    if (!tr_ref_is_null(seen.tell_at_end)) tr_send(self, seen.tell_at_end, note, .value = 99);
    bump(&seen.terminates);
}

static void on_task(tr_self *self, void *state, const void *payload) {
    const struct task *msg = payload;
    seen.self = tr_self_ref(self);
    seen.sender = tr_sender(self);
    seen.runtime = tr_self_runtime(self);
    seen.type = tr_message_type_of(self);
    seen.bytes = tr_message_bytes(self);
    seen.state = (uintptr_t)state;
    if (msg->action == EXIT_TWICE) {
        tr_exit(self, tr_reason_user(1, "first"));
        tr_exit(self, tr_reason_user(2, "second"));
    } else if (msg->action == SPAWN_CHILD) {
        struct probe_log *log = &log_a;
        seen.child = tr_spawn(self, child_behavior, &log);
        tr_send(self, seen.child, note, .value = 7);
    } else if (msg->action == TELL_SELF) {
        tr_send(self, tr_self_ref(self), task, .action = 0);
    }
    bump(&seen.handled);
}

static const tr_handler any_handlers[] = {{&task_message, on_task}};

static tr_behavior any_behavior(uint32_t state, uint32_t arg) {
    state_bytes = state;
    arg_bytes = arg;
    return (tr_behavior){.size = sizeof(tr_behavior),
                         .name = "any",
                         .state_bytes = state,
                         .arg_bytes = arg,
                         .handlers = any_handlers,
                         .handler_count = 1,
                         .init = any_init,
                         .terminate = any_terminate};
}

static tr_ref spawn(tr_runtime *rt, const tr_behavior *behavior, const void *arg) {
    tr_ref ref = TR_NULL;
    cr_assert_eq(tr_foreign_spawn(rt, behavior, arg, &ref), TR_OK);
    cr_assert_not(tr_ref_is_null(ref));
    return ref;
}

/* ---- init and state ---------------------------------------------------------------------------
 */

Test(actor, state_starts_as_zeroes_small_or_large) {
    static const uint32_t sizes[] = {0, 1, 16, 31, 32, 33, 48, 64, 1000, 100000};
    tr_runtime *rt = rt_start(2, 0);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tr_behavior behavior = any_behavior(sizes[i], 0);
        tr_ref ref;
        /* Twice: the second gets memory that was used. */
        for (int turn = 0; turn < 2; turn++) {
            cr_assert_eq(tr_spawn_wait(rt, &behavior, NULL, TR_SECONDS(20), &ref), TR_OK);
            cr_assert(seen.zeroed, "%u bytes", sizes[i]);
            cr_assert_eq(seen.state % _Alignof(max_align_t), 0);
            cr_assert_eq(tr_stop(rt, ref), TR_OK);
            uint32_t ends = 2 * i + (uint32_t)turn + 1;
            cr_assert(AWAIT(read_count(&seen.terminates) == ends && rt_stats(rt).ended == ends));
        }
    }
    rt_end(rt);
}

Test(actor, init_gets_a_copy_of_the_argument) {
    static const uint32_t sizes[] = {1, 8, 24, 256, 257, 2000};
    tr_runtime *rt = rt_start(1, 0);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tr_behavior behavior = any_behavior(8, sizes[i]);
        unsigned char arg[2000];
        memset(arg, (int)(i + 1), sizeof arg);
        tr_ref ref = spawn(rt, &behavior, arg);
        memset(arg, 0xff, sizeof arg); /* it was copied */
        cr_assert(AWAIT(read_count(&seen.inits) == i + 1));
        for (uint32_t n = 0; n < sizes[i]; n++) cr_assert_eq(seen.arg[n], i + 1);
        cr_assert_eq(tr_stop(rt, ref), TR_OK);
        cr_assert(AWAIT(read_count(&seen.terminates) == i + 1 &&
                        rt_stats(rt).ended == i + 1)); /* the behavior is on our stack */
    }
    rt_end(rt);
}

Test(actor, null_argument_means_zeroes) {
    static const uint32_t sizes[] = {8, 256, 257, 2000};
    tr_runtime *rt = rt_start(1, 0);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tr_behavior behavior = any_behavior(8, sizes[i]);
        memset(seen.arg, 0xff, sizeof seen.arg);
        tr_ref ref;
        cr_assert_eq(tr_spawn_wait(rt, &behavior, NULL, TR_SECONDS(20), &ref), TR_OK);
        cr_expect_not_null(seen.arg_pointer, "argument of %u bytes", sizes[i]);
        for (uint32_t n = 0; seen.arg_pointer != NULL && n < sizes[i]; n++)
            cr_assert_eq(seen.arg[n], 0);
        cr_assert_eq(tr_stop(rt, ref), TR_OK);
        cr_assert(AWAIT(read_count(&seen.terminates) == i + 1 && rt_stats(rt).ended == i + 1));
    }
    rt_end(rt);
}

Test(actor, init_runs_once_before_any_message_and_has_no_sender) {
    tr_runtime *rt = rt_start(2, 0);
    tr_behavior behavior = any_behavior(8, 0);
    tr_ref ref = spawn(rt, &behavior, NULL);
    for (int i = 0; i < 10; i++) tr_send(rt, ref, task, .action = 0);
    cr_assert(AWAIT(read_count(&seen.handled) == 10));
    cr_assert_eq(read_count(&seen.inits), 1);
    cr_assert(tr_ref_is_null(seen.init_sender));
    rt_end(rt);
}

Test(actor, failed_init_ends_it_before_any_message_and_without_terminate) {
    tr_runtime *rt = rt_start(2, 0);
    tr_behavior behavior = any_behavior(100, 0);
    seen.init_status = TR_LIMIT;
    tr_ref ref = spawn(rt, &behavior, NULL);
    for (int i = 0; i < 10; i++) cr_assert_eq(tr_send(rt, ref, task, .action = 0), TR_OK);
    cr_assert(AWAIT(!tr_is_alive(rt, ref)));
    RT_QUIET(rt);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.init_failed, 1);
    cr_assert_eq(stats_dead(&stats), 10);
    cr_assert_eq(read_count(&seen.handled), 0);
    cr_assert_eq(read_count(&seen.terminates), 0);
}

Test(actor, spawn_wait_tells_what_init_returned) {
    tr_runtime *rt = rt_start(1, 0);
    tr_behavior behavior = any_behavior(8, 0);
    tr_ref ref = {1, 2};
    seen.init_status = TR_SYSTEM;
    cr_assert_eq(tr_spawn_wait(rt, &behavior, NULL, TR_SECONDS(20), &ref), TR_SYSTEM);
    cr_assert(ref.node == 1 && ref.id == 2, "the result was touched");
    seen.init_status = TR_OK;
    cr_assert_eq(tr_spawn_wait(rt, &behavior, NULL, -1, &ref), TR_OK);
    cr_assert(tr_is_alive(rt, ref));
    rt_end(rt);
}

Test(actor, spawn_wait_works_without_an_init) {
    tr_runtime *rt = rt_start(1, 0);
    tr_behavior behavior = any_behavior(8, 0);
    behavior.init = NULL;
    tr_ref ref;
    cr_assert_eq(tr_spawn_wait(rt, &behavior, NULL, TR_SECONDS(20), &ref), TR_OK);
    cr_assert(tr_is_alive(rt, ref));
    rt_end(rt);
}

Test(actor, exit_in_init_ends_it_with_that_reason_before_any_message) {
    tr_runtime *rt = rt_start(1, 0);
    tr_behavior behavior = any_behavior(8, 0);
    seen.init_exits = true;
    tr_ref ref = spawn(rt, &behavior, NULL);
    cr_assert_eq(tr_send(rt, ref, task, .action = 0), TR_OK);
    cr_assert(AWAIT(read_count(&seen.terminates) == 1));
    cr_assert_eq(seen.reason.code, 3);
    rt_end(rt);
    cr_assert_eq(read_count(&seen.handled), 0);
}

Test(actor, failed_init_counts_more_than_an_exit_in_it) {
    tr_runtime *rt = rt_start(1, 0);
    tr_behavior behavior = any_behavior(8, 0);
    seen.init_exits = true;
    seen.init_status = TR_INVALID;
    tr_ref ref = spawn(rt, &behavior, NULL);
    cr_assert(AWAIT(!tr_is_alive(rt, ref)));
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.init_failed, 1);
    cr_assert_eq(read_count(&seen.terminates), 0);
}

/* ---- ends -------------------------------------------------------------------------------------
 */

Test(actor, the_first_exit_reason_counts) {
    tr_runtime *rt = rt_start(1, 0);
    tr_behavior behavior = any_behavior(8, 0);
    tr_ref ref = spawn(rt, &behavior, NULL);
    tr_send(rt, ref, task, .action = EXIT_TWICE);
    cr_assert(AWAIT(read_count(&seen.terminates) == 1));
    cr_assert_eq(seen.reason.kind, TR_REASON_USER);
    cr_assert_eq(seen.reason.code, 1);
    cr_assert_str_eq(seen.reason.text, "first");
    rt_end(rt);
}

Test(actor, terminate_runs_once_with_the_reason_however_it_ends) {
    tr_runtime *rt = rt_start(2, 0);
    tr_behavior behavior = any_behavior(200, 0);
    tr_ref ref = spawn(rt, &behavior, NULL);
    tr_stop(rt, ref);
    cr_assert(AWAIT(read_count(&seen.terminates) == 1));
    cr_assert_eq(seen.reason.kind, TR_REASON_NORMAL);
    ref = spawn(rt, &behavior, NULL);
    cr_assert(AWAIT(read_count(&seen.inits) == 2));
    tr_kill(rt, ref);
    cr_assert(AWAIT(read_count(&seen.terminates) == 2));
    cr_assert_eq(seen.reason.kind, TR_REASON_KILLED);
    (void)spawn(rt, &behavior, NULL);
    cr_assert(AWAIT(read_count(&seen.inits) == 3));
    rt_end(rt);
    cr_assert_eq(read_count(&seen.terminates), 3);
    cr_assert_eq(seen.reason.kind, TR_REASON_SHUTDOWN);
}

Test(actor, terminate_may_send) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref watcher = probe_spawn(rt, &log_a);
    seen.tell_at_end = watcher;
    tr_behavior behavior = any_behavior(8, 0);
    tr_ref ref = spawn(rt, &behavior, NULL);
    tr_stop(rt, ref);
    cr_assert(AWAIT(log_count(&log_a) == 1));
    cr_assert_eq(log_a.values[0], 99);
    rt_end(rt);
}

Test(actor, what_is_queued_behind_an_exit_becomes_dead_letters) {
    tr_runtime *rt = rt_start(1, NEVER_OVERDUE_US);
    static struct test_gate gate;
    tr_ref ref = probe_spawn(rt, &log_a);
    probe_block(rt, ref, &gate);
    tr_send(rt, ref, leave, .code = 5);
    for (int i = 0; i < 100; i++) tr_send(rt, ref, note, .value = i);
    gate_open(&gate);
    cr_assert(AWAIT(log_ended(&log_a) == 1));
    cr_assert_eq(log_a.reason.code, 5);
    RT_QUIET(rt);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.dead[TR_DEAD_ENDED], 100);
    cr_assert_eq(log_count(&log_a), 0);
}

/* ---- what a handler is told -------------------------------------------------------------------
 */

Test(actor, handler_knows_itself_its_message_and_its_runtime) {
    tr_runtime *rt = rt_start(1, 0);
    tr_behavior behavior = any_behavior(8, 0);
    tr_ref ref = spawn(rt, &behavior, NULL);
    tr_send(rt, ref, task, .action = 0);
    cr_assert(AWAIT(read_count(&seen.handled) == 1));
    cr_assert(tr_ref_equal(seen.self, ref));
    cr_assert(tr_ref_is_null(seen.sender), "a plain foreign send has no sender");
    cr_assert_eq(seen.runtime, rt);
    cr_assert_eq(seen.type, &task_message);
    cr_assert_eq(seen.bytes, sizeof(struct task));
    rt_end(rt);
}

Test(actor, sender_is_whoever_sent_also_when_it_is_the_actor_itself) {
    tr_runtime *rt = rt_start(1, 0);
    tr_behavior behavior = any_behavior(8, 0);
    tr_ref ref = spawn(rt, &behavior, NULL);
    tr_send(rt, ref, task, .action = TELL_SELF);
    cr_assert(AWAIT(read_count(&seen.handled) == 2));
    cr_assert(tr_ref_equal(seen.sender, ref));
    rt_end(rt);
}

Test(actor, handler_spawns_and_reaches_its_child_at_once) {
    tr_runtime *rt = rt_start(2, 0);
    tr_behavior behavior = any_behavior(8, 0);
    tr_ref ref = spawn(rt, &behavior, NULL);
    tr_send(rt, ref, task, .action = SPAWN_CHILD);
    cr_assert(AWAIT(log_count(&log_a) == 1));
    cr_assert_eq(log_a.values[0], 7);
    cr_assert(tr_is_alive(rt, seen.child));
    cr_assert_not(tr_ref_equal(seen.child, ref));
    rt_end(rt);
}

/* ---- many -------------------------------------------------------------------------------------
 */

Test(actor, addresses_of_living_actors_are_unique) {
    enum { ACTORS = 3000 };
    tr_runtime *rt = rt_start(2, 0);
    static tr_ref refs[ACTORS];
    for (int i = 0; i < ACTORS; i++) refs[i] = probe_spawn(rt, NULL);
    static bool used[2 * ACTORS];
    for (int i = 0; i < ACTORS; i++) {
        uint32_t slot = (uint32_t)(refs[i].id >> 32);
        cr_assert(tr_is_alive(rt, refs[i]));
        cr_assert_lt(slot, 2 * ACTORS);
        cr_assert_not(used[slot]);
        used[slot] = true;
    }
    rt_end(rt);
}

Test(actor, limit_is_told_and_lifted_when_actors_end) {
    enum { MOST = 8192 };
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1;
    config.max_actors = 10;
    tr_runtime *rt = rt_start_with(&config);
    static tr_ref refs[MOST];
    int count = 0;
    tr_status status = TR_OK;
    struct probe_log *log = NULL;
    while (count < MOST &&
           (status = tr_foreign_spawn(rt, &probe_behavior, &log, &refs[count])) == TR_OK)
        count++;
    cr_assert_eq(status, TR_LIMIT);
    cr_assert_geq(count, 10);
    for (int i = 0; i < count; i++) tr_kill(rt, refs[i]);
    cr_assert(AWAIT(rt_stats(rt).ended == (uint64_t)count));
    for (int i = 0; i < 10; i++)
        cr_assert_eq(tr_foreign_spawn(rt, &probe_behavior, &log, &refs[i]), TR_OK, "actor %d", i);
    rt_end(rt);
}
