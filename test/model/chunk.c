/* SPDX-License-Identifier: MIT
 * Model of mailbox/pool.h: one arena allocates and seals its chunks, its own thread and two others
 * free the records. Each chunk is recycled exactly once, by whoever sees its count reach zero, and
 * never while one of its records is still to be read: every record holds a pattern until its end.
 */
#include "mailbox/pool.h"

#ifdef MODEL /* one translation unit for the checker */
#include "base/alloc.c"
#include "mailbox/pool.c"
#endif

#define MODEL_THREADS 3
#include "test/model/model.h"

enum { RECORDS = MODEL_BOUND(96, 2), PAYLOAD = 200, LARGE = TRI_INLINE_BYTES + 8 };
enum { SEAL_RECYCLED = 1, FREE_RECYCLED, BATCHED, STARTED_OVER };

static const char *const model_events[] = {
    "",
    "sealing found every record back",
    "a free recycled a sealed chunk",
    "several frees of one chunk were published at once",
    "an open chunk was started over without atomics",
    NULL,
};
static const int model_must = STARTED_OVER;

static const tr_message_type type = {"pattern", 0, 0, NULL, 1, 0};
static struct tri_pool pool;
static struct tri_arena arenas[MODEL_THREADS];
static _Atomic(struct tri_record *) handed[RECORDS]; /* to its freer */
static _Atomic int freers_done;

/* Who frees which record: stretches that the allocating thread frees itself, and mixed ones. */
static int freer_of(int number) {
#ifdef MODEL
    return number % 2 + 1;
#else
    uint64_t stretch = tri_mix64(model_round() * RECORDS + (uint64_t)number / 32);
    return stretch % 3 == 0 ? 0 : (int)(tri_mix64(stretch + (uint64_t)number) % 3);
#endif
}

static struct tri_record *make(int number) {
    unsigned char pattern[LARGE];
    uint32_t bytes = MODEL_BOUND(number % 16 == 5 ? LARGE : PAYLOAD, 8);
    for (uint32_t i = 0; i < bytes; i++) pattern[i] = (unsigned char)(number + 1);
    struct tri_record *record =
        tri_record_new(&arenas[0], number % 2 == 0, &type, (uint64_t)number, 0, pattern, bytes);
    assert(record != NULL);
    return record;
}

static void release(int me, struct tri_record *record) {
    const unsigned char *payload = tri_record_payload(record);
    for (uint32_t i = 0; i < tri_record_bytes(record); i++)
        assert(payload[i] == (unsigned char)(record->sender + 1)); /* nobody took the memory yet */
    assert(record->type == &type);
    uint32_t cached = arenas[me].cached, batch = arenas[me].freeing_count;
    tri_record_free(&arenas[me], record);
    if (arenas[me].cached > cached) model_saw(FREE_RECYCLED);
    if (arenas[me].cached == cached && batch > 1 && arenas[me].freeing_count == 1)
        model_saw(BATCHED);
}

static void allocate_all(void) {
    for (int i = 0; i < RECORDS; i++) {
        struct tri_chunk *open = arenas[0].open;
        uint32_t allocated = arenas[0].allocated;
        struct tri_record *record = make(i);
        if (open != NULL && arenas[0].open == open && arenas[0].allocated <= allocated)
            model_saw(STARTED_OVER);
        if (freer_of(i) == 0)
            release(0, record);
        else
            /* Release: as its way through a mailbox. */
            atomic_store_explicit(&handed[i], record, memory_order_release);
        if (i % 8 == 0) model_delay(0);
    }
#ifndef MODEL /* sometimes the freers are done first, and the open chunk is complete but for us */
    if (model_choose(0, 2) == 0)
        while (atomic_load_explicit(&freers_done, memory_order_relaxed) < 2) model_relax();
#endif
    struct tri_arena *arena = &arenas[0];
    tri_arena_flush(arena);
    /* Relaxed: a look at what the seal will find. */
    if (arena->open != NULL && arena->allocated != arena->freed_here &&
        atomic_load_explicit(&arena->open->live, memory_order_relaxed) ==
            -(int32_t)(arena->allocated - arena->freed_here))
        model_saw(SEAL_RECYCLED);
    tri_arena_fini(arena);
}

static void free_mine(int me) {
    for (int i = 0; i < RECORDS; i++) {
        if (freer_of(i) != me) continue;
        struct tri_record *record;
        /* Acquire: the other end. */
        while ((record = atomic_load_explicit(&handed[i], memory_order_acquire)) == NULL)
            model_relax();
        release(me, record);
        if (model_choose(me, 4) == 0) tri_arena_flush(&arenas[me]); /* as an idle worker does */
    }
    tri_arena_fini(&arenas[me]);
    atomic_fetch_add_explicit(&freers_done, 1, memory_order_relaxed);
}

static void model_reset(void) {
    tr_allocator allocator = tri_alloc_default();
    if (pool.spans.next == NULL) {
        bool made = tri_pool_init(&pool, &allocator);
        assert(made);
    }
    atomic_store_explicit(&freers_done, 0, memory_order_relaxed);
    for (int i = 0; i < MODEL_THREADS; i++) tri_arena_init(&arenas[i], &pool);
    for (int i = 0; i < RECORDS; i++) atomic_store_explicit(&handed[i], NULL, memory_order_relaxed);
}

static void model_thread(int me) {
    if (me == 0)
        allocate_all();
    else
        free_mine(me);
}

/* Every chunk is back exactly once: the free lists are as long as their counts say, and together
 * they hold as many chunks as the pool has. */
static void model_check(void) {
    uint32_t spans = 0, chunks = 0;
    for (struct tri_span *span = pool.spans.next; span != &pool.spans; span = span->next) {
        uint32_t length = 0;
        for (struct tri_chunk *chunk = span->free; chunk != NULL; chunk = chunk->next) {
            assert(chunk->span == span);
            assert(length < TRI_SPAN_CHUNKS); /* else one is in the list twice */
            length++;
        }
        assert(length == span->free_count);
        chunks += length;
        spans++;
    }
    assert(chunks == spans * TRI_SPAN_CHUNKS && pool.free_count == chunks);
    assert(pool.held_bytes == (uint64_t)chunks * TRI_CHUNK_BYTES);
    assert(atomic_load_explicit(&pool.owned_bytes, memory_order_relaxed) == 0);
}
