/* SPDX-License-Identifier: MIT
 * Troupe, the actor runtime for C. Includes every public header and the verbs.
 *
 * The verbs take who acts first: `self` inside a handler, the runtime on any other thread, and for
 * tr_send also an outbox.
 *
 *   tr_status tr_send (from, to, TYPE, .field = value, …)
 *   tr_ref    tr_spawn(from, &behavior, &argument)            null address on failure
 *   tr_status tr_stop (from, actor)                           ends after what is queued
 *   tr_status tr_kill (from, actor)                           ends at its next handler boundary
 *   tr_status tr_reply(self, TYPE, .field = value, …)
 *   tr_status tr_call (runtime, to, timeout_ns, REPLY_TYPE, &reply, TYPE, .field = value, …)
 *
 * Fields that are not named are zero. C++ programs use the functions these stand for.
 */
#ifndef TROUPE_TROUPE_H
#define TROUPE_TROUPE_H

#include "actor.h"
#include "message.h"
#include "ref.h"
#include "runtime.h"
#include "status.h"

#define TR_VERSION_MAJOR 0
#define TR_VERSION_MINOR 1
#define TR_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0": the version of the library that runs, which may be newer than the headers. */
TR_API const char *tr_version(void);

#ifdef __cplusplus
}
#else

static inline tr_ref tri_self_spawn_ref(tr_self *self, const tr_behavior *behavior,
                                        const void *arg) {
    tr_ref actor = TR_NULL;
    return tr_self_spawn(self, behavior, arg, &actor) == TR_OK ? actor : TR_NULL;
}

static inline tr_ref tri_foreign_spawn_ref(tr_runtime *runtime, const tr_behavior *behavior,
                                           const void *arg) {
    tr_ref actor = TR_NULL;
    return tr_foreign_spawn(runtime, behavior, arg, &actor) == TR_OK ? actor : TR_NULL;
}

/* The first argument after the fixed ones is the message type; the rest initializes it. */
#define TRI_TYPE_OF(T, ...) T
#define TRI_MESSAGE_OF(T, ...) T##_message
#define TRI_VALUE_OF(T, ...) (TRI_EXT(const T){__VA_ARGS__})

/* The formatter does not know _Generic. */
/* clang-format off */
#define tr_send(FROM, TO, ...)                                                                     \
    _Generic((FROM),                                                                               \
        tr_self *: tr_self_send,                                                                   \
        tr_runtime *: tr_foreign_send,                                                             \
        tr_outbox *: tr_outbox_send)(                                                              \
        (FROM), (TO), &TRI_MESSAGE_OF(__VA_ARGS__, ), &TRI_VALUE_OF(__VA_ARGS__, ),                \
        sizeof(TRI_TYPE_OF(__VA_ARGS__, )))
/* clang-format on */

#define tr_reply(SELF, ...)                                                                        \
    tr_self_reply((SELF), &TRI_MESSAGE_OF(__VA_ARGS__, ), &TRI_VALUE_OF(__VA_ARGS__, ),            \
                  sizeof(TRI_TYPE_OF(__VA_ARGS__, )))

#define tr_call(RUNTIME, TO, TIMEOUT_NS, REPLY_TYPE, REPLY, ...)                                   \
    tr_foreign_call((RUNTIME), (TO), (TIMEOUT_NS), &REPLY_TYPE##_message, (REPLY),                 \
                    sizeof(*(REPLY)) + 0 * sizeof((REPLY) == (REPLY_TYPE *)0),                     \
                    &TRI_MESSAGE_OF(__VA_ARGS__, ), &TRI_VALUE_OF(__VA_ARGS__, ),                  \
                    sizeof(TRI_TYPE_OF(__VA_ARGS__, )))

/* clang-format off */
#define tr_spawn(FROM, BEHAVIOR, ARG)                                                              \
    _Generic((FROM), tr_self *: tri_self_spawn_ref, tr_runtime *: tri_foreign_spawn_ref)(          \
        (FROM), (BEHAVIOR), (ARG))

#define tr_stop(FROM, ACTOR)                                                                       \
    _Generic((FROM), tr_self *: tr_self_stop, tr_runtime *: tr_foreign_stop)((FROM), (ACTOR))

#define tr_kill(FROM, ACTOR)                                                                       \
    _Generic((FROM), tr_self *: tr_self_kill, tr_runtime *: tr_foreign_kill)((FROM), (ACTOR))
/* clang-format on */

#endif
#endif
