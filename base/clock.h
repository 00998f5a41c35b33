/* SPDX-License-Identifier: MIT
 * The clock seam: nothing above base reads the time any other way. */
#ifndef TROUPE_BASE_CLOCK_H
#define TROUPE_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of the monotonic clock. About 20 ns a call where the kernel maps the clock. */
uint64_t tri_clock_ns(void);

#endif
