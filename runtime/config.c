/* SPDX-License-Identifier: MIT
 * Configuration: defaults and limits; every limit is named in troupe/runtime.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core.h"

struct rule {
    const char *name;
    size_t offset;
    uint32_t standard, least, most; /* 0 in the field means standard */
};

#define RULE(FIELD, STANDARD, LEAST, MOST)                                                         \
    { #FIELD, offsetof(tr_config, FIELD), STANDARD, LEAST, MOST }

static const struct rule rules[] = {
    RULE(workers, 0, 1, 256), /* standard: tr_available_cpus */
    RULE(batch, 1024, 1, 65536),
    RULE(activation_us, 100, 1, 1000000),
    RULE(overdue_us, 1000, 100, 60000000),
    RULE(max_actors, 1u << 24, 1, 1u << 28),
    RULE(max_message_bytes, 16u << 20, 1, 1u << 30),
    RULE(max_calls, 4096, 1, 1u << 20),
};

static tr_status fail(char *text, size_t text_bytes, const char *name, uint64_t value,
                      const char *takes) {
    if (text != NULL && text_bytes > 0)
        snprintf(text, text_bytes, "tr_config.%s is %" PRIu64 "; %s", name, value, takes);
    return TR_INVALID;
}

static tr_status resolve_numbers(tr_config *config, char *text, size_t text_bytes) {
    for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        uint32_t *field = (uint32_t *)(void *)((char *)config + rule->offset);
        if (*field == 0) *field = rule->standard;
        if (*field == 0) *field = tr_available_cpus();
        if (*field >= rule->least && *field <= rule->most) continue;
        char takes[80];
        snprintf(takes, sizeof takes, "it takes %" PRIu32 " to %" PRIu32 ", or 0 for the default",
                 rule->least, rule->most);
        return fail(text, text_bytes, rule->name, *field, takes);
    }
    if (config->max_extra_threads == 0)
        config->max_extra_threads = 16;
    else if (config->max_extra_threads == UINT32_MAX)
        config->max_extra_threads = 0;
    else if (config->max_extra_threads > 1024)
        return fail(text, text_bytes, "max_extra_threads", config->max_extra_threads,
                    "it takes 1 to 1024, UINT32_MAX for none, or 0 for the default");
    return TR_OK;
}

tr_status tri_config_resolve(const tr_config *given, tr_config *config, char *text,
                             size_t text_bytes) {
    memset(config, 0, sizeof *config);
    if (given != NULL) {
        if (given->size < offsetof(tr_config, batch) || given->size > 65536)
            return fail(text, text_bytes, "size", given->size,
                        "start from TR_CONFIG_INIT, which sets it");
        /* A program built against a newer header may set fields this library does not know. */
        size_t known = given->size < sizeof *config ? given->size : sizeof *config;
        memcpy(config, given, known);
        for (size_t i = sizeof *config; i < given->size; i++)
            if (((const unsigned char *)given)[i] != 0)
                return fail(text, text_bytes, "size", given->size,
                            "it has fields set that this older library does not know");
    }
    config->size = sizeof *config;
    tr_allocator *allocator = &config->allocator;
    if ((allocator->allocate == NULL) != (allocator->release == NULL))
        return fail(text, text_bytes, "allocator.allocate set", allocator->allocate != NULL,
                    "set both allocate and release, or neither");
    if (allocator->allocate == NULL) *allocator = tri_alloc_default();
    tr_status status = resolve_numbers(config, text, text_bytes);
    if (status == TR_OK && config->seed == 0) config->seed = tri_os_entropy();
    return status;
}

tr_status tr_config_check(const tr_config *config, char *text, size_t text_bytes) {
    tr_config resolved;
    tr_status status = tri_config_resolve(config, &resolved, text, text_bytes);
    if (status == TR_OK && text != NULL && text_bytes > 0) text[0] = '\0';
    return status;
}
