/* SPDX-License-Identifier: MIT
 * The operating system contract (os.h) on Linux. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/os.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"

static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "a futex word is 32 plain bits");

void tri_os_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    int saved = errno;
    struct timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? NULL : &timeout, NULL,
            0);
    errno = saved;
}

void tri_os_wake(_Atomic uint32_t *word, uint32_t count) {
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count > INT_MAX ? INT_MAX : (int)count, NULL, NULL,
            0);
    errno = saved;
}

bool tri_os_barrier_ready(void) {
    int saved = errno;
    long done = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    errno = saved;
    return done == 0;
}

void tri_os_barrier(void) {
    int saved = errno;
    long done = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    TRI_INVARIANT(done == 0);
    errno = saved;
}

bool tri_os_thread_start(pthread_t *thread, const char *name, void *(*entry)(void *), void *arg) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(thread, NULL, entry, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started) pthread_setname_np(*thread, name);
    return started;
}

void tri_os_yield(void) {
    sched_yield();
}

uint64_t tri_os_entropy(void) {
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = tri_clock_ns();
    return seed;
}

uint64_t tri_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void tri_invariant_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "troupe: %s:%d: invariant failed: %s\n", file, line, what);
    abort();
}
