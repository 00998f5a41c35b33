/* SPDX-License-Identifier: MIT
 * Facts about exit reasons and message types as values. */
#include <string.h>

#include "test/support/unit.h"
#include "troupe/actor.h"
#include "troupe/message.h"

#define POINT_FIELDS(FIELD, T) FIELD(T, int32, x) FIELD(T, int64, y)
TR_MESSAGE(point, POINT_FIELDS)
#define EVERY_FIELDS(FIELD, T)                                                                     \
    FIELD(T, int8, a)                                                                              \
    FIELD(T, int16, b)                                                                             \
    FIELD(T, int32, c)                                                                             \
    FIELD(T, int64, d)                                                                             \
    FIELD(T, uint8, e)                                                                             \
    FIELD(T, uint16, f)                                                                            \
    FIELD(T, uint32, g)                                                                            \
    FIELD(T, uint64, h)                                                                            \
    FIELD(T, float32, i)                                                                           \
    FIELD(T, float64, j)                                                                           \
    FIELD(T, bool, k)                                                                              \
    FIELD(T, ref, l)
TR_MESSAGE(every, EVERY_FIELDS)
TR_MESSAGE(nothing, TR_NO_FIELDS)
TR_RAW_MESSAGE(bytes)

static void format(tr_reason reason, char *text, size_t text_bytes) {
    size_t needed = tr_reason_format(&reason, text, text_bytes);
    if (needed < text_bytes) cr_assert_eq(strlen(text), needed);
}

Test(reason, is_a_value_of_32_bytes) {
    cr_assert_eq(sizeof(tr_reason), 32);
}

Test(reason, of_a_kind_has_no_code_and_no_text) {
    tr_reason reason = tr_reason_of(TR_REASON_KILLED);
    cr_assert_eq(reason.kind, TR_REASON_KILLED);
    cr_assert_eq(reason.code, 0);
    cr_assert_str_empty(reason.text);
}

Test(reason, of_the_user_keeps_code_and_text) {
    tr_reason reason = tr_reason_user(-7, "disk full");
    cr_assert_eq(reason.kind, TR_REASON_USER);
    cr_assert_eq(reason.code, -7);
    cr_assert_str_eq(reason.text, "disk full");
    cr_assert_str_empty(tr_reason_user(1, NULL).text);
}

Test(reason, text_is_cut_after_23_bytes) {
    tr_reason reason = tr_reason_user(1, "0123456789012345678901234567890123456789");
    cr_assert_str_eq(reason.text, "01234567890123456789012");
    cr_assert_str_eq(tr_reason_user(1, "01234567890123456789012").text, "01234567890123456789012");
}

Test(reason, equal_compares_kind_code_and_text) {
    tr_reason a = tr_reason_user(1, "a"), b = a;
    cr_assert(tr_reason_equal(&a, &b));
    memset(b.text + 2, 'x', 5); /* what lies behind the zero does not count */
    cr_assert(tr_reason_equal(&a, &b));
    b = tr_reason_user(2, "a");
    cr_assert_not(tr_reason_equal(&a, &b));
    b = tr_reason_user(1, "b");
    cr_assert_not(tr_reason_equal(&a, &b));
    b = a;
    b.kind = TR_REASON_INIT;
    cr_assert_not(tr_reason_equal(&a, &b));
}

Test(reason, format_says_what_happened) {
    char text[64];
    format(tr_reason_of(TR_REASON_NORMAL), text, sizeof text);
    cr_assert_str_eq(text, "normal");
    format(tr_reason_of(TR_REASON_SHUTDOWN), text, sizeof text);
    cr_assert_str_eq(text, "shutdown");
    format(tr_reason_of(TR_REASON_KILLED), text, sizeof text);
    cr_assert_str_eq(text, "killed");
    format(tr_reason_of(TR_REASON_NO_ACTOR), text, sizeof text);
    cr_assert_str_eq(text, "no actor");
    format((tr_reason){TR_REASON_INIT, TR_NOMEM, ""}, text, sizeof text);
    cr_assert_str_eq(text, "init failed: TR_NOMEM");
    format(tr_reason_user(7, "disk full"), text, sizeof text);
    cr_assert_str_eq(text, "user 7: disk full");
    format(tr_reason_user(7, NULL), text, sizeof text);
    cr_assert_str_eq(text, "user 7");
}

Test(reason, format_cuts_what_does_not_fit_and_says_how_much_it_needs) {
    char text[6] = "xxxxx";
    tr_reason reason = tr_reason_user(7, "disk full");
    cr_assert_eq(tr_reason_format(&reason, text, 5), strlen("user 7: disk full"));
    cr_assert_str_eq(text, "user");
    cr_assert_eq(tr_reason_format(&reason, NULL, 0), strlen("user 7: disk full"));
}

Test(reason, format_survives_a_text_without_its_zero) {
    tr_reason reason = {TR_REASON_USER, 1, ""};
    memset(reason.text, 'x', sizeof reason.text);
    char text[64];
    cr_assert_eq(tr_reason_format(&reason, text, sizeof text), strlen("user 1: ") + 24);
}

Test(reason, format_survives_a_kind_that_is_none) {
    char text[64];
    tr_reason reason = {-3, 4, ""};
    cr_assert_gt(tr_reason_format(&reason, text, sizeof text), 0);
    reason.kind = 1000;
    cr_assert_gt(tr_reason_format(&reason, text, sizeof text), 0);
}

Test(message_type, macro_describes_every_field) {
    cr_assert_str_eq(point_message.name, "point");
    cr_assert_eq(point_message.size_bytes, sizeof(point));
    cr_assert_eq(point_message.field_count, 2);
    cr_assert_eq(point_message.raw, 0);
    cr_assert_str_eq(point_message.fields[1].name, "y");
    cr_assert_eq(point_message.fields[1].kind, TR_FIELD_int64);
    cr_assert_eq(point_message.fields[1].offset_bytes, offsetof(point, y));
    cr_assert_eq(point_message.fields[1].size_bytes, 8);
}

Test(message_type, every_kind_has_its_size) {
    static const uint32_t sizes[] = {1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 1, 16};
    cr_assert_eq(every_message.field_count, 12);
    for (uint32_t i = 0; i < 12; i++) {
        cr_assert_eq(every_message.fields[i].kind, TR_FIELD_int8 + i);
        cr_assert_eq(every_message.fields[i].size_bytes, sizes[i]);
    }
}

Test(message_type, without_fields_has_no_payload) {
    cr_assert_eq(nothing_message.size_bytes, 0);
    cr_assert_eq(nothing_message.field_count, 0);
    cr_assert_eq(nothing_message.raw, 0);
    cr_assert_eq(bytes_message.raw, 1);
}

Test(message_type, equal_is_by_address_or_by_name_and_fields) {
    tr_field fields[2] = {point_message.fields[0], point_message.fields[1]};
    tr_message_type other = point_message;
    other.fields = fields;
    cr_assert(tr_message_type_equal(&point_message, &point_message));
    cr_assert(tr_message_type_equal(&point_message, &other));
    cr_assert(tr_message_type_equal(&other, &point_message));
}

Test(message_type, any_difference_makes_another_type) {
    tr_field fields[2] = {point_message.fields[0], point_message.fields[1]};
    tr_message_type other = point_message;
    other.fields = fields;
    other.name = "points";
    cr_assert_not(tr_message_type_equal(&point_message, &other));
    other.name = "point";
    fields[0].name = "z";
    cr_assert_not(tr_message_type_equal(&point_message, &other));
    fields[0] = point_message.fields[0];
    fields[0].kind = TR_FIELD_uint32;
    cr_assert_not(tr_message_type_equal(&point_message, &other));
    fields[0] = point_message.fields[0];
    fields[1].offset_bytes = 4;
    cr_assert_not(tr_message_type_equal(&point_message, &other));
    fields[1] = point_message.fields[1];
    other.field_count = 1;
    cr_assert_not(tr_message_type_equal(&point_message, &other));
    other.field_count = 2;
    other.size_bytes = 24;
    cr_assert_not(tr_message_type_equal(&point_message, &other));
    cr_assert_not(tr_message_type_equal(&nothing_message, &bytes_message));
}

Test(message_type, null_equals_only_null) {
    cr_assert_not(tr_message_type_equal(&point_message, NULL));
    cr_assert_not(tr_message_type_equal(NULL, &point_message));
    cr_assert(tr_message_type_equal(NULL, NULL));
}
