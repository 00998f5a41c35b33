/* SPDX-License-Identifier: MIT
 * What a handler may ask and do about itself. */
#include "runtime/core.h"

tr_ref tr_self_ref(const tr_self *self) {
    return (tr_ref){self->node, self->id};
}

tr_ref tr_sender(const tr_self *self) {
    const struct tri_record *record = self->record;
    if (record == NULL || self->terminated || record->sender == 0 || tri_is_signal(record->type))
        return TR_NULL;
    return (tr_ref){self->node, record->sender};
}

tr_runtime *tr_self_runtime(const tr_self *self) {
    return self->rt;
}

const tr_message_type *tr_message_type_of(const tr_self *self) {
    if (self->record == NULL || self->terminated || tri_is_signal(self->record->type)) return NULL;
    return self->record->type;
}

size_t tr_message_bytes(const tr_self *self) {
    return tr_message_type_of(self) != NULL ? tri_record_bytes(self->record) : 0;
}

void tri_self_set_reason(tr_self *self, tr_reason reason) {
    if (self->exiting) return;
    self->exiting = true;
    self->reason = reason;
}

void tr_exit(tr_self *self, tr_reason reason) {
    tri_self_set_reason(self, reason);
}

tr_status tr_self_stop(tr_self *self, tr_ref actor) {
    return tri_self_send_slow(self, actor, &tri_signal_stop, NULL, 0);
}

tr_status tr_self_kill(tr_self *self, tr_ref actor) {
    return tri_foreign_mark(self->rt, actor);
}
