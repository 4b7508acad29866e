/*
 * Which workloads with outdated sidecars are restarted now. Pure: time, the workloads and what the status said of them
 * come in as data; what becomes of each, and when to decide again, goes out.
 *
 * A restart that was begun is known by the workload itself (SIDECAR_RESTARTED_ANNOTATION in mesh/workloads.h), so that
 * a process that ends after the write does not restart it again.
 */
#ifndef CONTROLLERS_MESH_RENEWAL_DECIDE_H
#define CONTROLLERS_MESH_RENEWAL_DECIDE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "mesh/workloads.h"

/* How long after a rollout its former Pods may still be observed. */
#define RENEWAL_STRAGGLERS SECONDS(60)

/* No other restart begins while so many failed or were undone. */
enum { RENEWAL_FOLLOWED_MAX = 100 };

/* Why a workload is not restarted: the reasons in the status, in the order in which it names them. */
#define RENEWAL_REASONS(X)                                                                                             \
    X(TIMED_OUT, "RolloutTimedOut", "its rollout did not finish in time; repair it, or undo the rollout")              \
    X(REVERTED,                                                                                                        \
      "Reverted",                                                                                                      \
      "another client removed the annotation " SIDECAR_RESTARTED_ANNOTATION                                            \
      " from its template, and with it the restart; restart it there")                                                 \
    X(STILL_OUTDATED, "StillOutdated", "it was restarted, and its new Pods have an outdated sidecar, too")             \
    X(REFUSED, "Refused", "the API server refuses the restart")                                                        \
    X(BARE_POD, "BarePod", "nothing creates it again; create it again yourself")                                       \
    X(JOB, "Job", "its Pods end by themselves; a restart would begin its work again")                                  \
    X(OWNERLESS, "NoDeployment", "no Deployment replaces its Pods; delete them yourself")                              \
    X(CUSTOM_OWNER, "CustomOwner", "the operator cannot restart this kind; restart it by its own means")               \
    X(NOT_FOUND, "NotFound", "it is not observed")                                                                     \
    X(NOT_SELECTED, "NotSelected", "namespaceSelector leaves out its namespace")                                       \
    X(DISABLED, "Disabled", "the annotation " SIDECAR_RENEWAL_ANNOTATION " asks for it")                               \
    X(INJECTED_BY_HAND, "InjectedByHand", "its template has the sidecar; inject it again")                             \
    X(NOT_INJECTED,                                                                                                    \
      "NotInjected",                                                                                                   \
      "restarted, its Pods would have no sidecar: neither it nor its namespace asks "                                  \
      "for one")                                                                                                       \
    X(OTHER_REVISION, "OtherRevision", "its namespace or template chooses another control plane")                      \
    X(PINNED, "PinnedImage", "an annotation chooses the image of its sidecar; remove it first")                        \
    X(PAUSED, "Paused", "its rollouts are paused; resume them")                                                        \
    X(ON_DELETE, "OnDelete", "its update strategy replaces Pods only when they are deleted; delete them yourself")     \
    X(PARTITIONED, "Partitioned", "its update strategy keeps Pods below a partition; lower it")                        \
    X(TOO_MANY_LABELS, "TooManyLabels", "its Pods have more labels than the operator reads")                           \
    X(BUDGET, "DisruptionBudget", "a PodDisruptionBudget allows no disruption of its Pods now")                        \
    X(ROLLING, "Rolling", "it is being rolled out for another reason, or is not available")

enum renewal_reason {
    RENEWAL_FREE, /* it can be restarted */
#define X(id, reason, text) RENEWAL_##id,
    RENEWAL_REASONS(X)
#undef X
        RENEWAL_REASON_COUNT,
};

enum renewal_stage {
    RENEWAL_CURRENT, /* none of its Pods has an outdated sidecar, and the operator does not restart it */
    RENEWAL_LEFT,    /* it will be restarted */
    RENEWAL_MOVING,  /* the operator restarted it, and it is not rolled out yet */
    RENEWAL_RESTING, /* it is rolled out; the next one waits for the delay */
    RENEWAL_BLOCKED, /* it is not restarted, by `reason` */
};

struct renewal_item {
    const char *kind, *ns, *name; /* borrowed */
    size_t outdated;              /* Pods */
    enum renewal_reason obstacle; /* to a restart, as observed */
    bool is_complete;             /* it is rolled out */
    msec_t restarted_at;          /* by the operator, 0: never; and whether for the sidecars that are desired now */
    bool is_restarted;
    const char *refusal; /* why the API server refuses the restart; borrowed; NULL: it does not */
    bool is_writing;     /* the write that restarts it is under way */
    bool retry;          /* the user asks for another try */
    /* What the status said: it was restarted then, and was rolled out then (0: not yet); why it was blocked. */
    msec_t known_since, known_complete;
    enum renewal_reason known_reason;
    bool is_unknown; /* the status does not say yet that it was restarted: the process ended after the write */
    bool is_over;    /* a later restart is known, and this one is not followed any more: another client rolls it out */

    /* Decided. */
    enum renewal_stage stage;
    enum renewal_reason reason;
    bool failed; /* its rollout did not end in time, and has not since then: its namespace is stopped */
    msec_t complete_at;
    bool restart; /* now */
};

struct renewal_terms {
    bool may_begin;        /* the mesh is in place, and restarts are asked for */
    size_t max_namespaces; /* at a time */
    msec_t delay, timeout;
    bool stops_all;        /* after a failure */
    const json_t *windows; /* NULL or empty: any time */
};

struct renewal_totals {
    size_t left, moving, resting, blocked;
    bool in_window;
    msec_t again_at; /* MSEC_NEVER: only with another observation */
};

/* `items` are in the order of namespace and name, each once. */
void renewal_decide(
    const struct renewal_terms *terms, struct renewal_item *items, size_t len, msec_t now, struct renewal_totals *ret);

/* Whether its last restart came to nothing, which the status has to say as long as it is so. */
bool renewal_is_followed(const struct renewal_item *item);

/* Whether restarts may begin; *ret_change becomes when that changes next, at the latest a week later. */
bool renewal_in_window(const json_t *windows, msec_t now, msec_t *ret_change);

/* "RolloutTimedOut" and what it means; of RENEWAL_FREE NULL. */
const char *renewal_reason_word(enum renewal_reason reason);
const char *renewal_reason_text(enum renewal_reason reason);
/* RENEWAL_FREE where there is none of that name. */
enum renewal_reason renewal_reason_of(const char *word);

#endif
