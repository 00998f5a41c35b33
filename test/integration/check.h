/* SPDX-License-Identifier: MIT
 * What the integration programs check with: say what was expected, end with 1. */
#ifndef TROUPE_TEST_CHECK_H
#define TROUPE_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(CONDITION)                                                                           \
    do {                                                                                           \
        if (CONDITION) break;                                                                      \
        fprintf(stderr, "%s:%d: expected: %s\n", __FILE__, __LINE__, #CONDITION);                  \
        exit(1);                                                                                   \
    } while (0)

/* Two numbers, and the name of what they are. */
#define CHECK_EQUAL(EXPECTED, SEEN)                                                                \
    do {                                                                                           \
        long long expected_ = (long long)(EXPECTED), seen_ = (long long)(SEEN);                    \
        if (expected_ == seen_) break;                                                             \
        fprintf(stderr, "%s:%d: %s: expected %lld, saw %lld\n", __FILE__, __LINE__, #SEEN,         \
                expected_, seen_);                                                                 \
        exit(1);                                                                                   \
    } while (0)

/* A call that answers a tr_status. */
#define CHECK_STATUS(EXPECTED, CALL)                                                               \
    do {                                                                                           \
        tr_status status_ = (CALL);                                                                \
        if (status_ == (EXPECTED)) break;                                                          \
        fprintf(stderr, "%s:%d: %s: expected %s, saw %s\n", __FILE__, __LINE__, #CALL,             \
                tr_status_name(EXPECTED), tr_status_name(status_));                                \
        exit(1);                                                                                   \
    } while (0)

#endif
