/* SPDX-License-Identifier: MIT
 * What a workload sees of the benchmark program: the repetition it is asked for, the clock, a way
 * to wait for its last actor, and checks that end in WRONG.
 *
 * A workload is one file of bench/workloads. Its run function starts a runtime, starts the clock,
 * spawns and sends, waits for the verified result, stops the clock, stops the runtime.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <troupe/troupe.h>

/* Sends per handler call of a producer that does not want to fill the memory (workload "flood"
 * shows the other kind). */
#define BENCH_BATCH 100

/* How long anything may take before the run is given up as stuck. */
#define BENCH_PATIENCE TR_SECONDS(120)

#define BENCH_FIGURES 6
#define BENCH_ERROR_BYTES 160

enum bench_unit {
    BENCH_NS,        /* nanoseconds per operation, less is better */
    BENCH_BYTES,     /* bytes per operation, less is better */
    BENCH_EFFICIENCY /* a fraction of what is possible, more is better */
};

/* A number that belongs to the result without being it: a percentile, a count. */
struct bench_figure {
    char name[32];
    double value;
    char unit[8]; /* "ns" is scaled when printed; "" is a plain count */
};

/* One repetition of a workload. A plain value: it travels through a pipe. */
struct bench_run {
    /* what is asked for */
    uint32_t workers;
    uint64_t size;

    /* what is answered */
    uint64_t operations;
    double value; /* in the workload's unit; bench_clock_stop sets it to ns per operation */
    int64_t wall_ns;
    int64_t cpu_ns;
    uint32_t figure_count;
    struct bench_figure figures[BENCH_FIGURES];
    char error[BENCH_ERROR_BYTES]; /* empty when every value was right */
};

struct bench_workload {
    const char *name;
    const char *operation; /* what is counted, singular */
    const char *sentence;  /* what happens, for `troupe-bench list` */
    void (*run)(struct bench_run *run);
    uint64_t default_size;
    uint64_t minimum_size;
    uint64_t maximum_size;
    enum bench_unit unit;
    bool fresh; /* each repetition needs a process of its own, because it measures memory */
};

/* ---- the runtime -------------------------------------------------------------------------- */

/* A runtime with run->workers workers. Ends the process with a message when it cannot start. */
tr_runtime *bench_runtime_start(const struct bench_run *run);

/* Checks that no message was lost or invented (sent = handled + unhandled + replies + dead), stops
 * the runtime and frees it. */
void bench_runtime_stop(struct bench_run *run, tr_runtime *runtime);

/* Ends the process with a message when status is not TR_OK: for calls that cannot fail here. */
void bench_ok(tr_status status, const char *what);

/* ---- the clock ---------------------------------------------------------------------------- */

/* Nanoseconds of the monotonic clock. */
int64_t bench_now_ns(void);

/* Just before the first spawn or send of the measured part. */
void bench_clock_start(struct bench_run *run);
/* When the verifier has the last result; sets operations and value. */
void bench_clock_stop(struct bench_run *run, uint64_t operations);

/* ---- results ------------------------------------------------------------------------------ */

/* Marks the run WRONG, with both values, unless they are equal; the first difference counts. */
void bench_expect(struct bench_run *run, const char *what, int64_t expected, int64_t actual);
/* The same for sums of floating-point values, which differ in the last digits with their order. */
void bench_expect_near(struct bench_run *run, const char *what, double expected, double actual);

/* Adds a figure to the result. */
void bench_figure(struct bench_run *run, const char *name, double value, const char *unit);

/* Sorts the samples and returns the one below which the given fraction lies. */
void bench_sort(int64_t *samples, uint64_t count);
int64_t bench_percentile(const int64_t *sorted, uint64_t count, double fraction);

/* Memory of this process in RAM now. */
uint64_t bench_rss_bytes(void);

/* ---- waiting for actors ------------------------------------------------------------------- */

/* A thread waits here until a number of actors have reported; the last actors of a workload hold a
 * pointer to it in their state. */
struct bench_done {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t missing;
    int64_t sum; /* of the values reported */
};

void bench_done_init(struct bench_done *done, uint32_t reports);
void bench_done_fini(struct bench_done *done);
/* One report. Threads: any, handlers included: the mutex is held for an instant only. */
void bench_done_report(struct bench_done *done, int64_t value);
/* Waits for all reports and returns their sum; ends the process when they do not come. */
int64_t bench_done_wait(struct bench_done *done);
/* The same with a limit; false when it passed first. */
bool bench_done_wait_for(struct bench_done *done, int64_t limit_ns);

#endif
