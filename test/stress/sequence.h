/* SPDX-License-Identifier: MIT
 * Numbers per peer: the sender numbers what it sends to each receiver, the receiver expects each
 * sender's numbers one after the other. A gap is a loss, a repetition a duplicate, anything else a
 * broken order. */
#ifndef TROUPE_TEST_SEQUENCE_H
#define TROUPE_TEST_SEQUENCE_H

#include "test/stress/stress.h"

/* An open-addressing table from a peer (not 0) to the next number. */
struct sequence {
    struct sequence_entry {
        uint64_t peer, next;
    } * entries;
    uint32_t capacity, used;
};

static inline struct sequence_entry *sequence_find(const struct sequence *sequence, uint64_t peer) {
    uint32_t at = (uint32_t)tri_mix64(peer) & (sequence->capacity - 1);
    while (sequence->entries[at].peer != 0 && sequence->entries[at].peer != peer)
        at = (at + 1) & (sequence->capacity - 1);
    return &sequence->entries[at];
}

static inline void sequence_grow(struct sequence *sequence) {
    struct sequence bigger = {NULL, sequence->capacity != 0 ? 2 * sequence->capacity : 16,
                              sequence->used};
    bigger.entries = stress_alloc(bigger.capacity * sizeof *bigger.entries);
    for (uint32_t i = 0; i < sequence->capacity; i++)
        if (sequence->entries[i].peer != 0)
            *sequence_find(&bigger, sequence->entries[i].peer) = sequence->entries[i];
    free(sequence->entries);
    *sequence = bigger;
}

/* The next number for peer, from 0. */
static inline uint64_t sequence_next(struct sequence *sequence, uint64_t peer) {
    if (2 * sequence->used >= sequence->capacity) sequence_grow(sequence);
    struct sequence_entry *entry = sequence_find(sequence, peer);
    if (entry->peer == 0) {
        entry->peer = peer;
        sequence->used++;
    }
    return entry->next++;
}

/* What the receiver does with each number. */
static inline void sequence_check(struct sequence *sequence, uint64_t receiver, uint64_t sender,
                                  uint64_t number) {
    uint64_t expected = sequence_next(sequence, sender);
    if (number == expected) return;
    stress_dump_all();
    stress_fail("%s: from %" PRIx64 " to %" PRIx64 " number %" PRIu64 " was due, %" PRIu64 " came",
                number < expected ? "delivered twice, or order broken" : "lost, or order broken",
                sender, receiver, expected, number);
}

static inline void sequence_free(struct sequence *sequence) {
    free(sequence->entries);
    *sequence = (struct sequence){NULL, 0, 0};
}

#endif
