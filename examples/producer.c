/* SPDX-License-Identifier: MIT
 * A thread that is no actor produces measurements for an actor that sums them up. It sends through
 * an outbox: messages to one target in a row travel together and cost a fraction of a plain send.
 * What it has sent is on its way after tr_outbox_flush (tr_outbox_destroy flushes too), so the main
 * thread asks for the result only after joining it. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define MEASUREMENTS 100000

#define SAMPLE(FIELD, T) FIELD(T, uint32, sensor) FIELD(T, float64, value)
#define REPORT(FIELD, T) FIELD(T, uint64, samples) FIELD(T, float64, sum) FIELD(T, float64, highest)
TR_MESSAGE(sample, SAMPLE)
TR_MESSAGE(summarize, TR_NO_FIELDS)
TR_MESSAGE(report, REPORT)

/* ---- the consumer -----------------------------------------------------------------------------
 */

struct summary {
    report so_far; /* a message is a struct like any other */
};

TR_HANDLER(summary, sample, self, me, msg) {
    me->so_far.samples++;
    me->so_far.sum += msg->value;
    if (msg->value > me->so_far.highest) me->so_far.highest = msg->value;
}

TR_HANDLER(summary, summarize, self, me, msg) {
    tr_reply(self, report, .samples = me->so_far.samples, .sum = me->so_far.sum,
             .highest = me->so_far.highest);
}

TR_BEHAVIOR(summary, TR_ON(summary, sample), TR_ON(summary, summarize))

/* ---- the producer -----------------------------------------------------------------------------
 */

struct producer {
    tr_runtime *rt;
    tr_ref target;
    tr_status status; /* how it went */
};

static void *produce(void *argument) {
    struct producer *me = argument;
    tr_outbox *outbox;
    me->status = tr_outbox_create(me->rt, &outbox);
    if (me->status != TR_OK) return NULL;
    for (uint32_t i = 0; i < MEASUREMENTS && me->status == TR_OK; i++)
        me->status = tr_send(outbox, me->target, sample, .sensor = 1, .value = i % 1000);
    tr_outbox_destroy(outbox);
    return NULL;
}

int main(void) {
    tr_runtime *rt;
    if (tr_runtime_start(NULL, &rt) != TR_OK) return 1;
    struct producer producer = {.rt = rt, .target = tr_spawn(rt, &summary_behavior, NULL)};

    pthread_t thread;
    if (pthread_create(&thread, NULL, produce, &producer) != 0) return 1;
    pthread_join(thread, NULL);

    report result = {0};
    tr_status status = producer.status;
    if (status == TR_OK)
        status = tr_call(rt, producer.target, TR_SECONDS(5), report, &result, summarize);
    if (status == TR_OK)
        printf("%" PRIu64 " samples, sum %.0f, highest %.0f\n", result.samples, result.sum,
               result.highest);
    else
        fprintf(stderr, "no report: %s\n", tr_status_text(status));

    tr_runtime_stop(rt, TR_SECONDS(5));
    tr_runtime_destroy(rt);
    return status == TR_OK ? 0 : 1;
}
