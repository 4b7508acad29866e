/*
 * A cluster with one Deployment that a Canary releases: what its controllers do, Prometheus, and a clock that goes on
 * when nothing else does.
 */
#ifndef TESTS_UNIT_CONTROLLERS_CANARY_WORLD_H
#define TESTS_UNIT_CONTROLLERS_CANARY_WORLD_H

#include "api/status.h"
#include "controllers/canary/canary.h"
#include "world.h"

#define APP_NS "shop"
#define APP "podinfo"

enum { CANARY_LOG_MAX = 16384, APP_REPLICAS = 6, CANARY_ANSWERS_MAX = 32 };

#define HOOKS_URL "http://hooks/"

/* A webhook at HOOKS_URL NAME. */
struct canary_world_hook {
    const char *name;
    int status;      /* that it answers with; 0: it does not answer; below 0: it refuses the connection */
    int asked;       /* how often */
    char last[2048]; /* what was posted last */
    char authorization[256];
};

struct canary_world {
    struct world w;
    void *memo;
    msec_t again;     /* when the last plan wants to be made again; MSEC_NEVER */
    char planned[32]; /* the version of the Canary that was planned last */
    bool is_answered; /* an answer came that the last plan did not have */
    /* What Prometheus says of the target's requests. */
    struct {
        double total, failed, milliseconds;
        bool down, is_idle; /* it does not answer; it has no series of the target */
        const char *raw;    /* what it answers, whatever is asked; NULL: as above */
        int asked;          /* how many different questions */
        char last_duration[1024], last_failed[1024], last[1024]; /* how these were asked for last, and anything */
    } metrics;
    int wanted_target, wanted_primary; /* replicas that an autoscaler of theirs wants; 0: what there is */
    bool holds_back;                   /* the queue holds writes back, as they were repeated too often */
    bool target_hangs, primary_hangs;  /* their Pods do not become ready */
    bool endpoints_lag;                /* they stay as they are */
    msec_t clock;                      /* how far the operator's wall clock is set forward */
    unsigned unread, failing;          /* plan.watch: what is not read yet, and whose list fails */
    bool is_rolling;                   /* some Pods of a Deployment are still to be replaced */
    int writes;                        /* but status and finalizer */
    size_t managed;                    /* objects, as the last plan counts them */
    struct canary_world_hook hooks[8];
    struct {
        char *key, *body; /* `body` NULL: an error */
        int status;
        msec_t at, due; /* it is asked again */
    } answers[CANARY_ANSWERS_MAX];
    size_t answer_count;
    char log[CANARY_LOG_MAX];    /* "Progressing 10\n": each phase and weight, once */
    char events[CANARY_LOG_MAX]; /* "Reason: text\n", each once */
};

/* With the target, its Service, and a Canary with this spec (JSON; NULL: weights 10 and 50, the built-in metrics). */
void canary_world_init(struct canary_world *cw, const char *spec);
void canary_world_release(struct canary_world *cw);
void canary_world_put(struct canary_world *cw, const char *spec);
/* The target gets another image. */
void canary_world_release_image(struct canary_world *cw, const char *image);
void canary_world_command(struct canary_world *cw, const char *command);
/* Of that name; a new one answers with 200. */
struct canary_world_hook *canary_world_hook(struct canary_world *cw, const char *name);
/* The kind is read, or not yet, and its list fails. */
void canary_world_read(struct canary_world *cw, enum mesh_kind_id kind, bool is_read, bool fails);
/* The last plan may be another one by now, as far as the cluster decides that. */
bool canary_world_is_concerned(struct canary_world *cw);
/* Plans know nothing of those before. */
void canary_world_forget(struct canary_world *cw);
/* Controllers, a plan, and what it says. True where there was something to write, or a rollout goes on. */
bool canary_world_step(struct canary_world *cw);
/* Until the status has this phase and weight (below 0: any); fails where that does not come. */
void canary_world_until(struct canary_world *cw, const char *phase, int weight);
/* Until nothing is written for that long. */
void canary_world_rest(struct canary_world *cw, msec_t length);
/* As a user does: it is gone some steps later. */
void canary_world_request_deletion(struct canary_world *cw);
bool canary_world_is_gone(struct canary_world *cw);
/* Deletes the Canary; until it is gone. */
void canary_world_delete(struct canary_world *cw);

/* A field of the status, "" where there is none; owned by the caller. */
char *canary_world_status(struct canary_world *cw, const char *field);
/* The canary's weight in the last route of the VirtualService; -1: there is none. */
int canary_world_weight(struct canary_world *cw);
/* The image, and the replicas, of a Deployment; "" and -1 where there is none. */
char *canary_world_image(struct canary_world *cw, const char *deployment);
int canary_world_replicas(struct canary_world *cw, const char *deployment);

/* What tests begin and end with. NULL: as in canary_world_init(). */
struct canary_world *canary_world_start(const char *spec);
/* Initialised, and at rest. */
struct canary_world *canary_world_start_at_rest(const char *spec);
/* Initialised, and version 2 declared. */
struct canary_world *canary_world_start_release(const char *spec);
void canary_world_done(struct canary_world *cw);
/* An object; NULL: there is none; owned by the caller. */
json_t *canary_world_view(struct canary_world *cw, enum mesh_kind_id kind, const char *name);
/* Changes the target's. */
void canary_world_put_replicas(struct canary_world *cw, int replicas);
/* Fail where the status, one of its conditions, or the image of a Deployment, is another one. */
void canary_world_expect_condition(struct canary_world *cw, const char *type, const char *status);
void canary_world_expect_reason(struct canary_world *cw, const char *type, const char *reason);
void canary_world_expect(struct canary_world *cw, const char *field, const char *text);
void canary_world_expect_image(struct canary_world *cw, const char *deployment, const char *image);

#endif
