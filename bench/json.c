/* SPDX-License-Identifier: MIT
 * A JSON writer, and the two objects that Google Benchmark's tools know: "context" and an element
 * of "benchmarks". Keys that are ours come after theirs.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "bench/report.h"

bool bench_json_open(struct bench_json *json, const char *path) {
    *json = (struct bench_json){.path = path};
    if (path == NULL) {
        return true;
    }
    json->file = fopen(path, "w");
    if (json->file == NULL) {
        fprintf(stderr,
                "troupe-bench: --json: cannot write '%s': %s; give a file in a folder that exists "
                "and that you may write to\n",
                path, strerror(errno));
        return false;
    }
    return true;
}

bool bench_json_close(struct bench_json *json) {
    if (json->file == NULL) {
        return true;
    }
    fputs("\n", json->file);
    bool failed = ferror(json->file) != 0;
    failed = fclose(json->file) != 0 || failed;
    json->file = NULL;
    if (failed) {
        fprintf(stderr, "troupe-bench: --json: cannot write all of '%s': %s; is the disk full?\n",
                json->path, strerror(errno));
    }
    return !failed;
}

static void write_text(FILE *file, const char *text) {
    fputc('"', file);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(file, "\\%c", *c);
        } else if ((unsigned char)*c < 0x20) {
            fprintf(file, "\\u%04x", (unsigned)*c);
        } else {
            fputc(*c, file);
        }
    }
    fputc('"', file);
}

/* What stands before a value: comma, new line, indentation, key. */
static void write_lead(struct bench_json *json, const char *key) {
    if (json->comma) {
        fputs(",", json->file);
    }
    if (json->depth > 0) {
        fprintf(json->file, "\n%*s", 2 * json->depth, "");
    }
    if (key != NULL) {
        write_text(json->file, key);
        fputs(": ", json->file);
    }
    json->comma = true;
}

void bench_json_begin(struct bench_json *json, const char *key, char what) {
    if (json->file != NULL) {
        write_lead(json, key);
        fputc(what, json->file);
        json->comma = false;
        json->depth++;
    }
}

void bench_json_end(struct bench_json *json, char what) {
    if (json->file != NULL) {
        json->depth--;
        fprintf(json->file, "\n%*s%c", 2 * json->depth, "", what);
        json->comma = true;
    }
}

void bench_json_text(struct bench_json *json, const char *key, const char *value) {
    if (json->file != NULL) {
        write_lead(json, key);
        write_text(json->file, value);
    }
}

void bench_json_number(struct bench_json *json, const char *key, double value) {
    if (json->file != NULL) {
        write_lead(json, key);
        if (isfinite(value)) {
            fprintf(json->file, "%.9g", value);
        } else {
            fputs("null", json->file); /* JSON has no infinities */
        }
    }
}

void bench_json_integer(struct bench_json *json, const char *key, uint64_t value) {
    if (json->file != NULL) {
        write_lead(json, key);
        fprintf(json->file, "%" PRIu64, value);
    }
}

void bench_json_bool(struct bench_json *json, const char *key, bool value) {
    if (json->file != NULL) {
        write_lead(json, key);
        fputs(value ? "true" : "false", json->file);
    }
}

void bench_json_context(struct bench_json *json, const struct bench_machine *machine,
                        double aa_spread, double mutex_pair_ns, double others_share) {
    bench_json_begin(json, "context", '{');
    bench_json_text(json, "date", machine->date);
    bench_json_text(json, "executable", machine->executable);
    bench_json_integer(json, "num_cpus", machine->cpus);
    bench_json_integer(json, "mhz_per_cpu", machine->mhz);
    bench_json_text(json, "library_build_type", machine->build_type);
    bench_json_text(json, "library_version", tr_version());
    bench_json_text(json, "cpu_model", machine->cpu);
    bench_json_text(json, "kernel", machine->kernel);
    bench_json_text(json, "compiler", machine->compiler);
    bench_json_text(json, "flags", machine->flags);
    bench_json_text(json, "allocator", machine->allocator);
    bench_json_text(json, "commit", machine->commit);
    bench_json_number(json, "aa_spread", aa_spread);
    bench_json_number(json, "mutex_pair_ns", mutex_pair_ns);
    bench_json_number(json, "other_programs_cpu_share", others_share);
    bench_json_end(json, '}');
}

static const char *unit_name(enum bench_unit unit) {
    switch (unit) {
    case BENCH_BYTES:
        return "bytes";
    case BENCH_EFFICIENCY:
        return "efficiency";
    case BENCH_NS:
        break;
    }
    return "ns";
}

void bench_json_result(struct bench_json *json, const struct bench_result *result) {
    /* real_time is what the row is about when that is a time, else the time of one operation. */
    bool time = result->unit == BENCH_NS;
    bench_json_begin(json, NULL, '{');
    bench_json_text(json, "name", result->name);
    bench_json_text(json, "run_name", result->name);
    bench_json_text(json, "run_type", "iteration");
    bench_json_integer(json, "repetitions", result->repetitions);
    bench_json_integer(json, "threads", result->workers);
    bench_json_integer(json, "iterations", result->typical->operations);
    bench_json_number(json, "real_time", time ? result->median : result->real_median_ns);
    bench_json_number(json, "cpu_time", result->cpu_median_ns);
    bench_json_text(json, "time_unit", "ns");
    bench_json_number(json, "items_per_second", 1e9 / result->real_median_ns);
    if (time) {
        bench_json_number(json, "mp", result->median / result->mutex_pair_ns);
    }
    bench_json_number(json, "mutex_pair_ns", result->mutex_pair_ns);
    bench_json_integer(json, "peak_rss_bytes", result->peak_rss_bytes);
    bench_json_number(json, "minimum", result->minimum);
    bench_json_number(json, "median", result->median);
    bench_json_text(json, "unit", unit_name(result->unit));
    bench_json_text(json, "operation", result->operation);
    bench_json_integer(json, "size", result->size);
    bench_json_number(json, "aa_spread", result->spread);
    bench_json_begin(json, "samples", '[');
    for (uint32_t i = 0; i < result->repetitions; i++) {
        bench_json_number(json, NULL, result->runs[i].value);
    }
    bench_json_end(json, ']');
    bench_json_begin(json, "figures", '{');
    for (uint32_t i = 0; i < result->typical->figure_count; i++) {
        bench_json_number(json, result->typical->figures[i].name,
                          result->typical->figures[i].value);
    }
    bench_json_end(json, '}');
    bench_json_end(json, '}');
}
