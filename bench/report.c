/* SPDX-License-Identifier: MIT
 * Results as text (report.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "bench/report.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "bench/measure.h"

/* Off a terminal, where each line stays. */
#define PROGRESS_INTERVAL_NS TR_SECONDS(10)

/* ---- numbers ------------------------------------------------------------------------------ */

/* Three significant digits without an exponent, for values below 10 000. */
static void format_digits(double value, char *text, size_t text_bytes) {
    double size = fabs(value);
    int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    snprintf(text, text_bytes, "%.*f", decimals, value);
}

static void format_scaled(double value, double base, const char *const *units, int count,
                          double limit, char *text, size_t text_bytes) {
    int unit = 0;
    while (fabs(value) >= limit && unit < count - 1) {
        value /= base;
        unit++;
    }
    char digits[24];
    if (unit == 0 && value == floor(value)) {
        snprintf(digits, sizeof(digits), "%.0f", value); /* a count: no decimals */
    } else {
        format_digits(value, digits, sizeof(digits));
    }
    snprintf(text, text_bytes, "%s%s", digits, units[unit]);
}

void bench_format_ns(double ns, char *text, size_t text_bytes) {
    static const char *const units[] = {" ns", " us", " ms", " s"};
    format_scaled(ns, 1000, units, 4, 9999.5, text, text_bytes);
}

void bench_format_count(double count, char *text, size_t text_bytes) {
    static const char *const units[] = {"", " k", " M", " G"};
    format_scaled(count, 1000, units, 4, 999.5, text, text_bytes);
}

void bench_format_bytes(double bytes, char *text, size_t text_bytes) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB"};
    format_scaled(bytes, 1024, units, 4, 9999.5, text, text_bytes);
}

static void format_value(enum bench_unit unit, double value, char *text, size_t text_bytes) {
    switch (unit) {
    case BENCH_NS:
        bench_format_ns(value, text, text_bytes);
        break;
    case BENCH_BYTES:
        bench_format_bytes(value, text, text_bytes);
        break;
    case BENCH_EFFICIENCY:
        snprintf(text, text_bytes, "%.3f", value);
        break;
    }
}

/* ---- progress ----------------------------------------------------------------------------- */

void bench_progress_init(struct bench_progress *progress) {
    *progress = (struct bench_progress){.terminal = isatty(STDERR_FILENO) == 1};
}

void bench_progress_show(struct bench_progress *progress, const char *line) {
    if (progress->terminal) {
        fprintf(stderr, "\r\033[K%s", line);
        return;
    }
    int64_t now_ns = bench_now_ns();
    if (progress->last_ns == 0 || now_ns - progress->last_ns >= PROGRESS_INTERVAL_NS) {
        fprintf(stderr, "%s\n", line);
        progress->last_ns = now_ns;
    }
}

void bench_progress_clear(struct bench_progress *progress) {
    if (progress->terminal) {
        fputs("\r\033[K", stderr);
    }
}

/* ---- rows --------------------------------------------------------------------------------- */

static double value_of(const struct bench_run *run) {
    return run->value;
}

static double real_ns_of(const struct bench_run *run) {
    return (double)run->wall_ns / (double)run->operations;
}

static double cpu_ns_of(const struct bench_run *run) {
    return (double)run->cpu_ns / (double)run->operations;
}

/* The median over repetitions begin, begin + step, … */
static double median_of(const struct bench_result *result, double (*of)(const struct bench_run *),
                        uint32_t begin, uint32_t step) {
    double values[BENCH_REPEATS];
    uint32_t count = 0;
    for (uint32_t i = begin; i < result->repetitions; i += step) {
        values[count++] = of(&result->runs[i]);
    }
    return bench_median(values, count);
}

void bench_result_finish(struct bench_result *result) {
    result->median = median_of(result, value_of, 0, 1);
    result->real_median_ns = median_of(result, real_ns_of, 0, 1);
    result->cpu_median_ns = median_of(result, cpu_ns_of, 0, 1);
    /* The same thing measured twice, interleaved: repetitions 1, 3, 5 against 2, 4, 6. */
    result->spread = result->repetitions < 2 ? NAN
                                             : bench_spread(median_of(result, value_of, 0, 2),
                                                            median_of(result, value_of, 1, 2));
    result->typical = &result->runs[0];
    result->minimum = result->runs[0].value;
    for (uint32_t i = 1; i < result->repetitions; i++) {
        const struct bench_run *run = &result->runs[i];
        result->minimum = fmin(result->minimum, run->value);
        if (fabs(run->value - result->median) < fabs(result->typical->value - result->median)) {
            result->typical = run;
        }
    }
}

void bench_result_print_head(void) {
    printf("%-18s %-10s %9s %10s %10s %8s %8s %9s %8s\n", "workload", "operation", "size",
           "minimum", "median", "mp", "ops/s", "peak RSS", "A/A");
}

static void print_figures(const struct bench_run *run) {
    for (uint32_t i = 0; i < run->figure_count; i++) {
        const struct bench_figure *figure = &run->figures[i];
        char value[32];
        if (strcmp(figure->unit, "ns") == 0) {
            bench_format_ns(figure->value, value, sizeof(value));
        } else {
            bench_format_count(figure->value, value, sizeof(value));
        }
        printf("%s%s %s", i == 0 ? "  " : ", ", figure->name, value);
    }
    if (run->figure_count > 0) {
        puts("");
    }
}

void bench_result_print(const struct bench_result *result) {
    char size[32], minimum[32], median[32], pairs[32] = "-", rate[32], peak[32], spread[32] = "-";
    bench_format_count((double)result->size, size, sizeof(size));
    format_value(result->unit, result->minimum, minimum, sizeof(minimum));
    format_value(result->unit, result->median, median, sizeof(median));
    if (result->unit == BENCH_NS) {
        bench_format_count(result->median / result->mutex_pair_ns, pairs, sizeof(pairs));
    }
    bench_format_count(1e9 / result->real_median_ns, rate, sizeof(rate));
    bench_format_bytes((double)result->peak_rss_bytes, peak, sizeof(peak));
    if (isfinite(result->spread)) {
        snprintf(spread, sizeof(spread), "%.1f %%", 100 * result->spread);
    }
    printf("%-18s %-10s %9s %10s %10s %8s %8s %9s %8s\n", result->name, result->operation, size,
           minimum, median, pairs, rate, peak, spread);
    print_figures(result->typical);
    fflush(stdout);
}
