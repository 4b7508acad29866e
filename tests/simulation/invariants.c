#include <inttypes.h>
#include <string.h>

#include "../server/server_impl.h"
#include "api/status.h"
#include "base/str.h"
#include "controllers/kinds.h"
#include "controllers/mesh/injection.h"
#include "controllers/mesh/mesh_desired.h"
#include "controllers/mesh/mesh_plan.h"
#include "controllers/remote/remote_plan.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "invariants_impl.h"
#include "mesh/mesh.h"
#include "mesh/v1_0/v1_0.h"
#include "mesh/workloads.h"
#include "reconcile/marks.h"

void invariants_init(struct invariants *v, struct server *server, const struct invariants *central)
{
    *v = (struct invariants){.server = server,
                             .central = central,
                             .remotes = map_new(NULL),
                             .ours = map_new(NULL),
                             .desired = map_new(NULL),
                             .meshes = map_new(NULL),
                             .written = map_new(NULL),
                             .kept = map_new(NULL)};
}

void invariants_release(struct invariants *v)
{
    map_free(v->remotes);
    map_free(v->ours);
    map_free(v->desired);
    map_free(v->meshes);
    map_free(v->written);
    map_free(v->kept);
    invariants_renewal_end(v);
    buf_release(&v->failure);
}

static void fail(struct invariants *v, const char *what, const struct collection *kind, const json_t *o)
{
    if (v->failure.len)
        return;
    buf_printf(&v->failure, "%s: %s %s/%s", what, kind->kind, str_or(doc_string(o, "metadata", "namespace"), ""),
               str_or(doc_string(o, "metadata", "name"), "?"));
}

/* --- what the server serves, as the planner wants to be told --- */

struct kube_server invariants_describe(struct server *s)
{
    struct kube_server d = {.major = 1,
                            .minor = server_minor(s),
                            .kinds = &mesh_kinds,
                            .versions = NEW_ARRAY(const char *, mesh_kinds.len)};

    for (size_t i = 0; i < mesh_kinds.len; i++) {
        const struct kube_kind *row = &mesh_kinds.rows[i];
        const struct collection *kind = server_find(s, row->group, row->plural);
        for (size_t k = 0; kind && !d.versions[i] && k < KUBE_VERSIONS_MAX && row->versions[k].name; k++)
            for (char **version = kind->versions; *version; version++)
                if (str_eq(*version, row->versions[k].name))
                    d.versions[i] = row->versions[k].name;
    }
    return d;
}

/* Owned by the caller; NULL: it is invalid. */
static struct mesh_desired *desired_of(struct server *s, const json_t *resource)
{
    struct kube_server d = invariants_describe(s);
    _cleanup_free_ const char **served = d.versions, **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct mesh_desired *desired = NULL;

    mesh_desired_versions(&d, versions);
    return mesh_desired_build(resource, d.minor, versions, NULL, false, NULL, &desired, &problems) < 0 ? NULL : desired;
}

struct desired_set *invariants_desired_of(struct server *s, const json_t *resource)
{
    _cleanup_mesh_desired_ struct mesh_desired *desired = desired_of(s, resource);

    return desired ? TAKE_PTR(desired->objects) : NULL;
}

/* --- every write --- */

static bool is_of(const struct collection *kind, const char *plural)
{
    return str_eq(kind->group, API_GROUP) && str_eq(kind->plural, plural);
}

static bool is_mesh(const struct invariants *v, const struct collection *kind)
{
    return !v->central && is_of(kind, "istios");
}

const char *invariants_mark_of(const json_t *o)
{
    return doc_string(o, "metadata", "labels", MARK_OWNER);
}

bool invariants_is_ignored(const json_t *o)
{
    return str_eq(doc_string(o, "metadata", "annotations", MARK_IGNORE), "true");
}

/* A mark that names no resource there ever was is another client's. */
static bool has_mark(const struct invariants *v, const json_t *o)
{
    return map_has(v->central ? v->central->remotes : v->meshes, str_or(invariants_mark_of(o), ""));
}

/* A copy without what the operator may change. */
static json_t *without(const json_t *object, const char *const *labels, const char *field)
{
    json_t *copy = doc_copy(object), *metadata = doc_make(copy, "metadata");

    json_object_del(copy, "status");
    json_object_del(metadata, "resourceVersion");
    if (field)
        json_object_del(metadata, field);
    for (; labels && *labels; labels++)
        json_object_del(doc_make(metadata, "labels"), *labels);
    return copy;
}

static bool same_without(const json_t *before, const json_t *after, const char *const *labels, const char *field)
{
    _cleanup_json_ json_t *a = without(before, labels, field), *b = without(after, labels, field);

    return json_equal(a, b);
}

static char *key_in(const struct collection *kind, const json_t *o)
{
    return str_printf("%s/%s/%s/%s", kind->group, kind->plural, str_or(doc_string(o, "metadata", "namespace"), ""),
                      doc_string(o, "metadata", "name"));
}

static void remember_mesh(struct invariants *v, const json_t *resource)
{
    map_put(v->meshes, doc_string(resource, "metadata", "uid"), v);
    v->elsewhere = v->elsewhere || !str_eq(doc_string(resource, "metadata", "namespace"), MESH_NS);
}

static void remember_set(struct invariants *v, const struct desired_set *set)
{
    for (size_t i = 0; i < set->len; i++) {
        const struct desired *w = &set->items[i];
        _cleanup_free_ char *key =
            str_printf("%s/%s/%s/%s", w->kind->group, w->kind->plural, str_or(w->ns, ""), w->name);
        map_put(v->desired, key, v);
    }
}

static void remember_desired(struct invariants *v, const struct collection *kind, const json_t *resource)
{
    _cleanup_json_ json_t *shown = server_present(kind, kind->versions[0], resource);
    _cleanup_mesh_desired_ struct mesh_desired *desired = desired_of(v->server, shown);

    if (!desired)
        return;
    remember_set(v, desired->objects);
    remember_set(v, desired->monitors);
    remember_set(v, desired->dashboards);
    remember_set(v, desired->maps);
}

/* What follows from the mesh without being made by us goes with it. */
static bool goes_with_the_mesh(const struct collection *kind, const json_t *o)
{
    const char *name = doc_string(o, "metadata", "name"), *type = doc_string(o, "type");

    if (str_eq(kind->plural, "validatingwebhookconfigurations"))
        return str_eq(name, "istio-galley");
    if (str_eq(kind->plural, "configmaps"))
        return str_eq(name, "istio-ingress-controller-leader-istio") || invariants_made_by_istiod(kind, o);
    if (str_eq(kind->plural, "mutatingwebhookconfigurations") || str_eq(kind->plural, "leases"))
        return invariants_made_by_istiod(kind, o);
    /* Citadel's own key goes as well, and the certificates that it signed. */
    return str_eq(kind->plural, "secrets") &&
           (str_eq(type, "istio.io/key-and-cert") || str_eq(name, "istio-ca-secret"));
}

static void check_resource(struct invariants *v, const struct collection *kind, const json_t *before,
                           const json_t *after)
{
    if (before && after && !same_without(before, after, NULL, "finalizers"))
        fail(v, "the operator changed more than finalizers and status of a resource", kind, before);
    if (!before || (!after && !doc_at(before, "metadata", "deletionTimestamp")))
        fail(v, "the operator made or deleted a resource", kind, before ? before : after);
}

static void check_namespace(struct invariants *v, const struct collection *kind, const json_t *before,
                            const json_t *after)
{
    static const char *const injection[] = {LABEL_INJECTION, LABEL_REVISION, LABEL_INJECTION_MANAGED, NULL};

    if (v->central && !before && has_mark(v, after))
        return; /* a remote cluster gets the mesh's namespace from us */
    if (!after || !before || !same_without(before, after, injection, NULL))
        fail(v, "the operator changed more than the injection labels of a namespace", kind, before ? before : after);
}

/* A Secret whose label for Pilot alone changed. */
static bool is_pilot_label(const struct collection *kind, const json_t *before, const json_t *after)
{
    static const char *const labels[] = {V1_KUBECONFIG_LABEL, NULL};
    _cleanup_json_ json_t *a = NULL, *b = NULL;

    if (!str_eq(kind->plural, "secrets") || !before || !after)
        return false;
    a = without(before, labels, "annotations");
    b = without(after, labels, "annotations");
    return json_equal(a, b);
}

static void drop_annotation(json_t *metadata, const char *annotation)
{
    json_t *annotations = json_object_get(metadata, "annotations");

    json_object_del(annotations, annotation);
    if (!json_object_size(annotations))
        json_object_del(metadata, "annotations");
}

/* Owned by the caller. */
static json_t *without_restart(const json_t *workload)
{
    json_t *copy = without(workload, NULL, "generation");

    drop_annotation(doc_at(copy, "spec", "template", "metadata"), SIDECAR_RESTARTED_ANNOTATION);
    if (!str_eq(doc_string(copy, "metadata", "annotations", SIDECAR_RENEWAL_ANNOTATION), SIDECAR_RENEWAL_DISABLED))
        drop_annotation(doc_at(copy, "metadata"), SIDECAR_RENEWAL_ANNOTATION);
    return copy;
}

/* An object that is not ours may be taken over where we need its name. */
static bool may_adopt(const struct invariants *v, const struct collection *kind, const char *key, const char *name)
{
    static const char *const services[] = {"istio-pilot", "istio-policy", "istio-telemetry", "zipkin"};

    if (v->misled || (v->central && v->central->misled))
        return true;
    if (!v->central)
        return map_has(v->desired, key);
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        if (str_eq(name, services[i]) && (str_eq(kind->plural, "services") || str_eq(kind->plural, "endpoints")))
            return true;
    /* Of definitions there are some that the cluster had before. */
    return map_has(v->ours, key) || str_eq(kind->plural, "customresourcedefinitions");
}

/* What all in a remote cluster hangs on: it says itself to whom it belongs, also when its mark was taken off. */
static bool is_owner_there(const struct invariants *v, const struct collection *kind, const json_t *o)
{
    return v->central && is_of(kind, "istios") && doc_at(o, "metadata", "annotations", MESH_REMOTE_OF);
}

static void check_object(struct invariants *v, const struct collection *kind, const json_t *before, const json_t *after)
{
    const json_t *o = before ? before : after;
    _cleanup_free_ char *key = key_in(kind, o);

    if (after && !has_mark(v, after))
        fail(v, "the operator wrote an object without its mark", kind, after);
    else if (before && !has_mark(v, before) && after &&
             !may_adopt(v, kind, key, doc_string(before, "metadata", "name")))
        fail(v, "the operator changed what is not its own", kind, before);
    else if (before && !has_mark(v, before) && !after && !goes_with_the_mesh(kind, before) &&
             !is_owner_there(v, kind, before))
        fail(v, "the operator deleted what is not its own", kind, before);
}

/* A user's workload of which the annotations of the renewal alone changed. */
static bool is_restart(const struct collection *kind, const json_t *before, const json_t *after)
{
    _cleanup_json_ json_t *a = NULL, *b = NULL;

    if (!str_eq(kind->group, "apps") || !before || !after || invariants_mark_of(before))
        return false;
    a = without_restart(before);
    b = without_restart(after);
    return json_equal(a, b);
}

static void check_operator(struct invariants *v, const struct collection *kind, const json_t *before,
                           const json_t *after)
{
    if (str_eq(kind->plural, "events") || (str_eq(kind->plural, "leases") && after))
        return;
    if (is_mesh(v, kind) || is_of(kind, "remoteistios"))
        check_resource(v, kind, before, after);
    else if (str_eq(kind->plural, "namespaces"))
        check_namespace(v, kind, before, after);
    else if (!is_restart(kind, before, after) && (v->central || !is_pilot_label(kind, before, after)))
        check_object(v, kind, before, after);
}

/* The object that `o` needs was there before, at least once. */
static void check_needed(struct invariants *v, const struct collection *kind, const json_t *o, const char *group,
                         const char *plural, const char *name)
{
    _cleanup_free_ char *needed = str_printf("%s %s/%s", invariants_mark_of(o), plural, name);

    if (!map_has(v->written, needed) && !v->elsewhere && !v->misled &&
        !server_get(server_find(v->server, group, plural), MESH_NS, name))
        fail(v, "the operator wrote an object before those that it needs", kind, o);
}

static void check_needs_of_deployment(struct invariants *v, const struct collection *kind, const json_t *o)
{
    const json_t *pod = doc_at(o, "spec", "template", "spec");
    const char *account = doc_string(pod, "serviceAccountName");
    json_t *volume;
    size_t i;

    if (account)
        check_needed(v, kind, o, "", "serviceaccounts", account);
    json_array_foreach(doc_at(pod, "volumes"), i, volume)
        if (doc_string(volume, "configMap", "name") && !doc_bool(doc_at(volume, "configMap", "optional"), false))
            check_needed(v, kind, o, "", "configmaps", doc_string(volume, "configMap", "name"));
}

/* Of Istio's Services each has a Deployment of its name. */
static void check_needs_of_webhooks(struct invariants *v, const struct collection *kind, const json_t *o)
{
    json_t *webhook;
    size_t i;

    json_array_foreach(doc_at(o, "webhooks"), i, webhook) {
        const char *name = doc_string(webhook, "clientConfig", "service", "name");
        if (!name)
            continue;
        check_needed(v, kind, o, "", "services", name);
        check_needed(v, kind, o, "apps", "deployments", name);
    }
}

/* The order of a first installation; what heals later has no order to keep. */
static void check_order(struct invariants *v, const struct collection *kind, const json_t *o)
{
    _cleanup_free_ char *written =
        str_printf("%s %s/%s", invariants_mark_of(o), kind->plural, doc_string(o, "metadata", "name"));

    if (!map_has(v->written, written) && (str_eq(kind->kind, "Deployment") || str_eq(kind->kind, "DaemonSet")))
        check_needs_of_deployment(v, kind, o);
    else if (!map_has(v->written, written) && str_ends(kind->kind, "WebhookConfiguration"))
        check_needs_of_webhooks(v, kind, o);
    map_put(v->written, written, v);
}

static void remember_owned(struct invariants *v, const struct collection *kind, const json_t *o)
{
    _cleanup_free_ char *key = key_in(kind, o);

    map_put(v->ours, key, v);
}

static const json_t *deployment_of(const struct invariants *v, const char *component)
{
    return server_get(server_find(v->server, "apps", "deployments"), MESH_NS, component);
}

/* None is there, or the ones that are there are being removed: what istiod makes now is another mesh's to it. */
static bool has_no_mesh(const struct invariants *v)
{
    const struct collection *meshes = server_find(v->server, API_GROUP, "istios");
    void *o;

    for (size_t i = 0; meshes && map_next(meshes->objects, &i, NULL, &o);)
        if (!doc_at(o, "metadata", "deletionTimestamp"))
            return false;
    return true;
}

/* When the mesh is gone a component that is not ours may be there still. What it makes then is not of the mesh. */
static void remember_kept(struct invariants *v, const struct collection *kind, const json_t *made)
{
    const struct collection *meshes = server_find(v->server, API_GROUP, "istios");
    const char *by = str_eq(kind->plural, "secrets")                           ? "istio-citadel"
                     : str_eq(kind->plural, "validatingwebhookconfigurations") ? "istio-galley"
                                                                               : NULL;
    const json_t *deployment = by ? deployment_of(v, by) : NULL;

    if (deployment && !has_mark(v, deployment) && !(meshes && map_len(meshes->objects)))
        map_put(v->kept, doc_string(made, "metadata", "uid"), v);
}

void invariants_observe(void *context, enum who who, const struct collection *kind, const json_t *before,
                        const json_t *after)
{
    struct invariants *v = context;

    v->changes++;
    invariants_renewal_observe(v, who, kind, before, after);
    if (is_mesh(v, kind) && after)
        remember_mesh(v, after);
    else if (is_of(kind, "remoteistios") && after)
        map_put(v->remotes, doc_string(after, "metadata", "uid"), v);
    else if (after && has_mark(v, after)) {
        check_order(v, kind, after);
        remember_owned(v, kind, after);
    }
    if (who == WHO_CLUSTER && !before)
        remember_kept(v, kind, after);
    if (!before && has_no_mesh(v) && invariants_made_by_istiod(kind, after))
        map_put(v->kept, doc_string(after, "metadata", "uid"), v);
    if (who == WHO_OPERATOR)
        invariants_today_observe(v, kind, before, after);
    if (who == WHO_OPERATOR)
        check_operator(v, kind, before, after);
    else if (is_mesh(v, kind) && after && !json_equal(doc_at(before, "spec"), doc_at(after, "spec")))
        remember_desired(v, kind, after);
}

/* --- what it says --- */

static int64_t of_status(const json_t *deployment, const char *field)
{
    return doc_int(doc_at(deployment, "status", field), 0);
}

/* Judged apart from the operator's own rules. */
bool invariants_is_available(const json_t *deployment)
{
    int64_t replicas = doc_int(doc_at(deployment, "spec", "replicas"), 1);

    return of_status(deployment, "observedGeneration") == doc_int(doc_at(deployment, "metadata", "generation"), 0) &&
           of_status(deployment, "updatedReplicas") == replicas &&
           of_status(deployment, "availableReplicas") == replicas;
}

static void check_available(struct invariants *v, struct controller *controller, const json_t *resource)
{
    _cleanup_desired_ struct desired_set *set = invariants_desired_of(v->server, resource);

    for (size_t i = 0; set && i < set->len; i++) {
        const struct desired *w = &set->items[i];
        const struct kube_object *o = NULL;
        _cleanup_json_ json_t *deployment = NULL;
        if (!str_eq(w->kind->kind, "Deployment"))
            continue;
        o = kube_cache_get(kube_cluster_cache(controller_cluster(controller)), w->kind, w->ns, w->name);
        deployment = o ? kube_object_parse(o) : NULL;
        if (!invariants_is_available(deployment) && !v->failure.len)
            buf_printf(&v->failure,
                       "the status says Available, but Deployment %s is not: generation %" PRId64 ", status %s",
                       w->name, doc_int(doc_at(deployment, "metadata", "generation"), 0),
                       deployment ? "is behind or short of replicas" : "unknown, for it is not there");
    }
}

void invariants_sent(struct invariants *v, struct controller *controller, const struct net_request *request)
{
    _cleanup_json_ json_t *resource = NULL;

    invariants_today_sent(v, controller, request);
    invariants_upgrade_sent(v, controller, request);
    if (request->method != NET_PUT || !strstr(request->path, "/istios/") || !strstr(request->path, "/status"))
        return;
    if (doc_parse(request->body, request->body_len, SIZE_MAX, &resource, NULL) < 0)
        return;
    if (str_eq(doc_string(resource, "status", STATUS_FIELD_STATUS), STATUS_AVAILABLE))
        check_available(v, controller, resource);
}

/* --- the end --- */

/* No list of the operator's has it: it learns of it when a create is refused. */
static bool is_hidden(const json_t *o)
{
    return !invariants_mark_of(o) && invariants_is_ignored(o);
}

size_t invariants_hidden(struct server *s)
{
    struct collection *kind;
    size_t hidden = 0;
    void *o;

    for (size_t i = 0; (kind = server_next_kind(s, &i));)
        for (size_t k = 0; map_next(kind->objects, &k, NULL, &o);)
            hidden += is_hidden(o);
    return hidden;
}

/* Of what is watched while a plan asks for it. */
static bool is_watched(const struct kube_kind *row, const char *ns, const json_t *o)
{
    for (const struct reconciler *const *r = operator_kinds.rows; *r; r++)
        for (size_t i = 0; i < (*r)->watches->len; i++) {
            const struct watch_row *watch = &(*r)->watches->rows[i];
            if (&mesh_kinds.rows[watch->kind] == row)
                return selector_labels(str_or(watch->label_selector, ""), o) &&
                       selector_fields(str_or(watch->field_selector, ""), o) &&
                       (!watch->in_namespace || str_eq(doc_string(o, "metadata", "namespace"), ns));
        }
    return true;
}

/* Whether the operator knows the object, after a while. */
static bool is_known(const struct kube_kind *row, unsigned roles, const char *ns, const json_t *o)
{
    /* Those that a remote cluster had before are read once. */
    if (roles == MESH_REMOTE && str_eq(row->kind, "CustomResourceDefinition"))
        return true;
    if (row->watch == KUBE_WATCH_OWNED)
        return invariants_mark_of(o) || is_hidden(o);
    return is_watched(row, ns, o);
}

static void put_all(struct server *s, const struct kube_server *d, unsigned roles, const struct kube_kind *row,
                    const char *ns, struct kube_cache *cache)
{
    const char *version = d->versions[row - mesh_kinds.rows];
    struct collection *kind = version && (row->roles & roles) ? server_find(s, row->group, row->plural) : NULL;
    void *o;

    for (size_t k = 0; kind && map_next(kind->objects, &k, NULL, &o);) {
        _cleanup_json_ json_t *shown = server_present(kind, version, o);
        if (is_known(row, roles, ns, shown))
            kube_cache_put(cache, row, shown);
    }
}

/* The server's own state as a cache. Which namespace is watched depends on the mesh, and without one on RemoteIstios.
 */
struct kube_cache *invariants_observed(struct server *s, const struct kube_server *d, unsigned roles)
{
    struct kube_cache *cache = kube_cache_new(&mesh_kinds, MARK_OWNER);
    const char *ns;

    put_all(s, d, roles, mesh_kind(KIND_ISTIO), NULL, cache);
    put_all(s, d, roles, mesh_kind(KIND_REMOTE_ISTIO), NULL, cache);
    ns = istio_reconciler.watch_namespace(cache);
    if (!ns)
        ns = remote_istio_reconciler.watch_namespace(cache);
    for (size_t i = 0; i < mesh_kinds.len; i++)
        if (i != KIND_ISTIO && i != KIND_REMOTE_ISTIO)
            put_all(s, d, roles, &mesh_kinds.rows[i], ns, cache);
    return cache;
}

void invariants_tell_actions(const struct plan *plan, struct buf *why)
{
    for (size_t i = 0; i < plan->len && i < 5; i++) {
        const struct kube_action *a = &plan->actions[i];
        buf_printf(why, "%s%s %s/%s (%s)", i ? ", " : "", a->verb == KUBE_REMOVE ? "remove" : "write", a->kind->kind,
                   a->name, a->reason);
    }
    if (plan->len > 5)
        buf_printf(why, " and %zu more", plan->len - 5);
}

/* One that the user keeps as it is may call a control plane that is gone: the mesh is not available, and says so. */
static bool names_ignored_webhook(const struct invariants *v, const char *message)
{
    static const char *const kinds[] = {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"};
    void *object;

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const struct collection *all = server_find(v->server, "admissionregistration.k8s.io", kinds[k]);
        for (size_t i = 0; all && map_next(all->objects, &i, NULL, &object);)
            if (invariants_is_ignored(object) && strstr(message, doc_string(object, "metadata", "name")))
                return true;
    }
    return false;
}

/* What must be so where there is a mesh. */
static void check_mesh(struct invariants *v, const json_t *mesh, const struct plan *plan, struct buf *why)
{
    const char *word = doc_string(mesh, "status", STATUS_FIELD_STATUS);
    const char *message = str_or(doc_string(mesh, "status", STATUS_FIELD_ERROR_MESSAGE), "");
    struct collection *kind = server_find(v->server, API_GROUP, "istios");
    _cleanup_json_ json_t *shown = server_present(kind, kind->versions[0], mesh);
    _cleanup_desired_ struct desired_set *set = invariants_desired_of(v->server, shown);
    bool pause = doc_bool(doc_at(shown, "spec", "pause"), false);

    if (doc_at(mesh, "metadata", "deletionTimestamp"))
        buf_add_str(why, "the resource is deleted and is still there");
    else if (!set && !str_eq(word, STATUS_RECONCILE_FAILED))
        buf_printf(why, "the resource cannot be followed, and its status is %s", str_or(word, "empty"));
    else if (set && !pause && plan->drift)
        buf_printf(why, "%zu objects are not in place, and nothing is done about it", plan->drift);
    else if (set && !pause && !str_eq(word, STATUS_AVAILABLE) && !names_ignored_webhook(v, message))
        buf_printf(why, "everything is in place, and the status is %s: %s", str_or(word, "empty"), message);
    else if (set && !pause && server_minor(v->server) >= 30)
        invariants_today_converged(v, shown, why);
}

/* A namespace that the mesh switched injection on for. */
static bool is_left_labelled(const struct kube_object *o)
{
    _cleanup_json_ json_t *ns = NULL;

    if (!str_eq(o->kind->kind, "Namespace"))
        return false;
    ns = kube_object_parse(o);
    return doc_string(ns, "metadata", "labels", LABEL_INJECTION_MANAGED) != NULL;
}

/* What Istio's components made while they ran. Where another client kept the component, it makes it again. */
static bool is_left_by_istio(const struct invariants *v, const struct kube_object *o)
{
    _cleanup_json_ json_t *made = NULL;

    if (map_has(v->kept, str_or(o->uid, "")))
        return false;
    if (str_eq(o->kind->kind, "Secret"))
        return !deployment_of(v, "istio-citadel");
    if (str_eq(o->kind->kind, "ValidatingWebhookConfiguration"))
        return str_eq(o->name, "istio-galley") && !deployment_of(v, "istio-galley");
    if (o->kind->digest)
        return false; /* of nodes there is no document */
    made = kube_object_parse(o);
    return invariants_made_by_istiod(server_find(v->server, o->kind->group, o->kind->plural), made);
}

/* Where there is none, nothing of one is left but definitions. */
static void check_no_mesh(const struct invariants *v, const struct kube_cache *cache, struct buf *why)
{
    const struct kube_object *o;

    for (size_t i = 0; i < mesh_kinds.len && !why->len; i++) {
        const struct kube_kind *row = &mesh_kinds.rows[i];
        bool made = row == mesh_kind(KIND_KEY_AND_CERT_SECRET) || row == mesh_kind(KIND_MADE_CONFIG_MAP) ||
                    row == mesh_kind(KIND_MADE_INJECTOR) || row == mesh_kind(KIND_MADE_LEASE);
        if (str_eq(row->kind, "CustomResourceDefinition") || (row->view && !made))
            continue;
        for (size_t k = 0; !why->len && (o = kube_cache_next(cache, row, &k));)
            if (map_has(v->meshes, str_or(o->owner, "")) || is_left_labelled(o) || is_left_by_istio(v, o))
                buf_printf(why, "there is no mesh, but %s %s of one", row->kind, o->name);
    }
}

static bool is_the_mesh(const json_t *mesh, struct server *s)
{
    /* Another one may have been there before. */
    const json_t *second = server_get(server_find(s, API_GROUP, "istios"), "default", "second");

    return !second || strcmp(str_or(doc_string(mesh, "metadata", "creationTimestamp"), ""),
                             str_or(doc_string(second, "metadata", "creationTimestamp"), "")) < 0;
}

bool invariants_converged(struct invariants *v, bool forced, struct buf *why)
{
    const struct collection *kind = server_find(v->server, API_GROUP, "istios");
    const json_t *mesh = server_get(kind, MESH_NS, MESH_NAME);
    struct kube_server d = invariants_describe(v->server);
    _cleanup_free_ const char **versions = d.versions;
    _cleanup_kube_cache_ struct kube_cache *cache = invariants_observed(v->server, &d, MESH_CENTRAL);
    struct plan_input input = {
        .now = SERVER_EPOCH + sched_now(v->server->sched), .server = &d, .observed = cache, .synced = ~0u};
    struct plan plan;

    reconcile_all(&istio_reconciler, &input, &plan);
    invariants_tell_actions(&plan, why);
    if (!plan.len && mesh && is_the_mesh(mesh, v->server))
        check_mesh(v, mesh, &plan, why);
    else if (!plan.len && !(kind && map_len(kind->objects)) && !forced)
        check_no_mesh(v, cache, why);
    plan_release(&plan);
    if (!why->len)
        invariants_renewal_converged(v, why);
    return why->len == 0;
}
