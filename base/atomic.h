/* SPDX-License-Identifier: MIT
 * Small helpers over <stdatomic.h> that the lock-free headers share. A model checker includes those
 * headers with this file replaced by nothing more than its own idea of a pause. */
#ifndef TROUPE_BASE_ATOMIC_H
#define TROUPE_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

/* Writers of different lines of a struct are kept this far apart: two 64-byte lines, because
 * adjacent lines are fetched in pairs. */
#define TRI_LINE 64
#define TRI_LINE_PAIR 128

#ifndef TRI_PAUSE
#if defined(__x86_64__) || defined(__i386__)
#define TRI_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define TRI_PAUSE() __asm__ volatile("yield")
#else
#define TRI_PAUSE() ((void)0)
#endif
#endif

/* A counter that one thread writes and any thread reads: relaxed, because it orders nothing; a load
 * and a store rather than a read-modify-write, because there is one writer. */
static inline void tri_count_add(_Atomic uint64_t *counter, uint64_t n) {
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static inline uint64_t tri_count_read(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
