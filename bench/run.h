/* SPDX-License-Identifier: MIT
 * Running workloads, each in a process of its own.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/bench.h"

struct bench_options {
    uint32_t workers;
    uint64_t size; /* 0: each workload's default */
    uint32_t repeat;
    uint32_t warmup;
    uint32_t seconds; /* of the duel */
    const char *json_path;
    char **patterns;
    int pattern_count;
};

/* Every workload, in the order of the list; ends with NULL. */
extern const struct bench_workload *const bench_workloads[];

/* True when one of the patterns (globs) names the workload; "contend_ext" names all its rows. */
bool bench_matches(const struct bench_options *options, const struct bench_workload *workload);

/* Runs what matches, prints a table, writes JSON. Returns the exit status: 1 when a result was
 * wrong or did not come, 2 when the JSON file cannot be written. */
int bench_run_matching(const struct bench_options *options);

#endif
