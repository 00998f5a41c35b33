/* SPDX-License-Identifier: MIT
 * Facts about status codes. */
#include <stdint.h>
#include <string.h>

#include "test/support/unit.h"
#include "troupe/status.h"

enum { LAST = TR_UNHANDLED }; /* the most negative one */

Test(status, zero_is_ok_and_errors_are_negative) {
    cr_assert_eq(TR_OK, 0);
    cr_assert_lt(TR_INVALID, 0);
    cr_assert_eq(LAST, -15);
}

Test(status, every_code_has_a_name_of_its_own) {
    for (int i = 0; i >= LAST; i--) {
        const char *name = tr_status_name((tr_status)i);
        cr_assert_eq(strncmp(name, "TR_", 3), 0, "%d is %s", i, name);
        cr_assert_str_neq(name, "TR_?", "%d", i);
        for (int j = 0; j > i; j--) cr_assert_str_neq(name, tr_status_name((tr_status)j));
    }
}

Test(status, every_code_has_a_text) {
    for (int i = 0; i >= LAST; i--) {
        cr_assert_str_not_empty(tr_status_text((tr_status)i));
        cr_assert_str_neq(tr_status_text((tr_status)i), tr_status_text((tr_status)1));
    }
}

Test(status, names_are_spelled_like_the_constants) {
    cr_assert_str_eq(tr_status_name(TR_OK), "TR_OK");
    cr_assert_str_eq(tr_status_name(TR_WOULD_DEADLOCK), "TR_WOULD_DEADLOCK");
    cr_assert_str_eq(tr_status_name(TR_UNHANDLED), "TR_UNHANDLED");
}

Test(status, a_number_that_is_no_status_is_called_so) {
    static const int numbers[] = {1, 99, LAST - 1, -99, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        cr_assert_str_eq(tr_status_name((tr_status)numbers[i]), "TR_?");
        cr_assert_str_not_empty(tr_status_text((tr_status)numbers[i]));
    }
}
