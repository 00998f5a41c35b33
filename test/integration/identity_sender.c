/* SPDX-License-Identifier: MIT
 * The shared object that sends; see identity.h. */
#include "test/integration/identity.h"

struct identity_types sender_types(void) {
    return (struct identity_types){&numbers_message, &get_message, &bytes_message, &odd_message};
}

tr_status sender_send(tr_runtime *rt, tr_ref to) {
    tr_status status = tr_send(rt, to, numbers, .first = 1000, .second = 1);
    return status == TR_OK ? tr_foreign_send(rt, to, &bytes_message, "seven..", 7) : status;
}

tr_status sender_send_odd(tr_runtime *rt, tr_ref to) {
    return tr_send(rt, to, odd, .value = 1);
}

tr_status sender_ask(tr_runtime *rt, tr_ref to, int64_t *sum) {
    numbers reply = {0};
    tr_status status = tr_call(rt, to, TR_SECONDS(60), numbers, &reply, get);
    if (status == TR_OK) *sum = reply.first;
    return status;
}
