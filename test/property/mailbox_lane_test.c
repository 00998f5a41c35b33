/* SPDX-License-Identifier: MIT
 * A lane and a private list, driven by random operations of one thread, against a plain queue: what
 * goes in comes out in the rules' order, and the token is where the rules say. */
#include "mailbox/lane.h"
#include "test/support/unit.h"

#include "test/support/seed.h"

enum { RECORDS = 4096, STEPS = 20000, ROUNDS = 20, LONGEST = 5 };

struct item {
    struct tri_chain chain;
    struct tri_record record;
};

/* The model: numbers in the private list, then those in the lane. */
struct queue {
    uint32_t numbers[RECORDS];
    uint32_t head, tail;
};

static struct item items[RECORDS];
static struct tri_lane lane;
static struct tri_list list;
static struct queue in_list, in_lane;
static uint32_t next_number;
static bool armed, held; /* where the token is */

static void put(struct queue *queue, uint32_t number) {
    queue->numbers[queue->tail++ % RECORDS] = number;
}

static uint32_t length(const struct queue *queue) {
    return queue->tail - queue->head;
}

static struct tri_record *make(uint32_t *number) {
    *number = next_number++;
    struct tri_record *record = &items[*number % RECORDS].record;
    record->size = *number;
    return record;
}

static void push_chain(uint32_t count) {
    uint32_t number;
    struct tri_record *first = make(&number), *last = first;
    put(&in_lane, number);
    for (uint32_t i = 1; i < count; i++) {
        last->next = make(&number);
        last = last->next;
        put(&in_lane, number);
    }
    tri_chain_of(first)->last = last;
    tri_chain_of(first)->count = count;
    bool token = tri_lane_push(&lane, first);
    PROPERTY(token == armed);
    if (token) held = true;
    armed = false;
}

static void absorb(void) {
    PROPERTY(tri_lane_has_messages(&lane) == (length(&in_lane) > 0));
    if (!tri_lane_has_messages(&lane)) return;
    tri_lane_absorb(&lane, &list);
    while (length(&in_lane) > 0) put(&in_list, in_lane.numbers[in_lane.head++ % RECORDS]);
}

static void append(void) {
    absorb(); /* the rule that keeps the order */
    uint32_t number;
    tri_list_append(&list, make(&number));
    put(&in_list, number);
}

static void pop(void) {
    PROPERTY(list.count == length(&in_list));
    if (list.count == 0) return;
    PROPERTY(tri_list_pop(&list)->size == in_list.numbers[in_list.head++ % RECORDS]);
}

static void arm(void) {
    if (!held || list.count > 0) return;
    bool done = tri_lane_arm(&lane);
    PROPERTY(done == (length(&in_lane) == 0));
    armed = done;
    held = !done;
}

static void claim(void) {
    bool done = tri_lane_claim(&lane);
    PROPERTY(done == armed);
    if (done) held = true;
    armed = false;
}

Test(lane_and_list, behave_like_one_queue_with_a_token, .timeout = 60) {
    struct tri_random random = property_random();
    for (int round = 0; round < ROUNDS; round++) {
        armed = tri_random_below(&random, 2);
        held = !armed;
        tri_lane_init(&lane, armed);
        list = (struct tri_list){NULL, NULL, 0};
        in_list = in_lane = (struct queue){.head = 0};
        for (int step = 0; step < STEPS; step++) {
            bool room = length(&in_list) + length(&in_lane) < RECORDS - LONGEST;
            uint32_t dice = tri_random_below(&random, 16);
            if (dice < 3 && room)
                push_chain(1 + tri_random_below(&random, LONGEST));
            else if (dice < 6 && room)
                append();
            else if (dice < 12)
                pop();
            else if (dice < 13)
                absorb();
            else if (dice < 15)
                arm();
            else
                claim();
            PROPERTY(!(armed && held));
        }
        absorb();
        while (list.count > 0) pop();
        PROPERTY(length(&in_list) == 0);
    }
}
