/* SPDX-License-Identifier: MIT
 * The life of a runtime: start, stop, destroy.
 *
 * Stopping. `stopping` is set first; then the gates are passed through (foreign.c), so that no
 * foreign send is under way any more. The watch marks every actor SHUTDOWN and wakes it, again and
 * again until none is left (one that was being spawned may have been missed). An actor handles what
 * is queued when it sees the mark and ends. When as many have ended as were spawned, the threads
 * quit: what they still find in their inboxes belongs to free slots.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/core.h"

/* A second look for actors that were being spawned during the first. */
#define SWEEP_AGAIN_NS 20000000
#define STOP_POLL_MIN_NS 20000
#define STOP_POLL_MAX_NS 2000000

static const char version[] = "0.1.0";

const char *tr_version(void) {
    return version;
}

/* ---- start -------------------------------------------------------------------------------- */

static void prepare_worker(void *context, struct tri_worker *worker) {
    struct tr_runtime *rt = context;
    struct tri_local *local = tri_local_of(worker);
    local->rt = rt;
    local->batch = rt->config.batch;
    tri_arena_init(&local->arena, &rt->pool);
}

static void prepare_thread(void *context, struct tri_thread *thread) {
    struct tr_runtime *rt = context;
    tr_self *self = tri_self_of(thread);
    self->rt = rt;
    self->node = rt->node;
    self->chunks = rt->table.chunks;
    self->chunk_limit = rt->table.chunk_limit;
    self->plain_bytes = rt->config.max_message_bytes < TRI_PLAIN_BYTES
                            ? rt->config.max_message_bytes
                            : TRI_PLAIN_BYTES;
}

/* Marks every actor that lives now for its end after what is queued. */
static void sweep(struct tr_runtime *rt) {
    /* ORDER acquire: the slots below it are made. */
    uint32_t used = atomic_load_explicit(&rt->table.used, memory_order_acquire);
    for (uint32_t i = 0; i < used; i++) {
        struct tri_slot *slot = tri_table_find(&rt->table, i);
        uint32_t word = tri_life_peek(&slot->life);
        if (!tri_life_is_live(word) || (word & TRI_LIFE_SHUTDOWN)) continue;
        if (tri_life_mark(&slot->life, word & TRI_LIFE_GENERATION, TRI_LIFE_SHUTDOWN))
            tri_slot_poke(rt, slot, 0);
    }
}

static int64_t on_watch_tick(void *context) {
    struct tr_runtime *rt = context;
    if (!tri_is_stopping(rt)) return INT64_MAX;
    uint64_t now = tri_clock_ns();
    if (rt->swept_ns == 0 || now - rt->swept_ns >= SWEEP_AGAIN_NS) {
        sweep(rt);
        rt->swept_ns = now;
    }
    return SWEEP_AGAIN_NS;
}

static void make_node(struct tr_runtime *rt) {
    /* The top bit keeps it apart from the node of a remote address. */
    rt->node = UINT64_C(1) << 63 | tri_mix64((uintptr_t)rt ^ tri_clock_ns() ^ rt->config.seed);
}

static tr_status init_parts(struct tr_runtime *rt) {
    const tr_allocator *allocator = &rt->allocator;
    const tr_config *config = &rt->config;
    rt->outboxes.next = rt->outboxes.prev = &rt->outboxes;
    pthread_mutex_init(&rt->lock, NULL);
    pthread_mutex_init(&rt->dead_lock, NULL);
    if (!tri_pool_init(&rt->pool, allocator)) return TR_SYSTEM;
    rt->gates = tri_alloc_zero(allocator, TRI_LINE_PAIR, TRI_GATES * sizeof *rt->gates);
    rt->cell_index =
        tri_alloc_zero(allocator, sizeof(void *), config->max_calls * sizeof *rt->cell_index);
    /* Free slots wait where their actors ended: room for them beside max_actors. */
    uint32_t capacity = config->max_actors + config->workers * (TRI_FREE_SLOTS + TRI_SLOT_RANGE);
    bool table = tri_table_init(&rt->table, allocator, capacity);
    if (rt->gates == NULL || rt->cell_index == NULL || !table) return TR_NOMEM;
    for (uint32_t i = 0; i < TRI_GATES; i++) tri_arena_init(&rt->gates[i].arena, &rt->pool);
    struct tri_sched_config sched = {
        .workers = config->workers,
        .overdue_us = config->overdue_us,
        .max_extra_threads = config->max_extra_threads,
        .worker_bytes = sizeof(struct tri_local),
        .thread_bytes = sizeof(struct tr_self),
        .seed = config->seed,
        .ops = &tri_actor_ops,
        .allocator = *allocator,
        .prepare_worker = prepare_worker,
        .prepare_thread = prepare_thread,
        .on_tick = on_watch_tick,
        .context = rt,
    };
    return tri_sched_init(&rt->sched, &sched);
}

/* Frees what init_parts made, also after it has failed half-way. Every thread has ended. */
static void free_parts(struct tr_runtime *rt) {
    const tr_allocator *allocator = &rt->allocator;
    for (uint32_t i = 0; rt->sched.workers != NULL && i < rt->sched.config.workers; i++)
        if (rt->sched.workers[i] != NULL)
            tri_arena_fini(&tri_local_of(rt->sched.workers[i])->arena);
    for (uint32_t i = 0; rt->gates != NULL && i < TRI_GATES; i++)
        if (rt->gates[i].arena.pool != NULL) tri_arena_fini(&rt->gates[i].arena);
    if (rt->sched.workers != NULL) tri_sched_fini(&rt->sched);
    tri_table_fini(&rt->table);
    if (rt->cell_index != NULL) tri_cells_fini(rt);
    tri_free(allocator, rt->cell_index, rt->config.max_calls * sizeof *rt->cell_index);
    tri_free(allocator, rt->gates, TRI_GATES * sizeof *rt->gates);
    tri_pool_fini(&rt->pool);
    pthread_mutex_destroy(&rt->dead_lock);
    pthread_mutex_destroy(&rt->lock);
    tr_allocator last = rt->allocator;
    tri_free(&last, rt, sizeof *rt);
}

static tr_status start(const tr_config *config, tr_runtime **runtime) {
    tr_config resolved;
    char text[160];
    tr_status status = tri_config_resolve(config, &resolved, text, sizeof text);
    if (status != TR_OK) {
        if (config->size >= sizeof *config && config->log != NULL)
            config->log(config->log_context, text);
        return status;
    }
    struct tr_runtime *rt = tri_alloc_zero(&resolved.allocator, TRI_LINE_PAIR, sizeof *rt);
    if (rt == NULL) return TR_NOMEM;
    rt->config = resolved;
    rt->allocator = resolved.allocator;
    rt->activation_ticks = resolved.activation_us * 1000 / TRI_TICK_NS + 1;
    make_node(rt);
    status = init_parts(rt);
    if (status == TR_OK) status = tri_sched_start(&rt->sched);
    if (status != TR_OK) {
        free_parts(rt);
        return status;
    }
    *runtime = rt;
    return TR_OK;
}

tr_status tr_runtime_start(const tr_config *config, tr_runtime **runtime) {
    if (runtime == NULL) return TR_INVALID;
    int saved = errno;
    tr_status status = start(config, runtime);
    errno = saved;
    return status;
}

/* ---- stop --------------------------------------------------------------------------------- */

void tr_runtime_request_stop(tr_runtime *rt) {
    if (rt == NULL) return;
    /* ORDER seq_cst: before the alarm. */
    if (atomic_exchange_explicit(&rt->stopping, 1, memory_order_seq_cst) == 0)
        tri_watch_alarm(&rt->sched);
}

static void pass_gate(struct tri_gate *gate) {
    /* ORDER F1, F2: see foreign.c. */
    while (atomic_exchange_explicit(&gate->busy, 1, memory_order_acquire) != 0) tri_os_yield();
    tri_gate_leave(gate);
}

static void pass_gates(struct tr_runtime *rt) {
    for (uint32_t i = 0; i < TRI_GATES; i++) pass_gate(&rt->gates[i]);
    pthread_mutex_lock(&rt->lock);
    for (tr_outbox *box = rt->outboxes.next; box != &rt->outboxes; box = box->next)
        pass_gate(&box->gate);
    pthread_mutex_unlock(&rt->lock);
}

/* True when every actor has ended. The ended are read before the spawned: a sum of zero was true
 * at the moment in between, and with nobody alive and the gates shut it stays true. */
static bool all_ended(struct tr_runtime *rt) {
    uint64_t ended = 0, spawned = 0;
    for (uint32_t i = 0; i < rt->sched.config.workers; i++)
        /* ORDER acquire: pairs with the release in end_actor; what the actor spawned is counted. */
        ended += atomic_load_explicit(&tri_local_of(rt->sched.workers[i])->counters.ended,
                                      memory_order_acquire);
    for (uint32_t i = 0; i < rt->sched.config.workers; i++)
        spawned += tri_count_read(&tri_local_of(rt->sched.workers[i])->counters.spawned);
    for (uint32_t i = 0; i < TRI_GATES; i++)
        spawned += tri_count_read(&rt->gates[i].counters.spawned);
    return ended == spawned;
}

static void log_busy_actor(struct tr_runtime *rt, struct tri_task *task) {
    struct tri_slot *slot = tri_slot_of(task);
    uint32_t generation = tri_life_peek(&slot->life) & TRI_LIFE_GENERATION;
    char ref[TR_REF_TEXT_BYTES], line[160];
    tr_ref_format((tr_ref){rt->node, (uint64_t)slot->index << 32 | generation}, ref, sizeof ref);
    snprintf(line, sizeof line, "troupe: stop timed out: actor %s (%s) is still in a handler", ref,
             slot->behavior->name);
    rt->config.log(rt->config.log_context, line);
}

static void log_busy(struct tr_runtime *rt) {
    if (rt->config.log == NULL) return;
    pthread_mutex_lock(&rt->sched.lock);
    for (struct tri_thread *thread = rt->sched.threads; thread != NULL; thread = thread->next_all) {
        /* ORDER relaxed: a snapshot. */
        struct tri_task *task = atomic_load_explicit(&thread->current, memory_order_relaxed);
        if (task != NULL && !tri_bias_is_inside(&thread->bias)) log_busy_actor(rt, task);
    }
    pthread_mutex_unlock(&rt->sched.lock);
}

/* After the last thread: late records of free slots are the last dead letters. */
static void bury_the_rest(struct tr_runtime *rt) {
    struct tri_arena arena;
    tri_arena_init(&arena, &rt->pool);
    uint32_t used = atomic_load_explicit(&rt->table.used, memory_order_relaxed);
    for (uint32_t i = 0; i < used; i++) {
        struct tri_slot *slot = tri_table_find(&rt->table, i);
        if (!tri_lane_has_messages(&slot->lane)) continue;
        struct tri_list late = {NULL, NULL, 0};
        tri_lane_absorb(&slot->lane, &late);
        tri_list_bury(rt, &rt->past, &arena, &late, i, TR_DEAD_NO_ACTOR, UINT32_MAX);
    }
    tri_arena_fini(&arena);
}

tr_status tr_runtime_stop(tr_runtime *rt, int64_t timeout_ns) {
    if (rt == NULL) return TR_INVALID;
    if (tri_self_here(rt) != NULL) return TR_WOULD_DEADLOCK;
    /* ORDER acquire: pairs with the store below, when another thread stopped it. */
    if (atomic_load_explicit(&rt->stopped, memory_order_acquire)) return TR_OK;
    uint64_t start = tri_clock_ns();
    tr_runtime_request_stop(rt);
    pass_gates(rt);
    for (int64_t nap = STOP_POLL_MIN_NS; !all_ended(rt);
         nap = nap * 2 > STOP_POLL_MAX_NS ? STOP_POLL_MAX_NS : nap * 2) {
        if (timeout_ns >= 0 && tri_clock_ns() - start >= (uint64_t)timeout_ns) {
            log_busy(rt);
            return TR_TIMEOUT;
        }
        _Atomic uint32_t never = 0;
        tri_os_wait(&never, 0, nap);
    }
    int saved = errno;
    tri_sched_quit(&rt->sched);
    errno = saved;
    bury_the_rest(rt);
    tri_calls_abandon(rt);
    /* ORDER release: pairs with the loads here. */
    atomic_store_explicit(&rt->stopped, true, memory_order_release);
    return TR_OK;
}

tr_status tr_runtime_destroy(tr_runtime *rt) {
    if (rt == NULL) return TR_OK;
    /* ORDER acquire: see tr_runtime_stop. */
    if (!atomic_load_explicit(&rt->stopped, memory_order_acquire) ||
        rt->outboxes.next != &rt->outboxes)
        return TR_BUSY;
    int saved = errno; /* free may change it */
    free_parts(rt);
    errno = saved;
    return TR_OK;
}
