/* SPDX-License-Identifier: MIT
 * kill_backlog: how fast an actor with a million queued messages dies. A kill acts at the next
 * handler boundary, ahead of everything queued, and what was queued becomes dead letters.
 *
 * The victim must not handle its messages while they are being queued, so its first handler stays
 * until it is let go: something no real handler should do. Then it is killed and let go, and the
 * clock runs from just before the kill until its terminate handler.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bench/bench.h"

#define BACKLOG 1000000
#define DEAD_LETTERS_PATIENCE TR_SECONDS(10)

TR_MESSAGE(kill_backlog_hold, TR_NO_FIELDS)
TR_MESSAGE(kill_backlog_item, TR_NO_FIELDS)

/* What the victim and the thread that kills it share. */
struct scene {
    struct bench_done held; /* told when the first handler runs */
    atomic_bool let_go;
    int64_t ended_ns;
    struct bench_done ended; /* told how many items the victim has handled: none, one hopes */
};

struct victim {
    struct scene *scene;
    int64_t handled;
};

TR_INIT(victim, struct victim, self, me, start) {
    *me = *start;
    return TR_OK;
}

TR_HANDLER(victim, kill_backlog_hold, self, me, msg) {
    bench_done_report(&me->scene->held, 0);
    while (!atomic_load_explicit(&me->scene->let_go, memory_order_acquire)) {
        sched_yield();
    }
}

TR_HANDLER(victim, kill_backlog_item, self, me, msg) {
    me->handled++;
}

TR_TERMINATE(victim, self, me, reason) {
    me->scene->ended_ns = bench_now_ns();
    bench_done_report(&me->scene->ended, reason->kind == TR_REASON_KILLED ? me->handled : -1);
}

TR_BEHAVIOR_INIT_TERMINATE(victim, TR_ON(victim, kill_backlog_hold),
                           TR_ON(victim, kill_backlog_item))

static uint64_t dead_letters(tr_runtime *rt) {
    tr_stats stats = {.size = sizeof(stats)};
    bench_ok(tr_runtime_stats(rt, &stats), "read the runtime's counters");
    return stats.dead[TR_DEAD_ENDED];
}

static void queue_backlog(tr_runtime *rt, tr_ref victim) {
    tr_outbox *outbox;
    bench_ok(tr_outbox_create(rt, &outbox), "open an outbox");
    for (int i = 0; i < BACKLOG; i++) {
        tr_send(outbox, victim, kill_backlog_item);
    }
    tr_outbox_destroy(outbox);
}

/* Returns the time from the kill to the terminate handler; *counted_ns gets the time until all dead
 * letters had been counted. */
static int64_t kill_one(struct bench_run *run, tr_runtime *rt, int64_t *counted_ns) {
    struct scene scene = {.let_go = false};
    bench_done_init(&scene.held, 1);
    bench_done_init(&scene.ended, 1);
    uint64_t expected = dead_letters(rt) + BACKLOG;
    tr_ref victim = tr_spawn(rt, &victim_behavior, (&(struct victim){.scene = &scene}));
    tr_send(rt, victim, kill_backlog_hold);
    bench_done_wait(&scene.held);
    queue_backlog(rt, victim);

    int64_t kill_ns = bench_now_ns();
    bench_ok(tr_kill(rt, victim), "kill the victim");
    atomic_store_explicit(&scene.let_go, true, memory_order_release);
    bench_expect(run, "the number of messages handled", 0, bench_done_wait(&scene.ended));

    int64_t give_up_ns = kill_ns + DEAD_LETTERS_PATIENCE;
    while (dead_letters(rt) < expected && bench_now_ns() < give_up_ns) {
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
    *counted_ns = bench_now_ns() - kill_ns;
    bench_expect(run, "the number of dead letters", (int64_t)expected, (int64_t)dead_letters(rt));
    bench_done_fini(&scene.ended);
    bench_done_fini(&scene.held);
    return scene.ended_ns - kill_ns;
}

static void run_kill_backlog(struct bench_run *run) {
    uint64_t kills = run->size;
    int64_t *end_ns = calloc(kills, sizeof(*end_ns)), *counted_ns = calloc(kills, sizeof(*end_ns));
    bench_ok(end_ns != NULL && counted_ns != NULL ? TR_OK : TR_NOMEM, "keep the samples");
    tr_runtime *rt = bench_runtime_start(run);

    bench_clock_start(run);
    for (uint64_t i = 0; i < kills; i++) {
        end_ns[i] = kill_one(run, rt, &counted_ns[i]);
    }
    bench_clock_stop(run, kills);

    bench_sort(end_ns, kills);
    bench_sort(counted_ns, kills);
    run->value = (double)bench_percentile(end_ns, kills, 0.5);
    bench_figure(run, "slowest kill", (double)end_ns[kills - 1], "ns");
    bench_figure(run, "dead letters counted after",
                 (double)bench_percentile(counted_ns, kills, 0.5), "ns");
    bench_runtime_stop(run, rt);
    free(counted_ns);
    free(end_ns);
}

const struct bench_workload bench_kill_backlog = {
    .name = "kill_backlog",
    .operation = "kill",
    .sentence = "An actor with a million queued messages is killed: time until it has ended.",
    .run = run_kill_backlog,
    .default_size = 20,
    .minimum_size = 1,
    .maximum_size = 10000,
};
