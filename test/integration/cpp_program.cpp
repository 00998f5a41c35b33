/* SPDX-License-Identifier: MIT
 * The C API from C++17: message types and behaviors by the same macros, state with a constructor
 * and a destructor, sends and calls by the functions behind the verbs. */
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "test/integration/check.h"
#include "troupe/troupe.h"

#define WORD(FIELD, T) FIELD(T, uint64, letter)
#define NUMBER(FIELD, T) FIELD(T, uint64, value)
TR_MESSAGE(append, WORD)
TR_MESSAGE(count, TR_NO_FIELDS)
TR_MESSAGE(counted, NUMBER)

namespace {

int alive = 0; // texts, counted on one worker

struct text {
    std::string letters;
    text() {
        alive++;
    }
    ~text() {
        alive--;
    }
};

template <class Message>
tr_status send(tr_runtime *rt, tr_ref to, const tr_message_type &type, const Message &message) {
    return tr_foreign_send(rt, to, &type, &message, sizeof message);
}

tr_status text_init(tr_self *, void *state, const void *) {
    new (state) text;
    return TR_OK;
}

void text_terminate(tr_self *, void *state, const tr_reason *) {
    static_cast<text *>(state)->~text();
}

TR_HANDLER(text, append, self, me, msg) {
    me->letters.push_back(static_cast<char>(msg->letter));
}

TR_HANDLER(text, count, self, me, msg) {
    counted reply = {me->letters.size()};
    tr_self_reply(self, &counted_message, &reply, sizeof reply);
}

const std::array<tr_handler, 2> handlers = {{TR_ON(text, append), TR_ON(text, count)}};

tr_behavior make_behavior() {
    tr_behavior behavior = tr_behavior();
    behavior.size = sizeof behavior;
    behavior.name = "text";
    behavior.state_bytes = sizeof(text);
    behavior.handlers = handlers.data();
    behavior.handler_count = handlers.size();
    behavior.init = text_init;
    behavior.terminate = text_terminate;
    return behavior;
}

} // namespace

int main() {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1;
    tr_runtime *rt = nullptr;
    CHECK_STATUS(TR_OK, tr_runtime_start(&config, &rt));
    const tr_behavior behavior = make_behavior();
    tr_ref actor = TR_NULL;
    CHECK_STATUS(TR_OK, tr_foreign_spawn(rt, &behavior, nullptr, &actor));
    CHECK(!tr_ref_is_null(actor));

    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([rt, actor] {
            for (int n = 0; n < 1000; n++)
                CHECK_STATUS(TR_OK, send(rt, actor, append_message, append{'x'}));
        });
    for (std::thread &thread : threads) thread.join();

    counted reply = {0};
    CHECK_STATUS(TR_OK, tr_foreign_call(rt, actor, TR_SECONDS(60), &counted_message, &reply,
                                        sizeof reply, &count_message, nullptr, 0));
    CHECK_EQUAL(4000, reply.value);
    CHECK_STATUS(TR_OK, tr_runtime_stop(rt, TR_SECONDS(60)));
    CHECK_EQUAL(0, alive);
    CHECK_STATUS(TR_OK, tr_runtime_destroy(rt));
    std::printf("%llu letters\n", static_cast<unsigned long long>(reply.value));
    return 0;
}
