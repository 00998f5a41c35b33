/* SPDX-License-Identifier: MIT
 * The watch: one thread that looks at the workers once per `overdue_us` and takes a worker away
 * from a thread whose handler lasts longer, when there is anything the worker could do meanwhile.
 *
 * A handler is overdue when no handler call has begun for overdue_us, as far as the watch has seen,
 * and its thread is outside (in user code). Taking over (bias.h has the handshake): the old thread
 * keeps the one actor it runs and sends like a foreign thread; a spare thread becomes the worker,
 * with its queue, inbox, deque and the homes of all its tasks. When the handler returns, the old
 * thread hands its actor back through the worker's inbox and becomes a spare itself.
 *
 * While every worker sleeps the watch sleeps too, after a tenth of a second without work; a worker
 * that wakes up pokes it. Both sides store, then look:
 *
 *   watch                                      worker
 *   -----                                      ------
 *   state = ASLEEP                     W1      park.state = AWAKE (P3 or its own)
 *   every worker parked?               P2      state == ASLEEP?                    W2
 *     no: state = TICKS, tick                    CAS(ASLEEP -> TICKS), wake the watch
 *   sleep while state == ASLEEP
 *
 * Rejected: an idle worker as the sentinel (with none idle nobody watches, which is when it is
 * needed most); a timer signal (the host's signals are the host's).
 */
#include "scheduler/worker.h"

#include "base/clock.h"

#define QUIET_NS 100000000 /* without work for so long, the watch goes to sleep */

static bool can_be_taken(struct tri_worker *worker) {
    return tri_worker_runnable(worker) > 0 || !tri_inbox_looks_empty(&worker->inbox) ||
           tri_deque_size(&worker->deque) > 0;
}

/* True: worker is ours, thread knows nothing of it any more. Under the lock. */
static bool revoke(struct tri_sched *sched, struct tri_thread *thread) {
    tri_bias_signal(&thread->bias, TRI_ATTENTION_REVOKE);
    if (sched->fence)
        /* ORDER seq_cst: B3 before B4; the other half is the fence in tri_bias_enter. */
        atomic_thread_fence(memory_order_seq_cst);
    else
        tri_os_barrier();
    for (int turn = 0; turn < 100 && tri_bias_is_inside(&thread->bias); turn++) TRI_PAUSE();
    if (!tri_bias_is_inside(&thread->bias)) return true;
    tri_bias_clear(&thread->bias, TRI_ATTENTION_REVOKE); /* it is back: not overdue any more */
    return false;
}

static void take_over(struct tri_sched *sched, struct tri_worker *worker) {
    pthread_mutex_lock(&sched->lock);
    /* ORDER relaxed: under the lock. */
    struct tri_thread *thread = atomic_load_explicit(&worker->owner, memory_order_relaxed);
    struct tri_thread *spare = tri_sched_spare(sched);
    if (spare != NULL && thread != NULL && !tri_bias_is_inside(&thread->bias) &&
        revoke(sched, thread)) {
        thread->worker = NULL;
        sched->ops->revoked(worker, thread);
        worker->tick_ns = 0;
        tri_thread_bind(spare, worker);
        spare = NULL;
        /* ORDER relaxed: a statistic. */
        atomic_fetch_add_explicit(&sched->takeovers, 1, memory_order_relaxed);
    }
    if (spare != NULL) {
        spare->next = sched->spares;
        sched->spares = spare;
    }
    pthread_mutex_unlock(&sched->lock);
}

/* Looks at every worker once. True: one of them is awake. */
static bool tick(struct tri_sched *sched) {
    bool awake = false;
    uint64_t now_ns = tri_clock_ns(), overdue_ns = (uint64_t)sched->config.overdue_us * 1000;
    for (uint32_t i = 0; i < sched->config.workers; i++) {
        struct tri_worker *worker = sched->workers[i];
        if (tri_park_is_parked(&worker->park)) continue;
        awake = true;
        uint64_t calls = tri_count_read(&worker->calls);
        if (calls != sched->seen[i].calls) sched->seen[i] = (struct tri_seen){calls, now_ns};
        bool overdue = now_ns - sched->seen[i].since_ns >= overdue_ns;
        pthread_mutex_lock(&sched->lock);
        /* ORDER relaxed: under the lock. */
        struct tri_thread *thread = atomic_load_explicit(&worker->owner, memory_order_relaxed);
        tri_bias_signal(&thread->bias, TRI_ATTENTION_TICK);
        bool outside = !tri_bias_is_inside(&thread->bias);
        pthread_mutex_unlock(&sched->lock);
        if (overdue && outside && can_be_taken(worker)) take_over(sched, worker);
    }
    return awake;
}

static bool is_quitting(struct tri_sched *sched) {
    /* ORDER acquire: pairs with the store in tri_sched_quit. */
    return atomic_load_explicit(&sched->quit, memory_order_acquire) != 0;
}

/* From one state to another; false: it was in a third. */
static bool change(struct tri_sched *sched, uint32_t from, uint32_t to) {
    /* ORDER W1, W2 seq_cst: the watch's ASLEEP before its looks at the workers, a worker's AWAKE
     * (or a quit or stop flag) before its look here. */
    return atomic_compare_exchange_strong_explicit(&sched->watch_state, &from, to,
                                                   memory_order_seq_cst, memory_order_seq_cst);
}

static void sleep_until_poked(struct tri_sched *sched) {
    if (!change(sched, TRI_WATCH_TICKS, TRI_WATCH_ASLEEP)) return;
    for (uint32_t i = 0; i < sched->config.workers; i++)
        if (!tri_park_is_parked(&sched->workers[i]->park)) {
            (void)change(sched, TRI_WATCH_ASLEEP, TRI_WATCH_TICKS);
            return;
        }
    /* ORDER acquire: pairs with whoever changes it. */
    while (atomic_load_explicit(&sched->watch_state, memory_order_acquire) == TRI_WATCH_ASLEEP)
        tri_os_wait(&sched->watch_state, TRI_WATCH_ASLEEP, -1);
}

void tri_watch_poke(struct tri_sched *sched) {
    /* ORDER W2 seq_cst: after the worker's AWAKE in the total order. */
    if (atomic_load_explicit(&sched->watch_state, memory_order_seq_cst) != TRI_WATCH_ASLEEP) return;
    if (change(sched, TRI_WATCH_ASLEEP, TRI_WATCH_TICKS)) tri_os_wake(&sched->watch_state, 1);
}

void tri_watch_alarm(struct tri_sched *sched) {
    /* ORDER W2 seq_cst: after the flag that the alarm is about. */
    atomic_store_explicit(&sched->watch_state, TRI_WATCH_ALARM, memory_order_seq_cst);
    tri_os_wake(&sched->watch_state, 1);
}

void *tri_watch_main(void *arg) {
    struct tri_sched *sched = arg;
    int64_t period_ns = (int64_t)sched->config.overdue_us * 1000;
    uint64_t last_awake = tri_clock_ns();
    while (!is_quitting(sched)) {
        int64_t most_ns = sched->config.on_tick(sched->config.context);
        if (tick(sched))
            last_awake = tri_clock_ns();
        else if (tri_clock_ns() - last_awake > QUIET_NS)
            sleep_until_poked(sched);
        /* An alarm that came since on_tick makes the wait return at once. */
        tri_os_wait(&sched->watch_state, TRI_WATCH_TICKS,
                    most_ns < period_ns ? most_ns : period_ns);
        (void)change(sched, TRI_WATCH_ALARM, TRI_WATCH_TICKS);
    }
    return NULL;
}
