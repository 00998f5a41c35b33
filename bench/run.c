/* SPDX-License-Identifier: MIT
 * Running workloads, each in a process of its own (run.h).
 *
 * Why a process: the peak of its memory is then the workload's, and a workload neither profits nor
 * suffers from what another one has left in the allocator. The child runs the repetitions and
 * writes one record for each into a pipe; the parent shows progress, computes and prints. The
 * yardstick is measured in the child, before the first repetition and after each, while no runtime
 * exists.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "bench/run.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/report.h"

#define PAIR_SAMPLES 5
#define WORKLOADS_MAX 64

/* What a child tells after each repetition; smaller than PIPE_BUF. */
struct record {
    struct bench_run run;
    double mutex_pairs_ns[2 * PAIR_SAMPLES]; /* before and after this repetition */
    uint64_t peak_rss_bytes;
};
_Static_assert(sizeof(struct record) <= 4096, "a record must be written in one piece");

/* ---- the child ---------------------------------------------------------------------------- */

static void measure_pairs(double *pairs_ns) {
    for (int i = 0; i < PAIR_SAMPLES; i++) {
        pairs_ns[i] = bench_mutex_pair_ns();
    }
}

static void child_main(const struct bench_workload *workload, const struct bench_run *request,
                       uint32_t repetitions, int fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* an interrupted benchmark leaves nothing running */
    bench_several_threads();
    struct record record;
    memset(&record, 0, sizeof(record));
    measure_pairs(record.mutex_pairs_ns + PAIR_SAMPLES);
    for (uint32_t i = 0; i < repetitions; i++) {
        memcpy(record.mutex_pairs_ns, record.mutex_pairs_ns + PAIR_SAMPLES,
               PAIR_SAMPLES * sizeof(double));
        record.run = *request;
        workload->run(&record.run);
        measure_pairs(record.mutex_pairs_ns + PAIR_SAMPLES);
        record.peak_rss_bytes = bench_peak_rss_bytes();
        if (write(fd, &record, sizeof(record)) != (ssize_t)sizeof(record)) {
            fprintf(stderr, "troupe-bench: cannot write a result: %s\n", strerror(errno));
            exit(1);
        }
    }
}

/* ---- the parent --------------------------------------------------------------------------- */

/* A row while it is being measured. */
struct row {
    const struct bench_workload *workload;
    const struct bench_options *options;
    struct bench_progress *progress;
    struct bench_result *result;
    double *pairs_ns;
    uint32_t pair_count;
    uint32_t finished; /* repetitions, warm-up included */
};

static void show_progress(const struct row *row) {
    const struct bench_options *options = row->options;
    uint32_t warmup = row->workload->fresh ? 0 : options->warmup;
    char line[128];
    if (row->finished < warmup) {
        snprintf(line, sizeof(line), "%s: warm-up %u of %u", row->workload->name, row->finished + 1,
                 warmup);
    } else {
        snprintf(line, sizeof(line), "%s: repetition %u of %u", row->workload->name,
                 row->finished + 1 - warmup, options->repeat);
    }
    bench_progress_show(row->progress, line);
}

/* Reads one record; false at the end of the pipe. */
static bool read_record(int fd, struct record *record) {
    size_t have = 0;
    while (have < sizeof(*record)) {
        ssize_t got = read(fd, (char *)record + have, sizeof(*record) - have);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static void keep_record(struct row *row, const struct record *record, bool warmup) {
    struct bench_result *result = row->result;
    memcpy(row->pairs_ns + row->pair_count, record->mutex_pairs_ns, sizeof(record->mutex_pairs_ns));
    row->pair_count += 2 * PAIR_SAMPLES;
    if (record->peak_rss_bytes > result->peak_rss_bytes) {
        result->peak_rss_bytes = record->peak_rss_bytes;
    }
    if (!warmup) {
        result->runs[result->repetitions++] = record->run;
    }
    row->finished++;
}

static bool report_wrong(struct row *row, const struct record *record) {
    if (record->run.error[0] == '\0') {
        return false;
    }
    bench_progress_clear(row->progress);
    printf("WRONG %s: %s\n", row->workload->name, record->run.error);
    fflush(stdout);
    return true;
}

static bool report_status(const struct row *row, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return true;
    }
    bench_progress_clear(row->progress);
    if (WIFSIGNALED(status)) {
        printf("FAILED %s: repetition %u was ended by signal %d (%s)\n", row->workload->name,
               row->finished + 1, WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        printf("FAILED %s: repetition %u came to no result (exit status %d)\n", row->workload->name,
               row->finished + 1, WEXITSTATUS(status));
    }
    fflush(stdout);
    return false;
}

/* One child with so many repetitions; false when one was wrong or did not come. */
static bool run_child(struct row *row, const struct bench_run *request, uint32_t warmup,
                      uint32_t repeat) {
    int ends[2];
    if (pipe(ends) != 0) {
        fprintf(stderr, "troupe-bench: cannot open a pipe: %s\n", strerror(errno));
        return false;
    }
    fflush(NULL); /* else the child would print it again */
    pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "troupe-bench: cannot start a process: %s\n", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (child == 0) {
        close(ends[0]);
        child_main(row->workload, request, warmup + repeat, ends[1]);
        exit(0);
    }
    close(ends[1]);
    struct record record;
    bool right = true;
    show_progress(row);
    for (uint32_t i = 0; i < warmup + repeat && read_record(ends[0], &record); i++) {
        right = right && !report_wrong(row, &record); /* once is enough */
        keep_record(row, &record, i < warmup);
        if (i + 1 < warmup + repeat) {
            show_progress(row);
        }
    }
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        /* again */
    }
    return report_status(row, status) && right;
}

/* Fills result; false when a repetition was wrong or did not come. */
static bool run_workload(const struct bench_options *options, const struct bench_workload *workload,
                         struct bench_progress *progress, struct bench_result *result) {
    struct bench_run request = {
        .workers = options->workers,
        .size = options->size != 0 ? options->size : workload->default_size,
    };
    uint32_t repetitions = options->warmup + options->repeat;
    struct row row = {
        .workload = workload,
        .options = options,
        .progress = progress,
        .result = result,
        .pairs_ns = calloc(2 * PAIR_SAMPLES * (size_t)repetitions, sizeof(double)),
    };
    if (row.pairs_ns == NULL) {
        fprintf(stderr, "troupe-bench: no memory for %u repetitions\n", repetitions);
        return false;
    }
    snprintf(result->name, sizeof(result->name), "%s", workload->name);
    result->operation = workload->operation;
    result->unit = workload->unit;
    result->workers = options->workers;
    result->size = request.size;
    bool right = true;
    if (workload->fresh) {
        for (uint32_t i = 0; i < options->repeat && right; i++) {
            right = run_child(&row, &request, 0, 1);
        }
    } else {
        right = run_child(&row, &request, options->warmup, options->repeat);
    }
    result->mutex_pair_ns = bench_median(row.pairs_ns, row.pair_count);
    free(row.pairs_ns);
    if (right) {
        bench_result_finish(result);
    }
    return right;
}

bool bench_matches(const struct bench_options *options, const struct bench_workload *workload) {
    char family[64];
    snprintf(family, sizeof(family), "%.*s", (int)strcspn(workload->name, "/"), workload->name);
    for (int i = 0; i < options->pattern_count; i++) {
        if (fnmatch(options->patterns[i], workload->name, 0) == 0 ||
            fnmatch(options->patterns[i], family, 0) == 0) {
            return true;
        }
    }
    return false;
}

static bool write_json(struct bench_json *json, const struct bench_machine *machine,
                       struct bench_result *const *results, uint32_t count, double others_share) {
    double largest_spread = NAN, pairs_ns[WORKLOADS_MAX]; /* fmax ignores NaN */
    for (uint32_t i = 0; i < count; i++) {
        largest_spread = fmax(largest_spread, results[i]->spread);
        pairs_ns[i] = results[i]->mutex_pair_ns;
    }
    bench_json_begin(json, NULL, '{');
    bench_json_context(json, machine, largest_spread, bench_median(pairs_ns, count), others_share);
    bench_json_begin(json, "benchmarks", '[');
    for (uint32_t i = 0; i < count; i++) {
        bench_json_result(json, results[i]);
    }
    bench_json_end(json, ']');
    bench_json_end(json, '}');
    return bench_json_close(json);
}

int bench_run_matching(const struct bench_options *options) {
    struct bench_json json;
    if (!bench_json_open(&json, options->json_path)) {
        return 2;
    }
    struct bench_machine machine;
    bench_machine_read(&machine);
    bench_machine_print(&machine, stdout);
    printf("%u worker%s, %u repetition%s after %u to warm up; mp: one uncontended mutex lock + "
           "increment + unlock\n\n",
           options->workers, options->workers == 1 ? "" : "s", options->repeat,
           options->repeat == 1 ? "" : "s", options->warmup);
    bench_result_print_head();
    fflush(stdout);

    struct bench_others others;
    bench_others_begin(&others);
    struct bench_progress progress;
    bench_progress_init(&progress);
    struct bench_result *results[WORKLOADS_MAX];
    uint32_t count = 0;
    bool right = true;
    for (int i = 0; bench_workloads[i] != NULL && count < WORKLOADS_MAX; i++) {
        if (!bench_matches(options, bench_workloads[i])) {
            continue;
        }
        struct bench_result *result = calloc(1, sizeof(*result));
        if (result != NULL && run_workload(options, bench_workloads[i], &progress, result)) {
            bench_progress_clear(&progress);
            bench_result_print(result);
            results[count++] = result;
        } else {
            right = false;
            free(result);
        }
    }
    double pairs_ns[WORKLOADS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        pairs_ns[i] = results[i]->mutex_pair_ns;
    }
    if (count > 0) {
        printf("\n1 mp = %.1f ns here; A/A: the same row measured twice, interleaved\n",
               bench_median(pairs_ns, count));
    }
    double others_share = bench_others_share(&others);
    bench_others_print(others_share, stdout);
    bool written = write_json(&json, &machine, results, count, others_share);
    for (uint32_t i = 0; i < count; i++) {
        free(results[i]);
    }
    return !right ? 1 : written ? 0 : 2;
}
