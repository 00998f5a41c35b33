/* SPDX-License-Identifier: MIT
 * Names and texts of status codes. */
#include "troupe/status.h"

struct row {
    tr_status status;
    const char *name;
    const char *text;
};

static const struct row rows[] = {
    {TR_OK, "TR_OK", "done"},
    {TR_INVALID, "TR_INVALID",
     "an argument is outside its documented range; see the function's comment"},
    {TR_NOMEM, "TR_NOMEM", "the allocator has no memory; nothing was changed, try again later"},
    {TR_STOPPING, "TR_STOPPING", "the runtime has been asked to stop and takes no more"},
    {TR_WRONG_RUNTIME, "TR_WRONG_RUNTIME",
     "the address belongs to another runtime; send through that one"},
    {TR_NULL_REF, "TR_NULL_REF", "the address is the null address; did a spawn fail?"},
    {TR_TOO_LARGE, "TR_TOO_LARGE",
     "the payload is larger than allowed; raise max_message_bytes or give more room for the reply"},
    {TR_NO_ACTOR, "TR_NO_ACTOR", "the actor has ended"},
    {TR_TIMEOUT, "TR_TIMEOUT", "the deadline passed first"},
    {TR_WOULD_DEADLOCK, "TR_WOULD_DEADLOCK",
     "a waiting call inside a handler would stop its worker; use messages there"},
    {TR_LIMIT, "TR_LIMIT", "a configured limit is reached; see tr_config"},
    {TR_WRONG_TYPE, "TR_WRONG_TYPE", "the reply has another message type than the one asked for"},
    {TR_BUSY, "TR_BUSY", "still in use; stop the runtime and destroy its outboxes first"},
    {TR_SYSTEM, "TR_SYSTEM", "the operating system refused; check thread and memory limits"},
    {TR_FULL, "TR_FULL", "a bounded queue has no room"},
    {TR_UNHANDLED, "TR_UNHANDLED", "the actor's behavior has no handler for this message type"},
};

static const struct row *find(tr_status status) {
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status) return &rows[i];
    return 0;
}

const char *tr_status_name(tr_status status) {
    const struct row *row = find(status);
    return row ? row->name : "TR_?";
}

const char *tr_status_text(tr_status status) {
    const struct row *row = find(status);
    return row ? row->text : "not a status of this version";
}
