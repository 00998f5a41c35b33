/* SPDX-License-Identifier: MIT
 * Facts about the allocation hooks. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "test/support/unit.h"

struct hooks {
    int allocations, releases;
    size_t align_bytes, bytes, released_bytes;
    void *answer;
    void *released;
};

static void *hook_allocate(void *context, size_t align_bytes, size_t bytes) {
    struct hooks *hooks = context;
    hooks->allocations++;
    hooks->align_bytes = align_bytes;
    hooks->bytes = bytes;
    return hooks->answer;
}

static void hook_release(void *context, void *memory, size_t bytes) {
    struct hooks *hooks = context;
    hooks->releases++;
    hooks->released = memory;
    hooks->released_bytes = bytes;
}

static tr_allocator allocator_of(struct hooks *hooks) {
    return (tr_allocator){hook_allocate, hook_release, hooks};
}

Test(alloc, default_gives_memory_aligned_for_what_fits_into_it) {
    tr_allocator allocator = tri_alloc_default();
    for (size_t align = 1; align <= 4096; align *= 2)
        for (size_t bytes = align; bytes < 10000; bytes = bytes * 3 + 1) {
            void *memory = tri_alloc(&allocator, align, bytes);
            cr_assert_not_null(memory);
            cr_assert_eq((uintptr_t)memory % align, 0);
            memset(memory, 0xff, bytes);
            tri_free(&allocator, memory, bytes);
        }
}

Test(alloc, zero_form_gives_zeroes) {
    tr_allocator allocator = tri_alloc_default();
    for (int turn = 0; turn < 10; turn++) {
        unsigned char *memory = tri_alloc_zero(&allocator, 64, 1000);
        for (int i = 0; i < 1000; i++) cr_assert_eq(memory[i], 0);
        memset(memory, 0xff, 1000);
        tri_free(&allocator, memory, 1000);
    }
}

Test(alloc, hooks_get_alignment_and_size_and_both_on_release) {
    unsigned char room[32];
    memset(room, 0xff, sizeof room);
    struct hooks hooks = {.answer = room};
    tr_allocator allocator = allocator_of(&hooks);
    cr_assert_eq(tri_alloc(&allocator, 16, 24), (void *)room);
    cr_assert(hooks.align_bytes == 16 && hooks.bytes == 24);
    cr_assert_eq(room[0], 0xff);
    cr_assert_eq(tri_alloc_zero(&allocator, 8, 24), (void *)room);
    cr_assert(room[0] == 0 && room[23] == 0 && room[24] == 0xff);
    tri_free(&allocator, room, 24);
    cr_assert(hooks.released == room && hooks.released_bytes == 24);
}

Test(alloc, no_memory_is_null_and_touches_nothing) {
    struct hooks hooks = {.answer = NULL};
    tr_allocator allocator = allocator_of(&hooks);
    cr_assert_null(tri_alloc(&allocator, 8, 8));
    cr_assert_null(tri_alloc_zero(&allocator, 8, 8));
    cr_assert_eq(hooks.allocations, 2);
}

Test(alloc, freeing_null_is_fine_and_not_passed_on) {
    struct hooks hooks = {.answer = NULL};
    tr_allocator allocator = allocator_of(&hooks);
    tri_free(&allocator, NULL, 8);
    cr_assert_eq(hooks.releases, 0);
}
