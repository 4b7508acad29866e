#include "operator/rollout.h"

#include <inttypes.h>

#include "base/str.h"
#include "json/doc.h"
#include "mesh/mesh.h"

/* Whether `labels` has every pair of `selector` (a map of strings). */
static bool selects(const json_t *selector, const json_t *labels)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)selector, key, value)
        if (!json_equal(value, json_object_get(labels, key)))
            return false;
    return json_object_size(selector) > 0;
}

static char *waiting_reason(const json_t *statuses)
{
    json_t *status;
    size_t i;

    json_array_foreach(statuses, i, status) {
        const json_t *waiting = doc_at(status, "state", "waiting");
        const char *reason = doc_string(waiting, "reason"), *text = doc_string(waiting, "message");
        if (reason && !str_eq(reason, "ContainerCreating") && !str_eq(reason, "PodInitializing"))
            return str_printf("container %s: %s%s%s", str_or(doc_string(status, "name"), "?"), reason,
                              text ? ": " : "", str_or(text, ""));
    }
    return NULL;
}

static char *unscheduled_reason(const json_t *pod)
{
    const json_t *scheduled = doc_find(doc_at(pod, "status", "conditions"), "type", "PodScheduled");

    if (!str_eq(doc_string(scheduled, "status"), "False"))
        return NULL;
    return str_printf("%s: %s", str_or(doc_string(scheduled, "reason"), "not scheduled"),
                      str_or(doc_string(scheduled, "message"), ""));
}

static char *pod_reason(const json_t *pod)
{
    char *reason = waiting_reason(doc_at(pod, "status", "initContainerStatuses"));

    if (!reason)
        reason = waiting_reason(doc_at(pod, "status", "containerStatuses"));
    if (!reason)
        reason = unscheduled_reason(pod);
    return reason;
}

/* The first of the Deployment's Pods that says what it waits for. */
static char *reason_from_pods(const struct plan_input *in, const json_t *deployment)
{
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, "v1", "Pod");
    const json_t *selector = doc_at(deployment, "spec", "selector", "matchLabels");
    const char *ns = doc_string(deployment, "metadata", "namespace");
    const struct kube_object *o;
    char *reason = NULL;

    for (size_t i = 0; !reason && (o = kube_cache_next(in->observed, kind, &i));) {
        _cleanup_json_ json_t *pod = NULL;
        if (!str_eq(o->ns, ns))
            continue;
        pod = kube_object_parse(o);
        if (selects(selector, doc_at(pod, "metadata", "labels")))
            reason = pod_reason(pod);
    }
    return reason;
}

/* A ReplicaSet that may not create Pods says so in this condition: quota, admission. */
static char *reason_from_conditions(const json_t *deployment)
{
    const json_t *conditions = doc_at(deployment, "status", "conditions");
    const json_t *failure = doc_find(conditions, "type", "ReplicaFailure");

    if (!str_eq(doc_string(failure, "status"), "True"))
        return NULL;
    return str_printf("%s: %s", str_or(doc_string(failure, "reason"), "ReplicaFailure"),
                      str_or(doc_string(failure, "message"), ""));
}

static int64_t status_int(const json_t *deployment, const char *field)
{
    return doc_int(doc_at(deployment, "status", field), 0);
}

static void read_deployment(const struct plan_input *in, const json_t *deployment, struct rollout *r)
{
    int64_t generation = doc_int(doc_at(deployment, "metadata", "generation"), 0);
    int64_t updated = status_int(deployment, "updatedReplicas"), all = status_int(deployment, "replicas");
    int64_t available = status_int(deployment, "availableReplicas");
    _cleanup_free_ char *reason = NULL;

    r->desired = doc_int(doc_at(deployment, "spec", "replicas"), 1);
    r->ready = status_int(deployment, "readyReplicas");
    r->available = status_int(deployment, "observedGeneration") >= generation && updated >= r->desired &&
                   all <= updated && available >= updated;
    if (r->available)
        return;
    reason = reason_from_conditions(deployment);
    if (!reason)
        reason = reason_from_pods(in, deployment);
    r->message = str_printf("Deployment %s: %" PRId64 " of %" PRId64 " replicas updated, %" PRId64 " available%s%s",
                            doc_string(deployment, "metadata", "name"), updated, r->desired, available,
                            reason ? "; " : "", str_or(reason, ""));
}

static void read_component(const struct plan_input *in, const char *ns, const struct mesh_component *component,
                           struct rollout *r)
{
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, "apps/v1", "Deployment");
    const struct kube_object *o = kube_cache_get(in->observed, kind, ns, component->deployment);
    _cleanup_json_ json_t *deployment = NULL;

    if (!o) {
        r->message = str_printf("Deployment %s is not there yet", component->deployment);
        return;
    }
    deployment = kube_object_parse(o);
    read_deployment(in, deployment, r);
}

void rollouts_read(const struct plan_input *in, const char *ns, const struct wanted_set *wanted, struct rollouts *ret)
{
    const struct mesh_component *component = wanted->release->line->components;

    *ret = (struct rollouts){.all_available = true};
    for (; component->name; component++) {
        struct rollout r = {.name = component->name, .wanted = component->spec(&wanted->spec)->enabled};
        if (r.wanted)
            read_component(in, ns, component, &r);
        ret->all_available &= r.available || !r.wanted;
        ARRAY_RESERVE_ONE(ret->items, ret->len, ret->cap);
        ret->items[ret->len++] = r;
    }
}

void rollouts_release(struct rollouts *r)
{
    for (size_t i = 0; i < r->len; i++)
        free(r->items[i].message);
    free(r->items);
}
