/* SPDX-License-Identifier: MIT
 * A program of somebody else: built against an installed Troupe, and with it as a subproject. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <troupe/troupe.h>

#define COUNTER_ADD(FIELD, T) FIELD(T, int64, value)
#define COUNTER_TOTAL(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(counter_add, COUNTER_ADD)
TR_MESSAGE(counter_get, TR_NO_FIELDS)
TR_MESSAGE(counter_total, COUNTER_TOTAL)

struct counter {
    int64_t total;
};

TR_HANDLER(counter, counter_add, self, me, msg) {
    me->total += msg->value;
}

TR_HANDLER(counter, counter_get, self, me, msg) {
    tr_reply(self, counter_total, .value = me->total);
}

TR_BEHAVIOR(counter, TR_ON(counter, counter_add), TR_ON(counter, counter_get))

static int run(tr_runtime *runtime) {
    tr_ref counter = tr_spawn(runtime, &counter_behavior, NULL);
    for (int64_t i = 1; i <= 100; i++) {
        tr_status sent = tr_send(runtime, counter, counter_add, .value = i);
        if (sent != TR_OK) return puts(tr_status_text(sent)), 1;
    }
    counter_total total = {0};
    tr_status called =
        tr_call(runtime, counter, TR_SECONDS(10), counter_total, &total, counter_get);
    if (called != TR_OK) return puts(tr_status_text(called)), 1;
    printf("troupe %s: %" PRId64 "\n", tr_version(), total.value);
    return total.value == 5050 ? 0 : 1;
}

int main(void) {
    tr_runtime *runtime;
    if (tr_runtime_start(NULL, &runtime) != TR_OK) return 1;
    int status = run(runtime);
    if (tr_runtime_stop(runtime, TR_SECONDS(10)) != TR_OK) return 1;
    return tr_runtime_destroy(runtime) == TR_OK ? status : 1;
}
