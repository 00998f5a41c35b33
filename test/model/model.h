/* SPDX-License-Identifier: MIT
 * The harness of the protocol models: one file per lock-free protocol, over the library's headers
 * unchanged. A model includes this file last among the headers and provides
 *
 *   MODEL_THREADS               2 or 3, defined before this file is included
 *   model_events, model_must    names of its interesting interleavings, and how many of the first
 *                               of them a long native run is certain to meet
 *   model_reset()               fresh shared state, alone
 *   model_thread(me)            what thread `me` does, 0 ≤ me < MODEL_THREADS
 *   model_check()               what must hold when all have returned, alone
 *
 * Three ways to build it:
 *   (nothing)          many rounds for --seconds S (2) with random delays from a seed (--seed N, or
 *                      TROUPE_SEED), then the events are counted; one that must occur and did not
 *                      fails the run, because a check that meets nothing proves nothing
 *   -DMODEL            one round, plain threads, smallest bounds, every choice a constant: for a
 *                      checker that runs every interleaving (C11, pthread, assert, no system call)
 *   -DMODEL_REACH=N    model_saw(N) is an assertion that fails: a checker that finds no error then
 *                      has not reached the place, and its "no errors" is worth nothing
 */
#ifndef TROUPE_TEST_MODEL_MODEL_H
#define TROUPE_TEST_MODEL_MODEL_H

#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static const char *const model_events[];
static const int model_must;

static void model_reset(void);
static void model_thread(int me);
static void model_check(void);

#ifdef MODEL
#define MODEL_BOUND(NATIVE, CHECKED) (CHECKED)
#else
#define MODEL_BOUND(NATIVE, CHECKED) (NATIVE)
#endif

#ifdef MODEL /* ---- for a checker -------------------------------------------------------------   \
              */

static inline void model_saw(int event) {
    (void)event;
#ifdef MODEL_REACH
    assert(event != MODEL_REACH);
#endif
}

static inline void model_delay(int me) {
    (void)me;
}

/* Choices are constants here: a checker explores interleavings, not inputs. */
static inline uint32_t model_choose(int me, uint32_t below) {
    (void)me;
    (void)below;
    return 0;
}

static inline void model_relax(void) {
}

static inline uint64_t model_round(void) {
    return 0;
}

static void *model_entry(void *me) {
    model_thread((int)(intptr_t)me);
    return NULL;
}

int main(void) {
    (void)model_events;
    (void)model_must;
    pthread_t threads[MODEL_THREADS];
    model_reset();
    for (int i = 0; i < MODEL_THREADS; i++)
        pthread_create(&threads[i], NULL, model_entry, (void *)(intptr_t)i);
    for (int i = 0; i < MODEL_THREADS; i++) pthread_join(threads[i], NULL);
    model_check();
    return 0;
}

#else /* ---- native ----------------------------------------------------------------------------- \
       */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/os.h"
#include "base/random.h"

#define MODEL_EVENTS 16
/* Whole rounds before an event that must occur is missed. */
#define MODEL_ENOUGH 20000

static struct {
    _Atomic uint64_t round; /* writer: main; a round begins when it grows; UINT64_MAX: the end */
    _Alignas(128) _Atomic uint32_t ready; /* threads that are about to begin it */
    _Alignas(128) _Atomic uint32_t done;  /* threads that have finished it */
    _Alignas(128) struct {
        _Alignas(128) struct tri_random random;
        uint64_t seen[MODEL_EVENTS];
    } of[MODEL_THREADS]; /* each its thread's own; main reads them at the end */
} model;

/* A thread whose turn it is not: the machine may have fewer cores than the model has threads. */
static inline void model_relax(void) {
    static _Thread_local uint32_t turns;
    if (++turns % 64 != 0)
        TRI_PAUSE();
    else
        tri_os_yield();
}

static _Thread_local int model_me;

static inline void model_saw(int event) {
#ifdef MODEL_REACH
    assert(event != MODEL_REACH);
#endif
    model.of[model_me].seen[event]++;
}

static inline uint32_t model_choose(int me, uint32_t below) {
    return tri_random_below(&model.of[me].random, below);
}

/* Often nothing or a moment, sometimes the rest of the time slice: on one core, too, threads are
 * then interleaved at every place where a model calls this. */
static inline void model_delay(int me) {
    uint32_t dice = model_choose(me, 16);
    if (dice == 0)
        tri_os_yield();
    else if (dice < 8)
        for (uint32_t turns = model_choose(me, 60); turns > 0; turns--) TRI_PAUSE();
}

static inline uint64_t model_round(void) {
    return atomic_load_explicit(&model.round, memory_order_relaxed);
}

static void model_run(int me) {
    /* All begin together, or the first would be done before the second has looked. Relaxed: it is
     * only a matter of time. */
    atomic_fetch_add_explicit(&model.ready, 1, memory_order_relaxed);
    while (atomic_load_explicit(&model.ready, memory_order_relaxed) < MODEL_THREADS) model_relax();
    model_delay(me);
    model_thread(me);
    /* Release: what the thread wrote is model_check's. */
    atomic_fetch_add_explicit(&model.done, 1, memory_order_acq_rel);
}

static void *model_entry(void *me) {
    model_me = (int)(intptr_t)me;
    uint64_t last = 0, round;
    for (;;) {
        /* Acquire: what model_reset wrote is ours. */
        while ((round = atomic_load_explicit(&model.round, memory_order_acquire)) == last)
            model_relax();
        if (round == UINT64_MAX) return NULL;
        model_run(model_me);
        last = round;
    }
}

/* A round that does not end has lost a wake-up or a token: say so while the stacks are still there.
 */
static void *model_watch(void *unused) {
    (void)unused;
    uint64_t before = 0;
    for (;;) {
        sleep(20);
        uint64_t now = atomic_load_explicit(&model.round, memory_order_relaxed);
        if (now == before && now != UINT64_MAX) {
            fprintf(stderr, "round %" PRIu64 " does not end\n", now);
            abort();
        }
        before = now;
    }
    return NULL;
}

static int model_report(uint64_t rounds) {
    int missed = 0;
    for (int event = 1; event < MODEL_EVENTS && model_events[event] != NULL; event++) {
        uint64_t times = 0;
        for (int i = 0; i < MODEL_THREADS; i++) times += model.of[i].seen[event];
        bool miss = event <= model_must && times == 0 && rounds >= MODEL_ENOUGH;
        printf("%12" PRIu64 " %s%s\n", times, model_events[event], miss ? " (MISSED)" : "");
        missed += miss;
    }
    return missed != 0;
}

int main(int count, char **arguments) {
    double seconds = 2;
    const char *seed_text = getenv("TROUPE_SEED");
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(arguments[i], "--seconds") == 0) seconds = atof(arguments[i + 1]);
        if (strcmp(arguments[i], "--seed") == 0) seed_text = arguments[i + 1];
    }
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 0) : tri_os_entropy();
    printf("seed 0x%" PRIx64 "\n", seed);
    fflush(stdout);
    pthread_t threads[MODEL_THREADS], watch;
    for (int i = 0; i < MODEL_THREADS; i++) model.of[i].random.state = seed + (uint64_t)i;
    for (int i = 1; i < MODEL_THREADS; i++)
        pthread_create(&threads[i], NULL, model_entry, (void *)(intptr_t)i);
    pthread_create(&watch, NULL, model_watch, NULL);
    pthread_detach(watch);
    uint64_t start = tri_clock_ns(), rounds = 0;
    while (rounds % 64 != 0 || (double)(tri_clock_ns() - start) < seconds * 1e9) {
        model_reset();
        atomic_store_explicit(&model.ready, 0, memory_order_relaxed);
        atomic_store_explicit(&model.done, 0, memory_order_relaxed);
        atomic_store_explicit(&model.round, ++rounds, memory_order_release);
        model_run(0);
        while (atomic_load_explicit(&model.done, memory_order_acquire) < MODEL_THREADS)
            model_relax();
        model_check();
    }
    atomic_store_explicit(&model.round, UINT64_MAX, memory_order_release);
    for (int i = 1; i < MODEL_THREADS; i++) pthread_join(threads[i], NULL);
    printf("%12" PRIu64 " rounds\n", rounds);
    return model_report(rounds);
}

#endif
#endif
