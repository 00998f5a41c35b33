/* SPDX-License-Identifier: MIT
 * Facts about stopping and destroying a runtime, about several of them, and about errno. */
#include <errno.h>
#include <stdio.h>

#include "test/support/unit.h"

#include "test/support/actors.h"

TestSuite(stop, .timeout = TEST_S);

static struct probe_log log_a, log_b;
static struct test_gate gate;
static tr_ref target;
static _Atomic int32_t said;

/* ---- an actor that does one thing inside its handler ------------------------------------------
 */

#define DO_FIELDS(FIELD, T) FIELD(T, uint64, body)
TR_MESSAGE(deed, DO_FIELDS)

typedef void deed_fn(tr_self *self);

struct doer {
    int64_t unused;
};

TR_HANDLER(doer, deed, self, me, msg) {
    ((deed_fn *)(uintptr_t)msg->body)(self);
}

TR_BEHAVIOR(doer, TR_ON(doer, deed))

static void let_do(tr_runtime *rt, deed_fn *body) {
    tr_ref ref = tr_spawn(rt, &doer_behavior, NULL);
    cr_assert_eq(tr_send(rt, ref, deed, .body = (uint64_t)(uintptr_t)body), TR_OK);
}

static void say(int32_t what) {
    atomic_store_explicit(&said, what, memory_order_release);
}

static int32_t heard(void) {
    return atomic_load_explicit(&said, memory_order_acquire);
}

/* ---- stopping ---------------------------------------------------------------------------------
 */

Test(stop, handles_what_is_queued_and_ends_everybody_with_shutdown) {
    enum { NOTES = 5000 };
    tr_runtime *rt = rt_start(2, 0);
    tr_ref a = probe_spawn(rt, &log_a), b = probe_spawn(rt, &log_b);
    for (int i = 0; i < NOTES; i++) {
        cr_assert_eq(tr_send(rt, a, note, .value = i), TR_OK);
        cr_assert_eq(tr_send(rt, b, note, .value = i), TR_OK);
    }
    tr_stats stats = rt_end(rt);
    cr_assert_eq(log_count(&log_a), NOTES);
    cr_assert_eq(log_count(&log_b), NOTES);
    cr_assert_eq(log_a.reason.kind, TR_REASON_SHUTDOWN);
    cr_assert_eq(log_ended(&log_a), 1);
    cr_assert_eq(stats.handled, 2 * NOTES);
}

Test(stop, of_idle_actors_is_not_held_up_by_a_long_overdue_period) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 2;
    config.overdue_us = 60000000; /* the watch looks once a minute */
    tr_runtime *rt = rt_start_with(&config);
    struct answer reply;
    tr_ref ref = probe_spawn(rt, &log_a);
    cr_assert_eq(tr_call(rt, ref, TR_SECONDS(20), answer, &reply, ask), TR_OK);
    tr_status status = tr_runtime_stop(rt, TR_SECONDS(WATCHDOG_S));
    cr_assert_eq(status, TR_OK, "%s", tr_status_name(status));
    cr_assert_eq(tr_runtime_destroy(rt), TR_OK);
}

static void request_stop_inside(tr_self *self) {
    tr_ref ref = TR_NULL;
    struct probe_log *log = NULL;
    tr_runtime_request_stop(tr_self_runtime(self));
    bool refused = tr_self_spawn(self, &probe_behavior, &log, &ref) == TR_STOPPING;
    bool sent = tr_send(self, target, note, .value = 0) == TR_OK;
    say(refused && sent && tr_ref_is_null(ref) ? 1 : -1);
}

Test(stop, may_be_requested_in_a_handler_which_may_send_but_not_spawn) {
    tr_runtime *rt = rt_start(1, 0);
    target = probe_spawn(rt, &log_a);
    let_do(rt, request_stop_inside);
    cr_assert(AWAIT(heard() != 0));
    cr_assert_eq(heard(), 1);
    rt_end(rt);
}

Test(stop, refuses_foreign_threads_from_the_request_on) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_outbox *early = NULL, *late = NULL;
    cr_assert_eq(tr_outbox_create(rt, &early), TR_OK);
    probe_block(rt, ref, &gate);
    tr_runtime_request_stop(rt);
    struct probe_log *log = NULL;
    struct answer reply;
    for (int turn = 0; turn < 2; turn++) {
        tr_ref made = {1, 2};
        cr_assert_eq(tr_send(rt, ref, note, .value = 1), TR_STOPPING);
        cr_assert_eq(tr_stop(rt, ref), TR_STOPPING);
        cr_assert_eq(tr_foreign_spawn(rt, &probe_behavior, &log, &made), TR_STOPPING);
        cr_assert_eq(tr_spawn_wait(rt, &probe_behavior, &log, -1, &made), TR_STOPPING);
        cr_assert_eq(tr_call(rt, ref, -1, answer, &reply, ask), TR_STOPPING);
        cr_assert_eq(tr_outbox_create(rt, &late), TR_STOPPING);
        cr_assert_eq(tr_send(early, ref, note, .value = 1), TR_STOPPING);
        (void)tr_kill(rt, ref);
        cr_assert_eq(made.node, 1);
        cr_assert_null(late);
        gate_open(&gate);
        cr_assert_eq(tr_runtime_stop(rt, TR_SECONDS(20)), TR_OK); /* and once more when stopped */
    }
    cr_assert_not(tr_is_alive(rt, ref));
    tr_outbox_destroy(early);
    rt_end(rt);
    cr_assert_eq(log_count(&log_a), 0);
}

static char line[256];

static void keep_line(void *context, const char *text) {
    (void)context;
    snprintf(line, sizeof line, "%s", text);
}

Test(stop, times_out_names_the_busy_actor_and_may_be_called_again) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1;
    config.log = keep_line;
    tr_runtime *rt = rt_start_with(&config);
    tr_ref ref = probe_spawn(rt, &log_a);
    probe_block(rt, ref, &gate);
    cr_assert_eq(tr_runtime_stop(rt, TR_MILLISECONDS(5)), TR_TIMEOUT);
    char text[TR_REF_TEXT_BYTES];
    tr_ref_format(ref, text, sizeof text);
    cr_assert_not_null(strstr(line, text), "\"%s\"", line);
    cr_assert_not_null(strstr(line, "probe"), "\"%s\"", line);
    cr_assert_eq(tr_runtime_destroy(rt), TR_BUSY);
    cr_assert_eq(tr_runtime_stop(rt, 0), TR_TIMEOUT);
    gate_open(&gate);
    cr_assert_eq(tr_runtime_stop(rt, -1), TR_OK);
    cr_assert_eq(tr_runtime_stop(rt, 0), TR_OK, "it is stopped");
    cr_assert_eq(rt_stats(rt).threads, 0);
    rt_end(rt);
}

Test(stop, does_not_make_a_handler_overdue_before_its_time) {
    tr_runtime *rt = rt_start(1, NEVER_OVERDUE_US);
    tr_ref blocker = probe_spawn(rt, NULL), waiting = probe_spawn(rt, &log_a);
    uint64_t start = tri_clock_ns();
    probe_block(rt, blocker, &gate);
    cr_assert_eq(tr_send(rt, waiting, note, .value = 1), TR_OK);
    cr_assert_eq(tr_runtime_stop(rt, TR_MILLISECONDS(200)), TR_TIMEOUT);
    uint64_t takeovers = rt_stats(rt).takeovers;
    if (tri_clock_ns() - start < UINT64_C(1000) * NEVER_OVERDUE_US) cr_assert_eq(takeovers, 0);
    gate_open(&gate);
    rt_end(rt);
}

Test(stop, comes_before_destroy) {
    tr_runtime *rt = rt_start(1, 0);
    cr_assert_eq(tr_runtime_destroy(rt), TR_BUSY);
    tr_runtime_request_stop(rt);
    cr_assert_eq(tr_runtime_destroy(rt), TR_BUSY);
    rt_end(rt);
    cr_assert_eq(tr_runtime_destroy(NULL), TR_OK);
}

static void spawn_for_ever(tr_self *self) {
    tr_ref ref;
    say(1);
    if (tr_self_spawn(self, &doer_behavior, NULL, &ref) != TR_OK) return;
    tr_send(self, ref, deed, .body = (uint64_t)(uintptr_t)spawn_for_ever);
}

Test(stop, ends_actors_that_spawn_for_ever) {
    tr_runtime *rt = rt_start(2, 0);
    for (int i = 0; i < 10; i++) let_do(rt, spawn_for_ever);
    cr_assert(AWAIT(rt_stats(rt).spawned > 1000));
    rt_end(rt);
}

static void send_for_ever(tr_self *self) {
    say(1);
    tr_send(self, tr_self_ref(self), deed, .body = (uint64_t)(uintptr_t)send_for_ever);
}

Test(stop, ends_an_actor_that_keeps_itself_busy) {
    tr_runtime *rt = rt_start(2, 0);
    for (int i = 0; i < 3; i++) let_do(rt, send_for_ever);
    cr_assert(AWAIT(rt_stats(rt).handled > 1000));
    rt_end(rt);
}

/* ---- several runtimes -------------------------------------------------------------------------
 */

Test(stop, of_one_runtime_leaves_the_other_alone) {
    tr_runtime *a = rt_start(1, 0), *b = rt_start(2, 0);
    tr_ref in_a = probe_spawn(a, &log_a), in_b = probe_spawn(b, &log_b);
    cr_assert_neq(in_a.node, in_b.node);
    rt_end(a);
    for (int i = 0; i < 100; i++) cr_assert_eq(tr_send(b, in_b, note, .value = i), TR_OK);
    cr_assert(AWAIT(log_count(&log_b) == 100));
    cr_assert_eq(tr_send(b, in_a, note, .value = 1), TR_WRONG_RUNTIME);
    rt_end(b);
}

Test(stop, and_start_many_times) {
    for (uint32_t i = 0; i < 60; i++) {
        tr_runtime *rt = rt_start(1 + i % 3, 0);
        tr_ref ref = probe_spawn(rt, i % 2 ? &log_a : NULL);
        if (i % 3 != 0) tr_send(rt, ref, note, .value = i);
        rt_end(rt);
    }
    cr_assert_eq(log_ended(&log_a), 30);
}

/* ---- errno ------------------------------------------------------------------------------------
 */

static const char *errno_lost;
static tr_status last_status;

/* Of a call that returns nothing. */
#define KEEPS_ERRNO(CALL)                                                                          \
    do {                                                                                           \
        errno = 77;                                                                                \
        CALL;                                                                                      \
        if (errno != 77) errno_lost = #CALL;                                                       \
    } while (0)

#define STATUS_KEEPS_ERRNO(CALL) KEEPS_ERRNO(last_status = (CALL))

static void errno_inside(tr_self *self) {
    static char large[100000];
    static const tr_message_type blob = {"blob", 0, 0, NULL, 1, 0};
    tr_ref ref;
    struct probe_log *log = NULL;
    struct answer reply;
    tr_runtime *rt = tr_self_runtime(self);
    for (int i = 0; i < 200; i++) STATUS_KEEPS_ERRNO(tr_send(self, target, note, .value = i));
    STATUS_KEEPS_ERRNO(tr_self_send(self, target, &blob, large, sizeof large));
    KEEPS_ERRNO(tr_flush(self));
    STATUS_KEEPS_ERRNO(tr_self_spawn(self, &probe_behavior, &log, &ref));
    STATUS_KEEPS_ERRNO(tr_stop(self, ref));
    STATUS_KEEPS_ERRNO(tr_kill(self, ref));
    STATUS_KEEPS_ERRNO(tr_reply(self, note, .value = 1));
    STATUS_KEEPS_ERRNO(tr_call(rt, target, 1, answer, &reply, ask));
    KEEPS_ERRNO(tr_exit(self, tr_reason_of(TR_REASON_NORMAL)));
    errno = 55; /* what a handler leaves there is nobody's business */
    say(1);
}

Test(stop, no_call_changes_errno) {
    static const tr_message_type blob = {"blob", 0, 0, NULL, 1, 0};
    static char large[100000];
    tr_config config = TR_CONFIG_INIT;
    tr_runtime *rt;
    tr_outbox *box;
    tr_ref ref;
    struct probe_log *log = NULL;
    struct answer reply;
    tr_stats stats = {.size = sizeof stats};
    char text[64];
    config.workers = 2;
    STATUS_KEEPS_ERRNO(tr_config_check(&config, text, sizeof text));
    STATUS_KEEPS_ERRNO(tr_runtime_start(&config, &rt));
    STATUS_KEEPS_ERRNO(tr_foreign_spawn(rt, &probe_behavior, &log, &ref));
    target = ref;
    STATUS_KEEPS_ERRNO(tr_spawn_wait(rt, &probe_behavior, &log, -1, &ref));
    for (int i = 0; i < 200; i++) STATUS_KEEPS_ERRNO(tr_send(rt, ref, note, .value = i));
    STATUS_KEEPS_ERRNO(tr_foreign_send(rt, ref, &blob, large, sizeof large));
    STATUS_KEEPS_ERRNO(tr_call(rt, ref, -1, answer, &reply, ask));
    STATUS_KEEPS_ERRNO(tr_call(rt, ref, 0, answer, &reply, ask));
    STATUS_KEEPS_ERRNO(tr_outbox_create(rt, &box));
    for (int i = 0; i < 200; i++) STATUS_KEEPS_ERRNO(tr_send(box, ref, note, .value = i));
    STATUS_KEEPS_ERRNO(tr_outbox_flush(box));
    KEEPS_ERRNO(tr_outbox_destroy(box));
    let_do(rt, errno_inside);
    cr_assert(AWAIT(heard() == 1));
    KEEPS_ERRNO((void)tr_is_alive(rt, ref));
    STATUS_KEEPS_ERRNO(tr_stop(rt, ref));
    STATUS_KEEPS_ERRNO(tr_kill(rt, ref));
    STATUS_KEEPS_ERRNO(tr_runtime_stats(rt, &stats));
    KEEPS_ERRNO((void)tr_ref_format(ref, text, sizeof text));
    STATUS_KEEPS_ERRNO(tr_runtime_stop(rt, 1));
    STATUS_KEEPS_ERRNO(tr_runtime_stop(rt, -1));
    STATUS_KEEPS_ERRNO(tr_runtime_destroy(rt));
    cr_assert_null(errno_lost, "%s", errno_lost);
}

Test(stop, looking_for_the_cpus_does_not_change_errno) {
    tr_runtime *rt;
    KEEPS_ERRNO((void)tr_available_cpus());
    STATUS_KEEPS_ERRNO(tr_runtime_start(NULL, &rt));
    (void)tr_runtime_stop(rt, -1);
    (void)tr_runtime_destroy(rt);
    cr_assert_null(errno_lost, "%s", errno_lost);
}
