/* SPDX-License-Identifier: MIT
 * A plain C program that is not linked with Troupe: it loads libtroupe.so privately, uses it
 * through dlsym, stops, and unloads it, several times. Its message types and behaviors are its own.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "test/integration/check.h"
#include "troupe/troupe.h"

#define ROUNDS 20
#define SKIPPED 77

#define NUMBER(FIELD, T) FIELD(T, int64, value)
TR_MESSAGE(add, NUMBER)
TR_MESSAGE(get, TR_NO_FIELDS)
TR_MESSAGE(total, NUMBER)

/* The functions of the library that this program uses. */
#define FUNCTIONS(USE)                                                                             \
    USE(tr_version)                                                                                \
    USE(tr_runtime_start)                                                                          \
    USE(tr_runtime_stop)                                                                           \
    USE(tr_runtime_destroy)                                                                        \
    USE(tr_foreign_spawn)                                                                          \
    USE(tr_foreign_send)                                                                           \
    USE(tr_foreign_call)                                                                           \
    USE(tr_outbox_create)                                                                          \
    USE(tr_outbox_send)                                                                            \
    USE(tr_outbox_destroy)                                                                         \
    USE(tr_self_reply)

static struct {
#define DECLARE(NAME) __typeof__(&NAME) NAME;
    FUNCTIONS(DECLARE)
} api;

static void load_function(void *library, const char *name, void *pointer) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) fprintf(stderr, "%s: %s\n", name, dlerror());
    CHECK(symbol != NULL);
    memcpy(pointer, &symbol, sizeof symbol);
}

static void load_functions(void *library) {
#define LOAD(NAME) load_function(library, #NAME, &api.NAME);
    FUNCTIONS(LOAD)
}

struct counter {
    int64_t sum;
};

TR_HANDLER(counter, add, self, me, msg) {
    me->sum += msg->value;
}

TR_HANDLER(counter, get, self, me, msg) {
    total reply = {me->sum};
    api.tr_self_reply(self, &total_message, &reply, sizeof reply);
}

TR_BEHAVIOR(counter, TR_ON(counter, add), TR_ON(counter, get))

static void use(void) {
    tr_runtime *rt = NULL;
    CHECK(strncmp(api.tr_version(), "0.", 2) == 0);
    CHECK(api.tr_runtime_start(NULL, &rt) == TR_OK);
    tr_ref actor;
    CHECK(api.tr_foreign_spawn(rt, &counter_behavior, NULL, &actor) == TR_OK);
    tr_outbox *outbox = NULL;
    CHECK(api.tr_outbox_create(rt, &outbox) == TR_OK);
    for (int64_t i = 0; i < 1000; i++) {
        add message = {i};
        CHECK(api.tr_foreign_send(rt, actor, &add_message, &message, sizeof message) == TR_OK);
        CHECK(api.tr_outbox_send(outbox, actor, &add_message, &message, sizeof message) == TR_OK);
    }
    api.tr_outbox_destroy(outbox);
    total reply = {-1};
    CHECK(api.tr_foreign_call(rt, actor, TR_SECONDS(60), &total_message, &reply, sizeof reply,
                              &get_message, NULL, 0) == TR_OK);
    CHECK_EQUAL(999000, reply.value);
    CHECK(api.tr_runtime_stop(rt, TR_SECONDS(60)) == TR_OK);
    CHECK(api.tr_runtime_destroy(rt) == TR_OK);
}

int main(void) {
    const char *path = getenv("TROUPE_LIBRARY");
    if (path == NULL) {
        fprintf(stderr, "TROUPE_LIBRARY is not set to the path of libtroupe.so\n");
        return SKIPPED;
    }
    for (int round = 0; round < ROUNDS; round++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) fprintf(stderr, "%s\n", dlerror());
        CHECK(library != NULL);
        CHECK(dlsym(RTLD_DEFAULT, "tr_version") == NULL); /* loaded privately */
        load_functions(library);
        use();
        CHECK_EQUAL(0, dlclose(library));
        CHECK(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL); /* and gone */
    }
    printf("loaded, used and unloaded %d times\n", ROUNDS);
    return 0;
}
