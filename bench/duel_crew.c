/* SPDX-License-Identifier: MIT
 * A crew of OS threads that do their shares together (duel.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <string.h>

#include "bench/duel.h"

uint64_t duel_work_after(uint64_t steps) {
    /* n steps are one step x -> factor * x + term; squaring that step doubles n. */
    uint64_t work = DUEL_WORK_START, factor = DUEL_WORK_FACTOR, term = DUEL_WORK_TERM;
    for (; steps > 0; steps >>= 1) {
        if (steps & 1) {
            work = work * factor + term;
        }
        term = term * factor + term;
        factor = factor * factor;
    }
    return work;
}

static void *member_main(void *argument) {
    struct duel_member *me = argument;
    pthread_barrier_wait(&me->crew->gate);
    me->crew->body(me);
    bench_done_report(&me->crew->done, 0);
    return NULL;
}

static void start_member(struct duel_crew *crew, struct duel_attempt *attempt, uint32_t index,
                         void *shared) {
    struct duel_member *me = &crew->members[index];
    uint64_t share = attempt->operations / attempt->threads;
    memset(me, 0, sizeof(*me));
    me->shared = shared;
    me->steps = attempt->steps;
    me->sample_every = attempt->sample_every;
    me->share = share - share % DUEL_BLOCK + DUEL_BLOCK;
    me->own.work = DUEL_WORK_START;
    me->samples_ns = attempt->samples_ns + (size_t)index * DUEL_SAMPLES;
    me->crew = crew;
    int error = pthread_create(&me->thread, NULL, member_main, me);
    bench_ok(error == 0 ? TR_OK : TR_SYSTEM, "start a thread");
}

void duel_crew_run(struct duel_crew *crew, struct duel_attempt *attempt,
                   void (*body)(struct duel_member *me), void *shared) {
    crew->body = body;
    atomic_init(&crew->stop_early, false);
    pthread_barrier_init(&crew->gate, NULL, attempt->threads + 1);
    bench_done_init(&crew->done, attempt->threads);
    for (uint32_t i = 0; i < attempt->threads; i++) {
        start_member(crew, attempt, i, shared);
    }

    bench_clock_start(&attempt->run);
    pthread_barrier_wait(&crew->gate);
    if (!bench_done_wait_for(&crew->done, attempt->limit_ns)) {
        attempt->abandoned = true;
        /* relaxed: each member sees it some time, and nothing else depends on it */
        atomic_store_explicit(&crew->stop_early, true, memory_order_relaxed);
    }
    for (uint32_t i = 0; i < attempt->threads; i++) {
        pthread_join(crew->members[i].thread, NULL);
    }
    bench_done_fini(&crew->done);
    pthread_barrier_destroy(&crew->gate);
}

uint64_t duel_crew_operations(const struct duel_crew *crew, const struct duel_attempt *attempt) {
    uint64_t operations = 0;
    for (uint32_t i = 0; i < attempt->threads; i++) {
        operations += crew->members[i].operations;
    }
    return operations;
}

uint64_t duel_crew_increments(const struct duel_crew *crew, const struct duel_attempt *attempt) {
    uint64_t increments = 0;
    for (uint32_t i = 0; i < attempt->threads; i++) {
        increments += crew->members[i].increments;
    }
    return increments;
}

void duel_crew_percentiles(struct duel_crew *crew, struct duel_attempt *attempt) {
    static const double fractions[DUEL_PERCENTILES] = {0.5, 0.99, 0.999};
    uint64_t count = 0;
    for (uint32_t i = 0; i < attempt->threads; i++) {
        const struct duel_member *member = &crew->members[i];
        memmove(attempt->samples_ns + count, member->samples_ns,
                member->sample_count * sizeof(int64_t));
        count += member->sample_count;
    }
    bench_sort(attempt->samples_ns, count);
    for (int i = 0; i < DUEL_PERCENTILES; i++) {
        attempt->percentiles_ns[i] = bench_percentile(attempt->samples_ns, count, fractions[i]);
    }
}
