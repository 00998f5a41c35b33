/* SPDX-License-Identifier: MIT
 * A hostile embedder: a program that does what libraries dislike, and expects Troupe not to mind.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/integration/check.h"
#include "troupe/troupe.h"

#define LONG TR_SECONDS(60)

#define NUMBER(FIELD, T) FIELD(T, int64, value)
#define ADDRESS(FIELD, T) FIELD(T, ref, actor)
TR_MESSAGE(add, NUMBER)
TR_MESSAGE(get, TR_NO_FIELDS)
TR_MESSAGE(total, NUMBER)
TR_MESSAGE(meet, ADDRESS)
TR_MESSAGE(check_errno, TR_NO_FIELDS)
TR_RAW_MESSAGE(blob)

/* ---- the actor of most tests: adds, under a lock of the host if there is one ------------------
 */

struct setup {
    pthread_mutex_t *mutex;
    tr_runtime *other; /* another runtime, whose actors it may be told of */
};

struct counter {
    struct setup setup;
    int64_t sum;
};

TR_INIT(counter, struct setup, self, me, argument) {
    me->setup = *argument;
    return TR_OK;
}

TR_HANDLER(counter, add, self, me, msg) {
    if (me->setup.mutex != NULL) CHECK_EQUAL(0, pthread_mutex_lock(me->setup.mutex));
    me->sum += msg->value;
    /* Sends with the lock held, to an actor that takes it: itself. */
    if (msg->value > 1)
        CHECK_STATUS(TR_OK, tr_send(self, tr_self_ref(self), add, .value = msg->value - 1));
    if (me->setup.mutex != NULL) CHECK_EQUAL(0, pthread_mutex_unlock(me->setup.mutex));
}

TR_HANDLER(counter, get, self, me, msg) {
    CHECK_STATUS(TR_OK, tr_reply(self, total, .value = me->sum));
}

/* An address of another runtime: refused by this one, reached through the other one. */
TR_HANDLER(counter, meet, self, me, msg) {
    tr_ref to = msg->actor;
    CHECK_STATUS(TR_WRONG_RUNTIME, tr_send(self, to, add, .value = 1000));
    CHECK_STATUS(TR_WRONG_RUNTIME, tr_stop(self, to));
    CHECK_STATUS(TR_WRONG_RUNTIME, tr_kill(self, to));
    CHECK_STATUS(TR_OK, tr_send(me->setup.other, to, add, .value = 1));
    /* To the other runtime this thread is foreign, so it may wait there; not here. */
    total reply = {-1};
    CHECK_STATUS(TR_OK, tr_call(me->setup.other, to, LONG, total, &reply, get));
    CHECK_EQUAL(1, reply.value);
    CHECK_STATUS(TR_WOULD_DEADLOCK,
                 tr_call(tr_self_runtime(self), tr_self_ref(self), LONG, total, &reply, get));
    me->sum += reply.value;
}

static void check_errno_in_handler(tr_self *self);

TR_HANDLER(counter, check_errno, self, me, msg) {
    check_errno_in_handler(self);
    me->sum += 1;
}

TR_BEHAVIOR_INIT(counter, TR_ON(counter, add), TR_ON(counter, get), TR_ON(counter, meet),
                 TR_ON(counter, check_errno))

static tr_runtime *start(void) {
    tr_config config = TR_CONFIG_INIT;
    config.workers = 2;
    tr_runtime *rt = NULL;
    CHECK_STATUS(TR_OK, tr_runtime_start(&config, &rt));
    return rt;
}

static void finish(tr_runtime *rt) {
    CHECK_STATUS(TR_OK, tr_runtime_stop(rt, LONG));
    CHECK_STATUS(TR_OK, tr_runtime_destroy(rt));
}

static tr_ref spawn(tr_runtime *rt, struct setup setup) {
    tr_ref actor = tr_spawn(rt, &counter_behavior, &setup);
    CHECK(!tr_ref_is_null(actor));
    return actor;
}

static int64_t get_total(tr_runtime *rt, tr_ref actor) {
    total reply = {-1};
    CHECK_STATUS(TR_OK, tr_call(rt, actor, LONG, total, &reply, get));
    return reply.value;
}

static void wait_for_total(tr_runtime *rt, tr_ref actor, int64_t value) {
    for (int i = 0; i < 60000 && get_total(rt, actor) != value; i++) usleep(1000);
    CHECK_EQUAL(value, get_total(rt, actor));
}

/* ---- a mutex held across sends ----------------------------------------------------------------
 */

struct locker {
    tr_runtime *rt;
    tr_ref actor;
    pthread_mutex_t *mutex;
};

static void *send_locked(void *argument) {
    struct locker *locker = argument;
    tr_outbox *outbox = NULL;
    CHECK_STATUS(TR_OK, tr_outbox_create(locker->rt, &outbox));
    for (int i = 0; i < 500; i++) {
        CHECK_EQUAL(0, pthread_mutex_lock(locker->mutex));
        CHECK_STATUS(TR_OK, tr_send(locker->rt, locker->actor, add, .value = 2));
        CHECK_STATUS(TR_OK, tr_send(outbox, locker->actor, add, .value = 1));
        CHECK_STATUS(TR_OK, tr_outbox_flush(outbox));
        CHECK_EQUAL(0, pthread_mutex_unlock(locker->mutex));
    }
    tr_outbox_destroy(outbox);
    return NULL;
}

static void mutex_held_across_sends(void) {
    pthread_mutexattr_t attributes;
    pthread_mutex_t mutex;
    pthread_mutexattr_init(&attributes);
    /* A handler inside tr_send would find its own thread holding the lock: EDEADLK. */
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&mutex, &attributes);
    tr_runtime *rt = start();
    struct locker locker = {rt, spawn(rt, (struct setup){&mutex, NULL}), &mutex};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, send_locked, &locker));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    wait_for_total(rt, locker.actor, 3 * 500 * (2 + 1 + 1));
    finish(rt);
    pthread_mutex_destroy(&mutex);
    pthread_mutexattr_destroy(&attributes);
}

/* ---- errno ------------------------------------------------------------------------------------
 */

#define STRANGE 9999
#define KEEPS_ERRNO(CALL)                                                                          \
    do {                                                                                           \
        errno = STRANGE;                                                                           \
        (void)CALL;                                                                                \
        int now_ = errno;                                                                          \
        if (now_ == STRANGE) break;                                                                \
        fprintf(stderr, "%s:%d: errno is %d after %s\n", __FILE__, __LINE__, now_, #CALL);         \
        exit(1);                                                                                   \
    } while (0)

static void check_errno_in_handler(tr_self *self) {
    tr_ref me = tr_self_ref(self), child = TR_NULL;
    struct setup setup = {NULL, NULL};
    char bytes[4000] = {0};
    KEEPS_ERRNO(tr_send(self, me, add, .value = 1));
    KEEPS_ERRNO(tr_self_send(self, me, &blob_message, bytes, sizeof bytes));
    KEEPS_ERRNO(tr_send(self, TR_NULL, add, .value = 1));
    KEEPS_ERRNO(tr_reply(self, total, .value = 1));
    tr_status status = TR_INVALID;
    KEEPS_ERRNO((status = tr_self_spawn(self, &counter_behavior, &setup, &child)));
    CHECK_STATUS(TR_OK, status);
    KEEPS_ERRNO(tr_stop(self, child));
    KEEPS_ERRNO(tr_kill(self, child));
    for (int i = 0; i < 2000; i++) KEEPS_ERRNO(tr_send(self, me, add, .value = 1));
    KEEPS_ERRNO((tr_flush(self), 0));
    KEEPS_ERRNO(tr_runtime_stop(tr_self_runtime(self), 0));
}

static void check_errno_of_values(void) {
    char text[100];
    tr_reason reason = tr_reason_user(1, "why");
    tr_ref ref = {1, 2};
    tr_config config = TR_CONFIG_INIT;
    config.workers = 100000;
    tr_status status = TR_OK;
    KEEPS_ERRNO(tr_version());
    KEEPS_ERRNO(tr_status_name(TR_NOMEM));
    KEEPS_ERRNO(tr_status_text(TR_NOMEM));
    KEEPS_ERRNO(tr_reason_format(&reason, text, sizeof text));
    KEEPS_ERRNO(tr_ref_format(ref, text, sizeof text));
    KEEPS_ERRNO((status = tr_ref_parse("<nonsense>", &ref)));
    KEEPS_ERRNO((status = tr_ref_parse("<99999999999999999999.1.1>", &ref)));
    KEEPS_ERRNO((status = tr_config_check(&config, text, sizeof text)));
    CHECK_EQUAL(TR_INVALID, status);
    KEEPS_ERRNO(tr_available_cpus());
}

static void errno_is_left_alone(void) {
    check_errno_of_values();
    tr_config config = TR_CONFIG_INIT;
    tr_runtime *rt = NULL;
    tr_status status = TR_INVALID;
    KEEPS_ERRNO((status = tr_runtime_start(&config, &rt)));
    CHECK_STATUS(TR_OK, status);
    struct setup setup = {NULL, NULL};
    tr_ref actor = TR_NULL, other = TR_NULL;
    KEEPS_ERRNO((status = tr_foreign_spawn(rt, &counter_behavior, &setup, &actor)));
    KEEPS_ERRNO((status = tr_spawn_wait(rt, &counter_behavior, &setup, LONG, &other)));
    KEEPS_ERRNO(tr_send(rt, actor, add, .value = 1));
    KEEPS_ERRNO(tr_send(rt, actor, check_errno));
    char bytes[4000] = {0};
    KEEPS_ERRNO(tr_foreign_send(rt, actor, &blob_message, bytes, sizeof bytes));
    total reply;
    KEEPS_ERRNO((status = tr_call(rt, actor, LONG, total, &reply, get)));
    KEEPS_ERRNO((status = tr_call(rt, actor, 0, total, &reply, add, .value = 1)));
    KEEPS_ERRNO((status = tr_call(rt, actor, TR_MILLISECONDS(3), total, &reply, add, .value = 1)));
    KEEPS_ERRNO(tr_kill(rt, other));
    KEEPS_ERRNO(tr_is_alive(rt, other));
    tr_outbox *outbox = NULL;
    KEEPS_ERRNO((status = tr_outbox_create(rt, &outbox)));
    for (int i = 0; i < 200; i++) KEEPS_ERRNO(tr_send(outbox, actor, add, .value = 1));
    KEEPS_ERRNO(tr_outbox_flush(outbox));
    tr_stats stats = {.size = sizeof stats};
    tr_dead_letter letters[4];
    KEEPS_ERRNO(tr_runtime_stats(rt, &stats));
    KEEPS_ERRNO(tr_runtime_dead_letters(rt, letters, 4));
    KEEPS_ERRNO((tr_runtime_request_stop(rt), 0));
    KEEPS_ERRNO(tr_send(rt, actor, add, .value = 1));
    KEEPS_ERRNO(tr_runtime_stop(rt, LONG));
    KEEPS_ERRNO(tr_runtime_destroy(rt)); /* TR_BUSY */
    KEEPS_ERRNO((tr_outbox_destroy(outbox), 0));
    KEEPS_ERRNO(tr_runtime_destroy(rt));
}

/* ---- a thread that sends once and sleeps ------------------------------------------------------
 */

struct dozer {
    tr_runtime *rt;
    tr_ref actor;
    pthread_mutex_t lock; /* held by the test: the thread sleeps on it */
};

static void *send_and_doze(void *argument) {
    struct dozer *dozer = argument;
    CHECK_STATUS(TR_OK, tr_send(dozer->rt, dozer->actor, add, .value = 1));
    pthread_mutex_lock(&dozer->lock);
    pthread_mutex_unlock(&dozer->lock);
    return NULL;
}

/* Its message arrives, the runtime ends without it, and it may end after the runtime. */
static void thread_sends_once_and_sleeps(void) {
    pthread_t threads[20];
    struct dozer dozer = {.rt = start()};
    dozer.actor = spawn(dozer.rt, (struct setup){NULL, NULL});
    pthread_mutex_init(&dozer.lock, NULL);
    pthread_mutex_lock(&dozer.lock);
    for (int i = 0; i < 20; i++)
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, send_and_doze, &dozer));
    wait_for_total(dozer.rt, dozer.actor, 20);
    finish(dozer.rt);
    pthread_mutex_unlock(&dozer.lock);
    for (int i = 0; i < 20; i++) pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&dozer.lock);
}

/* ---- two runtimes exchange addresses ----------------------------------------------------------
 */

static void two_runtimes_exchange_addresses(void) {
    tr_runtime *here = start(), *there = start();
    tr_ref near = spawn(here, (struct setup){NULL, there});
    tr_ref far = spawn(there, (struct setup){NULL, here});
    CHECK(!tr_ref_equal(near, far));
    CHECK_STATUS(TR_WRONG_RUNTIME, tr_send(here, far, add, .value = 1000));
    CHECK_STATUS(TR_WRONG_RUNTIME, tr_stop(here, far));
    CHECK_STATUS(TR_WRONG_RUNTIME, tr_kill(here, far));
    CHECK(!tr_is_alive(here, far));
    CHECK(tr_is_alive(there, far));
    total reply = {-1};
    CHECK_STATUS(TR_WRONG_RUNTIME, tr_call(here, far, LONG, total, &reply, get));
    tr_outbox *outbox = NULL;
    CHECK_STATUS(TR_OK, tr_outbox_create(here, &outbox));
    CHECK_STATUS(TR_WRONG_RUNTIME, tr_send(outbox, far, add, .value = 1000));
    tr_outbox_destroy(outbox);
    CHECK_STATUS(TR_OK, tr_send(here, near, meet, .actor = far));
    CHECK_EQUAL(1, get_total(here, near));
    CHECK_EQUAL(1, get_total(there, far));
    finish(there);
    finish(here);
}

/* ---- signals ----------------------------------------------------------------------------------
 */

static _Thread_local volatile sig_atomic_t is_host;
static volatile sig_atomic_t caught, caught_elsewhere;

static void on_signal(int number) {
    (void)number;
    caught++;
    if (!is_host) caught_elsewhere++;
}

/* Every thread of the runtime blocks every signal that can be blocked. */
static int check_thread(const char *task) {
    char path[300], line[200], name[64] = "";
    unsigned long long blocked = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "Name: %63s", name);
        (void)sscanf(line, "SigBlk: %llx", &blocked);
    }
    fclose(file);
    if (strncmp(name, "troupe", 6) != 0) return 0;
    for (int number = 1; number <= 64; number++) {
        if (number == SIGKILL || number == SIGSTOP || number == 32 || number == 33) continue;
        if (blocked >> (number - 1) & 1) continue;
        fprintf(stderr, "thread %s does not block signal %d\n", name, number);
        exit(1);
    }
    return 1;
}

static void signals_stay_with_the_host(void) {
    is_host = 1;
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigemptyset(&action.sa_mask);
    CHECK_EQUAL(0, sigaction(SIGUSR1, &action, &before));
    tr_runtime *rt = start();
    tr_ref actor = spawn(rt, (struct setup){NULL, NULL});
    for (int i = 0; i < 100; i++) {
        CHECK_STATUS(TR_OK, tr_send(rt, actor, add, .value = 100));
        CHECK_EQUAL(0, kill(getpid(), SIGUSR1));
    }
    int found = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        if (entry->d_name[0] != '.') found += check_thread(entry->d_name);
    closedir(tasks);
    CHECK_EQUAL(3, found); /* two workers and the watch */
    wait_for_total(rt, actor, 100 * 5050);
    finish(rt);
    CHECK(caught > 0);
    CHECK_EQUAL(0, caught_elsewhere);
    sigset_t mask;
    CHECK_EQUAL(0, pthread_sigmask(SIG_SETMASK, NULL, &mask));
    CHECK(!sigismember(&mask, SIGUSR1));
    sigaction(SIGUSR1, &before, NULL);
}

/* ---- fork -------------------------------------------------------------------------------------
 */

static void count_to_ten(void) {
    tr_runtime *rt = start();
    tr_ref actor = spawn(rt, (struct setup){NULL, NULL});
    for (int i = 0; i < 10; i++) CHECK_STATUS(TR_OK, tr_send(rt, actor, add, .value = 1));
    CHECK_EQUAL(10, get_total(rt, actor));
    finish(rt);
}

static void fork_after_stop(void) {
    count_to_ten();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        count_to_ten();
        _exit(0);
    }
    int status = -1;
    CHECK_EQUAL(child, waitpid(child, &status, 0));
    CHECK_EQUAL(0, status);
    count_to_ten();
}

/* A child that leaves the runtime alone does not disturb its parent's. */
static void fork_while_running(void) {
    tr_runtime *rt = start();
    tr_ref actor = spawn(rt, (struct setup){NULL, NULL});
    for (int i = 0; i < 5; i++) {
        CHECK_STATUS(TR_OK, tr_send(rt, actor, add, .value = 1000));
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) _exit(0);
        int status = -1;
        CHECK_EQUAL(child, waitpid(child, &status, 0));
        CHECK_EQUAL(0, status);
    }
    wait_for_total(rt, actor, INT64_C(5) * 500500);
    finish(rt);
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"fork after stop", fork_after_stop},
        {"fork while running", fork_while_running},
        {"a mutex held across sends", mutex_held_across_sends},
        {"errno is left alone", errno_is_left_alone},
        {"a thread sends once and sleeps", thread_sends_once_and_sleeps},
        {"two runtimes exchange addresses", two_runtimes_exchange_addresses},
        {"signals stay with the host", signals_stay_with_the_host},
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        printf("%s\n", tests[i].name);
        fflush(stdout);
        tests[i].run();
    }
    return 0;
}
