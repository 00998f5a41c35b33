/* SPDX-License-Identifier: MIT
 * skynet: a tree in which every actor has ten children. Each leaf sends its number to its parent,
 * each parent the sum of its children to its own, and every actor ends. The leaves' numbers are 0,
 * 1, 2 and so on, so the sum is known.
 */
#include "bench/bench.h"

#define CHILDREN 10

#define SKYNET_RANGE(FIELD, T) FIELD(T, int64, first) FIELD(T, int64, leaves)
#define SKYNET_SUM(FIELD, T) FIELD(T, int64, sum)
TR_MESSAGE(skynet_range, SKYNET_RANGE)
TR_MESSAGE(skynet_sum, SKYNET_SUM)

struct node {
    tr_ref parent;
    int64_t sum;
    int32_t missing;
};

/* The part-th of CHILDREN shares of n leaves starts here; sizes that are no power of ten split as
 * evenly as they can. */
static int64_t share_begin(int64_t n, int part) {
    return n / CHILDREN * part + (n % CHILDREN < part ? n % CHILDREN : part);
}

static const tr_behavior node_behavior;

TR_HANDLER(node, skynet_range, self, me, msg) {
    if (msg->leaves == 1) {
        tr_reply(self, skynet_sum, .sum = msg->first);
        tr_exit(self, tr_reason_of(TR_REASON_NORMAL));
        return;
    }
    me->parent = tr_sender(self);
    for (int part = 0; part < CHILDREN; part++) {
        int64_t begin = share_begin(msg->leaves, part);
        int64_t leaves = share_begin(msg->leaves, part + 1) - begin;
        if (leaves > 0) {
            tr_ref child = tr_spawn(self, &node_behavior, NULL);
            tr_send(self, child, skynet_range, .first = msg->first + begin, .leaves = leaves);
            me->missing++;
        }
    }
}

TR_HANDLER(node, skynet_sum, self, me, msg) {
    me->sum += msg->sum;
    if (--me->missing == 0) {
        tr_send(self, me->parent, skynet_sum, .sum = me->sum);
        tr_exit(self, tr_reason_of(TR_REASON_NORMAL));
    }
}

TR_BEHAVIOR(node, TR_ON(node, skynet_range), TR_ON(node, skynet_sum))

/* Stands above the root, so that the root needs no special case. */
struct top {
    struct bench_done *done;
};

TR_INIT(top, struct top, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(top, skynet_range, self, me, msg) {
    tr_ref root = tr_spawn(self, &node_behavior, NULL);
    tr_send(self, root, skynet_range, .first = msg->first, .leaves = msg->leaves);
}

TR_HANDLER(top, skynet_sum, self, me, msg) {
    bench_done_report(me->done, msg->sum);
}

TR_BEHAVIOR_INIT(top, TR_ON(top, skynet_range), TR_ON(top, skynet_sum))

static int64_t actors_in_tree(int64_t leaves) {
    int64_t actors = 1;
    for (int part = 0; part < CHILDREN && leaves > 1; part++) {
        int64_t share = share_begin(leaves, part + 1) - share_begin(leaves, part);
        actors += share > 0 ? actors_in_tree(share) : 0;
    }
    return actors;
}

static void run_skynet(struct bench_run *run) {
    struct bench_done done;
    bench_done_init(&done, 1);
    int64_t leaves = (int64_t)run->size, expected = actors_in_tree(leaves);
    tr_runtime *rt = bench_runtime_start(run);

    bench_clock_start(run);
    tr_ref top = tr_spawn(rt, &top_behavior, (&(struct top){&done}));
    tr_send(rt, top, skynet_range, .first = 0, .leaves = leaves);
    int64_t sum = bench_done_wait(&done);
    bench_clock_stop(run, (uint64_t)expected);

    bench_expect(run, "the sum of the leaves", leaves * (leaves - 1) / 2, sum);
    tr_stats stats = {.size = sizeof stats};
    bench_ok(tr_runtime_stats(rt, &stats), "tr_runtime_stats");
    bench_expect(run, "the number of actors, the one above the root included", expected + 1,
                 (int64_t)stats.spawned);
    bench_runtime_stop(run, rt);
    bench_done_fini(&done);
}

const struct bench_workload bench_skynet = {
    .name = "skynet",
    .operation = "actor",
    .sentence = "A tree with ten children per actor; sums go up and every actor ends.",
    .run = run_skynet,
    .default_size = 1000000,
    .minimum_size = 1,
    .maximum_size = 100000000,
};
