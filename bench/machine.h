/* SPDX-License-Identifier: MIT
 * What a result was measured on. Without it a number means nothing.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>
#include <stdio.h>

struct bench_machine {
    char cpu[96];
    char kernel[96];
    char date[40]; /* ISO 8601, local time */
    char executable[256];
    uint32_t cpus;
    uint32_t mhz;
    const char *compiler;
    const char *flags;
    const char *allocator;
    const char *commit;
    const char *build_type; /* "release" or "debug" */
};

/* Reads the facts; what cannot be found is "unknown" or 0. */
void bench_machine_read(struct bench_machine *machine);

/* Prints them as one sentence, broken at 100 columns. */
void bench_machine_print(const struct bench_machine *machine, FILE *file);

/* What else ran: how much of the CPUs other programs, or other guests of the same host, have had
 * since a beginning. */
struct bench_others {
    int64_t begin_ns;
    double begin_busy_ns; /* of all CPUs and everybody */
    double begin_own_ns;
};

void bench_others_begin(struct bench_others *others);
/* As a fraction of all CPUs, 0 to 1; 0 when /proc/stat cannot be read. */
double bench_others_share(const struct bench_others *others);
/* Says so when it is enough to disturb. */
void bench_others_print(double share, FILE *file);

#endif
