/* SPDX-License-Identifier: MIT
 * Facts about the operating system contract and the clock. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/os.h"
#include "test/support/unit.h"

static _Atomic uint32_t word;
static _Atomic uint32_t woken;

static uint32_t value(const _Atomic uint32_t *of) {
    return atomic_load_explicit(of, memory_order_acquire);
}

static void set(_Atomic uint32_t *of, uint32_t to) {
    atomic_store_explicit(of, to, memory_order_release);
}

static void *wait_for_one(void *arg) {
    while (value(&word) == 0) tri_os_wait(&word, 0, -1);
    set(&woken, 1);
    return arg;
}

static void *note_signals(void *mask) {
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    return mask;
}

Test(os, wait_returns_at_once_when_the_word_is_another, .timeout = 20) {
    set(&word, 1);
    tri_os_wait(&word, 0, -1);
}

Test(os, wait_gives_up_after_its_time, .timeout = 20) {
    set(&word, 0);
    uint64_t start = tri_clock_ns();
    tri_os_wait(&word, 0, 5000000);
    cr_assert_lt(tri_clock_ns() - start, UINT64_C(15000000000));
}

Test(os, wake_ends_a_wait, .timeout = 20) {
    set(&word, 0);
    set(&woken, 0);
    pthread_t thread;
    cr_assert(tri_os_thread_start(&thread, "waiter", wait_for_one, &word));
    set(&word, 1);
    tri_os_wake(&word, 1);
    void *result;
    pthread_join(thread, &result);
    cr_assert_eq(result, (void *)&word);
    cr_assert_eq(value(&woken), 1);
}

Test(os, wait_wake_and_barrier_preserve_errno, .timeout = 20) {
    set(&word, 0);
    errno = 77;
    tri_os_wait(&word, 1, -1); /* the kernel answers EAGAIN */
    cr_assert_eq(errno, 77);
    tri_os_wait(&word, 0, 1000); /* and ETIMEDOUT */
    cr_assert_eq(errno, 77);
    tri_os_wake(&word, UINT32_MAX);
    cr_assert_eq(errno, 77);
    if (tri_os_barrier_ready()) tri_os_barrier();
    cr_assert_eq(errno, 77);
}

Test(os, threads_start_with_every_signal_blocked_and_the_starter_keeps_its_mask, .timeout = 20) {
    sigset_t before, after, inside;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    pthread_t thread;
    cr_assert(tri_os_thread_start(&thread, "masked", note_signals, &inside));
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 32; i++) {
        cr_assert_eq(sigismember(&before, i), sigismember(&after, i));
        if (i != SIGKILL && i != SIGSTOP) cr_assert(sigismember(&inside, i) == 1, "signal %d", i);
    }
}

Test(clock, never_goes_back) {
    uint64_t last = tri_clock_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = tri_clock_ns();
        cr_assert_geq(now, last);
        last = now;
    }
}
