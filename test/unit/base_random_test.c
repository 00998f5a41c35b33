/* SPDX-License-Identifier: MIT
 * Facts about the random seam. */
#include "base/random.h"
#include "test/support/unit.h"

Test(random, the_same_seed_gives_the_same_numbers) {
    struct tri_random a = {7}, b = {7}, c = {8};
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        uint64_t n = tri_random_next(&a);
        cr_assert_eq(n, tri_random_next(&b));
        differs = differs || n != tri_random_next(&c);
    }
    cr_assert(differs);
}

Test(random, is_splitmix64) {
    /* First outputs for seed 1234567, as published with the algorithm. */
    struct tri_random random = {1234567};
    cr_assert_eq(tri_random_next(&random), UINT64_C(6457827717110365317));
    cr_assert_eq(tri_random_next(&random), UINT64_C(3203168211198807973));
}

Test(random, below_stays_below_every_bound) {
    static const uint32_t bounds[] = {1, 2, 3, 7, 64, 1000, 1u << 31, UINT32_MAX};
    struct tri_random random = {1};
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++)
        for (int i = 0; i < 10000; i++)
            cr_assert_lt(tri_random_below(&random, bounds[b]), bounds[b]);
}

Test(random, below_reaches_every_number_about_equally_often) {
    enum { SIDES = 6, THROWS = 60000 };
    uint32_t seen[SIDES] = {0};
    struct tri_random random = {3};
    for (int i = 0; i < THROWS; i++) seen[tri_random_below(&random, SIDES)]++;
    for (int i = 0; i < SIDES; i++) {
        cr_assert_gt(seen[i], THROWS / SIDES * 9 / 10);
        cr_assert_lt(seen[i], THROWS / SIDES * 11 / 10);
    }
}

Test(random, mix_maps_different_numbers_to_different_ones) {
    for (uint64_t i = 0; i < 1000; i++) cr_assert_neq(tri_mix64(i), tri_mix64(i + 1));
    cr_assert_eq(tri_mix64(0), 0);
}
