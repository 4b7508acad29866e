#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../server/server_impl.h"
#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/mesh_plan.h"
#include "controllers/remote/central.h"
#include "controllers/remote/remote_plan.h"
#include "doc/doc.h"
#include "invariants_impl.h"
#include "mesh/mesh.h"
#include "reconcile/kubeconfig_secret.h"
#include "reconcile/marks.h"

/* A server that hangs is noticed within this time: silence, the time for an answer to a probe, some patience. */
#define SILENCE_MOST SECONDS(45)

/* --- what is said --- */

/* Of two in different namespaces only the one in the mesh's can connect. NULL: none is connected. */
static struct kube_cluster *cluster_of(struct controller *c, const char *name)
{
    struct controller_remote remote;

    for (size_t i = 0; controller_next_remote(c, &i, &remote);)
        if (str_eq(remote.name, name) && connection_cluster(remote.connection))
            return connection_cluster(remote.connection);
    return NULL;
}

static bool is_enabled(const json_t *resource, const char *part)
{
    return doc_bool(doc_at(resource, "spec", part, "enabled"), true);
}

static void check_deployment(struct invariants *v, struct kube_cluster *cluster, const char *name)
{
    const struct kube_kind *kind = mesh_kind(KIND_DEPLOYMENT);
    const struct kube_object *o = kube_cache_get(kube_cluster_cache(cluster), kind, MESH_NS, name);
    _cleanup_json_ json_t *deployment = o ? kube_object_parse(o) : NULL;

    if (!invariants_is_available(deployment) && !v->failure.len)
        buf_printf(&v->failure, "the status of a remote cluster says Available, but its Deployment %s is not", name);
}

static void check_said(struct invariants *v, struct kube_cluster *cluster, msec_t now, msec_t stopped_until,
                       const json_t *resource)
{
    msec_t heard = cluster ? kube_cluster_last_contact(cluster) : 0;

    if (v->failure.len)
        return;
    if (!cluster || kube_cluster_phase(cluster) != KUBE_CLUSTER_SYNCED) {
        buf_add_str(&v->failure, "the status of a remote cluster says Available, but it is not synced with it");
        return;
    }
    heard = heard > stopped_until ? heard : stopped_until;
    if (now - heard > SILENCE_MOST)
        buf_printf(&v->failure,
                   "the status of a remote cluster says Available, but it was last heard %" PRId64 " s ago",
                   (now - heard) / 1000);
    if (is_enabled(resource, "citadel"))
        check_deployment(v, cluster, "istio-citadel");
    if (is_enabled(resource, "sidecarInjector"))
        check_deployment(v, cluster, "istio-sidecar-injector");
}

void invariants_remote_sent(struct invariants *central, struct controller *controller, msec_t now, msec_t stopped_until,
                            const struct net_request *request)
{
    _cleanup_json_ json_t *resource = NULL;

    if (request->method != NET_PUT || !strstr(request->path, "/remoteistios/") || !strstr(request->path, "/status"))
        return;
    if (doc_parse(request->body, request->body_len, SIZE_MAX, &resource, NULL) < 0)
        return;
    if (str_eq(doc_string(resource, "status", STATUS_FIELD_STATUS), STATUS_AVAILABLE))
        check_said(central, cluster_of(controller, doc_string(resource, "metadata", "name")), now, stopped_until,
                   resource);
}

/* --- the end --- */

/* All that is judged about the remote clusters at one moment. */
struct judgement {
    struct invariants *v; /* of the central cluster */
    const struct invariants_remote *remotes;
    size_t count;
    struct kube_server server;
    struct kube_cache *cache;
    struct plan plan; /* of the central cluster */
    struct central *shared;
    struct buf *why;
};

/* Secrets are watched in one namespace: the mesh's, or where there is none that of the RemoteIstios. */
static void forget_other_secrets(struct kube_cache *cache, const char *ns)
{
    const struct kube_kind *kind = mesh_kind(KIND_CREDENTIALS_SECRET);
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(cache, kind, &i));) {
        if (str_eq(o->ns, ns))
            continue;
        kube_cache_remove(cache, kind, o->ns, o->name, NULL);
        i = 0;
    }
}

static void judgement_init(struct judgement *j, const struct invariants_remote *remotes, size_t count,
                           struct invariants *v, struct buf *why)
{
    struct plan_input input = {.now = SERVER_EPOCH, .synced = ~0u};
    const struct kube_object *mesh;

    *j = (struct judgement){.v = v, .remotes = remotes, .count = count, .shared = central_new(), .why = why};
    j->server = invariants_describe(v->server);
    j->cache = invariants_observed(v->server, &j->server, MESH_CENTRAL);
    input.server = &j->server;
    input.observed = j->cache;
    reconcile_all(&istio_reconciler, &input, &j->plan);
    mesh = mesh_find(j->cache);
    forget_other_secrets(j->cache, mesh ? mesh->ns : central_namespace_of_remotes(j->cache));
    central_update(j->shared, &input);
}

static void judgement_release(struct judgement *j)
{
    central_free(j->shared);
    plan_release(&j->plan);
    kube_cache_free(j->cache);
    free(j->server.versions);
}

/* Where a RemoteIstio's kubeconfig leads. */
struct way {
    struct server *server; /* NULL: nowhere */
    bool refused;          /* it is no kubeconfig */
    struct err why;
};

static struct way way_of(const struct judgement *j, const struct kube_object *resource)
{
    const struct kube_object *o = central_kubeconfig(j->cache, resource->ns, resource->name);
    _cleanup_kube_config_ struct kube_config *config = NULL;
    _cleanup_json_ json_t *secret = o ? kube_object_parse(o) : NULL;
    struct way way = {0};
    struct users_address at;

    if (!o)
        return way;
    if (kubeconfig_secret_read(secret, &config, &way.why) < 0)
        way.refused = true;
    else if (!users_read_address(config, &at))
        return way;
    else if (at.site == 0)
        way.server = j->v->server;
    else if (at.site <= j->count && j->remotes[at.site - 1].users->token == at.token)
        way.server = j->remotes[at.site - 1].invariants->server;
    return way;
}

static const char *const accepted_reasons[] = {"joined by RemoteIstio", "has a mesh of its own", "must be in namespace",
                                               "spec.", "runs on Kubernetes"};

static bool is_refused_for_a_reason(const json_t *resource)
{
    const char *message = str_or(doc_string(resource, "status", STATUS_FIELD_ERROR_MESSAGE), "");

    if (!str_eq(doc_string(resource, "status", STATUS_FIELD_STATUS), STATUS_RECONCILE_FAILED))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(accepted_reasons); i++)
        if (strstr(message, accepted_reasons[i]))
            return true;
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_address(struct buf *text, const char **addresses, size_t count)
{
    qsort(addresses, count, sizeof(*addresses), by_text);
    for (size_t i = 0; i < count; i++)
        if (!i || !str_eq(addresses[i], addresses[i - 1]))
            buf_printf(text, " %s", addresses[i]);
}

/* The addresses that there should be, read from the central cluster's Pods, by rules of our own. */
static void ready_addresses(const struct judgement *j, const char *selector, struct buf *text)
{
    const struct collection *pods = server_find(j->v->server, "", "pods");
    _cleanup_free_ const char **found = NEW_ARRAY(const char *, map_len(pods->objects) + 1);
    size_t count = 0;
    void *pod;

    for (size_t i = 0; map_next(pods->objects, &i, NULL, &pod);) {
        const json_t *ready = doc_find(doc_at(pod, "status", "conditions"), "type", "Ready");
        const char *address = doc_string(pod, "status", "podIP");
        if (str_eq(doc_string(pod, "metadata", "namespace"), MESH_NS) && selector_labels(selector, pod) && address &&
            str_eq(doc_string(ready, "status"), "True") && !doc_at(pod, "metadata", "deletionTimestamp"))
            found[count++] = address;
    }
    add_address(text, found, count);
}

static void addresses_in(const json_t *endpoints, struct buf *text)
{
    _cleanup_free_ const char **found = NEW_ARRAY(const char *, 1000);
    json_t *subset, *address;
    size_t i, k, count = 0;

    json_array_foreach(doc_at(endpoints, "subsets"), i, subset) {
        json_array_foreach(doc_at(subset, "addresses"), k, address) {
            if (count < 1000)
                found[count++] = doc_string(address, "ip");
        }
    }
    add_address(text, found, count);
}

static void check_service(const struct judgement *j, struct server *remote, const char *name, const char *selector)
{
    const json_t *endpoints = server_get(server_find(remote, "", "endpoints"), MESH_NS, name);
    _cleanup_buf_ struct buf desired = BUF_INIT, there = BUF_INIT;

    if (invariants_is_ignored(endpoints))
        return;
    if (!endpoints && !j->why->len)
        buf_printf(j->why, "the remote cluster has no Endpoints %s", name);
    ready_addresses(j, selector, &desired);
    addresses_in(endpoints, &there);
    if (!str_eq(buf_str(&desired), buf_str(&there)) && !j->why->len)
        buf_printf(j->why, "the remote cluster's Endpoints %s are%s, and the ready Pods%s", name, buf_str(&there),
                   buf_str(&desired));
}

static void check_services(const struct judgement *j, struct server *remote, const json_t *resource)
{
    static const char *const otherwise[][2] = {{"istio-pilot", "istio=pilot"},
                                               {"istio-policy", "istio-mixer-type=policy"},
                                               {"istio-telemetry", "istio-mixer-type=telemetry"},
                                               {"zipkin", "app=jaeger"}};
    const json_t *given = doc_at(resource, "spec", "enabledServices");
    json_t *service;
    size_t i;

    json_array_foreach(given, i, service)
        check_service(j, remote, doc_string(service, "name"), doc_string(service, "labelSelector"));
    for (i = 0; !given && i < ARRAY_LEN(otherwise); i++)
        check_service(j, remote, otherwise[i][0], otherwise[i][1]);
}

/* All is there that is needed to join, so that the cluster must have joined. */
static void check_joined(const struct judgement *j, struct server *remote, const json_t *resource)
{
    const char *word = doc_string(resource, "status", STATUS_FIELD_STATUS);
    bool paused = doc_bool(doc_at(resource, "spec", "pause"), false);

    if (is_refused_for_a_reason(resource) || !j->shared->mesh || !j->shared->signing || paused)
        return;
    if (!str_eq(word, STATUS_AVAILABLE))
        buf_printf(j->why, "a remote cluster could be joined, and the status is %s: %s", str_or(word, "empty"),
                   str_or(doc_string(resource, "status", STATUS_FIELD_ERROR_MESSAGE), ""));
    else
        check_services(j, remote, resource);
}

/* The server's own state, planned again, has nothing to do. */
static void check_plan(const struct judgement *j, const struct kube_object *resource, const struct way *way)
{
    struct kube_server served = invariants_describe(way->server);
    _cleanup_free_ const char **versions = served.versions;
    _cleanup_kube_cache_ struct kube_cache *cache = invariants_observed(way->server, &served, MESH_REMOTE);
    char version[16];
    struct plan_input central = {.now = SERVER_EPOCH, .server = &j->server, .observed = j->cache, .synced = ~0u};
    struct plan_input remote = {.now = SERVER_EPOCH, .server = &served, .observed = cache, .synced = ~0u};
    struct plan_world world = {
        .central = &central, .remote = &remote, .contact = {.error = ""}, .shared = (struct central *)j->shared};
    void *memo = remote_istio_reconciler.memo_new();
    struct reconcile_plan plan;

    snprintf(version, sizeof(version), "v1.%d.0", server_minor(way->server));
    served.git_version = version;
    reconcile_resource(&remote_istio_reconciler, &world, resource, memo, &plan);
    /* Nobody connects for a resource that cannot be followed. */
    if (!plan.connect) {
        world.remote = NULL;
        reconcile_plan_release(&plan);
        reconcile_resource(&remote_istio_reconciler, &world, resource, memo, &plan);
    }
    invariants_tell_actions(&plan.remote, j->why);
    invariants_tell_actions(&plan.central, j->why);
    reconcile_plan_release(&plan);
    remote_istio_reconciler.memo_free(memo);
}

static bool has_any_elsewhere(const struct judgement *j, const char *kind_name, const char *ns)
{
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, kind_name);
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(j->cache, kind, &i));)
        if (!str_eq(o->ns, ns))
            return true;
    return false;
}

/*
 * A limit of the operator's: kubeconfigs are read in one namespace, that of the mesh or, without one, of a RemoteIstio
 * that leaves or has joined. One that leaves elsewhere waits for a person, and says so.
 */
static bool waits_for_secrets(const struct judgement *j, const struct kube_object *o, const char *message)
{
    return strstr(message, "waiting for Secrets to be read here: ") &&
           (has_any_elsewhere(j, "Istio", o->ns) || has_any_elsewhere(j, "RemoteIstio", o->ns));
}

static void check_remote(const struct judgement *j, const struct kube_object *o)
{
    _cleanup_json_ json_t *resource = kube_object_parse(o);
    struct way way = way_of(j, o);
    const char *word = doc_string(resource, "status", STATUS_FIELD_STATUS);
    const char *message = str_or(doc_string(resource, "status", STATUS_FIELD_ERROR_MESSAGE), "");

    if (o->deleting) {
        if (waits_for_secrets(j, o, message))
            return;
        buf_printf(j->why, "RemoteIstio %s is deleted and is still there: %s", o->name, message);
    } else if (!way.server) {
        if (str_eq(word, STATUS_AVAILABLE))
            buf_printf(j->why, "RemoteIstio %s leads nowhere, and is Available", o->name);
    } else {
        check_plan(j, o, &way);
        if (str_eq(word, STATUS_UNREACHABLE))
            buf_printf(j->why, "RemoteIstio %s leads to a cluster that answers, and is Unreachable: %s", o->name,
                       message);
        if (!j->why->len)
            check_joined(j, way.server, resource);
    }
}

static bool is_alive(const struct judgement *j, const char *uid)
{
    const struct kube_kind *kind = mesh_kind(KIND_REMOTE_ISTIO);
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(j->cache, kind, &i));)
        if (str_eq(o->uid, uid))
            return true;
    return false;
}

/* A definition stays where its kind is used by others. */
static bool may_stay(const struct invariants *v, const struct collection *kind)
{
    const struct collection *istios = server_find(v->server, API_GROUP, "istios");

    return str_eq(kind->plural, "namespaces") ||
           (str_eq(kind->plural, "customresourcedefinitions") && istios && map_len(istios->objects));
}

/* What carries the mark of a RemoteIstio that is gone. */
static void check_left(const struct judgement *j, const struct invariants *v)
{
    struct collection *kind;
    void *o;

    for (size_t i = 0; !j->why->len && (kind = server_next_kind(v->server, &i));) {
        for (size_t k = 0; !j->why->len && map_next(kind->objects, &k, NULL, &o);) {
            const char *mark = str_or(invariants_mark_of(o), "");
            if (map_has(j->v->remotes, mark) && !is_alive(j, mark) && !may_stay(v, kind))
                buf_printf(j->why, "no RemoteIstio is left that made %s %s in a remote cluster", kind->kind,
                           doc_string(o, "metadata", "name"));
        }
    }
}

bool invariants_remotes_converged(struct invariants *central, const struct invariants_remote *remotes, size_t count,
                                  struct buf *why)
{
    const struct kube_kind *kind = mesh_kind(KIND_REMOTE_ISTIO);
    const struct kube_object *o;
    struct judgement j;

    if (!count)
        return true;
    judgement_init(&j, remotes, count, central, why);
    for (size_t i = 0; !why->len && (o = kube_cache_next(j.cache, kind, &i));)
        check_remote(&j, o);
    for (size_t i = 0; !why->len && i < count; i++)
        if (!remotes[i].users->excused)
            check_left(&j, remotes[i].invariants);
    judgement_release(&j);
    return why->len == 0;
}
