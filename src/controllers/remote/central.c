#include "controllers/remote/central.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "controllers/remote/remote_istio.h"
#include "doc/doc.h"
#include "kube/selector.h"
#include "mesh/mesh.h"
#include "reconcile/resource_writes.h"
#include "reconcile/rollout.h"

/* What was asked for and may be asked for no longer. */
#define SELECTORS_MAX 4096

struct central_pod {
    json_t *labels;
    char *address;
};

static const struct kube_kind *pods(void)
{
    return mesh_kind(KIND_POD);
}

static const struct kube_kind *namespaces(void)
{
    return mesh_kind(KIND_NAMESPACE);
}

static const struct kube_kind *deployments(void)
{
    return mesh_kind(KIND_DEPLOYMENT);
}

static const struct kube_kind *credentials(void)
{
    return mesh_kind(KIND_CREDENTIALS_SECRET);
}

static void addresses_free(void *p)
{
    struct addresses *a = p;

    for (size_t i = 0; i < a->len; i++)
        free(a->items[i]);
    free(a->items);
    free(a);
}

static void pod_free(void *p)
{
    struct central_pod *pod = p;

    if (!pod)
        return;
    json_decref(pod->labels);
    free(pod->address);
    free(pod);
}

void *central_new(void)
{
    struct central *c = NEW(struct central);

    c->pods = map_new(pod_free);
    c->found = map_new(addresses_free);
    c->line = mesh_line_of(NULL);
    return c;
}

void central_free(void *central)
{
    struct central *c = central;

    if (!c)
        return;
    map_free(c->pods);
    map_free(c->found);
    mesh_memo_clear(&c->memo);
    json_decref(c->signing);
    free(c->mesh_version);
    free(c->id);
    free(c->ns);
    free(c);
}

uint64_t central_version(const void *central)
{
    return ((const struct central *)central)->version;
}

bool central_is_known(const void *central)
{
    return ((const struct central *)central)->id;
}

/* Where a ready Pod is reached; NULL: nowhere. */
static const char *ready_address(const json_t *pod)
{
    return rollout_pod_is_ready(pod) ? doc_string(pod, "status", "podIP") : NULL;
}

/* NULL: it is being deleted, or not ready. */
static struct central_pod *pod_of(const struct kube_object *o)
{
    _cleanup_json_ json_t *pod = o->deleting ? NULL : kube_object_parse(o);
    const char *address = ready_address(pod);
    struct central_pod *ready = address ? NEW(struct central_pod) : NULL;

    if (ready)
        *ready = (struct central_pod){json_incref(doc_at(pod, "metadata", "labels")), str_dup(address)};
    return ready;
}

static bool is_same_pod(const struct central_pod *a, const struct central_pod *b)
{
    return a && b ? str_eq(a->address, b->address) && doc_equal(a->labels, b->labels) : a == b;
}

/* True if that can change the addresses that a selector finds. */
static bool read_pod(struct central *c, const struct kube_object *o)
{
    struct central_pod *pod = pod_of(o);

    if (is_same_pod(map_get(c->pods, o->name), pod)) {
        pod_free(pod);
        return false;
    }
    if (pod)
        map_put(c->pods, o->name, pod);
    else
        map_remove(c->pods, o->name);
    return true;
}

static bool drop_gone_pods(struct central *c, const struct kube_cache *observed)
{
    bool any = false;
    const char *name;

    for (size_t i = 0; map_next(c->pods, &i, &name, NULL);) {
        if (kube_cache_get(observed, pods(), c->ns, name))
            continue;
        map_remove(c->pods, name);
        any = true;
    }
    return any;
}

static void forget_pods(struct central *c)
{
    map_clear(c->pods);
    map_clear(c->found);
    c->pods_seen = 0;
}

/* Reads the Pods that changed since the last time; true if addresses can change. */
static bool read_pods(struct central *c, const struct kube_cache *observed)
{
    const struct kube_object *o = NULL;
    bool differs = false;

    while (c->ns && (o = kube_cache_next_changed(observed, pods(), c->pods_seen, o)))
        if (str_eq(o->ns, c->ns))
            differs |= read_pod(c, o);
    if (kube_cache_lost_since(observed, pods(), c->pods_seen))
        differs |= drop_gone_pods(c, observed);
    c->pods_seen = kube_cache_changes(observed, pods());
    if (differs)
        map_clear(c->found);
    return differs;
}

/* True where one of the kinds changed since the last time, which is noted. */
static bool has_changed(uint64_t *read, const struct kube_cache *observed, const struct kube_kind *kind)
{
    uint64_t changes = kube_cache_changes(observed, kind) + 1;
    bool changed = *read != changes;

    *read = changes;
    return changed;
}

static void read_id(struct central *c, const struct kube_cache *observed)
{
    const struct kube_object *o = kube_cache_get(observed, namespaces(), NULL, "kube-system");

    if (!o || str_eq(c->id, o->uid))
        return;
    str_replace(&c->id, o->uid);
    c->basis++;
}

/* The mesh as its resource describes it, also while that is being deleted. */
static void read_mesh(struct central *c, const struct plan_input *in)
{
    const struct kube_object *o = mesh_find(in->observed);
    const char *ns = o ? o->ns : central_namespace_of_remotes(in->observed);
    const char *version;

    if (o)
        mesh_memo_read_for_remotes(&c->memo, o, in->server);
    else
        mesh_memo_clear(&c->memo);
    c->mesh = c->memo.desired ? c->memo.desired->spec : NULL;
    version = c->mesh ? c->mesh->version : NULL;
    c->line = mesh_line_of(version);
    if (!str_eq(c->ns, ns) || c->memo.hash != c->mesh_hash || !str_eq(version, c->mesh_version))
        c->basis++;
    str_replace(&c->mesh_version, version);
    str_replace(&c->ns, ns);
    c->mesh_hash = c->memo.hash;
}

void central_update(void *central, const struct plan_input *in)
{
    struct central *c = central;
    const struct kube_cache *observed = in->observed;
    const struct mesh_line *former_line = c->line;
    _cleanup_free_ char *former_ns = str_dup(c->ns);
    uint64_t basis = c->basis;
    bool moved, signing_may_differ;

    read_mesh(c, in);
    moved = !str_eq(c->ns, former_ns);
    if (map_len(c->found) > SELECTORS_MAX)
        map_clear(c->found);
    if (has_changed(&c->read[0], observed, namespaces()))
        read_id(c, observed);
    /* Both are read: neither change must be seen again. */
    signing_may_differ = has_changed(&c->read[1], observed, credentials());
    signing_may_differ |= has_changed(&c->read[2], observed, deployments());
    signing_may_differ |= c->line != former_line;
    if (signing_may_differ || moved) {
        json_t *signing = c->ns && c->line->joining ? c->line->joining->signing(observed, c->ns) : NULL;
        c->basis += !doc_equal(signing, c->signing);
        json_decref(c->signing);
        c->signing = signing;
    }
    if (moved)
        forget_pods(c);
    c->version += read_pods(c, observed) || moved;
    c->version += c->basis - basis;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint64_t hash_of(const struct addresses *a)
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < a->len; i++) {
        buf_add_str(&text, a->items[i]);
        buf_add_char(&text, ',');
    }
    return buf_take_hash(&text);
}

/* In no order, and some more than once. */
static struct addresses *select_from(const struct central *c, const char *text)
{
    struct addresses *found = NEW(struct addresses);
    struct selector *selector;
    size_t cap = 0;
    void *value;

    if (selector_parse(text, &selector, NULL) < 0)
        return found;
    for (size_t i = 0; map_next(c->pods, &i, NULL, &value);) {
        const struct central_pod *pod = value;
        if (!selector_matches(selector, pod->labels))
            continue;
        ARRAY_RESERVE_ONE(found->items, found->len, cap);
        found->items[found->len++] = str_dup(pod->address);
    }
    selector_free(selector);
    return found;
}

static struct addresses *find(const struct central *c, const char *text)
{
    struct addresses *found = select_from(c, text);
    size_t kept = 0;

    if (found->len)
        qsort(found->items, found->len, sizeof(*found->items), by_text);
    for (size_t i = 0; i < found->len; i++) {
        if (kept && str_eq(found->items[kept - 1], found->items[i]))
            free(found->items[i]);
        else
            found->items[kept++] = found->items[i];
    }
    found->len = kept;
    found->hash = hash_of(found);
    return found;
}

const struct addresses *central_addresses(struct central *c, const char *selector)
{
    struct addresses *found = map_get(c->found, selector);

    if (!found) {
        found = find(c, selector);
        map_put(c->found, selector, found);
    }
    return found;
}

/*
 * Whose kubeconfig matters most without a mesh: first those that are being deleted, so that they can leave; then those
 * that joined, so that they stay connected.
 */
static unsigned urgency(const struct kube_object *remote)
{
    _cleanup_json_ json_t *resource = kube_object_parse(remote);
    const struct planned_resource r = {.resource = resource, .type = &api_resource_remote_istio};

    return resource_has_finalizer(&r) ? 1 + remote->deleting : 0;
}

static bool are_in_one_namespace(const struct kube_cache *observed, const char *ns)
{
    const struct kube_kind *kind = mesh_kind(KIND_REMOTE_ISTIO);
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(observed, kind, &i));)
        if (!str_eq(o->ns, ns))
            return false;
    return true;
}

const char *central_namespace_of_remotes(const struct kube_cache *observed)
{
    const struct kube_kind *kind = mesh_kind(KIND_REMOTE_ISTIO);
    size_t i = 0;
    const struct kube_object *o, *first = kube_cache_next(observed, kind, &i);
    unsigned most;

    if (!first || are_in_one_namespace(observed, first->ns))
        return first ? first->ns : NULL;
    most = urgency(first);
    while ((o = kube_cache_next(observed, kind, &i))) {
        unsigned urgent = urgency(o);
        if (urgent < most || (urgent == most && strcmp(o->ns, first->ns) >= 0))
            continue;
        first = o;
        most = urgent;
    }
    return first->ns;
}

const struct kube_object *central_kubeconfig(const struct kube_cache *observed, const char *ns, const char *name)
{
    return kube_cache_get(observed, credentials(), ns, name);
}
