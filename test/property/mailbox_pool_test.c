/* SPDX-License-Identifier: MIT
 * Random allocations and frees over several arenas that come and go, against a plain array of what
 * is alive: payloads stay what they were, and in the end every chunk is back. */
#include <string.h>

#include "mailbox/pool.h"
#include "test/support/unit.h"

#include "test/support/seed.h"

enum { ARENAS = 5, ALIVE = 3000, STEPS = 60000, LARGEST = 3 * TRI_INLINE_BYTES };

static const tr_message_type type = {"bytes", 0, 0, NULL, 1, 0};
static struct tri_pool pool;
static struct tri_arena arenas[ARENAS];
static struct {
    struct tri_record *record;
    unsigned char fill;
    uint32_t bytes;
} alive[ALIVE];
static uint32_t count;

static void make(struct tri_random *random) {
    unsigned char payload[LARGEST];
    uint32_t bytes = tri_random_below(random, tri_random_below(random, 8) ? 80 : LARGEST);
    unsigned char fill = (unsigned char)tri_random_next(random);
    memset(payload, fill, bytes);
    struct tri_arena *arena = &arenas[tri_random_below(random, ARENAS)];
    bool chained = tri_random_below(random, 2);
    struct tri_record *record = tri_record_new(arena, chained, &type, count, 7, payload, bytes);
    PROPERTY(record != NULL);
    if (chained) memset(tri_chain_of(record), 0xff, sizeof(struct tri_chain));
    alive[count].record = record;
    alive[count].fill = fill;
    alive[count++].bytes = bytes;
}

static void drop(struct tri_random *random) {
    uint32_t i = tri_random_below(random, count);
    struct tri_record *record = alive[i].record;
    const unsigned char *payload = tri_record_payload(record);
    PROPERTY(tri_record_bytes(record) == alive[i].bytes);
    PROPERTY(record->type == &type && record->generation == 7);
    for (uint32_t n = 0; n < alive[i].bytes; n++) PROPERTY(payload[n] == alive[i].fill);
    uint32_t who = tri_random_below(random, ARENAS + 1);
    if (who == ARENAS)
        tri_pool_free_record(&pool, record);
    else
        tri_record_free(&arenas[who], record);
    alive[i] = alive[--count];
}

Test(pool, gives_back_every_chunk_whoever_frees_what, .timeout = 60) {
    struct tri_random random = property_random();
    tr_allocator allocator = tri_alloc_default();
    PROPERTY(tri_pool_init(&pool, &allocator));
    for (int i = 0; i < ARENAS; i++) tri_arena_init(&arenas[i], &pool);
    for (int step = 0; step < STEPS; step++) {
        uint32_t dice = tri_random_below(&random, 100);
        bool growing = step / 10000 % 2 == 0; /* fill up, run empty, fill up … */
        if (dice ==
            0) { /* an arena ends while its records live on, and a new one takes its place */
            struct tri_arena *arena = &arenas[tri_random_below(&random, ARENAS)];
            tri_arena_fini(arena);
            tri_arena_init(arena, &pool);
        } else if (dice == 1) {
            tri_arena_flush(&arenas[tri_random_below(&random, ARENAS)]);
        } else if (count == 0 || (count < ALIVE && dice < (growing ? 65 : 35))) {
            make(&random);
        } else {
            drop(&random);
        }
    }
    while (count > 0) drop(&random);
    for (int i = 0; i < ARENAS; i++) tri_arena_fini(&arenas[i]);
    PROPERTY(tri_pool_bytes(&pool) == (uint64_t)pool.free_count * TRI_CHUNK_BYTES);
    tri_pool_fini(&pool); /* aborts unless every span is whole */
}
