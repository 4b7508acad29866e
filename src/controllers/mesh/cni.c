#include "controllers/mesh/cni.h"

#include <inttypes.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "controllers/mesh/pod_security.h"
#include "doc/doc.h"
#include "kube/selector.h"
#include "reconcile/rollout.h"

/* Nodes that a message names. */
#define NAMED_MAX 10

void cni_memo_clear(struct cni_memo *memo)
{
    free(memo->uid);
    free(memo->resource_version);
    free(memo->platform);
    *memo = (struct cni_memo){0};
}

static const struct mesh_cni *cni_of(const struct mesh_desired *desired)
{
    return desired->planes->release->line->cni;
}

bool cni_is_enabled(const struct mesh_desired *desired)
{
    const struct mesh_cni *cni = cni_of(desired);

    return cni && cni->component->spec(desired->spec)->enabled;
}

/* --- what runs the nodes --- */

/* That of most nodes; of as many the first by name. NULL: there are no nodes. */
static const char *platform_of_most(const struct kube_cache *observed)
{
    _cleanup_map_ struct map *platforms = map_new(NULL); /* to the number of their nodes, as a pointer's value */
    const struct kube_kind *kind = mesh_kind(KIND_NODE);
    const struct kube_object *o;
    const char *most = NULL;

    for (size_t i = 0; (o = kube_cache_next(observed, kind, &i));) {
        uintptr_t count = (uintptr_t)map_get(platforms, o->text) + 1;
        uintptr_t best = most ? (uintptr_t)map_get(platforms, most) : 0;
        map_put(platforms, o->text, (void *)count);
        if (count > best || (count == best && strcmp(o->text, most) < 0))
            most = o->text;
    }
    return most;
}

static const char *read_platform(struct cni_memo *memo, struct kube_cache *observed)
{
    const struct kube_kind *kind = mesh_kind(KIND_NODE);
    uint64_t changes = kube_cache_changes(observed, kind) + 1;
    const void **reader = kube_cache_reader(observed, kind);

    if (memo->seen != changes || *reader != memo)
        str_replace(&memo->platform, platform_of_most(observed));
    memo->seen = changes;
    *reader = memo;
    return memo->platform;
}

/* --- what is in place --- */

static const char *daemon_set_name(const struct mesh_desired *desired)
{
    return cni_of(desired)->component->workloads->name;
}

static const struct kube_object *
daemon_set(const struct plan_input *in, const char *ns, const struct mesh_desired *desired)
{
    return kube_cache_get(in->observed, mesh_kind(KIND_DAEMON_SET), ns, daemon_set_name(desired));
}

/* By the ConfigMap of the first control plane, whose sidecars new Pods get. */
static bool
is_used(struct cni_memo *memo, const struct plan_input *in, const char *ns, const struct mesh_desired *desired)
{
    const struct kube_object *o =
        kube_cache_get(in->observed, mesh_kind(KIND_CONFIG_MAP), ns, desired->injection_config);

    if (!o)
        return false;
    if (!str_eq(memo->uid, o->uid) || !str_eq(memo->resource_version, o->resource_version)) {
        _cleanup_json_ json_t *config_map = kube_object_parse(o);
        memo->is_used = cni_of(desired)->is_in(config_map);
        str_replace(&memo->uid, o->uid);
        str_replace(&memo->resource_version, o->resource_version);
    }
    return memo->is_used;
}

/* By that of any control plane of the resource: a former one injects until the new one takes over. */
static bool is_still_used(const struct plan_input *in, const char *uid, const struct mesh_desired *desired)
{
    const struct kube_kind *kind = mesh_kind(KIND_CONFIG_MAP);
    const char *prefix = desired->planes->release->line->injection.config_map;
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(in->observed, kind, &i));) {
        _cleanup_json_ json_t *config_map =
            str_eq(o->owner, uid) && str_starts(o->name, prefix) ? kube_object_parse(o) : NULL;
        if (config_map && cni_of(desired)->is_in(config_map))
            return true;
    }
    return false;
}

/* On one node at least: where there is none it is installed nowhere. */
static bool is_rolled_out(const struct plan_input *in, const char *ns, const struct mesh_desired *desired)
{
    const struct rollout_target target = {
        .name = "cni", .revision = "", .workloads = cni_of(desired)->component->workloads, .enabled = true};
    struct rollouts rollouts;
    bool all;

    rollouts_read(in, ns, &target, 1, NULL, &rollouts);
    all = rollouts.all_available && rollouts.items->desired > 0;
    rollouts_release(&rollouts);
    return all;
}

/* The resource's own, which is deleted where it is not desired. */
static bool
is_installed(const struct plan_input *in, const struct kube_object *resource, const struct mesh_desired *desired)
{
    const struct kube_object *o = daemon_set(in, resource->ns, desired);

    return o && str_eq(o->owner, resource->uid);
}

bool cni_needs_nodes(
    const struct plan_input *in, const struct kube_object *resource, const struct mesh_desired *desired)
{
    const struct mesh_cni *cni = cni_of(desired);

    return cni && cni->asks_for_platform(desired->spec) &&
           (cni_is_enabled(desired) || is_installed(in, resource, desired));
}

struct mesh_cni_state cni_state(
    struct cni_memo *memo, const struct plan_input *in, const struct kube_object *resource,
    const struct mesh_desired *desired)
{
    struct mesh_cni_state state = {0};
    const char *ns = resource->ns;

    if (cni_needs_nodes(in, resource, desired))
        state.platform = read_platform(memo, in->observed);
    if (!cni_of(desired) || in->preview)
        return state;
    if (cni_is_enabled(desired))
        state.waits = !is_used(memo, in, ns, desired) && !is_rolled_out(in, ns, desired);
    else
        state.stays = is_installed(in, resource, desired) && is_still_used(in, resource->uid, desired);
    return state;
}

/* --- the condition --- */

/* Where a Pod runs, or is to run: a DaemonSet's Pod says so before it has a node. NULL: that is not known. */
static const char *node_of(const json_t *pod)
{
    const json_t *terms = doc_at(
        pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
    const json_t *fields = doc_at(json_array_get(terms, 0), "matchFields");
    const char *node = doc_string(pod, "spec", "nodeName");

    return node ? node : json_string_value(json_array_get(doc_at(json_array_get(fields, 0), "values"), 0));
}

/* The nodes whose Pod is not ready: a set of names. */
static struct map *waiting_nodes(const struct plan_input *in, const char *ns, const json_t *daemons)
{
    const json_t *selector = doc_at(daemons, "spec", "selector", "matchLabels");
    const struct kube_kind *kind = mesh_kind(KIND_POD);
    struct map *nodes = map_new(NULL);
    struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(in->observed, kind, &i));) {
        _cleanup_json_ json_t *pod = str_eq(o->ns, ns) ? kube_object_parse(o) : NULL;
        const char *node =
            pod && selector_pairs_match(selector, doc_at(pod, "metadata", "labels")) ? node_of(pod) : NULL;
        if (node && !rollout_pod_is_ready(pod))
            map_put(nodes, node, NULL);
    }
    return nodes;
}

static void name_nodes(const struct map *nodes, struct buf *text)
{
    _cleanup_free_ const char **names = map_sorted_keys(nodes);

    if (!map_len(nodes))
        return;
    buf_add_str(text, "; not on ");
    buf_add_names(text, names, map_len(nodes), NAMED_MAX);
}

static bool is_seen(const json_t *daemons)
{
    return doc_int(doc_at(daemons, "status", "observedGeneration"), 0) >=
           doc_int(doc_at(daemons, "metadata", "generation"), 0);
}

/* What it says of the nodes where the DaemonSet is there; `reason` gets the condition's. */
static void describe_nodes(
    const struct plan_input *in, const char *ns, const json_t *daemons, struct buf *text, const char **reason)
{
    int64_t all = doc_int(doc_at(daemons, "status", "desiredNumberScheduled"), 0);
    int64_t ready = doc_int(doc_at(daemons, "status", "numberReady"), 0);
    _cleanup_map_ struct map *nodes = NULL;

    if (!is_seen(daemons)) {
        buf_printf(text, "DaemonSet %s: its controller has not seen it yet", doc_string(daemons, "metadata", "name"));
    } else if (!all) {
        *reason = "NoNodes";
        buf_printf(
            text,
            "DaemonSet %s has no node to run on: there is none that can be scheduled to, or spec.cni excludes all",
            doc_string(daemons, "metadata", "name"));
    } else {
        nodes = waiting_nodes(in, ns, daemons);
        buf_printf(text, "ready on %" PRId64 " of %" PRId64 " nodes", ready, all);
        name_nodes(nodes, text);
    }
}

static bool is_everywhere(const json_t *daemons)
{
    int64_t all = doc_int(doc_at(daemons, "status", "desiredNumberScheduled"), 0);

    return is_seen(daemons) && all > 0 && doc_int(doc_at(daemons, "status", "numberReady"), 0) >= all;
}

json_t *cni_condition(
    const struct status_facts *facts, const struct plan_input *in, const char *ns, const struct mesh_desired *desired,
    const struct mesh_cni_state *state)
{
    const struct kube_object *o = daemon_set(in, ns, desired);
    _cleanup_json_ json_t *daemons = o ? kube_object_parse(o) : NULL;
    const struct kube_object *in_namespace = kube_cache_get(in->observed, mesh_kind(KIND_NAMESPACE), NULL, ns);
    _cleanup_json_ json_t *own = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;
    const char *reason = "NodesWait";

    if (daemons && !state->waits && is_everywhere(daemons))
        return status_condition(facts, CONDITION_CNI_READY, true, "Ready", "");
    own = in_namespace ? kube_object_parse(in_namespace) : NULL;
    if (daemons)
        describe_nodes(in, ns, daemons, &text, &reason);
    else
        buf_printf(&text, "DaemonSet %s is not there yet", daemon_set_name(desired));
    if (pod_security_is_enforced(own))
        buf_printf(&text, "; Pod Security of namespace %s refuses its pods, which mount folders of their node", ns);
    buf_add_str(
        &text,
        state->waits              ? "; until it is ready on every node, new pods get an init container"
        : cni_of(desired)->relies ? "; pods with a sidecar that start without it have no traffic redirected to them"
                                  : "; pods with a sidecar that start without it wait for it");
    return status_condition(facts, CONDITION_CNI_READY, false, reason, buf_str(&text));
}
