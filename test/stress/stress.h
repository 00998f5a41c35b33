/* SPDX-License-Identifier: MIT
 * What the stress programs share: arguments, rounds, a random configuration for each, the exact sum
 * that every round ends with, and a watchdog.
 *
 *   int main(int argc, char **argv) {
 *       struct stress stress = stress_begin("churn", argc, argv);
 *       while (stress_next_round(&stress)) one_round(&stress);
 *       return stress_end(&stress);
 *   }
 *
 * --seconds N  for how long rounds are started (default 2)
 * --seed S     of every random choice; printed first, drawn from the system without it
 * --workers N  in every round; without it each round draws one of 1, 2, 3, 4, 8
 * --scale X    multiplies the size of a round where a program says so (default 1)
 * --hold       a program whose watchdog fires waits for a debugger instead of ending
 *
 * A failure prints what was expected, what was seen and how to run it again, and exits with 1. The
 * watchdog fires when nobody has called stress_progress for STRESS_PATIENCE_S seconds. */
#ifndef TROUPE_TEST_STRESS_H
#define TROUPE_TEST_STRESS_H

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/random.h"
#include "troupe/troupe.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STRESS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define STRESS_SANITIZED 1
#endif
#endif
#ifndef STRESS_SANITIZED
#define STRESS_SANITIZED 0
#endif

#define STRESS_PATIENCE_S (STRESS_SANITIZED ? 40 : 10)
/* For whatever must happen, sooner or later, on a busy machine too. */
#define STRESS_LONG TR_SECONDS(120)

struct stress {
    const char *name;
    double seconds, scale;
    uint64_t seed;
    uint32_t fixed_workers; /* 0: drawn for each round */
    uint64_t round;
    uint64_t end_ns;
    struct tri_random random;
    tr_config config; /* of this round */
};

/* One program, one of these: the watchdog and failures of other threads need it. */
static struct {
    struct stress *stress;
    bool hold;
    _Atomic uint64_t progress;
    pthread_mutex_t lock;
    tr_runtime *runtimes[8]; /* under lock: what the watchdog dumps */
} stress_state = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- failing ----------------------------------------------------------------------------------
 */

static inline void stress_dump(tr_runtime *rt) {
    tr_stats s = {.size = sizeof s};
    if (tr_runtime_stats(rt, &s) != TR_OK) return;
    fprintf(stderr,
            "  sent %" PRIu64 " = handled %" PRIu64 " + unhandled %" PRIu64 " + replies %" PRIu64
            " + dead %" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64 " + queued %" PRId64 "\n",
            s.sent, s.handled, s.unhandled, s.replies, s.dead[0], s.dead[1], s.dead[2], s.dead[3],
            (int64_t)(s.sent - s.handled - s.unhandled - s.replies - s.dead[0] - s.dead[1] -
                      s.dead[2] - s.dead[3]));
    fprintf(stderr,
            "  spawned %" PRIu64 ", ended %" PRIu64 ", init failed %" PRIu64 ", rejected %" PRIu64
            ", activations %" PRIu64 ", parks %" PRIu64 ", wakes %" PRIu64 "\n",
            s.spawned, s.ended, s.init_failed, s.rejected, s.activations, s.parks, s.wakes);
    fprintf(stderr,
            "  exposed %" PRIu64 ", stolen %" PRIu64 ", attracted %" PRIu64 ", deferred %" PRIu64
            ", takeovers %" PRIu64 ", threads %" PRIu64 ", slot bytes %" PRIu64
            ", message bytes %" PRIu64 "\n",
            s.exposed, s.stolen, s.attracted, s.deferred, s.takeovers, s.threads, s.slot_bytes,
            s.message_bytes);
}

static inline void stress_dump_all(void) {
    pthread_mutex_lock(&stress_state.lock);
    for (int i = 0; i < 8; i++)
        if (stress_state.runtimes[i] != NULL) stress_dump(stress_state.runtimes[i]);
    pthread_mutex_unlock(&stress_state.lock);
}

__attribute__((format(printf, 1, 2))) static inline _Noreturn void stress_fail(const char *format,
                                                                               ...) {
    const struct stress *stress = stress_state.stress;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr,
            "\n  round %" PRIu64 ": workers %" PRIu32 ", batch %" PRIu32 ", activation %" PRIu32
            " us, overdue %" PRIu32 " us\n  again: %s --seed %" PRIu64 "%s\n",
            stress->round, stress->config.workers, stress->config.batch,
            stress->config.activation_us, stress->config.overdue_us, stress->name, stress->seed,
            stress->fixed_workers != 0 ? " --workers N" : "");
    fflush(stderr);
    if (stress_state.hold)
        for (;;) pause();
    _exit(1);
}

#define STRESS_CHECK(CONDITION, ...) ((CONDITION) ? (void)0 : stress_fail(__VA_ARGS__))

static inline void stress_equal(const char *what, uint64_t expected, uint64_t seen) {
    if (expected == seen) return;
    stress_dump_all();
    stress_fail("%s: expected %" PRIu64 ", saw %" PRIu64, what, expected, seen);
}

static inline void stress_ok(const char *what, tr_status status) {
    if (status == TR_OK) return;
    stress_dump_all();
    stress_fail("%s: expected TR_OK, saw %s", what, tr_status_name(status));
}

/* ---- watchdog ---------------------------------------------------------------------------------
 */

/* Something has got on. Threads: any. */
static inline void stress_progress(void) {
    atomic_fetch_add_explicit(&stress_state.progress, 1, memory_order_relaxed);
}

static inline void *stress_watchdog(void *unused) {
    (void)unused;
    uint64_t seen = 0;
    for (int quiet = 0;; quiet++) {
        sleep(1);
        uint64_t now = atomic_load_explicit(&stress_state.progress, memory_order_relaxed);
        if (now != seen) quiet = 0;
        seen = now;
        if (quiet < STRESS_PATIENCE_S) continue;
        stress_dump_all();
        stress_fail("no progress for %d seconds", quiet);
    }
    return NULL;
}

/* ---- beginning, rounds, end -------------------------------------------------------------------
 */

static inline double stress_argument(int argc, char **argv, int i) {
    char *end = NULL;
    double value = i + 1 < argc ? strtod(argv[i + 1], &end) : 0;
    if (end != NULL && *end == '\0') return value;
    fprintf(stderr, "%s: %s takes a number\n", argv[0], argv[i]);
    exit(2);
}

static inline void stress_parse(struct stress *stress, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--hold") == 0) {
            stress_state.hold = true;
            continue;
        }
        double value = stress_argument(argc, argv, i);
        if (strcmp(argv[i], "--seconds") == 0) {
            stress->seconds = value;
        } else if (strcmp(argv[i], "--seed") == 0) {
            stress->seed = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--workers") == 0) {
            stress->fixed_workers = (uint32_t)value;
        } else if (strcmp(argv[i], "--scale") == 0) {
            stress->scale = value;
        } else {
            fprintf(stderr, "usage: %s [--seconds N] [--seed S] [--workers N] [--scale X]\n",
                    argv[0]);
            exit(2);
        }
        i++;
    }
}

static inline void stress_begin(struct stress *stress, const char *name, int argc, char **argv) {
    memset(stress, 0, sizeof *stress);
    stress->name = name;
    stress->seconds = 2;
    stress->scale = 1;
    stress_parse(stress, argc, argv);
    if (stress->seed == 0) stress->seed = tri_os_entropy() >> 32 | 1;
    stress->random.state = stress->seed;
    printf("%s: seed %" PRIu64 "\n", name, stress->seed);
    fflush(stdout);
    stress->end_ns = tri_clock_ns() + (uint64_t)(stress->seconds * 1e9);
    stress_state.stress = stress;
    pthread_t watchdog;
    if (pthread_create(&watchdog, NULL, stress_watchdog, NULL) != 0) abort();
    pthread_detach(watchdog);
}

static inline uint32_t stress_below(struct stress *stress, uint32_t bound) {
    return tri_random_below(&stress->random, bound);
}

static inline bool stress_time_is_up(const struct stress *stress) {
    return tri_clock_ns() >= stress->end_ns;
}

/* Draws the configuration of the next round. */
static inline bool stress_draw_round(struct stress *stress) {
    static const uint32_t workers[] = {1, 2, 3, 4, 8};
    static const uint32_t batches[] = {0, 0, 1, 2, 7, 1000};
    static const uint32_t overdue[] = {0, 0, 0, 100, 300};
    stress->round++;
    stress_progress();
    uint32_t drawn = workers[stress_below(stress, 5)];
    stress->config = TR_CONFIG_INIT;
    stress->config.workers = stress->fixed_workers != 0 ? stress->fixed_workers : drawn;
    stress->config.batch = batches[stress_below(stress, 6)];
    stress->config.activation_us = stress_below(stress, 4) == 0 ? 1 : 0;
    stress->config.overdue_us = overdue[stress_below(stress, 5)];
    stress->config.seed = tri_random_next(&stress->random) | 1;
    return true;
}

/* The next round; false when the time is up. The first round runs in any case. */
static inline bool stress_next_round(struct stress *stress) {
    return (stress->round == 0 || !stress_time_is_up(stress)) && stress_draw_round(stress);
}

/* One more although the time is up, because something has not happened yet. */
static inline bool stress_extra_round(struct stress *stress, bool wanted) {
    return wanted && stress_draw_round(stress);
}

static inline int stress_end(const struct stress *stress) {
    printf("%s: %" PRIu64 " rounds\n", stress->name, stress->round);
    return 0;
}

/* ---- runtimes ---------------------------------------------------------------------------------
 */

static inline void stress_watch(tr_runtime *rt, tr_runtime *in_place_of) {
    pthread_mutex_lock(&stress_state.lock);
    for (int i = 0; i < 8; i++)
        if (stress_state.runtimes[i] == in_place_of) {
            stress_state.runtimes[i] = rt;
            break;
        }
    pthread_mutex_unlock(&stress_state.lock);
}

static inline tr_runtime *stress_start(struct stress *stress) {
    tr_runtime *rt = NULL;
    stress_ok("tr_runtime_start", tr_runtime_start(&stress->config, &rt));
    stress_watch(rt, NULL);
    return rt;
}

static inline tr_stats stress_stats(tr_runtime *rt) {
    tr_stats stats = {.size = sizeof stats};
    stress_ok("tr_runtime_stats", tr_runtime_stats(rt, &stats));
    return stats;
}

static inline uint64_t stress_dead(const tr_stats *stats) {
    uint64_t dead = 0;
    for (int i = 0; i < TR_DEAD_REASONS; i++) dead += stats->dead[i];
    return dead;
}

/* Where the messages that were sent have gone. */
static inline uint64_t stress_accounted(const tr_stats *stats) {
    return stats->handled + stats->unhandled + stats->replies + stress_dead(stats);
}

/* The sum that every stopped runtime must show; returns its counters. */
static inline tr_stats stress_check_sum(tr_runtime *rt) {
    tr_stats stats = stress_stats(rt);
    stress_equal("sent == handled + unhandled + replies + dead", stats.sent,
                 stress_accounted(&stats));
    stress_equal("spawned == ended", stats.spawned, stats.ended);
    return stats;
}

/* Waits until everything sent so far is accounted for; the caller keeps others from sending. */
static inline void stress_quiesce(tr_runtime *rt) {
    for (uint64_t last = UINT64_MAX;;) {
        tr_stats stats = stress_stats(rt);
        uint64_t accounted = stress_accounted(&stats);
        if (stats.sent == accounted && accounted == last) return;
        if (accounted != last) stress_progress();
        last = accounted;
        usleep(1000);
    }
}

static inline tr_stats stress_stop(tr_runtime *rt) {
    stress_ok("tr_runtime_stop", tr_runtime_stop(rt, STRESS_LONG));
    return stress_check_sum(rt);
}

static inline void stress_destroy(tr_runtime *rt) {
    stress_watch(NULL, rt);
    stress_ok("tr_runtime_destroy", tr_runtime_destroy(rt));
    stress_progress();
}

/* ---- small things -----------------------------------------------------------------------------
 */

static inline pthread_t stress_thread(void *(*entry)(void *), void *argument) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, entry, argument);
    if (error != 0) stress_fail("pthread_create: %s", strerror(error));
    return thread;
}

static inline void *stress_alloc(size_t bytes) {
    void *memory = calloc(1, bytes);
    if (memory == NULL) stress_fail("out of memory: %zu bytes", bytes);
    return memory;
}

/* Uses up the CPU for about so long. */
static inline void stress_burn(uint64_t ns) {
    uint64_t start = tri_clock_ns();
    while (tri_clock_ns() - start < ns) {}
}

static inline void stress_count(_Atomic uint64_t *counter, uint64_t n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t stress_counted(_Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
