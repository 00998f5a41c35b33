/* SPDX-License-Identifier: MIT
 * The duel's tables, its summary in sentences, and its JSON (duel.h).
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/duel.h"
#include "bench/measure.h"
#include "bench/report.h"

/* ---- one table ---------------------------------------------------------------------------- */

static double cell_cpu_ns(const struct duel_cell *cell) {
    return (cell->cpu_ns[0] + cell->cpu_ns[1]) / 2;
}

static double cell_percentile_ns(const struct duel_cell *cell, int which) {
    return (cell->percentiles_ns[0][which] + cell->percentiles_ns[1][which]) / 2;
}

static double cell_pairs(const struct duel_cell *cell) {
    return duel_cell_ns(cell) / cell->pair_ns;
}

static void print_row(const struct duel_row *row, const struct duel_cell *cell) {
    if (!cell->measured) {
        printf("%-30s %8s   an atomic instruction has no room for work\n", row->label, "-");
        return;
    }
    char ns[32], pairs[32], rate[32], cpu[32], waits[DUEL_PERCENTILES][32];
    bench_format_ns(duel_cell_ns(cell), ns, sizeof(ns));
    bench_format_count(cell_pairs(cell), pairs, sizeof(pairs));
    bench_format_count(1e9 / duel_cell_ns(cell), rate, sizeof(rate));
    /* CPU seconds per million operations are CPU microseconds per operation. */
    snprintf(cpu, sizeof(cpu), "%.3f", cell_cpu_ns(cell) / 1000);
    for (int i = 0; i < DUEL_PERCENTILES; i++) {
        if (row->waits) {
            bench_format_ns(cell_percentile_ns(cell, i), waits[i], sizeof(waits[i]));
        } else {
            snprintf(waits[i], sizeof(waits[i]), "-");
        }
    }
    printf("%-30s %8s %7s %7s %7s %8s %8s %8s %7s\n", row->label, ns, pairs, rate, cpu, waits[0],
           waits[1], waits[2], row->visible ? "yes" : "no");
}

static const char *threads_word(uint32_t threads) {
    return threads == 1 ? "thread" : "threads";
}

void duel_print_table(const struct duel *duel, int section, int threads) {
    const struct duel_cell *cells = duel->cells[section][threads];
    char title[96];
    snprintf(title, sizeof(title), "%u %s, section %u ns", duel->threads[threads],
             threads_word(duel->threads[threads]), duel->sections_ns[section]);
    printf("\n%-30s %8s %7s %7s %7s %8s %8s %8s %7s\n", title, "per op", "mp", "ops/s", "CPU s/M",
           "p50", "p99", "p99.9", "visible");
    for (int row = 0; row < DUEL_ROWS; row++) {
        print_row(&duel->rows[row], &cells[row]);
    }
    fflush(stdout);
}

/* ---- who wins where ----------------------------------------------------------------------- */

enum outcome { CLOSE, CHALLENGER, LOCK };

/* A challenger against the mutex, over all sections and thread counts. */
struct contest {
    double spread; /* A/A: differences below it are no win */
    enum outcome outcome[DUEL_THREAD_COUNTS][DUEL_SECTIONS];
};

/* A win must be larger than what the same row differs from itself: in general, and here. */
static enum outcome compare(const struct duel_cell *challenger, const struct duel_cell *lock,
                            double spread) {
    double here = fmax(duel_cell_spread(challenger), duel_cell_spread(lock));
    double a = duel_cell_ns(challenger), b = duel_cell_ns(lock);
    if (bench_spread(a, b) <= fmax(spread, here)) {
        return CLOSE;
    }
    return a < b ? CHALLENGER : LOCK;
}

static struct contest hold_contest(const struct duel *duel, enum duel_row_index challenger) {
    struct contest contest = {.spread = duel_rows_spread(duel, challenger, DUEL_MUTEX)};
    for (int threads = 0; threads < DUEL_THREAD_COUNTS; threads++) {
        for (int section = 0; section < DUEL_SECTIONS; section++) {
            const struct duel_cell *cells = duel->cells[section][threads];
            contest.outcome[threads][section] =
                compare(&cells[challenger], &cells[DUEL_MUTEX], contest.spread);
        }
    }
    return contest;
}

/* The corner "from so many threads and so long a section on" in which the outcome is everywhere the
 * same; the largest one. Returns its number of cells, 0 when there is none. */
static int find_corner(const struct contest *contest, enum outcome outcome, int *from_threads,
                       int *from_section) {
    int largest = 0;
    for (int t = 0; t < DUEL_THREAD_COUNTS; t++) {
        for (int s = 0; s < DUEL_SECTIONS; s++) {
            int cells = 0, same = 0;
            for (int tt = t; tt < DUEL_THREAD_COUNTS; tt++) {
                for (int ss = s; ss < DUEL_SECTIONS; ss++) {
                    cells++;
                    same += contest->outcome[tt][ss] == outcome;
                }
            }
            if (same == cells && cells > largest) {
                largest = cells;
                *from_threads = t;
                *from_section = s;
            }
        }
    }
    return largest;
}

/* A sentence under construction. */
struct text {
    char text[2048];
    size_t length;
};

#define PRINTF_LIKE __attribute__((format(printf, 2, 3)))

PRINTF_LIKE static void append(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int written =
        vsnprintf(text->text + text->length, sizeof(text->text) - text->length, format, arguments);
    va_end(arguments);
    if (written > 0) {
        text->length += (size_t)written;
        if (text->length >= sizeof(text->text)) {
            text->length = sizeof(text->text) - 1;
        }
    }
}

static void print_wrapped(const struct text *text) {
    char copy[sizeof(text->text)];
    memcpy(copy, text->text, sizeof(copy));
    int column = 0;
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        int width = (int)strlen(word);
        if (column > 0 && column + 1 + width > 100) {
            puts("");
            column = 0;
        }
        column += printf(column > 0 ? " %s" : "%s", word);
    }
    puts("");
}

/* "at every section", "from 200 ns on", "up to 50 ns", "at 0 and 5000 ns". */
static void append_sections(struct text *text, const struct duel *duel,
                            const enum outcome *outcomes, enum outcome wanted) {
    int count = 0, first = -1, last = -1;
    for (int s = 0; s < DUEL_SECTIONS; s++) {
        if (outcomes[s] == wanted) {
            first = first < 0 ? s : first;
            last = s;
            count++;
        }
    }
    bool together = last - first + 1 == count;
    if (count == DUEL_SECTIONS) {
        append(text, wanted == CLOSE ? "at any section" : "at every section");
    } else if (together && last == DUEL_SECTIONS - 1 && count > 1) {
        append(text, "from %u ns on", duel->sections_ns[first]);
    } else if (together && first == 0 && count > 1) {
        append(text, "up to %u ns", duel->sections_ns[last]);
    } else {
        append(text, "at");
        for (int s = first, n = 0; s <= last; s++) {
            if (outcomes[s] == wanted) {
                n++;
                const char *separator = n == 1 ? "" : n == count ? " and" : ",";
                append(text, "%s %u", separator, duel->sections_ns[s]);
            }
        }
        append(text, " ns");
    }
}

static bool has(const enum outcome *outcomes, enum outcome wanted) {
    for (int s = 0; s < DUEL_SECTIONS; s++) {
        if (outcomes[s] == wanted) {
            return true;
        }
    }
    return false;
}

/* What one number of threads (or several with the same outcomes) says. */
static void append_threads(struct text *text, const struct duel *duel, const char *challenger,
                           const enum outcome *outcomes) {
    static const enum outcome order[] = {CHALLENGER, LOCK, CLOSE};
    const char *separator = " ";
    for (int i = 0; i < 3; i++) {
        if (!has(outcomes, order[i])) {
            continue;
        }
        append(text, "%s", separator);
        if (order[i] == CLOSE) {
            append(text, "neither wins ");
        } else {
            append(text, "%s wins ", order[i] == CHALLENGER ? challenger : "the mutex");
        }
        append_sections(text, duel, outcomes, order[i]);
        separator = ", ";
    }
}

static bool same_outcomes(const enum outcome *a, const enum outcome *b) {
    return memcmp(a, b, DUEL_SECTIONS * sizeof(*a)) == 0;
}

static void append_details(struct text *text, const struct duel *duel, const char *challenger,
                           const struct contest *contest) {
    for (int begin = 0, end; begin < DUEL_THREAD_COUNTS; begin = end) {
        end = begin + 1;
        while (end < DUEL_THREAD_COUNTS &&
               same_outcomes(contest->outcome[begin], contest->outcome[end])) {
            end++;
        }
        append(text, "%s with %u", begin == 0 ? "" : ";", duel->threads[begin]);
        for (int t = begin + 1; t < end; t++) {
            append(text, "%s %u", t == end - 1 ? " or" : ",", duel->threads[t]);
        }
        append(text, " %s", threads_word(duel->threads[end - 1]));
        append_threads(text, duel, challenger, contest->outcome[begin]);
    }
}

static void print_contest(const struct duel *duel, const char *name,
                          enum duel_row_index challenger) {
    struct contest contest = hold_contest(duel, challenger);
    int threads = 0, section = 0, lock_threads = 0, lock_section = 0;
    int won = find_corner(&contest, CHALLENGER, &threads, &section);
    int lost = find_corner(&contest, LOCK, &lock_threads, &lock_section);
    struct text text = {.length = 0};
    if (won == 0 && lost == 0) {
        append(&text, "%s against mutex: no crossover that holds for all larger values;", name);
    } else if (won >= lost) {
        append(&text, "%s against mutex: from %u %s and a critical section of %u ns on, %s wins;",
               name, duel->threads[threads], threads_word(duel->threads[threads]),
               duel->sections_ns[section], name);
    } else {
        append(&text,
               "%s against mutex: from %u %s and a critical section of %u ns on, the mutex wins;",
               name, duel->threads[lock_threads], threads_word(duel->threads[lock_threads]),
               duel->sections_ns[lock_section]);
    }
    append_details(&text, duel, name, &contest);
    append(&text, ". (A/A: %.1f %%; smaller differences are no win.)", 100 * contest.spread);
    print_wrapped(&text);
}

/* ---- the summary -------------------------------------------------------------------------- */

static void print_summary(const struct duel *duel) {
    printf("\n%-12s", "mp per op");
    for (int s = 0; s < DUEL_SECTIONS; s++) {
        char title[32];
        snprintf(title, sizeof(title), "%u ns", duel->sections_ns[s]);
        printf("%17s", title);
    }
    printf("\n%-12s", "");
    for (int s = 0; s < DUEL_SECTIONS; s++) {
        printf("%7s%5s%5s", "mutex", "tell", "call");
    }
    puts("");
    for (int t = 0; t < DUEL_THREAD_COUNTS; t++) {
        printf("%3u %-8s", duel->threads[t], threads_word(duel->threads[t]));
        for (int s = 0; s < DUEL_SECTIONS; s++) {
            const struct duel_cell *cells = duel->cells[s][t];
            printf("%7.*f%5.*f%5.0f", s < 2, cell_pairs(&cells[DUEL_MUTEX]), s < 2,
                   cell_pairs(&cells[DUEL_TELL]), cell_pairs(&cells[DUEL_CALL]));
        }
        puts("");
    }
    puts("");
}

static void append_cost(struct text *text, const char *what, const struct duel_cell *cell) {
    char ns[32], pairs[32];
    bench_format_ns(duel_cell_ns(cell), ns, sizeof(ns));
    bench_format_count(cell_pairs(cell), pairs, sizeof(pairs));
    append(text, "%s %s (%s mp)", what, ns, pairs);
}

static void print_cost(const struct duel *duel) {
    /* Nothing but the increment: section 0; alone, and with a second thread in the way. */
    const struct duel_cell *alone = duel->cells[0][0], *two = duel->cells[0][1];
    double spread = duel_rows_spread(duel, DUEL_TELL, DUEL_MUTEX);
    enum outcome outcome = compare(&alone[DUEL_TELL], &alone[DUEL_MUTEX], spread);
    struct text text = {.length = 0};
    append(&text, "A message costs %s a lock here:",
           outcome == CHALLENGER ? "less than"
           : outcome == LOCK     ? "more than"
                                 : "about as much as");
    append_cost(&text, " a tell from an actor takes", &alone[DUEL_TELL]);
    append_cost(&text, ", from a thread", &alone[DUEL_TELL_FOREIGN]);
    append_cost(&text, " or through an outbox", &alone[DUEL_TELL_OUTBOX]);
    append_cost(&text, ", where an increment under a mutex takes", &alone[DUEL_MUTEX]);
    append_cost(&text, " alone and", &two[DUEL_MUTEX]);
    append(&text, " with two threads;");
    append_cost(&text, " a call, which waits for its answer, takes", &alone[DUEL_CALL]);
    append(&text, ".");
    print_wrapped(&text);
}

void duel_print_verdict(const struct duel *duel) {
    print_summary(duel);
    print_cost(duel);
    print_contest(duel, "tell", DUEL_TELL);
    print_contest(duel, "call", DUEL_CALL);
    printf("1 mp = %.1f ns. A/A: what the same row, measured twice, differs by in 9 of 10 cells.\n",
           duel->pair_ns);
    bench_others_print(duel->others_share, stdout);
    fflush(stdout);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void write_cell(struct bench_json *json, const struct duel *duel, int section, int threads,
                       int row) {
    const struct duel_cell *cell = &duel->cells[section][threads][row];
    if (!cell->measured) {
        return;
    }
    char name[96];
    snprintf(name, sizeof(name), "duel/%s/threads:%u/section_ns:%u", duel->rows[row].name,
             duel->threads[threads], duel->sections_ns[section]);
    bench_json_begin(json, NULL, '{');
    bench_json_text(json, "name", name);
    bench_json_text(json, "run_name", name);
    bench_json_text(json, "run_type", "iteration");
    bench_json_integer(json, "repetitions", DUEL_PASSES);
    bench_json_integer(json, "threads", duel->threads[threads]);
    bench_json_integer(json, "iterations", cell->operations);
    bench_json_number(json, "real_time", duel_cell_ns(cell));
    bench_json_number(json, "cpu_time", cell_cpu_ns(cell));
    bench_json_text(json, "time_unit", "ns");
    bench_json_number(json, "items_per_second", 1e9 / duel_cell_ns(cell));
    bench_json_number(json, "mp", cell_pairs(cell));
    bench_json_number(json, "mutex_pair_ns", cell->pair_ns);
    bench_json_number(json, "minimum", fmin(cell->ns[0], cell->ns[1]));
    bench_json_number(json, "median", duel_cell_ns(cell));
    bench_json_number(json, "aa_spread", duel_cell_spread(cell));
    bench_json_integer(json, "section_ns", duel->sections_ns[section]);
    bench_json_bool(json, "visible_on_return", duel->rows[row].visible);
    if (duel->rows[row].waits) {
        bench_json_number(json, "p50_ns", cell_percentile_ns(cell, 0));
        bench_json_number(json, "p99_ns", cell_percentile_ns(cell, 1));
        bench_json_number(json, "p99_9_ns", cell_percentile_ns(cell, 2));
    }
    bench_json_end(json, '}');
}

bool duel_write_json(const struct duel *duel, const char *path) {
    struct bench_json json;
    if (!bench_json_open(&json, path)) {
        return false;
    }
    struct bench_machine machine;
    bench_machine_read(&machine);
    bench_json_begin(&json, NULL, '{');
    double spread = duel_rows_spread(duel, DUEL_TELL, DUEL_MUTEX);
    bench_json_context(&json, &machine, spread, duel->pair_ns, duel->others_share);
    bench_json_begin(&json, "benchmarks", '[');
    for (int section = 0; section < DUEL_SECTIONS; section++) {
        for (int threads = 0; threads < DUEL_THREAD_COUNTS; threads++) {
            for (int row = 0; row < DUEL_ROWS; row++) {
                write_cell(&json, duel, section, threads, row);
            }
        }
    }
    bench_json_end(&json, ']');
    bench_json_end(&json, '}');
    return bench_json_close(&json);
}
