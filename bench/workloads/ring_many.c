/* SPDX-License-Identifier: MIT
 * ring_many: a hundred actors in a circle pass a hundred tokens, one starting at each. A token
 * whose hops are used up is reported; when all are, a last message goes once around and adds up
 * what each actor has counted.
 */
#include "bench/bench.h"

#define NODES 100

#define RING_MANY_LINK(FIELD, T) FIELD(T, ref, next)
#define RING_MANY_TOKEN(FIELD, T) FIELD(T, uint64, hops)
#define RING_MANY_SUM(FIELD, T) FIELD(T, uint32, nodes) FIELD(T, int64, hops)
TR_MESSAGE(ring_many_link, RING_MANY_LINK)
TR_MESSAGE(ring_many_token, RING_MANY_TOKEN)
TR_MESSAGE(ring_many_sum, RING_MANY_SUM)

struct node {
    tr_ref next;
    int64_t hops;                 /* tokens that came to this node */
    struct bench_done *token_end; /* told for each token whose hops are used up */
    struct bench_done *sum;       /* told the sum */
};

TR_INIT(node, struct node, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(node, ring_many_link, self, me, msg) {
    me->next = msg->next;
}

TR_HANDLER(node, ring_many_token, self, me, msg) {
    me->hops++;
    if (msg->hops > 1) {
        tr_send(self, me->next, ring_many_token, .hops = msg->hops - 1);
    } else {
        bench_done_report(me->token_end, 1);
    }
}

TR_HANDLER(node, ring_many_sum, self, me, msg) {
    int64_t hops = msg->hops + me->hops;
    if (msg->nodes > 1) {
        tr_send(self, me->next, ring_many_sum, .nodes = msg->nodes - 1, .hops = hops);
    } else {
        bench_done_report(me->sum, hops);
    }
}

TR_BEHAVIOR_INIT(node, TR_ON(node, ring_many_link), TR_ON(node, ring_many_token),
                 TR_ON(node, ring_many_sum))

static void run_ring_many(struct bench_run *run) {
    struct bench_done token_end, sum;
    bench_done_init(&token_end, NODES);
    bench_done_init(&sum, 1);
    tr_runtime *rt = bench_runtime_start(run);
    tr_ref nodes[NODES];

    bench_clock_start(run);
    for (int i = 0; i < NODES; i++) {
        nodes[i] =
            tr_spawn(rt, &node_behavior, (&(struct node){.token_end = &token_end, .sum = &sum}));
    }
    for (int i = 0; i < NODES; i++) {
        tr_send(rt, nodes[i], ring_many_link, .next = nodes[(i + 1) % NODES]);
    }
    for (uint64_t i = 0; i < NODES; i++) {
        uint64_t hops = run->size / NODES + (i < run->size % NODES);
        tr_send(rt, nodes[i], ring_many_token, .hops = hops);
    }
    bench_done_wait(&token_end);
    tr_send(rt, nodes[0], ring_many_sum, .nodes = NODES);
    int64_t hops = bench_done_wait(&sum);
    bench_clock_stop(run, run->size);

    bench_expect(run, "the number of hops", (int64_t)run->size, hops);
    bench_runtime_stop(run, rt);
    bench_done_fini(&sum);
    bench_done_fini(&token_end);
}

const struct bench_workload bench_ring_many = {
    .name = "ring_many",
    .operation = "hop",
    .sentence = "A hundred actors in a circle pass a hundred tokens, one starting at each.",
    .run = run_ring_many,
    .default_size = 10000000,
    .minimum_size = NODES,
    .maximum_size = 1000000000000,
};
