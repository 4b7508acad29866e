/*
 * The decision function for a remote cluster: what to do in it, and in the central cluster for its RemoteIstio, from
 * what is observed in both.
 *
 * Pure, as reconcile/plan.h; what it knows of the connection comes in as `struct remote_contact`.
 *
 *   remote_plan.c     what holds it up, in order; joining; the resource's status
 *   remote_wanted.c   what the remote cluster should have
 *   remote_leave.c    taking it out of the remote cluster again
 *   remote_status.c   what to say
 */
#ifndef CONTROLLERS_REMOTE_REMOTE_PLAN_H
#define CONTROLLERS_REMOTE_REMOTE_PLAN_H

#include "controllers/remote/central.h"
#include "reconcile/plan.h"

/* Annotation of a person on a RemoteIstio that is being deleted: leave the remote cluster as it is. */
#define REMOTE_ABANDON "istio.banzaicloud.io/abandon"
/* Label of a Secret with a kubeconfig: Pilot of Istio 1.0 reads the cluster's services with it ("Multicluster" in
 * Istio's documentation). */
#define REMOTE_PILOT_LABEL "istio/multiCluster"

struct remote_memo;
struct remote_memo *remote_memo_new(void);
void remote_memo_free(struct remote_memo *memo);
/* Whether objects of the kind are wanted, or may be: it is not known yet. */
bool remote_memo_needs(const struct remote_memo *memo, const struct kube_kind *kind);

/* How the remote cluster's API server is to be had. Strings are borrowed. */
struct remote_contact {
    const char *refused; /* why the kubeconfig in the Secret cannot be used; NULL: it can, or there is none */
    const char *error;   /* what keeps the connection from its next phase, or went wrong last; "": nothing */
    msec_t error_age;    /* for how long */
    msec_t last;         /* wall: it answered; 0: never */
};

struct remote_input {
    const struct plan_input *home; /* the central cluster */
    const struct plan_input *away; /* the remote cluster; NULL while we are not in step with it */
    struct central *central;
    const struct kube_object *resource; /* the RemoteIstio, in the central cluster */
    struct remote_contact contact;
};

struct remote_plan {
    struct plan home, away;
    bool connect;          /* there is a kubeconfig, and something to do with it */
    const char *abandoned; /* what to tell about a cluster that is left as it is; static; NULL: it is not */
    msec_t look_again;     /* after so long without an event; MSEC_NEVER */
};

/*
 * False: what it follows from in the central cluster has not been read yet. Then nothing is decided, and all stays as
 * it is, the connection, too. `ret` is to be released in either case.
 */
bool remote_plan_make(const struct remote_input *input, struct remote_memo *memo, struct remote_plan *ret);
void remote_plan_release(struct remote_plan *plan);

#endif
