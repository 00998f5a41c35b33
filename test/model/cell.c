/* SPDX-License-Identifier: MIT
 * Model of runtime/cell.h: one caller that uses the same cell again and again and does not always
 * wait, two threads that answer every request they see, also late. Each use is answered or
 * abandoned, never both; what a use returns was filled in for that very use, whole.
 */
#include "runtime/cell.h"

#define MODEL_THREADS 3
#include "test/model/model.h"

enum { CALLS = MODEL_BOUND(24, 2), ANSWERS = MODEL_BOUND(48, 2), PATIENCE = MODEL_BOUND(20, 0) };
enum { ANSWERED = 1, ABANDONED, GAVE_UP_TOO_LATE, LATE_REPLY, OLD_REPLY };

static const char *const model_events[] = {
    "",
    "a call was answered",
    "a call was abandoned",
    "the caller wanted to give up while it was being filled",
    "a reply came too late",
    "a reply came when the cell was in its next use",
    NULL,
};
static const int model_must = OLD_REPLY;

static struct tri_cell cell;
static _Atomic uint32_t request;            /* the generation that waits for an answer */
static int fills[MODEL_THREADS][CALLS + 1]; /* each its thread's own: answers by generation */
static bool got[CALLS + 1];                 /* the caller's, by generation */
static uint32_t uses;                       /* the caller's */

static void take(uint32_t generation) {
    assert(cell.status == (int32_t)generation); /* neither an older answer nor half of one */
    assert(cell.reply == &fills[0][generation]);
    got[generation] = true;
    tri_cell_close(&cell, generation);
}

static void call(void) {
    uint32_t generation = tri_cell_open(&cell);
    uses++;
    assert(generation == uses); /* a new one each time */
    uint32_t done = tri_cell_word(generation, TRI_CELL_DONE);
    /* Release: as the request's way through a mailbox. */
    atomic_store_explicit(&request, generation, memory_order_release);
    for (uint32_t turns = model_choose(0, PATIENCE); turns > 0; turns--) {
        if (tri_cell_look(&cell) == done) break;
        model_delay(0);
    }
    if (tri_cell_look(&cell) == done) {
        model_saw(ANSWERED);
        take(generation);
    } else if (tri_cell_abandon(&cell, generation)) {
        model_saw(ABANDONED);
    } else {
        model_saw(GAVE_UP_TOO_LATE);
        while (tri_cell_look(&cell) != done) model_relax();
        take(generation);
    }
}

static void answer(int me, uint32_t generation) {
    if (!tri_cell_claim(&cell, generation)) {
        bool next = tri_cell_look(&cell) >> 2 != generation;
        model_saw(next ? OLD_REPLY : LATE_REPLY);
        return;
    }
    cell.reply = &fills[0][generation];
    model_delay(me);
    cell.status = (int32_t)generation;
    fills[me][generation]++;
    tri_cell_finish(&cell, generation);
}

static void model_reset(void) {
    atomic_init(&cell.state, 0);
    atomic_init(&request, 0);
    uses = 0;
    for (int n = 0; n <= CALLS; n++) {
        got[n] = false;
        for (int i = 0; i < MODEL_THREADS; i++) fills[i][n] = 0;
    }
}

static void model_thread(int me) {
    for (int i = 0; me == 0 && i < CALLS; i++) {
        call();
        model_delay(0);
    }
    for (int i = 0; me != 0 && i < ANSWERS; i++) {
        /* Acquire: the request's other end. */
        uint32_t generation = atomic_load_explicit(&request, memory_order_acquire);
        model_delay(me);
        if (generation != 0) answer(me, generation);
    }
}

static void model_check(void) {
    for (int n = 1; n <= CALLS; n++) {
        int answers = fills[0][n] + fills[1][n] + fills[2][n];
        assert(answers == (got[n] ? 1 : 0));
    }
    assert((tri_cell_look(&cell) & 3) == TRI_CELL_FREE);
}
