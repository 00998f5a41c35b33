/* SPDX-License-Identifier: MIT
 * Facts about records and lists of them. */
#include <stdint.h>

#include "mailbox/record.h"
#include "test/support/unit.h"

static struct tri_list empty_list(void) {
    return (struct tri_list){NULL, NULL, 0};
}

/* The list holds exactly the records whose size is first, first + 1, … */
static void assert_numbers(const struct tri_list *list, uint32_t first, uint32_t count) {
    cr_assert_eq(list->count, count);
    const struct tri_record *record = list->head;
    for (uint32_t n = 0; n < count; n++) {
        cr_assert_eq(record->size, first + n);
        if (n + 1 == count) cr_assert_eq(list->tail, record);
        record = record->next;
    }
}

Test(record, header_is_half_a_cache_line_and_a_chain_costs_24_bytes) {
    cr_assert_eq(sizeof(struct tri_record), 32);
    cr_assert_eq(sizeof(struct tri_chain), 24);
}

Test(record, payload_follows_the_header) {
    struct {
        struct tri_record record;
        char payload[8];
    } one = {.record = {.size = 8}};
    cr_assert_eq(tri_record_payload(&one.record), (void *)one.payload);
    cr_assert_eq(tri_record_bytes(&one.record), 8);
}

Test(record, owned_payload_is_where_the_pointer_says) {
    char large[300];
    struct {
        struct tri_record record;
        void *payload;
    } one = {.record = {.size = 300 | TRI_RECORD_OWNED}, .payload = large};
    cr_assert_eq(tri_record_payload(&one.record), (void *)large);
    cr_assert_eq(tri_record_bytes(&one.record), 300);
}

Test(record, chain_lies_right_in_front) {
    struct {
        struct tri_chain chain;
        struct tri_record record;
    } one;
    cr_assert_eq(tri_chain_of(&one.record), &one.chain);
}

Test(list, append_keeps_the_order) {
    struct tri_record records[5] = {{0}};
    struct tri_list list = empty_list();
    assert_numbers(&list, 0, 0);
    for (uint32_t i = 0; i < 5; i++) {
        records[i].size = i;
        records[i].next = &records[0]; /* whatever was there before */
        tri_list_append(&list, &records[i]);
        assert_numbers(&list, 0, i + 1);
    }
}

Test(list, pop_takes_the_oldest_until_it_is_empty_and_it_fills_again) {
    struct tri_record records[4] = {{0}};
    struct tri_list list = empty_list();
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 4; i++) {
            records[i].size = i;
            tri_list_append(&list, &records[i]);
        }
        for (uint32_t i = 0; i < 4; i++) {
            cr_assert_eq(tri_list_pop(&list), &records[i]);
            assert_numbers(&list, i + 1, 3 - i);
        }
    }
}

Test(list, join_puts_a_whole_row_behind) {
    struct tri_record records[6];
    struct tri_list list = empty_list();
    for (uint32_t i = 0; i < 6; i++) {
        records[i].size = i;
        records[i].next = i == 2 || i == 5 ? NULL : &records[i + 1];
    }
    tri_list_join(&list, &records[0], &records[2], 3);
    assert_numbers(&list, 0, 3);
    tri_list_join(&list, &records[3], &records[5], 3);
    assert_numbers(&list, 0, 6);
}

Test(list, appends_and_joins_mix) {
    struct tri_record records[3] = {{0}};
    struct tri_list list = empty_list();
    for (uint32_t i = 0; i < 3; i++) records[i].size = i;
    tri_list_append(&list, &records[0]);
    records[1].next = NULL;
    tri_list_join(&list, &records[1], &records[1], 1);
    tri_list_append(&list, &records[2]);
    assert_numbers(&list, 0, 3);
}
