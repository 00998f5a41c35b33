/* SPDX-License-Identifier: MIT
 * Workers, the threads that run them, and the scheduler that owns both.
 *
 * A worker is an identity: a run queue, an inbox, a deque, the home of its tasks. A thread runs one
 * worker at a time; when it is overdue in a handler, the watch (watch.c) takes the worker away and
 * binds it to a spare thread. What the scheduler runs is a struct tri_task; what running means is
 * the runtime's business, behind struct tri_ops.
 */
#ifndef TROUPE_SCHEDULER_WORKER_H
#define TROUPE_SCHEDULER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/atomic.h"
#include "base/os.h"
#include "base/random.h"
#include "scheduler/bias.h"
#include "scheduler/deque.h"
#include "scheduler/inbox.h"
#include "scheduler/park.h"
#include "scheduler/task.h"

/* The clock is read about this often while tasks run. */
#define TRI_TICK_NS 20000
/* Most handlers between two looks at the clock: a sudden slow one is noticed after so many. And how
 * many after a sleep, when the rate is not known. */
#define TRI_TICK_CALLS_MAX 1024
#define TRI_TICK_CALLS_FIRST 16
/* From this handler time per message on a task is coarse: worth running on another core. */
#define TRI_COARSE_NS 300
/* Waking a sleeping worker costs both sides about this much; exposed work must be worth it. */
#define TRI_WAKE_WORTH_NS 20000
/* How many queued tasks are looked at when others are hungry. */
#define TRI_EXPOSE_SCAN 64
/* New tasks go to a LIFO above this many runnable: trees unfold depth first and stay small. */
#define TRI_FRESH_ABOVE 128
/* Room in the LIFO (a power of two); when it is full new tasks go to the FIFO. */
#define TRI_FRESH_SLOTS 16384
/* Of the picks while the LIFO is in use one in so many goes to the FIFO, and one in so many to the
 * LIFO's bottom: nothing starves. */
#define TRI_FRESH_FIFO_EVERY 4
#define TRI_FRESH_BOTTOM_EVERY 1024
/* Turns of the idle loop before sleeping, about 25 µs. */
#define TRI_SPIN_TURNS 1000

struct tri_sched;
struct tri_thread;
struct tri_worker;

struct tri_ops {
    /* One activation, and the next ones as long as tri_worker_next has any. False: the thread has
     * lost its worker meanwhile and must not touch it. */
    bool (*run)(struct tri_thread *thread, struct tri_worker *worker, struct tri_task *task);
    /* Takes the token of a resting task (L4). */
    bool (*claim)(struct tri_task *task);
    /* The task has moved in: token held, home is worker. */
    void (*adopted)(struct tri_worker *worker, struct tri_task *task);
    /* The token of a FREE task arrived: put it back to rest. */
    void (*stale)(struct tri_worker *worker, struct tri_task *task);
    /* A slice of work that nobody waits for. True: there is more. */
    bool (*background)(struct tri_worker *worker);
    /* thread has just lost worker (the caller may touch both): publish what it held back, mark its
     * task AWAY. */
    void (*revoked)(struct tri_worker *worker, struct tri_thread *thread);
    /* Makes thread, which has no worker, ready to run one handler of task. False: there is nothing
     * plain to run. */
    bool (*send_away)(struct tri_worker *worker, struct tri_thread *thread, struct tri_task *task);
    /* Runs that handler, on that thread. */
    void (*run_away)(struct tri_thread *thread);
    /* thread has come back from a handler that it ran without a worker: requeue or finish its task.
     */
    void (*returned)(struct tri_worker *worker, struct tri_thread *thread);
};

struct tri_queue {
    struct tri_task *head, *tail;
};

/* A stack that can also be emptied from below. */
struct tri_fresh {
    struct tri_task **slots;
    uint32_t top, bottom; /* top - bottom tasks, wrapping */
};

struct tri_worker {
    /* ---- written by others ---- */
    _Alignas(TRI_LINE_PAIR) struct tri_inbox inbox;
    struct tri_park park;
    struct tri_thread *_Atomic owner; /* under sched->lock; read as a hint by hungry workers */
    _Atomic uint64_t woken;           /* by other threads */

    /* ---- the owner's queue for others ---- */
    struct tri_deque deque;

    /* ---- owner: the thread that runs the worker ---- */
    _Alignas(TRI_LINE_PAIR) struct tri_sched *sched;
    uint16_t id;               /* constant, from 1 */
    struct tri_queue queue;    /* FIFO */
    struct tri_fresh fresh;    /* LIFO of new tasks */
    uint32_t picks;            /* while the LIFO is in use */
    _Atomic uint32_t runnable; /* queue and fresh together; others read it as a hint */
    uint32_t ticks;            /* looks at the clock so far */
    uint32_t average_ns;       /* per message received or sent, between the last two ticks */
    uint64_t tick_at;          /* `calls` at which the clock is looked at next */
    uint64_t tick_ns;          /* time of the last tick; 0: none since the last sleep */
    uint64_t tick_calls;       /* `calls` at the last tick */
    uint64_t tick_messages;    /* what the runtime had counted then */
    struct tri_random random;

    /* Statistics: written by the owner, read by anybody. */
    _Atomic uint64_t calls; /* handler calls; the watch sees from it whether one lasts */
    _Atomic uint64_t activations, parks, exposed, stolen, attracted, deferred;
};

struct tri_thread {
    struct tri_bias bias;
    struct tri_worker *worker; /* under sched->lock, or by the thread itself while inside */
    struct tri_sched *sched;
    struct tri_task *_Atomic current; /* writer: thread; the task whose handler runs */
    struct tri_task back;        /* goes into the worker's inbox when the handler has returned */
    struct tri_worker *away_for; /* of a thread that runs one handler for a worker, else NULL */
    struct tri_thread *next;     /* under sched->lock: spares */
    struct tri_thread *next_all; /* under sched->lock */
    pthread_t handle;
    _Atomic uint32_t bound; /* futex word: 1 when a worker was bound or it must quit */
};

struct tri_sched_config {
    uint32_t workers;
    uint32_t overdue_us;
    uint32_t max_extra_threads;
    size_t worker_bytes; /* of the struct that starts with a tri_worker */
    size_t thread_bytes; /* of the struct that starts with a tri_thread */
    uint64_t seed;
    const struct tri_ops *ops;
    tr_allocator allocator;
    /* Prepares the runtime's part of a worker or thread (zeroed before). */
    void (*prepare_worker)(void *context, struct tri_worker *worker);
    void (*prepare_thread)(void *context, struct tri_thread *thread);
    /* On the watch, once per tick. Returns how long it may sleep at most until the next. */
    int64_t (*on_tick)(void *context);
    void *context;
};

/* The watch's memory of a worker: how many handler calls it had begun, and since when. */
struct tri_seen {
    uint64_t calls, since_ns;
};

struct tri_sched {
    const struct tri_ops *ops;
    struct tri_sched_config config;
    struct tri_worker **workers;
    bool fence; /* no asymmetric barrier */
    pthread_mutex_t lock;
    struct tri_thread *spares;  /* under lock */
    struct tri_thread *threads; /* under lock: all that exist */
    _Atomic uint32_t thread_count;
    struct tri_seen *seen; /* watch: what it saw of each worker */
    pthread_t watch;
    bool watch_started;
    _Alignas(TRI_LINE_PAIR) _Atomic uint32_t spinning;
    _Atomic uint32_t parked;
    _Atomic uint32_t quit;
    _Atomic uint32_t next_worker; /* round robin for tasks from foreign threads */
    _Alignas(TRI_LINE_PAIR) _Atomic uint32_t watch_state; /* futex word of the watch */
    _Atomic uint64_t takeovers;
};

/* The thread structure of the calling thread when it is one of ours, else NULL. The one
 * thread-local of the library. */
extern _Thread_local struct tri_thread *tri_thread_current
#if defined(__GNUC__)
    __attribute__((tls_model("initial-exec")))
#endif
    ;

tr_status tri_sched_init(struct tri_sched *sched, const struct tri_sched_config *config);
tr_status tri_sched_start(struct tri_sched *sched);
/* Ends and joins every thread; their workers must have nothing left to do. */
void tri_sched_quit(struct tri_sched *sched);
void tri_sched_fini(struct tri_sched *sched);

/* Wakes worker if it sleeps. After a push that found the inbox empty. */
void tri_worker_notify(struct tri_worker *worker);
/* Sleeps at most ns, and not when there is anything to do: for a worker all of whose tasks wait. */
void tri_worker_nap(struct tri_worker *worker, int64_t ns);
/* Looks at the clock: sets the rate of ticks and the average, exposes tasks when others are idle,
 * does a slice of background work. Between handlers. messages: how many the worker has received and
 * sent so far. Returns the time. */
uint64_t tri_worker_tick(struct tri_worker *worker, uint64_t messages);
/* The thread's way back in when attention has REVOKE. False: it has lost its worker. */
bool tri_thread_enter_slow(struct tri_thread *thread);

/* watch.c */
enum { TRI_WATCH_TICKS = 0, TRI_WATCH_ASLEEP = 1, TRI_WATCH_ALARM = 2 };
void *tri_watch_main(void *sched);
/* A worker that was asleep runs again: the watch must tick. */
void tri_watch_poke(struct tri_sched *sched);
/* The watch ticks at once. */
void tri_watch_alarm(struct tri_sched *sched);
/* worker.c. A thread without a worker, started if need be; NULL at the limit. Under lock. */
struct tri_thread *tri_sched_spare(struct tri_sched *sched);
/* Gives it a worker (or none: it looks what else there is to do) and wakes it. Under lock. */
void tri_thread_bind(struct tri_thread *thread, struct tri_worker *worker);

static inline struct tri_worker *tri_sched_worker(const struct tri_sched *sched, uint16_t id) {
    return sched->workers[id - 1];
}

static inline uint32_t tri_worker_runnable(const struct tri_worker *worker) {
    /* ORDER relaxed: the owner's own count, or a hint. */
    return atomic_load_explicit(&worker->runnable, memory_order_relaxed);
}

static inline void tri_worker_set_runnable(struct tri_worker *worker, uint32_t n) {
    /* ORDER relaxed: see above. */
    atomic_store_explicit(&worker->runnable, n, memory_order_relaxed);
}

/* Owner: the task becomes runnable, behind all others. */
static inline void tri_worker_queue(struct tri_worker *worker, struct tri_task *task) {
    task->flags = (uint8_t)((task->flags & ~TRI_TASK_NEW) | TRI_TASK_ACTIVE);
    task->queue_next = NULL;
    if (worker->queue.head == NULL)
        worker->queue.head = task;
    else
        worker->queue.tail->queue_next = task;
    worker->queue.tail = task;
    tri_worker_set_runnable(worker, tri_worker_runnable(worker) + 1);
}

/* Owner, between two activations: the next task when there is nothing else to think about, else
 * NULL, and the loop of the worker thinks. */
static inline struct tri_task *tri_worker_next(struct tri_thread *thread,
                                               struct tri_worker *worker) {
    /* ORDER relaxed: a poll, as in the loop. */
    uint32_t attention = atomic_load_explicit(&thread->bias.attention, memory_order_relaxed);
    struct tri_task *task = worker->queue.head;
    if (TRI_UNLIKELY(task == NULL || (attention & ~(uint32_t)TRI_ATTENTION_FENCE) != 0 ||
                     !tri_inbox_looks_empty(&worker->inbox) ||
                     worker->fresh.top != worker->fresh.bottom || (task->flags & TRI_TASK_LONG)))
        return NULL;
    worker->queue.head = task->queue_next;
    tri_worker_set_runnable(worker, tri_worker_runnable(worker) - 1);
    return task;
}

/* Owner: a task that was just made becomes runnable. */
static inline void tri_worker_queue_fresh(struct tri_worker *worker, struct tri_task *task) {
    task->flags &= (uint8_t)~TRI_TASK_NEW;
    struct tri_fresh *fresh = &worker->fresh;
    if (TRI_LIKELY(tri_worker_runnable(worker) < TRI_FRESH_ABOVE ||
                   fresh->top - fresh->bottom == TRI_FRESH_SLOTS)) {
        tri_worker_queue(worker, task);
        return;
    }
    task->flags |= TRI_TASK_ACTIVE;
    fresh->slots[fresh->top++ % TRI_FRESH_SLOTS] = task;
    tri_worker_set_runnable(worker, tri_worker_runnable(worker) + 1);
}

/* Hands a task whose token the caller has to a worker: it moves in there, or comes home. */
static inline void tri_task_deliver(struct tri_worker *worker, struct tri_task *task,
                                    uint16_t waker) {
    task->waker = waker;
    if (tri_inbox_push(&worker->inbox, task)) tri_worker_notify(worker);
}

/* True when the task's handlers are too cheap to be worth another core. */
static inline bool tri_task_is_cheap(const struct tri_worker *worker, const struct tri_task *task) {
    return (task->cost_ns != 0 ? task->cost_ns : worker->average_ns) < TRI_COARSE_NS;
}

#endif
