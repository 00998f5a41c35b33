/* SPDX-License-Identifier: MIT
 * Facts about bad input: every public function answers it with a documented status or a dead
 * letter, never with a crash, a hang, or somebody else's actor. */
#include "base/random.h"
#include "test/support/unit.h"

#include "test/support/actors.h"

TestSuite(input, .timeout = TEST_S);

static struct probe_log log_a;
static struct test_gate gate;

/* ---- what a handler does with bad input -------------------------------------------------------
 */

#define TRY_FIELDS(FIELD, T) FIELD(T, uint64, body)
TR_MESSAGE(attempt, TRY_FIELDS)

typedef void attempt_fn(tr_self *self);

struct inside {
    int64_t unused;
};

TR_HANDLER(inside, attempt, self, me, msg) {
    ((attempt_fn *)(uintptr_t)msg->body)(self);
    tr_reply(self, answer, .value = 1);
}

TR_BEHAVIOR(inside, TR_ON(inside, attempt))

/* Runs body in a handler of rt. */
static void in_handler(tr_runtime *rt, attempt_fn *body) {
    tr_ref ref = tr_spawn(rt, &inside_behavior, NULL);
    struct answer reply;
    cr_assert_eq(tr_call(rt, ref, TR_SECONDS(20), answer, &reply, attempt,
                         .body = (uint64_t)(uintptr_t)body),
                 TR_OK);
}

/* What the body has seen, for the test's thread. */
static tr_status said[32];
static int said_count;
static tr_ref target, foreign_ref;
static tr_runtime *runtime_a, *runtime_b;

static void say(tr_status status) {
    said[said_count++] = status;
}

static void assert_said(const tr_status *expected, int count) {
    cr_assert_eq(said_count, count);
    for (int i = 0; i < count; i++)
        cr_assert_eq(said[i], expected[i], "number %d: %s", i, tr_status_name(said[i]));
}

#define ASSERT_SAID(...)                                                                           \
    assert_said((const tr_status[]){__VA_ARGS__},                                                  \
                (int)(sizeof((const tr_status[]){__VA_ARGS__}) / sizeof(tr_status)))

/* ---- null pointers ----------------------------------------------------------------------------
 */

Test(input, null_runtime_is_invalid_or_harmless) {
    tr_ref ref = {1, 1};
    tr_outbox *box;
    tr_stats stats = {.size = sizeof stats};
    tr_dead_letter letter;
    struct answer reply;
    tr_runtime *none = NULL;
    cr_assert_eq(tr_send(none, ref, note, .value = 1), TR_INVALID);
    cr_assert_eq(tr_stop(none, ref), TR_INVALID);
    cr_assert_eq(tr_kill(none, ref), TR_INVALID);
    cr_assert_eq(tr_foreign_spawn(none, &probe_behavior, NULL, &ref), TR_INVALID);
    cr_assert_eq(tr_spawn_wait(none, &probe_behavior, NULL, 0, &ref), TR_INVALID);
    cr_assert_eq(tr_call(none, ref, 0, answer, &reply, ask), TR_INVALID);
    cr_assert_eq(tr_outbox_create(none, &box), TR_INVALID);
    cr_assert_eq(tr_runtime_stats(none, &stats), TR_INVALID);
    cr_assert_eq(tr_runtime_dead_letters(none, &letter, 1), 0);
    cr_assert_eq(tr_runtime_stop(none, 0), TR_INVALID);
    cr_assert_eq(tr_runtime_destroy(none), TR_OK, "as documented");
    cr_assert_not(tr_is_alive(none, ref));
    tr_runtime_request_stop(none);
    tr_outbox *no_box = NULL;
    cr_assert_eq(tr_send(no_box, ref, note, .value = 1), TR_INVALID);
    cr_assert_eq(tr_outbox_flush(no_box), TR_INVALID);
    tr_outbox_destroy(no_box);
}

Test(input, null_results_are_invalid) {
    tr_runtime *rt = rt_start(1, 0);
    cr_assert_eq(tr_foreign_spawn(rt, &probe_behavior, NULL, NULL), TR_INVALID);
    cr_assert_eq(tr_spawn_wait(rt, &probe_behavior, NULL, 0, NULL), TR_INVALID);
    cr_assert_eq(tr_outbox_create(rt, NULL), TR_INVALID);
    cr_assert_eq(tr_runtime_stats(rt, NULL), TR_INVALID);
    cr_assert_eq(tr_runtime_dead_letters(rt, NULL, 5), 0);
    cr_assert_eq(rt_end(rt).spawned, 0);
}

Test(input, stats_without_a_size_are_invalid_and_a_shorter_struct_is_not_overrun) {
    tr_runtime *rt = rt_start(1, 0);
    tr_stats stats = {.size = 0};
    cr_assert_eq(tr_runtime_stats(rt, &stats), TR_INVALID);
    memset(&stats, 0xff, sizeof stats);
    stats.size = offsetof(tr_stats, unhandled);
    cr_assert_eq(tr_runtime_stats(rt, &stats), TR_OK);
    cr_assert_eq(stats.sent, 0);
    cr_assert_eq(stats.unhandled, UINT64_MAX);
    rt_end(rt);
}

static void nulls_inside(tr_self *self) {
    tr_ref ref = {1, 2};
    say(tr_self_spawn(self, NULL, NULL, &ref));
    say(tr_self_spawn(self, &probe_behavior, NULL, NULL));
    say(tr_self_send(self, target, NULL, NULL, 0));
    say(tr_self_send(self, target, &note_message, NULL, sizeof(struct note)));
    say(tr_self_reply(self, NULL, NULL, 0));
    say(ref.node == 1 && ref.id == 2 ? TR_OK : TR_BUSY);
}

Test(input, null_behavior_type_or_payload_is_invalid) {
    tr_runtime *rt = rt_start(1, 0);
    target = probe_spawn(rt, &log_a);
    tr_ref ref = {1, 2};
    cr_assert_eq(tr_foreign_spawn(rt, NULL, NULL, &ref), TR_INVALID);
    cr_assert_eq(tr_spawn_wait(rt, NULL, NULL, 0, &ref), TR_INVALID);
    cr_assert(ref.node == 1 && ref.id == 2);
    cr_assert(tr_ref_is_null(tr_spawn(rt, NULL, NULL)));
    cr_assert_eq(tr_foreign_send(rt, target, NULL, NULL, 0), TR_INVALID);
    cr_assert_eq(tr_foreign_send(rt, target, &note_message, NULL, sizeof(struct note)), TR_INVALID);
    tr_outbox *box;
    cr_assert_eq(tr_outbox_create(rt, &box), TR_OK);
    cr_assert_eq(tr_outbox_send(box, target, NULL, NULL, 0), TR_INVALID);
    tr_outbox_destroy(box);
    struct answer reply;
    cr_assert_eq(
        tr_foreign_call(rt, target, 0, &answer_message, &reply, sizeof reply, NULL, NULL, 0),
        TR_INVALID);
    in_handler(rt, nulls_inside);
    ASSERT_SAID(TR_INVALID, TR_INVALID, TR_INVALID, TR_INVALID, TR_INVALID, TR_OK);
    rt_end(rt);
    cr_assert_eq(log_count(&log_a), 0);
}

static void do_nothing(tr_self *self, void *state, const void *payload) {
    (void)self;
    (void)state;
    (void)payload;
}

Test(input, malformed_behavior_is_invalid) {
    tr_runtime *rt = rt_start(1, 0);
    static const tr_handler no_type = {NULL, do_nothing};
    static const tr_handler no_handle = {&note_message, NULL};
    tr_behavior behavior = probe_behavior;
    tr_ref ref;
    behavior.size = 0;
    cr_assert_eq(tr_foreign_spawn(rt, &behavior, NULL, &ref), TR_INVALID);
    behavior = probe_behavior;
    behavior.handlers = NULL;
    cr_assert_eq(tr_foreign_spawn(rt, &behavior, NULL, &ref), TR_INVALID);
    behavior.handlers = &no_type;
    behavior.handler_count = 1;
    cr_assert_eq(tr_foreign_spawn(rt, &behavior, NULL, &ref), TR_INVALID);
    behavior.handlers = &no_handle;
    cr_assert_eq(tr_foreign_spawn(rt, &behavior, NULL, &ref), TR_INVALID);
    cr_assert_eq(rt_end(rt).spawned, 0);
}

/* ---- lengths ----------------------------------------------------------------------------------
 */

TR_RAW_MESSAGE(blob)
#define WIDE_FIELDS(FIELD, T) FIELD(T, ref, a) FIELD(T, ref, b) FIELD(T, ref, c)
TR_MESSAGE(wide, WIDE_FIELDS)

static char room[5000];

static void lengths_inside(tr_self *self) {
    say(tr_self_send(self, target, &blob_message, room, 16));
    say(tr_self_send(self, target, &blob_message, room, 17));
    say(tr_self_send(self, target, &blob_message, room, 300));
    say(tr_self_send(self, target, &note_message, room, 7));
    say(tr_self_send(self, target, &note_message, room, 9));
    say(tr_self_send(self, target, &note_message, room, 0));
    say(tr_send(self, target, wide));
    say(tr_self_reply(self, &blob_message, room, 17));
}

Test(input, message_above_the_maximum_is_too_large_whoever_sends_it) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1;
    config.max_message_bytes = 16;
    tr_runtime *rt = rt_start_with(&config);
    target = probe_spawn(rt, &log_a);
    cr_assert_eq(tr_foreign_send(rt, target, &blob_message, room, 16), TR_OK);
    cr_assert_eq(tr_foreign_send(rt, target, &blob_message, room, 17), TR_TOO_LARGE);
    cr_assert_eq(tr_foreign_send(rt, target, &blob_message, room, SIZE_MAX), TR_TOO_LARGE);
    cr_assert_eq(tr_send(rt, target, wide), TR_TOO_LARGE, "a typed one of 48 bytes");
    tr_outbox *box;
    cr_assert_eq(tr_outbox_create(rt, &box), TR_OK);
    cr_assert_eq(tr_outbox_send(box, target, &blob_message, room, 17), TR_TOO_LARGE);
    tr_outbox_destroy(box);
    struct answer reply;
    cr_assert_eq(tr_foreign_call(rt, target, 0, &answer_message, &reply, sizeof reply,
                                 &blob_message, room, 17),
                 TR_TOO_LARGE);
    in_handler(rt, lengths_inside);
    ASSERT_SAID(TR_OK, TR_TOO_LARGE, TR_TOO_LARGE, TR_INVALID, TR_INVALID, TR_INVALID, TR_TOO_LARGE,
                TR_TOO_LARGE);
    rt_end(rt);
}

Test(input, length_must_be_that_of_the_type) {
    tr_runtime *rt = rt_start(1, 0);
    target = probe_spawn(rt, &log_a);
    static const size_t wrong[] = {0, 1, 7, 9, 16, 4000};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_eq(tr_foreign_send(rt, target, &note_message, room, wrong[i]), TR_INVALID);
    cr_assert_eq(rt_end(rt).sent, 0);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static void addresses_inside(tr_self *self) {
    tr_ref stale = {target.node, target.id + 2};
    say(tr_send(self, TR_NULL, note));
    say(tr_stop(self, TR_NULL));
    say(tr_kill(self, TR_NULL));
    say(tr_send(self, foreign_ref, note));
    say(tr_stop(self, foreign_ref));
    say(tr_kill(self, foreign_ref));
    say(tr_send(self, stale, note));
    say(tr_stop(self, stale));
    say(tr_kill(self, stale));
}

Test(input, null_and_wrong_addresses_are_told_and_stale_ones_are_dead_letters) {
    tr_runtime *rt = rt_start(2, 0), *other = rt_start(1, 0);
    target = probe_spawn(rt, &log_a);
    foreign_ref = probe_spawn(other, &log_a);
    tr_ref stale = {target.node, target.id + 2};
    struct answer reply;
    tr_outbox *box;
    cr_assert_eq(tr_outbox_create(rt, &box), TR_OK);
    const struct {
        tr_ref ref;
        tr_status status, called;
    } rows[] = {{TR_NULL, TR_NULL_REF, TR_NULL_REF},
                {foreign_ref, TR_WRONG_RUNTIME, TR_WRONG_RUNTIME},
                {{1, 1}, TR_WRONG_RUNTIME, TR_WRONG_RUNTIME},
                {{target.node, 0}, TR_OK, TR_NO_ACTOR},
                {stale, TR_OK, TR_NO_ACTOR}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(tr_send(rt, rows[i].ref, note, .value = 1), rows[i].status, "row %zu", i);
        cr_assert_eq(tr_send(box, rows[i].ref, note, .value = 1), rows[i].status, "row %zu", i);
        cr_assert_eq(tr_stop(rt, rows[i].ref), rows[i].status, "row %zu", i);
        cr_assert_eq(tr_kill(rt, rows[i].ref), rows[i].status, "row %zu", i);
        cr_assert_eq(tr_call(rt, rows[i].ref, -1, answer, &reply, ask), rows[i].called, "%zu", i);
        cr_assert_not(tr_is_alive(rt, rows[i].ref));
    }
    in_handler(rt, addresses_inside);
    ASSERT_SAID(TR_NULL_REF, TR_NULL_REF, TR_NULL_REF, TR_WRONG_RUNTIME, TR_WRONG_RUNTIME,
                TR_WRONG_RUNTIME, TR_OK, TR_OK, TR_OK);
    tr_outbox_destroy(box);
    cr_assert(tr_is_alive(rt, target) && tr_is_alive(other, foreign_ref));
    rt_end(other);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.dead[TR_DEAD_NO_ACTOR], 2 * 3 + 1);
    cr_assert_eq(log_count(&log_a), 0);
}

/* An id that no runtime gave out: any 64 bits, or one near that of the living actor. */
static uint64_t forge(struct tri_random *random) {
    uint64_t id = tri_random_next(random);
    switch (tri_random_below(random, 6)) {
    case 0:
        id = target.id ^ UINT64_C(1) << tri_random_below(random, 64);
        break;
    case 1:
        id = target.id ^ (id & UINT64_C(0xc0000000));
        break; /* bits of the life word */
    case 2:
        id = id >> tri_random_below(random, 64);
        break;
    case 3:
        id = target.id + tri_random_below(random, 10) - 5;
        break;
    case 4:
        id = UINT64_C(1) << 63 | id;
        break; /* as a call's */
    default:
        break;
    }
    return id;
}

/* Those have a test of their own below. */
static bool is_of_a_call(tr_ref ref) {
    return ref.id >> 63 != 0;
}

static void forged_inside(tr_self *self) {
    struct tri_random random = {2};
    tr_status worst = TR_OK;
    for (int i = 0; i < 3000; i++) {
        tr_ref ref = {target.node, forge(&random)};
        if (ref.id == target.id || ref.id == tr_self_ref(self).id || ref.id == tr_sender(self).id ||
            tr_is_alive(tr_self_runtime(self), ref))
            continue;
        tr_status status = tr_send(self, ref, note, .value = i);
        if (status != TR_OK) worst = status;
        if (!is_of_a_call(ref)) status = tr_stop(self, ref);
        if (status != TR_OK) worst = status;
        status = tr_kill(self, ref);
        if (status != TR_OK) worst = status;
    }
    say(worst);
}

Test(input, forged_addresses_reach_nobody) {
    tr_runtime *rt = rt_start(2, 0);
    target = probe_spawn(rt, &log_a);
    tr_outbox *box;
    cr_assert_eq(tr_outbox_create(rt, &box), TR_OK);
    struct tri_random random = {1};
    for (int i = 0; i < 5000; i++) {
        tr_ref ref = {target.node, forge(&random)};
        if (ref.id == target.id) continue;
        cr_assert_not(tr_is_alive(rt, ref), "%llx", (unsigned long long)ref.id);
        cr_assert_eq(tr_send(rt, ref, note, .value = i), TR_OK);
        cr_assert_eq(tr_send(box, ref, note, .value = i), TR_OK);
        if (!is_of_a_call(ref)) cr_assert_eq(tr_stop(rt, ref), TR_OK);
        cr_assert_eq(tr_kill(rt, ref), TR_OK);
    }
    in_handler(rt, forged_inside);
    ASSERT_SAID(TR_OK);
    tr_outbox_destroy(box);
    cr_assert(tr_is_alive(rt, target));
    RT_QUIET(rt);
    cr_assert_eq(log_count(&log_a), 0);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(log_count(&log_a), 0);
    cr_assert_eq(log_ended(&log_a), 1, "by the end of the runtime alone");
    cr_assert_eq(log_a.reason.kind, TR_REASON_SHUTDOWN);
    cr_assert_eq(stats.handled, 1);
}

static void stop_a_call(tr_self *self) {
    tr_ref call = {target.node, UINT64_C(1) << 63 | 7};
    say(tr_stop(self, call));
    say(tr_stop(self, tr_sender(self))); /* the call that waits for us: not answered by it */
}

Test(input, stop_of_the_address_of_a_call_changes_nothing) {
    tr_runtime *rt = rt_start(1, 0);
    target = probe_spawn(rt, &log_a);
    cr_assert_eq(tr_foreign_stop(rt, (tr_ref){target.node, UINT64_C(1) << 63 | 7}), TR_OK);
    in_handler(rt, stop_a_call);
    ASSERT_SAID(TR_OK, TR_OK);
    RT_QUIET(rt);
    cr_assert_eq(rt_end(rt).sent, 2, "the call and its reply");
}

/* The bits of a pending end in a forged id must not make it the id of a dying actor. */
static void send_with_pending_bit(tr_self *self) {
    tr_ref ref = {target.node, target.id | UINT64_C(0x80000000)};
    say(tr_send(self, ref, note, .value = 1));
    tr_flush(self);
}

Test(input, forged_address_does_not_get_past_a_pending_kill) {
    tr_runtime *rt = rt_start(2, NEVER_OVERDUE_US);
    target = probe_spawn(rt, &log_a);
    probe_block(rt, target, &gate);
    cr_assert_eq(tr_kill(rt, target), TR_OK);
    in_handler(rt, send_with_pending_bit);
    gate_open(&gate);
    cr_assert(AWAIT(log_ended(&log_a) == 1));
    RT_QUIET(rt);
    cr_assert_eq(log_count(&log_a), 0, "a killed actor handled a message");
    rt_end(rt);
}

/* ---- waiting inside a handler -----------------------------------------------------------------
 */

static void waits_inside(tr_self *self) {
    tr_runtime *rt = tr_self_runtime(self);
    struct answer reply;
    tr_ref ref = {1, 2};
    struct probe_log *log = NULL;
    say(tr_call(rt, target, -1, answer, &reply, ask));
    say(tr_spawn_wait(rt, &probe_behavior, &log, -1, &ref));
    say(tr_runtime_stop(rt, -1));
    say(ref.node == 1 && ref.id == 2 ? TR_OK : TR_BUSY);
}

Test(input, waiting_calls_in_a_handler_would_deadlock) {
    tr_runtime *rt = rt_start(1, 0);
    target = probe_spawn(rt, &log_a);
    in_handler(rt, waits_inside);
    ASSERT_SAID(TR_WOULD_DEADLOCK, TR_WOULD_DEADLOCK, TR_WOULD_DEADLOCK, TR_OK);
    cr_assert(tr_is_alive(rt, target), "nothing was stopped");
    cr_assert_eq(tr_send(rt, target, note, .value = 1), TR_OK);
    rt_end(rt);
}

static void call_the_other_runtime(tr_self *self) {
    (void)self;
    struct answer reply;
    say(tr_call(runtime_b, foreign_ref, TR_SECONDS(20), answer, &reply, ask));
    say(tr_send(runtime_b, foreign_ref, note, .value = 5));
    say(tr_send(runtime_b, target, note, .value = 5));
}

Test(input, handler_may_wait_for_another_runtime) {
    runtime_a = rt_start(1, 0);
    runtime_b = rt_start(1, 0);
    target = probe_spawn(runtime_a, NULL);
    foreign_ref = probe_spawn(runtime_b, &log_a);
    in_handler(runtime_a, call_the_other_runtime);
    ASSERT_SAID(TR_OK, TR_OK, TR_WRONG_RUNTIME);
    cr_assert(AWAIT(log_count(&log_a) == 1));
    rt_end(runtime_a);
    rt_end(runtime_b);
}
