/* SPDX-License-Identifier: MIT
 * Model of the hand-over of actors between workers: mailbox/lane.h, scheduler/inbox.h, deque.h,
 * task.h and runtime/life.h together, with the rules of runtime/actor.c and scheduler/worker.c
 * restated in their smallest form.
 *
 * Two workers; a receiver and a sender that both move between them, through an inbox or a deque;
 * thread 0 sends like a foreign thread. The receiver ends and begins again, its free slot moves
 * too. Checked: the token is in one place, nothing is lost or doubled (handled + dead = sent),
 * messages of one sender are handled in order wherever the two live, an actor runs on one worker at
 * a time (its data is plain), a free slot is never queued, and nothing is left waiting when all is
 * quiet.
 */
#define TRI_DEQUE_SLOTS 4
#include "mailbox/lane.h"
#include "runtime/life.h"
#include "scheduler/deque.h"
#include "scheduler/inbox.h"

#define MODEL_THREADS 3
#include "test/model/model.h"

enum { FOREIGN = MODEL_BOUND(24, 1), LOCAL = MODEL_BOUND(48, 2), STEPS = MODEL_BOUND(96, 3) };
enum { RECEIVER, SENDER, ACTORS };
enum {
    ADOPTED = 1,
    STOLEN,
    MOVED_IDLE,
    ABSORBED_BEFORE_APPEND,
    WOKEN_BY_LANE,
    STALE_TOKEN,
    LATE_MESSAGE,
    SLOT_MOVED,
    ARM_LOST,
    CLAIM_LOST,
};

static const char *const model_events[] = {
    "",
    "an actor moved in through the inbox",
    "an actor was taken from a deque",
    "an idle actor moved away",
    "a send at home found messages in the lane",
    "a message brought the token to the inbox",
    "a token came for a free slot",
    "a message came for an earlier incarnation",
    "a free slot moved to the other worker",
    "arming failed because a chain came first",
    "a move was left because the token was on its way",
    NULL,
};
static const int model_must = CLAIM_LOST;

struct item {
    struct tri_chain chain;
    struct tri_record record;
};

/* What struct tri_slot is in the runtime. */
struct actor {
    struct tri_lane lane;
    struct tri_life life;
    struct tri_task task;
    struct tri_list list; /* the private lane */
    int running;          /* plain: two that run it are a data race */
    uint32_t next[2];     /* the receiver: from the sender, from the foreign thread */
    uint32_t sent;        /* the sender */
};

struct worker {
    struct tri_inbox inbox;
    struct tri_deque deque;
    uint16_t id;
    int me;
    struct tri_task *queue[ACTORS + 1];
    int queued;
    struct item *first, *last; /* the open chain; always to the receiver */
    uint32_t count;
    struct actor *free; /* the receiver's slot between two incarnations */
    uint32_t dead;
};

static struct actor actors[ACTORS];
static struct worker workers[2]; /* ids 1 and 2, threads 1 and 2 */
static struct item foreign[FOREIGN], local[LOCAL], ticks[LOCAL];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct actor *common; /* under the lock: a free slot without a home */
static uint32_t foreign_dead, handled;

static struct actor *actor_of(struct tri_task *task) {
    return (struct actor *)(void *)((char *)task - offsetof(struct actor, task));
}

/* ---- queueing and tokens ----------------------------------------------------------------------
 */

static void queue(struct worker *worker, struct actor *actor) {
    assert(!(actor->task.flags & TRI_TASK_FREE));
    assert(worker->queued < ACTORS); /* nothing is queued twice */
    actor->task.flags |= TRI_TASK_ACTIVE;
    worker->queue[worker->queued++] = &actor->task;
}

static void deliver(struct actor *actor) {
    uint16_t home = tri_task_home(&actor->task);
    assert(home != TRI_HOME_NONE); /* a token at rest has a home */
    (void)tri_inbox_push(&workers[home - 1].inbox, &actor->task);
}

static bool take_token(struct actor *actor) {
    if ((actor->task.flags & TRI_TASK_TOKEN) || tri_lane_claim(&actor->lane)) return true;
    model_saw(CLAIM_LOST);
    return false;
}

static void absorb(struct actor *actor) {
    if (tri_lane_has_messages(&actor->lane)) tri_lane_absorb(&actor->lane, &actor->list);
}

static void bury(struct worker *worker, struct tri_list *list) {
    worker->dead += list->count;
    list->count = 0;
}

/* Puts the token of a free slot to rest. */
static void rest_free_slot(struct worker *worker, struct actor *actor) {
    while (!tri_lane_arm(&actor->lane)) {
        struct tri_list late = {NULL, NULL, 0};
        tri_lane_absorb(&actor->lane, &late);
        bury(worker, &late);
        model_saw(LATE_MESSAGE);
    }
    actor->task.flags &= (uint8_t)~TRI_TASK_TOKEN;
}

static void adopt(struct worker *worker, struct actor *actor) {
    tri_task_set_home(&actor->task, worker->id);
    actor->task.flags |= TRI_TASK_TOKEN;
    absorb(actor);
    if (!(actor->task.flags & TRI_TASK_ACTIVE)) queue(worker, actor);
}

static void publish(struct worker *worker) {
    if (worker->first == NULL) return;
    worker->last->record.next = NULL;
    worker->first->chain.last = &worker->last->record;
    worker->first->chain.count = worker->count;
    struct tri_record *first = &worker->first->record;
    worker->first = NULL;
    if (tri_lane_push(&actors[RECEIVER].lane, first)) {
        model_saw(WOKEN_BY_LANE);
        deliver(&actors[RECEIVER]);
    }
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static void fill(struct item *item, uint32_t generation, uint64_t sender, uint32_t number) {
    item->record.generation = generation;
    item->record.sender = sender;
    item->record.size = number;
    item->record.next = NULL;
}

static void send_local(struct worker *worker, uint32_t number) {
    struct actor *to = &actors[RECEIVER];
    uint32_t life = tri_life_peek(&to->life);
    if (!tri_life_is_live(life)) {
        worker->dead++;
        return;
    }
    struct item *item = &local[number];
    fill(item, life, 0, number);
    if (tri_task_home(&to->task) == worker->id) {
        if (tri_lane_has_messages(&to->lane)) model_saw(ABSORBED_BEFORE_APPEND);
        absorb(to);
        tri_list_append(&to->list, &item->record);
        if (!(to->task.flags & TRI_TASK_ACTIVE)) queue(worker, to);
        return;
    }
    if (worker->first == NULL) {
        worker->first = item;
        worker->count = 0;
    } else {
        worker->last->record.next = &item->record;
    }
    worker->last = item;
    if (++worker->count >= 2) publish(worker);
}

static void send_foreign(uint32_t number) {
    struct actor *to = &actors[RECEIVER];
    uint32_t life = tri_life_peek(&to->life);
    model_delay(0);
    if (!tri_life_is_live(life)) {
        foreign_dead++;
        return;
    }
    struct item *item = &foreign[number];
    fill(item, life, 1, number);
    item->chain.last = &item->record;
    item->chain.count = 1;
    if (!tri_lane_push(&to->lane, &item->record)) return;
    model_saw(WOKEN_BY_LANE);
    model_delay(0);
    deliver(to);
}

/* ---- running ----------------------------------------------------------------------------------
 */

/* The receiver's end; its slot is free here until it begins again. */
static void end(struct worker *worker, struct actor *actor) {
    (void)tri_life_next(&actor->life);
    absorb(actor);
    bury(worker, &actor->list);
    bool token = (actor->task.flags & TRI_TASK_TOKEN) != 0;
    actor->task.flags = (uint8_t)(TRI_TASK_FREE | (token ? TRI_TASK_TOKEN : 0));
    if (token) rest_free_slot(worker, actor);
    worker->free = actor;
}

static void begin(struct worker *worker) {
    struct actor *actor = worker->free;
    worker->free = NULL;
    actor->list = (struct tri_list){NULL, NULL, 0};
    actor->task.flags &= TRI_TASK_TOKEN;
    (void)tri_life_next(&actor->life);
}

static void move_away(struct worker *worker, struct actor *actor, bool through_deque) {
    uint8_t flags = actor->task.flags;
    actor->task.flags = 0;
    tri_task_set_home(&actor->task, TRI_HOME_NONE);
    if (!through_deque) {
        (void)tri_inbox_push(&workers[2 - worker->id].inbox, &actor->task);
    } else if (!tri_deque_push_owner(&worker->deque, &actor->task)) {
        tri_task_set_home(&actor->task, worker->id);
        actor->task.flags = flags | TRI_TASK_TOKEN;
        queue(worker, actor);
    }
}

static void handle(struct worker *worker, struct actor *actor, struct tri_record *record) {
    if (record->generation != (tri_life_peek(&actor->life) & TRI_LIFE_GENERATION)) {
        worker->dead++;
        model_saw(LATE_MESSAGE);
    } else if (actor == &actors[SENDER]) {
        send_local(worker, actor->sent++);
    } else {
        uint32_t *next = &actor->next[record->sender];
        assert(record->size >= *next); /* some may be dead, none comes late or twice */
        *next = record->size + 1;
        handled++;
    }
}

/* One activation, ended by chance; true: the actor ended in it. */
static void run(struct worker *worker) {
    if (worker->queued == 0) return;
    struct actor *actor = actor_of(worker->queue[0]);
    worker->queue[0] = worker->queue[1];
    worker->queued--;
    actor->running++;
    assert(actor->running == 1);
    assert(tri_task_home(&actor->task) == worker->id);
    for (uint32_t budget = 1 + model_choose(worker->me, 3); budget > 0; budget--) {
        if (actor->list.count == 0) absorb(actor);
        if (actor->list.count == 0) break;
        handle(worker, actor, tri_list_pop(&actor->list));
        model_delay(worker->me);
    }
    publish(worker);
    bool ends = actor == &actors[RECEIVER] && model_choose(worker->me, 8) == 1;
    bool more = actor->list.count > 0 || tri_lane_has_messages(&actor->lane);
    model_delay(worker->me);
    actor->running--;
    assert(actor->running == 0);
    if (ends) {
        end(worker, actor);
    } else if (more) {
        queue(worker, actor);
    } else if (actor->task.flags & TRI_TASK_TOKEN) {
        if (model_choose(worker->me, 4) == 1) {
            model_saw(MOVED_IDLE);
            move_away(worker, actor, false);
        } else if (tri_lane_arm(&actor->lane)) {
            actor->task.flags = 0;
        } else {
            model_saw(ARM_LOST);
            queue(worker, actor);
        }
    } else {
        actor->task.flags = 0; /* the token is in the lane or on its way here */
    }
}

/* ---- what a worker does between activations ---------------------------------------------------
 */

static void poll(struct worker *worker) {
    struct tri_task *task = tri_inbox_take(&worker->inbox);
    while (task != NULL) {
        struct tri_task *next = task->inbox_next;
        struct actor *actor = actor_of(task);
        if (tri_task_home(task) == TRI_HOME_NONE) {
            model_saw(ADOPTED);
            adopt(worker, actor);
        } else {
            assert(tri_task_home(task) == worker->id); /* tokens never reach a former home */
            assert(!(task->flags & TRI_TASK_TOKEN));   /* and there is one */
            task->flags |= TRI_TASK_TOKEN;
            if (task->flags & TRI_TASK_FREE) {
                model_saw(STALE_TOKEN);
                rest_free_slot(worker, actor);
            } else if (!(task->flags & TRI_TASK_ACTIVE)) {
                queue(worker, actor);
            }
        }
        task = next;
    }
}

static bool steal(struct worker *worker, struct worker *victim) {
    struct tri_task *got[TRI_DEQUE_SLOTS];
    uint32_t n = tri_deque_take(&victim->deque, got, TRI_DEQUE_SLOTS);
    for (uint32_t i = 0; i < n; i++) adopt(worker, actor_of(got[i]));
    if (n > 0 && victim != worker) model_saw(STOLEN);
    return n > 0;
}

/* Puts a queued actor up for stealing. */
static void expose(struct worker *worker) {
    if (worker->queued == 0) return;
    struct actor *actor = actor_of(worker->queue[0]);
    if (!take_token(actor)) return;
    actor->task.flags |= TRI_TASK_TOKEN;
    worker->queue[0] = worker->queue[1];
    worker->queued--;
    move_away(worker, actor, true);
}

/* Moves an actor that rests here, by its claim alone. */
static void move_resting(struct worker *worker, struct actor *actor) {
    if (tri_task_home(&actor->task) != worker->id) return;
    if (actor->task.flags & (TRI_TASK_ACTIVE | TRI_TASK_FREE)) return;
    if (!take_token(actor)) return;
    model_saw(MOVED_IDLE);
    move_away(worker, actor, false);
}

/* The free slot goes to the common pool, or comes from there. */
static void trade_slot(struct worker *worker) {
    if (worker->free != NULL) {
        struct actor *actor = worker->free;
        if (!tri_lane_claim(&actor->lane)) return; /* its token is in our inbox */
        worker->free = NULL;
        tri_task_set_home(&actor->task, TRI_HOME_NONE);
        pthread_mutex_lock(&lock);
        common = actor;
        pthread_mutex_unlock(&lock);
        return;
    }
    pthread_mutex_lock(&lock);
    struct actor *actor = common;
    common = NULL;
    pthread_mutex_unlock(&lock);
    if (actor == NULL) return;
    model_saw(SLOT_MOVED);
    tri_task_set_home(&actor->task, worker->id);
    rest_free_slot(worker, actor);
    worker->free = actor;
}

enum step { RUN, POLL, STEAL, EXPOSE, MOVE, TRADE, BEGIN };

static void do_step(struct worker *worker, enum step step) {
    switch (step) {
    case RUN:
        run(worker);
        break;
    case POLL:
        poll(worker);
        break;
    case STEAL:
        (void)steal(worker, &workers[2 - worker->id]);
        break;
    case EXPOSE:
        expose(worker);
        break;
    case MOVE:
        move_resting(worker, &actors[RECEIVER]);
        break;
    case TRADE:
        trade_slot(worker);
        break;
    case BEGIN:
        if (worker->free != NULL) begin(worker);
        break;
    }
}

static enum step choose_step(int me, int number) {
#ifdef MODEL
    static const enum step script[2][3] = {{MOVE, RUN, RUN}, {POLL, RUN, POLL}};
    return script[me - 1][number];
#else
    static const enum step dice[] = {RUN, RUN,   RUN,    POLL, POLL,  POLL,  STEAL,
                                     RUN, STEAL, EXPOSE, MOVE, TRADE, BEGIN, BEGIN};
    (void)number;
    return dice[model_choose(me, sizeof dice / sizeof dice[0])];
#endif
}

/* ---- the round --------------------------------------------------------------------------------
 */

static void model_reset(void) {
    for (int i = 0; i < ACTORS; i++) {
        struct actor *actor = &actors[i];
        *actor = (struct actor){.running = 0};
        tri_lane_init(&actor->lane, true);
        atomic_init(&actor->life.word, 1);
        atomic_init(&actor->task.home, 1);
    }
    for (int i = 0; i < 2; i++) {
        workers[i] = (struct worker){.id = (uint16_t)(i + 1), .me = i + 1};
        tri_deque_init(&workers[i].deque);
    }
    for (uint32_t i = 0; i < LOCAL; i++) {
        fill(&ticks[i], 1, 0, i);
        tri_list_append(&actors[SENDER].list, &ticks[i].record);
    }
    queue(&workers[0], &actors[SENDER]);
    common = NULL;
    foreign_dead = handled = 0;
}

static void model_thread(int me) {
    if (me == 0) {
        for (uint32_t i = 0; i < FOREIGN; i++) {
            send_foreign(i);
            model_delay(0);
        }
        return;
    }
    for (int i = 0; i < STEPS; i++) {
        do_step(&workers[me - 1], choose_step(me, i));
        model_delay(me);
    }
}

static bool is_busy(struct worker *worker) {
    return worker->queued > 0 || !tri_inbox_looks_empty(&worker->inbox) ||
           tri_deque_size(&worker->deque) > 0;
}

/* Everything that the workers still know of is done, without further moves by deque. What is left
 * then has been lost. */
static void finish(void) {
    while (is_busy(&workers[0]) || is_busy(&workers[1]))
        for (int i = 0; i < 2; i++) {
            poll(&workers[i]);
            steal(&workers[i], &workers[i]);
            run(&workers[i]);
        }
    if (common == NULL) return;
    trade_slot(&workers[0]); /* what a stale sender left with the free slot */
}

static void model_check(void) {
    finish();
    uint32_t dead = foreign_dead + workers[0].dead + workers[1].dead;
    assert(actors[SENDER].sent == LOCAL);
    assert(handled + dead == FOREIGN + LOCAL);
    for (int i = 0; i < ACTORS; i++) {
        assert(actors[i].list.count == 0);
        assert(tri_lane_claim(&actors[i].lane)); /* the token is at rest */
        assert(!(actors[i].task.flags & (TRI_TASK_TOKEN | TRI_TASK_ACTIVE)));
    }
}
