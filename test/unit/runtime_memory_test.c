/* SPDX-License-Identifier: MIT
 * Facts about memory: everything comes through the allocator of the configuration and goes back to
 * it, a failure at any allocation is a status that changes nothing, quiet means little is held. */
#include <stdlib.h>

#include "mailbox/pool.h"
#include "test/support/unit.h"

#include "test/support/actors.h"

TestSuite(memory, .timeout = TEST_S);

/* ---- an allocator that counts, and fails at the test's will -----------------------------------
 */

static _Atomic int64_t held_bytes, held_count;
static _Atomic int64_t allocations; /* asked for so far */
static _Atomic int64_t fail_from = INT64_MAX, fail_every;
static _Atomic uint32_t misaligned;

static int64_t read64(_Atomic int64_t *of) {
    return atomic_load_explicit(of, memory_order_acquire);
}

static void set64(_Atomic int64_t *of, int64_t to) {
    atomic_store_explicit(of, to, memory_order_release);
}

static void *counted_allocate(void *context, size_t align_bytes, size_t bytes) {
    (void)context;
    int64_t number = atomic_fetch_add_explicit(&allocations, 1, memory_order_acq_rel);
    int64_t every = read64(&fail_every);
    if (number >= read64(&fail_from) || (every != 0 && number % every == every - 1)) return NULL;
    if ((align_bytes & (align_bytes - 1)) != 0 || align_bytes == 0)
        atomic_fetch_add_explicit(&misaligned, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&held_bytes, (int64_t)bytes, memory_order_acq_rel);
    atomic_fetch_add_explicit(&held_count, 1, memory_order_acq_rel);
    size_t align = align_bytes < sizeof(void *) ? sizeof(void *) : align_bytes;
    return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void counted_release(void *context, void *memory, size_t bytes) {
    (void)context;
    atomic_fetch_sub_explicit(&held_bytes, (int64_t)bytes, memory_order_acq_rel);
    atomic_fetch_sub_explicit(&held_count, 1, memory_order_acq_rel);
    free(memory);
}

static tr_config counted_config(uint32_t workers) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = workers;
    config.allocator = (tr_allocator){counted_allocate, counted_release, NULL};
    return config;
}

static void assert_nothing_held(void) {
    cr_assert_eq(read64(&held_count), 0, "%lld allocations are held",
                 (long long)read64(&held_count));
    cr_assert_eq(read64(&held_bytes), 0, "sizes of allocate and release differ");
    cr_assert_eq(atomic_load_explicit(&misaligned, memory_order_relaxed), 0);
}

/* ---- an actor with a large state --------------------------------------------------------------
 */

static const tr_message_type blob = {"blob", 0, 0, NULL, 1, 0};
static char large[100000];

static void take_blob(tr_self *self, void *state, const void *payload) {
    (void)state;
    if (!tr_ref_is_null(tr_sender(self)))
        tr_self_reply(self, &blob, payload, tr_message_bytes(self));
}

static const tr_handler big_handlers[] = {{&blob, take_blob}};
static const tr_behavior big_behavior = {.size = sizeof(tr_behavior),
                                         .name = "big",
                                         .state_bytes = 5000,
                                         .handlers = big_handlers,
                                         .handler_count = 1};

/* Something of everything; statuses other than OK must be NOMEM (or what follows from it). */
static void do_everything(tr_runtime *rt, bool may_fail) {
    for (int i = 0; i < 40; i++) {
        tr_ref ref = TR_NULL;
        struct probe_log *log = NULL;
        struct answer reply;
        tr_outbox *box = NULL;
        static char back[sizeof large];
        tr_status status = i % 2 ? tr_foreign_spawn(rt, &big_behavior, NULL, &ref)
                                 : tr_spawn_wait(rt, &probe_behavior, &log, TR_SECONDS(20), &ref);
        cr_assert(status == TR_OK || (may_fail && status == TR_NOMEM), "%s",
                  tr_status_name(status));
        if (status != TR_OK) continue;
        status = tr_foreign_send(rt, ref, &blob, large, (size_t)(i * 500));
        cr_assert(status == TR_OK || (may_fail && status == TR_NOMEM));
        status = i % 2 ? tr_foreign_call(rt, ref, TR_MILLISECONDS(may_fail ? 20 : 20000), &blob,
                                         back, sizeof back, &blob, large, (size_t)(i * 300))
                       : tr_call(rt, ref, TR_SECONDS(20), answer, &reply, ask);
        /* A reply for which there was no memory never comes: the call times out. */
        cr_assert(status == TR_OK || (may_fail && (status == TR_NOMEM || status == TR_TIMEOUT)),
                  "%s", tr_status_name(status));
        status = tr_outbox_create(rt, &box);
        cr_assert(status == TR_OK || (may_fail && status == TR_NOMEM));
        for (int n = 0; box != NULL && n < 100; n++) {
            status = tr_outbox_send(box, ref, &blob, large, (size_t)(n % 10 * 100));
            cr_assert(status == TR_OK || (may_fail && status == TR_NOMEM));
        }
        tr_outbox_destroy(box);
        cr_assert_eq(tr_kill(rt, ref), TR_OK);
    }
}

/* ---- facts ------------------------------------------------------------------------------------
 */

Test(memory, all_comes_from_the_allocator_and_goes_back) {
    for (uint32_t workers = 1; workers <= 3; workers++) {
        tr_config config = counted_config(workers);
        tr_runtime *rt = rt_start_with(&config);
        do_everything(rt, false);
        cr_assert_gt(read64(&held_bytes), 0);
        rt_end(rt);
        assert_nothing_held();
    }
}

Test(memory, start_that_fails_at_any_allocation_is_nomem_and_leaves_nothing) {
    tr_config config = counted_config(2);
    int64_t needed = 0;
    for (;; needed++) {
        tr_runtime *rt = NULL;
        set64(&allocations, 0);
        set64(&fail_from, needed);
        tr_status status = tr_runtime_start(&config, &rt);
        set64(&fail_from, INT64_MAX);
        if (status == TR_OK) {
            rt_end(rt);
            break;
        }
        cr_assert_null(rt);
        cr_expect_eq(status, TR_NOMEM, "allocation %lld: %s", (long long)needed,
                     tr_status_name(status));
        assert_nothing_held();
    }
    assert_nothing_held();
    cr_assert_gt(needed, 5);
}

Test(memory, without_any_calls_answer_nomem_and_change_nothing) {
    tr_config config = counted_config(1);
    tr_runtime *rt = rt_start_with(&config);
    tr_ref ref = TR_NULL;
    cr_assert_eq(tr_spawn_wait(rt, &big_behavior, NULL, TR_SECONDS(20), &ref), TR_OK);
    cr_assert_eq(tr_foreign_send(rt, ref, &blob, large, sizeof large), TR_OK);
    RT_QUIET(rt);
    tr_stats before = rt_stats(rt);
    int64_t bytes = read64(&held_bytes);
    set64(&fail_from, 0);
    tr_outbox *box = NULL;
    tr_ref made = {1, 2};
    cr_assert_eq(tr_foreign_send(rt, ref, &blob, large, sizeof large), TR_NOMEM);
    cr_assert_eq(tr_foreign_spawn(rt, &big_behavior, NULL, &made), TR_NOMEM);
    cr_assert_eq(tr_foreign_call(rt, ref, -1, &blob, large, sizeof large, &blob, large, 1000),
                 TR_NOMEM);
    cr_assert_eq(tr_outbox_create(rt, &box), TR_NOMEM);
    cr_assert(box == NULL && made.node == 1 && made.id == 2);
    tr_stats after = rt_stats(rt);
    cr_assert_eq(after.sent, before.sent);
    cr_assert_eq(after.spawned, before.spawned);
    cr_assert_eq(read64(&held_bytes), bytes);
    cr_assert_eq(tr_kill(rt, ref), TR_OK); /* an end needs no memory */
    cr_assert(AWAIT(!tr_is_alive(rt, ref)));
    set64(&fail_from, INT64_MAX);
    do_everything(rt, false); /* it works again */
    rt_end(rt);
    assert_nothing_held();
}

Test(memory, failing_now_and_then_loses_and_leaks_nothing) {
    for (int64_t every = 2; every < 12; every++) {
        tr_config config = counted_config(2);
        tr_runtime *rt = rt_start_with(&config);
        set64(&fail_every, every);
        do_everything(rt, true);
        set64(&fail_every, 0);
        RT_QUIET(rt);
        rt_end(rt); /* checks the sum */
        assert_nothing_held();
    }
}

Test(memory, stop_needs_none) {
    tr_config config = counted_config(2);
    tr_runtime *rt = rt_start_with(&config);
    tr_ref ref;
    for (int i = 0; i < 100; i++)
        cr_assert_eq(tr_foreign_spawn(rt, &big_behavior, NULL, &ref), TR_OK);
    set64(&fail_from, 0);
    rt_end(rt);
    set64(&fail_from, INT64_MAX);
    assert_nothing_held();
}

Test(memory, of_messages_returns_to_the_slack_when_all_is_quiet) {
    enum { NOTES = 300000 };
    static struct test_gate gate;
    tr_config config = counted_config(2);
    tr_runtime *rt = rt_start_with(&config);
    tr_ref ref = probe_spawn(rt, NULL);
    probe_block(rt, ref, &gate);
    for (int i = 0; i < NOTES; i++) cr_assert_eq(tr_send(rt, ref, note, .value = i), TR_OK);
    uint64_t most = rt_stats(rt).message_bytes;
    cr_assert_gt(most, UINT64_C(40) * NOTES);
    gate_open(&gate);
    RT_QUIET(rt);
    /* The pool's slack and one span; and an arena of each worker and gate keeps some chunks, each
     * of which may hold a whole span back. */
    uint64_t slack = (TRI_POOL_SLACK + 4 * TRI_ARENA_CACHE) * (uint64_t)TRI_CHUNK_BYTES;
    bool returned = AWAIT(rt_stats(rt).message_bytes <= slack);
    cr_assert(returned, "%llu bytes of %llu are still held",
              (unsigned long long)rt_stats(rt).message_bytes, (unsigned long long)most);
    rt_end(rt);
    assert_nothing_held();
}

Test(memory, of_a_large_state_and_payload_goes_with_its_actor) {
    enum { ACTORS = 200 };
    tr_config config = counted_config(2);
    tr_runtime *rt = rt_start_with(&config);
    tr_ref refs[ACTORS];
    for (int i = 0; i < ACTORS; i++)
        cr_assert_eq(tr_spawn_wait(rt, &big_behavior, NULL, TR_SECONDS(20), &refs[i]), TR_OK);
    int64_t with = read64(&held_bytes);
    for (int i = 0; i < ACTORS; i++) {
        cr_assert_eq(tr_foreign_send(rt, refs[i], &blob, large, sizeof large), TR_OK);
        cr_assert_eq(tr_kill(rt, refs[i]), TR_OK);
    }
    cr_assert(AWAIT(rt_stats(rt).ended == ACTORS));
    RT_QUIET(rt);
    cr_assert(AWAIT(read64(&held_bytes) <= with - ACTORS * 5000));
    rt_end(rt);
    assert_nothing_held();
}
