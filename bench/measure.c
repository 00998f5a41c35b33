/* SPDX-License-Identifier: MIT
 * Measuring, and the small services that every workload uses (bench.h, measure.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "bench/measure.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

#define SECOND_NS INT64_C(1000000000)
#define MUTEX_PAIRS 100000
#define IDLE_THREADS 2

/* ---- clocks ------------------------------------------------------------------------------- */

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

int64_t bench_now_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t bench_cpu_ns(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_clock_start(struct bench_run *run) {
    run->cpu_ns = -bench_cpu_ns();
    run->wall_ns = -bench_now_ns();
}

void bench_clock_stop(struct bench_run *run, uint64_t operations) {
    run->wall_ns += bench_now_ns();
    run->cpu_ns += bench_cpu_ns();
    run->operations = operations;
    run->value = (double)run->wall_ns / (double)operations;
}

/* ---- the yardstick ------------------------------------------------------------------------ */

static void *sleep_forever(void *nothing) {
    for (;;) {
        pause();
    }
    return nothing;
}

void bench_several_threads(void) {
    for (int i = 0; i < IDLE_THREADS; i++) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        if (pthread_create(&thread, &attributes, sleep_forever, NULL) != 0) {
            fprintf(stderr, "troupe-bench: cannot start a thread: %s\n", strerror(errno));
            exit(1);
        }
        pthread_attr_destroy(&attributes);
    }
}

double bench_mutex_pair_ns(void) {
    struct {
        _Alignas(64) pthread_mutex_t mutex;
        volatile int64_t total;
    } shared = {PTHREAD_MUTEX_INITIALIZER, 0};
    int64_t begin_ns = bench_now_ns();
    for (int i = 0; i < MUTEX_PAIRS; i++) {
        pthread_mutex_lock(&shared.mutex);
        shared.total = shared.total + 1;
        pthread_mutex_unlock(&shared.mutex);
    }
    int64_t end_ns = bench_now_ns();
    pthread_mutex_destroy(&shared.mutex);
    return (double)(end_ns - begin_ns) / MUTEX_PAIRS;
}

/* ---- memory ------------------------------------------------------------------------------- */

uint64_t bench_rss_bytes(void) {
    uint64_t total_pages = 0, resident_pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%" SCNu64 " %" SCNu64, &total_pages, &resident_pages) != 2) {
        fprintf(stderr, "troupe-bench: cannot read /proc/self/statm; is /proc mounted?\n");
        exit(1);
    }
    fclose(file);
    return resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t bench_peak_rss_bytes(void) {
    /* Not getrusage: its maximum survives exec and fork from a larger process. */
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmHWM: %" SCNu64, &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib * 1024;
}

/* ---- statistics --------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, uint32_t count) {
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof(values[0]), compare_doubles);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_spread(double a, double b) {
    return a + b > 0 ? 2 * fabs(a - b) / (a + b) : 0;
}

static int compare_integers(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void bench_sort(int64_t *samples, uint64_t count) {
    qsort(samples, count, sizeof(samples[0]), compare_integers);
}

int64_t bench_percentile(const int64_t *sorted, uint64_t count, double fraction) {
    if (count == 0) {
        return 0;
    }
    uint64_t index = (uint64_t)(fraction * (double)count);
    return sorted[index < count ? index : count - 1];
}

/* ---- checks ------------------------------------------------------------------------------- */

void bench_expect(struct bench_run *run, const char *what, int64_t expected, int64_t actual) {
    if (expected != actual && run->error[0] == '\0') {
        snprintf(run->error, sizeof(run->error), "%s is %" PRId64 ", expected %" PRId64, what,
                 actual, expected);
    }
}

void bench_expect_near(struct bench_run *run, const char *what, double expected, double actual) {
    /* Written so that NaN is wrong. */
    bool near = fabs(actual - expected) <= 1e-6 * fabs(expected);
    if (!near && run->error[0] == '\0') {
        snprintf(run->error, sizeof(run->error), "%s is %.9g, expected %.9g", what, actual,
                 expected);
    }
}

void bench_figure(struct bench_run *run, const char *name, double value, const char *unit) {
    if (run->figure_count < BENCH_FIGURES) {
        struct bench_figure *figure = &run->figures[run->figure_count++];
        snprintf(figure->name, sizeof(figure->name), "%s", name);
        snprintf(figure->unit, sizeof(figure->unit), "%s", unit);
        figure->value = value;
    }
}

void bench_ok(tr_status status, const char *what) {
    if (status != TR_OK) {
        fprintf(stderr, "troupe-bench: cannot %s: %s (%s)\n", what, tr_status_name(status),
                tr_status_text(status));
        _exit(1); /* the runtime may be in any state: no orderly end from here */
    }
}

/* ---- the runtime -------------------------------------------------------------------------- */

tr_runtime *bench_runtime_start(const struct bench_run *run) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = run->workers;
    tr_runtime *runtime = NULL;
    bench_ok(tr_runtime_start(&config, &runtime), "start the runtime");
    return runtime;
}

void bench_runtime_stop(struct bench_run *run, tr_runtime *runtime) {
    bench_ok(tr_runtime_stop(runtime, BENCH_PATIENCE), "stop the runtime");
    tr_stats stats = {.size = sizeof(stats)};
    bench_ok(tr_runtime_stats(runtime, &stats), "read the runtime's counters");
    uint64_t accounted = stats.handled + stats.unhandled + stats.replies;
    for (int reason = 0; reason < TR_DEAD_REASONS; reason++) {
        accounted += stats.dead[reason];
    }
    bench_expect(run, "handled + unhandled + replies + dead letters", (int64_t)stats.sent,
                 (int64_t)accounted);
    bench_ok(tr_runtime_destroy(runtime), "free the runtime");
}

/* ---- waiting for actors ------------------------------------------------------------------- */

void bench_done_init(struct bench_done *done, uint32_t reports) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&done->cond, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&done->mutex, NULL);
    done->missing = reports;
    done->sum = 0;
}

void bench_done_fini(struct bench_done *done) {
    pthread_cond_destroy(&done->cond);
    pthread_mutex_destroy(&done->mutex);
}

void bench_done_report(struct bench_done *done, int64_t value) {
    pthread_mutex_lock(&done->mutex);
    done->sum += value;
    done->missing--;
    if (done->missing == 0) {
        pthread_cond_broadcast(&done->cond);
    }
    pthread_mutex_unlock(&done->mutex);
}

bool bench_done_wait_for(struct bench_done *done, int64_t limit_ns) {
    int64_t until_ns = bench_now_ns() + limit_ns;
    struct timespec until = {until_ns / SECOND_NS, until_ns % SECOND_NS};
    pthread_mutex_lock(&done->mutex);
    int error = 0;
    while (done->missing > 0 && error == 0) {
        error = pthread_cond_timedwait(&done->cond, &done->mutex, &until);
    }
    bool complete = done->missing == 0;
    pthread_mutex_unlock(&done->mutex);
    return complete;
}

int64_t bench_done_wait(struct bench_done *done) {
    if (!bench_done_wait_for(done, BENCH_PATIENCE)) {
        fprintf(stderr, "troupe-bench: no result within %d seconds, %u reports are missing\n",
                (int)(BENCH_PATIENCE / SECOND_NS), done->missing);
        _exit(1);
    }
    return done->sum;
}
