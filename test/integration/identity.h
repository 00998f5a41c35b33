/* SPDX-License-Identifier: MIT
 * Two shared objects include this with hidden symbols: each has descriptors of its own. */
#ifndef TROUPE_TEST_IDENTITY_H
#define TROUPE_TEST_IDENTITY_H

#include "troupe/troupe.h"

#define NUMBERS(FIELD, T) FIELD(T, int64, first) FIELD(T, uint32, second)
TR_MESSAGE(numbers, NUMBERS)
TR_MESSAGE(get, TR_NO_FIELDS)
TR_RAW_MESSAGE(bytes)

/* The same name in both, but not the same fields. */
#ifdef IDENTITY_RECEIVER
#define ODD(FIELD, T) FIELD(T, int64, value)
#else
#define ODD(FIELD, T) FIELD(T, uint64, value)
#endif
TR_MESSAGE(odd, ODD)

struct identity_types {
    const tr_message_type *numbers, *get, *bytes, *odd;
};

/* The receiving shared object: an actor that sums numbers and the lengths of bytes up. */
TR_API const tr_behavior *receiver_behavior(void);
TR_API struct identity_types receiver_types(void);

/* The sending one: everything with its own descriptors. */
TR_API struct identity_types sender_types(void);
TR_API tr_status sender_send(tr_runtime *rt, tr_ref to);
TR_API tr_status sender_send_odd(tr_runtime *rt, tr_ref to);
TR_API tr_status sender_ask(tr_runtime *rt, tr_ref to, int64_t *sum);

#endif
