/* SPDX-License-Identifier: MIT
 * The allocation hooks: all memory of a runtime comes through one of these. */
#ifndef TROUPE_BASE_ALLOC_H
#define TROUPE_BASE_ALLOC_H

#include <stddef.h>

#include "troupe/runtime.h"

/* The process's malloc and free. */
tr_allocator tri_alloc_default(void);

/* align is a power of two; NULL when there is no memory. */
void *tri_alloc(const tr_allocator *allocator, size_t align_bytes, size_t bytes);
/* The same, zeroed. */
void *tri_alloc_zero(const tr_allocator *allocator, size_t align_bytes, size_t bytes);
/* NULL is fine; bytes as asked for. */
void tri_free(const tr_allocator *allocator, void *memory, size_t bytes);

#endif
