/* SPDX-License-Identifier: MIT
 * Facts about configuration: every field out of range is told with its name and value. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/support/unit.h"

#include "test/support/actors.h"

static char line[256];

static void keep_line(void *context, const char *text) {
    (void)context;
    snprintf(line, sizeof line, "%s", text);
}

/* The check refuses the value and its text names field and value. */
static void assert_refused(const tr_config *config, const char *field, const char *value) {
    char text[200] = "";
    cr_assert_eq(tr_config_check(config, text, sizeof text), TR_INVALID, "%s %s", field, value);
    cr_assert_not_null(strstr(text, field), "\"%s\" does not name %s", text, field);
    cr_assert_not_null(strstr(text, value), "\"%s\" does not tell %s", text, value);
}

static void assert_taken(const tr_config *config, const char *field) {
    char text[200] = "left over";
    cr_assert_eq(tr_config_check(config, text, sizeof text), TR_OK, "%s: %s", field, text);
    cr_assert_str_empty(text);
}

/* One field of 32 bits: its limits are taken, what lies beyond is refused. */
static void assert_limits(const char *field, size_t offset, uint32_t least, uint32_t most) {
    const uint32_t taken[] = {0, least, most};
    for (int i = 0; i < 3; i++) {
        tr_config config = TR_CONFIG_INIT;
        memcpy((char *)&config + offset, &taken[i], sizeof taken[i]);
        assert_taken(&config, field);
    }
    const uint32_t refused[] = {most + 1, UINT32_MAX - 1, least - 1};
    for (int i = 0; i < (least > 1 ? 3 : 2); i++) {
        tr_config config = TR_CONFIG_INIT;
        memcpy((char *)&config + offset, &refused[i], sizeof refused[i]);
        char value[16];
        snprintf(value, sizeof value, "%u", refused[i]);
        assert_refused(&config, field, value);
    }
}

#define ASSERT_LIMITS(FIELD, LEAST, MOST)                                                          \
    assert_limits("tr_config." #FIELD, offsetof(tr_config, FIELD), LEAST, MOST)

Test(config, default_is_taken) {
    assert_taken(NULL, "NULL");
    tr_config config = TR_CONFIG_INIT;
    assert_taken(&config, "TR_CONFIG_INIT");
}

Test(config, every_number_has_its_limits) {
    ASSERT_LIMITS(workers, 1, 256);
    ASSERT_LIMITS(batch, 1, 65536);
    ASSERT_LIMITS(activation_us, 1, 1000000);
    ASSERT_LIMITS(overdue_us, 100, 60000000);
    ASSERT_LIMITS(max_actors, 1, 1u << 28);
    ASSERT_LIMITS(max_message_bytes, 1, 1u << 30);
    ASSERT_LIMITS(max_extra_threads, 1, 1024);
    ASSERT_LIMITS(max_calls, 1, 1u << 20);
}

Test(config, max_extra_threads_has_a_word_for_none) {
    tr_config config = TR_CONFIG_INIT;
    config.max_extra_threads = UINT32_MAX;
    assert_taken(&config, "max_extra_threads");
}

Test(config, size_must_be_set) {
    tr_config config = TR_CONFIG_INIT;
    config.size = 0;
    assert_refused(&config, "tr_config.size", "0");
    config.size = sizeof(size_t);
    assert_refused(&config, "tr_config.size", "8");
    config.size = 1u << 20;
    assert_refused(&config, "tr_config.size", "1048576");
}

Test(config, shorter_one_of_an_older_header_is_taken_and_the_rest_is_default) {
    tr_config config = TR_CONFIG_INIT;
    config.size = offsetof(tr_config, seed);
    config.workers = 1;
    config.log = keep_line; /* behind its end: not looked at */
    config.allocator.allocate = NULL;
    assert_taken(&config, "size");
    rt_end(rt_start_with(&config));
}

Test(config, longer_one_of_a_newer_header_is_taken_while_the_unknown_is_zero) {
    struct {
        tr_config config;
        uint64_t unknown[4];
    } newer = {.config = TR_CONFIG_INIT};
    newer.config.size = sizeof newer;
    assert_taken(&newer.config, "size");
    newer.unknown[2] = 1;
    char text[200];
    cr_assert_eq(tr_config_check(&newer.config, text, sizeof text), TR_INVALID);
    cr_assert_not_null(strstr(text, "size"));
}

Test(config, allocator_is_all_or_nothing) {
    tr_config config = TR_CONFIG_INIT;
    config.allocator.allocate = (void *(*)(void *, size_t, size_t))abort;
    char text[200];
    cr_assert_eq(tr_config_check(&config, text, sizeof text), TR_INVALID);
    cr_assert_not_null(strstr(text, "allocator"));
    config.allocator.allocate = NULL;
    config.allocator.release = (void (*)(void *, void *, size_t))abort;
    cr_assert_eq(tr_config_check(&config, text, sizeof text), TR_INVALID);
    cr_assert_not_null(strstr(text, "allocator"));
}

Test(config, text_is_cut_to_its_room_and_may_be_missing) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1000;
    char text[12];
    memset(text, 'x', sizeof text);
    cr_assert_eq(tr_config_check(&config, text, 10), TR_INVALID);
    cr_assert_eq(strlen(text), 9);
    cr_assert_eq(text[10], 'x');
    cr_assert_eq(tr_config_check(&config, NULL, 0), TR_INVALID);
    cr_assert_eq(tr_config_check(&config, text, 0), TR_INVALID);
    config.workers = 1;
    cr_assert_eq(tr_config_check(&config, NULL, 0), TR_OK);
}

Test(config, start_refuses_what_the_check_refuses_and_logs_why) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 257;
    config.log = keep_line;
    tr_runtime *rt = (tr_runtime *)&config;
    cr_assert_eq(tr_runtime_start(&config, &rt), TR_INVALID);
    cr_assert_eq(rt, (tr_runtime *)&config, "the result was touched");
    cr_assert_not_null(strstr(line, "tr_config.workers"));
    cr_assert_not_null(strstr(line, "257"));
    cr_assert_eq(tr_runtime_start(NULL, NULL), TR_INVALID);
}

Test(config, is_copied) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 1;
    tr_runtime *rt = rt_start_with(&config);
    memset(&config, 0xff, sizeof config);
    static struct probe_log log;
    tr_ref ref = probe_spawn(rt, &log);
    cr_assert_eq(tr_send(rt, ref, note, .value = 1), TR_OK);
    RT_QUIET(rt);
    rt_end(rt);
}

Test(config, default_workers_are_the_cpus_of_this_process) {
    uint32_t cpus = tr_available_cpus();
    cr_assert(cpus >= 1 && cpus <= 256);
    tr_runtime *rt = rt_start_with(NULL);
    cr_assert_eq(rt_stats(rt).threads, cpus + 1, "the workers and the watch");
    rt_end(rt);
}

Test(config, runs_with_the_smallest_and_with_many_workers) {
    rt_end(rt_start(1, 0));
    rt_end(rt_start(16, 0));
    tr_config config = {.size = sizeof config,
                        .workers = 1,
                        .batch = 1,
                        .activation_us = 1,
                        .overdue_us = 100,
                        .max_actors = 1,
                        .max_message_bytes = 8,
                        .max_extra_threads = UINT32_MAX,
                        .max_calls = 1,
                        .seed = 1};
    tr_runtime *rt = rt_start_with(&config);
    static struct probe_log log;
    tr_ref ref = probe_spawn(rt, &log);
    for (int i = 0; i < 100; i++) cr_assert_eq(tr_send(rt, ref, note, .value = i), TR_OK);
    struct answer reply;
    cr_assert_eq(tr_call(rt, ref, TR_SECONDS(WATCHDOG_S), answer, &reply, ask), TR_OK);
    cr_assert_eq(reply.value, 100);
    rt_end(rt);
}
