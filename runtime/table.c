/* SPDX-License-Identifier: MIT
 * The table of slots: chunks that are made when needed and stay mapped as long as the runtime, so
 * that looking at a stale address is always safe. A slot's number is its place in the table. */
#include "runtime/core.h"

#include <string.h>

bool tri_table_init(struct tri_table *table, const tr_allocator *allocator, uint32_t capacity) {
    memset(table, 0, sizeof *table);
    table->allocator = allocator;
    table->chunk_limit = (capacity + TRI_TABLE_CHUNK - 1) / TRI_TABLE_CHUNK;
    table->capacity = capacity;
    table->chunks =
        tri_alloc_zero(allocator, sizeof(void *), table->chunk_limit * sizeof *table->chunks);
    return table->chunks != NULL && pthread_mutex_init(&table->lock, NULL) == 0;
}

void tri_table_fini(struct tri_table *table) {
    if (table->chunks == NULL) return;
    for (uint32_t i = 0; i < table->chunk_limit; i++) /* ORDER relaxed: nobody else is left. */
        tri_free(table->allocator, atomic_load_explicit(&table->chunks[i], memory_order_relaxed),
                 TRI_TABLE_CHUNK * sizeof(struct tri_slot));
    tri_free(table->allocator, table->chunks, table->chunk_limit * sizeof *table->chunks);
    pthread_mutex_destroy(&table->lock);
}

uint64_t tri_table_bytes(const struct tri_table *table) {
    /* ORDER relaxed: a statistic. */
    uint32_t used = atomic_load_explicit(&table->used, memory_order_relaxed);
    uint64_t chunks = (used + TRI_TABLE_CHUNK - 1) / TRI_TABLE_CHUNK;
    return chunks * TRI_TABLE_CHUNK * sizeof(struct tri_slot) +
           table->chunk_limit * sizeof *table->chunks;
}

/* Makes the chunk of slot number `used`. Under the lock. */
static bool table_grow(struct tri_table *table, uint32_t used) {
    struct tri_slot *slots =
        tri_alloc_zero(table->allocator, TRI_LINE_PAIR, TRI_TABLE_CHUNK * sizeof(struct tri_slot));
    if (slots == NULL) return false;
    for (uint32_t i = 0; i < TRI_TABLE_CHUNK; i++) {
        slots[i].index = used + i;
        slots[i].task.flags = TRI_TASK_FREE;
    }
    /* ORDER release: pairs with tri_table_find; publishes the zeroed slots. */
    atomic_store_explicit(&table->chunks[used / TRI_TABLE_CHUNK], slots, memory_order_release);
    return true;
}

uint32_t tri_table_reserve(struct tri_table *table, uint32_t want, uint32_t *first,
                           tr_status *status) {
    uint32_t got = 0;
    pthread_mutex_lock(&table->lock);
    /* ORDER relaxed: under the lock. */
    uint32_t used = atomic_load_explicit(&table->used, memory_order_relaxed);
    if (used >= table->capacity) {
        *status = TR_LIMIT;
    } else if (used % TRI_TABLE_CHUNK == 0 && !table_grow(table, used)) {
        *status = TR_NOMEM;
    } else {
        got = TRI_TABLE_CHUNK - used % TRI_TABLE_CHUNK; /* not beyond this chunk */
        if (got > want) got = want;
        if (got > table->capacity - used) got = table->capacity - used;
        *first = used;
        /* ORDER release: pairs with sweep (runtime.c); the chunks below it are there. */
        atomic_store_explicit(&table->used, used + got, memory_order_release);
    }
    pthread_mutex_unlock(&table->lock);
    return got;
}
