/* SPDX-License-Identifier: MIT
 * Status codes: how every Troupe call that can fail says so.
 *
 * Zero is success, every error is negative. An out-parameter is left untouched when a call fails.
 */
#ifndef TROUPE_STATUS_H
#define TROUPE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TR_API __attribute__((visibility("default")))
#define TR_CHECKED __attribute__((warn_unused_result))
#define TR_UNUSED __attribute__((unused))
#else
#define TR_API
#define TR_CHECKED
#define TR_UNUSED
#endif

typedef enum tr_status {
    TR_OK = 0,
    TR_INVALID = -1,        /* an argument is outside its documented range */
    TR_NOMEM = -2,          /* the allocator answered NULL; nothing was changed */
    TR_STOPPING = -3,       /* the runtime has been asked to stop and takes no more from here */
    TR_WRONG_RUNTIME = -4,  /* the address belongs to another runtime */
    TR_NULL_REF = -5,       /* the address is the null address */
    TR_TOO_LARGE = -6,      /* the payload is larger than tr_config.max_message_bytes */
    TR_NO_ACTOR = -7,       /* the actor has ended, or ended before it answered */
    TR_TIMEOUT = -8,        /* the deadline passed first */
    TR_WOULD_DEADLOCK = -9, /* a waiting call made from inside a handler of the same runtime */
    TR_LIMIT = -10,         /* a configured limit is reached (tr_config names them) */
    TR_WRONG_TYPE = -11,    /* the reply has another message type than the one asked for */
    TR_BUSY = -12,          /* the object is still in use (see the call) */
    TR_SYSTEM = -13,        /* the operating system refused (a thread could not be started, …) */
    TR_FULL = -14,          /* a bounded queue has no room */
    TR_UNHANDLED = -15      /* the actor has no handler for the request */
} tr_status;

/* The name of a status as a constant string, "TR_OK" and so on; "TR_?" for a value that is none.
 * Threads: any. */
TR_API const char *tr_status_name(tr_status status);

/* One sentence that says what a status means and what to do about it. Threads: any. */
TR_API const char *tr_status_text(tr_status status);

#ifdef __cplusplus
}
#endif
#endif
