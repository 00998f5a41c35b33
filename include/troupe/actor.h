/* SPDX-License-Identifier: MIT
 * Actors: what one is made of (a behavior), and what its handlers may do.
 *
 *   struct counter { int64_t total; };
 *   TR_HANDLER(counter, counter_add, self, me, msg) { me->total += msg->value; }
 *   TR_HANDLER(counter, counter_get, self, me, msg) {
 *       tr_reply(self, counter_total, .value = me->total);
 *   }
 *   TR_BEHAVIOR(counter, TR_ON(counter, counter_add), TR_ON(counter, counter_get))
 *
 * An actor handles one message at a time and each handler sees all effects of the one before, on
 * whichever worker it runs. A handler must not wait for other actors and should not block; one that
 * runs long delays only its own actor (docs/semantics.md, work conservation).
 */
#ifndef TROUPE_ACTOR_H
#define TROUPE_ACTOR_H

#include "message.h"
#include "ref.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The running actor, as its own handlers see it. Valid during that handler call, on that thread;
 * never store it. */
typedef struct tr_self tr_self;
/* A runtime; runtime.h. */
typedef struct tr_runtime tr_runtime;
/* A batch of sends from a thread that is no actor; runtime.h. */
typedef struct tr_outbox tr_outbox;

/* ---- exit reasons ------------------------------------------------------------------------- */

typedef enum tr_reason_kind {
    TR_REASON_NORMAL = 0,   /* the actor ended itself, or was stopped by tr_stop */
    TR_REASON_SHUTDOWN = 1, /* the runtime is stopping */
    TR_REASON_KILLED = 2,   /* tr_kill */
    TR_REASON_NO_ACTOR = 3, /* whoever was watched was not there */
    TR_REASON_INIT = 4,     /* init failed; code is the tr_status it returned */
    TR_REASON_USER = 5      /* the program's own: code and text are its business */
} tr_reason_kind;

/* Why an actor ended; a value of 32 bytes. text is zero-terminated. */
typedef struct tr_reason {
    int32_t kind; /* tr_reason_kind */
    int32_t code;
    char text[24];
} tr_reason;

/* A reason of the program's own; text may be NULL and is cut after 23 bytes. */
TR_API tr_reason tr_reason_user(int32_t code, const char *text);
/* The reason of a given kind with no code and no text. */
TR_API tr_reason tr_reason_of(tr_reason_kind kind);
/* True when kind, code and text are equal. */
TR_API bool tr_reason_equal(const tr_reason *a, const tr_reason *b);
/* Writes "normal", "killed", "user 7: disk full" and so on; returns the length it needs without the
 * closing zero, as snprintf does. */
TR_API size_t tr_reason_format(const tr_reason *reason, char *text, size_t text_bytes);

/* ---- behaviors ---------------------------------------------------------------------------- */

/* Handles one message. state is the actor's private state, payload the message's bytes (owned by
 * the runtime, valid until the handler returns). */
typedef void tr_handler_fn(tr_self *self, void *state, const void *payload);
/* Sets up the state (zeroed before) from a copy of the spawn argument. Anything but TR_OK ends the
 * actor with TR_REASON_INIT before it has handled a message. */
typedef tr_status tr_init_fn(tr_self *self, void *state, const void *arg);
/* Releases what the state owns. Runs exactly once, after the last handler, however the actor ends;
 * not after an init that failed. May send. */
typedef void tr_terminate_fn(tr_self *self, void *state, const tr_reason *reason);

typedef struct tr_handler {
    const tr_message_type *type;
    tr_handler_fn *handle;
} tr_handler;

/* What an actor does. Immutable, and must outlive every actor that has it. */
typedef struct tr_behavior {
    size_t size; /* sizeof(tr_behavior), so that later versions can add fields at the end */
    const char *name;
    uint32_t state_bytes; /* alignment: that of max_align_t */
    uint32_t arg_bytes;   /* how much tr_spawn copies from its argument */
    const tr_handler *handlers;
    uint32_t handler_count;
    uint32_t reserved;
    tr_init_fn *init;           /* NULL: the state starts as zeroes */
    tr_terminate_fn *terminate; /* NULL: nothing to release */
    tr_handler_fn *any; /* gets every message no handler takes; NULL: counted as unhandled */
} tr_behavior;

/* Handler of message type T for behavior B (state: struct B). Followed by a function body. */
#define TR_HANDLER(B, T, SELF, ME, MSG)                                                            \
    static inline void B##_on_##T(tr_self *SELF, struct B *ME, const T *MSG);                      \
    static void B##_##T##_thunk_(tr_self *tri_self, void *tri_state, const void *tri_payload) {    \
        B##_on_##T(tri_self, (struct B *)tri_state, (const T *)tri_payload);                       \
    }                                                                                              \
    static inline void B##_on_##T(TR_UNUSED tr_self *SELF, TR_UNUSED struct B *ME,                 \
                                  TR_UNUSED const T *MSG)

/* init of behavior B; its argument has type ARG. Followed by a function body. */
#define TR_INIT(B, ARG, SELF, ME, ARGUMENT)                                                        \
    typedef ARG B##_init_arg_;                                                                     \
    static inline tr_status B##_on_init(tr_self *SELF, struct B *ME,                               \
                                        const B##_init_arg_ *ARGUMENT);                            \
    static tr_status B##_init_thunk_(tr_self *tri_self, void *tri_state, const void *tri_arg) {    \
        return B##_on_init(tri_self, (struct B *)tri_state, (const B##_init_arg_ *)tri_arg);       \
    }                                                                                              \
    static inline tr_status B##_on_init(TR_UNUSED tr_self *SELF, TR_UNUSED struct B *ME,           \
                                        TR_UNUSED const B##_init_arg_ *ARGUMENT)

/* terminate of behavior B. Followed by a function body. */
#define TR_TERMINATE(B, SELF, ME, REASON)                                                          \
    static inline void B##_on_terminate(tr_self *SELF, struct B *ME, const tr_reason *REASON);     \
    static void B##_terminate_thunk_(tr_self *tri_self, void *tri_state,                           \
                                     const tr_reason *tri_reason) {                                \
        B##_on_terminate(tri_self, (struct B *)tri_state, tri_reason);                             \
    }                                                                                              \
    static inline void B##_on_terminate(TR_UNUSED tr_self *SELF, TR_UNUSED struct B *ME,           \
                                        TR_UNUSED const tr_reason *REASON)

/* One row of a behavior: message type T goes to the TR_HANDLER of B and T. */
#define TR_ON(B, T)                                                                                \
    { &T##_message, B##_##T##_thunk_ }

#define TRI_BEHAVIOR(B, ARG_BYTES, INIT, TERMINATE, ...)                                           \
    static const tr_handler B##_handlers_[] = {__VA_ARGS__};                                       \
    TR_UNUSED static const tr_behavior B##_behavior = {                                            \
        sizeof(tr_behavior),                                                                       \
        #B,                                                                                        \
        (uint32_t)sizeof(struct B),                                                                \
        ARG_BYTES,                                                                                 \
        B##_handlers_,                                                                             \
        (uint32_t)(sizeof(B##_handlers_) / sizeof(B##_handlers_[0])),                              \
        0,                                                                                         \
        INIT,                                                                                      \
        TERMINATE,                                                                                 \
        NULL};

/* Defines `B_behavior` from rows of TR_ON. The state starts as zeroes. */
#define TR_BEHAVIOR(B, ...) TRI_BEHAVIOR(B, 0, NULL, NULL, __VA_ARGS__)
/* The same with the TR_INIT of B. */
#define TR_BEHAVIOR_INIT(B, ...)                                                                   \
    TRI_BEHAVIOR(B, (uint32_t)sizeof(B##_init_arg_), B##_init_thunk_, NULL, __VA_ARGS__)
/* The same with the TR_TERMINATE of B. */
#define TR_BEHAVIOR_TERMINATE(B, ...) TRI_BEHAVIOR(B, 0, NULL, B##_terminate_thunk_, __VA_ARGS__)
/* The same with both. */
#define TR_BEHAVIOR_INIT_TERMINATE(B, ...)                                                         \
    TRI_BEHAVIOR(B, (uint32_t)sizeof(B##_init_arg_), B##_init_thunk_, B##_terminate_thunk_,        \
                 __VA_ARGS__)

/* ---- inside a handler --------------------------------------------------------------------- */
/* Threads, for all of these: the thread that runs the handler, while it runs. */

/* This actor's own address. */
TR_API tr_ref tr_self_ref(const tr_self *self);
/* Who sent the message being handled: an actor, a waiting tr_call, or null (a foreign thread). */
TR_API tr_ref tr_sender(const tr_self *self);
/* The runtime this actor lives in. */
TR_API tr_runtime *tr_self_runtime(const tr_self *self);
/* Type and payload length of the message being handled. */
TR_API const tr_message_type *tr_message_type_of(const tr_self *self);
TR_API size_t tr_message_bytes(const tr_self *self);

/* Ends this actor after the current handler returns. What is still queued becomes dead letters.
 * The first reason given counts. */
TR_API void tr_exit(tr_self *self, tr_reason reason);

/* Publishes everything this handler has sent so far; without it that happens when it returns. */
TR_API void tr_flush(tr_self *self);

/* Typed-erased forms, for bindings and C++; the macros below are what C programs use.
 * payload is copied. bytes must equal type->size_bytes unless the type is raw.
 * Errors: TR_NULL_REF, TR_WRONG_RUNTIME, TR_TOO_LARGE, TR_INVALID (length), TR_NOMEM. TR_OK means
 * accepted, not handled: a target that has ended makes a dead letter. */
TR_API tr_status tr_self_send(tr_self *self, tr_ref to, const tr_message_type *type,
                              const void *payload, size_t bytes);
/* Sends to the sender of the current message. To null (a plain foreign send): counted as a dead
 * letter. To a call that has timed out: counted as a late reply. */
TR_API tr_status tr_self_reply(tr_self *self, const tr_message_type *type, const void *payload,
                               size_t bytes);
TR_API TR_CHECKED tr_status tr_self_spawn(tr_self *self, const tr_behavior *behavior,
                                          const void *arg, tr_ref *actor);
TR_API tr_status tr_self_stop(tr_self *self, tr_ref actor);
TR_API tr_status tr_self_kill(tr_self *self, tr_ref actor);

#ifdef __cplusplus
}
#endif
#endif
