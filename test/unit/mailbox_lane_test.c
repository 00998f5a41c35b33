/* SPDX-License-Identifier: MIT
 * Facts about the shared lane, one thread at a time; test/model/lane.c has the threads. */
#include "mailbox/lane.h"
#include "test/support/unit.h"

enum { CHAINS = 8, LENGTH = 3 };

struct item {
    struct tri_chain chain;
    struct tri_record record;
};

static struct item items[CHAINS][LENGTH];
static struct tri_lane lane;
static struct tri_list list;

/* Chain number c holds the records 3 c, 3 c + 1, 3 c + 2. */
static struct tri_record *chain(uint32_t c) {
    for (uint32_t i = 0; i < LENGTH; i++) {
        items[c][i].record.size = c * LENGTH + i;
        items[c][i].record.next = i + 1 < LENGTH ? &items[c][i + 1].record : NULL;
    }
    items[c][0].chain.last = &items[c][LENGTH - 1].record;
    items[c][0].chain.count = LENGTH;
    return &items[c][0].record;
}

static void assert_list_is(uint32_t count) {
    cr_assert_eq(list.count, count);
    const struct tri_record *record = list.head;
    for (uint32_t n = 0; n < count; n++, record = record->next) cr_assert_eq(record->size, n);
}

static void fresh(bool armed) {
    tri_lane_init(&lane, armed);
    list = (struct tri_list){NULL, NULL, 0};
}

Test(lane, armed_lane_gives_its_token_to_the_first_push_only) {
    fresh(true);
    cr_assert_not(tri_lane_has_messages(&lane));
    cr_assert(tri_lane_push(&lane, chain(0)));
    cr_assert_not(tri_lane_push(&lane, chain(1)));
    cr_assert(tri_lane_has_messages(&lane));
}

Test(lane, disarmed_lane_has_no_token_to_give) {
    fresh(false);
    cr_assert_not(tri_lane_push(&lane, chain(0)));
    cr_assert_not(tri_lane_claim(&lane));
}

Test(lane, absorb_takes_everything_oldest_first) {
    fresh(true);
    for (uint32_t c = 0; c < CHAINS; c++) (void)tri_lane_push(&lane, chain(c));
    tri_lane_absorb(&lane, &list);
    assert_list_is(CHAINS * LENGTH);
    cr_assert_not(tri_lane_has_messages(&lane));
}

Test(lane, absorb_goes_behind_what_is_in_the_list) {
    fresh(false);
    for (uint32_t c = 0; c < 3; c++) {
        (void)tri_lane_push(&lane, chain(2 * c));
        (void)tri_lane_push(&lane, chain(2 * c + 1));
        tri_lane_absorb(&lane, &list);
        assert_list_is((2 * c + 2) * LENGTH);
    }
}

Test(lane, arming_fails_while_a_message_waits) {
    fresh(true);
    cr_assert(tri_lane_push(&lane, chain(0)));
    cr_assert_not(tri_lane_arm(&lane));
    cr_assert(tri_lane_has_messages(&lane));
    tri_lane_absorb(&lane, &list);
    cr_assert(tri_lane_arm(&lane));
    assert_list_is(LENGTH);
}

Test(lane, token_is_there_once_after_arming) {
    fresh(false);
    cr_assert(tri_lane_arm(&lane));
    cr_assert(tri_lane_claim(&lane));
    cr_assert_not(tri_lane_claim(&lane));
    cr_assert(tri_lane_arm(&lane));
    cr_assert(tri_lane_push(&lane, chain(0)));
    cr_assert_not(tri_lane_claim(&lane));
}

Test(lane, claim_leaves_messages_alone) {
    fresh(false);
    (void)tri_lane_push(&lane, chain(0));
    cr_assert_not(tri_lane_claim(&lane));
    tri_lane_absorb(&lane, &list);
    assert_list_is(LENGTH);
}
