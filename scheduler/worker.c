/* SPDX-License-Identifier: MIT
 * The loop of a worker: pick, run, poll, expose, steal, spin, park.
 *
 * Order of one turn: attention, inbox, activations until there is something to think about;
 * exposing at ticks of the clock. Work is picked from the private FIFO; above TRI_FRESH_ABOVE
 * runnable tasks, newly made ones wait in a LIFO that gets most picks, so that a tree of actors
 * unfolds depth first and stays small.
 *
 * Idle: own deque, the others' deques, a spin, sleep. A worker is worth waking only for coarse
 * tasks: cheap ones are done before the sleeper has opened its eyes (a futex wake costs both sides
 * tens of microseconds), and taking them away costs more than running them.
 *
 * Rejected: exposing by age alone (remote traffic makes tasks look old, so more are exposed, and so
 * on); stealing from the private queue under a lock (the owner pays on every activation).
 */
#include "scheduler/worker.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

_Thread_local struct tri_thread *tri_thread_current;

/* ---- picking ------------------------------------------------------------------------------ */

static struct tri_task *pop_queue(struct tri_worker *worker) {
    struct tri_task *task = worker->queue.head;
    worker->queue.head = task->queue_next;
    return task;
}

static struct tri_task *pick_fresh(struct tri_worker *worker) {
    struct tri_fresh *fresh = &worker->fresh;
    uint32_t turn = ++worker->picks;
    if (turn % TRI_FRESH_BOTTOM_EVERY == 0) return fresh->slots[fresh->bottom++ % TRI_FRESH_SLOTS];
    if (turn % TRI_FRESH_FIFO_EVERY == 0 && worker->queue.head != NULL) return pop_queue(worker);
    return fresh->slots[--fresh->top % TRI_FRESH_SLOTS];
}

static struct tri_task *pick(struct tri_worker *worker) {
    uint32_t runnable = tri_worker_runnable(worker);
    if (runnable == 0) return NULL;
    tri_worker_set_runnable(worker, runnable - 1);
    if (TRI_LIKELY(worker->fresh.top == worker->fresh.bottom)) return pop_queue(worker);
    return pick_fresh(worker);
}

/* ---- moving tasks ------------------------------------------------------------------------- */

static void adopt(struct tri_worker *worker, struct tri_task *task) {
    tri_task_set_home(task, worker->id);
    task->flags |= TRI_TASK_TOKEN;
    worker->sched->ops->adopted(worker, task);
    if (!(task->flags & TRI_TASK_ACTIVE)) tri_worker_queue(worker, task);
}

static void note_waker(struct tri_task *task) {
    if (task->waker != 0 && task->waker == task->last_waker) {
        if (task->streak < 14) task->streak += 2;
    } else {
        task->last_waker = task->waker;
        task->streak = 0;
    }
}

/* A thread is back from an overdue handler: its task is requeued or ended, it becomes a spare. */
static void welcome_back(struct tri_worker *worker, struct tri_task *back) {
    struct tri_sched *sched = worker->sched;
    struct tri_thread *thread =
        (struct tri_thread *)(void *)((char *)back - offsetof(struct tri_thread, back));
    sched->ops->returned(worker, thread);
    pthread_mutex_lock(&sched->lock);
    thread->next = sched->spares;
    sched->spares = thread;
    pthread_mutex_unlock(&sched->lock);
}

static void drain_inbox(struct tri_worker *worker) {
    struct tri_task *task = tri_inbox_take(&worker->inbox);
    while (task != NULL) {
        struct tri_task *next = task->inbox_next;
        if (TRI_UNLIKELY(task->flags & TRI_TASK_THREAD)) {
            welcome_back(worker, task);
        } else if (tri_task_home(task) == TRI_HOME_NONE) {
            adopt(worker, task);
        } else {
            TRI_ASSERT(tri_task_home(task) == worker->id);
            TRI_ASSERT(!(task->flags & TRI_TASK_TOKEN));
            task->flags |= TRI_TASK_TOKEN;
            if (TRI_UNLIKELY(task->flags & TRI_TASK_FREE)) {
                worker->sched->ops->stale(worker, task);
            } else if (!(task->flags & TRI_TASK_ACTIVE)) {
                note_waker(task);
                tri_worker_queue(worker, task);
            }
        }
        task = next;
    }
}

static uint32_t take_from(struct tri_worker *worker, struct tri_deque *deque) {
    struct tri_task *tasks[TRI_DEQUE_SLOTS / 2];
    uint32_t n = tri_deque_take(deque, tasks, TRI_DEQUE_SLOTS / 2);
    for (uint32_t i = 0; i < n; i++) adopt(worker, tasks[i]);
    return n;
}

static bool steal(struct tri_worker *worker) {
    struct tri_sched *sched = worker->sched;
    uint32_t n = sched->config.workers;
    uint32_t start = tri_random_below(&worker->random, n);
    for (uint32_t i = 0; i < n; i++) {
        struct tri_worker *victim = sched->workers[(start + i) % n];
        if (victim == worker) continue;
        uint32_t taken = take_from(worker, &victim->deque);
        if (taken == 0) continue;
        tri_count_add(&worker->stolen, taken);
        return true;
    }
    return false;
}

/* ---- exposing ----------------------------------------------------------------------------- */

static void wake_one(struct tri_sched *sched) {
    for (uint32_t i = 0; i < sched->config.workers; i++) {
        struct tri_worker *other = sched->workers[i];
        if (!tri_park_is_parked(&other->park)) continue;
        tri_worker_notify(other);
        return;
    }
}

static uint32_t count_idle(struct tri_sched *sched, _Atomic uint32_t *which) {
    (void)sched;
    /* ORDER seq_cst: after tri_park_fence when it decides about a wake; elsewhere a hint. */
    return atomic_load_explicit(which, memory_order_seq_cst);
}

/* True: the task is in the deque now. */
static bool expose_task(struct tri_worker *worker, struct tri_task *task) {
    if (!(task->flags & TRI_TASK_TOKEN) && !worker->sched->ops->claim(task)) return false;
    task->flags |= TRI_TASK_TOKEN;
    uint8_t flags = task->flags;
    task->flags = flags & TRI_TASK_LONG; /* whoever takes it starts afresh */
    tri_task_set_home(task, TRI_HOME_NONE);
    if (tri_deque_push_owner(&worker->deque, task)) return true;
    tri_task_set_home(task, worker->id); /* never published: still ours */
    task->flags = flags;
    return false;
}

/* The oldest new tasks become exposable like others. Only worth it when what runs here is coarse:
 * new tasks have no cost of their own yet. */
static void queue_oldest_fresh(struct tri_worker *worker) {
    struct tri_fresh *fresh = &worker->fresh;
    for (int i = 0; i < TRI_EXPOSE_SCAN && fresh->top != fresh->bottom; i++) {
        tri_worker_set_runnable(worker, tri_worker_runnable(worker) - 1);
        tri_worker_queue(worker, fresh->slots[fresh->bottom++ % TRI_FRESH_SLOTS]);
    }
}

/* Puts up to half of the queued coarse tasks up for stealing when somebody is idle. all: cheap ones
 * too, because the queue is so long that its end waits more than a millisecond. */
static void expose(struct tri_worker *worker, bool all) {
    struct tri_sched *sched = worker->sched;
    uint32_t spinning = count_idle(sched, &sched->spinning);
    if (spinning + count_idle(sched, &sched->parked) == 0) {
        /* Nobody will come for what is still up: it must not wait until this worker is idle. */
        if (tri_deque_size(&worker->deque) > 0) (void)take_from(worker, &worker->deque);
        return;
    }
    uint32_t most = (tri_worker_runnable(worker) + 1) / 2; /* one more is running */
    if (most == 0) return;
    if (all || worker->average_ns >= TRI_COARSE_NS) queue_oldest_fresh(worker);
    /* First look, then touch: the work must be worth a wake when nobody is awake to take it. */
    uint64_t worth = 0;
    uint32_t scan = 0;
    for (struct tri_task *task = worker->queue.head; task != NULL && scan < TRI_EXPOSE_SCAN;
         task = task->queue_next, scan++)
        if (all || !tri_task_is_cheap(worker, task))
            worth += task->cost_ns != 0 ? task->cost_ns : worker->average_ns;
    if (worth == 0 || (spinning == 0 && worth < TRI_WAKE_WORTH_NS && !all)) return;

    struct tri_queue kept = {NULL, NULL};
    uint32_t done = 0;
    while (scan-- > 0 && done < most) {
        struct tri_task *task = pop_queue(worker);
        if ((all || !tri_task_is_cheap(worker, task)) && expose_task(worker, task)) {
            done++;
            continue;
        }
        if (kept.head == NULL)
            kept.head = task;
        else
            kept.tail->queue_next = task;
        kept.tail = task;
    }
    if (kept.head != NULL) { /* back to the front, in their order */
        kept.tail->queue_next = worker->queue.head;
        if (worker->queue.head == NULL) worker->queue.tail = kept.tail;
        worker->queue.head = kept.head;
    }
    if (done == 0) return;
    tri_worker_set_runnable(worker, tri_worker_runnable(worker) - done);
    tri_count_add(&worker->exposed, done);
    tri_park_fence();
    if (count_idle(sched, &sched->spinning) == 0) wake_one(sched);
}

/* Hungry workers and the watch ask for a look at the clock and at the queue. */
static void attend(struct tri_thread *thread, struct tri_worker *worker, uint32_t attention) {
    tri_bias_clear(&thread->bias, TRI_ATTENTION_TICK | TRI_ATTENTION_HUNGRY);
    worker->tick_at = 0;
    /* A queue of cheap tasks that takes longer than a millisecond to get through. */
    if ((attention & TRI_ATTENTION_TICK) &&
        (uint64_t)tri_worker_runnable(worker) * worker->average_ns > 1000000)
        expose(worker, true);
    else
        expose(worker, false);
}

static void set_next_tick(struct tri_worker *worker, uint64_t calls, uint64_t elapsed) {
    uint64_t used = calls - worker->tick_calls;
    uint64_t next = used * TRI_TICK_NS / elapsed;
    if (next < 1) next = 1;
    worker->tick_at = calls + (next > TRI_TICK_CALLS_MAX ? TRI_TICK_CALLS_MAX : next);
}

uint64_t tri_worker_tick(struct tri_worker *worker, uint64_t messages) {
    uint64_t now = tri_clock_ns();
    uint64_t calls = tri_count_read(&worker->calls);
    if (worker->tick_ns != 0) {
        uint64_t elapsed = now - worker->tick_ns + 1;
        uint64_t average = elapsed / (messages - worker->tick_messages + 1);
        worker->average_ns = average > UINT16_MAX ? UINT16_MAX : (uint32_t)average;
        set_next_tick(worker, calls, elapsed);
    } else {
        worker->tick_at = calls + TRI_TICK_CALLS_FIRST;
    }
    worker->tick_ns = now;
    worker->tick_calls = calls;
    worker->tick_messages = messages;
    worker->ticks++;
    expose(worker, false);
    (void)worker->sched->ops->background(worker);
    return now;
}

/* ---- idle --------------------------------------------------------------------------------- */

static bool is_quitting(struct tri_sched *sched) {
    /* ORDER seq_cst: after P1 when a sleeper looks; elsewhere a poll. */
    return atomic_load_explicit(&sched->quit, memory_order_seq_cst) != 0;
}

static bool deque_anywhere(struct tri_sched *sched) {
    for (uint32_t i = 0; i < sched->config.workers; i++)
        if (tri_deque_size(&sched->workers[i]->deque) > 0) return true;
    return false;
}

static bool anything_to_do(struct tri_worker *worker) {
    return !tri_inbox_is_empty(&worker->inbox) || deque_anywhere(worker->sched) ||
           is_quitting(worker->sched);
}

static void ask_for_work(struct tri_worker *worker) {
    struct tri_sched *sched = worker->sched;
    for (uint32_t i = 0; i < sched->config.workers; i++) {
        struct tri_worker *other = sched->workers[i];
        if (other == worker || tri_worker_runnable(other) < 2) continue;
        /* ORDER acquire: pairs with the store in tri_thread_bind. A thread that has lost it since
         * gets a useless hint; threads are not freed while workers run. */
        struct tri_thread *thread = atomic_load_explicit(&other->owner, memory_order_acquire);
        if (thread != NULL) tri_bias_signal(&thread->bias, TRI_ATTENTION_HUNGRY);
    }
}

/* Looks around for a while. True: there may be work. */
static bool spin(struct tri_worker *worker) {
    struct tri_sched *sched = worker->sched;
    bool found = false;
    /* ORDER seq_cst: an exposer that sees us spinning wakes nobody; our last look at the deques
     * before sleeping comes after the decrement. */
    atomic_fetch_add_explicit(&sched->spinning, 1, memory_order_seq_cst);
    for (int turn = 0; turn < TRI_SPIN_TURNS && !found; turn++) {
        TRI_PAUSE();
        found = anything_to_do(worker);
    }
    /* ORDER seq_cst: before the looks at the deques, here and in park. */
    uint32_t before = atomic_fetch_sub_explicit(&sched->spinning, 1, memory_order_seq_cst);
    /* Leaving with work as the last spinner: an exposer may have counted on us. */
    if (found && before == 1 && deque_anywhere(sched)) wake_one(sched);
    return found;
}

static void park(struct tri_worker *worker) {
    struct tri_sched *sched = worker->sched;
    tri_park_announce(&worker->park);
    /* ORDER seq_cst: an exposer that does not count us is seen by the look that follows. */
    atomic_fetch_add_explicit(&sched->parked, 1, memory_order_seq_cst);
    if (anything_to_do(worker)) {
        tri_park_cancel(&worker->park);
    } else {
        tri_count_add(&worker->parks, 1);
        while (tri_park_is_parked(&worker->park)) tri_os_wait(&worker->park.state, TRI_PARKED, -1);
    }
    /* ORDER relaxed: a hint from here on. */
    atomic_fetch_sub_explicit(&sched->parked, 1, memory_order_relaxed);
    tri_watch_poke(sched);
    worker->tick_ns = 0; /* the time asleep is nobody's cost */
    worker->tick_at = tri_count_read(&worker->calls) + TRI_TICK_CALLS_FIRST;
}

void tri_worker_nap(struct tri_worker *worker, int64_t ns) {
    /* What everybody here waits for may be up for stealing, here or elsewhere. */
    if (take_from(worker, &worker->deque) > 0 || steal(worker)) return;
    tri_park_announce(&worker->park);
    if (!anything_to_do(worker)) tri_os_wait(&worker->park.state, TRI_PARKED, ns);
    tri_park_cancel(&worker->park);
    tri_watch_poke(worker->sched);
}

static void find_work(struct tri_worker *worker) {
    struct tri_sched *sched = worker->sched;
    if (sched->ops->background(worker)) return;
    if (take_from(worker, &worker->deque) > 0 || steal(worker)) return;
    /* At most half of the workers (and at least one) look around at a time. */
    if (2 * count_idle(sched, &sched->spinning) < sched->config.workers) {
        ask_for_work(worker);
        if (spin(worker)) return;
    }
    park(worker);
}

void tri_worker_notify(struct tri_worker *worker) {
    if (!tri_park_claim(&worker->park)) return;
    /* ORDER relaxed: a statistic. */
    atomic_fetch_add_explicit(&worker->woken, 1, memory_order_relaxed);
    tri_os_wake(&worker->park.state, 1);
}

/* ---- threads ------------------------------------------------------------------------------ */

bool tri_thread_enter_slow(struct tri_thread *thread) {
    tri_bias_leave(&thread->bias);
    pthread_mutex_lock(&thread->sched->lock); /* a revoker holds it from B3 until it is done */
    bool mine = thread->worker != NULL;
    if (mine) /* it gave up: REVOKE is gone again */
        tri_bias_enter(&thread->bias);
    pthread_mutex_unlock(&thread->sched->lock);
    return mine;
}

/* A task that was overdue the last time gets a thread of its own at once, so that nobody has to
 * wait until the watch notices. False: no thread or nothing plain to run; it runs here. */
static TRI_NOINLINE bool send_away(struct tri_worker *worker, struct tri_task *task) {
    struct tri_sched *sched = worker->sched;
    pthread_mutex_lock(&sched->lock);
    struct tri_thread *spare = tri_sched_spare(sched);
    bool sent = spare != NULL && sched->ops->send_away(worker, spare, task);
    if (sent) {
        spare->away_for = worker;
        tri_thread_bind(spare, NULL);
    } else if (spare != NULL) {
        spare->next = sched->spares;
        sched->spares = spare;
    }
    pthread_mutex_unlock(&sched->lock);
    return sent;
}

/* Runs worker until it is lost (false) or the scheduler quits (true). */
static bool work(struct tri_thread *thread, struct tri_worker *worker) {
    struct tri_sched *sched = worker->sched;
    for (;;) {
        /* ORDER relaxed: REVOKE cannot be carried out while we are inside; the rest are hints. */
        uint32_t attention = atomic_load_explicit(&thread->bias.attention, memory_order_relaxed);
        if (TRI_UNLIKELY(attention & (TRI_ATTENTION_TICK | TRI_ATTENTION_HUNGRY)))
            attend(thread, worker, attention);
        if (TRI_UNLIKELY(!tri_inbox_looks_empty(&worker->inbox))) drain_inbox(worker);
        struct tri_task *task = pick(worker);
        if (TRI_UNLIKELY(task == NULL)) {
            if (is_quitting(sched) && !sched->ops->background(worker)) return true;
            find_work(worker);
            continue;
        }
        if (TRI_UNLIKELY(task->flags & TRI_TASK_LONG) && send_away(worker, task)) continue;
        if (TRI_UNLIKELY(!sched->ops->run(thread, worker, task))) return false;
    }
}

static void *thread_main(void *arg) {
    struct tri_thread *thread = arg;
    struct tri_sched *sched = thread->sched;
    tri_thread_current = thread;
    for (;;) {
        /* ORDER acquire: pairs with the store in tri_thread_bind. */
        while (atomic_load_explicit(&thread->bound, memory_order_acquire) == 0)
            tri_os_wait(&thread->bound, 0, -1);
        atomic_store_explicit(&thread->bound, 0, memory_order_relaxed);
        pthread_mutex_lock(&sched->lock);
        struct tri_worker *worker = thread->worker, *away_for = thread->away_for;
        thread->away_for = NULL;
        pthread_mutex_unlock(&sched->lock);
        if (away_for != NULL) {
            sched->ops->run_away(thread);
            tri_task_deliver(away_for, &thread->back, 0);
            continue;
        }
        if (worker == NULL || work(thread, worker)) return NULL;
        tri_task_deliver(worker, &thread->back, 0);
    }
}

void tri_thread_bind(struct tri_thread *thread, struct tri_worker *worker) {
    thread->worker = worker;
    tri_bias_clear(&thread->bias, ~(uint32_t)TRI_ATTENTION_FENCE);
    /* On the thread's behalf: nobody may revoke before it has even started. Without a worker it is
     * as if revoked already.
     * ORDER relaxed: the thread sees it through the lock. */
    atomic_store_explicit(&thread->bias.inside, worker != NULL, memory_order_relaxed);
    if (worker == NULL) tri_bias_signal(&thread->bias, TRI_ATTENTION_REVOKE);
    /* ORDER release: pairs with ask_for_work. */
    if (worker != NULL) atomic_store_explicit(&worker->owner, thread, memory_order_release);
    /* ORDER release: pairs with the load in thread_main. */
    atomic_store_explicit(&thread->bound, 1, memory_order_release);
    tri_os_wake(&thread->bound, 1);
}

static struct tri_thread *thread_create(struct tri_sched *sched, const char *name,
                                        tr_status *status) {
    struct tri_thread *thread =
        tri_alloc_zero(&sched->config.allocator, TRI_LINE_PAIR, sched->config.thread_bytes);
    *status = TR_NOMEM;
    if (thread == NULL) return NULL;
    thread->sched = sched;
    thread->back.flags = TRI_TASK_THREAD;
    /* ORDER relaxed: the thread does not run yet. */
    atomic_store_explicit(&thread->bias.attention, sched->fence ? TRI_ATTENTION_FENCE : 0,
                          memory_order_relaxed);
    sched->config.prepare_thread(sched->config.context, thread);
    if (!tri_os_thread_start(&thread->handle, name, thread_main, thread)) {
        tri_free(&sched->config.allocator, thread, sched->config.thread_bytes);
        *status = TR_SYSTEM;
        return NULL;
    }
    *status = TR_OK;
    thread->next_all = sched->threads;
    sched->threads = thread;
    /* ORDER relaxed: a statistic. */
    atomic_fetch_add_explicit(&sched->thread_count, 1, memory_order_relaxed);
    return thread;
}

struct tri_thread *tri_sched_spare(struct tri_sched *sched) {
    struct tri_thread *thread = sched->spares;
    if (thread != NULL) {
        sched->spares = thread->next;
        return thread;
    }
    uint32_t limit = sched->config.workers + sched->config.max_extra_threads;
    /* ORDER relaxed: under the lock. */
    uint32_t count = atomic_load_explicit(&sched->thread_count, memory_order_relaxed);
    tr_status status;
    return count < limit ? thread_create(sched, "troupe-extra", &status) : NULL;
}

/* ---- lifecycle ---------------------------------------------------------------------------- */

static struct tri_worker *worker_create(struct tri_sched *sched, uint32_t index) {
    struct tri_worker *worker =
        tri_alloc_zero(&sched->config.allocator, TRI_LINE_PAIR, sched->config.worker_bytes);
    if (worker == NULL) return NULL;
    worker->sched = sched;
    worker->id = (uint16_t)(index + 1);
    worker->tick_at = TRI_TICK_CALLS_FIRST;
    worker->random.state = sched->config.seed + index;
    tri_deque_init(&worker->deque);
    worker->fresh.slots = tri_alloc(&sched->config.allocator, sizeof(void *),
                                    TRI_FRESH_SLOTS * sizeof *worker->fresh.slots);
    if (worker->fresh.slots == NULL) {
        tri_free(&sched->config.allocator, worker, sched->config.worker_bytes);
        return NULL;
    }
    sched->config.prepare_worker(sched->config.context, worker);
    return worker;
}

tr_status tri_sched_init(struct tri_sched *sched, const struct tri_sched_config *config) {
    memset(sched, 0, sizeof *sched);
    sched->config = *config;
    sched->ops = config->ops;
    sched->fence = !tri_os_barrier_ready();
    const tr_allocator *allocator = &sched->config.allocator;
    uint32_t n = config->workers;
    if (pthread_mutex_init(&sched->lock, NULL) != 0) return TR_SYSTEM;
    sched->workers = tri_alloc_zero(allocator, sizeof(void *), n * sizeof *sched->workers);
    sched->seen = tri_alloc_zero(allocator, sizeof(uint64_t), n * sizeof *sched->seen);
    if (sched->workers == NULL || sched->seen == NULL) goto no_memory;
    for (uint32_t i = 0; i < n; i++)
        if ((sched->workers[i] = worker_create(sched, i)) == NULL) goto no_memory;
    return TR_OK;
no_memory:
    tri_sched_fini(sched);
    return TR_NOMEM;
}

tr_status tri_sched_start(struct tri_sched *sched) {
    tr_status status = TR_OK;
    pthread_mutex_lock(&sched->lock);
    for (uint32_t i = 0; i < sched->config.workers && status == TR_OK; i++) {
        char name[16];
        snprintf(name, sizeof name, "troupe-%u", (unsigned)(i + 1) % 1000u);
        struct tri_thread *thread = thread_create(sched, name, &status);
        if (thread != NULL) tri_thread_bind(thread, sched->workers[i]);
    }
    pthread_mutex_unlock(&sched->lock);
    if (status == TR_OK) {
        sched->watch_started =
            tri_os_thread_start(&sched->watch, "troupe-watch", tri_watch_main, sched);
        if (!sched->watch_started) status = TR_SYSTEM;
    }
    if (status != TR_OK) tri_sched_quit(sched);
    return status;
}

void tri_sched_quit(struct tri_sched *sched) {
    /* ORDER seq_cst: the pusher's side of parking. */
    atomic_store_explicit(&sched->quit, 1, memory_order_seq_cst);
    if (sched->watch_started) {
        tri_watch_alarm(sched);
        pthread_join(sched->watch, NULL);
        sched->watch_started = false;
    }
    for (uint32_t i = 0; i < sched->config.workers; i++) tri_worker_notify(sched->workers[i]);
    pthread_mutex_lock(&sched->lock);
    for (struct tri_thread *thread = sched->threads; thread != NULL; thread = thread->next_all)
        if (thread->worker == NULL) tri_thread_bind(thread, NULL);
    pthread_mutex_unlock(&sched->lock);
    for (struct tri_thread *thread = sched->threads; thread != NULL; thread = thread->next_all)
        pthread_join(thread->handle, NULL);
    /* Only now: threads look at each other to the end. */
    while (sched->threads != NULL) {
        struct tri_thread *thread = sched->threads;
        sched->threads = thread->next_all;
        tri_free(&sched->config.allocator, thread, sched->config.thread_bytes);
    }
    /* ORDER relaxed: a statistic. */
    atomic_store_explicit(&sched->thread_count, 0, memory_order_relaxed);
    sched->spares = NULL;
}

void tri_sched_fini(struct tri_sched *sched) {
    const tr_allocator *allocator = &sched->config.allocator;
    uint32_t n = sched->config.workers;
    for (uint32_t i = 0; sched->workers != NULL && i < n; i++) {
        if (sched->workers[i] == NULL) break;
        tri_free(allocator, sched->workers[i]->fresh.slots,
                 TRI_FRESH_SLOTS * sizeof *sched->workers[i]->fresh.slots);
        tri_free(allocator, sched->workers[i], sched->config.worker_bytes);
    }
    tri_free(allocator, sched->workers, n * sizeof *sched->workers);
    tri_free(allocator, sched->seen, n * sizeof *sched->seen);
    sched->workers = NULL;
    sched->seen = NULL;
    pthread_mutex_destroy(&sched->lock);
}
