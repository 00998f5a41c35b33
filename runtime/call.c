/* SPDX-License-Identifier: MIT
 * Calls from foreign threads: a request whose sender is a reply cell (cell.h). */
#include "runtime/core.h"

#include <string.h>

#include "base/clock.h"

/* Looks at the cell this often before the caller sleeps: a few microseconds. */
#define SPIN_TURNS 200

/* ---- cells -------------------------------------------------------------------------------- */

static struct tri_cell *cell_make(struct tr_runtime *rt, tr_status *status) {
    if (rt->cell_count >= rt->config.max_calls) {
        *status = TR_LIMIT;
        return NULL;
    }
    struct tri_cell *cell = tri_alloc_zero(&rt->allocator, TRI_LINE, sizeof *cell);
    if (cell == NULL) {
        *status = TR_NOMEM;
        return NULL;
    }
    cell->index = rt->cell_count;
    /* ORDER release: pairs with find_cell. */
    atomic_store_explicit(&rt->cell_index[rt->cell_count++], cell, memory_order_release);
    return cell;
}

static struct tri_cell *cell_take(struct tr_runtime *rt, tr_status *status) {
    pthread_mutex_lock(&rt->lock);
    struct tri_cell *cell = rt->free_cells;
    if (cell != NULL)
        rt->free_cells = cell->next;
    else
        cell = cell_make(rt, status);
    pthread_mutex_unlock(&rt->lock);
    return cell;
}

static void cell_put(struct tr_runtime *rt, struct tri_cell *cell) {
    pthread_mutex_lock(&rt->lock);
    cell->next = rt->free_cells;
    rt->free_cells = cell;
    pthread_mutex_unlock(&rt->lock);
}

void tri_cells_fini(struct tr_runtime *rt) {
    for (uint32_t i = 0; i < rt->cell_count; i++) /* ORDER relaxed: nobody else is left. */
        tri_free(&rt->allocator, atomic_load_explicit(&rt->cell_index[i], memory_order_relaxed),
                 sizeof(struct tri_cell));
}

static struct tri_cell *find_cell(struct tr_runtime *rt, uint64_t id) {
    uint32_t index = (uint32_t)((id & ~TRI_CELL_BIT) >> 32);
    if (index >= rt->config.max_calls) return NULL;
    /* ORDER acquire: pairs with cell_make. */
    return atomic_load_explicit(&rt->cell_index[index], memory_order_acquire);
}

tr_status tri_call_answer(struct tr_runtime *rt, uint64_t id, struct tri_record *reply,
                          tr_status status) {
    struct tri_cell *cell = find_cell(rt, id);
    uint32_t generation = (uint32_t)id;
    if (cell == NULL || !tri_cell_claim(cell, generation)) return TR_TIMEOUT;
    cell->reply = reply;
    cell->status = status;
    tri_cell_finish(cell, generation);
    tri_os_wake(&cell->state, 1);
    return TR_OK;
}

void tri_calls_abandon(struct tr_runtime *rt) {
    pthread_mutex_lock(&rt->lock);
    for (uint32_t i = 0; i < rt->cell_count; i++) {
        /* ORDER relaxed: written under the lock. */
        struct tri_cell *cell = atomic_load_explicit(&rt->cell_index[i], memory_order_relaxed);
        uint32_t generation = tri_cell_look(cell) >> 2;
        (void)tri_call_answer(rt, TRI_CELL_BIT | (uint64_t)i << 32 | generation, NULL, TR_STOPPING);
    }
    pthread_mutex_unlock(&rt->lock);
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* Until the cell is answered (true) or the deadline has passed and the cell is abandoned (false).
 */
static bool cell_wait(struct tri_cell *cell, uint32_t generation, int64_t timeout_ns) {
    uint32_t done = tri_cell_word(generation, TRI_CELL_DONE), word;
    for (int turn = 0; turn < SPIN_TURNS; turn++) {
        if (tri_cell_look(cell) == done) return true;
        TRI_PAUSE();
    }
    uint64_t start = tri_clock_ns();
    while ((word = tri_cell_look(cell)) != done) {
        int64_t left = -1;
        if (timeout_ns >= 0) {
            left = timeout_ns - (int64_t)(tri_clock_ns() - start);
            if (left <= 0 && tri_cell_abandon(cell, generation)) return false;
            if (left <= 0) left = -1; /* it is being filled: done in a moment */
        }
        tri_os_wait(&cell->state, word, left);
    }
    return true;
}

/* Opens a cell; its id is what the request carries as sender. */
static struct tri_cell *call_open(struct tr_runtime *rt, uint64_t *id, tr_status *status) {
    if (tri_self_here(rt) != NULL) {
        *status = TR_WOULD_DEADLOCK;
        return NULL;
    }
    struct tri_cell *cell = cell_take(rt, status);
    if (cell != NULL) *id = TRI_CELL_BIT | (uint64_t)cell->index << 32 | tri_cell_open(cell);
    return cell;
}

/* Waits for the answer of an open cell, closes it, hands the reply over. */
static tr_status call_close(struct tr_runtime *rt, struct tri_cell *cell, uint64_t id,
                            int64_t timeout_ns, struct tri_record **reply) {
    uint32_t generation = (uint32_t)id;
    tr_status status = TR_TIMEOUT;
    *reply = NULL;
    if (cell_wait(cell, generation, timeout_ns)) {
        status = (tr_status)cell->status;
        *reply = cell->reply;
        tri_cell_close(cell, generation);
    }
    cell_put(rt, cell);
    return status;
}

/* The request was not sent: nobody will answer. */
static void call_cancel(struct tr_runtime *rt, struct tri_cell *cell, uint64_t id) {
    (void)tri_cell_abandon(cell, (uint32_t)id);
    cell_put(rt, cell);
}

static tr_status take_reply(struct tri_record *record, const tr_message_type *type, void *reply,
                            size_t reply_bytes) {
    if (!tr_message_type_equal(record->type, type)) return TR_WRONG_TYPE;
    size_t bytes = tri_record_bytes(record);
    if (bytes > reply_bytes) return TR_TOO_LARGE;
    if (bytes != 0) memcpy(reply, tri_record_payload(record), bytes);
    return TR_OK;
}

tr_status tr_foreign_call(tr_runtime *rt, tr_ref to, int64_t timeout_ns,
                          const tr_message_type *reply_type, void *reply, size_t reply_bytes,
                          const tr_message_type *type, const void *payload, size_t bytes) {
    if (rt == NULL || reply_type == NULL) return TR_INVALID;
    if (reply_type->size_bytes == 0 && !reply_type->raw) reply_bytes = 0;
    if (!reply_type->raw && reply_bytes != reply_type->size_bytes) return TR_INVALID;
    if (reply == NULL && reply_bytes != 0) return TR_INVALID;
    if (type != NULL && type->size_bytes == 0 && !type->raw) bytes = 0;
    tr_status status = tri_check_send(rt, to, type, payload, bytes);
    if (status != TR_OK) return status;
    if (to.id & TRI_CELL_BIT)
        return TR_NO_ACTOR; /* the address of a call, which only takes a reply */
    uint64_t id;
    struct tri_cell *cell = call_open(rt, &id, &status);
    if (cell == NULL) return status;
    status = tri_foreign_post(rt, to, id, false, type, payload, bytes);
    if (status != TR_OK) {
        call_cancel(rt, cell, id);
        return status;
    }
    struct tri_record *record;
    status = call_close(rt, cell, id, timeout_ns, &record);
    if (record != NULL) {
        status = take_reply(record, reply_type, reply, reply_bytes);
        tri_pool_free_record(&rt->pool, record);
    }
    return status;
}

tr_status tr_spawn_wait(tr_runtime *rt, const tr_behavior *behavior, const void *arg,
                        int64_t timeout_ns, tr_ref *actor) {
    if (rt == NULL || actor == NULL) return TR_INVALID;
    tr_status status = tri_check_behavior(behavior);
    if (status != TR_OK) return status;
    uint64_t id;
    struct tri_cell *cell = call_open(rt, &id, &status);
    if (cell == NULL) return status;
    tr_ref made;
    status = tri_foreign_make(rt, behavior, arg, id, &made);
    if (status != TR_OK) {
        call_cancel(rt, cell, id);
        return status;
    }
    struct tri_record *none;
    status = call_close(rt, cell, id, timeout_ns, &none);
    if (status == TR_OK || status == TR_TIMEOUT) *actor = made;
    return status;
}
