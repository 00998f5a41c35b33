/* SPDX-License-Identifier: MIT
 * The counter that several workloads tell to: an actor that adds, and says its total when asked.
 */
#ifndef BENCH_WORKLOADS_COUNTER_H
#define BENCH_WORKLOADS_COUNTER_H

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

#endif
