/* SPDX-License-Identifier: MIT
 * Ten threads add to one counter, a thousand times each. The counter is an actor: it handles one
 * message at a time and nobody else can touch its state, so there is no lock. */
#include <pthread.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define NUMBER(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(add, NUMBER)       /* struct add { int64_t value; } */
TR_MESSAGE(get, TR_NO_FIELDS) /* asks for the total */
TR_MESSAGE(total, NUMBER)     /* the answer */

struct counter { /* an actor's private state: zero at first */
    int64_t total;
};

TR_HANDLER(counter, add, self, me, msg) {
    me->total += msg->value;
}

TR_HANDLER(counter, get, self, me, msg) {
    tr_reply(self, total, .value = me->total);
}

TR_BEHAVIOR(counter, TR_ON(counter, add), TR_ON(counter, get))

static tr_runtime *rt;
static tr_ref counter;

static void *add_many(void *unused) {
    for (int i = 0; i < 1000; i++) tr_send(rt, counter, add, .value = 1);
    return unused;
}

int main(void) {
    if (tr_runtime_start(NULL, &rt) != TR_OK) return 1;
    counter = tr_spawn(rt, &counter_behavior, NULL);
    pthread_t threads[10];
    for (int i = 0; i < 10; i++) pthread_create(&threads[i], NULL, add_many, NULL);
    for (int i = 0; i < 10; i++) pthread_join(threads[i], NULL);
    total sum; /* the call is behind all that was sent before it */
    if (tr_call(rt, counter, TR_SECONDS(5), total, &sum, get) != TR_OK) return 1;
    printf("%lld\n", (long long)sum.value);
    tr_runtime_stop(rt, TR_SECONDS(5));
    tr_runtime_destroy(rt);
    return 0;
}
