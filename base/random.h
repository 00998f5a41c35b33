/* SPDX-License-Identifier: MIT
 * The random seam: every random choice of a runtime comes from its seed.
 * Source: SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
 * (OOPSLA 2014). */
#ifndef TROUPE_BASE_RANDOM_H
#define TROUPE_BASE_RANDOM_H

#include <stdint.h>

static inline uint64_t tri_mix64(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct tri_random {
    uint64_t state;
};

static inline uint64_t tri_random_next(struct tri_random *random) {
    return tri_mix64(random->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* Below bound (bound > 0), by the multiply-shift of Lemire (2019) without the rejection step: the
 * bias is at most bound / 2^32. */
static inline uint32_t tri_random_below(struct tri_random *random, uint32_t bound) {
    return (uint32_t)(((tri_random_next(random) >> 32) * bound) >> 32);
}

#endif
