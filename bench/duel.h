/* SPDX-License-Identifier: MIT
 * The counter duel: one shared total, incremented by so many threads with so long a critical
 * section, once by each way there is. duel.c has the plan, duel_locks.c and duel_actors.c the ways,
 * duel_report.c the tables and sentences.
 */
#ifndef BENCH_DUEL_H
#define BENCH_DUEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"
#include "bench/run.h"

#define DUEL_SECONDS 110
#define DUEL_THREADS_MAX 10
#define DUEL_THREAD_COUNTS 4
#define DUEL_SECTIONS 5
#define DUEL_SIDES                                                                                 \
    2                 /* each cell is measured twice, A and B: their difference is the A/A spread  \
                       */
#define DUEL_PASSES 4 /* A, B, A, B; the better of two passes counts for its side */
#define DUEL_PERCENTILES 3

/* ---- the protected data ------------------------------------------------------------------- */

/* What a critical section of 0 ns increments, and what a longer one works on. */
struct duel_data {
    int64_t total;
    uint64_t work;
};

#define DUEL_WORK_START 1
#define DUEL_WORK_FACTOR 6364136223846793005u
#define DUEL_WORK_TERM 1442695040888963407u

/* So many steps of work, each of which needs the one before. The empty asm keeps the compiler from
 * contracting two steps into one. */
static inline uint64_t duel_work(uint64_t work, uint32_t steps) {
    for (uint32_t i = 0; i < steps; i++) {
        work = work * DUEL_WORK_FACTOR + DUEL_WORK_TERM;
        __asm__ volatile("" : "+r"(work));
    }
    return work;
}

/* One operation on the data: the critical section. */
static inline void duel_operate(struct duel_data *data, uint32_t steps) {
    data->total++;
    if (steps > 0) {
        data->work = duel_work(data->work, steps);
    }
}

/* Where the work stands after so many steps from DUEL_WORK_START, computed in a few
 * multiplications: the check that every operation did all of its work, once. */
uint64_t duel_work_after(uint64_t steps);

/* ---- one measurement ---------------------------------------------------------------------- */

/* One cell of the duel, measured once. */
struct duel_attempt {
    /* what is asked for */
    uint32_t threads; /* or producing actors */
    uint32_t steps;   /* of work per operation */
    uint32_t workers; /* of a runtime, if there is one */
    uint32_t sample_every;
    uint64_t operations; /* about: each thread does its whole share */
    int64_t limit_ns;    /* after which the threads stop early, to keep to the plan */
    int64_t *samples_ns; /* room for DUEL_SAMPLES of each thread */

    /* what is answered */
    struct bench_run run; /* operations, wall_ns, cpu_ns, value (ns per operation), error */
    bool abandoned;       /* limit_ns passed first */
    int64_t percentiles_ns[DUEL_PERCENTILES]; /* of the rows that wait: 50, 99, 99.9 */
};

#define DUEL_SAMPLES 65536

/* A way to increment. */
struct duel_row {
    const char *label; /* in the tables */
    const char *name;  /* in JSON */
    void (*run)(struct duel_attempt *attempt);
    bool waits;        /* for its turn or for an answer: has percentiles */
    bool visible;      /* the increment can be seen when the operation returns */
    bool call;         /* waits for an actor: slow enough to time every operation */
    bool section_free; /* has no room for work: critical section 0 only */
};

enum duel_row_index {
    DUEL_MUTEX,
    DUEL_MUTEX_64,
    DUEL_SPIN,
    DUEL_TICKET,
    DUEL_RWLOCK,
    DUEL_ATOMIC,
    DUEL_PER_THREAD,
    DUEL_TELL,
    DUEL_TELL_FLUSHED,
    DUEL_TELL_FOREIGN,
    DUEL_TELL_OUTBOX,
    DUEL_CALL,
    DUEL_SHARDED,
    DUEL_ROWS
};

void duel_run_mutex(struct duel_attempt *attempt);
void duel_run_mutex_64(struct duel_attempt *attempt);
void duel_run_spin(struct duel_attempt *attempt);
void duel_run_ticket(struct duel_attempt *attempt);
void duel_run_rwlock(struct duel_attempt *attempt);
void duel_run_atomic(struct duel_attempt *attempt);
void duel_run_per_thread(struct duel_attempt *attempt);
void duel_run_tell(struct duel_attempt *attempt);
void duel_run_tell_flushed(struct duel_attempt *attempt);
void duel_run_tell_foreign(struct duel_attempt *attempt);
void duel_run_tell_outbox(struct duel_attempt *attempt);
void duel_run_call(struct duel_attempt *attempt);
void duel_run_sharded(struct duel_attempt *attempt);

/* ---- a crew of OS threads ----------------------------------------------------------------- */

/* One thread of a crew. Aligned so that two never share a cache line. */
struct duel_member {
    _Alignas(128) pthread_t thread;
    void *shared; /* the row's own: lock and data, or runtime and counter */
    uint32_t steps;
    uint32_t sample_every;
    uint64_t share;      /* operations to do */
    uint64_t operations; /* done */
    uint64_t increments; /* of these, those that changed the total; the row may lower it */
    uint64_t sink;       /* keeps the work of a reader alive */
    struct duel_data own;
    int64_t *samples_ns;
    uint32_t sample_count;
    struct duel_crew *crew;
};

struct duel_crew {
    void (*body)(struct duel_member *me);
    pthread_barrier_t gate;
    struct bench_done done;
    _Alignas(128) atomic_bool stop_early; /* written once by the main thread */
    _Alignas(128) struct duel_member members[DUEL_THREADS_MAX];
};

/* Starts the threads, starts the clock, lets them go and waits for all. The clock runs on, so that
 * the caller can ask an actor for the total before it stops it. */
void duel_crew_run(struct duel_crew *crew, struct duel_attempt *attempt,
                   void (*body)(struct duel_member *me), void *shared);

/* Operations and increments of all members. */
uint64_t duel_crew_operations(const struct duel_crew *crew, const struct duel_attempt *attempt);
uint64_t duel_crew_increments(const struct duel_crew *crew, const struct duel_attempt *attempt);

/* Sorts the samples of all members together and sets the percentiles. */
void duel_crew_percentiles(struct duel_crew *crew, struct duel_attempt *attempt);

/* Between looks at stop_early. */
#define DUEL_BLOCK 64

/* A member's loop: its share of operations, stride increments each, with one operation timed now
 * and then. operate is a constant, so that it is compiled into the loop. */
static inline __attribute__((always_inline)) void
duel_member_loop(struct duel_member *me, uint32_t stride, void (*operate)(struct duel_member *me)) {
    uint32_t until_sample = me->sample_every;
    for (uint64_t left = me->share / stride; left > 0;) {
        /* relaxed: it only has to be seen some time */
        if (atomic_load_explicit(&me->crew->stop_early, memory_order_relaxed)) {
            break;
        }
        uint64_t block = left < DUEL_BLOCK / stride ? left : DUEL_BLOCK / stride;
        for (uint64_t i = 0; i < block; i++) {
            if (--until_sample != 0) {
                operate(me);
                continue;
            }
            int64_t begin_ns = bench_now_ns();
            operate(me);
            if (me->sample_count < DUEL_SAMPLES) {
                me->samples_ns[me->sample_count++] = bench_now_ns() - begin_ns;
            }
            until_sample = me->sample_every;
        }
        left -= block;
        me->operations += block * stride;
        me->increments += block * stride;
    }
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* One cell: a row with so many threads and so long a section. */
struct duel_cell {
    bool measured;
    uint64_t operations; /* of one pass */
    double ns[DUEL_SIDES];
    double cpu_ns[DUEL_SIDES];
    double percentiles_ns[DUEL_SIDES][DUEL_PERCENTILES];
    double pair_ns; /* the yardstick next to it */
};

struct duel {
    const struct duel_row *rows;
    uint32_t workers;
    uint32_t threads[DUEL_THREAD_COUNTS];
    uint32_t sections_ns[DUEL_SECTIONS];
    uint32_t steps[DUEL_SECTIONS];
    struct duel_cell cells[DUEL_SECTIONS][DUEL_THREAD_COUNTS][DUEL_ROWS];
    double pair_ns;      /* median over the whole run */
    double others_share; /* of the CPUs: what other programs had */
};

double duel_cell_ns(const struct duel_cell *cell);
double duel_cell_spread(const struct duel_cell *cell);
/* The A/A spread of two rows (or twice the same): nine of ten of their cells stay below it. */
double duel_rows_spread(const struct duel *duel, enum duel_row_index a, enum duel_row_index b);

/* The table of one pair of section and thread count. */
void duel_print_table(const struct duel *duel, int section, int threads);
/* The summary, and the sentences. */
void duel_print_verdict(const struct duel *duel);
bool duel_write_json(const struct duel *duel, const char *path);

/* Runs it all; returns the exit status. */
int bench_duel(const struct bench_options *options);

#endif
