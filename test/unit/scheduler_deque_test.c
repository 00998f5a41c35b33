/* SPDX-License-Identifier: MIT
 * Facts about the work-stealing deque, one thread at a time; test/model/deque.c has the threads. */
#include "scheduler/deque.h"
#include "test/support/unit.h"

enum { SLOTS = TRI_DEQUE_SLOTS };

static struct tri_deque deque;
static struct tri_task tasks[2 * SLOTS];
static struct tri_task *taken[SLOTS];

static void fresh_deque(void) {
    tri_deque_init(&deque);
}

TestSuite(deque, .init = fresh_deque);

static void push(uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        cr_assert(tri_deque_push_owner(&deque, &tasks[(first + i) % (2 * SLOTS)]));
}

Test(deque, steal_from_empty_finds_nothing) {
    cr_assert_eq(tri_deque_take(&deque, taken, SLOTS), 0);
    cr_assert_eq(tri_deque_size(&deque), 0);
}

Test(deque, one_task_is_taken_whole) {
    push(0, 1);
    cr_assert_eq(tri_deque_size(&deque), 1);
    cr_assert_eq(tri_deque_take(&deque, taken, SLOTS), 1);
    cr_assert_eq(taken[0], &tasks[0]);
    cr_assert_eq(tri_deque_size(&deque), 0);
}

Test(deque, takes_half_rounded_up_oldest_first) {
    static const uint32_t halves[] = {5, 3, 1, 1, 0}; /* of 10, 5, 2, 1, 0 */
    push(0, 10);
    uint32_t next = 0;
    for (size_t turn = 0; turn < sizeof halves / sizeof halves[0]; turn++) {
        uint32_t n = tri_deque_take(&deque, taken, SLOTS);
        cr_assert_eq(n, halves[turn]);
        for (uint32_t i = 0; i < n; i++) cr_assert_eq(taken[i], &tasks[next++]);
    }
    cr_assert_eq(next, 10);
}

Test(deque, takes_no_more_than_there_is_room_for) {
    push(0, 10);
    cr_assert_eq(tri_deque_take(&deque, taken, 2), 2);
    cr_assert_eq(tri_deque_size(&deque), 8);
}

Test(deque, push_to_a_full_one_fails_and_changes_nothing) {
    push(0, SLOTS);
    cr_assert_not(tri_deque_push_owner(&deque, &tasks[SLOTS]));
    cr_assert_eq(tri_deque_size(&deque), SLOTS);
    cr_assert_eq(tri_deque_take(&deque, taken, SLOTS), SLOTS / 2);
    for (uint32_t i = 0; i < SLOTS / 2; i++) cr_assert_eq(taken[i], &tasks[i]);
    cr_assert(tri_deque_push_owner(&deque, &tasks[SLOTS]));
}

Test(deque, works_on_when_its_ring_wraps) {
    uint32_t in = 0, out = 0;
    for (uint32_t round = 0; round < 100; round++) {
        uint32_t n = 1 + round * 7 % (SLOTS / 2);
        push(in, n);
        in += n;
        while ((n = tri_deque_take(&deque, taken, 1 + round % SLOTS)) > 0)
            for (uint32_t i = 0; i < n; i++) cr_assert_eq(taken[i], &tasks[out++ % (2 * SLOTS)]);
    }
    cr_assert_eq(in, out);
    cr_assert_gt(in, 10 * SLOTS);
}
