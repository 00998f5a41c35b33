/* SPDX-License-Identifier: MIT
 * ring: a hundred actors in a circle pass one token. When its hops are used up a second message
 * goes once around and adds up what each actor has counted.
 */
#include "bench/bench.h"

#define NODES 100

#define RING_LINK(FIELD, T) FIELD(T, ref, next)
#define RING_TOKEN(FIELD, T) FIELD(T, uint64, hops)
#define RING_SUM(FIELD, T) FIELD(T, uint32, nodes) FIELD(T, int64, hops)
TR_MESSAGE(ring_link, RING_LINK)
TR_MESSAGE(ring_token, RING_TOKEN)
TR_MESSAGE(ring_sum, RING_SUM)

struct node {
    tr_ref next;
    int64_t hops; /* tokens that came to this node */
    struct bench_done *done;
};

TR_INIT(node, struct node, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(node, ring_link, self, me, msg) {
    me->next = msg->next;
}

TR_HANDLER(node, ring_token, self, me, msg) {
    me->hops++;
    if (msg->hops > 1) {
        tr_send(self, me->next, ring_token, .hops = msg->hops - 1);
    } else {
        tr_send(self, me->next, ring_sum, .nodes = NODES);
    }
}

TR_HANDLER(node, ring_sum, self, me, msg) {
    int64_t hops = msg->hops + me->hops;
    if (msg->nodes > 1) {
        tr_send(self, me->next, ring_sum, .nodes = msg->nodes - 1, .hops = hops);
    } else {
        bench_done_report(me->done, hops);
    }
}

TR_BEHAVIOR_INIT(node, TR_ON(node, ring_link), TR_ON(node, ring_token), TR_ON(node, ring_sum))

static void run_ring(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    tr_runtime *rt = bench_runtime_start(run);
    tr_ref nodes[NODES];

    bench_clock_start(run);
    for (int i = 0; i < NODES; i++) {
        nodes[i] = tr_spawn(rt, &node_behavior, (&(struct node){.done = &done}));
    }
    for (int i = 0; i < NODES; i++) {
        tr_send(rt, nodes[i], ring_link, .next = nodes[(i + 1) % NODES]);
    }
    tr_send(rt, nodes[0], ring_token, .hops = run->size);
    int64_t hops = bench_done_wait(&done);
    bench_clock_stop(run, run->size);

    bench_expect(run, "the number of hops", (int64_t)run->size, hops);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_ring = {
    .name = "ring",
    .operation = "hop",
    .sentence = "A hundred actors in a circle pass one token.",
    .run = run_ring,
    .default_size = 10000000,
    .minimum_size = 1,
    .maximum_size = 1000000000000,
};
