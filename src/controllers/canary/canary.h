/*
 * The custom resource Canary (istio.banzaicloud.io/v1beta1), parsed: how a Deployment's next version is released.
 *
 * The names of fields are Flagger's where they mean the same. What lies in `service` and in `analysis.metrics` is
 * validated and stays JSON; defaults there are filled in by the functions below. Every pointer is owned by the struct.
 */
#ifndef CONTROLLERS_CANARY_CANARY_H
#define CONTROLLERS_CANARY_CANARY_H

#include "api/resource.h"
#include "api/status.h"
#include "base/clock.h"

/* Label of the objects of a Canary, and of the Pods of its primary: "primary" or "canary". */
#define CANARY_ROLE "canary.istio.banzaicloud.io/role"

enum { CANARY_METRICS_MAX = 8 };

/* The metrics that need no query. */
#define CANARY_SUCCESS_RATE "request-success-rate" /* percent of the requests that did not fail */
#define CANARY_DURATION "request-duration"         /* the 99th percentile, in milliseconds */

/* The conditions that it has besides those of every resource. */
#define CONDITION_PROMOTED "Promoted"
#define CONDITION_PROGRESSING "Progressing"
#define CONDITION_HELD "Held"
#define CONDITION_CONTENDED "Contended"
#define CONDITION_ROUTE_CONFLICT "RouteConflict"

/* The values of status.phase. */
#define API_CANARY_PHASES(X)                                                                                           \
    X(INITIALIZING, "Initializing", "the primary is created, and gets the traffic")                                    \
    X(INITIALIZED, "Initialized", "the primary has all traffic, and nothing was released yet")                         \
    X(WAITING, "Waiting", "a new version waits for webhooks to let it in, or for a person")                            \
    X(PROGRESSING, "Progressing", "the traffic of a new version grows step by step")                                   \
    X(PROMOTING, "Promoting", "the primary is rolled out to the new version, or back to the former one")               \
    X(FINALISING, "Finalising", "the primary has all traffic again, and the requests at the target end")               \
    X(SUCCEEDED, "Succeeded", "the new version was promoted")                                                          \
    X(FAILED, "Failed", "the new version was not promoted; the primary has all traffic")                               \
    X(TERMINATING, "Terminating", "the Canary is being deleted, and the target gets the traffic")

/* The fields of its status, besides those of every resource. */
#define STATUS_FIELD_PHASE "phase"
#define STATUS_FIELD_REASON "reason"
#define STATUS_FIELD_MESSAGE "message"
#define STATUS_FIELD_REVISION "revision"
#define STATUS_FIELD_PROMOTED_REVISION "promotedRevision"
#define STATUS_FIELD_FAILED_REVISION "failedRevision"
#define STATUS_FIELD_POD_TEMPLATE_HASH "podTemplateHash"
#define STATUS_FIELD_FROZEN "frozen"
#define STATUS_FIELD_CANARY_WEIGHT "canaryWeight"
#define STATUS_FIELD_STEP "step"
#define STATUS_FIELD_FAILED_CHECKS "failedChecks"
#define STATUS_FIELD_INCONCLUSIVE_CHECKS "inconclusiveChecks"
#define STATUS_FIELD_ERROR_CHECKS "errorChecks"
#define STATUS_FIELD_CHECKS "checks"
#define STATUS_FIELD_HOOKS "hooks"
#define STATUS_FIELD_NOTICES "notices"
#define STATUS_FIELD_RELEASE_STARTED "releaseStarted"
#define STATUS_FIELD_RUN_STARTED "runStarted"
#define STATUS_FIELD_SETTLE_UNTIL "settleUntil"
#define STATUS_FIELD_DRAIN_UNTIL "drainUntil"
#define STATUS_FIELD_COMMAND "command"
#define STATUS_FIELD_APPROVED_HOOK "approvedHook"

struct canary_spec {
    struct {
        char *api_version, *kind, *name;
    } target;
    json_t *autoscaler; /* {name, kind?, apiVersion?}; NULL: the target has none */
    json_t *service;    /* {port, name?, portName?, targetPort?, gateways?, hosts?, timeout?, ...}; NULL: not given */
    struct {
        char *interval;
        int threshold;  /* failed checks that end the release */
        int max_weight; /* percent */
        int step_weight;
        json_t *step_weights; /* a sequence of percents; NULL or empty: by step_weight */
        int iterations;       /* in place of weights: so many checks; 0: not given */
        json_t *match;        /* with iterations: which requests go to the new version; NULL or empty: none */
        bool mirror;          /* before the first weight requests are mirrored */
        int mirror_weight;    /* percent of them; 0: all */
        json_t *steps; /* a sequence of {weight | match, weight? | mirror | pause | approve, for?}, instead of these */
        json_t *affinity; /* {cookieName, ...}; NULL: clients may change between the versions with every request */
        json_t *webhooks, *alerts; /* sequences of those in controllers/canary/canary_webhooks.h */
        json_t *metrics;     /* a sequence of {name, interval?, thresholdRange?, query?, minRequests?, onNoData?} */
        char *no_traffic;    /* "Hold", "Pass", "Fail" */
        char *metrics_error; /* "Hold", "Fail" */
        char *on_failure;    /* "Rollback", "Hold" */
    } analysis;
    char *metrics_server;                 /* NULL: the mesh's */
    int progress_deadline, settle, drain; /* seconds */
    bool skip_analysis, suspend, revert_on_deletion, freeze_target;
};

void canary_spec_free(struct canary_spec *spec);
DEFINE_CLEANUP(struct canary_spec *, canary_spec_free)
#define _cleanup_canary_spec_ _cleanup_(canary_spec_free_p)

extern const struct api_form canary_form;

extern const struct api_resource api_resource_canary;

/* See api_parse(). On success `ret` is to be freed by canary_spec_free(). */
int canary_parse(
    const json_t *resource, const struct api_context *context, struct canary_spec **ret, struct problems *problems);

/* Of the Service that clients call. */
const char *canary_service(const struct canary_spec *spec);
/* The time that a metric looks back over. */
msec_t canary_window(const json_t *metric);

#endif
