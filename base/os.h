/* SPDX-License-Identifier: MIT
 * What Troupe asks of an operating system, in one place; one file per system implements it. */
#ifndef TROUPE_BASE_OS_H
#define TROUPE_BASE_OS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sleeps while *word == expected, at most timeout_ns (negative: without limit). May return early
 * for no reason. Preserves errno. */
void tri_os_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);
/* Wakes up to count sleepers on word. The word's memory need not exist any more. Preserves errno.
 */
void tri_os_wake(_Atomic uint32_t *word, uint32_t count);

/* Asymmetric barrier: after tri_os_barrier_ready() was true once, tri_os_barrier() makes every
 * running thread of the process execute a full memory barrier (Linux: membarrier(2), private
 * expedited). False: this system has none, and both sides must use full barriers. */
bool tri_os_barrier_ready(void);
void tri_os_barrier(void);

/* Starts a thread named name (at most 15 bytes) with every signal blocked. */
bool tri_os_thread_start(pthread_t *thread, const char *name, void *(*entry)(void *), void *arg);

/* Lets another thread run. */
void tri_os_yield(void);

/* A seed nobody can predict. */
uint64_t tri_os_entropy(void);

#endif
