/* SPDX-License-Identifier: MIT
 * Producers that send 100 messages in each handler call, faster than their receivers handle them:
 * one to one, one to ten, ten to one. Unless --workers says otherwise, on one worker and on two.
 * Holds: message memory stays under 16 MB at every moment that is looked at, and every message
 * arrives. */
#include "test/stress/stress.h"

#define BURST 100
#define PEERS 10
#define LIMIT_BYTES (UINT64_C(16) << 20)

#define NUMBER(FIELD, T) FIELD(T, uint64, value)
TR_MESSAGE(item, NUMBER)
TR_MESSAGE(produce, TR_NO_FIELDS)

struct works {
    tr_runtime *rt;
    uint32_t receiver_count, slow_ns;
    tr_ref receivers[PEERS];
    _Atomic bool ending;
    _Atomic uint64_t sent, received;
};

struct start {
    struct works *works;
};

struct receiver {
    struct works *works;
    uint64_t received;
};

TR_INIT(receiver, struct start, self, me, argument) {
    me->works = argument->works;
    return TR_OK;
}

TR_HANDLER(receiver, item, self, me, msg) {
    stress_burn(me->works->slow_ns);
    me->received++;
}

TR_TERMINATE(receiver, self, me, reason) {
    stress_count(&me->works->received, me->received);
}

TR_BEHAVIOR_INIT_TERMINATE(receiver, TR_ON(receiver, item))

struct producer {
    struct works *works;
    uint64_t sent;
    uint32_t turn;
};

TR_INIT(producer, struct start, self, me, argument) {
    me->works = argument->works;
    return TR_OK;
}

TR_HANDLER(producer, produce, self, me, msg) {
    struct works *works = me->works;
    tr_ref to = works->receivers[me->turn++ % works->receiver_count];
    for (uint64_t i = 0; i < BURST; i++) {
        stress_ok("tr_send", tr_send(self, to, item, .value = me->sent));
        me->sent++;
    }
    if (!atomic_load_explicit(&works->ending, memory_order_relaxed))
        stress_ok("tr_send", tr_send(self, tr_self_ref(self), produce));
}

TR_TERMINATE(producer, self, me, reason) {
    stress_count(&me->works->sent, me->sent);
}

TR_BEHAVIOR_INIT_TERMINATE(producer, TR_ON(producer, produce))

struct shape {
    uint32_t producers, receivers, slow_ns;
};

/* The most that was seen; looks no further when that is too much. */
static uint64_t attempt(struct stress *stress, const struct shape *shape) {
    struct works *works = stress_alloc(sizeof *works);
    works->rt = stress_start(stress);
    works->receiver_count = shape->receivers;
    works->slow_ns = shape->slow_ns;
    struct start start = {works};
    for (uint32_t i = 0; i < works->receiver_count; i++)
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(works->rt, &receiver_behavior, &start, &works->receivers[i]));
    for (uint32_t i = 0; i < shape->producers; i++) {
        tr_ref producer;
        stress_ok("tr_foreign_spawn",
                  tr_foreign_spawn(works->rt, &producer_behavior, &start, &producer));
        stress_ok("tr_send", tr_send(works->rt, producer, produce));
    }
    uint64_t most = 0;
    for (int i = 0; i < 300 && most < LIMIT_BYTES; i++) {
        usleep(1000);
        uint64_t bytes = stress_stats(works->rt).message_bytes;
        if (bytes > most) most = bytes;
    }
    stress_progress();
    atomic_store_explicit(&works->ending, true, memory_order_relaxed);
    stress_quiesce(works->rt);
    (void)stress_stop(works->rt);
    stress_equal("items received", stress_counted(&works->sent), stress_counted(&works->received));
    stress_destroy(works->rt);
    free(works);
    return most;
}

static uint64_t one_round(struct stress *stress) {
    static const struct shape shapes[] = {
        {1, 1, 0},        {1, 1, 200},   {1, 1, 2000},     {1, PEERS, 0},
        {1, PEERS, 2000}, {PEERS, 1, 0}, {PEERS, 1, 5000},
    };
    stress->config.workers = 1 + stress->round % 2;
    if (stress->fixed_workers != 0) stress->config.workers = stress->fixed_workers < 2 ? 1 : 2;
    stress->config.batch = stress->config.activation_us = 0; /* the bound is one of the defaults */
    /* A receiver that is away in an overdue handler does not hold its producer back. */
    stress->config.overdue_us = stress_below(stress, 2) == 0 ? 0 : 60000000;
    const struct shape *shape = &shapes[stress_below(stress, 7)];
    uint64_t most = attempt(stress, shape);
    STRESS_CHECK(most < LIMIT_BYTES,
                 "%u producers, %u receivers of %u ns: message memory under %" PRIu64
                 " bytes expected, saw %" PRIu64,
                 shape->producers, shape->receivers, shape->slow_ns, LIMIT_BYTES, most);
    return most;
}

int main(int argc, char **argv) {
    struct stress stress;
    stress_begin(&stress, "memory", argc, argv);
    uint64_t most = 0;
    while (stress_next_round(&stress) || stress_extra_round(&stress, stress.round < 4)) {
        uint64_t bytes = one_round(&stress);
        if (bytes > most) most = bytes;
    }
    printf("memory: at most %" PRIu64 " bytes of messages\n", most);
    return stress_end(&stress);
}
