/* SPDX-License-Identifier: MIT
 * Where mailbox and scheduler meet: running an actor, resting it, ending it. Sending is in send.c;
 * why both together are right is told here.
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
 * open chain when a handler returns, so before it polls its inbox or adopts a task.
 *
 * Between the look at `home` and the append nothing may run that could move the target.
 *
 * Rejected: running the receiver inside tr_send (handlers would run under the sender's locks); one
 * exchange mailbox for everybody (an atomic per message where most messages stay on their worker).
 */
#include "base/clock.h"
#include "runtime/core.h"

const tr_message_type tri_signal_init = {"(init)", 0, 0, NULL, 1, 0};
const tr_message_type tri_signal_stop = {"(stop)", 0, 0, NULL, 0, 0};

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
    if (token) tri_slot_rest_free(local, slot);
    /* ORDER release: pairs with all_ended (runtime.c); what this actor spawned was counted before.
     */
    atomic_store_explicit(&local->counters.ended, tri_count_read(&local->counters.ended) + 1,
                          memory_order_release);
    if (TRI_UNLIKELY(generation >= TRI_LIFE_GENERATION - 1)) {
        slot->retired = 1; /* its next generation would be an old one */
        return;
    }
    tri_slot_put_free(local, slot);
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
        tri_self_leave(self);
        terminate(self, slot);
        self->was_long = true; /* in case it is lost */
        if (tri_self_enter(self) == NULL) return false;
    }
    end_actor(local, slot, &self->reason);
    clear_exit(self);
    return true;
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
    life = tri_life_look(&slot->life); /* what the killer did before is terminate's to see */
    enum verdict verdict = HANDLE;
    if (life & TRI_LIFE_EXIT) {
        tri_self_set_reason(self, tr_reason_of(TR_REASON_KILLED));
        verdict = END;
    } else if (!slot->draining) { /* SHUTDOWN seen for the first time */
        slot->draining = 1;
        if (tri_lane_has_messages(&slot->lane)) tri_lane_absorb(&slot->lane, &slot->list);
        slot->stop_after = slot->list.count;
    } else if (slot->stop_after-- == 0) {
        tri_self_set_reason(self, tr_reason_of(TR_REASON_SHUTDOWN));
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
    const tr_behavior *behavior = slot->behavior;
    const void *arg = tri_record_payload(record);
    uint64_t starter = record->sender;
    tr_status status = behavior->init != NULL ? behavior->init(self, slot->state, arg) : TR_OK;
    if (status == TR_OK) {
        slot->initialised = 1;
    } else {
        tri_self_set_reason(self, tr_reason_of(TR_REASON_INIT));
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
        tri_self_leave(self);
        if (record->type == &tri_signal_init)
            run_init(self, slot, record);
        else
            tri_self_set_reason(self, tr_reason_of(TR_REASON_NORMAL));
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
    tri_self_leave(self);
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
        tri_self_leave(self);
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
    uint32_t turns = TRI_DEFER_TURNS;
    if (!local->spawned_many)
        turns += home == local->worker.id ? target->list.count : TRI_DEFER_REMOTE;
    task->defer = turns > UINT16_MAX ? UINT16_MAX : (uint16_t)turns;
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
    struct tri_task *task = &slot->task;
    task->defer--;
    if (!is_crowded(local, task->defer_for) ||
        (tri_life_peek(&slot->life) & TRI_LIFE_PENDING) != 0) {
        task->defer = 0;
        return false;
    }
    tri_count_add(&local->worker.deferred, 1);
    if (++local->deferred_in_row > tri_worker_runnable(&local->worker)) {
        /* Everybody here waits for somebody else. */
        if (task->defer > TRI_DEFER_TURNS) task->defer = TRI_DEFER_TURNS;
        local->deferred_in_row = 0;
        tri_worker_nap(&local->worker, TRI_NAP_NS);
    }
    tri_worker_queue(&local->worker, task);
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

static TRI_NOINLINE void uncrowd_slow(struct tri_slot *slot) {
    if (tri_lane_has_messages(&slot->lane)) tri_lane_absorb(&slot->lane, &slot->list);
    /* ORDER relaxed: a hint. */
    if (slot->list.count < TRI_CROWD_OFF)
        atomic_store_explicit(&slot->crowded, 0, memory_order_relaxed);
}

/* Enough handled for the senders to go on? What waits in the lane counts too. */
static inline void uncrowd(struct tri_slot *slot) {
    /* ORDER relaxed: a hint. */
    if (TRI_UNLIKELY(atomic_load_explicit(&slot->crowded, memory_order_relaxed)) &&
        slot->list.count < TRI_CROWD_OFF)
        uncrowd_slow(slot);
}

/* True when an end is pending and the actor has nothing left that it should handle first. */
static bool must_end(tr_self *self, struct tri_slot *slot) {
    uint32_t life = tri_life_look(&slot->life);
    if (life & TRI_LIFE_EXIT)
        tri_self_set_reason(self, tr_reason_of(TR_REASON_KILLED));
    else if ((life & TRI_LIFE_SHUTDOWN) && slot->list.count == 0 &&
             !tri_lane_has_messages(&slot->lane))
        tri_self_set_reason(self, tr_reason_of(TR_REASON_SHUTDOWN));
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
    if (local->chain.target != NULL)
        tri_local_publish(local); /* visible when the handler returns */
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
    local->deferred_in_row = 0;
    /* ORDER relaxed: read by others as a hint, and by a revoker after the handshake. */
    atomic_store_explicit(&thread->current, task, memory_order_relaxed);
    self->id = (uint64_t)slot->index << 32 | (tri_life_peek(&slot->life) & TRI_LIFE_GENERATION);
    local->running = slot;
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
    tri_slot_rest_free(tri_local_of(worker), tri_slot_of(task));
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
    atomic_store_explicit(&thread->current, NULL, memory_order_relaxed);
    if (ended)
        end_actor(local, slot, &reason);
    else
        tri_worker_queue(worker, &slot->task);
}

const struct tri_ops tri_actor_ops = {run,     claim,     adopted,  stale,   background,
                                      revoked, send_away, run_away, returned};
