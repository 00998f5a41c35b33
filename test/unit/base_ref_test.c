/* SPDX-License-Identifier: MIT
 * Facts about addresses as values: null, equality, hash, text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "test/support/unit.h"
#include "troupe/ref.h"

static tr_ref make(uint64_t node, uint32_t slot, uint32_t generation) {
    return (tr_ref){node, (uint64_t)slot << 32 | generation};
}

Test(ref, zero_is_null_and_nothing_else_is) {
    cr_assert(tr_ref_is_null(TR_NULL));
    cr_assert(tr_ref_is_null((tr_ref){0, 0}));
    cr_assert_not(tr_ref_is_null((tr_ref){1, 0}));
    cr_assert_not(tr_ref_is_null((tr_ref){0, 1}));
}

Test(ref, equal_means_same_node_slot_and_generation) {
    tr_ref a = make(7, 3, 5);
    cr_assert(tr_ref_equal(a, make(7, 3, 5)));
    cr_assert_not(tr_ref_equal(a, make(8, 3, 5)));
    cr_assert_not(tr_ref_equal(a, make(7, 4, 5)));
    cr_assert_not(tr_ref_equal(a, make(7, 3, 7)));
    cr_assert(tr_ref_equal(TR_NULL, TR_NULL));
}

Test(ref, hash_is_the_same_for_equal_addresses) {
    cr_assert_eq(tr_ref_hash(make(7, 3, 5)), tr_ref_hash(make(7, 3, 5)));
}

Test(ref, hash_spreads_neighbours_over_a_small_table) {
    enum { BUCKETS = 1024, REFS = 8 * BUCKETS };
    static uint32_t used[BUCKETS];
    for (uint32_t i = 0; i < REFS; i++) used[tr_ref_hash(make(1, i, 1)) % BUCKETS]++;
    uint32_t most = 0, empty = 0;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        if (used[i] > most) most = used[i];
        empty += used[i] == 0;
    }
    cr_assert_lt(most, 32, "a fair throw puts about 20 into the fullest of 1024, this %u", most);
    cr_assert_lt(empty, 16, "a fair throw leaves none empty, this %u", empty);
}

Test(ref, text_names_node_slot_and_generation) {
    char text[TR_REF_TEXT_BYTES];
    cr_assert_eq(tr_ref_format(make(0xabcdef, 12, 5), text, sizeof text), strlen("<abcdef.12.5>"));
    cr_assert_str_eq(text, "<abcdef.12.5>");
}

Test(ref, null_is_written_as_null) {
    char text[TR_REF_TEXT_BYTES];
    cr_assert_eq(tr_ref_format(TR_NULL, text, sizeof text), 6);
    cr_assert_str_eq(text, "<null>");
}

Test(ref, the_longest_text_fits_the_promised_bytes) {
    char text[TR_REF_TEXT_BYTES];
    size_t needed = tr_ref_format(make(UINT64_MAX, UINT32_MAX, UINT32_MAX), text, sizeof text);
    cr_assert_lt(needed, TR_REF_TEXT_BYTES);
    cr_assert_eq(strlen(text), needed);
}

Test(ref, format_cuts_what_does_not_fit_and_says_how_much_it_needs) {
    char text[8];
    memset(text, 'x', sizeof text);
    cr_assert_eq(tr_ref_format(make(0xabcdef, 12, 5), text, 5), strlen("<abcdef.12.5>"));
    cr_assert_str_eq(text, "<abc");
    cr_assert_eq(text[5], 'x');
    cr_assert_eq(tr_ref_format(make(0xabcdef, 12, 5), NULL, 0), strlen("<abcdef.12.5>"));
}

Test(ref, parse_reads_what_format_writes) {
    struct tri_random random = {42};
    for (int i = 0; i < 1000; i++) {
        tr_ref ref = {tri_random_next(&random) >> tri_random_below(&random, 64),
                      tri_random_next(&random) >> tri_random_below(&random, 64)};
        if (i == 0) ref = TR_NULL;
        if (i == 1) ref = (tr_ref){UINT64_MAX, UINT64_MAX};
        char text[TR_REF_TEXT_BYTES];
        tr_ref_format(ref, text, sizeof text);
        tr_ref back = {1, 2};
        cr_assert_eq(tr_ref_parse(text, &back), TR_OK, "%s", text);
        cr_assert(tr_ref_equal(ref, back), "%s", text);
    }
}

Test(ref, parse_refuses_everything_else_and_leaves_the_result_alone) {
    static const char *const bad[] = {
        "",
        "<",
        "<>",
        "<.>",
        "<..>",
        "null",
        "<null",
        "<null> ",
        " <null>",
        "<NULL>",
        "1.2.3",
        "<1.2>",
        "<1.2.3",
        "1.2.3>",
        "<1.2.3>>",
        "<1.2.3> ",
        " <1.2.3>",
        "<1.2.3.4>",
        "<1..3>",
        "<.2.3>",
        "<1.2.>",
        "<1.a.3>",
        "<1.2.a>",
        "<g.2.3>",
        "<A.2.3>",
        "<0x1.2.3>",
        "<-1.2.3>",
        "<+1.2.3>",
        "<1. 2.3>",
        "<1.2.-3>",
        "<10000000000000000.2.3>",
        "<1.4294967296.3>",
        "<1.2.4294967296>",
        "<1.2.99999999999999999999999>",
        "<1.2.3\n>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tr_ref ref = {11, 22};
        cr_assert_eq(tr_ref_parse(bad[i], &ref), TR_INVALID, "\"%s\"", bad[i]);
        cr_assert(ref.node == 11 && ref.id == 22, "\"%s\"", bad[i]);
    }
}

Test(ref, parse_refuses_null_pointers) {
    tr_ref ref;
    cr_assert_eq(tr_ref_parse(NULL, &ref), TR_INVALID);
    cr_assert_eq(tr_ref_parse("<1.2.3>", NULL), TR_INVALID);
}

Test(ref, parse_never_reads_past_the_end) {
    /* Every beginning of a good text, in memory that ends where the text ends. */
    const char *good = "<ffffffffffffffff.4294967295.4294967295>";
    for (size_t n = 0; n < strlen(good); n++) {
        char *exact = strndup(good, n);
        tr_ref ref;
        cr_assert_eq(tr_ref_parse(exact, &ref), TR_INVALID, "\"%s\"", exact);
        free(exact);
    }
}
