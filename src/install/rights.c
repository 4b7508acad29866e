#include "install/rights.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"

#define NS "istio-system"

/* Rules are collected by what they allow where, so that a right with two reasons is listed once. */
struct gathered {
    struct map *rules; /* "group/resource" -> a map of verbs, as json */
};

static void add_verb(struct gathered *g, const char *group, const char *resource, const char *verb)
{
    _cleanup_free_ char *key = str_printf("%s/%s", group, resource);
    json_t *verbs = map_get(g->rules, key);

    if (!verbs) {
        verbs = json_object();
        map_put(g->rules, key, verbs);
    }
    json_object_set_new(verbs, verb, json_true());
}

static void add_kind(struct gathered *g, const struct kube_kind *kind)
{
    for (const char *const *verb = kind->verbs; verb && *verb; verb++) {
        const char *slash = strchr(*verb, '/');
        _cleanup_free_ char *resource = slash ? str_printf("%s%s", kind->plural, slash) : str_dup(kind->plural);
        _cleanup_free_ char *word = slash ? str_dup_n(*verb, (size_t)(slash - *verb)) : str_dup(*verb);
        add_verb(g, kind->group, resource, word);
    }
}

/* Everything that a rule of a granted role allows. */
static void add_granted_rule(struct gathered *g, const json_t *rule)
{
    json_t *group, *resource, *verb;
    size_t i, k, n;

    json_array_foreach(doc_at(rule, "apiGroups"), i, group)
        json_array_foreach(doc_at(rule, "resources"), k, resource)
            json_array_foreach(doc_at(rule, "verbs"), n, verb)
                add_verb(g, json_string_value(group), json_string_value(resource), json_string_value(verb));
}

/* What a cluster gets of the default mesh with Kiali; owned by the caller. NULL: no such cluster can join it. */
static struct istio_spec *default_spec(unsigned role, const struct mesh_release *release)
{
    const struct mesh_joining *joining = release->line->joining;
    const struct api_context context = {.version = release->version};
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_json_ json_t *istio = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", api_resource_istio.kind),
        MAP("metadata", STRING("name", "istio"), STRING("namespace", NS)),
        MAP("spec",
            STRING("version", release->version),
            OPT(release->kiali, MAP("kiali", STRING("mode", ISTIO_KIALI_SERVER)))));
    _cleanup_json_ json_t *remote = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", api_resource_remote_istio.kind),
        MAP("metadata", STRING("name", "remote"), STRING("namespace", NS)));
    _cleanup_istio_spec_ struct istio_spec *central = NULL;
    struct istio_spec *spec;

    if (istio_parse(istio, NULL, &central, &problems) < 0)
        abort(); /* the default resource is valid */
    if (role == MESH_CENTRAL)
        return TAKE_PTR(central);
    if (!joining)
        return NULL;
    if (remote_istio_parse(remote, &context, &spec, &problems) < 0)
        abort(); /* and so is this */
    joining->follow(spec, remote, central);
    return spec;
}

/* In one namespace or in all: which namespace a mesh will be in is not known here. */
static bool is_role(const struct kube_kind *kind)
{
    return str_eq(kind->kind, "ClusterRole") || str_eq(kind->kind, "Role");
}

/* Those that are off by default, too: the rest of such a component is as by default. */
static void enable_all(struct istio_spec *spec, const struct mesh_component *components)
{
    for (; components->name; components++)
        ((struct component_spec *)components->spec(spec))->enabled = true; /* of the spec above */
}

/* The roles of every component, as the default resource asks for them, for every release. */
static void add_granted(struct gathered *g, unsigned role)
{
    _cleanup_json_ json_t *nothing = json_object();
    const struct mesh_remote remote = {.signing = nothing};
    const char *versions[KIND_COUNT];

    for (const struct mesh_release *release = mesh_releases; release->version; release++) {
        _cleanup_istio_spec_ struct istio_spec *spec = default_spec(role, release);
        const struct mesh_env env = {
            .spec = spec,
            .release = release,
            .ns = NS,
            .versions = versions,
            .remote = role == MESH_REMOTE ? &remote : NULL,
        };
        struct rendered_list objects = {0};
        if (!spec)
            continue;
        enable_all(spec, role == MESH_REMOTE ? release->line->remote.components : release->line->central.components);
        mesh_versions_for(release->kubernetes_max, versions);
        mesh_render(&env, &objects);
        for (size_t i = 0; i < objects.len; i++) {
            json_t *rule;
            size_t k;
            if (is_role(objects.items[i].kind))
                json_array_foreach(doc_at(objects.items[i].object, "rules"), k, rule)
                    add_granted_rule(g, rule);
        }
        rendered_release(&objects);
    }
}

static void release_verbs(void *verbs)
{
    json_decref(verbs);
}

/* One rule a group and set of verbs, with all the resources that have it. */
static json_t *make_rules(const struct gathered *g)
{
    _cleanup_free_ const char **keys = map_sorted_keys(g->rules);
    _cleanup_map_ struct map *seen = map_new(NULL); /* "group verbs" -> the rule, borrowed from `rules` */
    json_t *rules = json_array();

    for (size_t i = 0; i < map_len(g->rules); i++) {
        const char *slash = strchr(keys[i], '/');
        _cleanup_free_ char *group = str_dup_n(keys[i], (size_t)(slash - keys[i]));
        _cleanup_free_ char *verbs = doc_text(map_get(g->rules, keys[i]));
        _cleanup_free_ char *id = str_printf("%s %s", group, verbs);
        json_t *rule = map_get(seen, id);
        if (!rule) {
            json_t *names = json_array();
            _cleanup_json_ json_t *sorted = doc_parse_own(verbs);
            const char *verb;
            json_t *yes;
            json_object_foreach(sorted, verb, yes)
                json_array_append_new(names, json_string(verb));
            rule = OBJECT(SEQ("apiGroups", ITEM_STRING(group)), SEQ("resources"), VALUE("verbs", names));
            json_array_append_new(rules, rule);
            map_put(seen, id, rule);
        }
        json_array_append_new(json_object_get(rule, "resources"), json_string(slash + 1));
    }
    return rules;
}

struct right {
    const char *group, *resource, *verbs[7];
};

/*
 * In addition to what the kinds' rows say: rights for the operator's Events, for Pods as a dry run, its webhook's
 * certificate, the review of clients that read its metrics, and its lease. The right to read a Secret or a
 * configuration again after a conflict is not among them: Citadel's and Galley's rights include it, and without it the
 * watch would bring the same a moment later.
 */
static const struct right central_rights[] = {
    {"", "events", {"create"}},
    {"", "pods", {"create"}},
    {"", "secrets", {"list", "watch", "create", "update"}},
    {"admissionregistration.k8s.io", "validatingwebhookconfigurations", {"list", "watch", "patch"}},
    {"authentication.k8s.io", "tokenreviews", {"create"}},
    {"authorization.k8s.io", "subjectaccessreviews", {"create"}},
    {"coordination.k8s.io", "leases", {"get", "list", "watch", "create", "update"}},
    {NULL},
};

/* The control plane's namespace, and the Istio resource that owns what is created in a remote cluster. */
static const struct right remote_rights[] = {
    {"", "namespaces", {"create"}},
    {API_GROUP, "istios", {"get", "list", "watch", "create", "update", "delete"}},
    {NULL},
};

/* Pilot in the central cluster has the same kubeconfig: what it reads (istio-reader of Istio's remote chart). */
static const struct right pilot_rights[] = {
    {"", "nodes", {"get", "list", "watch"}},
    {"", "pods", {"get", "list", "watch"}},
    {"", "services", {"get", "list", "watch"}},
    {"", "endpoints", {"get", "list", "watch"}},
    {NULL},
};

static void add_rights(struct gathered *g, const struct right *rights)
{
    for (; rights->resource; rights++)
        for (const char *const *verb = rights->verbs; *verb; verb++)
            add_verb(g, rights->group, rights->resource, *verb);
}

/* In a remote cluster an Istio is an object like others, and not a user's resource: it gets no status. */
static bool is_object_there(const struct kube_kind *kind, unsigned role)
{
    return role == MESH_REMOTE && str_eq(kind->kind, api_resource_istio.kind);
}

/* To find and delete what Istio's programs created for themselves. */
static void add_made(struct gathered *g, unsigned role)
{
    static const char *const verbs[] = {"list", "watch", "delete"};
    const struct mesh_made *made;

    for (size_t i = 0; (made = mesh_made_next(role, &i));)
        for (size_t k = 0; k < ARRAY_LEN(verbs); k++)
            add_verb(g, mesh_kind(made->kind)->group, mesh_kind(made->kind)->plural, verbs[k]);
}

/* What the operator does itself. */
static void add_own(struct gathered *g, unsigned role)
{
    for (size_t i = 0; i < mesh_kinds.len; i++)
        if (mesh_kinds.rows[i].roles & role && !is_object_there(&mesh_kinds.rows[i], role))
            add_kind(g, &mesh_kinds.rows[i]);
    add_made(g, role);
    add_rights(g, role == MESH_CENTRAL ? central_rights : remote_rights);
}

json_t *rights_own(unsigned role)
{
    struct gathered g = {.rules = map_new(release_verbs)};
    json_t *rights = json_array(), *yes;
    const char *resource, *verb;
    void *verbs;

    add_own(&g, role);
    for (size_t i = 0; map_next(g.rules, &i, &resource, &verbs);)
        json_object_foreach(verbs, verb, yes)
            json_array_append_new(rights, json_sprintf("%s %s", resource, verb));
    map_free(g.rules);
    return rights;
}

json_t *rights_rules(unsigned role)
{
    struct gathered g = {.rules = map_new(release_verbs)};
    json_t *rules;

    add_own(&g, role);
    add_granted(&g, role);
    if (role == MESH_REMOTE)
        add_rights(&g, pilot_rights);
    rules = make_rules(&g);
    map_free(g.rules);
    return rules;
}
