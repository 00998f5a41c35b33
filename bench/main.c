/* SPDX-License-Identifier: MIT
 * troupe-bench: arguments and dispatch.
 *
 * Exit status: 0 when every value was right, 1 when one was wrong or a run came to no result, 2
 * when the arguments make no sense.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/duel.h"
#include "bench/report.h"
#include "bench/run.h"

#define WORKERS_MAX 256
#define SECONDS_MIN 5
#define SECONDS_MAX 3600

extern const struct bench_workload bench_count, bench_contend, bench_contend_ext_plain,
    bench_contend_ext_outbox, bench_flood, bench_pingpong, bench_ring, bench_ring_many,
    bench_fanout, bench_create, bench_skynet, bench_big, bench_chameneos, bench_idle, bench_compute,
    bench_mixed, bench_kill_backlog;

const struct bench_workload *const bench_workloads[] = {
    &bench_count,
    &bench_contend,
    &bench_contend_ext_plain,
    &bench_contend_ext_outbox,
    &bench_flood,
    &bench_pingpong,
    &bench_ring,
    &bench_ring_many,
    &bench_fanout,
    &bench_create,
    &bench_skynet,
    &bench_big,
    &bench_chameneos,
    &bench_idle,
    &bench_compute,
    &bench_mixed,
    &bench_kill_backlog,
    NULL,
};

static const char usage[] =
    "troupe-bench: what actors cost, and what a lock costs on the same machine\n"
    "\n"
    "  troupe-bench [duel] [--workers N] [--seconds N] [--json FILE]\n"
    "      The counter duel: one total, incremented under locks and by messages, with 1 to 10\n"
    "      threads and critical sections of 0 to 5000 ns; about two minutes (--seconds).\n"
    "  troupe-bench list\n"
    "      The workloads.\n"
    "  troupe-bench run PATTERN... [OPTION]...\n"
    "      Runs the workloads that match a pattern (a glob: 'ring*', '*'), each in a process of\n"
    "      its own.\n"
    "        --workers N   worker threads of the runtime (2)\n"
    "        --size N      operations (each workload's own)\n"
    "        --repeat R    repetitions that count (5)\n"
    "        --warmup R    repetitions before them (1)\n"
    "        --json FILE   results in the keys of Google Benchmark\n"
    "  troupe-bench help\n"
    "      This text.\n"
    "\n"
    "Results are in nanoseconds and in mutex pairs (mp): one uncontended pthread_mutex_lock,\n"
    "increment and unlock, measured in the same run. Every result is checked.\n"
    "Exit status: 0; 1 when a result was wrong or did not come; 2 for bad arguments.\n";

static int fail(const char *what, const char *value, const char *advice) {
    fprintf(stderr, "troupe-bench: %s '%s': %s\n", what, value, advice);
    return 2;
}

/* ---- options ------------------------------------------------------------------------------ */

static bool parse_number(const char *option, const char *text, uint64_t minimum, uint64_t maximum,
                         uint64_t *number) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool digits = text[0] >= '0' && text[0] <= '9';
    if (!digits || *end != '\0' || errno != 0 || value < minimum || value > maximum) {
        fprintf(stderr,
                "troupe-bench: %s takes a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'\n",
                option, minimum, maximum, text);
        return false;
    }
    *number = value;
    return true;
}

/* One option that takes a number. */
struct number_option {
    const char *name;
    uint64_t minimum;
    uint64_t maximum;
    uint64_t value;
    bool for_duel;
    bool for_run;
};

enum { WORKERS, SIZE, REPEAT, WARMUP, SECONDS, NUMBER_OPTIONS };

/* Fills options from argv; returns 0, or the exit status after a message. */
static int parse_options(int argc, char **argv, bool duel, struct bench_options *options) {
    struct number_option numbers[NUMBER_OPTIONS] = {
        [WORKERS] = {"--workers", 1, WORKERS_MAX, 2, true, true},
        [SIZE] = {"--size", 1, 1000000000000, 0, false, true},
        [REPEAT] = {"--repeat", 1, BENCH_REPEATS, 5, false, true},
        [WARMUP] = {"--warmup", 0, BENCH_REPEATS, 1, false, true},
        [SECONDS] = {"--seconds", SECONDS_MIN, SECONDS_MAX, DUEL_SECONDS, true, false},
    };
    options->patterns = argv; /* compacted in place */
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (duel) {
                return fail("unknown command", argv[i], "try `troupe-bench help`");
            }
            options->patterns[options->pattern_count++] = argv[i];
            continue;
        }
        int which = 0;
        while (which < NUMBER_OPTIONS && strcmp(argv[i], numbers[which].name) != 0) {
            which++;
        }
        bool json = strcmp(argv[i], "--json") == 0;
        bool known = json || (which < NUMBER_OPTIONS &&
                              (duel ? numbers[which].for_duel : numbers[which].for_run));
        if (!known) {
            return fail("unknown option", argv[i], "try `troupe-bench help`");
        }
        if (i + 1 == argc) {
            return fail("option", argv[i], json ? "needs a file" : "needs a number");
        }
        const char *name = argv[i++];
        if (json) {
            options->json_path = argv[i];
        } else if (!parse_number(name, argv[i], numbers[which].minimum, numbers[which].maximum,
                                 &numbers[which].value)) {
            return 2;
        }
    }
    options->workers = (uint32_t)numbers[WORKERS].value;
    options->size = numbers[SIZE].value;
    options->repeat = (uint32_t)numbers[REPEAT].value;
    options->warmup = (uint32_t)numbers[WARMUP].value;
    options->seconds = (uint32_t)numbers[SECONDS].value;
    return 0;
}

/* Each pattern must name something, and the size must suit everything named. */
static int check_patterns(const struct bench_options *options) {
    if (options->pattern_count == 0) {
        fputs("troupe-bench: run needs a pattern, for example `run count` or `run '*'`; "
              "`troupe-bench list` names the workloads\n",
              stderr);
        return 2;
    }
    for (int i = 0; i < options->pattern_count; i++) {
        struct bench_options one = {.patterns = &options->patterns[i], .pattern_count = 1};
        bool found = false;
        for (int w = 0; bench_workloads[w] != NULL; w++) {
            found = found || bench_matches(&one, bench_workloads[w]);
        }
        if (!found) {
            return fail("unknown workload", options->patterns[i],
                        "`troupe-bench list` names the workloads");
        }
    }
    for (int w = 0; bench_workloads[w] != NULL && options->size != 0; w++) {
        const struct bench_workload *workload = bench_workloads[w];
        if (bench_matches(options, workload) &&
            (options->size < workload->minimum_size || options->size > workload->maximum_size)) {
            fprintf(stderr,
                    "troupe-bench: --size %" PRIu64 " does not suit '%s', which takes %" PRIu64
                    " to %" PRIu64 "\n",
                    options->size, workload->name, workload->minimum_size, workload->maximum_size);
            return 2;
        }
    }
    return 0;
}

/* ---- commands ----------------------------------------------------------------------------- */

static int command_list(void) {
    for (int w = 0; bench_workloads[w] != NULL; w++) {
        const struct bench_workload *workload = bench_workloads[w];
        printf("%-18s %9" PRIu64 " x %s\n    %s\n", workload->name, workload->default_size,
               workload->operation, workload->sentence);
    }
    return 0;
}

static int command_run(int argc, char **argv) {
    struct bench_options options = {0};
    int status = parse_options(argc, argv, false, &options);
    if (status == 0) {
        status = check_patterns(&options);
    }
    return status == 0 ? bench_run_matching(&options) : status;
}

static int command_duel(int argc, char **argv) {
    struct bench_options options = {0};
    int status = parse_options(argc, argv, true, &options);
    return status == 0 ? bench_duel(&options) : status;
}

static bool is_help(const char *argument) {
    return strcmp(argument, "help") == 0 || strcmp(argument, "--help") == 0 ||
           strcmp(argument, "-h") == 0;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (is_help(argv[i])) {
            fputs(usage, stdout);
            return 0;
        }
    }
    if (argc >= 2 && strcmp(argv[1], "list") == 0) {
        return argc == 2 ? command_list()
                         : fail("list takes no arguments, but got", argv[2], "leave it out");
    }
    if (argc >= 2 && strcmp(argv[1], "run") == 0) {
        return command_run(argc - 2, argv + 2);
    }
    int skip = argc >= 2 && strcmp(argv[1], "duel") == 0 ? 2 : 1;
    return command_duel(argc - skip, argv + skip);
}
