/* SPDX-License-Identifier: MIT
 * Facts about calls: every way one ends, and that no reply reaches another call. */
#include "test/support/unit.h"

#include "test/support/actors.h"

TestSuite(call, .timeout = TEST_S);

static struct probe_log log_a;
static struct test_gate gate;

/* ---- a desk: an actor that keeps requests and answers as it is told ---------------------------
 */

#define REQUEST_FIELDS(FIELD, T) FIELD(T, int32, how) FIELD(T, int64, value) FIELD(T, ref, via)
TR_MESSAGE(request, REQUEST_FIELDS)
#define FORWARDED_FIELDS(FIELD, T) FIELD(T, int64, value) FIELD(T, ref, caller)
TR_MESSAGE(forwarded, FORWARDED_FIELDS)
TR_RAW_MESSAGE(raw_answer)

enum { AT_ONCE, TWICE, WRONG, KEEP, KEPT, RAW, FORWARD, CALL_BACK };

struct desk {
    tr_ref kept;
};

static _Atomic uint64_t kept_id, kept_node;

TR_HANDLER(desk, request, self, me, msg) {
    static const char text[100] = "a raw answer";
    switch (msg->how) {
    case AT_ONCE:
        tr_reply(self, answer, .value = msg->value);
        break;
    case TWICE:
        tr_reply(self, answer, .value = msg->value);
        tr_reply(self, answer, .value = -1);
        break;
    case WRONG:
        tr_reply(self, note, .value = msg->value);
        break;
    case KEEP:
        me->kept = tr_sender(self);
        atomic_store_explicit(&kept_node, me->kept.node, memory_order_relaxed);
        atomic_store_explicit(&kept_id, me->kept.id, memory_order_release);
        break;
    case KEPT:
        tr_send(self, me->kept, answer, .value = msg->value);
        break;
    case RAW:
        tr_self_reply(self, &raw_answer_message, text, sizeof text);
        break;
    case FORWARD:
        tr_send(self, msg->via, forwarded, .value = msg->value, .caller = tr_sender(self));
        break;
    case CALL_BACK: {
        struct answer reply;
        tr_status status = tr_call(tr_self_runtime(self), tr_self_ref(self), TR_SECONDS(1), answer,
                                   &reply, request, .how = AT_ONCE);
        tr_reply(self, answer, .value = status);
        break;
    }
    default:
        break;
    }
}

TR_HANDLER(desk, forwarded, self, me, msg) {
    tr_send(self, msg->caller, answer, .value = msg->value);
}

TR_BEHAVIOR(desk, TR_ON(desk, request), TR_ON(desk, forwarded))

static tr_ref desk_new(tr_runtime *rt) {
    tr_ref ref = tr_spawn(rt, &desk_behavior, NULL);
    cr_assert_not(tr_ref_is_null(ref));
    return ref;
}

/* ---- the good ways ----------------------------------------------------------------------------
 */

Test(call, returns_the_reply) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref desk = desk_new(rt);
    for (int64_t i = 0; i < 2000; i++) {
        struct answer reply = {.value = -1};
        cr_assert_eq(
            tr_call(rt, desk, TR_SECONDS(20), answer, &reply, request, .how = AT_ONCE, .value = i),
            TR_OK);
        cr_assert_eq(reply.value, i);
    }
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.replies, 2000);
    cr_assert_eq(stats.handled, 2000);
    cr_assert_eq(stats.sent, 4000);
}

Test(call, without_limit_waits_for_the_reply) {
    tr_runtime *rt = rt_start(1, 0);
    struct answer reply;
    cr_assert_eq(tr_call(rt, desk_new(rt), -1, answer, &reply, request, .value = 3), TR_OK);
    cr_assert_eq(reply.value, 3);
    rt_end(rt);
}

Test(call, may_be_answered_by_another_actor) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref first = desk_new(rt), second = desk_new(rt);
    struct answer reply;
    cr_assert_eq(tr_call(rt, first, TR_SECONDS(20), answer, &reply, request, .how = FORWARD,
                         .value = 5, .via = second),
                 TR_OK);
    cr_assert_eq(reply.value, 5);
    rt_end(rt);
}

struct caller {
    tr_runtime *rt;
    tr_ref desk;
    int64_t first;
    uint32_t wrong;
};

static void *call_many(void *arg) {
    struct caller *caller = arg;
    for (int64_t i = 0; i < 500; i++) {
        struct answer reply = {.value = -1};
        if (tr_call(caller->rt, caller->desk, TR_SECONDS(20), answer, &reply, request,
                    .value = caller->first + i) != TR_OK ||
            reply.value != caller->first + i)
            caller->wrong++;
    }
    return NULL;
}

Test(call, of_many_threads_get_each_its_own_reply) {
    enum { THREADS = 4 };
    tr_runtime *rt = rt_start(2, 0);
    tr_ref desk = desk_new(rt);
    pthread_t threads[THREADS];
    struct caller callers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){rt, desk, 1000 * i, 0};
        cr_assert_eq(pthread_create(&threads[i], NULL, call_many, &callers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(callers[i].wrong, 0);
    }
    rt_end(rt);
}

/* ---- time-outs and late replies ---------------------------------------------------------------
 */

Test(call, times_out_and_leaves_the_reply_alone) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref desk = desk_new(rt);
    struct answer reply = {.value = 77};
    uint64_t start = tri_clock_ns();
    cr_assert_eq(tr_call(rt, desk, TR_MILLISECONDS(5), answer, &reply, request, .how = KEEP),
                 TR_TIMEOUT);
    cr_assert_geq(tri_clock_ns() - start, TR_MILLISECONDS(5), "never early");
    cr_assert_eq(reply.value, 77);
    cr_assert_eq(tr_call(rt, desk, 0, answer, &reply, request, .how = KEEP), TR_TIMEOUT);
    rt_end(rt);
}

Test(call, late_reply_is_counted_and_never_reaches_a_later_call) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref desk = desk_new(rt), other = desk_new(rt);
    for (int64_t i = 0; i < 50; i++) {
        struct answer reply = {.value = -1};
        cr_assert_eq(tr_call(rt, desk, 1, answer, &reply, request, .how = KEEP), TR_TIMEOUT);
        /* The next call has the same cell; the old reply comes while it waits, or before. */
        cr_assert_eq(tr_send(rt, desk, request, .how = KEPT, .value = -7), TR_OK);
        cr_assert_eq(
            tr_call(rt, i % 2 ? desk : other, TR_SECONDS(20), answer, &reply, request, .value = i),
            TR_OK);
        cr_assert_eq(reply.value, i);
    }
    RT_QUIET(rt);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.dead[TR_DEAD_LATE_REPLY], 50);
    cr_assert_eq(stats.replies, 50);
}

Test(call, second_reply_is_a_late_one) {
    tr_runtime *rt = rt_start(1, 0);
    struct answer reply;
    cr_assert_eq(tr_call(rt, desk_new(rt), TR_SECONDS(20), answer, &reply, request, .how = TWICE,
                         .value = 4),
                 TR_OK);
    cr_assert_eq(reply.value, 4);
    RT_QUIET(rt);
    cr_assert_eq(rt_end(rt).dead[TR_DEAD_LATE_REPLY], 1);
}

/* ---- wrong ways -------------------------------------------------------------------------------
 */

Test(call, reply_of_another_type_is_wrong_type_and_leaves_the_reply_alone) {
    tr_runtime *rt = rt_start(1, 0);
    struct answer reply = {.value = 77};
    cr_assert_eq(tr_call(rt, desk_new(rt), TR_SECONDS(20), answer, &reply, request, .how = WRONG),
                 TR_WRONG_TYPE);
    cr_assert_eq(reply.value, 77);
    rt_end(rt);
}

Test(call, raw_reply_needs_room) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref desk = desk_new(rt);
    struct request payload = {.how = RAW};
    char room[100];
    memset(room, 'x', sizeof room);
    cr_assert_eq(tr_foreign_call(rt, desk, TR_SECONDS(20), &raw_answer_message, room, 99,
                                 &request_message, &payload, sizeof payload),
                 TR_TOO_LARGE);
    cr_assert_eq(room[0], 'x');
    cr_assert_eq(tr_foreign_call(rt, desk, TR_SECONDS(20), &raw_answer_message, room, 100,
                                 &request_message, &payload, sizeof payload),
                 TR_OK);
    cr_assert_str_eq(room, "a raw answer");
    rt_end(rt);
}

Test(call, without_a_handler_answers_unhandled_at_once) {
    tr_runtime *rt = rt_start(1, 0);
    struct answer reply;
    cr_assert_eq(tr_call(rt, desk_new(rt), -1, answer, &reply, strange), TR_UNHANDLED);
    cr_assert_eq(rt_end(rt).unhandled, 1);
}

Test(call, to_an_actor_that_has_ended_fails_at_once) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_stop(rt, ref);
    cr_assert(AWAIT(!tr_is_alive(rt, ref)));
    struct answer reply;
    cr_assert_eq(tr_call(rt, ref, -1, answer, &reply, ask), TR_NO_ACTOR);
    rt_end(rt);
}

struct waiting_call {
    tr_runtime *rt;
    tr_ref to;
    tr_status status;
};

static void *call_and_wait(void *arg) {
    struct waiting_call *call = arg;
    struct answer reply;
    call->status = tr_call(call->rt, call->to, -1, answer, &reply, ask);
    return NULL;
}

/* The request is queued behind a handler at the gate when the end comes. */
static tr_status call_across_the_end(bool kill) {
    tr_runtime *rt = rt_start(1, NEVER_OVERDUE_US);
    tr_ref ref = probe_spawn(rt, &log_a);
    probe_block(rt, ref, &gate);
    if (!kill) tr_stop(rt, ref);
    struct waiting_call call = {rt, ref, TR_OK};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, call_and_wait, &call), 0);
    cr_assert(AWAIT(rt_stats(rt).sent == 2));
    if (kill) tr_kill(rt, ref);
    gate_open(&gate);
    pthread_join(thread, NULL);
    rt_end(rt);
    return call.status;
}

Test(call, with_its_request_unread_when_the_target_is_killed_answers_no_actor) {
    cr_assert_eq(call_across_the_end(true), TR_NO_ACTOR);
}

Test(call, with_its_request_behind_a_stop_answers_no_actor) {
    cr_assert_eq(call_across_the_end(false), TR_NO_ACTOR);
}

static void *call_keep(void *arg) {
    struct waiting_call *call = arg;
    struct answer reply;
    call->status = tr_call(call->rt, call->to, -1, answer, &reply, request, .how = KEEP);
    return NULL;
}

Test(call, kept_without_an_answer_ends_with_stopping) {
    tr_runtime *rt = rt_start(1, 0);
    struct waiting_call call = {rt, desk_new(rt), TR_OK};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, call_keep, &call), 0);
    cr_assert(AWAIT(atomic_load_explicit(&kept_id, memory_order_acquire) != 0));
    cr_assert_eq(tr_runtime_stop(rt, TR_SECONDS(20)), TR_OK);
    pthread_join(thread, NULL);
    cr_assert_eq(call.status, TR_STOPPING);
    cr_assert_eq(tr_runtime_destroy(rt), TR_OK);
}

Test(call, to_the_address_of_a_call_fails_and_does_not_hang) {
    /* tr_sender of a request names the waiting call; whoever got hold of it may try to call it. */
    tr_runtime *rt = rt_start(1, 0);
    tr_ref desk = desk_new(rt);
    struct answer reply;
    cr_assert_eq(tr_call(rt, desk, 1, answer, &reply, request, .how = KEEP), TR_TIMEOUT);
    cr_assert(AWAIT(atomic_load_explicit(&kept_id, memory_order_acquire) != 0));
    tr_ref cell = {atomic_load_explicit(&kept_node, memory_order_relaxed),
                   atomic_load_explicit(&kept_id, memory_order_relaxed)};
    tr_status status = tr_call(rt, cell, TR_SECONDS(1), answer, &reply, ask);
    cr_assert_eq(status, TR_NO_ACTOR, "%s", tr_status_name(status));
    rt_end(rt);
}

Test(call, from_a_handler_of_the_same_runtime_would_deadlock) {
    tr_runtime *rt = rt_start(1, 0);
    struct answer reply;
    cr_assert_eq(
        tr_call(rt, desk_new(rt), TR_SECONDS(20), answer, &reply, request, .how = CALL_BACK),
        TR_OK);
    cr_assert_eq(reply.value, TR_WOULD_DEADLOCK);
    rt_end(rt);
}

Test(call, beyond_max_calls_is_limit) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1;
    config.max_calls = 1;
    tr_runtime *rt = rt_start_with(&config);
    struct waiting_call call = {rt, desk_new(rt), TR_OK};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, call_keep, &call), 0);
    cr_assert(AWAIT(atomic_load_explicit(&kept_id, memory_order_acquire) != 0));
    struct answer reply;
    cr_assert_eq(tr_call(rt, call.to, TR_SECONDS(20), answer, &reply, request), TR_LIMIT);
    cr_assert_eq(tr_send(rt, call.to, request, .how = KEPT), TR_OK);
    pthread_join(thread, NULL);
    cr_assert_eq(call.status, TR_OK);
    cr_assert_eq(tr_call(rt, call.to, TR_SECONDS(20), answer, &reply, request), TR_OK);
    rt_end(rt);
}

Test(call, checks_the_room_for_the_reply) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref desk = desk_new(rt);
    struct request payload = {.how = AT_ONCE};
    struct answer reply;
    cr_assert_eq(tr_foreign_call(rt, desk, 0, &answer_message, &reply, sizeof reply - 1,
                                 &request_message, &payload, sizeof payload),
                 TR_INVALID);
    cr_assert_eq(tr_foreign_call(rt, desk, 0, &answer_message, NULL, sizeof reply, &request_message,
                                 &payload, sizeof payload),
                 TR_INVALID);
    cr_assert_eq(tr_foreign_call(rt, desk, 0, NULL, &reply, sizeof reply, &request_message,
                                 &payload, sizeof payload),
                 TR_INVALID);
    cr_assert_eq(rt_end(rt).sent, 0);
}
