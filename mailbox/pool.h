/* SPDX-License-Identifier: MIT
 * Memory for records: 4 KiB chunks, bump-allocated by one arena, freed by anybody, recycled whole.
 *
 * An arena (one per worker, foreign gate and outbox; one thread at a time) allocates from its open
 * chunk and counts. A chunk's `live` is what is still out, seen from the threads that free:
 *
 *   open     live = -(records freed by other arenas so far)           <= 0
 *   sealed   live = allocated - freed by anybody                      >= 0; 0 recycles
 *
 *   arena that allocates                     arena that frees
 *   --------------------                     ----------------
 *   allocated++, freed_here++ (plain)        batch: count frees of one chunk in a row (plain)
 *   seal: old = live += allocated-freed  C1  flush: old = live -= batch                 C2
 *         result 0: recycle                         result 0: recycle
 *
 * Exactly one of them sees 0 after the seal: before it live is at most 0 and only falls. C1 and C2
 * are acq_rel: whoever recycles has all other readers of the records behind it.
 *
 * Recycled chunks stay with the arena that saw the 0 (up to TRI_ARENA_CACHE), then go to the pool,
 * which hands them out again, and gives whole spans of 64 back to the allocator when it has more
 * than TRI_POOL_SLACK free.
 */
#ifndef TROUPE_MAILBOX_POOL_H
#define TROUPE_MAILBOX_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/atomic.h"
#include "mailbox/record.h"

/* One page: its records are freed close together, and its header is found by masking. */
#define TRI_CHUNK_BYTES 4096
#define TRI_SPAN_CHUNKS 64
/* Chunks an arena keeps (256 KiB; half of them go to the pool when there are more), and how many it
 * takes from the pool at a time. */
#define TRI_ARENA_CACHE 64
#define TRI_ARENA_BATCH 16
/* Free chunks the pool keeps before it gives spans back: 4 MiB. */
#define TRI_POOL_SLACK 1024

struct tri_span {
    struct tri_span *next, *prev; /* in the pool's list of spans with free chunks */
    void *memory;
    struct tri_chunk *free; /* under the pool's lock */
    uint32_t free_count;
};

struct tri_chunk {
    _Atomic int32_t live;   /* see above */
    struct tri_chunk *next; /* writer: whoever holds the chunk while nothing in it is live */
    struct tri_span *span;
};

struct tri_pool {
    tr_allocator allocator;
    pthread_mutex_t lock;         /* guards all below */
    struct tri_span spans;        /* list head: spans with free chunks */
    uint32_t free_count;          /* chunks in them */
    uint64_t held_bytes;          /* of all spans */
    _Atomic uint64_t owned_bytes; /* separately allocated payloads alive */
};

struct tri_arena {
    struct tri_pool *pool;
    struct tri_chunk *open; /* NULL before the first allocation */
    char *bump, *end;
    uint32_t allocated, freed_here;
    struct tri_chunk *freeing; /* chunk of the current batch of frees; NULL when none */
    uint32_t freeing_count;
    uint32_t cached;
    struct tri_chunk *cache;
};

bool tri_pool_init(struct tri_pool *pool, const tr_allocator *allocator);
/* Every arena on it must be gone, and every record freed. */
void tri_pool_fini(struct tri_pool *pool);
uint64_t tri_pool_bytes(struct tri_pool *pool);
/* Frees one record from a thread that has no arena. */
void tri_pool_free_record(struct tri_pool *pool, struct tri_record *record);

void tri_arena_init(struct tri_arena *arena, struct tri_pool *pool);
/* Gives everything back; records still out keep their chunks until they are freed. */
void tri_arena_fini(struct tri_arena *arena);
/* Publishes the batch of frees, so that a chunk is not held back by an idle thread. */
void tri_arena_flush(struct tri_arena *arena);

/* Slow paths of the inline functions below. */
bool tri_arena_refill(struct tri_arena *arena);
void tri_arena_switch(struct tri_arena *arena, struct tri_chunk *chunk);
bool tri_record_set_large(struct tri_arena *arena, struct tri_record *record, const void *payload,
                          uint32_t bytes);
void tri_record_drop_large(struct tri_pool *pool, struct tri_record *record);

static inline struct tri_chunk *tri_chunk_of(const void *record) {
    return (struct tri_chunk *)((uintptr_t)record & ~(uintptr_t)(TRI_CHUNK_BYTES - 1));
}

/* Raw room for one record; bytes is at most sizeof(chain) + sizeof(record) + TRI_INLINE_BYTES. */
static inline void *tri_arena_take(struct tri_arena *arena, uint32_t bytes) {
    bytes = (bytes + 7u) & ~7u;
    if (TRI_UNLIKELY((size_t)(arena->end - arena->bump) < bytes) && !tri_arena_refill(arena))
        return NULL;
    void *room = arena->bump;
    arena->bump += bytes;
    arena->allocated++;
    return room;
}

static inline void tri_arena_give(struct tri_arena *arena, struct tri_record *record) {
    struct tri_chunk *chunk = tri_chunk_of(record);
    if (chunk == arena->open)
        arena->freed_here++;
    else if (chunk == arena->freeing)
        arena->freeing_count++;
    else
        tri_arena_switch(arena, chunk);
}

/* True when the open chunk has room for so many bytes (a multiple of 8). */
static inline bool tri_arena_has(const struct tri_arena *arena, uint32_t bytes) {
    return TRI_LIKELY((size_t)(arena->end - arena->bump) >= bytes);
}

static inline void tri_copy_payload(void *to, const void *from, uint32_t bytes) {
    if (TRI_LIKELY(bytes == 8))
        __builtin_memcpy(to, from, 8);
    else if (bytes == 16)
        __builtin_memcpy(to, from, 16);
    else if (bytes != 0)
        __builtin_memcpy(to, from, bytes);
}

/* A record with a copy of payload (NULL: zeroes, for more than TRI_INLINE_BYTES only), with room
 * for a chain in front of it when chained. NULL: no memory, nothing changed. next is not set. */
static inline struct tri_record *tri_record_new(struct tri_arena *arena, bool chained,
                                                const tr_message_type *type, uint64_t sender,
                                                uint32_t generation, const void *payload,
                                                uint32_t bytes) {
    uint32_t lead = chained ? (uint32_t)sizeof(struct tri_chain) : 0;
    bool large = TRI_UNLIKELY(bytes > TRI_INLINE_BYTES);
    uint32_t room = large ? (uint32_t)sizeof(void *) : bytes;
    char *at = (char *)tri_arena_take(arena, lead + (uint32_t)sizeof(struct tri_record) + room);
    if (TRI_UNLIKELY(at == NULL)) return NULL;
    struct tri_record *record = (struct tri_record *)(void *)(at + lead);
    record->type = type;
    record->sender = sender;
    record->generation = generation;
    record->size = bytes;
    if (TRI_LIKELY(!large)) {
        tri_copy_payload(record + 1, payload, bytes);
    } else if (!tri_record_set_large(arena, record, payload, bytes)) {
        tri_arena_give(arena, record);
        return NULL;
    }
    return record;
}

static inline void tri_record_free(struct tri_arena *arena, struct tri_record *record) {
    if (TRI_UNLIKELY(record->size & TRI_RECORD_OWNED)) tri_record_drop_large(arena->pool, record);
    tri_arena_give(arena, record);
}

#endif
