/* SPDX-License-Identifier: MIT
 * What tests of the runtime share: starting and ending one, waiting for something to become true,
 * and the probe, an actor that writes down what happens to it. Include it after unit.h.
 */
#ifndef TROUPE_TEST_ACTORS_H
#define TROUPE_TEST_ACTORS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/os.h"
#include "troupe/troupe.h"

enum {
    WATCHDOG_S = 20,
    TEST_S = 60,                /* .timeout of a test */
    LOG_MAX = 20000,            /* notes that a probe writes down */
    NEVER_OVERDUE_US = 3000000, /* overdue_us of tests that must not see a take-over */
};

/* Waits until CONDITION, at most WATCHDOG_S seconds; the value is whether it came true. */
#define AWAIT(CONDITION)                                                                           \
    __extension__({                                                                                \
        uint64_t await_start_ = tri_clock_ns();                                                    \
        bool await_true_;                                                                          \
        while (!(await_true_ = (CONDITION)) &&                                                     \
               tri_clock_ns() - await_start_ < (uint64_t)TR_SECONDS(WATCHDOG_S))                   \
            tri_os_yield();                                                                        \
        await_true_;                                                                               \
    })

/* ---- gates: where a handler or a thread waits for the test ------------------------------------
 */

struct test_gate {
    _Atomic uint32_t open;
    _Atomic uint32_t waiting; /* how many have come to it */
};

static inline void gate_open(struct test_gate *gate) {
    atomic_store_explicit(&gate->open, 1, memory_order_release);
}

/* True: it was opened. False: not within the time, so that a failing test ends nevertheless. */
static inline bool gate_pass(struct test_gate *gate) {
    atomic_fetch_add_explicit(&gate->waiting, 1, memory_order_release);
    return AWAIT(atomic_load_explicit(&gate->open, memory_order_acquire) != 0);
}

static inline bool gate_await(struct test_gate *gate, uint32_t waiting) {
    return AWAIT(atomic_load_explicit(&gate->waiting, memory_order_acquire) >= waiting);
}

/* ---- the runtime ------------------------------------------------------------------------------
 */

static inline tr_runtime *rt_start_with(const tr_config *config) {
    tr_runtime *rt = NULL;
    cr_assert_eq(tr_runtime_start(config, &rt), TR_OK);
    cr_assert_not_null(rt);
    return rt;
}

/* overdue_us 0: the default. */
static inline tr_runtime *rt_start(uint32_t workers, uint32_t overdue_us) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = workers;
    config.overdue_us = overdue_us;
    return rt_start_with(&config);
}

static inline tr_stats rt_stats(tr_runtime *rt) {
    tr_stats stats = {.size = sizeof stats};
    cr_assert_eq(tr_runtime_stats(rt, &stats), TR_OK);
    return stats;
}

static inline uint64_t stats_dead(const tr_stats *stats) {
    uint64_t dead = 0;
    for (int i = 0; i < TR_DEAD_REASONS; i++) dead += stats->dead[i];
    return dead;
}

/* sent = handled + unhandled + replies + dead: nothing is queued. */
static inline bool stats_balance(const tr_stats *stats) {
    return stats->sent == stats->handled + stats->unhandled + stats->replies + stats_dead(stats);
}

static inline bool rt_is_quiet(tr_runtime *rt) {
    tr_stats stats = rt_stats(rt);
    return stats_balance(&stats);
}

/* Waits until every message that was sent has found its end. */
#define RT_QUIET(RT)                                                                               \
    do {                                                                                           \
        bool quiet_ = AWAIT(rt_is_quiet(RT));                                                      \
        tr_stats quiet_stats_ = rt_stats(RT);                                                      \
        cr_assert(quiet_, "sent %llu, handled %llu, unhandled %llu, replies %llu, dead %llu",      \
                  (unsigned long long)quiet_stats_.sent, (unsigned long long)quiet_stats_.handled, \
                  (unsigned long long)quiet_stats_.unhandled,                                      \
                  (unsigned long long)quiet_stats_.replies,                                        \
                  (unsigned long long)stats_dead(&quiet_stats_));                                  \
    } while (0)

/* Stops and destroys; the last counters. */
static inline tr_stats rt_end(tr_runtime *rt) {
    cr_assert_eq(tr_runtime_stop(rt, TR_SECONDS(WATCHDOG_S)), TR_OK);
    tr_stats stats = rt_stats(rt);
    cr_assert(stats_balance(&stats), "sent %llu, handled %llu, dead %llu",
              (unsigned long long)stats.sent, (unsigned long long)stats.handled,
              (unsigned long long)stats_dead(&stats));
    cr_assert_eq(stats.spawned, stats.ended);
    cr_assert_eq(tr_runtime_destroy(rt), TR_OK);
    return stats;
}

/* ---- the probe --------------------------------------------------------------------------------
 */

#define NOTE_FIELDS(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(note, NOTE_FIELDS) /* written down */
TR_MESSAGE(ask, TR_NO_FIELDS) /* answered with the number of notes so far */
#define ANSWER_FIELDS(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(answer, ANSWER_FIELDS)
#define BLOCK_FIELDS(FIELD, T) FIELD(T, uint64, gate)
TR_MESSAGE(block, BLOCK_FIELDS) /* waits at a struct test_gate */
#define LEAVE_FIELDS(FIELD, T) FIELD(T, int32, code)
TR_MESSAGE(leave, LEAVE_FIELDS)   /* exits with that code */
TR_MESSAGE(strange, TR_NO_FIELDS) /* no probe handles it */

/* Written by one probe, read by the test after `count` or `ended` (acquire). */
struct probe_log {
    _Atomic uint32_t count;
    int64_t values[LOG_MAX];
    _Atomic uint32_t ended, has_reason;
    tr_reason reason;
};

struct probe {
    struct probe_log *log;
};

TR_HANDLER(probe, note, self, me, msg) {
    if (me->log == NULL) return;
    uint32_t n = atomic_load_explicit(&me->log->count, memory_order_relaxed);
    if (n < LOG_MAX) me->log->values[n] = msg->value;
    atomic_store_explicit(&me->log->count, n + 1, memory_order_release);
}

TR_HANDLER(probe, ask, self, me, msg) {
    uint32_t n = me->log != NULL ? atomic_load_explicit(&me->log->count, memory_order_relaxed) : 0;
    tr_reply(self, answer, .value = n);
}

TR_HANDLER(probe, block, self, me, msg) {
    (void)gate_pass((struct test_gate *)(uintptr_t)msg->gate);
}

TR_HANDLER(probe, leave, self, me, msg) {
    tr_exit(self, tr_reason_user(msg->code, "leave"));
}

typedef struct probe_log *probe_log_pointer;

TR_INIT(probe, probe_log_pointer, self, me, log) {
    me->log = *log;
    return TR_OK;
}

TR_TERMINATE(probe, self, me, why) {
    if (me->log == NULL) return;
    /* Several probes may share a log: the first end's reason is kept. */
    if (atomic_exchange_explicit(&me->log->has_reason, 1, memory_order_relaxed) == 0)
        me->log->reason = *why;
    atomic_fetch_add_explicit(&me->log->ended, 1, memory_order_release);
}

TR_BEHAVIOR_INIT_TERMINATE(probe, TR_ON(probe, note), TR_ON(probe, ask), TR_ON(probe, block),
                           TR_ON(probe, leave))

static inline tr_ref probe_spawn(tr_runtime *rt, struct probe_log *log) {
    tr_ref ref = TR_NULL;
    cr_assert_eq(tr_foreign_spawn(rt, &probe_behavior, &log, &ref), TR_OK);
    return ref;
}

static inline uint32_t log_count(struct probe_log *log) {
    return atomic_load_explicit(&log->count, memory_order_acquire);
}

static inline uint32_t log_ended(struct probe_log *log) {
    return atomic_load_explicit(&log->ended, memory_order_acquire);
}

/* Puts the actor into a handler that waits at the gate, and waits until it is there. */
static inline void probe_block(tr_runtime *rt, tr_ref ref, struct test_gate *gate) {
    cr_assert_eq(tr_send(rt, ref, block, .gate = (uint64_t)(uintptr_t)gate), TR_OK);
    cr_assert(gate_await(gate, 1));
}

#endif
