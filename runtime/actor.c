/* SPDX-License-Identifier: MIT
 * Where mailbox and scheduler meet: sending to an actor, running it, ending it.
 *
 * Why no wake-up is lost. An actor that is not queued has its token at rest in the lane (ARMED) or
 * on its way to its home's inbox.
 *
 *   sender, not at home                       home
 *   -------------------                       ----
 *   CAS lane old -> chain            L1       handles the private list; looks at the lane
 *   old was ARMED: has the token,             nothing: CAS lane 0 -> ARMED            L3
 *     pushes the actor to the inbox  N1         fails: a chain came first; absorb, go on
 *   old was not ARMED: the token is             succeeds: idle; the next sender finds ARMED
 *     with the home, which will look          inbox brings a token: queue the actor
 *     again before it can arm,
 *     or in an inbox already
 *
 * Arming is the only way to idleness with the token, and it fails when anything is in the lane. An
 * actor activated by a message from its own worker leaves the token where it is; when it has
 * nothing left it is simply not queued: ARMED still lies in the lane, or the token is in flight and
 * will queue it.
 *
 * Why order is kept. A sender's earlier message is in the private list, or in the lane where the
 * home sees it (a sender that migrated did so by release/acquire): a send from the home absorbs the
 * lane before it appends, a publication goes behind what is in the lane, and a worker publishes its
 * open chain before it polls its inbox, adopts a task or ends an activation.
 *
 * Between the look at `home` and the append nothing may run that could move the target.
 *
 * Rejected: running the receiver inside tr_send (handlers would run under the sender's locks); one
 * exchange mailbox for everybody (an atomic per message where most messages stay on their worker).
 */
#include <string.h>

#include "base/clock.h"
#include "runtime/core.h"

const tr_message_type tri_signal_init = {"(init)", 0, 0, NULL, 1, 0};
const tr_message_type tri_signal_stop = {"(stop)", 0, 0, NULL, 0, 0};

/* ---- biased lock -------------------------------------------------------------------------- */

/* The worker of the calling handler, or NULL when it was taken over meanwhile. */
static inline struct tri_local *self_enter(tr_self *self) {
    if (TRI_UNLIKELY(tri_bias_enter(&self->thread.bias) & TRI_ATTENTION_REVOKE) &&
        !tri_thread_enter_slow(&self->thread))
        return NULL;
    return tri_local_of(self->thread.worker);
}

static inline void self_leave(tr_self *self) {
    tri_bias_leave(&self->thread.bias);
}

/* ---- sending ------------------------------------------------------------------------------ */

tr_status tri_check_send(const struct tr_runtime *rt, tr_ref to, const tr_message_type *type,
                         const void *payload, size_t bytes) {
    if (type == NULL || (payload == NULL && bytes != 0)) return TR_INVALID;
    if (tr_ref_is_null(to)) return TR_NULL_REF;
    if (to.node != rt->node) return TR_WRONG_RUNTIME;
    if (bytes > rt->config.max_message_bytes) return TR_TOO_LARGE;
    if (!type->raw && type->size_bytes != 0 && bytes != type->size_bytes) return TR_INVALID;
    return TR_OK;
}

void tri_slot_deliver(struct tr_runtime *rt, struct tri_slot *slot, uint16_t waker) {
    uint16_t home = tri_task_home(&slot->task);
    TRI_INVARIANT(home != TRI_HOME_NONE); /* a token at rest has a home */
    tri_task_deliver(tri_sched_worker(&rt->sched, home), &slot->task, waker);
}

void tri_slot_poke(struct tr_runtime *rt, struct tri_slot *slot, uint16_t waker) {
    if (tri_lane_claim(&slot->lane)) tri_slot_deliver(rt, slot, waker);
}

static void throttle(struct tri_local *local, struct tri_slot *target) {
    local->throttle = target;
    local->spawned_many = false;
    local->budget = 1; /* the activation ends with the running handler */
}

void tri_local_publish(struct tri_local *local) {
    struct tri_slot *target = local->chain.target;
    if (target == NULL) return;
    struct tri_chain *chain = tri_chain_of(local->chain.first);
    chain->last = local->chain.last;
    chain->count = local->chain.count;
    local->chain.target = NULL;
    uint16_t home = tri_task_home(&target->task);
    bool behind = home != TRI_HOME_NONE &&
                  tri_ahead_count(&local->ahead, tri_sched_worker(&local->rt->sched, home),
                                  local->chain.count, TRI_LOOK_EVERY);
    /* ORDER relaxed: a hint. */
    if (TRI_UNLIKELY(behind || atomic_load_explicit(&target->crowded, memory_order_relaxed)))
        throttle(local, target);
    if (tri_lane_push(&target->lane, local->chain.first))
        tri_slot_deliver(local->rt, target, local->worker.id);
}

static TRI_NOINLINE void crowd(struct tri_local *local, struct tri_slot *slot) {
    throttle(local, slot);
    /* ORDER relaxed: a hint. */
    atomic_store_explicit(&slot->crowded, 1, memory_order_relaxed);
}

/* The first message ever, or one to a free slot (a forged address). Whoever makes many actors lets
 * them run soon: each costs the running activation as much as TRI_WAKE_CHARGE messages. */
static TRI_NOINLINE void wake_first(struct tri_local *local, struct tri_slot *slot) {
    local->budget = local->budget > TRI_WAKE_CHARGE ? local->budget - TRI_WAKE_CHARGE : 1;
    if (slot->task.flags & TRI_TASK_FREE)
        tri_list_bury(local->rt, &local->counters, &local->arena, &slot->list, slot->index,
                      TR_DEAD_NO_ACTOR, UINT32_MAX);
    else
        tri_worker_queue_fresh(&local->worker, &slot->task);
    if (tri_worker_runnable(&local->worker) > TRI_FRESH_ABOVE) {
        throttle(local, slot);
        local->spawned_many = true;
    }
}

/* An actor at home that rested has a message now. */
static inline void wake_at_home(struct tri_local *local, struct tri_slot *slot) {
    struct tri_task *task = &slot->task;
    if (TRI_LIKELY((task->flags & (TRI_TASK_FREE | TRI_TASK_NEW)) == 0)) {
        if (task->streak != 0) task->streak--;
        tri_worker_queue(&local->worker, task);
    } else {
        wake_first(local, slot);
    }
}

/* The target lives here: straight to its private lane. */
static inline void append_at_home(struct tri_local *local, struct tri_slot *slot,
                                  struct tri_record *record) {
    if (TRI_UNLIKELY(tri_lane_has_messages(&slot->lane))) tri_lane_absorb(&slot->lane, &slot->list);
    tri_list_append(&slot->list, record);
    if (!(slot->task.flags & TRI_TASK_ACTIVE)) wake_at_home(local, slot);
    if (TRI_UNLIKELY(slot->list.count > TRI_CROWD_ON)) crowd(local, slot);
}

static bool append_to_chain(struct tri_local *local, struct tri_slot *slot,
                            const tr_message_type *type, uint64_t sender, uint32_t generation,
                            const void *payload, uint32_t bytes) {
    bool first = local->chain.target != slot;
    struct tri_record *record =
        tri_record_new(&local->arena, first, type, sender, generation, payload, bytes);
    if (TRI_UNLIKELY(record == NULL)) return false;
    if (first) {
        tri_local_publish(local);
        local->chain.target = slot;
        local->chain.first = record;
        local->chain.count = 0;
    } else {
        local->chain.last->next = record;
    }
    local->chain.last = record;
    if (++local->chain.count >= TRI_CHAIN_MAX) tri_local_publish(local);
    return true;
}

tr_status tri_send_reply(struct tr_runtime *rt, struct tri_counters *counters,
                         struct tri_arena *arena, uint64_t call, uint64_t sender,
                         const tr_message_type *type, const void *payload, uint32_t bytes) {
    struct tri_record *record = tri_record_new(arena, false, type, sender, 0, payload, bytes);
    if (record == NULL) return TR_NOMEM;
    tri_count_add(&counters->sent, 1);
    if (tri_call_answer(rt, call, record, TR_OK) == TR_OK) {
        tri_count_add(&counters->replies, 1);
    } else {
        tri_record_free(arena, record);
        tri_dead(rt, counters, 0, type, 0, TR_DEAD_LATE_REPLY);
    }
    return TR_OK;
}

/* No slot of that incarnation: a reply to a call, or a dead letter. */
static TRI_NOINLINE tr_status send_elsewhere(struct tri_local *local, uint64_t to, uint64_t sender,
                                             const tr_message_type *type, const void *payload,
                                             uint32_t bytes) {
    if (to & TRI_CELL_BIT)
        return tri_send_reply(local->rt, &local->counters, &local->arena, to, sender, type, payload,
                              bytes);
    if (!tri_is_signal(type)) tri_count_add(&local->counters.sent, 1);
    tri_dead(local->rt, &local->counters, to, type, sender, TR_DEAD_NO_ACTOR);
    return TR_OK;
}

/* Sends from the worker. Checked before. */
static tr_status local_send(struct tri_local *local, uint64_t to, uint64_t sender,
                            const tr_message_type *type, const void *payload, uint32_t bytes) {
    struct tri_slot *slot = tri_table_find(&local->rt->table, (uint32_t)(to >> 32));
    uint32_t generation = (uint32_t)to;
    if (slot == NULL || tri_is_other_life(tri_life_peek(&slot->life), generation))
        return send_elsewhere(local, to, sender, type, payload, bytes);
    if (tri_task_home(&slot->task) == local->worker.id) {
        struct tri_record *record =
            tri_record_new(&local->arena, false, type, sender, generation, payload, bytes);
        if (record == NULL) return TR_NOMEM;
        append_at_home(local, slot, record);
    } else if (!append_to_chain(local, slot, type, sender, generation, payload, bytes)) {
        return TR_NOMEM;
    }
    if (!tri_is_signal(type)) tri_count_add(&local->counters.sent, 1);
    return TR_OK;
}

/* Everything that is not plain: checks in full, then sends. */
static __attribute__((noinline)) tr_status send_slow(tr_self *self, tr_ref to,
                                                     const tr_message_type *type,
                                                     const void *payload, size_t bytes) {
    if (type != NULL && type->size_bytes == 0 && !type->raw) bytes = 0;
    tr_status status = tri_check_send(self->rt, to, type, payload, bytes);
    if (status != TR_OK) return status;
    struct tri_local *local = self_enter(self);
    if (local == NULL) return tri_foreign_post(self->rt, to, self->id, true, type, payload, bytes);
    status = local_send(local, to.id, self->id, type, payload, (uint32_t)bytes);
    self_leave(self);
    return status;
}

static inline uint32_t plain_room(size_t bytes) {
    return (uint32_t)((bytes + sizeof(struct tri_record) + 7) & ~(size_t)7);
}

/* Copies a short payload without a call. */
static inline void copy_plain(char *to, const char *from, size_t bytes) {
    if (TRI_LIKELY(bytes == 8)) {
        __builtin_memcpy(to, from, 8);
        return;
    }
    for (; bytes >= 8; bytes -= 8, to += 8, from += 8) __builtin_memcpy(to, from, 8);
    if (TRI_LIKELY(bytes == 0)) return;
    if (bytes & 4) {
        __builtin_memcpy(to, from, 4);
        to += 4;
        from += 4;
    }
    for (bytes &= 3; bytes > 0; bytes--) *to++ = *from++;
}

/* Fills the record at the arena's bump pointer. */
static inline struct tri_record *take_plain(struct tri_local *local, const tr_self *self,
                                            uint64_t to, const tr_message_type *type,
                                            const void *payload, size_t bytes) {
    struct tri_record *record = (struct tri_record *)(void *)local->arena.bump;
    local->arena.bump += plain_room(bytes);
    local->arena.allocated++;
    record->type = type;
    record->sender = self->id;
    record->generation = (uint32_t)to;
    record->size = (uint32_t)bytes;
    copy_plain((char *)(record + 1), payload, bytes);
    tri_count_add(&local->counters.sent, 1);
    return record;
}

/* Tails of a plain send: functions of their own, so that the rest of tr_self_send needs no stack.
 */
static TRI_NOINLINE tr_status wake_first_and_leave(tr_self *self, struct tri_local *local,
                                                   struct tri_slot *slot) {
    wake_first(local, slot);
    self_leave(self);
    return TR_OK;
}

static TRI_NOINLINE tr_status crowd_and_leave(tr_self *self, struct tri_local *local,
                                              struct tri_slot *slot) {
    crowd(local, slot);
    self_leave(self);
    return TR_OK;
}

/* The plain case in one piece, its calls all at the end: a small message to a
 * live actor at home, or to the target of the open chain. All conditions come before the first
 * change; where one fails send_slow starts over. */
tr_status tr_self_send(tr_self *self, tr_ref to, const tr_message_type *type, const void *payload,
                       size_t bytes) {
    if (TRI_UNLIKELY(to.node != self->node || bytes != type->size_bytes || bytes > TRI_PLAIN_BYTES))
        return send_slow(self, to, type, payload, bytes);
    if (TRI_UNLIKELY(!tri_bias_enter_quick(&self->thread.bias)))
        return send_slow(self, to, type, payload, bytes);
    struct tri_local *local = tri_local_of(self->thread.worker);
    struct tri_slot *slot =
        tri_chunks_find(self->chunks, self->chunk_limit, (uint32_t)(to.id >> 32));
    if (TRI_UNLIKELY(slot == NULL || tri_life_peek(&slot->life) != (uint32_t)to.id ||
                     !tri_arena_has(&local->arena, plain_room(bytes))))
        return send_slow(self, to, type, payload, bytes);
    if (TRI_LIKELY(tri_task_home(&slot->task) == local->worker.id)) {
        if (TRI_UNLIKELY(tri_lane_has_messages(&slot->lane)))
            return send_slow(self, to, type, payload, bytes);
        tri_list_append(&slot->list, take_plain(local, self, to.id, type, payload, bytes));
        struct tri_task *task = &slot->task;
        if (!(task->flags & TRI_TASK_ACTIVE)) {
            if (TRI_UNLIKELY(task->flags & (TRI_TASK_FREE | TRI_TASK_NEW)))
                return wake_first_and_leave(self, local, slot);
            if (task->streak != 0) task->streak--;
            tri_worker_queue(&local->worker, task);
        }
        if (TRI_UNLIKELY(slot->list.count > TRI_CROWD_ON))
            return crowd_and_leave(self, local, slot);
    } else {
        if (TRI_UNLIKELY(local->chain.target != slot || local->chain.count >= TRI_CHAIN_MAX - 1))
            return send_slow(self, to, type, payload, bytes);
        struct tri_record *record = take_plain(local, self, to.id, type, payload, bytes);
        local->chain.last->next = record;
        local->chain.last = record;
        local->chain.count++;
    }
    self_leave(self);
    return TR_OK;
}

tr_status tr_self_reply(tr_self *self, const tr_message_type *type, const void *payload,
                        size_t bytes) {
    if (type != NULL && type->size_bytes == 0 && !type->raw) bytes = 0;
    tr_ref to = tr_sender(self);
    if (!tr_ref_is_null(to)) return tr_self_send(self, to, type, payload, bytes);
    tr_status status = tri_check_send(self->rt, tr_self_ref(self), type, payload, bytes);
    if (status != TR_OK) return status;
    struct tri_local *local = self_enter(self);
    struct tri_gate *gate = local == NULL ? tri_gate_enter(self->rt) : NULL;
    struct tri_counters *counters = local != NULL ? &local->counters : &gate->counters;
    tri_count_add(&counters->sent, 1);
    tri_dead(self->rt, counters, 0, type, 0, TR_DEAD_NO_REPLY_TO);
    if (local != NULL)
        self_leave(self);
    else
        tri_gate_leave(gate);
    return TR_OK;
}

void tr_flush(tr_self *self) {
    struct tri_local *local = self_enter(self);
    if (local == NULL) return; /* without a worker nothing is held back */
    tri_local_publish(local);
    self_leave(self);
}

/* ---- free slots --------------------------------------------------------------------------- */

bool tri_list_bury(struct tr_runtime *rt, struct tri_counters *counters, struct tri_arena *arena,
                   struct tri_list *list, uint32_t slot_index, tr_dead_reason reason,
                   uint32_t most) {
    for (; list->count > 0 && most > 0; most--) {
        struct tri_record *record = tri_list_pop(list);
        uint64_t to =
            slot_index == UINT32_MAX ? 0 : (uint64_t)slot_index << 32 | record->generation;
        tri_dead(rt, counters, to, record->type, record->sender, reason);
        tri_record_free(arena, record);
    }
    return list->count > 0;
}

/* Puts the token of a free slot to rest; late messages in its lane are dead letters. */
static void rest_free_slot(struct tri_local *local, struct tri_slot *slot) {
    while (!tri_lane_arm(&slot->lane)) {
        struct tri_list late = {NULL, NULL, 0};
        tri_lane_absorb(&slot->lane, &late);
        tri_list_bury(local->rt, &local->counters, &local->arena, &late, slot->index,
                      TR_DEAD_NO_ACTOR, UINT32_MAX);
    }
    slot->task.flags &= (uint8_t)~TRI_TASK_TOKEN;
}

static void put_free_slot(struct tri_local *local, struct tri_slot *slot) {
    slot->task.queue_next = local->free;
    local->free = &slot->task;
    local->free_count++;
}

/* Too many free slots here: half of them, those whose token is at rest, go to the common pool. */
static TRI_NOINLINE void donate_slots(struct tri_local *local) {
    struct tri_table *table = &local->rt->table;
    struct tri_task *given = NULL, *last = NULL, *kept = NULL;
    for (uint32_t i = local->free_count / 2; i > 0; i--) {
        struct tri_task *task = local->free;
        local->free = task->queue_next;
        if (!tri_lane_claim(&tri_slot_of(task)->lane)) { /* its token is in our inbox */
            task->queue_next = kept;
            kept = task;
            continue;
        }
        local->free_count--;
        tri_task_set_home(task, TRI_HOME_NONE);
        task->queue_next = given;
        if (given == NULL) last = task;
        given = task;
    }
    while (kept != NULL) {
        struct tri_task *next = kept->queue_next;
        kept->queue_next = local->free;
        local->free = kept;
        kept = next;
    }
    if (given == NULL) return;
    pthread_mutex_lock(&table->lock);
    last->queue_next = table->pool;
    table->pool = given;
    pthread_mutex_unlock(&table->lock);
}

static struct tri_slot *adopt_free_slot(struct tri_local *local, struct tri_slot *slot) {
    tri_task_set_home(&slot->task, local->worker.id);
    rest_free_slot(local, slot);
    return slot;
}

static TRI_NOINLINE struct tri_slot *find_slot(struct tri_local *local, tr_status *status) {
    struct tri_table *table = &local->rt->table;
    pthread_mutex_lock(&table->lock);
    struct tri_task *task = table->pool;
    if (task != NULL) table->pool = task->queue_next;
    pthread_mutex_unlock(&table->lock);
    if (task != NULL) return adopt_free_slot(local, tri_slot_of(task));
    uint32_t first;
    uint32_t n = tri_table_reserve(table, TRI_SLOT_RANGE, &first, status);
    if (n == 0) return NULL;
    local->range_next = first + 1;
    local->range_end = first + n;
    return adopt_free_slot(local, tri_table_find(table, first));
}

/* A free slot with its home here. */
static inline struct tri_slot *take_free_slot(struct tri_local *local, tr_status *status) {
    if (TRI_LIKELY(local->free != NULL)) {
        struct tri_task *task = local->free;
        local->free = task->queue_next;
        local->free_count--;
        return tri_slot_of(task);
    }
    if (local->range_next != local->range_end)
        return adopt_free_slot(local, tri_table_find(&local->rt->table, local->range_next++));
    return find_slot(local, status);
}

/* ---- beginning ---------------------------------------------------------------------------- */

tr_status tri_check_behavior(const tr_behavior *behavior) {
    if (behavior == NULL || behavior->size < sizeof(tr_behavior)) return TR_INVALID;
    if (behavior->handler_count != 0 && behavior->handlers == NULL) return TR_INVALID;
    if (behavior->arg_bytes > TRI_INLINE_BYTES * 256u) return TR_INVALID;
    for (uint32_t i = 0; i < behavior->handler_count; i++)
        if (behavior->handlers[i].type == NULL || behavior->handlers[i].handle == NULL)
            return TR_INVALID;
    return TR_OK;
}

bool tri_state_alloc(struct tr_runtime *rt, const tr_behavior *behavior, void **state) {
    *state = NULL;
    if (TRI_LIKELY(behavior->state_bytes <= TRI_INLINE_STATE)) return true;
    *state = tri_alloc_zero(&rt->allocator, _Alignof(max_align_t), behavior->state_bytes);
    return *state != NULL;
}

void tri_state_free(struct tr_runtime *rt, const tr_behavior *behavior, void *state) {
    if (behavior->state_bytes > TRI_INLINE_STATE)
        tri_free(&rt->allocator, state, behavior->state_bytes);
}

tr_ref tri_slot_begin(struct tr_runtime *rt, struct tri_slot *slot, const tr_behavior *behavior,
                      void *state) {
    slot->behavior = behavior;
    if (state == NULL) {
        memset(slot->inline_state, 0, sizeof slot->inline_state);
        state = slot->inline_state;
    }
    slot->state = state;
    slot->initialised = behavior->init == NULL;
    slot->draining = 0;
    slot->stop_after = 0;
    slot->list = (struct tri_list){NULL, NULL, 0};
    slot->task.cost_ns = 0;
    slot->task.streak = 0;
    slot->task.defer = 0;
    slot->task.last_waker = 0;
    slot->task.flags = (slot->task.flags & TRI_TASK_TOKEN) | TRI_TASK_NEW;
    /* ORDER relaxed: a hint. */
    atomic_store_explicit(&slot->crowded, 0, memory_order_relaxed);
    uint32_t generation = tri_life_next(&slot->life);
    return (tr_ref){rt->node, (uint64_t)slot->index << 32 | generation};
}

static tr_status local_spawn(struct tri_local *local, const tr_behavior *behavior, const void *arg,
                             tr_ref *actor) {
    struct tr_runtime *rt = local->rt;
    if (tri_is_stopping(rt)) return TR_STOPPING;
    void *state;
    if (!tri_state_alloc(rt, behavior, &state)) return TR_NOMEM;
    tr_status status = TR_NOMEM;
    struct tri_record *init = NULL;
    if (behavior->init != NULL) {
        init = tri_record_new(&local->arena, false, &tri_signal_init, 0, 0, arg,
                              arg != NULL ? behavior->arg_bytes : 0);
        if (init == NULL) goto free_state;
    }
    struct tri_slot *slot = take_free_slot(local, &status);
    if (slot == NULL) goto free_init;
    *actor = tri_slot_begin(rt, slot, behavior, state);
    if (init != NULL) {
        init->generation = (uint32_t)actor->id;
        append_at_home(local, slot, init);
    }
    tri_count_add(&local->counters.spawned, 1);
    return TR_OK;
free_init:
    if (init != NULL) tri_record_free(&local->arena, init);
free_state:
    tri_state_free(rt, behavior, state);
    return status;
}

tr_status tr_self_spawn(tr_self *self, const tr_behavior *behavior, const void *arg,
                        tr_ref *actor) {
    if (actor == NULL) return TR_INVALID;
    tr_status status = tri_check_behavior(behavior);
    if (status != TR_OK) return status;
    struct tri_local *local = self_enter(self);
    if (local == NULL) return tri_foreign_make(self->rt, behavior, arg, 0, actor);
    status = local_spawn(local, behavior, arg, actor);
    self_leave(self);
    return status;
}

/* ---- ending ------------------------------------------------------------------------------- */

/* The last part of an actor's end, after terminate: nothing of the user's runs here. */
static void end_actor(struct tri_local *local, struct tri_slot *slot, const tr_reason *reason) {
    struct tr_runtime *rt = local->rt;
    tri_local_publish(local);
    if (!slot->initialised && reason->kind == TR_REASON_INIT)
        tri_count_add(&local->counters.init_failed, 1);
    uint32_t generation = tri_life_next(&slot->life);
    if (tri_lane_has_messages(&slot->lane)) tri_lane_absorb(&slot->lane, &slot->list);
    if (slot->list.count > 0) {
        /* A few are buried with their address, the rest in slices. */
        if (tri_list_bury(rt, &local->counters, &local->arena, &slot->list, slot->index,
                          TR_DEAD_ENDED, 8))
            tri_list_join(&local->morgue, slot->list.head, slot->list.tail, slot->list.count);
        slot->list = (struct tri_list){NULL, NULL, 0};
    }
    tri_state_free(rt, slot->behavior, slot->state);
    bool token = (slot->task.flags & TRI_TASK_TOKEN) != 0;
    slot->task.flags = TRI_TASK_FREE | (token ? TRI_TASK_TOKEN : 0);
    if (token) rest_free_slot(local, slot);
    /* ORDER release: pairs with all_ended (runtime.c); what this actor spawned was counted before.
     */
    atomic_store_explicit(&local->counters.ended, tri_count_read(&local->counters.ended) + 1,
                          memory_order_release);
    if (TRI_UNLIKELY(generation >= TRI_LIFE_GENERATION - 1)) {
        slot->retired = 1; /* its next generation would be an old one */
        return;
    }
    put_free_slot(local, slot);
    if (TRI_UNLIKELY(local->free_count > TRI_FREE_SLOTS)) donate_slots(local);
}

/* Runs terminate (if it must) in the name of the actor. */
static void terminate(tr_self *self, struct tri_slot *slot) {
    self->terminated = true;
    if (!slot->initialised || slot->behavior->terminate == NULL) return;
    slot->behavior->terminate(self, slot->state, &self->reason);
}

static void clear_exit(tr_self *self) {
    self->exiting = self->terminated = false;
}

/* Ends the actor for self->reason. False: the worker was lost in terminate. */
static TRI_NOINLINE bool finish(tr_self *self, struct tri_local *local, struct tri_slot *slot) {
    self->record = NULL; /* freed, or none */
    if (slot->initialised && slot->behavior->terminate != NULL) {
        tri_count_add(&local->worker.calls, 1);
        tri_count_add(&local->other_calls, 1);
        self_leave(self);
        terminate(self, slot);
        self->was_long = true; /* in case it is lost */
        if (self_enter(self) == NULL) return false;
    }
    end_actor(local, slot, &self->reason);
    clear_exit(self);
    return true;
}

static void set_reason(tr_self *self, tr_reason reason) {
    if (self->exiting) return;
    self->exiting = true;
    self->reason = reason;
}

void tr_exit(tr_self *self, tr_reason reason) {
    set_reason(self, reason);
}

tr_status tr_self_stop(tr_self *self, tr_ref actor) {
    return tr_self_send(self, actor, &tri_signal_stop, NULL, 0);
}

tr_status tr_self_kill(tr_self *self, tr_ref actor) {
    return tri_foreign_mark(self->rt, actor);
}

/* ---- running ------------------------------------------------------------------------------ */

enum verdict { HANDLE, SKIP, END };

/* A record whose generation is not the bare life word: an end is pending, or it came too late. */
static TRI_NOINLINE enum verdict judge(tr_self *self, struct tri_local *local,
                                       struct tri_slot *slot, struct tri_record *record,
                                       uint32_t life) {
    if ((life & TRI_LIFE_GENERATION) != record->generation) {
        tri_dead(local->rt, &local->counters, (uint64_t)slot->index << 32 | record->generation,
                 record->type, record->sender, TR_DEAD_NO_ACTOR);
        tri_record_free(&local->arena, record);
        return SKIP;
    }
    enum verdict verdict = HANDLE;
    if (life & TRI_LIFE_EXIT) {
        set_reason(self, tr_reason_of(TR_REASON_KILLED));
        verdict = END;
    } else if (!slot->draining) { /* SHUTDOWN seen for the first time */
        slot->draining = 1;
        if (tri_lane_has_messages(&slot->lane)) tri_lane_absorb(&slot->lane, &slot->list);
        slot->stop_after = slot->list.count;
    } else if (slot->stop_after-- == 0) {
        set_reason(self, tr_reason_of(TR_REASON_SHUTDOWN));
        verdict = END;
    }
    if (verdict == END) { /* not handled: it goes first among the dead */
        record->next = slot->list.head;
        if (slot->list.count++ == 0) slot->list.tail = record;
        slot->list.head = record;
    }
    return verdict;
}

static TRI_NOINLINE void run_init(tr_self *self, struct tri_slot *slot, struct tri_record *record) {
    static const _Alignas(max_align_t) unsigned char zeroes[TRI_INLINE_BYTES];
    const tr_behavior *behavior = slot->behavior;
    const void *arg = tri_record_bytes(record) != 0             ? tri_record_payload(record)
                      : behavior->arg_bytes <= TRI_INLINE_BYTES ? zeroes
                                                                : NULL;
    uint64_t starter = record->sender;
    tr_status status = behavior->init != NULL ? behavior->init(self, slot->state, arg) : TR_OK;
    if (status == TR_OK) {
        slot->initialised = 1;
    } else {
        set_reason(self, tr_reason_of(TR_REASON_INIT));
        self->reason = /* even if init called tr_exit: this is why */
            (tr_reason){TR_REASON_INIT, (int32_t)status, ""};
    }
    if (starter & TRI_CELL_BIT) (void)tri_call_answer(self->rt, starter, NULL, status);
}

/* No handler has exactly this descriptor. False: there is none at all; no user code has run, and
 * the thread is still inside. */
static TRI_NOINLINE bool dispatch_slow(tr_self *self, struct tri_local *local,
                                       struct tri_slot *slot, struct tri_record *record) {
    const tr_behavior *behavior = slot->behavior;
    if (tri_is_signal(record->type)) {
        tri_count_add(&local->other_calls, 1);
        self_leave(self);
        if (record->type == &tri_signal_init)
            run_init(self, slot, record);
        else
            set_reason(self, tr_reason_of(TR_REASON_NORMAL));
        return true;
    }
    tr_handler_fn *handle = behavior->any;
    for (uint32_t i = 0; i < behavior->handler_count; i++)
        if (tr_message_type_equal(behavior->handlers[i].type, record->type))
            handle = behavior->handlers[i].handle;
    if (handle == NULL) {
        tri_count_add(&local->counters.unhandled, 1);
        tri_count_add(&local->other_calls, 1);
        if (record->sender & TRI_CELL_BIT)
            (void)tri_call_answer(local->rt, record->sender, NULL, TR_UNHANDLED);
        return false;
    }
    self_leave(self);
    handle(self, slot->state, tri_record_payload(record));
    return true;
}

/* Hands the record to its handler. The thread leaves before user code runs. */
static inline void dispatch(tr_self *self, struct tri_local *local, struct tri_slot *slot,
                            struct tri_record *record) {
    const tr_handler *handler = slot->behavior->handlers;
    const tr_message_type *type = record->type;
    for (uint32_t n = slot->behavior->handler_count; n > 0; n--, handler++) {
        if (handler->type != type) continue;
        tr_handler_fn *handle = handler->handle;
        self_leave(self);
        handle(self, slot->state, tri_record_payload(record));
        return;
    }
    (void)dispatch_slow(self, local, slot, record);
}

/* The producer waits its turn behind a crowded target, or moves to where that one lives. True: it
 * has moved away. */
static TRI_NOINLINE bool step_behind(struct tri_local *local, struct tri_slot *slot) {
    struct tri_slot *target = local->throttle;
    local->throttle = NULL;
    struct tri_task *task = &slot->task;
    uint16_t home = tri_task_home(&target->task);
    task->defer = TRI_DEFER_TURNS;
    task->defer_for = local->spawned_many ? TRI_BEHIND_QUEUE : target->index;
    if (home == local->worker.id || home == TRI_HOME_NONE) return false;
    if (!tri_task_is_cheap(&local->worker, task)) return false;
    if (!(task->flags & TRI_TASK_TOKEN) && !tri_lane_claim(&slot->lane)) return false;
    task->flags = 0;
    tri_task_set_home(task, TRI_HOME_NONE);
    tri_count_add(&local->worker.attracted, 1);
    tri_task_deliver(tri_sched_worker(&local->rt->sched, home), task, 0);
    return true;
}

/* Whether what the producer stepped behind is still crowded. */
static bool is_crowded(struct tri_local *local, uint32_t index) {
    if (index == TRI_BEHIND_QUEUE) return tri_worker_runnable(&local->worker) > TRI_FRESH_ABOVE;
    struct tri_slot *target = tri_table_find(&local->rt->table, index);
    /* ORDER relaxed: a hint. */
    return target != NULL && atomic_load_explicit(&target->crowded, memory_order_relaxed) != 0;
}

/* True: the actor must let others run first and has been requeued. */
static TRI_NOINLINE bool defer(struct tri_local *local, struct tri_slot *slot) {
    uint32_t runnable = tri_worker_runnable(&local->worker);
    slot->task.defer--;
    if (runnable == 0 || !is_crowded(local, slot->task.defer_for)) {
        slot->task.defer = 0;
        return false;
    }
    tri_count_add(&local->worker.deferred, 1);
    tri_worker_queue(&local->worker, &slot->task);
    return true;
}

/* An idle actor that another worker keeps waking moves there. True: it has. */
static TRI_NOINLINE bool move_to_waker(struct tri_local *local, struct tri_slot *slot) {
    struct tri_task *task = &slot->task;
    uint16_t waker = task->last_waker;
    if (waker == 0 || waker == local->worker.id) return false;
    if (!tri_task_is_cheap(&local->worker, task)) return false;
    /* Two actors that wake each other must not change places for ever, and a chain of actors must
     * gather in one place: rather to the lower number than away from it. */
    uint64_t dice = tri_random_next(&local->worker.random);
    if ((dice & (waker < local->worker.id ? 1 : 15)) != 0) return false;
    task->streak = 0;
    task->flags = 0;
    tri_task_set_home(task, TRI_HOME_NONE);
    tri_count_add(&local->worker.attracted, 1);
    tri_task_deliver(tri_sched_worker(&local->rt->sched, waker), task, 0);
    return true;
}

/* The private list is empty: rest, unless something came in between. True: finished or moved or
 * resting; false: run it again. */
static inline bool rest(struct tri_local *local, struct tri_slot *slot) {
    struct tri_task *task = &slot->task;
    if (task->flags & TRI_TASK_TOKEN) {
        if (TRI_UNLIKELY(task->streak >= TRI_ATTRACT_STREAK) && move_to_waker(local, slot))
            return true;
        if (!tri_lane_arm(&slot->lane)) return false;
        task->flags &= (uint8_t)~TRI_TASK_TOKEN;
        if (TRI_UNLIKELY(tri_life_look(&slot->life) & TRI_LIFE_PENDING) &&
            tri_lane_claim(&slot->lane)) {
            task->flags |= TRI_TASK_TOKEN;
            return false;
        }
    }
    task->flags &= (uint8_t)~TRI_TASK_ACTIVE;
    return true;
}

static inline void uncrowd(struct tri_slot *slot) {
    /* ORDER relaxed: a hint. */
    if (TRI_UNLIKELY(atomic_load_explicit(&slot->crowded, memory_order_relaxed)) &&
        slot->list.count < TRI_CROWD_OFF)
        atomic_store_explicit(&slot->crowded, 0, memory_order_relaxed);
}

/* True when an end is pending and the actor has nothing left that it should handle first. */
static bool must_end(tr_self *self, struct tri_slot *slot) {
    uint32_t life = tri_life_peek(&slot->life);
    if (life & TRI_LIFE_EXIT)
        set_reason(self, tr_reason_of(TR_REASON_KILLED));
    else if ((life & TRI_LIFE_SHUTDOWN) && slot->list.count == 0 &&
             !tri_lane_has_messages(&slot->lane))
        set_reason(self, tr_reason_of(TR_REASON_SHUTDOWN));
    return self->exiting;
}

enum outcome { ON, ENDED, LOST };

/* Attention after a handler. LOST: the worker is gone. ENDED: the actor is. */
static TRI_NOINLINE enum outcome attend(tr_self *self, struct tri_local *local,
                                        struct tri_slot *slot) {
    uint32_t attention = tri_bias_enter(&self->thread.bias);
    if ((attention & TRI_ATTENTION_REVOKE) && !tri_thread_enter_slow(&self->thread)) {
        self->was_long = true;
        if (self->exiting && !self->terminated) terminate(self, slot);
        return LOST;
    }
    if (attention & (TRI_ATTENTION_TICK | TRI_ATTENTION_HUNGRY))
        local->budget = 1; /* the scheduler's loop attends to them */
    if (!self->exiting) return ON;
    tri_record_free(&local->arena, self->record);
    return finish(self, local, slot) ? ENDED : LOST;
}

/* Handles one record and frees it. */
static inline enum outcome handle(tr_self *self, struct tri_local *local, struct tri_slot *slot,
                                  struct tri_record *record) {
    self->record = record;
    dispatch(self, local, slot, record);
    if (TRI_UNLIKELY((tri_bias_enter_plain(&self->thread.bias) | self->exiting) != 0)) {
        enum outcome outcome = attend(self, local, slot);
        if (outcome != ON) return outcome;
    }
    tri_record_free(&local->arena, record);
    return ON;
}

static inline uint64_t messages_of(const struct tri_local *local) {
    return tri_count_read(&local->worker.calls) + tri_count_read(&local->counters.sent);
}

/* The same with a look at the clock, and the time of this handler per message it received and sent
 * added to the actor's cost. */
static TRI_NOINLINE enum outcome handle_at_tick(tr_self *self, struct tri_local *local,
                                                struct tri_slot *slot, struct tri_record *record) {
    struct tri_worker *worker = &local->worker;
    uint64_t messages = messages_of(local), activation = tri_count_read(&worker->activations);
    uint64_t before_ns = tri_worker_tick(worker, messages);
    if (local->ticked_activation != activation) {
        local->ticked_activation = activation;
        local->activation_ticks = 0;
    }
    if (++local->activation_ticks > local->rt->activation_ticks) local->budget = 1;
    enum outcome outcome = handle(self, local, slot, record);
    if (outcome != ON) return outcome;
    uint64_t cost = (tri_clock_ns() - before_ns) / (messages_of(local) - messages + 1);
    struct tri_task *task = &slot->task;
    if (task->cost_ns != 0) { /* one sample with a lost time slice in it must not count for much */
        uint64_t most = 4u * task->cost_ns + 100;
        cost = (3u * task->cost_ns + (cost < most ? cost : most)) / 4;
    }
    task->cost_ns = cost > UINT16_MAX ? UINT16_MAX : cost < 1 ? 1 : (uint16_t)cost;
    return ON;
}

/* The end of an activation in which the actor did not end. */
static inline void pause_actor(struct tri_local *local, struct tri_slot *slot) {
    if (slot->list.count == 0 && !tri_lane_has_messages(&slot->lane)) {
        if (rest(local, slot)) return;
    } else if (TRI_UNLIKELY(local->throttle != NULL) && step_behind(local, slot)) {
        return;
    }
    tri_worker_queue(&local->worker, &slot->task);
}

static TRI_NOINLINE void absorb(struct tri_slot *slot) {
    tri_lane_absorb(&slot->lane, &slot->list);
    if (slot->list.count > TRI_CROWD_ON) /* ORDER relaxed: a hint. */
        atomic_store_explicit(&slot->crowded, 1, memory_order_relaxed);
}

/* One activation. LOST: without the worker. */
static inline enum outcome activate(tr_self *self, struct tri_local *local, struct tri_slot *slot) {
    struct tri_thread *thread = &self->thread;
    struct tri_worker *worker = &local->worker;
    struct tri_task *task = &slot->task;
    if (TRI_UNLIKELY(task->defer != 0) && defer(local, slot)) return ON;
    tri_count_add(&worker->activations, 1);
    /* ORDER relaxed: read by others as a hint, and by a revoker after the handshake. */
    atomic_store_explicit(&thread->current, task, memory_order_relaxed);
    self->id = (uint64_t)slot->index << 32 | (tri_life_peek(&slot->life) & TRI_LIFE_GENERATION);
    local->throttle = NULL;
    local->budget = local->batch;
    do {
        if (slot->list.count == 0) {
            if (!tri_lane_has_messages(&slot->lane)) break;
            absorb(slot);
        }
        struct tri_record *record = tri_list_pop(&slot->list);
        uint32_t life = tri_life_peek(&slot->life);
        if (TRI_UNLIKELY(life != record->generation)) {
            enum verdict verdict = judge(self, local, slot, record, life);
            if (verdict == SKIP) continue;
            if (verdict == END) return finish(self, local, slot) ? ENDED : LOST;
        }
        uint64_t calls = tri_count_read(&worker->calls) + 1;
        /* ORDER relaxed: tri_count_add, with the old value at hand. */
        atomic_store_explicit(&worker->calls, calls, memory_order_relaxed);
        enum outcome outcome = TRI_UNLIKELY(calls >= worker->tick_at)
                                   ? handle_at_tick(self, local, slot, record)
                                   : handle(self, local, slot, record);
        if (TRI_UNLIKELY(outcome != ON)) return outcome;
    } while (--local->budget != 0);
    if (local->chain.target != NULL) tri_local_publish(local);
    uncrowd(slot);
    if (TRI_UNLIKELY(tri_life_peek(&slot->life) & TRI_LIFE_PENDING) && must_end(self, slot))
        return finish(self, local, slot) ? ENDED : LOST;
    pause_actor(local, slot);
    return ON;
}

static bool run(struct tri_thread *thread, struct tri_worker *worker, struct tri_task *task) {
    do {
        enum outcome outcome =
            activate(tri_self_of(thread), tri_local_of(worker), tri_slot_of(task));
        if (TRI_UNLIKELY(outcome == LOST)) return false;
        task = tri_worker_next(thread, worker);
    } while (task != NULL);
    return true;
}

/* ---- the other operations of the scheduler ------------------------------------------------ */

static bool claim(struct tri_task *task) {
    return tri_lane_claim(&tri_slot_of(task)->lane);
}

static void adopted(struct tri_worker *worker, struct tri_task *task) {
    (void)worker;
    struct tri_slot *slot = tri_slot_of(task);
    if (tri_lane_has_messages(&slot->lane)) tri_lane_absorb(&slot->lane, &slot->list);
}

static void stale(struct tri_worker *worker, struct tri_task *task) {
    rest_free_slot(tri_local_of(worker), tri_slot_of(task));
}

static bool background(struct tri_worker *worker) {
    struct tri_local *local = tri_local_of(worker);
    tri_arena_flush(&local->arena);
    return tri_list_bury(local->rt, &local->counters, &local->arena, &local->morgue, UINT32_MAX,
                         TR_DEAD_ENDED, TRI_MORGUE_SLICE);
}

static void revoked(struct tri_worker *worker, struct tri_thread *thread) {
    struct tri_local *local = tri_local_of(worker);
    tri_local_publish(local);
    local->throttle = NULL;
    /* ORDER relaxed: the handshake (B4) ordered it. */
    atomic_load_explicit(&thread->current, memory_order_relaxed)->flags |= TRI_TASK_AWAY;
}

/* Only the plain case: an actor with no end pending, a message for it, a handler for that. */
static bool send_away(struct tri_worker *worker, struct tri_thread *thread, struct tri_task *task) {
    struct tri_slot *slot = tri_slot_of(task);
    tr_self *self = tri_self_of(thread);
    if (slot->list.count == 0) {
        if (!tri_lane_has_messages(&slot->lane)) return false;
        absorb(slot);
    }
    struct tri_record *record = slot->list.head;
    if (tri_life_peek(&slot->life) != record->generation) return false;
    const tr_handler *handler = slot->behavior->handlers;
    const tr_handler *end = handler + slot->behavior->handler_count;
    while (handler != end && handler->type != record->type) handler++;
    if (handler == end) return false;
    (void)tri_list_pop(&slot->list);
    uncrowd(slot);
    tri_count_add(&worker->calls, 1);
    tri_count_add(&worker->activations, 1);
    task->defer = 0;
    task->flags |= TRI_TASK_AWAY;
    /* ORDER relaxed: the thread sees it all through the scheduler's lock. */
    atomic_store_explicit(&thread->current, task, memory_order_relaxed);
    self->id = (uint64_t)slot->index << 32 | record->generation;
    self->record = record;
    self->away = handler->handle;
    return true;
}

static void run_away(struct tri_thread *thread) {
    tr_self *self = tri_self_of(thread);
    struct tri_slot *slot =
        tri_slot_of(atomic_load_explicit(&thread->current, memory_order_relaxed));
    uint64_t before_ns = tri_clock_ns();
    self->away(self, slot->state, tri_record_payload(self->record));
    if (self->exiting) terminate(self, slot);
    uint64_t elapsed_ns = tri_clock_ns() - before_ns;
    self->was_long = elapsed_ns * 2 >= (uint64_t)self->rt->config.overdue_us * 1000;
}

static void returned(struct tri_worker *worker, struct tri_thread *thread) {
    struct tri_local *local = tri_local_of(worker);
    tr_self *self = tri_self_of(thread);
    /* ORDER relaxed: handed over by the inbox (N1, N2). */
    struct tri_slot *slot =
        tri_slot_of(atomic_load_explicit(&thread->current, memory_order_relaxed));
    slot->task.flags &= (uint8_t)~TRI_TASK_AWAY;
    slot->task.cost_ns = UINT16_MAX;
    slot->task.flags &= (uint8_t)~TRI_TASK_LONG;
    if (self->was_long) slot->task.flags |= TRI_TASK_LONG;
    if (self->record != NULL) tri_record_free(&local->arena, self->record);
    bool ended = self->exiting;
    tr_reason reason = self->reason;
    clear_exit(self);
    if (ended)
        end_actor(local, slot, &reason);
    else
        tri_worker_queue(worker, &slot->task);
}

const struct tri_ops tri_actor_ops = {run,     claim,     adopted,  stale,   background,
                                      revoked, send_away, run_away, returned};

/* ---- what a handler may ask --------------------------------------------------------------- */

tr_ref tr_self_ref(const tr_self *self) {
    return (tr_ref){self->node, self->id};
}

tr_ref tr_sender(const tr_self *self) {
    const struct tri_record *record = self->record;
    if (record == NULL || self->terminated || record->sender == 0 || tri_is_signal(record->type))
        return TR_NULL;
    return (tr_ref){self->node, record->sender};
}

tr_runtime *tr_self_runtime(const tr_self *self) {
    return self->rt;
}

const tr_message_type *tr_message_type_of(const tr_self *self) {
    if (self->record == NULL || self->terminated || tri_is_signal(self->record->type)) return NULL;
    return self->record->type;
}

size_t tr_message_bytes(const tr_self *self) {
    return tr_message_type_of(self) != NULL ? tri_record_bytes(self->record) : 0;
}
