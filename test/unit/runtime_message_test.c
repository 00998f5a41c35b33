/* SPDX-License-Identifier: MIT
 * Facts about messages on their way: order, visibility, payloads, types, outboxes, replies. */
#include <stdlib.h>

#include "test/support/unit.h"

#include "test/support/actors.h"

TestSuite(message, .timeout = TEST_S);
TestSuite(outbox, .timeout = TEST_S);

static struct probe_log log_a, log_b;
static struct test_gate gate;

/* ---- a driver: an actor that sends what the test wants ----------------------------------------
 */

#define DRIVE_FIELDS(FIELD, T)                                                                     \
    FIELD(T, int32, what) FIELD(T, int64, count) FIELD(T, ref, a) FIELD(T, ref, b)
TR_MESSAGE(drive, DRIVE_FIELDS)
TR_RAW_MESSAGE(blob)

enum { SEND_ROW, ALTERNATE, FLUSH_AND_WAIT, RELAY, REPLY_NOBODY };

struct driver {
    int64_t unused;
};

static _Atomic uint32_t flush_was_seen;

TR_HANDLER(driver, drive, self, me, msg) {
    if (msg->what == SEND_ROW)
        for (int64_t i = 0; i < msg->count; i++) tr_send(self, msg->a, note, .value = i);
    if (msg->what == ALTERNATE)
        for (int64_t i = 0; i < msg->count; i++)
            tr_send(self, i % 3 == 0 ? msg->b : msg->a, note, .value = i);
    if (msg->what == FLUSH_AND_WAIT) { /* goes on only when the receiver has handled the message */
        tr_send(self, msg->a, note, .value = 1);
        tr_flush(self);
        if (AWAIT(log_count(&log_a) == 1))
            atomic_store_explicit(&flush_was_seen, 1, memory_order_release);
    }
    if (msg->what == RELAY) tr_send(self, msg->a, ask);
    if (msg->what == REPLY_NOBODY) tr_reply(self, answer, .value = 1);
}

TR_HANDLER(driver, answer, self, me, msg) {
    atomic_store_explicit(&log_b.count, (uint32_t)msg->value + 100, memory_order_release);
}

TR_BEHAVIOR(driver, TR_ON(driver, drive), TR_ON(driver, answer))

static tr_ref drive_new(tr_runtime *rt) {
    tr_ref ref = tr_spawn(rt, &driver_behavior, NULL);
    cr_assert_not(tr_ref_is_null(ref));
    return ref;
}

static void assert_row(struct probe_log *log, uint32_t count) {
    cr_assert(AWAIT(log_count(log) >= count), "%u of %u came", log_count(log), count);
    cr_assert_eq(log_count(log), count);
    for (uint32_t i = 0; i < count; i++) cr_assert_eq(log->values[i], i);
}

/* ---- order and visibility ---------------------------------------------------------------------
 */

Test(message, of_a_foreign_thread_arrive_in_order) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    for (int i = 0; i < LOG_MAX; i++) cr_assert_eq(tr_send(rt, ref, note, .value = i), TR_OK);
    assert_row(&log_a, LOG_MAX);
    rt_end(rt);
}

Test(message, of_an_actor_arrive_in_order_on_one_worker_and_on_two) {
    for (uint32_t workers = 1; workers <= 2; workers++) {
        atomic_store_explicit(&log_a.count, 0, memory_order_relaxed);
        tr_runtime *rt = rt_start(workers, 0);
        tr_ref driver = drive_new(rt), ref = probe_spawn(rt, &log_a);
        tr_send(rt, driver, drive, .what = SEND_ROW, .count = 10000, .a = ref);
        assert_row(&log_a, 10000);
        rt_end(rt);
    }
}

Test(message, to_alternating_receivers_keep_their_order) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref driver = drive_new(rt), a = probe_spawn(rt, &log_a), b = probe_spawn(rt, &log_b);
    tr_send(rt, driver, drive, .what = ALTERNATE, .count = 3000, .a = a, .b = b);
    cr_assert(AWAIT(log_count(&log_a) == 2000 && log_count(&log_b) == 1000));
    for (int64_t i = 0; i < 1000; i++) {
        cr_assert_eq(log_b.values[i], 3 * i);
        cr_assert_eq(log_a.values[2 * i], 3 * i + 1);
        cr_assert_eq(log_a.values[2 * i + 1], 3 * i + 2);
    }
    rt_end(rt);
}

Test(message, is_visible_at_flush_while_the_handler_still_runs) {
    /* Two homes, and no take-over that would publish it instead. */
    tr_runtime *rt = rt_start(2, NEVER_OVERDUE_US);
    tr_ref driver = drive_new(rt), ref = probe_spawn(rt, &log_a);
    cr_assert(AWAIT(rt_stats(rt).activations >= 2));
    tr_send(rt, driver, drive, .what = FLUSH_AND_WAIT, .a = ref);
    cr_assert(AWAIT(log_count(&log_a) == 1));
    RT_QUIET(rt);
    cr_assert_eq(rt_stats(rt).takeovers, 0);
    rt_end(rt);
    cr_assert_eq(atomic_load_explicit(&flush_was_seen, memory_order_acquire), 1);
}

Test(message, sent_never_runs_user_code_inside_tr_send) {
    /* The receiver waits at a gate that the sender opens only after tr_send has returned. */
    tr_runtime *rt = rt_start(1, 0);
    tr_ref ref = probe_spawn(rt, NULL);
    cr_assert_eq(tr_send(rt, ref, block, .gate = (uint64_t)(uintptr_t)&gate), TR_OK);
    gate_open(&gate);
    RT_QUIET(rt);
    rt_end(rt);
}

/* ---- payloads and types -----------------------------------------------------------------------
 */

static _Atomic uint32_t blobs_good, blobs_bad;

struct blobs {
    int64_t unused;
};

static unsigned char blob_byte(size_t bytes, size_t i) {
    return (unsigned char)(bytes * 31 + i * 7);
}

static void on_blob(tr_self *self, void *state, const void *payload) {
    (void)state;
    size_t bytes = tr_message_bytes(self);
    const unsigned char *at = payload;
    bool good = (uintptr_t)at % 8 == 0;
    for (size_t i = 0; i < bytes; i++) good = good && at[i] == blob_byte(bytes, i);
    atomic_fetch_add_explicit(good ? &blobs_good : &blobs_bad, 1, memory_order_release);
    if (!tr_ref_is_null(tr_sender(self))) tr_self_reply(self, &blob_message, payload, bytes);
}

static const tr_handler blobs_handlers[] = {{&blob_message, on_blob}};
static const tr_behavior blobs_behavior = {
    .size = sizeof(tr_behavior), .name = "blobs", .handlers = blobs_handlers, .handler_count = 1};

static const size_t blob_sizes[] = {0, 1, 7, 8, 16, 255, 256, 257, 4096, 70000, 1000000};
enum { SIZES = sizeof blob_sizes / sizeof blob_sizes[0] };

static unsigned char *make_blob(size_t bytes) {
    unsigned char *at = malloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++) at[i] = blob_byte(bytes, i);
    return at;
}

static void assert_blobs(uint32_t count) {
    cr_assert(AWAIT(atomic_load_explicit(&blobs_good, memory_order_acquire) +
                        atomic_load_explicit(&blobs_bad, memory_order_acquire) ==
                    count));
    cr_assert_eq(atomic_load_explicit(&blobs_bad, memory_order_acquire), 0);
}

Test(message, raw_payload_of_any_size_arrives_whole) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = tr_spawn(rt, &blobs_behavior, NULL);
    for (int i = 0; i < SIZES; i++) {
        unsigned char *at = make_blob(blob_sizes[i]);
        cr_assert_eq(tr_foreign_send(rt, ref, &blob_message, at, blob_sizes[i]), TR_OK);
        memset(at, 0, blob_sizes[i]); /* it was copied */
        free(at);
    }
    assert_blobs(SIZES);
    rt_end(rt);
}

Test(message, raw_payload_of_any_size_goes_and_comes_back_in_a_call) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = tr_spawn(rt, &blobs_behavior, NULL);
    for (int i = 0; i < SIZES; i++) {
        size_t bytes = blob_sizes[i];
        unsigned char *at = make_blob(bytes), *back = calloc(1, bytes + 1);
        cr_assert_eq(tr_foreign_call(rt, ref, TR_SECONDS(20), &blob_message, back, bytes,
                                     &blob_message, at, bytes),
                     TR_OK);
        cr_assert_eq(memcmp(at, back, bytes), 0);
        free(at);
        free(back);
    }
    rt_end(rt);
}

Test(message, without_a_handler_is_counted_as_unhandled) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    for (int i = 0; i < 5; i++) cr_assert_eq(tr_send(rt, ref, strange), TR_OK);
    tr_send(rt, ref, note, .value = 0);
    assert_row(&log_a, 1);
    RT_QUIET(rt);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.unhandled, 5);
    cr_assert_eq(stats.handled, 1);
}

static _Atomic uint32_t any_count;

static void on_any(tr_self *self, void *state, const void *payload) {
    (void)state;
    (void)payload;
    if (tr_message_type_equal(tr_message_type_of(self), &strange_message))
        atomic_fetch_add_explicit(&any_count, 1, memory_order_release);
}

Test(message, without_a_handler_goes_to_any_where_there_is_one) {
    tr_runtime *rt = rt_start(1, 0);
    tr_behavior behavior = {.size = sizeof behavior, .name = "any", .any = on_any};
    tr_ref ref = tr_spawn(rt, &behavior, NULL);
    for (int i = 0; i < 5; i++) tr_send(rt, ref, strange);
    cr_assert(AWAIT(atomic_load_explicit(&any_count, memory_order_acquire) == 5));
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.unhandled, 0);
    cr_assert_eq(stats.handled, 5);
}

Test(message, type_from_another_shared_object_is_the_same_by_name_and_fields) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_message_type copy = note_message;
    struct note payload = {.value = 0};
    cr_assert_eq(tr_foreign_send(rt, ref, &copy, &payload, sizeof payload), TR_OK);
    assert_row(&log_a, 1);
    rt_end(rt);
}

Test(message, reply_goes_to_the_actor_that_sent) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref driver = drive_new(rt), ref = probe_spawn(rt, &log_a);
    tr_send(rt, driver, drive, .what = RELAY, .a = ref);
    cr_assert(AWAIT(log_count(&log_b) == 100));
    rt_end(rt);
}

Test(message, reply_to_a_plain_foreign_send_is_a_counted_dead_letter) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref driver = drive_new(rt);
    tr_send(rt, driver, drive, .what = REPLY_NOBODY);
    cr_assert(AWAIT(rt_stats(rt).dead[TR_DEAD_NO_REPLY_TO] == 1));
    rt_end(rt);
}

/* ---- outboxes ---------------------------------------------------------------------------------
 */

static uint32_t notes_of(tr_runtime *rt, tr_ref ref) {
    struct answer reply;
    cr_assert_eq(tr_call(rt, ref, TR_SECONDS(20), answer, &reply, ask), TR_OK);
    return (uint32_t)reply.value;
}

static tr_outbox *outbox_new(tr_runtime *rt) {
    tr_outbox *box = NULL;
    cr_assert_eq(tr_outbox_create(rt, &box), TR_OK);
    return box;
}

Test(outbox, holds_up_to_64_back_until_flush) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_outbox *box = outbox_new(rt);
    for (int i = 0; i < 63; i++) cr_assert_eq(tr_send(box, ref, note, .value = i), TR_OK);
    cr_assert_eq(notes_of(rt, ref), 0);
    cr_assert_eq(tr_outbox_flush(box), TR_OK);
    cr_assert_eq(notes_of(rt, ref), 63, "flushed messages come before a later call");
    assert_row(&log_a, 63);
    tr_outbox_destroy(box);
    rt_end(rt);
}

Test(outbox, sends_at_64_and_when_the_target_changes) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref a = probe_spawn(rt, &log_a), b = probe_spawn(rt, &log_b);
    tr_outbox *box = outbox_new(rt);
    for (int i = 0; i < 64; i++) tr_send(box, a, note, .value = i);
    cr_assert_eq(notes_of(rt, a), 64);
    tr_send(box, a, note, .value = 64);
    tr_send(box, b, note, .value = 0);
    cr_assert_eq(notes_of(rt, a), 65);
    cr_assert_eq(notes_of(rt, b), 0);
    tr_outbox_destroy(box); /* flushes */
    cr_assert_eq(notes_of(rt, b), 1);
    rt_end(rt);
}

Test(outbox, keeps_the_order_over_many_batches) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_outbox *box = outbox_new(rt);
    for (int i = 0; i < LOG_MAX; i++) {
        cr_assert_eq(tr_send(box, ref, note, .value = i), TR_OK);
        if (i % 97 == 0) cr_assert_eq(tr_outbox_flush(box), TR_OK);
    }
    tr_outbox_destroy(box);
    assert_row(&log_a, LOG_MAX);
    rt_end(rt);
}

Test(outbox, carries_large_payloads) {
    tr_runtime *rt = rt_start(2, 0);
    tr_ref ref = tr_spawn(rt, &blobs_behavior, NULL);
    tr_outbox *box = outbox_new(rt);
    for (int i = 0; i < SIZES; i++) {
        unsigned char *at = make_blob(blob_sizes[i]);
        cr_assert_eq(tr_outbox_send(box, ref, &blob_message, at, blob_sizes[i]), TR_OK);
        free(at);
    }
    tr_outbox_destroy(box);
    assert_blobs(SIZES);
    rt_end(rt);
}

Test(outbox, keeps_the_runtime_from_being_destroyed) {
    tr_runtime *rt = rt_start(1, 0);
    tr_outbox *box = outbox_new(rt);
    cr_assert_eq(tr_runtime_stop(rt, TR_SECONDS(20)), TR_OK);
    cr_assert_eq(tr_runtime_destroy(rt), TR_BUSY);
    tr_outbox_destroy(box);
    cr_assert_eq(tr_runtime_destroy(rt), TR_OK);
}

Test(outbox, drops_and_counts_what_is_held_back_when_the_runtime_stops) {
    tr_runtime *rt = rt_start(1, 0);
    tr_ref ref = probe_spawn(rt, &log_a);
    tr_outbox *box = outbox_new(rt);
    for (int i = 0; i < 10; i++) tr_send(box, ref, note, .value = i);
    tr_runtime_request_stop(rt);
    cr_assert_eq(tr_outbox_flush(box), TR_STOPPING);
    cr_assert_eq(tr_send(box, ref, note, .value = 1), TR_STOPPING);
    cr_assert_eq(tr_outbox_flush(box), TR_OK, "nothing is held any more");
    cr_assert_eq(rt_stats(rt).rejected, 10);
    tr_outbox_destroy(box);
    tr_stats stats = rt_end(rt);
    cr_assert_eq(stats.rejected, 10, "the count outlives the outbox");
    cr_assert_eq(stats.sent, 0);
    cr_assert_eq(log_count(&log_a), 0);
}
