/* SPDX-License-Identifier: MIT
 * Facts about inbox, parking and the biased lock, one thread at a time; test/model has the threads.
 */
#include "scheduler/bias.h"
#include "scheduler/inbox.h"
#include "scheduler/park.h"
#include "test/support/unit.h"

static struct tri_inbox inbox;
static struct tri_task tasks[5];

Test(inbox, is_empty_at_first_and_gives_nothing) {
    cr_assert(tri_inbox_is_empty(&inbox));
    cr_assert(tri_inbox_looks_empty(&inbox));
    cr_assert_null(tri_inbox_take(&inbox));
}

Test(inbox, only_the_first_push_finds_it_empty) {
    cr_assert(tri_inbox_push(&inbox, &tasks[0]));
    cr_assert_not(tri_inbox_push(&inbox, &tasks[1]));
    cr_assert_not(tri_inbox_is_empty(&inbox));
    (void)tri_inbox_take(&inbox);
    cr_assert(tri_inbox_push(&inbox, &tasks[2]));
}

Test(inbox, take_gives_everything_oldest_first) {
    for (int i = 0; i < 5; i++) (void)tri_inbox_push(&inbox, &tasks[i]);
    struct tri_task *task = tri_inbox_take(&inbox);
    for (int i = 0; i < 5; i++, task = task->inbox_next) cr_assert_eq(task, &tasks[i]);
    cr_assert_null(task);
    cr_assert(tri_inbox_is_empty(&inbox));
}

Test(park, only_a_sleeper_can_be_claimed_and_only_once) {
    struct tri_park park = {TRI_AWAKE};
    cr_assert_not(tri_park_claim(&park));
    tri_park_announce(&park);
    cr_assert(tri_park_is_parked(&park));
    cr_assert(tri_park_claim(&park));
    cr_assert_not(tri_park_is_parked(&park));
    cr_assert_not(tri_park_claim(&park));
}

Test(park, cancelled_sleep_cannot_be_claimed) {
    struct tri_park park = {TRI_AWAKE};
    tri_park_announce(&park);
    tri_park_cancel(&park);
    cr_assert_not(tri_park_claim(&park));
}

Test(bias, inside_is_seen_between_enter_and_leave) {
    static struct tri_bias bias;
    cr_assert_not(tri_bias_is_inside(&bias));
    cr_assert_eq(tri_bias_enter(&bias), 0);
    cr_assert(tri_bias_is_inside(&bias));
    tri_bias_leave(&bias);
    cr_assert_not(tri_bias_is_inside(&bias));
}

Test(bias, enter_tells_what_was_signalled_until_it_is_cleared) {
    static struct tri_bias bias;
    tri_bias_signal(&bias, TRI_ATTENTION_REVOKE);
    tri_bias_signal(&bias, TRI_ATTENTION_TICK);
    cr_assert_eq(tri_bias_enter(&bias), TRI_ATTENTION_REVOKE | TRI_ATTENTION_TICK);
    tri_bias_clear(&bias, TRI_ATTENTION_REVOKE);
    cr_assert_eq(tri_bias_enter(&bias), TRI_ATTENTION_TICK);
    tri_bias_clear(&bias, TRI_ATTENTION_TICK);
    cr_assert_eq(tri_bias_enter(&bias), 0);
}
