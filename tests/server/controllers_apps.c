/*
 * Users' workloads with the label CONTROLLERS_APP: each of their Pods, replaced as their update strategy says, and what
 * PodDisruptionBudgets allow. The other Deployments and DaemonSets are simulated in less detail.
 *
 * Source: Kubernetes 1.34, pkg/controller/deployment (a rollout starts a new Pod, and ends an old one when it is
 * ready), statefulset (from the highest ordinal on, one at a time), daemon, disruption.
 */
#include <inttypes.h>
#include <string.h>

#include "controllers_impl.h"

enum app_type { APP_DEPLOYMENT, APP_STATEFUL_SET, APP_DAEMON_SET };

/* One of them, and its Pods. */
struct app {
    enum app_type type;
    struct collection *kind, *pods;
    const json_t *o;
    json_t *own;  /* its Pods; owned */
    char hash[9]; /* of its template */
    int64_t desired, updated, ready, ready_updated;
};

static const char *hash_of(const json_t *pod)
{
    return str_or(doc_string(pod, "metadata", "labels", "pod-template-hash"), "");
}

static bool is_ready(const json_t *pod)
{
    return str_eq(doc_string(doc_find(doc_at(pod, "status", "conditions"), "type", "Ready"), "status"), "True");
}

static json_t *pods_of(const struct collection *pods, const json_t *o)
{
    json_t *own = json_array();
    void *pod;

    for (size_t i = 0; map_next(pods->objects, &i, NULL, &pod);)
        if (str_eq(doc_string(json_array_get(doc_at(pod, "metadata", "ownerReferences"), 0), "uid"),
                   doc_string(o, "metadata", "uid")))
            json_array_append(own, pod);
    return own;
}

static struct app read_app(struct controllers *c, enum app_type type, struct collection *kind, const json_t *o)
{
    struct app a = {.type = type, .kind = kind, .pods = kind_of(c, "", "pods"), .o = o};
    uint64_t hash = doc_hash(doc_at(o, "spec", "template"));
    json_t *pod;
    size_t i;

    snprintf(a.hash, sizeof(a.hash), "%08" PRIx32, (uint32_t)hash);
    a.own = pods_of(a.pods, o);
    a.desired = type == APP_DAEMON_SET ? (int64_t)map_len(kind_of(c, "", "nodes")->objects)
                                       : doc_int(doc_at(o, "spec", "replicas"), 1);
    json_array_foreach(a.own, i, pod) {
        bool is_updated = str_eq(hash_of(pod), a.hash);
        a.updated += is_updated;
        a.ready += is_ready(pod);
        a.ready_updated += is_updated && is_ready(pod);
    }
    return a;
}

/* --- its Pods --- */

/* Of a Deployment by its ReplicaSet, which is not there. */
static void create_pod(struct controllers *c, const struct app *a, const char *tail)
{
    static const char *const kinds[] = {"ReplicaSet", "StatefulSet", "DaemonSet"};
    const json_t *template = doc_at(a->o, "spec", "template");
    _cleanup_free_ char *set =
        a->type == APP_DEPLOYMENT ? str_printf("%s-%s", name_of(a->o), a->hash) : str_dup(name_of(a->o));
    json_t *pod =
        OBJECT(MAP("metadata", FORMAT("name", "%s-%s", set, tail),
                   VALUE("annotations", doc_copy(doc_at(template, "metadata", "annotations"))),
                   VALUE("labels", doc_copy(doc_at(template, "metadata", "labels"))),
                   SEQ("ownerReferences",
                       ITEM(STRING("apiVersion", "apps/v1"), STRING("kind", kinds[a->type]), STRING("name", set),
                            STRING("uid", doc_string(a->o, "metadata", "uid")), BOOL("controller", true)))),
               VALUE("spec", doc_copy(doc_at(template, "spec"))));

    json_object_set_new(doc_make(pod, "metadata", "labels"), "pod-template-hash", json_string(a->hash));
    if (controllers_admit(c, ns_of(a->o), pod)) {
        create(c, a->pods, ns_of(a->o), pod);
    } else {
        c->unfinished = true;
        json_decref(pod);
    }
}

static bool has_pod(const struct app *a, const char *tail)
{
    size_t i;
    json_t *pod;

    json_array_foreach(a->own, i, pod)
        if (str_ends(name_of(pod), tail) && (a->type != APP_DEPLOYMENT || str_eq(hash_of(pod), a->hash)))
            return true;
    return false;
}

/* The first of its numbers, or of the nodes, that has none. */
static void create_missing(struct controllers *c, const struct app *a)
{
    _cleanup_json_ json_t *nodes = objects_of(kind_of(c, "", "nodes"));

    for (size_t i = 0; i < (size_t)a->desired; i++) {
        _cleanup_free_ char *tail =
            a->type == APP_DAEMON_SET ? str_dup(name_of(json_array_get(nodes, i))) : str_printf("%zu", i);
        _cleanup_free_ char *end = str_printf("-%s", tail);
        if (has_pod(a, end))
            continue;
        create_pod(c, a, tail);
        return;
    }
}

static int64_t ordinal_of(const json_t *pod)
{
    const char *tail = strrchr(name_of(pod), '-');
    int64_t ordinal;

    return tail && str_to_int64(tail + 1, &ordinal) ? ordinal : 0;
}

/* The one that goes next: of a StatefulSet the highest above its partition, else one that is not ready first. */
static const json_t *next_former(const struct app *a)
{
    int64_t partition = doc_int(doc_at(a->o, "spec", "updateStrategy", "rollingUpdate", "partition"), 0);
    const json_t *next = NULL;
    json_t *pod;
    size_t i;

    json_array_foreach(a->own, i, pod) {
        if (str_eq(hash_of(pod), a->hash) || (a->type == APP_STATEFUL_SET && ordinal_of(pod) < partition))
            continue;
        if (!next ||
            (a->type == APP_STATEFUL_SET ? ordinal_of(pod) > ordinal_of(next) : is_ready(next) && !is_ready(pod)))
            next = pod;
    }
    return next;
}

static void replace_in_place(struct controllers *c, const struct app *a, const json_t *former)
{
    if (str_eq(doc_string(a->o, "spec", "updateStrategy", "type"), "OnDelete"))
        return;
    if (a->ready == a->desired || !is_ready(former))
        remove_object(c, a->pods, former);
}

/* With a Pod more than it asks for (maxSurge 1, maxUnavailable 0). */
static void replace_by_surge(struct controllers *c, const struct app *a, const json_t *former)
{
    if (doc_bool(doc_at(a->o, "spec", "paused"), false))
        return;
    if (json_array_size(a->own) > (size_t)a->desired) {
        if (a->ready > a->desired || !is_ready(former))
            remove_object(c, a->pods, former);
    } else {
        create_missing(c, a);
    }
}

static void replace_pods(struct controllers *c, const struct app *a)
{
    const json_t *former = next_former(a);

    if ((int64_t)json_array_size(a->own) < a->desired && now(c, 600))
        create_missing(c, a);
    else if (former && now(c, 600))
        (a->type == APP_DEPLOYMENT ? replace_by_surge : replace_in_place)(c, a, former);
    else if (!former && (int64_t)json_array_size(a->own) > a->desired && now(c, 600))
        remove_object(c, a->pods, json_array_get(a->own, json_array_size(a->own) - 1));
}

/* One that is stuck stays unready; what was ready before stays so. */
static void start_pods(struct controllers *c, const struct app *a)
{
    bool is_stuck = doc_string(a->o, "metadata", "annotations", CONTROLLERS_STUCK);
    json_t *pod;
    size_t i;

    json_array_foreach(a->own, i, pod) {
        _cleanup_json_ json_t *o = NULL;
        if (is_ready(pod) || is_stuck || !now(c, 400))
            continue;
        o = doc_copy(pod);
        json_object_set_new(o, "status",
                            OBJECT(STRING("phase", "Running"),
                                   SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "True")))));
        update(c, a->pods, "status", o);
    }
}

/* --- what its status says --- */

static void tell(struct controllers *c, const struct app *a)
{
    json_int_t all = (json_int_t)json_array_size(a->own);
    _cleanup_json_ json_t *o = NULL, *generation = json_incref(doc_at(a->o, "metadata", "generation")),
                          *status = a->type == APP_DAEMON_SET
                                        ? OBJECT(VALUE("observedGeneration", json_incref(generation)),
                                                 INT("desiredNumberScheduled", a->desired),
                                                 INT("currentNumberScheduled", all),
                                                 INT("updatedNumberScheduled", a->updated),
                                                 INT("numberReady", a->ready), INT("numberAvailable", a->ready))
                                        : OBJECT(VALUE("observedGeneration", json_incref(generation)),
                                                 INT("replicas", all), INT("updatedReplicas", a->updated),
                                                 INT("readyReplicas", a->ready), INT("availableReplicas", a->ready));

    if (doc_equal(status, doc_at(a->o, "status")) || !now(c, 600))
        return;
    o = doc_copy(a->o);
    json_object_set(o, "status", status);
    update(c, a->kind, "status", o);
}

static void tend(struct controllers *c, enum app_type type, struct collection *kind, const json_t *o)
{
    struct app a = read_app(c, type, kind, o);

    /* What it says is of before what follows now. */
    tell(c, &a);
    start_pods(c, &a);
    replace_pods(c, &a);
    json_decref(a.own);
}

bool controllers_is_app(const json_t *workload)
{
    return doc_string(workload, "metadata", "labels", CONTROLLERS_APP) != NULL;
}

/* --- PodDisruptionBudgets --- */

static int64_t healthy_of(struct controllers *c, const json_t *budget)
{
    const json_t *labels = doc_at(budget, "spec", "selector", "matchLabels");
    const struct collection *pods = kind_of(c, "", "pods");
    int64_t healthy = 0;
    void *pod;

    for (size_t i = 0; map_next(pods->objects, &i, NULL, &pod);) {
        bool is_selected = str_eq(ns_of(pod), ns_of(budget)) && is_ready(pod);
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)labels, key, value)
            is_selected = is_selected && json_equal(value, doc_at(pod, "metadata", "labels", key));
        healthy += is_selected;
    }
    return healthy;
}

static void allow(struct controllers *c, struct collection *kind, const json_t *budget)
{
    int64_t healthy = healthy_of(c, budget), least = number(budget, "spec", "minAvailable");
    _cleanup_json_ json_t *o = NULL, *status = OBJECT(INT("currentHealthy", healthy), INT("desiredHealthy", least),
                                                      INT("disruptionsAllowed", healthy > least ? healthy - least : 0));

    if (doc_equal(status, doc_at(budget, "status")) || !now(c, 600))
        return;
    o = doc_copy(budget);
    json_object_set(o, "status", status);
    update(c, kind, "status", o);
}

/* --- all of them --- */

static void tend_all(struct controllers *c, enum app_type type, const char *plural)
{
    struct collection *kind = kind_of(c, "apps", plural);
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
        if (controllers_is_app(o) && !is_deleting(o))
            tend(c, type, kind, o);
}

void controllers_apps(struct controllers *c)
{
    struct collection *kind = kind_of(c, "policy", "poddisruptionbudgets");
    _cleanup_json_ json_t *budgets = objects_of(kind);
    json_t *o;
    size_t i;

    tend_all(c, APP_DEPLOYMENT, "deployments");
    tend_all(c, APP_STATEFUL_SET, "statefulsets");
    tend_all(c, APP_DAEMON_SET, "daemonsets");
    json_array_foreach(budgets, i, o)
        if (doc_string(o, "metadata", "labels", CONTROLLERS_APP))
            allow(c, kind, o);
}
