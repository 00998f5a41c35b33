/* SPDX-License-Identifier: MIT
 * Dead letters: counted always, remembered when that is cheap, logged at most once a second. */
#include "runtime/core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const char *const reason_texts[TR_DEAD_REASONS] = {
    "the actor had ended", "the actor ended with it queued", "the reply had nowhere to go",
    "the reply came too late"};

static void log_dead(struct tr_runtime *rt, const tr_dead_letter *letter) {
    if (rt->config.log == NULL) return;
    uint64_t now = tri_clock_ns();
    if (rt->dead_logged_ns != 0 && now - rt->dead_logged_ns < UINT64_C(1000000000)) return;
    rt->dead_logged_ns = now;
    char to[TR_REF_TEXT_BYTES], line[192];
    tr_ref_format(letter->to, to, sizeof to);
    snprintf(line, sizeof line, "troupe: dead letter %s to %s: %s (%" PRIu64 " seen so far)",
             letter->type->name, to, reason_texts[letter->reason], rt->dead_seen);
    rt->config.log(rt->config.log_context, line);
}

void tri_dead(struct tr_runtime *rt, struct tri_counters *counters, uint64_t to,
              const tr_message_type *type, uint64_t sender, tr_dead_reason reason) {
    if (sender & TRI_CELL_BIT) (void)tri_call_answer(rt, sender, NULL, TR_NO_ACTOR);
    if (tri_is_signal(type)) return;
    tri_count_add(&counters->dead[reason], 1);
    if (to == 0 || pthread_mutex_trylock(&rt->dead_lock) != 0) return;
    tr_dead_letter *letter = &rt->dead_ring[rt->dead_seen++ % TRI_DEAD_RING];
    *letter = (tr_dead_letter){{rt->node, to}, type, (uint32_t)reason, 0};
    log_dead(rt, letter);
    pthread_mutex_unlock(&rt->dead_lock);
}

bool tri_list_bury(struct tr_runtime *rt, struct tri_counters *counters, struct tri_arena *arena,
                   struct tri_list *list, uint32_t slot_index, tr_dead_reason reason,
                   uint32_t most) {
    for (; list->count > 0 && most > 0; most--) {
        struct tri_record *record = tri_list_pop(list);
        uint64_t to =
            slot_index == UINT32_MAX ? 0 : (uint64_t)slot_index << 32 | record->generation;
        tri_dead(rt, counters, to, record->type, record->sender, reason);
        tri_record_free(arena, record);
    }
    return list->count > 0;
}

size_t tr_runtime_dead_letters(tr_runtime *rt, tr_dead_letter *letters, size_t count) {
    if (rt == NULL || letters == NULL) return 0;
    pthread_mutex_lock(&rt->dead_lock);
    uint64_t have = rt->dead_seen < TRI_DEAD_RING ? rt->dead_seen : TRI_DEAD_RING;
    if (count > have) count = (size_t)have;
    for (size_t i = 0; i < count; i++)
        letters[i] = rt->dead_ring[(rt->dead_seen - 1 - i) % TRI_DEAD_RING];
    pthread_mutex_unlock(&rt->dead_lock);
    return count;
}
