/* SPDX-License-Identifier: MIT
 * Exit reasons and message types as values; see troupe/actor.h and troupe/message.h. */
#include <stdio.h>
#include <string.h>

#include "troupe/actor.h"

tr_reason tr_reason_of(tr_reason_kind kind) {
    return (tr_reason){(int32_t)kind, 0, ""};
}

tr_reason tr_reason_user(int32_t code, const char *text) {
    tr_reason reason = {TR_REASON_USER, code, ""};
    if (text != NULL) {
        size_t length = strnlen(text, sizeof reason.text - 1);
        memcpy(reason.text, text, length);
        reason.text[length] = '\0';
    }
    return reason;
}

bool tr_reason_equal(const tr_reason *a, const tr_reason *b) {
    return a->kind == b->kind && a->code == b->code &&
           strncmp(a->text, b->text, sizeof a->text) == 0;
}

size_t tr_reason_format(const tr_reason *reason, char *text, size_t text_bytes) {
    static const char *const names[] = {"normal", "shutdown", "killed", "no actor", "init failed"};
    int n;
    if (reason->kind == TR_REASON_INIT)
        n = snprintf(text, text_bytes, "init failed: %s", tr_status_name((tr_status)reason->code));
    else if (reason->kind >= 0 && reason->kind < (int)(sizeof names / sizeof names[0]))
        n = snprintf(text, text_bytes, "%s", names[reason->kind]);
    else
        n = snprintf(text, text_bytes, "user %d%s%.*s", reason->code, reason->text[0] ? ": " : "",
                     (int)sizeof reason->text, reason->text);
    return (size_t)n;
}

static bool fields_equal(const tr_message_type *a, const tr_message_type *b) {
    if (a->field_count != b->field_count) return false;
    for (uint32_t i = 0; i < a->field_count; i++) {
        const tr_field *x = &a->fields[i], *y = &b->fields[i];
        if (x->kind != y->kind || x->offset_bytes != y->offset_bytes ||
            x->size_bytes != y->size_bytes || strcmp(x->name, y->name) != 0)
            return false;
    }
    return true;
}

bool tr_message_type_equal(const tr_message_type *a, const tr_message_type *b) {
    if (a == b) return true;
    if (a == NULL || b == NULL) return false;
    return a->size_bytes == b->size_bytes && a->raw == b->raw && strcmp(a->name, b->name) == 0 &&
           fields_equal(a, b);
}
