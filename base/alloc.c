/* SPDX-License-Identifier: MIT
 * Allocation hooks; see alloc.h. */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *malloc_allocate(void *context, size_t align_bytes, size_t bytes) {
    (void)context;
    if (align_bytes <= _Alignof(max_align_t)) return malloc(bytes);
    size_t rounded = (bytes + align_bytes - 1) & ~(align_bytes - 1);
    return aligned_alloc(align_bytes, rounded);
}

static void malloc_release(void *context, void *memory, size_t bytes) {
    (void)context;
    (void)bytes;
    free(memory);
}

tr_allocator tri_alloc_default(void) {
    return (tr_allocator){malloc_allocate, malloc_release, NULL};
}

void *tri_alloc(const tr_allocator *allocator, size_t align_bytes, size_t bytes) {
    return allocator->allocate(allocator->context, align_bytes, bytes);
}

void *tri_alloc_zero(const tr_allocator *allocator, size_t align_bytes, size_t bytes) {
    void *memory = tri_alloc(allocator, align_bytes, bytes);
    if (memory != NULL) memset(memory, 0, bytes);
    return memory;
}

void tri_free(const tr_allocator *allocator, void *memory, size_t bytes) {
    if (memory != NULL) allocator->release(allocator->context, memory, bytes);
}
