/* SPDX-License-Identifier: MIT
 * Two locks that POSIX does not have, as simple as they can be: a test-and-test-and-set spin lock,
 * and a ticket lock, which serves in the order of arrival.
 *
 * The ticket lock gives its core away after a while. With more threads than cores the next in line
 * may not be running, and pure spinning would then wait for whole time slices, once per operation;
 * the plain spin lock has no such line, so it only spins.
 */
#ifndef BENCH_LOCKS_H
#define BENCH_LOCKS_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TICKET_SPINS 200

static inline void lock_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

struct spin_lock {
    atomic_bool taken;
};

static inline void spin_lock_acquire(struct spin_lock *lock) {
    /* ORDER acquire: pairs with spin_lock_release; sees what the last holder did. */
    while (atomic_exchange_explicit(&lock->taken, true, memory_order_acquire)) {
        /* relaxed: only a hint when to try again */
        while (atomic_load_explicit(&lock->taken, memory_order_relaxed)) {
            lock_pause();
        }
    }
}

static inline void spin_lock_release(struct spin_lock *lock) {
    /* ORDER release: pairs with spin_lock_acquire. */
    atomic_store_explicit(&lock->taken, false, memory_order_release);
}

struct ticket_lock {
    _Atomic uint32_t next;
    _Atomic uint32_t serving;
};

static inline void ticket_lock_acquire(struct ticket_lock *lock) {
    /* relaxed: the ticket only says whose turn it is; serving publishes the data */
    uint32_t mine = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);
    uint32_t spins = 0;
    /* ORDER acquire: pairs with ticket_lock_release. */
    while (atomic_load_explicit(&lock->serving, memory_order_acquire) != mine) {
        if (++spins < TICKET_SPINS) {
            lock_pause();
        } else {
            sched_yield();
            spins = 0;
        }
    }
}

static inline void ticket_lock_release(struct ticket_lock *lock) {
    /* relaxed load: only the holder writes it */
    uint32_t mine = atomic_load_explicit(&lock->serving, memory_order_relaxed);
    /* ORDER release: pairs with ticket_lock_acquire. */
    atomic_store_explicit(&lock->serving, mine + 1, memory_order_release);
}

#endif
