/* SPDX-License-Identifier: MIT
 * Threads that are no actors: sending, spawning, killing, and outboxes.
 *
 * A foreign thread needs no registration: it goes through a gate, a spin lock with its own record
 * memory, chosen by the thread's identity and abandoned for the next one when it is busy. Stopping
 * a runtime sets `stopping` and then passes through every gate once: whoever was inside has
 * finished, whoever comes later sees `stopping` (F1, F2).
 *
 *   foreign thread                            stopper
 *   --------------                            -------
 *   busy: exchange 0 -> 1            F1       stopping = 1
 *   stopping?                                 each gate: exchange 0 -> 1, then 0
 *   … send …
 *   busy = 0                         F2
 *
 * F1 is acquire, F2 release: the gate's memory, and `stopping` for whoever enters after the
 * stopper.
 *
 * A thread that has lost its worker in an overdue handler sends the same way, in its actor's name.
 * Rejected: per-thread pools in thread-local storage (they need a destructor at thread exit, which
 * outlives a library that was loaded with dlopen); malloc per message (90 ns across threads).
 */
#include "runtime/core.h"

#include <string.h>

/* ---- gates -------------------------------------------------------------------------------- */

static bool gate_try(struct tri_gate *gate) {
    /* ORDER relaxed: a peek that saves the exchange. */
    if (atomic_load_explicit(&gate->busy, memory_order_relaxed) != 0) return false;
    /* ORDER F1 acquire: pairs with F2. */
    return atomic_exchange_explicit(&gate->busy, 1, memory_order_acquire) == 0;
}

struct tri_gate *tri_gate_enter(struct tr_runtime *rt) {
    uint32_t start = (uint32_t)(tri_mix64((uintptr_t)&tri_thread_current) % TRI_GATES);
    for (;;) {
        for (uint32_t i = 0; i < TRI_GATES; i++) {
            struct tri_gate *gate = &rt->gates[(start + i) % TRI_GATES];
            if (gate_try(gate)) return gate;
        }
        tri_os_yield();
    }
}

void tri_gate_leave(struct tri_gate *gate) {
    /* ORDER F2 release: pairs with F1. */
    atomic_store_explicit(&gate->busy, 0, memory_order_release);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* A foreign thread that is ahead of a crowded target lets other threads run once in a while: on a
 * machine with more threads than cores the worker would not get to it otherwise, and the backlog
 * would leave every cache. It is never held up longer than that. */
static bool should_yield(struct tr_runtime *rt, struct tri_gate *gate, const struct tri_slot *slot,
                         uint32_t count) {
    uint16_t home = tri_task_home(&slot->task);
    bool behind =
        home != TRI_HOME_NONE && tri_ahead_count(&gate->ahead, tri_sched_worker(&rt->sched, home),
                                                 count, TRI_GATE_LOOK_EVERY);
    /* ORDER relaxed: a hint. */
    if (!atomic_load_explicit(&slot->crowded, memory_order_relaxed)) return behind;
    uint32_t before = gate->crowded_sends / TRI_YIELD_EVERY;
    gate->crowded_sends += count;
    return behind || gate->crowded_sends / TRI_YIELD_EVERY != before;
}

static void publish(struct tr_runtime *rt, struct tri_slot *slot, struct tri_record *first,
                    struct tri_record *last, uint32_t count) {
    struct tri_chain *chain = tri_chain_of(first);
    chain->last = last;
    chain->count = count;
    if (tri_lane_push(&slot->lane, first)) tri_slot_deliver(rt, slot, 0);
}

/* Sends one message through a gate the caller has entered. Checked before. */
static tr_status post(struct tr_runtime *rt, struct tri_gate *gate, uint64_t to, uint64_t sender,
                      const tr_message_type *type, const void *payload, uint32_t bytes,
                      bool *yield) {
    if ((to & TRI_CELL_BIT) && tri_is_signal(type)) return TR_OK; /* a call is no actor */
    if (to & TRI_CELL_BIT)
        return tri_send_reply(rt, &gate->counters, &gate->arena, to, sender, type, payload, bytes);
    struct tri_slot *slot = tri_table_find(&rt->table, (uint32_t)(to >> 32));
    if (slot == NULL || tri_is_other_life(tri_life_peek(&slot->life), (uint32_t)to)) {
        if (!tri_is_signal(type)) tri_count_add(&gate->counters.sent, 1);
        tri_dead(rt, &gate->counters, to, type, sender, TR_DEAD_NO_ACTOR);
        return TR_OK;
    }
    struct tri_record *record =
        tri_record_new(&gate->arena, true, type, sender, (uint32_t)to, payload, bytes);
    if (record == NULL) return TR_NOMEM;
    if (!tri_is_signal(type)) tri_count_add(&gate->counters.sent, 1);
    publish(rt, slot, record, record, 1);
    *yield = should_yield(rt, gate, slot, 1);
    return TR_OK;
}

tr_status tri_foreign_post(struct tr_runtime *rt, tr_ref to, uint64_t sender, bool own,
                           const tr_message_type *type, const void *payload, size_t bytes) {
    bool yield = false;
    struct tri_gate *gate = tri_gate_enter(rt);
    tr_status status = !own && tri_is_stopping(rt)
                           ? TR_STOPPING
                           : post(rt, gate, to.id, sender, type, payload, (uint32_t)bytes, &yield);
    tri_gate_leave(gate);
    if (yield) tri_os_yield();
    return status;
}

static tr_status foreign_send(tr_runtime *rt, tr_ref to, const tr_message_type *type,
                              const void *payload, size_t bytes) {
    if (rt == NULL) return TR_INVALID;
    tr_self *self = tri_self_here(rt);
    if (self != NULL) return tr_self_send(self, to, type, payload, bytes);
    if (type != NULL && type->size_bytes == 0 && !type->raw) bytes = 0;
    tr_status status = tri_check_send(rt, to, type, payload, bytes);
    if (status != TR_OK) return status;
    return tri_foreign_post(rt, to, 0, false, type, payload, bytes);
}

tr_status tr_foreign_send(tr_runtime *rt, tr_ref to, const tr_message_type *type,
                          const void *payload, size_t bytes) {
    return foreign_send(rt, to, type, payload, bytes);
}

tr_status tr_foreign_stop(tr_runtime *rt, tr_ref actor) {
    return foreign_send(rt, actor, &tri_signal_stop, NULL, 0);
}

/* Marks the actor for its end (TRI_LIFE_EXIT) and wakes it. From any thread. */
tr_status tri_foreign_mark(struct tr_runtime *rt, tr_ref actor) {
    if (tr_ref_is_null(actor)) return TR_NULL_REF;
    if (actor.node != rt->node) return TR_WRONG_RUNTIME;
    struct tri_slot *slot = tri_table_find(&rt->table, (uint32_t)(actor.id >> 32));
    if (slot == NULL || !(actor.id & 1)) return TR_OK;
    struct tri_gate *gate = tri_gate_enter(rt); /* keeps a stop from completing meanwhile */
    if (tri_life_mark(&slot->life, (uint32_t)actor.id, TRI_LIFE_EXIT)) tri_slot_poke(rt, slot, 0);
    tri_gate_leave(gate);
    return TR_OK;
}

tr_status tr_foreign_kill(tr_runtime *rt, tr_ref actor) {
    return rt != NULL ? tri_foreign_mark(rt, actor) : TR_INVALID;
}

bool tr_is_alive(tr_runtime *rt, tr_ref actor) {
    if (rt == NULL || actor.node != rt->node) return false;
    struct tri_slot *slot = tri_table_find(&rt->table, (uint32_t)(actor.id >> 32));
    if (slot == NULL) return false;
    uint32_t word = tri_life_peek(&slot->life);
    return !tri_is_other_life(word, (uint32_t)actor.id) && !(word & TRI_LIFE_EXIT);
}

/* ---- spawning ----------------------------------------------------------------------------- */

/* A slot without a home, its token with the caller. */
static struct tri_slot *take_slot(struct tr_runtime *rt, tr_status *status) {
    struct tri_table *table = &rt->table;
    pthread_mutex_lock(&table->lock);
    struct tri_task *task = table->pool;
    if (task != NULL) table->pool = task->queue_next;
    pthread_mutex_unlock(&table->lock);
    if (task != NULL) return tri_slot_of(task);
    uint32_t first;
    return tri_table_reserve(table, 1, &first, status) == 1 ? tri_table_find(table, first) : NULL;
}

static tr_status make(struct tr_runtime *rt, struct tri_gate *gate, const tr_behavior *behavior,
                      const void *arg, uint64_t starter, tr_ref *actor) {
    void *state;
    if (!tri_state_alloc(rt, behavior, &state)) return TR_NOMEM;
    tr_status status = TR_NOMEM;
    struct tri_record *init = NULL;
    if (behavior->init != NULL || starter != 0) {
        init = tri_init_record(&gate->arena, behavior, arg, starter);
        if (init == NULL) goto free_state;
    }
    struct tri_slot *slot = take_slot(rt, &status);
    if (slot == NULL) goto free_init;
    tr_ref ref = tri_slot_begin(rt, slot, behavior, state);
    if (init != NULL) {
        init->generation = (uint32_t)ref.id;
        tri_list_append(&slot->list, init);
    }
    *actor = ref;
    tri_count_add(&gate->counters.spawned, 1);
    /* ORDER relaxed: round robin, nothing more. */
    uint32_t turn = atomic_fetch_add_explicit(&rt->sched.next_worker, 1, memory_order_relaxed);
    tri_task_deliver(rt->sched.workers[turn % rt->sched.config.workers], &slot->task, 0);
    return TR_OK;
free_init:
    if (init != NULL) tri_record_free(&gate->arena, init);
free_state:
    tri_state_free(rt, behavior, state);
    return status;
}

tr_status tri_foreign_make(struct tr_runtime *rt, const tr_behavior *behavior, const void *arg,
                           uint64_t starter, tr_ref *actor) {
    struct tri_gate *gate = tri_gate_enter(rt);
    tr_status status =
        tri_is_stopping(rt) ? TR_STOPPING : make(rt, gate, behavior, arg, starter, actor);
    tri_gate_leave(gate);
    return status;
}

tr_status tr_foreign_spawn(tr_runtime *rt, const tr_behavior *behavior, const void *arg,
                           tr_ref *actor) {
    if (rt == NULL || actor == NULL) return TR_INVALID;
    tr_self *self = tri_self_here(rt);
    if (self != NULL) return tr_self_spawn(self, behavior, arg, actor);
    tr_status status = tri_check_behavior(behavior);
    return status == TR_OK ? tri_foreign_make(rt, behavior, arg, 0, actor) : status;
}

/* ---- outboxes ----------------------------------------------------------------------------- */

tr_status tr_outbox_create(tr_runtime *rt, tr_outbox **outbox) {
    if (rt == NULL || outbox == NULL) return TR_INVALID;
    if (tri_is_stopping(rt)) return TR_STOPPING;
    tr_outbox *box = tri_alloc_zero(&rt->allocator, TRI_LINE_PAIR, sizeof *box);
    if (box == NULL) return TR_NOMEM;
    box->rt = rt;
    tri_arena_init(&box->gate.arena, &rt->pool);
    pthread_mutex_lock(&rt->lock);
    box->next = rt->outboxes.next;
    box->prev = &rt->outboxes;
    box->next->prev = box->prev->next = box;
    pthread_mutex_unlock(&rt->lock);
    *outbox = box;
    return TR_OK;
}

static void drop_held(tr_outbox *box) {
    struct tri_record *record = box->first;
    for (uint32_t i = 0; i < box->count; i++) {
        struct tri_record *next = record->next;
        tri_record_free(&box->gate.arena, record);
        record = next;
    }
    tri_count_add(&box->gate.counters.rejected, box->count);
}

tr_status tr_outbox_flush(tr_outbox *box) {
    if (box == NULL) return TR_INVALID;
    if (box->target == NULL) return TR_OK;
    while (!gate_try(&box->gate)) tri_os_yield(); /* only the stopper can be inside */
    tr_status status = tri_is_stopping(box->rt) ? TR_STOPPING : TR_OK;
    bool yield = should_yield(box->rt, &box->gate, box->target, box->count);
    if (status == TR_OK) {
        tri_count_add(&box->gate.counters.sent, box->count);
        publish(box->rt, box->target, box->first, box->last, box->count);
    } else {
        drop_held(box);
    }
    box->target = NULL;
    tri_gate_leave(&box->gate);
    if (yield) tri_os_yield(); /* as should_yield says */
    return status;
}

tr_status tr_outbox_send(tr_outbox *box, tr_ref to, const tr_message_type *type,
                         const void *payload, size_t bytes) {
    if (box == NULL) return TR_INVALID;
    if (type != NULL && type->size_bytes == 0 && !type->raw) bytes = 0;
    tr_status status = tri_check_send(box->rt, to, type, payload, bytes);
    if (status != TR_OK) return status;
    if (tri_is_stopping(box->rt)) {
        (void)tr_outbox_flush(box); /* drops and counts what was held back */
        return TR_STOPPING;
    }
    struct tri_slot *slot = tri_table_find(&box->rt->table, (uint32_t)(to.id >> 32));
    if (slot == NULL || tri_is_other_life(tri_life_peek(&slot->life), (uint32_t)to.id)) {
        tri_count_add(&box->gate.counters.sent, 1);
        tri_dead(box->rt, &box->gate.counters, to.id, type, 0, TR_DEAD_NO_ACTOR);
        return TR_OK;
    }
    bool first = box->target != slot;
    if (first && (status = tr_outbox_flush(box)) != TR_OK) return status;
    struct tri_record *record =
        tri_record_new(&box->gate.arena, first, type, 0, (uint32_t)to.id, payload, (uint32_t)bytes);
    if (record == NULL) return TR_NOMEM;
    if (first) {
        box->target = slot;
        box->first = record;
        box->count = 0;
    } else {
        box->last->next = record;
    }
    box->last = record;
    return ++box->count >= TRI_CHAIN_MAX ? tr_outbox_flush(box) : TR_OK;
}

static void add_counters(struct tri_counters *to, const struct tri_counters *from) {
    tri_count_add(&to->sent, tri_count_read(&from->sent));
    tri_count_add(&to->rejected, tri_count_read(&from->rejected));
    for (int i = 0; i < TR_DEAD_REASONS; i++)
        tri_count_add(&to->dead[i], tri_count_read(&from->dead[i]));
}

void tr_outbox_destroy(tr_outbox *box) {
    if (box == NULL) return;
    (void)tr_outbox_flush(box);
    struct tr_runtime *rt = box->rt;
    tri_arena_fini(&box->gate.arena);
    pthread_mutex_lock(&rt->lock);
    box->next->prev = box->prev;
    box->prev->next = box->next;
    add_counters(&rt->past, &box->gate.counters);
    pthread_mutex_unlock(&rt->lock);
    tri_free(&rt->allocator, box, sizeof *box);
}
