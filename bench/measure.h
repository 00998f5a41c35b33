/* SPDX-License-Identifier: MIT
 * Measuring: the yardstick, process time and memory, statistics of a few numbers.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>

/* Keeps two sleeping threads in the process, because a C library may take shortcuts in a mutex
 * while there is only one thread. Call once, before bench_mutex_pair_ns. */
void bench_several_threads(void);

/* The yardstick, once: nanoseconds of one uncontended pthread_mutex_lock + increment + unlock. */
double bench_mutex_pair_ns(void);

/* CPU time of all threads of this process. */
int64_t bench_cpu_ns(void);
/* Largest amount of RAM this process has held. */
uint64_t bench_peak_rss_bytes(void);

/* Sorts values and returns the median (the mean of the middle two); 0 when there are none. */
double bench_median(double *values, uint32_t count);
/* Difference of two measurements of the same thing as a fraction of their mean. */
double bench_spread(double a, double b);

#endif
