/* SPDX-License-Identifier: MIT
 * The shared object with the actor; see identity.h. */
#define IDENTITY_RECEIVER 1
#include "test/integration/identity.h"

struct receiver {
    int64_t sum;
};

TR_HANDLER(receiver, numbers, self, me, msg) {
    me->sum += msg->first + msg->second;
}

static void receiver_on_bytes(tr_self *self, void *state, const void *payload) {
    (void)payload;
    ((struct receiver *)state)->sum += (int64_t)tr_message_bytes(self);
}

TR_HANDLER(receiver, get, self, me, msg) {
    tr_reply(self, numbers, .first = me->sum);
}

TR_HANDLER(receiver, odd, self, me, msg) {
    me->sum = -1;
}

static const tr_handler handlers[] = {
    TR_ON(receiver, numbers),
    TR_ON(receiver, get),
    TR_ON(receiver, odd),
    {&bytes_message, receiver_on_bytes},
};

const tr_behavior *receiver_behavior(void) {
    static const tr_behavior behavior = {
        .size = sizeof behavior,
        .name = "receiver",
        .state_bytes = sizeof(struct receiver),
        .handlers = handlers,
        .handler_count = sizeof handlers / sizeof handlers[0],
    };
    return &behavior;
}

struct identity_types receiver_types(void) {
    return (struct identity_types){&numbers_message, &get_message, &bytes_message, &odd_message};
}
