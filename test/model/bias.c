/* SPDX-License-Identifier: MIT
 * Model of scheduler/bias.h: the owner's plain accesses against a revoker's.
 *
 * The owner enters, works on the worker's state (plain), leaves, runs user code, enters again. The
 * revoker asks for the worker, and when it finds the owner outside it takes it for good; otherwise
 * it takes the question back. The third thread only leaves hints. The state is written by one side
 * at a time (else a data race and a lost update), and after a take-over only by the revoker.
 *
 * A checker runs it with fences. Natively every other round uses membarrier(2) where it exists.
 */
#include "scheduler/bias.h"

#define MODEL_THREADS 3
#include "test/model/model.h"

#ifdef MODEL
#define BARRIER() atomic_thread_fence(memory_order_seq_cst)
static bool model_fence(void) {
    return true;
}
#else
#define BARRIER() tri_os_barrier()
static bool model_fence(void) {
    static int ready = -1;
    if (ready < 0) ready = tri_os_barrier_ready();
    return !ready || model_round() % 2 == 0;
}
#endif

enum { TURNS = MODEL_BOUND(24, 2), TRIES = MODEL_BOUND(6, 1), PAUSES = MODEL_BOUND(8, 0) };
enum { TAKEN = 1, QUESTION_BACK, OWNER_KEPT, OWNER_LOST, WAITED_FOR_LEAVE };

static const char *const model_events[] = {
    "",
    "the revoker took the worker",
    "the revoker took its question back",
    "the owner found the question and kept the worker",
    "the owner found that it had lost the worker",
    "the revoker waited until the owner left",
    NULL,
};
static const int model_must = WAITED_FOR_LEAVE;

static struct tri_bias bias;
static bool fence; /* constant in a round */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool gone; /* under the lock */
/* The worker's state: the owner's while it is inside, the revoker's once it has taken it. */
static int state;
static int owner_sum, revoker_sum; /* each its thread's own */

static bool enter_slow(void) {
    tri_bias_leave(&bias);
    pthread_mutex_lock(&lock);
    bool mine = !gone;
    if (mine) tri_bias_enter(&bias);
    pthread_mutex_unlock(&lock);
    model_saw(mine ? OWNER_KEPT : OWNER_LOST);
    return mine;
}

static void owner(void) {
    for (int i = 0; i < TURNS; i++) {
        bool quick = i % 2 == 1 && tri_bias_enter_quick(&bias);
        if (!quick && (tri_bias_enter(&bias) & TRI_ATTENTION_REVOKE) && !enter_slow()) return;
        int before = state;
        tri_bias_clear(&bias, TRI_ATTENTION_HUNGRY);
        model_delay(0);
        state = before + 1;
        owner_sum++;
        tri_bias_leave(&bias);
        model_delay(0);
    }
}

/* As revoke in scheduler/watch.c. Under the lock. */
static bool try_to_revoke(void) {
    tri_bias_signal(&bias, TRI_ATTENTION_REVOKE);
    if (fence)
        atomic_thread_fence(memory_order_seq_cst);
    else
        BARRIER();
    bool waited = false;
    for (uint32_t turns = model_choose(1, PAUSES); turns > 0 && tri_bias_is_inside(&bias);
         turns--) {
        waited = true;
        model_delay(1);
    }
    if (!tri_bias_is_inside(&bias)) {
        if (waited) model_saw(WAITED_FOR_LEAVE);
        return true;
    }
    model_delay(1);
    tri_bias_clear(&bias, TRI_ATTENTION_REVOKE);
    model_saw(QUESTION_BACK);
    return false;
}

static void revoker(void) {
    for (int i = 0; i < TRIES && !gone; i++) {
        model_delay(1);
        pthread_mutex_lock(&lock);
        if (try_to_revoke()) gone = true;
        pthread_mutex_unlock(&lock);
    }
    for (int i = 0; gone && i < 2; i++) { /* a spare thread is the worker now */
        int before = state;
        model_delay(1);
        state = before + 1;
        revoker_sum++;
    }
    if (gone) model_saw(TAKEN);
}

static void model_reset(void) {
    fence = model_fence();
    atomic_init(&bias.attention, fence ? TRI_ATTENTION_FENCE : 0);
    atomic_init(&bias.inside, 0);
    gone = false;
    state = owner_sum = revoker_sum = 0;
}

static void model_thread(int me) {
    if (me == 0) owner();
    if (me == 1) revoker();
    for (int i = 0; me == 2 && i < MODEL_BOUND(8, 1); i++) {
        tri_bias_signal(&bias, TRI_ATTENTION_HUNGRY);
        model_delay(2);
    }
}

static void model_check(void) {
    assert(state == owner_sum + revoker_sum);
    assert(gone ? revoker_sum == 2 : owner_sum == TURNS);
}
