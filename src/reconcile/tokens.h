/*
 * Whether the Pods of a workload hold tokens of a ServiceAccount that was deleted and created again. Such tokens name
 * the former one by its uid, so that the API server refuses them, and what runs in the Pods is refused as Unauthorized.
 * New Pods hold new ones. Pure.
 *
 * Sources: Kubernetes 1.34, pkg/serviceaccount/claims.go (the uid is compared), plugin/pkg/admission/serviceaccount (no
 * Pod is created without its account, so that one that is younger than the account holds its tokens),
 * pkg/kubelet/token/token_manager.go (a token is renewed after 24 hours or earlier). Before Kubernetes 1.22 the tokens
 * of Pods are in a Secret, which is deleted with the account: those are never renewed.
 */
#ifndef RECONCILE_TOKENS_H
#define RECONCILE_TOKENS_H

#include "reconcile/plan.h"

/*
 * Annotation in a Pod template: the uid of the ServiceAccount that its Pods were replaced for. It is no part of what a
 * resource asks for: it is added once, and no other write takes it away.
 */
#define TOKENS_ANNOTATION "istio.banzaicloud.io/service-account"

enum tokens {
    TOKENS_VALID,   /* or nothing is known of the account: it is not there, or not the resource's */
    TOKENS_UNKNOWN, /* its Pods have to be observed */
    TOKENS_RENEWED, /* no Pod is as old as the former account */
    TOKENS_FORMER,
};

/*
 * Of a workload as it is observed. `pods` says whether the Pods of its namespace are. With TOKENS_FORMER *ret_account
 * is the uid of the account, owned by the caller.
 */
enum tokens tokens_of(const struct plan_input *in, bool pods, const json_t *workload, char **ret_account);

#endif
