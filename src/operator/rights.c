#include "operator/rights.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "json/build.h"
#include "json/doc.h"
#include "operator/wanted.h"

/* Rules are gathered by what they allow where, so that a right that two reasons ask for stands once. */
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

/* Whatever a rule of a role that we grant allows. */
static void add_granted_rule(struct gathered *g, const json_t *rule)
{
    json_t *group, *resource, *verb;
    size_t i, k, n;

    json_array_foreach(doc_at(rule, "apiGroups"), i, group)
        json_array_foreach(doc_at(rule, "resources"), k, resource)
            json_array_foreach(doc_at(rule, "verbs"), n, verb)
                add_verb(g, json_string_value(group), json_string_value(resource), json_string_value(verb));
}

/* The roles of every component, as the default resource asks for them, for every release. */
static void add_granted(struct gathered *g)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct wanted_set *wanted;

    for (const struct mesh_release *release = mesh_releases; release->version; release++) {
        _cleanup_json_ json_t *resource = OBJECT(
            S("apiVersion", API_GROUP_VERSION),
            S("kind", "Istio"),
            MAP("metadata", S("name", "istio"), S("namespace", "istio-system")),
            MAP("spec", S("version", release->version)));
        mesh_versions_for(release->kubernetes_max, versions);
        if (wanted_build(resource, release->kubernetes_max, versions, &wanted, &problems) < 0)
            abort(); /* the default resource is valid */
        for (size_t i = 0; i < wanted->len; i++) {
            json_t *role, *rule;
            size_t k;
            if (!str_eq(wanted->items[i].kind->kind, "ClusterRole"))
                continue;
            if (doc_parse(wanted->items[i].text, strlen(wanted->items[i].text), SIZE_MAX, &role, NULL) < 0)
                abort(); /* our own text */
            json_array_foreach(doc_at(role, "rules"), k, rule)
                add_granted_rule(g, rule);
            json_decref(role);
        }
        wanted_free(wanted);
    }
}

static void release_verbs(void *verbs)
{
    json_decref(verbs);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One rule a group and set of verbs, with all the resources that have it. */
static json_t *make_rules(const struct gathered *g)
{
    _cleanup_free_ const char **keys = NEW_ARRAY(const char *, map_len(g->rules));
    _cleanup_map_ struct map *seen = map_new(NULL); /* "group verbs" -> the rule, borrowed from `rules` */
    json_t *rules = json_array();
    size_t count = 0;

    for (size_t i = 0; map_next(g->rules, &i, &keys[count], NULL);)
        count++;
    qsort(keys, count, sizeof(*keys), by_name);
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(keys[i], '/');
        _cleanup_free_ char *group = str_dup_n(keys[i], (size_t)(slash - keys[i]));
        _cleanup_free_ char *verbs = doc_text(map_get(g->rules, keys[i]));
        _cleanup_free_ char *id = str_printf("%s %s", group, verbs);
        json_t *rule = map_get(seen, id);
        if (!rule) {
            json_t *names = json_array();
            _cleanup_json_ json_t *sorted = NULL;
            const char *verb;
            json_t *yes;
            if (doc_parse(verbs, strlen(verbs), SIZE_MAX, &sorted, NULL) < 0)
                abort(); /* our own text */
            json_object_foreach(sorted, verb, yes)
                json_array_append_new(names, json_string(verb));
            rule = OBJECT(SEQ("apiGroups", ITEM_S(group)), SEQ("resources"), V("verbs", names));
            json_array_append_new(rules, rule);
            map_put(seen, id, rule);
        }
        json_array_append_new(json_object_get(rule, "resources"), json_string(slash + 1));
    }
    return rules;
}

/*
 * What the operator does itself: with each kind, and for its Events, its webhook's certificate and those who read its
 * metrics. Reading a Secret or a configuration again after a conflict is not among it: Citadel's and Galley's rights
 * have it, and without it the watch would bring the same a moment later.
 */
static void add_own(struct gathered *g)
{
    static const struct {
        const char *group, *resource, *verbs[5];
    } own[] = {
        {"", "events", {"create"}},
        {"", "secrets", {"list", "watch", "create", "update"}},
        {"admissionregistration.k8s.io", "validatingwebhookconfigurations", {"list", "watch", "patch"}},
        {"authentication.k8s.io", "tokenreviews", {"create"}},
        {"authorization.k8s.io", "subjectaccessreviews", {"create"}},
    };

    for (size_t i = 0; i < mesh_kinds.len; i++)
        if (mesh_kinds.rows[i].roles & MESH_CENTRAL)
            add_kind(g, &mesh_kinds.rows[i]);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        for (const char *const *verb = own[i].verbs; *verb; verb++)
            add_verb(g, own[i].group, own[i].resource, *verb);
}

json_t *rights_own(void)
{
    struct gathered g = {.rules = map_new(release_verbs)};
    json_t *rights = json_array(), *yes;
    const char *resource, *verb;
    void *verbs;

    add_own(&g);
    for (size_t i = 0; map_next(g.rules, &i, &resource, &verbs);)
        json_object_foreach(verbs, verb, yes)
            json_array_append_new(rights, json_sprintf("%s %s", resource, verb));
    map_free(g.rules);
    return rights;
}

json_t *rights_rules(void)
{
    struct gathered g = {.rules = map_new(release_verbs)};
    json_t *rules;

    add_own(&g);
    add_granted(&g);
    rules = make_rules(&g);
    map_free(g.rules);
    return rules;
}
