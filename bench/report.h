/* SPDX-License-Identifier: MIT
 * Reports: a row of a workload as text, JSON in the keys of Google Benchmark, progress.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/machine.h"

#define BENCH_REPEATS 1000

/* A time with three digits and a unit that fits, "12.3 us". */
void bench_format_ns(double ns, char *text, size_t text_bytes);
/* A number with three digits and k, M or G. */
void bench_format_count(double count, char *text, size_t text_bytes);
/* A size in B, KiB, MiB or GiB. */
void bench_format_bytes(double bytes, char *text, size_t text_bytes);

/* ---- progress ----------------------------------------------------------------------------- */

/* On a terminal one line that is written over; elsewhere a line now and then. Always on stderr. */
struct bench_progress {
    bool terminal;
    int64_t last_ns;
};

void bench_progress_init(struct bench_progress *progress);
void bench_progress_show(struct bench_progress *progress, const char *line);
/* Takes the line away before something else is printed. */
void bench_progress_clear(struct bench_progress *progress);

/* ---- results ------------------------------------------------------------------------------ */

/* All repetitions of one row. */
struct bench_result {
    char name[64];
    const char *operation;
    enum bench_unit unit;
    uint32_t workers;
    uint64_t size;
    uint32_t repetitions;
    struct bench_run runs[BENCH_REPEATS]; /* in the order they were measured */
    double mutex_pair_ns;
    uint64_t peak_rss_bytes;

    /* computed by bench_result_finish */
    const struct bench_run *typical; /* the one whose value is nearest to the median */
    double minimum;
    double median;
    double real_median_ns; /* per operation */
    double cpu_median_ns;
    double spread; /* between the odd and the even repetitions; NaN when there is only one */
};

void bench_result_finish(struct bench_result *result);
void bench_result_print_head(void);
void bench_result_print(const struct bench_result *result);

/* ---- JSON --------------------------------------------------------------------------------- */

/* A writer that knows when a comma is due. */
struct bench_json {
    FILE *file; /* NULL: nothing is written */
    const char *path;
    bool comma;
    int depth;
};

/* Opens the file, or says on stderr why not and returns false; a NULL path is fine. */
bool bench_json_open(struct bench_json *json, const char *path);
/* Closes it; false, with a message, when not everything could be written. */
bool bench_json_close(struct bench_json *json);

/* key is NULL inside an array; what is '{', '}', '[' or ']'. */
void bench_json_begin(struct bench_json *json, const char *key, char what);
void bench_json_end(struct bench_json *json, char what);
void bench_json_text(struct bench_json *json, const char *key, const char *value);
void bench_json_number(struct bench_json *json, const char *key, double value);
void bench_json_integer(struct bench_json *json, const char *key, uint64_t value);
void bench_json_bool(struct bench_json *json, const char *key, bool value);

/* The "context" object. */
void bench_json_context(struct bench_json *json, const struct bench_machine *machine,
                        double aa_spread, double mutex_pair_ns, double others_share);
/* One element of "benchmarks". */
void bench_json_result(struct bench_json *json, const struct bench_result *result);

#endif
