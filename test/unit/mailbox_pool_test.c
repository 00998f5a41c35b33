/* SPDX-License-Identifier: MIT
 * Facts about record memory: chunks are reused, memory returns, payloads are owned and freed,
 * failures of the allocator change nothing. test/model/chunk.c has the threads. */
#include <stdlib.h>
#include <string.h>

#include "mailbox/pool.h"
#include "test/support/unit.h"

enum { SPAN_BYTES = TRI_SPAN_CHUNKS * TRI_CHUNK_BYTES };

/* An allocator that counts, and fails when `left` has run out. */
static size_t held_bytes;
static int held_count;
static int left = INT32_MAX;

static void *counted_allocate(void *context, size_t align_bytes, size_t bytes) {
    (void)context;
    if (left-- <= 0) return NULL;
    held_bytes += bytes;
    held_count++;
    size_t align = align_bytes < sizeof(void *) ? sizeof(void *) : align_bytes;
    return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void counted_release(void *context, void *memory, size_t bytes) {
    (void)context;
    held_bytes -= bytes;
    held_count--;
    free(memory);
}

static const tr_message_type type = {"bytes", 0, 0, NULL, 1, 0};
static struct tri_pool pool;
static struct tri_arena arena, other;

static void open_pool(void) {
    tr_allocator allocator = {counted_allocate, counted_release, NULL};
    cr_assert(tri_pool_init(&pool, &allocator));
    tri_arena_init(&arena, &pool);
    tri_arena_init(&other, &pool);
}

static void close_pool(void) {
    tri_arena_fini(&arena);
    tri_arena_fini(&other);
    tri_pool_fini(&pool);
    cr_assert_eq(held_count, 0);
    cr_assert_eq(held_bytes, 0);
}

TestSuite(pool, .init = open_pool, .fini = close_pool);

static struct tri_record *make(struct tri_arena *from, uint32_t bytes) {
    static unsigned char payload[4 * TRI_CHUNK_BYTES];
    return tri_record_new(from, true, &type, 1, 2, payload, bytes);
}

Test(pool, nothing_is_allocated_before_it_is_needed) {
    cr_assert_eq(held_count, 0);
    cr_assert_eq(tri_pool_bytes(&pool), 0);
}

Test(pool, record_has_a_copy_of_everything) {
    char payload[] = "some payload";
    struct tri_record *record =
        tri_record_new(&arena, false, &type, 77, 88, payload, sizeof payload);
    memset(payload, 0, sizeof payload);
    cr_assert_eq(record->type, &type);
    cr_assert_eq(record->sender, 77);
    cr_assert_eq(record->generation, 88);
    cr_assert_eq(tri_record_bytes(record), sizeof payload);
    cr_assert_str_eq(tri_record_payload(record), "some payload");
    tri_record_free(&arena, record);
}

Test(pool, every_payload_size_is_copied_and_aligned) {
    unsigned char payload[TRI_INLINE_BYTES + 64];
    for (uint32_t bytes = 0; bytes < sizeof payload; bytes++) {
        for (uint32_t i = 0; i < bytes; i++) payload[i] = (unsigned char)(bytes + i);
        struct tri_record *record = tri_record_new(&arena, bytes % 2, &type, 0, 0, payload, bytes);
        cr_assert_eq((uintptr_t)record % 8, 0);
        cr_assert_eq(tri_record_bytes(record), bytes);
        if (bytes > 0) cr_assert_arr_eq(tri_record_payload(record), payload, bytes);
        tri_record_free(bytes % 3 ? &arena : &other, record);
    }
}

Test(pool, a_chained_record_has_room_in_front) {
    struct tri_record *before = make(&arena, 8);
    struct tri_record *record = make(&arena, 8);
    memset(tri_chain_of(record), 0xff, sizeof(struct tri_chain));
    cr_assert_eq(tri_record_bytes(before), 8);
    cr_assert_eq(*(uint64_t *)tri_record_payload(before), 0);
    tri_record_free(&arena, before);
    tri_record_free(&arena, record);
}

Test(pool, freeing_at_home_reuses_the_same_chunk_for_ever) {
    for (int i = 0; i < 100000; i++) tri_record_free(&arena, make(&arena, 16));
    cr_assert_eq(tri_pool_bytes(&pool), SPAN_BYTES);
    cr_assert_lt(arena.cached, TRI_ARENA_BATCH);
}

Test(pool, chunks_freed_elsewhere_are_reused) {
    enum { ROUNDS = 200, RECORDS = 500 };
    static struct tri_record *records[RECORDS];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < RECORDS; i++) cr_assert_not_null(records[i] = make(&arena, 64));
        for (int i = 0; i < RECORDS; i++) tri_record_free(&other, records[i]);
    }
    /* 500 × 120 bytes are 16 chunks; both caches and what travels between stay below three spans.
     */
    cr_assert_leq(tri_pool_bytes(&pool), 3 * SPAN_BYTES);
}

Test(pool, memory_returns_to_the_slack) {
    enum { RECORDS = 60000 };
    struct tri_record **records = malloc(RECORDS * sizeof *records);
    for (int i = 0; i < RECORDS; i++) cr_assert_not_null(records[i] = make(&arena, 200));
    uint64_t most = tri_pool_bytes(&pool);
    cr_assert_gt(most, 3 * TRI_POOL_SLACK * TRI_CHUNK_BYTES);
    for (int i = 0; i < RECORDS; i++) tri_record_free(i % 2 ? &arena : &other, records[i]);
    free(records);
    tri_arena_flush(&arena);
    tri_arena_flush(&other);
    /* The pool's slack, and what the arenas keep. Spans leave whole: the chunks that the arenas
     * keep may each hold one back. */
    uint64_t slack = (TRI_POOL_SLACK + TRI_SPAN_CHUNKS) * TRI_CHUNK_BYTES +
                     2 * TRI_ARENA_CACHE * (uint64_t)TRI_CHUNK_BYTES;
    cr_assert_leq(tri_pool_bytes(&pool), slack, "%llu of %llu bytes are still held",
                  (unsigned long long)tri_pool_bytes(&pool), (unsigned long long)most);
}

Test(pool, large_payload_is_one_allocation_freed_with_its_record) {
    struct tri_record *small = make(&arena, TRI_INLINE_BYTES);
    int before = held_count;
    cr_assert_not(small->size & TRI_RECORD_OWNED);
    struct tri_record *large = make(&arena, TRI_INLINE_BYTES + 1);
    cr_assert(large->size & TRI_RECORD_OWNED);
    cr_assert_eq(held_count, before + 1);
    cr_assert_eq(tri_pool_bytes(&pool), SPAN_BYTES + TRI_INLINE_BYTES + 1);
    tri_record_free(&other, large);
    cr_assert_eq(held_count, before);
    cr_assert_eq(tri_pool_bytes(&pool), SPAN_BYTES);
    tri_record_free(&arena, small);
}

Test(pool, free_without_an_arena_counts_the_same) {
    enum { RECORDS = 1000 };
    static struct tri_record *records[RECORDS];
    for (int i = 0; i < RECORDS; i++)
        cr_assert_not_null(records[i] = make(&arena, i % 10 ? 100 : 1000));
    for (int i = 0; i < RECORDS; i++) tri_pool_free_record(&pool, records[i]);
    /* close_pool checks that every chunk is back. */
}

Test(pool, arena_that_ends_leaves_its_live_records_to_others) {
    struct tri_arena third;
    tri_arena_init(&third, &pool);
    struct tri_record *record = make(&third, 16);
    *(uint64_t *)tri_record_payload(record) = 4711;
    tri_arena_fini(&third);
    cr_assert_eq(*(uint64_t *)tri_record_payload(record), 4711);
    tri_record_free(&arena, record);
}

Test(pool, an_arena_that_was_never_used_ends_like_any_other) {
    struct tri_arena third;
    tri_arena_init(&third, &pool);
    tri_arena_flush(&third);
    tri_arena_fini(&third);
}

Test(pool, allocation_failure_at_each_allocation_changes_nothing) {
    enum { RECORDS = 300 };
    static struct tri_record *records[RECORDS];
    for (int after = 0; after < 40; after++) {
        int made = 0;
        left = after;
        for (int i = 0; i < RECORDS; i++) {
            uint64_t bytes = tri_pool_bytes(&pool);
            struct tri_record *record = make(&arena, i % 8 ? 64 : 2000);
            if (record != NULL)
                records[made++] = record;
            else
                cr_assert_leq(tri_pool_bytes(&pool), bytes + SPAN_BYTES);
        }
        left = INT32_MAX;
        struct tri_record *again = make(&arena, 2000); /* it works again */
        cr_assert_not_null(again);
        tri_record_free(&arena, again);
        for (int i = 0; i < made; i++) tri_record_free(i % 2 ? &arena : &other, records[i]);
        tri_arena_fini(&arena);
        tri_arena_fini(&other);
        tri_pool_fini(&pool);
        cr_assert_eq(held_count, 0, "after %d allocations", after);
        open_pool();
    }
}
