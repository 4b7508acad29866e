/*
 * What users do while sidecars are renewed: workloads whose Pods have one, what keeps them from being restarted, other
 * bounds, other sidecars again in the middle, and restarts that are undone.
 */
#include <inttypes.h>
#include <string.h>

#include "../server/controllers.h"
#include "api/istio.h"
#include "api/status.h"
#include "base/release.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/workloads.h"
#include "reconcile/marks.h"
#include "users_impl.h"

#define APP_NAMESPACE "app-%d"
#define APP_NAMESPACES 5
#define APPS_MAX 12

static const char *const plurals[] = {"deployments", "statefulsets", "daemonsets"};

static bool is_app(const struct collection *kind, const json_t *o)
{
    return str_eq(kind->group, "apps") && controllers_is_app(o);
}

static void put_away(struct users *p, struct pick *x)
{
    if (x->object)
        users_put(p, x);
    json_decref(x->object);
}

static void set_text(json_t *map, const char *key, const char *value)
{
    if (value)
        json_object_set_new(map, key, json_string(value));
    else
        json_object_del(map, key);
}

static json_t *annotations_of(struct pick *x)
{
    return doc_make(x->object, "metadata", "annotations");
}

static json_t *template_of(struct pick *x)
{
    return doc_make(x->object, "spec", "template", "metadata", "annotations");
}

/* --- workloads --- */

static bool is_of_type(const char *plural, size_t type)
{
    return str_eq(plural, plurals[type]);
}

/* Takes over what is desired of it besides. */
static void create_app(struct users *p, size_t type, const char *ns, const char *name)
{
    json_t *labels = OBJECT(STRING("app", name)),
           *o = OBJECT(MAP("metadata", STRING("name", name), MAP("labels", STRING(CONTROLLERS_APP, "true"))),
                       MAP("spec", INT("replicas", rng_between(p->rng, 1, 3)),
                           MAP("selector", VALUE("matchLabels", json_incref(labels))),
                           MAP("template", MAP("metadata", VALUE("labels", labels)),
                               MAP("spec", SEQ("containers", ITEM(STRING("name", "app"), STRING("image", "app:1")))))));

    if (is_of_type("daemonsets", type))
        json_object_del(json_object_get(o, "spec"), "replicas");
    users_create(p, server_find(p->server, "apps", plurals[type]), ns, o);
}

static void add_app(struct users *p)
{
    _cleanup_free_ char *ns = str_printf(APP_NAMESPACE, (int)rng_below(p->rng, APP_NAMESPACES)),
                        *name = str_printf("app-%c", (char)('a' + rng_below(p->rng, APPS_MAX)));

    create_app(p, rng_chance(p->rng, 600) ? 0 : rng_below(p->rng, ARRAY_LEN(plurals)), ns, name);
}

/* A budget that allows a disruption of a workload, or none. */
static void guard(struct users *p, const struct pick *x)
{
    const char *ns = doc_string(x->object, "metadata", "namespace"), *name = doc_string(x->object, "metadata", "name");
    struct collection *kind = server_find(p->server, "policy", "poddisruptionbudgets");
    const json_t *there = server_get(kind, ns, name);
    struct pick budget = {.kind = kind, .object = there ? doc_copy(there) : NULL};

    if (there)
        users_remove(p, &budget);
    else
        users_create(p, kind, ns,
                     OBJECT(MAP("metadata", STRING("name", name), MAP("labels", STRING(CONTROLLERS_APP, "true"))),
                            MAP("spec", INT("minAvailable", rng_between(p->rng, 1, 3)),
                                MAP("selector", MAP("matchLabels", STRING("app", name))))));
    json_decref(budget.object);
}

/* What users write of a workload; what is there already is taken off. */
static void alter_app(struct users *p)
{
    struct pick x = users_pick(p, is_app);
    json_t *spec = x.object ? doc_make(x.object, "spec") : NULL;
    bool is_deployment = x.object && is_of_type(x.kind->plural, 0);

    if (!x.object)
        return;
    switch (rng_below(p->rng, 8)) {
    case 0: /* it never becomes ready again */
    case 1:
        set_text(annotations_of(&x), CONTROLLERS_STUCK,
                 doc_string(x.object, "metadata", "annotations", CONTROLLERS_STUCK) ? NULL : "true");
        break;
    case 2:
        if (is_deployment)
            json_object_set_new(spec, "paused", json_boolean(!doc_bool(json_object_get(spec, "paused"), false)));
        else if (doc_at(spec, "updateStrategy"))
            json_object_del(spec, "updateStrategy");
        else if (rng_chance(p->rng, 500) || is_of_type(x.kind->plural, 2))
            json_object_set_new(spec, "updateStrategy", OBJECT(STRING("type", "OnDelete")));
        else
            json_object_set_new(spec, "updateStrategy", OBJECT(MAP("rollingUpdate", INT("partition", 1))));
        break;
    case 3:
        set_text(annotations_of(&x), SIDECAR_RENEWAL_ANNOTATION,
                 doc_string(x.object, "metadata", "annotations", SIDECAR_RENEWAL_ANNOTATION) ? NULL : "disabled");
        break;
    case 4:
        set_text(template_of(&x), "sidecar.istio.io/proxyImage",
                 doc_string(x.object, "spec", "template", "metadata", "annotations", "sidecar.istio.io/proxyImage")
                     ? NULL
                     : "proxy:1");
        break;
    case 5: /* a rollout of the user's own */
        json_object_set_new(template_of(&x), "note", json_sprintf("%d", (int)rng_below(p->rng, 1000)));
        break;
    default:
        guard(p, &x);
        json_decref(x.object);
        return;
    }
    put_away(p, &x);
}

static bool is_restarted(const struct collection *kind, const json_t *o)
{
    return is_app(kind, o) && doc_at(o, "spec", "template", "metadata", "annotations", SIDECAR_RESTARTED_ANNOTATION);
}

/* Some of its Pods are of before yet. */
static bool is_rolling(const struct collection *kind, const json_t *o)
{
    const json_t *status = doc_at(o, "status");
    bool is_daemon = is_of_type(kind->plural, 2);

    return is_restarted(kind, o) &&
           (doc_int(doc_at(status, "observedGeneration"), 0) < doc_int(doc_at(o, "metadata", "generation"), 0) ||
            doc_int(doc_at(status, is_daemon ? "updatedNumberScheduled" : "updatedReplicas"), 0) <
                doc_int(doc_at(status, is_daemon ? "currentNumberScheduled" : "replicas"), 0));
}

/*
 * As a tool that writes its own manifest does, or "kubectl rollout undo". In the middle of a rollout old Pods stay,
 * with the sidecar that they have.
 */
static void undo(struct users *p)
{
    struct pick x = users_pick(p, is_rolling);

    if (!x.object)
        x = users_pick(p, is_restarted);
    if (x.object)
        json_object_del(template_of(&x), SIDECAR_RESTARTED_ANNOTATION);
    put_away(p, &x);
}

static void retry(struct users *p)
{
    struct pick x = users_pick(p, is_app);

    if (x.object)
        set_text(annotations_of(&x), SIDECAR_RENEWAL_ANNOTATION, SIDECAR_RENEWAL_RETRY);
    put_away(p, &x);
}

static void remove_app(struct users *p)
{
    struct pick x = users_pick(p, is_app);

    if (x.object)
        users_remove(p, &x);
    json_decref(x.object);
}

/* --- namespaces --- */

static bool is_app_namespace(const struct collection *kind, const json_t *o)
{
    return str_eq(kind->plural, "namespaces") && str_starts(str_or(doc_string(o, "metadata", "name"), ""), "app-");
}

static void alter_namespace(struct users *p)
{
    struct pick x = users_pick(p, is_app_namespace);

    if (x.object && rng_chance(p->rng, 500))
        set_text(annotations_of(&x), SIDECAR_RENEWAL_ANNOTATION,
                 doc_string(x.object, "metadata", "annotations", SIDECAR_RENEWAL_ANNOTATION) ? NULL : "disabled");
    else if (x.object)
        set_text(doc_make(x.object, "metadata", "labels"), "tier",
                 doc_string(x.object, "metadata", "labels", "tier") ? NULL : "front");
    put_away(p, &x);
}

/* --- the resource --- */

/* Half of the hours of a day are in one of its windows. */
static json_t *windows(struct users *p)
{
    int64_t at = rng_between(p->rng, 0, 23);

    return ARRAY(ITEM(FORMAT("from", "%02" PRId64 ":00", at), FORMAT("to", "%02" PRId64 ":30", (at + 11) % 24)));
}

static void alter_bounds(struct users *p)
{
    struct pick x = users_mesh(p);
    json_t *renewal = x.object ? doc_make(x.object, "spec", "sidecarRenewal") : NULL;

    if (!x.object)
        return;
    switch (rng_below(p->rng, 8)) {
    case 0:
        set_text(renewal, "mode", rng_chance(p->rng, 500) ? "Report" : "Off");
        break;
    case 1:
    case 2:
        set_text(renewal, "mode", "Automatic");
        break;
    case 3:
        json_object_set_new(renewal, "maxConcurrentNamespaces", json_integer(rng_between(p->rng, 1, 3)));
        break;
    case 4:
        set_text(renewal, "onFailure", rng_chance(p->rng, 500) ? "StopAll" : NULL);
        break;
    case 5:
        if (rng_chance(p->rng, 700))
            json_object_set_new(renewal, "windows", windows(p));
        else
            json_object_del(renewal, "windows");
        break;
    case 6:
        if (rng_chance(p->rng, 400))
            json_object_set_new(renewal, "namespaceSelector", OBJECT(MAP("matchLabels", STRING("tier", "front"))));
        else
            json_object_del(renewal, "namespaceSelector");
        break;
    default:
        json_object_set_new(doc_make(x.object, "spec"), "pause", json_boolean(rng_chance(p->rng, 500)));
    }
    put_away(p, &x);
}

/* Other sidecars: those of before again, by chance. */
static void alter_sidecars(struct users *p)
{
    static const char *const levels[] = {"info", "debug", "warning"};
    struct pick x = users_mesh(p);

    if (x.object)
        set_text(doc_make(x.object, "spec", "proxy"), "logLevel", levels[rng_below(p->rng, ARRAY_LEN(levels))]);
    put_away(p, &x);
}

/* Where the one that is asked for is too far, or too old for this Kubernetes, the mesh stays what it is. */
static void alter_version(struct users *p)
{
    static const char *const versions[] = {"1.31.1", "1.29.6", "1.30.4", "1.30.4", "1.28.10"};
    struct pick x = users_mesh(p);

    if (x.object)
        set_text(doc_make(x.object, "spec"), "version", versions[rng_below(p->rng, ARRAY_LEN(versions))]);
    put_away(p, &x);
}

/* Its namespaces move with their workloads, and the former control plane goes soon after the last. */
static void alter_revision(struct users *p)
{
    struct pick x = users_mesh(p);

    if (x.object)
        set_text(doc_make(x.object, "spec"), "revision", rng_chance(p->rng, 500) ? "canary" : NULL);
    put_away(p, &x);
}

static const struct users_deed deeds[] = {
    {"a workload is altered", 30, alter_app},      {"a workload is created", 10, add_app},
    {"a workload is deleted", 3, remove_app},      {"a restart is undone", 10, undo},
    {"a restart is tried again", 8, retry},        {"a namespace is altered", 8, alter_namespace},
    {"the bounds are altered", 15, alter_bounds},  {"the sidecars are altered", 20, alter_sidecars},
    {"the version is altered", 10, alter_version}, {"the revision is altered", 6, alter_revision},
};

void users_act_in_renewal(struct users *p)
{
    users_act_by_weight(p, deeds, ARRAY_LEN(deeds));
}

/* --- its beginning and its end --- */

/* What chaos left: a mesh that asks for little, and all of which is followed. */
static void begin_mesh(struct users *p)
{
    struct pick x = users_mesh(p);
    const char *version = x.object ? doc_string(x.object, "status", "version") : NULL;
    json_t *names = json_array(), *spec;

    for (int i = 0; i < APP_NAMESPACES; i++)
        json_array_append_new(names, json_sprintf(APP_NAMESPACE, i));
    spec = OBJECT(STRING("version", str_eq(version, "1.30.4") ? version : "1.31.1"),
                  VALUE("autoInjectionNamespaces", names),
                  MAP("upgrade", FORMAT("formerGracePeriod", "%ds", (int)rng_below(p->rng, 30))),
                  MAP("sidecarRenewal", STRING("mode", "Automatic"), FORMAT("delay", "%ds", (int)rng_below(p->rng, 5)),
                      FORMAT("timeout", "%ds", (int)rng_between(p->rng, 60, 120)),
                      INT("maxConcurrentNamespaces", rng_between(p->rng, 1, 3))));
    if (x.object) {
        json_object_set_new(x.object, "spec", spec);
        put_away(p, &x);
    } else {
        users_create(p, x.kind, MESH_NS, OBJECT(MAP("metadata", STRING("name", MESH_NAME)), VALUE("spec", spec)));
    }
}

void users_begin_renewal(struct users *p)
{
    users_unignore(p);
    begin_mesh(p);
    for (int i = 0; i < APP_NAMESPACES; i++)
        users_create(p, server_find(p->server, "", "namespaces"), NULL,
                     OBJECT(MAP("metadata", FORMAT("name", APP_NAMESPACE, i))));
}

void users_add_apps(struct users *p)
{
    for (int64_t n = rng_between(p->rng, 8, 24); n > 0; n--)
        add_app(p);
}

/* All of them are to be restarted, but those that something keeps from it. */
void users_outdate_apps(struct users *p)
{
    for (int64_t n = rng_between(p->rng, 0, 8); n > 0; n--)
        alter_app(p);
    alter_sidecars(p);
}

static bool is_stuck(const struct collection *kind, const json_t *o)
{
    return is_app(kind, o) && doc_at(o, "metadata", "annotations", CONTROLLERS_STUCK);
}

/* One from which, or to which, there may be no single step. */
static bool is_old(const char *version)
{
    return version && release_compare(version, "1.30.0") < 0;
}

/* What is refused is given up. */
static void end_versions(json_t *mesh)
{
    const char *installed = doc_string(mesh, "status", STATUS_FIELD_VERSION);

    if (is_old(installed) || is_old(doc_string(mesh, "spec", "version")) ||
        is_old(doc_string(mesh, "status", STATUS_FIELD_UPGRADE, "to")))
        set_text(json_object_get(mesh, "spec"), "version", str_or(installed, "1.31.1"));
}

void users_end_renewal(struct users *p)
{
    struct pick x = users_mesh(p);
    json_t *renewal = x.object ? doc_make(x.object, "spec", "sidecarRenewal") : NULL;

    if (renewal) {
        set_text(renewal, "mode", "Automatic");
        json_object_del(renewal, "windows");
        json_object_del(json_object_get(x.object, "spec"), "pause");
        end_versions(x.object);
    }
    put_away(p, &x);
    while ((x = users_pick(p, is_stuck)).object) {
        json_object_del(annotations_of(&x), CONTROLLERS_STUCK);
        put_away(p, &x);
    }
}
