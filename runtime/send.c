/* SPDX-License-Identifier: MIT
 * Sending from a handler. What makes it correct is told in actor.c; here it is made short: a target
 * at home costs no atomic operation, one elsewhere a share of one (a chain of up to TRI_CHAIN_MAX).
 */
#include <string.h>

#include "runtime/core.h"

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
    /* ORDER relaxed: a hint, here and below; home takes it back when it has caught up. */
    if (TRI_UNLIKELY(behind)) atomic_store_explicit(&target->crowded, 1, memory_order_relaxed);
    if (TRI_UNLIKELY(behind || atomic_load_explicit(&target->crowded, memory_order_relaxed)))
        throttle(local, target);
    if (tri_lane_push(&target->lane, local->chain.first))
        tri_slot_deliver(local->rt, target, local->worker.id);
}

static TRI_NOINLINE void crowd(struct tri_local *local, struct tri_slot *slot) {
    if (slot != local->running) throttle(local, slot); /* nobody steps behind itself */
    /* ORDER relaxed: a hint. */
    atomic_store_explicit(&slot->crowded, 1, memory_order_relaxed);
}

/* The first message ever. Whoever makes many actors lets them run soon: each costs the running
 * activation as much as TRI_WAKE_CHARGE messages. */
static TRI_NOINLINE void wake_first(struct tri_local *local, struct tri_slot *slot) {
    local->budget = local->budget > TRI_WAKE_CHARGE ? local->budget - TRI_WAKE_CHARGE : 1;
    TRI_ASSERT(!(slot->task.flags & TRI_TASK_FREE)); /* senders have looked at its life */
    tri_worker_queue_fresh(&local->worker, &slot->task);
    if (tri_worker_runnable(&local->worker) > TRI_FRESH_ABOVE) {
        throttle(local, slot);
        local->spawned_many = true;
    }
}

/* An actor at home that rested has a message now. */
static inline void wake_at_home(struct tri_local *local, struct tri_slot *slot) {
    struct tri_task *task = &slot->task;
    if (TRI_LIKELY((task->flags & TRI_TASK_NEW) == 0)) {
        if (task->streak != 0) task->streak--;
        tri_worker_queue(&local->worker, task);
    } else {
        wake_first(local, slot);
    }
}

/* The target lives here: straight to its private lane. */
void tri_local_append(struct tri_local *local, struct tri_slot *slot, struct tri_record *record) {
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
    if ((to & TRI_CELL_BIT) && tri_is_signal(type)) return TR_OK; /* a call is no actor */
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
        tri_local_append(local, slot, record);
    } else if (!append_to_chain(local, slot, type, sender, generation, payload, bytes)) {
        return TR_NOMEM;
    }
    if (!tri_is_signal(type)) tri_count_add(&local->counters.sent, 1);
    return TR_OK;
}

/* Everything that is not plain: checks in full, then sends. */
tr_status tri_self_send_slow(tr_self *self, tr_ref to, const tr_message_type *type,
                             const void *payload, size_t bytes) {
    if (type != NULL && type->size_bytes == 0 && !type->raw) bytes = 0;
    tr_status status = tri_check_send(self->rt, to, type, payload, bytes);
    if (status != TR_OK) {
        tri_self_leave(self); /* tr_self_send may be inside already */
        return status;
    }
    struct tri_local *local = tri_self_enter(self);
    if (local == NULL) return tri_foreign_post(self->rt, to, self->id, true, type, payload, bytes);
    status = local_send(local, to.id, self->id, type, payload, (uint32_t)bytes);
    tri_self_leave(self);
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
    tri_self_leave(self);
    return TR_OK;
}

static TRI_NOINLINE tr_status crowd_and_leave(tr_self *self, struct tri_local *local,
                                              struct tri_slot *slot) {
    crowd(local, slot);
    tri_self_leave(self);
    return TR_OK;
}

/* The plain case in one piece, its calls all at the end: a small message to a
 * live actor at home, or to the target of the open chain. All conditions come before the first
 * change; where one fails send_slow starts over. */
tr_status tr_self_send(tr_self *self, tr_ref to, const tr_message_type *type, const void *payload,
                       size_t bytes) {
    if (TRI_UNLIKELY(type == NULL || to.node != self->node || bytes != type->size_bytes ||
                     bytes > self->plain_bytes || (payload == NULL && bytes != 0)))
        return tri_self_send_slow(self, to, type, payload, bytes);
    if (TRI_UNLIKELY(!tri_bias_enter_quick(&self->thread.bias)))
        return tri_self_send_slow(self, to, type, payload, bytes);
    struct tri_local *local = tri_local_of(self->thread.worker);
    struct tri_slot *slot =
        tri_chunks_find(self->chunks, self->chunk_limit, (uint32_t)(to.id >> 32));
    if (TRI_UNLIKELY(slot == NULL || !tri_life_is_plain((uint32_t)to.id) ||
                     tri_life_peek(&slot->life) != (uint32_t)to.id ||
                     !tri_arena_has(&local->arena, plain_room(bytes))))
        return tri_self_send_slow(self, to, type, payload, bytes);
    if (TRI_LIKELY(tri_task_home(&slot->task) == local->worker.id)) {
        if (TRI_UNLIKELY(tri_lane_has_messages(&slot->lane)))
            return tri_self_send_slow(self, to, type, payload, bytes);
        tri_list_append(&slot->list, take_plain(local, self, to.id, type, payload, bytes));
        struct tri_task *task = &slot->task;
        if (!(task->flags & TRI_TASK_ACTIVE)) {
            if (TRI_UNLIKELY(task->flags & TRI_TASK_NEW))
                return wake_first_and_leave(self, local, slot);
            if (task->streak != 0) task->streak--;
            tri_worker_queue(&local->worker, task);
        }
        if (TRI_UNLIKELY(slot->list.count > TRI_CROWD_ON))
            return crowd_and_leave(self, local, slot);
    } else {
        if (TRI_UNLIKELY(local->chain.target != slot || local->chain.count >= TRI_CHAIN_MAX - 1))
            return tri_self_send_slow(self, to, type, payload, bytes);
        struct tri_record *record = take_plain(local, self, to.id, type, payload, bytes);
        local->chain.last->next = record;
        local->chain.last = record;
        local->chain.count++;
    }
    tri_self_leave(self);
    return TR_OK;
}

tr_status tr_self_reply(tr_self *self, const tr_message_type *type, const void *payload,
                        size_t bytes) {
    if (type != NULL && type->size_bytes == 0 && !type->raw) bytes = 0;
    tr_ref to = tr_sender(self);
    if (!tr_ref_is_null(to)) return tr_self_send(self, to, type, payload, bytes);
    tr_status status = tri_check_send(self->rt, tr_self_ref(self), type, payload, bytes);
    if (status != TR_OK) return status;
    struct tri_local *local = tri_self_enter(self);
    struct tri_gate *gate = local == NULL ? tri_gate_enter(self->rt) : NULL;
    struct tri_counters *counters = local != NULL ? &local->counters : &gate->counters;
    tri_count_add(&counters->sent, 1);
    tri_dead(self->rt, counters, 0, type, 0, TR_DEAD_NO_REPLY_TO);
    if (local != NULL)
        tri_self_leave(self);
    else
        tri_gate_leave(gate);
    return TR_OK;
}

void tr_flush(tr_self *self) {
    struct tri_local *local = tri_self_enter(self);
    if (local == NULL) return; /* without a worker nothing is held back */
    tri_local_publish(local);
    tri_self_leave(self);
}
