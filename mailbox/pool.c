/* SPDX-License-Identifier: MIT
 * Record memory; the protocol is in pool.h. */
#include "mailbox/pool.h"

#include <string.h>

bool tri_pool_init(struct tri_pool *pool, const tr_allocator *allocator) {
    memset(pool, 0, sizeof *pool);
    pool->allocator = *allocator;
    pool->spans.next = pool->spans.prev = &pool->spans;
    return pthread_mutex_init(&pool->lock, NULL) == 0;
}

static void span_link(struct tri_pool *pool, struct tri_span *span) {
    span->next = pool->spans.next;
    span->prev = &pool->spans;
    span->next->prev = span->prev->next = span;
}

static void span_unlink(struct tri_span *span) {
    span->next->prev = span->prev;
    span->prev->next = span->next;
}

static struct tri_span *span_create(struct tri_pool *pool) {
    struct tri_span *span =
        tri_alloc_zero(&pool->allocator, _Alignof(struct tri_span), sizeof *span);
    if (span == NULL) return NULL;
    span->memory = tri_alloc(&pool->allocator, TRI_CHUNK_BYTES, TRI_SPAN_CHUNKS * TRI_CHUNK_BYTES);
    if (span->memory == NULL) {
        tri_free(&pool->allocator, span, sizeof *span);
        return NULL;
    }
    for (int i = TRI_SPAN_CHUNKS - 1; i >= 0; i--) {
        struct tri_chunk *chunk = (void *)((char *)span->memory + (size_t)i * TRI_CHUNK_BYTES);
        chunk->span = span;
        chunk->next = span->free;
        span->free = chunk;
    }
    span->free_count = TRI_SPAN_CHUNKS;
    pool->free_count += TRI_SPAN_CHUNKS;
    pool->held_bytes += TRI_SPAN_CHUNKS * TRI_CHUNK_BYTES;
    span_link(pool, span);
    return span;
}

static void span_destroy(struct tri_pool *pool, struct tri_span *span) {
    span_unlink(span);
    pool->free_count -= TRI_SPAN_CHUNKS;
    pool->held_bytes -= TRI_SPAN_CHUNKS * TRI_CHUNK_BYTES;
    tri_free(&pool->allocator, span->memory, TRI_SPAN_CHUNKS * TRI_CHUNK_BYTES);
    tri_free(&pool->allocator, span, sizeof *span);
}

void tri_pool_fini(struct tri_pool *pool) {
    while (pool->spans.next != &pool->spans) {
        TRI_INVARIANT(pool->spans.next->free_count == TRI_SPAN_CHUNKS);
        span_destroy(pool, pool->spans.next);
    }
    TRI_INVARIANT(pool->held_bytes == 0);
    pthread_mutex_destroy(&pool->lock);
}

uint64_t tri_pool_bytes(struct tri_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    uint64_t bytes = pool->held_bytes;
    pthread_mutex_unlock(&pool->lock);
    /* ORDER relaxed: a statistic. */
    return bytes + atomic_load_explicit(&pool->owned_bytes, memory_order_relaxed);
}

/* Up to count chunks as a list; NULL when there is no memory at all. */
static struct tri_chunk *pool_take(struct tri_pool *pool, uint32_t count, uint32_t *taken) {
    struct tri_chunk *list = NULL;
    *taken = 0;
    pthread_mutex_lock(&pool->lock);
    while (*taken < count) {
        struct tri_span *span = pool->spans.next;
        if (span == &pool->spans) {
            if (list != NULL) break; /* some is enough; do not grow for a reserve */
            span = span_create(pool);
            if (span == NULL) break;
        }
        struct tri_chunk *chunk = span->free;
        span->free = chunk->next;
        pool->free_count--;
        if (--span->free_count == 0) span_unlink(span);
        chunk->next = list;
        list = chunk;
        ++*taken;
    }
    pthread_mutex_unlock(&pool->lock);
    return list;
}

static void pool_give(struct tri_pool *pool, struct tri_chunk *list) {
    pthread_mutex_lock(&pool->lock);
    while (list != NULL) {
        struct tri_chunk *chunk = list;
        list = chunk->next;
        struct tri_span *span = chunk->span;
        chunk->next = span->free;
        span->free = chunk;
        pool->free_count++;
        if (span->free_count++ == 0) span_link(pool, span);
        if (span->free_count == TRI_SPAN_CHUNKS && pool->free_count > TRI_POOL_SLACK)
            span_destroy(pool, span);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* True when nothing of the chunk is live any more and the caller must recycle it. */
static bool chunk_subtract(struct tri_chunk *chunk, uint32_t count) {
    /* ORDER C2 acq_rel: release hands our reads of the records over to whoever recycles; acquire
     * takes the others' when that is us. Pairs with C1 and other C2s. */
    int32_t old = atomic_fetch_sub_explicit(&chunk->live, (int32_t)count, memory_order_acq_rel);
    return old - (int32_t)count == 0;
}

void tri_pool_free_record(struct tri_pool *pool, struct tri_record *record) {
    if (record->size & TRI_RECORD_OWNED) tri_record_drop_large(pool, record);
    struct tri_chunk *chunk = tri_chunk_of(record);
    if (!chunk_subtract(chunk, 1)) return;
    chunk->next = NULL;
    pool_give(pool, chunk);
}

void tri_arena_init(struct tri_arena *arena, struct tri_pool *pool) {
    memset(arena, 0, sizeof *arena);
    arena->pool = pool;
}

static void arena_recycle(struct tri_arena *arena, struct tri_chunk *chunk) {
    chunk->next = arena->cache;
    arena->cache = chunk;
    if (++arena->cached < TRI_ARENA_CACHE) return;
    struct tri_chunk *keep = arena->cache;
    for (uint32_t i = 1; i < TRI_ARENA_CACHE / 2; i++) keep = keep->next;
    pool_give(arena->pool, keep->next);
    keep->next = NULL;
    arena->cached = TRI_ARENA_CACHE / 2;
}

static void arena_seal(struct tri_arena *arena) {
    struct tri_chunk *chunk = arena->open;
    int32_t out = (int32_t)(arena->allocated - arena->freed_here);
    /* ORDER C1 acq_rel: pairs with C2; when all records are back already, their readers are behind
     * us before the memory is used again. */
    int32_t old = atomic_fetch_add_explicit(&chunk->live, out, memory_order_acq_rel);
    arena->open = NULL;
    arena->bump = arena->end = NULL;
    if (old + out == 0) arena_recycle(arena, chunk);
}

static void arena_open(struct tri_arena *arena, struct tri_chunk *chunk) {
    /* ORDER relaxed: nothing of this chunk is out, the arena owns it alone. */
    atomic_store_explicit(&chunk->live, 0, memory_order_relaxed);
    arena->open = chunk;
    arena->bump = (char *)chunk + sizeof(struct tri_chunk);
    arena->end = (char *)chunk + TRI_CHUNK_BYTES;
    arena->allocated = arena->freed_here = 0;
}

bool tri_arena_refill(struct tri_arena *arena) {
    if (arena->open != NULL) {
        if (arena->allocated ==
            arena->freed_here) { /* all came back to us: start over, no atomics */
            arena_open(arena, arena->open);
            return true;
        }
        arena_seal(arena);
    }
    if (arena->cache == NULL)
        arena->cache = pool_take(arena->pool, TRI_ARENA_BATCH, &arena->cached);
    struct tri_chunk *chunk = arena->cache;
    if (chunk == NULL) return false;
    arena->cache = chunk->next;
    arena->cached--;
    arena_open(arena, chunk);
    return true;
}

void tri_arena_flush(struct tri_arena *arena) {
    struct tri_chunk *chunk = arena->freeing;
    if (chunk == NULL) return;
    arena->freeing = NULL;
    if (chunk_subtract(chunk, arena->freeing_count)) arena_recycle(arena, chunk);
}

void tri_arena_switch(struct tri_arena *arena, struct tri_chunk *chunk) {
    tri_arena_flush(arena);
    arena->freeing = chunk;
    arena->freeing_count = 1;
}

void tri_arena_fini(struct tri_arena *arena) {
    tri_arena_flush(arena);
    if (arena->open != NULL) arena_seal(arena);
    if (arena->cache != NULL) pool_give(arena->pool, arena->cache);
    arena->cache = NULL;
    arena->cached = 0;
}

bool tri_record_set_large(struct tri_arena *arena, struct tri_record *record, const void *payload,
                          uint32_t bytes) {
    void *memory = tri_alloc(&arena->pool->allocator, _Alignof(max_align_t), bytes);
    if (memory == NULL) return false;
    if (payload != NULL)
        memcpy(memory, payload, bytes);
    else
        memset(memory, 0, bytes);
    *(void **)(record + 1) = memory;
    record->size |= TRI_RECORD_OWNED;
    /* ORDER relaxed: a statistic. */
    atomic_fetch_add_explicit(&arena->pool->owned_bytes, bytes, memory_order_relaxed);
    return true;
}

void tri_record_drop_large(struct tri_pool *pool, struct tri_record *record) {
    uint32_t bytes = tri_record_bytes(record);
    tri_free(&pool->allocator, tri_record_payload(record), bytes);
    atomic_fetch_sub_explicit(&pool->owned_bytes, bytes, memory_order_relaxed);
}
