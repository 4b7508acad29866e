/*
 * What must hold of a mesh of today's Istio, by rules of its own: what a plan over the server's state says has to be
 * done is judged by the planner itself.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/release.h"
#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "controllers/mesh/mesh_desired.h"
#include "controllers/mesh/mesh_plan.h"
#include "doc/doc.h"
#include "invariants_impl.h"
#include "kube/quantity.h"
#include "reconcile/marks.h"

#define REVISION "istio.io/rev"
#define SIDECAR_VERSION "istio.banzaicloud.io/sidecar-version"
#define INJECTOR "istio-sidecar-injector"
#define PLUGIN "istio-cni-node"

static const json_t *get(struct invariants *v, const char *group, const char *plural, const char *ns, const char *name)
{
    return server_get(server_find(v->server, group, plural), ns, name);
}

static const char *name_of(const json_t *o)
{
    return str_or(doc_string(o, "metadata", "name"), "?");
}

bool invariants_made_by_istiod(const struct collection *kind, const json_t *o)
{
    static const struct {
        const char *plural, *name;
    } made[] = {
        {"configmaps", "istio-ca-root-cert"},
        {"configmaps", "istio-leader"},
        {"configmaps", "istio-namespace-controller-election"},
        {"configmaps", "istio-gateway-status-leader"},
        {"leases", "istio-gateway-deployment-"},
        {"mutatingwebhookconfigurations", "istio-revision-tag-"},
    };

    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        if (str_eq(kind->plural, made[i].plural) && str_starts(name_of(o), made[i].name))
            return true;
    return false;
}

/* --- every write --- */

static bool is_newer(const json_t *definition)
{
    const json_t *fields = doc_at(json_array_get(doc_at(definition, "spec", "versions"), 0), "schema",
                                  "openAPIV3Schema", "properties", "spec", "properties");

    return str_eq(doc_string(definition, "metadata", "labels", USERS_LABEL_RELEASE), USERS_NEWER_RELEASE) ||
           json_object_get(fields, USERS_NEWER_FIELD);
}

void invariants_today_observe(struct invariants *v, const struct collection *kind, const json_t *before,
                              const json_t *after)
{
    if (v->failure.len || !before || !after)
        return;
    if (str_eq(kind->plural, "customresourcedefinitions") && is_newer(before) && !is_newer(after))
        buf_printf(&v->failure, "the operator took a newer definition back: %s", name_of(before));
    if (v->at_rest && str_eq(kind->plural, "deployments") &&
        get(v, "autoscaling", "horizontalpodautoscalers", doc_string(before, "metadata", "namespace"),
            name_of(before)) &&
        !doc_equal(doc_at(before, "spec", "replicas"), doc_at(after, "spec", "replicas")))
        buf_printf(&v->failure, "the operator changed the replicas of Deployment %s, which has an autoscaler",
                   name_of(before));
}

/* --- what is as it is desired --- */

/* Of the path of a field, without the places in sequences. */
struct place {
    const struct desired *desired;
    const struct desired_set *all;
    struct buf path;
};

static bool has_autoscaler(const struct place *p)
{
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, "autoscaling/v2", "HorizontalPodAutoscaler");

    return desired_find(p->all, kind, p->desired->ns, p->desired->name);
}

/* Fields that others write; and what an object that was taken over may keep of before. */
static bool is_of_others(const struct place *p)
{
    const char *path = buf_str(&p->path), *kind = p->desired->kind->kind;

    if (str_eq(path, ".webhooks.failurePolicy"))
        return str_eq(kind, "ValidatingWebhookConfiguration");
    if (str_eq(path, ".spec.replicas"))
        return has_autoscaler(p);
    if (str_eq(path, ".spec.template") || str_eq(path, ".spec.ports.targetPort"))
        return p->desired->inherits != NULL;
    return str_eq(path, ".metadata.annotations." MARK_APPLIED);
}

static bool is_empty(const json_t *value)
{
    return !value || json_is_null(value) ||
           ((json_is_object(value) || json_is_array(value)) && json_object_size(value) + json_array_size(value) == 0) ||
           (json_is_string(value) && !json_string_length(value));
}

static bool is_in(struct place *p, const json_t *desired, const json_t *live);

static bool is_among(struct place *p, const json_t *desired, const json_t *live)
{
    for (size_t i = 0; i < json_array_size(live); i++)
        if (is_in(p, desired, json_array_get(live, i)))
            return true;
    return false;
}

/* Each field and each element of `desired` is in `live`. Where one is not, its path stays. */
static bool is_in(struct place *p, const json_t *desired, const json_t *live)
{
    size_t len = p->path.len, i;
    const char *key;
    json_t *value;

    if (is_of_others(p) || (is_empty(desired) && is_empty(live)))
        return true;
    if (json_is_object(desired) && json_is_object(live)) {
        json_object_foreach((json_t *)desired, key, value) {
            buf_printf(&p->path, ".%s", key);
            if (!is_in(p, value, json_object_get(live, key)))
                return false;
            buf_truncate(&p->path, len);
        }
        return true;
    }
    if (json_is_array(desired) && json_is_array(live)) {
        json_array_foreach((json_t *)desired, i, value) {
            if (!is_among(p, value, live))
                return false;
            buf_truncate(&p->path, len);
        }
        return true;
    }
    return doc_equal(desired, live) ||
           (json_is_string(desired) && json_is_string(live) &&
            kube_quantity_equal(json_string_value(desired), json_string_value(live), KUBE_MILLI));
}

static void check_object(struct invariants *v, const struct desired_set *all, const struct desired *w, struct buf *why)
{
    const json_t *live = get(v, w->kind->group, w->kind->plural, w->ns, w->name);
    _cleanup_json_ json_t *desired = NULL;
    struct place p = {.desired = w, .all = all, .path = BUF_INIT};

    if (!live)
        buf_printf(why, "%s %s is desired, and is not there", w->kind->kind, w->name);
    if (!live || invariants_is_ignored(live) || (w->newest_wins && is_newer(live)))
        return;
    if (doc_parse(w->text, strlen(w->text), SIZE_MAX, &desired, NULL) < 0)
        abort();
    json_object_del(desired, "apiVersion");
    json_object_del(desired, "kind");
    if (!is_in(&p, desired, live))
        buf_printf(why, "%s %s is not as desired at %s", w->kind->kind, w->name, buf_str(&p.path));
    buf_release(&p.path);
}

/* --- sidecars --- */

/* The revision whose istiod injected it, owned by the caller; NULL: none did, or it does not count. */
static char *revision_of(const json_t *pod)
{
    const json_t *annotations = doc_at(pod, "metadata", "annotations");
    const char *text = doc_string(annotations, "sidecar.istio.io/status"), *phase = doc_string(pod, "status", "phase");
    _cleanup_json_ json_t *status = json_loads(str_or(text, ""), 0, NULL);

    if (doc_at(pod, "metadata", "deletionTimestamp") || str_eq(phase, "Succeeded") || str_eq(phase, "Failed") ||
        str_eq(doc_string(annotations, "inject.istio.io/templates"), "gateway"))
        return NULL;
    return doc_string(status, "revision") ? str_dup(doc_string(status, "revision")) : NULL;
}

/* How many Pods have a sidecar of this revision (NULL: of any), and of them how many of this version (NULL: any). */
static int64_t count(struct invariants *v, const char *revision, const char *version)
{
    const struct collection *pods = server_find(v->server, "", "pods");
    int64_t counted = 0;
    void *pod;

    for (size_t i = 0; map_next(pods->objects, &i, NULL, &pod);) {
        _cleanup_free_ char *by = revision_of(pod);
        counted += by && (!revision || str_eq(by, revision)) &&
                   (!version || str_eq(doc_string(pod, "metadata", "annotations", SIDECAR_VERSION), version));
    }
    return counted;
}

static char *injector_of(const char *revision)
{
    return str_eq(revision, "default") ? str_dup(INJECTOR) : str_printf(INJECTOR "-%s", revision);
}

static void check_count(struct invariants *v, const json_t *mesh, const char *revision, struct buf *why)
{
    _cleanup_free_ char *name = injector_of(revision);
    const json_t *injector = get(v, "", "configmaps", doc_string(mesh, "metadata", "namespace"), name);
    const char *version = doc_string(injector, "metadata", "annotations", SIDECAR_VERSION);
    const json_t *said = doc_at(mesh, "status", STATUS_FIELD_SIDECARS);
    int64_t all = count(v, NULL, NULL), current = version ? count(v, revision, version) : 0;

    if (!doc_bool(doc_at(mesh, "spec", "sidecars", "count"), false) || invariants_is_ignored(injector))
        return;
    if (doc_int(doc_at(said, "current"), -1) != current || doc_int(doc_at(said, "outdated"), -1) != all - current)
        buf_printf(why,
                   "%" PRId64 " Pods have a sidecar, %" PRId64 " of them a current one, and the status says %" PRId64
                   " current and %" PRId64 " outdated",
                   all, current, doc_int(doc_at(said, "current"), -1), doc_int(doc_at(said, "outdated"), -1));
}

/* --- control planes --- */

static bool is_plane(const json_t *deployment, const json_t *mesh)
{
    return str_eq(doc_string(deployment, "metadata", "labels", "app"), "istiod") &&
           doc_string(deployment, "metadata", "labels", REVISION) &&
           str_eq(doc_string(deployment, "metadata", "namespace"), doc_string(mesh, "metadata", "namespace")) &&
           str_eq(invariants_mark_of(deployment), doc_string(mesh, "metadata", "uid"));
}

/* One that is not asked for any more stays only while Pods have its sidecar. */
static void check_planes(struct invariants *v, const json_t *mesh, const char *revision, struct buf *why)
{
    const struct collection *kind = server_find(v->server, "apps", "deployments");
    void *o;

    for (size_t i = 0; map_next(kind->objects, &i, NULL, &o);) {
        const char *other = doc_string(o, "metadata", "labels", REVISION);
        if (is_plane(o, mesh) && !str_eq(other, revision) && !count(v, other, NULL))
            buf_printf(why, "no Pod has a sidecar of revision %s, and Deployment %s is still there", other, name_of(o));
    }
}

/* --- the CNI plugin --- */

static bool is_for_plugin(const json_t *injector)
{
    _cleanup_json_ json_t *values = json_loads(str_or(doc_string(injector, "data", "values"), ""), 0, NULL);

    return doc_bool(doc_at(values, "pilot", "cni", "enabled"), false);
}

/* Its controller has seen it, and its Pod is ready on every node; without nodes it is on none. */
static bool is_on_every_node(const json_t *daemons)
{
    const json_t *status = doc_at(daemons, "status");
    int64_t nodes = doc_int(doc_at(status, "desiredNumberScheduled"), -1);

    return nodes > 0 &&
           doc_int(doc_at(status, "observedGeneration"), 0) == doc_int(doc_at(daemons, "metadata", "generation"), 0) &&
           doc_int(doc_at(status, "numberReady"), 0) == nodes &&
           doc_int(doc_at(status, "updatedNumberScheduled"), 0) == nodes;
}

/* By any control plane of the mesh: a former one is there while Pods use it. */
static bool is_injected_for_plugin(const struct invariants *v, const char *uid)
{
    struct collection *maps = server_find(v->server, "", "configmaps");
    const char *key;
    void *o;

    for (size_t i = 0; map_next(maps->objects, &i, &key, &o);)
        if (strstr(key, "istio-sidecar-injector") && str_eq(invariants_mark_of(o), uid) && is_for_plugin(o))
            return true;
    return false;
}

static void check_plugin(struct invariants *v, const json_t *mesh, const char *revision, struct buf *why)
{
    const char *ns = doc_string(mesh, "metadata", "namespace");
    _cleanup_free_ char *name = injector_of(revision);
    const json_t *injector = get(v, "", "configmaps", ns, name), *daemons = get(v, "apps", "daemonsets", ns, PLUGIN);
    bool enabled = doc_bool(doc_at(mesh, "spec", "cni", "enabled"), false);

    if (daemons && !enabled && str_eq(invariants_mark_of(daemons), doc_string(mesh, "metadata", "uid")) &&
        !is_injected_for_plugin(v, doc_string(mesh, "metadata", "uid")))
        buf_printf(why, "the CNI plugin is disabled, and its DaemonSet is still there");
    if (injector && !invariants_is_ignored(injector) && is_for_plugin(injector) != enabled &&
        (!enabled || is_on_every_node(daemons)))
        buf_printf(why, "the CNI plugin is %s, and new Pods are injected %s it", enabled ? "ready" : "disabled",
                   enabled ? "without" : "for");
}

/* --- namespaces --- */

/* By which control plane new Pods of a namespace get a sidecar, where the operator put the label. */
static bool is_labelled_for(const json_t *ns, const char *revision)
{
    const json_t *labels = doc_at(ns, "metadata", "labels");
    const char *injection = doc_string(labels, "istio-injection"), *named = doc_string(labels, REVISION);

    if (!doc_string(labels, LABEL_INJECTION_MANAGED))
        return injection || named; /* the user's */
    /* A user may have changed the value, and the other label may be theirs, too. */
    return injection || (str_eq(revision, "default") ? named != NULL : str_eq(named, revision));
}

static void check_namespaces(struct invariants *v, const json_t *mesh, const char *revision, struct buf *why)
{
    json_t *name;
    size_t i;

    json_array_foreach(doc_at(mesh, "spec", "autoInjectionNamespaces"), i, name) {
        const json_t *ns = get(v, "", "namespaces", NULL, json_string_value(name));
        if (ns && !doc_at(ns, "metadata", "deletionTimestamp") && !is_labelled_for(ns, revision) &&
            !invariants_renewal_stops(v, mesh, name_of(ns)))
            buf_printf(why, "new Pods of namespace %s get no sidecar of revision %s", name_of(ns), revision);
    }
}

/* --- what the status says --- */

/* Then only sidecars may be left. */
static bool is_upgrading(const json_t *mesh)
{
    return str_eq(doc_string(mesh, "status", STATUS_FIELD_UPGRADE, "phase"), "Sidecars");
}

/* It depends on others whether these hold. */
static bool depends_on_others(const char *type)
{
    static const char *const types[] = {CONDITION_METRICS_SCRAPED, CONDITION_DASHBOARDS_LOADED, CONDITION_KIALI_READY,
                                        CONDITION_TRACING_CONFIGURED};

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(type, types[i]))
            return true;
    return false;
}

static void check_conditions(const json_t *mesh, struct buf *why)
{
    json_t *condition;
    size_t i;

    json_array_foreach(doc_at(mesh, "status", STATUS_FIELD_CONDITIONS), i, condition) {
        const char *type = str_or(doc_string(condition, "type"), ""), *status = doc_string(condition, "status");
        bool outdated = doc_int(doc_at(mesh, "status", STATUS_FIELD_SIDECARS, "outdated"), 0) > 0;
        bool expected = str_eq(type, CONDITION_RECONCILING) || str_eq(type, CONDITION_STALLED) ? false
                        : str_eq(type, CONDITION_SIDECARS_CURRENT)                             ? !outdated
                        : str_eq(type, CONDITION_UPGRADING)                                    ? is_upgrading(mesh)
                        : str_eq(type, CONDITION_UPGRADE_BLOCKED)                              ? false
                                                                                               : true;
        if (!depends_on_others(type) && !str_eq(status, expected ? "True" : "False"))
            buf_printf(why, "all is in place, and condition %s is %s: %s", type, str_or(status, "nothing"),
                       str_or(doc_string(condition, "message"), ""));
    }
}

void invariants_today_converged(struct invariants *v, const json_t *mesh, struct buf *why)
{
    struct kube_server d = invariants_describe(v->server);
    _cleanup_free_ const char **served = d.versions, **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_mesh_desired_ struct mesh_desired *desired = NULL;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    const struct mesh_cni_state cni = {.platform = "Kubernetes"}; /* of nodes that say nothing */
    const char *revision;

    mesh_desired_versions(&d, versions);
    if (mesh_desired_build(mesh, d.minor, versions, &cni, false, NULL, &desired, &problems) < 0)
        return;
    revision = *desired->planes->revision ? desired->planes->revision : "default";
    for (size_t i = 0; i < desired->objects->len && !why->len; i++)
        check_object(v, desired->objects, &desired->objects->items[i], why);
    if (!why->len)
        check_count(v, mesh, revision, why);
    if (!why->len)
        check_planes(v, mesh, revision, why);
    if (!why->len)
        check_plugin(v, mesh, revision, why);
    if (!why->len)
        check_namespaces(v, mesh, revision, why);
    if (!why->len)
        check_conditions(mesh, why);
}

/* --- every request --- */

/* The resource whose mesh the operator sees, if it is one that is followed; else NULL. Owned by the caller. */
static json_t *mesh_in(const struct kube_cache *cache)
{
    const struct kube_object *o = mesh_find(cache);

    return o && !o->deleting ? kube_object_parse(o) : NULL;
}

static json_t *cached(const struct kube_cache *cache, const char *api, const char *kind, const char *ns,
                      const char *name)
{
    const struct kube_object *o = kube_cache_get(cache, kube_kind_find(&mesh_kinds, api, kind), ns, name);

    return o ? kube_object_parse(o) : NULL;
}

/* The sidecars of this revision that the operator knows of: "REVISION/VERSION ...". */
static bool knows_sidecars(const struct kube_cache *cache, const char *revision)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(cache, mesh_kind(KIND_SIDECAR_POD), &i));)
        if (str_starts(o->text, revision) && o->text[strlen(revision)] == '/')
            return true;
    return false;
}

/* The status has to have said until when it stays, or the process that is asked next would not know. */
static bool is_in_grace(const json_t *mesh, const char *revision)
{
    const char *grace = str_or(doc_string(mesh, "spec", "upgrade", "formerGracePeriod"), "10m");
    const json_t *said = doc_find(doc_at(mesh, "status", STATUS_FIELD_FORMER_CONTROL_PLANES), "revision", revision);

    return !str_eq(grace, "0s") && !doc_string(said, "until");
}

static void check_deleted_plane(struct invariants *v, const struct kube_cache *cache, const json_t *mesh,
                                const char *name)
{
    _cleanup_json_ json_t *plane =
        cached(cache, "apps/v1", "Deployment", doc_string(mesh, "metadata", "namespace"), name);
    const char *revision = doc_string(plane, "metadata", "labels", REVISION);

    if (!plane || !is_plane(plane, mesh) || !doc_bool(doc_at(mesh, "spec", "pilot", "enabled"), true) || v->failure.len)
        return;
    if (knows_sidecars(cache, revision))
        buf_printf(&v->failure, "the operator deletes Deployment %s, and knows Pods with its sidecar", name);
    else if (is_in_grace(mesh, revision))
        buf_printf(&v->failure, "the operator deletes Deployment %s, and never said until when it stays", name);
}

static void check_deleted_plugin(struct invariants *v, const struct kube_cache *cache, const json_t *mesh)
{
    const char *revision = doc_string(mesh, "spec", "revision");
    _cleanup_free_ char *name = injector_of(str_or(revision, "default"));
    _cleanup_json_ json_t *injector = cached(cache, "v1", "ConfigMap", doc_string(mesh, "metadata", "namespace"), name);

    if (is_for_plugin(injector) && !v->failure.len)
        buf_printf(&v->failure, "the operator deletes the CNI plugin, and new Pods are injected for it");
}

static const char *release_of(const json_t *deployment)
{
    return doc_string(deployment, "spec", "template", "metadata", "labels", "app.kubernetes.io/version");
}

/* By the image of its first container; NULL: it says none. */
static const char *tag_of(const json_t *deployment)
{
    const json_t *container = json_array_get(doc_at(deployment, "spec", "template", "spec", "containers"), 0);
    const char *image = doc_string(container, "image"), *tag = image ? strrchr(image, ':') : NULL;

    return tag ? tag + 1 : NULL;
}

/* Whether istiod, as the operator knows it, is of this version and has a Pod that serves. */
static bool serves(const struct kube_cache *cache, const json_t *mesh, const char *version)
{
    const char *revision = doc_string(mesh, "spec", "revision");
    bool named = revision && *revision && !str_eq(revision, "default");
    _cleanup_free_ char *name = named ? str_printf("istiod-%s", revision) : str_dup("istiod");
    _cleanup_json_ json_t *istiod =
        cached(cache, "apps/v1", "Deployment", doc_string(mesh, "metadata", "namespace"), name);
    const json_t *status = doc_at(istiod, "status");

    return str_eq(tag_of(istiod), version) && doc_int(doc_at(status, "updatedReplicas"), 0) > 0 &&
           doc_int(doc_at(status, "availableReplicas"), 0) > 0;
}

/* The version of the sidecars that it gives; owned by the caller. */
static char *injected_release(const json_t *injector)
{
    _cleanup_json_ json_t *values = json_loads(str_or(doc_string(injector, "data", "values"), ""), 0, NULL);

    return str_dup(doc_string(values, "global", "tag"));
}

/* The injector's configuration becomes newer when an istiod of that version reads it. */
static void check_release(struct invariants *v, const struct kube_cache *cache, const json_t *before,
                          const json_t *after)
{
    _cleanup_json_ json_t *mesh = mesh_in(cache);
    _cleanup_free_ char *old = injected_release(before), *new = injected_release(after);
    const char *installed = doc_string(mesh, "status", STATUS_FIELD_VERSION);

    if (old && new &&installed && !str_eq(new, installed) && release_compare(new, old) > 0 &&
        !serves(cache, mesh, new) && !v->failure.len)
        buf_printf(&v->failure, "new Pods get sidecars of %s instead of %s, and no istiod of that version serves", new,
                   old);
}

static void check_injector(struct invariants *v, const struct kube_cache *cache, const json_t *injector)
{
    const char *ns = doc_string(injector, "metadata", "namespace"), *name = name_of(injector);
    _cleanup_json_ json_t *before = cached(cache, "v1", "ConfigMap", ns, name);
    _cleanup_json_ json_t *daemons = cached(cache, "apps/v1", "DaemonSet", ns, PLUGIN);

    if (is_for_plugin(injector) && !is_for_plugin(before) && !is_on_every_node(daemons) && !v->failure.len)
        buf_printf(&v->failure, "new Pods are injected for the CNI plugin, which is not on every node");
    check_release(v, cache, before, injector);
}

/* Another control plane of the mesh, as the operator knows it, by the name in its label; NULL: it is not there. */
static json_t *plane_in(const struct kube_cache *cache, const json_t *mesh, const char *revision)
{
    _cleanup_free_ char *name = str_eq(revision, "default") ? str_dup("istiod") : str_printf("istiod-%s", revision);
    json_t *plane = cached(cache, "apps/v1", "Deployment", doc_string(mesh, "metadata", "namespace"), name);

    if (plane && is_plane(plane, mesh))
        return plane;
    json_decref(plane);
    return NULL;
}

/* What moves from one control plane to another moves to one that runs. */
static void check_taken_over(struct invariants *v, const struct kube_cache *cache, const char *what, const char *before,
                             const char *after)
{
    _cleanup_json_ json_t *mesh = mesh_in(cache), *former = NULL, *new = NULL;
    /* The label of the default revision has a value of its own. */
    const char *from = str_eq(before, "enabled") ? "default" : before,
               *to = str_eq(after, "enabled") ? "default" : after;

    if (!mesh || !from || !to || str_eq(from, to) || v->failure.len ||
        !doc_bool(doc_at(mesh, "spec", "pilot", "enabled"), true))
        return;
    former = plane_in(cache, mesh, from);
    new = plane_in(cache, mesh, to);
    if (former && doc_int(doc_at(new, "status", "availableReplicas"), 0) <= 0)
        buf_printf(&v->failure, "%s moves from revision %s to %s, which does not run", what, from, to);
}

static void check_validator(struct invariants *v, const struct kube_cache *cache, const json_t *validator)
{
    _cleanup_json_ json_t *before =
        cached(cache, "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", NULL, name_of(validator));

    check_taken_over(v, cache, "the validation of configuration", doc_string(before, "metadata", "labels", REVISION),
                     doc_string(validator, "metadata", "labels", REVISION));
}

static void check_labels(struct invariants *v, const struct kube_cache *cache, const char *path, const json_t *patch)
{
    _cleanup_free_ char *name = str_dup_n(path, strcspn(path, "?"));
    _cleanup_json_ json_t *before = cached(cache, "v1", "Namespace", NULL, name);

    check_taken_over(v, cache, name, doc_string(before, "metadata", "labels", LABEL_INJECTION_MANAGED),
                     doc_string(patch, "metadata", "labels", LABEL_INJECTION_MANAGED));
}

/* Whether new Pods get sidecars of another version; a user may keep them so. */
static bool injects_another(const struct kube_cache *cache, const json_t *mesh, const char *version)
{
    _cleanup_free_ char *name = injector_of(str_or(doc_string(mesh, "spec", "revision"), "default"));
    _cleanup_json_ json_t *injector = cached(cache, "v1", "ConfigMap", doc_string(mesh, "metadata", "namespace"), name);
    _cleanup_free_ char *release = injector ? injected_release(injector) : NULL;

    return release && !invariants_is_ignored(injector) && !str_eq(release, version);
}

/* Gateways get another version when the control plane of that version serves. */
static void check_gateway(struct invariants *v, const struct kube_cache *cache, const json_t *gateway)
{
    _cleanup_json_ json_t *mesh = mesh_in(cache);
    _cleanup_json_ json_t *before =
        cached(cache, "apps/v1", "Deployment", doc_string(gateway, "metadata", "namespace"), name_of(gateway));
    const char *new = release_of(gateway), *installed = doc_string(mesh, "status", STATUS_FIELD_VERSION);

    if (!new || !installed || str_eq(new, installed) || !release_of(before) || str_eq(new, release_of(before)) ||
        !doc_bool(doc_at(mesh, "spec", "pilot", "enabled"), true) || v->failure.len)
        return;
    if (!serves(cache, mesh, new))
        buf_printf(&v->failure,
                   "the operator replaces Deployment %s by version %s, and no istiod of that version serves",
                   name_of(gateway), new);
    else if (injects_another(cache, mesh, new))
        buf_printf(&v->failure, "the operator replaces Deployment %s by version %s, and new Pods get another one",
                   name_of(gateway), new);
}

/* Istio supports one minor release at a time: of a step that is refused nothing may be written. */
static void check_step(struct invariants *v, const struct kube_cache *cache, const json_t *istiod)
{
    _cleanup_json_ json_t *mesh = mesh_in(cache);
    const char *new = tag_of(istiod), *installed = doc_string(mesh, "status", STATUS_FIELD_VERSION);

    if (new &&installed && release_minor(new) >= 0 && release_minor(installed) >= 0 &&
        !v->failure.len &&abs(release_minor(new) - release_minor(installed)) > 1)
        buf_printf(&v->failure, "the operator writes Deployment %s of version %s over a mesh of %s", name_of(istiod),
                   new, installed);
}

void invariants_today_sent(struct invariants *v, struct controller *controller, const struct net_request *request)
{
    const struct kube_cache *cache = kube_cluster_cache(controller_cluster(controller));
    const char *plane = strstr(request->path, "/deployments/istiod");
    _cleanup_json_ json_t *mesh = NULL, *body = NULL;

    if (server_minor(v->server) < 30 || v->misled)
        return;
    if (request->method == NET_DELETE && (plane || strstr(request->path, "/daemonsets/" PLUGIN))) {
        mesh = mesh_in(cache);
        if (mesh && plane) {
            plane += strlen("/deployments/");
            _cleanup_free_ char *name = str_dup_n(plane, strcspn(plane, "?/"));
            check_deleted_plane(v, cache, mesh, name);
        } else if (mesh) {
            check_deleted_plugin(v, cache, mesh);
        }
    } else if ((request->method == NET_PUT || request->method == NET_POST) && strstr(request->path, "/configmaps") &&
               doc_parse(request->body, request->body_len, SIZE_MAX, &body, NULL) == 0 &&
               str_starts(name_of(body), INJECTOR)) {
        check_injector(v, cache, body);
    } else if (request->method == NET_PUT && strstr(request->path, "/istiod-default-validator") &&
               doc_parse(request->body, request->body_len, SIZE_MAX, &body, NULL) == 0) {
        check_validator(v, cache, body);
    } else if (request->method == NET_PATCH && str_starts(request->path, "/api/v1/namespaces/") &&
               doc_parse(request->body, request->body_len, SIZE_MAX, &body, NULL) == 0) {
        check_labels(v, cache, request->path + strlen("/api/v1/namespaces/"), body);
    } else if (request->method == NET_PUT && strstr(request->path, "/deployments/istio-") &&
               doc_parse(request->body, request->body_len, SIZE_MAX, &body, NULL) == 0) {
        check_gateway(v, cache, body);
    } else if ((request->method == NET_PUT || request->method == NET_POST) && strstr(request->path, "/deployments") &&
               doc_parse(request->body, request->body_len, SIZE_MAX, &body, NULL) == 0 &&
               str_starts(name_of(body), "istiod")) {
        check_step(v, cache, body);
    }
}
