/* What the parts of a world share. No other file includes this. */
#ifndef TESTS_SIMULATION_CANARY_WORLD_IMPL_H
#define TESTS_SIMULATION_CANARY_WORLD_IMPL_H

#include "../../server/net.h"
#include "controllers/canary/canary_plan.h"
#include "ground.h"
#include "hooks.h"
#include "kube/elector.h"
#include "prometheus.h"
#include "reconcile/controller.h"
#include "world.h"

enum { OPERATORS = 2, STEPS_MOST = 5, ANSWERS = 64 };

#define CANARIES "canaries"
#define CANARY "shop"

/* --- users --- */

enum {
    HAS_CONFIRM_ROLLOUT = 1,
    HAS_PRE_ROLLOUT = 2,
    HAS_ROLLOUT = 4,
    HAS_CONFIRM_INCREASE = 8,
    HAS_CONFIRM_PROMOTION = 16,
};

/* What the Canary says, as far as the rules depend on it. */
struct spec {
    int steps[STEPS_MOST];
    size_t step_count;
    msec_t interval, window;
    int threshold, least; /* minRequests */
    bool has_rate, has_duration;
    bool skips, suspended, reverts, freezes;
    const char *no_traffic, *metrics_error, *on_failure;
    int settle, drain, deadline; /* s */
    unsigned hooks;              /* of which types there is a webhook */
    bool testers;                /* get the new version before the first weight, and go on to */
    bool sticks;                 /* clients stay where the weight led them */
    bool refers;                 /* to the users' own VirtualService */
};

struct users {
    struct spec spec, former; /* `former` may still be what an operator goes by */
    msec_t edited;
    int version; /* of the target; 0: there is none */
    int before;  /* the version that was declared before */
    int versions, replicas;
    unsigned tokens;
    bool is_scaled;   /* by a HorizontalPodAutoscaler, which the Canary names */
    bool has_route;   /* the users' own VirtualService was there before */
    bool has_orphans; /* what a Canary let go is there, and in the way of another one */
    char did[160];
};

/* --- rules --- */

/* What a user did to it may lose requests until the operator has put it right. */
enum { HAND_ROUTE = 1, HAND_PRIMARY = 2, HAND_TARGET = 4, HAND_CANARY_SERVICE = 8 };

enum { HOOK_TESTS = 32, HOOK_YES_MAX = 64, HOOK_GATES = 3 };

struct hook_rules {
    char revisions[VERSIONS_MAX][20]; /* the Canary's names of versions */
    struct {
        char id[160];
        msec_t passed;   /* the status said so */
    } tests[HOOK_TESTS]; /* a ring, as the next one */
    struct {
        char type[32];
        int version, weight;
        msec_t at;
    } yes[HOOK_YES_MAX];
    size_t test_count, yes_count;
    /* A person's yes in place of each gate's: of that version, given at that weight; version 0: there is none. */
    struct {
        int version, weight;
    } approved[HOOK_GATES];
};

struct rules {
    struct hook_rules hooks;
    int weight;        /* that an operator wrote last; -1: none */
    msec_t since;      /* it was written */
    int live;          /* of the VirtualService */
    int match, led;    /* percent of testers there; by the last write of an operator */
    bool reaches;      /* something there leads to the canary */
    msec_t zero, apex; /* since then the route leads to the primary, and so does the Service; MSEC_NEVER: not */
    int run;           /* the version that gets traffic, or did last; 0: none */
    bool approved[VERSIONS_MAX], commanded[VERSIONS_MAX];
    struct {
        enum prometheus_value what;
        struct prometheus_answer answer;
    } answers[ANSWERS]; /* a ring */
    size_t answer_count;
    unsigned hands;
    msec_t excused;
    bool apex_unseen; /* a user led the Service elsewhere, and no operator put it right yet */
    int64_t floor;    /* replicas of the primary when the canary got traffic; 0: it has none */
    msec_t shifted;   /* the canary got traffic */
    msec_t led_back;  /* the autoscaler was led to the primary */
    msec_t limits;    /* users changed the limits of the autoscaler */
    msec_t rival;     /* since then another VirtualService has the shop's host; MSEC_NEVER: none has */
    msec_t crashing;  /* the primary has a version that crashes until then */
};

/* --- the world --- */

struct operator
{
    struct world *world;
    const char *name;
    struct net *net;
    struct prometheus *prometheus;
    struct hooks *hooks;
    struct query_sender queries;
    msec_t started;
    struct controller *controller; /* NULL: it does not run */
    struct kube_elector *elector;  /* NULL: it acts without a lease */
    char identity[32];
    unsigned starts;
    msec_t wall, stopped_until;
    bool desired; /* it takes part in this seed */
};

struct world {
    struct ground ground;
    struct rng edges, chaos;
    struct operator operators[OPERATORS];
    struct faults faults;
    enum prometheus_state prometheus;
    enum hooks_state hooks;
    struct rng hook_dice;  /* of its own, so that seeds without webhooks are as they would be without this */
    struct rng late_dice;  /* likewise, of clocks and of what else came later */
    struct rng route_dice; /* likewise, of what is set apart */
    struct users users;
    struct rules rules;
    bool down, leases, trace;
    unsigned kill_in; /* an operator is killed after so many writes; 0: none is */
    msec_t chaos_until, calm, disputed_until;
    uint64_t written; /* by operators, and carried out */
    struct world_report *report;
};

void world_say(const struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline msec_t world_now(const struct world *w)
{
    return sched_now(w->ground.sched);
}

/* operators.c */
void operator_init(struct world *w, struct operator* o, const char *name);
/* Stops it, and adds to the report what it did. */
void operator_release(struct operator* o);
/* Both do nothing where it is so already. */
void operator_start(struct operator* o);
void operator_stop(struct operator* o);
bool operator_is_ready(const struct operator* o);
bool operator_is_behind(const struct operator* o);
bool operator_is_acting(const struct operator* o);

/* users.c */
void users_begin(struct world *w);
void users_act(struct world *w);
void users_create_canary(struct world *w);
void users_delete_canary(struct world *w);
void users_create_target(struct world *w);
/* An application that was scaled to 0 gets Pods again. */
void users_switch_on(struct world *w);
void users_release(struct world *w, enum sort sort);
/* Another VirtualService for the same host comes, or goes. */
void users_rival(struct world *w, bool is_there);
void users_suspend(struct world *w, bool suspended);
void users_command(struct world *w, const char *verb);

/* rules.c: judged by what the server, Prometheus and the clients saw, without any code of the operator's. */
void rules_init(struct rules *r);
void rules_changed(struct world *w, enum who who, const struct collection *kind, const json_t *before,
                   const json_t *after);
void rules_request(struct world *w, const struct traffic_request *request);
void rules_answered(struct world *w, enum prometheus_value what, const struct prometheus_answer *answer);
/* rules_hooks.c */
void rules_declared(struct world *w, const json_t *target);
void rules_recorded(struct world *w, const json_t *before, const json_t *after);
void rules_asked(struct world *w, const struct operator* o, const json_t *document);
void rules_agreed(struct world *w, const json_t *document);
/* The weight of the version that is released grows, from `before`; the primary gets the version. */
void rules_check_rise(struct world *w, int before);
void rules_check_promotion(struct world *w, int version);
/* A user's hand was at something that serves. */
void rules_hand(struct world *w, unsigned hand);
/* Users changed the limits of the autoscaler. */
void rules_limits(struct world *w);
/* Nothing is lost or un-analysed any more, whatever users did before. */
void rules_forgive(struct world *w);
/* What was declared last has come to its end; else `why` gets what has not. */
bool rules_settled(struct world *w, struct buf *why);

#endif
