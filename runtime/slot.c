/* SPDX-License-Identifier: MIT
 * The slots of a worker: taking a free one, beginning an actor in it, spawning from a handler.
 *
 * A free slot stays with the worker where its actor ended, its token at rest in its lane, so that a
 * late message finds somebody to drop it. Workers with too many give some away, with their tokens;
 * those have no home until somebody takes them. */
#include <string.h>

#include "runtime/core.h"

/* ---- free slots --------------------------------------------------------------------------- */

/* Puts the token of a free slot to rest; late messages in its lane are dead letters. */
void tri_slot_rest_free(struct tri_local *local, struct tri_slot *slot) {
    while (!tri_lane_arm(&slot->lane)) {
        struct tri_list late = {NULL, NULL, 0};
        tri_lane_absorb(&slot->lane, &late);
        tri_list_bury(local->rt, &local->counters, &local->arena, &late, slot->index,
                      TR_DEAD_NO_ACTOR, UINT32_MAX);
    }
    slot->task.flags &= (uint8_t)~TRI_TASK_TOKEN;
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

void tri_slot_put_free(struct tri_local *local, struct tri_slot *slot) {
    slot->task.queue_next = local->free;
    local->free = &slot->task;
    local->free_count++;
    if (TRI_UNLIKELY(local->free_count > TRI_FREE_SLOTS)) donate_slots(local);
}

static struct tri_slot *adopt_free_slot(struct tri_local *local, struct tri_slot *slot) {
    tri_task_set_home(&slot->task, local->worker.id);
    tri_slot_rest_free(local, slot);
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

struct tri_record *tri_init_record(struct tri_arena *arena, const tr_behavior *behavior,
                                   const void *arg, uint64_t starter) {
    static const _Alignas(max_align_t) unsigned char zeroes[TRI_INLINE_BYTES];
    if (arg == NULL && behavior->arg_bytes <= TRI_INLINE_BYTES) arg = zeroes;
    return tri_record_new(arena, false, &tri_signal_init, starter, 0, arg, behavior->arg_bytes);
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
        init = tri_init_record(&local->arena, behavior, arg, 0);
        if (init == NULL) goto free_state;
    }
    struct tri_slot *slot = take_free_slot(local, &status);
    if (slot == NULL) goto free_init;
    *actor = tri_slot_begin(rt, slot, behavior, state);
    if (init != NULL) {
        init->generation = (uint32_t)actor->id;
        tri_local_append(local, slot, init);
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
    struct tri_local *local = tri_self_enter(self);
    if (local == NULL) return tri_foreign_make(self->rt, behavior, arg, 0, actor);
    status = local_spawn(local, behavior, arg, actor);
    tri_self_leave(self);
    return status;
}
