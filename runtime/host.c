/* SPDX-License-Identifier: MIT
 * What the machine gives this process. libuv knows the affinity mask; the cgroup's CPU quota is
 * read from the files of the kernel's cgroup interface (Documentation/admin-guide/cgroup-v2.rst,
 * and cgroup-v1 for older systems). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "runtime/core.h"

/* CPUs that quota / period allow, rounded up; 0 when the file says no limit or is not there. */
static uint32_t read_quota_v2(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    long long quota, period;
    int n = fscanf(file, "%lld %lld", &quota, &period); /* "max 100000" reads nothing */
    fclose(file);
    return n == 2 && quota > 0 && period > 0 ? (uint32_t)((quota + period - 1) / period) : 0;
}

static long long read_number(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return -1;
    long long number = -1;
    if (fscanf(file, "%lld", &number) != 1) number = -1;
    fclose(file);
    return number;
}

static uint32_t quota_v1(void) {
    long long quota = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    long long period = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    return quota > 0 && period > 0 ? (uint32_t)((quota + period - 1) / period) : 0;
}

/* The path of this process in the unified hierarchy, "" when there is none. */
static void own_cgroup(char *path, size_t path_bytes) {
    path[0] = '\0';
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) return;
    char line[1024];
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(path, path_bytes, "%s", line + 3);
        }
    fclose(file);
}

/* The tightest quota of this process's cgroup and the ones above it; 0 when there is none. */
static uint32_t cgroup_quota(void) {
    char group[1024], path[1100];
    own_cgroup(group, sizeof group);
    uint32_t least = quota_v1();
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", strcmp(group, "/") ? group : "");
        uint32_t quota = read_quota_v2(path);
        if (quota != 0 && (least == 0 || quota < least)) least = quota;
        char *slash = strrchr(group, '/');
        if (slash == NULL) return least;
        *slash = '\0';
    }
}

uint32_t tr_available_cpus(void) {
    int saved = errno;
    uint32_t cpus = uv_available_parallelism();
    uint32_t quota = cgroup_quota();
    if (quota != 0 && quota < cpus) cpus = quota;
    errno = saved;
    return cpus < 1 ? 1 : cpus > 256 ? 256 : cpus;
}
