/* SPDX-License-Identifier: MIT
 * Counters, summed over workers, gates and outboxes without stopping anybody. */
#include <string.h>

#include "runtime/core.h"

void tri_counters_add(tr_stats *stats, const struct tri_counters *counters) {
    stats->sent += tri_count_read(&counters->sent);
    stats->handled += tri_count_read(&counters->handled);
    stats->unhandled += tri_count_read(&counters->unhandled);
    stats->replies += tri_count_read(&counters->replies);
    stats->rejected += tri_count_read(&counters->rejected);
    stats->spawned += tri_count_read(&counters->spawned);
    stats->ended += tri_count_read(&counters->ended);
    stats->init_failed += tri_count_read(&counters->init_failed);
    for (int i = 0; i < TR_DEAD_REASONS; i++) stats->dead[i] += tri_count_read(&counters->dead[i]);
}

static void add_worker(tr_stats *stats, const struct tri_local *local) {
    const struct tri_worker *worker = &local->worker;
    tri_counters_add(stats, &local->counters);
    stats->handled += tri_count_read(&worker->calls) - tri_count_read(&local->other_calls);
    stats->activations += tri_count_read(&worker->activations);
    stats->parks += tri_count_read(&worker->parks);
    stats->wakes += tri_count_read(&worker->woken);
    stats->exposed += tri_count_read(&worker->exposed);
    stats->stolen += tri_count_read(&worker->stolen);
    stats->attracted += tri_count_read(&worker->attracted);
    stats->deferred += tri_count_read(&worker->deferred);
}

tr_status tr_runtime_stats(tr_runtime *rt, tr_stats *stats) {
    if (rt == NULL || stats == NULL || stats->size < sizeof(size_t)) return TR_INVALID;
    tr_stats sum;
    memset(&sum, 0, sizeof sum);
    struct tri_sched *sched = &rt->sched;
    for (uint32_t i = 0; i < sched->config.workers; i++)
        add_worker(&sum, tri_local_of(sched->workers[i]));
    for (uint32_t i = 0; i < TRI_GATES; i++) tri_counters_add(&sum, &rt->gates[i].counters);
    pthread_mutex_lock(&rt->lock);
    tri_counters_add(&sum, &rt->past);
    for (tr_outbox *box = rt->outboxes.next; box != &rt->outboxes; box = box->next)
        tri_counters_add(&sum, &box->gate.counters);
    pthread_mutex_unlock(&rt->lock);
    sum.takeovers = tri_count_read(&sched->takeovers);
    /* ORDER relaxed: a statistic. */
    sum.threads = atomic_load_explicit(&sched->thread_count, memory_order_relaxed) +
                  (atomic_load_explicit(&rt->stopped, memory_order_relaxed) ? 0u : 1u);
    sum.slot_bytes = tri_table_bytes(&rt->table);
    sum.message_bytes = tri_pool_bytes(&rt->pool);
    sum.size = stats->size < sizeof sum ? stats->size : sizeof sum;
    memcpy(stats, &sum, sum.size);
    return TR_OK;
}
