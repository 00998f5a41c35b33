/* SPDX-License-Identifier: MIT
 * Machine facts, from /proc and from the build (machine.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "bench/machine.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <troupe/troupe.h>

#include "bench/bench.h"

#define COLUMNS 100
#define DISTURBING_SHARE 0.03

/* The build system says these; a compilation by hand need not. */
#ifndef TROUPE_BENCH_COMMIT
#define TROUPE_BENCH_COMMIT "unknown"
#endif
#ifndef TROUPE_BENCH_FLAGS
#define TROUPE_BENCH_FLAGS "unknown"
#endif
#ifndef TROUPE_BENCH_ALLOCATOR
#ifdef TROUPE_JEMALLOC
#define TROUPE_BENCH_ALLOCATOR "jemalloc"
#else
#define TROUPE_BENCH_ALLOCATOR "unknown"
#endif
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

#ifdef __OPTIMIZE__
#define BUILD_TYPE "release"
#else
#define BUILD_TYPE "debug"
#endif

/* The value of the first "key : value" line in /proc/cpuinfo; false when there is none. */
static bool cpuinfo(const char *key, char *value, size_t value_bytes) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file == NULL) {
        return false;
    }
    char line[256];
    bool found = false;
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) == 0 && colon != NULL) {
            colon += strspn(colon, ": \t");
            colon[strcspn(colon, "\n")] = '\0';
            snprintf(value, value_bytes, "%s", colon);
            found = true;
        }
    }
    fclose(file);
    return found;
}

static uint32_t read_mhz(void) {
    char text[64];
    if (cpuinfo("cpu MHz", text, sizeof(text))) {
        return (uint32_t)(strtod(text, NULL) + 0.5);
    }
    /* Not every architecture says it there. */
    unsigned khz = 0;
    FILE *file = fopen("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "r");
    if (file != NULL) {
        if (fscanf(file, "%u", &khz) != 1) {
            khz = 0;
        }
        fclose(file);
    }
    return khz / 1000;
}

void bench_machine_read(struct bench_machine *machine) {
    *machine = (struct bench_machine){
        .cpus = tr_available_cpus(),
        .mhz = read_mhz(),
        .compiler = COMPILER,
        .flags = TROUPE_BENCH_FLAGS,
        .allocator = TROUPE_BENCH_ALLOCATOR,
        .commit = TROUPE_BENCH_COMMIT,
        .build_type = BUILD_TYPE,
    };
    struct utsname system;
    bool known = uname(&system) == 0;
    snprintf(machine->kernel, sizeof(machine->kernel), "%.40s %.48s",
             known ? system.sysname : "unknown", known ? system.release : "");
    if (!cpuinfo("model name", machine->cpu, sizeof(machine->cpu))) {
        snprintf(machine->cpu, sizeof(machine->cpu), "%s", known ? system.machine : "unknown");
    }
    ssize_t length =
        readlink("/proc/self/exe", machine->executable, sizeof(machine->executable) - 1);
    machine->executable[length > 0 ? length : 0] = '\0';

    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(machine->date, sizeof(machine->date), "%Y-%m-%dT%H:%M:%S%z", &local);
}

void bench_machine_print(const struct bench_machine *machine, FILE *file) {
    char line[1024];
    snprintf(line, sizeof(line), "%s, %u CPUs at %u MHz, %s, %s (%s), %s, commit %s", machine->cpu,
             machine->cpus, machine->mhz, machine->kernel, machine->compiler, machine->flags,
             machine->allocator, machine->commit);
    int column = 0;
    for (char *rest = line, *word; (word = strsep(&rest, " ")) != NULL;) {
        int width = (int)strlen(word);
        if (column > 0 && column + 1 + width > COLUMNS) {
            fputs("\n", file);
            column = 0;
        }
        column += fprintf(file, column > 0 ? " %s" : "%s", word);
    }
    fputs("\n", file);
}

/* ---- what else ran ------------------------------------------------------------------------ */

/* CPU time of everybody since the machine started; NaN when it cannot be read. */
static double busy_ns(void) {
    /* user, nice, system, idle, iowait, irq, softirq, steal */
    uint64_t ticks[8] = {0};
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL) {
        return NAN;
    }
    int found = fscanf(file,
                       "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                       " %" SCNu64 " %" SCNu64,
                       &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6],
                       &ticks[7]);
    fclose(file);
    uint64_t busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
    return found == 8 ? (double)busy * 1e9 / (double)sysconf(_SC_CLK_TCK) : NAN;
}

static double usage_ns(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return 1e9 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e3 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double own_ns(void) {
    return usage_ns(RUSAGE_SELF) + usage_ns(RUSAGE_CHILDREN);
}

void bench_others_begin(struct bench_others *others) {
    *others = (struct bench_others){bench_now_ns(), busy_ns(), own_ns()};
}

double bench_others_share(const struct bench_others *others) {
    double wall_ns = (double)(bench_now_ns() - others->begin_ns);
    double busy = busy_ns() - others->begin_busy_ns, own = own_ns() - others->begin_own_ns;
    double share = (busy - own) / (wall_ns * (double)sysconf(_SC_NPROCESSORS_ONLN));
    return isfinite(share) ? fmin(1, fmax(0, share)) : 0;
}

void bench_others_print(double share, FILE *file) {
    if (share >= DISTURBING_SHARE) {
        fprintf(file,
                "Other programs had %.0f %% of the CPUs meanwhile: on a quiet machine the "
                "results differ.\n",
                100 * share);
    }
}
