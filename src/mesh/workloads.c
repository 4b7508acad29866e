#include "mesh/workloads.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/selector.h"
#include "reconcile/rollout.h"

/* What users write may be of any length. */
#define KEPT_MAX ((size_t)16 * 1024)
#define WORD_MAX 253

#define INJECTED_BY "sidecar.istio.io/status"
#define IMAGE_ANNOTATION "sidecar.istio.io/proxyImage"

/* --- Pods --- */

static const json_t *controller_of(const json_t *pod)
{
    json_t *owner;
    size_t i;

    json_array_foreach(doc_at(pod, "metadata", "ownerReferences"), i, owner)
        if (doc_bool(doc_at(owner, "controller"), false))
            return owner;
    return NULL;
}

/* The length of the name before "-HASH", which a label of the Pod has; 0: it does not end so. */
static size_t length_before(const json_t *pod, const char *label, const char *name)
{
    const char *hash = doc_string(pod, "metadata", "labels", label);
    size_t len = strlen(name), tail = hash ? strlen(hash) + 1 : 0;

    if (tail < 2 || len <= tail || name[len - tail] != '-' || !str_ends(name, hash))
        return 0;
    return len - tail;
}

/* A kind of Kubernetes' own by its name alone, others as kubectl has them: "StatefulSet.apps.kruise.io". */
static char *kind_of(const json_t *owner)
{
    const char *kind = str_or(doc_string(owner, "kind"), "?"), *group = str_or(doc_string(owner, "apiVersion"), "");
    size_t len = strcspn(group, "/");

    if (!group[len] || str_starts(group, "apps/") || str_starts(group, "batch/"))
        return str_dup_n(kind, str_cut(kind, WORD_MAX));
    len = str_cut(group, len < WORD_MAX ? len : WORD_MAX);
    return str_printf("%.*s.%.*s", (int)str_cut(kind, WORD_MAX), kind, (int)len, group);
}

char *mesh_workload_of_pod(const json_t *pod)
{
    const json_t *owner = controller_of(pod);
    const char *name = str_or(doc_string(owner ? owner : doc_at(pod, "metadata"), "name"), "");
    _cleanup_free_ char *kind = owner ? kind_of(owner) : str_dup("Pod"), *kept = NULL;
    bool is_set = str_eq(kind, "ReplicaSet");
    size_t deployment = is_set ? length_before(pod, "pod-template-hash", name) : 0;
    size_t rollout = is_set ? length_before(pod, "rollouts-pod-template-hash", name) : 0;
    char *text;

    kept = str_dup_n(name, deployment ? deployment : rollout ? rollout : str_cut(name, WORD_MAX));
    text = STR_JOIN('/', deployment ? "Deployment" : rollout ? "Rollout.argoproj.io" : kind, kept);
    for (char *c = text; *c; c++)
        *c = *c == ' ' ? '_' : *c;
    return text;
}

/* --- workloads --- */

/* Why a change of the template does not restart all Pods. */
static const char *obstacle(const json_t *workload)
{
    const json_t *spec = doc_at(workload, "spec");
    const json_t *partition = doc_at(spec, "updateStrategy", "rollingUpdate", "partition");

    if (doc_bool(doc_at(spec, "paused"), false))
        return "Paused";
    if (str_eq(doc_string(spec, "updateStrategy", "type"), "OnDelete"))
        return "OnDelete";
    return doc_int(partition, 0) > 0 ? "Partitioned" : NULL;
}

/* A number of Pods, or a percentage of so many. */
static int64_t part_of(const json_t *value, int64_t replicas, bool up)
{
    const char *text = str_or(json_string_value(value), "25%");
    _cleanup_free_ char *number = str_dup_n(text, strcspn(text, "%"));
    int64_t percent;

    if (json_is_integer(value))
        return json_integer_value(value);
    if (!str_to_int64(number, &percent) || percent < 0 || percent > 100)
        percent = 100; /* no server has it */
    return (percent * replicas + (up ? 99 : 0)) / 100;
}

bool mesh_deployment_surges(const json_t *deployment_spec, int64_t replicas)
{
    const json_t *strategy = doc_at(deployment_spec, "strategy"), *rolling = doc_at(strategy, "rollingUpdate");

    if (replicas <= 0 || replicas > INT32_MAX || str_eq(doc_string(strategy, "type"), "Recreate"))
        return false;
    return part_of(doc_at(rolling, "maxUnavailable"), replicas, false) == 0 &&
           part_of(doc_at(rolling, "maxSurge"), replicas, true) > 0;
}

static char *digest_of(const json_t *workload, const char *kind)
{
    const json_t *spec = doc_at(workload, "spec"), *template = doc_at(spec, "template", "metadata");
    const json_t *annotations = doc_at(template, "annotations"), *labels = doc_at(template, "labels");
    const char *renewal = doc_string(workload, "metadata", "annotations", SIDECAR_RENEWAL_ANNOTATION);
    const char *restarted = doc_string(annotations, SIDECAR_RESTARTED_ANNOTATION);
    bool is_large = doc_weight(labels, NULL) > KEPT_MAX;
    _cleanup_free_ char *value = restarted ? str_dup_n(restarted, str_cut(restarted, WORD_MAX)) : NULL;
    _cleanup_json_ json_t *kept = OBJECT(
        OPT(str_eq(renewal, SIDECAR_RENEWAL_DISABLED) || str_eq(renewal, SIDECAR_RENEWAL_RETRY),
            STRING("renewal", renewal)),
        OPT(restarted, STRING("restarted", value)),
        OPT(!is_large && json_is_object(labels), VALUE("labels", doc_copy(labels))),
        OPT(is_large, BOOL("large", true)),
        STRING("cannot", obstacle(workload)),
        OPT(doc_string(annotations, IMAGE_ANNOTATION), BOOL("pinned", true)),
        OPT(doc_string(annotations, INJECTED_BY), BOOL("byHand", true)),
        OPT(rollout_is_complete(kind, workload), BOOL("complete", true)),
        OPT(str_eq(kind, "Deployment") && mesh_deployment_surges(spec, doc_int(doc_at(spec, "replicas"), 1)),
            BOOL("surges", true)));

    return doc_text(kept);
}

char *mesh_deployment_digest(const json_t *deployment)
{
    return digest_of(deployment, "Deployment");
}

char *mesh_stateful_set_digest(const json_t *stateful_set)
{
    return digest_of(stateful_set, "StatefulSet");
}

char *mesh_daemon_set_digest(const json_t *daemon_set)
{
    return digest_of(daemon_set, "DaemonSet");
}

/* Parts the annotation's value in place: for what, and when. */
static void read_restart(json_t *kept, struct mesh_workload *ret)
{
    const char *value = doc_string(kept, "restarted"), *space = value ? strrchr(value, ' ') : NULL;
    _cleanup_free_ char *version = space ? str_dup_n(value, (size_t)(space - value)) : NULL;

    if (!space || !clock_parse_rfc3339(space + 1, &ret->restarted_at) || ret->restarted_at <= 0) {
        ret->restarted_at = 0;
        return;
    }
    json_object_set_new(kept, "version", json_string(version));
    ret->restarted = doc_string(kept, "version");
}

struct mesh_workload mesh_workload_read(const char *digest)
{
    json_t *kept = doc_parse_own(digest);
    struct mesh_workload workload = {
        .kept = kept,
        .renewal = doc_string(kept, "renewal"),
        .labels = doc_at(kept, "labels"),
        .is_large = doc_bool(doc_at(kept, "large"), false),
        .cannot = doc_string(kept, "cannot"),
        .is_pinned = doc_bool(doc_at(kept, "pinned"), false),
        .is_injected_by_hand = doc_bool(doc_at(kept, "byHand"), false),
        .is_complete = doc_bool(doc_at(kept, "complete"), false),
        .surges = doc_bool(doc_at(kept, "surges"), false),
    };

    read_restart(kept, &workload);
    return workload;
}

void mesh_workload_release(struct mesh_workload *workload)
{
    json_decref(workload->kept);
    *workload = (struct mesh_workload){0};
}

char *mesh_restarted_for(const char *version, msec_t now)
{
    char time[32];

    clock_rfc3339(now, time);
    return STR_JOIN(' ', version, time);
}

/* --- budgets --- */

/* One whose selector is too large counts as one that selects all Pods. */
char *mesh_budget_digest(const json_t *budget)
{
    const json_t *selector = doc_at(budget, "spec", "selector");
    bool is_large = doc_weight(selector, NULL) > KEPT_MAX;
    _cleanup_json_ json_t *kept = OBJECT(
        OPT(selector && !is_large, VALUE("selector", doc_copy(selector))),
        OPT(is_large, MAP("selector")),
        OPT(doc_int(doc_at(budget, "status", "disruptionsAllowed"), 0) <= 0, BOOL("blocks", true)));

    return doc_text(kept);
}

bool mesh_budget_blocks(const char *digest, const json_t *labels)
{
    _cleanup_json_ json_t *kept = doc_parse_own(digest);

    return doc_at(kept, "blocks") && doc_at(kept, "selector") &&
           selector_object_matches(doc_at(kept, "selector"), labels);
}
