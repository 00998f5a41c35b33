/* SPDX-License-Identifier: MIT
 * Seeds of property tests: from TROUPE_SEED when it is set, else a new one each time; every failed
 * check tells it. Include it after unit.h.
 */
#ifndef TROUPE_TEST_SEED_H
#define TROUPE_TEST_SEED_H

#include <inttypes.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/random.h"

static uint64_t property_seed;

/* The random numbers of one test; printed with every failure. */
static inline struct tri_random property_random(void) {
    const char *text = getenv("TROUPE_SEED");
    property_seed = text != NULL ? strtoull(text, NULL, 0) : tri_os_entropy();
    return (struct tri_random){property_seed};
}

#define PROPERTY(CONDITION)                                                                        \
    cr_assert(CONDITION, "TROUPE_SEED=0x%" PRIx64 " shows it again", property_seed)

#endif
