/* What the parts of a Canary's planner share. No other file includes this. */
#ifndef CONTROLLERS_CANARY_CANARY_IMPL_H
#define CONTROLLERS_CANARY_CANARY_IMPL_H

#include "base/str.h"
#include "controllers/canary/canary_decide.h"
#include "controllers/canary/canary_plan.h"
#include "mesh/mesh.h"
#include "reconcile/reconciler.h"

/*
 * The ConfigMap that says what was there before the Canary, and what the primary is to be: NAME-original. Its keys.
 */
#define RECORD_TARGET "target"     /* its name; older records have none */
#define RECORD_REVISION "revision" /* of `template` */
#define RECORD_TEMPLATE "template" /* the primary's, as JSON */
#define RECORD_PREVIOUS_REVISION "previousRevision"
#define RECORD_PREVIOUS_TEMPLATE "previousTemplate"
#define RECORD_LABELS                                                                                                  \
    "matchLabels" /* by which the target selects its Pods, as JSON: for a primary that is gone with the target */
#define RECORD_REPLICAS "replicas" /* that the target had, or was given since */
#define RECORD_FLOOR "floor"       /* fewer replicas the primary does not get while its autoscaler scales the target */
#define RECORD_SCALER "autoscaler" /* the HorizontalPodAutoscaler that may have been led to the primary */
#define RECORD_ROUTE "virtualService"  /* its spec, as JSON, where it existed before */
#define RECORD_REF "virtualServiceRef" /* of the Canary's `service`, as JSON, where it has one */

/* Bits of plan.watch. */
enum {
    PLAN_WATCH_TARGETS = 1,        /* what is released: Deployments, ReplicaSets, Services, in all namespaces */
    PLAN_WATCH_ROUTES = 2,         /* VirtualServices, where the server serves them */
    PLAN_WATCH_SCALERS = 4,        /* HorizontalPodAutoscalers of all namespaces */
    PLAN_WATCH_CANARY_SECRETS = 8, /* Secrets of all namespaces that Canaries may send, by their label */
};

/* What is being read may fail, without an event. */
#define CANARY_LOOK_AGAIN SECONDS(5)

/* Values of the label CANARY_ROLE. */
#define CANARY_ROLE_PRIMARY "primary"
#define CANARY_ROLE_CANARY "canary"

/* What checks come to. */
enum check_verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_NO_DATA, VERDICT_ERROR, VERDICT_LAST = VERDICT_ERROR };

/*
 * What the last plan depended on, where all was in place, and only time is waited for; `ns` NULL: there is none such.
 * All strings are owned. Counts are kube_cache_changes().
 */
enum {
    SEEN_TARGET,
    SEEN_APEX,
    SEEN_ROUTE,
    SEEN_SCALER,
    SEEN_PRIMARY_ENDPOINTS,
    SEEN_CANARY_ENDPOINTS,
    SEEN_PRIMARY_SET,
    SEEN_NAMED,
    SEEN_OWNED = 4,
};
struct canary_seen {
    char *ns, *uid;
    struct {
        char *name, *version; /* NULL: none is looked for; there was none */
        uint64_t changes;
    } named[SEEN_NAMED];
    uint64_t owned[SEEN_OWNED];
    uint64_t meshes, routes, sets;
    uint64_t hosts; /* of the Canary: see canary_may_have_host() */
    bool has_conflict;
    unsigned synced, failing;
    uint64_t spoken;
};

/* What follows from the resource alone, as long as it stays the same. */
struct canary_memo {
    uint64_t hash;            /* 0: not read yet */
    struct canary_spec *spec; /* NULL: refused */
    struct err refusal;       /* why there is no spec */
    char *warnings;
    struct canary_seen seen;
    /* Another VirtualService of the same host, as a message, NULL: none; as of `routes` changes of VirtualServices. */
    char *conflict;
    bool is_unusable; /* the user's own has no route to split */
    uint64_t routes;
    bool knows_conflict;
};

/* The mesh, as far as the Canary depends on it. */
struct canary_mesh {
    const char *ns;     /* borrowed from the resource */
    bool in_seconds;    /* the durations of requests, by Istio before 1.5 */
    bool lacks_headers; /* routes of Istio 1.0 set none by destination */
    bool needs_tls;     /* a DestinationRule has to ask for mutual TLS, or clients send plain text */
};

/* One Canary, while it is planned: the state of its reconcile. */
struct canary {
    struct reconcile *re;
    const struct plan_input *in;
    const struct canary_spec *spec;
    const char *ns, *name, *service;
    char *primary_name, *primary_service, *canary_service, *record_name; /* owned */
    const json_t *ref;      /* service.virtualServiceRef; NULL: the VirtualService is the Canary's own */
    const char *route_name; /* of the VirtualService */

    /* What is observed: objects are borrowed, documents owned; NULL: there is none. */
    const struct kube_object *target_object, *apex_object, *route_object, *scaler_object;
    json_t *scaler; /* the target's */
    json_t *istio, *target, *primary, *apex, *route, *record, *recorded_labels, *canary_half;
    struct canary_mesh mesh;
    char revision[CANARY_REVISION_MAX];
    /* Of the ReplicaSets of the target's and the primary's templates; "": not known yet. */
    char hash[CANARY_HASH_MAX], primary_hash[CANARY_HASH_MAX];

    struct canary_state observed, next;
    struct canary_facts facts;
    struct canary_wish wish;
    struct buf text, check_text;
    struct buf gate_text, end_text;
    json_t *checks, *hooks, *notices; /* for the status; owned */
    bool is_refused;                  /* a gate's webhook has said no, and alerts are sent */
    msec_t look_again;                /* what is posted depends on the time until then; 0: nothing does */
    bool held, is_decided;
    bool is_written;       /* the status says all this already */
    char *scaler_obstacle; /* why the target's autoscaler cannot be followed; owned; NULL: it can, or there is none */
    const char *conflict;  /* another VirtualService of the same host, as a message; the memo's; NULL: none */
    char *contended;       /* the object that another client writes again and again; owned; NULL: none */
};

/* canary_wait.c */
/* Why these objects, which one of the watches brings, cannot be read, owned by the caller; NULL: they can. */
char *canary_unreadable(const struct canary *c, unsigned watch, const char *what);
/* When what is in the status was so (`at`): now at the latest, which is written to it; see canary_set_clock(). */
msec_t canary_time_of(const struct canary *c, json_t *record);
/* The plan is made again then, at the latest. */
void canary_look_again(struct canary *c, msec_t at);

/* canary_record.c */
/* One that makes no sense counts as lost. */
bool canary_record_is_sound(const json_t *record);
/* A map; NULL: the text is none. Owned by the caller. */
json_t *canary_recorded_map(const char *text);
/* By which the target selected its Pods when the primary was created; NULL: nothing tells. Owned by the caller. */
json_t *canary_recorded_labels(const struct canary *c);
/* Of the record's data. */
int canary_recorded_replicas(const json_t *data);
/* 0: none is recorded. */
int canary_recorded_floor(const json_t *data);

/* canary_observe.c */
/* The data of the Canary's record; owned by the caller; NULL: there is none. */
json_t *canary_recorded(const struct reconcile *re);
void canary_observe(struct canary *c);
void canary_release(struct canary *c);
/* VirtualServices are not read yet. */
bool canary_awaits_routes(const struct canary *c);
/* Why nothing can be done now, owned by the caller; NULL: something can. */
char *canary_obstacle(const struct canary *c);
/* Brings the facts up to date, with what was planned of the Canary's own objects. */
void canary_note_facts(struct canary *c, bool objects_ready);
/* The labels by which the target selects its Pods, or did before it was deleted; borrowed. */
const json_t *canary_match_labels(const struct canary *c);
/* Of the template that the recorded one is equal to, as the server completes it. */
bool canary_is_same_template(const struct canary *c);

/* canary_seen.c */
/* What the plan that ends depended on. */
void canary_note_seen(struct canary *c, struct canary_seen *seen);
/* The next plan is made at any change. */
void canary_forget_seen(struct canary_seen *seen);
/* See reconciler.is_concerned. */
bool canary_is_concerned(void *memo, const struct plan_input *in);

/* canary_scaler.c */
/* Of the autoscaler that is looked for; NULL: none is. Borrowed. */
const char *canary_scaler_name(const struct canary *c);
/* There is to be an autoscaler, or one was led to the primary. */
bool canary_has_scaler(const struct canary *c);
/* The watch of autoscalers is being opened. */
bool canary_awaits_scalers(const struct canary *c);
/* One that was led cannot be seen, so that it cannot be given back. */
bool canary_awaits_led_scaler(const struct canary *c);
void canary_observe_scaler(struct canary *c);
/* Why nothing is scaled although there is what should, owned by the caller; NULL: nothing is known. */
char *canary_scaler_trouble(const struct canary *c);
struct canary_bounds canary_scaler_bounds(const struct canary *c);
/*
 * The Deployment to which the autoscaler is to be led, or where the Canary `is_over` given back; NULL: it is there, or
 * it is not the Canary's to lead. Borrowed.
 */
const char *canary_scaler_wanted(const struct canary *c, bool is_over);
/* What the record says of it. */
void canary_record_scaler(const struct canary *c, json_t *data);
/* The replicas that the primary is to have; below 0: those that it has, as they are an autoscaler's. */
int canary_primary_replicas(const struct canary *c, const json_t *record_data);

/* canary_objects.c */
/* What belongs to the Canary: the record, the primary, its Services and DestinationRules. */
void canary_plan_objects(struct canary *c, struct plan *plan);

/* canary_shared.c */
/* What belongs to others, or is shared with them: as the wish says. */
void canary_plan_shared(struct canary *c, struct plan *plan);
bool canary_has_apex(const struct canary *c);
/* Until the target serves, the primary does: a user may have scaled it to 0. */
void canary_keep_primary(struct canary *c, struct plan *plan);
/* What the removal writes, each where it is not so: true when all is so. */
bool canary_return_target(struct canary *c, struct plan *plan);
bool canary_return_apex(struct canary *c, struct plan *plan);
bool canary_return_route(struct canary *c, struct plan *plan);
bool canary_return_scaler(struct canary *c, struct plan *plan);

/* canary_route.c */
/* The fields of the VirtualService that are the Canary's, with null where there is to be none; owned by the caller. */
json_t *canary_route_spec(const struct canary *c, int weight, int mirror, int match);
/* Whether the VirtualService has each of these fields so; null is none. */
bool canary_route_has(const struct canary *c, const json_t *fields);
/* How the requests are split in the VirtualService: sets facts.route, facts.mirror and facts.match. */
void canary_read_route(struct canary *c);
/* Whichever the weights are: the Canary had it already. */
bool canary_leads_to_primary(const struct canary *c);
/* The same fields as they were before the Canary, owned by the caller; NULL: they are so, or were never others. */
json_t *canary_former_route(const struct canary *c);

/* canary_ref_routes.c: in the user's own VirtualService */
/* Why requests cannot be split there, owned by the caller; NULL: they can. */
char *canary_ref_obstacle(const struct canary *c);
/* The canary's weight; -1: it is not as the Canary has it. */
int canary_ref_weight(const struct canary *c);
/* All its routes, with this weight; owned by the caller. */
json_t *canary_ref_http(const struct canary *c, int weight);
/* All its routes, with those that led to the Service as before; NULL: they do. Owned by the caller. */
json_t *canary_ref_former_http(const struct canary *c);

/* canary_conflict.c */
/*
 * A host by one name: "shop", "shop.ns" and "shop.ns.svc.cluster.local" are the same Service. Owned by the caller.
 */
char *canary_full_host(const char *host, const char *ns);
/* What another VirtualService has in common with that of the Canary, owned by the caller; NULL: nothing. */
char *canary_route_conflict(const struct canary *c);
/* The hosts of the Canary in the mesh, as bits; and whether a VirtualService may have one of them: it does with some.
 */
uint64_t canary_route_hosts(const struct canary *c);
bool canary_may_have_host(struct kube_object *route, uint64_t hosts);

/* canary_checks.c: asks what is due, and evaluates the answers; sets facts.check and canary.checks. */
void canary_check(struct canary *c);

/* canary_post.c */
enum canary_reply {
    REPLY_NONE,   /* not yet */
    REPLY_SILENT, /* there will be none: it cannot be sent, or no answer comes */
    REPLY_NO,
    REPLY_YES,
};
struct canary_post {
    const json_t *item; /* the webhook or alert, borrowed */
    const char *key;    /* of the query */
    json_t *document;   /* borrowed */
    int retries;
    msec_t timeout, max_age;
    msec_t since; /* from then on its Secret is waited for as long as for an answer with all retries; 0: it is not */
};
/* Sends it, and reads what was answered; `why` gets what is in the way, or was no yes. */
enum canary_reply canary_post(struct canary *c, const struct canary_post *post, struct buf *why);

/* canary_notices.c */
/* What the end of a plan sends to webhooks and alerts, and has still to send; sets canary.notices. */
void canary_notify(struct canary *c);
/* A notice is still to be sent. */
bool canary_has_notices(const struct canary *c);

/* canary_hooks.c */
/* What every document begins with; `id` tells it from others. Owned by the caller. */
json_t *canary_document(const struct canary *c, const char *id, const json_t *webhook);
/* Asks the webhooks that the observed state waits for; sets facts of them, and canary.hooks. Before canary_check(). */
void canary_ask_hooks(struct canary *c);
/*
 * Asks those of a check; false: answers are missing. `failure` gets why one did not pass, `pending` which is waited
 * for, where that is long already, or the webhook cannot be asked yet.
 */
bool canary_check_hooks(struct canary *c, bool is_long, struct buf *failure, struct buf *pending);

/* canary_status.c */
void canary_read_state(const json_t *resource, struct canary_state *ret);
bool canary_add_status(struct reconcile *re, json_t *status);
/* What users should know although all is well; NULL or "": nothing. */
void canary_remark(struct canary *c, const char *text);
/* Says what is waited for, and what began. */
void canary_tell(struct canary *c);

/* canary_remove.c */
bool canary_leave(struct reconcile *re);

#endif
