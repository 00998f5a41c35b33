/* SPDX-License-Identifier: MIT
 * What the files of the runtime share: slots, the runtime's parts of workers and threads, gates. */
#ifndef TROUPE_RUNTIME_CORE_H
#define TROUPE_RUNTIME_CORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/atomic.h"
#include "mailbox/lane.h"
#include "mailbox/pool.h"
#include "mailbox/record.h"
#include "runtime/cell.h"
#include "runtime/life.h"
#include "scheduler/worker.h"
#include "troupe/troupe.h"

/* State up to this size lives in the slot. */
#define TRI_INLINE_STATE 32
/* Slots are made and zeroed in chunks of 128 KiB that stay mapped until the runtime ends. */
#define TRI_TABLE_CHUNK 1024
/* Slots a worker reserves at a time. */
#define TRI_SLOT_RANGE 64
/* A worker that has more free slots than this gives half of them to the common pool. */
#define TRI_FREE_SLOTS 4096
/* Ids of reply cells have this bit where ids of actors have a slot number. */
#define TRI_CELL_BIT (UINT64_C(1) << 63)
/* Payloads up to this size take the short way through tr_self_send. */
#define TRI_PLAIN_BYTES 64
/* What the first wake of a new actor costs the activation, in messages. */
#define TRI_WAKE_CHARGE 16
/* Messages of one chain at most: the cost of publishing is spread over so many. */
#define TRI_CHAIN_MAX 64
/* A private lane this long makes its senders wait their turn behind it, until it is this short. */
#define TRI_CROWD_ON 256
#define TRI_CROWD_OFF 64
/* In place of the crowded target's slot number: the worker's whole run queue. */
#define TRI_BEHIND_QUEUE UINT32_MAX
/* How often a producer lets others run first: as often as its target has messages, so that those
 * are behind it (a crowded receiver handles at least one a turn), and at least so often. Bounded:
 * nobody is ever muted. */
#define TRI_DEFER_TURNS 32
/* In place of the number of messages when the target lives elsewhere and it is not known. */
#define TRI_DEFER_REMOTE 2048
/* When nobody else can run either (the target's handler is away), a turn is a nap of so long, and
 * TRI_DEFER_TURNS are enough. */
#define TRI_NAP_NS 200000
/* Remote wakes from one worker, net of local ones, before an idle actor moves there. */
#define TRI_ATTRACT_STREAK 6
/* Dead letters handled per background slice. */
#define TRI_MORGUE_SLICE 256
/* Messages a worker publishes between two looks at how far the target's worker has come, and the
 * same for a gate. */
#define TRI_LOOK_EVERY 1024
#define TRI_GATE_LOOK_EVERY 4096
/* Sends through a gate to crowded targets between two yields. */
#define TRI_YIELD_EVERY 32
/* Foreign threads spread over so many gates. */
#define TRI_GATES 16
/* Dead letters remembered. */
#define TRI_DEAD_RING 64

/* ---- slots -------------------------------------------------------------------------------- */

/* One actor. First line: what senders touch; second: what only the home touches. */
struct tri_slot {
    _Alignas(TRI_LINE_PAIR) struct tri_lane lane;
    struct tri_life life;
    _Atomic uint8_t crowded; /* a hint for senders; set by home and by them, cleared by home */
    uint8_t initialised;     /* home: init has run (or there is none): terminate must */
    uint8_t draining;        /* home: SHUTDOWN was seen, stop_after counts */
    uint8_t retired;         /* home: generations are used up */
    struct tri_task task;
    const tr_behavior *behavior;
    void *state;
    /* second line */
    struct tri_list list; /* the private lane */
    uint32_t index;       /* constant */
    uint32_t stop_after;  /* messages to handle before the shutdown */
    _Alignas(16) unsigned char inline_state[TRI_INLINE_STATE];
};

static_assert(sizeof(struct tri_slot) == 128, "an actor is two cache lines");
static_assert(offsetof(struct tri_slot, list) == 64, "senders and home write different lines");

static inline struct tri_slot *tri_slot_of(struct tri_task *task) {
    return (struct tri_slot *)(void *)((char *)task - offsetof(struct tri_slot, task));
}

struct tri_table {
    struct tri_slot *_Atomic *chunks; /* writer: table_grow, under lock */
    uint32_t chunk_limit;
    uint32_t capacity; /* slots at most */
    pthread_mutex_t lock;
    _Atomic uint32_t used; /* slots made so far; writer: under lock */
    struct tri_task *pool; /* under lock: free slots without a home, tokens included */
    const tr_allocator *allocator;
};

bool tri_table_init(struct tri_table *table, const tr_allocator *allocator, uint32_t capacity);
void tri_table_fini(struct tri_table *table);
uint64_t tri_table_bytes(const struct tri_table *table);
/* Up to want fresh slots [*first, *first + n); 0: no memory or limit (*status says which). */
uint32_t tri_table_reserve(struct tri_table *table, uint32_t want, uint32_t *first,
                           tr_status *status);

/* The slot of an index, NULL when there is none. Safe for any number. */
static inline struct tri_slot *tri_chunks_find(struct tri_slot *_Atomic *chunks,
                                               uint32_t chunk_limit, uint32_t index) {
    uint32_t chunk = index / TRI_TABLE_CHUNK;
    if (TRI_UNLIKELY(chunk >= chunk_limit)) return NULL;
    /* ORDER acquire: pairs with the release in table_grow; the chunk is zeroed. */
    struct tri_slot *slots = atomic_load_explicit(&chunks[chunk], memory_order_acquire);
    if (TRI_UNLIKELY(slots == NULL)) return NULL;
    return &slots[index % TRI_TABLE_CHUNK];
}

static inline struct tri_slot *tri_table_find(const struct tri_table *table, uint32_t index) {
    return tri_chunks_find(table->chunks, table->chunk_limit, index);
}

/* ---- counting ----------------------------------------------------------------------------- */

/* Written by one thread at a time, read by anybody. */
struct tri_counters {
    _Atomic uint64_t sent, handled, unhandled, replies, dead[TR_DEAD_REASONS], rejected;
    _Atomic uint64_t spawned, ended, init_failed;
};

void tri_counters_add(tr_stats *stats, const struct tri_counters *counters);

/* ---- workers, threads, gates -------------------------------------------------------------- */

/* How far ahead of another worker somebody sends to it. The target's own `crowded` comes too late
 * when its worker does not get to run; its count of handled messages standing still tells at once.
 */
struct tri_ahead {
    uint32_t published; /* messages since the last look */
    uint16_t home;      /* whom it was looked at */
    uint64_t calls;     /* and what it had handled */
};

/* Counts messages published to home; true when it has handled fewer than half as many meanwhile. */
static inline bool tri_ahead_count(struct tri_ahead *ahead, const struct tri_worker *home,
                                   uint32_t count, uint32_t look_every) {
    ahead->published += count;
    if (TRI_LIKELY(ahead->published < look_every)) return false;
    uint64_t calls = tri_count_read(&home->calls);
    bool behind = ahead->home == home->id && calls - ahead->calls < ahead->published / 2;
    ahead->home = home->id;
    ahead->calls = calls;
    ahead->published = 0;
    return behind;
}

/* The runtime's part of a worker. */
struct tri_local {
    struct tri_worker worker;
    struct tr_runtime *rt;
    struct tri_arena arena;
    struct {
        struct tri_slot *target; /* NULL: no chain is open */
        struct tri_record *first, *last;
        uint32_t count;
    } chain;
    struct tri_ahead ahead;
    struct tri_slot *running;  /* the actor of the current or last activation */
    struct tri_slot *throttle; /* a crowded target of the running handler */
    uint32_t deferred_in_row;  /* deferrals since the last activation */
    bool spawned_many;         /* the running handler made more actors than should wait */
    uint32_t budget;           /* messages left in the running activation */
    uint32_t batch;            /* config.batch */
    uint32_t activation_ticks; /* ticks in the activation number ticked_activation */
    uint64_t ticked_activation;
    struct tri_task *free; /* free slots with home here, linked by queue_next */
    uint32_t free_count;
    uint32_t range_next, range_end; /* reserved fresh slots */
    struct tri_list morgue;         /* records of ended actors, not counted yet */
    struct tri_counters counters;   /* handled stays 0: it is worker.calls - other_calls */
    _Atomic uint64_t other_calls;   /* of init and terminate */
};

/* The runtime's part of a thread; what handlers get as `self`. */
struct tr_self {
    struct tri_thread thread;
    struct tr_runtime *rt;
    uint64_t node;
    struct tri_slot *_Atomic *chunks; /* of the table */
    uint32_t chunk_limit;
    uint32_t plain_bytes;      /* payloads up to this size take the short way */
    struct tri_record *record; /* NULL when terminate is all there is */
    uint64_t id;               /* of thread.current's actor */
    tr_handler_fn *away;       /* the handler that a thread without a worker is to run */
    bool was_long;             /* and whether it lasted */
    bool exiting;
    bool terminated; /* terminate has run (on this thread, perhaps without a worker) */
    tr_reason reason;
};

/* A gate lets one foreign thread at a time send, spawn or kill; there are several, so that they
 * seldom meet. Stopping closes the gates one by one: whoever was inside is done by then. */
struct tri_gate {
    _Alignas(TRI_LINE_PAIR) _Atomic uint32_t busy;
    struct tri_arena arena;
    struct tri_counters counters;
    struct tri_ahead ahead;
    uint32_t crowded_sends; /* to crowded targets, wraps */
};

struct tr_outbox {
    struct tr_runtime *rt;
    struct tri_gate gate; /* its own: busy while it publishes */
    struct tri_slot *target;
    struct tri_record *first, *last;
    uint32_t count;
    tr_outbox *next, *prev; /* under rt->lock */
};

struct tr_runtime {
    tr_config config;
    tr_allocator allocator;
    uint64_t node;
    uint32_t activation_ticks; /* config.activation_us in ticks of the clock */
    struct tri_pool pool;
    struct tri_table table;
    struct tri_sched sched;
    struct tri_gate *gates;
    _Atomic uint32_t stopping;
    _Atomic bool stopped; /* writer: tr_runtime_stop */
    uint64_t swept_ns;    /* watch: when actors were last marked for the stop */
    pthread_mutex_t lock;
    tr_outbox outboxes;       /* list head, under lock */
    struct tri_counters past; /* of destroyed outboxes and what nobody owns, under lock */
    uint32_t cell_count;      /* under lock: made so far */
    struct tri_cell *_Atomic *cell_index;
    struct tri_cell *free_cells;
    pthread_mutex_t dead_lock;
    tr_dead_letter dead_ring[TRI_DEAD_RING];
    uint64_t dead_seen;
    uint64_t dead_logged_ns;
};

static inline struct tri_local *tri_local_of(struct tri_worker *worker) {
    return (struct tri_local *)worker;
}

static inline tr_self *tri_self_of(struct tri_thread *thread) {
    return (tr_self *)thread;
}

/* The self of the handler that called, when the thread belongs to rt, else NULL: a thread of ours
 * runs user code in handlers only. */
static inline tr_self *tri_self_here(const struct tr_runtime *rt) {
    tr_self *self = (tr_self *)tri_thread_current;
    return self != NULL && self->rt == rt ? self : NULL;
}

static inline bool tri_is_stopping(const struct tr_runtime *rt) {
    /* ORDER acquire: what the stopper did before is visible; the gates give the exact answer. */
    return atomic_load_explicit(&rt->stopping, memory_order_acquire) != 0;
}

/* ---- signals: messages of the runtime to an actor, in order with the others --------------- */

extern const tr_message_type tri_signal_init;
extern const tr_message_type tri_signal_stop;

static inline bool tri_is_signal(const tr_message_type *type) {
    return type == &tri_signal_init || type == &tri_signal_stop;
}

/* ---- biased lock -------------------------------------------------------------------------- */

/* The worker of the calling handler, or NULL when it was taken over meanwhile. */
static inline struct tri_local *tri_self_enter(tr_self *self) {
    if (TRI_UNLIKELY(tri_bias_enter(&self->thread.bias) & TRI_ATTENTION_REVOKE) &&
        !tri_thread_enter_slow(&self->thread))
        return NULL;
    return tri_local_of(self->thread.worker);
}

static inline void tri_self_leave(tr_self *self) {
    tri_bias_leave(&self->thread.bias);
}

/* ---- actor.c ------------------------------------------------------------------------------ */

extern const struct tri_ops tri_actor_ops;

/* ---- send.c ------------------------------------------------------------------------------- */

/* What is wrong with a send; TR_OK when nothing is. */
tr_status tri_check_send(const struct tr_runtime *rt, tr_ref to, const tr_message_type *type,
                         const void *payload, size_t bytes);
/* To an actor at home: straight to its private lane. */
void tri_local_append(struct tri_local *local, struct tri_slot *slot, struct tri_record *record);
/* tr_self_send without its short cut; the only way for signals, which are not counted. */
tr_status tri_self_send_slow(tr_self *self, tr_ref to, const tr_message_type *type,
                             const void *payload, size_t bytes);
/* Publishes the worker's open chain. */
void tri_local_publish(struct tri_local *local);
/* Answers a call with a message, or counts a late reply. TR_NOMEM: nothing was changed. */
tr_status tri_send_reply(struct tr_runtime *rt, struct tri_counters *counters,
                         struct tri_arena *arena, uint64_t call, uint64_t sender,
                         const tr_message_type *type, const void *payload, uint32_t bytes);
/* Wakes whoever must act on a token that the caller took from the slot's lane. waker: worker id,
 * or 0. */
void tri_slot_deliver(struct tr_runtime *rt, struct tri_slot *slot, uint16_t waker);
/* Wakes the actor without a message, so that it looks at its life word. */
void tri_slot_poke(struct tr_runtime *rt, struct tri_slot *slot, uint16_t waker);

/* ---- slot.c ------------------------------------------------------------------------------- */

/* Puts the token of a free slot, held by its home, to rest. */
void tri_slot_rest_free(struct tri_local *local, struct tri_slot *slot);
/* Keeps a free slot for the next spawn. */
void tri_slot_put_free(struct tri_local *local, struct tri_slot *slot);
/* Begins a new incarnation in a free slot whose plain fields are the caller's. state: NULL when it
 * fits the slot. Returns its address. */
tr_ref tri_slot_begin(struct tr_runtime *rt, struct tri_slot *slot, const tr_behavior *behavior,
                      void *state);
/* Large state, zeroed; *state stays NULL when none is needed. False: no memory. */
bool tri_state_alloc(struct tr_runtime *rt, const tr_behavior *behavior, void **state);
void tri_state_free(struct tr_runtime *rt, const tr_behavior *behavior, void *state);
tr_status tri_check_behavior(const tr_behavior *behavior);
/* The record that has init run, with a copy of the argument; NULL: no memory. starter: the call
 * that waits for it, or 0. */
struct tri_record *tri_init_record(struct tri_arena *arena, const tr_behavior *behavior,
                                   const void *arg, uint64_t starter);

/* ---- self.c -------------------------------------------------------------------------------- */

/* The actor ends after the running handler; the first reason given counts. */
void tri_self_set_reason(tr_self *self, tr_reason reason);

/* ---- foreign.c ---------------------------------------------------------------------------- */

struct tri_gate *tri_gate_enter(struct tr_runtime *rt);
void tri_gate_leave(struct tri_gate *gate);
/* Sends like a foreign thread, in the name of sender; `own`: even while the runtime stops. */
tr_status tri_foreign_post(struct tr_runtime *rt, tr_ref to, uint64_t sender, bool own,
                           const tr_message_type *type, const void *payload, size_t bytes);
tr_status tri_foreign_make(struct tr_runtime *rt, const tr_behavior *behavior, const void *arg,
                           uint64_t starter, tr_ref *actor);
tr_status tri_foreign_mark(struct tr_runtime *rt, tr_ref actor);

/* ---- call.c ------------------------------------------------------------------------------- */

void tri_cells_fini(struct tr_runtime *rt);
/* Answers the call with this id: a record (owned by the caller of this until TR_OK) or a status.
 * TR_TIMEOUT: too late, or no such call. */
tr_status tri_call_answer(struct tr_runtime *rt, uint64_t id, struct tri_record *reply,
                          tr_status status);
/* Answers every call still waiting with TR_STOPPING. */
void tri_calls_abandon(struct tr_runtime *rt);

/* ---- dead.c ------------------------------------------------------------------------------- */

/* Counts a message that nobody will handle, remembers it, and tells a waiting caller. */
void tri_dead(struct tr_runtime *rt, struct tri_counters *counters, uint64_t to,
              const tr_message_type *type, uint64_t sender, tr_dead_reason reason);
/* Counts every record of the list as dead and frees it. At most `most`; true: some are left. */
bool tri_list_bury(struct tr_runtime *rt, struct tri_counters *counters, struct tri_arena *arena,
                   struct tri_list *list, uint32_t slot_index, tr_dead_reason reason,
                   uint32_t most);

/* ---- config.c, host.c --------------------------------------------------------------------- */

tr_status tri_config_resolve(const tr_config *given, tr_config *config, char *text,
                             size_t text_bytes);

#endif
