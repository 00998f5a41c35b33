/* SPDX-License-Identifier: MIT
 * Fails every allocation of a scenario in turn: the n-th alone, and all from the n-th on, for n =
 * 1, 2, … until a run gets through without reaching n. The scenario: start, spawn from outside and
 * from a handler (small and large state, small and large argument), send small and large from
 * outside, through an outbox and from a handler, call, reply (small and large), a burst that needs
 * many chunks, kill, stop, destroy.
 *
 * Holds: a status comes back and out-parameters stay as they were; what was accepted is accounted
 * for; every byte is given back; nothing crashes or hangs. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test/integration/check.h"
#include "troupe/troupe.h"

#define LARGE 5000
#define BURST 3000 /* messages; hundreds of kilobytes */
#define PATIENCE TR_SECONDS(60)

/* ---- the failing allocator --------------------------------------------------------------------
 */

static struct {
    _Atomic int64_t left; /* allocations until the failing one */
    _Atomic bool forever; /* fails all after it too */
    _Atomic int64_t bytes, blocks;
    _Atomic uint64_t failures;
} memory;

static void *failing_allocate(void *context, size_t align_bytes, size_t bytes) {
    CHECK(context == &memory);
    int64_t left = atomic_fetch_sub_explicit(&memory.left, 1, memory_order_seq_cst);
    if (left == 1 || (left < 1 && atomic_load_explicit(&memory.forever, memory_order_seq_cst))) {
        atomic_fetch_add_explicit(&memory.failures, 1, memory_order_seq_cst);
        return NULL;
    }
    if (align_bytes < sizeof(void *)) align_bytes = sizeof(void *);
    void *block;
    if (posix_memalign(&block, align_bytes, bytes) != 0) return NULL;
    atomic_fetch_add_explicit(&memory.bytes, (int64_t)bytes, memory_order_seq_cst);
    atomic_fetch_add_explicit(&memory.blocks, 1, memory_order_seq_cst);
    memset(block, 0xA5, bytes);
    return block;
}

static void failing_release(void *context, void *block, size_t bytes) {
    CHECK(context == &memory && block != NULL);
    atomic_fetch_sub_explicit(&memory.bytes, (int64_t)bytes, memory_order_seq_cst);
    atomic_fetch_sub_explicit(&memory.blocks, 1, memory_order_seq_cst);
    memset(block, 0x5A, bytes);
    free(block);
}

/* ---- the scenario's actors --------------------------------------------------------------------
 */

#define NUMBER(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(tell, NUMBER)
TR_MESSAGE(ask, NUMBER)
TR_MESSAGE(answer, NUMBER)
TR_MESSAGE(ask_long, TR_NO_FIELDS)
TR_MESSAGE(work, TR_NO_FIELDS)
TR_RAW_MESSAGE(text)

struct large {
    char bytes[LARGE];
};

/* Counts by the program itself; an actor that could not be told is not counted. */
static _Atomic uint64_t accepted, began, terminated;

static tr_status note(tr_status status) {
    if (status == TR_OK)
        atomic_fetch_add_explicit(&accepted, 1, memory_order_seq_cst);
    else
        CHECK_EQUAL(TR_NOMEM, status);
    return status;
}

static tr_status init(tr_self *self, void *state, const void *argument) {
    (void)self;
    const char *given = argument;
    CHECK(given != NULL && given[0] == 'x');
    CHECK(*(const char *)state == 0);
    *(char *)state = 's';
    atomic_fetch_add_explicit(&began, 1, memory_order_seq_cst);
    return TR_OK;
}

static void terminate(tr_self *self, void *state, const tr_reason *reason) {
    (void)self;
    (void)reason;
    CHECK(*(const char *)state == 's');
    atomic_fetch_add_explicit(&terminated, 1, memory_order_seq_cst);
}

static void on_tell(tr_self *self, void *state, const void *payload) {
    (void)self;
    (void)payload;
    CHECK(*(const char *)state == 's');
}

static void on_text(tr_self *self, void *state, const void *payload) {
    const char *bytes = payload;
    size_t length = tr_message_bytes(self);
    CHECK(*(const char *)state == 's');
    for (size_t i = 0; i < length; i++) CHECK(bytes[i] == 't');
}

static void on_ask(tr_self *self, void *state, const void *payload) {
    (void)state;
    note(tr_reply(self, answer, .value = ((const ask *)payload)->value + 1));
}

static void on_ask_long(tr_self *self, void *state, const void *payload) {
    (void)state;
    (void)payload;
    char reply[LARGE];
    memset(reply, 't', sizeof reply);
    note(tr_self_reply(self, &text_message, reply, sizeof reply));
}

static void on_work(tr_self *self, void *state, const void *payload);

static const tr_handler handlers[] = {
    {&tell_message, on_tell}, {&text_message, on_text},         {&ask_message, on_ask},
    {&work_message, on_work}, {&ask_long_message, on_ask_long},
};
#define BEHAVIOR(STATE, ARGUMENT)                                                                  \
    { sizeof(tr_behavior), "actor", STATE, ARGUMENT, handlers, 5, 0, init, terminate, NULL }
static const tr_behavior small_behavior = BEHAVIOR(8, 8);
static const tr_behavior large_behavior = BEHAVIOR(sizeof(struct large), sizeof(struct large));

/* Spawns, sends and ends in a handler. */
static void on_work(tr_self *self, void *state, const void *payload) {
    (void)state;
    (void)payload;
    struct large argument;
    char data[LARGE];
    memset(&argument, 'x', sizeof argument);
    memset(data, 't', sizeof data);
    for (int i = 0; i < 4; i++) {
        tr_ref child = {7, 7};
        const tr_behavior *behavior = i % 2 == 0 ? &small_behavior : &large_behavior;
        tr_status status = tr_self_spawn(self, behavior, &argument, &child);
        if (status != TR_OK) {
            CHECK(status == TR_NOMEM || status == TR_STOPPING);
            CHECK(child.node == 7 && child.id == 7);
            child = tr_self_ref(self);
        }
        note(tr_send(self, child, tell, .value = 1));
        note(tr_self_send(self, child, &text_message, data, sizeof data));
        note(tr_self_send(self, child, &text_message, data, 100));
    }
    for (int i = 0; i < BURST; i++) note(tr_send(self, tr_self_ref(self), tell, .value = i));
}

/* ---- the scenario -----------------------------------------------------------------------------
 */

static void spawn_outside(tr_runtime *rt, tr_ref *actors) {
    struct large argument;
    memset(&argument, 'x', sizeof argument);
    for (int i = 0; i < 4; i++) {
        actors[i] = (tr_ref){7, 7};
        const tr_behavior *behavior = i % 2 == 0 ? &small_behavior : &large_behavior;
        tr_status status = i < 2 ? tr_foreign_spawn(rt, behavior, &argument, &actors[i])
                                 : tr_spawn_wait(rt, behavior, &argument, PATIENCE, &actors[i]);
        if (status == TR_OK) continue;
        CHECK_EQUAL(TR_NOMEM, status);
        CHECK(actors[i].node == 7 && actors[i].id == 7);
        actors[i] = TR_NULL;
    }
}

static void call_outside(tr_runtime *rt, tr_ref actor) {
    answer reply = {-1};
    tr_status status = tr_call(rt, actor, TR_MILLISECONDS(30), answer, &reply, ask, .value = 41);
    /* TR_TIMEOUT: the reply found no memory. */
    CHECK(status == TR_OK || status == TR_NOMEM || status == TR_TIMEOUT);
    CHECK(reply.value == (status == TR_OK ? 42 : -1));
    if (status != TR_NOMEM) atomic_fetch_add_explicit(&accepted, 1, memory_order_seq_cst);
    char bytes[LARGE] = {0};
    status = tr_foreign_call(rt, actor, TR_MILLISECONDS(30), &text_message, bytes, sizeof bytes,
                             &ask_long_message, NULL, 0);
    CHECK(status == TR_OK || status == TR_NOMEM || status == TR_TIMEOUT);
    CHECK(bytes[LARGE - 1] == (status == TR_OK ? 't' : 0));
    if (status != TR_NOMEM) atomic_fetch_add_explicit(&accepted, 1, memory_order_seq_cst);
}

static void send_outside(tr_runtime *rt, tr_ref actor) {
    char data[LARGE];
    memset(data, 't', sizeof data);
    note(tr_send(rt, actor, tell, .value = 1));
    note(tr_foreign_send(rt, actor, &text_message, data, sizeof data));
    tr_outbox *outbox = NULL;
    tr_status status = tr_outbox_create(rt, &outbox);
    CHECK(status == TR_OK || status == TR_NOMEM);
    CHECK((outbox != NULL) == (status == TR_OK));
    if (outbox == NULL) return;
    for (int i = 0; i < 200; i++) note(tr_send(outbox, actor, tell, .value = i));
    note(tr_outbox_send(outbox, actor, &text_message, data, sizeof data));
    CHECK_STATUS(TR_OK, tr_outbox_flush(outbox));
    tr_outbox_destroy(outbox);
}

static void check_sum(tr_runtime *rt) {
    tr_stats stats = {.size = sizeof stats};
    CHECK_STATUS(TR_OK, tr_runtime_stats(rt, &stats));
    uint64_t accounted = stats.handled + stats.unhandled + stats.replies;
    for (int i = 0; i < TR_DEAD_REASONS; i++) accounted += stats.dead[i];
    CHECK_EQUAL(atomic_load_explicit(&accepted, memory_order_seq_cst), stats.sent);
    CHECK_EQUAL(stats.sent, accounted);
    CHECK_EQUAL(stats.spawned, stats.ended);
    CHECK_EQUAL(atomic_load_explicit(&began, memory_order_seq_cst),
                atomic_load_explicit(&terminated, memory_order_seq_cst));
    CHECK_EQUAL(0, stats.unhandled);
}

/* False: the runtime could not start. */
static bool scenario(void) {
    atomic_store_explicit(&accepted, 0, memory_order_seq_cst);
    atomic_store_explicit(&began, 0, memory_order_seq_cst);
    atomic_store_explicit(&terminated, 0, memory_order_seq_cst);
    tr_config config = TR_CONFIG_INIT;
    config.workers = 2;
    config.max_actors = 1000;
    config.max_calls = 16;
    config.allocator = (tr_allocator){failing_allocate, failing_release, &memory};
    tr_runtime *rt = (tr_runtime *)&memory; /* must stay untouched */
    tr_status status = tr_runtime_start(&config, &rt);
    if (status != TR_OK) {
        CHECK(status == TR_NOMEM || status == TR_SYSTEM);
        CHECK(rt == (tr_runtime *)&memory);
        return false;
    }
    tr_ref actors[4];
    spawn_outside(rt, actors);
    for (int i = 0; i < 4; i++) {
        if (tr_ref_is_null(actors[i])) continue;
        send_outside(rt, actors[i]);
        if (i % 2 == 0) note(tr_send(rt, actors[i], work));
        if (i == 1 || i == 2) call_outside(rt, actors[i]);
    }
    if (!tr_ref_is_null(actors[3])) CHECK_STATUS(TR_OK, tr_kill(rt, actors[3]));
    CHECK_STATUS(TR_OK, tr_runtime_stop(rt, PATIENCE));
    check_sum(rt);
    CHECK_STATUS(TR_OK, tr_runtime_destroy(rt));
    return true;
}

static uint64_t fail_from(int64_t n, bool forever) {
    atomic_store_explicit(&memory.left, n, memory_order_seq_cst);
    atomic_store_explicit(&memory.forever, forever, memory_order_seq_cst);
    atomic_store_explicit(&memory.failures, 0, memory_order_seq_cst);
    bool started = scenario();
    CHECK(started || atomic_load_explicit(&memory.failures, memory_order_seq_cst) > 0);
    if (atomic_load_explicit(&memory.bytes, memory_order_seq_cst) != 0 ||
        atomic_load_explicit(&memory.blocks, memory_order_seq_cst) != 0) {
        fprintf(stderr, "allocation %lld failed: %lld bytes in %lld blocks were not given back\n",
                (long long)n, (long long)atomic_load_explicit(&memory.bytes, memory_order_seq_cst),
                (long long)atomic_load_explicit(&memory.blocks, memory_order_seq_cst));
        exit(1);
    }
    return atomic_load_explicit(&memory.failures, memory_order_seq_cst);
}

int main(int argc, char **argv) {
    if (argc == 3) { /* one case again: alloc_failure N once|forever */
        fail_from(strtoll(argv[1], NULL, 10), strcmp(argv[2], "forever") == 0);
        return 0;
    }
    for (int forever = 0; forever < 2; forever++) {
        int64_t n = 1;
        while (fail_from(n, forever != 0) > 0) n++;
        printf("%s: %lld allocations\n", forever ? "all from the n-th on" : "the n-th alone",
               (long long)n - 1);
        CHECK(n > 20);
    }
    return 0;
}
