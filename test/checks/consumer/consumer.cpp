// SPDX-License-Identifier: MIT
// The same in C++17, which uses the functions that take a type and a pointer.
#include <troupe/troupe.h>

#define COUNTER_ADD(FIELD, T) FIELD(T, int64, value)
#define COUNTER_TOTAL(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(counter_add, COUNTER_ADD)
TR_MESSAGE(counter_get, TR_NO_FIELDS)
TR_MESSAGE(counter_total, COUNTER_TOTAL)

struct counter {
    int64_t total;
};

TR_HANDLER(counter, counter_add, self, me, msg) {
    me->total += msg->value;
}

TR_HANDLER(counter, counter_get, self, me, msg) {
    const counter_total total = {me->total};
    tr_self_reply(self, &counter_total_message, &total, sizeof total);
}

TR_BEHAVIOR(counter, TR_ON(counter, counter_add), TR_ON(counter, counter_get))

static bool run(tr_runtime *runtime) {
    tr_ref actor = TR_NULL;
    if (tr_foreign_spawn(runtime, &counter_behavior, nullptr, &actor) != TR_OK) return false;
    const counter_add add = {42};
    tr_foreign_send(runtime, actor, &counter_add_message, &add, sizeof add);
    counter_total total = {0};
    const tr_status called =
        tr_foreign_call(runtime, actor, TR_SECONDS(10), &counter_total_message, &total,
                        sizeof total, &counter_get_message, nullptr, 0);
    return called == TR_OK && total.value == 42;
}

int main() {
    const tr_config config = TR_CONFIG_INIT;
    tr_runtime *runtime = nullptr;
    if (tr_runtime_start(&config, &runtime) != TR_OK) return 1;
    const bool right = run(runtime);
    if (tr_runtime_stop(runtime, TR_SECONDS(10)) != TR_OK) return 1;
    return tr_runtime_destroy(runtime) == TR_OK && right ? 0 : 1;
}
