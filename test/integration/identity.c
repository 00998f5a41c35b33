/* SPDX-License-Identifier: MIT
 * Two shared objects with hidden symbols and the same TR_MESSAGEs: their descriptors have different
 * addresses and count as the same type by name and fields; a type with the same name and other
 * fields is another type. */
#include "test/integration/identity.h"
#include "test/integration/check.h"

int main(void) {
    struct identity_types here = receiver_types(), there = sender_types();
    CHECK(here.numbers != there.numbers && here.bytes != there.bytes);
    CHECK(tr_message_type_equal(here.numbers, there.numbers));
    CHECK(tr_message_type_equal(here.get, there.get));
    CHECK(tr_message_type_equal(here.bytes, there.bytes));
    CHECK(!tr_message_type_equal(here.numbers, there.get));
    CHECK(!tr_message_type_equal(here.get, there.bytes));
    CHECK(!tr_message_type_equal(here.odd, there.odd));

    tr_runtime *rt = NULL;
    CHECK_STATUS(TR_OK, tr_runtime_start(NULL, &rt));
    tr_ref actor = tr_spawn(rt, receiver_behavior(), NULL);
    CHECK(!tr_ref_is_null(actor));
    for (int i = 0; i < 100; i++) CHECK_STATUS(TR_OK, sender_send(rt, actor));
    CHECK_STATUS(TR_OK, sender_send_odd(rt, actor));
    int64_t sum = -1;
    CHECK_STATUS(TR_OK, sender_ask(rt, actor, &sum));
    CHECK_EQUAL(100 * (1000 + 1 + 7), sum);
    CHECK_STATUS(TR_OK, tr_runtime_stop(rt, TR_SECONDS(60)));
    tr_stats stats = {.size = sizeof stats};
    CHECK_STATUS(TR_OK, tr_runtime_stats(rt, &stats));
    CHECK_EQUAL(1, stats.unhandled); /* the odd one */
    CHECK_STATUS(TR_OK, tr_runtime_destroy(rt));
    return 0;
}
