/* SPDX-License-Identifier: MIT
 * The runtime: a pool of worker threads and the actors that live on it.
 *
 *   tr_config config = TR_CONFIG_INIT;
 *   tr_runtime *rt;
 *   if (tr_runtime_start(&config, &rt) != TR_OK) …
 *   …
 *   tr_runtime_stop(rt, TR_SECONDS(5));
 *   tr_runtime_destroy(rt);
 *
 * Nothing is global: several runtimes may run in one process. A runtime installs no signal handler
 * and prints nothing; it starts `workers` worker threads, one that watches for overdue handlers,
 * and at most `max_extra_threads` more when handlers are overdue, which then sleep until they are
 * needed again. All of them block every signal.
 */
#ifndef TROUPE_RUNTIME_H
#define TROUPE_RUNTIME_H

#include "actor.h"
#include "message.h"
#include "ref.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TR_NANOSECONDS(N) ((int64_t)(N))
#define TR_MICROSECONDS(N) ((int64_t)(N)*1000)
#define TR_MILLISECONDS(N) ((int64_t)(N)*1000000)
#define TR_SECONDS(N) ((int64_t)(N)*1000000000)

/* ---- configuration ------------------------------------------------------------------------ */

/* Where memory comes from. All three or none. Must be callable from any thread. */
typedef struct tr_allocator {
    /* align is a power of two; NULL when there is no memory. */
    void *(*allocate)(void *context, size_t align_bytes, size_t bytes);
    void (*release)(void *context, void *memory, size_t bytes);
    void *context;
} tr_allocator;

/* Zero in a field means its default. */
typedef struct tr_config {
    size_t size;                /* sizeof(tr_config); TR_CONFIG_INIT sets it */
    uint32_t workers;           /* worker threads, 1…256; default: CPUs this process may use */
    uint32_t batch;             /* messages per activation, 1…65536; default 1024 */
    uint32_t activation_us;     /* longest activation before the next actor, 1…1000000; 100 */
    uint32_t overdue_us;        /* a handler running longer is overdue, 100…60000000; 1000 */
    uint32_t max_actors;        /* alive at a time, at least, 1…268435456; 16777216 */
    uint32_t max_message_bytes; /* payload, 1…1 GiB; default 16 MiB */
    uint32_t max_extra_threads; /* while handlers are overdue, up to 1024; default 16;
                                   UINT32_MAX means none */
    uint32_t max_calls;         /* tr_call in flight, 1…1048576; default 4096 */
    uint64_t seed;              /* of every random choice; default: drawn from the system */
    tr_allocator allocator;     /* default: malloc's */
    /* Called with one line (no newline) for configuration errors and, at most once a second, dead
     * letters; from any thread, must not call the runtime. Default: none. */
    void (*log)(void *log_context, const char *line);
    void *log_context;
} tr_config;

#ifdef __cplusplus
#define TR_CONFIG_INIT (tri_config_init())
static inline tr_config tri_config_init() {
    tr_config config = tr_config();
    config.size = sizeof(tr_config);
    return config;
}
#else
#define TR_CONFIG_INIT ((tr_config){.size = sizeof(tr_config)})
#endif

/* Checks a configuration (NULL: the default one). On TR_INVALID, text says which field holds what
 * value and what it takes. Threads: any. */
TR_API TR_CHECKED tr_status tr_config_check(const tr_config *config, char *text, size_t text_bytes);

/* How many CPUs this process may use: the smaller of its affinity mask and its cgroup's quota
 * (rounded up), at least 1. The default of tr_config.workers. Threads: any. */
TR_API uint32_t tr_available_cpus(void);

/* ---- lifecycle ---------------------------------------------------------------------------- */

/* Starts a runtime; config may be NULL. The config is copied.
 * Owns: on success the caller owns *runtime until tr_runtime_destroy.
 * Errors: TR_INVALID (tr_config_check says why), TR_NOMEM, TR_SYSTEM (threads). Threads: any. */
TR_API TR_CHECKED tr_status tr_runtime_start(const tr_config *config, tr_runtime **runtime);

/* Asks the runtime to stop, and returns at once: from now on sends, calls and spawns from foreign
 * threads and spawns from actors answer TR_STOPPING. Every actor handles what is queued when it
 * notices and then ends with TR_REASON_SHUTDOWN; until it ends it may send. Threads: any, handlers
 * included. */
TR_API void tr_runtime_request_stop(tr_runtime *runtime);

/* Requests a stop and waits until every actor has ended and every thread of the runtime has
 * returned. timeout_ns < 0 waits without limit.
 * Errors: TR_TIMEOUT (actors still busy: the log names them; may be called again),
 * TR_WOULD_DEADLOCK from one of its own handlers. A second call after success answers TR_OK.
 * Threads: any foreign thread, one at a time. */
TR_API tr_status tr_runtime_stop(tr_runtime *runtime, int64_t timeout_ns);

/* Frees a stopped runtime; NULL is fine.
 * Errors: TR_BUSY, nothing freed: it is not stopped yet, or an outbox is still open.
 * Threads: one, while no other call on this runtime is under way or will follow. */
TR_API tr_status tr_runtime_destroy(tr_runtime *runtime);

/* ---- from a thread that is no actor ------------------------------------------------------- */

/* Sends one message; it is on its way when the call returns. Errors: those of tr_self_send and
 * TR_STOPPING. Threads: any; on a thread that is inside a handler of this runtime it is that
 * actor's tr_self_send. */
TR_API tr_status tr_foreign_send(tr_runtime *runtime, tr_ref to, const tr_message_type *type,
                                 const void *payload, size_t bytes);

/* Spawns an actor. arg_bytes of the behavior are copied from arg (NULL: zeroes). init runs later,
 * on a worker, as the actor's first activation and before any message; when it fails the actor ends
 * with TR_REASON_INIT and what was sent to it becomes dead letters (tr_spawn_wait waits for init
 * and tells).
 * Errors: TR_INVALID (behavior NULL or malformed), TR_NOMEM, TR_LIMIT (max_actors), TR_STOPPING.
 * Threads: any. */
TR_API TR_CHECKED tr_status tr_foreign_spawn(tr_runtime *runtime, const tr_behavior *behavior,
                                             const void *arg, tr_ref *actor);

/* The same, and waits until init has returned. Errors: also what init returned, TR_TIMEOUT (the
 * actor exists; *actor is set) and TR_WOULD_DEADLOCK from a handler of this runtime.
 * Threads: foreign. Blocks. */
TR_API TR_CHECKED tr_status tr_spawn_wait(tr_runtime *runtime, const tr_behavior *behavior,
                                          const void *arg, int64_t timeout_ns, tr_ref *actor);

/* tr_stop: the actor ends with TR_REASON_NORMAL after what was queued before. */
TR_API tr_status tr_foreign_stop(tr_runtime *runtime, tr_ref actor);
/* tr_kill: the actor ends with TR_REASON_KILLED at its next handler boundary, ahead of what is
 * queued. A handler that never returns cannot be killed. */
TR_API tr_status tr_foreign_kill(tr_runtime *runtime, tr_ref actor);

/* True while the address names an actor that has not ended and has no kill pending. A hint: it may
 * be false a moment later. Threads: any. */
TR_API bool tr_is_alive(tr_runtime *runtime, tr_ref actor);

/* Sends a request and waits for the reply. reply_bytes must equal reply_type->size_bytes unless the
 * reply is raw; then it is the room in reply, and a longer answer is TR_TOO_LARGE.
 * Errors: TR_TIMEOUT, TR_NO_ACTOR (the target has ended, ended with the request unread, or is a
 * call), TR_UNHANDLED (no handler for the request), TR_WRONG_TYPE, TR_STOPPING, TR_LIMIT
 * (max_calls), TR_WOULD_DEADLOCK (from a handler of this runtime) and those of tr_foreign_send.
 * timeout_ns < 0 waits without limit. Threads: foreign. Blocks. */
TR_API TR_CHECKED tr_status tr_foreign_call(tr_runtime *runtime, tr_ref to, int64_t timeout_ns,
                                            const tr_message_type *reply_type, void *reply,
                                            size_t reply_bytes, const tr_message_type *type,
                                            const void *payload, size_t bytes);

/* ---- outbox ------------------------------------------------------------------------------- */
/* Batches sends of one foreign thread: messages to one target in a row travel together and cost a
 * fraction of a plain send. Up to 64 are held back until the target changes, 64 are reached, or
 * tr_outbox_flush. Nothing is promised between what two threads send; flush before you tell another
 * thread about it. Threads: one at a time. */
TR_API TR_CHECKED tr_status tr_outbox_create(tr_runtime *runtime, tr_outbox **outbox);
/* Errors: as tr_foreign_send. */
TR_API tr_status tr_outbox_send(tr_outbox *outbox, tr_ref to, const tr_message_type *type,
                                const void *payload, size_t bytes);
/* TR_STOPPING: what was held back is dropped and counted as rejected. */
TR_API tr_status tr_outbox_flush(tr_outbox *outbox);
/* Flushes and frees; NULL is fine. Before tr_runtime_destroy. */
TR_API void tr_outbox_destroy(tr_outbox *outbox);

/* ---- what happens inside ------------------------------------------------------------------ */

typedef enum tr_dead_reason {
    TR_DEAD_NO_ACTOR = 0,    /* sent to an actor that had ended */
    TR_DEAD_ENDED = 1,       /* queued when its actor ended */
    TR_DEAD_NO_REPLY_TO = 2, /* a reply to a sender that is no actor and no call */
    TR_DEAD_LATE_REPLY = 3,  /* a reply to a call that had timed out or was answered already */
    TR_DEAD_REASONS = 4
} tr_dead_reason;

/* Counters since start; size first, set by the caller. Each is exact at quiescence:
 * sent = handled + unhandled + replies + dead[0…] + queued.
 * sent counts user messages that were accepted, replies those delivered to a waiting tr_call. */
typedef struct tr_stats {
    size_t size;
    uint64_t sent;
    uint64_t handled;
    uint64_t unhandled; /* the behavior had no handler for the type */
    uint64_t replies;
    uint64_t dead[TR_DEAD_REASONS];
    uint64_t rejected; /* held back in an outbox when the runtime stopped; not part of sent */
    uint64_t spawned;
    uint64_t ended;
    uint64_t init_failed;
    uint64_t activations;
    uint64_t parks;         /* times a worker went to sleep */
    uint64_t wakes;         /* times one was woken by another thread */
    uint64_t exposed;       /* actors put up for stealing */
    uint64_t stolen;        /* actors taken by another worker */
    uint64_t attracted;     /* actors that moved to whoever wakes them */
    uint64_t deferred;      /* producers requeued behind a crowded receiver */
    uint64_t takeovers;     /* workers taken over from an overdue handler */
    uint64_t threads;       /* threads of the runtime now */
    uint64_t slot_bytes;    /* memory held now: actor slots */
    uint64_t message_bytes; /* memory held now: message chunks, used or pooled */
} tr_stats;

/* Reads the counters without stopping anything. Errors: TR_INVALID (stats NULL or its size unset).
 * Threads: any. */
TR_API tr_status tr_runtime_stats(tr_runtime *runtime, tr_stats *stats);

typedef struct tr_dead_letter {
    tr_ref to;
    const tr_message_type *type;
    uint32_t reason; /* tr_dead_reason */
    uint32_t reserved;
} tr_dead_letter;

/* Copies the newest dead letters, newest first, at most 64 and at most count; returns how many.
 * Under a flood some are only counted. Threads: any. */
TR_API size_t tr_runtime_dead_letters(tr_runtime *runtime, tr_dead_letter *letters, size_t count);

#ifdef __cplusplus
}
#endif
#endif
