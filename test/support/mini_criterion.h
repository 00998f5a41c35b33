/* SPDX-License-Identifier: MIT
 * A thin stand-in for Criterion, for builds where the real one does not start (ThreadSanitizer) or
 * hides what a sanitizer found. Includes main: one test program is one source file.
 *
 * Each test runs in a child process, one after the other. Supported: Test and TestSuite with .init,
 * .fini, .timeout, .disabled, .signal, .exit_code; the cr_assert and cr_expect forms below; --list,
 * --filter=SUITE::NAME (with * and ?), --no-fork (for a debugger) and --tap=FILE, whose lines are
 * those Criterion writes. Other options are ignored.
 */
#ifndef TROUPE_TEST_MINI_CRITERION_H
#define TROUPE_TEST_MINI_CRITERION_H

#include <fnmatch.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct mini_options {
    int unused;
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* seconds; 0: the caller's business */
    bool disabled;
    int signal;    /* the signal that must end the test */
    int exit_code; /* the code it must exit with */
    const char *description;
};

struct mini_test {
    const char *suite;
    const char *name; /* NULL: the options of a suite */
    void (*run)(void);
    struct mini_options options;
    struct mini_test *next;
};

enum { MINI_FAILED = 113, MINI_SKIPPED = 114 }; /* exit codes of a test's process */

static struct mini_test *mini_first;
static struct mini_test **mini_last = &mini_first;
static bool mini_has_failed;

static inline void mini_add(struct mini_test *test) {
    *mini_last = test;
    mini_last = &test->next;
}

#define MINI_REGISTER(ID, SUITE, NAME, RUN, ...)                                                   \
    static struct mini_test ID##_entry_ = {SUITE, NAME, RUN, {.unused = 0, __VA_ARGS__}, NULL};    \
    __attribute__((constructor)) static void ID##_register_(void) {                                \
        mini_add(&ID##_entry_);                                                                    \
    }

#define Test(SUITE, NAME, ...)                                                                     \
    static void SUITE##_##NAME##_test_(void);                                                      \
    MINI_REGISTER(SUITE##_##NAME, #SUITE, #NAME, SUITE##_##NAME##_test_, __VA_ARGS__)              \
    static void SUITE##_##NAME##_test_(void)

#define TestSuite(SUITE, ...) MINI_REGISTER(SUITE##_suite, #SUITE, NULL, NULL, __VA_ARGS__)

static inline void mini_leave(int code) {
    fflush(NULL);
    _exit(code);
}

/* No format attribute: an empty message is the usual case, and would draw a warning. */
static inline void mini_failed(bool fatal, const char *file, int line, const char *what,
                               const char *format, ...) {
    fprintf(stderr, "[----] %s:%d: Assertion failed: %s\n", file, line, what);
    if (*format != '\0') {
        va_list arguments;
        va_start(arguments, format);
        fputs("[----]   ", stderr);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
    }
    mini_has_failed = true;
    if (fatal) mini_leave(MINI_FAILED);
}

static inline void mini_skip(const char *format, ...) {
    (void)format;
    mini_leave(MINI_SKIPPED);
}

static inline void mini_log(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("[----] ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

#define MINI_CHECK(FATAL, CONDITION, WHAT, ...)                                                    \
    ((CONDITION) ? (void)0 : mini_failed(FATAL, __FILE__, __LINE__, WHAT, "" __VA_ARGS__))
#define MINI_COMPARE(FATAL, A, OP, B, ...)                                                         \
    MINI_CHECK(FATAL, (A)OP(B), #A " " #OP " " #B, __VA_ARGS__)
#define MINI_STRING(FATAL, A, OP, B, ...)                                                          \
    MINI_CHECK(FATAL, strcmp((A), (B)) OP 0, "strings: " #A " " #OP " " #B, __VA_ARGS__)
#define MINI_BYTES(FATAL, A, OP, B, SIZE, ...)                                                     \
    MINI_CHECK(FATAL, memcmp((A), (B), (SIZE)) OP 0, "bytes: " #A " " #OP " " #B, __VA_ARGS__)
#define MINI_FLOAT(FATAL, A, B, EPSILON, ...)                                                      \
    MINI_CHECK(FATAL, fabs((double)(A) - (double)(B)) <= (double)(EPSILON),                        \
               #A " == " #B " within " #EPSILON, __VA_ARGS__)

#define cr_assert(CONDITION, ...) MINI_CHECK(true, CONDITION, #CONDITION, __VA_ARGS__)
#define cr_assert_not(CONDITION, ...) MINI_CHECK(true, !(CONDITION), "!" #CONDITION, __VA_ARGS__)
#define cr_assert_fail(...) MINI_CHECK(true, false, "fail", __VA_ARGS__)
#define cr_assert_eq(A, B, ...) MINI_COMPARE(true, A, ==, B, __VA_ARGS__)
#define cr_assert_neq(A, B, ...) MINI_COMPARE(true, A, !=, B, __VA_ARGS__)
#define cr_assert_lt(A, B, ...) MINI_COMPARE(true, A, <, B, __VA_ARGS__)
#define cr_assert_gt(A, B, ...) MINI_COMPARE(true, A, >, B, __VA_ARGS__)
#define cr_assert_leq(A, B, ...) MINI_COMPARE(true, A, <=, B, __VA_ARGS__)
#define cr_assert_geq(A, B, ...) MINI_COMPARE(true, A, >=, B, __VA_ARGS__)
#define cr_assert_null(A, ...) MINI_COMPARE(true, A, ==, NULL, __VA_ARGS__)
#define cr_assert_not_null(A, ...) MINI_COMPARE(true, A, !=, NULL, __VA_ARGS__)
#define cr_assert_str_eq(A, B, ...) MINI_STRING(true, A, ==, B, __VA_ARGS__)
#define cr_assert_str_neq(A, B, ...) MINI_STRING(true, A, !=, B, __VA_ARGS__)
#define cr_assert_str_empty(A, ...) MINI_STRING(true, A, ==, "", __VA_ARGS__)
#define cr_assert_str_not_empty(A, ...) MINI_STRING(true, A, !=, "", __VA_ARGS__)
#define cr_assert_arr_eq(A, B, SIZE, ...) MINI_BYTES(true, A, ==, B, SIZE, __VA_ARGS__)
#define cr_assert_arr_neq(A, B, SIZE, ...) MINI_BYTES(true, A, !=, B, SIZE, __VA_ARGS__)
#define cr_assert_float_eq(A, B, EPSILON, ...) MINI_FLOAT(true, A, B, EPSILON, __VA_ARGS__)

#define cr_expect(CONDITION, ...) MINI_CHECK(false, CONDITION, #CONDITION, __VA_ARGS__)
#define cr_expect_not(CONDITION, ...) MINI_CHECK(false, !(CONDITION), "!" #CONDITION, __VA_ARGS__)
#define cr_expect_fail(...) MINI_CHECK(false, false, "fail", __VA_ARGS__)
#define cr_expect_eq(A, B, ...) MINI_COMPARE(false, A, ==, B, __VA_ARGS__)
#define cr_expect_neq(A, B, ...) MINI_COMPARE(false, A, !=, B, __VA_ARGS__)
#define cr_expect_lt(A, B, ...) MINI_COMPARE(false, A, <, B, __VA_ARGS__)
#define cr_expect_gt(A, B, ...) MINI_COMPARE(false, A, >, B, __VA_ARGS__)
#define cr_expect_leq(A, B, ...) MINI_COMPARE(false, A, <=, B, __VA_ARGS__)
#define cr_expect_geq(A, B, ...) MINI_COMPARE(false, A, >=, B, __VA_ARGS__)
#define cr_expect_null(A, ...) MINI_COMPARE(false, A, ==, NULL, __VA_ARGS__)
#define cr_expect_not_null(A, ...) MINI_COMPARE(false, A, !=, NULL, __VA_ARGS__)
#define cr_expect_str_eq(A, B, ...) MINI_STRING(false, A, ==, B, __VA_ARGS__)
#define cr_expect_str_neq(A, B, ...) MINI_STRING(false, A, !=, B, __VA_ARGS__)
#define cr_expect_arr_eq(A, B, SIZE, ...) MINI_BYTES(false, A, ==, B, SIZE, __VA_ARGS__)
#define cr_expect_float_eq(A, B, EPSILON, ...) MINI_FLOAT(false, A, B, EPSILON, __VA_ARGS__)

#define cr_skip_test(...) mini_skip("" __VA_ARGS__)
#define cr_log_info(...) mini_log(__VA_ARGS__)
#define cr_log_warn(...) mini_log(__VA_ARGS__)
#define cr_log_error(...) mini_log(__VA_ARGS__)

/* ---- the runner ------------------------------------------------------------------------------ */

static inline const struct mini_options *mini_suite_options(const char *suite) {
    static const struct mini_options none;
    for (struct mini_test *t = mini_first; t != NULL; t = t->next)
        if (t->name == NULL && strcmp(t->suite, suite) == 0) return &t->options;
    return &none;
}

/* What the test's process does; returns the code to exit with. */
static inline int mini_body(const struct mini_test *test, const struct mini_options *suite) {
    void (*init)(void) = test->options.init != NULL ? test->options.init : suite->init;
    void (*fini)(void) = test->options.fini != NULL ? test->options.fini : suite->fini;
    mini_has_failed = false;
    if (init != NULL) init();
    test->run();
    if (fini != NULL) fini();
    return mini_has_failed ? MINI_FAILED : 0;
}

/* Runs one test in a child; exit() there, so that a leak check runs. The wait status. */
static inline int mini_run(const struct mini_test *test, const struct mini_options *suite) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        double seconds = test->options.timeout > 0 ? test->options.timeout : suite->timeout;
        if (seconds > 0) alarm((unsigned)ceil(seconds));
        exit(mini_body(test, suite));
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("mini_criterion: fork or waitpid");
        exit(1);
    }
    return status;
}

/* NULL: passed. Otherwise what was wrong. */
static inline const char *mini_verdict(const struct mini_test *test,
                                       const struct mini_options *suite, int status) {
    int want_signal = test->options.signal != 0 ? test->options.signal : suite->signal;
    int want_code = test->options.exit_code != 0 ? test->options.exit_code : suite->exit_code;
    if (WIFSIGNALED(status)) {
        if (WTERMSIG(status) == want_signal) return NULL;
        return WTERMSIG(status) == SIGALRM ? "timed out" : "CRASH!";
    }
    if (want_signal != 0) return "did not end by the expected signal";
    return WEXITSTATUS(status) == want_code ? NULL : "failed";
}

int main(int count, char **arguments) {
    const char *filter = "*";
    bool list = false, no_fork = false;
    FILE *tap = NULL;
    for (int i = 1; i < count; i++) {
        if (strncmp(arguments[i], "--filter=", 9) == 0) filter = arguments[i] + 9;
        if (strncmp(arguments[i], "--tap=", 6) == 0) tap = fopen(arguments[i] + 6, "w");
        if (strcmp(arguments[i], "--list") == 0) list = true;
        if (strcmp(arguments[i], "--no-fork") == 0) no_fork = true;
    }
    int passed = 0, failed = 0, skipped = 0;
    for (const struct mini_test *t = mini_first; t != NULL; t = t->next) {
        char name[256];
        if (t->name == NULL) continue;
        snprintf(name, sizeof name, "%s::%s", t->suite, t->name);
        if (fnmatch(filter, name, 0) != 0) continue;
        if (list) {
            puts(name);
            continue;
        }
        const struct mini_options *suite = mini_suite_options(t->suite);
        int status = t->options.disabled || suite->disabled ? MINI_SKIPPED << 8
                     : no_fork                              ? mini_body(t, suite) << 8
                                                            : mini_run(t, suite);
        const char *wrong = NULL;
        if (WIFEXITED(status) && WEXITSTATUS(status) == MINI_SKIPPED) {
            skipped++;
            if (tap != NULL) fprintf(tap, "ok - %s # SKIP\n", name);
        } else if ((wrong = mini_verdict(t, suite, status)) == NULL) {
            passed++;
            if (tap != NULL) fprintf(tap, "ok - %s\n", name);
        } else {
            failed++;
            fprintf(stderr, "[FAIL] %s: %s (status 0x%x)\n", name, wrong, (unsigned)status);
            if (tap != NULL) fprintf(tap, "not ok - %s %s\n", name, wrong);
        }
    }
    if (!list)
        fprintf(stderr, "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Skipped: %d\n",
                passed + failed, passed, failed, skipped);
    if (tap != NULL) {
        fprintf(tap, "1..%d\n", passed + failed + skipped);
        fclose(tap);
    }
    return failed != 0;
}

#endif
