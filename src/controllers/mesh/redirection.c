#include "controllers/mesh/redirection.h"

#include "base/map.h"
#include "base/str.h"
#include "controllers/mesh/cni.h"
#include "controllers/watches.h"
#include "doc/doc.h"
#include "kube/selector.h"

#define WATCHES (PLAN_WATCH_PODS | PLAN_WATCH_RELIANT)
/* Pods that a message names. */
#define NAMED_MAX 10

/* Seconds; the plugin's Pods ask for 5. */
#define GRACE_MOST 600

/* From `begin` to before `end`. */
struct gap {
    msec_t begin, end;
};

/* When a node had no plugin. */
struct node_gaps {
    struct gap gaps[2];
    size_t count;
};

bool redirection_ask(const struct mesh_desired *desired, const struct mesh_cni_state *state, unsigned *watch)
{
    const struct mesh_cni *cni = desired->planes->release->line->cni;

    if (!cni || !cni->relies || state->waits || (!cni_is_enabled(desired) && !state->stays))
        return false;
    *watch |= WATCHES;
    return true;
}

/* --- when the nodes had no plugin --- */

/* 0: there is none. */
static msec_t time_at(const json_t *parent, const char *name)
{
    return clock_time(doc_string(parent, name));
}

static void add_gap(struct node_gaps *node, msec_t begin, msec_t end)
{
    if (begin && begin < end)
        node->gaps[node->count++] = (struct gap){begin, end};
}

/*
 * By the states that Kubernetes keeps of the container: the one now, and the one before. A Pod that took the place of
 * another was created when that one had ended, which it had up to `grace` to do.
 */
static void read_daemon(const json_t *pod, msec_t grace, struct node_gaps *ret)
{
    const json_t *status = json_array_get(doc_at(pod, "status", "containerStatuses"), 0);
    const json_t *before = doc_at(status, "lastState", "terminated"), *ended = doc_at(status, "state", "terminated");
    msec_t created = time_at(doc_at(pod, "metadata"), "creationTimestamp");
    msec_t runs = time_at(doc_at(status, "state", "running"), "startedAt");
    msec_t former_start = time_at(before, "startedAt"), former_end = time_at(before, "finishedAt");
    msec_t first = former_start ? former_start : runs ? runs : time_at(ended, "startedAt");

    *ret = (struct node_gaps){0};
    if (created && doc_int(doc_at(status, "restartCount"), 0) < 2)
        add_gap(ret, created - grace, first ? first : MSEC_NEVER);
    if (ended)
        add_gap(ret, time_at(ended, "finishedAt"), MSEC_NEVER);
    else if (former_end)
        add_gap(ret, former_end, runs ? runs : MSEC_NEVER);
}

static json_t *read_daemon_set(const struct plan_input *in, const char *ns, const struct mesh_desired *desired)
{
    const char *name = desired->planes->release->line->cni->component->workloads->name;
    const struct kube_object *o = kube_cache_get(in->observed, mesh_kind(KIND_DAEMON_SET), ns, name);

    return o ? kube_object_parse(o) : NULL;
}

/* By the names of the nodes: struct node_gaps. */
static struct map *read_nodes(const struct plan_input *in, const char *ns, const json_t *daemons)
{
    const json_t *selector = doc_at(daemons, "spec", "selector", "matchLabels");
    int64_t seconds = doc_int(doc_at(daemons, "spec", "template", "spec", "terminationGracePeriodSeconds"), 30);
    msec_t grace = SECONDS(seconds >= 0 && seconds < GRACE_MOST ? seconds : GRACE_MOST);
    struct map *nodes = map_new(free);
    struct kube_object *o;

    for (size_t i = 0; daemons && (o = kube_cache_next(in->observed, mesh_kind(KIND_POD), &i));) {
        _cleanup_json_ json_t *pod = str_eq(o->ns, ns) && !o->deleting ? kube_object_parse(o) : NULL;
        const char *node = doc_string(pod, "spec", "nodeName");
        struct node_gaps *gaps;
        if (!node || !selector_pairs_match(selector, doc_at(pod, "metadata", "labels")))
            continue;
        gaps = NEW(struct node_gaps);
        read_daemon(pod, grace, gaps);
        map_put(nodes, node, gaps);
    }
    return nodes;
}

/* Whether all nodes that get the plugin have a Pod for it: then the others get none. */
static bool are_all_there(const json_t *daemons, const struct map *nodes)
{
    int64_t all = doc_int(doc_at(daemons, "status", "desiredNumberScheduled"), 0);

    return all > 0 && (int64_t)map_len(nodes) >= all &&
           doc_int(doc_at(daemons, "status", "observedGeneration"), 0) >=
               doc_int(doc_at(daemons, "metadata", "generation"), 0);
}

/* --- the Pods --- */

struct reading {
    const struct plan_input *in;
    const struct mesh_desired *desired;
    const char *ns;
    struct map *nodes;
    bool nodes_are_known;
};

static bool is_in_gap(const struct node_gaps *node, msec_t time)
{
    for (size_t i = 0; time && i < node->count; i++)
        if (time >= node->gaps[i].begin && time < node->gaps[i].end)
            return true;
    return false;
}

/* Why no traffic may be redirected to its sidecar, a clause; NULL: it is, as far as that is known. Owned by the caller.
 */
static char *reason_of(const struct reading *r, const char *ns, const struct mesh_reliant *pod)
{
    const struct node_gaps *node = map_get(r->nodes, pod->node);

    if (r->desired->planes->release->line->cni->excludes(r->desired->spec, r->ns, ns))
        return str_dup("its namespace is excluded");
    if (!node)
        return r->nodes_are_known ? str_printf("the plugin is not on node %s", pod->node) : NULL;
    if (is_in_gap(node, pod->started) || is_in_gap(node, pod->restarted))
        return str_printf("node %s was without the plugin when it started", pod->node);
    return NULL;
}

/* A set of "namespace/name (why)". */
static struct map *find_slipped(const struct reading *r)
{
    struct map *slipped = map_new(NULL);
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(r->in->observed, mesh_kind(KIND_RELIANT_POD), &i));) {
        _cleanup_mesh_reliant_ struct mesh_reliant pod = mesh_reliant_read(o->text);
        _cleanup_free_ char *why = reason_of(r, o->ns, &pod);
        _cleanup_free_ char *text = why ? str_printf("%s/%s (%s)", o->ns, o->name, why) : NULL;
        if (text)
            map_put(slipped, text, NULL);
    }
    return slipped;
}

json_t *redirection_condition(
    const struct status_facts *facts, const struct plan_input *in, const char *ns, const struct mesh_desired *desired)
{
    struct reading reading = {.in = in, .desired = desired, .ns = ns};
    _cleanup_json_ json_t *daemons = NULL;
    _cleanup_map_ struct map *slipped = NULL;
    _cleanup_free_ const char **names = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;

    if ((in->synced & WATCHES) != WATCHES)
        return NULL;
    daemons = read_daemon_set(in, ns, desired);
    reading.nodes = read_nodes(in, ns, daemons);
    reading.nodes_are_known = are_all_there(daemons, reading.nodes);
    slipped = find_slipped(&reading);
    map_free(reading.nodes);
    if (!map_len(slipped))
        return status_condition(facts, CONDITION_REDIRECTED, true, "Redirected", "");
    names = map_sorted_keys(slipped);
    buf_printf(&text, "%zu with a sidecar may have no traffic redirected to it: ", map_len(slipped));
    buf_add_names(&text, names, map_len(slipped), NAMED_MAX);
    buf_add_str(&text, "; delete them, and others take their place");
    return status_condition(facts, CONDITION_REDIRECTED, false, "PodsSlippedThrough", buf_str(&text));
}
