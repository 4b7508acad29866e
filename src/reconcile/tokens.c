#include "reconcile/tokens.h"

#include "base/str.h"
#include "doc/doc.h"
#include "kube/selector.h"

#define ACCOUNT "ServiceAccount"
#define HOURS(n) SECONDS((n)*3600)

/* Source: tokens.h. */
enum { RENEWED_SINCE = 22 };
#define RENEWED_AFTER HOURS(24)

/* 0: it does not say. */
static msec_t created(const json_t *object)
{
    return clock_time(doc_string(object, "metadata", "creationTimestamp"));
}

static bool has_ended(const json_t *pod)
{
    const char *phase = doc_string(pod, "status", "phase");

    return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

/* Times are of whole seconds: a Pod of the same one may be older. */
static bool has_older_pod(const struct plan_input *in, const json_t *workload, msec_t since)
{
    const json_t *selector = doc_at(workload, "spec", "selector", "matchLabels");
    const struct kube_kind *kind = kube_kind_find(kube_cache_kinds(in->observed), "v1", "Pod");
    const char *ns = doc_string(workload, "metadata", "namespace");
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(in->observed, kind, &i));) {
        _cleanup_json_ json_t *pod = !o->deleting && str_eq(o->ns, ns) ? kube_object_parse(o) : NULL;
        if (pod && selector_pairs_match(selector, doc_at(pod, "metadata", "labels")) && !has_ended(pod) &&
            created(pod) <= since)
            return true;
    }
    return false;
}

static bool are_renewed(const struct plan_input *in, msec_t since)
{
    return in->server->minor >= RENEWED_SINCE && in->now - since > RENEWED_AFTER;
}

enum tokens tokens_of(const struct plan_input *in, bool pods, const json_t *workload, char **ret_account)
{
    const char *name = doc_string(workload, "spec", "template", "spec", "serviceAccountName");
    const char *noted = doc_string(workload, "spec", "template", "metadata", "annotations", TOKENS_ANNOTATION);
    const struct kube_kind *kind = kube_kind_find(kube_cache_kinds(in->observed), "v1", ACCOUNT);
    const struct kube_object *o =
        kind && name ? kube_cache_get(in->observed, kind, doc_string(workload, "metadata", "namespace"), name) : NULL;
    _cleanup_json_ json_t *account = o && !o->deleting ? kube_object_parse(o) : NULL;
    msec_t since = created(account);

    if (!since || str_eq(noted, o->uid) || since <= created(workload) || are_renewed(in, since))
        return TOKENS_VALID;
    if (!pods)
        return TOKENS_UNKNOWN;
    if (!has_older_pod(in, workload, since))
        return TOKENS_RENEWED;
    *ret_account = str_dup(o->uid);
    return TOKENS_FORMER;
}
