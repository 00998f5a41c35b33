/* SPDX-License-Identifier: MIT
 * A message in memory. 32 bytes of header, then the payload, inline up to TRI_INLINE_BYTES, else
 * one owned allocation whose pointer stands in its place.
 *
 * Records are linked through `next` into lists. The first record of a chain that goes
 * through a shared lane has a struct tri_chain right in front of it.
 */
#ifndef TROUPE_MAILBOX_RECORD_H
#define TROUPE_MAILBOX_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "troupe/message.h"

/* Larger payloads get an allocation of their own: 256 bytes keep a dozen records in a chunk. */
#define TRI_INLINE_BYTES 256
/* Payload sizes fit 30 bits (tr_config.max_message_bytes is at most 1 GiB). */
#define TRI_RECORD_OWNED UINT32_C(0x80000000)
#define TRI_RECORD_SIZE_MASK UINT32_C(0x7fffffff)

struct tri_record {
    struct tri_record *next;     /* writer: whoever owns the list the record is in */
    const tr_message_type *type; /* writer: the sender; constant afterwards, like all below */
    uint64_t sender;             /* id of the sender in this runtime; 0: none */
    uint32_t generation;         /* of the target; another one in the slot means: too late */
    uint32_t size;               /* payload bytes, and TRI_RECORD_OWNED */
};

static_assert(sizeof(struct tri_record) == 32, "the hot header is half a cache line");

static inline uint32_t tri_record_bytes(const struct tri_record *record) {
    return record->size & TRI_RECORD_SIZE_MASK;
}

static inline void *tri_record_payload(struct tri_record *record) {
    if (TRI_UNLIKELY(record->size & TRI_RECORD_OWNED)) return *(void **)(record + 1);
    return record + 1;
}

/* A chain: records that are published together, oldest first. Lives in front of its first one. */
struct tri_chain {
    struct tri_record *older; /* first record of the chain published before this one, or NULL */
    struct tri_record *last;
    uint32_t count;
};

static_assert(sizeof(struct tri_chain) == 24, "a chain costs 24 bytes");

static inline struct tri_chain *tri_chain_of(struct tri_record *first) {
    return (struct tri_chain *)first - 1;
}

/* A list of records that one thread owns. Its end is where count says: the last record's `next` is
 * not set, which saves a store per message. */
struct tri_list {
    struct tri_record *head; /* head and tail are undefined while count is 0 */
    struct tri_record *tail;
    uint32_t count;
};

static inline void tri_list_append(struct tri_list *list, struct tri_record *record) {
    if (list->count++ == 0)
        list->head = record;
    else
        list->tail->next = record;
    list->tail = record;
}

/* count > 0. */
static inline struct tri_record *tri_list_pop(struct tri_list *list) {
    struct tri_record *record = list->head;
    list->head = record->next; /* meaningless after the last one */
    list->count--;
    return record;
}

static inline void tri_list_join(struct tri_list *list, struct tri_record *first,
                                 struct tri_record *last, uint32_t count) {
    if (list->count == 0)
        list->head = first;
    else
        list->tail->next = first;
    list->tail = last;
    list->count += count;
}

#endif
