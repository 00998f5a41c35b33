/* SPDX-License-Identifier: MIT
 * The work-stealing deque, driven by random operations of one thread, against a plain array. */
#define TRI_DEQUE_SLOTS 16
#include "scheduler/deque.h"
#include "test/support/unit.h"

#include "test/support/seed.h"

enum { TASKS = 64, STEPS = 200000 };

Test(deque, behaves_like_a_bounded_queue_that_gives_half, .timeout = 60) {
    struct tri_random random = property_random();
    static struct tri_deque deque;
    static struct tri_task tasks[TASKS];
    struct tri_task *taken[TRI_DEQUE_SLOTS];
    uint64_t head = 0, tail = 0; /* the model: tasks head … tail - 1, modulo TASKS */
    tri_deque_init(&deque);
    for (int step = 0; step < STEPS; step++) {
        bool filling = step / 1000 % 2 == 0;
        PROPERTY(tri_deque_size(&deque) == tail - head);
        if (tri_random_below(&random, 4) < (filling ? 3u : 1u)) {
            bool pushed = tri_deque_push_owner(&deque, &tasks[tail % TASKS]);
            PROPERTY(pushed == (tail - head < TRI_DEQUE_SLOTS));
            tail += pushed;
            continue;
        }
        uint32_t room = 1 + tri_random_below(&random, TRI_DEQUE_SLOTS);
        uint64_t half = (tail - head + 1) / 2;
        uint32_t n = tri_deque_take(&deque, taken, room);
        PROPERTY(n == (half < room ? half : room));
        for (uint32_t i = 0; i < n; i++) PROPERTY(taken[i] == &tasks[head++ % TASKS]);
    }
}
