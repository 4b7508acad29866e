#include "controllers/mesh/room.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/capacity.h"
#include "mesh/kinds.h"
#include "mesh/workloads.h"
#include "reconcile/marks.h"

/* In one text. */
#define NAMED_MAX 10

/* --- what is needed --- */

json_t *room_needs(const struct desired_set *objects)
{
    json_t *needs = json_array();

    for (size_t i = 0; i < objects->len; i++) {
        const struct desired *d = &objects->items[i];
        _cleanup_json_ json_t *deployment = NULL;
        const json_t *spec, *pod;
        struct capacity takes;
        if (d->kind != mesh_kind(KIND_DEPLOYMENT) || !d->text)
            continue;
        deployment = doc_parse_own(d->text);
        spec = doc_at(deployment, "spec");
        pod = doc_at(spec, "template", "spec");
        takes = capacity_of_pod(pod);
        json_array_append_new(
            needs,
            OBJECT(
                STRING("name", d->name),
                VALUE("strategy", doc_copy(doc_at(spec, "strategy"))),
                VALUE("takes", capacity_write(&takes)),
                BOOL("tolerates", capacity_tolerates(pod)),
                /* It may displace others. */
                BOOL("anywhere", doc_string(pod, "priorityClassName") != NULL)));
    }
    return needs;
}

/* --- what there is --- */

struct node {
    struct capacity room;
    bool is_tainted;
};

struct quota {
    const char *name; /* borrowed */
    struct capacity room;
    struct quota *next; /* of the same namespace */
};

/* Pods with a sidecar, and of which Deployment they are. */
struct injected {
    const struct kube_alike *alike;
    struct capacity takes;
    char *deployment;
};

struct found {
    const struct plan_input *in;
    struct map *nodes;  /* by name; owned */
    struct map *quotas; /* by namespace; owned */
    bool may_grow;      /* a cloud provides nodes */
    struct injected *injected;
    size_t injected_len, injected_cap;
};

static void free_quotas(void *first)
{
    for (struct quota *quota = first, *next; quota; quota = next) {
        next = quota->next;
        free(quota);
    }
}

static void release(struct found *f)
{
    map_free(f->nodes);
    map_free(f->quotas);
    for (size_t i = 0; i < f->injected_len; i++)
        free(f->injected[i].deployment);
    free(f->injected);
}

static void read_nodes(struct found *f)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(f->in->observed, mesh_kind(KIND_ROOM_NODE), &i));) {
        _cleanup_json_ json_t *kept = doc_parse_own(o->text);
        struct node *node = NEW(struct node);
        *node = (struct node){capacity_read(doc_at(kept, "room")), doc_bool(doc_at(kept, "tainted"), false)};
        f->may_grow |= doc_bool(doc_at(kept, "provided"), false);
        map_put(f->nodes, o->name, node);
    }
}

static void read_quotas(struct found *f)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(f->in->observed, mesh_kind(KIND_ROOM_QUOTA), &i));) {
        _cleanup_json_ json_t *kept = doc_parse_own(o->text);
        struct quota *quota = NEW(struct quota), *first = map_take(f->quotas, o->ns);
        *quota = (struct quota){o->name, capacity_read(doc_at(kept, "room")), first};
        map_put(f->quotas, o->ns, quota);
    }
}

static void read_pods(struct found *f)
{
    static const char deployment[] = "Deployment/";
    const struct kube_alike *alike;

    for (size_t i = 0; (alike = kube_cache_next_alike(f->in->observed, mesh_kind(KIND_ROOM_POD), &i));) {
        _cleanup_json_ json_t *kept = doc_parse_own(alike->text);
        struct capacity takes = capacity_read(doc_at(kept, "takes"));
        struct node *node = map_get(f->nodes, str_or(doc_string(kept, "node"), ""));
        const char *of = str_or(doc_string(kept, "of"), "");
        if (node)
            capacity_take(&node->room, &takes, alike->objects);
        if (!str_starts(of, deployment))
            continue;
        ARRAY_RESERVE_ONE(f->injected, f->injected_len, f->injected_cap);
        f->injected[f->injected_len++] = (struct injected){alike, takes, str_dup(of + strlen(deployment))};
    }
}

/* Where no node is known, it is not known either. */
static bool is_node_for(const struct found *f, const struct capacity *need, bool tolerates)
{
    void *value;

    for (size_t i = 0; map_next(f->nodes, &i, NULL, &value);) {
        const struct node *node = value;
        if ((tolerates || !node->is_tainted) && capacity_fits(need, &node->room))
            return true;
    }
    return map_len(f->nodes) == 0;
}

/* The name of a quota that has no room left; borrowed; NULL: none is in the way. */
static const char *full_quota(const struct found *f, const char *ns, const struct capacity *need)
{
    for (const struct quota *quota = map_get(f->quotas, ns); quota; quota = quota->next)
        if (!capacity_fits(need, &quota->room))
            return quota->name;
    return NULL;
}

/* --- the mesh --- */

/* Of one that is rolled out: it exists, and the user does not keep it as it is. */
static bool surges(const struct found *f, const char *ns, const json_t *need)
{
    const struct kube_object *o =
        kube_cache_get(f->in->observed, mesh_kind(KIND_DEPLOYMENT), ns, doc_string(need, "name"));
    _cleanup_json_ json_t *live = o ? kube_object_parse(o) : NULL;

    return live && !mark_is_ignored(live) && mesh_deployment_surges(need, doc_int(doc_at(live, "spec", "replicas"), 1));
}

static void add(json_t *list, char *text)
{
    json_array_append_new(list, json_string(text));
    free(text);
}

static void
check_deployment(const struct found *f, const char *ns, const json_t *need, json_t *blocked, json_t *warnings)
{
    const char *name = doc_string(need, "name"), *quota;
    const struct capacity takes = capacity_read(doc_at(need, "takes"));
    _cleanup_free_ char *text = capacity_text(&takes);

    if (!surges(f, ns, need))
        return;
    quota = full_quota(f, ns, &takes);
    if (quota)
        add(blocked,
            str_printf(
                "ResourceQuota %s has no room for one Pod more of Deployment %s (%s), by which it is rolled out: raise "
                "it",
                quota,
                name,
                text));
    if (!doc_bool(doc_at(need, "anywhere"), false) &&
        !is_node_for(f, &takes, doc_bool(doc_at(need, "tolerates"), false)))
        add(f->may_grow ? warnings : blocked,
            str_printf(
                "no node has room for one Pod more of Deployment %s (%s), by which it is rolled out: add a node, or "
                "lower what it requests",
                name,
                text));
}

/* --- users' workloads --- */

static bool is_restarted_by_surge(const struct found *f, const char *ns, const char *name)
{
    const struct kube_object *o = kube_cache_get(f->in->observed, mesh_kind(KIND_RUNNING_DEPLOYMENT), ns, name);
    _cleanup_mesh_workload_ struct mesh_workload workload = {0};

    if (!o)
        return false;
    workload = mesh_workload_read(o->text);
    return workload.surges && !workload.cannot;
}

/* Those of which a Pod like one that runs has no room, as far as is known; a restart of theirs ends with its time. */
static void check_workloads(const struct found *f, json_t *warnings)
{
    _cleanup_map_ struct map *stuck = map_new(NULL);
    _cleanup_free_ const char **names = NULL;
    struct buf text = BUF_INIT;
    const char *ns;

    for (size_t i = 0; i < f->injected_len; i++) {
        const struct injected *pod = &f->injected[i];
        bool has_node = is_node_for(f, &pod->takes, true);
        for (size_t k = 0; map_next(pod->alike->namespaces, &k, &ns, NULL);)
            if ((!has_node || full_quota(f, ns, &pod->takes)) && is_restarted_by_surge(f, ns, pod->deployment)) {
                _cleanup_free_ char *key = STR_JOIN('/', ns, pod->deployment);
                map_put(stuck, key, NULL);
            }
    }
    if (!map_len(stuck))
        return;
    names = map_sorted_keys(stuck);
    buf_add_str(&text, "there is no room for one Pod more, by which they are restarted for new sidecars, of ");
    buf_add_names(&text, names, map_len(stuck), NAMED_MAX);
    add(warnings, buf_take(&text));
}

/* --- what is remembered --- */

void room_memo_clear(struct room_memo *memo)
{
    json_decref(memo->needs);
    json_decref(memo->blocked);
    json_decref(memo->warnings);
    *memo = (struct room_memo){0};
}

static void look(const struct room *room, struct room_memo *memo)
{
    struct found found = {.in = room->in, .nodes = map_new(free), .quotas = map_new(free_quotas)};
    json_t *need;
    size_t i;

    room_memo_clear(memo);
    *memo = (struct room_memo){
        .needs = json_incref((json_t *)room->needs),
        .renews = room->renews,
        .blocked = json_array(),
        .warnings = json_array(),
    };
    read_nodes(&found);
    read_quotas(&found);
    read_pods(&found);
    json_array_foreach(room->needs, i, need)
        check_deployment(&found, room->ns, need, memo->blocked, memo->warnings);
    if (room->renews)
        check_workloads(&found, memo->warnings);
    release(&found);
}

static uint64_t changes(const struct plan_input *in)
{
    static const enum mesh_kind_id kinds[] = {
        KIND_ROOM_NODE, KIND_ROOM_POD, KIND_ROOM_QUOTA, KIND_DEPLOYMENT, KIND_RUNNING_DEPLOYMENT};
    uint64_t sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        sum += kube_cache_changes(in->observed, mesh_kind(kinds[i]));
    return sum;
}

void room_check(const struct room *room, struct room_memo *memo, json_t *blocked, json_t *warnings)
{
    const void **reader = kube_cache_reader(room->in->observed, mesh_kind(KIND_ROOM_POD));
    uint64_t seen = changes(room->in);

    if (!memo->needs || *reader != memo || memo->seen != seen || memo->renews != room->renews ||
        !json_equal(memo->needs, room->needs))
        look(room, memo);
    memo->seen = seen;
    *reader = memo;
    json_array_extend(blocked, memo->blocked);
    json_array_extend(warnings, memo->warnings);
}
