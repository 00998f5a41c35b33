/* SPDX-License-Identifier: MIT
 * The counter duel: the plan (duel.h).
 *
 * For each section and thread count: find a size for every row that takes its part of the time,
 * then measure all rows, then all rows again, four times. The better of passes 1 and 3 is one
 * measurement of a row, the better of 2 and 4 another: the better one, because what else runs on
 * the machine only ever makes a row slower. The two are as far apart in time as those of different
 * rows are, and so their difference (the A/A spread) is what a difference between rows has to beat.
 * The yardstick is measured before, between and after.
 *
 * The time left is divided anew before each pair of section and thread count, so that the whole
 * ends when it should, whatever single cells took. A cell that takes far longer than planned is
 * stopped early: it did fewer operations, and its total is checked all the same.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "bench/duel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/report.h"

#define FIRST_OPERATIONS 640
#define TRIAL_NS TR_MILLISECONDS(3) /* a trial this long says how many operations fit */
#define BUDGET_MIN_NS TR_MILLISECONDS(5)
#define BUDGET_MAX_NS TR_SECONDS(2)
#define LIMIT_FACTOR 3 /* times its budget, then a cell is stopped */
#define PAIR_SAMPLES 5
#define PAIR_ROUNDS (DUEL_PASSES + 1)
#define PAIRS (DUEL_SECTIONS * DUEL_THREAD_COUNTS)
#define CLOCK_READS_NS 50.0 /* two of them: what timing one operation costs */
#define SAMPLING_SHARE 0.01 /* of the time may go into that */
#define WORK_TRIAL_STEPS 100000

static const struct duel_row rows[DUEL_ROWS] = {
    [DUEL_MUTEX] = {"pthread mutex", "mutex", duel_run_mutex, true, true, false, false},
    [DUEL_MUTEX_64] = {"  held for 64 increments", "mutex_64", duel_run_mutex_64, true, false,
                       false, false},
    [DUEL_SPIN] = {"spin lock", "spin", duel_run_spin, true, true, false, false},
    [DUEL_TICKET] = {"ticket lock", "ticket", duel_run_ticket, true, true, false, false},
    [DUEL_RWLOCK] = {"rwlock, 90 % reads", "rwlock", duel_run_rwlock, true, true, false, false},
    [DUEL_ATOMIC] = {"atomic add", "atomic", duel_run_atomic, false, true, false, true},
    [DUEL_PER_THREAD] = {"per thread, merged at the end", "per_thread", duel_run_per_thread, false,
                         false, false, false},
    [DUEL_TELL] = {"tell from actors", "tell", duel_run_tell, false, false, false, false},
    [DUEL_TELL_FLUSHED] = {"  flushed each", "tell_flushed", duel_run_tell_flushed, false, false,
                           false, false},
    [DUEL_TELL_FOREIGN] = {"tell from threads", "tell_foreign", duel_run_tell_foreign, false, false,
                           false, false},
    [DUEL_TELL_OUTBOX] = {"  through an outbox", "tell_outbox", duel_run_tell_outbox, false, false,
                          false, false},
    [DUEL_CALL] = {"call from threads", "call", duel_run_call, true, true, true, false},
    [DUEL_SHARDED] = {"tell to sharded actors", "sharded", duel_run_sharded, false, false, false,
                      false},
};

/* What is needed while it runs. */
struct plan {
    struct duel *duel;
    struct bench_progress progress;
    int64_t *samples_ns;
    int64_t end_ns;
    int finished; /* pairs of section and thread count */
    double pairs_ns[PAIRS * PAIR_ROUNDS * PAIR_SAMPLES];
    uint32_t pair_count;
};

double duel_cell_ns(const struct duel_cell *cell) {
    return (cell->ns[0] + cell->ns[1]) / 2;
}

double duel_cell_spread(const struct duel_cell *cell) {
    return bench_spread(cell->ns[0], cell->ns[1]);
}

/* ---- preparation -------------------------------------------------------------------------- */

/* Nanoseconds of one step of work: the fastest of some trials. */
static double measure_step_ns(void) {
    double step_ns = INFINITY;
    volatile uint64_t sink = DUEL_WORK_START;
    for (int trial = 0; trial < 20; trial++) {
        int64_t begin_ns = bench_now_ns();
        sink = duel_work(sink, WORK_TRIAL_STEPS);
        step_ns = fmin(step_ns, (double)(bench_now_ns() - begin_ns) / WORK_TRIAL_STEPS);
    }
    return step_ns;
}

static void measure_pairs(struct plan *plan) {
    for (int i = 0; i < PAIR_SAMPLES; i++) {
        plan->pairs_ns[plan->pair_count++] = bench_mutex_pair_ns();
    }
}

/* ---- one cell ----------------------------------------------------------------------------- */

/* Where in the duel we are. */
struct place {
    int section;
    int threads;
    int row;
};

static void show_progress(struct plan *plan, const struct place *place, const char *what) {
    const struct duel *duel = plan->duel;
    char line[128];
    snprintf(line, sizeof(line), "duel %d of %d: %u thread%s, section %u ns: %s %s",
             plan->finished + 1, PAIRS, duel->threads[place->threads],
             duel->threads[place->threads] == 1 ? "" : "s", duel->sections_ns[place->section], what,
             rows[place->row].label);
    bench_progress_show(&plan->progress, line);
}

static struct duel_attempt attempt_at(const struct plan *plan, const struct place *place,
                                      uint64_t operations, int64_t budget_ns) {
    const struct duel *duel = plan->duel;
    double operation_ns = duel->sections_ns[place->section] + 15.0;
    double every = CLOCK_READS_NS / SAMPLING_SHARE / operation_ns;
    if (place->row == DUEL_MUTEX_64) {
        every /= 64;
    }
    bool each = rows[place->row].call || every < 1;
    return (struct duel_attempt){
        .threads = duel->threads[place->threads],
        .steps = duel->steps[place->section],
        .workers = duel->workers,
        .sample_every = each ? 1 : (uint32_t)every | 1, /* odd: in step with nothing */
        .operations = operations,
        .limit_ns = LIMIT_FACTOR * budget_ns,
        .samples_ns = plan->samples_ns,
    };
}

static bool attempt_right(struct plan *plan, const struct place *place,
                          const struct duel_attempt *attempt) {
    if (attempt->run.error[0] == '\0') {
        return true;
    }
    bench_progress_clear(&plan->progress);
    printf("WRONG %s with %u threads and a section of %u ns: %s\n", rows[place->row].name,
           plan->duel->threads[place->threads], plan->duel->sections_ns[place->section],
           attempt->run.error);
    return false;
}

/* Finds how many operations fit into the budget; false when a total was wrong. */
static bool find_size(struct plan *plan, const struct place *place, int64_t budget_ns,
                      uint64_t *operations) {
    uint64_t trial = FIRST_OPERATIONS;
    for (;;) {
        struct duel_attempt attempt = attempt_at(plan, place, trial, budget_ns);
        rows[place->row].run(&attempt);
        if (!attempt_right(plan, place, &attempt)) {
            return false;
        }
        double wall_ns = (double)attempt.run.wall_ns;
        if (attempt.run.wall_ns >= TRIAL_NS || attempt.abandoned) {
            *operations = (uint64_t)((double)attempt.run.operations * (double)budget_ns / wall_ns);
            *operations = *operations < FIRST_OPERATIONS ? FIRST_OPERATIONS : *operations;
            return true;
        }
        /* Aims above the limit, but not far: a short trial says little. */
        double factor = fmin(16, 1.5 * (double)TRIAL_NS / wall_ns);
        trial = (uint64_t)((double)trial * fmax(2, factor));
    }
}

static bool measure_cell(struct plan *plan, const struct place *place, int pass,
                         uint64_t operations, int64_t budget_ns) {
    struct duel_attempt attempt = attempt_at(plan, place, operations, budget_ns);
    rows[place->row].run(&attempt);
    struct duel_cell *cell = &plan->duel->cells[place->section][place->threads][place->row];
    int side = pass % DUEL_SIDES;
    if (pass < DUEL_SIDES || attempt.run.value < cell->ns[side]) {
        cell->measured = true;
        cell->operations = attempt.run.operations;
        cell->ns[side] = attempt.run.value;
        cell->cpu_ns[side] = (double)attempt.run.cpu_ns / (double)attempt.run.operations;
        for (int i = 0; i < DUEL_PERCENTILES; i++) {
            cell->percentiles_ns[side][i] = (double)attempt.percentiles_ns[i];
        }
    }
    return attempt_right(plan, place, &attempt);
}

/* ---- all rows of one section and thread count --------------------------------------------- */

static int rows_of(const struct duel *duel, int section) {
    int count = 0;
    for (int row = 0; row < DUEL_ROWS; row++) {
        count += duel->sections_ns[section] == 0 || !rows[row].section_free;
    }
    return count;
}

/* What each measurement of this pair may take: its part of the time that is left. */
static int64_t budget(const struct plan *plan, int section) {
    /* Trials, starting and stopping take a part too: about that of half a measurement. */
    double parts = rows_of(plan->duel, section) * (DUEL_PASSES + 0.5);
    int64_t left_ns = (plan->end_ns - bench_now_ns()) / (PAIRS - plan->finished);
    int64_t budget_ns = (int64_t)((double)left_ns / parts);
    return budget_ns < BUDGET_MIN_NS   ? BUDGET_MIN_NS
           : budget_ns > BUDGET_MAX_NS ? BUDGET_MAX_NS
                                       : budget_ns;
}

static bool measure_pair(struct plan *plan, int section, int threads) {
    struct duel *duel = plan->duel;
    int64_t budget_ns = budget(plan, section);
    uint32_t first_pair = plan->pair_count;
    uint64_t operations[DUEL_ROWS];
    measure_pairs(plan);
    for (int pass = -1; pass < DUEL_PASSES; pass++) {
        for (int row = 0; row < DUEL_ROWS; row++) {
            struct place place = {section, threads, row};
            if (rows[row].section_free && duel->sections_ns[section] > 0) {
                continue;
            }
            show_progress(plan, &place, pass < 0 ? "sizing" : "measuring");
            bool right = pass < 0 ? find_size(plan, &place, budget_ns, &operations[row])
                                  : measure_cell(plan, &place, pass, operations[row], budget_ns);
            if (!right) {
                return false;
            }
        }
        if (pass >= 0) {
            measure_pairs(plan);
        }
    }
    double pair_ns = bench_median(plan->pairs_ns + first_pair, plan->pair_count - first_pair);
    for (int row = 0; row < DUEL_ROWS; row++) {
        duel->cells[section][threads][row].pair_ns = pair_ns;
    }
    plan->finished++;
    bench_progress_clear(&plan->progress);
    duel_print_table(duel, section, threads);
    return true;
}

/* ---- the whole ---------------------------------------------------------------------------- */

double duel_rows_spread(const struct duel *duel, enum duel_row_index a, enum duel_row_index b) {
    double spreads[2 * PAIRS];
    uint32_t count = 0;
    for (int section = 0; section < DUEL_SECTIONS; section++) {
        for (int threads = 0; threads < DUEL_THREAD_COUNTS; threads++) {
            const struct duel_cell *cells = duel->cells[section][threads];
            spreads[count++] = duel_cell_spread(&cells[a]);
            spreads[count++] = duel_cell_spread(&cells[b]);
        }
    }
    bench_median(spreads, count); /* sorts */
    return spreads[count * 9 / 10];
}

static bool measure_all(struct plan *plan) {
    for (int section = 0; section < DUEL_SECTIONS; section++) {
        for (int threads = 0; threads < DUEL_THREAD_COUNTS; threads++) {
            if (!measure_pair(plan, section, threads)) {
                return false;
            }
        }
    }
    plan->duel->pair_ns = bench_median(plan->pairs_ns, plan->pair_count);
    return true;
}

static void print_head(const struct duel *duel, uint32_t seconds) {
    struct bench_machine machine;
    bench_machine_read(&machine);
    bench_machine_print(&machine, stdout);
    printf(
        "Counter duel: one total, incremented by 1 to %d threads (or producing actors, on %u "
        "workers).\n"
        "Section: dependent work on the protected data with each increment. mp: mutex pairs, one\n"
        "uncontended lock + increment + unlock. p50, p99, p99.9: how long an operation took, for\n"
        "the rows that wait. Visible: the increment can be read when the operation returns.\n"
        "Every total is checked. About %u seconds.\n",
        DUEL_THREADS_MAX, duel->workers, seconds);
    fflush(stdout);
}

int bench_duel(const struct bench_options *options) {
    struct bench_json probe;
    if (!bench_json_open(&probe, options->json_path)) {
        return 2; /* better now than in two minutes */
    }
    bench_json_close(&probe);
    struct duel *duel = calloc(1, sizeof(*duel));
    struct plan *plan = calloc(1, sizeof(*plan));
    int64_t *samples_ns = calloc((size_t)DUEL_THREADS_MAX * DUEL_SAMPLES, sizeof(*samples_ns));
    if (duel == NULL || plan == NULL || samples_ns == NULL) {
        fputs("troupe-bench: no memory for the duel\n", stderr);
        free(samples_ns);
        free(plan);
        free(duel);
        return 1;
    }
    *duel = (struct duel){
        .rows = rows,
        .workers = options->workers,
        .threads = {1, 2, 4, 10},
        .sections_ns = {0, 50, 200, 1000, 5000},
    };
    bench_several_threads();
    print_head(duel, options->seconds);
    double step_ns = measure_step_ns();
    for (int section = 0; section < DUEL_SECTIONS; section++) {
        duel->steps[section] = (uint32_t)(duel->sections_ns[section] / step_ns + 0.5);
    }
    plan->duel = duel;
    plan->samples_ns = samples_ns;
    plan->end_ns = bench_now_ns() + TR_SECONDS(options->seconds);
    bench_progress_init(&plan->progress);

    struct bench_others others;
    bench_others_begin(&others);
    int status = 1;
    if (measure_all(plan)) {
        duel->others_share = bench_others_share(&others);
        duel_print_verdict(duel);
        status = duel_write_json(duel, options->json_path) ? 0 : 2;
    }
    free(samples_ns);
    free(plan);
    free(duel);
    return status;
}
